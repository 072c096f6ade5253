"""Link each QUOTE to its SPEAKER and its TOPIC by rule.

On annotated spans "the nearest SPEAKER that starts before the QUOTE, or the one in its own report
behind it" and "the TOPIC inside, else in its sentence" are right for nearly all quotes, as news
names a source once and lets the quotes follow (cf. the rule baselines of O'Keefe et al. 2012 for
quotation attribution). docs/links.md has the figures.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence

from aqwal.annotations.page import Page
from aqwal.annotations.records import Link, Span
from aqwal.annotations.scheme import ABOUT, QUOTE, SAID_BY, SPEAKER, TOPIC

# What brings a source behind its words: a frame (`بحسب X`) or a reporting verb (`"…"، قال X`).
_CUE = re.compile(
    r"\b[وف]?(?:(?:ب?حسب(?:ما)?|وفقا?ً?|طبقا?ً?|نقلا?ً?|استنادا?ً?|على حد|على لسان|كما|مثلما|هكذا)\b"
    r"|[يتن]?(?:قال|قول|أضاف|ضيف|أكد|ؤكد|أوضح|وضح|ذكر|أعلن|علن|نقل|أورد|أفاد|فيد|صرح|كتب|رأى|شرح|علق|تابع|أشار|شير|لفت)(?:ت|ه|ها|وا)?\b)"
)
# What begins the next report instead: `"…"، فيما ذكر X أن …`.
_NEXT_REPORT = re.compile(r"[،,؛]?\s*(?:و(?!فق)\w|فيما|بينما|في حين|بعدما|قبل أن|لكن)")
_FARTHEST_REPORT_BEHIND = 60
_SENTENCE_END = re.compile(r"[.!؟?](?=\s|$)|[\n\r]")


def link_quotes(page: Page, spans: Sequence[Span]) -> list[Link]:
    """Return at most one `said_by` and one `about` link for each QUOTE among the spans.

    Args:
        page: The text that the spans' offsets belong to.
        spans: Spans of all layers, in any order; layers may overlap each other.
    """
    quotes, speakers, topics = (
        sorted(span for span in spans if span.label == label) for label in (QUOTE, SPEAKER, TOPIC)
    )
    links: list[Link] = []
    for quote in quotes:
        speaker, topic = _speaker_of(page, quote, quotes, speakers), _topic_of(page, quote, quotes, topics)
        links += [Link(quote, speaker, SAID_BY)] if speaker else []
        links += [Link(quote, topic, ABOUT)] if topic else []
    return links


def _speaker_of(page: Page, quote: Span, quotes: list[Span], speakers: list[Span]) -> Span | None:
    index = bisect_left(speakers, quote.start, key=lambda speaker: speaker.start)
    before = speakers[index - 1] if index else None
    behind = next((speaker for speaker in speakers[index:] if speaker.start >= quote.end), None)
    if before and _own_report_before(page, quote, quotes, before):
        return before
    if behind and _own_report_behind(page, quote, quotes, behind):
        return behind
    return before or behind


def _own_report_before(page: Page, quote: Span, quotes: list[Span], speaker: Span) -> bool:
    """Say whether the report that brings the quote already names this speaker."""
    if any(speaker.end <= other.start < quote.start for other in quotes):
        return False
    return _SENTENCE_END.search(page.text, speaker.end, quote.start) is None


def _own_report_behind(page: Page, quote: Span, quotes: list[Span], speaker: Span) -> bool:
    between = page.text[quote.end : speaker.start]
    if len(between) > _FARTHEST_REPORT_BEHIND or _SENTENCE_END.search(between) or _NEXT_REPORT.match(between):
        return False
    if any(quote.end <= other.start < speaker.start for other in quotes):
        return False
    return _CUE.search(between) is not None


def _topic_of(page: Page, quote: Span, quotes: list[Span], topics: list[Span]) -> Span | None:
    inside = [topic for topic in topics if quote.overlaps(topic)]
    if inside:
        return inside[0]
    start, end = _sentence_around(page.text, quote)
    near = [topic for topic in topics if start <= topic.start and topic.end <= end]
    return min(near, key=lambda topic: (topic.start > quote.start, abs(topic.start - quote.start)), default=None)


def _sentence_around(text: str, quote: Span) -> tuple[int, int]:
    start = max((match.end() for match in _SENTENCE_END.finditer(text, 0, quote.start)), default=0)
    following = _SENTENCE_END.search(text, quote.end)
    return start, following.start() if following else len(text)
