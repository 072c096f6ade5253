"""From articles to full windows: words encoded as in fine-tuning, one article after the other."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from aqwal.annotations.page import Page
from aqwal.serving.encoding import WordEncoder
from aqwal.training.adapt.text_stream import Article, Place

# The encoder shall give an article as one window, however long: here the packer cuts.
_ANY_LENGTH = 2**40
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
        tokenizer: The base's tokenizer, used word by word through `WordEncoder`.
        max_length: Sub-tokens in a window, special tokens included.
    """

    def __init__(self, tokenizer: Tokenizer, max_length: int) -> None:
        self._encoder = WordEncoder(tokenizer, _ANY_LENGTH, overlap=0)
        self._first, self._last = tokenizer.encode("").ids
        self._max_length = max_length

    def pack(self, articles: Iterable[Article], start: Place) -> Iterator[PackedWindow]:
        """Yield windows as full as whole words make them, beginning at `start`; only the last may be shorter."""
        place, filling = start, self._empty()
        for article in articles:
            ids, edges = self._encode(article.text)
            begun = (article.epoch, article.number) == (start.epoch, start.article)
            word = start.word if begun else 0
            while word < len(edges) - 1:
                word = filling.take(ids, edges, word)
                if word < len(edges) - 1:
                    number, place = place.window, Place(article.epoch, article.number, word, place.window + 1)
                    yield filling.close(number, place)
                    filling = self._empty()
        if filling.words:
            yield filling.close(place.window, place)

    def _empty(self) -> "_Filling":
        return _Filling(self._first, self._last, self._max_length)

    def _encode(self, text: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return a text's sub-tokens, [tokens], and where its words begin and the last ends, [words + 1]."""
        windows = self._encoder.encode(Page(text))
        if not windows:
            return np.zeros(0, np.int64), np.zeros(1, np.int64)
        (encoded,) = windows
        ids = encoded.input_ids[1:-1]
        return ids, np.append(encoded.heads - 1, len(ids))


class _Filling:
    """A window that is being filled."""

    def __init__(self, first: int, last: int, max_length: int) -> None:
        self._last = last
        self._ids = [np.array([first])]
        self._numbers = [np.array([NO_WORD])]
        self._room = max_length - 2
        self.words = 0

    def take(self, ids: NDArray[np.int64], edges: NDArray[np.int64], word: int) -> int:
        """Take the words from `word` on that there is room for; return the first that is not taken."""
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

    def _append(self, ids: NDArray[np.int64], numbers: NDArray[np.int64]) -> None:
        self._ids.append(ids)
        self._numbers.append(numbers)
        self._room -= len(ids)

    def close(self, number: int, following: Place) -> PackedWindow:
        self._append(np.array([self._last]), np.array([NO_WORD]))
        return PackedWindow(np.concatenate(self._ids), np.concatenate(self._numbers), number, following)
