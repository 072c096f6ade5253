"""The configuration of a training run: every field typed, one sentence each, unknown keys refused.

A run is one YAML file in `configs/`; any field can be overridden on the command line as
`--field value`. Relative paths start at the project's root, wherever the command is run from.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import jsonargparse
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from aqwal.annotations.formats.corpus import Format
from aqwal.annotations.records import AQWAL, PLAIN
from aqwal.annotations.scheme import LABELS
from aqwal.serving.encoding import MAX_SUBTOKENS

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DEFAULT_CONFIG = PROJECT_ROOT / "configs" / "arabert.yaml"

# About half the exact F1 that models of this kind reach; see `aqwal.serving.candidates`.
_USUAL_THRESHOLD = 0.25
# Fields of a run that decide nothing about its result.
BOOKKEEPING_FIELDS = ("window_cache", "save_every", "log_every", "resume")
Rate = Annotated[float, Field(gt=0, le=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class TrainConfig(BaseModel):
    """All that decides a training run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: str = Field(
        description="Base encoder: a hub name, a local folder (weights as usual or packed in 4 bits), or `offline`."
    )
    documents: list[str] = Field(min_length=1, description="Annotated files; glob patterns allowed.")
    documents_format: Literal["stored", "conll", "brat"] | None = Field(
        None, description="Format of the documents; by each file's ending (.json, .conll, .ann …) if null."
    )
    splits: str | None = Field(
        None,
        description="JSON file that maps `train`, `development`, `test` to document ids or patterns of them as "
        "`news-*`; all train if null.",
    )
    output_dir: str = Field(description="Run folder: checkpoint, resolved config, data hashes, metrics, versions.")
    scheme: Literal["aqwal-1", "plain"] = Field(
        AQWAL,
        description="What spans may be: aqwal-1 with its edges and links, or plain, whole words of any labels.",
    )
    labels: tuple[str, ...] = Field(LABELS, description="Labels of the layers, in order.")
    tags: Literal["bio", "bioes"] = Field("bioes", description="Tag scheme of each layer.")
    loss: Literal["crf", "cross_entropy"] = Field("crf", description="Learn transitions with the tags, or tags alone.")
    max_length: int = Field(
        512, ge=2 * MAX_SUBTOKENS + 2, description="Longest window, in sub-tokens with special tokens."
    )
    overlap: int = Field(128, ge=0, description="What neighbouring windows share, in sub-tokens, about.")
    epochs: Count = Field(description="Passes over the training windows.")
    batch_size: Count = Field(description="Windows in one optimizer step, over all processes.")
    tokens_per_step: Count | None = Field(
        None,
        description="Sub-tokens in one optimizer step at most, padding included, over all processes: a step of long "
        "windows then has fewer than batch_size. No limit if null.",
    )
    gradient_accumulation_steps: Count = Field(
        1, description="Forward passes that a process cuts its part of a step into: less memory, the same result."
    )
    encoder_rate: Rate = Field(description="Highest learning rate of the encoder.")
    layer_decay: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, description="By which the encoder's rate is multiplied for each layer further down; embeddings come last."
    )
    head_rate: Rate = Field(description="Highest learning rate of the classification head.")
    transition_rate: Rate = Field(1.0e-2, description="Highest learning rate of the transitions (loss: crf).")
    warmup: Share = Field(
        0.1, description="Share of the optimizer steps in which the rates rise; then they fall linearly."
    )
    weight_decay: float = Field(0.01, ge=0, description="AdamW's weight decay; none on biases, norms, transitions.")
    dropout: Share | None = Field(None, description="Dropout in encoder and head; the base's own if null.")
    attention_dropout: Share = Field(
        0.0,
        description="Dropout of attention weights; other than 0 it is slow on a CPU, which has no fast kernel for it.",
    )
    hidden_share: Share = Field(
        0.0,
        description="Share of sub-tokens hidden from the encoder in training, at random, against learning by heart.",
    )
    respelled_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0,
        description="Share of the training documents for which a spelling is drawn: quotation marks, hamza, final "
        "letters, digits. For about a fifth of those it is their own.",
    )
    spelling_seed: int = Field(
        0, ge=0, description="Random seed of the spellings; runs with the same `seed` may differ by it."
    )
    freeze_embeddings: bool = Field(
        False, description="Leave the word embeddings as they are: a tenth faster on a CPU, and few of them are met."
    )
    max_gradient_norm: float = Field(1.0, gt=0, description="Norm to which gradients are clipped.")
    mixed_precision: Literal["no", "bf16", "fp16"] = Field("no", description="Number format of the forward pass.")
    compile: bool = Field(
        False, description="Compile the model with torch.compile: minutes at the start, faster steps; a C++ compiler."
    )
    keep: Literal["last", "best"] = Field(
        "last",
        description="Weights to keep: of the last epoch, or of the best development epoch (40 documents or more).",
    )
    temperatures: dict[str, Annotated[float, Field(gt=0)]] = Field(
        {}, description="By which a label's scores are divided before they become probabilities; 1 if not named."
    )
    thresholds: dict[str, Share] = Field(
        {}, description="Probability from which a span of a label is worth answering; .25 if not named."
    )
    window_cache: str | None = Field(
        None, description="Folder in which encoded windows are kept for the next run with the same data; none if null."
    )
    save_every: Count = Field(500, description="Optimizer steps between two checkpoints that a run can go on from.")
    log_every: Count = Field(10, description="Optimizer steps between two looks at the loss.")
    resume: Literal["never", "auto"] = Field(
        "never", description="`auto` goes on from the last checkpoint in the run folder, if there is one."
    )
    seed: int = Field(13, ge=0, description="Random seed of initial weights, order and dropout.")

    @field_validator("labels")
    @classmethod
    def _labels_are_distinct(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        if not labels or len(set(labels)) != len(labels):
            raise ValueError("labels must be one or more, each different")
        return labels

    @model_validator(mode="after")
    def _labels_are_of_the_scheme(self) -> "TrainConfig":
        unknown = [label for label in self.labels if label not in LABELS]
        if self.scheme != PLAIN and unknown:
            raise ValueError(
                f"labels {unknown} are none of scheme {self.scheme}, which has {', '.join(LABELS)}; give scheme: plain"
            )
        return self

    @model_validator(mode="after")
    def _windows_get_ahead(self) -> "TrainConfig":
        if 2 * self.overlap >= self.max_length - 2:
            raise ValueError(f"overlap {self.overlap} must be less than half of max_length {self.max_length}")
        return self

    @model_validator(mode="after")
    def _a_step_holds_a_window(self) -> "TrainConfig":
        if self.tokens_per_step is not None and self.tokens_per_step < self.max_length:
            raise ValueError(
                f"tokens_per_step {self.tokens_per_step} is less than max_length {self.max_length}; a step must hold "
                "one window at least"
            )
        return self

    @model_validator(mode="after")
    def _calibrated_labels_exist(self) -> "TrainConfig":
        unknown = sorted({*self.temperatures, *self.thresholds} - set(self.labels))
        if unknown:
            raise ValueError(f"temperatures and thresholds name {unknown}; the labels are {list(self.labels)}")
        return self

    @property
    def calibration(self) -> dict[str, dict[str, float]]:
        """Temperature and threshold of every label."""
        return {
            label: {
                "temperature": self.temperatures.get(label, 1.0),
                "threshold": self.thresholds.get(label, _USUAL_THRESHOLD),
            }
            for label in self.labels
        }

    @property
    def file_format(self) -> Format | None:
        """Format of the documents, None if their endings say it."""
        return None if self.documents_format is None else Format(self.documents_format)

    def path(self, value: str) -> Path:
        """Return a path of this configuration, seen from the project's root."""
        return PROJECT_ROOT / Path(value).expanduser()


Config = TypeVar("Config", bound=BaseModel)


def parse_config(
    arguments: Sequence[str] | None,
    default: Path,
    kind: type[Config],
    purpose: str = "Fine-tune a token classifier on annotated documents.",
) -> Config:
    """Read `--config FILE` and `--field value` overrides.

    Args:
        arguments: Command line without the program's name; the process's own if None.
        default: File taken if `--config` is not given.
        kind: The configuration to fill.
        purpose: What `--help` says that the program does.

    Exits with a message that names the field, what it got and what it takes, if anything is wrong.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    script = Path(sys.argv[0])
    parser = jsonargparse.ArgumentParser(
        prog=script.parent.name if script.name == "__main__.py" else script.name,
        allow_abbrev=False,
        description=purpose,
    )
    parser.add_argument("--config", action="config", help=f"YAML file with the fields below; {default} if not given.")
    parser.add_class_arguments(kind)
    if not any(word == "--config" or word.startswith("--config=") for word in given):
        given = ["--config", str(default), *given]
    values = parser.parse_args([_from_root(before, word) for before, word in zip(["", *given], given, strict=False)])
    fields = {name: value for name, value in values.as_dict().items() if name != "config"}
    try:
        return kind(**fields)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'config'}: {e['msg']}" for e in error.errors())
        parser.error(faults)


def _from_root(before: str, word: str) -> str:
    """Let `--config configs/x.yaml` work from any folder, as the fields' paths do."""
    if before == "--config" and not Path(word).is_file() and (PROJECT_ROOT / word).is_file():
        return str(PROJECT_ROOT / word)
    return word
