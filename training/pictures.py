"""What pictures of scores are made of, drawn with matplotlib (extra `reports`)."""

import io
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Told apart by people who see red and green alike, and in grey (Okabe and Ito 2008).
_STYLES = (
    ("#0072B2", "o"),
    ("#D55E00", "s"),
    ("#009E73", "^"),
    ("#CC79A7", "D"),
    ("#E69F00", "v"),
    ("#56B4E9", "P"),
    ("#555555", "X"),
)
_LINES = {"before": ":", "after": "-"}
_DOTS_PER_INCH = 110


def panels(count: int, width: float, height: float, share_y: bool = True) -> tuple[Figure, list[Axes]]:
    """Return a figure with panels side by side, each so many inches wide and high."""
    figure = Figure(figsize=(width * count, height), layout="constrained")
    return figure, list(figure.subplots(1, count, sharey=share_y, squeeze=False)[0])


def styles(labels: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return colour and marker of each label, by its place."""
    return {
        label: {"color": colour, "marker": marker, "markersize": 5}
        for label, (colour, marker) in zip(labels, cycle(_STYLES), strict=False)
    }


def scale_share(panel: Axes) -> None:
    """Scale a panel for what lies between 0 and 1."""
    panel.set_ylim(0, 1)
    panel.grid(alpha=0.3)


def reliability_figure(reliability: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw the share of right spans by their probability, a panel a label.

    Args:
        reliability: Label → name of a line → what `reliability_of` returns.
    """
    figure, found = panels(len(reliability), 3.2, 3.4)
    style_of = styles(list(reliability))
    for panel, (label, by_name) in zip(found, reliability.items(), strict=True):
        panel.plot([0, 1], [0, 1], color="#999999", linewidth=1, linestyle="--")
        for name, one in by_name.items():
            values = [each["probability"] for each in one["bins"]], [each["right"] for each in one["bins"]]
            named = f"{name} (error {one['error']:.3f})"
            panel.plot(*values, label=named, linestyle=_LINES.get(name, "-"), **style_of[label])
        panel.set_title(label)
        panel.set_xlabel("probability")
        panel.set_xlim(0, 1)
        scale_share(panel)
        panel.legend(loc="upper left", frameon=False, fontsize="small")
    found[0].set_ylabel("share right")
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without the program's version, so that the same figures give the same file.
    figure.savefig(path, dpi=_DOTS_PER_INCH, metadata={"Software": None})


def as_svg(figure: Figure) -> str:
    """Return a figure as an `<svg>` element, the same for the same figures."""
    content = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "aqwal", "svg.fonttype": "path"}):
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    svg = content.getvalue()
    return svg[svg.index("<svg") :]
