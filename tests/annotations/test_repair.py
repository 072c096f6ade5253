"""Repair snaps edges, takes links along, and leaves to people what it cannot decide."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqwal.annotations import Annotation, Document, Link, Span, read_documents
from aqwal.annotations.repair import repair_document
from aqwal.annotations.scheme import ABOUT, LABELS, QUOTE, SAID_BY, SPEAKER, TOPIC, check_document

GOLD = sorted((Path(__file__).parents[2] / "annotations" / "gold").glob("*.json"))
TEXT = "وقال <بوتين>: “نعم”، حول الأزمة في سورية."


def document_of(spans: list[Span], links: list[Link] | None = None, text: str = TEXT) -> Document:
    return Document("خبر-1", text, (Annotation("pass-a", tuple(spans), tuple(links or ())),))


def test_edges_are_snapped_and_links_follow() -> None:
    said, who, what = Span(15, 20, QUOTE), Span(5, 13, SPEAKER), Span(26, 41, TOPIC)
    kept = Span(21, 24, QUOTE)
    links = [Link(said, who, SAID_BY), Link(said, what, ABOUT), Link(kept, who, SAID_BY)]
    repaired, changes = repair_document(document_of([said, who, what, kept], links))
    (annotation,) = repaired.annotations
    marked = {span.label: repaired.text[span.start : span.end] for span in annotation.spans if span != kept}
    assert marked == {QUOTE: "“نعم”", SPEAKER: "بوتين", TOPIC: "الأزمة في سورية"}
    assert kept in annotation.spans
    said, who, what = Span(14, 19, QUOTE), Span(6, 11, SPEAKER), Span(25, 40, TOPIC)
    assert annotation.links == (Link(said, who, SAID_BY), Link(said, what, ABOUT), Link(kept, who, SAID_BY))
    assert list(map(str, changes)) == [
        "خبر-1, pass-a: SPEAKER [5:13] '<بوتين>:' → [6:11] 'بوتين'",
        "خبر-1, pass-a: QUOTE [15:20] 'نعم”،' → [14:19] '“نعم”'",
        "خبر-1, pass-a: TOPIC [26:41] 'لأزمة في سورية.' → [25:40] 'الأزمة في سورية'",
    ]


def test_repaired_document_follows_the_scheme() -> None:
    said, who = Span(15, 20, QUOTE), Span(5, 13, SPEAKER)
    broken = document_of([said, who], [Link(said, who, SAID_BY)])
    assert len(check_document(broken)) == 2
    assert check_document(repair_document(broken)[0]) == []


@pytest.mark.parametrize("path", GOLD, ids=lambda path: path.stem)
def test_gold_is_left_as_it_is(path: Path) -> None:
    for document in read_documents(path):
        assert repair_document(document) == (document, [])


@pytest.mark.parametrize(
    "spans",
    [
        pytest.param([Span(12, 14, SPEAKER)], id="no word left"),
        pytest.param([Span(5, 9, SPEAKER), Span(9, 12, SPEAKER)], id="two halves of a word"),
        pytest.param([Span(6, 11, SPEAKER), Span(5, 12, SPEAKER)], id="equal to another once snapped"),
        pytest.param([Span(0, 11, QUOTE), Span(7, 19, QUOTE)], id="overlapping before and after"),
    ],
)
def test_what_cannot_be_decided_stays_and_is_reported_by_the_check(spans: list[Span]) -> None:
    document = document_of(spans)
    assert repair_document(document) == (document, [])
    assert check_document(document)


def test_layers_do_not_hinder_each_other() -> None:
    repaired, changes = repair_document(document_of([Span(6, 10, SPEAKER), Span(5, 12, TOPIC)]))
    assert repaired.annotations[0].spans == (Span(6, 11, SPEAKER), Span(6, 11, TOPIC))
    assert len(changes) == 2


def test_one_repair_is_enough() -> None:
    text = "قال: “نعم” ثم لا"
    yes, no = Span(6, 9, QUOTE), Span(9, 16, QUOTE)
    repaired, _ = repair_document(document_of([yes, no], text=text))
    assert repaired.annotations[0].spans == (Span(5, 10, QUOTE), Span(11, 16, QUOTE))


def test_every_annotation_is_repaired_and_meta_kept() -> None:
    one, other = Annotation("pass-a", (Span(5, 12, SPEAKER),)), Annotation("gold", (Span(5, 13, SPEAKER),), (), True)
    repaired, changes = repair_document(Document("خبر-1", TEXT, (one, other), {"outlet": "وكالة"}))
    assert repaired == Document(
        "خبر-1",
        TEXT,
        (Annotation("pass-a", (Span(6, 11, SPEAKER),)), Annotation("gold", (Span(6, 11, SPEAKER),), (), True)),
        {"outlet": "وكالة"},
    )
    assert [change.annotator for change in changes] == ["pass-a", "gold"]


def overlaps(spans: tuple[Span, ...]) -> int:
    return sum(one.label == other.label and one.overlaps(other) for one in spans for other in spans)


@st.composite
def marked_documents(draw: st.DrawFn) -> Document:
    text = draw(st.text(st.sampled_from("ابج “”«»<>.،\n"), min_size=1, max_size=30))
    edges = st.lists(st.integers(0, len(text)), min_size=2, max_size=2, unique=True).map(sorted)
    spans = st.tuples(edges, st.sampled_from(LABELS)).map(lambda made: Span(*made[0], made[1]))
    return document_of(draw(st.lists(spans, unique=True, max_size=5)), text=text)


@given(marked_documents())
def test_no_span_is_lost_no_overlap_made_and_every_change_told(document: Document) -> None:
    repaired, changes = repair_document(document)
    before, after = document.annotations[0].spans, repaired.annotations[0].spans
    moved = {change.before: change.after for change in changes}
    assert after == tuple(sorted(moved.get(span, span) for span in before))
    assert len(set(after)) == len(before)
    assert overlaps(after) <= overlaps(before)
