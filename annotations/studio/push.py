"""Documents to a server: each once, however often it is pushed; what is there is never overwritten."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from aqwal.annotations.curation.pool import files_in, read_pool
from aqwal.annotations.records import Annotation, Document
from aqwal.annotations.stored import read_documents, to_task
from aqwal.annotations.studio.annotators import Annotators
from aqwal.annotations.studio.connection import Project
from aqwal.annotations.studio.exchange import ServerTask, annotation_to_server, read_task, to_server, user_of
from aqwal.annotations.studio.home import StudioError

# An import request is answered as a whole; of this many tasks and code points it stays quick.
_BATCH_TASKS, _BATCH_LENGTH = 50, 500_000

Predict = Callable[[Document], dict[str, Any]]


def read_sources(paths: Sequence[Path]) -> tuple[list[Document], list[str]]:
    """Read what is to be pushed.

    Args:
        paths: Files in the stored form, whose annotations must follow the scheme; texts (`.txt`, whose id is the file's
            name without the ending); JSON lines; folders of them.

    Returns:
        The documents, and why a file or folder could not be read.
    """
    documents: list[Document] = []
    faults: list[str] = []
    for path in paths:
        try:
            files = list(files_in([path]))
        except (OSError, ValueError) as error:
            faults.append(str(error))
            continue
        for file in files:
            # One bad file of a folder takes no other with it.
            try:
                documents += _read(file)
            except (OSError, ValueError) as error:
                faults.append(str(error))
    twice = [name for name, count in Counter(document.id for document in documents).items() if count > 1]
    faults += [f"{name}: several documents have this id; only the first is taken" for name in twice]
    return list({document.id: document for document in reversed(documents)}.values())[::-1], faults


def _read(file: Path) -> list[Document]:
    if file.suffix == ".json":
        return read_documents(file)
    return [replace(one, id=file.stem) if file.suffix == ".txt" else one for one in read_pool(file)]


@dataclass
class Pushed:
    """What a push did.

    Attributes:
        documents: New tasks.
        annotations: New annotations, those of new tasks included.
        predictions: New predictions, likewise.
        there: Documents that were on the server already.
        kept: Annotations that the server has otherwise than the file; they were left as they are there.
        refused: What could not be pushed, each in a sentence.
    """

    documents: int = 0
    annotations: int = 0
    predictions: int = 0
    there: int = 0
    kept: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


class Push:
    """One push into a project.

    Args:
        project: Where to.
        annotators: Its accounts.
        with_annotations: Push the documents' annotations as well.
        predict: Gives a document's prediction, as the server takes it, if there is to be one.
        model_version: What the predictions are called; a task that has one of it gets no other.
    """

    def __init__(
        self,
        project: Project,
        annotators: Annotators,
        with_annotations: bool = True,
        predict: Predict | None = None,
        model_version: str = "",
    ) -> None:
        self._project, self._annotators = project, annotators
        self._with_annotations, self._predict, self._version = with_annotations, predict, model_version
        self._predicted: set[tuple[int, str]] = set()
        self.done = Pushed()

    def run(self, documents: Sequence[Document], tell: Callable[[int], None] = lambda _: None) -> Pushed:
        """Push documents; `done` says at any time what came of it so far.

        Args:
            documents: Checked ones.
            tell: Called with the number of documents whenever some are done.

        Raises:
            StudioError: If the server cannot be reached or refuses; the same push given again goes on from there.
        """
        there = self._tasks_by_document()
        self._predicted = set(self._project.predictions()) if self._predict is not None else set()
        wanted = [document for document in documents if self._can_go(document, there)]
        names = {one.annotator for document in wanted for one in document.annotations if self._with_annotations}
        users = self._annotators.accounts_for(names) if names else {}
        tell(len(documents) - len(wanted))
        for batch in in_batches([document for document in wanted if document.id not in there]):
            self._import(batch, users)
            tell(len(batch))
        for document in wanted:
            if document.id in there:
                self._complete(document, there[document.id][0], users)
                self.done.there += 1
                tell(1)
        return self.done

    def _tasks_by_document(self) -> dict[str, list[ServerTask]]:
        tasks = [ServerTask(raw) for raw in self._project.export()]
        ordered = sorted((task for task in tasks if task.document_id is not None), key=lambda one: str(one.document_id))
        return {str(name): list(group) for name, group in groupby(ordered, key=lambda one: one.document_id)}

    def _can_go(self, document: Document, there: dict[str, list[ServerTask]]) -> bool:
        """Say whether a document can be pushed; if not, why is kept."""
        reasons = [*_faults(document, self._with_annotations)]
        for task in there.get(document.id, []):
            if task.text != document.text:
                link = self._project.link(task.id)
                reasons.append(f"the server has another text under this id ({link}); give the new text a new id")
        self.done.refused += [f"{document.id}: {reason}" for reason in reasons]
        return not reasons

    def _import(self, batch: Sequence[Document], users: dict[str, int]) -> None:
        tasks = [to_server(self._chosen(document), users, self._predictions(document)) for document in batch]
        # The SDK passes plain objects on as they are.
        request: Any = tasks
        answer = self._project.connection.write(
            lambda client: client.projects.import_tasks(id=self._project.id, request=request)
        )
        if answer.task_count != len(batch):
            raise StudioError(f"{self._project.connection.url} took {answer.task_count} of {len(batch)} tasks")
        self.done.documents += len(batch)
        self.done.annotations += sum(len(task["annotations"]) for task in tasks)
        self.done.predictions += sum(len(task["predictions"]) for task in tasks)

    def _chosen(self, document: Document) -> Document:
        annotations = document.annotations if self._with_annotations else ()
        return Document(document.id, document.text, annotations, document.meta)

    def _predictions(self, document: Document) -> list[dict[str, Any]]:
        return [] if self._predict is None else [self._predict(document)]

    def _complete(self, document: Document, task: ServerTask, users: dict[str, int]) -> None:
        """Add what a task that is there lacks."""
        if self._with_annotations:
            self._add_annotations(document, task, users)
        if self._predict is not None and (task.id, self._version) not in self._predicted:
            self._project.add_prediction(task.id, self._predict(document))
            self.done.predictions += 1

    def _add_annotations(self, document: Document, task: ServerTask, users: dict[str, int]) -> None:
        there = {self._annotators.name_of(user_of(raw)) for raw in task.annotations}
        read = read_task(task, self._annotators.name_of).document
        accepted = {one.annotator: one for one in read.annotations} if read is not None else {}
        truths = [self._annotators.name_of(user_of(raw)) for raw in task.annotations if raw.get("ground_truth")]
        link = self._project.link(task.id)
        for annotation, stored in zip(document.annotations, to_task(document)["annotations"], strict=True):
            which = f"{task.document_id}, {annotation.annotator}"
            if annotation.annotator in there:
                if not _marks_alike(annotation, accepted.get(annotation.annotator)):
                    self.done.kept.append(f"{which}: {link}")
            elif annotation.ground_truth and truths:
                told = f"the task has a ground truth by {truths[0]}, and it can have one"
                self.done.refused.append(f"{which}: {told}; take the star from it first ({link}), then push again")
            else:
                fields = annotation_to_server(stored, users)
                self._project.connection.write(lambda client, f=fields: client.annotations.create(task.id, **f))  # type: ignore[misc]
                self.done.annotations += 1


def _marks_alike(one: Annotation, other: Annotation | None) -> bool:
    return other is not None and (one.spans, one.links) == (other.spans, other.links)


def _faults(document: Document, with_annotations: bool) -> Iterator[str]:
    if not document.text.strip():
        yield "its text is empty, so there is nothing to mark in it"
    if any("\ud800" <= character <= "\udfff" for character in document.text):
        yield "its text holds a lone surrogate, which no server can store"
    if "\0" in document.text:
        yield "its text holds a NUL, which databases refuse"
    names = Counter(one.annotator for one in document.annotations) if with_annotations else Counter()
    if "" in names:
        yield "an annotation has no annotator; name one"
    for name, count in names.items():
        if count > 1:
            yield f"{name} has {count} annotations of it; an annotator has one"


def in_batches(documents: Sequence[Document]) -> Iterator[list[Document]]:
    """Yield documents in order, as many at a time as one import request should have."""
    batch: list[Document] = []
    for document in documents:
        length = sum(len(one.text) for one in batch) + len(document.text)
        if batch and (len(batch) >= _BATCH_TASKS or length > _BATCH_LENGTH):
            yield batch
            batch = []
        batch.append(document)
    if batch:
        yield batch
