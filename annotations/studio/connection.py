"""Requests to a server, a local one or one elsewhere; whatever goes wrong with them becomes a sentence."""

import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from label_studio_sdk import LabelStudio
from label_studio_sdk.core.api_error import ApiError
from pydantic import ValidationError
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from aqwal.annotations.studio.home import DEFAULT_TITLE, StudioError

# Seconds. An import or export of thousands of articles takes minutes on a small server.
_TIMEOUT = 600
_SHOWN = 300
_START_IT = "`aqwal studio up` starts it, or waits while it starts"
Answer = TypeVar("Answer")

# Reading again is safe; writing is not, so only what reads is tried again.
_once_more = retry(
    retry=retry_if_exception_type(httpx.TransportError),
    stop=stop_after_attempt(3),
    wait=wait_exponential(multiplier=0.5),
    reraise=True,
)


@contextmanager
def told_in_a_sentence(url: str, local: bool = False) -> Iterator[None]:
    """Turn what the SDK and the network raise into a StudioError.

    Args:
        url: Where the server is.
        local: Whether it is the one that `aqwal studio up` starts.

    Raises:
        StudioError: If anything goes wrong between here and the server.
    """
    try:
        yield
    except ApiError as error:
        raise StudioError(_reason(url, error)) from error
    except httpx.ConnectError as error:
        what_to_do = f"{_START_IT}; then give the command again" if local else "is the address right, and is it up?"
        raise StudioError(f"no server answers at {url} ({error}); {what_to_do}") from error
    except httpx.HTTPError as error:
        first = f"if the server is down, {_START_IT}; then " if local else ""
        what = f"the connection to {url} broke ({type(error).__name__}); nothing is lost"
        message = f"{what}: {first}give the command again"
        raise StudioError(message) from error
    except (httpx.InvalidURL, ValidationError, ValueError) as error:
        message = f"{url} does not answer as a Label Studio server does ({str(error)[:_SHOWN]}); is the address right?"
        raise StudioError(message) from error


def _reason(url: str, error: ApiError) -> str:
    body = error.body if isinstance(error.body, str) else json.dumps(error.body, ensure_ascii=False)
    if error.status_code == 401:
        return f"{url} refuses the token; copy it anew from Account & Settings there, or give it with --token"
    if error.status_code == 404:
        return f"{url} no longer has what was asked for; was the project or the task deleted? ({body[:_SHOWN]})"
    return f"{url} answers with status {error.status_code}: {body[:_SHOWN]}"


def _http_client(address: str) -> httpx.Client:
    """Return a client like the SDK's own, but that asks for this machine's loopback no proxy of the environment."""
    host = urlsplit(address).hostname or ""
    try:
        loopback = ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    return httpx.Client(timeout=_TIMEOUT, follow_redirects=True, trust_env=not loopback)


def init_command(title: str) -> str:
    """Return the command that makes the project with a title, or brings it up to date, as people type it."""
    return "`aqwal studio init`" if title == DEFAULT_TITLE else f"`aqwal studio init --project {shlex.quote(title)}`"


@dataclass(frozen=True)
class Connection:
    """A server that has accepted a token.

    Attributes:
        url: Its address, without a slash at the end.
        client: The SDK's client.
        local: Whether it is the one that `aqwal studio up` starts.
    """

    url: str
    client: LabelStudio
    local: bool = False

    @classmethod
    def open(cls, url: str, token: str, local: bool = False) -> "Connection":
        """Connect and check the token.

        Raises:
            StudioError: If no server answers there, or it refuses the token.
        """
        # The SDK builds addresses by joining, so a slash too many gives pages instead of answers; and it would try
        # again even what writes.
        address = url.rstrip("/")
        with told_in_a_sentence(address, local):
            # It looks into the token already here, and refuses one that has expired.
            client = LabelStudio(  # type: ignore[no-untyped-call]
                base_url=address, api_key=token, timeout=_TIMEOUT, max_retries=0, httpx_client=_http_client(address)
            )
        opened = cls(address, client, local)
        opened.read(lambda client: client.users.whoami())
        return opened

    def read(self, ask: Callable[[LabelStudio], Answer]) -> Answer:
        """Return what a request that changes nothing answers; tried again if the connection breaks.

        Raises:
            StudioError: If it fails.
        """
        with told_in_a_sentence(self.url, self.local):
            return _once_more(ask)(self.client)

    def write(self, ask: Callable[[LabelStudio], Answer]) -> Answer:
        """Return what a request that changes something answers; made once.

        Raises:
            StudioError: If it fails.
        """
        with told_in_a_sentence(self.url, self.local):
            return ask(self.client)


@dataclass(frozen=True)
class Project:
    """A project on a server."""

    connection: Connection
    id: int
    title: str

    @classmethod
    def find(cls, connection: Connection, title: str) -> "Project | None":
        """Return the project with a title, None if there is none.

        Raises:
            StudioError: If there are several.
        """
        projects: list[Any] = connection.read(lambda client: list(client.projects.list()))
        found = [one for one in projects if one.title == title]
        if len(found) > 1:
            ids = ", ".join(str(one.id) for one in found)
            raise StudioError(f"{connection.url} has {len(found)} projects {title!r} (ids {ids}); rename all but one")
        return cls(connection, found[0].id, title) if found else None

    @classmethod
    def open(cls, connection: Connection, title: str) -> "Project":
        """Return the project with a title.

        Raises:
            StudioError: If there is none.
        """
        project = cls.find(connection, title)
        if project is None:
            raise StudioError(f"{connection.url} has no project {title!r}; {init_command(title)} makes it")
        return project

    def link(self, task: int) -> str:
        """Return the address under which people see a task."""
        return f"{self.connection.url}/projects/{self.id}/data?task={task}"

    def export(self) -> list[dict[str, Any]]:
        """Return all tasks with their annotations and predictions, as the server's JSON export has them."""

        def ask(client: LabelStudio) -> bytes:
            parts = client.projects.exports.download_sync(self.id, export_type="JSON", download_all_tasks=True)
            return b"".join(parts)

        tasks = self.connection.read(lambda client: json.loads(ask(client)))
        if not isinstance(tasks, list):
            raise StudioError(f"{self.connection.url} exports {type(tasks).__name__} instead of a list of tasks")
        return tasks

    def predictions(self) -> dict[tuple[int, str], float]:
        """Return the score of every prediction, by task and model version; the export has but their numbers."""
        found = self.connection.read(lambda client: client.predictions.list(project=self.id))
        return {(int(one.task), str(one.model_version)): one.score or 0.0 for one in found}

    def add_prediction(self, task: int, fields: dict[str, Any]) -> None:
        """Give a task a model's answer, as `Preannotator.predict` returns it."""
        self.connection.write(lambda client: client.predictions.create(task=task, **fields))
