"""`aqwal predict` and `aqwal render`."""

import io
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aqwal.annotations.atomic import write_text
from aqwal.serving.documents import InputFormat, read_texts

if TYPE_CHECKING:
    from aqwal.serving import Prediction, Predictor

app = typer.Typer()
# In a checkout, wherever the command is run from; a wheel has no model in it.
RELEASED_MODEL = Path(__file__).resolve().parent.parent / "models" / "release"


class Precision(StrEnum):
    """Number format of the model's matrices."""

    int8 = "int8"
    fp32 = "fp32"


class OutputFormat(StrEnum):
    """How answers are written."""

    jsonl = "jsonl"


ModelOption = Annotated[Path, typer.Option("--model", help="Model folder.", show_default="the released model")]
PrecisionOption = Annotated[Precision, typer.Option(help="int8, or fp32 if the model folder has it.")]


@app.command()
def predict(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Documents; `-` is standard input.")],
    model: ModelOption = RELEASED_MODEL,
    input_format: Annotated[
        InputFormat, typer.Option(help="One document a file, or one a JSON line.")
    ] = InputFormat.text,
    output_format: Annotated[OutputFormat, typer.Option(help="One JSON line a document.")] = OutputFormat.jsonl,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Both formats jsonl.")] = False,
    precision: PrecisionOption = Precision.int8,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Windows computed side by side; all cores if not given.")
    ] = None,
) -> None:
    """Say who said what about what in documents: one JSON line a document, in order."""
    predictor = load_predictor(model, precision, threads)
    failures = _Failures()
    for prediction in predictor.predict_documents(
        (document.text, document.id)
        for document in read_texts(files, InputFormat.jsonl if jsonl else input_format, failures.report)
    ):
        _write_line(prediction)
    failures.exit()


@app.command()
def render(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A text; `-` is standard input.")],
    model: ModelOption = RELEASED_MODEL,
    html: Annotated[Path | None, typer.Option(help="Write an HTML page here instead of showing the text.")] = None,
    precision: PrecisionOption = Precision.int8,
) -> None:
    """Show who said what about what over a text, right to left."""
    from rich.console import Console

    from aqwal.serving.render import to_html_page, to_terminal

    predictor = load_predictor(model, precision, None)
    failures = _Failures()
    for document in read_texts([file], InputFormat.text, failures.report):
        prediction = predictor.predict(document.text, document.id)
        if html is not None:
            _write_page(html, to_html_page(prediction))
        else:
            # A terminal that has no Arabic letters gets question marks rather than a traceback.
            if isinstance(sys.stdout, io.TextIOWrapper):
                sys.stdout.reconfigure(errors="replace")
            Console().print(*to_terminal(prediction), sep="\n", justify="right")
    failures.exit()


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

    try:
        return Predictor(model, precision, threads)
    except (FileNotFoundError, ModelFolderError) as error:
        typer.echo(f"aqwal: {error}", err=True)
        raise typer.Exit(2) from error


def _write_page(path: Path, page: str) -> None:
    try:
        write_text(path, page)
    except OSError as error:
        typer.echo(f"aqwal: {path} cannot be written: {error.strerror}", err=True)
        raise typer.Exit(2) from error


def _write_line(prediction: "Prediction") -> None:
    """Write an answer as UTF-8 JSON, whatever the terminal's own encoding."""
    sys.stdout.buffer.write(prediction.to_json() + b"\n")
    sys.stdout.buffer.flush()
