"""Figures, on articles small enough to count by hand."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqwal.annotations import Annotation, AnnotationError, Document
from aqwal.annotations.curation.figures import Spread, Tally, figures_of, read_articles, spread_of
from aqwal.annotations.inline import parse_inline

SOURCE = """\
=== خبر-1
{S1:بوتين}: {Q3:الحل قريب}
وقال {S2:بوتين} {Q1:إن {T1:الحل الروسي} قريب}. وأضاف: {Q2:«نعم»}.
---
Q3 S1 -
Q1 S2 T1
Q2 S2 -
=== خبر-2
وصل بوتين إلى ٣ مدن ، ثم مضى.
---
"""
ARTICLES = read_articles(parse_inline(SOURCE, "adjudicated", ground_truth=True))


def test_counted_by_hand() -> None:
    figures = figures_of(ARTICLES)
    assert (figures.articles, figures.words, figures.quotes, figures.without_quote) == (2, 19, 3, 1)
    assert figures.kinds == {"direct": 1, "indirect": 2, "mixed": 0}
    assert (figures.with_speaker, figures.with_topic) == (3, 1)
    assert figures.positions == {
        "before it in its sentence": 2,
        "behind it in its sentence": 0,
        "inside it": 0,
        "in an earlier sentence (hidden subject)": 1,
        "in a later sentence": 0,
        "no speaker": 0,
    }
    assert figures.reporting_words == {"name: words": 1, "قال": 1, "أضاف": 1}


def test_lengths_in_words() -> None:
    lengths = figures_of(ARTICLES).lengths
    assert lengths["article"] == Spread(2, 9.5, (8, 8, 8, 8, 8, 11, 11, 11, 11))
    assert lengths["QUOTE"] == Spread(3, pytest.approx(7 / 3), (1, 1, 1, 2, 2, 2, 4, 4, 4))
    assert (lengths["SPEAKER"].mean, lengths["TOPIC"].mean) == (1, 2)
    assert (lengths["sentence"].count, lengths["sentence"].mean) == (4, pytest.approx(19 / 4))


def test_marks_and_spelling_are_counted_with_the_articles_that_have_them() -> None:
    figures = figures_of(ARTICLES)
    assert figures.marks == {"«": Tally(1, 1), "»": Tally(1, 1), '"': Tally(0, 0), "“": Tally(0, 0), "”": Tally(0, 0)}
    assert figures.spelling["Arabic-Indic digits"] == Tally(1, 1)
    assert figures.spelling["space before punctuation"] == Tally(1, 1)
    assert figures.ways["headline `name: words`"] == Tally(1, 1)


def test_a_mark_that_is_rare_gets_a_row_if_it_is_there() -> None:
    (article,) = read_articles([Document("خبر-1", "„نعم„", (Annotation("pass-a", ()),))])
    assert figures_of([article]).marks["„"] == Tally(2, 1)


def test_of_no_articles() -> None:
    figures = figures_of([])
    assert (figures.articles, figures.words, figures.quotes, figures.reporting_words) == (0, 0, 0, {})
    assert figures.lengths["QUOTE"] == Spread(0, 0.0, ())


def test_the_only_annotation_counts_if_none_is_adjudicated() -> None:
    (article,) = read_articles(parse_inline("=== خبر-1\nوقال {Q1:نعم}.\n---\nQ1 - -\n", "pass-a"))
    assert article.annotation.annotator == "pass-a"


def test_every_document_without_a_clear_annotation_is_named() -> None:
    one, other = Annotation("pass-a", ()), Annotation("pass-b", ())
    expected = "expected one with `ground_truth`, or only one"
    message = (
        f"document أ: 2 annotations, none of them adjudicated; {expected}\n"
        f"document ب: 0 annotations, none of them adjudicated; {expected}"
    )
    with pytest.raises(AnnotationError, match=f"^{re.escape(message)}$"):
        read_articles([Document("أ", "نعم", (one, other)), Document("ب", "نعم")])


@given(st.lists(st.integers(0, 99), min_size=1))
def test_deciles_are_lengths_that_occur_in_order(lengths: list[int]) -> None:
    spread = spread_of(lengths)
    assert spread.count == len(lengths)
    assert len(spread.deciles) == 9
    assert list(spread.deciles) == sorted(spread.deciles)
    assert set(spread.deciles) <= set(lengths)
    for tenth, decile in enumerate(spread.deciles, 1):
        assert sum(length <= decile for length in lengths) * 10 >= tenth * len(lengths)
