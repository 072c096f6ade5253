"""Before the application: a request gets a place and brings its body within the limits, or is refused.

The place comes first, so that no more bodies are read into memory than there is room for.
"""

import asyncio
from collections.abc import AsyncIterator

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aqwal.serving.service.limits import Limits
from aqwal.serving.service.queue import RequestQueue
from aqwal.serving.service.refusal import Refusal, respond


class ClientLeftError(Exception):
    """The client closed the connection before it was answered."""


class Gate:
    """Middleware that admits the requests which bring documents; others pass.

    Args:
        app: The application behind it.
        queue: Where places are taken.
        limits: What a body may be.
        paths: Paths whose POST requests bring documents.
    """

    def __init__(self, app: ASGIApp, queue: RequestQueue, limits: Limits, paths: frozenset[str]) -> None:
        self._app, self._queue, self._limits, self._paths = app, queue, limits, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Admit or refuse a request."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] not in self._paths:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            _check_encoding(headers)
            size = self._announced(headers)
            with self._queue.place(size):
                body = await self._read(receive)
                await self._answer(scope, body, receive, send)
        except Refusal as refusal:
            if refusal.status_code != 408 and "expect" not in headers:
                # A client that does not ask before it sends hears nothing before it is done.
                await self._discard(receive)
            await respond(scope["path"], refusal)(scope, receive, send)

    async def _answer(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        """Let the application answer, and stop it if the client leaves meanwhile."""
        answering = asyncio.current_task()
        assert answering is not None
        watching = asyncio.ensure_future(_stop_when_left(receive, answering))
        try:
            await self._app(scope, _replay(body), send)
        except asyncio.CancelledError as error:
            if not watching.done():
                raise
            answering.uncancel()
            raise ClientLeftError from error
        finally:
            watching.cancel()

    def _announced(self, headers: Headers) -> int:
        """Return the size a request says it has; the largest allowed if it says nothing."""
        length = headers.get("content-length", "")
        if not length.isdecimal():
            return self._limits.body
        # A number of thousands of digits is one that Python does not read.
        size = int(length[:20])
        if size > self._limits.body:
            raise self._too_large()
        return size

    async def _read(self, receive: Receive) -> bytes:
        parts, size = [], 0
        try:
            async with asyncio.timeout(self._limits.upload):
                async for part in _parts(receive):
                    size += len(part)
                    if size > self._limits.body:
                        raise self._too_large()
                    parts.append(part)
        except TimeoutError as error:
            raise Refusal(408, f"the body did not arrive within {self._limits.upload:g} seconds") from error
        return b"".join(parts)

    async def _discard(self, receive: Receive) -> None:
        """Let a client finish sending what is not wanted, within the limits of a body."""
        size = 0
        try:
            async with asyncio.timeout(self._limits.upload):
                async for part in _parts(receive):
                    size += len(part)
                    if size > self._limits.body:
                        return
        except (TimeoutError, ClientLeftError):
            return

    def _too_large(self) -> Refusal:
        return Refusal(413, f"the body has more than {self._limits.body} bytes; send fewer or shorter documents")


def _check_encoding(headers: Headers) -> None:
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Refusal(415, "the body is compressed; send it as it is, without Content-Encoding")


async def _parts(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeftError
        more = message.get("more_body", False)
        yield message.get("body", b"")


async def _stop_when_left(receive: Receive, answering: "asyncio.Task[object]") -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    answering.cancel()


def _replay(body: bytes) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        # Whether the client leaves is watched elsewhere; nothing more comes here.
        return messages.pop() if messages else await asyncio.Future()

    return receive_again
