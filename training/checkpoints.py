"""Checkpoints of a run that may be killed at any time: whole or not there, looked through when opened, two kept.

A checkpoint is a folder with what accelerate saves (model, optimizer, schedule, random states), `progress.json` (how
far the run is) and `files.json` (the sha256 of every other file). One that does not match it is passed over.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from accelerate import Accelerator
from accelerate.logging import get_logger
from accelerate.utils import broadcast_object_list, gather_object
from safetensors import SafetensorError

from aqwal.annotations.atomic import write_text
from aqwal.training.origin import unlike
from aqwal.training.run_folder import as_json
from aqwal.training.sealed import is_whole, put, seal, unfinished_of

Resume = Literal["never", "auto"]
KEPT = 2
FINISHED_FILE = "finished.json"
_PROGRESS_FILE = "progress.json"
# torch and safetensors wrap what the disk says into errors of their own.
_WRITE_ERRORS = (OSError, RuntimeError, SafetensorError)
_log = get_logger(__name__)


class CheckpointError(Exception):
    """A checkpoint that cannot be written or read; the message says what is left and what to do."""


class Checkpoints:
    """The checkpoints of one run; every process must call each method.

    Args:
        folder: Where they lie, one folder each, seen by all processes.
        accelerator: Holds the state to save: model, optimizer, random numbers, what is registered with it.
        origin: What the run is made of, as JSON has it; only the same run may go on.
    """

    def __init__(self, folder: Path, accelerator: Accelerator, origin: dict[str, Any]) -> None:
        self._folder, self._accelerator, self._origin = folder, accelerator, origin

    def begin(self, resume: Resume) -> dict[str, Any] | None:
        """Load the state of the newest whole checkpoint.

        Returns:
            What was saved with it; None if there is no checkpoint, so that the run begins.

        Raises:
            CheckpointError: If there are checkpoints, but none is whole.
            ValueError: If there is one and `resume` is `never`, or it is of another run.
        """
        newest = self._newest_whole()
        if newest is None:
            if self._accelerator.is_main_process:
                (self._folder / FINISHED_FILE).unlink(missing_ok=True)
            return None
        if resume == "never":
            raise ValueError(
                f"{newest} is there from an earlier run; give --resume auto to go on, or another output_dir"
            )
        described = self._read(newest / _PROGRESS_FILE)
        self._accelerator.load_state(str(newest))
        _log.info("going on after step %d from %s", described["step"], newest)
        return described

    def finished(self) -> dict[str, Any] | None:
        """Return what `finish` left of this run, None if it did not come to its end.

        Raises:
            ValueError: If another run came to its end here.
        """
        path = self._folder / FINISHED_FILE
        return self._read(path) if path.is_file() else None

    def save(self, progress: dict[str, Any]) -> Path:
        """Write a checkpoint and return its folder; older ones but one are removed.

        Args:
            progress: How far the run is, as JSON has it; `step` names the checkpoint.

        Raises:
            CheckpointError: If it cannot be written; those before it are left as they are.
        """
        target = self._folder / f"step-{progress['step']:08d}"
        with written_whole(target, self._accelerator) as unfinished:
            with _together(self._accelerator, target):
                self._accelerator.save_state(str(unfinished))
            if self._accelerator.is_main_process:
                write_text(unfinished / _PROGRESS_FILE, as_json({"origin": self._origin, **progress}))
                seal(unfinished)
        if self._accelerator.is_main_process:
            self._remove_all_but(target)
        return target

    def finish(self, progress: dict[str, Any]) -> None:
        """Note that the run came to its end, and free the space of its checkpoints."""
        if self._accelerator.is_main_process:
            write_text(self._folder / FINISHED_FILE, as_json({"origin": self._origin, **progress}))
            for folder in self._steps():
                shutil.rmtree(folder)
        self._accelerator.wait_for_everyone()

    def _steps(self) -> list[Path]:
        return sorted(self._folder.glob("step-*"))

    def _newest_whole(self) -> Path | None:
        """Return the newest whole checkpoint, the same one to every process."""
        whole: list[Path | None] = [None]
        if self._accelerator.is_main_process:
            whole = [next(filter(is_whole, reversed(self._steps())), None)]
        broadcast_object_list(whole)
        if whole[0] is None and self._steps():
            raise CheckpointError(
                f"none of the checkpoints in {self._folder} is whole; remove that folder to begin anew, or bring back "
                "a copy of one"
            )
        return whole[0]

    def _read(self, path: Path) -> dict[str, Any]:
        described: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if names := unlike(described.pop("origin"), self._origin):
            raise ValueError(
                f"{path.parent} is of a run with another {', '.join(names)}; go on with what it had, or give another "
                "output_dir"
            )
        return described

    def _remove_all_but(self, newest: Path) -> None:
        """Keep a checkpoint and those just before it; any ahead of it was broken, or the run had gone on from there."""
        steps = self._steps()
        kept = [folder for folder in steps if folder <= newest][-KEPT:]
        for folder in set(steps) - set(kept):
            shutil.rmtree(folder)


@contextmanager
def written_whole(target: Path, accelerator: Accelerator) -> Iterator[Path]:
    """Give a folder to write into that takes the target's name, and its place, once all processes are done.

    Raises:
        CheckpointError: On every process, if one cannot write; what was at the target stays.
    """
    unfinished = unfinished_of(target)
    try:
        with _together(accelerator, target):
            if accelerator.is_main_process:
                shutil.rmtree(unfinished, ignore_errors=True)
                unfinished.mkdir(parents=True)
        with _together(accelerator, target):
            yield unfinished
        with _together(accelerator, target):
            if accelerator.is_main_process:
                put(unfinished, target)
    except CheckpointError:
        if accelerator.is_main_process:
            shutil.rmtree(unfinished, ignore_errors=True)
        raise


@contextmanager
def _together(accelerator: Accelerator, target: Path) -> Iterator[None]:
    """Fail on every process if one cannot write, or the others would wait for it for ever."""
    fault = None
    try:
        yield
    except _WRITE_ERRORS as error:
        fault = str(error) or type(error).__name__
    faults = [one for one in gather_object([fault]) if one is not None]
    if faults:
        raise CheckpointError(
            f"{target} cannot be written: {faults[0]}; what was saved before is untouched: make room, then go on from "
            "it with --resume auto"
        )
