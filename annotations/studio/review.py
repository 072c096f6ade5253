"""Adjudication: what annotators disagree on is decided in a page, and goes back to the server as ground truth."""

from dataclasses import replace
from typing import Any

from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict
from starlette.middleware.trustedhost import TrustedHostMiddleware

from aqwal.annotations.disagreement_page import DisagreementPage, LeftOut, fingerprint
from aqwal.annotations.disagreements import adjudicate
from aqwal.annotations.records import Document
from aqwal.annotations.scheme import check_document
from aqwal.annotations.stored import to_task
from aqwal.annotations.studio.annotators import Annotators
from aqwal.annotations.studio.connection import Project
from aqwal.annotations.studio.exchange import Accepted, ServerTask, annotation_to_server, read_task, user_of
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
        """Return the page, what is not adjudicated yet first, above it what the scheme does not accept.

        Raises:
            StudioError: If the server cannot be reached.
        """
        read = self._read()
        found = sorted(_compared(read), key=lambda one: (one[1].gold is not None, one[0].id))
        links = {document.id: self._project.link(task.id) for task, document in found}
        left_out = [self._left_out(task, one) for task, one in read if one.reasons and len(task.annotations) > 1]
        return DisagreementPage([document for _, document in found], links, self._project.title, left_out).to_html()

    def adjudicate(self, decided: Decided) -> str:
        """Send the annotation that decisions make to the server, in the place of an earlier one.

        Returns:
            The document's fingerprint from now on.

        Raises:
            LookupError: If there is no such document with two passes.
            ValueError: If its passes or its gold have changed since the page was drawn, what was decided breaks the
                scheme, or the adjudicated annotation has no place beside the others.
            StudioError: If the server cannot be reached.
        """
        read = self._read()
        found = [(task, document) for task, document in _compared(read) if document.id == decided.document]
        if not found:
            raise LookupError(f"the server has no document {decided.document!r} with two passes")
        task, document = found[0]
        if fingerprint(document) != decided.fingerprint:
            raise ValueError(f"{document.id} was annotated or adjudicated meanwhile; load the page again")
        self._check_place(task, document)
        annotation = adjudicate(document.text, document.passes, decided.choices, self._adjudicator)
        result = replace(document, annotations=(annotation,))
        if problems := check_document(result):
            raise ValueError("what was chosen does not go together: " + "; ".join(map(str, problems)))
        self._send(task, to_task(result)["annotations"][0])
        return fingerprint(replace(document, annotations=(*document.passes, annotation)))

    def _read(self) -> list[tuple[ServerTask, Accepted]]:
        tasks = [ServerTask(raw) for raw in self._project.export()]
        return [(task, read_task(task, self._annotators.name_of)) for task in tasks]

    def _left_out(self, task: ServerTask, accepted: Accepted) -> LeftOut:
        reasons = accepted.reasons
        if not _compared([(task, accepted)]):
            reasons.append("fewer than two passes are left, so it is not compared here")
        return LeftOut(task.document_id or f"task {task.id}", reasons, self._project.link(task.id))

    def _check_place(self, task: ServerTask, document: Document) -> None:
        """Raise a ValueError if the adjudicated annotation would be its annotator's second or replace a refused one."""
        accepted = {one.annotator for one in document.annotations if one.ground_truth}
        for raw in task.annotations:
            name = self._annotators.name_of(user_of(raw))
            if raw.get("ground_truth") and name not in accepted:
                told = f"{name}'s ground truth of {document.id} cannot be accepted, so it is not replaced unseen"
                raise ValueError(f"{told}; mend or delete it first: {self._project.link(task.id)}")
            if not raw.get("ground_truth") and name == self._adjudicator:
                told = f"{name} has a pass over {document.id}, and an annotator has one annotation of a document"
                raise ValueError(f"{told}; start `aqwal studio review` with another --adjudicator")

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


def _compared(read: list[tuple[ServerTask, Accepted]]) -> list[tuple[ServerTask, Document]]:
    """Return the documents that have two accepted passes or more."""
    found = [(task, accepted.document) for task, accepted in read]
    return [(task, document) for task, document in found if document is not None and len(document.passes) > 1]


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
            return {"status": "saved", "fingerprint": review.adjudicate(decided)}
        except LookupError as error:
            raise HTTPException(404, str(error)) from error
        except ValueError as error:
            raise HTTPException(409, str(error)) from error
        except StudioError as error:
            raise HTTPException(502, str(error)) from error

    return app
