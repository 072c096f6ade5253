"""Average the weights of several runs into one, which answers steadier than each (Wortsman et al. 2022, "Model soups").

    python -m aqwal.training.average RUN_DIR RUN_DIR ... --output RUN_DIR

Runs can be averaged that started from one base with the same random seed's head; they may differ in their
documents, order and rates. The result is a run folder like theirs, ready for export.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
import typer
import yaml

from aqwal.annotations.atomic import write_text
from aqwal.serving.model_folder import TOKENIZER_FILE, file_sha256
from aqwal.training.model import SpanTagger
from aqwal.training.run_folder import CONFIG_FILE, DATA_FILE, METRICS_FILE, VERSIONS_FILE, as_json, check_finished
from aqwal.training.train import CHECKPOINT

# What two runs must have in common for their weights to lie in one place.
_ALIKE = ("base", "labels", "tags", "loss", "max_length", "overlap", "seed")


def average_runs(runs: Sequence[Path], output: Path) -> None:
    """Write a run folder with the mean of the runs' weights and transitions, described as the first run is.

    Args:
        runs: Two or more run folders of `train.py`.
        output: The run folder to write.

    Raises:
        FileNotFoundError: If a run folder is incomplete.
        ValueError: If there are fewer than two runs or they do not fit together.
    """
    _check_alike(runs)
    taggers = [SpanTagger.load(run / CHECKPOINT) for run in runs]
    states = [tagger.state_dict() for tagger in taggers]
    mean = {name: torch.stack([state[name] for state in states]).mean(dim=0) for name in states[0]}
    taggers[0].load_state_dict(mean)
    taggers[0].save(output / CHECKPOINT)
    shutil.copyfile(runs[0] / CHECKPOINT / TOKENIZER_FILE, output / CHECKPOINT / TOKENIZER_FILE)
    for name in (CONFIG_FILE, DATA_FILE, VERSIONS_FILE):
        shutil.copyfile(runs[0] / name, output / name)
    metrics = json.loads((runs[0] / METRICS_FILE).read_text(encoding="utf-8"))
    metrics["kept"]["averaged"] = [run.name for run in runs]
    write_text(output / METRICS_FILE, as_json(metrics))


def _check_alike(runs: Sequence[Path]) -> None:
    if len(runs) < 2:
        raise ValueError(f"an average needs two runs or more, got {len(runs)}")
    described = []
    for run in runs:
        check_finished(run, (CONFIG_FILE, METRICS_FILE, f"{CHECKPOINT}/{TOKENIZER_FILE}"))
        config = yaml.safe_load((run / CONFIG_FILE).read_text(encoding="utf-8"))
        tokenizer = file_sha256(run / CHECKPOINT / TOKENIZER_FILE)
        described.append({**{name: config[name] for name in _ALIKE}, "tokenizer": tokenizer})
    for run, other in zip(runs[1:], described[1:], strict=True):
        unlike = [name for name, value in described[0].items() if other[name] != value]
        if unlike:
            raise ValueError(f"{run} and {runs[0]} differ in {', '.join(unlike)}, so their weights have no mean")


def main(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN_DIR...", help="Run folders of train.py, two or more.")],
    output: Annotated[Path, typer.Option(help="Run folder to write.")],
) -> None:
    """Average the weights of several runs into a run folder."""
    try:
        average_runs(runs, output)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(f"average: {error}") from error


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command()(main)
    app()
