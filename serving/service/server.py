"""Serve an application at an address of this machine until Ctrl+C or SIGTERM."""

import signal
import socket
import threading
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp


class PortError(OSError):
    """An address or port that cannot be used; the message says what to do."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address and a port, 0 for a free one.

    Raises:
        PortError: If that is not possible.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortError(
            f"{host}, port {port} cannot be used ({error.strerror}); give another one with --port"
        ) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the address at which a socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(app: ASGIApp, listener: socket.socket, when_up: Callable[[], None], stop_within: float | None = None) -> None:
    """Serve until Ctrl+C or SIGTERM; what was accepted is answered first.

    Args:
        app: The application.
        listener: Where to listen, from `listen`.
        when_up: Called beside the server once it answers.
        stop_within: Seconds after which a stop waits for no answer any more; None is for ever.
    """
    # Logging is the caller's business; uvicorn's own log of requests would hold paths.
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=None if stop_within is None else round(stop_within),
    )
    server = _Server(config, when_up)
    # uvicorn raises the signal again when all is done; a stop that was asked for is a good end.
    signal.signal(signal.SIGTERM, server.handle_exit)
    server.run(sockets=[listener])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, when_up: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_up = when_up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        threading.Thread(target=self._when_up, daemon=True).start()
