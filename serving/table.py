"""Answers as a table: one row a quote, for spreadsheets, pandas and databases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from aqwal.serving.prediction import PredictedSpan, Prediction

Row = dict[str, Any]

_TEXTS = ("document", "speaker", "canonical_speaker", "quote", "kind", "topic")
_SPANS = ("speaker", "quote", "topic")
_OFFSETS = tuple(f"{name}_{edge}" for name in _SPANS for edge in ("start", "end"))
_SCORES = tuple(f"{name}_score" for name in _SPANS)
COLUMNS = (*_TEXTS, *_OFFSETS, *_SCORES)
"""Document, speaker, canonical speaker, quote, kind, topic; start and end in code points and score of each span."""


def rows_of(prediction: Prediction) -> list[Row]:
    """Return a row for each quote, in order; what a quote has not is None.

    `speaker` is the mention that the quote is linked to, `canonical_speaker` the longest mention of
    that source in the document.
    """
    names: dict[int | None, str] = {
        mention: speaker.name for speaker in prediction.speakers for mention in speaker.mentions
    }
    rows = []
    for quote in prediction.quotes:
        row: Row = {"document": prediction.id, "canonical_speaker": names.get(quote.speaker), "kind": quote.kind}
        for name, index in zip(_SPANS, (quote.speaker, quote.quote, quote.topic), strict=True):
            row |= _cells(name, None if index is None else prediction.spans[index])
        rows.append({column: row[column] for column in COLUMNS})
    return rows


def _cells(name: str, span: PredictedSpan | None) -> Row:
    values = (None,) * 4 if span is None else (span.text, span.start, span.end, span.score)
    return dict(zip((name, f"{name}_start", f"{name}_end", f"{name}_score"), values, strict=True))


def to_arrow(rows: Sequence[Row]) -> pa.Table:
    """Return rows as an Arrow table with the columns' own types, also if there are none (needs pyarrow)."""
    import pyarrow as pa

    storable = [{column: _storable(row[column]) for column in COLUMNS} for row in rows]
    return pa.Table.from_pylist(storable, arrow_schema())


def arrow_schema() -> pa.Schema:
    """Return the columns' types: strings, int64 offsets, float64 scores (needs pyarrow)."""
    import pyarrow as pa

    types = (*[pa.string()] * len(_TEXTS), *[pa.int64()] * len(_OFFSETS), *[pa.float64()] * len(_SCORES))
    return pa.schema(list(zip(COLUMNS, types, strict=True)))


def _storable(value: Any) -> Any:
    """Return a text with an escape for each lone surrogate, which UTF-8 cannot hold; other values as they are."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8") if isinstance(value, str) else value
