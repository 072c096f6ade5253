"""Scores with confidence intervals, by bootstrap over documents (Efron 1979).

Documents are drawn anew with replacement and scored together, a thousand times; between the 2.5th and
the 97.5th percentile of these scores lies the 95 % interval. It says how far another choice of
documents of the same kind might have moved a figure, nothing about documents of another kind.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqwal.annotations.scheme import LINK_ENDS
from aqwal.annotations.scoring import Score, exact_score, overlap_score, pair_score
from aqwal.training.metrics import Answered, as_annotation, gold_of

RESAMPLES, CONFIDENCE = 1_000, 0.95
_SEED = 13

Counts = NDArray[np.int64]
Interval = dict[str, float]


def score_with_intervals(answered: Sequence[Answered], labels: Sequence[str]) -> dict[str, Any]:
    """Score merged documents; several answers on one document, of several models, are drawn together.

    Returns:
        For each label `f1` (exact) and `overlap_f1`, and `gold` and `predicted` spans; `macro_f1`;
        under `pairs` the F1 of each link. A figure has `value`, `low` and `high`, from 0 to 1.
    """
    names = [*((label, kind) for label in labels for kind in ("f1", "overlap_f1")), *(("", link) for link in LINK_ENDS)]
    counts = _counts(answered, labels)
    f1 = np.concatenate([_f1(counts.sum(axis=0))[None], _f1(_resampled(counts))])
    figures = {name: _interval(f1[:, column]) for column, name in enumerate(names)}
    exact = [column for column, (_, kind) in enumerate(names) if kind == "f1"]
    found = counts.sum(axis=0)
    return {
        "labels": {
            label: {
                "f1": figures[label, "f1"],
                "overlap_f1": figures[label, "overlap_f1"],
                "gold": int(found[names.index((label, "f1")), 0]),
                "predicted": int(found[names.index((label, "f1")), 2]),
            }
            for label in labels
        },
        "macro_f1": _interval(f1[:, exact].mean(axis=1)),
        "pairs": {link: figures["", link] for link in LINK_ENDS},
    }


def _counts(answered: Sequence[Answered], labels: Sequence[str]) -> Counts:
    """Return the counts of each document, [documents, figures, 4 counts of a Score]."""
    by_document: dict[str, Counts] = {}
    for one in answered:
        gold, found = gold_of(one), as_annotation(one.prediction)
        scores = [
            score(gold.of_label(label), found.of_label(label))
            for label in labels
            for score in (exact_score, overlap_score)
        ]
        scores += [pair_score(gold.links_of(link), found.links_of(link)) for link in LINK_ENDS]
        counts = np.array([_as_row(score) for score in scores])
        by_document[one.document.id] = by_document.get(one.document.id, np.zeros_like(counts)) + counts
    return np.stack(list(by_document.values()))


def _as_row(score: Score) -> list[int]:
    return [score.gold, score.gold_found, score.predicted, score.predicted_right]


def _resampled(counts: Counts) -> Counts:
    """Return the summed counts of each resample, [resamples, figures, 4]."""
    documents = len(counts)
    drawn = np.random.default_rng(_SEED).integers(documents, size=(RESAMPLES, documents))
    times = np.apply_along_axis(np.bincount, 1, drawn, minlength=documents)
    return np.asarray(np.tensordot(times, counts, axes=1))


def _f1(counts: Counts) -> NDArray[np.float64]:
    """Return the F1 of `Score`s, [..., figures]."""
    gold, gold_found, predicted, predicted_right = np.moveaxis(counts, -1, 0)
    recall, precision = gold_found / np.maximum(gold, 1), predicted_right / np.maximum(predicted, 1)
    return np.asarray(2 * precision * recall / np.maximum(precision + recall, np.finfo(float).tiny))


def _interval(values: NDArray[np.float64]) -> Interval:
    """Return the first value and the percentiles of the others."""
    outside = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(values[1:], [outside, 100 - outside])
    return {"value": float(values[0]), "low": float(low), "high": float(high)}
