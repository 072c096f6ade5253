"""Tag sets for one layer of spans: BIO and BIOES, their legal sequences, tags ↔ word ranges."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_TAGS = {"bio": ("O", "B", "I"), "bioes": ("O", "B", "I", "E", "S")}
OUTSIDE = 0


@dataclass(frozen=True)
class TagSet:
    """The tags of one scheme, `bio` or `bioes` (Ramshaw and Marcus 1995), as numbers from 0 on."""

    name: str

    def __post_init__(self) -> None:
        """Refuse a scheme that does not exist.

        Raises:
            ValueError: If the name is not known.
        """
        if self.name not in _TAGS:
            raise ValueError(f"unknown tag scheme {self.name!r}; there are: {', '.join(_TAGS)}")

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags' letters by number."""
        return _TAGS[self.name]

    def _is(self, letters: str) -> NDArray[np.bool_]:
        return np.array([tag in letters for tag in self.tags])

    @property
    def begins(self) -> NDArray[np.bool_]:
        """Tags of a span's first word, [tags]."""
        return self._is("BS")

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Tags of a span's words, [tags]."""
        return ~self._is("O")

    @property
    def continues(self) -> NDArray[np.bool_]:
        """Tags of a span's words behind its first, [tags]."""
        return self._is("IE")

    @property
    def may_start(self) -> NDArray[np.bool_]:
        """Tags that may stand first, [tags]."""
        return self._is("OBS")

    @property
    def may_end(self) -> NDArray[np.bool_]:
        """Tags that may stand last, [tags]."""
        return self._is("OBI" if self.name == "bio" else "OES")

    @property
    def may_follow(self) -> NDArray[np.bool_]:
        """Legal steps, [tags before, tags after]."""
        inside_before = self._is("BI")[:, None]
        continues = self.continues[None, :]
        return inside_before >= continues if self.name == "bio" else inside_before == continues

    def encode(self, length: int, ranges: Iterable[tuple[int, int]]) -> NDArray[np.int64]:
        """Return the tags of a row of words, [length], for spans given as (first, stop) in words.

        Raises:
            ValueError: If two ranges overlap or one is empty or outside.
        """
        row = np.full(length, OUTSIDE, dtype=np.int64)
        number = {tag: index for index, tag in enumerate(self.tags)}
        for first, stop in ranges:
            if not 0 <= first < stop <= length or row[first:stop].any():
                raise ValueError(f"words [{first}:{stop}] are empty, outside or taken in a row of {length} words")
            row[first:stop] = number["I"]
            row[first] = number["B"]
            if self.name == "bioes":
                row[stop - 1] = number["S" if stop - first == 1 else "E"]
        return row

    def strict_names(self, row: NDArray[np.integer], label: str) -> list[str]:
        """Return the tags as `B-QUOTE` and so on, as seqeval reads them."""
        return [tag if tag == "O" else f"{tag}-{label}" for tag in (self.tags[index] for index in row)]
