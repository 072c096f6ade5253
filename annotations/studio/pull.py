"""Annotations from a server: checked, snapped, written in the stored form; what cannot be accepted is kept apart."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aqwal.annotations.atomic import write_text
from aqwal.annotations.failures import reason_of
from aqwal.annotations.records import AnnotationError, Document
from aqwal.annotations.stored import read_documents, write_documents
from aqwal.annotations.studio.annotators import Annotators
from aqwal.annotations.studio.connection import Project
from aqwal.annotations.studio.exchange import (
    Accepted,
    ServerTask,
    changed_by,
    in_stored_order,
    read_task,
    user_of,
)
from aqwal.annotations.studio.labelling import foreign_config

REJECTED_FOLDER = "rejected"
# What lies there is the server's, for people to mend on the server: `git add DIR` is not to take it.
_GIT_IGNORE = "*\n"
# What a file's name cannot hold or had better not; the rest, Arabic letters too, stays readable.
_UNSAFE = re.compile(r"[/\\:*?\"<>|%\x00-\x1f]|^\.")
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Rejection:
    """A task of which something cannot be accepted: where people see it, why, and all that the server has of it."""

    link: str
    reasons: tuple[str, ...]
    name: str
    raw: dict[str, Any]

    def __str__(self) -> str:
        """Give the link, then a reason a line."""
        return "\n".join([self.link, *(f"  {reason}" for reason in self.reasons)])


@dataclass
class Pulled:
    """What a pull found, and where it is written.

    Attributes:
        documents: By file name, with what was accepted and what the file had before.
        written: Files that are new or changed.
        unchanged: Files that were the same already.
        bare: Tasks that nobody has annotated yet.
        rejected: Tasks of which something cannot be accepted.
        changes: Edges that were snapped, each in a sentence.
        notes: What a person may want to know.
    """

    documents: dict[str, Document] = field(default_factory=dict)
    written: list[Path] = field(default_factory=list)
    unchanged: list[Path] = field(default_factory=list)
    bare: int = 0
    rejected: list[Rejection] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def pull(project: Project, annotators: Annotators, folder: Path, dry_run: bool = False) -> Pulled:
    """Read all annotations of a project and write one file a document.

    An annotation replaces the one that the same annotator has in the file; those that the server
    does not have stay there. If that would make two ground truths, the task is rejected and the file
    left as it is. A rejected task lies in `rejected/`, as the server has it, with the reasons.

    Args:
        project: Where from.
        annotators: Its accounts.
        folder: Where the files lie.
        dry_run: Write nothing.

    Raises:
        StudioError: If the server cannot be reached; nothing is written then.
        OSError: Naming the file, if one cannot be written.
    """
    done = Pulled(notes=[told] if (told := foreign_config(project)) else [])
    tasks = sorted((ServerTask(raw) for raw in project.export()), key=lambda task: task.id)
    files = Counter(_file_name(task) for task in tasks)
    for task in tasks:
        _take(task, project, annotators, folder, files, done)
    if not dry_run:
        _write(folder, done)
    return done


def _take(
    task: ServerTask, project: Project, annotators: Annotators, folder: Path, files: Counter[str], done: Pulled
) -> None:
    """Sort one task into what is accepted and what is rejected."""
    if not task.annotations:
        done.bare += 1
        return
    name = _file_name(task)
    found = read_task(task, annotators.name_of)
    shown = found.reasons
    if files[name] > 1:
        shown.append(f"{files[name]} tasks have the id {task.document_id!r}; delete all but one")
        found = Accepted()
    document, told = _with_file(found.document, folder / name)
    if shown or told:
        rejected = f"{Path(name).stem}-{task.id}.json" if files[name] > 1 else name
        done.rejected.append(Rejection(project.link(task.id), (*shown, *told), rejected, dict(task.raw)))
    if document is not None and document.annotations:
        done.documents[name] = document
    done.changes += map(str, found.changes)
    done.notes += [*found.notes, *_changed_by_others(task, project, annotators)]


def _changed_by_others(task: ServerTask, project: Project, annotators: Annotators) -> Iterator[str]:
    for raw in task.annotations:
        name, other = annotators.name_of(user_of(raw)), changed_by(raw)
        if other is not None:
            saved_by = annotators.name_of(other)
            yield f"{project.link(task.id)}: {name}'s annotation was saved last by {saved_by}; it stays {name}'s"


def _with_file(document: Document | None, path: Path) -> tuple[Document | None, list[str]]:
    """Return a document with the annotations its file has and the server lacks; and why that cannot be, if so."""
    if document is None:
        return None, []
    before, told = _in_file(document, path)
    if told:
        return None, [told]
    if before is None:
        return document, []
    names = {one.annotator for one in document.annotations}
    kept = [one for one in before.annotations if one.annotator not in names]
    theirs, ours = document.gold, next((one for one in kept if one.ground_truth), None)
    if theirs is not None and ours is not None:
        both = f"has a ground truth by {ours.annotator}, the server one by {theirs.annotator}, and a document has one"
        what_to_do = f"take the star from {theirs.annotator} there, or {ours.annotator}'s annotation out of the file"
        return None, [f"{path} {both}; it is left as it is; {what_to_do}"]
    annotations = in_stored_order([*document.annotations, *kept])
    return Document(document.id, document.text, annotations, before.meta), []


def _in_file(document: Document, path: Path) -> tuple[Document | None, str]:
    """Return what a file has of a document, None if there is no file; and why the two do not go together."""
    try:
        found = read_documents(path)
    except FileNotFoundError:
        return None, ""
    except OSError as error:
        return None, f"{reason_of(error)}; it is left as it is"
    except AnnotationError as error:
        return None, f"{path} is there and cannot be read, so it is left as it is: {error}"
    if len(found) != 1 or found[0].id != document.id or found[0].text != document.text:
        return None, f"{path} is there with another document or text, so it is left as it is"
    return found[0], ""


def _file_name(task: ServerTask) -> str:
    """Return the name of a document's file; different ids have different names."""
    name = task.document_id or f"task-{task.id}"
    safe = _UNSAFE.sub(lambda found: quote(found.group(), safe="").replace(".", "%2E"), name)
    if len(safe.encode("utf-8", "replace")) > _LONGEST_NAME:
        safe = quote(safe, safe="")[: _LONGEST_NAME // 2] + f"-{task.id}"
    return f"{safe}.json"


def _write(folder: Path, done: Pulled) -> None:
    for name, document in done.documents.items():
        path = folder / name
        before = path.read_bytes() if path.is_file() else None
        write_documents(path, [document])
        (done.unchanged if path.read_bytes() == before else done.written).append(path)
    _write_rejected(folder / REJECTED_FOLDER, done.rejected)


def _write_rejected(folder: Path, rejected: Sequence[Rejection]) -> None:
    """Leave what is rejected now, and nothing of an earlier pull that has been mended since."""
    names = {one.name for one in rejected}
    for one in rejected:
        content = {"link": one.link, "reasons": one.reasons, "task": one.raw}
        write_text(folder / one.name, json.dumps(content, ensure_ascii=False, indent=1) + "\n")
    for path in folder.glob("*.json"):
        if path.name not in names:
            path.unlink()
    ignore = folder / ".gitignore"
    if rejected:
        write_text(ignore, _GIT_IGNORE)
    elif folder.is_dir() and not {*folder.iterdir()} - {ignore}:
        ignore.unlink(missing_ok=True)
        folder.rmdir()
