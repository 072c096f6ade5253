"""The accuracy report: its Markdown from fixed figures, its pictures, its stages on tiny models."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file

from aqwal.training import trial
from aqwal.training.accuracy import stages
from aqwal.training.accuracy.stages import AccuracyConfig, draw_pictures, in_cell, render_report
from aqwal.training.config import PROJECT_ROOT, TrainConfig, parse_config
from aqwal.training.crossval import CrossValidationConfig
from aqwal.training.trial import documents_of

DATA = Path(__file__).parents[2] / "data" / "training"
PICTURES = ("accuracy-slices.png", "learning-curve.png", "reliability.png")


@pytest.fixture
def figures() -> dict[str, Any]:
    return json.loads((DATA / "accuracy.json").read_text(encoding="utf-8"))


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(trial, "train", refuse)


def test_the_report_of_fixed_figures_is_the_golden_one(figures: dict[str, Any]):
    report = render_report(figures, "## What helped, and what did not\nNothing was tried.\n")
    assert report == (DATA / "accuracy.md").read_text(encoding="utf-8")


def test_what_was_not_run_is_said_to_be_missing(figures: dict[str, Any]):
    without: dict[str, Any] = dict.fromkeys(("served", "crossval", "curve"))
    empty = {"errors": {"corpus": None, "seeds": None}, "examples": {"corpus": [], "seeds": []}}
    report = render_report({**figures, **without, **empty}, None)
    for stage, times in {"corpus": 2, "crossval": 3, "curve": 1}.items():
        assert report.count(f"*Not measured: the stage `{stage}` was not run.*") == times
    assert "images/" not in report
    assert report.count("not measured") == 4


def test_pictures_are_drawn_of_what_was_run(figures: dict[str, Any], tmp_path: Path):
    draw_pictures(figures, tmp_path / "all")
    assert tuple(sorted(path.name for path in (tmp_path / "all").iterdir())) == PICTURES
    for name in PICTURES:
        with Image.open(tmp_path / "all" / name) as picture:
            assert picture.width > 600
            assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 20
    draw_pictures({**figures, "curve": None, "crossval": None}, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_long_texts_are_shortened_and_fit_a_cell():
    assert in_cell("قال\nزيد | نعم") == "قال زيد \\| نعم"
    assert in_cell(" ".join(map(str, range(20)))) == "0 1 2 3 4 5 6 […] 13 14 15 16 17 18 19"


def test_the_project_s_configuration_holds_together():
    config = parse_config([], stages.DEFAULT_CONFIG, AccuracyConfig)
    train = parse_config(["--config", config.train], stages.DEFAULT_CONFIG, TrainConfig)
    crossval = parse_config(["--config", config.crossval], stages.DEFAULT_CONFIG, CrossValidationConfig)
    articles, validated = ({one.id for one in documents_of(run)["train"]} for run in (train, crossval.training()))
    assert validated <= articles
    assert config.spelling_seeds
    assert train.respelled_share
    assert train.splits is None
    with pytest.raises(SystemExit):
        parse_config(["--stages", "corpus,all"], stages.DEFAULT_CONFIG, AccuracyConfig)


def test_a_missing_package_is_named_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_training: None
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SystemExit, match=r"the pictures need matplotlib; install aqwal with its extra reports, "):
        stages.main(["--output_dir", str(tmp_path / "run"), "--docs_dir", str(tmp_path / "docs")])
    assert not (tmp_path / "run").exists()


def _write(path: Path, fields: dict[str, Any]) -> str:
    path.write_text(yaml.safe_dump(fields))
    return str(path)


def _configure(tmp_path: Path, train: dict[str, Any], folds: int, validated: list[str] | None = None) -> str:
    part = {"documents": validated or train["documents"]}
    crossval = {**train, **part, "output_dir": str(tmp_path / "crossval"), "fold_count": folds, "seeds": [1]}
    return _write(
        tmp_path / "accuracy.yaml",
        {
            "train": _write(tmp_path / "train.yaml", train),
            "crossval": _write(tmp_path / "crossval.yaml", crossval),
            "curve": _write(tmp_path / "curve.yaml", {**train, **part}),
            "gold": ["annotations/gold/004_*.json"],
            "sizes": [2, 9],
            "seeds": [1],
            "output_dir": str(tmp_path / "accuracy"),
            "docs_dir": str(tmp_path / "docs"),
        },
    )


def _tiny_training(base: Path, tmp_path: Path) -> dict[str, Any]:
    return {
        "base": str(base),
        "documents": ["annotations/corpus/w1-0[1-6].json"],
        "output_dir": str(tmp_path / "run"),
        "max_length": 160,
        "overlap": 40,
        "epochs": 1,
        "batch_size": 4,
        "encoder_rate": 3.0e-3,
        "head_rate": 1.0e-2,
    }


def test_a_trained_run_is_taken_over_exported_and_reported(tiny_run: Path, tmp_path: Path, no_training: None):
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    train = {**yaml.safe_load((run / "config.yaml").read_text()), "output_dir": str(run)}
    config = _configure(tmp_path, train, folds=2)
    stages.main(["--config", config, "--stages", "corpus"])
    answers = (run / "int8.json").stat()
    stages.main(["--config", config, "--stages", "corpus,report"])
    assert (run / "int8.json").read_bytes()
    assert (run / "model" / "model.onnx").stat().st_mtime < answers.st_mtime
    figures = json.loads((tmp_path / "docs" / "accuracy.json").read_text())
    assert figures["served"]["int8"]["labels"]["QUOTE"]["gold"] == 22
    assert figures["served"]["megabytes"]["int8"] < figures["served"]["megabytes"]["fp32"]
    assert figures["links"]["corpus"] == {"said_by": 1.0, "about": 1.0}
    assert (figures["crossval"], figures["curve"]) == (None, None)
    report = (tmp_path / "docs" / "accuracy.md").read_text()
    assert "the stage `crossval` was not run" in report
    assert not (tmp_path / "docs" / "images").exists()


def test_a_run_of_other_settings_is_not_overwritten(tiny_run: Path, tmp_path: Path, no_training: None):
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    train = {**yaml.safe_load((run / "config.yaml").read_text()), "output_dir": str(run), "head_rate": 0.02}
    with pytest.raises(SystemExit, match="run has a trial with another head_rate"):
        stages.main(["--config", _configure(tmp_path, train, folds=2), "--stages", "corpus"])


def test_a_training_in_several_spellings_is_averaged_once(tiny_base: Path, tmp_path: Path):
    """The mean needs the folders of its trainings no more, unless it is to be of others."""
    train = {**_tiny_training(tiny_base, tmp_path), "respelled_share": 1.0}
    config = yaml.safe_load(Path(_configure(tmp_path, train, folds=2)).read_text())
    path = _write(tmp_path / "accuracy.yaml", {**config, "spelling_seeds": [1, 2], "stages": "corpus"})
    stages.main(["--config", path])
    runs = tmp_path / "run"
    spellings = [yaml.safe_load((run / "config.yaml").read_text())["spelling_seed"] for run in sorted(runs.iterdir())]
    assert spellings == [1, 2]
    weights = [load_file(run / "checkpoint" / "model.safetensors") for run in sorted(runs.iterdir())]
    averaged = tmp_path / "accuracy" / "averaged"
    for name, mean in load_file(averaged / "checkpoint" / "model.safetensors").items():
        assert torch.allclose(mean, (weights[0][name] + weights[1][name]) / 2, atol=1e-6)
    shutil.rmtree(runs)
    shutil.rmtree(averaged / "model")
    answers = (averaged / "int8.json").read_bytes()
    stages.main(["--config", path])
    assert (averaged / "int8.json").read_bytes() == answers
    assert not runs.exists()
    shutil.rmtree(averaged / "checkpoint")
    stages.main(["--config", path, "--spelling_seeds", "[2, 3]"])
    assert sorted(run.name for run in runs.iterdir()) == ["spelling-2", "spelling-3"]
    assert json.loads((averaged / "metrics.json").read_text())["kept"]["averaged"] == ["spelling-2", "spelling-3"]


def test_spellings_that_would_be_the_same_training_are_refused(tiny_base: Path, tmp_path: Path, no_training: None):
    config = _configure(tmp_path, _tiny_training(tiny_base, tmp_path), folds=2)
    with pytest.raises(SystemExit, match="with `spelling_seeds` the training needs a `respelled_share`"):
        stages.main(["--config", config, "--stages", "corpus", "--spelling_seeds", "[1, 2]"])
    for wrong in ("[2, 2]", "[-1]"):
        with pytest.raises(SystemExit, match="2"):
            stages.main(["--config", config, "--spelling_seeds", wrong])


def test_curve_and_cross_validation_are_reported_without_the_model(tiny_base: Path, tmp_path: Path):
    train = _tiny_training(tiny_base, tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "accuracy-notes.md").write_text("## What helped\nNothing yet.\n")
    config = _configure(tmp_path, train, folds=2, validated=["annotations/corpus/w1-0[1-5].json"])
    stages.main(["--config", config, "--stages", "curve,crossval,report"])
    figures = json.loads((tmp_path / "docs" / "accuracy.json").read_text())
    assert [point["articles"] for point in figures["curve"]] == [2, 4]
    assert figures["crossval"]["folds"] == 2
    assert [figures["sizes"][name]["documents"] for name in ("corpus", "validated")] == [6, 5]
    assert figures["errors"]["corpus"]["gold"]["QUOTE"]
    assert figures["served"] is None
    assert sorted(path.name for path in (tmp_path / "docs" / "images").iterdir()) == list(PICTURES)
    report = (tmp_path / "docs" / "accuracy.md").read_text()
    assert "Over the 5 articles that there were when it was run." in report
    assert report.endswith("## What helped\nNothing yet.\n")


def test_the_files_of_the_project_are_where_the_report_points():
    assert (PROJECT_ROOT / "benchmarks" / "reporting_verbs.py").is_file()
    assert (PROJECT_ROOT / "docs" / "experiments.md").is_file()
