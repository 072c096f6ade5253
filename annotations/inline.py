r"""Read and write the inline form: an article with its marks in the text, made for writing and review.

    === 000_fb1b0e5927def39d
    وذكر {S1:أوشاكوف} {Q1:أن بوتين أكد لبومبيو استعداد روسيا للعودة إلى {T1:الحوار}}.
    ---
    Q1 S1 T1

`{S1:…}` is a SPEAKER, `{Q1:…}` a QUOTE, `{T1:…}` a TOPIC; marks nest. After a line `---` there is
one line a quote, for every quote: QUOTE, SPEAKER, TOPIC, with `-` for none. Spans that cross without nesting are
closed by name, `{Q1:… {T1:… /Q1} … /T1}`. What is the text's own and looks like the form has a
backslash before it: `\{`, `\}`, `\\`, `\/S1`, and `\---` or `\===` at the start of a line. A file may hold
several articles, each begun by its `=== id`. Lines of the form end in a line feed alone.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from aqwal.annotations.records import Annotation, AnnotationError, Document, Link, Problem, Span
from aqwal.annotations.scheme import ABOUT, LINK_ENDS, QUOTE, SAID_BY, SPEAKER, TOPIC

_LABEL_OF = {"S": SPEAKER, "Q": QUOTE, "T": TOPIC}
_LETTER_OF = {label: letter for letter, label in _LABEL_OF.items()}
_ARTICLE = re.compile(r"^=== (?P<id>\S+)[^\S\n]*\n(?P<body>.*?)\n---\n(?P<links>(?:[^\n=][^\n]*\n|\n)*)", re.M | re.S)
_LOOKS_LIKE_THE_FORM = re.compile(r"[{}\\]|/(?=[SQT]\d)|^-(?=--)|^=(?===)", re.M)
_TOKEN = re.compile(r"\\(?P<literal>[{}\\/=-])|\{(?P<open>[SQT]\d+):|(?:/(?P<close>[SQT]\d+))?(?P<end>\})")


def parse_inline(source: str, annotator: str, *, ground_truth: bool = False, file: str = "") -> list[Document]:
    """Turn inline articles into documents of one annotation each.

    Raises:
        AnnotationError: Listing every mark or link that cannot be read.
    """
    lines = source if source.endswith("\n") else source + "\n"
    problems = [Problem(message, file=file) for message in _outside(_ARTICLE.sub("", lines))]
    documents = []
    for article in _ARTICLE.finditer(lines):
        parser = _Parser(article["body"])
        links = list(parser.links(article["links"]))
        annotation = Annotation(annotator, tuple(parser.spans.values()), tuple(links), ground_truth)
        documents.append(Document(article["id"], parser.text, (annotation,)))
        if "\n=== " in article["body"]:
            parser.problems.append("its `---` line is missing: another article begins in its text")
        problems += [Problem(message, article["id"], annotator, file=file) for message in parser.problems]
    if problems:
        raise AnnotationError(problems)
    return documents


def _outside(rest: str) -> Iterator[str]:
    """Say what is wrong with what stands in no article."""
    if rest.strip():
        told = f"not part of an article: {rest.strip()[:80]!r}"
        windows = r"; it has Windows line ends (\r\n), and the form's lines end in \n: rewrite it, as with `tr -d '\r'`"
        yield told + windows * ("\r\n" in rest)


class _Parser:
    """Take the marks out of one article's body; keeps text, named spans and problems."""

    def __init__(self, body: str) -> None:
        self.spans: dict[str, Span] = {}
        self.problems: list[str] = []
        self._open: list[tuple[str, int]] = []
        self._parts: list[str] = []
        self._length = 0
        position = 0
        for token in _TOKEN.finditer(body):
            self._add(body[position : token.start()])
            position = token.end()
            self._take(token)
        self._add(body[position:])
        self.text = "".join(self._parts)
        self.problems += [f"{name} is never closed" for name, _ in self._open]

    def _add(self, characters: str) -> None:
        self._parts.append(characters)
        self._length += len(characters)

    def _take(self, token: re.Match[str]) -> None:
        if token["literal"]:
            self._add(token["literal"])
        elif token["open"]:
            self._open.append((token["open"], self._length))
        else:
            self._close(token["close"])

    def _close(self, name: str | None) -> None:
        index = next((i for i in reversed(range(len(self._open))) if name in (None, self._open[i][0])), None)
        if index is None:
            self.problems.append(f"a closing brace at code point {self._length} closes {name or 'nothing'}")
            return
        opened, start = self._open.pop(index)
        if opened in self.spans:
            self.problems.append(f"{opened} is marked twice")
        if start == self._length:
            self.problems.append(f"{opened} marks no words")
        self.spans[opened] = Span(start, self._length, _LABEL_OF[opened[0]])

    def links(self, lines: str) -> Iterator[Link]:
        """Read the lines `Q1 S1 T1` below an article, one for each quote."""
        given: Counter[str] = Counter()
        for line in filter(None, map(str.strip, lines.splitlines())):
            names = line.split()
            given[names[0]] += 1
            unknown = [name for name in names if name != "-" and name not in self.spans]
            if len(names) != 3 or unknown or names[0][0] != "Q":
                self.problems.append(f"link line {line!r}: expected `Q1 S1 T1` with marked names or `-`")
                continue
            for name, label in zip(names[1:], (SAID_BY, ABOUT), strict=True):
                if name != "-":
                    yield Link(self.spans[names[0]], self.spans[name], label)
        for quote in (name for name, span in self.spans.items() if span.label == QUOTE and given[name] != 1):
            expected = f"expected one, `{quote} - -` if it has neither speaker nor topic"
            self.problems.append(f"{quote} has {given[quote] or 'no'} lines below `---`; {expected}")


def format_inline(document: Document, annotation: Annotation) -> str:
    """Write a document with one annotation in the inline form; `parse_inline` reads it back.

    What the form cannot say, which the scheme does not allow either, is left out: links that do not
    start at a QUOTE, and a second link of one label.
    """
    names = _name_spans(annotation.spans)
    lines = [
        " ".join([names[quote], *(_name_of_target(annotation, quote, label, names) for label in LINK_ENDS)])
        for quote in annotation.of_label(QUOTE)
    ]
    return "\n".join([f"=== {document.id}", _with_marks(document.text, names), "---", *lines, ""])


def _name_spans(spans: Iterable[Span]) -> dict[Span, str]:
    names: dict[Span, str] = {}
    for label, letter in _LETTER_OF.items():
        layer = sorted(span for span in spans if span.label == label)
        names.update({span: f"{letter}{number}" for number, span in enumerate(layer, 1)})
    return names


def _name_of_target(annotation: Annotation, quote: Span, label: str, names: dict[Span, str]) -> str:
    target = annotation.target_of(quote, label)
    return "-" if target is None else names[target]


def _with_marks(text: str, names: dict[Span, str]) -> str:
    opening: dict[int, list[Span]] = {}
    for span in sorted(names, key=lambda span: (span.start, -span.end, span.label)):
        opening.setdefault(span.start, []).append(span)
    escaped = {match.start() for match in _LOOKS_LIKE_THE_FORM.finditer(text)}
    parts: list[str] = []
    stack: list[Span] = []
    for offset in range(len(text) + 1):
        while closing := next((span for span in reversed(stack) if span.end == offset), None):
            parts.append("}" if closing == stack[-1] else f"/{names[closing]}}}")
            stack.remove(closing)
        for span in opening.get(offset, ()):
            parts.append(f"{{{names[span]}:")
            stack.append(span)
        parts.append("\\" * (offset in escaped) + text[offset : offset + 1])
    return "".join(parts)
