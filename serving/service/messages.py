"""What is asked of `POST /v1/predict` and what it answers, as OpenAPI shows it, with examples."""

from typing import Annotated, Any, Literal

from fastapi import Body
from pydantic import BaseModel, ConfigDict, Discriminator, Field, PlainValidator, Tag, WithJsonSchema
from pydantic_core import PydanticCustomError

MOST_DOCUMENTS = 1000


def _any_text(value: object) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("text", "expected a string")
    return value


# pydantic's own `str` refuses lone surrogates, which JSON can hold and the predictor answers.
Text = Annotated[str, PlainValidator(_any_text), WithJsonSchema({"type": "string"})]


class Document(BaseModel):
    """A document to be answered; `id` is carried over into the answer."""

    model_config = ConfigDict(extra="forbid")

    text: Text
    id: Text | None = None


class Documents(BaseModel):
    """Several documents, answered in their order."""

    model_config = ConfigDict(extra="forbid")

    documents: list[Document] = Field(max_length=MOST_DOCUMENTS)


class Span(BaseModel):
    """A span: `text` is the document's `[start:end]` in code points, `score` a probability."""

    label: str
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    text: Text
    score: float = Field(ge=0, le=1)


class Quote(BaseModel):
    """Who said what about what; `quote`, `speaker` and `topic` index `spans`."""

    quote: int = Field(ge=0)
    speaker: int | None
    topic: int | None
    kind: Literal["direct", "indirect", "mixed"]
    score: float = Field(ge=0, le=1)


class Answer(BaseModel):
    """The answer for one document."""

    id: Text | None
    spans: list[Span]
    quotes: list[Quote]


class Answers(BaseModel):
    """The answers for several documents, in their order."""

    documents: list[Answer]


class Problem(BaseModel):
    """Why a request was not answered, in a sentence."""

    detail: str


def _form(body: object) -> str:
    return "documents" if isinstance(body, dict) and "documents" in body else "text"


_TEXT = "قال وزير المياه إن السد الجديد لن يهجر أحدا."
_ANSWER: dict[str, Any] = {
    "id": "a-1",
    "spans": [
        {"label": "SPEAKER", "start": 4, "end": 15, "text": "وزير المياه", "score": 0.97},
        {"label": "QUOTE", "start": 16, "end": 43, "text": "إن السد الجديد لن يهجر أحدا", "score": 0.96},
        {"label": "TOPIC", "start": 19, "end": 30, "text": "السد الجديد", "score": 0.95},
    ],
    "quotes": [{"quote": 1, "speaker": 0, "topic": 2, "kind": "indirect", "score": 0.96}],
}
Asked = Annotated[
    Annotated[Document, Tag("text")] | Annotated[Documents, Tag("documents")],
    Discriminator(_form),
    Body(
        openapi_examples={
            "text": {"summary": "One text", "value": {"id": "a-1", "text": _TEXT}},
            "documents": {"summary": "Several documents", "value": {"documents": [{"id": "a-1", "text": _TEXT}]}},
        }
    ),
]
ANSWERED: dict[str, Any] = {
    "description": "Who said what about what.",
    "content": {
        "application/json": {
            "examples": {
                "text": {"summary": "One text", "value": _ANSWER},
                "documents": {"summary": "Several documents", "value": {"documents": [_ANSWER]}},
            }
        }
    },
}
REFUSED: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body is not UTF-8, nested too deeply, or has a number without end."},
    408: {"model": Problem, "description": "The body did not arrive in time."},
    413: {"model": Problem, "description": "The body or a document is too large."},
    415: {"model": Problem, "description": "The body is compressed."},
    422: {"model": Problem, "description": "The body is not JSON, or not of one of the two forms."},
    503: {
        "model": Problem,
        "description": "The service is busy.",
        "headers": {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}},
    },
    504: {"model": Problem, "description": "The answer took too long."},
}
