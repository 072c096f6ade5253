"""Serve an application on this machine until it is interrupted."""

import socket
import threading
from collections.abc import Callable

import httpx
import uvicorn
from fastapi import FastAPI
from tenacity import RetryError, retry, retry_if_result, stop_after_delay, wait_fixed

from aqwal.annotations.studio.home import StudioError

_UP_WITHIN = 30


def serve(app: FastAPI, host: str, port: int, when_up: Callable[[str], None], complain: Callable[[str], None]) -> None:
    """Serve until Ctrl+C or SIGTERM.

    Args:
        app: The application; `/health` must answer.
        host: Address to listen at.
        port: Port to listen at.
        when_up: Called with the address once it answers, beside it.
        complain: Called with a sentence if that raises a StudioError.

    Raises:
        StudioError: If the port cannot be used.
    """
    listener = _listen(host, port)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    url = f"http://{host}:{port}"
    threading.Thread(target=_when_up, args=(url, when_up, complain), daemon=True).start()
    server.run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise StudioError(
            f"{host}, port {port} cannot be used ({error.strerror}); give another one with --port"
        ) from error
    return listener


def _when_up(url: str, when_up: Callable[[str], None], complain: Callable[[str], None]) -> None:
    @retry(stop=stop_after_delay(_UP_WITHIN), wait=wait_fixed(0.1), retry=retry_if_result(lambda up: not up))
    def wait() -> bool:
        try:
            return bool(httpx.get(f"{url}/health", timeout=1.0).is_success)
        except httpx.HTTPError:
            return False

    try:
        wait()
        when_up(url)
    except StudioError as error:
        complain(f"aqwal studio: {error}")
    except RetryError:
        complain(f"aqwal studio: {url} does not answer")
