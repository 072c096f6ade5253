"""Ways of reporting: which of those that the plan of the corpus asks for can be seen in an annotated text.

They are told by rule from spans, links, marks and the reporting word, so they are rough, and some
cannot be told at all (`NOT_LOOKED_FOR`).
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from aqwal.annotations.curation.reporting_words import DOCUMENT_VERBS, reports_within
from aqwal.annotations.curation.reports import Position, Report
from aqwal.annotations.folding import fold

Way = Callable[[Sequence[Report]], int]

_FREE_PREPOSITION = re.compile(r"\b(?:من|الي|علي|عن|في)\s*$")
_COMPLEMENTIZER = re.compile(r"[\"“«]?\s*(?:[بلو]?ان(?:ه|ها|هم|هما|نا|ني|ي)?|ما|لماذا|هل|كيف|متي)\b")
_ABOUT = re.compile(
    r"(?:\b[وف]?(?:بشان|حول|بخصوص|ازاء|حيال|تجاه)|يتعلق|سؤال عن|\b(?:عن|الي) (?:ملف|موضوع|مساله)|"
    r"\b[وف]?[يتن]?(?:تطرق|بحث|ناقش)\S*(?: الي)?)\s+$"
)
_UNNAMED = re.compile(r"\b(?:مصدر|مصادر|المصدر|المصادر|شهود|شاهد|مراقب|مسؤول طلب|مقرب|مطلع|سكان|اهالي)")
_SURVEY = re.compile(r"\b(?:[وبلف]?(?:ال)?)(?:استطلاع|دراس[هت]|مسح|استبيان|مؤشر|احصاء)")
_QUESTION = re.compile(r"\b[وف]?(?:سؤال|سئل|سال|ردا? علي)")
_SENTENCE_END_WITHIN = re.compile(r"[.!؟?…]\s+\S")
_BACKGROUND_PARAGRAPHS = 2
_CHAIN = 2


def _each(is_seen: Callable[[Report], bool]) -> Way:
    return lambda reports: sum(map(is_seen, reports))


def _by_lemma(*lemmas: str) -> Way:
    return _each(lambda report: report.word is not None and report.word.lemma in lemmas)


def _has_frame_before(report: Report) -> bool:
    return report.word is not None and report.word.is_frame and not report.word.is_behind


def _has_frame_behind(report: Report) -> bool:
    return report.word is not None and report.word.is_frame and report.word.is_behind


def _has_free_preposition(report: Report) -> bool:
    return _FREE_PREPOSITION.search(fold(report.before)) is not None


def _is_nested(report: Report) -> bool:
    return reports_within(report.text_of(report.quote))


def _is_glued_or_spaced(report: Report) -> bool:
    """Say whether a direct quote's marks touch a word outside or white space inside."""
    start, end, text = report.quote.start, report.quote.end, report.page.text
    if report.kind != "direct" or end - start < 3:
        return False
    outside, inside = text[max(start - 1, 0) : start] + text[end : end + 1], text[start + 1] + text[end - 2]
    return any(map(str.isalnum, outside)) or any(map(str.isspace, inside))


def _has_noun_phrase(report: Report) -> bool:
    if report.kind == "direct" or report.word is None or report.word.is_frame:
        return False
    return _COMPLEMENTIZER.match(fold(report.text_of(report.quote))) is None


def _has_speaker_like(pattern: re.Pattern[str]) -> Callable[[Report], bool]:
    return lambda report: report.speaker is not None and bool(pattern.search(fold(report.text_of(report.speaker))))


def _is_survey(report: Report) -> bool:
    return _SURVEY.search(fold(report.before)) is not None or _has_speaker_like(_SURVEY)(report)


def _answers_a_question(report: Report) -> bool:
    asked = report.word is not None and report.word.lemma in ("أجاب", "سأل")
    return asked or _QUESTION.search(fold(report.before)) is not None


def _is_relayed(report: Report) -> bool:
    if report.speaker is None or report.position is not Position.BEFORE:
        return False
    ahead = fold(report.page.text[report.sentence[0] : report.speaker.start])
    return re.search(r"\b[وف]?[يتن]?(?:نقل|نقلا)\w*\b.*\bعن\s*$", ahead, re.S) is not None


def _has_speaker_before_the_verb(report: Report) -> bool:
    if report.speaker is None or report.position is not Position.BEFORE or report.word is None:
        return False
    if report.word.is_behind or report.word.is_frame or report.word.is_participle:
        return False
    return report.word.form in fold(report.page.text[report.speaker.end : report.quote.start]).split()


def _has_several_sentences(report: Report) -> bool:
    return report.kind == "direct" and _SENTENCE_END_WITHIN.search(report.text_of(report.quote)) is not None


def _has_apposition(report: Report) -> bool:
    return report.speaker is not None and bool(re.search("[،,]", report.text_of(report.speaker)))


def _is_behind_background(report: Report) -> bool:
    """Say whether the speaker was named some paragraphs ago."""
    if report.speaker is None or report.position is not Position.EARLIER:
        return False
    return len(report.page.breaks_in(report.speaker.end, report.quote.start)) >= _BACKGROUND_PARAGRAPHS


def _has_about_frame(report: Report) -> bool:
    if report.topic is None:
        return False
    return _ABOUT.search(fold(report.page.text[max(report.topic.start - 30, 0) : report.topic.start])) is not None


def _interrupted(reports: Sequence[Report]) -> int:
    """Count direct quotes of one source that follow another in its sentence, the report between them."""
    return sum(
        one.kind == other.kind == "direct"
        and one.speaker == other.speaker
        and one.sentence == other.sentence
        and bool(one.word and one.word.is_behind)
        for one, other in pairwise(reports)
    )


def _sharing_a_topic(reports: Sequence[Report]) -> int:
    counts = Counter(report.topic for report in reports if report.topic is not None)
    return sum(count for count in counts.values() if count > 1)


def _in_chains(reports: Sequence[Report]) -> int:
    """Count quotes in rows of two or more whose subject is hidden."""
    row = found = 0
    for report in reports:
        row = row + 1 if report.position is Position.EARLIER else 0
        found += row if row == _CHAIN else row > _CHAIN
    return found


def _in_participle_chains(reports: Sequence[Report]) -> int:
    counts = Counter(report.sentence for report in reports if report.word and report.word.is_participle)
    return sum(count for count in counts.values() if count >= _CHAIN)


WAYS: Mapping[str, Way] = {
    "frame at the start (`ووفقا لـX، …`)": _each(_has_frame_before),
    "frame at the end (`…، بحسب X`)": _each(_has_frame_behind),
    "free preposition before complement (`حذر من`, `دعا إلى`, `شدد على`)": _each(_has_free_preposition),
    "nested report (quote within a quote: only the outer is marked)": _each(_is_nested),
    "`شكر X على Y`/`ثمّن`/`رحب بـ`/`ندد بـ`": _by_lemma("شكر", "ثمن", "رحب", "ندد"),
    "document that says (`جاء في البيان/ينص على/أظهر تقرير أن`)": _by_lemma(*DOCUMENT_VERBS),
    "direct quote in « » or “ ” glued to a word or with space inside the marks": _each(_is_glued_or_spaced),
    "noun-phrase complement (`أكد استعداد …`, `أعرب عن أسفه لـ`)": _each(_has_noun_phrase),
    "`وصف X بـ`/`اعتبر X Y`": _by_lemma("وصف", "اعتبر"),
    "unnamed source (`مصدر مطلع`, `شهود عيان`, `مسؤول طلب عدم ذكر اسمه`)": _each(_has_speaker_like(_UNNAMED)),
    "question of a reporter and its answer": _each(_answers_a_question),
    "relay (`نقل X عن Y قوله`)": _each(_is_relayed),
    "speaker before the verb (`الوزير … قال`)": _each(_has_speaker_before_the_verb),
    "direct quote broken by its report": _interrupted,
    "`اتفق على أن`/`تعهد بـ`/`توقع أن`/`تساءل`": _by_lemma("اتفق", "تعهد", "توقع", "تساءل"),
    "quote without source": _each(lambda report: report.speaker is None),
    "quote without topic": _each(lambda report: report.topic is None),
    "`أضاف` after a long background paragraph (source far back)": _each(_is_behind_background),
    "quotes that share one topic": _sharing_a_topic,
    "chain of reports with hidden subject (`وأضاف … وتابع … مشيرا إلى …`)": _in_chains,
    "headline `name: words`": _each(lambda report: report.is_name_and_colon),
    "several-sentence direct quote": _each(_has_several_sentences),
    "speaker after the verb with long title and apposition across commas": _each(_has_apposition),
    "participle chain (`مؤكدا … ومشددا … داعيا …`)": _in_participle_chains,
    'speaker at the end, behind the quote (`"…"، قال X`)': _each(lambda report: report.position is Position.BEHIND),
    "poll or study as source": _each(_is_survey),
    "mixed quote (complementizer + marked words)": _each(lambda report: report.kind == "mixed"),
    "tweet or post (`كتب/غرد على`)": _by_lemma("كتب", "غرد"),
    "topic in an about-frame (`بشأن`, `حول`, `فيما يتعلق بـ`, `ردا على سؤال عن`)": _each(_has_about_frame),
    "`اتهم X بـ`/`حمّل X مسؤولية`": _by_lemma("اتهم", "حمل"),
}
"""The plan's words for a way of reporting → how many of a text's reports show it, roughly."""

NOT_LOOKED_FOR = (
    "body or place as source (`موسكو` style, ministries, companies)",
    "coordinated sources in one phrase",
)
"""Ways that the plan asks for and no rule here can tell."""


def ways_of(reports: Sequence[Report]) -> dict[str, int]:
    """Return how many reports of one text show each way, by the plan's words; those not seen count 0."""
    return {name: count(reports) for name, count in WAYS.items()}
