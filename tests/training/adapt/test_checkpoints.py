"""Checkpoints: a run that was killed goes on as if it had not been, and only the same run does."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from aqwal.training import checkpoints
from aqwal.training.adapt.config import AdaptConfig
from aqwal.training.adapt.run import adapt


class _Killed(Exception):  # noqa: N818
    pass


def _figures(reports: list[dict]) -> list[dict]:
    return [{name: value for name, value in one.items() if name != "tokens_per_second"} for one in reports]


def test_a_killed_run_goes_on_to_the_same_weights(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_config: Callable[..., AdaptConfig]
):
    """With dropout and accumulation; the kill comes while the second checkpoint is written."""
    settings = {"steps": 11, "gradient_accumulation_steps": 2}
    straight = adapt(make_config(text, tmp_path / "straight", **settings))

    def write_first_checkpoint(path: Path, content: str) -> None:
        if "step-00000008" in str(path):
            raise _Killed
        path.write_text(content, encoding="utf-8")

    stopped = make_config(text, tmp_path / "stopped", resume="auto", **settings)
    with monkeypatch.context() as patch, pytest.raises(_Killed):
        patch.setattr(checkpoints, "write_text", write_first_checkpoint)
        adapt(stopped)
    folder = tmp_path / "stopped" / "checkpoints"
    assert sorted(path.name for path in folder.iterdir()) == [".step-00000008.unfinished", "step-00000004"]

    resumed = adapt(stopped)
    assert _figures(resumed) == _figures(straight)
    weights = [load_file(tmp_path / name / "base" / "model.safetensors") for name in ("straight", "stopped")]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())
    assert sorted(path.name for path in folder.iterdir()) == ["step-00000008", "step-00000011"]
    assert adapt(stopped) == resumed


def test_checkpoints_of_another_run_are_refused(finished: Path, tmp_path: Path):
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    config = AdaptConfig(**{**yaml.safe_load((run / "config.yaml").read_text()), "output_dir": str(run)})
    with pytest.raises(ValueError, match=r"step-00000060 is there from an earlier run; give --resume auto"):
        adapt(config)
    with pytest.raises(ValueError, match=r"is of a run with another seed, steps; go on with what it had"):
        adapt(config.model_copy(update={"resume": "auto", "steps": 70, "seed": 2}))
    assert yaml.safe_load((run / "config.yaml").read_text())["steps"] == 60
