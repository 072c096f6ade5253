"""Answers as a table: a row a quote."""

import pyarrow as pa

from aqwal.serving import PredictedSpan, Prediction, Quote
from aqwal.serving.table import COLUMNS, arrow_schema, rows_of, to_arrow

TEXT = 'قال سيرغي لافروف: "نعم". وزعم لافروف أن لا.'
SPANS = (
    PredictedSpan("SPEAKER", 4, 16, "سيرغي لافروف", 0.9876),
    PredictedSpan("QUOTE", 18, 23, '"نعم"', 0.5),
    PredictedSpan("TOPIC", 19, 22, "نعم", 0.25),
    PredictedSpan("SPEAKER", 30, 36, "لافروف", 0.75),
    PredictedSpan("QUOTE", 37, 42, "أن لا", 0.125),
)
PREDICTION = Prediction(TEXT, SPANS, (Quote(1, 0, 2, "direct", 0.5), Quote(4, 3, None, "indirect", 0.125)), "002")


def test_a_row_has_all_of_a_quote() -> None:
    assert [tuple(row) for row in rows_of(PREDICTION)] == [COLUMNS] * 2
    assert [tuple(row.values()) for row in rows_of(PREDICTION)] == [
        ("002", "سيرغي لافروف", "سيرغي لافروف", '"نعم"', "direct", "نعم", 4, 16, 18, 23, 19, 22, 0.9876, 0.5, 0.25),
        ("002", "لافروف", "سيرغي لافروف", "أن لا", "indirect", None, 30, 36, 37, 42, None, None, 0.75, 0.125, None),
    ]


def test_a_quote_without_a_speaker() -> None:
    (row,) = rows_of(Prediction(TEXT, SPANS[1:2], (Quote(0, None, None, "direct", 0.5),)))
    assert (row["document"], row["speaker"], row["canonical_speaker"], row["speaker_score"]) == (None,) * 4


def test_arrow_keeps_every_value() -> None:
    table = to_arrow(rows_of(PREDICTION))
    assert table.schema == arrow_schema()
    assert table.to_pylist() == rows_of(PREDICTION)


def test_no_rows_are_a_table_too() -> None:
    assert to_arrow([]).equals(pa.Table.from_pylist([], arrow_schema()))


def test_a_lone_surrogate_becomes_its_escape() -> None:
    (row,) = to_arrow([rows_of(PREDICTION)[0] | {"document": "\ud83d"}]).to_pylist()
    assert row["document"] == r"\ud83d"
