"""What went wrong in a command, said in a sentence instead of a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from aqwal.annotations.records import AnnotationError
from aqwal.annotations.stretches import printable


@contextmanager
def failures_told(status: int = 1) -> Iterator[None]:
    """Turn what is wrong in files into a message and a status, a file that cannot be read or written into status 2."""
    try:
        yield
    except AnnotationError as error:
        typer.echo(printable(str(error)), err=True)
        fail(f"nothing was done; problems to mend: {len(error.problems)}", status)
    except ValueError as error:
        fail(str(error), status)
    except OSError as error:
        fail(reason_of(error), 2)


def reason_of(error: OSError) -> str:
    """Say which file cannot be read or written and why; an error that is not the system's says all itself."""
    return f"{error.filename} cannot be read or written: {error.strerror}" if error.filename else str(error)


def fail(message: str, status: int) -> NoReturn:
    """End the command with a message and a status."""
    typer.echo(f"aqwal: {printable(message)}", err=True)
    raise typer.Exit(status)
