"""One line of log and a few numbers for each request: what it cost and how it ended, never what it said."""

import logging
import secrets
import time
import traceback
from dataclasses import asdict, dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aqwal.serving.service.gate import ClientLeftError
from aqwal.serving.service.queue import RequestQueue
from aqwal.serving.service.refusal import respond

# What proxies write for a client that did not wait; nobody is left to be told.
_CLIENT_LEFT = 499
_SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_log = logging.getLogger("aqwal.serving.service")


@dataclass(slots=True)
class Account:
    """What is known of a request when it ends; `waited` is in seconds, from its body's arrival to its turn."""

    documents: int = 0
    code_points: int = 0
    waited: float = 0.0


class Metrics:
    """Numbers for Prometheus, in a registry of their own.

    Args:
        queue: Whose places are counted.
    """

    def __init__(self, queue: RequestQueue) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._requests = Counter(
            "aqwal_requests", "Requests by how they ended.", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "aqwal_request_seconds", "Time to answer.", ["route"], buckets=_SECONDS, registry=self.registry
        )
        self._waited = Histogram(
            "aqwal_waiting_seconds", "Time until the turn came.", buckets=_SECONDS, registry=self.registry
        )
        self._documents = Counter("aqwal_documents", "Documents answered.", registry=self.registry)
        self._code_points = Counter("aqwal_code_points", "Code points of these documents.", registry=self.registry)
        places = Gauge("aqwal_places_taken", "Requests accepted and not yet answered.", registry=self.registry)
        places.set_function(lambda: queue.taken)

    def count(self, method: str, route: str, status: int, seconds: float, account: Account) -> None:
        """Count a request that has ended."""
        self._requests.labels(method, route, status).inc()
        self._seconds.labels(route).observe(seconds)
        if account.documents and status == 200:
            self._waited.observe(account.waited)
            self._documents.inc(account.documents)
            self._code_points.inc(account.code_points)


class Accounting:
    """Middleware around everything else: counts, logs, and answers for what went wrong unexpectedly.

    Args:
        app: The application behind it.
        metrics: Where requests are counted.
        routes: The paths there are; others are `other` in log and metrics.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: frozenset[str]) -> None:
        self._app, self._metrics, self._routes = app, metrics, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through and account for it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        account, began = Account(), time.monotonic()
        scope.setdefault("state", {})["account"] = account
        answer = _Answer(send)
        try:
            await self._app(scope, receive, answer.send)
        except ClientLeftError:
            answer.status = _CLIENT_LEFT
        except Exception as error:
            _log_error(error, answer.request_id)
            if answer.status == 0:
                failed = HTTPException(500, f"the service failed; request {answer.request_id} in its log")
                await respond(scope["path"], failed)(scope, receive, answer.send)
        self._close(scope, answer, time.monotonic() - began, account)

    def _close(self, scope: Scope, answer: "_Answer", seconds: float, account: Account) -> None:
        # Method and path are the sender's words: only those that are known may become a label or a line.
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = scope["path"] if scope["path"] in self._routes else "other"
        self._metrics.count(method, route, answer.status, seconds, account)
        facts = {"request": answer.request_id, "method": method, "route": route, "status": answer.status}
        known = {name: round(value, 4) for name, value in asdict(account).items()} if account.documents else {}
        _log.info("request", extra={**facts, "seconds": round(seconds, 4), **known})


class _Answer:
    """The way out of a response, with headers that all responses have; `status` is 0 until it starts."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0
        self.request_id = secrets.token_hex(8)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self.request_id
            headers["X-Content-Type-Options"] = "nosniff"
            # An answer holds parts of a text.
            headers["Cache-Control"] = "no-store"
        await self._send(message)


def _log_error(error: Exception, request_id: str) -> None:
    """Log where an error came from; its message is left out, for it may hold a part of a text."""
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    _log.error("failed", extra={"request": request_id, "error": type(error).__name__, "frames": frames})
