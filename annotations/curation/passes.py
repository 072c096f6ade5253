"""The passes over one set of articles: joined from inline files, checked, stored a document a file; and back."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

from aqwal.annotations.inline import format_inline, parse_inline
from aqwal.annotations.records import Annotation, AnnotationError, Document, Problem
from aqwal.annotations.scheme import check_document
from aqwal.annotations.stored import parse_file, write_documents
from aqwal.annotations.stretches import printable

PASS_A, PASS_B, ADJUDICATED = "pass-a", "pass-b", "adjudicated"

_FILE_NAME = re.compile(r"[^./\\\0][^/\\\0]*")
_SHOWN = 40
_BARE = Annotation("", ())


@dataclass(frozen=True, slots=True)
class _Pass:
    """What one inline file holds, and what is wrong with it."""

    file: str
    documents: dict[str, Document]
    problems: list[Problem]


def join_passes(writer: Path, blind: Path | None = None, gold: Path | None = None) -> list[Document]:
    """Read up to three inline files of the same articles and put their annotations together.

    Args:
        writer: The writer's marks, `pass-a`; its order is the order of the documents.
        blind: The marks of a second pass over the bare texts, `pass-b`.
        gold: The adjudicated marks, `adjudicated`; without it no annotation is ground truth.

    Raises:
        AnnotationError: With every problem of every file: what cannot be read, articles that are doubled, missing or
            unknown, texts that differ, names that no file can have, and what the scheme does not allow.
    """
    first, *others = [
        _read_pass(path, annotator)
        for path, annotator in ((writer, PASS_A), (blind, PASS_B), (gold, ADJUDICATED))
        if path is not None
    ]
    problems = [*first.problems]
    for other in others:
        problems += other.problems
        # Of a file that cannot be read, every article would be missing.
        if first.documents and other.documents:
            problems += _compare(first, other)
    if problems:
        raise AnnotationError(problems)
    return [_join(document, others) for document in first.documents.values()]


def _read_pass(path: Path, annotator: str) -> _Pass:
    try:
        # The text of an article keeps its line breaks as they are, so bytes and not lines are read.
        source = path.read_bytes().decode("utf-8-sig")
        documents = parse_inline(source, annotator, ground_truth=annotator == ADJUDICATED, file=str(path))
    except UnicodeDecodeError as error:
        message = f"not UTF-8 (byte {error.start}); convert it first, as with `iconv -t UTF-8`"
        return _Pass(str(path), {}, [Problem(message, file=str(path))])
    except AnnotationError as error:
        return _Pass(str(path), {}, error.problems)
    problems = [*_check_ids(documents, str(path))]
    problems += [problem for document in documents for problem in check_document(document, str(path))]
    return _Pass(str(path), {document.id: document for document in documents}, problems)


def _check_ids(documents: Sequence[Document], file: str) -> Iterable[Problem]:
    if not documents:
        yield Problem("no article; one begins with a line `=== its-id`", file=file)
    for name, count in Counter(document.id for document in documents).items():
        if count > 1:
            yield Problem(f"{count} articles have this id; each needs one of its own", name, file=file)
        if not _FILE_NAME.fullmatch(name):
            yield Problem("an id names a file: it may not begin with a full stop or hold a slash", name, file=file)


def _compare(first: _Pass, other: _Pass) -> Iterable[Problem]:
    """List articles that only one of two files has, and texts that are not the same in both."""
    for name, document in first.documents.items():
        if name not in other.documents:
            yield Problem(f"the article is missing; {first.file} has it", name, file=other.file)
        elif document.text != other.documents[name].text:
            yield _text_differs(document.text, other.documents[name], first.file, other.file)
    for name in other.documents:
        if name not in first.documents:
            yield Problem(f"{first.file} has no such article", name, file=other.file)


def _text_differs(wanted: str, document: Document, first: str, other: str) -> Problem:
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(wanted, document.text, strict=False)))
    # A few code points before the place, so that it can be found in the files.
    start = max(same - 10, 0)
    given, expected = (text[start : same + _SHOWN] for text in (document.text, wanted))
    message = f"the text differs from code point {same} on; {first} has {expected!r}"
    annotator = document.annotations[0].annotator
    return Problem(message, document.id, annotator, "", start, start + len(given), given, other)


def _join(document: Document, others: Iterable[_Pass]) -> Document:
    annotations = [annotation for other in others for annotation in other.documents[document.id].annotations]
    return replace(document, annotations=(*document.annotations, *annotations))


def store_documents(documents: Sequence[Document], folder: Path) -> list[Path]:
    """Write each document into a file of its own, `folder/id.json`, after all were looked at.

    A file that is already there is replaced, but not if an annotation would be lost by it. Fields of its `data` that
    documents have not, as a source's address, stay.

    Raises:
        AnnotationError: If a file there holds an annotator or a document that the new one lacks; nothing is written.
        OSError: If a file cannot be written, with the number of those that were.
    """
    given = {folder / f"{document.id}.json": document for document in documents}
    there = {path: parse_file(path) for path in given if path.exists()}
    if problems := [problem for path, read in there.items() for problem in _loses(path, *read, given[path])]:
        raise AnnotationError(problems)
    for path, (documents_there, _) in there.items():
        for old in documents_there:
            given[path] = replace(given[path], meta={**old.meta, **given[path].meta})
    _write_all(given)
    return list(given)


def _write_all(given: Mapping[Path, Document]) -> None:
    for number, (path, document) in enumerate(given.items()):
        try:
            write_documents(path, [document])
        except OSError as error:
            told = f"{error.strerror}; documents written before it: {number} of {len(given)}"
            raise OSError(error.errno, told, error.filename) from error


def _loses(
    path: Path, there: Sequence[Document], unreadable: Sequence[Problem], document: Document
) -> Iterable[Problem]:
    if unreadable:
        yield Problem("there is such a file already and it cannot be read; move it away", file=str(path))
    given = {annotation.annotator for annotation in document.annotations}
    for old in there:
        lost = [annotation.annotator for annotation in old.annotations if annotation.annotator not in given]
        if old.id != document.id or lost:
            names = ", ".join(lost) or "another document"
            message = f"the file there has {names}, which would be lost; give all passes, or another folder"
            yield Problem(message, old.id, file=str(path))


def format_pass(documents: Iterable[Document], annotator: str | None = None, *, bare: bool = False) -> str:
    """Write one pass over documents in the inline form, as `join_passes` reads it.

    Args:
        documents: By the scheme aqwal-1.
        annotator: Whose marks; the adjudicated ones if nobody is named.
        bare: Leave all marks out, for a blind pass.

    Raises:
        AnnotationError: Naming every document without such marks, and every one that the form cannot hold.
    """
    articles, problems = [], []
    for document in documents:
        chosen = _BARE if bare else _chosen(document, annotator)
        if isinstance(chosen, Problem):
            problems.append(chosen)
        elif [document.id] != document.id.split() or printable(document.text) != document.text:
            message = "the inline form can hold neither white space in an id nor a lone surrogate in a text"
            problems.append(Problem(message, document.id))
        else:
            articles.append(format_inline(document, chosen))
    if problems:
        raise AnnotationError(problems)
    return "".join(articles)


def _chosen(document: Document, annotator: str | None) -> Annotation | Problem:
    if annotator is None and document.gold is not None:
        return document.gold
    for annotation in document.annotations:
        if annotation.annotator == annotator:
            return annotation
    wanted = "none is adjudicated" if annotator is None else f"none is by {annotator}"
    there = ", ".join(annotation.annotator for annotation in document.annotations) or "nobody"
    return Problem(f"{wanted}; there are annotations by {there}", document.id)
