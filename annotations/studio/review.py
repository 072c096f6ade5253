"""Adjudication: what annotators disagree on is decided in a page, and goes back to the server as ground truth."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict
from starlette.middleware.trustedhost import TrustedHostMiddleware

from aqwal.annotations.disagreement_page import DisagreementPage, fingerprint
from aqwal.annotations.disagreements import adjudicate
from aqwal.annotations.records import Document
from aqwal.annotations.scheme import check_document
from aqwal.annotations.stored import to_task
from aqwal.annotations.studio.annotators import Annotators
from aqwal.annotations.studio.connection import Project
from aqwal.annotations.studio.exchange import ServerTask, annotation_to_server, read_task, user_of
from aqwal.annotations.studio.home import LOOPBACK, StudioError


class Decided(BaseModel):
    """What the page sends: for each disagreement of a document the number of the version chosen."""

    model_config = ConfigDict(extra="forbid")

    document: str
    fingerprint: str
    choices: list[int]


class Review:
    """The documents of a project that two annotators or more have marked, as the server has them now.

    Args:
        project: The project.
        annotators: Its accounts.
        adjudicator: Whose name adjudicated annotations carry; an account is made for it if there is none.
    """

    def __init__(self, project: Project, annotators: Annotators, adjudicator: str) -> None:
        self._project, self._annotators, self._adjudicator = project, annotators, adjudicator

    def page(self) -> str:
        """Return the page, what is not adjudicated yet first.

        Raises:
            StudioError: If the server cannot be reached.
        """
        found = sorted(self._documents(), key=lambda one: (one[1].gold is not None, one[0].id))
        links = {document.id: self._project.link(task.id) for task, document in found}
        return DisagreementPage([document for _, document in found], links, self._project.title).to_html()

    def adjudicate(self, decided: Decided) -> None:
        """Send the annotation that decisions make to the server, in the place of an earlier one.

        Raises:
            LookupError: If there is no such document with two passes.
            ValueError: If its passes have changed since the page was drawn, or what was decided breaks the scheme.
            StudioError: If the server cannot be reached.
        """
        found = [(task, document) for task, document in self._documents() if document.id == decided.document]
        if not found:
            raise LookupError(f"the server has no document {decided.document!r} with two passes")
        task, document = found[0]
        if fingerprint(document) != decided.fingerprint:
            raise ValueError(f"{document.id} was annotated again meanwhile; load the page again")
        annotation = adjudicate(document.text, document.passes, decided.choices, self._adjudicator)
        result = Document(document.id, document.text, (annotation,), document.meta)
        if problems := check_document(result):
            raise ValueError("what was chosen does not go together: " + "; ".join(map(str, problems)))
        self._send(task, to_task(result)["annotations"][0])

    def _documents(self) -> Sequence[tuple[ServerTask, Document]]:
        tasks = [ServerTask(raw) for raw in self._project.export()]
        read = [(task, read_task(task, self._annotators.name_of).document) for task in tasks]
        return [(task, document) for task, document in read if document is not None and len(document.passes) > 1]

    def _send(self, task: ServerTask, stored: dict[str, Any]) -> None:
        accounts = self._annotators.accounts_for([self._adjudicator])
        before = [one for one in task.annotations if one.get("ground_truth")]
        connection = self._project.connection
        # Not an update of the earlier one: to the server that would be one account's change to another's annotation.
        connection.write(lambda client: client.annotations.create(task.id, **annotation_to_server(stored, accounts)))
        for raw in before:
            if user_of(raw) == accounts[self._adjudicator]:
                connection.write(lambda client, old=raw["id"]: client.annotations.delete(old))  # type: ignore[misc]
            else:
                # An annotator's own, starred by hand: it stays as a pass.
                connection.write(lambda client, old=raw["id"]: client.annotations.update(old, ground_truth=False))  # type: ignore[misc]


def create_app(review: Review) -> FastAPI:
    """Return the application: the page at `/`, decisions to `/adjudicate`."""
    app = FastAPI(title="Aqwal: review", docs_url=None, redoc_url=None)
    # A page elsewhere must not reach a server on loopback through a name of its own (DNS rebinding).
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[LOOPBACK, "localhost"])

    @app.get("/", response_class=HTMLResponse)
    def page() -> str:
        try:
            return review.page()
        except StudioError as error:
            raise HTTPException(502, str(error)) from error

    @app.post("/adjudicate")
    def decide(decided: Decided) -> dict[str, str]:
        try:
            review.adjudicate(decided)
        except LookupError as error:
            raise HTTPException(404, str(error)) from error
        except ValueError as error:
            raise HTTPException(409, str(error)) from error
        except StudioError as error:
            raise HTTPException(502, str(error)) from error
        return {"status": "saved"}

    return app
