"""Where what was fetched or made once is kept for all runs of a user."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return `$AQWAL_CACHE`, or `~/.cache/aqwal`; it may have to be made."""
    return Path(os.environ.get("AQWAL_CACHE") or "~/.cache/aqwal").expanduser()
