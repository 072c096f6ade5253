"""The speed benchmark from end to end, on models of a size that says nothing about speed."""

import json
from functools import cache
from pathlib import Path

import pytest
from speed import __main__ as benchmark
from speed import cold_start, growth, limits
from speed.contenders import FP32, INT8, PIPELINE, TORCH
from speed.models import Measured, Size, with_random_weights

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
        assert model["race"][PIPELINE]["ratio"] == 1
        assert all(one["ratio"] > 0 and one["tokens_per_second"] > 0 for one in model["race"].values())
        assert all(one["seconds"] > 0 and one["megabytes"] > 10 for one in model["cold_start"].values())
        assert all(0 < one["share"] == one["reached"] / one["limit"] for one in model["shares"].values())
    assert [one["length"] for one in figures["growth"]] == [500, 5_000]
    table = (tmp_path / "speed.md").read_text()
    assert table.count(f"| {INT8} | ") == len(figures["models"])
    assert figures["processor"] in table
