"""`aqwal serve`."""

import logging
from typing import TYPE_CHECKING, Annotated

import typer

from aqwal.serving.commands import RELEASED_MODEL, ModelOption, Precision, PrecisionOption, load_predictor
from aqwal.serving.service.limits import Limits

if TYPE_CHECKING:
    import socket

app = typer.Typer()
_DEFAULTS = Limits()
_LEAST_SECONDS, _MOST_SECONDS = 0.1, 86_400.0


def _check_host(host: str) -> str:
    # An empty one would be every address of this machine.
    if not host.strip():
        raise typer.BadParameter("expected an address, as 127.0.0.1; all of this machine's are 0.0.0.0")
    return host


def _check_names(names: list[str] | None) -> list[str] | None:
    from aqwal.serving.service.hosts import is_name

    for name in names or []:
        if not is_name(name):
            raise typer.BadParameter(f"{name!r} is no name; expected one as example.org, *.example.org, or *")
    return names


def _check_timeout(seconds: float) -> float:
    # Written so that "nan" is refused too.
    if not _LEAST_SECONDS <= seconds <= _MOST_SECONDS:
        raise typer.BadParameter(f"{seconds:g} is not between {_LEAST_SECONDS:g} and {_MOST_SECONDS:g} seconds")
    return seconds


HostOption = Annotated[
    str, typer.Option(help="Address to listen at; others than this machine need 0.0.0.0.", callback=_check_host)
]
PortOption = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 is a free one.")]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, help="Windows, and requests, computed side by side; all cores if not given.")
]
BodyOption = Annotated[int, typer.Option(min=1, help="Bytes of a request's body.")]
DocumentOption = Annotated[int, typer.Option(min=1, help="Code points of a document.")]
QueueOption = Annotated[int, typer.Option(min=1, help="Requests accepted at one time; others get 503.")]
TimeoutOption = Annotated[
    float, typer.Option(help="Seconds for an answer, waiting included; a day at most.", callback=_check_timeout)
]
NamesOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Name by which the service may be called; may be repeated. On loopback its own, else any.",
        callback=_check_names,
    ),
]


@app.command()
def serve(
    model: ModelOption = RELEASED_MODEL,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8000,
    precision: PrecisionOption = Precision.int8,
    threads: ThreadsOption = None,
    max_body: BodyOption = _DEFAULTS.body,
    max_document: DocumentOption = _DEFAULTS.document,
    queue: QueueOption = _DEFAULTS.places,
    timeout: TimeoutOption = _DEFAULTS.answer,
    allowed_host: NamesOption = None,
) -> None:
    """Answer over HTTP, with a page at /, until Ctrl+C or SIGTERM."""
    from aqwal.serving.service.app import create_app
    from aqwal.serving.service.hosts import own_names
    from aqwal.serving.service.logs import configure_logs
    from aqwal.serving.service.server import serve as run
    from aqwal.serving.service.server import url_of

    predictor = load_predictor(model, precision, threads)
    listener = _listen(host, port)
    limits = Limits(body=max_body, document=max_document, places=queue, answer=timeout)
    hosts = allowed_host or own_names(listener.getsockname()[0])
    configure_logs()
    log, url = logging.getLogger(__name__), url_of(listener)

    def tell() -> None:
        typer.echo(f"aqwal serves {model} at {url}; Ctrl+C ends it")
        log.info("up", extra={"url": url, "model": str(model), "precision": precision.value})

    run(create_app(predictor, limits, hosts), listener, tell, limits.stop)
    log.info("ended")


def _listen(host: str, port: int) -> "socket.socket":
    from aqwal.serving.service.server import PortError, listen

    try:
        return listen(host, port)
    except PortError as error:
        typer.echo(f"aqwal: {error}", err=True)
        raise typer.Exit(1) from error
