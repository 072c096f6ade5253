"""Which windows make an optimizer step, and which process and forward pass has which of them.

The seed and the number of the epoch decide the order; how many processes share a step, and in how many passes, does
not. Every window comes once an epoch: accelerate's loaders would repeat some to fill up the last step.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from transformers.trainer_pt_utils import LengthGroupedSampler


@dataclass(frozen=True)
class Pass:
    """One forward pass of one process.

    Attributes:
        windows: Numbers of the windows, never none, as all processes must take part in each pass.
        counted: Whether they count; a process for which no window is left runs one that does not.
    """

    windows: tuple[int, ...]
    counted: bool = True


@dataclass(frozen=True)
class Order:
    """The optimizer steps of every epoch.

    Attributes:
        lengths: Length of each window, in sub-tokens.
        step_size: Windows in an optimizer step, over all processes.
        seed: Random seed.
    """

    lengths: tuple[int, ...]
    step_size: int
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in which every window comes once."""
        return ceil(len(self.lengths) / self.step_size)

    def steps(self, epoch: int) -> Iterator[tuple[int, ...]]:
        """Yield the windows of each step of an epoch.

        Windows of like length share a step, so that little of it is padding; which ones is random.
        """
        state = np.random.SeedSequence([self.seed, epoch]).generate_state(1)
        generator = torch.Generator().manual_seed(int(state[0]))
        order = list(LengthGroupedSampler(self.step_size, lengths=list(self.lengths), generator=generator))
        return (tuple(order[first : first + self.step_size]) for first in range(0, len(order), self.step_size))


def share(windows: Sequence[int], passes: int, rank: int, processes: int) -> list[Pass]:
    """Return what one process does of a step.

    Args:
        windows: The windows of the step, one or more.
        passes: Forward passes of a process at most; fewer if there are not enough windows.
        rank: Number of the process.
        processes: How many there are.
    """
    needed = ceil(min(len(windows), passes * processes) / processes)
    parts = np.array_split(np.asarray(windows), needed * processes)[rank::processes]
    return [Pass(tuple(part.tolist())) if len(part) else Pass((windows[0],), counted=False) for part in parts]
