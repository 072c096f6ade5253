"""The folder in which a local server lives: its database, its log, and the account that was made for it."""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aqwal.annotations.atomic import write_text

DEFAULT_HOME, DEFAULT_TITLE = Path(".studio"), "Aqwal"
LOOPBACK = "127.0.0.1"
_GIT_IGNORE = "# Account, token and database: never in a repository.\n*\n"


class StudioError(RuntimeError):
    """What went wrong between the project and a server, in a sentence for people."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whom the server knows: made on its first start, kept in `account.json`."""

    username: str
    password: str
    token: str


@dataclass(frozen=True, slots=True)
class Running:
    """The server that was started last: process, port, and when the process began, in seconds since 1970."""

    pid: int
    port: int
    began: float

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{LOOPBACK}:{self.port}"


class Home:
    """A server's folder.

    Args:
        folder: Made when it is first written to, with a `.gitignore` that keeps all of it out of a repository.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().resolve()
        self.data, self.log = self.folder / "data", self.folder / "server.log"
        self._account, self._running = self.folder / "account.json", self.folder / "server.json"

    def has_database(self) -> bool:
        """Say whether a server has begun to fill the folder."""
        return any(self.data.glob("*.sqlite3"))

    def account(self) -> Account | None:
        """Return the account, if one was made."""
        found = _read(self._account)
        return None if found is None else _as_record(Account, found, self._account)

    def make_account(self) -> Account:
        """Return the account; the first time with a new password and token, readable by the owner alone."""
        known = self.account()
        if known is not None:
            return known
        made = Account("annotator@aqwal.invalid", secrets.token_urlsafe(12), secrets.token_hex(20))
        write_text(self.folder / ".gitignore", _GIT_IGNORE)
        self.folder.chmod(0o700)
        _write(self._account, made)
        self._account.chmod(0o600)
        return made

    def running(self) -> Running | None:
        """Return what is known of the server that was started last."""
        found = _read(self._running)
        return None if found is None else _as_record(Running, found, self._running)

    def remember(self, running: Running) -> None:
        """Keep which process the server is."""
        _write(self._running, running)

    def forget(self) -> None:
        """The server is down."""
        self._running.unlink(missing_ok=True)


def _read(path: Path) -> Any:
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StudioError(f"{path} is not JSON ({error}); mend it, or move it away to have it made anew") from error


def _as_record(kind: type[Any], found: Any, path: Path) -> Any:
    try:
        return kind(**found)
    except TypeError as error:
        wanted = ", ".join(kind.__annotations__)
        raise StudioError(f"{path} must be an object with {wanted}; move it away to have it made anew") from error


def _write(path: Path, record: Any) -> None:
    write_text(path, json.dumps(asdict(record), indent=1) + "\n")
