"""The annotation scheme aqwal-1 as code: labels, links, where a span may begin and end.

The same `snap` that checks and repairs people's marks also finishes the model's answers, so both
obey one law. Rule numbers are those of GUIDELINES.md. `check_document`, `snap_by` and `blocks_by`
also know the scheme `plain` of other corpora (`aqwal.annotations.plain`).
"""

import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator

from aqwal.annotations import plain
from aqwal.annotations.marks import BRACKETS, QUOTATION_MARKS
from aqwal.annotations.page import Page
from aqwal.annotations.records import AQWAL, PLAIN, Annotation, Document, Link, Problem, Span, region_id
from aqwal.annotations.words import is_dash_of_tatweel, is_invisible

SCHEME = AQWAL
SPEAKER, QUOTE, TOPIC = "SPEAKER", "QUOTE", "TOPIC"
LABELS = (SPEAKER, QUOTE, TOPIC)
SAID_BY, ABOUT = "said_by", "about"
LINK_ENDS = {SAID_BY: (QUOTE, SPEAKER), ABOUT: (QUOTE, TOPIC)}
KINDS = ("direct", "indirect", "mixed")

_MARKS = frozenset(QUOTATION_MARKS) | frozenset("".join(BRACKETS))
# Punctuation by Unicode that carries meaning at a span's edge (20 %, #hashtag, @name).
_NOT_EDGE_PUNCTUATION = frozenset("%٪‰؉#@&§")
_EDGE_SYMBOLS = frozenset("|~=¦")
_SENTENCE_MARKS = frozenset(".,،؛;:!?؟…")


def is_edge_punctuation(character: str) -> bool:
    """Say whether rule 2 keeps this character, paired marks aside, out of a span's edge."""
    if character in _MARKS or character in _EDGE_SYMBOLS:
        return True
    return unicodedata.category(character)[0] == "P" and character not in _NOT_EDGE_PUNCTUATION


def snap(page: Page, start: int, end: int, label: str) -> tuple[int, int] | None:
    """Move a span's edges to where the scheme wants them.

    Args:
        page: The text the offsets belong to.
        start: First code point.
        end: One past the last code point.
        label: The span's label; QUOTE, SPEAKER and TOPIC have rules of their own.

    Returns:
        The nearest legal (start, end) by rules 1, 2, 5, 6 and 11, or None if no word is left. A legal
        span comes back as it was.
    """
    first, stop = page.words_over(start, end)
    while True:
        before = first, stop
        first, stop = _trim(page, first, stop)
        if first >= stop:
            return None
        # Marks first: a pair taken in may be what lets a QUOTE run over a line break.
        first, stop = _fit_marks(page, first, stop, label)
        stop = max(first, min(_cut_at_line_break(page, first, stop, label), _cut_at_sentence_end(page, first, stop)))
        if (first, stop) == before:
            return page.words[first].start, page.words[stop - 1].end


def snap_by(scheme: str, page: Page, start: int, end: int, label: str) -> tuple[int, int] | None:
    """Do what `snap` does by one of `SCHEMES`."""
    return plain.snap(page, start, end) if scheme == PLAIN else snap(page, start, end, label)


def blocks_by(scheme: str, page: Page) -> list[tuple[int, int]]:
    """Return the (first, stop) word ranges that no span of a scheme leaves, tiling the words."""
    if scheme == PLAIN:
        return [(0, len(page.words))] if page.words else []
    return page.blocks


def _trim(page: Page, first: int, stop: int) -> tuple[int, int]:
    while first < stop and _is_edge(page, first, first, stop):
        first += 1
    while first < stop and _is_edge(page, stop - 1, first, stop):
        stop -= 1
    return first, stop


def _is_edge(page: Page, index: int, first: int, stop: int) -> bool:
    surface = page.surface(index)
    if len(surface) > 1 or not is_edge_punctuation(surface):
        return is_dash_of_tatweel(surface)
    partner = page.partners.get(page.words[index].start)
    return partner is None or not page.words[first].start <= partner < page.words[stop - 1].end


def _cut_at_line_break(page: Page, first: int, stop: int, label: str) -> int:
    start, end = page.words[first].start, page.words[stop - 1].end
    for offset in page.breaks_in(start, end):
        if label != QUOTE or not page.pair_covers(offset, start, end):
            return page.words_over(start, offset)[1]
    return stop


def _cut_at_sentence_end(page: Page, first: int, stop: int) -> int:
    start, end = page.words[first].start, page.words[stop - 1].end
    index = bisect_right(page.sentence_ends, start)
    if index == len(page.sentence_ends) or page.sentence_ends[index] >= end:
        return stop
    return page.words_over(start, page.sentence_ends[index])[1]


def _fit_marks(page: Page, first: int, stop: int, label: str) -> tuple[int, int]:
    """Take a pair of quotation marks around a QUOTE in, a pair around a name out."""
    if label == QUOTE:
        return _with_enclosing_marks(page, first, stop)
    if (
        label in LABELS
        and stop - first >= 2
        and page.partners.get(page.words[first].start) == page.words[stop - 1].start
    ):
        return first + 1, stop - 1
    return first, stop


def _with_enclosing_marks(page: Page, first: int, stop: int) -> tuple[int, int]:
    after = stop
    while after < len(page.words) and page.surface(after) in _SENTENCE_MARKS:
        after += 1
    if first == 0 or after >= len(page.words):
        return first, stop
    opening, closing = page.words[first - 1].start, page.words[after].start
    if page.text[opening] in QUOTATION_MARKS and page.partners.get(opening) == closing:
        return first - 1, after + 1
    return first, stop


def kind_of(page: Page, quote: Span) -> str:
    """Return `direct`, `indirect` or `mixed`: rule 22, from the marks in and around a QUOTE."""
    start, end = quote.start, quote.end
    if page.text[start] in QUOTATION_MARKS and page.partners.get(start) == end - 1:
        return "direct"
    first, stop = page.words_over(start, end)
    for index in (first - 1, stop):
        # The text lacks one mark of the pair, so rule 6 left the other one outside.
        if 0 <= index < len(page.words) and page.surface(index) in QUOTATION_MARKS:
            between = page.text[page.words[index].end : start] + page.text[end : page.words[index].start]
            if all(map(is_invisible, between)) and page.words[index].start not in page.partners:
                return "direct"
    marks = (offset for offset in range(start, end) if page.text[offset] in QUOTATION_MARKS)
    return "mixed" if any(start <= page.partners.get(offset, -1) < end for offset in marks) else "indirect"


def check_document(document: Document, file: str = "") -> list[Problem]:
    """Return everything in a document's annotations that its scheme does not allow.

    Args:
        document: The document with its annotations; spans must lie within the text.
        file: Where it came from, for the problems' texts.
    """
    page = Page(document.text)
    check_annotation = plain.check_annotation if document.scheme == PLAIN else _check_annotation
    return [
        Problem(
            message,
            document.id,
            annotation.annotator,
            region_id(page.text, span),
            span.start,
            span.end,
            page.text[span.start : span.end],
            file,
        )
        for annotation in document.annotations
        for span, message in check_annotation(page, annotation)
    ]


def _check_annotation(page: Page, annotation: Annotation) -> Iterator[tuple[Span, str]]:
    for span in annotation.spans:
        if span.label not in LABELS:
            yield span, f"unknown label {span.label!r}; the scheme has {', '.join(LABELS)}"
        yield from _check_edges(page, span)
    for label in LABELS:
        farthest = Span(0, 0, label)
        for span in annotation.of_label(label):
            if span.start < farthest.end:
                yield span, f"overlaps the {label} at [{farthest.start}:{farthest.end}] (rule 4)"
            farthest = max(farthest, span, key=lambda one: one.end)
    yield from _check_links(annotation)


def _check_edges(page: Page, span: Span) -> Iterator[tuple[Span, str]]:
    snapped = snap(page, span.start, span.end, span.label)
    if snapped is None:
        yield span, f"{span.label} holds no word that a span can be made of (rules 1, 2)"
    elif snapped != (span.start, span.end):
        start, end = snapped
        wanted = f"[{start}:{end}] {page.text[start:end]!r}"
        yield span, f"{span.label} edges: the scheme has {wanted} (rules 1, 2, 5, 6, 11)"


def _check_links(annotation: Annotation) -> Iterator[tuple[Span, str]]:
    for link in annotation.links:
        yield from _check_link(annotation, link)
    for (source, label), count in Counter((link.source, link.label) for link in annotation.links).items():
        if count > 1:
            yield source, f"{count} links {label}; a QUOTE has at most one (rule 21)"
    linked = {link.target for link in annotation.links}
    for span in annotation.spans:
        if span.label in (SPEAKER, TOPIC) and span not in linked:
            yield span, f"{span.label} belongs to no QUOTE (rule 17)"


def _check_link(annotation: Annotation, link: Link) -> Iterator[tuple[Span, str]]:
    if link.label not in LINK_ENDS:
        yield link.source, f"unknown link {link.label!r}; the scheme has {', '.join(LINK_ENDS)}"
    elif (link.source.label, link.target.label) != LINK_ENDS[link.label]:
        wanted = " → ".join(LINK_ENDS[link.label])
        target = "itself" if link.source == link.target else link.target.label
        yield link.source, f"link {link.label} goes {link.source.label} → {target}; it must go {wanted}"
    for end in (link.source, link.target):
        if end not in annotation.spans:
            yield end, f"link {link.label} ends at a span that is not marked"
