"""`aqwal evaluate`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from aqwal.annotations.atomic import write_text
from aqwal.annotations.failures import failures_told
from aqwal.annotations.formats.corpus import Corpus, Format, read_corpus
from aqwal.serving.commands import Precision, PrecisionOption

if TYPE_CHECKING:
    from aqwal.training.metrics import Answered

app = typer.Typer()


@app.command()
def evaluate(
    model: Annotated[Path, typer.Option(help="Model folder.")],
    gold: Annotated[
        list[Path], typer.Option(exists=True, dir_okay=False, help="Annotated file; may be given several times.")
    ],
    more_gold: Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...", help="More annotated files.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the scores here too.")] = None,
    file_format: Annotated[
        Format | None, typer.Option("--format", help="Format of the files.", show_default="by each file's ending")
    ] = None,
    precision: PrecisionOption = Precision.int8,
) -> None:
    """Score a model against gold: exact, overlap and character F1 per label, pair F1 of the links."""
    from aqwal.training.metrics import score

    answered = _answer(model, [*gold, *(more_gold or [])], file_format, precision)
    scores = score(
        answered, sorted({span.label for one in answered for span in one.prediction.spans} | _gold_labels(answered))
    )
    Console().print(scores_table(scores))
    for label, f1 in scores["pairs"].items():
        typer.echo(f"pair F1 {label}: {f1:.3f}")
    if json_file is not None:
        with failures_told():
            write_text(json_file, json.dumps(scores, ensure_ascii=False, indent=1) + "\n")


def scores_table(scores: dict[str, Any]) -> Table:
    """Return the scores per label as a table for the terminal."""
    table = Table("label", "P", "R", "exact F1", "overlap F1", "character F1", "gold", "found")
    columns = ("precision", "recall", "f1", "overlap_f1", "character_f1")
    for label, row in scores["labels"].items():
        table.add_row(label, *(f"{row[name]:.3f}" for name in columns), str(row["gold"]), str(row["predicted"]))
    return table


def _answer(model: Path, files: list[Path], file_format: Format | None, precision: Precision) -> "list[Answered]":
    from aqwal.serving import Predictor
    from aqwal.training.metrics import Answered

    with failures_told():
        predictor = Predictor(model, precision)
        scheme = predictor.folder.settings["scheme"]
        corpus = Corpus.joined(read_corpus(file, scheme, file_format) for file in files)
        if without := [document.id for document in corpus.documents if document.gold is None]:
            raise ValueError(
                f"documents {', '.join(without[:5])} ({len(without)} in all) have no annotation with ground_truth to "
                "be scored against; adjudicate them, or leave them out"
            )
    for line in corpus.summary():
        typer.echo(f"aqwal: {line}", err=True)
    answers = predictor.predict_many(document.text for document in corpus.documents)
    return [Answered(document, answer) for document, answer in zip(corpus.documents, answers, strict=True)]


def _gold_labels(answered: "list[Answered]") -> set[str]:
    return {span.label for one in answered if one.document.gold for span in one.document.gold.spans}
