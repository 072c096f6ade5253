"""The pictures of docs/accuracy.md."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aqwal.training.pictures import panels, reliability_figure, save, scale_share, styles


def draw_curve(points: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw exact F1 by number of articles trained on, a panel for each set scored."""
    sets = list(points[0]["scores"])
    figure, found = panels(len(sets), 4.2, 3.4)
    sizes = [point["articles"] for point in points]
    for panel, name in zip(found, sets, strict=True):
        for label, style in styles(list(points[0]["scores"][name]["labels"])).items():
            figures = [point["scores"][name]["labels"][label]["f1"] for point in points]
            means, spreads = ([one[kind] for one in figures] for kind in ("mean", "spread"))
            panel.errorbar(sizes, means, spreads, label=label, capsize=3, **style)
        panel.set_title(f"{name} ({points[0]['scores'][name]['documents']})")
        panel.set_xlabel("articles trained on")
        panel.set_xticks(sizes)
        scale_share(panel)
    found[0].set_ylabel("exact F1")
    found[-1].legend(loc="lower right", frameon=False)
    save(figure, path)


def draw_slices(slices: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Draw exact F1 of each label in each slice, a panel for each field; slices with their number of articles."""
    longest = max(map(len, slices.values()))
    figure, found = panels(len(slices), 4.2, 0.8 + 0.32 * longest, share_y=False)
    for panel, (field, groups) in zip(found, slices.items(), strict=True):
        names = list(groups)[::-1]
        for label, style in styles(list(next(iter(groups.values()))["labels"])).items():
            values = [groups[name]["labels"][label]["f1"]["mean"] for name in names]
            panel.plot(values, range(len(names)), linestyle="", label=label, **style)
        panel.set_yticks(range(len(names)), [f"{name} ({groups[name]['documents']})" for name in names])
        # Fields with few slices keep the row height of the others.
        panel.set_ylim(len(names) - 0.5 - longest, len(names) - 0.5)
        panel.set_title(f"by {field}")
        panel.set_xlabel("exact F1")
        panel.set_xlim(0, 1)
        panel.grid(axis="both", alpha=0.3)
    found[-1].legend(loc="lower right", frameon=False)
    save(figure, path)


def draw_reliability(reliability: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Draw the share of right spans by their probability, a panel for each label, as set and as calibrated."""
    save(reliability_figure(reliability), path)
