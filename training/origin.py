"""What decides a training and its figures: compared before what was done is taken for done.

Where files lie, how often a run is saved and how a step is cut into passes decide nothing; temperatures and
thresholds decide answers, but no weights, unless the answers choose the epoch.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aqwal.annotations.records import Document
from aqwal.serving.model_folder import file_sha256
from aqwal.training.config import BOOKKEEPING_FIELDS, TrainConfig
from aqwal.training.data import hash_documents
from aqwal.training.packed_base import NOTES
from aqwal.training.run_folder import differing

# What may differ between a run and the one that goes on with it, or takes it for done.
_FREE = {
    "documents",
    "documents_format",
    "splits",
    "output_dir",
    "gradient_accumulation_steps",
    "compile",
    *BOOKKEEPING_FIELDS,
}
_CALIBRATION = {"temperatures", "thresholds"}
_BASE = "base files"


def deciding_fields(config: TrainConfig) -> dict[str, Any]:
    """Return what a configuration decides of the weights, as plain data.

    A local base is told by the sha256 of its files, but for those that people write.
    """
    fields = config.model_dump(mode="json", exclude=_FREE | (_CALIBRATION if config.keep == "last" else set()))
    base = config.path(config.base)
    if base.is_dir():
        files = [path for path in sorted(base.iterdir()) if path.is_file() and path.name not in NOTES]
        fields[_BASE] = {path.name: file_sha256(path) for path in files}
    return fields


def unlike(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the names of what two trainings do not have in common.

    Args:
        before: What decided the earlier one; it may be by a release that knew other fields.
        now: What decides the one that is wanted.
    """
    # A field that is younger than the earlier training stood at its default; what its base held is not known.
    known = {name: field.default for name, field in TrainConfig.model_fields.items() if name in now}
    known |= {_BASE: now[_BASE]} if _BASE in now else {}
    free = (_FREE | _CALIBRATION) - now.keys()
    return differing(known | {name: value for name, value in before.items() if name not in free}, now)


def fingerprint(configs: Iterable[TrainConfig], documents: Iterable[Sequence[Document]], *more: Any) -> str:
    """Return the sha256 of what decides figures.

    Args:
        configs: The training runs behind them.
        documents: The sets trained on and scored.
        more: Plain data that decides as well.
    """
    fields = [{**_not_at_default(config), "calibration": config.calibration} for config in configs]
    content = [fields, [hash_documents(each) for each in documents], *more]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _not_at_default(config: TrainConfig) -> dict[str, Any]:
    """Return the deciding fields that differ from their defaults, so that a field of a later release alters nothing."""
    known = type(config).model_fields
    fields = deciding_fields(config)
    return {name: value for name, value in fields.items() if name not in known or value != known[name].default}
