"""Which task to annotate next: the one of which the model is least certain."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from aqwal.annotations.studio.connection import Project
from aqwal.annotations.studio.exchange import ServerTask
from aqwal.annotations.studio.preannotation import Preannotator

_SAMPLING = "Uncertainty sampling"


@dataclass(frozen=True, slots=True)
class Queued:
    """A task that nobody has annotated yet, and how certain the model is of it, 0 to 1."""

    task: int
    document: str
    certainty: float


def order_tasks(project: Project, preannotator: Preannotator, tell: Callable[[int], None]) -> list[Queued]:
    """Put the tasks that nobody has annotated in order, the least certain first, on the server too.

    Each gets the model's prediction unless it has one of this model. Label Studio then opens the
    task whose prediction has the lowest score whenever an annotator asks for the next one.

    Args:
        project: The project.
        preannotator: The model.
        tell: Called with 1 whenever a task is done.

    Raises:
        StudioError: If the server cannot be reached; what was done stays, and the same call goes on.
    """
    waiting = [task for task in map(ServerTask, project.export()) if not task.annotations and _has_text(task)]
    queued = []
    for task in waiting:
        queued.append(Queued(task.id, task.document_id or "", _certainty(project, task, preannotator)))
        tell(1)
    connection = project.connection
    connection.write(
        lambda client: client.projects.update(
            id=project.id,
            sampling=_SAMPLING,
            # Of several models' predictions, the server opens and orders by the one named here.
            model_version=preannotator.version,
        )
    )
    return sorted(queued, key=lambda one: (one.certainty, one.task))


def _has_text(task: ServerTask) -> bool:
    return isinstance(task.text, str)


def _certainty(project: Project, task: ServerTask, preannotator: Preannotator) -> float:
    known = _score_of(task.raw.get("predictions") or [], preannotator.version)
    if known is not None:
        return known
    fields = preannotator.predict(task.text)
    project.connection.write(lambda client: client.predictions.create(task=task.id, **fields))
    return float(fields["score"])


def _score_of(predictions: Iterable[Any], version: str) -> float | None:
    for one in predictions:
        if isinstance(one, dict) and one.get("model_version") == version and one.get("score") is not None:
            return float(one["score"])
    return None
