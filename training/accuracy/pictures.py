"""The pictures of docs/accuracy.md, drawn with matplotlib (`pip install 'aqwal[reports]'`)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Told apart by people who see red and green alike, and in grey (Okabe and Ito 2008).
_COLOURS = {"SPEAKER": "#0072B2", "QUOTE": "#D55E00", "TOPIC": "#009E73"}
_MARKERS = {"SPEAKER": "o", "QUOTE": "s", "TOPIC": "^"}
_OTHER = "#555555", "D"
_DOTS_PER_INCH = 110


def draw_curve(points: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw exact F1 by number of articles trained on, a panel for each set scored."""
    sets = list(points[0]["scores"])
    figure, panels = _panels(len(sets), 4.2, 3.4)
    sizes = [point["articles"] for point in points]
    for panel, name in zip(panels, sets, strict=True):
        for label in points[0]["scores"][name]["labels"]:
            figures = [point["scores"][name]["labels"][label]["f1"] for point in points]
            means, spreads = ([one[kind] for one in figures] for kind in ("mean", "spread"))
            panel.errorbar(sizes, means, spreads, label=label, capsize=3, **_style(label))
        panel.set_title(f"{name} ({points[0]['scores'][name]['documents']})")
        panel.set_xlabel("articles trained on")
        panel.set_xticks(sizes)
        _scale_f1(panel)
    panels[0].set_ylabel("exact F1")
    panels[-1].legend(loc="lower right", frameon=False)
    _save(figure, path)


def draw_slices(slices: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Draw exact F1 of each label in each slice, a panel for each field; slices with their number of articles."""
    longest = max(map(len, slices.values()))
    figure, panels = _panels(len(slices), 4.2, 0.8 + 0.32 * longest, share_y=False)
    for panel, (field, groups) in zip(panels, slices.items(), strict=True):
        names = list(groups)[::-1]
        for label in next(iter(groups.values()))["labels"]:
            values = [groups[name]["labels"][label]["f1"]["mean"] for name in names]
            panel.plot(values, range(len(names)), linestyle="", label=label, **_style(label))
        panel.set_yticks(range(len(names)), [f"{name} ({groups[name]['documents']})" for name in names])
        # Fields with few slices keep the row height of the others.
        panel.set_ylim(len(names) - 0.5 - longest, len(names) - 0.5)
        panel.set_title(f"by {field}")
        panel.set_xlabel("exact F1")
        panel.set_xlim(0, 1)
        panel.grid(axis="both", alpha=0.3)
    panels[-1].legend(loc="lower right", frameon=False)
    _save(figure, path)


def draw_reliability(reliability: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Draw the share of right spans by their probability, a panel for each label, as set and as calibrated."""
    figure, panels = _panels(len(reliability), 3.2, 3.4)
    for panel, (label, by_time) in zip(panels, reliability.items(), strict=True):
        panel.plot([0, 1], [0, 1], color="#999999", linewidth=1, linestyle="--")
        for time, line in (("before", ":"), ("after", "-")):
            bins = by_time[time]["bins"]
            named = f"{time} (error {by_time[time]['error']:.3f})"
            values = [one["probability"] for one in bins], [one["right"] for one in bins]
            panel.plot(*values, label=named, linestyle=line, **_style(label))
        panel.set_title(label)
        panel.set_xlabel("probability")
        panel.set_xlim(0, 1)
        _scale_f1(panel)
        panel.legend(loc="upper left", frameon=False, fontsize="small")
    panels[0].set_ylabel("share right")
    _save(figure, path)


def _panels(count: int, width: float, height: float, share_y: bool = True) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width * count, height), layout="constrained")
    return figure, list(figure.subplots(1, count, sharey=share_y, squeeze=False)[0])


def _style(label: str) -> dict[str, Any]:
    return {"color": _COLOURS.get(label, _OTHER[0]), "marker": _MARKERS.get(label, _OTHER[1]), "markersize": 5}


def _scale_f1(panel: Axes) -> None:
    panel.set_ylim(0, 1)
    panel.grid(alpha=0.3)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without the program's version, so that the same figures give the same file.
    figure.savefig(path, dpi=_DOTS_PER_INCH, metadata={"Software": None})
