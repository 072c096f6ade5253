"""`make benchmark-training`: measure, print a table, write it and the figures.

python -m training [--device cuda] [--tokens 512] [--batch 32] [--steps 20] [--size offline]    (from benchmarks/)
"""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import torch
import typer
from speed.__main__ import processor
from speed.models import ARABERT, OFFLINE, ROOT, Size

from training.contenders import Job
from training.race import race
from training.report import write_report


class Device(StrEnum):
    """Where the steps are done."""

    CPU = "cpu"
    CUDA = "cuda"


class Which(StrEnum):
    """The model's shape; the weights are random. The tiny one shows that everything runs."""

    ARABERT = "arabert"
    OFFLINE = "offline"
    TINY = "tiny"


# A GPU takes many windows at once; a core would need minutes for a step of them.
_BATCHES = {Device.CPU: 4, Device.CUDA: 32}
_SIZES = {Which.ARABERT: ARABERT, Which.OFFLINE: OFFLINE, Which.TINY: Size(2, 64, 128, 2, OFFLINE.vocabulary)}


def main(
    device: Annotated[Device | None, typer.Option(help="A GPU if there is one.", show_default=False)] = None,
    size: Annotated[Which, typer.Option(help="Shape of the model.")] = Which.ARABERT,
    tokens: Annotated[int, typer.Option(min=66, max=512, help="Longest window, in sub-tokens.")] = 512,
    batch: Annotated[int | None, typer.Option(min=1, help="Windows a step.", show_default="4, on a GPU 32")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Optimizer steps of each contender in a round.")] = 5,
    rounds: Annotated[int, typer.Option(min=1, help="How often every contender has its turn.")] = 5,
    compiled: Annotated[bool, typer.Option("--compile", help="Let ours run with torch.compile, too.")] = False,
    output: Annotated[Path, typer.Option(help="Folder of training-speed.json, training-speed.md.")] = ROOT / "docs",
) -> None:
    """Measure how fast training is, beside transformers' Trainer."""
    chosen = device or (Device.CUDA if torch.cuda.is_available() else Device.CPU)
    job = Job(_SIZES[size], str(chosen), tokens, batch or _BATCHES[chosen])
    figures = {
        "device": torch.cuda.get_device_name() if chosen == Device.CUDA else processor(),
        "threads": torch.get_num_threads(),
        "number_format": job.number_format,
        "size": str(size),
        "tokens": tokens,
        "batch": job.batch,
        "versions": {"torch": torch.__version__},
        **race(job, steps, rounds, compiled),
    }
    typer.echo(write_report(output, json.loads(json.dumps(figures))))


if __name__ == "__main__":
    typer.run(main)
