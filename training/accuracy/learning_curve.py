"""The learning curve: how much more written articles help.

A fifth of the articles, of every batch, is held out from all trainings; of the others each training
has a sample, the smaller samples inside the larger ones. All of them take about the same number of
optimizer steps, so that the curve shows what more articles are worth, not what longer training is.
Scored are the held-out articles and the documents given, real news for instance.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aqwal.annotations.atomic import write_text
from aqwal.annotations.records import Document
from aqwal.annotations.scheme import QUOTE
from aqwal.training.config import TrainConfig
from aqwal.training.folds import in_no_order, make_folds
from aqwal.training.metrics import score
from aqwal.training.origin import fingerprint
from aqwal.training.run_folder import as_json
from aqwal.training.summary import summarise
from aqwal.training.trial import SPLITS_FILE, Outcome, Trial, documents_of

HELD_OUT, CURVE_FILE = "held-out articles", "curve.json"
_FOLDS = 5


def run_curve(
    config: TrainConfig, folder: Path, sizes: Sequence[int], seeds: Sequence[int], others: Mapping[str, list[Document]]
) -> list[dict[str, Any]]:
    """Train on every sample with every seed; the points are also written to the folder.

    Args:
        config: The training run; its documents are sampled. Its epochs are those of the largest sample, smaller ones
            have more.
        folder: Where the trials lie.
        sizes: Articles to train on; more than there are means all.
        seeds: Random seeds of each training.
        others: Name → documents that are scored beside the held-out articles.

    Returns:
        For each size `articles` and `quotes` trained on, `epochs`, and under `scores` for each set scored the
        number of its `documents` and the summary over the seeds.
    """
    articles = documents_of(config)["train"]
    held_out, samples = cut_samples([document.id for document in articles], sizes)
    sets = {HELD_OUT: [document for document in articles if document.id in held_out], **others}
    points = []
    for sample in samples:
        splits = folder / f"size-{len(sample)}" / SPLITS_FILE
        write_text(splits, as_json({"train": sample}))
        epochs = round(config.epochs * len(samples[-1]) / len(sample))
        outcomes = [_run(config, splits, epochs, seed, sets) for seed in seeds]
        quotes = sum(len(one.gold.of_label(QUOTE)) for one in articles if one.gold and one.id in sample)
        scores = {name: _summary(outcomes, documents, config.labels) for name, documents in sets.items()}
        points.append({"articles": len(sample), "quotes": quotes, "epochs": epochs, "scores": scores})
    identity = curve_fingerprint(config, sizes, seeds, others)
    write_text(folder / CURVE_FILE, as_json({"fingerprint": identity, "points": points}))
    return points


def curve_fingerprint(
    config: TrainConfig, sizes: Sequence[int], seeds: Sequence[int], others: Mapping[str, list[Document]]
) -> str:
    """Return what identifies a curve's documents and settings; arguments as for `run_curve`."""
    documents = [documents_of(config)["train"], *others.values()]
    return fingerprint([config], documents, list(sizes), list(seeds), list(others))


def read_curve(folder: Path, identity: str) -> list[dict[str, Any]] | None:
    """Return the points that `run_curve` left in a folder; None if there are none of this fingerprint."""
    path = folder / CURVE_FILE
    stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    points: list[dict[str, Any]] | None = stored["points"] if stored.get("fingerprint") == identity else None
    return points


def cut_samples(ids: Sequence[str], sizes: Sequence[int]) -> tuple[tuple[str, ...], list[list[str]]]:
    """Return the ids held out, and a sample for each size, each inside the next."""
    held_out = make_folds(ids, _FOLDS)[0]
    rest = sorted(set(ids) - set(held_out), key=in_no_order)
    return held_out, [sorted(rest[:size]) for size in sorted({min(size, len(rest)) for size in sizes})]


def _run(config: TrainConfig, splits: Path, epochs: int, seed: int, sets: Mapping[str, list[Document]]) -> Outcome:
    own = {"splits": str(splits), "epochs": epochs, "seed": seed, "output_dir": str(splits.parent / f"seed-{seed}")}
    trial = Trial(TrainConfig(**{**config.model_dump(), **own}))
    return trial.run([document for documents in sets.values() for document in documents])


def _summary(outcomes: Sequence[Outcome], documents: Sequence[Document], labels: Sequence[str]) -> dict[str, Any]:
    ids = {document.id for document in documents}
    of_set = [[one for one in outcome.answered if one.document.id in ids] for outcome in outcomes]
    return {"documents": len(documents), **summarise([score(answered, labels) for answered in of_set])}
