"""Scores on cases small enough to count by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqwal.annotations import Link, Span
from aqwal.annotations.scheme import QUOTE, SAID_BY, SPEAKER
from aqwal.annotations.scoring import Score, character_score, exact_score, overlap_score, pair_score, total


def quote(start: int, end: int) -> Span:
    return Span(start, end, QUOTE)


def said(start: int, end: int, by: int = 100, to: int = 105) -> Link:
    """A QUOTE linked to the SPEAKER at `[by, to)`."""
    return Link(quote(start, end), Span(by, to, SPEAKER), SAID_BY)


def test_ratios() -> None:
    score = Score(gold=4, gold_found=3, predicted=2, predicted_right=1)
    assert score.recall == 0.75
    assert score.precision == 0.5
    assert score.f1 == pytest.approx(0.6)


@pytest.mark.parametrize("score", [Score(), Score(gold=3), Score(predicted=3), Score(gold=2, predicted=2)])
def test_ratios_of_nothing_are_zero(score: Score) -> None:
    assert (score.recall, score.precision, score.f1) == (0, 0, 0)


def test_scores_add_up_over_documents() -> None:
    assert Score(1, 2, 3, 4) + Score(10, 20, 30, 40) == Score(11, 22, 33, 44)
    assert total([Score(2, 1, 1, 1), Score(2, 0, 3, 0), Score()]) == Score(4, 1, 4, 1)
    assert total([]) == Score()


@pytest.mark.parametrize(
    ("gold", "predicted", "exact", "overlap", "characters"),
    [
        ([], [], Score(), Score(), Score()),
        ([quote(0, 5)], [], Score(1), Score(1), Score(5)),
        ([quote(0, 5)], [quote(0, 5)], Score(1, 1, 1, 1), Score(1, 1, 1, 1), Score(5, 5, 5, 5)),
        ([quote(0, 5)], [quote(3, 9)], Score(1, 0, 1, 0), Score(1, 1, 1, 1), Score(5, 2, 6, 2)),
        ([quote(0, 5)], [quote(5, 9)], Score(1, 0, 1, 0), Score(1, 0, 1, 0), Score(5, 0, 4, 0)),
        # One long span over two: each of the two is found, the long one is right once.
        ([quote(0, 3), quote(4, 8)], [quote(0, 8)], Score(2, 0, 1, 0), Score(2, 2, 1, 1), Score(7, 7, 8, 7)),
        ([quote(0, 8)], [quote(0, 3), quote(4, 8)], Score(1, 0, 2, 0), Score(1, 1, 2, 2), Score(8, 7, 7, 7)),
    ],
)
def test_span_scores(gold: list[Span], predicted: list[Span], exact: Score, overlap: Score, characters: Score) -> None:
    assert exact_score(gold, predicted) == exact
    assert overlap_score(gold, predicted) == overlap
    assert character_score(gold, predicted) == characters


def test_exact_score_minds_labels_and_both_ends_of_links() -> None:
    assert exact_score([quote(0, 5)], [Span(0, 5, SPEAKER)]) == Score(1, 0, 1, 0)
    assert exact_score([said(0, 5)], [said(0, 5)]) == Score(1, 1, 1, 1)
    assert exact_score([said(0, 5)], [said(0, 5, by=101)]) == Score(1, 0, 1, 0)


@pytest.mark.parametrize(
    ("predicted", "right"),
    [
        (said(0, 10), True),
        (said(0, 5), True),  # IoU 5 / 10
        (said(0, 4), False),  # 4 / 10
        (said(5, 15), False),  # 5 / 15
        (said(2, 12), True),  # 8 / 12
        (said(0, 20), True),  # 10 / 20
        (said(0, 21), False),  # 10 / 21
        (said(10, 20), False),
        (said(0, 10, by=104, to=110), True),  # the SPEAKERs share one code point
        (said(0, 10, by=105, to=110), False),
    ],
)
def test_pair_score(predicted: Link, right: bool) -> None:
    assert pair_score([said(0, 10)], [predicted]) == Score(1, right, 1, right)


def test_pair_score_counts_each_side_apart() -> None:
    gold, predicted = [said(0, 10), said(20, 30), said(40, 50)], [said(0, 9), said(20, 30)]
    assert pair_score(gold, predicted) == Score(3, 2, 2, 2)
    assert pair_score([], predicted) == Score(0, 0, 2, 0)


one_span = st.builds(lambda start, length: quote(start, start + length), st.integers(0, 30), st.integers(1, 9))
spans = st.lists(one_span, unique=True, max_size=6)
links = st.lists(st.builds(Link, one_span, one_span, st.just(SAID_BY)), unique=True, max_size=6)


def turned(score: Score) -> Score:
    return Score(score.predicted, score.predicted_right, score.gold, score.gold_found)


@given(spans, spans)
def test_span_scores_turn_round_with_their_sides(gold: list[Span], predicted: list[Span]) -> None:
    for measure in (exact_score, overlap_score, character_score):
        assert measure(predicted, gold) == turned(measure(gold, predicted))
        assert measure(gold, predicted).f1 == measure(predicted, gold).f1


@given(links, links)
def test_pair_scores_turn_round_with_their_sides(gold: list[Link], predicted: list[Link]) -> None:
    assert pair_score(predicted, gold) == turned(pair_score(gold, predicted))


@given(spans, spans)
def test_whoever_is_exactly_right_overlaps(gold: list[Span], predicted: list[Span]) -> None:
    exact, overlap = exact_score(gold, predicted), overlap_score(gold, predicted)
    assert exact.gold_found <= overlap.gold_found <= len(gold)
    assert exact.predicted_right <= overlap.predicted_right <= len(predicted)
