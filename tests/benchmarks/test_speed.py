"""The speed benchmark from end to end, on models of a size that says nothing about speed."""

import json
import shutil
from functools import cache
from pathlib import Path

import pytest
from speed import __main__ as benchmark
from speed import cold_start, growth, limits, models
from speed.contenders import FP32, INT8, PIPELINE, TORCH
from speed.models import Measured, Size, with_random_weights
from speed.race import Time, to_time

from aqwal.serving.model_folder import SETTINGS_FILE, TOKENIZER_FILE

SIZE = Size(layers=2, hidden=32, feed_forward=64, heads=2, vocabulary=26_296)
TEXT = "قال الوزير إن الحل قريب، وأضاف أن الأزمة في طريقها إلى الحل. "


def _tiny(folder: Path, texts: list[str]) -> Measured:
    torch_folder, model = with_random_weights(folder / "tiny", SIZE, texts)
    return Measured("a tiny model", SIZE, torch_folder, model, model)


@pytest.fixture
def figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    monkeypatch.setattr(benchmark, "arabert", _tiny)
    monkeypatch.setattr(benchmark, "released", _tiny)
    monkeypatch.setattr(benchmark, "_articles", lambda: [TEXT, TEXT * 40])
    monkeypatch.setattr(cold_start, "_ROUNDS", 1)
    # Both models are the same here; starting torch eight times would only take time.
    monkeypatch.setattr(benchmark, "cold_starts", cache(cold_start.cold_starts))
    monkeypatch.setattr(growth, "LENGTHS", (500, 5_000))
    monkeypatch.setattr(limits, "_SECONDS", 0.02)
    benchmark.main(tmp_path, 1, tmp_path)
    return json.loads((tmp_path / "speed.json").read_text())


def test_every_contender_is_measured_and_told_of(figures: dict, tmp_path: Path):
    for model in figures["models"]:
        assert set(model["race"]) == set(model["cold_start"]) == {PIPELINE, TORCH, FP32, INT8}
        assert all(one["ratio"] > 0 and one["tokens_per_second"] > 0 for one in model["race"].values())
        assert all(one["seconds"] > 0 and one["megabytes"] > 10 for one in model["cold_start"].values())
        assert all(one["share"] > 0 for one in model["shares"].values())
    assert [one["length"] for one in figures["growth"]] == [500, 5_000]
    table = (tmp_path / "speed.md").read_text()
    assert table.count(f"| {INT8} | ") == len(figures["models"])
    assert figures["processor"] in table


def test_times_amount_to_the_medians_of_articles_and_of_rounds():
    # Two articles in three rounds; in the last one something else ran.
    ours = [[1.0, 3.0], [2.0, 2.0], [9.0, 1.0]]
    base = [[2.0, 4.0], [4.0, 6.0], [10.0, 10.0]]
    assert to_time(ours, base, articles=2, tokens=100) == Time(
        seconds=2.0 + 2.0, ratio=2.0, articles_per_second=0.5, tokens_per_second=25.0
    )


def test_a_model_is_made_anew_when_what_decides_it_is_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    first = with_random_weights(tmp_path / "tiny", SIZE, [TEXT])
    assert with_random_weights(tmp_path / "tiny", SIZE, [TEXT]) == first
    other = tmp_path / "release"
    other.mkdir()
    shutil.copy(models.RELEASED / TOKENIZER_FILE, other)
    settings = json.loads((models.RELEASED / SETTINGS_FILE).read_text())
    (other / SETTINGS_FILE).write_text(json.dumps({**settings, "overlap": 48}))
    monkeypatch.setattr(models, "RELEASED", other)
    _, folder = with_random_weights(tmp_path / "tiny", SIZE, [TEXT])
    assert json.loads((folder / SETTINGS_FILE).read_text())["overlap"] == 48
    assert not any(old.exists() for old in first)
