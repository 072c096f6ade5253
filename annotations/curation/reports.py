"""A report: one QUOTE with its source, its topic and the sentence that brings it."""

from bisect import bisect_right
from dataclasses import dataclass, field
from enum import StrEnum

from aqwal.annotations.curation.reporting_words import ReportingWord, find_reporting_word
from aqwal.annotations.page import Page
from aqwal.annotations.records import Annotation, Span
from aqwal.annotations.scheme import ABOUT, QUOTE, SAID_BY, SPEAKER, kind_of

Sentence = tuple[int, int]


class Position(StrEnum):
    """Where the SPEAKER of a quote stands."""

    BEFORE = "before it in its sentence"
    BEHIND = "behind it in its sentence"
    INSIDE = "inside it"
    EARLIER = "in an earlier sentence (hidden subject)"
    LATER = "in a later sentence"
    NOWHERE = "no speaker"


@dataclass(frozen=True, slots=True)
class Report:
    """A QUOTE in its context.

    Args:
        page: The text that all offsets belong to.
        quote: The QUOTE.
        kind: `direct`, `indirect` or `mixed`.
        speaker: Its SPEAKER, if it has one.
        topic: Its TOPIC, if it has one.
        position: Where the SPEAKER stands.
        sentence: The sentence in which the quote begins.
        before: What stands before it there, since the last quote, without the SPEAKER spans.
        behind: What stands behind it in the sentence in which it ends, up to the next quote, without SPEAKER spans.
        word: The reporting word, as far as it can be told.
    """

    page: Page = field(repr=False)
    quote: Span
    kind: str
    speaker: Span | None
    topic: Span | None
    position: Position
    sentence: Sentence
    before: str
    behind: str
    word: ReportingWord | None

    def text_of(self, span: Span) -> str:
        """Return the words of a span."""
        return self.page.text[span.start : span.end]

    @property
    def is_name_and_colon(self) -> bool:
        """Whether a sentence is nothing but `name: words`, as in headlines."""
        if self.speaker is None or self.position is not Position.BEFORE or self.before.strip(" \t\"“«»”'*-–—ـ") != ":":
            return False
        return not self.page.text[self.sentence[0] : self.speaker.start].strip("\"“«»”'*-–—ـ ")


def cut_reports(page: Page, annotation: Annotation) -> list[Report]:
    """Return the reports of an annotated text, by position of their quotes."""
    context = _Context(page, annotation)
    return [context.report(index) for index in range(len(context.quotes))]


class _Context:
    """A text's sentences and spans, to be asked what stands around each quote."""

    def __init__(self, page: Page, annotation: Annotation) -> None:
        self.quotes = annotation.of_label(QUOTE)
        self._page, self._annotation = page, annotation
        self._speakers = annotation.of_label(SPEAKER)
        self._sentences = page.sentences

    def report(self, index: int) -> Report:
        quote = self.quotes[index]
        speaker = self._annotation.target_of(quote, SAID_BY)
        sentence, before, behind = self._surroundings(index)
        return Report(
            page=self._page,
            quote=quote,
            kind=kind_of(self._page, quote),
            speaker=speaker,
            topic=self._annotation.target_of(quote, ABOUT),
            position=self._position(quote, speaker),
            sentence=sentence,
            before=before,
            behind=behind,
            word=find_reporting_word(before, behind),
        )

    def _surroundings(self, index: int) -> tuple[Sentence, str, str]:
        quote = self.quotes[index]
        first, last = (self._sentences[self._sentence_at(offset)] for offset in (quote.start, quote.end - 1))
        previous_end = self.quotes[index - 1].end if index else 0
        next_start = self.quotes[index + 1].start if index + 1 < len(self.quotes) else len(self._page.text)
        before = self._without_speakers(max(first[0], previous_end), quote.start)
        return first, before, self._without_speakers(quote.end, min(last[1], next_start))

    def _sentence_at(self, offset: int) -> int:
        """Return the index of the sentence that a code point lies in; of white space, the one before it."""
        return max(bisect_right(self._sentences, offset, key=lambda sentence: sentence[0]) - 1, 0)

    def _without_speakers(self, start: int, end: int) -> str:
        parts, position = [], start
        for speaker in self._speakers:
            if position <= speaker.start and speaker.end <= end:
                parts.append(self._page.text[position : speaker.start])
                position = speaker.end
        return "".join([*parts, self._page.text[position:end]])

    def _position(self, quote: Span, speaker: Span | None) -> Position:
        if speaker is None:
            return Position.NOWHERE
        at = self._sentence_at(speaker.start)
        if at < self._sentence_at(quote.start):
            return Position.EARLIER
        if at > self._sentence_at(quote.end - 1):
            return Position.LATER
        if speaker.end <= quote.start:
            return Position.BEFORE
        return Position.BEHIND if speaker.start >= quote.end else Position.INSIDE
