"""Agreement of passes, on cases small enough to count by hand."""

import pytest

from aqwal.annotations import Annotation, Document, Link, Span
from aqwal.annotations.agreement import Agreement, agreement
from aqwal.annotations.scheme import ABOUT, QUOTE, SAID_BY, SPEAKER, TOPIC

WHO, OTHER_WHO = Span(0, 5, SPEAKER), Span(60, 65, SPEAKER)
LONG, SHORT, LATER = Span(10, 30, QUOTE), Span(10, 20, QUOTE), Span(40, 50, QUOTE)


def document_of(*annotations: Annotation, name: str = "خبر-1") -> Document:
    return Document(name, "ا" * 70, annotations)


def pass_of(annotator: str, spans: list[Span], *links: Link) -> Annotation:
    return Annotation(annotator, tuple(spans), links)


ONE = pass_of("أحمد", [WHO, LONG, LATER], Link(LONG, WHO, SAID_BY), Link(LATER, WHO, SAID_BY))
OTHER = pass_of("سلمى", [WHO, SHORT, OTHER_WHO], Link(SHORT, WHO, SAID_BY))
NAMES = ("أحمد", "سلمى")


def by_label(rows: list[Agreement]) -> dict[str, Agreement]:
    return {row.label: row for row in rows}


def test_rows_are_labels_then_links() -> None:
    rows = agreement([document_of(ONE, OTHER)])
    assert [row.label for row in rows] == [SPEAKER, QUOTE, TOPIC, SAID_BY, ABOUT]
    assert {row.annotators for row in rows} == {NAMES}


def test_counted_by_hand() -> None:
    rows = by_label(agreement([document_of(ONE, OTHER)]))
    # One SPEAKER against two, one in common: 2 · 1 · ½ / 1½.
    assert rows[SPEAKER] == Agreement(NAMES, SPEAKER, (1, 2), pytest.approx(2 / 3), pytest.approx(2 / 3))
    # Two QUOTEs against one that overlaps the first.
    assert rows[QUOTE] == Agreement(NAMES, QUOTE, (2, 1), 0, pytest.approx(2 / 3))
    assert rows[TOPIC] == Agreement(NAMES, TOPIC, (0, 0), None, None)
    # Two links against one whose QUOTE has an IoU of 10 / 20 with the first.
    assert rows[SAID_BY] == Agreement(NAMES, SAID_BY, (2, 1), 0, pytest.approx(2 / 3))
    assert rows[ABOUT] == Agreement(NAMES, ABOUT, (0, 0), None, None)


def test_what_nobody_marked_has_no_figure_and_what_one_marked_has_zero() -> None:
    rows = by_label(agreement([document_of(pass_of("أحمد", [WHO]), pass_of("سلمى", []))]))
    assert rows[SPEAKER].figures == ("0.000", "0.000")
    assert rows[TOPIC].figures == ("–", "–")


def test_counts_add_up_over_documents_before_the_ratio() -> None:
    alike = [pass_of(name, [WHO]) for name in NAMES]
    rows = by_label(agreement([document_of(ONE, OTHER), document_of(*alike, name="خبر-2")]))
    # Two SPEAKERs against three, two in common.
    assert rows[SPEAKER] == Agreement(NAMES, SPEAKER, (2, 3), pytest.approx(4 / 5), pytest.approx(4 / 5))


def test_a_pass_agrees_with_itself() -> None:
    twin = pass_of("سلمى", [WHO, LONG, LATER], Link(LONG, WHO, SAID_BY), Link(LATER, WHO, SAID_BY))
    rows = by_label(agreement([document_of(ONE, twin)]))
    for label in (SPEAKER, QUOTE, SAID_BY):
        assert (rows[label].exact, rows[label].loose) == (1, 1)


def test_order_of_the_passes_does_not_matter() -> None:
    assert agreement([document_of(OTHER, ONE)]) == agreement([document_of(ONE, OTHER)])


def test_changing_names_turns_the_counts_and_keeps_the_scores() -> None:
    renamed = (Annotation("سلمى", ONE.spans, ONE.links), Annotation("أحمد", OTHER.spans, OTHER.links))
    for row, turned in zip(agreement([document_of(ONE, OTHER)]), agreement([document_of(*renamed)]), strict=True):
        assert turned == Agreement(NAMES, row.label, row.counts[::-1], row.exact, row.loose)


def test_gold_is_left_out() -> None:
    gold = Annotation("adjudicated", (WHO, LATER), (), ground_truth=True)
    assert agreement([document_of(ONE, OTHER, gold)]) == agreement([document_of(ONE, OTHER)])
    assert agreement([document_of(ONE, gold)]) == []


def test_every_two_of_three_are_compared() -> None:
    rows = agreement([document_of(pass_of("ج", [WHO]), pass_of("أ", [WHO]), pass_of("ب", [OTHER_WHO]))])
    exact = {row.annotators: row.exact for row in rows if row.label == SPEAKER}
    assert exact == {("أ", "ب"): 0, ("أ", "ج"): 1, ("ب", "ج"): 0}


def test_rows_come_by_annotators_whatever_the_order_of_the_documents() -> None:
    late, early = document_of(pass_of("ب", []), pass_of("ج", [])), document_of(pass_of("أ", []), pass_of("ب", []))
    assert [row.annotators for row in agreement([late, early])[::5]] == [("أ", "ب"), ("ب", "ج")]


def test_only_documents_that_both_passed_over_count() -> None:
    alone = document_of(pass_of("أحمد", [OTHER_WHO]), name="خبر-2")
    assert agreement([document_of(ONE, OTHER), alone]) == agreement([document_of(ONE, OTHER)])
    assert agreement([alone]) == []
    assert agreement([]) == []
