"""What decides a training and its figures: compared before what was done is taken for done.

Where files lie, how often a run is saved and how a step is cut into passes decide nothing; temperatures and
thresholds decide answers, but no weights.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from aqwal.annotations.records import Document
from aqwal.serving.model_folder import file_sha256
from aqwal.training.config import BOOKKEEPING_FIELDS, TrainConfig
from aqwal.training.data import hash_documents

# What may differ between a run and the one that goes on with it, or takes it for done.
FREE_FIELDS = frozenset(
    {
        "documents",
        "documents_format",
        "splits",
        "output_dir",
        "gradient_accumulation_steps",
        "compile",
        "temperatures",
        "thresholds",
        *BOOKKEEPING_FIELDS,
    }
)


def deciding_fields(config: TrainConfig) -> dict[str, Any]:
    """Return what a configuration decides of the weights, as plain data; a local base by the sha256 of its files."""
    fields = config.model_dump(mode="json", exclude=set(FREE_FIELDS))
    base = config.path(config.base)
    if base.is_dir():
        fields["base files"] = {path.name: file_sha256(path) for path in sorted(base.iterdir()) if path.is_file()}
    return fields


def fingerprint(configs: Iterable[TrainConfig], documents: Iterable[Sequence[Document]], *more: Any) -> str:
    """Return the sha256 of what decides figures.

    Args:
        configs: The training runs behind them.
        documents: The sets trained on and scored.
        more: Plain data that decides as well.
    """
    fields = [{**deciding_fields(config), "calibration": config.calibration} for config in configs]
    content = [fields, [hash_documents(each) for each in documents], *more]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
