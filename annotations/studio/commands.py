"""`aqwal studio`: up, down, status, init, push, pull, next, model, review."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aqwal.annotations.failures import reason_of
from aqwal.annotations.studio.home import DEFAULT_HOME, DEFAULT_TITLE, LOOPBACK, Home, StudioError
from aqwal.serving.commands import RELEASED_MODEL, ModelOption

if TYPE_CHECKING:
    from aqwal.annotations.studio.annotators import Annotators
    from aqwal.annotations.studio.connection import Connection, Project
    from aqwal.annotations.studio.preannotation import Preannotator

app = typer.Typer(no_args_is_help=True, help="Annotate in Label Studio: a server, documents there, annotations back.")
_PORT, _MODEL_PORT, _REVIEW_PORT = 8080, 9090, 9091

HomeOption = Annotated[
    Path, typer.Option("--home", file_okay=False, help="Folder of the local server: database, account, log.")
]
UrlOption = Annotated[
    str | None,
    typer.Option("--url", envvar="AQWAL_STUDIO_URL", help="A server elsewhere, instead of the local one."),
]
TokenOption = Annotated[
    str | None,
    typer.Option("--token", envvar="AQWAL_STUDIO_TOKEN", help="Your access token there.", show_envvar=True),
]
ProjectOption = Annotated[str, typer.Option("--project", help="The project's title.")]
AnnotatorsOption = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="JSON object: e-mail address of an account → annotator's name."),
]
HostOption = Annotated[str, typer.Option("--host", help="Address to listen at.")]
PortOption = Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen at.")]


@app.command()
def up(
    home: HomeOption = DEFAULT_HOME,
    environment: Annotated[
        Path, typer.Option(file_okay=False, help="Virtual environment of the server; made if it is not there.")
    ] = Path(".venv-studio"),
    port: PortOption = _PORT,
) -> None:
    """Start a local Label Studio server, installing it first if need be, and wait until it answers."""
    from aqwal.annotations.studio import server

    with _errors_told():
        where = Home(home)
        running = server.up(where, environment, port, typer.echo)
        account = where.make_account()
    typer.echo(f"Label Studio is up: {running.url}")
    typer.echo(f"log in as {account.username} with {account.password} (kept in {where.folder}/account.json)")


@app.command()
def down(home: HomeOption = DEFAULT_HOME) -> None:
    """End the local server; its database stays."""
    from aqwal.annotations.studio import server

    with _errors_told():
        ended = server.down(Home(home))
    typer.echo("Label Studio is down" if ended else "no local server was up")


@app.command()
def status(home: HomeOption = DEFAULT_HOME, url: UrlOption = None, token: TokenOption = None) -> None:
    """Say whether the server is up and what its projects hold; exit status 1 if it is not."""
    with _errors_told():
        connection = _connect(home, url, token)
        projects: list[Any] = connection.read(lambda client: list(client.projects.list()))
    typer.echo(f"Label Studio is up: {connection.url}")
    for project in projects:
        typer.echo(f"{project.title}: {project.task_number} tasks, {project.num_tasks_with_annotations} annotated")


@app.command()
def init(
    home: HomeOption = DEFAULT_HOME,
    url: UrlOption = None,
    token: TokenOption = None,
    project: ProjectOption = DEFAULT_TITLE,
) -> None:
    """Create the project, or bring its labelling config and instructions up to date."""
    from aqwal.annotations.studio.labelling import initialise

    with _errors_told():
        made = initialise(_connect(home, url, token), project)
    typer.echo(f"project {project}: {made.state}; {made.project.connection.url}/projects/{made.project.id}")


@app.command()
def push(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", exists=True, help="Annotated files (.json), .txt, .jsonl, folders of them."),
    ],
    annotations: Annotated[bool, typer.Option(help="Push the files' annotations too.")] = True,
    model: Annotated[
        Path | None, typer.Option("--model", help="Model folder whose answers annotators are to start from.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    url: UrlOption = None,
    token: TokenOption = None,
    project: ProjectOption = DEFAULT_TITLE,
    annotators: AnnotatorsOption = None,
) -> None:
    """Send documents to the server, each once: what is there already stays as it is there."""
    from aqwal.annotations.studio.push import Push, read_sources

    with _errors_told():
        documents, faults = read_sources(files)
        where = _project(home, url, token, project)
        preannotator = None if model is None else _load(model)
        who = _annotators(where, home, annotators)
        run = Push(
            where,
            who,
            annotations,
            None if preannotator is None else lambda document: preannotator.predict(document.text),
            "" if preannotator is None else preannotator.version,
        )
        with _progress("pushing", len(documents)) as advance:
            done = run.run(documents, advance)
    new = f"{done.documents} documents, {done.annotations} annotations, {done.predictions} predictions"
    typer.echo(f"new on the server: {new}; documents already there: {done.there}")
    for kept in done.kept:
        typer.echo(f"left as it is on the server, where it is another: {kept}")
    _tell_without_account(who)
    _report([*faults, *done.refused], "not pushed")


@app.command()
def pull(
    output: Annotated[Path, typer.Argument(metavar="DIR", file_okay=False, help="Where files go, each DIR/id.json.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report, write nothing.")] = False,
    home: HomeOption = DEFAULT_HOME,
    url: UrlOption = None,
    token: TokenOption = None,
    project: ProjectOption = DEFAULT_TITLE,
    annotators: AnnotatorsOption = None,
) -> None:
    """Fetch annotations, check and snap them, write the stored form; exit status 1 if some cannot be accepted."""
    from aqwal.annotations.studio.connection import Project
    from aqwal.annotations.studio.pull import REJECTED_FOLDER
    from aqwal.annotations.studio.pull import pull as pull_from

    with _errors_told():
        # Whatever config it has: what the scheme does not know is kept apart, annotation by annotation.
        where = Project.open(_connect(home, url, token), project)
        who = _annotators(where, home, annotators)
        done = pull_from(where, who, output, dry_run)
    _tell_without_account(who)
    for line in (*done.changes, *done.notes):
        typer.echo(line)
    if dry_run:
        typer.echo(f"acceptable documents: {len(done.documents)}; nothing was written")
    else:
        typer.echo(f"{output}: files written: {len(done.written)}, the same already: {len(done.unchanged)}")
    typer.echo(f"tasks that nobody has annotated yet: {done.bare}")
    kept = "" if dry_run else f"; what the server has of them is in {output / REJECTED_FOLDER}"
    _report(list(map(str, done.rejected)), f"not accepted{kept}")


@app.command("next")
def next_(
    model: ModelOption = RELEASED_MODEL,
    most: Annotated[int, typer.Option(min=1, help="How many tasks to list.")] = 10,
    home: HomeOption = DEFAULT_HOME,
    url: UrlOption = None,
    token: TokenOption = None,
    project: ProjectOption = DEFAULT_TITLE,
) -> None:
    """Put the tasks nobody has annotated in order, those first of which the model is least certain."""
    from aqwal.annotations.studio.queue import order_tasks

    with _errors_told():
        where = _project(home, url, token, project)
        preannotator = _load(model)
        with _progress("asking the model", None) as advance:
            queued = order_tasks(where, preannotator, advance)
    for one in queued[:most]:
        typer.echo(f"{one.certainty:.3f}  {where.link(one.task)}  {one.document}")
    typer.echo(f"tasks in order: {len(queued)}; in the tab `Next`, `Label Tasks As Displayed` opens them so")


@app.command()
def model(
    model: ModelOption = RELEASED_MODEL,
    host: HostOption = LOOPBACK,
    port: PortOption = _MODEL_PORT,
    connect: Annotated[bool, typer.Option(help="Let the project ask it whenever a task is opened.")] = True,
    home: HomeOption = DEFAULT_HOME,
    url: UrlOption = None,
    token: TokenOption = None,
    project: ProjectOption = DEFAULT_TITLE,
) -> None:
    """Answer Label Studio while annotators open tasks, as its ML backend, until Ctrl+C."""
    from aqwal.annotations.studio import backend
    from aqwal.annotations.studio.pages import serve

    with _errors_told():
        where = _project(home, url, token, project) if connect else None
        preannotator = _load(model)

    def connect_it(address: str) -> None:
        if where is not None:
            backend.connect(where, address)
            typer.echo(f"project {where.title} asks it whenever a task is opened")

    with _errors_told():
        serve(backend.create_app(preannotator), host, port, connect_it, typer.echo)


@app.command()
def review(
    port: PortOption = _REVIEW_PORT,
    home: HomeOption = DEFAULT_HOME,
    url: UrlOption = None,
    token: TokenOption = None,
    project: ProjectOption = DEFAULT_TITLE,
    annotators: AnnotatorsOption = None,
    adjudicator: Annotated[str, typer.Option(help="Whose name adjudicated annotations carry.")] = "adjudicated",
) -> None:
    """Show what annotators disagree on, side by side over the text, and send decisions back, until Ctrl+C."""
    from aqwal.annotations.studio import review as reviewing
    from aqwal.annotations.studio.pages import serve

    with _errors_told():
        where = _project(home, url, token, project)
        who = _annotators(where, home, annotators)
        _tell_without_account(who)
        app = reviewing.create_app(reviewing.Review(where, who, adjudicator))
        # On this machine alone: whoever opens the page decides.
        serve(app, LOOPBACK, port, lambda address: typer.echo(f"review at {address}"), typer.echo)


@contextmanager
def _errors_told() -> Iterator[None]:
    """Say what went wrong in a sentence and end with status 1."""
    try:
        yield
    except (StudioError, OSError) as error:
        told = reason_of(error) if isinstance(error, OSError) else error
        typer.echo(f"aqwal studio: {told}", err=True)
        raise typer.Exit(1) from error


def _connect(home: Path, url: str | None, token: str | None) -> "Connection":
    from aqwal.annotations.studio.connection import Connection
    from aqwal.annotations.studio.server import is_alive

    if url is not None:
        if token is None:
            raise StudioError(f"a token is needed for {url}; give --token, or set AQWAL_STUDIO_TOKEN")
        return Connection.open(url, token)
    where = Home(home)
    running, account = where.running(), where.account()
    if running is None or account is None or not is_alive(running):
        raise StudioError("no local server is up; `aqwal studio up` starts one, --url names one elsewhere")
    return Connection.open(running.url, token or account.token, local=True)


def _project(home: Path, url: str | None, token: str | None, title: str) -> "Project":
    from aqwal.annotations.studio.labelling import require_project

    return require_project(_connect(home, url, token), title)


def _annotators(project: "Project", home: Path, path: Path | None) -> "Annotators":
    from aqwal.annotations.studio.annotators import Annotators

    usual = home / "annotators.json"
    return Annotators.read(project.connection, path or (usual if usual.is_file() else None))


def _tell_without_account(annotators: "Annotators") -> None:
    if missing := annotators.without_account:
        typer.echo(f"the file of annotators' names has addresses that no account has: {', '.join(missing)}", err=True)


def _load(model: Path) -> "Preannotator":
    from aqwal.annotations.studio.preannotation import Preannotator
    from aqwal.serving import ModelFolderError, Predictor

    try:
        return Preannotator(Predictor(model))
    except (FileNotFoundError, ModelFolderError) as error:
        raise StudioError(str(error)) from error


@contextmanager
def _progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)


def _report(faults: list[str], what: str) -> None:
    """List what could not be done, and end with status 1 if there is any."""
    if not faults:
        return
    for fault in faults:
        typer.echo(fault, err=True)
    typer.echo(f"aqwal studio: {what}: {len(faults)}", err=True)
    raise typer.Exit(1)
