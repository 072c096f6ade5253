"""A text cut where the spans over it begin and end: what is drawn in one piece."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Protocol, TypeVar


class HasOffsets(Protocol):
    """Anything with offsets in code points, end exclusive."""

    @property
    def start(self) -> int:
        """First code point."""

    @property
    def end(self) -> int:
        """One past the last code point."""


Marked = TypeVar("Marked", bound=HasOffsets)


def stretches(start: int, end: int, spans: Iterable[Marked]) -> Iterator[tuple[int, int, list[Marked]]]:
    """Yield (start, end, spans over it), so that the set of spans changes only between stretches.

    Args:
        start: First code point of what is drawn.
        end: One past its last.
        spans: Spans in any order; what reaches out of the part that is drawn is left out there.
    """
    begins: dict[int, list[Marked]] = {}
    edges = {start, end}
    for span in spans:
        if span.start < end and span.end > start:
            begins.setdefault(max(span.start, start), []).append(span)
            edges |= {max(span.start, start), min(span.end, end)}
    running: list[Marked] = []
    for first, stop in pairwise(sorted(edges)):
        running = [span for span in running if span.end > first] + begins.get(first, [])
        yield first, stop, running


def printable(text: str) -> str:
    """Return a text with `?` for each lone surrogate, which UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
