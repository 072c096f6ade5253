"""`aqwal predict`, `aqwal predict-on-ray` and `aqwal render`."""

import errno
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from aqwal.annotations.atomic import write_text
from aqwal.serving.batch.answer_files import OutputFormat
from aqwal.serving.batch.journal import JournalError
from aqwal.serving.documents import InputFormat, is_folder, read_texts, would_read

if TYPE_CHECKING:
    from aqwal.serving import Prediction, Predictor

app = typer.Typer()
# In a checkout, wherever the command is run from; a wheel has no model in it.
RELEASED_MODEL = Path(__file__).resolve().parent.parent / "models" / "release"


class Precision(StrEnum):
    """Number format of the model's matrices."""

    int8 = "int8"
    fp32 = "fp32"


FilesArgument = Annotated[
    list[str], typer.Argument(metavar="FILE...", help="Files or folders of documents; `-` is standard input.")
]
ModelOption = Annotated[Path, typer.Option("--model", help="Model folder.", show_default="the released model")]
InputFormatOption = Annotated[InputFormat, typer.Option(help="A document a file, or a JSON line, or a row.")]
OutputFormatOption = Annotated[OutputFormat, typer.Option(help="A JSON line a document, or a row a quote.")]
JsonLinesOption = Annotated[bool, typer.Option("--jsonl", help="Both formats jsonl.")]
OutputOption = Annotated[Path | None, typer.Option(help="Write the answers here, when all are there.")]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on with what a killed run left for --output.")]
PrecisionOption = Annotated[Precision, typer.Option(help="int8, or fp32 if the model folder has it.")]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, help="Windows computed side by side; all cores if not given.")
]


@app.command()
def predict(
    files: FilesArgument,
    model: ModelOption = RELEASED_MODEL,
    input_format: InputFormatOption = InputFormat.text,
    output_format: OutputFormatOption = OutputFormat.jsonl,
    jsonl: JsonLinesOption = False,
    output: OutputOption = None,
    resume: ResumeOption = False,
    precision: PrecisionOption = Precision.int8,
    threads: ThreadsOption = None,
) -> None:
    """Say who said what about what in documents: one JSON line a document, or one row a quote, in order."""
    from aqwal.serving.batch.answering import write_answer_file, write_answers
    from aqwal.serving.batch.progress import follow_in_terminal

    if jsonl:
        input_format, output_format = InputFormat.jsonl, OutputFormat.jsonl
    _check_output(output, resume, files, input_format)
    predictor = load_predictor(model, precision, threads)
    failures = _Failures()
    documents = read_texts(files, input_format, failures.report)
    follow = follow_in_terminal(files, input_format, output)
    with _told_in_a_sentence(f"{output or 'standard output'} cannot be written", JournalError):
        if output is None:
            with _open_standard_output() as sink:
                write_answers(predictor, documents, sink, output_format, follow)
        else:
            write_answer_file(predictor, documents, output, output_format, resume, follow)
    failures.exit()


@app.command()
def predict_on_ray(
    source: Annotated[str, typer.Argument(help="Parquet files with columns id and text: a file or a folder.")],
    target: Annotated[str, typer.Argument(help="Folder for the answers, as Parquet, a row a quote.")],
    model: ModelOption = RELEASED_MODEL,
    precision: PrecisionOption = Precision.int8,
    actors: Annotated[
        int | None, typer.Option(min=1, help="Predictors at most; as many as the cluster has room for if not given.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Cores of each predictor.")] = 1,
) -> None:
    """Do the same on a Ray cluster: that of RAY_ADDRESS or of the job, or one started here for it."""
    from aqwal.serving.batch.ray_job import ActorPool, predict_parquet

    # Here, where an error can still be told in a sentence.
    load_predictor(model, precision, threads)
    failures = _Failures()
    with _told_in_a_sentence(f"{source} cannot be answered", ValueError):
        problems = predict_parquet(source, target, model, precision, ActorPool(actors, threads))
    for problem in problems:
        failures.report(problem)
    failures.exit()


@app.command()
def render(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A text; `-` is standard input.")],
    model: ModelOption = RELEASED_MODEL,
    html: Annotated[Path | None, typer.Option(help="Write an HTML page here instead of showing the text.")] = None,
    precision: PrecisionOption = Precision.int8,
) -> None:
    """Show who said what about what over a text, right to left."""
    from aqwal.serving.render import to_html_page

    if is_folder(file):
        raise typer.BadParameter(f"{file} is a folder: name one text")
    if html is not None and would_read([file], InputFormat.text, html):
        raise typer.BadParameter(f"--html {html} is the text to be read: choose another place")
    predictor = load_predictor(model, precision, None)
    failures = _Failures()
    for document in read_texts([file], InputFormat.text, failures.report):
        prediction = predictor.predict(document.text, document.id)
        with _told_in_a_sentence(f"{html or 'standard output'} cannot be written"):
            if html is None:
                _show(prediction)
            else:
                write_text(html, to_html_page(prediction))
    failures.exit()


def _show(prediction: "Prediction") -> None:
    from rich.console import Console

    from aqwal.serving.render import to_terminal

    # A terminal that has no Arabic letters gets question marks rather than a traceback.
    with io.TextIOWrapper(_open_standard_output(), sys.stdout.encoding, errors="replace") as terminal:
        Console(file=terminal).print(*to_terminal(prediction), sep="\n", justify="right")


def _open_standard_output() -> BinaryIO:
    """Return standard output for bytes, to be closed: what it does not take is not tried again at the end."""
    # So Python tells that there is none, and its number may be another file's by now.
    if sys.stdout is None:
        raise OSError(errno.EBADF, "It is closed")
    return open(sys.stdout.fileno(), "wb", closefd=False)


class _Failures:
    """Tell of what could not be read, go on, and end with a status that says so."""

    def __init__(self) -> None:
        self.count = 0

    def report(self, message: str) -> None:
        self.count += 1
        typer.echo(f"aqwal: {message}", err=True)

    def exit(self) -> None:
        if self.count:
            raise typer.Exit(1)


def load_predictor(model: Path, precision: Precision, threads: int | None) -> "Predictor":
    """Return the predictor of a model folder; say in a sentence why there is none and end with status 2."""
    from aqwal.serving import ModelFolderError, Predictor

    with _told_in_a_sentence(f"{model} cannot be read", ModelFolderError):
        return Predictor(model, precision, threads)


def _check_output(output: Path | None, resume: bool, files: list[str], input_format: InputFormat) -> None:
    if resume and output is None:
        raise typer.BadParameter("--resume goes on with a file: name it by --output")
    if output is not None and would_read(files, input_format, output):
        raise typer.BadParameter(f"--output {output} is among the files to be read: choose another place")


@contextmanager
def _told_in_a_sentence(failed: str, *told: type[Exception]) -> Iterator[None]:
    """End with status 2 on an error of the system, with what failed and why, or on one that tells all itself."""
    expected: tuple[type[Exception], ...] = (OSError, *told)
    try:
        yield
    except BrokenPipeError:
        # Nobody reads any more, which is no failure of ours.
        raise
    except expected as error:
        reason = error.strerror if isinstance(error, OSError) else None
        typer.echo(f"aqwal: {failed}: {reason}" if reason else f"aqwal: {error}", err=True)
        raise typer.Exit(2) from error
