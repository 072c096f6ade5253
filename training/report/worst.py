"""The errors that cost most, with their text cut into what is drawn.

Of what is invented or has other boundaries, those of which the model is surest; of what is missed,
the longest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aqwal.annotations.page import Page
from aqwal.annotations.records import Span
from aqwal.annotations.stretches import printable, stretches
from aqwal.training.accuracy.errors import Case, Fate, Nature, gold_cases, predicted_cases
from aqwal.training.metrics import Answered

_CONTEXT_WORDS = 14


@dataclass(frozen=True)
class Piece:
    """A stretch of text and the CSS classes of what lies over it."""

    text: str
    classes: str


@dataclass(frozen=True)
class WrongSpan:
    """One error: which it is, the model's probability (of a missed span there is none), and its text."""

    document: str
    label: str
    error: str
    score: float | None
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class _Mark:
    start: int
    end: int
    side: str


def worst_errors(answered: Sequence[Answered], label: str, count: int) -> list[WrongSpan]:
    """Return the worst errors of a label, `count` at most of each kind."""
    scores = {
        (one.document.id, Span(span.start, span.end, span.label)): span.score
        for one in answered
        for span in one.prediction.spans
    }
    given = sorted(predicted_cases(answered, label), key=lambda case: -scores[case.document, case.span])
    missed = [case for case in gold_cases(answered, label) if case.fate is Fate.MISSED]
    missed.sort(key=lambda case: case.span.start - case.span.end)
    found: list[WrongSpan] = []
    for nature in (Nature.INVENTED, Nature.BOUNDARY, Nature.MERGED):
        cases = [case for case in given if case.nature is nature][:count]
        found += [_wrong(case, nature, scores[case.document, case.span], "predicted") for case in cases]
    return found + [_wrong(case, Fate.MISSED, None, "gold") for case in missed[:count]]


def _wrong(case: Case, error: str, score: float | None, side: str) -> WrongSpan:
    other = "gold" if side == "predicted" else "predicted"
    marks = [_Mark(case.span.start, case.span.end, side), *(_Mark(one.start, one.end, other) for one in case.others)]
    return WrongSpan(case.document, case.span.label, str(error), score, tuple(_pieces(case.page, marks)))


def _pieces(page: Page, marks: Sequence[_Mark]) -> Iterator[Piece]:
    """Cut the marks' surroundings into what is drawn in one piece."""
    first, stop = page.words_over(min(one.start for one in marks), max(one.end for one in marks))
    first, last = max(first - _CONTEXT_WORDS, 0), min(stop + _CONTEXT_WORDS, len(page.words)) - 1
    for start, end, over in stretches(page.words[first].start, page.words[last].end, marks):
        yield Piece(printable(page.text[start:end]), " ".join(sorted({one.side for one in over})))
