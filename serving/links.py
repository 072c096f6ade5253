"""Link each QUOTE to its SPEAKER and its TOPIC by rule.

On annotated spans "the nearest SPEAKER that starts before the QUOTE, or the one in its own report
behind it" and "the TOPIC inside, else in its sentence" are right for nearly all quotes, as news
names a source once and lets the quotes follow (cf. the rule baselines of O'Keefe et al. 2012 for
quotation attribution). docs/design.md has the figures.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from aqwal.annotations.folding import fold
from aqwal.annotations.page import Page
from aqwal.annotations.records import Link, Span
from aqwal.annotations.scheme import ABOUT, QUOTE, SAID_BY, SPEAKER, TOPIC

# Stems of the verbs of rule 7 without their first letter of person (`ي، ت، ن`), past and present.
_VERBS = (
    "قال|قول|أضاف|ضيف|أكد|ؤكد|أوضح|وضح|ذكر|أعلن|علن|نقل|أورد|أفاد|فيد|صرح|كتب|رأى|شرح|علق|تابع|أشار|شير|لفت|شدد|حذر|أردف|"
    "زعم|أعرب|وصف|غرد|اعتبر|كشف|روى|اختصر|عبر|أبدى|أبدت|بدي|نفى|نفت|أنكر|نكر|هدد|طالب|ناشد|دعا|دعت|دعو|حث|أبلغ|بلغ|أقر|قر|"
    "اعترف|عترف|ادعى|ادعت|دعي|وعد|تعهد|توقع|رجح|تساءل|رد|رحب|انتقد|نتقد|ندد|أدان|دين|استنكر|ستنكر|ثمن|شكر|اتهم|تهم|حمل"
)
# What brings a source behind its words: a frame (`بحسب X`) or a reporting verb (`"…"، قال X`).
_CUE = re.compile(
    fold(
        r"\b[وف]?(?:(?:ب?حسب(?:ما)?|وفقا?|طبقا?|نقلا?|استنادا?|على حد|على لسان|كما|مثلما|هكذا|بقول|بحسبه)\b"
        rf"|[يتن]?(?:{_VERBS})(?:ت|ه|ها|وا)?\b)"
    )
)
# What begins the next report instead: `"…"، فيما ذكر X أن …`. A frame joined by `و` is still one's own, and some
# verbs have a `و` of their own.
_NEXT_REPORT = re.compile(
    fold(r"[،,؛]?\s*(?:و(?!فق|ب?حسب|(?:صف|عد)(?:ت|ه|ها|وا)?\b)\w|فيما|بينما|في حين|بعدما|قبل أن|لكن)")
)
_FARTHEST_REPORT_BEHIND = 60


def link_quotes(page: Page, spans: Sequence[Span]) -> list[Link]:
    """Return at most one `said_by` and one `about` link for each QUOTE among the spans.

    Args:
        page: The text that the spans' offsets belong to.
        spans: Spans of all layers, in any order; those of one layer do not overlap.
    """
    linker = _Linker(page, spans)
    links: list[Link] = []
    for quote in linker.quotes:
        speaker, topic = linker.speaker_of(quote), linker.topic_of(quote)
        links += [Link(quote, speaker, SAID_BY)] if speaker else []
        links += [Link(quote, topic, ABOUT)] if topic else []
    return links


class _Linker:
    """The spans of a text by layer and the ends of its sentences, in order, to be searched by bisection."""

    def __init__(self, page: Page, spans: Sequence[Span]) -> None:
        self._text = page.text
        self.quotes, self._speakers, self._topics = (
            sorted(span for span in spans if span.label == label) for label in (QUOTE, SPEAKER, TOPIC)
        )
        self._quote_starts = [quote.start for quote in self.quotes]
        self._speaker_starts = [speaker.start for speaker in self._speakers]
        self._topic_starts = [topic.start for topic in self._topics]
        # A line ends a sentence here even where marks run on over its break.
        self._sentence_ends = sorted({*page.sentence_ends, *(offset + 1 for offset in page.line_breaks)})

    def speaker_of(self, quote: Span) -> Span | None:
        """Return the SPEAKER of the quote's own report before it, else behind it, else the nearest."""
        before = _at(self._speakers, bisect_left(self._speaker_starts, quote.start) - 1)
        behind = _at(self._speakers, bisect_left(self._speaker_starts, quote.end))
        if before and self._in_own_report(before, quote):
            return before
        if behind and self._is_own_report_behind(quote, behind):
            return behind
        return before or behind

    def topic_of(self, quote: Span) -> Span | None:
        """Return the first TOPIC that overlaps the quote, else the nearest in its sentence, one before it first."""
        following = bisect_left(self._topic_starts, quote.start)
        last_before = _at(self._topics, following - 1)
        if last_before and last_before.overlaps(quote):
            return last_before
        next_behind = _at(self._topics, following)
        if next_behind and next_behind.overlaps(quote):
            return next_behind
        start, end = self._sentence_around(quote)
        if last_before and last_before.start >= start:
            return last_before
        return next_behind if next_behind and next_behind.end <= end else None

    def _in_own_report(self, speaker: Span, quote: Span) -> bool:
        """Say whether the report that brings the quote already names this speaker before it."""
        return not self._quote_begins(speaker.end, quote.start) and not self._sentence_ends_in(speaker.end, quote.start)

    def _is_own_report_behind(self, quote: Span, speaker: Span) -> bool:
        if speaker.start - quote.end > _FARTHEST_REPORT_BEHIND or self._quote_begins(quote.end, speaker.start):
            return False
        if self._sentence_ends_in(quote.end, speaker.start):
            return False
        between = fold(self._text[quote.end : speaker.start])
        return _NEXT_REPORT.match(between) is None and _CUE.search(between) is not None

    def _quote_begins(self, start: int, end: int) -> bool:
        index = bisect_left(self._quote_starts, start)
        return index < len(self._quote_starts) and self._quote_starts[index] < end

    def _sentence_ends_in(self, start: int, end: int) -> bool:
        index = bisect_right(self._sentence_ends, start)
        return index < len(self._sentence_ends) and self._sentence_ends[index] <= end

    def _sentence_around(self, quote: Span) -> tuple[int, int]:
        before = bisect_right(self._sentence_ends, quote.start)
        behind = bisect_left(self._sentence_ends, quote.end)
        start = self._sentence_ends[before - 1] if before else 0
        return start, self._sentence_ends[behind] if behind < len(self._sentence_ends) else len(self._text)


def _at(spans: list[Span], index: int) -> Span | None:
    return spans[index] if 0 <= index < len(spans) else None
