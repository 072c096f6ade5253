"""What an earlier report keeps, and when it does not."""

import json
from pathlib import Path
from typing import Any

import pytest

from aqwal.training.accuracy.earlier import keep_earlier

NOW = {"corpus": "a", "crossval": "b", "curve": "c"}
NOTHING: dict[str, Any] = {
    "served": None,
    "crossval": None,
    "curve": None,
    "errors": {"seeds": None, "corpus": None},
    "examples": {"seeds": [], "corpus": []},
}
EARLIER = {
    "served": {"int8": 1},
    "crossval": {"folds": 5},
    "curve": [3],
    "errors": {"seeds": {"gold": 1}, "corpus": {"gold": 2}},
    "examples": {"seeds": ["x"], "corpus": ["y"]},
}


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "accuracy.json"
    path.write_text(json.dumps({**EARLIER, "fingerprints": NOW}))
    return path


def test_figures_of_the_same_documents_and_settings_are_kept(report: Path):
    assert keep_earlier(NOTHING, NOW, report) == {**EARLIER, "fingerprints": NOW}


def test_figures_of_others_are_not_kept(report: Path):
    kept = keep_earlier(NOTHING, {**NOW, "crossval": "other"}, report)
    assert kept["crossval"] is None
    assert kept["errors"] == {"seeds": {"gold": 1}, "corpus": None}
    assert kept["examples"] == {"seeds": ["x"], "corpus": []}


def test_what_was_measured_here_is_not_overwritten(report: Path):
    here = {**NOTHING, "served": {"int8": 2}, "errors": {"seeds": {"gold": 5}, "corpus": None}}
    kept = keep_earlier(here, NOW, report)
    assert (kept["served"], kept["errors"]["seeds"]) == ({"int8": 2}, {"gold": 5})
    assert kept["crossval"] == {"folds": 5}


@pytest.mark.parametrize("content", [None, "{}"])
def test_without_an_earlier_report_nothing_is_kept(content: str | None, tmp_path: Path):
    path = tmp_path / "accuracy.json"
    if content is not None:
        path.write_text(content)
    assert keep_earlier(NOTHING, NOW, path) == {**NOTHING, "fingerprints": NOW}
