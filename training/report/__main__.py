"""`python -m aqwal.training.report`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from aqwal.annotations.atomic import write_text
from aqwal.training.logs import start_logging
from aqwal.training.report.run import read_run

_log = logging.getLogger("aqwal.training.report")


def main(
    run_dir: Annotated[Path, typer.Argument(help="Run folder of train.py.")],
    output: Annotated[Path | None, typer.Option(help="HTML file.", show_default="RUN_DIR/report.html")] = None,
) -> None:
    """Write a page about a run: curves, scores, calibration, the worst errors over the text."""
    start_logging()
    try:
        from aqwal.training.report.page import render_report

        path = output or run_dir / "report.html"
        write_text(path, render_report(read_run(run_dir)))
    except ModuleNotFoundError as error:
        hint = "install aqwal with its extra reports, in a checkout by `pip install -e '.[reports]'`"
        raise SystemExit(f"report: the pictures need {error.name}; {hint}") from error
    except (OSError, ValueError) as error:
        raise SystemExit(f"report: {error}") from error
    _log.info("%s is written", path)


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command()(main)
    app()
