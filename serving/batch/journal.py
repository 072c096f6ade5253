"""What has been answered so far, a line a document, so that a run goes on where an earlier one was killed.

The first line says by which model and for which kind of output; every other one has the fingerprint of a
document and what is to be written for it. A line is handed to the system whole before the next document
is answered, so a kill loses or tears the last one at most; the run that goes on cuts a torn line off. It
reads the documents again from the first one and compares, so it keeps none of them in memory, and input
that has changed is noticed.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aqwal.serving.batch.answer_files import Record
from aqwal.serving.documents import TextDocument


class JournalError(ValueError):
    """A journal that this run cannot go on with; the message says why and what to do."""


class Journal:
    """The records of documents answered, in order; closed by `close`, or removed for good by `remove`.

    Args:
        path: Its file.
        settings: What the answers depend on beside the documents; plain JSON.
        resume: Go on with the file if there is one; else it must not be there.

    Raises:
        JournalError: If the file is there and `resume` is not set, if another process writes to it, if its
            settings are others, or if it does not begin as a journal does.
        OSError: If it cannot be written.
    """

    def __init__(self, path: Path, settings: dict[str, Any], resume: bool) -> None:
        self.path = path
        if path.exists() and not resume:
            raise JournalError(f"{path} is what a run left that did not finish; add --resume to go on, or delete it")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b")
        try:
            self._lock()
            self._begin(settings)
        except BaseException:
            self._file.close()
            raise

    def skip_answered(self, documents: Iterator[TextDocument]) -> int:
        """Take from the documents those that have been answered and return how many these are.

        Raises:
            JournalError: If the documents are not those of the run that is gone on with.
        """
        count = 0
        for count, entry in enumerate(self._entries(), 1):
            document = next(documents, None)
            if document is None or entry["document"] != _fingerprint(document.id, document.text):
                given = "is not there any more" if document is None else f"({document.id}) is another one now"
                raise JournalError(f"document {count} {given}; delete {self.path} to answer all of the new input")
        self._file.truncate(self._end)
        return count

    def append(self, document_id: str | None, text: str, records: list[Record]) -> None:
        """Add what is to be written for a document."""
        self._write({"document": _fingerprint(document_id, text), "records": records})

    def records(self) -> Iterator[list[Record]]:
        """Yield what is to be written for each document, in order."""
        return (entry["records"] for entry in self._entries())

    def close(self) -> None:
        """Leave the file for a later run."""
        self._file.close()

    def remove(self) -> None:
        """Delete the file: its records are stored elsewhere."""
        self.path.unlink()
        self.close()

    def _lock(self) -> None:
        # Windows has no such module, and there answers to standard output must do.
        import fcntl

        try:
            # Of the open file, so that it ends with the process, however that ends.
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise JournalError(f"another run is writing {self.path}; wait for it, or choose another output") from error

    def _begin(self, settings: dict[str, Any]) -> None:
        self._file.seek(0)
        first = self._file.readline()
        if _is_torn(first, _line(settings)):
            self._file.truncate(0)
            self._write(settings)
        else:
            self._check(_parse(first), settings)
        self._first = self._end = self._file.tell()

    def _check(self, written: dict[str, Any] | None, settings: dict[str, Any]) -> None:
        if written is None:
            raise JournalError(f"{self.path} does not begin as what a run leaves; delete it or move it to start anew")
        if written != settings:
            others = " and ".join(name for name in settings if written.get(name) != settings[name])
            raise JournalError(f"{self.path} is of a run with another {others}; delete it to start anew")

    def _write(self, entry: dict[str, Any]) -> None:
        self._file.write(_line(entry))
        self._file.flush()

    def _entries(self) -> Iterator[dict[str, Any]]:
        """Yield the content of each whole line, and keep where the last one ends."""
        self._file.seek(self._first)
        while (entry := _parse(self._file.readline())) is not None:
            self._end = self._file.tell()
            yield entry


def _line(entry: dict[str, Any]) -> bytes:
    # All in ASCII: a lone surrogate comes back as it was.
    return json.dumps(entry).encode("ascii") + b"\n"


def _is_torn(first: bytes, whole: bytes) -> bool:
    """Say whether a first line is only the beginning of the whole one, or nothing, so that nothing is lost with it."""
    # A power cut may leave zeros in the place of what did not reach the disk.
    return first != whole and whole.startswith(first.rstrip(b"\0"))


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return the content of a line, or None if it is torn."""
    try:
        entry = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _fingerprint(document_id: str | None, text: str) -> str:
    return hashlib.sha256(json.dumps([document_id, text]).encode("ascii")).hexdigest()[:32]
