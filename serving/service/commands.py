"""`aqwal serve`."""

import logging
from typing import Annotated

import typer

from aqwal.serving.commands import RELEASED_MODEL, ModelOption, Precision, PrecisionOption, load_predictor
from aqwal.serving.service.limits import Limits

app = typer.Typer()
_DEFAULTS = Limits()
# A page elsewhere must not reach a service on loopback through a name of its own (DNS rebinding).
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_LOOPBACK_NAMES = ["127.0.0.1", "[::1]", "localhost"]


@app.command()
def serve(
    model: ModelOption = RELEASED_MODEL,
    host: Annotated[
        str, typer.Option(help="Address to listen at; others than this machine need 0.0.0.0.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 is a free one.")] = 8000,
    precision: PrecisionOption = Precision.int8,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Windows, and requests, computed side by side; all cores if not given.")
    ] = None,
    max_body: Annotated[int, typer.Option(min=1, help="Bytes of a request's body.")] = _DEFAULTS.body,
    max_document: Annotated[int, typer.Option(min=1, help="Code points of a document.")] = _DEFAULTS.document,
    queue: Annotated[
        int, typer.Option(min=1, help="Requests accepted at one time; others get 503.")
    ] = _DEFAULTS.places,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds for an answer, waiting included.")
    ] = _DEFAULTS.answer,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(help="Name by which the service may be called; may be repeated. On loopback its own, else any."),
    ] = None,
) -> None:
    """Answer over HTTP, with a page at /, until Ctrl+C or SIGTERM."""
    from aqwal.serving.service.app import create_app
    from aqwal.serving.service.logs import configure_logs
    from aqwal.serving.service.server import PortError, listen, url_of
    from aqwal.serving.service.server import serve as run

    predictor = load_predictor(model, precision, threads)
    try:
        listener = listen(host, port)
    except PortError as error:
        typer.echo(f"aqwal: {error}", err=True)
        raise typer.Exit(1) from error
    limits = Limits(body=max_body, document=max_document, places=queue, answer=timeout)
    hosts = allowed_host or (_LOOPBACK_NAMES if host in _LOOPBACK else ["*"])
    configure_logs()
    log, url = logging.getLogger(__name__), url_of(listener)

    def tell() -> None:
        typer.echo(f"aqwal serves {model} at {url}; Ctrl+C ends it")
        log.info("up", extra={"url": url, "model": str(model), "precision": precision.value})

    run(create_app(predictor, limits, hosts), listener, tell, limits.stop)
    log.info("ended")
