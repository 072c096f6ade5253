"""What decides a training and its figures."""

import shutil
from collections.abc import Callable
from pathlib import Path

from aqwal.annotations.records import Document
from aqwal.training.config import TrainConfig
from aqwal.training.origin import deciding_fields, fingerprint, unlike


def test_what_decides_and_what_does_not(tiny_settings, tmp_path: Path):
    config = TrainConfig(**tiny_settings(tmp_path / "a"))
    free = {"output_dir": "b", "compile": True, "save_every": 7, "thresholds": {"QUOTE": 0.5}}
    assert deciding_fields(config.model_copy(update=free)) == deciding_fields(config)
    assert deciding_fields(config.model_copy(update={"epochs": 99})) != deciding_fields(config)
    assert "model.safetensors" in deciding_fields(config)["base files"]
    assert "base files" not in deciding_fields(config.model_copy(update={"base": "offline"}))
    # Answers choose the epoch here.
    best, other = (config.model_copy(update={"keep": "best", **more}) for more in ({}, {"thresholds": {"QUOTE": 0.5}}))
    assert unlike(deciding_fields(best), deciding_fields(other)) == ["thresholds"]


def test_a_training_by_an_older_release_is_the_same_one(tiny_settings, tmp_path: Path):
    now = deciding_fields(TrainConfig(**tiny_settings(tmp_path / "a")))
    older = {name: value for name, value in now.items() if name not in ("base files", "hidden_share")}
    assert unlike({**older, "thresholds": {}, "compile": False}, now) == []
    assert unlike({**older, "seed": 99}, now) == ["seed"]
    assert unlike(older, {**now, "hidden_share": 0.5}) == ["hidden_share"]


def test_a_fingerprint_is_of_settings_documents_and_more(tiny_settings, tmp_path: Path, gold: Callable[..., Document]):
    config = TrainConfig(**tiny_settings(tmp_path / "a"))
    documents = [gold(str(number), "قال زيد نعم") for number in range(2)]
    one = fingerprint([config], [documents])
    assert one == fingerprint([config.model_copy(update={"output_dir": "b"})], [documents])
    others = [
        fingerprint([config.model_copy(update={"thresholds": {"QUOTE": 0.5}})], [documents]),
        fingerprint([config], [documents[:1]]),
        fingerprint([config], [documents], [60]),
    ]
    assert len({one, *others}) == 4


def test_a_field_of_a_later_release_alters_no_fingerprint(tiny_settings, tmp_path: Path):
    class Later(TrainConfig):
        new: float = 0.0

    settings = tiny_settings(tmp_path / "a")
    assert fingerprint([Later(**settings)], []) == fingerprint([TrainConfig(**settings)], [])
    assert fingerprint([Later(**settings, new=0.5)], []) != fingerprint([TrainConfig(**settings)], [])


def test_what_people_write_into_a_base_s_folder_decides_nothing(tiny_settings, tiny_base: Path, tmp_path: Path):
    base = Path(shutil.copytree(tiny_base, tmp_path / "base"))
    config = TrainConfig(**tiny_settings(tmp_path / "a", base=str(base)))
    before = deciding_fields(config)
    (base / "README.md").write_text("A base.")
    assert deciding_fields(config) == before
    (base / "vocab.txt").write_text("قال")
    assert deciding_fields(config) != before
