"""A sweep: one training run varied, every variant with several random seeds, scored side by side.

    python -m aqwal.training.sweep --config configs/sweeps/edges.yaml [--score FILE ...]

Scored are the development part of the run's splits and each FILE, documents with gold that no run
trains on. A variant that is already scored is not trained again, so a stopped sweep goes on where
it was; one that fails is reported, and the others go on.
"""

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from aqwal.annotations.atomic import write_text
from aqwal.annotations.formats.corpus import read_corpus
from aqwal.annotations.records import Document
from aqwal.training.config import PROJECT_ROOT, TrainConfig, parse_config
from aqwal.training.logs import start_logging
from aqwal.training.metrics import score
from aqwal.training.run_folder import as_json
from aqwal.training.summary import COLUMNS, markdown_row, mean_and_spread, shown, summarise
from aqwal.training.train import TRAINING_ERRORS
from aqwal.training.trial import Trial, documents_of

DEFAULT_CONFIG = PROJECT_ROOT / "configs" / "sweeps" / "edges.yaml"
DEVELOPMENT, RESULT_FILE = "development", "result.json"
# A sweep sets these for each run.
_SET_FIELDS = ("seed", "output_dir")
_SHOWN = ("f1", "overlap_f1")
_log = logging.getLogger("aqwal.training.sweep")

Sets = dict[str, list[Document]]
Results = dict[str, list[dict[str, Any]]]


class SweepConfig(BaseModel):
    """The runs of a sweep."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_config: str = Field(description="YAML file of the training run that is varied.")
    output_dir: str = Field(description="Folder of the sweep; a run's is NAME/seed-SEED in it.")
    common: dict[str, Any] = Field({}, description="Fields that every run changes, as `splits`.")
    seeds: tuple[int, ...] = Field(min_length=1, description="Random seeds; every run is trained once with each.")
    runs: dict[str, dict[str, Any]] = Field(min_length=1, description="Name of each run → the fields that it changes.")
    keep_checkpoints: bool = Field(False, description="Keep the weights, to score other files later.")

    def train_configs(self) -> list[tuple[str, TrainConfig]]:
        """Return name and configuration of every training, run by run and seed by seed.

        Raises:
            ValueError: If a run sets what the sweep sets, or a field is unknown or wrong.
        """
        base = parse_config(["--config", self.base_config], DEFAULT_CONFIG, TrainConfig).model_dump()
        planned = []
        for name, fields in self.runs.items():
            if taken := [field for field in _SET_FIELDS if field in fields]:
                raise ValueError(f"run {name} sets {', '.join(taken)}, which the sweep sets itself")
            for seed in self.seeds:
                own = {"seed": seed, "output_dir": f"{self.output_dir}/{name}/seed-{seed}"}
                planned.append((name, self._checked(TrainConfig(**{**base, **self.common, **fields, **own}))))
        return planned

    def _checked(self, one: TrainConfig) -> TrainConfig:
        if one.keep == "best":
            raise ValueError(
                "keep: best chooses the epoch by the documents that a sweep scores; give keep: last in `common`"
            )
        return one


def main(arguments: list[str] | None = None) -> None:
    """Run a sweep from the command line; print its tables, exit with 1 if a run failed."""
    start_logging()
    files, rest = _score_files(arguments)
    purpose = "Vary a training run. --score FILE... names annotated files to score beside the development part."
    config = parse_config(rest, DEFAULT_CONFIG, SweepConfig, purpose)
    try:
        results, failed = run_sweep(config, files)
    except TRAINING_ERRORS as error:
        sys.exit(f"sweep: {error}")
    sys.stdout.write(markdown_tables(results) + "\n")
    if failed:
        sys.exit("sweep: failed: " + "; ".join(f"{name}: {reason}" for name, reason in failed.items()))


def _score_files(arguments: list[str] | None) -> tuple[list[Path], list[str]]:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--score", nargs="+", action="extend", type=Path, default=[])
    known, rest = parser.parse_known_args(arguments)
    return known.score, rest


def run_sweep(config: SweepConfig, score_files: Sequence[Path]) -> tuple[Results, dict[str, str]]:
    """Train and score every run with every seed.

    Args:
        config: The runs.
        score_files: Annotated files to score; each is a set of its own.

    Returns:
        The results of each run, one a seed, as they also lie in the runs' folders; and why a run failed,
        by `name, seed`.

    Raises:
        ValueError: If a run's configuration or a file to score is wrong, before any is trained.
    """
    planned = config.train_configs()
    extra = _read_sets(score_files, planned[0][1])
    results: Results = {}
    failed: dict[str, str] = {}
    for name, one in planned:
        try:
            results.setdefault(name, []).append(_run(config, name, one, extra))
        # Whatever stops one run, be it memory, must not stop the night's others.
        except Exception as error:
            _log.exception("run %s with seed %d failed", name, one.seed)
            failed[f"{name}, seed {one.seed}"] = str(error) or type(error).__name__
    return {name: found for name, found in results.items() if found}, failed


def _read_sets(files: Sequence[Path], one: TrainConfig) -> Sets:
    """Return each file's documents under its name, which must be its own, as must be the documents' ids."""
    sets = _development(one)
    for path in files:
        documents = read_corpus(path, one.scheme, one.file_format).documents
        known = {document.id for others in sets.values() for document in others}
        twice = [document.id for document in documents if document.id in known]
        without = [document.id for document in documents if document.gold is None]
        if path.stem in {DEVELOPMENT, *sets} or twice or without:
            raise ValueError(
                f"{path}: a file to score needs a name of its own (not {DEVELOPMENT}), documents that no other set has "
                f"and a ground_truth in each; in other sets: {twice[:5]}, without ground_truth: {without[:5]}"
            )
        sets[path.stem] = documents
    return {name: documents for name, documents in sets.items() if name != DEVELOPMENT}


def _run(config: SweepConfig, name: str, one: TrainConfig, extra: Mapping[str, list[Document]]) -> dict[str, Any]:
    """Train and score one run, unless that was done before."""
    sets = {**_development(one), **extra}
    if not sets:
        raise ValueError(f"nothing to score: no development documents in splits {one.splits}, and no --score FILE")
    _log.info("run %s with seed %d", name, one.seed)
    trial = Trial(one)
    outcome = trial.run([document for documents in sets.values() for document in documents], config.keep_checkpoints)
    answers = {answer.document.id: answer for answer in outcome.answered}
    scores = {
        name: score([answers[document.id] for document in documents], one.labels) for name, documents in sets.items()
    }
    result = {"fields": config.runs[name], "seed": one.seed, "seconds": outcome.seconds, "scores": scores}
    write_text(trial.folder / RESULT_FILE, as_json(result))
    return result


def _development(one: TrainConfig) -> Sets:
    documents = documents_of(one)["development"]
    return {DEVELOPMENT: documents} if documents else {}


def markdown_tables(results: Results) -> str:
    """Return a Markdown table for each scored set, a row a run: mean ± standard deviation over its seeds."""
    sets = dict.fromkeys(name for found in results.values() for one in found for name in one["scores"])
    return "\n\n".join(_table(name, results) for name in sets)


def _table(set_name: str, results: Results) -> str:
    rows = {name: [one for one in found if set_name in one["scores"]] for name, found in results.items()}
    summaries = {name: summarise([one["scores"][set_name] for one in found]) for name, found in rows.items() if found}
    first = next(iter(summaries.values()))
    columns = [f"{label} {COLUMNS[kind]}" for label in first["labels"] for kind in _SHOWN]
    header = ["run", *columns, "macro F1", *(f"{link} pair F1" for link in first["pairs"]), "seconds"]
    lines = [f"**{set_name}**", "", markdown_row(header), markdown_row(["---"] * len(header))]
    for name, summary in summaries.items():
        cells = [shown(row[kind], 3) for row in summary["labels"].values() for kind in _SHOWN]
        pairs = (shown(figure, 3) for figure in summary["pairs"].values())
        seconds = shown(mean_and_spread([one["seconds"] for one in rows[name]]), 0)
        lines.append(markdown_row([name, *cells, shown(summary["macro_f1"], 3), *pairs, seconds]))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
