"""Write a file whole or not at all, so that a kill in between leaves the old one."""

import os
import secrets
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Replace a file's content by `text` in UTF-8, line ends as given; folders are made as needed."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file's content atomically: written beside it, synced, renamed over it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
