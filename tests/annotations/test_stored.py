"""The stored form: what is written is read back, and what cannot be read is reported, never lost."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqwal.annotations import Annotation, AnnotationError, Document, Link, Span, read_documents, write_documents
from aqwal.annotations.records import region_id
from aqwal.annotations.scheme import ABOUT, LABELS, QUOTE, SAID_BY, SPEAKER
from aqwal.annotations.stored import parse_file, to_task

GOLD = sorted((Path(__file__).parents[2] / "annotations" / "gold").glob("*.json"))

TEXT = "وقال بوتين: “نعم”."
PUTIN, YES = Span(5, 10, SPEAKER), Span(12, 17, QUOTE)
DOCUMENT = Document("خبر-1", TEXT, (Annotation("pass-a", (PUTIN, YES), (Link(YES, PUTIN, SAID_BY),)),))
PUTIN_ID, YES_ID = region_id(TEXT, PUTIN), region_id(TEXT, YES)
QUOTE_AT, LINK_AT = 1, 2  # places in the task's `result`

Change = Callable[[dict[str, Any]], object]


def write_task(folder: Path, task: object) -> Path:
    path = folder / "أخبار.json"
    path.write_text(json.dumps([task]), encoding="utf-8")
    return path


def changed(folder: Path, change: Change) -> Path:
    """Write the good task after a change to it."""
    task = copy.deepcopy(to_task(DOCUMENT))
    change(task)
    return write_task(folder, task)


def in_annotation(**fields: object) -> Change:
    """Change fields of the annotation of the good task."""
    return lambda task: task["annotations"][0].update(fields)


def in_result(index: int, **fields: object) -> Change:
    """Change fields of a region or link of the good task."""
    return lambda task: task["annotations"][0]["result"][index].update(fields)


def in_value(index: int, **fields: object) -> Change:
    """Change fields of the `value` of a region of the good task."""
    return lambda task: task["annotations"][0]["result"][index]["value"].update(fields)


# What is written is read back


@pytest.mark.parametrize("path", GOLD, ids=lambda path: path.stem)
def test_rewritten_gold_is_the_same_bytes(path: Path, tmp_path: Path) -> None:
    write_documents(tmp_path / "again.json", read_documents(path))
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()


def test_task_is_what_label_studio_imports() -> None:
    task = to_task(DOCUMENT)
    assert task["data"] == {"id": "خبر-1", "text": TEXT, "scheme": "aqwal-1", "sha256": DOCUMENT.sha256}
    (annotation,) = task["annotations"]
    assert (annotation["annotator"], annotation["ground_truth"]) == ("pass-a", False)
    assert annotation["result"] == [
        {
            "id": PUTIN_ID,
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "value": {"start": 5, "end": 10, "text": "بوتين", "labels": ["SPEAKER"]},
        },
        {
            "id": YES_ID,
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "value": {"start": 12, "end": 17, "text": "“نعم”", "labels": ["QUOTE"]},
        },
        {"type": "relation", "from_id": YES_ID, "to_id": PUTIN_ID, "direction": "right", "labels": ["said_by"]},
    ]


CHARACTERS = st.one_of(
    st.sampled_from('اب “”\r\n\u2028\ufeff\u200f\\"😀\ud83d'),
    st.characters(exclude_categories=["Cs"]),  # not both halves of a pair: JSON reads them as one character
)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    text = draw(st.text(CHARACTERS, min_size=1))
    edges = st.lists(st.integers(0, len(text)), min_size=2, max_size=2, unique=True).map(sorted)
    spans = st.tuples(edges, st.sampled_from(LABELS)).map(lambda made: Span(*made[0], made[1]))
    marked = draw(st.lists(spans, min_size=1, unique=True))
    one = st.sampled_from(marked)
    links = draw(st.lists(st.builds(Link, one, one, st.sampled_from([SAID_BY, ABOUT])), unique=True))
    annotation = Annotation(draw(st.text(CHARACTERS)), tuple(marked), tuple(links), draw(st.booleans()))
    return Document(draw(st.text(CHARACTERS)), text, (annotation,), {"outlet": draw(st.text(CHARACTERS))})


@given(st.lists(documents(), max_size=2, unique_by=lambda document: document.id))
def test_written_documents_are_read_back(tmp_path_factory: pytest.TempPathFactory, written: list[Document]) -> None:
    path = tmp_path_factory.getbasetemp() / "written.json"
    write_documents(path, written)
    assert parse_file(path) == (written, [])


def test_order_of_the_marks_does_not_matter(tmp_path: Path) -> None:
    annotation = Annotation("pass-a", (YES, PUTIN), (Link(YES, PUTIN, SAID_BY),))
    write_documents(tmp_path / "one.json", [DOCUMENT])
    write_documents(tmp_path / "other.json", [Document("خبر-1", TEXT, (annotation,))])
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "other.json").read_bytes()


def test_region_id_depends_on_label_place_and_words() -> None:
    spans = [PUTIN, Span(5, 10, QUOTE), Span(4, 10, SPEAKER), Span(5, 11, SPEAKER)]
    ids = {region_id(TEXT, span) for span in spans} | {region_id(TEXT.replace("بوتين", "ترامب"), PUTIN)}
    assert len(ids) == 5
    assert all(len(name) == 10 for name in ids)


def test_line_ends_of_the_text_are_kept(tmp_path: Path) -> None:
    document = Document("خبر-1", "قال\r\nبوتين\rنعم\u2028لا\n")
    write_documents(tmp_path / "file.json", [document])
    assert read_documents(tmp_path / "file.json") == [document]
    assert b"\r" not in (tmp_path / "file.json").read_bytes()


def test_more_data_of_a_task_is_kept(tmp_path: Path) -> None:
    path = changed(tmp_path, lambda task: task["data"].update(outlet="وكالة", source={"url": None}))
    (document,) = read_documents(path)
    assert document.meta == {"outlet": "وكالة", "source": {"url": None}}
    assert to_task(document)["data"]["source"] == {"url": None}


def test_what_may_be_missing(tmp_path: Path) -> None:
    bare = write_task(tmp_path, {"data": {"id": "خبر-1", "text": TEXT}})
    assert read_documents(bare) == [Document("خبر-1", TEXT)]
    assert read_documents(changed(tmp_path, lambda task: task["data"].pop("sha256"))) == [DOCUMENT]
    assert read_documents(changed(tmp_path, lambda task: task["annotations"][0].pop("ground_truth"))) == [DOCUMENT]
    without_text = changed(tmp_path, lambda task: task["annotations"][0]["result"][0]["value"].pop("text"))
    assert read_documents(without_text) == [DOCUMENT]


def test_lone_surrogates_are_read_and_count_one_each(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text('[{"data": {"id": "خبر-1", "text": "\\ud83dقال \\udc4d"}}]', encoding="utf-8")
    (document,) = read_documents(path)
    assert document.text == "\ud83dقال \udc4d"
    assert len(document.sha256) == 64


def test_lone_surrogates_are_written(tmp_path: Path) -> None:
    document = Document("خبر-1", "\ud83dقال \udc4d", (Annotation("pass-a", (Span(1, 4, QUOTE),)),))
    write_documents(tmp_path / "file.json", [document])
    assert parse_file(tmp_path / "file.json") == ([document], [])


# What cannot be read is reported: the file, the task, then region, offsets, text and reason


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[{", "not UTF-8 JSON: Expecting property name"),
        (b"", "not UTF-8 JSON: Expecting value"),
        ("[]".encode("utf-16"), "not UTF-8 JSON: 'utf-8' codec can't decode byte 0xff in position 0"),
        (b"\xef\xbb\xbf[]", "not UTF-8 JSON: Unexpected UTF-8 BOM"),
        (b'{"data": {}}', "expected a JSON list of tasks"),
    ],
)
def test_file_that_is_no_list_of_tasks(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "أخبار.json"
    path.write_bytes(content)
    with pytest.raises(AnnotationError) as caught:
        read_documents(path)
    assert str(caught.value).startswith(f"{path}: {message}")


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_documents(tmp_path / "أخبار.json")


@pytest.mark.parametrize(
    "task",
    [5, {}, {"data": []}, {"data": {"text": TEXT}}, {"data": {"id": 7, "text": TEXT}}, {"data": {"id": "خبر-1"}}],
)
def test_task_without_id_or_text(task: object, tmp_path: Path) -> None:
    path = write_task(tmp_path, task)
    with pytest.raises(AnnotationError) as caught:
        read_documents(path)
    assert str(caught.value) == f"{path}, document number 0: a task needs data with a text `id` and a text `text`"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda task: task.update(predictions=[]), "the stored form has no task field predictions"),
        (lambda task: task["data"].update(scheme="aqwal-2"), "scheme 'aqwal-2'; this version reads 'aqwal-1'"),
        (
            lambda task: task["data"].update(sha256="0" * 64),
            "the text is not the one that was annotated: its sha256 differs",
        ),
        (lambda task: task.update(annotations=None), "`annotations` must be a list, not None"),
    ],
)
def test_task_that_cannot_be_read(change: Change, problem: str, tmp_path: Path) -> None:
    path = changed(tmp_path, change)
    with pytest.raises(AnnotationError) as caught:
        read_documents(path)
    assert str(caught.value) == f"{path}, document خبر-1: {problem}"


OFFSETS = "a region needs whole-number start and end and exactly one label"
OUTSIDE = "offsets lie outside the text of 18 code points"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (in_value(QUOTE_AT, start=12.0), f"region {YES_ID}: {OFFSETS}"),
        (in_value(QUOTE_AT, end="17"), f"region {YES_ID}: {OFFSETS}"),
        (in_value(QUOTE_AT, end=None), f"region {YES_ID}: {OFFSETS}"),
        (in_value(QUOTE_AT, labels=[]), f"region {YES_ID}: {OFFSETS}"),
        (in_value(QUOTE_AT, labels=["QUOTE", "TOPIC"]), f"region {YES_ID}: {OFFSETS}"),
        (in_value(QUOTE_AT, labels="QUOTE"), f"region {YES_ID}: {OFFSETS}"),
        (in_value(QUOTE_AT, end=19), f"region {YES_ID}, [12:19] '“نعم”': {OUTSIDE}"),
        (in_value(QUOTE_AT, start=-1), f"region {YES_ID}, [-1:17] '“نعم”': {OUTSIDE}"),
        (in_value(QUOTE_AT, start=17), f"region {YES_ID}, [17:17] '“نعم”': {OUTSIDE}"),
        (in_value(QUOTE_AT, start=17, end=12), f"region {YES_ID}, [17:12] '“نعم”': {OUTSIDE}"),
        (in_value(QUOTE_AT, start=13), f"region {YES_ID}, [13:17] '“نعم”': the text there is 'نعم”'"),
        (in_value(QUOTE_AT, text="“لا”"), f"region {YES_ID}, [12:17] '“لا”': the text there is '“نعم”'"),
        (
            in_value(QUOTE_AT, labels=["PLACE"]),
            f"region {YES_ID}, [12:17] '“نعم”': unknown label 'PLACE'; the scheme has SPEAKER, QUOTE, TOPIC",
        ),
        pytest.param(
            in_value(QUOTE_AT, start=True, text=TEXT[1:17]),
            f"region {YES_ID}: {OFFSETS}",
        ),
        pytest.param(
            in_result(QUOTE_AT, value=None),
            f"region {YES_ID}: {OFFSETS}",
        ),
    ],
)
def test_region_that_cannot_be_read(change: Change, problem: str, tmp_path: Path) -> None:
    path = changed(tmp_path, change)
    where = f"{path}, document خبر-1, annotator pass-a"
    ((document,), problems) = parse_file(path)
    assert document.annotations[0].spans == (PUTIN,)
    assert list(map(str, problems)) == [
        f"{where}, {problem}",
        f"{where}, region {YES_ID} → {PUTIN_ID}: a link's end is no accepted region of this annotation",
    ]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            in_result(LINK_AT, to_id="nobody"),
            f"region {YES_ID} → nobody: a link's end is no accepted region of this annotation",
        ),
        (
            in_result(LINK_AT, labels=["denies"]),
            f"region {YES_ID} → {PUTIN_ID}: a link needs one label of said_by, about, got ['denies']",
        ),
        (
            in_result(LINK_AT, labels=["said_by", "about"]),
            f"region {YES_ID} → {PUTIN_ID}: a link needs one label of said_by, about, got ['said_by', 'about']",
        ),
        (
            lambda task: task["annotations"][0]["result"][LINK_AT].pop("labels"),
            f"region {YES_ID} → {PUTIN_ID}: a link needs one label of said_by, about, got []",
        ),
        (in_result(LINK_AT, type="choices", id="c1"), "region c1: unknown result type 'choices'"),
        pytest.param(
            in_result(LINK_AT, labels=[["said_by"]]),
            f"region {YES_ID} → {PUTIN_ID}: a link needs one label of said_by, about, got [['said_by']]",
        ),
    ],
)
def test_link_that_cannot_be_read(change: Change, problem: str, tmp_path: Path) -> None:
    path = changed(tmp_path, change)
    ((document,), problems) = parse_file(path)
    assert document.annotations[0] == Annotation("pass-a", (PUTIN, YES))
    assert list(map(str, problems)) == [f"{path}, document خبر-1, annotator pass-a, {problem}"]


def test_unknown_field_of_an_annotation(tmp_path: Path) -> None:
    path = changed(tmp_path, in_annotation(lead_time=3, id=1))
    (_, problems) = parse_file(path)
    assert [problem.message for problem in problems] == ["the stored form has no annotation field id, lead_time"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(in_result(QUOTE_AT, score=0.5), id="field of a region"),
        pytest.param(in_value(QUOTE_AT, note="أكيد"), id="field of a value"),
        pytest.param(in_result(LINK_AT, direction="left"), id="link that points the other way"),
        pytest.param(in_annotation(ground_truth="no"), id="ground truth that is neither true nor false"),
        pytest.param(in_annotation(result={"id": "r1"}), id="result that is no list"),
        pytest.param(in_annotation(result=None), id="result that is null"),
        pytest.param(lambda task: task["annotations"][0]["result"].append("r1"), id="region that is no object"),
        pytest.param(lambda task: task["annotations"].append(5), id="annotation that is no object"),
    ],
)
def test_nothing_is_dropped_in_silence(change: Change, tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="document خبر-1"):
        read_documents(changed(tmp_path, change))


@pytest.mark.parametrize("name", [YES_ID, None])
def test_no_region_is_lost_by_its_id(name: str | None, tmp_path: Path) -> None:
    speaker, quote, _ = to_task(DOCUMENT)["annotations"][0]["result"]
    regions = [{**speaker, "id": name}, {**quote, "id": name}]
    ((document,), problems) = parse_file(changed(tmp_path, in_annotation(result=regions)))
    assert len(document.annotations[0].spans) + len(problems) == 2


def test_all_problems_of_all_tasks_are_told_and_the_good_task_is_read(tmp_path: Path) -> None:
    good, bad, worse = to_task(DOCUMENT), to_task(DOCUMENT), {"data": {}}
    bad["data"]["scheme"], bad["data"]["id"] = "aqwal-0", "خبر-2"
    path = tmp_path / "أخبار.json"
    path.write_text(json.dumps([good, bad, worse]), encoding="utf-8")
    read, problems = parse_file(path)
    assert read == [DOCUMENT, replace(DOCUMENT, id="خبر-2")]
    assert [problem.document for problem in problems] == ["خبر-2", "number 2"]
    with pytest.raises(AnnotationError) as caught:
        read_documents(path)
    assert caught.value.problems == problems


def test_two_tasks_of_one_id_are_told(tmp_path: Path) -> None:
    path = tmp_path / "أخبار.json"
    write_documents(path, [DOCUMENT, DOCUMENT])
    assert list(map(str, parse_file(path)[1])) == [f"{path}, document خبر-1: two tasks have this id"]


def test_two_ground_truths_or_two_annotations_of_one_annotator_are_told(tmp_path: Path) -> None:
    path, (one,) = tmp_path / "أخبار.json", DOCUMENT.annotations
    two = Annotation("pass-b", (), (), ground_truth=True), Annotation("adjudicated", (), (), ground_truth=True)
    write_documents(path, [replace(DOCUMENT, annotations=(one, *two, one))])
    assert list(map(str, parse_file(path)[1])) == [
        f"{path}, document خبر-1: 2 annotations are ground truth (pass-b, adjudicated); expected one at most",
        f"{path}, document خبر-1, annotator pass-a: 2 annotations have this name; expected one",
    ]


def test_a_number_too_long_for_python_is_told(tmp_path: Path) -> None:
    path = tmp_path / "أخبار.json"
    path.write_text(f"[{'1' * 5_000}]", encoding="utf-8")
    ((problem,), documents) = reversed(parse_file(path))
    assert documents == []
    assert problem.message.startswith("not UTF-8 JSON: ")


def test_reading_checks_the_scheme_too(tmp_path: Path) -> None:
    path = tmp_path / "أخبار.json"
    write_documents(path, [Document("خبر-1", TEXT, (Annotation("pass-a", (Span(11, 18, QUOTE),)),))])
    assert parse_file(path)[1] == []
    with pytest.raises(AnnotationError) as caught:
        read_documents(path)
    assert str(caught.value) == (
        f"{path}, document خبر-1, annotator pass-a, region {region_id(TEXT, Span(11, 18, QUOTE))}, [11:18] ' “نعم”.': "
        "QUOTE edges: the scheme has [12:17] '“نعم”' (rules 1, 2, 5, 6, 11)"
    )


OFFSET = st.one_of(st.integers(-2, len(TEXT) + 2), st.sampled_from([0.5, None, "3"]))
VALUE = st.fixed_dictionaries(
    {"start": OFFSET, "end": OFFSET, "labels": st.lists(st.sampled_from([*LABELS, "PLACE"]), max_size=2)},
    optional={"text": st.sampled_from(["بوتين", "“نعم”", None])},
)
REGION = st.fixed_dictionaries({"type": st.sampled_from(["labels", "labels", "choices"]), "value": VALUE})


@given(st.lists(REGION, max_size=6))
def test_each_region_is_accepted_or_reported(
    tmp_path_factory: pytest.TempPathFactory, regions: list[dict[str, Any]]
) -> None:
    result = [{"id": f"r{number}", **region} for number, region in enumerate(regions)]
    task = {"data": {"id": "خبر-1", "text": TEXT}, "annotations": [{"annotator": "pass-a", "result": result}]}
    ((document,), problems) = parse_file(write_task(tmp_path_factory.getbasetemp(), task))
    assert len(document.annotations[0].spans) + len(problems) == len(regions)
    assert len({problem.region for problem in problems}) == len(problems)
