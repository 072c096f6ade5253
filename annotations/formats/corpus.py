"""Read a file of annotated documents, whatever its format."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from aqwal.annotations.formats.brat import BratDocument, parse_brat, text_file_of
from aqwal.annotations.formats.conll import ConllDocument, parse_conll
from aqwal.annotations.formats.fitting import (
    Alteration,
    Fitted,
    ForeignSpan,
    Kind,
    fit_spans,
    summarise_alterations,
)
from aqwal.annotations.page import Page
from aqwal.annotations.records import AQWAL, Annotation, AnnotationError, Document, Link, Problem
from aqwal.annotations.scheme import LINK_ENDS, check_document
from aqwal.annotations.stored import read_documents


class Format(StrEnum):
    """How annotated documents lie in a file."""

    stored = "stored"
    conll = "conll"
    brat = "brat"


_BY_ENDING = {
    ".json": Format.stored,
    ".ann": Format.brat,
    **dict.fromkeys((".conll", ".bio", ".iob", ".iob2", ".bioes", ".tsv"), Format.conll),
}


@dataclass(frozen=True)
class Corpus:
    """What a file holds.

    Attributes:
        documents: With the file's annotation as gold, or as the stored form has them.
        files: The files that were read.
        alterations: What could not be taken over as it was annotated.
        spans: How many spans of each label were annotated.
    """

    documents: list[Document]
    files: tuple[Path, ...]
    alterations: list[Alteration] = field(default_factory=list)
    spans: Counter[str] = field(default_factory=Counter)

    @classmethod
    def joined(cls, corpora: Iterable["Corpus"]) -> "Corpus":
        """Return what several files hold, as if it were one."""
        parts = list(corpora)
        documents, files, alterations = (
            [one for part in parts for one in getattr(part, name)] for name in ("documents", "files", "alterations")
        )
        return cls(documents, tuple(files), alterations, sum((part.spans for part in parts), Counter()))

    def summary(self) -> list[str]:
        """Return a sentence for each kind of alteration and label."""
        return summarise_alterations(self.alterations, self.spans)


def read_corpus(path: Path, scheme: str = AQWAL, kind: Format | None = None) -> Corpus:
    """Read a file and check it against a scheme.

    Args:
        path: The file; of brat standoff the one that ends in `.ann`.
        scheme: The scheme of its documents, one of `SCHEMES`. A stored file names its own, which must be this one.
        kind: Its format; by the file's ending if None.

    Raises:
        AnnotationError: With every problem found.
        FileNotFoundError: If the file is missing, or the text beside it.
        ValueError: If its ending says no format.
    """
    kind = kind or format_of(path)
    try:
        if kind is Format.stored:
            return Corpus(read_documents(path, (scheme,)), (path,))
        return _read_brat(path, scheme) if kind is Format.brat else _read_conll(path, scheme)
    except UnicodeDecodeError as error:
        raise AnnotationError([Problem(f"not UTF-8: {error}", file=str(path))]) from error


def format_of(path: Path) -> Format:
    """Return the format that a file's ending says.

    Raises:
        ValueError: If it says none.
    """
    if path.suffix not in _BY_ENDING:
        raise ValueError(
            f"{path}: the ending {path.suffix!r} says no format, {', '.join(_BY_ENDING)} do; name one of "
            f"{', '.join(Format)} by `documents_format` or --format"
        )
    return _BY_ENDING[path.suffix]


def _read_conll(path: Path, scheme: str) -> Corpus:
    parsed, problems = parse_conll(path.read_bytes().decode("utf-8"), path.stem, str(path))
    if not parsed and not problems:
        problems = [Problem("no token with a tag", file=str(path))]
    _raise(problems)
    read = Corpus.joined(_from_conll(one, scheme) for one in parsed)
    return _checked(replace(read, files=(path,)))


def _from_conll(parsed: ConllDocument, scheme: str) -> Corpus:
    found, unbegun = parsed.spans()
    fitted = fit_spans(parsed.id, Page(parsed.text), found, scheme)
    return _corpus(parsed.id, parsed.text, Format.conll, scheme, found, fitted, unbegun)


def _read_brat(path: Path, scheme: str) -> Corpus:
    parsed = parse_brat(path)
    _raise(parsed.problems + list(_lost_ends(parsed, scheme)))
    found = list(parsed.spans.values())
    fitted = fit_spans(parsed.id, Page(parsed.text), found, scheme)
    links, unread = _links(parsed, fitted, scheme)
    told = [*parsed.unread, *unread]
    read = _corpus(parsed.id, parsed.text, Format.brat, scheme, found, fitted, told, links)
    return _checked(replace(read, files=(path, text_file_of(path))))


def _is_link(label: str, scheme: str) -> bool:
    return scheme == AQWAL and label in LINK_ENDS


def _lost_ends(parsed: BratDocument, scheme: str) -> Iterator[Problem]:
    """Yield a problem for each end of a link that is none of the file's spans."""
    for label, *ends in parsed.relations:
        for end in ends:
            if _is_link(label, scheme) and end not in parsed.spans:
                yield Problem(f"relation {label} ends at {end}, which no `T` line marks", parsed.id, file=parsed.file)


def _links(parsed: BratDocument, fitted: Fitted, scheme: str) -> tuple[list[Link], list[Alteration]]:
    """Return the relations as links from every piece of the source to the target's first, and those that are none."""
    spans = dict(zip(parsed.spans, fitted.spans, strict=True))
    links, unread = [], []
    for label, source, target in parsed.relations:
        if _is_link(label, scheme) and spans[source] and spans[target]:
            links += [Link(piece, spans[target][0], label) for piece in spans[source]]
        else:
            unread.append(Alteration(Kind.UNREAD, parsed.id, f"relation {label}"))
    return links, unread


def _corpus(
    identifier: str,
    text: str,
    kind: Format,
    scheme: str,
    found: Sequence[ForeignSpan],
    fitted: Fitted,
    told: Sequence[Alteration],
    links: Sequence[Link] = (),
) -> Corpus:
    spans = tuple({span for pieces in fitted.spans for span in pieces})
    gold = Annotation(str(kind), spans, tuple(links), ground_truth=True)
    document = Document(identifier, text, (gold,), scheme=scheme)
    return Corpus([document], (), [*fitted.alterations, *told], Counter(span.label for span in found))


def _checked(corpus: Corpus) -> Corpus:
    file = str(corpus.files[0])
    _raise([problem for document in corpus.documents for problem in check_document(document, file)])
    return corpus


def _raise(problems: list[Problem]) -> None:
    if problems:
        raise AnnotationError(problems)
