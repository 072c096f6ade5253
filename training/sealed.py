"""Folders that are whole or not there: sealed with the sha256 of their files, put in place by a rename."""

import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aqwal.annotations.atomic import write_text
from aqwal.serving.model_folder import file_sha256
from aqwal.training.run_folder import as_json, differing

SEAL_FILE = "files.json"
_log = logging.getLogger("aqwal.training.sealed")


def seal(folder: Path) -> None:
    """Note the sha256 of every file of a folder, for `is_whole` to compare."""
    write_text(folder / SEAL_FILE, as_json(_hash_files(folder)))


def is_whole(folder: Path) -> bool:
    """Say whether every file of a sealed folder is as it was written; a warning names what is not."""
    try:
        expected = json.loads((folder / SEAL_FILE).read_text(encoding="utf-8"))
        unlike = differing(expected, _hash_files(folder))
    except (OSError, ValueError) as error:
        _log.warning("%s is broken and passed over: %s", folder, error)
        return False
    if unlike:
        _log.warning("%s is broken and passed over: %s not as written", folder, ", ".join(unlike))
    return not unlike


def put(unfinished: Path, target: Path) -> None:
    """Give a folder the target's name; what had it is removed."""
    before = target.with_name(f".{target.name}.before")
    if target.exists():
        shutil.rmtree(before, ignore_errors=True)
        target.rename(before)
    unfinished.rename(target)
    shutil.rmtree(before, ignore_errors=True)


def unfinished_of(target: Path) -> Path:
    """Return the name under which a folder is written before it is whole."""
    return target.with_name(f".{target.name}.unfinished")


@contextmanager
def written_folder(target: Path) -> Iterator[Path]:
    """Give an empty folder to write into that takes the target's name and place at the end, unless there is an error.

    One process alone may write a target; `checkpoints.written_whole` is for several.
    """
    unfinished = unfinished_of(target)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        put(unfinished, target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _hash_files(folder: Path) -> dict[str, str]:
    """Return the sha256 of each file as it is read back from the disk, where it is made to stay."""
    hashes = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != SEAL_FILE:
            with path.open("rb") as file:
                os.fsync(file.fileno())
            hashes[str(path.relative_to(folder))] = file_sha256(path)
    return hashes
