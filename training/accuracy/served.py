"""A trial as it is served: exported, and its answers in both precisions, kept beside it."""

import json
from collections.abc import Sequence

from aqwal.annotations.records import Document
from aqwal.serving import Predictor
from aqwal.serving.model_folder import MODEL_FILES, SETTINGS_FILE
from aqwal.training.answers import read_answers, write_answers
from aqwal.training.export import export_model
from aqwal.training.gate import predictor_answers
from aqwal.training.metrics import Answered
from aqwal.training.trial import Trial

MODEL = "model"

# Precision → answers.
Served = dict[str, list[Answered]]


def answer_as_served(trial: Trial, documents: Sequence[Document]) -> Served:
    """Return the answers of the exported trial, doing only what was not done before."""
    model = trial.folder / MODEL
    if not _is_exported(trial):
        for precision in MODEL_FILES:
            (trial.folder / f"{precision}.json").unlink(missing_ok=True)
        trial.checkpoint()
        export_model(trial.folder, model, keep_fp32=True)
    served: Served = {}
    for precision in MODEL_FILES:
        path = trial.folder / f"{precision}.json"
        served[precision] = read_answers(path, documents) or predictor_answers(Predictor(model, precision), documents)
        write_answers(path, served[precision])
    return served


def read_as_served(trial: Trial, documents: Sequence[Document]) -> Served | None:
    """Return the stored answers; None if they are not all there, or of other temperatures or thresholds."""
    if not _is_exported(trial):
        return None
    stored = {precision: read_answers(trial.folder / f"{precision}.json", documents) for precision in MODEL_FILES}
    there = {precision: answers for precision, answers in stored.items() if answers is not None}
    return there if len(there) == len(stored) else None


def _is_exported(trial: Trial) -> bool:
    path = trial.folder / MODEL / SETTINGS_FILE
    if not path.is_file():
        return False
    settings = json.loads(path.read_text(encoding="utf-8"))
    return bool(settings["training"]["config"] == trial.config.model_dump(mode="json"))
