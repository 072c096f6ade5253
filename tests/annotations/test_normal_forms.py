"""Normal forms: Unicode's own, but for heaps of marks that would take hours."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqwal.annotations.normal_forms import _MARKS_IN_A_ROW, normal_form

FORMS = ("NFC", "NFKC")


@pytest.mark.parametrize("form", FORMS)
@given(text=st.text(max_size=29) | st.text("ا\u0651\u064e\u0654\u0655e\u0301ﹷ", max_size=29))
def test_what_has_few_marks_in_a_row_is_as_unicode_has_it(form: str, text: str) -> None:
    assert normal_form(form, text) == unicodedata.normalize(form, text)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("marks", ["\u0651\u064e", "\u0654\u0655", "\uff9e\u0651", "\u0f73\u0301"])
def test_a_million_marks_on_a_letter(form: str, marks: str) -> None:
    text = "ا" + marks * 500_000
    assert normal_form(form, text).partition("\u034f")[0] == unicodedata.normalize(form, text[:31])


def test_every_character_that_becomes_marks_counts_as_one() -> None:
    """A mark is what is sorted: of a combining class that is not 0, as it is or once it is taken apart."""
    for character in map(chr, range(sys.maxunicode + 1)):
        for form in ("NFD", "NFKD"):
            begins_with_mark = unicodedata.combining(unicodedata.normalize(form, character)[0])
            assert not begins_with_mark or _MARKS_IN_A_ROW.fullmatch(character * 30)
