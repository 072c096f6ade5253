"""`aqwal agreement`, `aqwal check`, and the groups `aqwal corpus` and `aqwal studio`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from aqwal.annotations.agreement import agreement as agreement_of
from aqwal.annotations.atomic import write_text
from aqwal.annotations.curation.commands import app as corpus_app
from aqwal.annotations.failures import fail, failures_told, reason_of
from aqwal.annotations.formats.corpus import Corpus, Format, format_of, read_corpus
from aqwal.annotations.records import AQWAL, PLAIN, SCHEMES, AnnotationError, Document, Problem
from aqwal.annotations.repair import repair_document
from aqwal.annotations.scheme import check_document
from aqwal.annotations.stored import parse_file, read_documents, write_documents
from aqwal.annotations.stretches import printable
from aqwal.annotations.studio.commands import app as studio_app

app = typer.Typer()
app.add_typer(corpus_app, name="corpus")
app.add_typer(studio_app, name="studio")
FilesArgument = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", exists=True, dir_okay=False, help="Annotated files in the stored form."),
]


@app.command()
def agreement(
    files: FilesArgument,
    html: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write a page of the disagreements here, side by side.")
    ] = None,
) -> None:
    """Print how far annotators agree: F1 of one pass against the other, per label and link."""
    with failures_told():
        documents = [document for file in files for document in read_documents(file)]
    rows = agreement_of(documents)
    if not rows:
        fail("no document here has two passes besides its adjudicated annotation", 1)
    table = Table("annotators", "label", "marked", "exact F1", "loose F1")
    for row in rows:
        table.add_row(" / ".join(row.annotators), row.label, " / ".join(map(str, row.counts)), *row.figures)
    Console().print(table)
    typer.echo("loose: spans that overlap; links whose quotes have IoU of .5 or more and whose other ends overlap")
    if html is not None:
        from aqwal.annotations.disagreement_page import DisagreementPage

        with failures_told():
            write_text(html, DisagreementPage(documents).to_html())


class SchemeName(StrEnum):
    """What spans may be."""

    aqwal = AQWAL
    plain = PLAIN


@app.command()
def check(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", exists=True, dir_okay=False, help="Annotated files.")
    ],
    repair: Annotated[
        bool, typer.Option("--repair", help="Stored form: snap edges to the scheme, list changes, write the files.")
    ] = False,
    file_format: Annotated[
        Format | None, typer.Option("--format", help="Format of the files.", show_default="by each file's ending")
    ] = None,
    scheme: Annotated[
        SchemeName, typer.Option(help="Scheme of CoNLL and brat files; stored ones name their own.")
    ] = SchemeName.plain,
) -> None:
    """Check annotated files against their scheme and list everything it does not allow, or what must be altered."""
    problems: list[Problem] = []
    for file in files:
        try:
            kind = file_format or format_of(file)
            if kind is Format.stored:
                problems += _check_stored(file, repair)
            else:
                _show_corpus(file, read_corpus(file, scheme, kind))
        except AnnotationError as error:
            problems += error.problems
        except ValueError as error:
            problems.append(Problem(str(error)))
        except OSError as error:
            problems.append(Problem(reason_of(error)))
    for problem in problems:
        typer.echo(printable(str(problem)), err=True)
    if problems:
        raise typer.Exit(1)
    typer.echo(f"files that follow the scheme: {len(files)}")


def _check_stored(file: Path, repair: bool) -> list[Problem]:
    documents, unreadable = parse_file(file, SCHEMES)
    # A file of which something could not be read is never written back: that would drop it.
    if repair and unreadable:
        typer.echo(f"{file}: left as it was; mend what cannot be read first", err=True)
    elif repair:
        documents = _repair(file, documents)
    return unreadable + [problem for document in documents for problem in check_document(document, str(file))]


def _show_corpus(file: Path, corpus: Corpus) -> None:
    """Say what is altered for layers of tags to hold it, one by one and in numbers."""
    for one in corpus.alterations:
        typer.echo(f"{file}: {one}")
    for line in corpus.summary():
        typer.echo(f"{file}: in all {line}")
    counts = ", ".join(f"{count} {label}" for label, count in sorted(corpus.spans.items()))
    typer.echo(f"{file}: {len(corpus.documents)} documents; spans: {counts or 'none'}")


def _repair(file: Path, documents: list[Document]) -> list[Document]:
    repaired = [repair_document(document) for document in documents]
    changes = [change for _, made in repaired for change in made]
    fixed = [document for document, _ in repaired]
    if changes:
        write_documents(file, fixed)
    # What could not be written is not told as done.
    for change in changes:
        typer.echo(f"{file}: {change}")
    return fixed
