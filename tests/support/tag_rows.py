"""Rows of tags read back: the other way than `TagSet.encode`, tag by tag."""

from collections.abc import Iterable

from aqwal.serving.tags import TagSet


def ranges_of(tag_set: TagSet, row: Iterable[int]) -> list[tuple[int, int]]:
    """Return the (first, stop) word ranges of a legal row of tags, in order."""
    ranges: list[tuple[int, int]] = []
    for word, number in enumerate(row):
        tag = tag_set.tags[number]
        if tag in "BS":
            ranges.append((word, word + 1))
        elif tag != "O":
            ranges[-1] = ranges[-1][0], word + 1
    return ranges
