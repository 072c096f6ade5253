"""Read and write the stored form: Label Studio tasks as `import` takes them, one JSON list a file.

Each task is `{"data": {id, text, scheme, sha256, …}, "annotations": [{annotator, ground_truth,
result}]}`. Region ids are made from content and the order is fixed, so that the same annotations
always give the same bytes. Whatever cannot be read is reported, never dropped in silence.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aqwal.annotations.atomic import write_text
from aqwal.annotations.json_text import to_json
from aqwal.annotations.records import (
    AQWAL,
    PLAIN,
    Annotation,
    AnnotationError,
    Document,
    Link,
    Problem,
    Span,
    region_id,
)
from aqwal.annotations.scheme import LABELS, LINK_ENDS, check_document

# Names of the labelling config's controls; Label Studio joins a region to its control by them.
FROM_NAME, TO_NAME = "label", "text"
_TASK_KEYS = {"data", "annotations"}
_ANNOTATION_KEYS = {"annotator", "ground_truth", "result"}
_DATA_KEYS = {"id", "text", "scheme", "sha256"}
_REGION_KEYS = {"id", "from_name", "to_name", "type", "value"}
_VALUE_KEYS = {"start", "end", "text", "labels"}
_RELATION_KEYS = {"type", "from_id", "to_id", "direction", "labels"}


def read_documents(path: Path, schemes: Collection[str] = (AQWAL,)) -> list[Document]:
    """Read a file of stored tasks and check it against the scheme that it names.

    Args:
        path: The file.
        schemes: Those of `SCHEMES` that are wanted; a document by another is a problem.

    Raises:
        AnnotationError: With every problem found, each naming file, document, region, offsets, text.
        FileNotFoundError: If there is no such file.
    """
    documents, problems = parse_file(path, schemes)
    problems += [problem for document in documents for problem in check_document(document, str(path))]
    if problems:
        raise AnnotationError(problems)
    return documents


def parse_file(path: Path, schemes: Collection[str] = (AQWAL,)) -> tuple[list[Document], list[Problem]]:
    """Read what a file holds and list what it could not; edges and links are not checked yet."""
    try:
        tasks = json.loads(path.read_bytes().decode("utf-8"))
    except (ValueError, RecursionError) as error:
        return [], [Problem(f"not UTF-8 JSON: {error}", file=str(path))]
    if not isinstance(tasks, list):
        return [], [Problem("expected a JSON list of tasks", file=str(path))]
    read = [parse_task(task, f"number {number}", str(path), schemes) for number, task in enumerate(tasks)]
    documents = [document for document, _ in read if document is not None]
    problems = [problem for _, found in read for problem in found]
    problems += [problem for document in documents for problem in _doubles(document, str(path))]
    twice = [name for name, count in Counter(document.id for document in documents).items() if count > 1]
    return documents, problems + [Problem("two tasks have this id", name, file=str(path)) for name in twice]


def _doubles(document: Document, file: str) -> Iterator[Problem]:
    """Yield a problem if there are two ground truths, and one for each annotator who has two annotations."""
    truths = [one.annotator for one in document.annotations if one.ground_truth]
    if len(truths) > 1:
        message = f"{len(truths)} annotations are ground truth ({', '.join(truths)}); expected one at most"
        yield Problem(message, document.id, file=file)
    for name, count in Counter(one.annotator for one in document.annotations).items():
        # Nobody can tell whose those without a name are.
        if name and count > 1:
            yield Problem(f"{count} annotations have this name; expected one", document.id, name, file=file)


def parse_task(
    task: Any, name: str, file: str = "", schemes: Collection[str] = (AQWAL,)
) -> tuple[Document | None, list[Problem]]:
    """Read what a task of the stored form holds and list what it could not; edges and links are not checked yet.

    Of a server, which this reads too, a task may have several annotations of one annotator, or several ground truths.

    Args:
        task: The task, as JSON gives it.
        name: What problems call it until its id is known.
        file: Where it came from, for the problems' texts.
        schemes: Those that are wanted.
    """
    reader = _TaskReader(file, name, task, schemes)
    return reader.read(), reader.problems


@dataclass
class _TaskReader:
    """Turn one task into a Document and keep the problems met on the way."""

    file: str
    document: str
    task: Any
    schemes: Collection[str]
    problems: list[Problem] = field(default_factory=list)
    annotator: str = ""
    text: str = ""
    scheme: str = AQWAL

    def read(self) -> Document | None:
        data = self.task.get("data") if isinstance(self.task, dict) else None
        if not isinstance(data, dict) or not isinstance(data.get("id"), str) or not isinstance(data.get("text"), str):
            self._report("a task needs data with a text `id` and a text `text`")
            return None
        self.document, self.text = data["id"], data["text"]
        self._report_unknown(self.task, _TASK_KEYS, "task")
        document = Document(self.document, self.text, meta={k: v for k, v in data.items() if k not in _DATA_KEYS})
        if data.get("scheme", AQWAL) not in self.schemes:
            wanted = " or ".join(map(repr, self.schemes))
            self._report(f"scheme {data.get('scheme', AQWAL)!r}; this version reads {wanted}")
        elif data.get("scheme") == PLAIN:
            self.scheme = PLAIN
        if data.get("sha256", document.sha256) != document.sha256:
            self._report("the text is not the one that was annotated: its sha256 differs")
        items = self._objects(self.task.get("annotations", []), "annotations")
        return replace(document, annotations=tuple(map(self._annotation, items)), scheme=self.scheme)

    def _annotation(self, item: dict[str, Any]) -> Annotation:
        self.annotator = str(item.get("annotator", ""))
        if not isinstance(item.get("annotator", ""), str):
            self._report("`annotator` must be a text")
        self._report_unknown(item, _ANNOTATION_KEYS, "annotation")
        if not isinstance(item.get("ground_truth", False), bool):
            self._report(f"`ground_truth` must be true or false, not {item['ground_truth']!r}")
        results = self._objects(item.get("result", []), "result")
        spans: dict[str, Span] = {}
        for result in results:
            if result.get("type") == "labels":
                self._add_span(result, spans)
            elif result.get("type") != "relation":
                self._report(f"unknown result type {result.get('type')!r}", str(result.get("id", "")))
        links = [self._link(result, spans) for result in results if result.get("type") == "relation"]
        kept = tuple(link for link in links if link is not None)
        return Annotation(self.annotator, tuple(spans.values()), kept, item.get("ground_truth") is True)

    def _add_span(self, result: dict[str, Any], spans: dict[str, Span]) -> None:
        region = result.get("id")
        if not isinstance(region, str) or region in spans:
            self._report("a region needs an id of its own", str(region))
            return
        self._report_unknown(result, _REGION_KEYS, "region", region)
        span = self._span(region, result.get("value"))
        if span is not None:
            spans[region] = span

    def _span(self, region: str, value: Any) -> Span | None:
        value = value if isinstance(value, dict) else {}
        self._report_unknown(value, _VALUE_KEYS, "value", region)
        start, end, labels = value.get("start"), value.get("end"), value.get("labels")
        # In Python true is a whole number; in an annotation it is a mistake.
        if not (type(start) is int and type(end) is int and isinstance(labels, list) and len(labels) == 1):
            self._report("a region needs whole-number start and end and exactly one label", region)
            return None
        shown = str(value.get("text", ""))
        if not 0 <= start < end <= len(self.text):
            self._report(f"offsets lie outside the text of {len(self.text)} code points", region, start, end, shown)
        elif "text" in value and self.text[start:end] != shown:
            self._report(f"the text there is {self.text[start:end]!r}", region, start, end, shown)
        elif self.scheme == PLAIN and not (isinstance(labels[0], str) and labels[0]):
            self._report(f"a label must be a text, not {labels[0]!r}", region, start, end, shown)
        elif self.scheme == AQWAL and labels[0] not in LABELS:
            self._report(f"unknown label {labels[0]!r}; the scheme has {', '.join(LABELS)}", region, start, end, shown)
        else:
            return Span(start, end, labels[0])
        return None

    def _link(self, result: dict[str, Any], spans: dict[str, Span]) -> Link | None:
        source, target = spans.get(str(result.get("from_id"))), spans.get(str(result.get("to_id")))
        name = " → ".join(str(result.get(end)) for end in ("from_id", "to_id"))
        self._report_unknown(result, _RELATION_KEYS, "relation", name)
        labels = result.get("labels", [])
        if source is None or target is None:
            self._report("a link's end is no accepted region of this annotation", name)
        elif result.get("direction", "right") != "right":
            self._report(
                f"a link's direction must be 'right', from source to target, not {result['direction']!r}", name
            )
        elif not labels and (source.label, target.label) not in LINK_ENDS.values():
            what = f"a link from {source.label} to {'itself' if source == target else target.label} without a label"
            message = f"{what}: delete it, and link a QUOTE to its SPEAKER or its TOPIC"
            self._report(message, name, source.start, source.end, self.text[source.start : source.end])
        elif labels not in [[label] for label in LINK_ENDS]:
            self._report(f"a link needs one label of {', '.join(LINK_ENDS)}, got {labels!r}", name)
        else:
            return Link(source, target, labels[0])
        return None

    def _objects(self, listed: Any, name: str) -> list[dict[str, Any]]:
        """Return the objects of a list; whatever else is there is reported."""
        if not isinstance(listed, list):
            self._report(f"`{name}` must be a list, not {listed!r}")
            return []
        for item in listed:
            if not isinstance(item, dict):
                self._report(f"`{name}` holds {item!r}, which is no object")
        return [item for item in listed if isinstance(item, dict)]

    def _report_unknown(self, item: dict[str, Any], known: set[str], what: str, region: str = "") -> None:
        if unknown := sorted(set(item) - known):
            self._report(f"the stored form has no {what} field {', '.join(unknown)}", region)

    def _report(
        self, message: str, region: str = "", start: int | None = None, end: int | None = None, text: str = ""
    ) -> None:
        self.problems.append(Problem(message, self.document, self.annotator, region, start, end, text, self.file))


def write_documents(path: Path, documents: Iterable[Document]) -> None:
    """Write documents in the stored form, atomically and in a stable order within each."""
    write_text(path, _in_brackets(map(_format_task, documents)) + "\n")


def _format_task(document: Document) -> str:
    """Return a task as JSON with one region or relation a line, so that differences read well."""
    task = to_task(document)
    annotations = []
    for annotation in task["annotations"]:
        results = _in_brackets(map(_dump, annotation.pop("result")))
        annotations.append(f'{_dump(annotation)[:-1]}, "result": {results}}}')
    return f'{{"data": {_dump(task["data"])},\n"annotations": {_in_brackets(annotations)}}}'


def _in_brackets(lines: Iterable[str]) -> str:
    return "[\n" + ",\n".join(lines) + "\n]"


def _dump(content: dict[str, Any]) -> str:
    return to_json(content).decode("utf-8")


def to_task(document: Document) -> dict[str, Any]:
    """Return a document as a Label Studio task, ready for import."""
    data = {
        "id": document.id,
        "text": document.text,
        "scheme": document.scheme,
        "sha256": document.sha256,
        **document.meta,
    }
    return {"data": data, "annotations": [_to_annotation(document.text, a) for a in document.annotations]}


def _to_annotation(text: str, annotation: Annotation) -> dict[str, Any]:
    regions = [_to_region(text, span) for span in annotation.spans]
    relations = [_to_relation(text, link) for link in annotation.links]
    return {"annotator": annotation.annotator, "ground_truth": annotation.ground_truth, "result": regions + relations}


def _to_region(text: str, span: Span) -> dict[str, Any]:
    value = {"start": span.start, "end": span.end, "text": text[span.start : span.end], "labels": [span.label]}
    return {"id": region_id(text, span), "from_name": FROM_NAME, "to_name": TO_NAME, "type": "labels", "value": value}


def _to_relation(text: str, link: Link) -> dict[str, Any]:
    ends = {"from_id": region_id(text, link.source), "to_id": region_id(text, link.target)}
    return {"type": "relation", **ends, "direction": "right", "labels": [link.label]}
