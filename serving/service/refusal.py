"""Why a request is not answered: a status and a sentence, as JSON for programs, on the page for people."""

from collections.abc import Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from aqwal.serving.service import page

_SHOWN_FAULTS = 5


class Refusal(HTTPException):
    """A request that is not answered.

    Args:
        status: The HTTP status.
        detail: What was given, what was expected, what to do; never a text that was sent.
        retry_after: Seconds after which to ask again, if that helps.
    """

    def __init__(self, status: int, detail: str, retry_after: int | None = None) -> None:
        super().__init__(status, detail, None if retry_after is None else {"Retry-After": str(retry_after)})


def respond(path: str, error: HTTPException) -> Response:
    """Return the answer to a request that was refused, in the form of the route it asked for."""
    if path == page.PATH:
        return page.respond(page.to_html(status=error.status_code), error.status_code, error.headers)
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


def of_validation(error: RequestValidationError) -> Refusal:
    """Return the refusal of a body that is not as `messages` wants it, without the body's content."""
    faults: Sequence[dict[str, Any]] = error.errors()
    told = [_told(fault) for fault in faults[:_SHOWN_FAULTS]]
    if len(faults) > _SHOWN_FAULTS:
        told.append(f"and {len(faults) - _SHOWN_FAULTS} more")
    return Refusal(422, "; ".join(told))


def of_unreadable(error: HTTPException) -> Refusal:
    """Return the refusal of a body that could not be read; FastAPI says no more than that, but knows why."""
    match error.__cause__:
        case UnicodeDecodeError():
            why = "it is not UTF-8"
        case RecursionError():
            why = "it is nested too deeply"
        case ValueError():
            why = "a number in it has too many digits"
        case _:
            why = "expected JSON in UTF-8"
    return Refusal(400, f"the body cannot be read: {why}")


def _told(fault: dict[str, Any]) -> str:
    if fault["type"] == "json_invalid":
        return f"the body is not JSON: {fault['ctx']['error']} at character {fault['loc'][-1]}"
    if len(fault["loc"]) < 3:
        return 'expected {"text": …} or {"documents": [{"text": …}, …]} as application/json'
    # Behind `body` stands the name of the form that was tried. A key is the sender's own: shown, but not whole.
    where = ".".join(str(part)[:40] for part in fault["loc"][2:])
    return f"{where.encode('ascii', 'backslashreplace').decode()}: {fault['msg']}"
