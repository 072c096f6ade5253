"""Tags of one layer: words ↔ ranges, and which rows of tags are legal."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tag_rows import ranges_of

from aqwal.serving.tags import TagSet

SCHEMES = ("bio", "bioes")


def letters(tag_set: TagSet, row: np.ndarray) -> str:
    return "".join(tag_set.tags[number] for number in row)


def is_legal(tag_set: TagSet, row: tuple[int, ...]) -> bool:
    steps = all(tag_set.may_follow[before, after] for before, after in pairwise(row))
    return bool(tag_set.may_start[row[0]] and steps and tag_set.may_end[row[-1]])


@st.composite
def rows_of_ranges(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    """Draw a number of words and disjoint ranges of them, touching ones included."""
    gaps_and_lengths = draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4)), max_size=8))
    ranges, position = [], 0
    for gap, length in gaps_and_lengths:
        ranges.append((position + gap, position + gap + length))
        position += gap + length
    return position + draw(st.integers(0, 2)), ranges


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [("bio", "OBBIBIIO"), ("bioes", "OSBEBIEO")],
)
def test_spans_of_one_two_and_three_words_that_touch(scheme: str, expected: str) -> None:
    tag_set = TagSet(scheme)
    row = tag_set.encode(8, [(1, 2), (2, 4), (4, 7)])
    assert letters(tag_set, row) == expected
    assert ranges_of(tag_set, row) == [(1, 2), (2, 4), (4, 7)]


@pytest.mark.parametrize("scheme", SCHEMES)
@given(rows_of_ranges())
def test_what_encode_got_is_read_back(scheme: str, drawn: tuple[int, list[tuple[int, int]]]) -> None:
    length, ranges = drawn
    tag_set = TagSet(scheme)
    row = tag_set.encode(length, ranges[::-1])
    assert ranges_of(tag_set, row) == ranges
    assert not length or is_legal(tag_set, tuple(row))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_legal_rows_are_exactly_those_that_encode_writes(scheme: str) -> None:
    tag_set = TagSet(scheme)
    for row in product(range(len(tag_set.tags)), repeat=4):
        if is_legal(tag_set, row):
            assert tuple(tag_set.encode(4, ranges_of(tag_set, row))) == row
    # 34 ways to put disjoint spans over 4 words: every other Fibonacci number.
    assert sum(is_legal(tag_set, row) for row in product(range(len(tag_set.tags)), repeat=4)) == 34


def test_legality_of_bio() -> None:
    tag_set = TagSet("bio")
    assert tag_set.tags == ("O", "B", "I")
    assert tag_set.may_start.tolist() == [True, True, False]
    assert tag_set.may_end.tolist() == [True, True, True]
    assert tag_set.may_follow.tolist() == [[True, True, False], [True, True, True], [True, True, True]]


def test_legality_of_bioes() -> None:
    tag_set = TagSet("bioes")
    assert tag_set.tags == ("O", "B", "I", "E", "S")
    assert tag_set.may_start.tolist() == [True, True, False, False, True]
    assert tag_set.may_end.tolist() == [True, False, False, True, True]
    outside, inside = [True, True, False, False, True], [False, False, True, True, False]
    assert tag_set.may_follow.tolist() == [outside, inside, inside, outside, outside]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("ranges", [[(0, 2), (1, 3)], [(2, 2)], [(3, 2)], [(4, 6)], [(-1, 1)]])
def test_bad_ranges_are_refused(scheme: str, ranges: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match=r"words \[.*\] are empty, outside or taken in a row of 5 words"):
        TagSet(scheme).encode(5, ranges)


def test_unknown_scheme_names_those_that_exist() -> None:
    with pytest.raises(ValueError, match="unknown tag scheme 'iob2'; there are: bio, bioes"):
        TagSet("iob2")


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [("bio", ["O", "B-QUOTE", "B-QUOTE", "I-QUOTE"]), ("bioes", ["O", "S-QUOTE", "B-QUOTE", "E-QUOTE"])],
)
def test_strict_names_are_what_seqeval_reads(scheme: str, expected: list[str]) -> None:
    tag_set = TagSet(scheme)
    assert tag_set.strict_names(tag_set.encode(4, [(1, 2), (2, 4)]), "QUOTE") == expected
