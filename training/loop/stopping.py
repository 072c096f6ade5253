"""The wish to end, from a signal: noted when it comes, answered between two optimizer steps."""

import signal
import sys
import threading
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

import torch
from accelerate import Accelerator
from accelerate.logging import get_logger
from torch import distributed

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_log = get_logger("aqwal.training.loop.stopping")


class StopSignals:
    """Notes SIGTERM and Ctrl-C while it is entered; a second one acts as it would have without it.

    Every process must enter it and ask it, as one process cannot take a step that the others do not take.
    """

    def __init__(self) -> None:
        self._noted = 0
        self._before: dict[int, Any] = {}
        self._group: Any = None

    def __enter__(self) -> Self:
        # Python lets the main thread alone handle signals.
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        if distributed.is_initialized() and distributed.get_world_size() > 1:
            # Asked at every step: over the CPU, for no GPU to be waited for.
            self._group = distributed.new_group(backend="gloo")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._noted = number
        signal.signal(number, self._before[number])

    def agreed(self) -> signal.Signals | None:
        """Return the signal that some process got, the same one to all."""
        noted = self._noted
        if self._group is not None:
            shared = torch.tensor(noted)
            distributed.all_reduce(shared, distributed.ReduceOp.MAX, group=self._group)
            noted = int(shared)
        return signal.Signals(noted) if noted else None


def leave(accelerator: Accelerator, stopped_by: signal.Signals, step: int, saved: Path) -> NoReturn:
    """End a run that a signal stopped, and say how it goes on.

    Raises:
        SystemExit: With 128 and the signal's number.
    """
    word = "stopped by %s after step %d: all is saved in %s; go on with --resume auto"
    _log.warning(word, stopped_by.name, step, saved)
    accelerator.end_training()
    sys.exit(128 + stopped_by)
