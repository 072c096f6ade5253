"""The ways to train that are compared, each in a process of its own; all do as many optimizer steps."""

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from datasets import Dataset, disable_progress_bars
from speed.models import Size, bert_config, transformers_tokenizer
from torch import Tensor, nn
from transformers import (
    BertForTokenClassification,
    DataCollatorForTokenClassification,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from aqwal.annotations.scheme import LABELS
from aqwal.training.attention import attend_unasked
from aqwal.training.config import TrainConfig
from aqwal.training.data import IGNORED
from aqwal.training.loop.fine_tuning import FineTuning
from aqwal.training.loop.progress import Progress
from aqwal.training.model import SpanTagger
from training.limits import operations, seconds
from training.windows import TAGS, make_windows

TRAINER = "transformers Trainer, cross entropy"
CROSS_ENTROPY, CRF, COMPILED = "ours, cross entropy", "ours, CRF", "ours, CRF, compiled"
_STEPS_OF_AN_EPOCH = 16
_RATES = {"encoder_rate": 5.0e-5, "head_rate": 5.0e-5, "transition_rate": 5.0e-5}


@dataclass(frozen=True)
class Job:
    """What all contenders do.

    Attributes:
        size: The model's shape.
        device: `cpu` or `cuda`.
        tokens: Longest window, in sub-tokens.
        batch: Windows in an optimizer step, in one forward pass.
    """

    size: Size
    device: str
    tokens: int
    batch: int

    @property
    def number_format(self) -> str:
        """Format of the products: bf16 on a GPU, as everybody trains there, fp32 on a CPU."""
        return "bf16" if self.device == "cuda" else "fp32"

    def windows(self) -> Dataset:
        """Return the windows of an epoch."""
        return make_windows(self.tokens, _STEPS_OF_AN_EPOCH * self.batch)


@dataclass(frozen=True)
class Round:
    """What a contender did in its timed steps, whose windows are others than those of the other contenders.

    Attributes:
        seconds: Of all steps.
        sub_tokens: Of all windows, without padding.
        operations: Multiplications and additions of the products that these windows need.
    """

    seconds: float
    sub_tokens: int
    operations: float

    @property
    def tokens_per_second(self) -> float:
        """Its speed."""
        return self.sub_tokens / self.seconds


# Does so many optimizer steps, and one before them that is not timed; calls back after that one and after the last.
Steps = Callable[[int, Callable[[], None]], None]
# Shape [windows, sub-tokens] and mask, if there is one, of each batch that a model was given.
Batches = list[tuple[torch.Size, Tensor | None]]


def serve(name: str, job: Job, pipe: Connection, threads: int) -> None:
    """Do rounds of optimizer steps as they are asked for by number, until None is.

    Sends each `Round`, and at the end the most memory that was held, in megabytes.
    """
    torch.set_num_threads(threads)
    disable_progress_bars()
    windows = job.windows()
    model, run = _trainer(job, windows) if name == TRAINER else _ours(name, job, windows)
    batches = note_batches(model)
    pipe.send("ready")
    while (steps := pipe.recv()) is not None:
        pipe.send(time_steps(run, steps, job, batches))
    pipe.send(_peak_memory(job.device))


def note_batches(model: nn.Module) -> Batches:
    """Return a list to which every batch that a model is given from now on is added."""
    batches: Batches = []

    def note(_: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        batch = positional[0] if positional else named
        batches.append((batch["input_ids"].shape, batch.get("attention_mask")))

    model.register_forward_pre_hook(note, with_kwargs=True)
    return batches


def time_steps(run: Steps, steps: int, job: Job, batches: Batches) -> Round:
    """Return what a contender did in a round.

    Args:
        run: The contender.
        steps: How many it is to do.
        job: What all do.
        batches: To which its batches are added; emptied.
    """
    ticks: list[tuple[float, int]] = []
    # Bars of all processes at once would be no use to anybody.
    with redirect_stderr(StringIO()), redirect_stdout(StringIO()):
        run(steps, lambda: ticks.append((seconds(job.device), len(batches))))
    (begun, first), (ended, stop) = ticks
    lengths = [length for batch in batches[first:stop] for length in _lengths(*batch)]
    batches.clear()
    return Round(ended - begun, sum(lengths), operations(job.size, lengths))


def _lengths(shape: torch.Size, mask: Tensor | None) -> list[int]:
    return [shape[1]] * shape[0] if mask is None else [int(length) for length in mask.sum(dim=1).tolist()]


def _peak_memory(device: str) -> float:
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    # VmHWM is the most memory that this process held.
    held = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    assert held is not None, "Linux tells it of every process"
    return int(held.group(1)) / 1024


def _model(size: Size, labels: int) -> BertForTokenClassification:
    torch.manual_seed(0)
    config = bert_config(size, labels, attention_probs_dropout_prob=0.0)
    # As `from_pretrained` would choose it.
    return BertForTokenClassification._from_config(config, attn_implementation="sdpa")


def _ours(name: str, job: Job, windows: Dataset) -> tuple[nn.Module, Steps]:
    config = TrainConfig(
        base="random",
        documents=["the corpus"],
        output_dir="none",
        epochs=1_000,
        batch_size=job.batch,
        loss="cross_entropy" if name == CROSS_ENTROPY else "crf",
        compile=name == COMPILED,
        mixed_precision="bf16" if job.device == "cuda" else "no",
        **_RATES,
    )
    classifier = _model(job.size, len(LABELS) * len(TAGS.tags))
    attend_unasked(classifier)
    tagger = SpanTagger(classifier, LABELS, TAGS, config.loss == "crf", config.calibration)
    accelerator = Accelerator(mixed_precision=config.mixed_precision, cpu=job.device == "cpu")
    endless = _endless(FineTuning(config, accelerator, tagger, windows))

    def run(steps: int, tick: Callable[[], None]) -> None:
        next(endless)
        tick()
        for _ in range(steps):
            next(endless)
        tick()

    return tagger, run


def _endless(tuning: FineTuning) -> Iterator[int]:
    progress = Progress()
    while True:
        yield from tuning.steps(progress)
        progress.end_epoch({})


class _Clock(TrainerCallback):
    """Ticks after the first step and after the last."""

    def __init__(self, steps: int, tick: Callable[[], None]) -> None:
        self._steps, self._tick = steps, tick

    def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        if state.global_step in {1, self._steps + 1}:
            self._tick()


def _trainer(job: Job, windows: Dataset) -> tuple[nn.Module, Steps]:
    """What a user would take otherwise: a label for each word's first sub-token, as many logits as ours have."""
    labels = len(LABELS) * len(TAGS.tags)
    model = _model(job.size, labels)
    data = windows.map(_labelled, remove_columns=windows.column_names)
    tokenizer = transformers_tokenizer()
    folder = tempfile.mkdtemp(prefix="trainer-")

    def run(steps: int, tick: Callable[[], None]) -> None:
        arguments = TrainingArguments(
            folder,
            max_steps=steps + 1,
            per_device_train_batch_size=job.batch,
            learning_rate=_RATES["encoder_rate"],
            optim="adamw_torch_fused",
            bf16=job.device == "cuda",
            use_cpu=job.device == "cpu",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        collator = DataCollatorForTokenClassification(tokenizer)
        Trainer(model, arguments, collator, data, callbacks=[_Clock(steps, tick)]).train()

    return model, run


def _labelled(row: dict[str, Any]) -> dict[str, list[int]]:
    labels = [IGNORED] * len(row["input_ids"])
    for head, tags in zip(row["heads"], row["tags"], strict=True):
        labels[head] = tags[0]
    return {"input_ids": row["input_ids"], "attention_mask": [1] * len(labels), "labels": labels}
