"""Which windows make an optimizer step, and which process and forward pass has which of them.

The seed and the number of the epoch decide the order; how many processes share a step, and in how many passes, does
not. Every window comes once an epoch: accelerate's loaders would repeat some to fill up the last step. All epochs have
as many steps, so that the rates' schedule and the place of a resumed run are known from the start.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil

import numpy as np
import torch
from numpy.typing import NDArray
from transformers.trainer_pt_utils import LengthGroupedSampler

# Windows whose lengths differ by less may change places from epoch to epoch; of a budget it leaves that much unused.
_LIKE_LENGTH = 16


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
        step_size: Windows in an optimizer step at most, over all processes; as many if there is no budget.
        seed: Random seed.
        budget: Sub-tokens in an optimizer step at most, padding included, none shorter than the longest window; no
            limit if None.
    """

    lengths: tuple[int, ...]
    step_size: int
    seed: int
    budget: int | None = None

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in which every window comes once."""
        return len(self._sizes)

    def steps(self, epoch: int) -> Iterator[tuple[int, ...]]:
        """Yield the windows of each step of an epoch.

        Windows of like length share a step, so that little of it is padding; which ones is random.
        """
        state = np.random.SeedSequence([self.seed, epoch]).generate_state(1)
        generator = torch.Generator().manual_seed(int(state[0]))
        if self.budget is None:
            order = list(LengthGroupedSampler(self.step_size, lengths=list(self.lengths), generator=generator))
            return map(tuple, self._cut(order))
        shuffled = torch.randperm(len(self.lengths), generator=generator).numpy()
        steps = self._cut(shuffled[np.argsort(-self._widths[shuffled], kind="stable")].tolist())
        return (tuple(steps[number]) for number in torch.randperm(len(steps), generator=generator).tolist())

    def _cut(self, order: Sequence[int]) -> list[Sequence[int]]:
        stops = np.cumsum(self._sizes)
        return [order[stop - size : stop] for size, stop in zip(self._sizes, stops, strict=True)]

    @cached_property
    def _sizes(self) -> tuple[int, ...]:
        """Windows of each step, the same in all epochs; with a budget the steps of wider windows come first."""
        if self.budget is not None:
            return tuple(_pack(-np.sort(-self._widths), self.step_size, self.budget))
        whole, rest = divmod(len(self.lengths), self.step_size)
        return (self.step_size,) * whole + (rest,) * bool(rest)

    @cached_property
    def _widths(self) -> NDArray[np.int64]:
        """What a window is counted as: its length, rounded up, so that windows of like length count the same."""
        lengths = np.asarray(self.lengths)
        widths: NDArray[np.int64] = np.minimum(-(-lengths // _LIKE_LENGTH) * _LIKE_LENGTH, lengths.max())
        return widths


def _pack(widths: Iterable[int], step_size: int, budget: int) -> list[int]:
    """Return how many windows each step takes, given their widths, widest first."""
    sizes: list[int] = []
    widest = 0
    for width in widths:
        if sizes and sizes[-1] < step_size and (sizes[-1] + 1) * widest <= budget:
            sizes[-1] += 1
        else:
            sizes.append(1)
            widest = width
    return sizes


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
