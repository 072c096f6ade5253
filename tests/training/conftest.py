"""Gold and answers written out by hand, for tests of what is counted in them."""

from collections.abc import Callable

import pytest

from aqwal.annotations.records import Annotation, Document, Link, Span
from aqwal.annotations.scheme import ABOUT, QUOTE, SAID_BY, SPEAKER, TOPIC
from aqwal.serving.prediction import PredictedSpan, Prediction, Quote
from aqwal.training.metrics import Answered


def _span(text: str, words: str, label: str) -> Span:
    """Return the span of words that occur in a text, the first time they do."""
    start = text.index(words)
    return Span(start, start + len(words), label)


def _gold(identifier: str, text: str, *quotes: tuple[str, str | None, str | None]) -> Document:
    """Return a document with quotes given as (words, speaker, topic)."""
    spans, links = set(), []
    for words, speaker, topic in quotes:
        quote = _span(text, words, QUOTE)
        targets = [(SAID_BY, SPEAKER, speaker), (ABOUT, TOPIC, topic)]
        ends = [(link, _span(text, target, label)) for link, label, target in targets if target is not None]
        links += [Link(quote, target, link) for link, target in ends]
        spans |= {quote, *(target for _, target in ends)}
    return Document(identifier, text, (Annotation("adjudicated", tuple(spans), tuple(links), ground_truth=True),))


def _answered(document: Document, *quotes: tuple[str, str | None, str | None], score: float = 0.9) -> Answered:
    """Return an answer with quotes given as for `_gold`."""
    found = _gold("", document.text, *quotes).gold
    assert found is not None
    number = {one: index for index, one in enumerate(found.spans)}
    spans = tuple(
        PredictedSpan(one.label, one.start, one.end, document.text[one.start : one.end], score) for one in number
    )
    answers = tuple(
        Quote(index, *(_number(number, found, one, link) for link in (SAID_BY, ABOUT)), "indirect", score)
        for one, index in number.items()
        if one.label == QUOTE
    )
    return Answered(document, Prediction(document.text, spans, answers, document.id))


def _number(number: dict[Span, int], found: Annotation, quote: Span, link: str) -> int | None:
    target = found.target_of(quote, link)
    return None if target is None else number[target]


@pytest.fixture
def gold() -> Callable[..., Document]:
    """Make a document from its id, its text and quotes as (words, speaker, topic)."""
    return _gold


@pytest.fixture
def answered() -> Callable[..., Answered]:
    """Make an answer from a document and quotes as (words, speaker, topic)."""
    return _answered
