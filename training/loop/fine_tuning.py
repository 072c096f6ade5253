"""The model trained on the windows, step by step, the same whoever shares a step and however it is cut."""

from collections.abc import Iterator
from contextlib import nullcontext
from copy import deepcopy
from functools import partial
from itertools import chain, islice
from typing import Any

import torch
from accelerate import Accelerator, DistributedType
from accelerate.utils import send_to_device
from datasets import Dataset
from torch import Tensor
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from aqwal.training.config import TrainConfig
from aqwal.training.data import as_tensors, collate
from aqwal.training.loop.figures import StepFigures
from aqwal.training.loop.optimizer import make_optimizer, make_schedule
from aqwal.training.loop.order import Order, Pass, share
from aqwal.training.loop.progress import Progress
from aqwal.training.model import SpanTagger

# Curve of the gradient's norm before clipping, step by step.
NORM = "step/gradient_norm"


class FineTuning:
    """A model and the windows that it is trained on.

    Args:
        config: What decides the run.
        accelerator: Devices and number formats; it gets model, optimizer and schedule.
        tagger: The model; trained in place unless accelerate spreads its weights over processes.
        windows: As `encode_documents` gives them, one or more.
    """

    def __init__(self, config: TrainConfig, accelerator: Accelerator, tagger: SpanTagger, windows: Dataset) -> None:
        self._config, self._accelerator = config, accelerator
        self._windows = [as_tensors(row) for row in windows]
        lengths = tuple(len(window["input_ids"]) for window in self._windows)
        self._words = [len(window["heads"]) for window in self._windows]
        self._order = Order(lengths, config.batch_size, config.seed, config.tokens_per_step)
        self._collate = partial(collate, pad_id=tagger.classifier.config.pad_token_id or 0)
        self.total_steps = config.epochs * self._order.steps_per_epoch
        self._blank = deepcopy(tagger) if accelerator.distributed_type == DistributedType.FSDP else None
        if config.compile:
            tagger.compile_training()
        self._model, self._optimizer = accelerator.prepare(tagger, make_optimizer(tagger, config))
        # Not prepared with them: accelerate would let the rates fall once for each process.
        self._schedule = make_schedule(self._optimizer, config.warmup, self.total_steps)
        accelerator.register_for_checkpointing(self._schedule)
        self._figures = StepFigures(accelerator, "sum")
        # Words and rate of the steps whose figures are not fetched.
        self._unread: list[tuple[int, float]] = []

    def steps(self, progress: Progress) -> Iterator[int]:
        """Train through the rest of the running epoch; yield after each optimizer step, once it is in the progress.

        Raises:
            DivergedError: If the loss is no number any more.
        """
        done = progress.step - len(progress.epochs) * self._order.steps_per_epoch
        steps = list(islice(self._order.steps(progress.epoch), done, None))
        mine = [self._share(windows) for windows in steps]
        batches = self._batches(list(chain.from_iterable(mine)))
        self._model.train()
        with self._bar(progress.epoch, done) as bar:
            for windows, passes in zip(steps, mine, strict=True):
                self._train_step(passes, batches, sum(self._words[window] for window in windows))
                progress.step += 1
                bar.update()
                if progress.step % self._config.log_every == 0:
                    self.read(progress)
                    bar.set_postfix(loss=f"{progress.loss / progress.words:.4f}")
                yield progress.step
            self.read(progress)

    def _share(self, windows: tuple[int, ...]) -> list[Pass]:
        accelerator = self._accelerator
        passes = self._config.gradient_accumulation_steps
        return share(windows, passes, accelerator.process_index, accelerator.num_processes)

    def _batches(self, passes: list[Pass]) -> Iterator[dict[str, Tensor]]:
        device = self._accelerator.device
        loader: DataLoader[dict[str, Tensor]] = DataLoader(
            self._windows,  # type: ignore[arg-type]  # a list is indexed as a Dataset is
            batch_sampler=[list(one.windows) for one in passes],
            collate_fn=self._collate,
            pin_memory=device.type == "cuda",
            # For the loader not to draw from the run's random numbers, which a resumed run would then draw twice.
            generator=torch.Generator(),
        )
        return (send_to_device(batch, device, non_blocking=True) for batch in loader)

    def _bar(self, epoch: int, done: int) -> Any:
        return tqdm(
            desc=f"epoch {epoch}/{self._config.epochs}",
            initial=done,
            total=self._order.steps_per_epoch,
            disable=not self._accelerator.is_local_main_process,
        )

    def _train_step(self, passes: list[Pass], batches: Iterator[dict[str, Tensor]], words: int) -> None:
        """Do one optimizer step.

        The loss is a sum over the words of the whole step, whatever process or pass they are in; dividing pass by
        pass would weigh words of short windows more.
        """
        accelerator, total = self._accelerator, torch.zeros((), device=self._accelerator.device)
        for number, one in enumerate(passes, 1):
            with nullcontext() if number == len(passes) else accelerator.no_sync(self._model):
                loss = self._model(next(batches)) * float(one.counted)
                # Gradients are averaged over processes where a sum is wanted.
                accelerator.backward(loss * accelerator.num_processes / words)
            total += loss.detach()
        norm = accelerator.clip_grad_norm_(self._model.parameters(), self._config.max_gradient_norm)
        self._figures.add(total, norm)
        self._unread.append((words, float(self._schedule.get_last_lr()[0])))
        self._optimizer.step()
        self._schedule.step()
        self._optimizer.zero_grad()

    def whole_tagger(self) -> SpanTagger:
        """Return the model with all its weights, to be scored and saved; every process must call."""
        if self._blank is None:
            tagger: SpanTagger = self._accelerator.unwrap_model(self._model)
            return tagger.eval()
        # FSDP leaves each process a part of the weights.
        state = get_model_state_dict(self._model, options=StateDictOptions(full_state_dict=True))
        self._blank.to(self._accelerator.device).load_state_dict(state)
        return self._blank.eval()

    def read(self, progress: Progress) -> None:
        """Fetch the losses of the steps since the last time, over all processes, into the progress and the curves.

        Raises:
            DivergedError: If one is no number.
        """
        figures = self._figures.fetch(progress.step)
        for back, ((loss, norm), (words, rate)) in enumerate(zip(figures, self._unread, strict=True), 1 - len(figures)):
            progress.loss += loss
            progress.words += words
            curves = {"step/loss": loss / words, "step/rate": rate, NORM: norm}
            self._accelerator.log(curves, step=progress.step + back)
        self._unread = []
