"""A trial: trained once, answered from what is on disk, never mistaken for another."""

import json
import shutil
from pathlib import Path

import pytest
from torch import Tensor

from aqwal.annotations.records import Document
from aqwal.annotations.stored import read_documents
from aqwal.training import trial
from aqwal.training.answers import read_answers
from aqwal.training.config import TrainConfig
from aqwal.training.model import SpanTagger
from aqwal.training.trial import Trial


@pytest.fixture
def config(tiny_settings, tmp_path: Path) -> TrainConfig:
    return TrainConfig(**tiny_settings(tmp_path / "trial", epochs=8, dropout=None))


@pytest.fixture
def held_out(root: Path) -> list[Document]:
    return read_documents(next((root / "annotations" / "gold").glob("004_*.json")))


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that were trained, as they are."""
    folders: list[str] = []
    train = trial.train
    monkeypatch.setattr(trial, "train", lambda config: folders.append(config.output_dir) or train(config))
    return folders


def test_what_was_done_is_not_done_again(config: TrainConfig, held_out: list[Document], trained: list[str]):
    first = Trial(config).run(held_out)
    folder = Path(config.output_dir)
    assert not (folder / "checkpoint").exists()
    assert first.seconds > 0
    assert json.loads((folder / "trial.json").read_text())["origin"]["epochs"] == 8
    again = Trial(config).run(held_out)
    assert len(trained) == 1
    assert again.answered == first.answered
    assert read_answers(folder / "answers.json", held_out) == first.answered

    surer = config.model_copy(update={"thresholds": {"QUOTE": 0.02, "SPEAKER": 0.02}})
    assert len(Trial(surer).run(held_out).answered[0].prediction.spans) > len(first.answered[0].prediction.spans)
    assert len(trained) == 1


def test_a_trial_stopped_before_it_answered_keeps_its_training(
    config: TrainConfig, held_out: list[Document], trained: list[str]
):
    checkpoint = Trial(config).checkpoint()
    assert checkpoint == Trial(config).checkpoint()
    Trial(config).run(held_out, keep_checkpoint=True)
    assert checkpoint.is_dir()
    assert len(trained) == 1
    other = [Document("other", "قال زيد إن الحل قريب.", held_out[0].annotations[:0])]
    assert [one.document.id for one in Trial(config).run(other).answered] == ["other"]
    assert len(trained) == 1


def test_resume_of_a_training_that_was_killed(
    config: TrainConfig, held_out: list[Document], monkeypatch: pytest.MonkeyPatch
):
    """It goes on from its last checkpoint, and the steps before that are not done again."""
    config = config.model_copy(update={"save_every": 2})
    forward, passes = SpanTagger.forward, []

    def count(self: SpanTagger, batch: dict) -> Tensor:
        passes.append(1)
        if len(passes) == 6:
            raise KeyboardInterrupt
        return forward(self, batch)

    monkeypatch.setattr(SpanTagger, "forward", count)
    with pytest.raises(KeyboardInterrupt):
        Trial(config).run(held_out)
    del passes[:]
    monkeypatch.setattr(SpanTagger, "forward", lambda self, batch: passes.append(1) or forward(self, batch))
    Trial(config).run(held_out)
    steps = json.loads((Path(config.output_dir) / "checkpoints" / "finished.json").read_text())["step"]
    assert len(passes) == steps - 4


def test_another_configuration_or_other_documents_are_refused(config: TrainConfig, held_out: list[Document]):
    Trial(config).run(held_out)
    with pytest.raises(ValueError, match=r"trial has a trial with another epochs; go on with what it had, remove it"):
        Trial(config.model_copy(update={"epochs": 9}))
    with pytest.raises(ValueError, match="with another train documents"):
        Trial(config.model_copy(update={"documents": ["annotations/gold/003_*.json"]}))
    Trial(config.model_copy(update={"thresholds": {"QUOTE": 0.3}}))


def test_what_decides_no_weights_may_change(config: TrainConfig, held_out: list[Document], trained: list[str]):
    before = Trial(config).run(held_out)
    other = config.model_copy(update={"gradient_accumulation_steps": 2, "save_every": 3})
    assert Trial(other).run(held_out).answered == before.answered
    assert len(trained) == 1


def test_a_base_that_was_made_anew_is_another_one(config: TrainConfig, held_out: list[Document], tmp_path: Path):
    base = Path(shutil.copytree(config.base, tmp_path / "base"))
    config = config.model_copy(update={"base": str(base)})
    Trial(config).run(held_out)
    weights = base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(ValueError, match="with another base files"):
        Trial(config)


def test_documents_that_it_trained_on_are_refused(config: TrainConfig, held_out: list[Document], trained: list[str]):
    seen = trial.documents_of(config)["train"]
    with pytest.raises(ValueError, match=f"trains on documents {seen[0].id} .1 in all., so its answers"):
        Trial(config).run([*held_out, *seen])
    assert not trained


def test_answers_of_another_text_are_refused(config: TrainConfig, held_out: list[Document]):
    Trial(config).run(held_out)
    path = Path(config.output_dir) / "answers.json"
    answers = json.loads(path.read_text())
    answers[0]["spans"] = [{"label": "QUOTE", "start": 0, "end": 3, "text": "xyz", "score": 0.5}]
    path.write_text(json.dumps(answers))
    with pytest.raises(ValueError, match="is of another text"):
        read_answers(path, held_out)
    assert read_answers(path, [Document("unknown", "")]) is None
    assert read_answers(path.with_name("nowhere.json"), held_out) is None
