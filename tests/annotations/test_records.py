"""Spans, links, annotations, documents and problems as plain records."""

import hashlib

import pytest

from aqwal.annotations import Annotation, AnnotationError, Document, Link, Problem, Span
from aqwal.annotations.scheme import ABOUT, QUOTE, SAID_BY, SPEAKER, TOPIC

WHO, YES, NO, WHAT = Span(0, 5, SPEAKER), Span(10, 20, QUOTE), Span(30, 40, QUOTE), Span(12, 15, TOPIC)
LINKS = (Link(NO, WHO, SAID_BY), Link(YES, WHAT, ABOUT), Link(YES, WHO, SAID_BY))


@pytest.mark.parametrize(
    ("other", "overlaps"),
    [
        (Span(10, 20, QUOTE), True),
        (Span(12, 15, TOPIC), True),
        (Span(9, 11, QUOTE), True),
        (Span(19, 21, QUOTE), True),
        (Span(5, 10, QUOTE), False),
        (Span(20, 25, QUOTE), False),
    ],
)
def test_spans_that_share_a_code_point_overlap(other: Span, overlaps: bool) -> None:
    assert YES.overlaps(other) is other.overlaps(YES) is overlaps


def test_equal_marks_make_equal_annotations() -> None:
    annotation = Annotation("pass-a", (NO, WHAT, YES, WHO), LINKS)
    assert annotation == Annotation("pass-a", (WHO, YES, WHAT, NO), LINKS[::-1])
    assert annotation.spans == (WHO, YES, WHAT, NO)


def test_layers_and_links_of_an_annotation() -> None:
    annotation = Annotation("pass-a", (NO, WHAT, YES, WHO), LINKS)
    assert annotation.of_label(QUOTE) == [YES, NO]
    assert annotation.links_of(SAID_BY) == [Link(YES, WHO, SAID_BY), Link(NO, WHO, SAID_BY)]
    assert annotation.target_of(YES, SAID_BY) == WHO
    assert annotation.target_of(YES, ABOUT) == WHAT
    assert annotation.target_of(NO, ABOUT) is None


def test_gold_and_passes_of_a_document() -> None:
    one, gold = Annotation("pass-a", (YES,)), Annotation("adjudicated", (NO,), (), ground_truth=True)
    document = Document("خبر-1", "نعم", (gold, one))
    assert (document.gold, document.passes) == (gold, (one,))
    assert Document("خبر-1", "نعم", (one,)).gold is None


def test_checksum_is_of_the_utf8_bytes() -> None:
    assert Document("خبر-1", "نعم\r\n").sha256 == hashlib.sha256("نعم\r\n".encode()).hexdigest()
    assert Document("خبر-1", "\ud83d").sha256 == hashlib.sha256(b"\xed\xa0\xbd").hexdigest()


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (Problem("لماذا"), "لماذا"),
        (Problem("why", file="a.json"), "a.json: why"),
        (Problem("why", "خبر-1", "pass-a"), "document خبر-1, annotator pass-a: why"),
        (
            Problem("why", "خبر-1", region="r1", start=0, end=3, text="نعم"),
            "document خبر-1, region r1, [0:3] 'نعم': why",
        ),
    ],
)
def test_problem_names_what_is_known(problem: Problem, told: str) -> None:
    assert str(problem) == told


def test_error_tells_every_problem() -> None:
    error = AnnotationError([Problem("one", file="a.json"), Problem("two", file="b.json")])
    assert str(error) == "a.json: one\nb.json: two"
    assert [problem.message for problem in error.problems] == ["one", "two"]
