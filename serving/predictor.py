"""The predictor: an Arabic text in, who said what about what out, on a CPU."""

import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from aqwal.annotations.page import Page
from aqwal.serving.decoding import Scores
from aqwal.serving.encoding import EncodedWindow, WordEncoder
from aqwal.serving.model_folder import ModelFolder, ModelFolderError
from aqwal.serving.prediction import Prediction
from aqwal.serving.runtime import open_session

_Logits = NDArray[np.float32]
# What is needed to finish a document goes with its last window, or with None if it has no words.
_Ending = tuple[Page, str | None]
# Sub-tokens of the window that is tried when a model is loaded, from the first of its vocabulary to the last.
_TRIED = 8
_MISSING: Any = object()


class Predictor:
    """Load a model folder once, then call often; safe to call from several threads, and after a fork.

    Callers on several threads share the predictor's own: each has only a few windows under way, so a
    long document does not keep short ones waiting. A process forked from one that has a predictor may
    use it, unless it was predicting at that moment.

    Each window is one session call of its own, because dynamic int8 scales depend on everything in
    a call: so a text gets the same answer alone and in company, with one thread and with many.

    Args:
        model_dir: A model folder, as `aqwal.training.export` writes it.
        precision: `int8`, or `fp32` if the folder has it.
        threads: How many windows are computed side by side; all cores that this process may use if None.

    Attributes:
        threads: That number.

    Raises:
        FileNotFoundError: If the folder or one of its files is missing.
        ModelFolderError: If the folder is damaged or of another version.

    Example:
        >>> Predictor("models/quickstart").predict("قال الوزير إن الأزمة في طريقها إلى الحل.")
    """

    def __init__(self, model_dir: str | Path, precision: str = "int8", threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise ValueError(f"threads must be 1 or more, not {threads}")
        self.folder = ModelFolder.open(model_dir, precision)
        settings = self.folder.settings
        self._decoder = self.folder.decoder
        self._shape = (len(self._decoder.labels), len(self._decoder.tag_set.tags))
        try:
            tokenizer = Tokenizer.from_file(str(self.folder.tokenizer_file))
            self._session = open_session(self.folder.model_file)
            self._encoder = WordEncoder(tokenizer, settings["max_length"], settings["overlap"])
            # A small window, so that a tokenizer or settings of another model are noticed here.
            self._compute(np.linspace(0, tokenizer.get_vocab_size() - 1, _TRIED, dtype=np.int64))
        # Both libraries raise plain Exception or classes of their own for a file they cannot read.
        except Exception as error:
            raise ModelFolderError(f"{model_dir} cannot be loaded ({error}); export the model again") from error
        self.threads = threads or usable_cores()
        self._start_pool()

    def predict(self, text: str, document_id: str | None = None) -> Prediction:
        """Return the spans and quotes of one document of any length; the empty text gives an empty answer."""
        return next(self.predict_many([text], [document_id]))

    def predict_many(self, texts: Iterable[str], ids: Iterable[str | None] | None = None) -> Iterator[Prediction]:
        """Answer documents one after another, in order, with every thread at work.

        Args:
            texts: The documents; read only as far ahead as the threads need.
            ids: Carried over into the answers, one for each text; none if left out.

        Raises:
            ValueError: If there are more or fewer ids than texts.
        """
        return self.predict_documents(_pairs(texts, ids))

    def predict_documents(
        self,
        documents: Iterable[tuple[str, str | None]],
        timeout: float | None = None,
        given_up: threading.Event | None = None,
    ) -> Iterator[Prediction]:
        """Do the same for (text, id) pairs.

        Args:
            documents: The pairs.
            timeout: Seconds within which all answers are to be there; None is for ever.
            given_up: Set by another thread when nobody wants the answers any more.

        Raises:
            TimeoutError: If they are not, or nobody does. What is not computed by then is left.
        """
        patience = _Patience(None if timeout is None else time.monotonic() + timeout, given_up)
        parts: list[_Logits] = []
        for logits, ending in self._compute_ahead(self._windows(documents), patience):
            parts += [] if logits is None else [logits]
            if ending is not None:
                page, document_id = ending
                yield self._decoder.decode(page, self._join(parts), document_id)
                parts = []

    def _windows(
        self, documents: Iterable[tuple[str, str | None]]
    ) -> Iterator[tuple[EncodedWindow | None, _Ending | None]]:
        for text, document_id in documents:
            if not isinstance(text, str):
                raise TypeError(f"a document must be a str, not {type(text).__name__}; decode bytes as UTF-8 first")
            page = Page(text)
            windows = self._encoder.encode(page)
            yield from ((window, None) for window in windows[:-1])
            yield windows[-1] if windows else None, (page, document_id)

    def _compute_ahead(
        self, windows: Iterable[tuple[EncodedWindow | None, _Ending | None]], patience: "_Patience"
    ) -> Iterator[tuple[_Logits | None, _Ending | None]]:
        """Compute windows on the threads, in order, a few ahead of the one that is taken."""
        ahead: deque[tuple[Future[_Logits] | None, _Ending | None]] = deque()
        try:
            for window, ending in windows:
                # A document without words takes a place too, or an endless row of them would fill memory.
                ahead.append((None if window is None else self._submit(window), ending))
                if len(ahead) > 2 * self.threads:
                    yield patience.result(ahead[0][0]), ahead[0][1]
                    ahead.popleft()
            while ahead:
                yield patience.result(ahead[0][0]), ahead[0][1]
                ahead.popleft()
        finally:
            for job, _ in ahead:
                if job is not None:
                    job.cancel()

    def _submit(self, window: EncodedWindow) -> Future[_Logits]:
        if self._process != os.getpid():
            # Threads do not follow into a forked process.
            self._start_pool()
        return self._pool.submit(self._run, window)

    def _start_pool(self) -> None:
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="aqwal")
        self._process = os.getpid()

    def emissions(self, page: Page) -> Scores:
        """Return the tag scores of a document's words, [words, labels, tags]."""
        return self._join([self._run(window) for window in self._encoder.encode(page)])

    def _run(self, window: EncodedWindow) -> _Logits:
        """Return the logits of the words a window owns, [words, labels × tags]."""
        try:
            logits = self._compute(window.input_ids)
        # onnxruntime's errors have no class in common; windows longer than the model has places are one.
        except Exception as error:
            size = window.input_ids.size
            told = f"{self.folder.path} fails on a window of {size} sub-tokens ({error}); export the model again"
            raise ModelFolderError(told) from error
        return logits[window.own_heads]

    def _compute(self, ids: NDArray[np.int64]) -> _Logits:
        """Return the logits of a window's sub-tokens, [sub-tokens, labels × tags].

        Raises:
            ValueError: If the model answers with another shape than the settings say, or with no numbers.
        """
        (logits,) = self._session.run(None, {"input_ids": ids[None], "attention_mask": np.ones_like(ids[None])})
        wanted = (1, ids.size, self._shape[0] * self._shape[1])
        if logits.shape != wanted:
            raise ValueError(f"its model answers {logits.shape} where its settings want {wanted}")
        if not np.isfinite(logits).all():
            raise ValueError("its model answers with what is no finite number")
        return np.asarray(logits[0], dtype=np.float32)

    def _join(self, parts: list[_Logits]) -> Scores:
        # Decoding sums many scores, so it works in double precision from here on.
        joined = np.concatenate(parts, dtype=np.float64) if parts else np.zeros((0, self._shape[0] * self._shape[1]))
        return joined.reshape(len(joined), *self._shape)


def _pairs(texts: Iterable[str], ids: Iterable[str | None] | None) -> Iterator[tuple[str, str | None]]:
    if ids is None:
        yield from ((text, None) for text in texts)
        return
    # Not `strict`, which cannot be told from what reading the caller's texts may raise.
    for text, document_id in zip_longest(texts, ids, fillvalue=_MISSING):
        if text is _MISSING or document_id is _MISSING:
            raise ValueError("there must be as many ids as texts")
        yield text, document_id


def usable_cores() -> int:
    """Return how many cores this process may use."""
    # Not every system can tie a process to some of its cores.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class _Patience:
    """How long results are waited for: until a moment of `time.monotonic`, and until they are given up."""

    ends: float | None
    given_up: threading.Event | None

    def result(self, job: Future[_Logits] | None) -> _Logits | None:
        if self.given_up is not None and self.given_up.is_set():
            raise TimeoutError("nobody waits for the answer any more")
        if job is None:
            return None
        try:
            return job.result(None if self.ends is None else max(0.0, self.ends - time.monotonic()))
        except TimeoutError as error:
            raise TimeoutError("no answer within the time given; give more, or shorter documents") from error
