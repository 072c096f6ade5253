"""Documents as a server holds them, and back: what people draw there becomes annotations by the scheme, or is refused.

The server checks nothing, so everything is checked here, annotation by annotation: one that cannot
be accepted does not take the others of its task with it.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from aqwal.annotations.records import Annotation, Document, Problem
from aqwal.annotations.repair import Change, repair_document
from aqwal.annotations.scheme import LINK_ENDS, check_document
from aqwal.annotations.stored import parse_task, to_task

_VALUE_KEYS, _REGION_KEYS = ("start", "end", "text", "labels"), ("id", "from_name", "to_name", "type")
# What makes an annotation in another's name is its `updated_by` too, from the first; a change comes later.
_MADE_WITHIN = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Refused:
    """An annotation that the scheme or the stored form does not allow, as the server has it, and why."""

    annotation: Mapping[str, Any]
    problems: tuple[Problem, ...]


@dataclass
class Accepted:
    """What was read of one task.

    Attributes:
        document: With the annotations that were accepted; None if the task itself cannot be read.
        refused: The others.
        problems: What is wrong with the task itself.
        changes: Edges that were snapped.
        notes: What a person may want to know, though nothing is wrong.
    """

    document: Document | None = None
    refused: list[Refused] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def reasons(self) -> list[str]:
        """Why the task, or annotations of it, were not accepted."""
        problems = [*self.problems, *(problem for refused in self.refused for problem in refused.problems)]
        return list(dict.fromkeys(map(str, problems)))


@dataclass(frozen=True)
class ServerTask:
    """A task as the server's JSON export has it."""

    raw: Mapping[str, Any]

    @property
    def id(self) -> int:
        """The server's number for it."""
        return int(self.raw["id"])

    @property
    def document_id(self) -> str | None:
        """The id of the document it holds, if it was made by this project."""
        data = self.raw.get("data")
        found = data.get("id") if isinstance(data, Mapping) else None
        return found if isinstance(found, str) else None

    @property
    def text(self) -> Any:
        """The text it shows."""
        data = self.raw.get("data")
        return data.get("text") if isinstance(data, Mapping) else None

    @cached_property
    def annotations(self) -> list[Mapping[str, Any]]:
        """What people submitted; a skipped task leaves an annotation that is none."""
        return [one for one in self.raw.get("annotations") or [] if not one.get("was_cancelled")]


def read_task(task: ServerTask, name_of: Callable[[int], str]) -> Accepted:
    """Return what the scheme accepts of a task.

    Args:
        task: As it was exported.
        name_of: The annotator's name for a user number of the server.
    """
    names = [name_of(user_of(one)) for one in task.annotations]
    stored, notes = _as_stored_annotations(names, task.annotations)
    read, problems = parse_task({"data": task.raw.get("data"), "annotations": stored}, f"task {task.id}")
    of_task = [problem for problem in problems if not problem.annotator]
    if read is None or of_task:
        return Accepted(problems=of_task)
    document, changes = repair_document(read)
    problems += [*check_document(document), *_doubles(document)]
    problems += _second_truths(document, {problem.annotator for problem in problems})
    at_fault = {problem.annotator for problem in problems}
    good = in_stored_order(one for one in document.annotations if one.annotator not in at_fault)
    return Accepted(
        document=replace(document, annotations=good),
        refused=[
            Refused(raw, tuple(problem for problem in problems if problem.annotator == name))
            for name, raw in zip(names, task.annotations, strict=True)
            if name in at_fault
        ],
        changes=[change for change in changes if change.annotator not in at_fault],
        notes=[f"{document.id}, {name}: {note}" for name, note in notes if name not in at_fault],
    )


def in_stored_order(annotations: Iterable[Annotation]) -> tuple[Annotation, ...]:
    """Return annotations by name, the adjudicated one last, so that stored files compare well."""
    return tuple(sorted(annotations, key=lambda one: (one.ground_truth, one.annotator)))


def user_of(raw: Mapping[str, Any]) -> int:
    """Return the number of the user who made an annotation; 0 if the server does not say."""
    by = raw.get("completed_by")
    return int(by["id"] if isinstance(by, Mapping) else by or 0)


def changed_by(raw: Mapping[str, Any]) -> int | None:
    """Return the number of the user who saved an annotation last, if it is another's and was there already."""
    user = raw.get("updated_by")
    if user in (None, user_of(raw)):
        return None
    made, saved = (datetime.fromisoformat(raw[name]) for name in ("created_at", "updated_at"))
    return int(user) if saved - made > _MADE_WITHIN else None


def _as_stored_annotations(
    names: Iterable[str], annotations: Iterable[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """Return annotations in the stored form, as far as that is without doubt, and notes by annotator."""
    stored, notes = [], []
    for name, raw in zip(names, annotations, strict=True):
        results, told = as_stored_results(raw.get("result") or [])
        stored.append({"annotator": name, "ground_truth": bool(raw.get("ground_truth")), "result": results})
        notes += [(name, note) for note in told]
    return stored, notes


def _doubles(document: Document) -> Iterator[Problem]:
    message = "this annotator has two annotations of the task; delete one, for which is meant nobody can tell"
    for name, count in Counter(one.annotator for one in document.annotations).items():
        if count > 1:
            yield Problem(message, document.id, name)


def _second_truths(document: Document, at_fault: Collection[str]) -> list[Problem]:
    """Return a problem for each of several adjudicated annotations without others: the stored form has one."""
    message = "the task has more than one ground truth; take the star from all but one"
    truths = {one.annotator for one in document.annotations if one.ground_truth} - set(at_fault)
    return [Problem(message, document.id, name) for name in sorted(truths)] if len(truths) > 1 else []


def as_stored_results(results: Iterable[Any]) -> tuple[list[Any], list[str]]:
    """Bring what people draw into the stored form, as far as that is without doubt.

    Regions lose what only the server uses (origin, score, whether hidden); a region drawn twice is one. Relations get
    the label that follows from their ends, which annotators are not asked for, and are turned
    round if they were drawn from SPEAKER or TOPIC to QUOTE.

    Returns:
        The results, and notes on what the stored form has no place for.
    """
    regions: dict[tuple[Any, ...], dict[str, Any]] = {}
    same: dict[str, str] = {}
    others, notes = [], []
    for result in results:
        if not _is_region(result):
            others.append(result)
            continue
        value = {key: result["value"][key] for key in _VALUE_KEYS if key in result["value"]}
        region = {**{key: result[key] for key in _REGION_KEYS if key in result}, "value": value}
        first = regions.setdefault(_mark(region), region)
        same[region["id"]] = first["id"]
        notes += _comments(result)
    labels = {one["id"]: _mark(one)[2] for one in regions.values()}
    relations = _unique([_as_stored_relation(one, same, labels) if _is_relation(one) else one for one in others])
    return [*regions.values(), *relations], notes


def _is_region(result: Any) -> bool:
    return (
        isinstance(result, dict)
        and result.get("type") == "labels"
        and isinstance(result.get("id"), str)
        and isinstance(result.get("value"), dict)
    )


def _mark(region: Mapping[str, Any]) -> tuple[str, ...]:
    """Return start, end and label as they are written, whatever they are."""
    value = region["value"]
    labels = value.get("labels")
    label = labels[0] if isinstance(labels, list) and len(labels) == 1 else labels
    return str(value.get("start")), str(value.get("end")), str(label)


def _comments(region: Mapping[str, Any]) -> list[str]:
    meta = region.get("meta")
    comment = meta.get("text") if isinstance(meta, dict) else None
    if not comment:
        return []
    told = " ".join(map(str, comment)) if isinstance(comment, list) else str(comment)
    return [f"the comment {told!r} on {region['value'].get('text')!r} stays on the server"]


def _unique(results: list[Any]) -> list[Any]:
    return [one for index, one in enumerate(results) if one not in results[:index]]


def _is_relation(result: Any) -> bool:
    return isinstance(result, dict) and result.get("type") == "relation"


def _as_stored_relation(relation: dict[str, Any], same: Mapping[str, str], labels: Mapping[str, str]) -> dict[str, Any]:
    ends = [same.get(str(relation.get(end)), relation.get(end)) for end in ("from_id", "to_id")]
    if relation.get("direction") == "left":
        ends.reverse()
    by_ends = {wanted: link for link, wanted in LINK_ENDS.items()}
    marked = tuple(labels.get(str(end), "") for end in ends)
    if marked not in by_ends and marked[::-1] in by_ends:
        ends, marked = ends[::-1], marked[::-1]
    chosen = relation.get("labels") or ([by_ends[marked]] if marked in by_ends else [])
    return {"type": "relation", "from_id": ends[0], "to_id": ends[1], "direction": "right", "labels": chosen}


def to_server(document: Document, users: Mapping[str, int], predictions: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return a document as a task to import, its annotations by the users whom their annotators are on the server."""
    task = to_task(document)
    task["annotations"] = [annotation_to_server(one, users) for one in task["annotations"]]
    return {**task, "predictions": list(predictions)}


def annotation_to_server(annotation: Mapping[str, Any], users: Mapping[str, int]) -> dict[str, Any]:
    """Return a stored annotation as the server takes it."""
    kept = {name: value for name, value in annotation.items() if name != "annotator"}
    return {**kept, "completed_by": users[annotation["annotator"]]}
