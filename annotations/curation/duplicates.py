"""Near-duplicates: words in a row that two documents share, and documents that are alike as a whole.

Texts are compared word by word as `fold` sees them, marks and punctuation passed over. All is found
over shingles of five words (Broder 1997, "On the resemblance and containment of documents"): shingles
that follow one another in both documents make a run, and the share of common ones is the likeness.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from aqwal.annotations.folding import fold
from aqwal.annotations.records import Document
from aqwal.annotations.words import Word, cut_words

SHINGLE = 5
DEFAULT_WORDS, DEFAULT_THRESHOLD = 8, 0.2

_Shingle = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SharedRun:
    """Words in a row that stand in two documents: how many, and how the first document has them."""

    words: int
    text: str


@dataclass(frozen=True, slots=True)
class Match:
    """Two documents that share too much.

    Args:
        one: Id of the first.
        other: Id of the other.
        runs: What they share, maximal runs of at least `SHINGLE` words, the longest first, each once.
        jaccard: Shingles in both, of those in either, 0 to 1.
        containment: Shingles in both, of those in the shorter one, 0 to 1.
    """

    one: str
    other: str
    runs: tuple[SharedRun, ...]
    jaccard: float
    containment: float


class _Text:
    """A document as words to compare; `words` and `folded` are parallel."""

    def __init__(self, document: Document, folded_forms: "_FoldedForms") -> None:
        self.id, self.text = document.id, document.text
        cut = [(word, folded_forms[self.text[word.start : word.end]]) for word in cut_words(self.text)]
        self.words: list[Word] = [word for word, folded in cut if folded]
        self.folded: list[str] = [folded for _, folded in cut if folded]
        self.distinct = len(set(self.shingles()))

    def shingles(self) -> Iterator[_Shingle]:
        """Yield each five words in a row, by position."""
        return zip(*(self.folded[first:] for first in range(SHINGLE)), strict=False)

    def run(self, first: int, words: int) -> SharedRun:
        """Return a run by its first word, as the text has it, marks included."""
        return SharedRun(words, self.text[self.words[first].start : self.words[first + words - 1].end])


class _FoldedForms(dict[str, str]):
    """Fold each distinct word once; what holds no letter or digit is nothing."""

    def __missing__(self, word: str) -> str:
        folded = fold(word)
        self[word] = folded if any(map(str.isalnum, folded)) else ""
        return self[word]


class DuplicateFinder:
    """Documents by their shingles, to which others are compared; memory grows with these documents only."""

    def __init__(self, words: int = DEFAULT_WORDS, threshold: float = DEFAULT_THRESHOLD) -> None:
        """Take the limits.

        Args:
            words: Two documents match if they share so many words in a row; at least `SHINGLE`.
            threshold: They match if Jaccard similarity or containment is above this, 0 to 1.

        Raises:
            ValueError: If a limit is out of its range.
        """
        if words < SHINGLE or not 0 <= threshold <= 1:
            raise ValueError(f"expected words of {SHINGLE} or more and a threshold of 0 to 1, got {words}, {threshold}")
        self._least, self._threshold = words, threshold
        self._texts: list[_Text] = []
        self._places: defaultdict[_Shingle, list[tuple[int, int]]] = defaultdict(list)
        self._folded_forms = _FoldedForms()

    def add(self, document: Document) -> list[Match]:
        """Take a document in and return its matches with those taken in before."""
        text = _Text(document, self._folded_forms)
        matches = list(self._matches(text))
        for position, shingle in enumerate(text.shingles()):
            self._places[shingle].append((len(self._texts), position))
        self._texts.append(text)
        return matches

    def compare(self, document: Document) -> list[Match]:
        """Return a document's matches with those taken in; it is not taken in itself."""
        return list(self._matches(_Text(document, self._folded_forms)))

    def _matches(self, other: _Text) -> Iterator[Match]:
        for number, hits in sorted(self._hits(other).items()):
            match = _match(self._texts[number], other, hits)
            longest = match.runs[0].words
            if longest >= self._least or max(match.jaccard, match.containment) > self._threshold:
                yield match

    def _hits(self, other: _Text) -> dict[int, list[tuple[int, int]]]:
        """Return, for each document with a common shingle, (position there, position in the other)."""
        hits: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for position, shingle in enumerate(other.shingles()):
            for number, there in self._places.get(shingle, ()):
                hits[number].append((there, position))
        return hits


def _match(one: _Text, other: _Text, hits: list[tuple[int, int]]) -> Match:
    common = len({tuple(one.folded[there : there + SHINGLE]) for there, _ in hits})
    runs = _runs(one, hits)
    jaccard = common / (one.distinct + other.distinct - common)
    return Match(one.id, other.id, runs, jaccard, common / min(one.distinct, other.distinct))


def _runs(one: _Text, hits: list[tuple[int, int]]) -> tuple[SharedRun, ...]:
    """Join shingles that follow one another in both documents; the same words are told once."""
    runs: dict[_Shingle, SharedRun] = {}
    # Along a run the two positions keep their distance, and position less rank stays the same.
    ordered = enumerate(sorted(hits, key=lambda hit: (hit[0] - hit[1], hit[0])))
    for _, group in groupby(ordered, key=lambda ranked: (ranked[1][0] - ranked[1][1], ranked[1][0] - ranked[0])):
        places = [there for _, (there, _) in group]
        words = len(places) + SHINGLE - 1
        runs.setdefault(tuple(one.folded[places[0] : places[0] + words]), one.run(places[0], words))
    return tuple(sorted(runs.values(), key=lambda run: -run.words))


def find_duplicates(
    documents: Iterable[Document],
    pool: Iterable[Document] = (),
    words: int = DEFAULT_WORDS,
    threshold: float = DEFAULT_THRESHOLD,
) -> list[Match]:
    """Compare every document with every other and with every one of a pool.

    Args:
        documents: What is to be free of near-duplicates.
        pool: What it is compared with; read one by one, and never compared within itself.
        words: How many words in a row make a match.
        threshold: Above which Jaccard similarity or containment two documents match.
    """
    finder = DuplicateFinder(words, threshold)
    matches = [match for document in documents for match in finder.add(document)]
    return matches + [match for document in pool for match in finder.compare(document)]
