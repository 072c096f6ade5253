"""Whole runs on a tiny base: what they learn, what they leave, and what stops them."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from datasets import Dataset
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM

from aqwal.serving.tags import TagSet
from aqwal.training.adapt.config import AdaptConfig
from aqwal.training.adapt.run import adapt, main
from aqwal.training.adapt.text_files import is_held_out
from aqwal.training.bases import load_model, load_tokenizer


def test_the_loss_falls_on_a_repetitive_text(finished: Path):
    reports = json.loads((finished / "metrics.json").read_text())["reports"]
    held_out = {report["step"]: report["held_out_loss"] for report in reports if "held_out_loss" in report}
    assert list(held_out) == [0, 25, 50, 60]
    assert held_out[60] < 0.6 * held_out[0]
    losses = [report["loss"] for report in reports if "loss" in report]
    assert losses[-1] < 0.8 * losses[0]
    assert reports[-1]["pseudo_perplexity"] == pytest.approx(np.exp(held_out[60]))
    events = EventAccumulator(str(finished / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("held_out_loss")] == [0, 25, 50, 60]
    assert [event.value for event in events.Scalars("loss")] == pytest.approx(losses, rel=1e-5)


def test_the_run_folder_explains_itself(finished: Path, articles: Callable[[int], list[str]]):
    assert yaml.safe_load((finished / "config.yaml").read_text())["steps"] == 60
    data = json.loads((finished / "data.json").read_text())
    assert [len(sha256) for sha256 in data["files"].values()] == [64]
    assert data["articles"] == sum(not is_held_out(one, 0.2) for one in articles(60))
    assert data["words"] > 10 * data["articles"]
    assert json.loads((finished / "versions.json").read_text())["torch"].startswith("2.")
    assert sorted(path.name for path in (finished / "checkpoints").iterdir()) == ["step-00000050", "step-00000060"]


def test_the_result_is_a_base_for_the_token_classifier(
    finished: Path, base: Path, articles: Callable[[int], list[str]]
):
    adapted = str(finished / "base")
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {
        path.name for path in (finished / "base").iterdir()
    }
    before, after = load_tokenizer(str(base)), load_tokenizer(adapted)
    assert all(before.encode(one).ids == after.encode(one).ids for one in articles(3))
    classifier = load_model(adapted, ("QUOTE",), TagSet("bio"), dropout=None)
    encoder = AutoModelForMaskedLM.from_pretrained(adapted).base_model.state_dict()
    loaded = classifier.base_model.state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in encoder.items())
    original = AutoModel.from_pretrained(base, add_pooling_layer=False).state_dict()
    assert not torch.equal(
        loaded["encoder.layer.0.output.dense.weight"], original["encoder.layer.0.output.dense.weight"]
    )


def test_accumulated_passes_are_one_step(text: Path, tmp_path: Path, make_config: Callable[..., AdaptConfig]):
    """The rate falls once a step, and the text goes on by all windows of a step."""
    adapt(make_config(text, tmp_path / "run", steps=4, gradient_accumulation_steps=3, warmup=0.0))
    progress = json.loads((tmp_path / "run" / "checkpoints" / "step-00000004" / "progress.json").read_text())
    assert progress["places"][0]["window"] == 4 * 3 * 4
    assert progress["history"][-1]["rate"] == 0.0


def test_passes_are_counted_by_the_configuration_alone(
    text: Path, tmp_path: Path, make_config: Callable[..., AdaptConfig], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    adapt(make_config(text, tmp_path / "run", steps=2))
    progress = json.loads((tmp_path / "run" / "checkpoints" / "step-00000002" / "progress.json").read_text())
    assert progress["places"][0]["window"] == 2 * 4


def test_dropout_is_the_configurations(text: Path, tmp_path: Path, make_config: Callable[..., AdaptConfig]):
    """The base's own is 0.1."""
    runs = [
        adapt(make_config(text, tmp_path / str(dropout), steps=1, log_every=1, dropout=dropout))
        for dropout in (None, 0.1, 0.0)
    ]
    own, same, none = ([report["loss"] for report in run if "loss" in report] for run in runs)
    assert own == same != none
    kept = [AutoConfig.from_pretrained(tmp_path / name / "base").hidden_dropout_prob for name in ("None", "0.0")]
    assert kept == [0.1, 0.1]


def test_a_text_that_cannot_be_kept_ends_the_run(
    text: Path, tmp_path: Path, make_config: Callable[..., AdaptConfig], monkeypatch: pytest.MonkeyPatch
):
    def fail(self, path: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Dataset, "save_to_disk", fail)
    config = make_config(text, tmp_path / "run", text_cache=str(tmp_path / "cache"))
    (tmp_path / "adapt.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
    with pytest.raises(SystemExit) as stopped:
        main(["--config", str(tmp_path / "adapt.yaml")])
    said = f"adapt: what was encoded cannot be kept in {tmp_path / 'cache'}: [Errno 28] No space left on device"
    assert stopped.value.code == said


def test_nothing_held_out_gives_no_held_out_loss(text: Path, tmp_path: Path, make_config: Callable[..., AdaptConfig]):
    reports = adapt(make_config(text, tmp_path / "run", steps=2, held_out=0.0))
    assert [sorted(report) for report in reports] == [["loss", "rate", "step", "tokens_per_second"]]


def test_the_command_line_runs(root: Path, text: Path, tmp_path: Path, make_config: Callable[..., AdaptConfig]):
    path = tmp_path / "adapt.yaml"
    path.write_text(yaml.safe_dump(make_config(text, tmp_path / "run").model_dump(mode="json")))
    command = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "-m", "aqwal.training.adapt"]
    done = subprocess.run(
        [*command, "--config", str(path), "--steps", "2"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "the adapted base is in" in done.stderr
    assert (tmp_path / "run" / "base" / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"texts": ["nowhere/*.txt"]}, "no file matches 'nowhere/*.txt'"),
        ({"texts": ["{folder}/empty.txt"]}, "no words to train on; are `texts` empty?"),
        ({"texts": ["{folder}/damaged.txt.xz"]}, "damaged.txt.xz is not UTF-8 text"),
        ({"base": "nobody/no-such-encoder"}, "base 'nobody/no-such-encoder' cannot be opened"),
        ({"base": "{tiny_base}"}, "tokenizer has neither [MASK] nor <mask>"),
        ({"max_length": 300}, "max_length 300 is more than the 256 sub-tokens that the base can read"),
        ({"held_out": 1e-9}, "held_out 1e-09 leaves no article to score"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    tiny_base: Path,
    text: Path,
    tmp_path: Path,
    changes: dict[str, object],
    message: str,
    make_config: Callable[..., AdaptConfig],
):
    (tmp_path / "empty.txt").write_text("\n\n \n")
    (tmp_path / "damaged.txt.xz").write_bytes(b"no archive")
    fields = make_config(text, tmp_path / "run").model_dump(mode="json")
    filled = yaml.safe_dump({**fields, **changes}).format(folder=tmp_path, tiny_base=tiny_base)
    (tmp_path / "adapt.yaml").write_text(filled)
    with pytest.raises(SystemExit) as stopped:
        main(["--config", str(tmp_path / "adapt.yaml")])
    assert str(stopped.value.code).startswith("adapt: ")
    assert message in str(stopped.value.code)
    assert not (tmp_path / "run").exists()
