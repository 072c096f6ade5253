"""Whatever is annotated, layers can hold what becomes of it, and every change is told."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from aqwal.annotations import Annotation, Document
from aqwal.annotations.formats.fitting import ForeignSpan, Kind, fit_spans, summarise_alterations
from aqwal.annotations.page import Page
from aqwal.annotations.records import PLAIN
from aqwal.annotations.scheme import check_document

TEXT = "أحمد زار بيروت، ثم\nعاد. انتهى"
RANGES = st.tuples(st.integers(0, len(TEXT) - 1), st.integers(1, 12)).map(lambda at: (at[0], min(sum(at), len(TEXT))))
FOREIGN = st.builds(ForeignSpan, st.sampled_from("AB"), st.lists(RANGES, min_size=1, max_size=3).map(tuple))


@given(st.lists(FOREIGN, max_size=6))
def test_what_comes_out_follows_the_scheme_and_nothing_is_lost_in_silence(found: list[ForeignSpan]) -> None:
    fitted = fit_spans("d", Page(TEXT), found, PLAIN)
    spans = tuple({span for pieces in fitted.spans for span in pieces})
    assert check_document(Document("d", TEXT, (Annotation("a", spans),), scheme=PLAIN)) == []
    assert len(fitted.spans) == len(found)
    kinds = Counter(one.kind for one in fitted.alterations)
    lost = kinds[Kind.WORDLESS] + kinds[Kind.DOUBLED] + kinds[Kind.COVERED]
    gained = sum(1 for one in fitted.alterations if one.kind is Kind.SPLIT)
    if not gained:
        assert len(spans) == len(found) - lost
    for one in fitted.alterations:
        longer = (span for span in spans if span.label == one.label and span.end - span.start >= one.end - one.start)
        assert one.kind is not Kind.COVERED or any(span.start < one.end and one.start < span.end for span in longer)
    exact = [one for one, pieces in zip(found, fitted.spans, strict=True) if [s.end for s in pieces] == [one.edges[1]]]
    assert len(found) - len(exact) <= len(fitted.alterations)


def fit(*fragments: tuple[int, int], more: tuple[ForeignSpan, ...] = ()) -> tuple[list[list[str]], list[Kind]]:
    fitted = fit_spans("d", Page(TEXT), [ForeignSpan("A", fragments), *more], PLAIN)
    texts = [[TEXT[span.start : span.end] for span in pieces] for pieces in fitted.spans]
    return texts, [one.kind for one in fitted.alterations]


def test_fragments_are_split_only_where_a_word_is_left_out() -> None:
    assert fit((0, 4), (9, 14)) == ([["أحمد", "بيروت"]], [Kind.SPLIT])
    assert fit((0, 4), (5, 8)) == ([["أحمد زار"]], [])
    assert fit((5, 8), (0, 4)) == ([["أحمد زار"]], [])
    assert fit((0, 2), (3, 4)) == ([["أحمد"]], [])
    assert fit((16, 18), (19, 22)) == ([["ثم\nعاد"]], [])


def test_parts_of_words_are_widened_and_what_holds_no_word_goes() -> None:
    assert fit((1, 3)) == ([["أحمد"]], [Kind.MOVED])
    assert fit((4, 5)) == ([[]], [Kind.WORDLESS])


def test_of_two_that_overlap_the_longer_one_stays() -> None:
    longer, same, other = (ForeignSpan(label, ((0, 8),)) for label in "AAB")
    assert fit((0, 4), more=(longer, same, other)) == (
        [[], ["أحمد زار"], ["أحمد زار"], ["أحمد زار"]],
        [Kind.COVERED, Kind.DOUBLED],
    )


def test_a_span_stays_if_only_what_was_left_out_lay_over_it() -> None:
    over_both, longest = ForeignSpan("A", ((0, 14),)), ForeignSpan("A", ((9, 29),))
    assert fit((0, 4), more=(over_both, longest)) == (
        [["أحمد"], [], ["بيروت، ثم\nعاد. انتهى"]],
        [Kind.COVERED],
    )


def test_alterations_are_summed_up_by_kind_and_label() -> None:
    fitted = fit_spans("خبر", Page(TEXT), [ForeignSpan("A", ((1, 3),)), ForeignSpan("A", ((10, 14),))], PLAIN)
    assert summarise_alterations(fitted.alterations, Counter(A=4)) == [
        "2 of 4 (50.0%) A edges moved to where the scheme has them; the first: document خبر [1:3] 'حم'"
    ]
