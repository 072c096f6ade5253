"""Serve an application of the studio on this machine until it is interrupted."""

from collections.abc import Callable

from fastapi import FastAPI

from aqwal.annotations.studio.home import StudioError
from aqwal.serving.service import server


def serve(app: FastAPI, host: str, port: int, when_up: Callable[[str], None], complain: Callable[[str], None]) -> None:
    """Serve until Ctrl+C or SIGTERM.

    Args:
        app: The application.
        host: Address to listen at.
        port: Port to listen at.
        when_up: Called with the address once it answers, beside it.
        complain: Called with a sentence if that raises a StudioError.

    Raises:
        StudioError: If the port cannot be used.
    """
    try:
        listener = server.listen(host, port)
    except server.PortError as error:
        raise StudioError(str(error)) from error
    url = server.url_of(listener)

    def tell() -> None:
        try:
            when_up(url)
        except StudioError as error:
            complain(f"aqwal studio: {error}")

    server.serve(app, listener, tell)
