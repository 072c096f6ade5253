"""A Label Studio in memory: as much of the SDK's client as push, pull and review use, over tasks a test can change.

It accepts whatever it is sent, as the server does. What the server itself does is for the tests with a real one.
"""

import itertools
import json
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from aqwal.annotations.studio.connection import Connection, Project
from aqwal.annotations.studio.labelling import labelling_config

TITLE = "held"


class HeldStudio:
    """The client, with one project; `tasks` are as the server's JSON export has them."""

    def __init__(self) -> None:
        self.tasks: list[dict[str, Any]] = []
        self._accounts: list[SimpleNamespace] = []
        self._numbers = itertools.count(1)
        self.users = SimpleNamespace(list=lambda: list(self._accounts), create=self._make_account)
        config = SimpleNamespace(id=1, title=TITLE, label_config=labelling_config())
        exports = SimpleNamespace(download_sync=lambda *_, **__: [json.dumps(self.tasks).encode()])
        self.projects = SimpleNamespace(
            list=lambda: [config], get=lambda **_: config, exports=exports, import_tasks=self._import
        )
        self.annotations = SimpleNamespace(create=self._create, update=self._update, delete=self._delete)

    def of(self, document: str) -> list[dict[str, Any]]:
        """Return the annotations of a document."""
        return next(task["annotations"] for task in self.tasks if task["data"]["id"] == document)

    def _make_account(self, email: str, **_: object) -> SimpleNamespace:
        made = SimpleNamespace(id=next(self._numbers), email=email)
        self._accounts.append(made)
        return made

    def _import(self, request: Iterable[Mapping[str, Any]], **_: object) -> SimpleNamespace:
        for task in request:
            annotations = [self._annotation(one) for one in task["annotations"]]
            self.tasks.append({"id": next(self._numbers), "data": task["data"], "annotations": annotations})
        return SimpleNamespace(task_count=len(list(request)))

    def _annotation(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {"id": next(self._numbers), "was_cancelled": False, **fields}

    def _create(self, task: int, **fields: object) -> None:
        next(one for one in self.tasks if one["id"] == task)["annotations"].append(self._annotation(fields))

    def _update(self, annotation: int, **fields: object) -> None:
        next(one for task in self.tasks for one in task["annotations"] if one["id"] == annotation).update(fields)

    def _delete(self, annotation: int) -> None:
        for task in self.tasks:
            task["annotations"] = [one for one in task["annotations"] if one["id"] != annotation]


def held_project(studio: HeldStudio) -> Project:
    """Return the project, over a connection whose requests go nowhere."""
    return Project(Connection("http://held.invalid", studio), 1, TITLE)  # type: ignore[arg-type]
