"""Write a file whole or not at all, so that a kill in between leaves the old one."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def write_text(path: Path, text: str) -> None:
    """Replace a file's content by `text` in UTF-8, line ends as given; folders are made as needed."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file's content atomically."""
    with replacing(path) as file:
        file.write(content)


def replaceable(path: Path) -> Path:
    """Return the file that a path leads to, links followed, whether it is there or not.

    Raises:
        OSError: If what is there is no file but, say, a folder, a pipe or a device, which must not be renamed over.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "Is no regular file", str(path))
    return Path(os.path.realpath(path)) if path.is_symlink() else path


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a file beside `path` to write; if the block ends without an error, it is synced and renamed over it.

    Raises:
        OSError: Naming `path`, if it cannot be written, or if something else than a file is there.
    """
    path = replaceable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException as error:
        beside.unlink(missing_ok=True)
        # Writing and syncing name no file, and nobody knows the one beside.
        if isinstance(error, OSError) and error.errno and error.filename in (None, str(beside)):
            error.filename = str(path)
        raise
