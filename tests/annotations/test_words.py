"""Words and paragraphs by rules 1 and 5."""

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aqwal.annotations.words import cut_paragraphs, cut_words, is_dash_of_tatweel, is_invisible

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates included
NEAR_EDGES = st.text(st.sampled_from("اa5\u064bـ_ .\u200c\u200f\ufeff\u0600\xa0\r\n\u2028\ud83d😀"))
TEXTS = st.one_of(ANY_TEXT, NEAR_EDGES)

CUTS = {
    "diacritics": ("قَالَ مُحَمَّدٌ", ["قَالَ", "مُحَمَّدٌ"]),
    "particles stay": ("وبالأزمة في سورية", ["وبالأزمة", "في", "سورية"]),
    "tatweel inside": ("قـــال العـربية", ["قـــال", "العـربية"]),
    "tatweel at an edge": ("بـ”البناءة للغاية”", ["بـ", "”", "البناءة", "للغاية", "”"]),
    "tatweel alone": ("روسية ــ أميركية ـ", ["روسية", "ــ", "أميركية", "ـ"]),
    "lam-alef": ("ﻻ لا الإسلام", ["ﻻ", "لا", "الإسلام"]),
    "zwnj inside": ("می\u200cگوید", ["می\u200cگوید"]),
    "several invisible inside": ("بو\u200f\u200d\u2060تين", ["بو\u200f\u200d\u2060تين"]),
    "rlm at edges": ("\u200fبوتين\u200f: نعم", ["بوتين", ":", "نعم"]),
    "bom first": ("\ufeffقال", ["قال"]),
    "bom last": ("قال\ufeff", ["قال"]),
    "nothing but invisible": ("\u200f \u200c", []),
    "format that prints": ("\u0600٥ \u06dd", ["\u0600", "٥", "\u06dd"]),
    "emoji family": ("👨\u200d👩\u200d👧", ["👨", "👩", "👧"]),
    "emoji after a word": ("نعم😀لا", ["نعم", "😀", "لا"]),
    "digits with arabic": ("الخميس 25ابريل", ["الخميس", "25ابريل"]),
    "digits with latin": ("G20 كوفيد19 ٢٠٢٣م", ["G20", "كوفيد19", "٢٠٢٣م"]),
    "digits with a sign": ("بصيغة 3+3،", ["بصيغة", "3", "+", "3", "،"]),
    "hashtag": ("#سوريا_الآن", ["#", "سوريا_الآن"]),
    "slash": ("يونيو/حزيران", ["يونيو", "/", "حزيران"]),
    "hyphen": ("(Lend-Lease)", ["(", "Lend", "-", "Lease", ")"]),
    "marks side by side": ("قال:“نعم”.", ["قال", ":", "“", "نعم", "”", "."]),
    "nbsp": ("بعضنا بعضا\xa0بعين", ["بعضنا", "بعضا", "بعين"]),
    "lone surrogates": ("\ud83d قال\udc4d", ["\ud83d", "قال", "\udc4d"]),
    "crlf": ("نعم\r\nلا\r\n", ["نعم", "لا"]),
    "nothing": ("", []),
}


@pytest.mark.parametrize(("text", "expected"), CUTS.values(), ids=CUTS.keys())
def test_words(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in cut_words(text)] == expected


def is_letter(character: str) -> bool:
    return character == "_" or unicodedata.category(character)[0] in "LNM"


@given(TEXTS)
@example("👨\u200d👩\ufe0f")
def test_words_come_in_order_and_leave_only_space_and_invisible_characters(text: str) -> None:
    position, pieces = 0, []
    for start, end in cut_words(text):
        assert position <= start < end
        pieces += [text[position:start], text[start:end]]
        position = end
    pieces.append(text[position:])
    assert "".join(pieces) == text
    for gap in pieces[::2]:
        assert all(character.isspace() or unicodedata.category(character) == "Cf" for character in gap)


@given(TEXTS)
def test_word_is_one_sign_or_a_maximal_run_of_letters(text: str) -> None:
    words = cut_words(text)
    for start, end in words:
        run = [character for character in text[start:end] if not is_invisible(character)]
        assert end - start == 1 or (all(map(is_letter, run)) and is_letter(text[start]) and is_letter(text[end - 1]))
    for (_, end), (start, _) in pairwise(words):
        joined = all(map(is_invisible, text[end:start]))
        assert not (joined and is_letter(text[end - 1]) and is_letter(text[start]))


@pytest.mark.parametrize("character", ["\u200c", "\u200d", "\u200e", "\u200f", "\u061c", "\u2067", "\ufeff", "\xad"])
def test_format_characters_are_invisible(character: str) -> None:
    assert is_invisible(character)


@pytest.mark.parametrize("character", ["ا", "ـ", "\u064b", " ", "\xa0", "\n", ".", "\u0600", "\u06dd", "\ud83d"])
def test_what_prints_or_spaces_is_not_invisible(character: str) -> None:
    assert not is_invisible(character)


@pytest.mark.parametrize(("surface", "expected"), [("ـ", True), ("ــ", True), ("بـ", False), ("-", False), ("", False)])
def test_dash_of_tatweel(surface: str, expected: bool) -> None:
    assert is_dash_of_tatweel(surface) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [""]),
        ("نعم", ["نعم"]),
        ("\nنعم\n\nلا", ["", "نعم", "", "لا"]),
        ("نعم\r\nلا\rبلى\n", ["نعم", "لا", "بلى", ""]),
        ("نعم\n\rلا", ["نعم", "", "لا"]),
        ("نعم\u2029لا\u2028بلى\x85كلا", ["نعم", "لا", "بلى", "كلا"]),
        ("نعم\tلا\xa0بلى\x1fكلا", ["نعم\tلا\xa0بلى\x1fكلا"]),
    ],
)
def test_paragraphs(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in cut_paragraphs(text)] == expected


@given(TEXTS)
@example("\r\r\n\n")
def test_paragraphs_are_the_lines_python_knows_and_tile_the_text(text: str) -> None:
    paragraphs = cut_paragraphs(text)
    assert [text[start:end] for start, end in paragraphs] == (text + "\u2028").splitlines()
    assert (paragraphs[0][0], paragraphs[-1][1]) == (0, len(text))
    for (_, end), (start, _) in pairwise(paragraphs):
        assert text[end:start] in {"\r\n", *"\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"}
