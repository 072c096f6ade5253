"""Compare two sets of spans or links: exact, overlap, character and pair scores.

Counts are kept apart from ratios so that documents add up: micro averages over all of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aqwal.annotations.records import Link, Span

# A predicted QUOTE stands for a gold one from this intersection over union on (pair F1).
PAIR_IOU = 0.5


@dataclass(frozen=True, slots=True)
class Score:
    """How many items of each side were found in the other; adds up over documents."""

    gold: int = 0
    gold_found: int = 0
    predicted: int = 0
    predicted_right: int = 0

    def __add__(self, other: "Score") -> "Score":
        """Sum the counts."""
        return Score(
            self.gold + other.gold,
            self.gold_found + other.gold_found,
            self.predicted + other.predicted,
            self.predicted_right + other.predicted_right,
        )

    @property
    def recall(self) -> float:
        """Share of gold items found, 0 to 1; 0 where there are none."""
        return self.gold_found / self.gold if self.gold else 0.0

    @property
    def precision(self) -> float:
        """Share of predicted items that are right, 0 to 1; 0 where there are none."""
        return self.predicted_right / self.predicted if self.predicted else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0 to 1."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def total(scores: Iterable[Score]) -> Score:
    """Sum scores over documents."""
    return sum(scores, Score())


def exact_score(gold: Sequence[Span] | Sequence[Link], predicted: Sequence[Span] | Sequence[Link]) -> Score:
    """Count items equal in label and every offset."""
    equal = len(set(gold) & set(predicted))
    return Score(len(set(gold)), equal, len(set(predicted)), equal)


def overlap_score(gold: Sequence[Span], predicted: Sequence[Span]) -> Score:
    """Count spans that share a code point with a span of the other side; one layer at a time."""
    return Score(
        len(gold),
        sum(any(span.overlaps(other) for other in predicted) for span in gold),
        len(predicted),
        sum(any(span.overlaps(other) for other in gold) for span in predicted),
    )


def character_score(gold: Sequence[Span], predicted: Sequence[Span]) -> Score:
    """Count code points inside spans; one layer at a time."""
    wanted, given = (_code_points(spans) for spans in (gold, predicted))
    both = len(wanted & given)
    return Score(len(wanted), both, len(given), both)


def pair_score(gold: Sequence[Link], predicted: Sequence[Link]) -> Score:
    """Count links whose sources have IoU ≥ .5 and whose targets overlap; one link label at a time."""
    return Score(
        len(gold),
        sum(any(_same_pair(link, other) for other in predicted) for link in gold),
        len(predicted),
        sum(any(_same_pair(link, other) for other in gold) for link in predicted),
    )


def _code_points(spans: Sequence[Span]) -> set[int]:
    return {offset for span in spans for offset in range(span.start, span.end)}


def _same_pair(one: Link, other: Link) -> bool:
    return one.target.overlaps(other.target) and iou(one.source, other.source) >= PAIR_IOU


def iou(one: Span, other: Span) -> float:
    """Return how much of what two spans cover is in both, 0 to 1."""
    shared = min(one.end, other.end) - max(one.start, other.start)
    return max(shared, 0) / (max(one.end, other.end) - min(one.start, other.start))
