"""The learning curve: nested samples, nothing held out trained on."""

from pathlib import Path

from aqwal.annotations.stored import read_documents
from aqwal.training.accuracy.learning_curve import HELD_OUT, cut_samples, run_curve
from aqwal.training.config import TrainConfig

IDS = [f"w{batch:02d}-{number:02d}" for batch in range(4, 8) for number in range(1, 16)]


def test_samples_are_nested_and_leave_the_held_out_alone():
    held_out, samples = cut_samples(IDS, [20, 5, 1000])
    assert [len(sample) for sample in samples] == [5, 20, 48]
    assert set(samples[0]) < set(samples[1]) < set(samples[2]) == set(IDS) - set(held_out)
    assert {one.split("-")[0] for one in held_out} == {"w04", "w05", "w06", "w07"}
    assert cut_samples(IDS[::-1], [5, 20, 1000]) == (held_out, samples)


def test_points_say_what_was_trained_on_and_what_is_scored(tiny_settings, root: Path, tmp_path: Path):
    documents = ["annotations/corpus/w1-0[1-6].json"]
    config = TrainConfig(**tiny_settings(tmp_path / "never", documents=documents, epochs=1, dropout=None))
    seeds = read_documents(next((root / "annotations" / "gold").glob("002_*.json")))
    points = run_curve(config, tmp_path / "curve", [1, 3], [1], {"seeds": seeds})
    assert [point["articles"] for point in points] == [1, 3]
    assert points[0]["quotes"] < points[1]["quotes"]
    assert [point["epochs"] for point in points] == [3, 1]
    assert {name: one["documents"] for name, one in points[0]["scores"].items()} == {HELD_OUT: 2, "seeds": 1}
    assert not (tmp_path / "never").exists()
    assert run_curve(config, tmp_path / "curve", [1, 3], [1], {"seeds": seeds}) == points
