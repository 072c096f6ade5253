"""Windows over a document: nothing left out, nothing answered twice, paragraphs kept whole."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqwal.serving.windows import Window, cut_windows

LEAST_FILL = 0.75


def lengths_of(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


@st.composite
def documents(draw: st.DrawFn) -> tuple[np.ndarray, int, int, list[int]]:
    """Draw sub-tokens of words, room, overlap and paragraph ends."""
    room = draw(st.integers(1, 30))
    lengths = draw(st.lists(st.integers(1, room), max_size=80))
    ends = draw(st.sets(st.integers(0, len(lengths)), max_size=10))
    return lengths_of(*lengths), room, draw(st.integers(0, (room - 1) // 2)), sorted(ends)


@given(documents())
def test_every_word_has_exactly_one_owner(document: tuple[np.ndarray, int, int, list[int]]) -> None:
    windows = cut_windows(*document)
    owned = [word for window in windows for word in range(window.own_first, window.own_stop)]
    assert owned == list(range(len(document[0])))
    assert all(window.first <= window.own_first <= window.own_stop <= window.stop for window in windows)


@given(documents())
def test_windows_stay_within_their_room_and_get_ahead(document: tuple[np.ndarray, int, int, list[int]]) -> None:
    lengths, room, *_ = document
    windows = cut_windows(*document)
    assert all(0 < lengths[window.first : window.stop].sum() <= room for window in windows)
    assert all(one.first < two.first <= one.stop < two.stop for one, two in pairwise(windows))


@given(documents())
def test_neighbours_share_no_more_than_the_overlap(document: tuple[np.ndarray, int, int, list[int]]) -> None:
    lengths, _, overlap, _ = document
    assert all(lengths[two.first : one.stop].sum() <= overlap for one, two in pairwise(cut_windows(*document)))


@given(documents())
def test_a_window_ends_with_a_paragraph_if_one_ends_in_its_last_quarter(
    document: tuple[np.ndarray, int, int, list[int]],
) -> None:
    lengths, room, _, ends = document
    for window in cut_windows(*document)[:-1]:
        sizes = {end: lengths[window.first : end].sum() for end in ends if end > window.first}
        well_filled = [end for end, size in sizes.items() if LEAST_FILL * room <= size <= room]
        if well_filled:
            assert window.stop == max(well_filled)
        else:
            assert lengths[window.first : window.stop + 1].sum() > room


@given(st.lists(st.integers(1, 9), min_size=1, max_size=20), st.sets(st.integers(0, 20)))
def test_what_fits_is_one_window(numbers: list[int], ends: set[int]) -> None:
    inside = sorted(end for end in ends if end <= len(numbers))
    assert cut_windows(lengths_of(*numbers), sum(numbers), 0, inside) == [Window(0, len(numbers), 0, len(numbers))]


def test_no_words_need_no_window() -> None:
    assert cut_windows(lengths_of(), 10, 4, [0]) == []


def test_a_shared_word_belongs_to_the_window_that_sees_more_around_it() -> None:
    assert cut_windows(lengths_of(*[1] * 16), 10, 4, []) == [Window(0, 10, 0, 8), Window(6, 16, 8, 16)]


def test_context_is_counted_in_sub_tokens_from_the_first_one_of_a_word() -> None:
    # Word 7 begins after one of four shared sub-tokens: the earlier window sees its other two, the later one word 6.
    lengths = lengths_of(1, 1, 1, 1, 1, 1, 1, 3, 1, 1, 1, 1, 1, 1)
    assert cut_windows(lengths, 10, 4, []) == [Window(0, 8, 0, 8), Window(6, 14, 8, 14)]


@given(documents())
def test_no_neighbour_sees_more_around_a_word_than_its_owner(document: tuple[np.ndarray, int, int, list[int]]) -> None:
    edges = np.concatenate([[0], np.cumsum(document[0])])
    for one, two in pairwise(cut_windows(*document)):
        for word in range(two.first, one.stop):
            after_in_one, before_in_two = edges[one.stop] - edges[word] - 1, edges[word] - edges[two.first]
            assert (word >= one.own_stop) == (before_in_two > after_in_one)


def test_a_paragraph_that_ends_too_early_is_no_reason_to_stop() -> None:
    numbers = lengths_of(*[1] * 20)
    assert cut_windows(numbers, 12, 0, [9])[0].stop == 9
    assert cut_windows(numbers, 12, 0, [8])[0].stop == 12


@pytest.mark.parametrize("overlap", [5, 6, -1])
def test_an_overlap_that_cannot_get_ahead_is_refused(overlap: int) -> None:
    message = f"an overlap of {overlap} sub-tokens does not fit a window of 10: give less than half"
    with pytest.raises(ValueError, match=message):
        cut_windows(lengths_of(1, 1), 10, overlap, [])


def test_a_word_longer_than_a_window_is_refused() -> None:
    with pytest.raises(ValueError, match="a word of 11 sub-tokens does not fit a window of 10"):
        cut_windows(lengths_of(1, 11, 1), 10, 2, [])
