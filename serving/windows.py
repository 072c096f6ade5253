"""Cut a document into windows that an encoder can hold, and say which window answers for a word."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

# A window may end early for the sake of a paragraph's end, but not below this share of its room.
_LEAST_FILL = 0.75


@dataclass(frozen=True, slots=True)
class Window:
    """Words `[first, stop)` go through the encoder; it answers for `[own_first, own_stop)` of them."""

    first: int
    stop: int
    own_first: int
    own_stop: int


def cut_windows(lengths: NDArray[np.int64], room: int, overlap: int, paragraph_ends: list[int]) -> list[Window]:
    """Cover a document by windows; every word has exactly one owner.

    Args:
        lengths: Sub-tokens of each word, [words]; each from 1 to `room`.
        room: Sub-tokens a window can hold, special tokens not counted.
        overlap: Sub-tokens that neighbouring windows share, about; less than half of `room`.
        paragraph_ends: Word indexes, ascending, at which a paragraph has just ended.

    Returns:
        Windows in order; a document that fits is one window, one without words none. A word
        shared by two windows belongs to the one in which its first sub-token has more context.

    Raises:
        ValueError: If a word is longer than a window or the overlap too large to get ahead.
    """
    if not 0 <= 2 * overlap < room:
        raise ValueError(f"an overlap of {overlap} sub-tokens does not fit a window of {room}: give less than half")
    if len(lengths) and int(lengths.max()) > room:
        raise ValueError(f"a word of {int(lengths.max())} sub-tokens does not fit a window of {room}")
    if not len(lengths):
        return []
    edges = np.concatenate([[0], np.cumsum(lengths)])
    ranges = _ranges(edges, room, overlap, np.asarray(paragraph_ends, dtype=np.int64))
    cuts = [0, *(_owner_cut(edges, one, other) for one, other in pairwise(ranges)), len(lengths)]
    return [Window(*words, *own) for words, own in zip(ranges, pairwise(cuts), strict=True)]


def _ranges(edges: NDArray[np.int64], room: int, overlap: int, ends: NDArray[np.int64]) -> list[tuple[int, int]]:
    words = len(edges) - 1
    ranges: list[tuple[int, int]] = []
    first = stop = 0
    while stop < words:
        stop = int(np.searchsorted(edges, edges[first] + room, side="right")) - 1
        if stop < words:
            stop = _paragraph_end_before(edges, room, ends, first, stop)
        ranges.append((first, stop))
        if stop < words:
            # The next one begins `overlap` sub-tokens back, or less if the word to come needs the room.
            back = max(edges[stop] - overlap, edges[stop + 1] - room)
            first = int(np.searchsorted(edges, back, side="left"))
    return ranges


def _paragraph_end_before(edges: NDArray[np.int64], room: int, ends: NDArray[np.int64], first: int, stop: int) -> int:
    index = int(np.searchsorted(ends, stop, side="right")) - 1
    end = int(ends[index]) if index >= 0 else 0
    return end if edges[end] - edges[first] >= _LEAST_FILL * room else stop


def _owner_cut(edges: NDArray[np.int64], one: tuple[int, int], other: tuple[int, int]) -> int:
    """Return the first word of which the later window sees more before than the earlier one after."""
    middle = (edges[other[0]] + edges[one[1]]) / 2
    return min(max(int(np.searchsorted(edges, middle, side="left")), other[0]), one[1])
