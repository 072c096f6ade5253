"""The stages of the measurement, from training to report.

Stages: `corpus` trains on the corpus alone, exports, and answers the seeds; `curve` trains on
samples of the corpus; `crossval` cross-validates over it; `report` writes. Each keeps what it did in
the run folder and goes on after a stop. Of a stage whose run folders are not here the report keeps the
figures that it had; it says of one that was never run that it is missing.
"""

import logging
import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from aqwal.annotations.atomic import write_text
from aqwal.annotations.records import Document
from aqwal.annotations.templates import render_template
from aqwal.training.accuracy.earlier import keep_earlier
from aqwal.training.accuracy.figures import Material, gather_figures
from aqwal.training.accuracy.learning_curve import curve_fingerprint, read_curve, run_curve
from aqwal.training.accuracy.served import Averaged, Trained, answer_as_served
from aqwal.training.config import PROJECT_ROOT, Count, TrainConfig, parse_config
from aqwal.training.crossval import CrossValidationConfig, cross_validate
from aqwal.training.data import load_documents
from aqwal.training.gate import ExportError
from aqwal.training.logs import start_logging
from aqwal.training.origin import fingerprint
from aqwal.training.run_folder import as_json
from aqwal.training.train import TRAINING_ERRORS
from aqwal.training.trial import Trial, documents_of

DEFAULT_CONFIG = PROJECT_ROOT / "configs" / "accuracy.yaml"
STAGES = ("corpus", "curve", "crossval", "report")
SEEDS_SET = "seeds, real news"
TEMPLATE = Path(__file__).with_name("accuracy.md.j2")
_EDGE_WORDS = 7
_log = logging.getLogger("aqwal.training.accuracy")


class AccuracyConfig(BaseModel):
    """What is measured, and where it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: str = Field(description="YAML file of the training run on the corpus alone.")
    spelling_seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (),
        description="The training is run once with each of these, in a folder of its own, and the weights are "
        "averaged; just once, as it is, if there is none.",
    )
    crossval: str = Field(description="YAML file of the cross-validation over these documents, or a part of them.")
    curve: str = Field(description="YAML file of the training that the learning curve is made of.")
    gold: list[str] = Field(
        min_length=1, description="Annotated real news that no run trains on; glob patterns allowed."
    )
    sizes: tuple[Count, ...] = Field(
        min_length=1, description="Learning curve: articles to train on, each its training."
    )
    seeds: tuple[int, ...] = Field(min_length=1, description="Learning curve: random seeds of each training.")
    output_dir: str = Field(
        description="Folder of the learning curve's trials and of the averaged run; the others have their own."
    )
    docs_dir: str = Field("docs", description="Folder of accuracy.md, accuracy.json, accuracy-notes.md and images/.")
    stages: str = Field(",".join(STAGES), description=f"What to do, of {','.join(STAGES)}, with commas.")

    @field_validator("spelling_seeds")
    @classmethod
    def _seeds_differ(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"{list(seeds)} has a seed twice, which would be the same training twice")
        return seeds

    @field_validator("stages")
    @classmethod
    def _stages_exist(cls, stages: str) -> str:
        if unknown := sorted(set(stages.split(",")) - set(STAGES)):
            raise ValueError(f"unknown stages {unknown}; there are {', '.join(STAGES)}")
        return stages


def main(arguments: list[str] | None = None) -> None:
    """Measure and report from the command line."""
    start_logging()
    config = parse_config(arguments, DEFAULT_CONFIG, AccuracyConfig, "Measure the model's accuracy and report it.")
    try:
        Accuracy(config).run()
    except (*TRAINING_ERRORS, ExportError, ModuleNotFoundError) as error:
        sys.exit(f"accuracy: {error}")


class Accuracy:
    """The stages, each on what the configuration names.

    Args:
        config: What is measured.
    """

    def __init__(self, config: AccuracyConfig) -> None:
        self._config = config
        self._folder, self._docs = (
            PROJECT_ROOT / Path(name).expanduser() for name in (config.output_dir, config.docs_dir)
        )
        self._train = parse_config(["--config", config.train], DEFAULT_CONFIG, TrainConfig)
        self._crossval = parse_config(["--config", config.crossval], DEFAULT_CONFIG, CrossValidationConfig)
        self._curve = parse_config(["--config", config.curve], DEFAULT_CONFIG, TrainConfig)

    def run(self) -> None:
        """Do the stages that were asked for, in their order.

        Raises:
            ModuleNotFoundError: If there is to be a report and what draws its pictures is not installed.
        """
        asked = self._config.stages.split(",")
        if "report" in asked:
            # Hours of training must not end in a missing package.
            load_pictures()
        for stage in (stage for stage in STAGES if stage in asked):
            _log.info("stage %s", stage)
            getattr(self, stage)()

    @cached_property
    def _seeds(self) -> list[Document]:
        return load_documents(self._config.gold, PROJECT_ROOT).documents

    @cached_property
    def _trials(self) -> list[Trial]:
        return [Trial(config) for config in in_other_spellings(self._train, self._config.spelling_seeds)]

    @property
    def _trained(self) -> Trained:
        """The training on the corpus alone, or the mean of several."""
        return Averaged(self._trials, self._folder / "averaged") if len(self._trials) > 1 else self._trials[0]

    def corpus(self) -> None:
        """Train on the corpus alone, unless run folders have that already; export, answer the seeds as served."""
        for trial in self._trials:
            trial.adopt()
        answer_as_served(self._trained, self._seeds)

    def curve(self) -> None:
        """Train on samples of the corpus, for as many steps each."""
        training, sizes, seeds, others = self._curve_settings
        run_curve(training, self._folder / "curve", sizes, seeds, others)

    def crossval(self) -> None:
        """Cross-validate over the corpus."""
        cross_validate(self._crossval)

    def report(self) -> None:
        """Write figures, pictures and text."""
        corpus, validated = (documents_of(one)["train"] for one in (self._train, self._crossval.training()))
        fingerprints = self._fingerprints(validated)
        points = read_curve(self._folder / "curve", fingerprints["curve"])
        material = Material(self._trained, corpus, self._seeds, self._crossval, validated, self._curve, points)
        figures = gather_figures(material)
        figures = keep_earlier(figures, fingerprints, self._docs / "accuracy.json")
        draw_pictures(figures, self._docs / "images")
        notes = self._docs / "accuracy-notes.md"
        text = render_report(figures, notes.read_text(encoding="utf-8") if notes.is_file() else None)
        write_text(self._docs / "accuracy.json", as_json(figures))
        write_text(self._docs / "accuracy.md", text)
        _log.info("%s is written", self._docs / "accuracy.md")

    @property
    def _curve_settings(self) -> tuple[TrainConfig, tuple[int, ...], tuple[int, ...], dict[str, list[Document]]]:
        return self._curve, self._config.sizes, self._config.seeds, {SEEDS_SET: self._seeds}

    def _fingerprints(self, validated: Sequence[Document]) -> dict[str, str]:
        """Return what identifies the figures of each stage."""
        return {
            "corpus": fingerprint(
                [trial.config for trial in self._trials],
                [self._seeds, *(documents_of(trial.config)["train"] for trial in self._trials)],
            ),
            "curve": curve_fingerprint(*self._curve_settings),
            "crossval": self._crossval.fingerprint(validated),
        }


def in_other_spellings(training: TrainConfig, seeds: Sequence[int]) -> list[TrainConfig]:
    """Return a training once with each of these spelling seeds, in a folder of its own; as it is without any.

    Raises:
        ValueError: If there are seeds, and the training reads no document in another spelling.
    """
    if seeds and not training.respelled_share:
        raise ValueError("with `spelling_seeds` the training needs a `respelled_share`, or all runs would be the same")
    return [
        training.model_copy(update={"spelling_seed": seed, "output_dir": f"{training.output_dir}/spelling-{seed}"})
        for seed in seeds
    ] or [training]


def load_pictures() -> Any:
    """Return the module that draws.

    Raises:
        ModuleNotFoundError: If matplotlib is not installed; the message names the extra that brings it.
    """
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        hint = "install aqwal with its extra reports, in a checkout by `pip install -e '.[reports]'`"
        raise ModuleNotFoundError(f"the pictures need matplotlib; {hint}") from error
    from aqwal.training.accuracy import pictures

    return pictures


def draw_pictures(figures: dict[str, Any], folder: Path) -> None:
    """Draw the pictures of the stages that were run."""
    pictures = load_pictures()
    if figures["curve"]:
        pictures.draw_curve(figures["curve"], folder / "learning-curve.png")
    if figures["crossval"]:
        pictures.draw_slices(figures["crossval"]["slices"], folder / "accuracy-slices.png")
        pictures.draw_reliability(figures["crossval"]["calibration"]["reliability"], folder / "reliability.png")


def render_report(figures: dict[str, Any], notes: str | None) -> str:
    """Return the report in Markdown.

    Args:
        figures: As `gather_figures` returns them.
        notes: A section written by hand, taken over as it is.
    """
    return render_template(TEMPLATE, {**figures, "notes": notes, "in_cell": in_cell})


def in_cell(text: str) -> str:
    """Return a text for a cell of a table: on one line, of a long one its first and last words."""
    words = text.replace("|", "\\|").split()
    if len(words) > 2 * _EDGE_WORDS:
        words = [*words[:_EDGE_WORDS], "[…]", *words[-_EDGE_WORDS:]]
    return " ".join(words)
