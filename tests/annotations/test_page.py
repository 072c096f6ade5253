"""A text with its words, line breaks, pairs and blocks."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqwal.annotations.marks import QUOTATION_MARKS
from aqwal.annotations.page import Page

TEXTS = st.text(st.sampled_from("اب .،“”\"'()\u200f\r\n\n  "), max_size=40)


def span_of_text(draw: st.DrawFn, text: str) -> tuple[int, int]:
    start = draw(st.integers(0, len(text) - 1))
    return start, draw(st.integers(start + 1, len(text)))


@st.composite
def texts_with_span(draw: st.DrawFn) -> tuple[str, int, int]:
    text = draw(TEXTS.filter(bool))
    return text, *span_of_text(draw, text)


@pytest.mark.parametrize(
    ("surface", "words"),
    [
        ("قال بوتين", ["قال", "بوتين"]),
        ("ال بو", ["قال", "بوتين"]),
        (" بوتين: ", ["بوتين", ":"]),
        ("وتي", ["بوتين"]),
        (": «نعم", [":", "«", "نعم"]),
        ("»\n", ["»"]),
        ("\n\u200f", []),
        (" ", []),
    ],
)
def test_words_over(surface: str, words: list[str]) -> None:
    page = Page("قال بوتين: «نعم»\n\u200fثم")
    start = page.text.index(surface)
    first, stop = page.words_over(start, start + len(surface))
    assert [page.surface(index) for index in range(first, stop)] == words


@given(texts_with_span())
def test_words_over_are_those_that_share_a_code_point(made: tuple[str, int, int]) -> None:
    text, start, end = made
    page = Page(text)
    shared = [index for index, word in enumerate(page.words) if set(range(*word)) & set(range(start, end))]
    assert list(range(*page.words_over(start, end))) == shared


@given(texts_with_span())
def test_breaks_in_are_the_line_breaks_that_begin_there(made: tuple[str, int, int]) -> None:
    text, start, end = made
    begun = [at for at in range(start, end) if text[at] in "\r\n" and text[max(at - 1, 0) : at + 1] != "\r\n"]
    assert Page(text).breaks_in(start, end) == begun


def block_texts(page: Page) -> list[str]:
    return [page.text[page.words[first].start : page.words[stop - 1].end] for first, stop in page.blocks]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\n \n", []),
        ("قال نعم.", ["قال نعم."]),
        ("\nقال نعم.\r\n\r\nثم لا.\n", ["قال نعم.", "ثم لا."]),
        ("قال: “نعم.\n\nلا”.\nثم", ["قال: “نعم.\n\nلا”.", "ثم"]),
        ("قال “نعم”.\nثم “لا”.", ["قال “نعم”.", "ثم “لا”."]),
        ("قال: “نعم.\nثم لا.", ["قال: “نعم.", "ثم لا."]),
        ("قال: “نعم.\nلا”، “بلى\nكلا”\nثم", ["قال: “نعم.\nلا”، “بلى\nكلا”", "ثم"]),
        ("قال نعم. ثم لا! متى؟ غدا", ["قال نعم.", "ثم لا!", "متى؟", "غدا"]),
        ("قال: “نعم. ثم لا”. ثم", ["قال: “نعم. ثم لا”.", "ثم"]),
        ("قال (نعم. ثم لا) ثم", ["قال (نعم. ثم لا) ثم"]),
        ("بلغ 3.5 في المئة.ثم", ["بلغ 3.5 في المئة.ثم"]),
        ("التقى د. أحمد ثم... عاد", ["التقى د. أحمد ثم... عاد"]),
        ("قال نعم.\u200f وأضاف لا", ["قال نعم.", "وأضاف لا"]),
        ("متى؟\u200b\u200e غدا!\ufeff\nنعم", ["متى؟", "غدا!", "نعم"]),
        ("التقى د\u200f. أحمد ثم..\u200f. عاد", ["التقى د\u200f. أحمد ثم..\u200f. عاد"]),
    ],
)
def test_blocks_are_sentences_or_what_a_pair_of_marks_holds_together(text: str, expected: list[str]) -> None:
    assert block_texts(Page(text)) == expected


def test_brackets_hold_no_paragraphs_together() -> None:
    assert block_texts(Page("قال (نعم\nلا) ثم")) == ["قال (نعم", "لا) ثم"]


@given(TEXTS)
def test_blocks_tile_the_words(text: str) -> None:
    page = Page(text)
    assert all(first < stop for first, stop in page.blocks)
    assert [index for block in page.blocks for index in range(*block)] == list(range(len(page.words)))


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in Page(text).sentences]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\n ", []),
        ("قال نعم. ثم مضى", ["قال نعم.", "ثم مضى"]),
        ("أين؟ هناك! نعم… لا", ["أين؟", "هناك!", "نعم… لا"]),
        ("عنوان\nوقال نعم.\r\nثم مضى", ["عنوان", "وقال نعم.", "ثم مضى"]),
        ("بلغ 3.5 مليار، ثم 1.2", ["بلغ 3.5 مليار، ثم 1.2"]),
        ("قال د. أحمد نعم. ومضى", ["قال د. أحمد نعم.", "ومضى"]),
        ("قال: «نعم. لا. ربما» ثم مضى.", ["قال: «نعم. لا. ربما» ثم مضى."]),
        ("قال: «نعم. لا.» وأضاف كذا.", ["قال: «نعم. لا.»", "وأضاف كذا."]),
        ("قال: «نعم. لا.\u200f»\u200f وأضاف كذا.", ["قال: «نعم. لا.\u200f»", "وأضاف كذا."]),
        ("قال: «أين؟ هنا!» وأضاف كذا.", ["قال: «أين؟ هنا!» وأضاف كذا."]),
        ("قال: “نعم.\nلا” ومضى", ["قال: “نعم.\nلا” ومضى"]),
        ("قال: «نعم. لا", ["قال: «نعم.", "لا"]),
    ],
)
def test_sentences_are_blocks_that_a_full_stop_inside_marks_may_end(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(st.text(alphabet='اب .!؟…\n«»"“”', max_size=60))
def test_sentences_hold_everything_but_white_space_once_and_in_order(text: str) -> None:
    cut = Page(text).sentences
    assert "".join("".join(text[start:end].split()) for start, end in cut) == "".join(text.split())
    assert all(one[1] <= other[0] for one, other in pairwise(cut))
    assert all(text[start:end] == text[start:end].strip() for start, end in cut)


def test_pair_covers_what_lies_between_marks_that_both_lie_in_the_stretch() -> None:
    page = Page("قال “نعم” ثم")
    opening, closing = page.text.index("“"), page.text.index("”")
    covered = [at for at in range(len(page.text)) if page.pair_covers(at, 0, len(page.text))]
    assert covered == list(range(opening + 1, closing))
    assert page.pair_covers(opening + 1, opening, closing + 1)
    assert not page.pair_covers(opening + 1, opening + 1, closing + 1)
    assert not page.pair_covers(opening + 1, opening, closing)
    assert not page.pair_covers(opening, opening, closing + 1)


def test_pair_covers_by_an_outer_pair_when_an_inner_one_is_before() -> None:
    page = Page("«إن “نعم” جوابه»")
    assert page.pair_covers(page.text.index("جوابه"), 0, len(page.text))


def test_pairs_cut_are_those_with_one_mark_in_the_stretch() -> None:
    page = Page("قال “نعم ‘لا’ بلى” (ثم)")
    assert page.pairs_cut(0, 18) == []
    assert page.pairs_cut(0, 9) == [(4, 17)]
    assert page.pairs_cut(5, 11) == [(9, 12)]
    assert page.pairs_cut(0, 11) == [(4, 17), (9, 12)]
    assert page.pairs_cut(5, 9) == []


def test_quotation_around_is_the_nearest() -> None:
    page = Page("قال “نعم ‘لا’ بلى” (ثم)")
    assert page.quotation_around(10, 12) == (9, 12)
    assert page.quotation_around(5, 8) == (4, 17)
    assert page.quotation_around(13, 16) == (4, 17)
    assert page.quotation_around(9, 13) == (4, 17)
    assert page.quotation_around(0, 3) is None
    assert page.quotation_around(18, 21) is None


@given(texts_with_span())
def test_quotation_around_and_pairs_cut_against_all_pairs(made: tuple[str, int, int]) -> None:
    text, start, end = made
    page = Page(text)
    pairs = sorted((a, b) for a, b in page.partners.items() if a < b and text[a] in QUOTATION_MARKS)
    around = [(a, b) for a, b in pairs if a < start and end <= b]
    assert page.pairs_cut(start, end) == [(a, b) for a, b in pairs if (start <= a < end) != (start <= b < end)]
    assert page.quotation_around(start, end) == (max(around) if around else None)
