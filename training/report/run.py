"""A finished run folder, and what its checkpoint answers."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate import PartialState
from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator
from tokenizers import Tokenizer

from aqwal.serving.encoding import WordEncoder
from aqwal.serving.model_folder import TOKENIZER_FILE
from aqwal.training.config import TrainConfig
from aqwal.training.export import read_run_folder
from aqwal.training.loop.fine_tuning import NORM
from aqwal.training.metrics import Answered
from aqwal.training.model import SpanTagger, answer_documents
from aqwal.training.run_folder import DATA_FILE, METRICS_FILE, VERSIONS_FILE
from aqwal.training.train import CHECKPOINT, CURVES

_log = logging.getLogger("aqwal.training.report")


@dataclass(frozen=True)
class Run:
    """What a report is made of.

    Attributes:
        name: The folder's name.
        config: The run's configuration.
        data: sha256 of each file, ids of each part.
        versions: Of what computed.
        metrics: An entry an epoch, and which was kept.
        norms: Norm of the gradient in each optimizer step, before clipping; none if the curves were removed.
        answers: Part → answers on its documents; the training part only if there is no other.
    """

    name: str
    config: TrainConfig
    data: dict[str, Any]
    versions: dict[str, str]
    metrics: dict[str, Any]
    norms: list[float]
    answers: dict[str, list[Answered]]


def read_run(folder: Path) -> Run:
    """Read a run folder and answer the documents that it holds out.

    Raises:
        FileNotFoundError: If the run is not finished.
        ValueError: If its documents are no longer what they were.
    """
    config, documents = read_run_folder(folder)
    held_out = {part: found for part, found in documents.items() if found and part != "train"}
    tagger = SpanTagger.load(folder / CHECKPOINT).to(PartialState().device)
    tokenizer = Tokenizer.from_file(str(folder / CHECKPOINT / TOKENIZER_FILE))
    encoder = WordEncoder(tokenizer, config.max_length, config.overlap)
    answers: dict[str, list[Answered]] = {}
    for part, found in (held_out or {"train": documents["train"]}).items():
        _log.info("answering %d %s documents", len(found), part)
        answers[part] = answer_documents(tagger, encoder, found)
    data, versions, metrics = (
        json.loads((folder / name).read_text(encoding="utf-8")) for name in (DATA_FILE, VERSIONS_FILE, METRICS_FILE)
    )
    return Run(folder.resolve().name, config, data, versions, metrics, _read_norms(folder / CURVES), answers)


def _read_norms(curves: Path) -> list[float]:
    """Return the gradient norms that TensorBoard shows, all of them; none if the folder is not there."""
    if not curves.is_dir():
        return []
    events = EventAccumulator(str(curves), size_guidance={SCALARS: 0}).Reload()
    return [event.value for event in events.Scalars(NORM)] if NORM in events.Tags()[SCALARS] else []
