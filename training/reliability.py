"""Reliability: is a span that was answered with probability p right p of the time?

Guo et al. 2017, "On calibration of modern neural networks": probabilities in bins beside the share
that is right, and their mean distance, the expected calibration error.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from aqwal.annotations.records import Span
from aqwal.training.metrics import Answered, gold_of

_BINS = 10

Reliability = dict[str, Any]


def reliability_of(answered: Sequence[Answered], label: str) -> Reliability:
    """Compare the probabilities of a label's answered spans with how many of them are right.

    Returns:
        `bins`, ten of equal width as far as there is a span in them, each with the count of `spans`,
        their mean `probability` and the share `right` (equal to a gold span); `error`, the distance
        of the two averaged over spans. All from 0 to 1.
    """
    filled: list[list[tuple[float, bool]]] = [[] for _ in range(_BINS)]
    for score, is_right in _judged(answered, label):
        filled[min(int(score * _BINS), _BINS - 1)].append((score, is_right))
    bins = [_bin(members) for members in filled if members]
    spans = sum(one["spans"] for one in bins)
    distance = sum(one["spans"] * abs(one["probability"] - one["right"]) for one in bins)
    return {"bins": bins, "error": distance / max(spans, 1)}


def _judged(answered: Sequence[Answered], label: str) -> Iterator[tuple[float, bool]]:
    for one in answered:
        gold = set(gold_of(one).of_label(label))
        for span in one.prediction.spans:
            if span.label == label:
                yield span.score, Span(span.start, span.end, label) in gold


def _bin(members: Sequence[tuple[float, bool]]) -> dict[str, float]:
    count = len(members)
    return {
        "spans": count,
        "probability": sum(score for score, _ in members) / count,
        "right": sum(is_right for _, is_right in members) / count,
    }
