"""How far many documents have come, as a bar on standard error."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from aqwal.serving.documents import InputFormat, count_texts
from aqwal.serving.prediction import Prediction

Follow = Callable[[Iterator[Prediction], int], Iterator[Prediction]]
"""Yields answers again while it counts them on from a number of documents."""


def follow_in_terminal(names: list[str], input_format: InputFormat, output: Path | None) -> Follow:
    """Return what shows a bar if somebody sees it: on a terminal over which no answers run."""
    if not sys.stderr.isatty() or (output is None and sys.stdout.isatty()):
        return follow_silently
    total = count_texts(names, input_format)
    return lambda predictions, done: _show(predictions, done, total)


def follow_silently(predictions: Iterator[Prediction], done: int) -> Iterator[Prediction]:
    """Yield answers and show nothing."""
    return predictions


def _show(predictions: Iterator[Prediction], done: int, total: int | None) -> Iterator[Prediction]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), "documents", TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=total, completed=done)
        for prediction in predictions:
            yield prediction
            progress.advance(task)
