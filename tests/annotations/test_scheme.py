"""The scheme as code: where spans begin and end, kinds of quotes, what the check reports."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aqwal.annotations import Annotation, Document, Link, Span, read_documents
from aqwal.annotations.page import Page
from aqwal.annotations.records import region_id
from aqwal.annotations.scheme import (
    ABOUT,
    QUOTE,
    SAID_BY,
    SPEAKER,
    TOPIC,
    check_document,
    is_edge_punctuation,
    kind_of,
    snap,
)
from aqwal.annotations.words import is_dash_of_tatweel

ROOT = Path(__file__).parents[2]
GOLD = sorted((ROOT / "annotations" / "gold").glob("*.json"))
NUMBERS = [path.name[:3] for path in GOLD]


def gold_document(number: str) -> Document:
    (path,) = (path for path in GOLD if path.name.startswith(number))
    (document,) = read_documents(path)
    return document


def snapped(text: str, surface: str, label: str) -> str | None:
    """Snap the only place where a text has this surface; return the text there."""
    assert text.count(surface) == 1
    start = text.index(surface)
    edges = snap(Page(text), start, start + len(surface), label)
    return None if edges is None else text[slice(*edges)]


# Where a span begins and ends


@pytest.mark.parametrize(
    ("number", "surface", "label", "expected"),
    [
        # Rule 1: whole words, attached particles included.
        ("000", "الأزمة في سور", TOPIC, "بالأزمة في سورية"),
        ("003", "5ابري", TOPIC, "25ابريل"),
        ("004", "end-L", TOPIC, "Lend-Lease"),
        ("002", "عضا\xa0بعين الا", TOPIC, "بعضا\xa0بعين الاعتبار"),
        # Rule 2: no punctuation, space or dash at an edge, and no mark without its partner.
        ("000", "\nبوتين: ", SPEAKER, "بوتين"),
        ("003", " - أكد وزير", SPEAKER, "أكد وزير"),
        ("001", "قمة روسية ــ أميركية على", TOPIC, "قمة روسية ــ أميركية على"),
        ("001", "قمة روسية ــ ", TOPIC, "قمة روسية"),
        ("004", "ـ الأمريكية، ", TOPIC, "الأمريكية"),
        ("000", "هذا الموضوع كانت “بناءة”.", QUOTE, "هذا الموضوع كانت “بناءة”"),
        ("000", "هذا الموضوع كانت “", QUOTE, "هذا الموضوع كانت"),
        ("000", "بـ”البناءة للغاية” ", QUOTE, "بـ”البناءة للغاية”"),
        ("001", "> المباحثات بأنها", TOPIC, "المباحثات بأنها"),
        ("001", "أعرب <الكرملين>", SPEAKER, "أعرب <الكرملين>"),
        ("001", " <الكرملين> ", SPEAKER, "الكرملين"),
        ("001", "<بوتين> و<بومبيو>", SPEAKER, "<بوتين> و<بومبيو>"),
        ("004", '"الإعارة والتأجير" (Lend-Lease)', TOPIC, '"الإعارة والتأجير" (Lend-Lease)'),
        ("004", '"إلمندورف ريتشاردسون المشتركة"', TOPIC, "إلمندورف ريتشاردسون المشتركة"),
        ("004", '"إلمندورف ريتشاردسون المشتركة"', "PLACE", '"إلمندورف ريتشاردسون المشتركة"'),
        # Rule 5: one paragraph.
        ("002", "الأميركية\n\n14", TOPIC, "الأميركية"),
        ("002", "\n\n14 مايو", TOPIC, "14 مايو"),
        ("003", "يكتنف العلاقات بين روسيا والولايات المتحدة لكنه يأمل في حوار بناء.\nترامب", QUOTE,
         "يكتنف العلاقات بين روسيا والولايات المتحدة لكنه يأمل في حوار بناء"),
        ("004", "\nفي مؤتمر", TOPIC, "في مؤتمر"),
        # Rule 6: a direct quote with its marks, or without the one whose partner was forgotten.
        ("003", "انا هنا اليوم لأن الرئيس ترامب ملتزم بتحسين هذه العلاقات", QUOTE,
         '"انا هنا اليوم لأن الرئيس ترامب ملتزم بتحسين هذه العلاقات"'),
        ("003", '"انا هنا اليوم لأن الرئيس ترامب ملتزم بتحسين هذه العلاقات', QUOTE,
         '"انا هنا اليوم لأن الرئيس ترامب ملتزم بتحسين هذه العلاقات"'),
        ("003", '"انا هنا اليوم لأن الرئيس ترامب ملتزم بتحسين هذه العلاقات"', TOPIC,
         "انا هنا اليوم لأن الرئيس ترامب ملتزم بتحسين هذه العلاقات"),
        ("004", "مرحبا أيها الجار العزيز. من الرائع أن أراك بخير وبصحة جيدة", QUOTE,
         "'مرحبا أيها الجار العزيز. من الرائع أن أراك بخير وبصحة جيدة'"),
        ("003", '"ان جوا من الريبة', QUOTE, "ان جوا من الريبة"),
        ("003", 'القضايا الأخرى"،', QUOTE, "القضايا الأخرى"),
    ],
)  # fmt: skip
def test_snap_in_the_seeds(number: str, surface: str, label: str, expected: str) -> None:
    assert snapped(gold_document(number).text, surface, label) == expected


@pytest.mark.parametrize(
    ("text", "surface", "label", "expected"),
    [
        ("قال \u200fبوتين\u200f: نعم", "\u200fبوتين\u200f", SPEAKER, "بوتين"),
        ("قال بو\u200cتين: نعم", "تين", SPEAKER, "بو\u200cتين"),
        ("نحو 20 % و #غزة", "20 % و #", TOPIC, "20 % و #"),
        ("قال ((بوتين)) نعم", "((بوتين))", SPEAKER, "بوتين"),
        ("قال: “نعم.” ثم", "نعم", QUOTE, "“نعم.”"),
        ("“نعم.”", "نعم", QUOTE, "“نعم.”"),
        ("قال: «إن “نعم” جوابه» ثم", "إن “نعم” جوابه", QUOTE, "«إن “نعم” جوابه»"),
        ("قال: «“نعم”» ثم", "نعم", QUOTE, "«“نعم”»"),
        ("قال (نعم) ثم", "نعم", QUOTE, "نعم"),
        ("قال: “نعم.\nلا”. ثم", "“نعم.\nلا”.", QUOTE, "“نعم.\nلا”"),
        ("قال إن “نعم.\nلا” ثم\nبلى", "إن “نعم.\nلا” ثم\nبلى", QUOTE, "إن “نعم.\nلا” ثم"),
        ("قال: “نعم.\nلا”. ثم", "“نعم.\nلا”", TOPIC, "نعم"),
        ("قال ، ــ : ثم", "، ــ :", TOPIC, None),
        ("قال «.» ثم", "«.»", SPEAKER, None),
        ("قال \u200f ثم", "\u200f", TOPIC, None),
    ],
)
def test_snap(text: str, surface: str, label: str, expected: str | None) -> None:
    assert snapped(text, surface, label) == expected


def test_quote_in_brackets_ends_at_the_line_break() -> None:
    assert snapped("قال (نعم\nلا) ثم", "(نعم\nلا)", QUOTE) == "نعم"


def test_quote_over_a_line_break_marked_without_its_marks_takes_them_in() -> None:
    assert snapped("قال: “نعم.\nلا”. ثم", "نعم.\nلا", QUOTE) == "“نعم.\nلا”"


def test_empty_pair_of_marks_is_no_speaker() -> None:
    assert snapped("قال «» نعم", "«»", SPEAKER) is None


@pytest.mark.parametrize("number", NUMBERS)
def test_every_span_of_every_pass_is_where_snap_wants_it(number: str) -> None:
    document = gold_document(number)
    page = Page(document.text)
    spans = [span for annotation in document.annotations for span in annotation.spans]
    assert spans
    assert [span for span in spans if snap(page, span.start, span.end, span.label) != (span.start, span.end)] == []


@pytest.mark.parametrize("character", ".,،؛:!؟…-–—/\\\"“”«»'‘’()[]{}<>﴿﴾|~=*•_")
def test_punctuation_is_kept_out_of_edges(character: str) -> None:
    assert is_edge_punctuation(character)


@pytest.mark.parametrize("character", "ا5ـ%٪#@&§$€+😀\u064b")
def test_signs_that_carry_meaning_may_stand_at_an_edge(character: str) -> None:
    assert not is_edge_punctuation(character)


# What holds for every span

labels = st.sampled_from([SPEAKER, QUOTE, TOPIC, "PLACE"])


NEAR_EDGES = st.sampled_from("اب “”«»\"'().،ـ\u200f\n")
ANY_CHARACTER = st.characters(exclude_categories=())  # lone surrogates included


@st.composite
def texts_with_span(draw: st.DrawFn) -> tuple[str, int, int]:
    text = draw(st.text(st.one_of(NEAR_EDGES, NEAR_EDGES, ANY_CHARACTER), min_size=1, max_size=30))
    start = draw(st.integers(0, len(text) - 1))
    return text, start, draw(st.integers(start + 1, len(text)))


def is_bare(page: Page, index: int, start: int, end: int) -> bool:
    """Say whether a word is a dash of tatweel, or punctuation whose partner is not in `[start, end)`."""
    surface = page.surface(index)
    if len(surface) > 1 or not is_edge_punctuation(surface):
        return is_dash_of_tatweel(surface)
    return not start <= page.partners.get(page.words[index].start, -1) < end


@given(texts_with_span(), labels)
@example(("«ا\nب» ", 0, 6), QUOTE)
def test_snapped_span_is_legal(made: tuple[str, int, int], label: str) -> None:
    page = Page(made[0])
    edges = snap(page, *made[1:], label)
    if edges is None:
        return
    start, end = edges
    first, stop = page.words_over(start, end)
    assert (page.words[first].start, page.words[stop - 1].end) == edges
    assert not is_bare(page, first, start, end)
    assert not is_bare(page, stop - 1, start, end)
    for offset in page.breaks_in(start, end):
        assert label == QUOTE
        assert page.pair_covers(offset, start, end)


@given(texts_with_span(), labels)
def test_snapped_span_stays_where_it_is(made: tuple[str, int, int], label: str) -> None:
    page = Page(made[0])
    edges = snap(page, *made[1:], label)
    assert edges is None or snap(page, *edges, label) == edges


@given(texts_with_span(), labels)
def test_snapped_span_lies_in_one_block(made: tuple[str, int, int], label: str) -> None:
    page = Page(made[0])
    if (edges := snap(page, *made[1:], label)) is not None:
        first, stop = page.words_over(*edges)
        assert any(begin <= first and stop <= end for begin, end in page.blocks)


@given(texts_with_span(), labels)
def test_a_word_in_the_span_is_never_lost_in_one_sentence(made: tuple[str, int, int], label: str) -> None:
    text, start, end = made
    page = Page("".join(" " if character.isspace() or character in ".!؟?" else character for character in text))
    worth = [index for index in range(*page.words_over(start, end)) if not is_bare(page, index, 0, 0)]
    edges = snap(page, start, end, label)
    if worth:
        assert edges is not None
        assert edges[0] <= page.words[worth[0]].start
        assert page.words[worth[-1]].end <= edges[1]


# Rule 22


@pytest.mark.parametrize(
    ("number", "beginning", "kind"),
    [
        ("000", "“إن التسوية", "direct"),
        ("004", "\"عندما نزلت من الطائرة قلت لترامب: 'مرحبا", "direct"),
        ("003", "ان جوا من الريبة", "direct"),
        ("003", "سيجري بحث القضايا", "direct"),
        ("000", "أن الجانبين ركزا", "indirect"),
        ("000", "نأمل بأن يتغير", "indirect"),
        ("001", "إن <بوتين> و<بومبيو>", "indirect"),
        ("000", "أن بوتين أكد فيما يتعلق بالأزمة", "mixed"),
        ("000", "المحادثات بين وزيري", "mixed"),
        ("003", 'إن "الرئيس بوتين سيستقبل', "mixed"),
        ("004", 'أنه "يجب ضمان', "mixed"),
    ],
)
def test_kind_of_a_quote_in_the_seeds(number: str, beginning: str, kind: str) -> None:
    document = gold_document(number)
    (quote,) = [span for span in document.gold.of_label(QUOTE) if document.text.startswith(beginning, span.start)]
    assert kind_of(Page(document.text), quote) == kind


@pytest.mark.parametrize(
    ("text", "surface", "kind"),
    [
        ("“نعم” قال", "“نعم”", "direct"),
        ("قال: “نعم” و“لا”", "“نعم” و“لا”", "mixed"),
        ("قال: ”نعم“", "”نعم“", "direct"),
        ("قال إن “نعم", "إن “نعم", "indirect"),
        ("“نعم. ثم", "نعم", "direct"),
        ("“\u200fنعم. ثم", "نعم", "direct"),
        ("رأى أن الحل“نعم”", "أن الحل", "indirect"),
    ],
)
def test_kind_of(text: str, surface: str, kind: str) -> None:
    start = text.index(surface)
    assert kind_of(Page(text), Span(start, start + len(surface), QUOTE)) == kind


# What the check reports

TEXT = "وقال بوتين: “نعم” ثم “لا”."
PUTIN, YES, NO = Span(5, 10, SPEAKER), Span(12, 17, QUOTE), Span(21, 25, QUOTE)


def problems(spans: list[Span], links: list[Link]) -> list[str]:
    annotation = Annotation("pass-a", tuple(spans), tuple(links))
    found = check_document(Document("خبر-1", TEXT, (annotation,)), "أخبار.json")
    return [re.sub(r"region [0-9a-f]{10}, ", "", str(problem)) for problem in found]


def test_nothing_is_reported_where_nothing_is_wrong() -> None:
    topic = Span(13, 16, TOPIC)
    assert problems([PUTIN, YES, NO, topic], [Link(YES, PUTIN, SAID_BY), Link(YES, topic, ABOUT)]) == []


@pytest.mark.parametrize(
    ("spans", "links", "expected"),
    [
        ([Span(12, 17, "PLACE")], [], ["[12:17] '“نعم”': unknown label 'PLACE'; the scheme has SPEAKER, QUOTE, TOPIC"]),
        ([Span(17, 18, QUOTE)], [], ["[17:18] ' ': QUOTE holds no word that a span can be made of (rules 1, 2)"]),
        (
            [Span(2, 8, QUOTE)],
            [],
            ["[2:8] 'ال بوت': QUOTE edges: the scheme has [0:10] 'وقال بوتين' (rules 1, 2, 5, 6, 11)"],
        ),
        (
            [Span(21, 26, QUOTE)],
            [],
            ["[21:26] '“لا”.': QUOTE edges: the scheme has [21:25] '“لا”' (rules 1, 2, 5, 6, 11)"],
        ),
        ([YES, Span(12, 25, QUOTE)], [], ["[12:25] '“نعم” ثم “لا”': overlaps the QUOTE at [12:17] (rule 4)"]),
        ([YES, YES], [], ["[12:17] '“نعم”': overlaps the QUOTE at [12:17] (rule 4)"]),
        ([PUTIN], [], ["[5:10] 'بوتين': SPEAKER belongs to no QUOTE (rule 17)"]),
        ([Span(5, 10, TOPIC), YES], [], ["[5:10] 'بوتين': TOPIC belongs to no QUOTE (rule 17)"]),
        (
            [PUTIN, YES],
            [Link(YES, PUTIN, "denies")],
            ["[12:17] '“نعم”': unknown link 'denies'; the scheme has said_by, about"],
        ),
        (
            [PUTIN, YES],
            [Link(YES, PUTIN, ABOUT)],
            ["[12:17] '“نعم”': link about goes QUOTE → SPEAKER; it must go QUOTE → TOPIC"],
        ),
        (
            [PUTIN, YES],
            [Link(PUTIN, YES, SAID_BY)],
            [
                "[5:10] 'بوتين': link said_by goes SPEAKER → QUOTE; it must go QUOTE → SPEAKER",
                "[5:10] 'بوتين': SPEAKER belongs to no QUOTE (rule 17)",
            ],
        ),
        ([YES], [Link(YES, PUTIN, SAID_BY)], ["[5:10] 'بوتين': link said_by ends at a span that is not marked"]),
        ([PUTIN], [Link(YES, PUTIN, SAID_BY)], ["[12:17] '“نعم”': link said_by ends at a span that is not marked"]),
        (
            [PUTIN, Span(0, 4, SPEAKER), YES],
            [Link(YES, PUTIN, SAID_BY), Link(YES, Span(0, 4, SPEAKER), SAID_BY)],
            ["[12:17] '“نعم”': 2 links said_by; a QUOTE has at most one (rule 21)"],
        ),
    ],
)
def test_reported(spans: list[Span], links: list[Link], expected: list[str]) -> None:
    assert problems(spans, links) == [
        f"أخبار.json, document خبر-1, annotator pass-a, {problem}" for problem in expected
    ]


def test_a_problem_names_its_region() -> None:
    annotation = Annotation("pass-a", (PUTIN,))
    (problem,) = check_document(Document("خبر-1", TEXT, (annotation,)))
    assert problem.region == region_id(TEXT, PUTIN)


def test_every_overlap_is_reported() -> None:
    reported = problems([Span(0, 25, QUOTE), YES, NO], [])
    assert [problem.rsplit(": ", 1)[1] for problem in reported] == ["overlaps the QUOTE at [0:25] (rule 4)"] * 2


def test_each_annotation_is_checked_on_its_own() -> None:
    linked = Annotation("pass-a", (PUTIN, YES), (Link(YES, PUTIN, SAID_BY),))
    alone = Annotation("pass-b", (PUTIN, YES))
    (problem,) = check_document(Document("خبر-1", TEXT, (linked, alone)))
    assert (problem.annotator, problem.start, problem.end, problem.text) == ("pass-b", 5, 10, "بوتين")
