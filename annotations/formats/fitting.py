"""Spans as others annotate them → spans that a layer of tags can hold, with every alteration told.

A layer holds runs of whole words, none over another. So a discontinuous span becomes one span for
each of its runs, edges within a word move to the word's, and of two spans of one label that overlap
the longer one stays.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from aqwal.annotations.page import Page
from aqwal.annotations.records import Span
from aqwal.annotations.scheme import snap_by


class Kind(StrEnum):
    """What was done to something that could not be taken over as it was annotated."""

    SPLIT = "discontinuous, split at its gaps"
    MOVED = "edges moved to where the scheme has them"
    WORDLESS = "left out, as it holds no word"
    DOUBLED = "left out, as it is marked twice"
    COVERED = "left out, as a longer one of its label lies over it"
    UNBEGUN = "begun by a tag other than B- or S-, as in IOB1"
    UNREAD = "not read, as only spans are"


@dataclass(frozen=True, slots=True)
class Alteration:
    """One thing that was altered; `start` and `end` in code points, none for what has no place in the text."""

    kind: Kind
    document: str
    label: str
    start: int = 0
    end: int = 0
    text: str = ""

    @property
    def place(self) -> str:
        """Document, offsets and text."""
        where = f" [{self.start}:{self.end}] {self.text!r}" if self.end else ""
        return f"document {self.document}{where}"

    def __str__(self) -> str:
        """Name place, label and what was done."""
        return f"{self.place}: {self.label} {self.kind}"


@dataclass(frozen=True, slots=True)
class ForeignSpan:
    """A span as it was annotated: one label over one or more (start, end) ranges of code points."""

    label: str
    fragments: tuple[tuple[int, int], ...]

    @property
    def edges(self) -> tuple[int, int]:
        """Where it begins and ends, gaps included."""
        return min(start for start, _ in self.fragments), max(end for _, end in self.fragments)


@dataclass(frozen=True)
class Fitted:
    """What became of the spans of a document.

    Attributes:
        spans: Of each foreign span, in their order, the spans that it became; none if it was left out.
        alterations: All that was altered.
    """

    spans: list[list[Span]]
    alterations: list[Alteration]


def fit_spans(document: str, page: Page, found: Sequence[ForeignSpan], scheme: str) -> Fitted:
    """Fit the spans of one document to a scheme.

    Args:
        document: The document's id, for the alterations.
        page: Its text.
        found: Its spans; ranges must lie within the text.
        scheme: One of `SCHEMES`, which says where edges may be.
    """
    made = [list(_pieces(page, one, scheme)) for one in found]
    kept, lost = _without_overlaps(span for pieces in made for span in pieces)
    alterations = [
        _told(kind, document, page, one.label, *one.edges)
        for one, pieces in zip(found, made, strict=True)
        for kind in _kinds(one, pieces)
    ]
    alterations += [_told(kind, document, page, span.label, span.start, span.end) for span, kind in lost]
    return Fitted([[span for span in pieces if span in kept] for pieces in made], alterations)


def _pieces(page: Page, one: ForeignSpan, scheme: str) -> Iterator[Span]:
    for first, stop in _word_ranges(page, one.fragments):
        snapped = snap_by(scheme, page, page.words[first].start, page.words[stop - 1].end, one.label)
        if snapped is not None:
            yield Span(*snapped, one.label)


def _word_ranges(page: Page, fragments: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the (first, stop) runs of words under some fragments; no gap is where no word is left out."""
    ranges: list[tuple[int, int]] = []
    for first, stop in sorted(page.words_over(*fragment) for fragment in fragments):
        if first >= stop:
            continue
        if ranges and first <= ranges[-1][1]:
            ranges[-1] = ranges[-1][0], max(ranges[-1][1], stop)
        else:
            ranges.append((first, stop))
    return ranges


def _kinds(one: ForeignSpan, pieces: Sequence[Span]) -> Iterator[Kind]:
    if not pieces:
        yield Kind.WORDLESS
        return
    if len(pieces) > 1:
        yield Kind.SPLIT
    starts, ends = ({fragment[side] for fragment in one.fragments} for side in (0, 1))
    if any(piece.start not in starts or piece.end not in ends for piece in pieces):
        yield Kind.MOVED


def _without_overlaps(spans: Iterable[Span]) -> tuple[set[Span], list[tuple[Span, Kind]]]:
    """Return the spans that stay, and those that do not with the reason; of two that overlap the longer one stays."""
    kept: dict[str, list[Span]] = {}
    lost: list[tuple[Span, Kind]] = []
    for span in sorted(spans, key=lambda one: (one.start - one.end, one)):
        layer = kept.setdefault(span.label, [])
        place = bisect_left(layer, span)
        # None that is kept is shorter, so one that overlaps is the last before it or the first behind.
        beside = layer[max(place - 1, 0) : place + 1]
        if span in beside:
            lost.append((span, Kind.DOUBLED))
        elif any(map(span.overlaps, beside)):
            lost.append((span, Kind.COVERED))
        else:
            layer.insert(place, span)
    return {span for layer in kept.values() for span in layer}, sorted(lost)


def _told(kind: Kind, document: str, page: Page, label: str, start: int, end: int) -> Alteration:
    return Alteration(kind, document, label, start, end, page.text[start:end])


def summarise_alterations(alterations: Sequence[Alteration], spans: Counter[str]) -> list[str]:
    """Return a sentence for each kind and label: how many, which share of the label's spans, the first of them.

    Args:
        alterations: What was altered.
        spans: How many spans of each label were annotated.
    """
    groups: dict[tuple[Kind, str], list[Alteration]] = {}
    for one in alterations:
        groups.setdefault((one.kind, one.label), []).append(one)
    return [
        f"{len(group)}{_share(len(group), spans[label])} {label} {kind}; the first: {group[0].place}"
        for (kind, label), group in groups.items()
    ]


def _share(count: int, whole: int) -> str:
    return f" of {whole} ({count / whole:.1%})" if whole else ""
