"""The figures as Markdown."""

from typing import Any

_HEAD = """# Speed
Written by `make benchmark`; all figures are in [speed.json](speed.json). {articles} articles ({sub_tokens:,}
sub-tokens), from flashes to long reports, one thread of an {processor}. All in one run, interleaved article by
article; medians of CPU time. *Times the pipeline*: how many times as fast as transformers' own
`pipeline("token-classification")`, one article at a time. The first answer, a flash's, and the memory are those of a
process of its own, from its start. [Where the limits are](export.md#how-near-to-the-limit).
"""
_MODEL = """
## {name}
| | times the pipeline | articles a second | sub-tokens a second | first answer, CPU s | peak memory, MB |
|---|---|---|---|---|---|
{rows}

Of the rate at which this machine multiplies matrices (windows of 128 sub-tokens, one thread): int8 {int8}, fp32 {fp32}.
"""
_GROWTH = """
## Length
The released model, one text of each length:

| characters | CPU s | characters a second |
|---|---|---|
{rows}
"""


def to_markdown(figures: dict[str, Any]) -> str:
    """Return the report."""
    parts = [_HEAD.format(**{name: figures[name] for name in ("articles", "sub_tokens", "processor")})]
    parts += [_model(model) for model in figures["models"]]
    rows = [f"| {one['length']:,} | {one['seconds']:.1f} | {one['per_second']:,.0f} |" for one in figures["growth"]]
    return "".join([*parts, _GROWTH.format(rows="\n".join(rows))])


def _model(model: dict[str, Any]) -> str:
    rows = [_row(name, time, model["cold_start"][name]) for name, time in model["race"].items()]
    shares = {precision: _share(one) for precision, one in model["shares"].items()}
    return _MODEL.format(name=model["name"][0].upper() + model["name"][1:], rows="\n".join(rows), **shares)


def _row(name: str, time: dict[str, float], start: dict[str, float]) -> str:
    cold = f"{start['seconds']:.2f} | {start['megabytes']:.0f}"
    speed = f"{time['articles_per_second']:.2f} | {time['tokens_per_second']:,.0f}"
    return f"| {name} | {time['ratio']:.2f} | {speed} | {cold} |"


def _share(one: dict[str, float]) -> str:
    return f"{100 * one['share']:.0f} % ({one['reached']:.0f} of {one['limit']:.0f} billion operations a second)"
