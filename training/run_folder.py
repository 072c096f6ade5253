"""The run folder: what a run is made of, written before it starts."""

import json
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from aqwal.annotations.atomic import write_text

CONFIG_FILE, DATA_FILE, VERSIONS_FILE, METRICS_FILE = "config.yaml", "data.json", "versions.json", "metrics.json"
_PACKAGES = ("aqwal", "torch", "transformers", "tokenizers", "datasets", "accelerate", "seqeval", "numpy")


def describe_run(run: Path, config: BaseModel, data: dict[str, Any]) -> None:
    """Write the resolved configuration, what the data is, and the versions of what computes."""
    write_config(run, config)
    write_text(run / DATA_FILE, as_json(data))
    versions = {name: version(name) for name in _PACKAGES}
    write_text(run / VERSIONS_FILE, as_json({"python": sys.version.split()[0], **versions}))


def write_config(run: Path, config: BaseModel) -> None:
    """Write the resolved configuration."""
    write_text(run / CONFIG_FILE, yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True))


def check_finished(run: Path, names: Iterable[str]) -> None:
    """Look whether a run folder has what describes it, these files, and weights that the run kept.

    Raises:
        FileNotFoundError: Naming the first that is missing.
    """
    for name in (CONFIG_FILE, DATA_FILE, VERSIONS_FILE, METRICS_FILE, *names):
        if not (run / name).is_file():
            raise FileNotFoundError(f"{run / name} is missing; is {run} the folder of a finished run?")
    if not json.loads((run / METRICS_FILE).read_text(encoding="utf-8"))["kept"]:
        raise FileNotFoundError(f"{run} has kept no weights yet; let the run end, or go on with it by --resume auto")


def differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the names of what two descriptions do not have in common."""
    return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))


def as_json(content: Any) -> str:
    """Return content as the JSON text of a run folder's files."""
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"
