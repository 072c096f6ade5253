"""Disagreements of annotators: what belongs to one question, and what decisions make of them."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqwal.annotations.disagreement_page import DisagreementPage, fingerprint
from aqwal.annotations.disagreements import adjudicate, find_disagreements
from aqwal.annotations.records import Annotation, Document, Link, Span
from aqwal.annotations.scheme import check_document
from aqwal.annotations.stored import read_documents

TEXT = "وقال لافروف إن الأزمة في سورية في طريقها إلى الحل. وأضاف أن الحوار مستمر."
QUOTE, SPEAKER = Span(12, 49, "QUOTE"), Span(5, 11, "SPEAKER")
LONG, SHORT = Span(15, 30, "TOPIC"), Span(15, 21, "TOPIC")
SECOND = Span(57, 72, "QUOTE")


def _pass(name: str, *marks: Span | Link) -> Annotation:
    spans = tuple(one for one in marks if isinstance(one, Span))
    return Annotation(name, spans, tuple(one for one in marks if isinstance(one, Link)))


SAID = Link(QUOTE, SPEAKER, "said_by")
A = _pass("a", QUOTE, SPEAKER, LONG, SAID, Link(QUOTE, LONG, "about"))
B = _pass("b", QUOTE, SPEAKER, SHORT, SECOND, SAID, Link(QUOTE, SHORT, "about"), Link(SECOND, SPEAKER, "said_by"))


def test_a_span_its_rival_and_their_links_are_one_question():
    topic, quote = find_disagreements(TEXT, [A, B])
    assert [(one.annotators, one.spans, one.links) for one in topic.versions] == [
        (("a",), (LONG,), (Link(QUOTE, LONG, "about"),)),
        (("b",), (SHORT,), (Link(QUOTE, SHORT, "about"),)),
    ]
    assert [one.spans for one in quote.versions] == [(), (SECOND,)]
    assert [TEXT[start:end] for start, end in topic.context] == [TEXT[:50]]
    assert [TEXT[start:end] for start, end in quote.context] == [TEXT]


def test_equal_versions_are_one_with_all_their_names():
    (topic,) = find_disagreements(TEXT, [A, _pass("c", *A.spans, *A.links), _pass("d", QUOTE, SPEAKER, SAID)])
    assert [one.annotators for one in topic.versions] == [("a", "c"), ("d",)]


@pytest.mark.parametrize(
    ("choices", "spans"), [((0, 0), A.spans), ((1, 1), B.spans), ((0, 1), (SPEAKER, QUOTE, LONG, SECOND))]
)
def test_decisions_make_an_annotation(choices: tuple[int, int], spans: tuple[Span, ...]):
    made = adjudicate(TEXT, [A, B], choices, "adjudicated")
    assert made.ground_truth
    assert made.annotator == "adjudicated"
    assert set(made.spans) == set(spans)
    assert check_document(Document("d", TEXT, (made,))) == []


_spans = st.builds(
    lambda start, length, label: Span(start, start + length, label),
    st.integers(0, 60),
    st.integers(1, 12),
    st.sampled_from(["QUOTE", "SPEAKER", "TOPIC"]),
)


@st.composite
def _passes(draw: st.DrawFn) -> list[Annotation]:
    made = []
    for name in "abc"[: draw(st.integers(2, 3))]:
        spans = draw(st.lists(_spans, max_size=6, unique=True))
        ends = st.sampled_from(spans) if spans else st.nothing()
        links = draw(
            st.lists(st.builds(Link, ends, ends, st.sampled_from(["said_by", "about"])), max_size=4, unique=True)
        )
        made.append(Annotation(name, tuple(spans), tuple(links)))
    return made


@given(_passes())
def test_taking_one_annotator_everywhere_gives_what_he_marked(passes: list[Annotation]):
    questions = find_disagreements(TEXT, passes)
    for one in passes:
        choices = [
            next(number for number, version in enumerate(question.versions) if one.annotator in version.annotators)
            for question in questions
        ]
        made = adjudicate(TEXT, passes, choices, "x")
        assert (made.spans, made.links) == (one.spans, one.links)


@given(_passes())
def test_no_question_asks_what_all_agree_on(passes: list[Annotation]):
    agreed = set.intersection(*(set(one.spans) | set(one.links) for one in passes))
    for question in find_disagreements(TEXT, passes):
        assert len(question.versions) > 1
        assert not any({*version.spans, *version.links} & agreed for version in question.versions)


def test_the_page_of_the_seeds_shows_all_their_disagreements(root: Path, tmp_path: Path):
    files = sorted((root / "annotations" / "gold").glob("*.json"))
    page = tmp_path / "page.html"
    command = [Path(sys.executable).with_name("aqwal"), "agreement", *files, "--html", page]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = page.read_text(encoding="utf-8")
    documents = [document for file in files for document in read_documents(file)]
    assert shown == DisagreementPage(documents).to_html()
    questions = [find_disagreements(document.text, document.passes) for document in documents]
    assert shown.count('class="question"') == sum(map(len, questions)) == 8
    assert shown.count('class="version"') == sum(len(one.versions) for found in questions for one in found)
    assert "<script>" not in shown


def test_texts_cannot_break_out_of_the_page():
    text = "قال <script>alert(1)</script> & \ud800 إن"
    spans = (Span(0, 3, "QUOTE"), Span(4, 12, "SPEAKER"))
    document = Document('"><img src=x>', text, (Annotation("<b>", spans[:1]), Annotation("c", spans[1:])))
    shown = DisagreementPage([document], {document.id: "http://x/?a=1&b=2"}).to_html()
    assert "<script>alert" not in shown
    assert "<img" not in shown
    assert "<b>,</b>" not in shown
    shown.encode("utf-8")


def test_a_fingerprint_changes_with_the_passes_and_the_gold():
    golds = [Annotation(name, spans, (), ground_truth=True) for name, spans in (("x", ()), ("x", (QUOTE,)), ("y", ()))]
    versions = [(A, B), (B,), *((A, B, gold) for gold in golds)]
    assert len({fingerprint(Document("d", TEXT, one)) for one in versions}) == len(versions)
    assert fingerprint(Document("d", TEXT, (A, B), {"outlet": "x"})) == fingerprint(Document("d", TEXT, (A, B)))


def test_what_nobody_marked_has_a_dash_for_a_figure():
    shown = DisagreementPage([Document("d", TEXT, (_pass("a"), _pass("b", QUOTE)))]).to_html()
    assert "<td>QUOTE</td><td>0 / 1</td><td>0.000</td><td>0.000</td>" in shown
    assert "<td>TOPIC</td><td>0 / 0</td><td>–</td><td>–</td>" in shown
