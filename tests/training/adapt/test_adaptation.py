"""What one of several processes does, the others put in by hand."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from aqwal.training.adapt.adaptation import Adaptation
from aqwal.training.adapt.config import AdaptConfig
from aqwal.training.adapt.progress import Progress
from aqwal.training.adapt.text_stream import TextStream


def test_a_process_without_held_out_windows_scores_with_the_others(
    text: Path,
    tmp_path: Path,
    make_config: Callable[..., AdaptConfig],
    make_stream: Callable[..., TextStream],
    monkeypatch: pytest.MonkeyPatch,
):
    """Else they would wait for it forever."""
    accelerator, mine = Accelerator(), []

    def with_the_others(sums: torch.Tensor) -> torch.Tensor:
        mine.append(sums.tolist())
        return sums + torch.tensor([6.0, 3.0], device=sums.device)

    monkeypatch.setattr(accelerator, "reduce", with_the_others)
    config = make_config(text, tmp_path / "run", held_out_windows=1)
    progress = Progress()
    adaptation = Adaptation(config, accelerator, config.base, make_stream(text, rank=1, processes=2))
    assert next(adaptation.steps(progress)) == 0
    assert mine == [[0.0, 0.0]]
    assert progress.history[0]["held_out_loss"] == 2.0
