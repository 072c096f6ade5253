"""The routes: `/v1/predict`, the page at `/`, `/health`, `/ready`, `/metrics`, `/openapi.json`."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from aqwal.serving.prediction import Prediction
from aqwal.serving.predictor import Predictor
from aqwal.serving.service import page, refusal
from aqwal.serving.service.accounting import Accounting, Metrics
from aqwal.serving.service.answering import Answering
from aqwal.serving.service.gate import Gate
from aqwal.serving.service.hosts import ANY, HostCheck
from aqwal.serving.service.limits import Limits
from aqwal.serving.service.messages import ANSWERED, REFUSED, Answer, Answers, Asked, Documents
from aqwal.serving.service.queue import RequestQueue

PREDICT = "/v1/predict"


def create_app(predictor: Predictor, limits: Limits, hosts: Sequence[str] = (ANY,)) -> FastAPI:
    """Return the application.

    Args:
        predictor: Answers; as many requests are computed side by side as it has threads.
        limits: What a request may bring and how long it may take.
        hosts: Names by which the service may be called; `*` is any.
    """
    queue = RequestQueue(limits.places, limits.bodies, predictor.threads)
    metrics = Metrics(queue)
    # No pages of documentation: they would fetch scripts from another server.
    app = FastAPI(
        title="Aqwal", summary="Who said what about what in Arabic news.", version=version("aqwal"), **_NO_PAGES
    )
    _add_checks(app, queue, limits, metrics)
    answering = Answering(predictor, queue, limits)
    _add_predict(app, answering)
    _add_page(app, answering)
    # The last one added is the first to see a request.
    app.add_middleware(Gate, queue=queue, limits=limits, paths=frozenset({PREDICT, page.PATH}))
    app.add_middleware(HostCheck, names=hosts)
    app.add_middleware(_HeadAsGet)
    routes = frozenset(route.path for route in app.routes if isinstance(route, Route))
    app.add_middleware(Accounting, metrics=metrics, routes=routes)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse)
    return app


_NO_PAGES: dict[str, Any] = {"docs_url": None, "redoc_url": None}


def _add_checks(app: FastAPI, queue: RequestQueue, limits: Limits, metrics: Metrics) -> None:
    @app.get("/health", summary="Whether the process is alive")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/ready", summary="Whether the next request would get a place", responses={503: REFUSED[503]})
    async def ready() -> dict[str, str]:
        if not queue.fits(limits.body):
            raise refusal.Refusal(503, "the service is busy", queue.retry_after)
        return {"status": "ready"}

    @app.get("/metrics", summary="Numbers for Prometheus", response_class=_MetricsText)
    async def measure() -> Response:
        return _MetricsText(generate_latest(metrics.registry))


class _MetricsText(Response):
    media_type = CONTENT_TYPE_LATEST


def _add_predict(app: FastAPI, answering: Answering) -> None:
    @app.post(
        PREDICT,
        summary="Say who said what about what in one text, or in several documents",
        response_model=Answer | Answers,
        responses={200: ANSWERED, **REFUSED},
    )
    async def predict(asked: Asked, request: Request) -> Response:
        documents = asked.documents if isinstance(asked, Documents) else [asked]
        pairs = [(document.text, document.id) for document in documents]
        answers = await answering.answer(pairs, Prediction.to_json, request.state.account)
        content = b'{"documents": [' + b", ".join(answers) + b"]}" if isinstance(asked, Documents) else answers[0]
        return Response(content, media_type="application/json")


def _add_page(app: FastAPI, answering: Answering) -> None:
    async def show(request: Request) -> Response:
        if request.method == "GET":
            return page.respond(page.to_html())
        # A page elsewhere could keep a service busy that only this machine's user can reach.
        if request.headers.get("sec-fetch-site") == "cross-site":
            raise refusal.Refusal(403, "the form was sent from another site")
        text = page.text_of_form(await request.body())
        if text is None:
            raise refusal.Refusal(422, "expected a form with the field `text`")
        (html,) = await answering.answer([(text, None)], page.to_html, request.state.account)
        return page.respond(html)

    # One route, so that a refusal of other methods names them all.
    app.add_route(page.PATH, show, ["GET", "POST"], include_in_schema=False)


class _HeadAsGet:
    """Middleware that has HEAD answered as GET is; the server leaves the body out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, "method": "GET"} if scope.get("method") == "HEAD" else scope, receive, send)


async def _refuse(request: Request, error: Exception) -> Response:
    if isinstance(error, RequestValidationError):
        error = refusal.of_validation(error)
    assert isinstance(error, HTTPException)
    if error.status_code == 400:
        error = refusal.of_unreadable(error)
    return refusal.respond(request.url.path, error)
