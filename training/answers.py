"""Stored answers: what a model answered on documents, as a JSON list, a line a document."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aqwal.annotations.atomic import write_text
from aqwal.annotations.records import Document
from aqwal.serving.prediction import PredictedSpan, Prediction, Quote
from aqwal.training.metrics import Answered


def write_answers(path: Path, answered: Sequence[Answered]) -> None:
    """Write the answers, whole or not at all."""
    lines = (json.dumps(one.prediction.to_dict(), ensure_ascii=False) for one in answered)
    write_text(path, "[\n" + ",\n".join(lines) + "\n]\n")


def read_answers(path: Path, documents: Sequence[Document]) -> list[Answered] | None:
    """Return the stored answers of these documents, in their order; None if they are not all there.

    Raises:
        ValueError: If an answer does not fit the text of its document.
    """
    if not path.is_file():
        return None
    stored = {answer["id"]: answer for answer in json.loads(path.read_text(encoding="utf-8"))}
    if any(document.id not in stored for document in documents):
        return None
    return [Answered(document, _prediction(path, document, stored[document.id])) for document in documents]


def _prediction(path: Path, document: Document, answer: dict[str, Any]) -> Prediction:
    spans = tuple(PredictedSpan(**span) for span in answer["spans"])
    if any(document.text[span.start : span.end] != span.text for span in spans):
        raise ValueError(f"{path}: the answer for {document.id} is of another text; remove the file to answer anew")
    return Prediction(document.text, spans, tuple(Quote(**quote) for quote in answer["quotes"]), document.id)
