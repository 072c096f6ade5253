"""A real Label Studio server for the tests, one for all of them, and projects of their own in it.

The server's environment is what `make test-env` installs. Its database is made once and copied, so
that a test that needs a server for itself, to kill it, has one within seconds.
"""

import itertools
import shutil
import socket
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from held_studio import HeldStudio, held_project
from typer.testing import CliRunner, Result

from aqwal.annotations.records import Document
from aqwal.annotations.studio import commands, server
from aqwal.annotations.studio.annotators import Annotators
from aqwal.annotations.studio.commands import app
from aqwal.annotations.studio.connection import Connection, Project
from aqwal.annotations.studio.home import Home
from aqwal.annotations.studio.labelling import initialise
from aqwal.annotations.studio.push import Push

ENVIRONMENT = Path(__file__).parents[3] / ".venv-studio"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def studio_environment() -> Path:
    """The virtual environment with Label Studio in it."""
    if not (ENVIRONMENT / "bin" / "label-studio").is_file():
        reason = f"NOT TESTED: no Label Studio in {ENVIRONMENT}; `make test-env` installs it from the package registry"
        warnings.warn(reason, stacklevel=1)
        pytest.skip(reason)
    return ENVIRONMENT


@pytest.fixture(scope="session")
def first_home(built_once, studio_environment: Path) -> Path:
    """The folder of a server that was started once, so its database is made."""

    def make(folder: Path) -> None:
        with _up(Home(folder), studio_environment):
            pass

    return built_once("studio-home", make)


@pytest.fixture(scope="session")
def studio(first_home: Path, studio_environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A server that is up."""
    yield from _started(first_home, studio_environment, tmp_path_factory.mktemp("studio"))


@pytest.fixture
def own_studio(first_home: Path, studio_environment: Path, tmp_path: Path) -> Iterator[Home]:
    """A server that is up and that the test may kill."""
    yield from _started(first_home, studio_environment, tmp_path / "own-studio")


def _started(first: Path, environment: Path, folder: Path) -> Iterator[Home]:
    with _up(Home(Path(shutil.copytree(first, folder, dirs_exist_ok=True))), environment) as home:
        yield home


@contextmanager
def _up(home: Home, environment: Path) -> Iterator[Home]:
    """Have a server up, and down again whatever happens: one that takes too long to start goes on starting."""
    try:
        server.up(home, environment, _free_port(), print)
        yield home
    finally:
        server.down(home)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _connect(home: Home) -> Connection:
    running, account = home.running(), home.account()
    assert running is not None
    assert account is not None
    return Connection.open(running.url, account.token)


def _run_with(home: Home, *arguments: object) -> Result:
    command, *rest = map(str, arguments)
    return CliRunner().invoke(app, [command, *rest, "--home", str(home.folder)])


@pytest.fixture
def free_port() -> Callable[[], int]:
    """A port on loopback that nothing listens at."""
    return _free_port


@pytest.fixture
def connect() -> Callable[[Home], Connection]:
    """A connection to a home's server."""
    return _connect


@pytest.fixture
def run_with() -> Callable[..., Result]:
    """`aqwal studio` with a home's server."""
    return _run_with


@pytest.fixture
def run(studio: Home) -> Callable[..., Result]:
    """`aqwal studio` with the tests' server."""
    return partial(_run_with, studio)


@pytest.fixture
def connection(studio: Home) -> Connection:
    """A connection to the tests' server."""
    return _connect(studio)


@pytest.fixture
def project(connection: Connection, worker_id: str) -> Project:
    """A new project on the tests' server."""
    return initialise(connection, f"Aqwal, test {next(_numbers)} ({worker_id})").project


@pytest.fixture
def held() -> HeldStudio:
    """A server in memory, with one project."""
    return HeldStudio()


@pytest.fixture
def held_in(held: HeldStudio) -> Project:
    """The project of the server in memory."""
    return held_project(held)


@pytest.fixture
def run_held(held_in: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`aqwal studio` with the server in memory."""

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(commands, "_connect", lambda *_: held_in.connection)
        return _run_with(Home(tmp_path / "home"), *arguments, "--project", held_in.title)

    return run


@pytest.fixture
def push_to() -> Callable[..., object]:
    """Push documents into a project."""

    def push(project: Project, *documents: Document, **options: object) -> object:
        return Push(project, Annotators(project.connection), **options).run(documents)

    return push


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one worker have all tests of this folder, so that one server is enough."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("studio"))
