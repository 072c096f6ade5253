"""`compile: true` learns the same, and its checkpoints and weights are those of any other run."""

import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file

from aqwal.training.model import SpanTagger
from aqwal.training.train import train

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="NOT INSTALLED: g++, which torch.compile needs")


class _Killed(BaseException):
    pass


def test_compiled_and_resumed_it_learns_the_same(make_config, metrics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    plain = make_config(tmp_path / "plain", dropout=0.0, epochs=1)
    train(plain)
    compiled = plain.model_copy(update={"output_dir": str(tmp_path / "run"), "compile": True, "resume": "auto"})
    made, forward, passes = [], SpanTagger.forward, []

    def fail(self, batch):
        passes.append(1)
        made.append(self._classify)
        if len(passes) > 4:
            raise _Killed
        return forward(self, batch)

    with monkeypatch.context() as patch, pytest.raises(_Killed):
        patch.setattr(SpanTagger, "forward", fail)
        train(compiled)
    assert hasattr(made[0], "_torchdynamo_orig_callable"), "it was compiled"
    # Resumed as it was, and from its checkpoint without a compiler.
    shutil.copytree(tmp_path / "run", tmp_path / "eager")
    train(compiled)
    train(compiled.model_copy(update={"output_dir": str(tmp_path / "eager"), "compile": False}))
    losses = [metrics(tmp_path / name)["epochs"][0]["loss"] for name in ("plain", "run", "eager")]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-4)
    names = [set(load_file(tmp_path / name / "checkpoint" / "model.safetensors")) for name in ("plain", "run")]
    assert names[0] == names[1]
    SpanTagger.load(tmp_path / "run" / "checkpoint")
