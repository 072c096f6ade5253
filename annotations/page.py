"""A text with its words, paragraphs and pairs of marks, each found once and kept."""

from bisect import bisect_left, bisect_right
from functools import cached_property
from itertools import pairwise

from aqwal.annotations.marks import pair_marks
from aqwal.annotations.words import LINE_BREAK, Word, cut_words


class Page:
    """What the scheme needs to know of a text; offsets are code points of `text`."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def words(self) -> list[Word]:
        """The words of the text by rule 1, in order."""
        return cut_words(self.text)

    @cached_property
    def partners(self) -> dict[int, int]:
        """Offset of each paired mark → offset of its partner, both ways."""
        return pair_marks(self.text)

    @cached_property
    def line_breaks(self) -> list[int]:
        """Offset of the first code point of each line break."""
        return [match.start() for match in LINE_BREAK.finditer(self.text)]

    @cached_property
    def blocks(self) -> list[tuple[int, int]]:
        """The (first, stop) word ranges that no span leaves (rule 5), tiling the words.

        A block is a paragraph, or several that a pair of quotation marks holds together.
        """
        openings = (offset for offset, partner in self.partners.items() if offset < partner)
        breaks = set(self.line_breaks)
        for opening in openings:
            breaks -= set(self.breaks_in(opening, self.partners[opening]))
        cuts = [self.words_over(offset, offset)[0] for offset in breaks]
        edges = sorted({0, *cuts, len(self.words)})
        return list(pairwise(edges))

    @cached_property
    def _word_starts(self) -> list[int]:
        return [word.start for word in self.words]

    @cached_property
    def _word_ends(self) -> list[int]:
        return [word.end for word in self.words]

    def words_over(self, start: int, end: int) -> tuple[int, int]:
        """Return (first, stop) of the words that share a code point with `[start, end)`.

        Of an empty range, the word it lies in, or the empty range before the next word.
        """
        return bisect_right(self._word_ends, start), bisect_left(self._word_starts, end)

    def breaks_in(self, start: int, end: int) -> list[int]:
        """Return the offsets of the line breaks that begin within `[start, end)`."""
        return self.line_breaks[bisect_left(self.line_breaks, start) : bisect_left(self.line_breaks, end)]

    def surface(self, index: int) -> str:
        """Return the characters of the word with this index."""
        return self.text[slice(*self.words[index])]

    def pair_covers(self, offset: int, start: int, end: int) -> bool:
        """Say whether a pair of marks inside `[start, end)` encloses an offset."""
        return any(start <= opening < offset < closing < end for opening, closing in self.partners.items())
