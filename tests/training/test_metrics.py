"""Scores: seqeval's against plain sets, and cases counted by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqwal.annotations.page import Page
from aqwal.annotations.records import Annotation, Document, Link, Span
from aqwal.annotations.scoring import exact_score
from aqwal.serving.prediction import PredictedSpan, Prediction, Quote
from aqwal.training.metrics import Answered, score

WORDS = 12
TEXT = " ".join("كلمة" for _ in range(WORDS))
PAGE = Page(TEXT)


def _spans(ranges: list[tuple[int, int]], label: str = "QUOTE") -> list[Span]:
    return [Span(PAGE.words[first].start, PAGE.words[stop - 1].end, label) for first, stop in ranges]


def _answered(gold: list[Span], found: list[Span], links: tuple[Link, ...] = (), quotes: tuple[Quote, ...] = ()):
    spans = tuple(PredictedSpan(s.label, s.start, s.end, TEXT[s.start : s.end], 0.5) for s in found)
    document = Document("d", TEXT, (Annotation("gold", tuple(gold), links, ground_truth=True),))
    return Answered(document, Prediction(TEXT, spans, quotes, "d"))


@st.composite
def _ranges(draw: st.DrawFn) -> list[tuple[int, int]]:
    edges = sorted(draw(st.sets(st.integers(0, WORDS), max_size=8)))
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False)]


@given(st.lists(st.tuples(_ranges(), _ranges()), min_size=1, max_size=3))
def test_seqevals_exact_f1_is_that_of_equal_spans(documents: list[tuple[list, list]]):
    answered = [_answered(_spans(gold), _spans(found)) for gold, found in documents]
    ours = [exact_score(_spans(gold), _spans(found)) for gold, found in documents]
    expected = sum(ours[1:], ours[0])
    row = score(answered, ["QUOTE"])["labels"]["QUOTE"]
    assert (row["precision"], row["recall"], row["f1"]) == pytest.approx(
        (expected.precision, expected.recall, expected.f1)
    )


def test_overlap_and_characters_are_counted_by_hand():
    gold, found = _spans([(0, 4), (6, 8)]), _spans([(2, 4), (4, 6)])
    row = score([_answered(gold, found)], ["QUOTE"])["labels"]["QUOTE"]
    assert (row["gold"], row["predicted"], row["f1"]) == (2, 2, 0.0)
    assert row["overlap_f1"] == 0.5
    # Words have four letters and one space between them: 19 + 9 gold, 9 + 9 found, 9 in both.
    assert row["character_f1"] == pytest.approx(2 * (9 / 28) * (9 / 18) / (9 / 28 + 9 / 18))


def test_pairs_need_half_the_quote_and_a_touch_of_the_speaker():
    quote, near, far = _spans([(0, 6)])[0], _spans([(1, 6)])[0], _spans([(4, 6)])[0]
    speaker = _spans([(7, 9)], "SPEAKER")[0]
    part = _spans([(8, 9)], "SPEAKER")[0]
    for found, expected in ((near, 1.0), (far, 0.0)):
        answer = _answered(
            [quote, speaker], [found, part], (Link(quote, speaker, "said_by"),), (Quote(0, 1, None, "indirect", 0.5),)
        )
        assert score([answer], ["QUOTE", "SPEAKER"])["pairs"] == {"said_by": expected, "about": 0.0}


def test_a_document_without_gold_cannot_be_scored():
    with pytest.raises(ValueError, match="document d has no annotation with ground_truth"):
        score([Answered(Document("d", TEXT), Prediction(TEXT, (), ()))], ["QUOTE"])
