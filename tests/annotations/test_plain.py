"""The scheme of other corpora: whole words, no overlap within a label, no links."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqwal.annotations import Annotation, AnnotationError, Document, Link, Span, read_documents, write_documents
from aqwal.annotations.page import Page
from aqwal.annotations.plain import snap
from aqwal.annotations.records import PLAIN, SCHEMES
from aqwal.annotations.repair import repair_document
from aqwal.annotations.scheme import blocks_by, check_document

TEXT = "وصل نادر إلى الريحان. ثم\nغادر، مسرعا"
NAME, TOWN = Span(4, 8, "PER"), Span(13, 20, "LOC")


def document(*spans: Span, links: tuple[Link, ...] = ()) -> Document:
    return Document("خبر", TEXT, (Annotation("a", spans, links, True),), scheme=PLAIN)


@pytest.mark.parametrize(
    ("spans", "links", "message"),
    [
        ((NAME, TOWN, Span(4, 20, "اسم")), (), None),
        ((Span(13, 30, "LOC"),), (), None),
        ((Span(5, 8, "PER"),), (), "[5:8] 'ادر': PER edges: whole words are [4:8] 'نادر'"),
        ((Span(3, 4, "PER"),), (), "[3:4] ' ': PER holds no word"),
        ((NAME, Span(4, 12, "PER")), (), "[4:12] 'نادر إلى': overlaps the PER at [4:8]; a label's spans may not"),
        ((NAME, TOWN), (Link(NAME, TOWN, "in"),), "[4:8] 'نادر': link in: the scheme plain has no links"),
    ],
)
def test_what_the_scheme_allows(spans: tuple[Span, ...], links: tuple[Link, ...], message: str | None) -> None:
    problems = [str(problem) for problem in check_document(document(*spans, links=links))]
    assert len(problems) == (message is not None)
    assert all(problem.endswith(message) for problem in problems)


def test_repair_widens_to_whole_words() -> None:
    repaired, changes = repair_document(document(Span(5, 8, "PER"), TOWN))
    assert repaired.annotations[0].spans == (NAME, TOWN)
    assert len(changes) == 1


def test_the_stored_form_keeps_the_scheme(tmp_path: Path) -> None:
    path, written = tmp_path / "other.json", document(NAME, TOWN)
    write_documents(path, [written])
    assert '"scheme": "plain"' in path.read_text(encoding="utf-8")
    assert read_documents(path, SCHEMES) == [written]
    with pytest.raises(AnnotationError, match="scheme 'plain'; this version reads 'aqwal-1'"):
        read_documents(path)


@pytest.mark.parametrize("label", ['""', "5", "null"])
def test_a_stored_label_must_be_a_text(label: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    write_documents(path, [document(NAME)])
    path.write_text(path.read_text(encoding="utf-8").replace('"PER"', label), encoding="utf-8")
    with pytest.raises(AnnotationError, match="a label must be a text"):
        read_documents(path, SCHEMES)


@given(st.text(st.sampled_from("ابـ .،\n\u200f"), max_size=30), st.data())
def test_snapping_is_the_least_run_of_words_that_covers_a_span(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    page = Page(text)
    touched = [word for word in page.words if word.start < end and word.end > start] if start < end else []
    if start < end:
        wanted = (touched[0].start, touched[-1].end) if touched else None
        assert snap(page, start, end) == wanted


def test_a_text_is_one_block() -> None:
    assert blocks_by(PLAIN, Page(TEXT)) == [(0, len(Page(TEXT).words))]
    assert blocks_by(PLAIN, Page(" ")) == []
