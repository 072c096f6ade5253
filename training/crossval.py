"""Cross-validation by document, over several random seeds: the honest figure for few documents.

    python -m aqwal.training.crossval --config configs/crossval-seeds.yaml

Each fold is trained and scored by documents it has not seen; a fold that is already scored is not
trained again, so a stopped run goes on where it was. Near-identical articles share a fold. At the
end it prints the temperatures and thresholds that the out-of-fold answers ask for.
"""

import json
import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from aqwal.annotations.atomic import write_text
from aqwal.annotations.curation.plan import read_plan
from aqwal.annotations.records import Document
from aqwal.serving.model_folder import file_sha256
from aqwal.serving.tags import TagSet
from aqwal.training.answers import read_answers
from aqwal.training.calibration import Layers, as_yaml, calibrate
from aqwal.training.config import PROJECT_ROOT, TrainConfig, parse_config
from aqwal.training.data import load_documents
from aqwal.training.folds import Folds, check_folds, make_folds
from aqwal.training.logs import start_logging
from aqwal.training.metrics import Answered, score
from aqwal.training.origin import fingerprint
from aqwal.training.reliability import reliability_of
from aqwal.training.run_folder import as_json
from aqwal.training.slices import Slices, slice_answers
from aqwal.training.summary import COLUMNS, markdown_row, shown, summarise
from aqwal.training.train import TRAINING_ERRORS
from aqwal.training.trial import ANSWERS_FILE, SPLITS_FILE, Outcome, Trial, answer_all

DEFAULT_CONFIG = PROJECT_ROOT / "configs" / "crossval-seeds.yaml"
RESULT_FILE = "crossval.json"
_log = logging.getLogger("aqwal.training.crossval")


class CrossValidationConfig(TrainConfig):
    """A training run repeated over folds and random seeds; `seed`, `splits` and `output_dir` are set for each."""

    folds: tuple[tuple[str, ...], ...] | None = Field(None, description="Document ids of each fold.")
    fold_count: Annotated[int, Field(ge=2)] | None = Field(
        None, description="Number of folds to deal the documents to, each batch to all of them; instead of `folds`."
    )
    seeds: tuple[int, ...] = Field(min_length=1, description="Random seeds; every fold is trained once with each.")
    plan: str | None = Field(
        None, description="Plan of the corpus; scores are also given by its subjects and styles, if not null."
    )

    @model_validator(mode="after")
    def _folds_are_given_once(self) -> "CrossValidationConfig":
        if (self.folds is None) == (self.fold_count is None):
            raise ValueError("give either folds or fold_count")
        if self.folds is not None and len(self.folds) < 2:
            raise ValueError("folds must be two or more")
        return self

    def deal(self, documents: Sequence[Document]) -> Folds:
        """Return the ids of each fold.

        Raises:
            ValueError: If the folds are no partition of the documents.
        """
        ids = [document.id for document in documents]
        if self.folds is None:
            assert self.fold_count is not None, "one of the two is given"
            return make_folds(ids, self.fold_count)
        check_folds(self.folds, ids)
        return self.folds

    def training(self, **own: Any) -> TrainConfig:
        """Return the training run of one trial, `own` being what sets it apart from the others."""
        return TrainConfig(**{**self.model_dump(include=set(TrainConfig.model_fields)), **own})

    def fingerprint(self, documents: Sequence[Document]) -> str:
        """Return what identifies the figures: settings, documents, and the plan that they are sliced by."""
        plan = file_sha256(self.path(self.plan)) if self.plan else None
        return fingerprint([self], [documents], self.fold_count, self.folds, self.seeds, plan)

    def fold_folder(self, seed: int, number: int) -> Path:
        """Return the folder of one trial."""
        return self.path(self.output_dir) / f"seed-{seed}" / f"fold-{number}"


def main(arguments: list[str] | None = None) -> None:
    """Run a cross-validation from the command line; print its table and what it says of calibration."""
    start_logging()
    config = parse_config(arguments, DEFAULT_CONFIG, CrossValidationConfig, "Train and score by documents held out.")
    try:
        result = cross_validate(config)
    except TRAINING_ERRORS as error:
        sys.exit(f"crossval: {error}")
    sys.stdout.write(f"{markdown_table(result)}\n\n{as_yaml(result['calibration'])}\n")


def cross_validate(config: CrossValidationConfig) -> dict[str, Any]:
    """Train and score every fold with every seed; the result is also written to the output folder.

    Returns:
        Under `fingerprint` what identifies documents and settings; under `seeds` the scores over all out-of-fold
        answers of each seed; under `summary` mean and standard deviation over the seeds of each label's F1 figures,
        macro F1 and pair F1; under `slices` the same by subject, style and words of the articles, with how many they
        are; under `calibration` temperatures, thresholds, and what answers and reliability become with them.

    Raises:
        ValueError: If the folds are not a partition of the documents.
    """
    documents = load_documents(config.documents, PROJECT_ROOT, config.scheme, config.file_format).documents
    folds = config.deal(documents)
    outcomes = {seed: _run_folds(config, documents, folds, seed) for seed in config.seeds}
    answered = [_joined(one.answered for one in of_seed) for of_seed in outcomes.values()]
    by_seed = [score(answers, config.labels) for answers in answered]
    result = {
        "fingerprint": config.fingerprint(documents),
        "folds": [list(fold) for fold in folds],
        "seeds": dict(zip(map(str, outcomes), by_seed, strict=True)),
        "summary": summarise(by_seed),
        "slices": _slices(config, answered),
        "calibration": _calibration(config, list(chain(*outcomes.values()))),
    }
    write_text(config.path(config.output_dir) / RESULT_FILE, as_json(result))
    return result


def read_out_of_fold(config: CrossValidationConfig, documents: Sequence[Document]) -> list[list[Answered]] | None:
    """Return the stored answers of each seed on all documents.

    None if the cross-validation is not finished, or one of other documents or settings lies there.
    """
    path = config.path(config.output_dir) / RESULT_FILE
    stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if stored.get("fingerprint") != config.fingerprint(documents):
        return None
    return [_read_folds(config, documents, stored["folds"], seed) for seed in config.seeds]


def _read_folds(
    config: CrossValidationConfig, documents: Sequence[Document], folds: Sequence[Sequence[str]], seed: int
) -> list[Answered]:
    answered: list[Answered] = []
    for number, fold in enumerate(folds):
        path = config.fold_folder(seed, number) / ANSWERS_FILE
        stored = read_answers(path, [document for document in documents if document.id in fold])
        if stored is None:
            raise FileNotFoundError(f"{path} lacks answers; run the cross-validation again, it goes on where it was")
        answered += stored
    return answered


def _run_folds(config: CrossValidationConfig, documents: Sequence[Document], folds: Folds, seed: int) -> list[Outcome]:
    outcomes = []
    for number, fold in enumerate(folds):
        _log.info("seed %d, fold %d of %d: %d documents", seed, number + 1, len(folds), len(fold))
        trial = _trial(config, folds, seed, number)
        outcomes.append(trial.run([document for document in documents if document.id in fold]))
    return outcomes


def _trial(config: CrossValidationConfig, folds: Folds, seed: int, number: int) -> Trial:
    run = config.fold_folder(seed, number)
    rest = sorted(identifier for other, fold in enumerate(folds) if other != number for identifier in fold)
    write_text(run / SPLITS_FILE, as_json({"train": rest, "test": folds[number]}))
    return Trial(config.training(seed=seed, splits=str(run / SPLITS_FILE), output_dir=str(run)))


def _slices(config: CrossValidationConfig, by_seed: Sequence[Sequence[Answered]]) -> dict[str, Any]:
    """Return the summary of every slice over the seeds, under field and value."""
    plan = read_plan(config.path(config.plan)) if config.plan else None
    sliced = [slice_answers(answered, plan) for answered in by_seed]
    return {
        field: {value: _slice(config.labels, sliced, field, value) for value in groups}
        for field, groups in sliced[0].items()
    }


def _slice(labels: Sequence[str], sliced: Sequence[Slices], field: str, value: str) -> dict[str, Any]:
    scores = [score(one[field][value], labels) for one in sliced]
    gold = {label: row["gold"] for label, row in scores[0]["labels"].items()}
    return {"documents": len(sliced[0][field][value]), "gold": gold, **summarise(scores)}


def _calibration(config: CrossValidationConfig, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Choose temperatures and thresholds; show answers and reliability with what was set and with them."""
    layers = Layers(config.labels, TagSet(config.tags), config.scheme)
    chosen = calibrate([(one.answered, one.tag_scores) for one in outcomes], layers)
    calibrated = config.model_copy(update=chosen)
    before = _joined(one.answered for one in outcomes)
    after = _joined(
        answer_all(calibrated, one.tag_scores, [each.document for each in one.answered]) for one in outcomes
    )
    reliability = {
        label: {"before": reliability_of(before, label), "after": reliability_of(after, label)}
        for label in config.labels
    }
    return {**chosen, "scores": score(after, config.labels), "reliability": reliability}


def _joined(parts: Iterable[Sequence[Answered]]) -> list[Answered]:
    return list(chain.from_iterable(parts))


def markdown_table(result: Mapping[str, Any]) -> str:
    """Return the summary as a Markdown table: mean ± standard deviation over the seeds."""
    summary = result["summary"]
    lines = [markdown_row(["", *COLUMNS.values()]), markdown_row(["---"] * (len(COLUMNS) + 1))]
    for label, row in summary["labels"].items():
        lines.append(markdown_row([label, *(shown(row[name]) for name in COLUMNS)]))
    if summary["pairs"]:
        pairs = ", ".join(f"{link} {shown(figure)}" for link, figure in summary["pairs"].items())
        lines += ["", f"Pair F1 of the links: {pairs}"]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
