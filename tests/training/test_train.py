"""`accelerate launch training/train.py` as the engineer runs it, on a tiny model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from aqwal.annotations.records import Annotation, Document
from aqwal.annotations.stored import write_documents
from aqwal.training import train as train_module
from aqwal.training.config import TrainConfig
from aqwal.training.data import load_documents
from aqwal.training.spelling import respell_documents
from aqwal.training.train import train

ACCELERATE = Path(sys.executable).with_name("accelerate")


def _settings(base: Path, output_dir: Path, **changes: object) -> dict[str, object]:
    fields = {
        "base": str(base),
        "documents": ["annotations/gold/002_*.json", "annotations/gold/004_*.json"],
        "output_dir": str(output_dir),
        "max_length": 160,
        "overlap": 40,
        "epochs": 2,
        "batch_size": 2,
        "encoder_rate": 1.0e-3,
        "head_rate": 1.0e-2,
        "dropout": 0.0,
    }
    return {**fields, **changes}


def _launch(script: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [str(ACCELERATE), "launch", "--cpu", "--num_cpu_threads_per_process", "1", script, *arguments]
    return subprocess.run(command, cwd=cwd, env=dict(os.environ), capture_output=True, text=True, check=False)


@pytest.fixture
def config_file(tiny_base: Path, tmp_path: Path) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(_settings(tiny_base, tmp_path / "run")))
    return path


def test_accelerate_launch_fills_the_run_folder(root: Path, config_file: Path, tmp_path: Path):
    done = _launch("training/train.py", "--config", str(config_file), "--epochs", "3", cwd=root)
    assert done.returncode == 0, done.stderr
    assert "epoch 3/3" in done.stderr
    run = tmp_path / "run"
    assert yaml.safe_load((run / "config.yaml").read_text())["epochs"] == 3
    data = json.loads((run / "data.json").read_text())
    assert data["documents"]["train"] == ["002_35a5180d63e7b702", "004_1c209e6ac6ae10d1"]
    assert all(len(sha256) == 64 for sha256 in data["files"].values())
    assert json.loads((run / "versions.json").read_text())["torch"].startswith("2.")
    metrics = json.loads((run / "metrics.json").read_text())
    losses = [entry["loss"] for entry in metrics["epochs"]]
    assert losses[2] < losses[0]
    assert metrics["kept"]["epoch"] == 3
    events = EventAccumulator(str(run / "tensorboard")).Reload()
    assert [round(event.value, 4) for event in events.Scalars("loss")] == [round(loss, 4) for loss in losses]


def test_it_also_runs_from_inside_training(root: Path, config_file: Path, tmp_path: Path):
    done = _launch("train.py", "--config", str(config_file), "--epochs", "1", cwd=root / "training")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "checkpoint" / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--base", "nobody/no-such-encoder"], "base 'nobody/no-such-encoder' cannot be opened"),
        (["--documents", "[nowhere/*.json]"], "no file matches 'nowhere/*.json'"),
        (["--keep", "best"], "keep: best needs development documents and 40 or more for training"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(root: Path, config_file: Path, arguments: list[str], message: str):
    command = [sys.executable, "training/train.py", "--config", str(config_file), *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_accumulated_batches_learn_as_one_large_batch(tiny_base: Path, tmp_path: Path):
    """The loss is divided by the words of the whole optimizer step, so the cut into passes does not show."""
    losses = []
    for name, sizes in {
        "large": {"batch_size": 4},
        "small": {"batch_size": 4, "gradient_accumulation_steps": 4},
    }.items():
        config = TrainConfig(**_settings(tiny_base, tmp_path / name, epochs=3, **sizes))
        losses.append([entry["loss"] for entry in train(config)["epochs"]])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_development_documents_are_scored_each_epoch(tiny_base: Path, tmp_path: Path):
    splits = tmp_path / "splits.json"
    splits.write_text(json.dumps({"train": ["002_35a5180d63e7b702"], "development": ["004_1c209e6ac6ae10d1"]}))
    metrics = train(TrainConfig(**_settings(tiny_base, tmp_path / "run", splits=str(splits))))
    assert [entry["development"]["labels"]["QUOTE"]["gold"] for entry in metrics["epochs"]] == [22, 22]
    assert metrics["kept"]["development"] == metrics["epochs"][-1]["development"]


def test_documents_without_a_word_are_told(tiny_base: Path, tmp_path: Path):
    empty = tmp_path / "empty.json"
    write_documents(empty, [Document("empty", " \n", (Annotation("pass-a", (), ground_truth=True),))])
    with pytest.raises(ValueError, match="the documents for training have no words"):
        train(TrainConfig(**_settings(tiny_base, tmp_path / "run", documents=[str(empty)])))


def test_the_same_seed_gives_the_same_run(tiny_base: Path, tmp_path: Path):
    runs = [train(TrainConfig(**_settings(tiny_base, tmp_path / name, dropout=0.1))) for name in ("one", "two")]
    assert runs[0]["epochs"] == runs[1]["epochs"]
    other = train(TrainConfig(**_settings(tiny_base, tmp_path / "three", dropout=0.1, seed=14)))
    assert other["epochs"] != runs[0]["epochs"]


def test_cross_entropy_trains_too(tiny_base: Path, tmp_path: Path):
    epochs = train(TrainConfig(**_settings(tiny_base, tmp_path / "run", loss="cross_entropy", tags="bio")))["epochs"]
    assert epochs[1]["loss"] < epochs[0]["loss"]


def test_documents_are_learned_in_another_spelling(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path
):
    learned: list[Document] = []
    encode = train_module.encode_documents
    monkeypatch.setattr(
        train_module, "encode_documents", lambda documents, *more: learned.extend(documents) or encode(documents, *more)
    )
    settings = _settings(tiny_base, tmp_path / "run", epochs=1, respelled_share=1.0, spelling_seed=3)
    train(TrainConfig(**settings))
    written = load_documents(settings["documents"], root).documents
    assert learned == respell_documents(written, 1.0, 3) != written


def test_lower_layers_learn_at_lower_rates(tiny_base: Path, tmp_path: Path):
    """With a decay near nothing only the top of the encoder moves."""
    before = load_file(tiny_base / "model.safetensors")
    train(TrainConfig(**_settings(tiny_base, tmp_path / "run", epochs=1, layer_decay=1e-6, weight_decay=0.0)))
    after = load_file(tmp_path / "run" / "checkpoint" / "model.safetensors")
    moved = {name: float((after[f"bert.{name}"] - tensor).abs().max()) for name, tensor in before.items()}
    # The softmax does not see a key's bias, so its gradient is nothing.
    top = [name for name in moved if name.startswith("encoder.layer.1.") and not name.endswith("key.bias")]
    assert min(moved[name] for name in top) > 1e-5
    assert max(change for name, change in moved.items() if name not in top) < 1e-6
