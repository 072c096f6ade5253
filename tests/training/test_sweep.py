"""Sweeps: every variant with every seed, results kept, failures reported."""

import json
from pathlib import Path

import pytest
import yaml

from aqwal.training import sweep, trial
from aqwal.training.config import PROJECT_ROOT, parse_config
from aqwal.training.data import find_files
from aqwal.training.folds import make_folds
from aqwal.training.sweep import SweepConfig, markdown_tables, run_sweep

SWEEPS = sorted((PROJECT_ROOT / "configs" / "sweeps").glob("*.yaml"))
DEVELOPMENT, OTHER = "004_1c209e6ac6ae10d1", "003_5b03c3492d964627"


@pytest.fixture
def base_file(tiny_base: Path, tmp_path: Path) -> Path:
    splits = tmp_path / "splits.json"
    splits.write_text(json.dumps({"train": ["002_35a5180d63e7b702"], "development": [DEVELOPMENT]}))
    fields = {
        "base": str(tiny_base),
        "documents": ["annotations/gold/002_*.json", "annotations/gold/004_*.json"],
        "output_dir": "never",
        "max_length": 160,
        "overlap": 40,
        "epochs": 2,
        "batch_size": 4,
        "encoder_rate": 3.0e-3,
        "head_rate": 1.0e-2,
        "splits": str(splits),
    }
    path = tmp_path / "base.yaml"
    path.write_text(yaml.safe_dump(fields))
    return path


def settings(base_file: Path, tmp_path: Path, runs: dict[str, object], **more: object) -> SweepConfig:
    fields = {"base_config": str(base_file), "output_dir": str(tmp_path / "sweep"), "runs": runs}
    return SweepConfig(**{**fields, "seeds": (1, 2), **more})


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_every_sweep_loads_with_its_base_and_all_runs(path: Path):
    config = parse_config(["--config", str(path)], sweep.DEFAULT_CONFIG, SweepConfig)
    planned = config.train_configs()
    assert len(planned) == len(config.runs) * len(config.seeds)
    assert len({one.output_dir for _, one in planned}) == len(planned)
    # A name that does not say what it varies would be two names for one run.
    kinds = {one.model_dump_json(exclude={"seed", "output_dir"}) for _, one in planned}
    assert len(kinds) == len(config.runs)


def test_the_tuning_splits_are_those_of_the_learning_curve_and_of_every_batch():
    parts = json.loads((PROJECT_ROOT / "configs" / "splits" / "tuning.json").read_text())
    curve = yaml.safe_load((PROJECT_ROOT / "configs" / "learning-curve.yaml").read_text())
    there = {path.stem for path in find_files(curve["documents"], PROJECT_ROOT)}
    assert sorted(parts["train"] + parts["development"]) == sorted(there)
    assert parts["development"] == list(make_folds(there, 5)[0])
    assert {one.split("-")[0] for one in parts["train"]} == {one.split("-")[0] for one in parts["development"]}


def test_every_run_is_kept_and_a_stopped_sweep_goes_on(
    base_file: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    other = next((root / "annotations" / "gold").glob(f"{OTHER}*.json"))
    config = settings(base_file, tmp_path, {"crf": {}, "plain": {"loss": "cross_entropy"}})
    results, failed = run_sweep(config, [other])
    assert not failed
    assert {name: [one["seed"] for one in found] for name, found in results.items()} == {"crf": [1, 2], "plain": [1, 2]}
    kept = json.loads((tmp_path / "sweep" / "plain" / "seed-2" / "result.json").read_text())
    assert kept == results["plain"][1]
    assert kept["fields"] == {"loss": "cross_entropy"}
    assert list(kept["scores"]) == ["development", other.stem]

    def refuse(_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(trial, "train", refuse)
    assert run_sweep(config, [other]) == (results, {})
    tables = markdown_tables(results).split("\n\n**")
    assert len(tables) == 2
    assert "| run | SPEAKER exact F1 | SPEAKER overlap F1 |" in tables[0]
    assert tables[0].count("\n| crf | 0.") == 1


def test_a_run_that_fails_is_reported_and_the_others_go_on(
    base_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "sweep.yaml"
    config = settings(base_file, tmp_path, {"wrong": {"base": "nobody/no-such"}, "right": {}}, seeds=[1])
    path.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    with pytest.raises(SystemExit, match=r"failed: wrong, seed 1: base 'nobody/no-such' cannot be opened") as stopped:
        sweep.main(["--config", str(path)])
    assert stopped.value.code
    assert "| right | 0." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ({"seed": 3}, "run a sets seed, which the sweep sets itself"),
        ({"epocs": 3}, "epocs"),
        ({"keep": "best"}, "keep: best chooses the epoch by the documents that a sweep scores"),
    ],
)
def test_a_wrong_run_is_refused_before_any_is_trained(
    base_file: Path, tmp_path: Path, run: dict[str, object], message: str
):
    with pytest.raises(ValueError, match=message):
        run_sweep(settings(base_file, tmp_path, {"first": {}, "a": run}), [])
    assert not (tmp_path / "sweep").exists()


def test_files_to_score_that_would_be_mixed_up_are_refused(base_file: Path, root: Path, tmp_path: Path):
    other = next((root / "annotations" / "gold").glob(f"{OTHER}*.json"))
    config = settings(base_file, tmp_path, {"a": {}}, seeds=(1,))
    same_name = tmp_path / other.name
    same_name.write_bytes(other.read_bytes())
    with pytest.raises(ValueError, match=f"in other sets: ..{OTHER}.."):
        run_sweep(config, [other, same_name])
    in_development = next((root / "annotations" / "gold").glob(f"{DEVELOPMENT}*.json"))
    with pytest.raises(ValueError, match=f"in other sets: ..{DEVELOPMENT}.."):
        run_sweep(config, [in_development])
    tasks = json.loads(other.read_text())
    for annotation in tasks[0]["annotations"]:
        annotation["ground_truth"] = False
    (tmp_path / "bare.json").write_text(json.dumps(tasks))
    with pytest.raises(ValueError, match=f"without ground_truth: ..{OTHER}.."):
        run_sweep(config, [tmp_path / "bare.json"])
    assert not (tmp_path / "sweep").exists()


def test_a_sweep_with_nothing_to_score_says_so(base_file: Path, tmp_path: Path):
    _, failed = run_sweep(settings(base_file, tmp_path, {"a": {"splits": None}}, seeds=(1,)), [])
    assert failed == {"a, seed 1": "nothing to score: no development documents in splits None, and no --score FILE"}


def test_score_takes_several_files():
    assert sweep._score_files(["--score", "a", "b", "--config", "c", "--score", "d"]) == (
        [Path("a"), Path("b"), Path("d")],
        ["--config", "c"],
    )
