"""Plain text as an endless, shuffled stream of articles; never more than a buffer of them is in memory."""

import gzip
import lzma
import random
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, count, groupby, islice
from pathlib import Path
from typing import IO, Any, NamedTuple

from aqwal.annotations.words import cut_words

_OPENERS: dict[str, Any] = {".xz": lzma.open, ".gz": gzip.open}
_UNREADABLE = (UnicodeDecodeError, lzma.LZMAError, gzip.BadGzipFile, zlib.error, EOFError)
# A file without blank lines must not come into memory as one article.
_MOST_LINES = 1_000


class Article(NamedTuple):
    """One article: the pass over the text it is read in, its number in that pass, its text."""

    epoch: int
    number: int
    text: str


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
        files: UTF-8 text files, plain, `.xz` or `.gz`, with blank lines between articles.
        held_out: Share of the articles that is never trained on; which ones, their text alone decides.
        buffer: Articles in memory among which the next one is drawn.
        seed: Random seed of the order.
        rank: Number of this process; of the training articles it gets every `processes`-th.
        processes: How many processes share the text.
    """

    files: tuple[Path, ...]
    held_out: float
    buffer: int
    seed: int
    rank: int = 0
    processes: int = 1

    def endless(self, start: Place) -> Iterator[Article]:
        """Yield this process's training articles from a place on, pass after pass, each pass in its own order.

        Raises:
            ValueError: If this process has no article.
        """
        for epoch in count(start.epoch):
            articles = (Article(epoch, number, text) for number, text in enumerate(self._one_pass(epoch)))
            first = next(articles, None)
            if first is None:
                raise ValueError(f"no article is left for process {self.rank + 1} of {self.processes}")
            skipped = start.article if epoch == start.epoch else 0
            yield from islice(chain([first], articles), skipped, None)

    def held_out_articles(self) -> Iterator[Article]:
        """Yield the held-out articles in the order of the files, the same for every process."""
        texts = (text for path in self.files for text in read_articles(path) if is_held_out(text, self.held_out))
        return (Article(0, number, text) for number, text in enumerate(texts))

    def count(self) -> dict[str, int]:
        """Return how many articles and words there are for training, over all processes.

        Raises:
            ValueError: If there is no word, or not an article for each process; in every process alike.
        """
        sizes = [len(cut_words(text)) for text in self._training_texts(self.files)]
        if not sum(sizes):
            raise ValueError(f"no words to train on in {', '.join(map(str, self.files))}; are `texts` empty?")
        if len(sizes) < self.processes:
            raise ValueError(
                f"{len(sizes)} articles to train on cannot be shared out among {self.processes} processes; give more "
                "text, with blank lines between articles, or start fewer processes"
            )
        return {"articles": len(sizes), "words": sum(sizes)}

    def _one_pass(self, epoch: int) -> Iterator[str]:
        rng = random.Random(f"{self.seed} {epoch}")
        # Every process must see the files in one order, for them to share the articles out.
        files = rng.sample(self.files, len(self.files))
        mine = islice(self._training_texts(files), self.rank, None, self.processes)
        return shuffle(mine, self.buffer, rng)

    def _training_texts(self, files: Iterable[Path]) -> Iterator[str]:
        return (text for path in files for text in read_articles(path) if not is_held_out(text, self.held_out))


def read_articles(path: Path) -> Iterator[str]:
    """Yield the stretches between blank lines of a text file; one of very many lines comes in parts.

    Raises:
        ValueError: If the file is not UTF-8, or not compressed as its suffix says.
    """
    opener = _OPENERS.get(path.suffix, open)
    try:
        with opener(path, "rt", encoding="utf-8") as file:
            yield from _blocks(file)
    except _UNREADABLE as error:
        raise ValueError(f"{path} is not UTF-8 text, plain or compressed as .xz or .gz say: {error}") from error


def _blocks(file: IO[str]) -> Iterator[str]:
    for filled, lines in groupby(file, key=lambda line: bool(line.strip())):
        while filled and (block := "".join(islice(lines, _MOST_LINES))):
            yield block


def is_held_out(text: str, share: float) -> bool:
    """Say whether an article is held out; a copy of it is wherever it is, and so it is in every run."""
    return zlib.crc32(text.strip().encode()) < share * 2**32


def shuffle(texts: Iterable[str], buffer: int, rng: random.Random) -> Iterator[str]:
    """Yield all texts, each time a random one of the `buffer` that were read and not yet given."""
    held: list[str] = []
    for text in texts:
        if len(held) < buffer:
            held.append(text)
            continue
        index = rng.randrange(buffer)
        yield held[index]
        held[index] = text
    rng.shuffle(held)
    yield from held
