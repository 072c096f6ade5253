"""From tag scores to probabilities: forward-backward over every layer at once, in numpy.

A linear chain per layer (Lafferty et al. 2001): emission scores from the encoder, transition scores
learned or zero, illegal steps impossible. Blocks are runs of words that no span can leave (a
sentence, or what a pair of marks holds together); blocks of like length are decoded together, so
the cost is linear in the text and the Python loop as long as the longest block.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aqwal.serving.tags import TagSet

Scores = NDArray[np.float64]
Indexes = NDArray[np.int64]
Block = tuple[int, int]
_IMPOSSIBLE = -np.inf
# As a logarithm; far less than any probability that matters.
_NEVER = -60.0


@dataclass(frozen=True)
class Transitions:
    """Scores of a chain per layer: `start` and `end` [layers, tags], `step` [layers, tags before, tags after]."""

    start: Scores
    step: Scores
    end: Scores

    @classmethod
    def legal(cls, layers: int, tag_set: TagSet) -> "Transitions":
        """Return transitions that forbid what the tag set forbids and prefer nothing else."""
        start, step, end = (
            np.where(allowed, 0.0, _IMPOSSIBLE) for allowed in (tag_set.may_start, tag_set.may_follow, tag_set.may_end)
        )
        return cls(*(np.repeat(part[None], layers, axis=0) for part in (start, step, end)))

    def __add__(self, other: "Transitions") -> "Transitions":
        """Sum the scores, as learned ones onto the legal ones."""
        return Transitions(self.start + other.start, self.step + other.step, self.end + other.end)

    def __truediv__(self, temperatures: Scores) -> "Transitions":
        """Divide each layer's scores by its temperature, [layers]."""
        by_tag = temperatures[:, None]
        return Transitions(self.start / by_tag, self.step / by_tag[..., None], self.end / by_tag)


@dataclass(frozen=True)
class _Batch:
    """Blocks of like length, padded: `scores` [blocks, words, layers, tags], `inside` [blocks, words]."""

    blocks: list[Block]
    scores: Scores
    inside: NDArray[np.bool_]


def _batches(emissions: Scores, blocks: list[Block]) -> Iterator[_Batch]:
    """Group blocks by length, each group's longest at most twice its shortest."""
    groups: dict[int, list[Block]] = {}
    for first, stop in blocks:
        if stop > first:
            groups.setdefault((stop - first - 1).bit_length(), []).append((first, stop))
    for members in groups.values():
        lengths = np.array([stop - first for first, stop in members])
        inside = np.arange(lengths.max())[None] < lengths[:, None]
        padded = np.zeros((*inside.shape, *emissions.shape[1:]))
        padded[inside] = np.concatenate([emissions[first:stop] for first, stop in members])
        yield _Batch(members, padded, inside)


@dataclass(frozen=True)
class Posterior:
    """Forward-backward over a text; `forward` and `backward` [words, layers, tags], `evidence` [words, layers].

    `forward` includes the word's own emission, `backward` does not; `evidence` is the log partition
    of the word's block.
    """

    emissions: Scores
    transitions: Transitions
    forward: Scores
    backward: Scores
    evidence: Scores
    starts: NDArray[np.bool_]

    def of_tags(self, layer: int) -> Scores:
        """Return the probability of each tag at each word, [words, tags], 0 to 1."""
        chances = self.forward[:, layer] + self.backward[:, layer] - self.evidence[:, layer, None]
        return np.asarray(np.exp(np.minimum(chances, 0.0)))

    def of_spans(self, layer: int, tag_set: TagSet, first: Indexes, stop: Indexes) -> Scores:
        """Return the probability, 0 to 1, of each word range that exactly it is a span.

        Args:
            layer: Number of the layer.
            tag_set: The layer's tags.
            first: First word of each range, [ranges].
            stop: One past the last word of each, [ranges]; in the block of the first.
        """
        head, middle, tail = tag_set.encode(3, [(0, 3)])
        (single,) = tag_set.encode(1, [(0, 1)])
        length, last = stop - first, stop - 1
        score = self.forward[first, layer, np.where(length == 1, single, head)]
        score += np.where(length == 1, 0.0, self._onward(layer, (head, middle, tail), first, last))
        score += self._leaving(layer, tag_set, np.where(length == 1, single, tail), stop)
        return np.asarray(np.exp(np.minimum(score - self.evidence[first, layer], 0.0)))

    def reach(self, layer: int, tag_set: TagSet, first: Indexes, least: float) -> Indexes:
        """Return one past the last word at which a span from each first word may end with a probability of `least`.

        A span is no likelier than that one goes on to its last word but one, which falls from word to word. Of
        all first words few are likely to go on to the same later one, so the ranges within reach are as many as
        the words, not as their pairs.

        Args:
            layer: Number of the layer.
            tag_set: The layer's tags.
            first: First word of each span, [spans].
            least: Probability, above 0.
        """
        head, middle, _ = tag_set.encode(3, [(0, 3)])
        second = np.minimum(first + 1, len(self.emissions) - 1)
        begins = self.forward[first, layer, head] + self.backward[first, layer, head] - self.evidence[first, layer]
        begun = np.minimum(begins, 0.0) + self._next(layer, head, middle)[second]
        lasting = np.cumsum(self._next(layer, middle, middle))
        lost = np.searchsorted(-lasting, begun - np.log(least) - lasting[second], side="right")
        return np.asarray(np.maximum(lost, second) + 1)

    def _next(self, layer: int, before: int, tag: int) -> Scores:
        """Log probability, [words], that a word has a tag if the one before it in its block has a certain other."""
        behind = self.backward[:, layer]
        with np.errstate(invalid="ignore"):
            chances = (self.emissions[1:, layer, tag] + behind[1:, tag]) - behind[:-1, before]
        chances = np.append(_NEVER, chances + self.transitions.step[layer, before, tag])
        # Sums of these are compared, which infinity would spoil.
        return np.clip(np.where(self.starts | np.isnan(chances), _NEVER, chances), _NEVER, 0.0)

    def _onward(self, layer: int, tags: tuple[int, int, int], first: Indexes, last: Indexes) -> Scores:
        """Log weight from a span's first tag to its last, for spans of two words and more."""
        head, middle, tail = tags
        step, emissions = self.transitions.step[layer], self.emissions[:, layer]
        sums = np.concatenate([[0.0], np.cumsum(emissions[:, middle])])
        between = np.maximum(last - first - 1, 0)
        inner = step[head, middle] + sums[last] - sums[np.minimum(first + 1, last)]
        inner += np.maximum(between - 1, 0) * step[middle, middle] + step[middle, tail]
        return np.asarray(np.where(between == 0, step[head, tail], inner) + emissions[last, tail])

    def _leaving(self, layer: int, tag_set: TagSet, tags: Indexes, stop: Indexes) -> Scores:
        """Log weight of all that may follow each span's last word without prolonging it."""
        after = np.minimum(stop, len(self.emissions) - 1)
        onward = self.transitions.step[layer, tags] + self.emissions[after, layer] + self.backward[after, layer]
        onward[:, tag_set.continues] = _IMPOSSIBLE
        is_last = (stop == len(self.emissions)) | self.starts[after]
        return np.where(is_last, self.transitions.end[layer, tags], _log_sum(onward, axis=-1))


def posterior(emissions: Scores, blocks: list[Block], transitions: Transitions) -> Posterior:
    """Run forward-backward.

    Args:
        emissions: Tag scores (logits), [words, layers, tags].
        blocks: (first, stop) word ranges that tile the words; chains start and end with them.
        transitions: With the tag set's illegal steps already forbidden.
    """
    forward, backward = np.zeros_like(emissions), np.zeros_like(emissions)
    evidence = np.zeros(emissions.shape[:2])
    starts = np.zeros(len(emissions), dtype=np.bool_)
    for batch in _batches(emissions, blocks):
        ahead, behind = _forward(batch, transitions), _backward(batch, transitions)
        for number, (first, stop) in enumerate(batch.blocks):
            length = stop - first
            forward[first:stop], backward[first:stop] = ahead[number, :length], behind[number, :length]
            evidence[first:stop] = _log_sum(ahead[number, length - 1] + transitions.end, axis=-1)
            starts[first] = True
    return Posterior(emissions, transitions, forward, backward, evidence, starts)


def _forward(batch: _Batch, transitions: Transitions) -> Scores:
    ahead = np.empty_like(batch.scores)
    ahead[:, 0] = batch.scores[:, 0] + transitions.start
    for position in range(1, batch.scores.shape[1]):
        reached = _log_sum(ahead[:, position - 1, :, :, None] + transitions.step, axis=-2)
        ahead[:, position] = reached + batch.scores[:, position]
    return ahead


def _backward(batch: _Batch, transitions: Transitions) -> Scores:
    behind = np.empty_like(batch.scores)
    last = np.broadcast_to(transitions.end, behind[:, 0].shape)
    behind[:, -1] = last
    for position in range(batch.scores.shape[1] - 2, -1, -1):
        onward = (batch.scores[:, position + 1] + behind[:, position + 1])[:, :, None, :] + transitions.step
        goes_on = batch.inside[:, position + 1, None, None]
        behind[:, position] = np.where(goes_on, _log_sum(onward, axis=-1), last)
    return behind


def _log_sum(scores: Scores, axis: int) -> Scores:
    top = scores.max(axis=axis, keepdims=True)
    return np.asarray(np.log(np.exp(scores - top).sum(axis=axis)) + top.squeeze(axis))
