"""Pairs of quotation marks and brackets, ill-matched ones included (rule 2)."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aqwal.annotations.marks import BRACKETS, DOUBLE_MARKS, SINGLE_MARKS, pair_marks

SEEDS = Path(__file__).parents[2] / "seeds"
FAMILIES = (DOUBLE_MARKS, SINGLE_MARKS, *BRACKETS)

# Text → what its pairs enclose, marks included, by opening mark.
PAIRED = {
    "proper": ("قال “نعم” ثم «لا».", ["“نعم”", "«لا»"]),
    "straight": ('قال: "نعم". وقال: "لا".', ['"نعم"', '"لا"']),
    "single": ("قال ‘نعم’ ثم 'لا'", ["‘نعم’", "'لا'"]),
    "low and high": ("قال „نعم“ ثم ‚لا‘", ["„نعم“", "‚لا‘"]),
    "reversed": ("أعلن ”بوتين“ ذلك", ["”بوتين“"]),
    "same glyph": ("قال ”نعم” ثم “لا“ ثم", ["”نعم”", "“لا“"]),
    "reversed guillemets": ("قال »نعم« ثم", ["»نعم«"]),
    "same guillemets": ("قال »نعم» ثم «لا« ثم", ["»نعم»", "«لا«"]),
    "two glyphs": ('قال «نعم" ثم "لا” ثم', ['«نعم"', '"لا”']),
    "prefixed": ("المحادثات بـ”البناءة للغاية” مشيرة", ["”البناءة للغاية”"]),
    "closing glued to a word": ("قال ”نعم“وأضاف", ["”نعم“"]),
    "opening glued to a word": ('للأنباء"ان بعض المبادرات" ثم', ['"ان بعض المبادرات"']),
    "spaces inside": ('قال " نعم " ثم', ['" نعم "']),
    "punctuation before closing": ('قال: "نعم." ثم «لا؟»،', ['"نعم."', "«لا؟»"]),
    "nested glyphs": ("قال «إن “نعم” جوابه»", ["«إن “نعم” جوابه»", "“نعم”"]),
    "nested families": ("\"قلت: 'مرحبا'. فما\"", ["\"قلت: 'مرحبا'. فما\"", "'مرحبا'"]),
    "nested same glyph": ('قال "إن "نعم" جوابه" ثم', ['"إن "نعم" جوابه"', '"نعم"']),
    "nested after a particle": ('قال: "إن هذا و“نعم” سواء".', ['"إن هذا و“نعم” سواء"', "“نعم”"]),
    "side by side": ("«نعم»«لا»", ["«نعم»", "«لا»"]),
    "apostrophes": ("O'Brien و d’Orsay و l'Humanité", []),
    "apostrophe in marks": ("‘قال O’Brien نعم’ ثم", ["‘قال O’Brien نعم’"]),
    "brackets": ("(نعم) [لا] {بلى} <كلا> ﴿قل﴾", ["(نعم)", "[لا]", "{بلى}", "<كلا>", "﴿قل﴾"]),
    "brackets and marks cross": ("(نعم “لا) بلى”", ["(نعم “لا)", "“لا) بلى”"]),
    "brackets of two kinds": ("(نعم]", []),
    "inches": ("شاشة 5″ و 7 أخرى", []),
    "opening alone": ('مضيفا "ان جوا من الريبة', []),
    "closing alone": ('من القضايا الأخرى"، بحسب', []),
    "forgotten before a pair": ('قال "نعم ثم "لا".', ['"لا"']),
    "forgotten, next paragraph whole": ('قال "نعم\nقال "لا".', ['"لا"']),
    "over a line break": ("قال: “نعم.\nلا”.", ["“نعم.\nلا”"]),
    "over an empty line": ("قال: “نعم.\r\n\r\nلا” ثم «بلى»", ["“نعم.\r\n\r\nلا”", "«بلى»"]),
    "over a line break, from the first character": ("“نعم.\nلا”.", ["“نعم.\nلا”"]),
    "over three line breaks, late in the text": ("\n\n\nقال “نعم.\n\n\nلا”.", ["“نعم.\n\n\nلا”"]),
    "over too many line breaks": ("قال: “نعم.\n\n\n\nلا”.", []),
    "over a line break, an invisible mark behind": ("قال «نعم\nلا»\u200f ثم", ["«نعم\nلا»"]),
    "over a line break, an invisible mark before": ("قال \u200f«نعم\nلا\u200b» ثم", ["«نعم\nلا\u200b»"]),
    "misleading glyphs, invisible marks": ("أعلن \u202b”\u200fبوتين\u200b“\u202c ذلك", ["”\u200fبوتين\u200b“"]),
    "not back over a line break": ("نعم”\n“لا", []),
    "nothing": ("", []),
    "a mark and nothing else": ('"', []),
}


def pairs(text: str) -> list[str]:
    return [text[first : second + 1] for first, second in sorted(pair_marks(text).items()) if first < second]


@pytest.mark.parametrize(("text", "expected"), PAIRED.values(), ids=PAIRED.keys())
def test_pairs(text: str, expected: list[str]) -> None:
    assert pairs(text) == expected


@pytest.mark.parametrize(
    ("number", "forgotten"),
    [("000", []), ("001", []), ("002", []), ("003", ['ا "ان', 'رى"، ']), ("004", [])],
)
def test_only_the_forgotten_marks_of_the_seeds_have_no_partner(number: str, forgotten: list[str]) -> None:
    (path,) = SEEDS.glob(f"{number}_*.txt")
    text = path.read_bytes().decode("utf-8")
    marks = {offset for offset, character in enumerate(text) if any(character in family for family in FAMILIES)}
    alone = sorted(marks - pair_marks(text).keys())
    assert [text[offset - 2 : offset + 3] for offset in alone] == forgotten


def test_many_invisible_characters_are_looked_over_once() -> None:
    text = "«" + "\u200f" * 200_000 + "«ا»" * 100_000
    assert len(pair_marks(text)) == 200_000


MARKED_TEXT = st.text(st.sampled_from("".join(FAMILIES) + "اب .،\n\n  "), max_size=40)


@given(MARKED_TEXT)
@example('"ا\nب"')
def test_partners_are_mutual_and_of_one_family(text: str) -> None:
    partners = pair_marks(text)
    for offset, partner in partners.items():
        assert partners[partner] == offset != partner
        assert any(text[offset] in family and text[partner] in family for family in FAMILIES)


def nest(steps: list[str]) -> tuple[str, dict[int, int]]:
    """Open the marks named by the steps and close the innermost at each "|"; return text and partners."""
    closing_of = dict(["“”", "«»", "()", "[]", "<>", "⟦⟧"])
    text, waiting, partners = "", [], {}
    for step in steps + ["|"] * len(steps):
        if step in closing_of:
            waiting.append(len(text) + 1)
            text += f" {step}نعم"
        elif step == "|" and waiting:
            opening = waiting.pop()
            partners |= {opening: len(text), len(text): opening}
            text += closing_of[text[opening]]
        elif step != "|":
            text += step
    return text, partners


@given(st.lists(st.sampled_from([*"“«([<⟦", "|", "|", " لا", "،"])).map(nest))
def test_well_nested_marks_are_all_paired_as_they_nest(made: tuple[str, dict[int, int]]) -> None:
    text, partners = made
    assert pair_marks(text) == partners
