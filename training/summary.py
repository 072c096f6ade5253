"""Scores of several random seeds in one: mean and standard deviation of each figure."""

import statistics
from collections.abc import Sequence
from typing import Any

Figure = dict[str, float]
COLUMNS = {"f1": "exact F1", "overlap_f1": "overlap F1", "character_f1": "character F1"}


def summarise(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return mean and spread over results of `score`: each label's F1 figures, macro F1, pair F1."""
    first = results[0]
    return {
        "labels": {
            label: {name: mean_and_spread([one["labels"][label][name] for one in results]) for name in COLUMNS}
            for label in first["labels"]
        },
        "macro_f1": mean_and_spread([one["macro_f1"] for one in results]),
        "pairs": {link: mean_and_spread([one["pairs"][link] for one in results]) for link in first["pairs"]},
    }


def mean_and_spread(values: Sequence[float]) -> Figure:
    """Return `mean` and `spread`, the standard deviation, which is 0 for a single value."""
    return {"mean": statistics.fmean(values), "spread": statistics.stdev(values) if len(values) > 1 else 0.0}


def shown(figure: Figure, digits: int = 2) -> str:
    """Return a figure as `0.50 ± 0.01`."""
    return f"{figure['mean']:.{digits}f} ± {figure['spread']:.{digits}f}"


def markdown_row(cells: Sequence[str]) -> str:
    """Return a row of a Markdown table."""
    return f"| {' | '.join(cells)} |"
