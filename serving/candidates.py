"""The spans that one layer may have, each with its probability, and the best choice among them.

The single most likely row of tags (Viterbi) is not the answer with the best exact F1: where the
model wavers between several ends of a quote, that row may hold no span at all or an unlikely one.
So the answer is the set of spans, none over another, that gains most in expectation: a span is
worth its probability less a threshold, which is half the F1 that can be reached (Lipton et al.
2014, "Optimal thresholding of classifiers to maximize F1"; minimum Bayes risk decoding, Goel and
Byrne 2000). Probabilities of word ranges that the scheme snaps to one span are added up.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from aqwal.annotations.page import Page
from aqwal.annotations.records import AQWAL, PLAIN
from aqwal.annotations.scheme import QUOTE, snap
from aqwal.serving.decoding import Indexes, Posterior
from aqwal.serving.tags import TagSet

# Spans less likely than this are not looked at: they change no sum that is kept, and without them
# the number of candidates grows with the text, not with its square.
_LEAST_CHANCE = 0.01


class Candidate(NamedTuple):
    """A span by code points and its probability, 0 to 1."""

    start: int
    end: int
    score: float


def find_candidates(
    page: Page, chances: Posterior, layer: int, label: str, tag_set: TagSet, scheme: str = AQWAL
) -> list[Candidate]:
    """Return the legal spans of a layer that are likely enough to be thought of, by position.

    Args:
        page: The document.
        chances: Forward-backward over its words.
        layer: Number of the layer.
        label: The layer's label, by whose rules edges are snapped.
        tag_set: The tags of the layers.
        scheme: One of `SCHEMES`; `plain` takes the words as they are.
    """
    first, stop = _likely_ranges(chances, layer, tag_set)
    scores = chances.of_spans(layer, tag_set, first, stop)
    summed: dict[tuple[int, int], float] = {}
    for index in np.flatnonzero(scores >= _LEAST_CHANCE):
        start, end = page.words[first[index]].start, page.words[stop[index] - 1].end
        edges = (start, end) if scheme == PLAIN else _legal_edges(page, start, end, label)
        if edges is not None:
            summed[edges] = summed.get(edges, 0.0) + float(scores[index])
    return [Candidate(*edges, min(score, 1.0)) for edges, score in sorted(summed.items())]


def _likely_ranges(chances: Posterior, layer: int, tag_set: TagSet) -> tuple[Indexes, Indexes]:
    """Pair every likely first word with the likely last words it can reach, as (first, stop), [ranges] each.

    A span is no likelier than that it goes on at each of its words. At the start of a block none does.
    """
    tags = chances.of_tags(layer)
    begins, continues = tags[:, tag_set.begins].sum(axis=-1), tags[:, tag_set.continues].sum(axis=-1)
    ends = tags[:, tag_set.inside].sum(axis=-1) - np.append(continues[1:], 0.0)
    firsts, lasts = np.flatnonzero(begins >= _LEAST_CHANCE), np.flatnonzero(ends >= _LEAST_CHANCE)
    breaks = np.flatnonzero(np.append(continues < _LEAST_CHANCE, True))
    in_block = breaks[np.searchsorted(breaks, firsts, side="right")]
    reach = np.minimum(in_block, chances.reach(layer, tag_set, firsts, _LEAST_CHANCE))
    nearest, behind = np.searchsorted(lasts, firsts), np.searchsorted(lasts, reach)
    counts = behind - nearest
    number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(firsts, counts), lasts[np.repeat(nearest, counts) + number] + 1


def _legal_edges(page: Page, start: int, end: int, label: str) -> tuple[int, int] | None:
    """Return where the scheme wants a span, its quotation marks whole; None if it wants none.

    What stands between an opening and its closing mark is one QUOTE (rule 11): of 4,590 annotated ones
    none has one mark of a pair inside and one outside, and none lies within a pair. So a QUOTE takes in
    the pairs that it cuts, and the pair of which it is the better half. No SPEAKER or TOPIC cuts a pair.
    """
    edges = _cutting_no_pair(page, start, end, label)
    around = page.quotation_around(*edges) if edges is not None and label == QUOTE else None
    if edges is None or around is None or 2 * (edges[1] - edges[0]) <= around[1] - around[0]:
        return edges
    return _cutting_no_pair(page, around[0], around[1] + 1, label)


def _cutting_no_pair(page: Page, start: int, end: int, label: str) -> tuple[int, int] | None:
    """Return the snapped edges, for a QUOTE with the pairs that it cuts; None for another span that cuts any."""
    edges = snap(page, start, end, label)
    while edges is not None and (cut := page.pairs_cut(*edges)):
        if label != QUOTE:
            return None
        # Each time it holds more marks: no sentence ends and no line is cut between those of a pair.
        edges = snap(page, min(edges[0], cut[0][0]), max(edges[1], *(closing + 1 for _, closing in cut)), label)
    return edges


def choose(candidates: Sequence[Candidate], threshold: float) -> list[Candidate]:
    """Return the candidates, none over another, with the largest sum of score − threshold, by position.

    Weighted interval scheduling (Kleinberg and Tardos 2005, section 6.1).
    """
    ordered = sorted(candidates, key=lambda one: (one.end, one.start))
    ends = [one.end for one in ordered]
    best, before = [0.0], []
    for number, one in enumerate(ordered):
        before.append(bisect_right(ends, one.start, hi=number))
        best.append(max(best[-1], best[before[-1]] + one.score - threshold))
    chosen: list[Candidate] = []
    number = len(ordered)
    while number:
        if best[number] == best[number - 1]:
            number -= 1
        else:
            chosen.append(ordered[number - 1])
            number = before[number - 1]
    return chosen[::-1]
