"""The figures of every device that was measured, as JSON and Markdown, and the table in docs/training.md."""

import json
from pathlib import Path
from typing import Any

from aqwal.annotations.atomic import write_text

JSON_FILE, PAGE_FILE, GUIDE_FILE = "training-speed.json", "training-speed.md", "training.md"
# Between these lines of the guide the table stands.
BEGIN, END = "<!-- written by make benchmark-training -->", "<!-- end -->"
_HEAD = """# Speed of training
Written by `make benchmark-training`, or in `benchmarks/` by the command that stands above a table; all figures are in
[training-speed.json](training-speed.json). Each contender does as many optimizer steps (forward, backward, clipping,
fused AdamW) on full windows of one set from the corpus, in an order of its own, the Trainer from the start in each
round; so its speed is that of the sub-tokens in its own timed steps. Each has a process of its own and takes turns with
the others in one run; medians over the rounds. *Times the Trainer* compares sub-tokens a second and is the median of
the rounds' ratios, so it may differ a little from the ratio of the medians beside it. The Trainer is transformers' own,
with a cross-entropy head of as many logits as ours. The *share of the limit* is the timed steps' matrix products,
padding not counted, by their time and by the rate at which the device multiplies large matrices in the same number
format, measured between the rounds.
"""
_DEVICE = """
## {device}, {size_name}
{windows} of up to {tokens} sub-tokens a step, {number_format}, {cores}; the limit is {limit:,.0f} GFLOP/s.
`{command}`

| | sub-tokens a second | step, s | times the Trainer | peak memory, MB | share of the limit |
|---|---|---|---|---|---|
{rows}
{note}"""
_NO_GPU = """
## On a GPU
Figures from a GPU are still to come: `make benchmark-training` there takes the GPU by itself.
"""
_SIZES = {
    "arabert": "AraBERT's size, random weights",
    "offline": "the offline base's size, random weights",
    "tiny": "a tiny size, random weights",
}


def write_report(folder: Path, figures: dict[str, Any]) -> str:
    """Add the figures of a device to those that are there, write them all, and return them as Markdown.

    Args:
        folder: Of the JSON file, the page, and the guide, whose table is replaced if it is there.
        figures: Of one device and one size, as `race` gives them with what was measured.
    """
    path = folder / JSON_FILE
    entries = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    same = ("device", "threads", "size", "tokens", "batch")
    others = [one for one in entries if any(one[name] != figures[name] for name in same)]
    entries = sorted([*others, figures], key=lambda one: [one[name] for name in same])
    page = to_markdown(entries)
    write_text(path, json.dumps(entries, indent=1, ensure_ascii=False) + "\n")
    write_text(folder / PAGE_FILE, page)
    guide = folder / GUIDE_FILE
    if guide.is_file():
        write_text(guide, with_table(guide.read_text(encoding="utf-8"), entries))
    return page


def to_markdown(entries: list[dict[str, Any]]) -> str:
    """Return the page."""
    return "".join([_HEAD, *map(_section, entries), "" if _has_gpu(entries) else _NO_GPU])


def with_table(guide: str, entries: list[dict[str, Any]]) -> str:
    """Return the guide with its table made anew."""
    before, begin, rest = guide.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        return guide
    tables = "".join(_section(one).replace("## ", "### ") for one in entries)
    missing = "" if _has_gpu(entries) else "\n**Figures from a GPU are still to come.**\n"
    return f"{before}{begin}\n{tables}{missing}{end}{after}"


def _has_gpu(entries: list[dict[str, Any]]) -> bool:
    return any(one["number_format"] == "bf16" for one in entries)


def _section(one: dict[str, Any]) -> str:
    rows = [_row(name, figures) for name, figures in one["contenders"].items()]
    told = {
        **one,
        "limit": one["limit"] / 1e9,
        "windows": _counted(one["batch"], "window"),
        "cores": _counted(one["threads"], "thread"),
        "command": _command(one),
        "size_name": _SIZES[one["size"]],
        # What was found out about figures after they were measured; new ones take their place without it.
        "note": f"\n{one['note']}\n" if "note" in one else "",
    }
    return _DEVICE.format(**told, rows="\n".join(rows))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _command(one: dict[str, Any]) -> str:
    """Return what measures the same again."""
    options = " ".join(f"--{name} {one[name]}" for name in ("size", "tokens", "batch", "steps", "rounds"))
    device = "cuda" if one["number_format"] == "bf16" else "cpu"
    compiled = " --compile" if any(name.endswith(", compiled") for name in one["contenders"]) else ""
    return f"OMP_NUM_THREADS={one['threads']} python -m training --device {device} {options}{compiled}"


def _row(name: str, one: dict[str, float]) -> str:
    speed = f"{one['tokens_per_second']:,.0f} | {one['step_seconds']:.3g} | {one['ratio']:.2f}"
    return f"| {name} | {speed} | {one['megabytes']:,.0f} | {100 * one['share']:.0f} % |"
