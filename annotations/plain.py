"""The scheme `plain`: spans of any labels, as other corpora have them.

Its whole law: a span is made of whole words, those of one label do not overlap, and there are no
links. It may run over sentences and line breaks, and may begin or end with any mark.
"""

from collections.abc import Iterator

from aqwal.annotations.page import Page
from aqwal.annotations.records import Annotation, Span


def snap(page: Page, start: int, end: int) -> tuple[int, int] | None:
    """Widen a span to the whole words that it touches; None if it touches none."""
    first, stop = page.words_over(start, end)
    return (page.words[first].start, page.words[stop - 1].end) if first < stop else None


def check_annotation(page: Page, annotation: Annotation) -> Iterator[tuple[Span, str]]:
    """Yield each span that breaks the law, and how."""
    for span in annotation.spans:
        yield from _check_edges(page, span)
    for label in dict.fromkeys(span.label for span in annotation.spans):
        farthest = Span(0, 0, label)
        for span in annotation.of_label(label):
            if span.start < farthest.end:
                yield span, f"overlaps the {label} at [{farthest.start}:{farthest.end}]; a label's spans may not"
            farthest = max(farthest, span, key=lambda one: one.end)
    for link in annotation.links:
        yield link.source, f"link {link.label}: the scheme plain has no links"


def _check_edges(page: Page, span: Span) -> Iterator[tuple[Span, str]]:
    snapped = snap(page, span.start, span.end)
    if snapped is None:
        yield span, f"{span.label} holds no word"
    elif snapped != (span.start, span.end):
        start, end = snapped
        yield span, f"{span.label} edges: whole words are [{start}:{end}] {page.text[start:end]!r}"
