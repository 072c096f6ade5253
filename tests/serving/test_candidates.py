"""Candidate spans and the choice among them, against all spans and all choices written out."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqwal.annotations.page import Page
from aqwal.annotations.scheme import LABELS, QUOTE, SPEAKER, TOPIC, snap
from aqwal.serving.candidates import Candidate, _legal_edges, _likely_ranges, choose, find_candidates
from aqwal.serving.decoding import Posterior, Transitions, posterior
from aqwal.serving.tags import TagSet

TEXT = 'قال الوزير: "إن الحل قريب"، وأضاف أن\nالأزمة في طريقها إلى الحل.'


def chances_of(page: Page, tag_set: TagSet, seed: int, scale: float) -> Posterior:
    emissions = np.random.default_rng(seed).normal(0, scale, (len(page.words), 2, len(tag_set.tags)))
    return posterior(emissions, page.blocks, Transitions.legal(2, tag_set))


@pytest.mark.parametrize("scheme", ["bio", "bioes"])
@pytest.mark.parametrize("scale", [0.3, 2.0, 20.0])
@pytest.mark.parametrize("label", [QUOTE, TOPIC])
def test_candidates_are_all_spans_that_are_likely_enough(scheme: str, scale: float, label: str):
    page, tag_set = Page(TEXT), TagSet(scheme)
    for seed in range(5):
        chances, wanted = chances_of(page, tag_set, seed, scale), {}
        for begin, end in page.blocks:
            for first, stop in combinations(range(begin, end + 1), 2):
                (chance,) = chances.of_spans(1, tag_set, np.array([first]), np.array([stop]))
                edges = _legal_edges(page, page.words[first].start, page.words[stop - 1].end, label)
                if chance >= 0.01 and edges:
                    wanted[edges] = wanted.get(edges, 0.0) + chance
        found = {(start, end): score for start, end, score in find_candidates(page, chances, 1, label, tag_set)}
        assert found == pytest.approx(wanted)


@pytest.mark.parametrize("scheme", ["bio", "bioes"])
def test_wavering_scores_leave_few_ranges_to_look_at(scheme: str):
    """Where every word may begin and end a span, ranges are as many as words, not as pairs of them."""
    tag_set = TagSet(scheme)
    numbers = {}
    for length in (500, 2000):
        emissions = np.random.default_rng(7).normal(0, 0.3, (length, 1, len(tag_set.tags)))
        chances = posterior(emissions, [(0, length)], Transitions.legal(1, tag_set))
        numbers[length] = len(_likely_ranges(chances, 0, tag_set)[0])
    assert 500 < numbers[500] < 500 * 20
    assert numbers[2000] == pytest.approx(4 * numbers[500], rel=0.1)


def test_ranges_that_snap_to_one_span_are_one_candidate():
    page, tag_set = Page("قال نعم ، اليوم"), TagSet("bioes")
    emissions = np.zeros((4, 1, 5))
    emissions[:, 0, 0] = [9, 0, 0, 9]
    emissions[1, 0, tag_set.tags.index("S")] = emissions[1, 0, tag_set.tags.index("B")] = 9
    emissions[2, 0, 0] = emissions[2, 0, tag_set.tags.index("E")] = 9
    chances = posterior(emissions, page.blocks, Transitions.legal(1, tag_set))
    (candidate,) = find_candidates(page, chances, 0, QUOTE, tag_set)
    assert page.text[candidate.start : candidate.end] == "نعم"
    assert candidate.score > 0.99


@pytest.mark.parametrize(
    ("label", "found", "wanted"),
    [
        (QUOTE, 'إن الحل "قريب', 'إن الحل "قريب جدا"'),
        (QUOTE, 'جدا" من الجميع', '"قريب جدا" من الجميع'),
        (QUOTE, "نعم قال", '"نعم قال لا"'),
        (QUOTE, "لا", "لا"),
        (TOPIC, 'الحل "قريب', None),
        (SPEAKER, "نعم", "نعم"),
    ],
)
def test_no_quotation_mark_is_left_without_its_partner(label: str, found: str, wanted: str | None):
    page = Page('إن الحل "قريب جدا" من الجميع، "نعم قال لا"')
    edges = _legal_edges(page, at := page.text.index(found), at + len(found), label)
    assert (edges and page.text[slice(*edges)]) == wanted


def test_what_is_widened_to_whole_pairs_is_snapped_again():
    page = Page("""، " ' «لا\u200fلا لا" ' ) ؟ «؟""")
    edges = _legal_edges(page, at := page.text.index("لا"), at + 1, QUOTE)
    assert edges and page.text[slice(*edges)] == """' «لا\u200fلا لا" '"""


@given(st.text(st.sampled_from("اب ،.؟\n\"“”'‘’«»()\u200f"), max_size=40), st.data())
def test_edges_are_legal_and_cut_no_pair(text: str, data: st.DataObject):
    page = Page(text)
    start, end = sorted((data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text)))))
    label = data.draw(st.sampled_from(LABELS))
    edges = _legal_edges(page, start, end, label)
    assert edges is None or (snap(page, *edges, label), page.pairs_cut(*edges)) == (edges, [])


def test_no_words_no_candidates():
    tag_set = TagSet("bioes")
    chances = posterior(np.zeros((0, 1, 5)), [], Transitions.legal(1, tag_set))
    assert find_candidates(Page(""), chances, 0, QUOTE, tag_set) == []


CANDIDATES = st.lists(
    st.builds(
        lambda start, length, score: Candidate(start, start + length, score),
        st.integers(0, 12),
        st.integers(1, 6),
        st.floats(0.01, 1.0),
    ),
    max_size=8,
    unique_by=lambda one: (one.start, one.end),
)


@given(CANDIDATES, st.floats(0.0, 0.9))
def test_no_other_choice_gains_more(candidates: list[Candidate], threshold: float):
    def gain(chosen: tuple[Candidate, ...]) -> float:
        return sum(one.score - threshold for one in chosen)

    def is_legal(chosen: tuple[Candidate, ...]) -> bool:
        return all(one.end <= other.start or other.end <= one.start for one, other in combinations(chosen, 2))

    chosen = tuple(choose(candidates, threshold))
    sets = (some for size in range(len(candidates) + 1) for some in combinations(candidates, size))
    assert is_legal(chosen)
    assert gain(chosen) == pytest.approx(max(gain(some) for some in sets if is_legal(some)))


def test_chosen_candidates_come_in_order_and_beat_the_threshold():
    candidates = [Candidate(6, 9, 0.3), Candidate(0, 5, 0.6), Candidate(4, 7, 0.7), Candidate(10, 12, 0.2)]
    assert choose(candidates, 0.25) == [Candidate(4, 7, 0.7)]
    assert choose(candidates, 0.1) == [Candidate(0, 5, 0.6), Candidate(6, 9, 0.3), Candidate(10, 12, 0.2)]
