"""The CRF loss against the decoder's own numbers and against brute force."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aqwal.serving.decoding import Transitions, posterior
from aqwal.serving.tags import TagSet
from aqwal.training.chains import LayeredChains, cross_entropy
from aqwal.training.data import IGNORED, mark_pieces

LAYERS = 2


def _chains(tag_set: TagSet, seed: int) -> LayeredChains:
    torch.manual_seed(seed)
    chains = LayeredChains(LAYERS, tag_set)
    for parameter in chains.parameters():
        torch.nn.init.normal_(parameter)
    return chains


def _gold(tag_set: TagSet, length: int, ranges: list[tuple[int, int]]) -> torch.Tensor:
    row = torch.from_numpy(tag_set.encode(length, ranges))
    return torch.stack([row, torch.zeros_like(row)], dim=1)


@pytest.mark.parametrize("name", ["bio", "bioes"])
def test_the_loss_of_whole_blocks_is_what_the_decoder_computes(name: str):
    tag_set, chains = TagSet(name), _chains(TagSet(name), 1)
    scores = torch.randn(1, 6, LAYERS, len(tag_set.tags))
    gold = _gold(tag_set, 6, [(0, 2), (2, 4)])
    pieces = mark_pieces([(0, 4, 1, 1), (4, 6, 1, 1)], 6)

    loss = chains(scores, gold[None], pieces[None]).item()

    learned = chains.transitions() + Transitions.legal(LAYERS, tag_set)
    chances = posterior(scores[0].double().numpy(), [(0, 4), (4, 6)], learned)
    evidence = chances.evidence[[0, 4]].sum()
    path = sum(_path(scores[0].numpy(), gold.numpy(), learned, first, stop) for first, stop in ((0, 4), (4, 6)))
    assert loss == pytest.approx(evidence - path, abs=1e-4)


def _path(scores: np.ndarray, gold: np.ndarray, learned: Transitions, first: int, stop: int) -> float:
    total = 0.0
    for layer in range(LAYERS):
        tags = gold[first:stop, layer]
        total += learned.start[layer, tags[0]] + learned.end[layer, tags[-1]]
        total += sum(scores[first + i, layer, tag] for i, tag in enumerate(tags))
        total += sum(learned.step[layer, a, b] for a, b in itertools.pairwise(tags))
    return total


def test_a_piece_cut_by_a_window_is_open_at_the_cut():
    """Every legal run of tags may go on from before and after: brute force over all of them."""
    tag_set, chains = TagSet("bio"), _chains(TagSet("bio"), 2)
    scores = torch.randn(1, 3, LAYERS, 3)
    gold = torch.tensor([[2, 0], [2, 0], [0, 0]])
    loss = chains(scores, gold[None], mark_pieces([(0, 3, 0, 0)], 3)[None]).item()

    step = (chains.transitions() + Transitions.legal(LAYERS, tag_set)).step
    expected = 0.0
    for layer in range(LAYERS):
        totals = {
            tags: sum(scores[0, i, layer, tag].item() for i, tag in enumerate(tags))
            + sum(step[layer, a, b] for a, b in itertools.pairwise(tags))
            for tags in itertools.product(range(3), repeat=3)
        }
        expected += np.logaddexp.reduce(list(totals.values())) - totals[tuple(gold[:, layer].tolist())]
    assert loss == pytest.approx(expected, abs=1e-4)


def test_padding_changes_neither_loss_nor_gradient():
    tag_set = TagSet("bioes")
    scores = torch.randn(1, 5, LAYERS, 5)
    gold = _gold(tag_set, 5, [(1, 4)])[None]
    pieces = mark_pieces([(0, 5, 1, 1)], 5)[None]
    alone, padded = _chains(tag_set, 3), _chains(tag_set, 3)

    wide_scores = torch.cat([scores, torch.randn(1, 4, LAYERS, 5)], dim=1)
    wide_gold = torch.cat([gold, torch.full((1, 4, LAYERS), IGNORED)], dim=1)
    wide_pieces = torch.cat([pieces, torch.zeros(1, 4, 3, dtype=torch.long)], dim=1)
    losses = alone(scores, gold, pieces), padded(wide_scores, wide_gold, wide_pieces)
    for loss in losses:
        loss.backward()

    assert losses[0].item() == pytest.approx(losses[1].item(), abs=1e-5)
    assert torch.allclose(alone.step.grad, padded.step.grad, atol=1e-6)


EDGES = st.integers(0, 1)


@given(st.lists(st.tuples(st.integers(1, 12), EDGES, EDGES), min_size=1, max_size=5), st.integers(0, 99))
def test_pieces_of_a_window_lose_what_each_loses_alone(pieces: list[tuple[int, int, int]], seed: int):
    """Words are joined two by two, whatever piece they are in; none is changed by its neighbours."""
    tag_set, chains = TagSet("bio"), _chains(TagSet("bio"), seed)
    stops = list(itertools.accumulate(length for length, *_ in pieces))
    scores = torch.randn(1, stops[-1], LAYERS, len(tag_set.tags))
    tags = torch.randint(len(tag_set.tags), (1, stops[-1], LAYERS))
    marks = mark_pieces([(stop - n, stop, *edges) for stop, (n, *edges) in zip(stops, pieces, strict=True)], stops[-1])
    alone = [
        chains.losses(scores[:, stop - n : stop], tags[:, stop - n : stop], mark_pieces([(0, n, *edges)], n)[None])
        for stop, (n, *edges) in zip(stops, pieces, strict=True)
    ]
    assert torch.allclose(chains.losses(scores, tags, marks[None]), sum(alone), rtol=1e-4, atol=1e-3)


def test_learning_makes_the_gold_tags_the_best_ones():
    tag_set, chains = TagSet("bioes"), LayeredChains(LAYERS, TagSet("bioes"))
    scores = torch.zeros(1, 4, LAYERS, 5, requires_grad=True)
    gold = _gold(tag_set, 4, [(1, 3)])[None]
    optimizer = torch.optim.Adam([scores, *chains.parameters()], lr=0.5)
    losses = []
    for _ in range(30):
        loss = chains(scores, gold, mark_pieces([(0, 4, 1, 1)], 4)[None])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 < losses[0]


def test_cross_entropy_counts_labelled_words_only():
    scores = torch.zeros(1, 3, LAYERS, 3)
    tags = torch.tensor([[[0, 0], [1, 0], [IGNORED, IGNORED]]])
    assert cross_entropy(scores, tags).item() == pytest.approx(4 * np.log(3))
