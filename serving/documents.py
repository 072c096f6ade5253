"""Read documents from files, folders and standard input, one after another, bad ones reported and passed over."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import pyarrow as pa

STANDARD_INPUT = "-"

Report = Callable[[str], None]


class InputFormat(StrEnum):
    """How documents lie in a file."""

    text = "text"
    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"


_ENDINGS = {
    InputFormat.text: ".txt",
    InputFormat.jsonl: ".jsonl",
    InputFormat.csv: ".csv",
    InputFormat.parquet: ".parquet",
}
# Rows of a Parquet file decoded at a time; an article has some thousand characters.
_ROWS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class TextDocument:
    """A document to be answered."""

    id: str
    text: str


def read_texts(names: list[str], input_format: InputFormat, report: Report) -> Iterator[TextDocument]:
    """Yield the documents of files in order; no more than one, or some rows of Parquet, is in memory.

    Args:
        names: Files; folders, of which every file with the format's ending is read, by name, subfolders
            too, hidden and linked ones not; `-` is standard input.
        input_format: `text`: a file is a document and its name the id, every byte kept; `jsonl`: a
            line is an object with `text` and, if it likes, `id` (else file and line number); `csv` and
            `parquet`: a row is a document, with columns `text` and, if it likes, `id` (else file and
            row number, from 1).
        report: Called with one sentence for each file, line or row that cannot be read.
    """
    for name in _files(names, input_format, report):
        try:
            with _open(name) as file:
                yield from _READERS[input_format](name, file, report)
        except UnicodeDecodeError as error:
            report(f"{name} is not UTF-8 (byte {error.start}); convert it first, as with `iconv -t UTF-8`")
        except OSError as error:
            # A name that is too long is, most likely, the text itself.
            report(f"{name:.500} cannot be read: {error.strerror or str(error).strip()}")


def count_texts(names: list[str], input_format: InputFormat) -> int | None:
    """Return how many documents `read_texts` would yield, or None if one of the files can be read only once."""
    if not all(_kind(name) in (stat.S_IFREG, stat.S_IFDIR) for name in names):
        return None
    documents = _files if input_format is InputFormat.text else read_texts
    return sum(1 for _ in documents(names, input_format, lambda message: None))


def would_read(names: list[str], input_format: InputFormat, path: Path) -> bool:
    """Say whether `read_texts` reads a file under one of its names, or would if it were there."""
    places = {path.parent.resolve() / path.name, Path(os.path.realpath(path))}
    for folder in filter(is_folder, names):
        inside = [place for place in places if place.is_relative_to(os.path.realpath(folder))]
        if any(place.name.endswith(_ENDINGS[input_format]) for place in inside):
            return True
    return bool(_kind(path)) and any(_is_same(path, name) for name in _files(names, input_format, lambda message: None))


def is_folder(name: str | Path) -> bool:
    """Say whether a name is that of a folder; whatever the name is, this raises nothing."""
    return _kind(name) == stat.S_IFDIR


def _kind(name: str | Path) -> int:
    """Return the type of a file, links followed, as `stat` has it; 0 if there is none that can be seen."""
    try:
        return stat.S_IFMT(Path(name).stat().st_mode)
    except OSError:
        return 0


def _is_same(path: Path, name: str) -> bool:
    try:
        return os.path.samefile(path, _source(name))  # noqa: PTH121, a Path takes no descriptor
    except OSError:
        return False


def _files(names: list[str], input_format: InputFormat, report: Report) -> Iterator[str]:
    """Yield the names of files as they are, and of folders the files in them."""
    ending = _ENDINGS[input_format]
    for name in names:
        if name == STANDARD_INPUT or not is_folder(name):
            yield name
            continue
        files = _files_in(name, ending, report)
        first = next(files, None)
        if first is None:
            report(f"{name} holds no file that ends in {ending}")
        else:
            yield first
            yield from files


def _files_in(folder: str, ending: str, report: Report) -> Iterator[str]:
    def tell(error: OSError) -> None:
        report(f"{error.filename} cannot be read: {error.strerror}")

    for inside, folders, files in os.walk(folder, onerror=tell):
        # In place: this is how os.walk is told where to go on, and in which order.
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.endswith(ending) and not name.startswith("."):
                yield from _regular(str(Path(inside, name)), report)


def _regular(name: str, report: Report) -> Iterator[str]:
    """Yield the name unless reading it might wait for ever; that nothing is there is found out by opening it."""
    if _kind(name) in (stat.S_IFREG, 0):
        yield name
    else:
        report(f"{name} is no regular file")


def _open(name: str) -> BinaryIO:
    # Leaving the `with` does not close the process's own standard input.
    return open(_source(name), "rb", closefd=name != STANDARD_INPUT)


def _source(name: str) -> str | int:
    """Return what there is to open: a file's name, or the descriptor of standard input."""
    if name != STANDARD_INPUT:
        return name
    # So Python tells that there is none, and its number may be another file's by now.
    if sys.stdin is None:
        raise OSError(errno.EBADF, "Standard input is closed")
    return sys.stdin.fileno()


def _from_text(name: str, file: BinaryIO, report: Report) -> Iterator[TextDocument]:
    yield TextDocument(name, file.read().decode("utf-8"))


def _from_lines(name: str, file: BinaryIO, report: Report) -> Iterator[TextDocument]:
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
            yield _document(entry.get("id"), text, f"{name}:{number}")
        else:
            given = _shorten(line.decode("utf-8", "replace").strip())
            report(f'{name}, line {number}: expected an object with a string "text", got {given}')


def _from_csv(name: str, file: BinaryIO, report: Report) -> Iterator[TextDocument]:
    # A text may be longer than the 131,072 characters that a field may have otherwise.
    csv.field_size_limit(sys.maxsize)
    # Bytes that are not UTF-8 become lone surrogates, so that they spoil no other row than theirs.
    lines = io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="")
    rows = csv.DictReader(lines, strict=True)
    for number, row in enumerate(_rows_of_csv(name, rows, report), 1):
        if isinstance(row, csv.Error):
            report(f"{name}, row {number} is not CSV: {row}")
        elif None in row or row["text"] is None:
            report(f"{name}, row {number}: expected as many fields as in the header; put texts between quotation marks")
        elif _is_utf8("".join(map(str, row.values()))):
            yield _document(row.get("id") or None, row["text"], f"{name}:{number}")
        else:
            report(f"{name}, row {number} is not UTF-8; convert the file first, as with `iconv -t UTF-8`")


def _rows_of_csv(name: str, rows: csv.DictReader[str], report: Report) -> Iterator[dict[str | Any, Any] | csv.Error]:
    """Yield rows, and in the place of each that cannot be read what is wrong with it."""
    try:
        header = rows.fieldnames or []
    except csv.Error as error:
        report(f"{name} is not CSV: {error}")
        return
    if not _is_table_of_texts(name, header, report):
        return
    while True:
        try:
            yield next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield error


def _from_parquet(name: str, file: BinaryIO, report: Report) -> Iterator[TextDocument]:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        # A buffer, or a whole column of a row group would be read into memory.
        parquet = ParquetFile(_seekable(file), buffer_size=1 << 20)
        if not _is_table_of_texts(name, parquet.schema_arrow.names, report):
            return
        columns = [column for column in ("text", "id") if column in parquet.schema_arrow.names]
        batches = parquet.iter_batches(_ROWS_AT_ONCE, columns=columns)
        rows = (row for batch in batches for row in zip(*map(batch.column, columns), strict=True))
        for number, row in enumerate(rows, 1):
            try:
                text, identifier = read_row(*row)
            except ValueError as error:
                report(f"{name}, row {number}: {error}")
            else:
                yield _document(identifier, text, f"{name}:{number}")
    except pa.ArrowException as error:
        report(f"{name} is not Parquet that can be read: {str(error).strip()}")


def _is_table_of_texts(name: str, columns: Sequence[str], report: Report) -> bool:
    """Say whether it is clear which columns of a table to read, and report it if not."""
    if columns.count("text") == 1 and columns.count("id") <= 1:
        return True
    report(f'{name}: expected a column "text" and at most one column "id", got {_shorten(list(columns))}')
    return False


def read_row(text: pa.Scalar[Any], identifier: pa.Scalar[Any] | None = None) -> tuple[str, object]:
    """Return text and id, None if there is none, of a row's Arrow values.

    Raises:
        ValueError: If they are no document, with what is wrong as its message.
    """
    try:
        content, name = text.as_py(), None if identifier is None else identifier.as_py()
    except UnicodeDecodeError as error:
        raise ValueError("text or id is not UTF-8") from error
    if not isinstance(content, str):
        raise ValueError(f'expected a string in the column "text", got {_shorten(content)}')
    return content, name


def _seekable(file: BinaryIO) -> IO[bytes]:
    """Return the file, or of a pipe a copy on disk: Parquet is read from its end."""
    if file.seekable():
        return file
    copy = tempfile.TemporaryFile()  # noqa: SIM115, it lives as long as its reader
    shutil.copyfileobj(file, copy)
    copy.seek(0)
    return copy


def _document(identifier: object, text: str, place: str) -> TextDocument:
    return TextDocument(place if identifier is None else str(identifier), text)


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _shorten(value: object) -> str:
    return repr(value)[:60]


_READERS: dict[InputFormat, Callable[[str, BinaryIO, Report], Iterator[TextDocument]]] = {
    InputFormat.text: _from_text,
    InputFormat.jsonl: _from_lines,
    InputFormat.csv: _from_csv,
    InputFormat.parquet: _from_parquet,
}
