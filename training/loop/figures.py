"""Losses and gradient norms of optimizer steps: left on the device, fetched now and then, and looked through then."""

import math

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.distributed.tensor import DTensor


class DivergedError(Exception):
    """A loss or gradient that is no number any more; the message says at which step and what to do."""


class StepFigures:
    """The figures of the steps since they were last fetched; every process must add and fetch alike.

    Fetching them at each step would make the CPU wait for the GPU.

    Args:
        accelerator: The processes that share the steps.
        reduction: What becomes of their losses, `sum` or `mean`.
    """

    def __init__(self, accelerator: Accelerator, reduction: str) -> None:
        self._accelerator, self._reduction = accelerator, reduction
        self._losses: list[Tensor] = []
        self._norms: list[Tensor] = []

    def add(self, loss: Tensor, norm: Tensor) -> None:
        """Take the loss and the gradient norm of a step, each a tensor without dimensions."""
        self._losses.append(loss.detach())
        # FSDP spreads it over the processes.
        self._norms.append(norm.full_tensor() if isinstance(norm, DTensor) else norm)

    def fetch(self, step: int) -> list[tuple[float, float]]:
        """Return loss and gradient norm of each step, the same on all processes.

        Args:
            step: Number of the last one.

        Raises:
            DivergedError: If one is no number.
        """
        if not self._losses:
            return []
        losses = self._accelerator.reduce(torch.stack(self._losses), self._reduction).tolist()
        norms = torch.stack(self._norms).tolist()
        self._losses, self._norms = [], []
        for number, (loss, norm) in enumerate(zip(losses, norms, strict=True), step + 1 - len(losses)):
            self._check(number, loss, norm)
        return list(zip(losses, norms, strict=True))

    def _check(self, step: int, loss: float, norm: float) -> None:
        # With fp16 gradients overflow now and then; the scaler leaves such a step out.
        if not math.isfinite(loss) or (self._accelerator.scaler is None and not math.isfinite(norm)):
            raise DivergedError(
                f"step {step} has loss {loss} and gradient norm {norm}; what was saved before is untouched. Start "
                "again with --resume auto; if it comes again, lower the rates or take mixed_precision bf16 or no, in "
                "another output_dir"
            )
