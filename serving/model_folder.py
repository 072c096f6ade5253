"""A model folder on disk: what is in it, what it says of itself, what is wrong with it.

model.onnx        int8 (and model.fp32.onnx if it was asked for)
tokenizer.json    read by the `tokenizers` library
aqwal.json        scheme, labels, tags, transitions, windows, temperatures, thresholds, hashes, training, scores
README.md         model card
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from aqwal.annotations.records import PLAIN, SCHEMES
from aqwal.annotations.scheme import LABELS
from aqwal.serving.decoding import Transitions
from aqwal.serving.normalization import NORMALIZATION_VERSION
from aqwal.serving.spans import SpanDecoder
from aqwal.serving.tags import TagSet

FORMAT_VERSION = 2
SETTINGS_FILE, TOKENIZER_FILE, CARD_FILE = "aqwal.json", "tokenizer.json", "README.md"
MODEL_FILES = {"int8": "model.onnx", "fp32": "model.fp32.onnx"}

# Code points of a setting that a message shows.
_SHOWN = 80
# Sub-tokens; far beyond what an encoder has places for, and few enough to be counted in any type.
_LONGEST_WINDOW = 100_000


class ModelFolderError(ValueError):
    """A model folder that cannot be used; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class ModelFolder:
    """A checked model folder: every file needed is there and is the one that was exported.

    Attributes:
        path: The folder.
        settings: The content of `aqwal.json`.
        precision: `int8` or `fp32`.
    """

    path: Path
    settings: dict[str, Any]
    precision: str

    @classmethod
    def open(cls, path: str | Path, precision: str = "int8") -> "ModelFolder":
        """Open and check a folder.

        Raises:
            FileNotFoundError: If the folder or one of its files is missing.
            ModelFolderError: If it is of another version, or damaged.
        """
        folder = Path(path)
        if precision not in MODEL_FILES:
            raise ModelFolderError(f"unknown precision {precision!r}; there are: {', '.join(MODEL_FILES)}")
        if not folder.is_dir():
            raise FileNotFoundError(
                f"no model folder {folder}; a checkout of aqwal has models/release, and `make quickstart` makes "
                "models/quickstart: name one by --model"
            )
        opened = cls(folder, _read_settings(folder), precision)
        for name in (TOKENIZER_FILE, MODEL_FILES[precision]):
            _check_file(folder, name, opened.settings)
        _check_settings(folder, opened)
        return opened

    @property
    def model_file(self) -> Path:
        """The ONNX file of the chosen precision."""
        return self.path / MODEL_FILES[self.precision]

    @property
    def tokenizer_file(self) -> Path:
        """The tokenizer's file."""
        return self.path / TOKENIZER_FILE

    @cached_property
    def decoder(self) -> SpanDecoder:
        """The decoder that these settings describe."""
        parts = self.settings["transitions"]
        transitions = Transitions(*(np.array(parts[name], dtype=np.float64) for name in ("start", "step", "end")))
        temperatures, thresholds = (
            np.array(self.settings[name], dtype=np.float64) for name in ("temperatures", "thresholds")
        )
        labels, tag_set = tuple(self.settings["labels"]), TagSet(self.settings["tags"])
        return SpanDecoder(labels, tag_set, transitions, temperatures, thresholds, self.settings["scheme"])


def _read_settings(folder: Path) -> dict[str, Any]:
    file = folder / SETTINGS_FILE
    if not file.is_file():
        raise FileNotFoundError(f"{folder} is no model folder: {SETTINGS_FILE} is missing; export the model again")
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    # Brackets a hundred thousand deep are no settings either.
    except (ValueError, RecursionError) as error:
        raise ModelFolderError(f"{file} is not JSON ({error}); export the model again") from error
    if not isinstance(settings, dict):
        raise ModelFolderError(f"{file} is no JSON object; export the model again")
    version = settings.get("format")
    if version != FORMAT_VERSION:
        newer = isinstance(version, int) and version > FORMAT_VERSION
        advice = "take a newer version of aqwal" if newer else "export the model again"
        given = repr(version)[:_SHOWN]
        raise ModelFolderError(f"{file} has format {given}; this version of aqwal reads {FORMAT_VERSION}: {advice}")
    if settings.get("normalization") != NORMALIZATION_VERSION:
        wanted = f"this version of aqwal normalises words by {NORMALIZATION_VERSION!r}"
        raise ModelFolderError(
            f"{file} was trained on {settings.get('normalization')!r}; {wanted}: train or export again"
        )
    return settings


def _check_file(folder: Path, name: str, settings: dict[str, Any]) -> None:
    files = settings.get("files")
    if not isinstance(files, dict):
        raise ModelFolderError(f"{folder / SETTINGS_FILE}: `files` must map names to sha256; export the model again")
    if name not in files:
        raise FileNotFoundError(
            f"{folder} was exported without {name}; it has: {', '.join(sorted(files)) or 'nothing'}"
        )
    if not (folder / name).is_file():
        raise FileNotFoundError(f"{folder / name} is missing; export the model again")
    if file_sha256(folder / name) != files[name]:
        raise ModelFolderError(f"{folder / name} is not the file that was exported (sha256 differs); export it again")


def _check_settings(folder: Path, opened: ModelFolder) -> None:
    for name, right in _SETTINGS_CHECKS.items():
        try:
            fits = right(opened)
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError):
            fits = False
        if not fits:
            given = str(opened.settings.get(name, "nothing"))[:_SHOWN]
            raise ModelFolderError(f"{folder / SETTINGS_FILE}: `{name}` is not usable: {given}; export the model again")


def _labels_fit(opened: ModelFolder) -> bool:
    labels = opened.settings["labels"]
    words = isinstance(labels, list) and all(isinstance(label, str) for label in labels)
    known = opened.settings["scheme"] == PLAIN or set(labels) <= set(LABELS)
    return words and known and 0 < len(labels) == len(set(labels))


def _transitions_fit(opened: ModelFolder) -> bool:
    layers, tags = len(opened.settings["labels"]), len(opened.decoder.tag_set.tags)
    parts = opened.decoder.transitions
    shapes = [part.shape for part in (parts.start, parts.step, parts.end)]
    finite = all(np.isfinite(part).all() for part in (parts.start, parts.step, parts.end))
    return finite and shapes == [(layers, tags), (layers, tags, tags), (layers, tags)]


def _temperatures_fit(opened: ModelFolder) -> bool:
    temperatures = np.array(opened.settings["temperatures"], dtype=np.float64)
    return temperatures.shape == (len(opened.settings["labels"]),) and bool(
        (np.isfinite(temperatures) & (temperatures > 0)).all()
    )


def _thresholds_fit(opened: ModelFolder) -> bool:
    thresholds = np.array(opened.settings["thresholds"], dtype=np.float64)
    fits = (thresholds >= 0) & (thresholds < 1)
    return thresholds.shape == (len(opened.settings["labels"]),) and bool(fits.all())


def _length_fits(opened: ModelFolder) -> bool:
    length = opened.settings["max_length"]
    return isinstance(length, int) and 0 < length <= _LONGEST_WINDOW


def _overlap_fits(opened: ModelFolder) -> bool:
    length, overlap = opened.settings["max_length"], opened.settings["overlap"]
    # Two places of a window are taken by special tokens.
    return isinstance(overlap, int) and 0 <= 2 * overlap < length - 2


# In this order: a later check may count on what an earlier one found right.
_SETTINGS_CHECKS: dict[str, Callable[[ModelFolder], bool]] = {
    "scheme": lambda opened: opened.settings["scheme"] in SCHEMES,
    "labels": _labels_fit,
    "tags": lambda opened: bool(TagSet(opened.settings["tags"]).tags),
    "temperatures": _temperatures_fit,
    "thresholds": _thresholds_fit,
    "transitions": _transitions_fit,
    "max_length": _length_fits,
    "overlap": _overlap_fits,
}


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
