"""Cross-validation by document, over several random seeds: the honest figure for few documents.

    python -m aqwal.training.crossval --config configs/crossval-seeds.yaml

Each fold is trained and scored by documents it has not seen; a fold that is already scored is not
trained again, so a stopped run goes on where it was. Near-identical articles share a fold.
"""

import json
import logging
import shutil
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field
from tokenizers import Tokenizer

from aqwal.annotations.atomic import write_text
from aqwal.annotations.records import AnnotationError, Document
from aqwal.serving.encoding import WordEncoder
from aqwal.serving.model_folder import TOKENIZER_FILE
from aqwal.serving.prediction import PredictedSpan, Prediction, Quote
from aqwal.training.bases import BaseEncoderError
from aqwal.training.config import PROJECT_ROOT, TrainConfig, parse_config
from aqwal.training.data import load_documents
from aqwal.training.logs import start_logging
from aqwal.training.metrics import Answered, score
from aqwal.training.model import SpanTagger, answer_documents
from aqwal.training.offline_encoder import OfflineEncoderError
from aqwal.training.train import CHECKPOINT, train

DEFAULT_CONFIG = PROJECT_ROOT / "configs" / "crossval-seeds.yaml"
ANSWERS_FILE, SPLITS_FILE, RESULT_FILE = "answers.json", "splits.json", "crossval.json"
_COLUMNS = {"f1": "exact F1", "overlap_f1": "overlap F1", "character_f1": "character F1"}
_log = logging.getLogger("aqwal.training.crossval")


class CrossValidationConfig(TrainConfig):
    """A training run repeated over folds and random seeds; `seed`, `splits` and `output_dir` are set for each."""

    folds: tuple[tuple[str, ...], ...] = Field(min_length=2, description="Document ids of each fold.")
    seeds: tuple[int, ...] = Field(min_length=1, description="Random seeds; every fold is trained once with each.")


def main(arguments: list[str] | None = None) -> None:
    """Run a cross-validation from the command line and print its table."""
    start_logging()
    config = parse_config(arguments, DEFAULT_CONFIG, CrossValidationConfig)
    try:
        result = cross_validate(config)
    except (AnnotationError, BaseEncoderError, OfflineEncoderError, FileNotFoundError, ValueError) as error:
        sys.exit(f"crossval: {error}")
    sys.stdout.write(markdown_table(result) + "\n")


def cross_validate(config: CrossValidationConfig) -> dict[str, Any]:
    """Train and score every fold with every seed; the result is also written to the output folder.

    Returns:
        Under `seeds` the scores over all out-of-fold answers of each seed, under `summary` mean and
        standard deviation over the seeds of each label's F1 figures and of the pair F1.

    Raises:
        ValueError: If the folds are not a partition of the documents.
    """
    documents = load_documents(config.documents, PROJECT_ROOT).documents
    _check_folds(config, documents)
    by_seed = {}
    for seed in config.seeds:
        answered = [
            one for number in range(len(config.folds)) for one in _fold_answers(config, documents, seed, number)
        ]
        by_seed[str(seed)] = score(answered, config.labels)
    result = {"seeds": by_seed, "summary": _summary(list(by_seed.values()))}
    write_text(config.path(config.output_dir) / RESULT_FILE, json.dumps(result, indent=1) + "\n")
    return result


def _check_folds(config: CrossValidationConfig, documents: Sequence[Document]) -> None:
    named = sorted(identifier for fold in config.folds for identifier in fold)
    there = sorted(document.id for document in documents)
    if named != there:
        off = sorted(set(named) ^ set(there)) or "some twice"
        raise ValueError(f"the folds must name each of the {len(there)} documents once; off: {off}")


def _fold_answers(
    config: CrossValidationConfig, documents: Sequence[Document], seed: int, number: int
) -> list[Answered]:
    """Return the answers for one fold, training it unless that was done before."""
    run = config.path(config.output_dir) / f"seed-{seed}" / f"fold-{number}"
    held_out = [document for document in documents if document.id in config.folds[number]]
    if not (run / ANSWERS_FILE).is_file():
        _log.info("seed %d, fold %d of %d: %s", seed, number + 1, len(config.folds), ", ".join(config.folds[number]))
        _train_fold(config, run, seed, number)
        write_text(run / ANSWERS_FILE, json.dumps([one.prediction.to_dict() for one in _answer(config, run, held_out)]))
        shutil.rmtree(run / CHECKPOINT)
    stored = json.loads((run / ANSWERS_FILE).read_text(encoding="utf-8"))
    return [
        Answered(document, _prediction(document, answer)) for document, answer in zip(held_out, stored, strict=True)
    ]


def _train_fold(config: CrossValidationConfig, run: Path, seed: int, number: int) -> None:
    rest = [identifier for other, fold in enumerate(config.folds) if other != number for identifier in fold]
    write_text(run / SPLITS_FILE, json.dumps({"train": rest, "test": config.folds[number]}, indent=1) + "\n")
    fields = config.model_dump(exclude={"folds", "seeds"})
    train(TrainConfig(**{**fields, "seed": seed, "splits": str(run / SPLITS_FILE), "output_dir": str(run)}))


def _answer(config: CrossValidationConfig, run: Path, held_out: Sequence[Document]) -> list[Answered]:
    tagger = SpanTagger.load(run / CHECKPOINT)
    tokenizer = Tokenizer.from_file(str(run / CHECKPOINT / TOKENIZER_FILE))
    return answer_documents(tagger, WordEncoder(tokenizer, config.max_length, config.overlap), held_out)


def _prediction(document: Document, answer: dict[str, Any]) -> Prediction:
    spans = tuple(PredictedSpan(**span) for span in answer["spans"])
    return Prediction(document.text, spans, tuple(Quote(**quote) for quote in answer["quotes"]), document.id)


def _summary(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    labels = results[0]["labels"]
    return {
        "labels": {
            label: {name: _mean_and_spread([one["labels"][label][name] for one in results]) for name in _COLUMNS}
            for label in labels
        },
        "pairs": {link: _mean_and_spread([one["pairs"][link] for one in results]) for link in results[0]["pairs"]},
    }


def _mean_and_spread(values: Sequence[float]) -> dict[str, float]:
    return {"mean": statistics.fmean(values), "spread": statistics.stdev(values) if len(values) > 1 else 0.0}


def markdown_table(result: dict[str, Any]) -> str:
    """Return the summary as a Markdown table: mean ± standard deviation over the seeds."""
    summary = result["summary"]
    lines = [f"| | {' | '.join(_COLUMNS.values())} |", f"|---|{'---|' * len(_COLUMNS)}"]
    for label, row in summary["labels"].items():
        lines.append(f"| {label} | {' | '.join(_shown(row[name]) for name in _COLUMNS)} |")
    pairs = ", ".join(f"{link} {_shown(figure)}" for link, figure in summary["pairs"].items())
    return "\n".join([*lines, "", f"Pair F1 of the links: {pairs}"])


def _shown(figure: dict[str, float]) -> str:
    return f"{figure['mean']:.2f} ± {figure['spread']:.2f}"


if __name__ == "__main__":
    main()
