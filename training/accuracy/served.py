"""A trained run as it is served: exported, and its answers in both precisions, kept beside it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from aqwal.annotations.atomic import write_text
from aqwal.annotations.records import Document
from aqwal.serving import Predictor
from aqwal.serving.model_folder import MODEL_FILES, SETTINGS_FILE
from aqwal.training.answers import read_answers, write_answers
from aqwal.training.average import average_runs
from aqwal.training.config import TrainConfig
from aqwal.training.export import export_model
from aqwal.training.gate import predictor_answers
from aqwal.training.metrics import Answered
from aqwal.training.origin import unlike
from aqwal.training.run_folder import as_json
from aqwal.training.train import CHECKPOINT, recalibrate
from aqwal.training.trial import Trial

MODEL, ORIGIN_FILE = "model", "origin.json"
# Beside the mean of several trainings: what each of them was made of.
TRAININGS_FILE = "trainings.json"

# Precision → answers.
Served = dict[str, list[Answered]]


class Trained(Protocol):
    """A run folder that trains itself if need be: a `Trial`, or several averaged."""

    @property
    def config(self) -> TrainConfig:
        """The training run."""

    @property
    def folder(self) -> Path:
        """Its run folder."""

    @property
    def origin(self) -> Any:
        """All that decides the weights, as plain data."""

    def check_unseen(self, documents: Sequence[Document]) -> None:
        """Make sure that no training learned anything of documents; ValueError if one did."""

    def checkpoint(self) -> Path:
        """Return the folder of the weights, trained unless they are there."""


@dataclass(frozen=True)
class Averaged:
    """Several trials in one: the mean of their weights, in a run folder of its own.

    Attributes:
        trials: Two or more; the first says temperatures and thresholds.
        folder: The run folder.
    """

    trials: Sequence[Trial]
    folder: Path

    @property
    def config(self) -> TrainConfig:
        """The first trial's training run."""
        return self.trials[0].config

    @property
    def origin(self) -> list[dict[str, Any]]:
        """All that decides the weights of each trial."""
        return [trial.origin for trial in self.trials]

    def check_unseen(self, documents: Sequence[Document]) -> None:
        """Make sure that none of the trials learned anything of documents; ValueError if one did."""
        for trial in self.trials:
            trial.check_unseen(documents)

    def checkpoint(self) -> Path:
        """Return the folder of the mean weights; one of these trainings that is there needs none of their folders."""
        folder, record = self.folder / CHECKPOINT, self.folder / TRAININGS_FILE
        if not folder.is_dir() or not _is_of(record, self.origin):
            for trial in self.trials:
                trial.checkpoint()
            average_runs([trial.folder for trial in self.trials], self.folder)
            write_text(record, as_json(self.origin))
        recalibrate(self.folder, self.config)
        return folder


def _is_of(record: Path, origins: Sequence[dict[str, Any]]) -> bool:
    """Say whether a mean was made of these trainings."""
    made_of = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else []
    return len(made_of) == len(origins) and not any(map(unlike, made_of, origins))


def answer_as_served(trial: Trained, documents: Sequence[Document]) -> Served:
    """Return the answers of the exported run, doing only what was not done before.

    Raises:
        ValueError: If the run has learned from one of the documents.
    """
    trial.check_unseen(documents)
    model = trial.folder / MODEL
    if not _is_exported(trial):
        for precision in MODEL_FILES:
            (trial.folder / f"{precision}.json").unlink(missing_ok=True)
        trial.checkpoint()
        export_model(trial.folder, model, keep_fp32=True)
        write_text(trial.folder / ORIGIN_FILE, as_json(_made_of(trial)))
    served: Served = {}
    for precision in MODEL_FILES:
        path = trial.folder / f"{precision}.json"
        served[precision] = read_answers(path, documents) or predictor_answers(Predictor(model, precision), documents)
        write_answers(path, served[precision])
    return served


def read_as_served(trial: Trained, documents: Sequence[Document]) -> Served | None:
    """Return the stored answers; None if they are not all there, or of other trainings or settings."""
    if not _is_exported(trial):
        return None
    stored = {precision: read_answers(trial.folder / f"{precision}.json", documents) for precision in MODEL_FILES}
    there = {precision: answers for precision, answers in stored.items() if answers is not None}
    return there if len(there) == len(stored) else None


def _is_exported(trial: Trained) -> bool:
    path = trial.folder / ORIGIN_FILE
    exported = (trial.folder / MODEL / SETTINGS_FILE).is_file() and path.is_file()
    return exported and json.loads(path.read_text(encoding="utf-8")) == _made_of(trial)


def _made_of(trial: Trained) -> dict[str, Any]:
    """Return what decides the exported model and its answers."""
    return {"origin": trial.origin, "calibration": trial.config.calibration}
