"""Write answers to a stream: JSON lines, one a document, or a table of CSV or Parquet, one row a quote."""

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, BinaryIO, Protocol

from aqwal.annotations.json_text import to_json
from aqwal.serving.prediction import Prediction
from aqwal.serving.table import COLUMNS, arrow_schema, rows_of, to_arrow

Record = dict[str, Any]
"""What is written for a document: its answer (JSON lines) or a row for each quote (tables)."""

# A row group must be in memory as a whole; this many rows are some megabytes.
_ROWS_A_GROUP = 10_000


class OutputFormat(StrEnum):
    """How answers are written."""

    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"


class AnswerWriter(Protocol):
    """Writes the records of one document after another."""

    def write(self, records: list[Record]) -> None:
        """Write the records of a document; what a reader can have at once is handed on."""

    def close(self) -> None:
        """Write what is left; the stream stays open."""


def records_of(prediction: Prediction, output_format: OutputFormat) -> list[Record]:
    """Return what a format holds of an answer: itself, or a row for each quote."""
    return [prediction.to_dict()] if output_format is OutputFormat.jsonl else rows_of(prediction)


@contextmanager
def open_writer(output_format: OutputFormat, sink: BinaryIO) -> Iterator[AnswerWriter]:
    """Yield a writer to a stream, whole when the block ends without an error."""
    writer = _WRITERS[output_format](sink)
    yield writer
    writer.close()


class _JsonLines:
    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink

    def write(self, records: list[Record]) -> None:
        for record in records:
            self._sink.write(to_json(record) + b"\n")
        self._sink.flush()

    def close(self) -> None:
        pass


class _CsvTable:
    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self.write([dict(zip(COLUMNS, COLUMNS, strict=True))])

    def write(self, records: list[Record]) -> None:
        lines = io.StringIO(newline="")
        csv.DictWriter(lines, COLUMNS, lineterminator="\n").writerows(records)
        # UTF-8, whatever the terminal's own encoding; it cannot hold a lone surrogate, which becomes an escape.
        self._sink.write(lines.getvalue().encode("utf-8", "backslashreplace"))
        self._sink.flush()

    def close(self) -> None:
        pass


class _ParquetTable:
    def __init__(self, sink: BinaryIO) -> None:
        from pyarrow.parquet import ParquetWriter

        self._file = ParquetWriter(sink, arrow_schema())
        self._rows: list[Record] = []

    def write(self, records: list[Record]) -> None:
        self._rows += records
        if len(self._rows) >= _ROWS_A_GROUP:
            self._write_group()

    def close(self) -> None:
        self._write_group()
        self._file.close()

    def _write_group(self) -> None:
        self._file.write_table(to_arrow(self._rows))
        self._rows = []


_WRITERS: dict[OutputFormat, Callable[[BinaryIO], AnswerWriter]] = {
    OutputFormat.jsonl: _JsonLines,
    OutputFormat.csv: _CsvTable,
    OutputFormat.parquet: _ParquetTable,
}
