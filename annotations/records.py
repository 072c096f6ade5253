"""Plain records of an annotated text: spans, links, annotations, documents.

All offsets are code points of `Document.text` exactly as stored, end exclusive.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

# The schemes that spans may follow: this project's own, and that of any other corpus (`plain`).
AQWAL: Final = "aqwal-1"
PLAIN: Final = "plain"
SCHEMES = (AQWAL, PLAIN)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A labelled stretch of a text: `text[start:end]`."""

    start: int
    end: int
    label: str

    def overlaps(self, other: "Span") -> bool:
        """Say whether the two share at least one code point, whatever their labels."""
        return self.start < other.end and other.start < self.end


def region_id(text: str, span: Span) -> str:
    """Return ten hexadecimal digits that depend on the span and its words only."""
    content = f"{span.label}\0{span.start}\0{span.end}\0{text[span.start : span.end]}"
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:10]


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """A relation between two spans of one annotation, as `said_by` from QUOTE to SPEAKER."""

    source: Span
    target: Span
    label: str


@dataclass(frozen=True, slots=True)
class Annotation:
    """What one annotator marked in one document."""

    annotator: str
    spans: tuple[Span, ...]
    links: tuple[Link, ...] = ()
    ground_truth: bool = False

    def __post_init__(self) -> None:
        """Put spans and links in order, so that equal marks make equal annotations."""
        object.__setattr__(self, "spans", tuple(sorted(self.spans)))
        object.__setattr__(self, "links", tuple(sorted(self.links)))

    def of_label(self, label: str) -> list[Span]:
        """Return the spans of one layer, by position."""
        return [span for span in self.spans if span.label == label]

    def links_of(self, label: str) -> list[Link]:
        """Return the links of one label, by position of their source."""
        return [link for link in self.links if link.label == label]

    def target_of(self, source: Span, label: str) -> Span | None:
        """Return the span that `source` is linked to by `label`, if any."""
        return next((link.target for link in self.links if link.source == source and link.label == label), None)


@dataclass(frozen=True, slots=True)
class Document:
    """A text, never touched, and what annotators marked in it by one of `SCHEMES`."""

    id: str
    text: str
    annotations: tuple[Annotation, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    scheme: str = AQWAL

    @property
    def gold(self) -> Annotation | None:
        """The adjudicated annotation, the one with `ground_truth`."""
        return next((annotation for annotation in self.annotations if annotation.ground_truth), None)

    @property
    def passes(self) -> tuple[Annotation, ...]:
        """The annotations made before adjudication."""
        return tuple(annotation for annotation in self.annotations if not annotation.ground_truth)

    @property
    def sha256(self) -> str:
        """Hash of the text's UTF-8 bytes; a lone surrogate counts as its three bytes."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing in annotated data that the scheme or the stored form does not allow."""

    message: str
    document: str = ""
    annotator: str = ""
    region: str = ""
    start: int | None = None
    end: int | None = None
    text: str = ""
    file: str = ""

    def __str__(self) -> str:
        """Name file, document, annotator, region, offsets and text, as far as they are known."""
        offsets = "" if self.start is None else f"[{self.start}:{self.end}]"
        named = {"document": self.document, "annotator": self.annotator, "region": self.region}
        where = [self.file, *(f"{name} {value}" for name, value in named.items() if value), offsets]
        shown = f" {self.text!r}" if self.text else ""
        place = ", ".join(part for part in where if part) + shown
        return f"{place}: {self.message}" if place else self.message


class AnnotationError(ValueError):
    """Annotated data that cannot be accepted; `problems` lists everything found, not only the first."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))
