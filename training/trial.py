"""A trial: one training run and what it answers on documents that it did not see, kept on disk.

What was done before is not done again, so a series of trials that was stopped goes on where it was:
a trial that is trained is not trained again, and one whose tag scores are there needs no checkpoint.
Temperatures and thresholds may change between two looks at a trial; they decide no training.
"""

import json
import logging
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from accelerate import PartialState
from tokenizers import Tokenizer

from aqwal.annotations.atomic import write_text
from aqwal.annotations.formats.corpus import Format
from aqwal.annotations.page import Page
from aqwal.annotations.records import Document
from aqwal.serving.encoding import WordEncoder
from aqwal.serving.model_folder import TOKENIZER_FILE
from aqwal.serving.tags import TagSet
from aqwal.training.answers import write_answers
from aqwal.training.checkpoints import FINISHED_FILE
from aqwal.training.config import PROJECT_ROOT, TrainConfig
from aqwal.training.data import describe_data, hash_documents, load_documents, split_documents
from aqwal.training.metrics import Answered
from aqwal.training.model import SpanTagger, make_decoder
from aqwal.training.origin import deciding_fields, unlike
from aqwal.training.run_folder import CONFIG_FILE, DATA_FILE, METRICS_FILE, as_json
from aqwal.training.tag_scores import TagScores
from aqwal.training.train import CHECKPOINT, CHECKPOINTS, recalibrate, train

ANSWERS_FILE, SCORES_FILE, TRIAL_FILE, SPLITS_FILE = "answers.json", "scores.npz", "trial.json", "splits.json"
_FINISHED = f"{CHECKPOINTS}/{FINISHED_FILE}"
_log = logging.getLogger("aqwal.training.trial")


@dataclass(frozen=True)
class Outcome:
    """What a trial gave: answers on documents with gold, the tag scores behind them, seconds of training."""

    answered: list[Answered]
    tag_scores: TagScores
    seconds: float


class Trial:
    """A training run whose `output_dir` is the trial's own folder.

    Args:
        config: The training run.

    Raises:
        ValueError: If the folder holds a trial of other documents or with another configuration.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config, self.folder = config, config.path(config.output_dir)
        self.origin = _origin(config)
        before = self._record()
        if before is not None:
            _compare(self.folder, before["origin"], self.origin)

    def checkpoint(self) -> Path:
        """Return the folder of the weights, trained unless they are there."""
        folder = self.folder / CHECKPOINT
        if self._record() is None or not folder.is_dir():
            _log.info("training %s", self.folder)
            # Whatever an earlier training left must not pass for what this one gives.
            for name in (TRIAL_FILE, SCORES_FILE, ANSWERS_FILE):
                (self.folder / name).unlink(missing_ok=True)
            # One that was killed goes on where it was.
            train(self.config.model_copy(update={"resume": "auto"}))
            self._note()
        recalibrate(self.folder, self.config)
        return folder

    def check_unseen(self, documents: Iterable[Document]) -> None:
        """Make sure that the training run learns nothing of documents.

        Raises:
            ValueError: If one of their texts is in the training part, or, by `keep: best`, in the development part.
        """
        parts = documents_of(self.config)
        chosen_by = parts["development"] if self.config.keep == "best" else []
        known = {one.sha256 for one in [*parts["train"], *chosen_by]}
        if seen := [one.id for one in documents if one.sha256 in known]:
            raise ValueError(
                f"{self.folder} trains on documents {', '.join(seen[:5])} ({len(seen)} in all), so its answers on "
                "them measure nothing; score others, or leave them out of its `documents` or `splits`"
            )

    def _note(self) -> None:
        """Note that the training came to its end."""
        finished = json.loads((self.folder / _FINISHED).read_text(encoding="utf-8"))
        record = {"seconds": round(finished.get("seconds", 0.0), 1), "origin": self.origin}
        write_text(self.folder / TRIAL_FILE, as_json(record))

    def adopt(self) -> None:
        """Take the folder over if `train.py` has filled it.

        Raises:
            ValueError: If it did so with other files or another configuration.
        """
        names = (CONFIG_FILE, DATA_FILE, METRICS_FILE, f"{CHECKPOINT}/config.json", _FINISHED)
        if self._record() is not None or not all((self.folder / name).is_file() for name in names):
            return
        texts = {name: (self.folder / name).read_text(encoding="utf-8") for name in names}
        config, finished = TrainConfig(**yaml.safe_load(texts[CONFIG_FILE])), json.loads(texts[_FINISHED])
        if len(finished["epochs"]) < config.epochs:
            return
        # What the base held then, only the run itself knows.
        before = {**_origin(config), **finished["origin"], **json.loads(texts[DATA_FILE])}
        _compare(self.folder, before, {**self.origin, **self._data()})
        _log.info("%s is trained already", self.folder)
        self._note()

    def _data(self) -> dict[str, Any]:
        """Return what `train.py` notes of the documents."""
        config = self.config
        files = load_documents(config.documents, PROJECT_ROOT, config.scheme, config.file_format)
        return describe_data(files, documents_of(config))

    def run(self, documents: Sequence[Document], keep_checkpoint: bool = False) -> Outcome:
        """Answer documents, training first if that was not done before.

        Args:
            documents: With gold; the training run must not have seen them.
            keep_checkpoint: Leave the weights in the folder.

        Raises:
            ValueError: If the training run has seen one.
        """
        self.check_unseen(documents)
        scores = self._scores(documents)
        answered = answer_all(self.config, scores, documents)
        write_answers(self.folder / ANSWERS_FILE, answered)
        if not keep_checkpoint:
            self.discard_checkpoint()
        record = self._record()
        assert record is not None, "the scores come from a trained model"
        return Outcome(answered, scores, record["seconds"])

    def discard_checkpoint(self) -> None:
        """Remove the weights; the scores stay."""
        shutil.rmtree(self.folder / CHECKPOINT, ignore_errors=True)

    def _record(self) -> dict[str, Any] | None:
        """Return what is known of the training that was done, if it came to its end."""
        path = self.folder / TRIAL_FILE
        if not path.is_file():
            return None
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return record

    def _scores(self, documents: Sequence[Document]) -> TagScores:
        path = self.folder / SCORES_FILE
        stored = TagScores.load(path) if self._record() is not None and path.is_file() else None
        if stored is None or not stored.covers(documents):
            stored = self._score(documents)
            stored.save(path)
        return stored

    def _score(self, documents: Sequence[Document]) -> TagScores:
        folder = self.checkpoint()
        tagger = SpanTagger.load(folder).to(PartialState().device)
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
        encoder = WordEncoder(tokenizer, self.config.max_length, self.config.overlap)
        by_text = {document.sha256: tagger.emissions(Page(document.text), encoder) for document in documents}
        return TagScores(tagger.decoder().transitions, by_text)


def answer_all(config: TrainConfig, scores: TagScores, documents: Sequence[Document]) -> list[Answered]:
    """Decode the tag scores of documents with a configuration's temperatures and thresholds."""
    decoder = make_decoder(config.labels, TagSet(config.tags), scores.transitions, config.calibration, config.scheme)
    return [
        Answered(document, decoder.decode(Page(document.text), scores.of(document), document.id))
        for document in documents
    ]


def documents_of(config: TrainConfig) -> dict[str, list[Document]]:
    """Return the documents of each part of a training run."""
    documents = _documents(tuple(config.documents), config.scheme, config.file_format)
    return split_documents(documents, config.path(config.splits) if config.splits else None)


def _origin(config: TrainConfig) -> dict[str, Any]:
    """Return all that decides a training, as plain data."""
    parts = documents_of(config)
    hashes = {f"{part} documents": hash_documents(parts[part]) for part in ("train", "development")}
    return {**deciding_fields(config), **hashes}


# A series reads the same files again and again.
@lru_cache(maxsize=4)
def _documents(patterns: tuple[str, ...], scheme: str, file_format: Format | None) -> tuple[Document, ...]:
    return tuple(load_documents(patterns, PROJECT_ROOT, scheme, file_format).documents)


def _compare(folder: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    if names := unlike(before, now):
        raise ValueError(
            f"{folder} has a trial with another {', '.join(names)}; go on with what it had, remove it, or give "
            "another output_dir"
        )
