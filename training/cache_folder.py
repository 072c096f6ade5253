"""Where what was fetched or made once is kept for all runs of a user."""

import os
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock


def cache_folder() -> Path:
    """Return `$AQWAL_CACHE`, or `~/.cache/aqwal`; it may have to be made."""
    return Path(os.environ.get("AQWAL_CACHE") or "~/.cache/aqwal").expanduser()


def made_once(folder: Path, is_there: Callable[[Path], bool], make: Callable[[Path], None]) -> Path:
    """Return a folder of the cache, made unless it is there; processes that ask at the same time wait for the first.

    Args:
        folder: The folder.
        is_there: Says whether it is there and whole.
        make: Makes it.
    """
    if not is_there(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            # Whoever held the lock before us has most likely made it.
            if not is_there(folder):
                make(folder)
    return folder
