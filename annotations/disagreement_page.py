"""The page of disagreements: what annotators marked differently, side by side over the text, right to left."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aqwal.annotations.agreement import agreement
from aqwal.annotations.disagreements import Disagreement, Version, find_disagreements
from aqwal.annotations.records import Annotation, Document, Link
from aqwal.annotations.scheme import ABOUT, SAID_BY
from aqwal.annotations.stretches import printable, stretches
from aqwal.annotations.templates import render_template

_TEMPLATE = Path(__file__).with_name("disagreements.html.j2")
# المتحدث، الموضوع
_LINK_NAMES = {SAID_BY: "المتحدث", ABOUT: "الموضوع"}
_SHOWN_WORDS = 6


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text drawn in one way."""

    text: str
    classes: str


@dataclass(frozen=True, slots=True)
class ShownVersion:
    """A version as it is drawn: whose, the text in pieces (None between sentences that are left out), the links."""

    annotators: tuple[str, ...]
    pieces: tuple[Piece | None, ...]
    links: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A disagreement as it is drawn; `fingerprint` is another one whenever its versions are."""

    versions: list[ShownVersion]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Case:
    """A document whose annotators are compared; `link` is where people see it, if it is on a server."""

    document: str
    questions: list[Question]
    fingerprint: str
    link: str = ""
    adjudicated: bool = False


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A document of which something cannot be accepted, so that it is neither shown nor counted; why, and its link."""

    document: str
    reasons: Sequence[str]
    link: str


@dataclass
class DisagreementPage:
    """The page.

    Attributes:
        documents: Those that two annotators or more have marked are shown.
        links: Document id → where people see it.
        project: The project that decisions go back to; without one, the page is only to look at.
        left_out: What is told above them.
    """

    documents: Sequence[Document]
    links: dict[str, str] = field(default_factory=dict)
    project: str | None = None
    left_out: Sequence[LeftOut] = ()

    def to_html(self) -> str:
        """Return the page."""
        cases = [_case(one, self.links.get(one.id, "")) for one in self.documents if len(one.passes) > 1]
        content = {
            "rows": agreement(self.documents),
            "cases": cases,
            "project": self.project,
            "left_out": self.left_out,
        }
        return render_template(_TEMPLATE, content)


def fingerprint(document: Document) -> str:
    """Return what changes whenever a pass or the gold does, so that no decision meets other marks or an unseen gold."""
    return _digest((document.sha256, document.passes, document.gold))


def _digest(content: object) -> str:
    return hashlib.sha256(repr(content).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _case(document: Document, link: str) -> Case:
    questions = [_question(document, found) for found in find_disagreements(document.text, document.passes)]
    return Case(document.id, questions, fingerprint(document), link, document.gold is not None)


def _question(document: Document, found: Disagreement) -> Question:
    passes = {one.annotator: one for one in document.passes}
    shown = [_shown(document.text, found, version, passes[version.annotators[0]]) for version in found.versions]
    return Question(shown, _digest(found.versions))


def _shown(text: str, question: Disagreement, version: Version, annotation: Annotation) -> ShownVersion:
    """Draw one annotator's marks over the sentences that a question is about."""
    pieces: list[Piece | None] = []
    for start, end in question.context:
        pieces += [None] if pieces else []
        pieces += _pieces(text, start, end, version, annotation)
    return ShownVersion(version.annotators, tuple(pieces), tuple(_links(text, version.links)))


def _pieces(text: str, start: int, end: int, version: Version, annotation: Annotation) -> Iterator[Piece]:
    for first, stop, spans in stretches(start, end, annotation.spans):
        classes = {span.label.lower() for span in spans}
        if any(span in version.spans for span in spans):
            classes.add("differs")
        yield Piece(printable(text[first:stop]), " ".join(sorted(classes)))


def _links(text: str, links: Iterable[Link]) -> Iterator[str]:
    for link in links:
        source, target = (text[end.start : end.end].split() for end in (link.source, link.target))
        yield f"«{_first(source)}» ← {_LINK_NAMES[link.label]}: «{_first(target)}»"


def _first(words: list[str]) -> str:
    return " ".join(words[:_SHOWN_WORDS]) + (" …" if len(words) > _SHOWN_WORDS else "")
