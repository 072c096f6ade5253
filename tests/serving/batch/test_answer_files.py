"""Answers as JSON lines, CSV and Parquet."""

import csv
import io
import json
from typing import Any

import pyarrow.parquet as pq
import pytest

from aqwal.serving import PredictedSpan, Prediction, Quote
from aqwal.serving.batch import answer_files
from aqwal.serving.batch.answer_files import OutputFormat, open_writer, records_of
from aqwal.serving.table import COLUMNS, arrow_schema, rows_of

TEXT = 'قال لافروف: "نعم,\n""لا".'
SPANS = (PredictedSpan("SPEAKER", 4, 10, "لافروف", 0.9876), PredictedSpan("QUOTE", 12, 23, '"نعم,\n""لا"', 0.5))
ANSWER = Prediction(TEXT, SPANS, (Quote(1, 0, None, "direct", 0.5),), "\ud83d")
EMPTY = Prediction("", (), (), "empty")


def written(output_format: OutputFormat, *predictions: Prediction) -> bytes:
    sink = io.BytesIO()
    with open_writer(output_format, sink) as writer:
        for prediction in predictions:
            writer.write(records_of(prediction, output_format))
    return sink.getvalue()


def escaped(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"document": r"\ud83d"}


def test_json_lines_have_every_document() -> None:
    lines = written(OutputFormat.jsonl, ANSWER, EMPTY, ANSWER).decode().splitlines()
    assert [json.loads(line) for line in lines] == [ANSWER.to_dict(), EMPTY.to_dict(), ANSWER.to_dict()]


def test_csv_has_a_header_and_a_row_a_quote() -> None:
    rows = list(csv.DictReader(io.StringIO(written(OutputFormat.csv, EMPTY, ANSWER, ANSWER).decode(), newline="")))
    wanted = {name: "" if value is None else str(value) for name, value in escaped(rows_of(ANSWER)[0]).items()}
    assert rows == [wanted, wanted]


def test_parquet_has_typed_columns_and_a_row_a_quote() -> None:
    table = pq.read_table(io.BytesIO(written(OutputFormat.parquet, EMPTY, ANSWER, ANSWER)))
    assert table.schema == arrow_schema()
    assert table.to_pylist() == [escaped(rows_of(ANSWER)[0])] * 2


def test_parquet_of_many_rows_is_written_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_files, "_ROWS_A_GROUP", 10)
    parquet = pq.ParquetFile(io.BytesIO(written(OutputFormat.parquet, *[ANSWER] * 21)))
    assert parquet.metadata.num_rows == 21
    assert [parquet.metadata.row_group(group).num_rows for group in range(3)] == [10, 10, 1]


def test_without_answers_there_is_an_empty_table() -> None:
    assert written(OutputFormat.jsonl) == b""
    assert written(OutputFormat.csv).decode() == ",".join(COLUMNS) + "\n"
    assert pq.read_table(io.BytesIO(written(OutputFormat.parquet))).num_rows == 0


@pytest.mark.parametrize("output_format", [OutputFormat.jsonl, OutputFormat.csv])
def test_a_reader_has_an_answer_before_the_next_one_comes(output_format: OutputFormat) -> None:
    sink = io.BufferedWriter(raw := io.BytesIO())
    with open_writer(output_format, sink) as writer:
        writer.write(records_of(ANSWER, output_format))
        assert "لافروف".encode() in raw.getvalue()
