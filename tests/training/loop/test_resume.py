"""A fine-tuning that is killed, told to stop, or out of space goes on to the weights that it would have had."""

import json
import os
import random
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from aqwal.training.checkpoints import CheckpointError
from aqwal.training.loop import fine_tuning
from aqwal.training.loop.figures import DivergedError
from aqwal.training.model import SpanTagger
from aqwal.training.train import train


def _wait_for(happened: Callable[[], bool], process=None) -> None:
    while not happened() and (process is None or process.is_alive()):
        time.sleep(0.002)


@pytest.fixture(scope="module")
def straight(make_config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a fine-tuning that nothing stopped."""
    run = tmp_path_factory.mktemp("straight") / "run"
    train(make_config(run))
    return run


@pytest.fixture
def assert_same(straight: Path, metrics) -> Callable[[Path], None]:
    def check(run: Path) -> None:
        weights = [load_file(folder / "checkpoint" / "model.safetensors") for folder in (straight, run)]
        assert weights[0].keys() == weights[1].keys()
        assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())
        # The transitions are in the configuration of the weights.
        configs = [(folder / "checkpoint" / "config.json").read_text() for folder in (straight, run)]
        assert configs[0] == configs[1]
        assert metrics(run) == metrics(straight)

    return check


def test_resume_after_many_kills_ends_with_the_same_weights(tmp_path, make_config, start, saved_steps, assert_same):
    """SIGKILL at random moments, whether a step is done, a checkpoint written, or the base still loaded."""
    config = make_config(tmp_path / "run", resume="auto", save_every=1)
    rng, run, kills, done = random.Random(5), tmp_path / "run", 0, False
    while not done:
        goal = max(saved_steps(run), default=0) + rng.randint(0, 3)
        process = start(config)
        begun = run / "checkpoints" / f".step-{goal:08d}.unfinished"
        _wait_for(lambda begun=begun, goal=goal: begun.exists() or max(saved_steps(run), default=0) >= goal, process)
        time.sleep(rng.uniform(0, 0.1))
        process.kill()
        process.join()
        kills += process.exitcode == -signal.SIGKILL
        done = process.exitcode == 0 or max(saved_steps(run), default=0) >= 20
    assert kills >= 5
    process = start(config)
    process.join()
    assert process.exitcode == 0
    assert_same(run)
    assert not saved_steps(run), "a finished run needs no checkpoints"


def test_resume_after_sigterm(tmp_path, make_config, start, saved_steps, assert_same):
    config = make_config(tmp_path / "run", resume="auto", save_every=3)
    process = start(config)
    _wait_for(lambda: bool(saved_steps(tmp_path / "run")), process)
    os.kill(process.pid, signal.SIGTERM)
    process.join()
    assert process.exitcode == 128 + signal.SIGTERM
    train(config)
    assert_same(tmp_path / "run")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_answered_between_two_steps(
    tmp_path, make_config, saved_steps, assert_same, monkeypatch, caplog, number
):
    run, config = tmp_path / "run", make_config(tmp_path / "run", resume="auto", save_every=1000)
    handler = signal.getsignal(number)
    forward, passes = SpanTagger.forward, []

    def interrupt(self, batch):
        passes.append(1)
        if len(passes) == 13:
            signal.raise_signal(number)
        return forward(self, batch)

    with monkeypatch.context() as patch, pytest.raises(SystemExit) as left:
        patch.setattr(SpanTagger, "forward", interrupt)
        train(config)
    assert left.value.code == 128 + number
    assert saved_steps(run) == [13]
    assert f"stopped by {number.name} after step 13: all is saved in" in caplog.text
    assert signal.getsignal(number) is handler
    train(config)
    assert_same(run)


def test_resume_after_a_full_disk(tmp_path, make_config, start, saved_steps, assert_same):
    """The process may write no more than little files, which the disk's other faults look like to it."""
    config = make_config(tmp_path / "run", resume="auto", save_every=1)
    process = start(config)
    _wait_for(lambda: bool(saved_steps(tmp_path / "run")), process)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (100_000, 100_000))
    process.join()
    assert process.exitcode == 1
    left = saved_steps(tmp_path / "run")
    assert left
    assert max(left) < 24
    assert not list((tmp_path / "run" / "checkpoints").glob(".*unfinished")), "it takes no space that is needed"
    train(config)
    assert_same(tmp_path / "run")


def _stop_after(step: int, config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Break a run off at a step, with a fault that leaves what is on the disk as a kill would."""
    forward, passes = SpanTagger.forward, []

    def fail(self, batch):
        passes.append(1)
        if len(passes) > step:
            raise KeyboardInterrupt
        return forward(self, batch)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(SpanTagger, "forward", fail)
        train(config)


@pytest.mark.parametrize("damage", ["cut", "flip", "remove", "empty"])
def test_resume_passes_over_a_broken_checkpoint(
    tmp_path, make_config, saved_steps, assert_same, monkeypatch, caplog, damage
):
    run, config = tmp_path / "run", make_config(tmp_path / "run", resume="auto")
    _stop_after(7, config, monkeypatch)
    assert saved_steps(run) == [4, 6]
    weights = run / "checkpoints" / "step-00000006" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    changed = {"cut": content[:1000], "flip": content, "empty": b""}
    weights.unlink() if damage == "remove" else weights.write_bytes(changed[damage])
    train(config)
    assert "step-00000006 is broken and passed over: model.safetensors" in caplog.text
    assert_same(run)


def test_without_a_whole_checkpoint_nothing_is_begun(tmp_path, make_config, monkeypatch):
    config = make_config(tmp_path / "run", resume="auto")
    _stop_after(3, config, monkeypatch)
    (tmp_path / "run" / "checkpoints" / "step-00000002" / "files.json").unlink()
    with pytest.raises(CheckpointError, match=r"none of the checkpoints in .*/run/checkpoints is whole; remove"):
        train(config)


@pytest.mark.parametrize("fault", ["loss", "gradient"])
def test_resume_after_a_loss_that_is_no_number(tmp_path, make_config, saved_steps, assert_same, monkeypatch, fault):
    run, config = tmp_path / "run", make_config(tmp_path / "run", resume="auto")
    forward, passes = SpanTagger.forward, []

    def diverge(self, batch):
        passes.append(1)
        loss = forward(self, batch)
        if len(passes) != 8:
            return loss
        # The root of nothing has a value, but no slope.
        return loss * float("nan") if fault == "loss" else loss + (loss * 0).sqrt()

    with monkeypatch.context() as patch, pytest.raises(DivergedError, match="step 8 has loss"):
        patch.setattr(SpanTagger, "forward", diverge)
        train(config)
    assert saved_steps(run) == [4, 6]
    train(config)
    assert_same(run)


def test_only_the_same_run_goes_on(tmp_path, make_config, monkeypatch):
    run = tmp_path / "run"
    _stop_after(3, make_config(run), monkeypatch)
    with pytest.raises(ValueError, match=r"step-00000002 is there from an earlier run; give --resume auto"):
        train(make_config(run))
    with pytest.raises(ValueError, match=r"of a run with another documents, files, seed; go on with what it had"):
        train(make_config(run, resume="auto", seed=1, documents=["annotations/gold/004_*.json"]))


def test_resume_of_a_finished_run_does_nothing(straight, make_config, metrics, monkeypatch):
    monkeypatch.setattr(fine_tuning, "make_optimizer", None)
    assert train(make_config(straight, resume="auto")) == metrics(straight)
    with pytest.raises(ValueError, match=r"checkpoints is of a run with another seed"):
        train(make_config(straight, resume="auto", seed=1))


def test_a_checkpoint_holds_what_decides_the_rest(tmp_path, make_config, monkeypatch):
    config = make_config(tmp_path / "run", resume="auto")
    _stop_after(7, config, monkeypatch)
    folder = tmp_path / "run" / "checkpoints" / "step-00000006"
    described = json.loads((folder / "progress.json").read_text())
    assert described["step"] == 6
    assert described["words"] > 0
    assert described["origin"]["seed"] == config.seed
    assert {path.name for path in folder.iterdir()} >= {
        "model.safetensors",
        "optimizer.bin",
        "custom_checkpoint_0.pkl",
        "random_states_0.pkl",
    }


def test_resume_of_steps_with_a_budget(tmp_path, make_config, metrics, monkeypatch):
    """They are of unlike sizes, and as many in each epoch."""
    settings = {"batch_size": 8, "tokens_per_step": 300, "epochs": 3}
    train(make_config(tmp_path / "straight", **settings))
    config = make_config(tmp_path / "run", resume="auto", **settings)
    _stop_after(9, config, monkeypatch)
    train(config)
    assert metrics(tmp_path / "run") == metrics(tmp_path / "straight")
