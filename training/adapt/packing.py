"""From encoded articles to full windows of whole words, one article after the other."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from aqwal.training.adapt.text_stream import Article, Place

NO_WORD = -1


@dataclass(frozen=True)
class PackedWindow:
    """One window of whole words.

    Attributes:
        input_ids: Sub-tokens, the closing special token also between two articles, [tokens].
        words: Number of each sub-token's word, from 0 on, and `NO_WORD` for special tokens, [tokens].
        number: Windows of this process before this one.
        next: Where the next window begins.
    """

    input_ids: NDArray[np.int64]
    words: NDArray[np.int64]
    number: int
    next: Place


class WindowPacker:
    """Fill windows with the words of articles.

    Args:
        tokenizer: The base's tokenizer.
        max_length: Sub-tokens in a window, special tokens included.
    """

    def __init__(self, tokenizer: Tokenizer, max_length: int) -> None:
        self._first, self._last = tokenizer.encode("").ids
        self._max_length = max_length

    def pack(self, articles: Iterable[Article], start: Place) -> Iterator[PackedWindow]:
        """Yield windows as full as whole words make them, beginning at `start`; only the last may be shorter."""
        place, filling = start, self._empty()
        for article in articles:
            begun = (article.epoch, article.number) == (start.epoch, start.article)
            word, words = start.word if begun else 0, len(article.edges) - 1
            while word < words:
                word = filling.take(article, word)
                if word < words:
                    number, place = place.window, Place(article.epoch, article.number, word, place.window + 1)
                    yield filling.close(number, place)
                    filling = self._empty()
        if filling.words:
            yield filling.close(place.window, place)

    def _empty(self) -> "_Filling":
        return _Filling(self._first, self._last, self._max_length)


class _Filling:
    """A window that is being filled."""

    def __init__(self, first: int, last: int, max_length: int) -> None:
        self._last = last
        self._ids = [np.array([first])]
        self._numbers = [np.array([NO_WORD])]
        self._room = max_length - 2
        self.words = 0

    def take(self, article: Article, word: int) -> int:
        """Take an article's words from `word` on that there is room for; return the first that is not taken."""
        ids, edges = article.ids, article.edges
        between_articles = int(self.words > 0)
        room = self._room - between_articles
        stop = int(np.searchsorted(edges, edges[word] + room, side="right")) - 1
        if stop <= word:
            return word
        if between_articles:
            self._append(np.array([self._last]), np.array([NO_WORD]))
        numbers = np.arange(self.words, self.words + stop - word)
        self._append(ids[edges[word] : edges[stop]], np.repeat(numbers, np.diff(edges[word : stop + 1])))
        self.words += stop - word
        return stop

    def _append(self, ids: NDArray[np.integer], numbers: NDArray[np.int64]) -> None:
        self._ids.append(ids)
        self._numbers.append(numbers)
        self._room -= len(ids)

    def close(self, number: int, following: Place) -> PackedWindow:
        self._append(np.array([self._last]), np.array([NO_WORD]))
        return PackedWindow(np.concatenate(self._ids), np.concatenate(self._numbers), number, following)
