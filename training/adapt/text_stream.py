"""Encoded articles as an endless, shuffled stream."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from datasets import Dataset
from numpy.typing import NDArray

# Articles that are read off the disk at a time.
_AT_ONCE = 64


class Article(NamedTuple):
    """One article: the pass over the text it is read in, its number in that pass, and its row of `encode_text`.

    `ids` are its sub-tokens, [tokens]; `edges` say where its words begin and the last ends, [words + 1].
    """

    epoch: int
    number: int
    ids: NDArray[np.int32]
    edges: NDArray[np.int32]


@dataclass(frozen=True)
class Place:
    """Where in the endless stream a window begins, all counted from 0.

    Attributes:
        epoch: Pass over the text.
        article: Article of that pass, as this process gets them.
        word: Word of that article.
        window: Windows of this process before this one.
    """

    epoch: int = 0
    article: int = 0
    word: int = 0
    window: int = 0


@dataclass(frozen=True)
class TextStream:
    """Articles for training, in an order that the seed decides, and articles that are held out.

    Attributes:
        text: The articles, as `encode_text` gives them.
        seed: Random seed of the order.
        rank: Number of this process; of the training articles it gets every `processes`-th.
        processes: How many processes share the text.
    """

    text: Dataset
    seed: int
    rank: int = 0
    processes: int = 1

    def endless(self, start: Place) -> Iterator[Article]:
        """Yield this process's training articles from a place on, pass after pass, each pass in its own order.

        Raises:
            ValueError: If this process has no article.
        """
        rows = self._rows(held_out=False)
        if self.rank >= len(rows):
            raise ValueError(f"no article is left for process {self.rank + 1} of {self.processes}")
        for epoch in count(start.epoch):
            order = np.random.default_rng([self.seed, epoch]).permutation(rows)[self.rank :: self.processes]
            yield from self._articles(order, epoch, start.article if epoch == start.epoch else 0)

    def held_out_articles(self) -> Iterator[Article]:
        """Yield the held-out articles in the order of the files, the same for every process."""
        return self._articles(self._rows(held_out=True), 0, 0)

    def count(self) -> dict[str, int]:
        """Return how many articles and words there are for training, over all processes.

        Raises:
            ValueError: If there is no word, or not an article for each process; in every process alike.
        """
        rows = self._rows(held_out=False)
        words = sum(len(article.edges) - 1 for article in self._articles(rows, 0, 0))
        if not words:
            raise ValueError("there are no words to train on; are `texts` empty?")
        if len(rows) < self.processes:
            raise ValueError(
                f"{len(rows)} articles to train on cannot be shared out among {self.processes} processes; give more "
                "text, with blank lines between articles, or start fewer processes"
            )
        return {"articles": len(rows), "words": words}

    def _rows(self, held_out: bool) -> NDArray[np.int64]:
        return np.flatnonzero(np.asarray(self.text["held_out"][:]) == held_out)

    def _articles(self, rows: NDArray[np.int64], epoch: int, first: int) -> Iterator[Article]:
        """Yield the articles of some rows from the `first` of them on."""
        table = self.text.with_format("arrow")
        for begun in range(first, len(rows), _AT_ONCE):
            some = table[rows[begun : begun + _AT_ONCE].tolist()]
            arrays = (_split(some[name]) for name in ("ids", "edges"))
            for number, (ids, edges) in enumerate(zip(*arrays, strict=True), begun):
                yield Article(epoch, number, ids, edges)


def _split(column: pa.ChunkedArray) -> list[NDArray[np.int32]]:
    """Return a column of lists as arrays, one a row."""
    lists = column.combine_chunks()
    offsets = lists.offsets.to_numpy()
    return np.split(lists.values.to_numpy(), offsets[1:-1]) if len(lists) else []
