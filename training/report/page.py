"""Figures, pictures and template → one HTML file that needs nothing else."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from aqwal.annotations.templates import render_template
from aqwal.training.accuracy.errors import span_figures
from aqwal.training.metrics import Answered, score
from aqwal.training.pictures import as_svg, panels, reliability_figure, scale_share, styles
from aqwal.training.reliability import reliability_of
from aqwal.training.report.run import Run
from aqwal.training.report.worst import worst_errors

TEMPLATE = Path(__file__).with_name("page.html.j2")
# Errors shown of each label and kind.
_SHOWN = 4
_MOST_POINTS = 200
_GREY = "#555555"


def render_report(run: Run) -> str:
    """Return the page of a run."""
    content = {
        "run": run,
        "fields": run.config.model_dump(mode="json"),
        "curves": Markup(as_svg(curves_figure(run))),
        "parts": {part: _part(answered, run.config.labels) for part, answered in run.answers.items()},
    }
    return render_template(TEMPLATE, content)


def _part(answered: Sequence[Answered], labels: Sequence[str]) -> dict[str, Any]:
    reliability = {label: {"answers": reliability_of(answered, label)} for label in labels}
    return {
        "documents": len(answered),
        "scores": score(answered, labels),
        "errors": span_figures(answered, labels),
        "reliability": Markup(as_svg(reliability_figure(reliability))),
        "worst": {label: worst_errors(answered, label, _SHOWN) for label in labels},
    }


def curves_figure(run: Run) -> Figure:
    """Draw the loss of a word by epoch and, where there are any, exact F1 by label and norms of the gradient."""
    epochs = run.metrics["epochs"]
    scored = [entry for entry in epochs if entry["development"]]
    drawn = [partial(_draw_losses, epochs)]
    drawn += [partial(_draw_scores, scored)] if scored else []
    drawn += [partial(_draw_norms, run.norms, run.config.max_gradient_norm)] if run.norms else []
    figure, found = panels(len(drawn), 4.6, 3.2, share_y=False)
    for panel, draw in zip(found, drawn, strict=True):
        draw(panel)
    return figure


def _draw_losses(epochs: Sequence[Mapping[str, Any]], panel: Axes) -> None:
    panel.plot([entry["epoch"] for entry in epochs], [entry["loss"] for entry in epochs], color=_GREY, marker=".")
    panel.set_title("loss of a word")
    panel.grid(alpha=0.3)
    _count_epochs(panel)


def _draw_scores(epochs: Sequence[Mapping[str, Any]], panel: Axes) -> None:
    for label, style in styles(list(epochs[0]["development"]["labels"])).items():
        figures = [entry["development"]["labels"][label]["f1"] for entry in epochs]
        panel.plot([entry["epoch"] for entry in epochs], figures, label=label, **style)
    panel.set_title("exact F1, development")
    scale_share(panel)
    panel.legend(loc="best", frameon=False)
    _count_epochs(panel)


def _count_epochs(panel: Axes) -> None:
    panel.set_xlabel("epoch")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))


def _draw_norms(norms: Sequence[float], clipped: float, panel: Axes) -> None:
    """Draw the median of some steps at a time, shaded up to the greatest."""
    stretches = np.array_split(np.asarray(norms), min(len(norms), _MOST_POINTS))
    last = np.cumsum([len(stretch) for stretch in stretches])
    medians, greatest = ([float(of(stretch)) for stretch in stretches] for of in (np.median, np.max))
    panel.plot(last, medians, color=_GREY)
    panel.fill_between(last, medians, greatest, color=_GREY, alpha=0.25, linewidth=0)
    panel.axhline(clipped, color="#999999", linewidth=1, linestyle="--")
    panel.set_title("norm of the gradient; clipped above the line")
    panel.set_xlabel("optimizer step")
    panel.set_yscale("log")
    panel.grid(alpha=0.3)
