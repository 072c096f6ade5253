"""A text cut where spans begin and end."""

from hypothesis import given
from hypothesis import strategies as st

from aqwal.annotations.records import Span
from aqwal.annotations.stretches import stretches

_spans = st.lists(
    st.builds(lambda start, length: Span(start, start + length, "QUOTE"), st.integers(0, 30), st.integers(1, 12)),
    max_size=6,
)


@given(st.integers(0, 20), st.integers(0, 30), _spans)
def test_stretches_tile_what_is_drawn_and_know_their_spans(start: int, length: int, spans: list[Span]):
    end = start + length
    drawn = list(stretches(start, end, spans))
    assert [offset for first, stop, _ in drawn for offset in range(first, stop)] == list(range(start, end))
    for first, stop, over in drawn:
        for offset in range(first, stop):
            assert sorted(over) == sorted(span for span in spans if span.start <= offset < span.end)


def test_nothing_to_draw_gives_nothing():
    assert list(stretches(3, 3, [Span(0, 9, "QUOTE")])) == []
    assert list(stretches(0, 5, [])) == [(0, 5, [])]
