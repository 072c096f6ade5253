"""Two real processes over gloo learn what one learns; what gets in their way is one test each."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from aqwal.training.train import train

LAUNCH = [str(Path(sys.executable).with_name("accelerate")), "launch", "--num_processes", "2"]
TWO_ON_A_CPU = [*LAUNCH, "--multi_gpu", "--main_process_port", "0", "--num_cpu_threads_per_process", "1"]
DEVELOPMENT = "003_5b03c3492d964627"
# accelerate spreads a model over GPUs only, torch over CPUs too. Process 0 gets a signal at its seventh pass, once.
ON_A_CPU = """
import os, pathlib, signal, sys
from accelerate.state import PartialState
from accelerate.utils import DistributedType
os.environ["ACCELERATE_TORCH_DEVICE"] = "cpu"
PartialState._prepare_backend = lambda *_: ("gloo", DistributedType.MULTI_GPU)
from aqwal.training.model import SpanTagger
from aqwal.training.train import main
forward, passes, stopped = SpanTagger.forward, [], pathlib.Path(__file__).with_name("stopped")
def stop(self, batch):
    passes.append(1)
    if len(passes) == 7 and os.environ["RANK"] == "0" and not stopped.exists():
        stopped.touch()
        signal.raise_signal(signal.SIGTERM)
    return forward(self, batch)
SpanTagger.forward = stop
main()
"""


@pytest.fixture
def launch(root: Path, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start a fine-tuning in two processes."""

    def start(config, command=TWO_ON_A_CPU, script="training/train.py", **environment: str) -> subprocess.Popen[str]:
        path = tmp_path / f"{Path(config.output_dir).name}.yaml"
        path.write_text(yaml.safe_dump(config.model_dump(mode="json")))
        around = {**os.environ, "ACCELERATE_USE_CPU": "true", **environment}
        return subprocess.Popen(
            [*command, script, "--config", str(path)],
            cwd=root,
            env=around,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """No dropout, an uneven last step, and one development document, of which one process gets none."""
    splits = tmp_path_factory.mktemp("splits") / "splits.json"
    parts = {"train": ["002_35a5180d63e7b702", "004_1c209e6ac6ae10d1"], "development": [DEVELOPMENT]}
    splits.write_text(json.dumps(parts))
    return {
        "documents": ["annotations/gold/00[234]_*.json"],
        "splits": str(splits),
        "dropout": 0.0,
        "epochs": 3,
        "warmup": 0.5,
        "save_every": 4,
        "max_gradient_norm": 0.5,
    }


@pytest.fixture(scope="module")
def alone(make_config, settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of one process in one pass a step."""
    run = tmp_path_factory.mktemp("alone") / "run"
    train(make_config(run, **settings))
    return run


def _curve(run: Path, name: str) -> list[float]:
    events = EventAccumulator(str(run / "tensorboard")).Reload()
    return [event.value for event in events.Scalars(name)]


def assert_alike(run: Path, other: Path) -> None:
    assert _curve(run, "step/loss") == pytest.approx(_curve(other, "step/loss"), rel=1e-3)
    assert _curve(run, "step/rate") == _curve(other, "step/rate")
    mine, theirs = (json.loads((one / "metrics.json").read_text())["epochs"] for one in (run, other))
    assert [entry["loss"] for entry in mine] == pytest.approx([entry["loss"] for entry in theirs], rel=1e-3)
    counts = [
        [row["gold"] for entry in epochs for row in entry["development"]["labels"].values()]
        for epochs in (mine, theirs)
    ]
    assert counts[0] == counts[1]
    weights = [load_file(one / "checkpoint" / "model.safetensors") for one in (run, other)]
    assert all(torch.allclose(tensor, weights[1][name], atol=2e-4) for name, tensor in weights[0].items())


def test_two_processes_learn_as_one(launch, make_config, settings, alone, tmp_path):
    """Losses and rates of every step, development counts and weights; the batch size is that of both together."""
    process = launch(make_config(tmp_path / "run", **settings))
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert "18 optimizer steps in 3 epochs, processes: 2" in said
    assert_alike(tmp_path / "run", alone)


def test_two_processes_that_share_one_model_resume_and_learn_as_one(
    launch, make_config, settings, alone, root, tmp_path
):
    """FSDP as configs/accelerate/fsdp.yaml sets it, stopped and gone on."""
    script = tmp_path / "on_a_cpu.py"
    script.write_text(ON_A_CPU)
    config = make_config(tmp_path / "run", **settings, resume="auto", gradient_accumulation_steps=2)
    arguments = ["--config_file", str(root / "configs/accelerate/fsdp.yaml"), "--main_process_port", "0"]
    start = partial(launch, config, [*LAUNCH, *arguments], str(script), ACCELERATE_USE_CPU="false")
    said = [start().communicate()[1] for _ in range(2)]
    assert "stopped by SIGTERM after step" in said[0]
    assert "going on after step" in said[1]
    mine, theirs = (json.loads((one / "metrics.json").read_text())["epochs"] for one in (tmp_path / "run", alone))
    assert [entry["loss"] for entry in mine] == pytest.approx([entry["loss"] for entry in theirs], rel=1e-3)
    weights = [load_file(one / "checkpoint" / "model.safetensors") for one in (tmp_path / "run", alone)]
    assert all(torch.allclose(tensor, weights[1][name], atol=2e-4) for name, tensor in weights[0].items())


@pytest.mark.parametrize("passes", [2, 3, 7])
def test_accumulated_passes_learn_as_one(make_config, settings, alone, tmp_path, monkeypatch, passes):
    """A launcher's own setting must not divide the loss once more."""
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    train(make_config(tmp_path / "run", **settings, gradient_accumulation_steps=passes))
    assert_alike(tmp_path / "run", alone)


def test_two_process_resume_after_sigterm_and_then_as_one(launch, make_config, settings, alone, tmp_path):
    """The signal reaches both through the launcher; they stop at the same step, and one process goes on from there."""
    run = tmp_path / "run"
    config = make_config(run, **settings, resume="auto", gradient_accumulation_steps=2)
    process = launch(config)
    while not list((run / "checkpoints").glob("step-*")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate()
    assert process.returncode != 0
    assert "stopped by SIGTERM after step" in said
    assert "go on with --resume auto" in said
    newest = max((run / "checkpoints").glob("step-*"))
    assert f"all is saved in {newest}" in said
    assert 4 <= int(newest.name[-8:]) < 18
    train(config)
    mine, theirs = (json.loads((one / "metrics.json").read_text())["epochs"] for one in (run, alone))
    assert [entry["loss"] for entry in mine] == pytest.approx([entry["loss"] for entry in theirs], rel=1e-3)


@pytest.mark.parametrize(
    ("changes", "environment", "message"),
    [
        ({}, {"ACCELERATE_USE_CPU": "false"}, "2 processes were started, and each would train alone"),
        ({"batch_size": 1}, {}, "batch_size 1 is less than the 2 processes that share it"),
    ],
)
def test_two_processes_that_cannot_share_say_so(launch, make_config, settings, tmp_path, changes, environment, message):
    process = launch(make_config(tmp_path / "run", **{**settings, **changes}), **environment)
    _, said = process.communicate()
    assert process.returncode != 0
    assert message in said
    assert not (tmp_path / "run" / "checkpoint").exists()
