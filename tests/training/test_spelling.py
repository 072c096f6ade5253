"""Training documents in another spelling: the same words and spans, and what must not change stays."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqwal.annotations.folding import fold
from aqwal.annotations.marks import DOUBLE_MARKS
from aqwal.annotations.records import Document
from aqwal.annotations.scheme import check_document
from aqwal.training import spelling
from aqwal.training.data import load_documents
from aqwal.training.spelling import respell, respell_documents

WITHOUT_MARKS = str.maketrans("", "", DOUBLE_MARKS)


@pytest.fixture(scope="module")
def documents(root: Path) -> list[Document]:
    patterns = ["annotations/gold/*.json", "annotations/corpus/w1-*.json", "annotations/corpus/w4*-0[1-5].json"]
    return load_documents(patterns, root).documents


@given(seed=st.integers(min_value=0))
def test_words_and_spans_stay_where_they_are(documents: list[Document], seed: int):
    document = documents[seed % len(documents)]
    respelt = respell(document, random.Random(seed))
    assert (respelt.id, respelt.annotations) == (document.id, document.annotations)
    assert check_document(respelt) == []
    before, after = (fold(one.text.translate(WITHOUT_MARKS)) for one in (document, respelt))
    assert before == after


def test_as_many_are_respelt_as_are_asked_for_and_always_the_same(documents: list[Document]):
    assert respell_documents(documents, 0, 1) == documents
    all_of_them, half = (respell_documents(documents, share, 1) for share in (1, 0.5))
    counts = [
        sum(one != other for one, other in zip(documents, changed, strict=True)) for changed in (half, all_of_them)
    ]
    assert 0 < counts[0] < counts[1] < len(documents)
    assert respell_documents(documents[3:], 1, 1) == all_of_them[3:]
    assert respell_documents(documents, 1, 2) != all_of_them


def test_every_habit_is_met(gold: Callable[..., Document]):
    document = gold("a", 'قال ليلى: "إن أحمد في مصر منذ 7 أو ٨ سنين" الثانية.')
    seen = {respell(document, random.Random(seed)).text for seed in range(300)}
    for words in (
        "«إن أحمد",
        "“إن أحمد",
        '"إن أحمد',
        "ان احمد",
        "ان أحمد",
        "فى",
        "ليلي",
        "الثانيه",
        "7 أو 8",
        "٧ أو ٨",
    ):
        assert any(words in text for text in seen), words


def test_marks_stay_where_another_shape_would_part_a_pair(
    gold: Callable[..., Document], monkeypatch: pytest.MonkeyPatch
):
    straight = (((lambda text: spelling._with_marks('""', text)), 1.0),)
    monkeypatch.setattr(spelling, "_HABITS", (straight,))
    parted = gold("a", 'قال زيد لا."”نعم" ثم خرج', ('”نعم"', "زيد", None))
    whole = gold("a", "قال زيد «لن أبقى» ثم خرج", ("«لن أبقى»", "زيد", None))
    assert check_document(parted) == []
    assert respell(parted, random.Random(1)) == parted
    assert respell(whole, random.Random(1)).text == 'قال زيد "لن أبقى" ثم خرج'


def test_letters_within_a_word_with_vowel_signs_stay(gold: Callable[..., Document]):
    document = gold("a", "يُعتقد في مدرسةٍ")
    seen = {respell(document, random.Random(seed)).text for seed in range(300)}
    assert seen == {"يُعتقد في مدرسةٍ", "يُعتقد فى مدرسةٍ"}


def test_odd_marks_stay(gold: Callable[..., Document]):
    document = gold("a", "قال: «نعم. ثم خرج.")
    assert {respell(document, random.Random(seed)).text[5] for seed in range(60)} == {"«"}
