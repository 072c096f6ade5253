"""Which task to annotate next: the one of which the model is least certain."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aqwal.annotations.studio.connection import Project
from aqwal.annotations.studio.exchange import ServerTask
from aqwal.annotations.studio.preannotation import Preannotator

VIEW_TITLE = "Next"
# The tab's tasks are those that nobody has annotated, by the score of their prediction. (The project's own
# "uncertainty sampling" would begin with annotated tasks, as they have no prediction.)
_UNANNOTATED = {"filter": "filter:tasks:total_annotations", "operator": "equal", "type": "Number", "value": 0}
_VIEW = {
    "title": VIEW_TITLE,
    "type": "list",
    "target": "tasks",
    "ordering": ["tasks:predictions_score"],
    "filters": {"conjunction": "and", "items": [_UNANNOTATED]},
}


@dataclass(frozen=True, slots=True)
class Queued:
    """A task that nobody has annotated yet, and how certain the model is of it, 0 to 1."""

    task: int
    document: str
    certainty: float


def order_tasks(project: Project, preannotator: Preannotator, tell: Callable[[int], None]) -> list[Queued]:
    """Put the tasks that nobody has annotated in order, the least certain first, here and on the server.

    Each gets the model's prediction unless it has one of this model. On the server, a tab `Next` has
    them in this order, and `Label Tasks As Displayed` in it opens them so.

    Args:
        project: The project.
        preannotator: The model.
        tell: Called with 1 whenever a task is done.

    Raises:
        StudioError: If the server cannot be reached; what was done stays, and the same call goes on.
    """
    waiting = [task for task in map(ServerTask, project.export()) if not task.annotations]
    known = {task: score for (task, version), score in project.predictions().items() if version == preannotator.version}
    queued = []
    for task in waiting:
        if isinstance(task.text, str):
            certainty = known[task.id] if task.id in known else _predict(project, task, preannotator)
            queued.append(Queued(task.id, task.document_id or "", certainty))
            tell(1)
    if queued:
        _show_first(project, preannotator.version)
    return sorted(queued, key=lambda one: (one.certainty, one.task))


def _predict(project: Project, task: ServerTask, preannotator: Preannotator) -> float:
    fields = preannotator.predict(task.text)
    project.add_prediction(task.id, fields)
    return float(fields["score"])


def _show_first(project: Project, version: str) -> None:
    connection = project.connection
    # Of several models' predictions, the server shows and orders by those of the version named.
    connection.write(lambda client: client.projects.update(id=project.id, model_version=version))
    views: list[Any] = connection.read(lambda client: client.views.list(project=project.id))
    mine = [view.id for view in views if _title(view.data) == VIEW_TITLE]
    data: Any = _VIEW
    if mine:
        connection.write(lambda client: client.views.update(str(mine[0]), project=project.id, data=data))
    else:
        connection.write(lambda client: client.views.create(project=project.id, data=data))


def _title(data: Any) -> Any:
    return data.get("title") if isinstance(data, dict) else getattr(data, "title", None)
