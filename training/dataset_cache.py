"""What was encoded before, kept under the hash of all that decides it.

An entry is a folder as `datasets` saves it, sealed when it is written and looked through when it is opened; one that is
broken is made anew. One run makes an entry at a time; others that want one from the folder wait.
"""

import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from datasets import Dataset
from filelock import FileLock

from aqwal.annotations.records import Document
from aqwal.serving.encoding import WordEncoder
from aqwal.serving.tags import TagSet
from aqwal.training.config import PROJECT_ROOT
from aqwal.training.data import encode_documents, hash_documents
from aqwal.training.sealed import is_whole, seal, written_folder

# Entries that are left, the last used ones: those of a cross-validation, and a few more.
KEPT = 16
# Code that cuts a text into words and encodes them.
_CODE = ("annotations/*.py", "serving/*.py")
_ENTRY = re.compile("[0-9a-f]{32}")
_log = logging.getLogger("aqwal.training.dataset_cache")


def cached_windows(
    documents: Sequence[Document], encoder: WordEncoder, labels: tuple[str, ...], tag_set: TagSet, folder: Path
) -> Dataset:
    """Return what `encode_documents` gives, from the cache if it is there.

    Args:
        documents: With gold.
        encoder: Cuts them into windows.
        labels: The layers.
        tag_set: The tags of each layer.
        folder: Where entries are kept; made if it is not there.
    """
    decides = {
        "documents": hash_documents(documents),
        "schemes": [document.scheme for document in documents],
        "encoder": encoder.described,
        "labels": labels,
        "tags": tag_set.name,
    }

    def make() -> Dataset:
        return encode_documents(documents, encoder, labels, tag_set)

    return cached_dataset(make, decides, ("training/data.py",), folder)


def cached_dataset(
    make: Callable[[], Dataset],
    decides: Mapping[str, Any],
    code: tuple[str, ...],
    folder: Path,
    *,
    required: bool = False,
) -> Dataset:
    """Return what `make` gives, from the cache if it is there.

    Args:
        make: Makes it anew.
        decides: What decides it beside the code, as JSON has it.
        code: The files that `make` is in, from the root; with the code that encodes words they are part of the hash.
        folder: Where entries are kept; made if it is not there.
        required: Whether what `make` gives is of use only once it is kept.

    Raises:
        OSError: If it is required and cannot be kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entry = folder / _key(decides, code)
    with FileLock(folder / ".lock"):
        if not (entry.is_dir() and is_whole(entry)):
            made = make()
            if not made:
                # There is nothing to encode twice, and `datasets` cannot load what has no rows.
                return made
            try:
                _keep(made, entry)
            except OSError as error:
                if required:
                    raise OSError(f"what was encoded cannot be kept in {folder}: {error}") from error
                _log.warning("what was encoded is not kept in %s: %s", folder, error)
                return made
        os.utime(entry)
        return Dataset.load_from_disk(str(entry))


def _keep(made: Dataset, entry: Path) -> None:
    with written_folder(entry) as unfinished:
        made.save_to_disk(str(unfinished))
        seal(unfinished)
    # Whatever else lies in the folder, run folders perhaps, is not ours to remove.
    entries = (one for one in entry.parent.iterdir() if one.is_dir() and _ENTRY.fullmatch(one.name))
    used = sorted(entries, key=lambda one: one.stat().st_mtime)
    for oldest in used[:-KEPT]:
        # A run that reads it keeps what it has open.
        shutil.rmtree(oldest)


def _key(decides: Mapping[str, Any], code: tuple[str, ...]) -> str:
    everything = {**decides, "code": _hash_code(code), "tokenizers": version("tokenizers")}
    return hashlib.sha256(json.dumps(everything).encode()).hexdigest()[:32]


@cache
def _hash_code(code: tuple[str, ...]) -> str:
    files = sorted(path for pattern in (*_CODE, *code) for path in PROJECT_ROOT.glob(pattern))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()
