"""`aqwal corpus compile`, `inline`, `report` and `duplicates`."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aqwal.annotations.failures import fail, failures_told
from aqwal.annotations.stored import read_documents
from aqwal.annotations.stretches import printable

if TYPE_CHECKING:
    from aqwal.annotations.curation.duplicates import Match
    from aqwal.annotations.curation.figures import Article, Figures
    from aqwal.annotations.curation.plan import Outcome

app = typer.Typer(no_args_is_help=True, help="Make a corpus: store its passes, say what it is, find near-duplicates.")
_MOST_RUNS_SHOWN = 3


@app.command("compile")
def compile_(
    writer: Annotated[
        Path, typer.Argument(metavar="WRITER_FILE", exists=True, dir_okay=False, help="The writer's marks: `pass-a`.")
    ],
    output: Annotated[
        Path, typer.Option(metavar="DIR", file_okay=False, help="Where the documents go, each as DIR/id.json.")
    ],
    blind: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Marks over the bare texts: `pass-b`.")
    ] = None,
    gold: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Adjudicated marks; without them nothing is ground truth."),
    ] = None,
) -> None:
    """Put inline files of the same articles together and store a document a file, if all of it is right."""
    from aqwal.annotations.curation.passes import join_passes, store_documents

    with failures_told():
        documents = join_passes(writer, blind, gold)
        store_documents(documents, output)
    passes = ", ".join(annotation.annotator for annotation in documents[0].annotations)
    typer.echo(f"{output}: documents written: {len(documents)}, each with {passes}")


@app.command("inline")
def inline_(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", exists=True, dir_okay=False, help="Annotated files in the stored form."),
    ],
    annotator: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Whose marks, as `pass-a`.", show_default="the adjudicated ones"),
    ] = None,
    bare: Annotated[bool, typer.Option("--bare", help="Texts without any marks, for a blind pass.")] = False,
) -> None:
    """Print stored documents in the inline form that `compile` takes, to review and revise them by hand."""
    from aqwal.annotations.curation.passes import format_pass

    if bare and annotator is not None:
        raise typer.BadParameter("--bare leaves all marks out: give it or --annotator")
    with failures_told():
        documents = [document for file in files for document in read_documents(file)]
        content = format_pass(documents, annotator, bare=bare).encode("utf-8")
    # As bytes: no system may write its own line ends into the texts.
    typer.echo(content, nl=False)


@app.command()
def report(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", exists=True, dir_okay=False, help="Annotated files in the stored form."),
    ],
    plan: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="What was planned, as annotations/corpus-spec.json."),
    ] = None,
    beside: Annotated[
        list[Path] | None,
        typer.Option(exists=True, help="A file, or a folder of them, of a second set; may be given several times."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", dir_okay=False, help="Write the figures here as JSON too.")
    ] = None,
) -> None:
    """Say what annotated files are: sizes, lengths, kinds, speakers, marks, spelling, ways of reporting."""
    from aqwal.annotations.curation.figures import figures_of
    from aqwal.annotations.curation.plan import compare, read_plan
    from aqwal.annotations.curation.pool import files_in

    with failures_told():
        wanted = None if plan is None else read_plan(plan)
        articles = _read_articles(files)
        sets = {"files": figures_of(articles)}
        if beside:
            sets["beside"] = figures_of(_read_articles(files_in(beside, (".json",))))
        outcome = None if wanted is None else compare(wanted, articles)
        if json_file is not None:
            _write_json(json_file, sets, outcome)
    _print_tables(sets, outcome)


@app.command()
def duplicates(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", exists=True, dir_okay=False, help="Documents that are to share nothing."),
    ],
    against: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            help="A .json, .txt, .jsonl or .jsonl.xz to compare with, or a folder of them; may be given several times.",
        ),
    ] = None,
    words: Annotated[int, typer.Option(min=5, help="Words in a row that no two documents may share.")] = 8,
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="What Jaccard similarity and containment may not exceed.")
    ] = 0.2,
) -> None:
    """Find documents that share words in a row or are alike as a whole; exit status 1 if there are any."""
    from aqwal.annotations.curation.duplicates import find_duplicates
    from aqwal.annotations.curation.pool import files_in, read_pool

    own = {file.resolve() for file in files}
    # Status 1 says that near-duplicates were found.
    with failures_told(status=2):
        documents = [document for file in files for document in read_pool(file)]
        others = [file for file in files_in(against or []) if file.resolve() not in own]
        pool = (document for file in others for document in read_pool(file))
        matches = find_duplicates(documents, pool, words, threshold)
    for match in matches:
        typer.echo(printable(_format_match(match, words)))
    if matches:
        fail(f"pairs of documents that share too much: {len(matches)}", 1)
    typer.echo(f"no near-duplicates among {len(documents)} documents, nor with those of {len(others)} other files")


def _read_articles(files: Iterable[Path]) -> "list[Article]":
    from aqwal.annotations.curation.figures import read_articles

    return read_articles(document for file in files for document in read_documents(file))


def _write_json(path: Path, sets: "dict[str, Figures]", outcome: "Outcome | None") -> None:
    from aqwal.annotations.atomic import write_text

    content = {name: asdict(figures) for name, figures in sets.items()}
    if outcome is not None:
        content["plan"] = asdict(outcome)
    write_text(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def _print_tables(sets: "dict[str, Figures]", outcome: "Outcome | None") -> None:
    from rich.console import Console

    from aqwal.annotations.curation.tables import figure_tables, outcome_tables

    # What a plan has in square brackets is text.
    console = Console(markup=False, highlight=False)
    for table in figure_tables(sets):
        console.print(table)
    if outcome is None:
        return
    for table in outcome_tables(outcome):
        console.print(table)
    _print_ids("planned and not among the files", outcome.missing)
    _print_ids("among the files and not planned", outcome.not_planned)
    _print_ids("with quotes though planned without, or the reverse", outcome.quotes_differ)


def _print_ids(what: str, ids: tuple[str, ...]) -> None:
    typer.echo(printable(f"{what}: {len(ids)}" + (f" ({' '.join(ids)})" if ids else "")))


def _format_match(match: "Match", least: int) -> str:
    """Return a line for the pair and one for each run to be seen, or for the longest if none is long enough."""
    alike = f"Jaccard {match.jaccard:.2f}, containment {match.containment:.2f}"
    runs = [run for run in match.runs if run.words >= least] or list(match.runs[:1])
    lines = [f"{match.one} / {match.other}: {alike}"]
    lines += [f"  {run.words} words in a row: {' '.join(run.text.split())}" for run in runs[:_MOST_RUNS_SHOWN]]
    rest = len(runs) - _MOST_RUNS_SHOWN
    return "\n".join([*lines, f"  and {rest} more"] if rest > 0 else lines)
