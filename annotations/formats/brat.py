"""Read brat standoff (Stenetorp et al. 2012): `X.ann` with the marks, `X.txt` with the text beside it.

    T1	Source 0 6;14 20	لافروف أمس
    R1	said_by Arg1:T2 Arg2:T1

Text-bound annotations (`T`) are spans, in fragments where they are discontinuous. Binary relations
(`R`) are links where the scheme has links. Events, attributes, normalisations and notes are counted.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from aqwal.annotations.formats.fitting import Alteration, ForeignSpan, Kind
from aqwal.annotations.records import Problem

_SPAN = re.compile(r"(?P<id>T\S+)\t(?P<label>\S+) (?P<fragments>\d+ \d+(?:;\d+ \d+)*)(?:\t(?P<text>.*))?")
_RELATION = re.compile(r"R\S+\t(?P<label>\S+) \S+?:(?P<source>\S+) \S+?:(?P<target>\S+)\s*")
_UNREAD = {"R": "relation", "E": "event", "A": "attribute", "M": "modification", "N": "normalisation", "#": "note"}
_UNREAD["*"] = "equivalence"


@dataclass
class BratDocument:
    """The marks of one document, by brat's ids, and what could not be read.

    Attributes:
        spans: brat's id → span.
        relations: (label, id of the source, id of the target).
        unread: Lines of other kinds, counted.
        problems: Lines that are none of the format, or do not fit the text.
    """

    id: str
    text: str
    file: str
    spans: dict[str, ForeignSpan] = field(default_factory=dict)
    relations: list[tuple[str, str, str]] = field(default_factory=list)
    unread: list[Alteration] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def take(self, number: int, line: str) -> None:
        """Take one line of the `.ann` file."""
        if span := _SPAN.fullmatch(line):
            self._add_span(span)
        elif relation := _RELATION.fullmatch(line):
            self.relations.append((relation["label"], relation["source"], relation["target"]))
        elif line.strip() and line[0] in _UNREAD and not line.startswith("R"):
            self.unread.append(Alteration(Kind.UNREAD, self.id, _UNREAD[line[0]]))
        elif line.strip():
            message = f"line {number}: expected an annotation as `T1<tab>LABEL 0 5<tab>text`, got {line[:60]!r}"
            self.problems.append(Problem(message, self.id, file=self.file))

    def _add_span(self, found: re.Match[str]) -> None:
        pairs = (fragment.split() for fragment in found["fragments"].split(";"))
        span = ForeignSpan(found["label"], tuple((int(start), int(end)) for start, end in pairs))
        fault = self._fault(span, found["text"])
        if found["id"] in self.spans:
            fault = "two annotations have this id"
        if fault:
            where = (found["id"], *span.edges, found["text"] or "")
            self.problems.append(Problem(fault, self.id, "", *where, self.file))
        else:
            self.spans[found["id"]] = span

    def _fault(self, span: ForeignSpan, shown: str | None) -> str:
        if not all(start < end <= len(self.text) for start, end in span.fragments):
            return f"offsets lie outside the text of {len(self.text)} code points, or end before they begin"
        words = " ".join(self.text[start:end] for start, end in span.fragments)
        # brat writes a line break within a span as a blank.
        if shown is not None and shown.split() != words.split():
            return f"the text there is {words!r}; is the .txt the one that was annotated, with its line ends?"
        return ""


def parse_brat(path: Path) -> BratDocument:
    """Read an `.ann` file and its text; the document's id is the file's name without ending.

    Raises:
        FileNotFoundError: If the text is not there.
        UnicodeDecodeError: If one of them is not UTF-8.
    """
    text_file = text_file_of(path)
    if not text_file.is_file():
        raise FileNotFoundError(f"{text_file} is missing: brat standoff needs the text beside {path.name}")
    # As bytes, since Python would make \r\n one character, which the offsets count as two.
    document = BratDocument(path.stem, text_file.read_bytes().decode("utf-8"), str(path))
    for number, line in enumerate(path.read_bytes().decode("utf-8").split("\n"), 1):
        document.take(number, line.rstrip("\r"))
    return document


def text_file_of(path: Path) -> Path:
    """Return where the text of an `.ann` file lies."""
    return path.with_suffix(".txt")
