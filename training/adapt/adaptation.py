"""A base and the text that it is trained on: optimizer steps, held-out loss, reports, the adapted base."""

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.logging import get_logger
from torch.optim import AdamW
from torch.utils.data import DataLoader
from tqdm.auto import tqdm
from transformers import AutoConfig, AutoTokenizer, PreTrainedModel

from aqwal.training.adapt.config import AdaptConfig
from aqwal.training.adapt.masked_model import MaskedWordLoss
from aqwal.training.adapt.masking import MaskedBatch, MaskedBatches, make_masker
from aqwal.training.adapt.packing import WindowPacker
from aqwal.training.adapt.progress import Progress
from aqwal.training.adapt.text_stream import Place, TextStream
from aqwal.training.bases import load_masked_model, load_tokenizer
from aqwal.training.checkpoints import written_whole
from aqwal.training.data import IGNORED
from aqwal.training.loop.figures import StepFigures
from aqwal.training.loop.optimizer import make_schedule

_FUSED_DEVICES = ("cuda", "cpu", "mps", "xpu")
_log = get_logger(__name__)


class Adaptation:
    """A base and the text that it is trained on.

    Args:
        config: What decides the run.
        accelerator: Devices and number formats; it gets model, optimizer and schedule.
        base: Name or folder that transformers opens.
        stream: The articles.

    Raises:
        BaseEncoderError: If the base cannot guess hidden words.
        ValueError: If the base does not fit the configuration, or no article is held out.
    """

    def __init__(self, config: AdaptConfig, accelerator: Accelerator, base: str, stream: TextStream) -> None:
        self._config, self._accelerator, self._base, self._stream = config, accelerator, base, stream
        tokenizer = load_tokenizer(base)
        self._packer = WindowPacker(tokenizer, config.max_length)
        model = load_masked_model(base, config.dropout)
        _check_sizes(model, tokenizer.get_vocab_size(), config.max_length)
        pad_id = model.config.pad_token_id or 0
        self._masker = make_masker(tokenizer, pad_id, config.masked_share, (config.seed, stream.rank))
        self._held_out = self._held_out_batches()
        self._prepare(MaskedWordLoss(model))

    def _prepare(self, model: MaskedWordLoss) -> None:
        fused = self._accelerator.device.type in _FUSED_DEVICES
        optimizer = AdamW(_parameter_groups(model, self._config.weight_decay), self._config.rate, fused=fused)
        self._model, self._optimizer = self._accelerator.prepare(model, optimizer)
        # Not prepared with them: accelerate would let the rate fall once for each process.
        self._schedule = make_schedule(self._optimizer, self._config.warmup, self._config.steps)
        self._accelerator.register_for_checkpointing(self._schedule)
        self._figures = StepFigures(self._accelerator, "mean")
        self._speed = _Speed(self._accelerator.num_processes)

    def _held_out_batches(self) -> list[MaskedBatch]:
        """Return this process's share of the held-out windows, masked alike at every step and in every run."""
        windows = self._packer.pack(self._stream.held_out_articles(), Place())
        first = list(islice(windows, self._config.held_out_windows))
        if self._config.held_out and not first:
            raise ValueError(f"held_out {self._config.held_out} leaves no article to score; give more, or 0 for none")
        mine = first[self._stream.rank :: self._stream.processes]
        return list(replace(self._masker, seed=()).batches(mine, self._config.batch_size))

    def steps(self, progress: Progress) -> Iterator[int]:
        """Train from where the progress is to the end; yield after each optimizer step, once it is in the progress.

        Reports are added to the progress; before the first step there is one of the held-out text, and 0 is yielded.

        Raises:
            DivergedError: If the loss is no number any more.
        """
        # By the configuration, since this process may have no window and all must score together.
        if not progress.history and not progress.step and self._config.held_out:
            self._report(progress, self._held_out_scores())
            yield 0
        batches = self._batches(progress.place)
        self._speed = _Speed(self._accelerator.num_processes)
        steps = range(progress.step + 1, self._config.steps + 1)
        bar = tqdm(initial=progress.step, total=self._config.steps, disable=not self._accelerator.is_local_main_process)
        for step in steps:
            progress.place = self._train_step(islice(batches, self._config.gradient_accumulation_steps))
            progress.step = step
            bar.update()
            self._report_if_due(progress)
            yield step
        bar.close()

    def _report_if_due(self, progress: Progress) -> None:
        whole = self._config.is_checkpoint(progress.step)
        if not whole and progress.step % self._config.log_every:
            return
        self.read(progress)
        figures = {"rate": float(self._schedule.get_last_lr()[0]), **progress.end_stretch(), **self._speed.read()}
        self._report(progress, {**figures, **(self._held_out_scores() if whole else {})})
        self._speed = _Speed(self._accelerator.num_processes)

    def read(self, progress: Progress) -> None:
        """Fetch the losses of the steps since the last time, over all processes, into the progress.

        Raises:
            DivergedError: If one is no number.
        """
        progress.losses += [loss for loss, _ in self._figures.fetch(progress.step)]

    def _batches(self, start: Place) -> Iterator[MaskedBatch]:
        data = MaskedBatches(self._stream, self._packer, self._masker, self._config.batch_size, start)
        on_gpu = self._accelerator.device.type == "cuda"
        # A GPU must not wait for the words; on a CPU a worker would only take a core away. Spawned, since the
        # tokenizer's threads do not survive a fork. The generator is for the loader not to draw from the run's
        # random numbers, which a resumed run would then draw twice.
        loader = DataLoader(
            data,
            batch_size=None,
            num_workers=int(on_gpu),
            multiprocessing_context="spawn" if on_gpu else None,
            generator=torch.Generator(),
        )
        return iter(loader)

    def _train_step(self, batches: Iterable[MaskedBatch]) -> Place:
        """Do one optimizer step; return where the text goes on."""
        self._model.train()
        losses = []
        for batch in batches:
            with self._accelerator.accumulate(self._model):
                loss = self._model(self._on_device(batch))
                self._accelerator.backward(loss)
                if self._accelerator.sync_gradients:
                    norm = self._accelerator.clip_grad_norm_(self._model.parameters(), self._config.max_gradient_norm)
                self._optimizer.step()
                self._optimizer.zero_grad()
            losses.append(loss.detach())
            self._speed.tokens += int(batch.tensors["attention_mask"].sum())
            place = batch.next
        self._figures.add(torch.stack(losses).mean(), norm)
        self._schedule.step()
        return place

    def _on_device(self, batch: MaskedBatch) -> dict[str, torch.Tensor]:
        return {name: tensor.to(self._accelerator.device) for name, tensor in batch.tensors.items()}

    @torch.no_grad()
    def _held_out_scores(self) -> dict[str, float]:
        """Return the held-out loss of a hidden sub-token and its exponential, over all processes."""
        if not self._config.held_out:
            return {}
        # Unwrapped, since processes may have different numbers of batches.
        model = self._accelerator.unwrap_model(self._model).eval()
        sums = torch.zeros(2, dtype=torch.float32, device=self._accelerator.device)
        for batch in self._held_out:
            hidden = (batch.tensors["labels"] != IGNORED).sum().item()
            sums += torch.stack([model(self._on_device(batch)) * hidden, sums.new_tensor(hidden)])
        total, hidden = self._accelerator.reduce(sums).tolist()
        return {"held_out_loss": total / hidden, "pseudo_perplexity": math.exp(total / hidden)}

    def _report(self, progress: Progress, figures: dict[str, float]) -> None:
        report = {"step": progress.step, **figures}
        progress.history.append(report)
        self._accelerator.log(figures, step=progress.step)
        _log.info("%s", ", ".join(f"{name} {value:.5g}" for name, value in report.items()))

    def save_base(self, folder: Path) -> None:
        """Save encoder and head as a folder that `base:` takes; every process must call."""
        with written_whole(folder, self._accelerator) as unfinished:
            if self._accelerator.is_main_process:
                model = self._accelerator.unwrap_model(self._model).model
                if self._config.dropout is not None:
                    # This training's, and no matter of the fine-tuning to come.
                    model.config.hidden_dropout_prob = AutoConfig.from_pretrained(self._base).hidden_dropout_prob
                model.save_pretrained(unfinished)
                AutoTokenizer.from_pretrained(self._base).save_pretrained(unfinished)
        _log.info("the adapted base is in %s", folder)


class _Speed:
    """Sub-tokens a second of all processes since it was made."""

    def __init__(self, processes: int) -> None:
        self._begun, self._processes = time.perf_counter(), processes
        self.tokens = 0

    def read(self) -> dict[str, float]:
        speed = self.tokens * self._processes / (time.perf_counter() - self._begun)
        return {"tokens_per_second": round(speed, 1)}


def _check_sizes(model: PreTrainedModel, vocabulary: int, max_length: int) -> None:
    longest = getattr(model.config, "max_position_embeddings", max_length)
    if max_length > longest:
        raise ValueError(f"max_length {max_length} is more than the {longest} sub-tokens that the base can read")
    if vocabulary > model.config.vocab_size:
        raise ValueError(f"the base knows {model.config.vocab_size} sub-tokens, but its tokenizer gives {vocabulary}")


def _parameter_groups(model: MaskedWordLoss, weight_decay: float) -> list[dict[str, Any]]:
    """Return AdamW's groups: matrices, which decay, and biases and norms, which do not."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
