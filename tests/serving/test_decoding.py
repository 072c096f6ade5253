"""Forward-backward, against every tag sequence written out on small cases."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tag_rows import ranges_of

from aqwal.serving.decoding import Block, Posterior, Scores, Transitions, posterior
from aqwal.serving.tags import TagSet

SCHEMES = ("bio", "bioes")
LAYERS = 2
# Short ones of unlike length, so that some share a batch with padding and some do not.
BLOCKS: list[Block] = [(0, 3), (3, 7), (7, 8), (8, 11)]
WORDS = BLOCKS[-1][1]


def random_case(seed: int, tag_set: TagSet) -> tuple[Scores, Transitions]:
    """Return random emissions of WORDS words and random transitions with the tag set's law in them."""
    random, tags = np.random.default_rng(seed), len(tag_set.tags)
    learned = Transitions(
        *(random.normal(0, 2, shape) for shape in ((LAYERS, tags), (LAYERS, tags, tags), (LAYERS, tags)))
    )
    return random.normal(0, 3, (WORDS, LAYERS, tags)), learned + Transitions.legal(LAYERS, tag_set)


def weigh_rows(scores: Scores, transitions: Transitions, layer: int, tag_set: TagSet) -> dict[tuple[int, ...], float]:
    """Return the score of every legal row of tags over one block, its words' emissions given."""
    weights = {}
    for row in product(range(len(tag_set.tags)), repeat=len(scores)):
        score = transitions.start[layer, row[0]] + transitions.end[layer, row[-1]]
        score += sum(scores[word, layer, tag] for word, tag in enumerate(row))
        score += sum(transitions.step[layer, before, after] for before, after in pairwise(row))
        if score > -1e8:
            weights[row] = score
    return weights


def span_chance(chances: Posterior, layer: int, tag_set: TagSet, first: int, stop: int) -> float:
    (chance,) = chances.of_spans(layer, tag_set, np.array([first]), np.array([stop]))
    return float(chance)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("seed", range(3))
def test_probability_of_every_tag_is_its_share_of_all_rows(scheme: str, seed: int) -> None:
    tag_set = TagSet(scheme)
    emissions, transitions = random_case(seed, tag_set)
    chances = posterior(emissions, BLOCKS, transitions)
    for layer, (begin, end) in product(range(LAYERS), BLOCKS):
        weights = {
            row: np.exp(score) for row, score in weigh_rows(emissions[begin:end], transitions, layer, tag_set).items()
        }
        for word, tag in product(range(begin, end), range(len(tag_set.tags))):
            wanted = sum(weight for row, weight in weights.items() if row[word - begin] == tag) / sum(weights.values())
            assert chances.of_tags(layer)[word, tag] == pytest.approx(wanted, abs=1e-9)


def test_chances_of_many_spans_are_those_of_each() -> None:
    tag_set = TagSet("bioes")
    emissions, transitions = random_case(3, tag_set)
    chances = posterior(emissions, BLOCKS, transitions)
    spans = [(a, b) for begin, end in BLOCKS for a in range(begin, end) for b in range(a + 1, end + 1)]
    together = chances.of_spans(1, tag_set, *np.array(spans).T)
    assert together.tolist() == [span_chance(chances, 1, tag_set, *span) for span in spans]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("seed", range(3))
def test_posterior_of_every_span_is_its_share_of_all_rows(scheme: str, seed: int) -> None:
    tag_set = TagSet(scheme)
    emissions, transitions = random_case(seed, tag_set)
    chances = posterior(emissions, BLOCKS, transitions)
    for layer, (begin, end) in product(range(LAYERS), BLOCKS):
        weights = {
            tuple(ranges_of(tag_set, row)): np.exp(score)
            for row, score in weigh_rows(emissions[begin:end], transitions, layer, tag_set).items()
        }
        for first, stop in ((a, b) for a in range(begin, end) for b in range(a + 1, end + 1)):
            having = sum(weight for spans, weight in weights.items() if (first - begin, stop - begin) in spans)
            wanted = having / sum(weights.values())
            assert span_chance(chances, layer, tag_set, first, stop) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("scheme", SCHEMES)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100))
@settings(max_examples=30, deadline=None)
def test_chances_of_all_spans_from_one_word_on_add_up_to_at_most_one(scheme: str, seed: int, scale: float) -> None:
    tag_set = TagSet(scheme)
    emissions, transitions = random_case(seed, tag_set)
    chances = posterior(emissions * scale, BLOCKS, transitions)
    for layer, (begin, end) in product(range(LAYERS), BLOCKS):
        for first in range(begin, end):
            found = [span_chance(chances, layer, tag_set, first, stop) for stop in range(first + 1, end + 1)]
            assert all(0 <= chance <= 1 for chance in found)
            assert sum(found) <= 1 + 1e-9


def test_sure_scores_give_a_chance_of_one_and_of_zero() -> None:
    tag_set = TagSet("bioes")
    emissions = np.zeros((5, 1, 5))
    emissions[np.arange(5), 0, tag_set.encode(5, [(1, 3)])] = 50
    chances = posterior(emissions, [(0, 5)], Transitions.legal(1, tag_set))
    assert span_chance(chances, 0, tag_set, 1, 3) == pytest.approx(1, abs=1e-9)
    assert span_chance(chances, 0, tag_set, 1, 4) == pytest.approx(0, abs=1e-9)


def case_of_any_size(limit: float) -> st.SearchStrategy[tuple[str, np.ndarray, list[Block]]]:
    """Draw a scheme, emissions within a limit, and blocks that tile the words."""

    @st.composite
    def draw_case(draw: st.DrawFn) -> tuple[str, np.ndarray, list[Block]]:
        scheme = draw(st.sampled_from(SCHEMES))
        edges = [0, *np.cumsum(draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))).tolist()]
        shape = (edges[-1], draw(st.integers(1, 3)), len(TagSet(scheme).tags))
        emissions = draw(arrays.arrays(np.float64, shape, elements=st.floats(-limit, limit)))
        return scheme, emissions, list(pairwise(edges))

    return draw_case()


@given(case_of_any_size(1e8))
@settings(deadline=None)
def test_probabilities_are_probabilities_whatever_the_logits(case: tuple[str, np.ndarray, list[Block]]) -> None:
    scheme, emissions, blocks = case
    tag_set = TagSet(scheme)
    chances = posterior(emissions, blocks, Transitions.legal(emissions.shape[1], tag_set))
    for layer in range(emissions.shape[1]):
        tags = chances.of_tags(layer)
        assert ((tags >= 0) & (tags <= 1)).all()
        assert not tags[[first for first, _ in blocks]][:, tag_set.continues].any()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_span_begins_with_a_tag_inside_for_the_largest_float32(scheme: str) -> None:
    tag_set = TagSet(scheme)
    emissions = np.zeros((2, 1, len(tag_set.tags)))
    emissions[:, 0, tag_set.tags.index("I")] = np.finfo(np.float32).max
    tags = posterior(emissions, [(0, 1), (1, 2)], Transitions.legal(1, tag_set)).of_tags(0)
    assert not tags[:, tag_set.continues].any()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_block_is_decoded_alone_as_in_company(scheme: str) -> None:
    tag_set = TagSet(scheme)
    emissions, transitions = random_case(7, tag_set)
    chances = posterior(emissions, BLOCKS, transitions)
    for begin, end in BLOCKS:
        alone = emissions[begin:end], [(0, end - begin)], transitions
        for layer, first in product(range(LAYERS), range(begin, end)):
            wanted = span_chance(posterior(*alone), layer, tag_set, first - begin, end - begin)
            assert span_chance(chances, layer, tag_set, first, end) == pytest.approx(wanted, abs=1e-12)


def test_no_span_leaves_its_block() -> None:
    tag_set = TagSet("bio")
    emissions = np.zeros((4, 1, 3))
    emissions[0, 0, 1] = emissions[1:, 0, 2] = 9
    emissions[1:, 0, 0] = 8
    legal = Transitions.legal(1, tag_set)
    whole, cut = (posterior(emissions, blocks, legal) for blocks in ([(0, 4)], [(0, 2), (2, 4)]))
    assert span_chance(whole, 0, tag_set, 0, 4) > 0.5
    assert not cut.of_tags(0)[2, tag_set.continues].any()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_block_of_five_thousand_words(scheme: str) -> None:
    tag_set = TagSet(scheme)
    ranges = [(first, first + 7) for first in range(0, 5000, 10)]
    emissions = np.random.default_rng(0).normal(0, 1, (5000, LAYERS, len(tag_set.tags)))
    emissions[np.arange(5000), :, tag_set.encode(5000, ranges)] += 20
    legal = Transitions.legal(LAYERS, tag_set)
    chances = posterior(emissions, [(0, 5000)], legal)
    assert all(span_chance(chances, 0, tag_set, *words) > 0.99 for words in ranges)


def test_without_words_there_is_nothing_to_decode() -> None:
    legal = Transitions.legal(3, TagSet("bio"))
    assert posterior(np.zeros((0, 3, 3)), [], legal).of_tags(0).shape == (0, 3)


def test_temperatures_divide_each_layers_scores() -> None:
    parts = np.full((2, 3), 6.0), np.full((2, 3, 3), 6.0), np.full((2, 3), 6.0)
    tempered = Transitions(*parts) / np.array([1.0, 3.0])
    for part in (tempered.start, tempered.step, tempered.end):
        assert (part[0] == 6).all()
        assert (part[1] == 2).all()
