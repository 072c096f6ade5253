"""Read documents from files and standard input, one after another, bad ones reported and passed over."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

STANDARD_INPUT = "-"


class InputFormat(StrEnum):
    """How documents lie in a file."""

    text = "text"
    jsonl = "jsonl"


@dataclass(frozen=True, slots=True)
class TextDocument:
    """A document to be answered."""

    id: str
    text: str


def read_texts(names: list[str], input_format: InputFormat, report: Callable[[str], None]) -> Iterator[TextDocument]:
    """Yield the documents of files in order.

    Args:
        names: Files; `-` is standard input.
        input_format: `text`: a file is a document and its name the id, every byte kept; `jsonl`: a
            line is an object with `text` and, if it likes, `id` (else file and line number).
        report: Called with one sentence for each file or line that cannot be read.
    """
    for name in names:
        try:
            with _open(name) as file:
                yield from (
                    _from_text(name, file) if input_format is InputFormat.text else _from_lines(name, file, report)
                )
        except UnicodeDecodeError as error:
            report(f"{name} is not UTF-8 (byte {error.start}); convert it first, as with `iconv -t UTF-8`")
        except OSError as error:
            report(f"{name} cannot be read: {error.strerror}")


def _open(name: str) -> BinaryIO:
    # A duplicate, so that leaving the `with` does not close the process's own standard input.
    return open(sys.stdin.fileno(), "rb", closefd=False) if name == STANDARD_INPUT else Path(name).open("rb")


def _from_text(name: str, file: BinaryIO) -> Iterator[TextDocument]:
    yield TextDocument(name, file.read().decode("utf-8"))


def _from_lines(name: str, file: BinaryIO, report: Callable[[str], None]) -> Iterator[TextDocument]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            # Some tools begin a file with a byte order mark.
            entry = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        # Brackets a hundred thousand deep are no document either.
        except (ValueError, RecursionError) as error:
            report(f"{name}, line {number} is not JSON in UTF-8: {error}")
            continue
        text = entry.get("text") if isinstance(entry, dict) else None
        if isinstance(text, str):
            identifier = entry.get("id")
            yield TextDocument(f"{name}:{number}" if identifier is None else str(identifier), text)
        else:
            given = line.decode("utf-8", "replace").strip()[:60]
            report(f'{name}, line {number}: expected an object with a string "text", got {given}')
