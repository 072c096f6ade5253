"""Figures, pictures and template → one HTML file that needs nothing else."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup
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


def render_report(run: Run) -> str:
    """Return the page of a run."""
    content = {
        "run": run,
        "fields": run.config.model_dump(mode="json"),
        "curves": Markup(as_svg(epochs_figure(run.metrics["epochs"]))),
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


def epochs_figure(epochs: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the loss of a word by epoch, and beside it, if there are development documents, exact F1 by label."""
    scored = [entry for entry in epochs if entry["development"]]
    figure, (loss, *rest) = panels(2 if scored else 1, 4.6, 3.2, share_y=False)
    loss.plot([entry["epoch"] for entry in epochs], [entry["loss"] for entry in epochs], color="#555555", marker=".")
    loss.set_title("loss of a word")
    loss.grid(alpha=0.3)
    for panel in rest:
        for label, style in styles(list(scored[0]["development"]["labels"])).items():
            figures = [entry["development"]["labels"][label]["f1"] for entry in scored]
            panel.plot([entry["epoch"] for entry in scored], figures, label=label, **style)
        panel.set_title("exact F1, development")
        scale_share(panel)
        panel.legend(loc="best", frameon=False)
    for panel in (loss, *rest):
        panel.set_xlabel("epoch")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure
