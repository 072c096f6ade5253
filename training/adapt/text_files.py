"""Plain text files: the articles in them, and which of these are held out."""

import gzip
import lzma
import zlib
from collections.abc import Iterator
from itertools import groupby, islice
from pathlib import Path
from typing import IO, Any

_OPENERS: dict[str, Any] = {".xz": lzma.open, ".gz": gzip.open}
_UNREADABLE = (UnicodeDecodeError, lzma.LZMAError, gzip.BadGzipFile, zlib.error, EOFError)
# A file without blank lines must not come into memory as one article.
_MOST_LINES = 1_000


def read_articles(path: Path) -> Iterator[str]:
    """Yield the stretches between blank lines of a text file; one of very many lines comes in parts.

    Raises:
        ValueError: If the file is not UTF-8, or not compressed as its suffix says.
    """
    opener = _OPENERS.get(path.suffix, open)
    try:
        with opener(path, "rt", encoding="utf-8") as file:
            yield from _blocks(file)
    except _UNREADABLE as error:
        raise ValueError(f"{path} is not UTF-8 text, plain or compressed as .xz or .gz say: {error}") from error


def _blocks(file: IO[str]) -> Iterator[str]:
    for filled, lines in groupby(file, key=lambda line: bool(line.strip())):
        while filled and (block := "".join(islice(lines, _MOST_LINES))):
            yield block


def is_held_out(text: str, share: float) -> bool:
    """Say whether an article is held out; a copy of it is wherever it is, and so it is in every run."""
    return zlib.crc32(text.strip().encode()) < share * 2**32
