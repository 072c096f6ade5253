"""What people draw in Label Studio, read into the stored form: no server needed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqwal.annotations.records import Annotation, Document, Link, Span
from aqwal.annotations.stored import to_task
from aqwal.annotations.studio.exchange import ServerTask, read_task

TEXT = "وقال لافروف إن الأزمة في سورية في طريقها إلى الحل."
QUOTE, SPEAKER, TOPIC = Span(12, 49, "QUOTE"), Span(5, 11, "SPEAKER"), Span(15, 30, "TOPIC")


def _region(name: str, span: Span, **more: Any) -> dict[str, Any]:
    value = {"start": span.start, "end": span.end, "text": TEXT[span.start : span.end], "labels": [span.label]}
    return {"id": name, "from_name": "label", "to_name": "text", "type": "labels", "value": value, **more}


def _relation(source: str, target: str, *labels: str, direction: str = "right") -> dict[str, Any]:
    return {"type": "relation", "from_id": source, "to_id": target, "direction": direction, "labels": list(labels)}


def _task(*results: dict[str, Any], **fields: Any) -> ServerTask:
    annotation = {"id": 1, "completed_by": 1, "result": list(results), "was_cancelled": False, **fields}
    return ServerTask({"id": 7, "data": to_task(Document("d", TEXT))["data"], "annotations": [annotation]})


def _read(*results: dict[str, Any], **fields: Any) -> Any:
    return read_task(_task(*results, **fields), lambda user: f"annotator-{user}")


def _annotation(*results: dict[str, Any]) -> Annotation:
    found = _read(*results)
    assert not found.refused, found.refused
    return found.document.annotations[0]


MARKED = (_region("q", QUOTE), _region("s", SPEAKER), _region("t", TOPIC))
LINKS = (Link(QUOTE, TOPIC, "about"), Link(QUOTE, SPEAKER, "said_by"))


@pytest.mark.parametrize(
    "relations",
    [
        (_relation("q", "s", "said_by"), _relation("q", "t", "about")),
        (_relation("q", "s"), _relation("q", "t")),
        (_relation("s", "q"), _relation("t", "q")),
        (_relation("s", "q", direction="left"), _relation("t", "q", "about", direction="left")),
        (_relation("q", "s"), _relation("q", "s"), _relation("t", "q")),
    ],
    ids=["labelled", "unlabelled", "drawn backwards", "pointing left", "drawn twice"],
)
def test_relations_take_their_label_from_their_ends(relations: tuple[dict[str, Any], ...]):
    assert _annotation(*MARKED, *relations) == Annotation("annotator-1", (QUOTE, SPEAKER, TOPIC), LINKS)


def test_a_label_that_contradicts_the_ends_is_refused():
    found = _read(*MARKED, _relation("q", "s", "about"), _relation("q", "t"))
    assert "link about goes QUOTE → SPEAKER; it must go QUOTE → TOPIC" in str(found.refused[0].problems)


@pytest.mark.parametrize(
    ("relation", "message"),
    [
        (
            _relation("q", "q"),
            "a link from QUOTE to itself without a label: delete it, and link a QUOTE to its",
        ),
        (_relation("q", "again"), "a link from QUOTE to itself without a label: delete it"),
        (_relation("q", "q", "about"), "link about goes QUOTE → itself; it must go QUOTE → TOPIC"),
        (_relation("s", "t"), "a link from SPEAKER to TOPIC without a label: delete it"),
    ],
    ids=["to itself", "to its double", "to itself, labelled", "between two others"],
)
def test_a_link_that_no_label_can_mend_is_told_with_what_to_do(relation: dict[str, Any], message: str):
    found = _read(*MARKED, _region("again", QUOTE), _relation("q", "s"), relation)
    shown = str(found.refused[0].problems[0])
    assert message in shown
    assert repr(TEXT[5:11] if relation["from_id"] == "s" else TEXT[12:49]) in shown


def test_what_only_the_server_uses_is_left_out_and_a_comment_is_told():
    drawn = _region("q", QUOTE, origin="manual", score=0.5, hidden=True, meta={"text": ["لست متأكدا"]})
    found = _read(drawn, *MARKED[1:], _relation("q", "s"), _relation("q", "t"))
    assert found.document.annotations[0].spans == (SPEAKER, QUOTE, TOPIC)
    assert found.notes == [f"d, annotator-1: the comment 'لست متأكدا' on {TEXT[12:49]!r} stays on the server"]


def test_a_region_drawn_twice_is_one():
    again = _region("again", QUOTE)
    annotation = _annotation(*MARKED, again, _relation("again", "s"), _relation("q", "t"))
    assert annotation == Annotation("annotator-1", (QUOTE, SPEAKER, TOPIC), LINKS)


def test_edges_are_snapped_and_the_change_is_told():
    loose = _region("q", Span(11, 50, "QUOTE"))
    found = _read(loose, *MARKED[1:], _relation("q", "s"), _relation("q", "t"))
    assert found.document.annotations[0].of_label("QUOTE") == [QUOTE]
    assert "[11:50]" in str(found.changes[0])
    assert "[12:49]" in str(found.changes[0])


def test_a_skipped_task_is_no_annotation():
    assert _task(was_cancelled=True).annotations == []


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        ({"completed_by": 1}, "this annotator has two annotations of the task"),
        ({"completed_by": 2, "ground_truth": True}, "the task has more than one ground truth"),
    ],
)
def test_what_the_stored_form_has_once_is_refused_twice(second: dict[str, Any], reason: str):
    task = _task(*MARKED, _relation("q", "s"), _relation("q", "t"), ground_truth=True)
    both = [*task.annotations, {**task.annotations[0], "id": 2, **second}]
    found = read_task(ServerTask({**task.raw, "annotations": both}), lambda user: f"annotator-{user}")
    assert [reason in str(one.problems) for one in found.refused] == [True, True]
    assert found.document is not None
    assert found.document.annotations == ()


def test_one_bad_annotation_does_not_take_the_good_one_with_it():
    good = [*MARKED, _relation("q", "s"), _relation("q", "t")]
    bad = {"id": 2, "completed_by": 2, "result": [_region("x", Span(0, 4, "EVENT"))]}
    task = _task(*good)
    found = read_task(ServerTask({**task.raw, "annotations": [*task.annotations, bad]}), lambda user: f"a-{user}")
    assert [one.annotator for one in found.document.annotations] == ["a-1"]
    assert "unknown label 'EVENT'" in str(found.refused[0].problems)


_atoms = (
    st.none() | st.booleans() | st.integers(-5, 80) | st.sampled_from(["labels", "relation", "q", "s", "QUOTE", ""])
)
_anything = (
    _atoms | st.lists(_atoms, max_size=2) | st.dictionaries(st.sampled_from(["text", "start", "labels"]), _atoms)
)
_value = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("start", "end", "text", "labels"), _anything | st.just(["QUOTE"]))
)
_region_like = st.fixed_dictionaries(
    {"type": st.just("labels") | _anything, "value": _value | _anything},
    optional={"id": st.sampled_from(["q", "s"]) | _anything, "meta": _anything, "from_name": _anything},
)
_relation_like = st.fixed_dictionaries(
    {"type": st.just("relation")}, optional=dict.fromkeys(("from_id", "to_id", "direction", "labels"), _anything)
)


@given(st.lists(_region_like | _relation_like | _anything, max_size=4))
def test_whatever_the_server_holds_is_read_or_refused(results: list[Any]):
    found = _read(*results)
    assert len(found.refused) + len(found.document.annotations) == 1
