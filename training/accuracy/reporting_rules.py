"""Plain reporting-verb rules, nothing learned: the floor that any model must clear.

In the manner of the verb-cue baselines of quotation attribution (Pareti et al. 2013): a stretch in
quotation marks after a colon or a reporting verb is a QUOTE; so is what follows a reporting verb
from its complementizer to the end of the sentence or the next report; the SPEAKER is what stands
between verb and complementizer; there is no TOPIC.
"""

import re

from aqwal.annotations.page import Page
from aqwal.annotations.records import Document
from aqwal.annotations.scheme import QUOTE, SPEAKER, snap
from aqwal.serving.prediction import PredictedSpan, Prediction, Quote

_VERBS = (
    "قال|أكد|أوضح|أضاف|أعلن|ذكر|شدد|أشار|لفت|رأى|اعتبر|كشف|أعرب|عبر|نفى|حذر|طالب|دعا|تابع|أردف|أفاد|"
    "مشيرا|مؤكدا|موضحا|مضيفا|لافتا|معربا|معتبرا|محذرا|قائلا|داعيا"
)
_REPORT = re.compile(
    rf"\b[وف]?(?:{_VERBS})[ًت]?\b(?P<source>[^.!؟\n:\"“”«»]*?)(?=\s*(?::|\b[بو]?[أا]نه?ا?\b|\bإنه?ا?\b|[\"“«]))"
)
_CONTENT = re.compile(
    r"\s*:?\s*(?P<quote>[\"“”«][^\"“”»\n]+[\"“”»]|(?:ب?[أا]نه?ا?|إنه?ا?)\b[^.!؟\n]*?"
    rf"(?=[.!؟\n]|،?\s[وف]?(?:{_VERBS})[ًت]?\b|$))"
)
_LEADING_PREPOSITION = re.compile(r"\s*(?:إلى|على|عن|من|في)\s*$")


def answer_by_rules(document: Document) -> Prediction:
    """Answer a document by the rules."""
    page = Page(document.text)
    spans: list[PredictedSpan] = []
    quotes: list[Quote] = []
    position = 0
    while report := _REPORT.search(document.text, position):
        content = _CONTENT.match(document.text, report.end())
        position = report.end()
        if content is None or (quote := _span(page, *content.span("quote"), QUOTE)) is None:
            continue
        position = quote.end
        source = _LEADING_PREPOSITION.sub("", report["source"])
        speaker = _span(page, report.start("source"), report.start("source") + len(source), SPEAKER)
        spans += [speaker] if speaker else []
        spans.append(quote)
        quotes.append(Quote(len(spans) - 1, len(spans) - 2 if speaker else None, None, "indirect", 1.0))
    return Prediction(document.text, tuple(spans), tuple(quotes), document.id)


def _span(page: Page, start: int, end: int, label: str) -> PredictedSpan | None:
    edges = snap(page, start, end, label) if end > start else None
    return None if edges is None else PredictedSpan(label, *edges, page.text[slice(*edges)], 1.0)
