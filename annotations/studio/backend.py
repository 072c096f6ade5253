"""The model at the server's call: Label Studio's contract of an ML backend, so that opening a task shows its answers.

`GET /health`, `POST /setup`, `POST /predict`, `GET /versions`, and `POST /webhook`, as Label Studio
1.23 calls them. Nothing is learned here, and nothing of what is sent is kept: `/setup` hands over a
token, which is not looked at.
"""

import logging
from typing import Any

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from aqwal.annotations.studio.connection import Project
from aqwal.annotations.studio.home import StudioError
from aqwal.annotations.studio.preannotation import Preannotator

TITLE = "aqwal"
_TIMEOUT = 100.0
_log = logging.getLogger("aqwal.annotations.studio.backend")


class Task(BaseModel):
    """A task, of which the text is what matters."""

    id: int | None = None
    data: dict[str, Any]


class PredictRequest(BaseModel):
    """What the server asks: answers for tasks, in their order."""

    tasks: list[Task] = Field(max_length=1000)


def create_app(preannotator: Preannotator) -> FastAPI:
    """Return the application."""
    app = FastAPI(title="Aqwal as an ML backend of Label Studio", docs_url=None, redoc_url=None)

    @app.get("/")
    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "UP", "model_class": TITLE}

    @app.post("/setup")
    def setup() -> dict[str, str]:
        return {"model_version": preannotator.version}

    @app.get("/versions")
    def versions() -> dict[str, list[str]]:
        return {"versions": [preannotator.version]}

    @app.post("/webhook")
    def webhook() -> dict[str, str]:
        return {"status": "nothing is learned here"}

    @app.post("/predict")
    def predict(request: PredictRequest) -> dict[str, Any]:
        results = [preannotator.predict(_text_of(task)) for task in request.tasks]
        _log.info("answered %d tasks", len(results))
        return {"results": results, "model_version": preannotator.version}

    return app


def _text_of(task: Task) -> str:
    text = task.data.get("text")
    if not isinstance(text, str):
        raise HTTPException(422, f"task {task.id} has no `text` in its data; `aqwal studio push` makes tasks that have")
    return text


def connect(project: Project, url: str) -> None:
    """Let a project ask the model at an address whenever a task is opened.

    Raises:
        StudioError: If the server cannot be reached, or cannot reach the model.
    """
    connection, known = project.connection, _find(project, url)
    if known is None:
        known = _create(project, url)
    # The server looks anew whether the model is there; only then can the project be told to ask it.
    connection.write(lambda client: client.ml.update(known, project=project.id, url=url, title=TITLE))
    connection.write(
        lambda client: client.projects.update(
            id=project.id, evaluate_predictions_automatically=True, model_version=TITLE
        )
    )


def _create(project: Project, url: str) -> int:
    try:
        project.connection.write(
            lambda client: client.ml.create(
                project=project.id, url=url, title=TITLE, is_interactive=False, timeout=_TIMEOUT
            )
        )
    except StudioError:
        # Label Studio 1.23 stores the model and then refuses, with status 403, to send an address on loopback what
        # annotators do, which nobody asked for.
        if _find(project, url) is None:
            raise
    made = _find(project, url)
    if made is None:
        raise StudioError(f"{project.connection.url} did not keep the model at {url}")
    return made


def _find(project: Project, url: str) -> int | None:
    """Return the server's number for the model at an address."""
    known = project.connection.read(lambda client: client.ml.list(project=project.id))
    return next((int(one.id) for one in known if one.url == url and one.id is not None), None)
