"""From tag scores to spans: Viterbi and forward-backward over every layer at once, in numpy.

A linear chain per layer (Lafferty et al. 2001): emission scores from the encoder, transition scores
learned or zero, illegal steps impossible. Blocks are runs of words that no span can leave (a
paragraph, or paragraphs joined by one pair of quotation marks); blocks of like length are decoded
together, so the cost is linear in the text and the Python loop as long as the longest block.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aqwal.serving.tags import TagSet

Scores = NDArray[np.float64]
Block = tuple[int, int]
_IMPOSSIBLE = -np.inf


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


def viterbi(emissions: Scores, blocks: list[Block], transitions: Transitions) -> NDArray[np.int64]:
    """Return the best legal tags of every layer, [layers, words].

    Args:
        emissions: Tag scores (logits), [words, layers, tags].
        blocks: (first, stop) word ranges that tile the words; chains start and end with them.
        transitions: With the tag set's illegal steps already forbidden.
    """
    best = np.zeros(emissions.shape[1::-1], dtype=np.int64)
    for batch in _batches(emissions, blocks):
        rows = _viterbi_batch(batch, transitions)
        for (first, stop), row in zip(batch.blocks, rows, strict=True):
            best[:, first:stop] = row[: stop - first].T
    return best


def _viterbi_batch(batch: _Batch, transitions: Transitions) -> NDArray[np.int64]:
    """Return the best tags, [blocks, words, layers]; those of padding mean nothing."""
    scores, inside = batch.scores, batch.inside
    state = scores[:, 0] + transitions.start
    stay = np.broadcast_to(np.arange(state.shape[-1]), state.shape)
    pointers = [stay]
    for position in range(1, scores.shape[1]):
        reached = state[..., :, None] + transitions.step
        here = inside[:, position, None, None]
        pointers.append(np.where(here, reached.argmax(axis=-2), stay))
        state = np.where(here, reached.max(axis=-2) + scores[:, position], state)
    tags = np.empty(scores.shape[:3], dtype=np.int64)
    tags[:, -1] = (state + transitions.end).argmax(axis=-1)
    for position in range(scores.shape[1] - 1, 0, -1):
        previous = np.take_along_axis(pointers[position], tags[:, position, :, None], axis=-1)
        tags[:, position - 1] = previous[..., 0]
    return tags


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

    def of_span(self, layer: int, tags: NDArray[np.int64], first: int, stop: int) -> float:
        """Return the probability, 0 to 1, that these words are exactly one span.

        Args:
            layer: Number of the layer.
            tags: The span's tags, [stop - first].
            first: The span's first word.
            stop: One past its last word.
        """
        step = self.transitions.step[layer]
        score = self.forward[first, layer, tags[0]]
        score += step[tags[:-1], tags[1:]].sum()
        score += self.emissions[np.arange(first + 1, stop), layer, tags[1:]].sum()
        score += self._leaving(layer, int(tags[-1]), stop)
        return float(np.exp(min(score - self.evidence[first, layer], 0.0)))

    def _leaving(self, layer: int, tag: int, stop: int) -> float:
        """Log weight of all continuations after the span's last word that do not prolong it."""
        if stop == len(self.emissions) or self.starts[stop]:
            return float(self.transitions.end[layer, tag])
        onward = self.transitions.step[layer, tag] + self.emissions[stop, layer] + self.backward[stop, layer]
        # Only BIO can go on after its last word, by I; in BIOES E and S forbid it themselves.
        onward = np.delete(onward, 2) if len(onward) == 3 else onward
        return float(_log_sum(onward[None], axis=-1)[0])


def posterior(emissions: Scores, blocks: list[Block], transitions: Transitions) -> Posterior:
    """Run forward-backward; arguments as for `viterbi`."""
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
