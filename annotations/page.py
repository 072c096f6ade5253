"""A text with its words, paragraphs, sentences and pairs of marks, each found once and kept."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise

from aqwal.annotations.marks import DOUBLE_MARKS, QUOTATION_MARKS, pair_marks, without_invisible
from aqwal.annotations.words import LINE_BREAK, Word, cut_words

# Not the full stop of `د. أحمد`, as one letter by itself is an abbreviation, and not a row of dots.
_SENTENCE_END = re.compile(r"(?<!\.)(?<!\b[^\W\d_])\.(?=\s)|[!?؟](?=\s)")
_FULL_STOP_IN_MARKS = re.compile(rf"\.[{DOUBLE_MARKS}](?=\s)")


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
    def sentence_ends(self) -> list[int]:
        """Offset just behind each `.`, `!` or `؟` that ends a sentence: before white space, outside pairs of marks."""
        return [end for end in self._ends_of(_SENTENCE_END) if not self._is_enclosed(end - 1)]

    @cached_property
    def blocks(self) -> list[tuple[int, int]]:
        """The (first, stop) word ranges that no span leaves (rules 5 and 11), tiling the words.

        A block is a sentence, or what a pair of marks holds together.
        """
        return self._cut_words_at([*self._open_line_breaks, *self.sentence_ends])

    @cached_property
    def sentences(self) -> list[tuple[int, int]]:
        """The (start, end) code points of each sentence as readers see it, from its first word to its last.

        It is a block, or part of one: a full stop as the last thing inside marks ends a sentence too,
        though a span may run on behind it.
        """
        closings = (end - 1 for end in self._ends_of(_FULL_STOP_IN_MARKS))
        ends = [at + 1 for at in closings if self.partners.get(at, at) < at and not self._is_enclosed(at)]
        cut = self._cut_words_at([*self._open_line_breaks, *self.sentence_ends, *ends])
        return [(self.words[first].start, self.words[stop - 1].end) for first, stop in cut]

    def _ends_of(self, pattern: re.Pattern[str]) -> Iterator[int]:
        """Yield the offset just behind each match, sought as if there were no invisible characters."""
        visible, offsets = self._visible
        return (offsets[match.end() - 1] + 1 for match in pattern.finditer(visible))

    @cached_property
    def _visible(self) -> tuple[str, Sequence[int]]:
        return without_invisible(self.text)

    @property
    def _open_line_breaks(self) -> list[int]:
        return [offset for offset in self.line_breaks if not self._is_enclosed(offset)]

    def _cut_words_at(self, offsets: Iterable[int]) -> list[tuple[int, int]]:
        """Return the (first, stop) ranges into which some offsets cut the words."""
        return list(pairwise(sorted({0, *(self.words_over(offset, offset)[0] for offset in offsets), len(self.words)})))

    @cached_property
    def _quotations(self) -> list[tuple[int, int]]:
        """The (opening, closing) offsets of paired quotation marks, by opening."""
        return sorted((a, b) for a, b in self.partners.items() if a < b and self.text[a] in QUOTATION_MARKS)

    @cached_property
    def _quotation_marks(self) -> list[int]:
        return sorted(offset for pair in self._quotations for offset in pair)

    def pairs_cut(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return the (opening, closing) quotation marks of which only one lies in `[start, end)`, by opening."""
        first, stop = bisect_left(self._quotation_marks, start), bisect_left(self._quotation_marks, end)
        inside = self._quotation_marks[first:stop]
        partners = ((offset, self.partners[offset]) for offset in inside)
        return sorted((min(pair), max(pair)) for pair in partners if not start <= pair[1] < end)

    def quotation_around(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the (opening, closing) of the nearest quotation marks around `[start, end)`, if there are any."""
        index = bisect_left(self._quotations, (start, -1)) - 1
        while index >= 0:
            opening, closing = self._quotations[index]
            if closing >= end:
                return opening, closing
            index = self._outer[index]
        return None

    @cached_property
    def _outer(self) -> list[int]:
        """Index of the quotation that encloses each quotation, -1 if none, or the nearest to be asked."""
        outer: list[int] = []
        stack: list[int] = []
        for index, (opening, _) in enumerate(self._quotations):
            while stack and self._quotations[stack[-1]][1] < opening:
                stack.pop()
            outer.append(stack[-1] if stack else -1)
            stack.append(index)
        return outer

    def _is_enclosed(self, offset: int) -> bool:
        """Say whether any pair of marks encloses a code point."""
        index = bisect_right(self._enclosures, (offset, -1)) - 1
        return index >= 0 and offset < self._enclosures[index][1]

    @cached_property
    def _enclosures(self) -> list[tuple[int, int]]:
        """The (opening, closing) offsets of pairs, those that lie in others or cross them merged, in order."""
        merged: list[tuple[int, int]] = []
        for opening, closing in sorted((a, b) for a, b in self.partners.items() if a < b):
            if merged and opening < merged[-1][1]:
                merged[-1] = merged[-1][0], max(merged[-1][1], closing)
            else:
                merged.append((opening, closing))
        return merged

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
