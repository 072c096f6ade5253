"""A pool of texts from files of several kinds, read one document after another."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from aqwal.annotations.records import SCHEMES, AnnotationError, Document
from aqwal.annotations.stored import parse_file

_LIST = "manifest.json"


def read_pool(path: Path) -> Iterator[Document]:
    """Yield the documents of a file; only ids and texts are of interest, annotations are not checked.

    Args:
        path: `.json` in the stored form; `.txt`, one document with the file's name for its id; `.jsonl` or `.jsonl.xz`,
            an object a line with `text` and, if it likes, `id` (else file name and line number).

    Raises:
        AnnotationError: If stored documents cannot be read.
        ValueError: If the file is of another kind, or its content is not what its name says.
    """
    for ending, read in _READERS.items():
        if path.name.endswith(ending):
            yield from read(path)
            return
    raise ValueError(f"{path}: expected a file that ends in {', '.join(_READERS)}")


def files_in(paths: Iterable[Path], endings: tuple[str, ...] = ()) -> Iterator[Path]:
    """Yield files as they are, and of a folder the files directly in it, by name, that have one of the endings.

    Of a folder, `manifest.json` is passed over, the list of the texts that lie beside it.

    Args:
        paths: Files and folders.
        endings: As `.json`; none stands for all that `read_pool` takes.

    Raises:
        ValueError: If a folder holds no such file.
    """
    endings = endings or tuple(_READERS)
    for path in paths:
        found = _documents_in(path, endings) if path.is_dir() else [path]
        if not found:
            raise ValueError(f"{path}: no file with documents in this folder ends in {', '.join(endings)}")
        yield from found


def _documents_in(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.name.endswith(endings) and file.name != _LIST)


def _read_stored(path: Path) -> Iterator[Document]:
    documents, problems = parse_file(path, SCHEMES)
    if problems:
        raise AnnotationError(problems)
    yield from documents


def _read_text(path: Path) -> Iterator[Document]:
    yield Document(path.name, _decode(path.read_bytes(), str(path)))


def _read_lines(path: Path) -> Iterator[Document]:
    with path.open("rb") as file:
        yield from _parse_lines(path, file)


def _read_packed_lines(path: Path) -> Iterator[Document]:
    # Some builds of Python come without it.
    import lzma

    try:
        with lzma.open(path, "rb") as file:
            yield from _parse_lines(path, file)
    except (lzma.LZMAError, EOFError) as error:
        raise ValueError(f"{path}: not a whole xz file: {error}") from error


def _parse_lines(path: Path, file: Iterable[bytes]) -> Iterator[Document]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        content = _decode(line, where)
        try:
            entry = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{where}: not JSON: {error}") from error
        text = entry.get("text") if isinstance(entry, dict) else None
        if not isinstance(text, str):
            raise ValueError(f'{where}: expected an object with a string "text"')
        identifier = entry.get("id")
        yield Document(f"{path.name}:{number}" if identifier is None else str(identifier), text)


def _decode(content: bytes, where: str) -> str:
    try:
        # Some tools begin a file with a byte order mark.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{where}: not UTF-8 (byte {error.start}); convert it first, as with `iconv -t UTF-8`"
        ) from error


_READERS: Mapping[str, Callable[[Path], Iterator[Document]]] = {
    ".json": _read_stored,
    ".txt": _read_text,
    ".jsonl": _read_lines,
    ".jsonl.xz": _read_packed_lines,
}
