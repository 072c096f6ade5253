"""Averaged runs: the mean of the weights, a folder that exports, runs that do not fit refused."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from aqwal.training.average import average_runs
from aqwal.training.export import read_run_folder
from aqwal.training.model import SpanTagger
from aqwal.training.train import CHECKPOINT


@pytest.fixture
def other_run(tiny_run: Path, tmp_path: Path) -> Path:
    """The tiny run with other weights and transitions."""
    run = Path(shutil.copytree(tiny_run, tmp_path / "other"))
    tagger = SpanTagger.load(run / CHECKPOINT)
    with torch.no_grad():
        for parameter in tagger.parameters():
            parameter.add_(0.5)
    tagger.save(run / CHECKPOINT)
    return run


def test_every_weight_is_the_mean(tiny_run: Path, other_run: Path, tmp_path: Path):
    average_runs([tiny_run, other_run, other_run], tmp_path / "mean")
    before, after = (SpanTagger.load(run / CHECKPOINT).state_dict() for run in (tiny_run, tmp_path / "mean"))
    assert before.keys() == after.keys()
    assert all(torch.allclose(after[name], before[name] + 1 / 3, atol=1e-5) for name in before)


def test_the_mean_is_a_run_folder_that_says_what_it_is(tiny_run: Path, other_run: Path, tmp_path: Path):
    average_runs([tiny_run, other_run], tmp_path / "mean")
    for name in ("config.yaml", "data.json", "versions.json", "checkpoint/tokenizer.json"):
        assert (tmp_path / "mean" / name).read_bytes() == (tiny_run / name).read_bytes()
    metrics = json.loads((tmp_path / "mean" / "metrics.json").read_text())
    assert metrics["kept"]["averaged"] == [tiny_run.name, "other"]


def test_what_one_run_learned_from_is_held_out_of_none(tiny_run: Path, other_run: Path, tmp_path: Path):
    data = json.loads((other_run / "data.json").read_text())
    train, files = data["documents"]["train"], data["files"]
    path = other_run / "data.json"
    path.write_text(
        json.dumps({"files": {**files, "x": "1"}, "documents": {"train": ["x"], "development": train, "test": ["y"]}})
    )
    average_runs([other_run, tiny_run], tmp_path / "mean")
    joined = json.loads((tmp_path / "mean" / "data.json").read_text())
    assert joined["documents"] == {"train": ["x", *train], "development": [], "test": ["y"]}
    assert joined["files"] == {**files, "x": "1"}


def test_patterns_that_match_the_same_files_are_no_hindrance(tiny_run: Path, other_run: Path, tmp_path: Path):
    config = other_run / "config.yaml"
    config.write_text(config.read_text().replace("annotations/gold/002_*.json", "annotations/gold/00[2]_*.json"))
    average_runs([tiny_run, other_run], tmp_path / "mean")
    config, documents = read_run_folder(tmp_path / "mean")
    assert len(config.documents) == 2
    assert [document.id for document in documents["train"]] == ["002_35a5180d63e7b702"]


def test_only_an_average_is_replaced(tiny_run: Path, other_run: Path, tmp_path: Path):
    before = (other_run / "checkpoint" / "model.safetensors").read_bytes()
    with pytest.raises(ValueError, match="other is there and is no average of runs"):
        average_runs([tiny_run, other_run], other_run)
    assert (other_run / "checkpoint" / "model.safetensors").read_bytes() == before
    average_runs([tiny_run, other_run], tmp_path / "mean")
    average_runs([tiny_run, other_run], tmp_path / "mean")
    assert not list(tmp_path.glob(".mean*"))


def test_runs_that_do_not_fit_are_refused(tiny_run: Path, other_run: Path, tmp_path: Path):
    with pytest.raises(ValueError, match="two runs or more, got 1"):
        average_runs([tiny_run], tmp_path / "mean")
    config = other_run / "config.yaml"
    config.write_text(config.read_text().replace("seed: 13", "seed: 14"))
    with pytest.raises(ValueError, match="differ in seed, so their weights have no mean"):
        average_runs([tiny_run, other_run], tmp_path / "mean")
    config.unlink()
    with pytest.raises(FileNotFoundError, match=r"config\.yaml is missing"):
        average_runs([tiny_run, other_run], tmp_path / "mean")
    assert not (tmp_path / "mean").exists()
