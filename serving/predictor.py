"""The predictor: an Arabic text in, who said what about what out, on a CPU."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer

from aqwal.annotations.page import Page
from aqwal.serving.decoding import Scores
from aqwal.serving.encoding import EncodedWindow, WordEncoder
from aqwal.serving.model_folder import ModelFolder, ModelFolderError
from aqwal.serving.prediction import Prediction

_Logits = NDArray[np.float32]


class Predictor:
    """Load a model folder once, then call often; safe to call from several threads.

    Each window is one session call of its own, because dynamic int8 scales depend on everything in
    a call: so a text gets the same answer alone and in company, with one thread and with many.

    Args:
        model_dir: A model folder, as `aqwal.training.export` writes it.
        precision: `int8`, or `fp32` if the folder has it.
        threads: How many windows are computed side by side; all cores if None.

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
        try:
            tokenizer = Tokenizer.from_file(str(self.folder.tokenizer_file))
            self._session = _open_session(self.folder.model_file)
            self._encoder = WordEncoder(tokenizer, settings["max_length"], settings["overlap"])
        # Both libraries raise plain Exception or classes of their own for a file they cannot read.
        except Exception as error:
            raise ModelFolderError(f"{model_dir} cannot be loaded ({error}); export the model again") from error
        self._decoder = self.folder.decoder
        self._shape = (len(self._decoder.labels), len(self._decoder.tag_set.tags))
        self._threads = threads or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="aqwal")

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

    def predict_documents(self, documents: Iterable[tuple[str, str | None]]) -> Iterator[Prediction]:
        """Do the same for (text, id) pairs."""
        pending: deque[tuple[Page, str | None, list[Future[_Logits]]]] = deque()
        waiting = 0
        for text, document_id in documents:
            if not isinstance(text, str):
                raise TypeError(f"a document must be a str, not {type(text).__name__}; decode bytes as UTF-8 first")
            page = Page(text)
            jobs = [self._pool.submit(self._run, window) for window in self._encoder.encode(page)]
            pending.append((page, document_id, jobs))
            # A blank text has no window but takes a place all the same, or an endless row of them would fill memory.
            waiting += len(jobs) or 1
            while pending and waiting > 2 * self._threads:
                waiting -= len(pending[0][2]) or 1
                yield self._finish(*pending.popleft())
        while pending:
            yield self._finish(*pending.popleft())

    def emissions(self, page: Page) -> Scores:
        """Return the tag scores of a document's words, [words, labels, tags]."""
        return self._join([self._run(window) for window in self._encoder.encode(page)])

    def _run(self, window: EncodedWindow) -> _Logits:
        """Return the logits of the words a window owns, [words, labels × tags]."""
        ids = window.input_ids[None]
        (logits,) = self._session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        return np.asarray(logits[0, window.own_heads], dtype=np.float32)

    def _finish(self, page: Page, document_id: str | None, jobs: list[Future[_Logits]]) -> Prediction:
        return self._decoder.decode(page, self._join([job.result() for job in jobs]), document_id)

    def _join(self, parts: list[_Logits]) -> Scores:
        # Decoding sums many scores, so it works in double precision from here on.
        joined = np.concatenate(parts, dtype=np.float64) if parts else np.zeros((0, self._shape[0] * self._shape[1]))
        return joined.reshape(len(joined), *self._shape)


def _pairs(texts: Iterable[str], ids: Iterable[str | None] | None) -> Iterator[tuple[str, str | None]]:
    try:
        yield from ((text, None) for text in texts) if ids is None else zip(texts, ids, strict=True)
    except ValueError as error:
        raise ValueError("there must be as many ids as texts") from error


def _open_session(model_file: Path) -> Any:
    options = ort.SessionOptions()
    # Windows run side by side in our own threads; threads inside an operator would only contend.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return ort.InferenceSession(str(model_file), options, providers=["CPUExecutionProvider"])
