"""Near-duplicates: shared words in a row as they stand, likeness counted by hand."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqwal.annotations import Document
from aqwal.annotations.curation.duplicates import DuplicateFinder, Match, SharedRun, find_duplicates

EIGHT = "سننتظر ونرى ما تقوله اللجنة في تقريرها الأخير"
PADDING = "كلمات أخرى كثيرة لا يشاركها فيها أي خبر من الأخبار التي كتبت هنا ولا في مكان بعيد عنها قط ولا قريب"
REST = "بقية مختلفة تماما عن كل ما سبق ذكره في هذه الصفحات القليلة وهي طويلة بما يكفي لتبعد الشبه عن بعضها"


def matches(one: str, other: str, words: int = 8, threshold: float = 0.2) -> list[Match]:
    return find_duplicates([Document("أ", one), Document("ب", other)], words=words, threshold=threshold)


def runs(found: list[Match]) -> list[str]:
    return [run.text for match in found for run in match.runs]


def test_words_in_a_row() -> None:
    (match,) = matches(f"{PADDING} {EIGHT}. نعم {PADDING}", f"{REST} {EIGHT}، لا {REST}")
    assert (match.one, match.other) == ("أ", "ب")
    assert match.runs == (SharedRun(8, EIGHT),)
    assert 0 < match.jaccard < match.containment < 0.2


def test_seven_words_are_not_eight() -> None:
    seven = " ".join(EIGHT.split()[:7])
    texts = f"{PADDING} {seven} نعم", f"{REST} {seven} لا"
    assert matches(*texts) == []
    assert runs(matches(*texts, words=7)) == [seven]


@pytest.mark.parametrize(
    "written",
    [
        "سننتظر «ونرى»، ما تقوله - اللجنة: في تقريرها الأخير",
        "سَننتظرُ ونرى ما تقولـه اللجنة في تقريرها الأخير",
        "سننتظر ونري ما تقوله اللجنه فى تقريرها الاخير",
        "سننتظر ونرى ما تقوله\nاللجنة في \u200fتقريرها الأخير",
    ],
    ids=["marks", "diacritics and tatweel", "hamza and final letters", "space and invisible characters"],
)
def test_marks_diacritics_and_spelling_make_no_difference(written: str) -> None:
    # The words are shown as the first document has them.
    assert runs(matches(f"{PADDING} {written}.", f"{REST} {EIGHT}")) == [written]


def test_runs_are_maximal_and_told_once_the_longest_first() -> None:
    eleven = f"{EIGHT} قبل نهاية العام"
    one = f"{EIGHT} نعم {PADDING} {eleven} {PADDING}"
    (match,) = matches(one, f"{eleven} لا {REST}")
    assert [run.words for run in match.runs] == [11, 8]
    assert [run.text for run in match.runs] == [eleven, EIGHT]
    (again,) = matches(f"{EIGHT} نعم {PADDING} {EIGHT}", f"{REST} {EIGHT} لا")
    assert [run.text for run in again.runs] == [EIGHT]


def test_likeness_counted_by_hand() -> None:
    # Six and eight words: two and four shingles, two of them in both.
    (match,) = matches("أ ب ج د ه و", "أ ب ج د ه و ز ح", words=8)
    assert (match.jaccard, match.containment) == (2 / 4, 1.0)
    assert match.runs == (SharedRun(6, "أ ب ج د ه و"),)
    assert matches("أ ب ج د ه و", "أ ب ج د ه و ز ح", threshold=1) == []


def test_texts_too_short_for_a_shingle_are_like_nothing() -> None:
    assert matches("نعم لا ربما", "نعم لا ربما") == []
    assert matches("", "") == []


def test_words_in_another_order_or_repeated_in_one_document_are_no_duplicate() -> None:
    assert matches(" ".join(reversed(EIGHT.split())), EIGHT) == []
    assert find_duplicates([Document("أ", f"{EIGHT} {PADDING} {EIGHT}")]) == []


def test_every_document_is_compared_with_every_other_and_with_the_pool() -> None:
    documents = [Document(name, f"{EIGHT} {name}") for name in ("واحد", "اثنان", "ثلاثة")]
    pool = iter([Document("بركة-1", PADDING), Document("بركة-2", EIGHT), Document("بركة-3", EIGHT)])
    pairs = [(match.one, match.other) for match in find_duplicates(documents, pool)]
    assert pairs == [
        ("واحد", "اثنان"),
        ("واحد", "ثلاثة"),
        ("اثنان", "ثلاثة"),
        *((document.id, name) for name in ("بركة-2", "بركة-3") for document in documents),
    ]


@pytest.mark.parametrize(("words", "threshold"), [(4, 0.2), (8, -0.1), (8, 1.1)])
def test_limits_out_of_range(words: int, threshold: float) -> None:
    message = f"expected words of 5 or more and a threshold of 0 to 1, got {words}, {threshold}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        DuplicateFinder(words, threshold)


def longest_common_run(one: list[str], other: list[str]) -> int:
    """Find it the slow and plain way."""
    return max(
        (
            length
            for length in range(1, len(one) + 1)
            for i in range(len(one) - length + 1)
            for j in range(len(other) - length + 1)
            if one[i : i + length] == other[j : j + length]
        ),
        default=0,
    )


words_of_few = st.lists(st.sampled_from("ابج"), max_size=14)


@given(words_of_few, words_of_few)
def test_the_longest_run_is_the_longest_there_is(one: list[str], other: list[str]) -> None:
    found = matches(" ".join(one), " ".join(other), words=5, threshold=1)
    longest = longest_common_run(one, other)
    assert [match.runs[0].words for match in found] == ([longest] if longest >= 5 else [])
    for match in found:
        assert all(run.text in " ".join(one) and run.text in " ".join(other) for run in match.runs)


@given(words_of_few, words_of_few)
def test_likeness_is_symmetric_and_that_of_sets(one: list[str], other: list[str]) -> None:
    sets = [{tuple(words[i : i + 5]) for i in range(len(words) - 4)} for words in (one, other)]
    common = len(sets[0] & sets[1])
    for first, second in ((one, other), (other, one)):
        for match in matches(" ".join(first), " ".join(second), words=5):
            assert match.jaccard == common / len(sets[0] | sets[1])
            assert match.containment == common / min(map(len, sets))
