"""An adaptation that is told to stop saves and goes on to the same weights; one that diverges ends and says so."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from aqwal.training.adapt.config import AdaptConfig
from aqwal.training.adapt.masked_model import MaskedWordLoss
from aqwal.training.adapt.run import adapt, main
from aqwal.training.loop.figures import DivergedError


@pytest.fixture
def assert_same() -> Callable[..., None]:
    """Compare weights and reports of runs, but for their speed."""

    def check(run: Path, other: Path, reports: list[list[dict]]) -> None:
        mine, theirs = ([{**one, "tokens_per_second": 0} for one in each] for each in reports)
        assert mine == theirs
        weights = [load_file(folder / "base" / "model.safetensors") for folder in (run, other)]
        assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())

    return check


def _saved(run: Path) -> list[int]:
    return sorted(int(path.name[-8:]) for path in (run / "checkpoints").glob("step-*"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_resume_after_a_signal_between_two_checkpoints(
    text: Path, tmp_path: Path, make_config: Callable[..., AdaptConfig], assert_same, monkeypatch, caplog, number
):
    """In the middle of a stretch of the log, whose mean loss is that of all its steps nevertheless."""
    straight = adapt(make_config(text, tmp_path / "straight", log_every=4))
    handler, forward, passes = signal.getsignal(number), MaskedWordLoss.forward, []

    def interrupt(self, batch):
        passes.append(self.training)
        if sum(passes) == 6:
            signal.raise_signal(number)
        return forward(self, batch)

    stopped = make_config(text, tmp_path / "stopped", log_every=4, resume="auto")
    with monkeypatch.context() as patch, pytest.raises(SystemExit) as left:
        patch.setattr(MaskedWordLoss, "forward", interrupt)
        adapt(stopped)
    assert left.value.code == 128 + number
    assert _saved(tmp_path / "stopped") == [4, 6]
    assert f"stopped by {number.name} after step 6: all is saved in" in caplog.text
    assert signal.getsignal(number) is handler
    assert_same(tmp_path / "stopped", tmp_path / "straight", [adapt(stopped), straight])


def test_resume_of_a_process_after_sigterm(
    root: Path, text: Path, tmp_path: Path, make_config: Callable[..., AdaptConfig], assert_same
):
    settings = {"steps": 200, "save_every": 50, "log_every": 50}
    config = make_config(text, tmp_path / "run", resume="auto", **settings)
    (tmp_path / "adapt.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
    command = [sys.executable, "-m", "aqwal.training.adapt", "--config", str(tmp_path / "adapt.yaml")]
    process = subprocess.Popen(command, cwd=root, env=dict(os.environ), stderr=subprocess.PIPE, text=True)
    while not _saved(tmp_path / "run") and process.poll() is None:
        time.sleep(0.01)
    process.terminate()
    _, said = process.communicate()
    assert process.returncode == 128 + signal.SIGTERM, said
    assert "stopped by SIGTERM after step" in said
    assert "Traceback" not in said
    straight = adapt(make_config(text, tmp_path / "straight", **settings))
    assert_same(tmp_path / "run", tmp_path / "straight", [adapt(config), straight])


def test_resume_after_a_loss_that_is_no_number(
    text: Path, tmp_path: Path, make_config: Callable[..., AdaptConfig], assert_same, monkeypatch
):
    straight = adapt(make_config(text, tmp_path / "straight"))
    config = make_config(text, tmp_path / "run", resume="auto")
    forward, passes = MaskedWordLoss.forward, []

    def diverge(self, batch):
        passes.append(self.training)
        loss = forward(self, batch)
        return loss * float("nan") if self.training and sum(passes) == 5 else loss

    with monkeypatch.context() as patch, pytest.raises(DivergedError, match="step 5 has loss nan"):
        patch.setattr(MaskedWordLoss, "forward", diverge)
        adapt(config)
    assert _saved(tmp_path / "run") == [4]
    assert_same(tmp_path / "run", tmp_path / "straight", [adapt(config), straight])


def test_the_command_says_that_it_diverged(
    text: Path, tmp_path: Path, make_config: Callable[..., AdaptConfig], monkeypatch
):
    config = make_config(text, tmp_path / "run")
    (tmp_path / "adapt.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
    forward = MaskedWordLoss.forward
    monkeypatch.setattr(MaskedWordLoss, "forward", lambda self, batch: forward(self, batch) * float("inf"))
    with pytest.raises(SystemExit) as left:
        main(["--config", str(tmp_path / "adapt.yaml")])
    assert str(left.value.code).startswith("adapt: step 1 has loss inf")
