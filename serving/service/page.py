"""The page at `/`: a text is pasted, and drawn with who said what about what. It needs no script."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs

from starlette.responses import HTMLResponse

from aqwal.annotations.stretches import printable
from aqwal.annotations.templates import render_template
from aqwal.serving.prediction import Prediction
from aqwal.serving.render import to_html_fragment

PATH = "/"
_TEMPLATE = Path(__file__).with_name("page.html.j2")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}


def to_html(prediction: Prediction | None = None, status: int | None = None) -> str:
    """Return the page: empty, with an answer, or with why there is none.

    Args:
        prediction: The answer; its text stays in the field.
        status: The HTTP status of a refusal.
    """
    text = "" if prediction is None else printable(prediction.text)
    answer = None if prediction is None else to_html_fragment(prediction)
    quotes = 0 if prediction is None else len(prediction.quotes)
    return render_template(_TEMPLATE, {"text": text, "answer": answer, "quotes": quotes, "status": status})


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
