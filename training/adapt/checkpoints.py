"""Checkpoints of a run that may be killed at any time: whole or not there, the last two kept."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import gather_object

from aqwal.annotations.atomic import write_text
from aqwal.training.adapt.text_stream import Place
from aqwal.training.run_folder import as_json

KEPT = 2
_PROGRESS_FILE = "progress.json"


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        origin: What the run is made of; only the same run may go on from here.
        step: Optimizer steps done.
        place: Where in the text this process goes on.
        history: One entry a report, as `metrics.json` has them.
    """

    origin: dict[str, Any]
    step: int = 0
    place: Place = field(default_factory=Place)
    history: list[dict[str, Any]] = field(default_factory=list)


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: Where they lie, one folder each.
        accelerator: Holds the state to save: model, optimizer, random numbers, what is registered with it.
    """

    def __init__(self, folder: Path, accelerator: Accelerator) -> None:
        self._folder, self._accelerator = folder, accelerator

    def newest(self) -> Path | None:
        """Return the folder of the last checkpoint, if there is one."""
        return max(self._folder.glob("step-*"), default=None)

    def save(self, progress: Progress) -> None:
        """Write a checkpoint; every process must call."""
        places = gather_object([asdict(progress.place)])
        described = {"origin": progress.origin, "step": progress.step, "places": places, "history": progress.history}
        target = self._folder / f"step-{progress.step:08d}"
        with written_whole(target, self._accelerator) as unfinished:
            self._accelerator.save_state(str(unfinished))
            if self._accelerator.is_main_process:
                write_text(unfinished / _PROGRESS_FILE, as_json(described))
        if self._accelerator.is_main_process:
            for old in sorted(self._folder.glob("step-*"))[:-KEPT]:
                shutil.rmtree(old)

    def restore(self, checkpoint: Path, origin: dict[str, Any]) -> Progress:
        """Load the state of model, optimizer, schedule and random numbers; return how far the run was.

        Raises:
            ValueError: If the checkpoint is of a run with another origin or number of processes.
        """
        described = json.loads((checkpoint / _PROGRESS_FILE).read_text(encoding="utf-8"))
        before = {**described["origin"], "processes": len(described["places"])}
        now = {**origin, "processes": self._accelerator.num_processes}
        differing = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
        if differing:
            raise ValueError(
                f"{checkpoint} is of a run with another {', '.join(differing)}; go on with what it had, or give "
                "another output_dir"
            )
        self._accelerator.load_state(str(checkpoint))
        place = Place(**described["places"][self._accelerator.process_index])
        return Progress(origin, described["step"], place, described["history"])


@contextmanager
def written_whole(target: Path, accelerator: Accelerator) -> Iterator[Path]:
    """Give a folder to write into that takes the target's name, and its place, once all processes are done."""
    unfinished = target.with_name(f".{target.name}.unfinished")
    if accelerator.is_main_process:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
    accelerator.wait_for_everyone()
    yield unfinished
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        if target.exists():
            shutil.rmtree(target)
        unfinished.rename(target)
    accelerator.wait_for_everyone()
