"""Average the weights of several runs into one, which answers steadier than each (Wortsman et al. 2022, "Model soups").

    python -m aqwal.training.average RUN_DIR RUN_DIR ... --output RUN_DIR

Runs can be averaged that started from one base with the same random seed's head; they may differ in their
documents, order and rates. The result is a run folder like theirs, ready for export.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
import yaml

from aqwal.annotations.atomic import write_text
from aqwal.serving.model_folder import TOKENIZER_FILE, file_sha256
from aqwal.training.config import TrainConfig
from aqwal.training.data import PARTS
from aqwal.training.model import SpanTagger
from aqwal.training.run_folder import (
    CONFIG_FILE,
    DATA_FILE,
    METRICS_FILE,
    VERSIONS_FILE,
    as_json,
    check_finished,
    write_config,
)
from aqwal.training.sealed import written_folder
from aqwal.training.train import CHECKPOINT

AVERAGED = "averaged"
# What two runs must have in common for their weights to lie in one place.
_ALIKE = ("base", "labels", "tags", "loss", "max_length", "overlap", "seed")


def average_runs(runs: Sequence[Path], output: Path) -> None:
    """Write a run folder with the mean of the runs' weights and transitions.

    It is described as the first run is, but with the documents of all: trained on are those that some run trained on.

    Args:
        runs: Two or more run folders of `train.py`.
        output: The run folder to write; an earlier average there is replaced.

    Raises:
        FileNotFoundError: If a run folder is incomplete.
        ValueError: If there are fewer than two runs, they do not fit together, or `output` is something else.
    """
    _check_alike(runs)
    _check_output(output)
    with written_folder(output) as unfinished:
        _save_mean(runs, unfinished / CHECKPOINT)
        _describe(runs, unfinished)


def _save_mean(runs: Sequence[Path], checkpoint: Path) -> None:
    taggers = [SpanTagger.load(run / CHECKPOINT) for run in runs]
    states = [tagger.state_dict() for tagger in taggers]
    mean = {name: torch.stack([state[name] for state in states]).mean(dim=0) for name in states[0]}
    taggers[0].load_state_dict(mean)
    taggers[0].save(checkpoint)
    shutil.copyfile(runs[0] / CHECKPOINT / TOKENIZER_FILE, checkpoint / TOKENIZER_FILE)


def _describe(runs: Sequence[Path], folder: Path) -> None:
    configs = [yaml.safe_load((run / CONFIG_FILE).read_text(encoding="utf-8")) for run in runs]
    patterns = dict.fromkeys(pattern for config in configs for pattern in config["documents"])
    write_config(folder, TrainConfig(**{**configs[0], "documents": list(patterns)}))
    write_text(folder / DATA_FILE, as_json(_joined([_read(run / DATA_FILE) for run in runs])))
    shutil.copyfile(runs[0] / VERSIONS_FILE, folder / VERSIONS_FILE)
    metrics = _read(runs[0] / METRICS_FILE)
    metrics["kept"][AVERAGED] = [run.name for run in runs]
    write_text(folder / METRICS_FILE, as_json(metrics))


def _joined(described: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the files and documents of all runs; what one of them learned from is held out of none."""
    train = dict.fromkeys(name for one in described for name in one["documents"]["train"])
    held_out = {
        part: [name for name in described[0]["documents"][part] if name not in train]
        for part in PARTS
        if part != "train"
    }
    files = {name: sha256 for one in described for name, sha256 in one["files"].items()}
    return {"files": files, "documents": {"train": list(train), **held_out}}


def _check_output(output: Path) -> None:
    metrics = output / METRICS_FILE
    if output.exists() and not (metrics.is_file() and AVERAGED in _read(metrics)["kept"]):
        raise ValueError(f"{output} is there and is no average of runs; give another --output, or remove it")


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _check_alike(runs: Sequence[Path]) -> None:
    if len(runs) < 2:
        raise ValueError(f"an average needs two runs or more, got {len(runs)}")
    described = []
    for run in runs:
        check_finished(run, (f"{CHECKPOINT}/{TOKENIZER_FILE}",))
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
    except (OSError, ValueError) as error:
        raise SystemExit(f"average: {error}") from error


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command()(main)
    app()
