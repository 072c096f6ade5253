"""Text files as sub-tokens: every article is cut and encoded once, on all cores, and read from the disk ever after.

One core encodes less than 100,000 sub-tokens a second, of which a GPU trains on many times as many.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, Features, List, Value
from datasets.exceptions import DatasetGenerationError
from datasets.utils.logging import disable_progress_bar, enable_progress_bar, is_progress_bar_enabled
from numpy.typing import NDArray
from tokenizers import Tokenizer

from aqwal.annotations.page import Page
from aqwal.serving.encoding import WordEncoder
from aqwal.serving.model_folder import file_sha256
from aqwal.serving.predictor import usable_cores
from aqwal.training.adapt.text_files import is_held_out, read_articles
from aqwal.training.dataset_cache import cached_dataset

# The encoder shall give an article as one window, however long: windows are cut later.
_ANY_LENGTH = 2**40
_CODE = ("training/adapt/encoded_text.py", "training/adapt/text_files.py")
# Articles for which a further process is worth its start.
_LEAST_ARTICLES = 1_000
_FEATURES = Features({"ids": List(Value("int32")), "edges": List(Value("int32")), "held_out": Value("bool")})


def encode_text(files: Sequence[Path], tokenizer: Tokenizer, held_out: float, folder: Path) -> Dataset:
    """Return the articles of text files as sub-tokens, in the order of the files, from the cache if they are there.

    What is in memory does not grow with the text.

    Args:
        files: UTF-8 text, plain, `.xz` or `.gz`, with blank lines between articles.
        tokenizer: The base's, used word by word through `WordEncoder`.
        held_out: Share of the articles that is held out.
        folder: Where encoded text is kept; made if it is not there.

    Returns:
        A row for each article: `ids`, its sub-tokens, [tokens]; `edges`, where its words begin and the last ends,
        [words + 1]; `held_out`, whether it is.

    Raises:
        OSError: If the text cannot be encoded, or not be kept, as it is read from there.
        ValueError: If a file is no text.
    """
    encoder = WordEncoder(tokenizer, _ANY_LENGTH, overlap=0)
    decides = {
        "files": [file_sha256(path) for path in files],
        "encoder": encoder.described,
        "held_out": held_out,
    }
    make = partial(_encode_files, files, encoder, held_out, folder)
    with _quiet():
        return cached_dataset(make, decides, _CODE, folder, required=True)


def _encode_files(files: Sequence[Path], encoder: WordEncoder, held_out: float, folder: Path) -> Dataset:
    if next(_rows(files), None) is None:
        # A generator that gives nothing is an error to `datasets`.
        return Dataset.from_dict({name: [] for name in _FEATURES}, _FEATURES)
    # One name, as the folder is locked here: what a killed run left is removed.
    scratch = folder / ".encoding"
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        return _encode_texts(_read(files, str(scratch)), partial(_encode, encoder=encoder, held_out=held_out))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _encode_texts(texts: Dataset, encode: Callable[[dict[str, str]], dict[str, Any]]) -> Dataset:
    processes = max(1, min(usable_cores(), len(texts) // _LEAST_ARTICLES))
    several = processes if processes > 1 else None
    try:
        return texts.map(encode, remove_columns="text", features=_FEATURES, num_proc=several)
    except RuntimeError as error:
        # What `datasets` says of a process that was killed.
        raise OSError(f"the text cannot be encoded by {processes} processes: {error}; is there memory left?") from error


def _read(files: Sequence[Path], scratch: str) -> Dataset:
    features = Features({"text": Value("string")})
    try:
        # A fingerprint, since what it would be made of is not in the files' names.
        return Dataset.from_generator(_rows, features, scratch, gen_kwargs={"files": files}, fingerprint="text")
    except DatasetGenerationError as error:
        # What the files are not is said by its cause.
        raise error.__cause__ or error from None


def _rows(files: Sequence[Path]) -> Iterator[dict[str, str]]:
    return ({"text": text} for path in files for text in read_articles(path))


def _encode(row: dict[str, str], encoder: WordEncoder, held_out: float) -> dict[str, Any]:
    ids, edges = encode_article(encoder, row["text"])
    return {"ids": ids, "edges": edges, "held_out": is_held_out(row["text"], held_out)}


def encode_article(encoder: WordEncoder, text: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return a text's sub-tokens, [tokens], and where its words begin and the last ends, [words + 1]."""
    windows = encoder.encode(Page(text))
    if not windows:
        return np.zeros(0, np.int64), np.zeros(1, np.int64)
    (encoded,) = windows
    ids = encoded.input_ids[1:-1]
    return ids, np.append(encoded.heads - 1, len(ids))


@contextmanager
def _quiet() -> Iterator[None]:
    """Show no bar for reading, splitting and saving; the run says itself what it has read."""
    shown = is_progress_bar_enabled()
    disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            enable_progress_bar()
