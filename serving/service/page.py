"""The page at `/`: a text is pasted, and drawn with who said what about what. It needs no script."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from starlette.responses import HTMLResponse

from aqwal.serving.prediction import Prediction
from aqwal.serving.render import to_html_fragment

PATH = "/"
_TEMPLATE = "page.html.j2"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(_TEMPLATE)


def to_html(prediction: Prediction | None = None, status: int | None = None) -> str:
    """Return the page: empty, with an answer, or with why there is none.

    Args:
        prediction: The answer; its text stays in the field.
        status: The HTTP status of a refusal.
    """
    # UTF-8 cannot hold a lone surrogate, and no browser sends one.
    text = "" if prediction is None else prediction.text.encode("utf-8", "replace").decode("utf-8")
    answer = None if prediction is None else to_html_fragment(prediction)
    quotes = 0 if prediction is None else len(prediction.quotes)
    return _template().render(text=text, answer=answer, quotes=quotes, status=status)


def respond(html: str, status: int = 200, headers: Mapping[str, str] | None = None) -> HTMLResponse:
    """Return the page as a response that allows a browser nothing but to show it and to send its form."""
    return HTMLResponse(html, status, {**_HEADERS, **(headers or {})})


def text_of_form(body: bytes) -> str | None:
    """Return the text that a browser sent, None if there is none in the body."""
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, errors="replace", max_num_fields=2)
    except ValueError:
        return None
    return fields.get("text", [None])[0]
