"""The `aqwal` command: the commands of every installed stage under one name."""

import sys
from importlib.metadata import entry_points, version
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    # Boxes break paths and commands in two at the terminal's edge.
    rich_markup_mode=None,
    help="Who said what about what in Arabic news.",
)

# Package → the extra that brings it, where that is not the stage's own.
_EXTRAS = {
    **dict.fromkeys(("fastapi", "uvicorn", "starlette", "prometheus_client", "pythonjsonlogger"), "service"),
    "pyarrow": "parquet",
    "ray": "ray",
}


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("aqwal"))
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Who said what about what in Arabic news."""


def main() -> None:
    """Run the command line; a missing optional package is told in one line, not by a traceback."""
    for stage in entry_points(group="aqwal.commands"):
        app.add_typer(stage.load())
    try:
        app()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        extra = _EXTRAS.get(package, "annotations,serving,training")
        hint = f"install aqwal with its extra {extra}, in a checkout by `pip install -e '.[{extra}]'`"
        sys.exit(f"aqwal: this command needs the package {error.name}; {hint}")
