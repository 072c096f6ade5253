"""`aqwal evaluate`: a table, the scores as JSON, and a sentence for what cannot be scored."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aqwal.training.commands import app

LEARNED = "002_35a5180d63e7b702"


@pytest.fixture
def gold_file(root: Path) -> Path:
    return root / "annotations" / "gold" / f"{LEARNED}.json"


def test_scores_are_shown_and_written(tiny_model: Path, gold_file: Path, tmp_path: Path):
    scores = tmp_path / "scores.json"
    done = CliRunner().invoke(app, ["--model", str(tiny_model), "--gold", str(gold_file), "--json", str(scores)])
    assert done.exit_code == 0
    labels = json.loads(scores.read_text())["labels"]
    assert labels["QUOTE"]["f1"] == 1.0
    assert "QUOTE" in done.stdout
    assert "pair F1 said_by: 1.000" in done.stdout


def test_documents_without_gold_are_named_before_anything_is_answered(
    tiny_model: Path, gold_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    tasks = json.loads(gold_file.read_text())
    for annotation in tasks[0]["annotations"]:
        annotation["ground_truth"] = False
    bare = tmp_path / "bare.json"
    bare.write_text(json.dumps(tasks))
    monkeypatch.setattr("aqwal.serving.Predictor.predict_many", None)
    done = CliRunner().invoke(app, ["--model", str(tiny_model), "--gold", str(bare)])
    assert done.exit_code == 1
    assert f"documents {LEARNED} (1 in all) have no annotation with ground_truth" in done.stderr


def test_scores_that_cannot_be_written_are_still_shown(tiny_model: Path, gold_file: Path, tmp_path: Path):
    done = CliRunner().invoke(app, ["--model", str(tiny_model), "--gold", str(gold_file), "--json", str(tmp_path)])
    assert done.exit_code == 2
    assert "QUOTE" in done.stdout
    assert "cannot be read or written" in done.stderr
