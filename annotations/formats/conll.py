"""Read CoNLL files: a token a line, its tag in the last column, a blank line behind each sentence.

Columns are parted by tabs, or by blanks where a line has no tab. Tags are `O` or `B-LABEL`,
`I-LABEL` …: IOB2 (Tjong Kim Sang and Veenstra 1999), IOB1 and BIOES alike. The text is made of the
tokens with a blank between them and a line for each sentence. A document begins at `-DOCSTART-` or
at `# newdoc id = ID`; in a file that has neither, each sentence is a document.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import NamedTuple

from aqwal.annotations.formats.fitting import Alteration, ForeignSpan, Kind
from aqwal.annotations.records import Problem

_TAG = re.compile(r"O|(?P<prefix>[BIESLU])-(?P<label>.+)")
_NEW_DOCUMENT = re.compile(r"-DOCSTART-|# ?newdoc\b(?: id ?= ?(?P<id>.+))?")
_BEGINS, _ENDS = frozenset("BSU"), frozenset("ESLU")


class Token(NamedTuple):
    """A token with its tag, taken apart: both parts empty for `O`."""

    text: str
    prefix: str
    label: str


@dataclass
class ConllDocument:
    """A document of a CoNLL file: its id and its sentences."""

    id: str
    sentences: list[list[Token]] = field(default_factory=lambda: [[]])

    @property
    def text(self) -> str:
        """The tokens with blanks between them, a line a sentence."""
        return "\n".join(" ".join(token.text for token in sentence) for sentence in self.sentences)

    def spans(self) -> tuple[list[ForeignSpan], list[Alteration]]:
        """Return the spans that the tags say, and those that a tag begins which should not."""
        spans: list[ForeignSpan] = []
        unbegun: list[Alteration] = []
        start = 0
        for sentence in self.sentences:
            starts = list(accumulate((len(token.text) + 1 for token in sentence), initial=start))
            for first, stop in _runs(sentence):
                label, begin, end = sentence[first].label, starts[first], starts[stop] - 1
                spans.append(ForeignSpan(label, ((begin, end),)))
                if sentence[first].prefix not in _BEGINS:
                    words = " ".join(token.text for token in sentence[first:stop])
                    unbegun.append(Alteration(Kind.UNBEGUN, self.id, label, begin, end, words))
            start = starts[-1]
        return spans, unbegun


def _runs(sentence: list[Token]) -> Iterator[tuple[int, int]]:
    """Yield (first, stop) of each span by its tokens."""
    edges = [index for index in range(1, len(sentence)) if _is_edge(sentence[index - 1], sentence[index])]
    for first, stop in pairwise([0, *edges, len(sentence)]):
        if sentence[first].label:
            yield first, stop


def _is_edge(before: Token, token: Token) -> bool:
    """Say whether what a token belongs to, a span or none, is not what the one before it belongs to."""
    return token.prefix in _BEGINS or before.prefix in _ENDS or before.label != token.label


def parse_conll(source: str, name: str, file: str) -> tuple[list[ConllDocument], list[Problem]]:
    """Return the documents of a file and the lines that are none of the format.

    Args:
        source: The file's content.
        name: What documents without an id of their own are called, with a number behind it.
        file: Where it came from, for the problems' texts.
    """
    parser = _Parser(name, file)
    for number, line in enumerate(source.removeprefix("\ufeff").split("\n"), 1):
        parser.take(number, line.rstrip("\r"))
    return parser.documents(), parser.problems


class _Parser:
    """Take a file line by line; a document is begun by a mark, and is the whole file until the first one."""

    def __init__(self, name: str, file: str) -> None:
        self.problems: list[Problem] = []
        self._name, self._file = name, file
        self._is_marked = False
        self._documents = [ConllDocument("")]

    def take(self, number: int, line: str) -> None:
        mark = _NEW_DOCUMENT.match(line)
        if mark:
            self._is_marked = True
            self._documents.append(ConllDocument((mark["id"] or "").strip()))
        elif not line.strip():
            self._documents[-1].sentences.append([])
        elif (token := _token(line)) is not None:
            self._documents[-1].sentences[-1].append(token)
        elif not line.startswith("# "):
            message = f"line {number}: expected a token and a tag, `O` or `B-LABEL`, got {line[:60]!r}"
            self.problems.append(Problem(message, file=self._file))

    def documents(self) -> list[ConllDocument]:
        """Return the documents that have a sentence, each with an id."""
        found = self._documents
        for document in found:
            document.sentences = [sentence for sentence in document.sentences if sentence]
        if not self._is_marked:
            found = [ConllDocument("", [sentence]) for sentence in found[0].sentences]
        full = [document for document in found if document.sentences]
        return [ConllDocument(one.id or f"{self._name}-{number}", one.sentences) for number, one in enumerate(full, 1)]


def _token(line: str) -> Token | None:
    """Return a line's token, None if it has none with a tag; of more than two columns those between are not read."""
    columns = line.split("\t") if "\t" in line else line.split()
    tag = _TAG.fullmatch(columns[-1].strip())
    if len(columns) < 2 or not columns[0].strip() or tag is None:
        return None
    return Token(columns[0].strip(), tag["prefix"] or "", tag["label"] or "")
