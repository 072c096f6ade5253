"""A tiny fine-tuning as a configuration file, and real processes that run it."""

import json
import multiprocessing
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
import yaml

from aqwal.training.config import TrainConfig
from aqwal.training.train import main

# Started once with everything imported, so that each process after it begins in no time.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["aqwal.training.train"])


@pytest.fixture(scope="session")
def make_config(tiny_base: Path) -> Callable[..., TrainConfig]:
    """Make a configuration from its run folder and the fields to change: 6 steps an epoch, 24 in all, with dropout."""

    def make(output_dir: Path, **changes: object) -> TrainConfig:
        fields = {
            "base": str(tiny_base),
            "documents": ["annotations/gold/002_*.json", "annotations/gold/004_*.json"],
            "output_dir": str(output_dir),
            "max_length": 96,
            "overlap": 24,
            "epochs": 4,
            "batch_size": 3,
            "encoder_rate": 1.0e-3,
            "head_rate": 1.0e-2,
            "dropout": 0.1,
            "save_every": 2,
        }
        return TrainConfig(**{**fields, **changes})

    return make


@pytest.fixture
def start(tmp_path: Path) -> Callable[[TrainConfig], ForkServerProcess]:
    """Start a fine-tuning in a process of its own; what it says on standard error is lost."""

    def begin(config: TrainConfig) -> ForkServerProcess:
        path = tmp_path / f"{Path(config.output_dir).name}.yaml"
        path.write_text(yaml.safe_dump(config.model_dump(mode="json")))
        process = _CONTEXT.Process(target=main, args=(["--config", str(path)],))
        process.start()
        return process

    return begin


@pytest.fixture(scope="session")
def saved_steps() -> Callable[[Path], list[int]]:
    """Read which steps a run folder has checkpoints of."""
    return lambda run: sorted(int(path.name[-8:]) for path in (run / "checkpoints").glob("step-*"))


@pytest.fixture(scope="session")
def metrics() -> Callable[[Path], dict]:
    """Read a run folder's metrics."""
    return lambda run: json.loads((run / "metrics.json").read_text())
