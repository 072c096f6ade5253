"""Folding: what is left of a text to be compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqwal.annotations.folding import fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("", ""),
        ("أكّدَ", "اكد"),
        ("الأربعـــاء", "الاربعاء"),
        ("إلى مدرسةٍ آمنة", "الي مدرسه امنه"),
        ("ا\u0655لى", "الي"),
        ("٢٥ و۲۵ و25", "25 و25 و25"),
        ("BBC", "bbc"),
        ("كوريا\u200fالشمالية", "كورياالشماليه"),
        ("ﻻ", "لا"),
        ("«نعم»", "«نعم»"),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_a_million_marks_on_a_letter_go() -> None:
    assert fold("قا" + "\u0651\u064e" * 500_000 + "ل") == "قال"


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
