"""Documents in, answers out: to a stream as they come, or into a file that is whole or not there."""

from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

from aqwal.annotations.atomic import replaceable, replacing
from aqwal.serving.batch.answer_files import OutputFormat, open_writer, records_of
from aqwal.serving.batch.journal import Journal
from aqwal.serving.batch.progress import Follow, follow_silently
from aqwal.serving.documents import TextDocument
from aqwal.serving.model_folder import SETTINGS_FILE, ModelFolder, file_sha256
from aqwal.serving.prediction import Prediction
from aqwal.serving.predictor import Predictor


def write_answers(
    predictor: Predictor,
    documents: Iterator[TextDocument],
    sink: BinaryIO,
    output_format: OutputFormat,
    follow: Follow = follow_silently,
) -> None:
    """Answer documents one after another; each answer is written before more are read than the threads need."""
    with open_writer(output_format, sink) as writer:
        for prediction in follow(_answers(predictor, documents), 0):
            writer.write(records_of(prediction, output_format))
    sink.flush()


def write_answer_file(
    predictor: Predictor,
    documents: Iterator[TextDocument],
    path: Path,
    output_format: OutputFormat,
    resume: bool = False,
    follow: Follow = follow_silently,
) -> None:
    """Answer documents into a file, which takes its place only when all are answered.

    Until then the answers are in `path` with `.unfinished` behind its name (`aqwal.serving.batch.journal`).

    Args:
        predictor: Answers.
        documents: Read only as far ahead as the threads need.
        path: The file, or a link to it; an older one is replaced.
        output_format: `jsonl`, `csv` or `parquet`.
        resume: Go on with what an earlier run left.
        follow: Counts the answers.

    Raises:
        JournalError: If an earlier run was left unfinished and cannot be gone on with, or may not.
        OSError: If a file cannot be written, or if the path is of a folder, a pipe or a device.
    """
    path = replaceable(path)
    if output_format is OutputFormat.parquet:
        # Missed now, not when all is answered.
        import_module("pyarrow")
    settings = _settings(predictor.folder, output_format)
    with closing(Journal(path.with_name(f"{path.name}.unfinished"), settings, resume)) as journal:
        done = journal.skip_answered(documents)
        for prediction in follow(_answers(predictor, documents), done):
            journal.append(prediction.id, prediction.text, records_of(prediction, output_format))
        with replacing(path) as file, open_writer(output_format, file) as writer:
            for records in journal.records():
                writer.write(records)
        journal.remove()


def _answers(predictor: Predictor, documents: Iterator[TextDocument]) -> Iterator[Prediction]:
    return predictor.predict_documents((document.text, document.id) for document in documents)


def _settings(folder: ModelFolder, output_format: OutputFormat) -> dict[str, Any]:
    """Return what answers depend on; the model folder's settings have the hashes of its other files."""
    return {
        "version of aqwal": version("aqwal"),
        "model": file_sha256(folder.path / SETTINGS_FILE),
        "precision": folder.precision,
        "output format": "answers" if output_format is OutputFormat.jsonl else "rows",
    }
