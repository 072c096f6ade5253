"""The inline form: what is written is read back, and what cannot be read is told."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aqwal.annotations import Annotation, AnnotationError, Document, Link, Span, read_documents
from aqwal.annotations.inline import format_inline, parse_inline
from aqwal.annotations.scheme import ABOUT, LABELS, QUOTE, SAID_BY, SPEAKER, TOPIC

GOLD = sorted((Path(__file__).parents[2] / "annotations" / "gold").glob("*.json"))

ARTICLE = """\
=== خبر-1
وذكر {S1:أوشاكوف} {Q1:أن بوتين أكد استعداد روسيا للعودة إلى {T1:الحوار}}.
{Q2:“نعم”}، قال.
---
Q1 S1 T1
Q2 - -
"""
TEXT = "وذكر أوشاكوف أن بوتين أكد استعداد روسيا للعودة إلى الحوار.\n“نعم”، قال."


def annotation_of(spans: list[Span], links: list[Link] | None = None) -> Annotation:
    return Annotation("pass-a", tuple(spans), tuple(links or ()))


def read_one(source: str) -> Document:
    (document,) = parse_inline(source, "pass-a")
    return document


def surfaces(document: Document) -> dict[str, str]:
    return {document.text[span.start : span.end]: span.label for span in document.annotations[0].spans}


def test_article() -> None:
    document = read_one(ARTICLE)
    assert (document.id, document.text) == ("خبر-1", TEXT)
    assert surfaces(document) == {
        "أوشاكوف": SPEAKER,
        "أن بوتين أكد استعداد روسيا للعودة إلى الحوار": QUOTE,
        "الحوار": TOPIC,
        "“نعم”": QUOTE,
    }
    (annotation,) = document.annotations
    assert (annotation.annotator, annotation.ground_truth) == ("pass-a", False)
    said_by, about = annotation.links
    assert said_by.source == about.source == Span(13, 57, QUOTE)
    assert {said_by.label: said_by.target, about.label: about.target} == {
        SAID_BY: Span(5, 12, SPEAKER),
        ABOUT: Span(51, 57, TOPIC),
    }


def test_article_is_written_as_it_was_read() -> None:
    document = read_one(ARTICLE)
    assert format_inline(document, document.annotations[0]) == ARTICLE


def test_ground_truth_is_what_the_caller_says() -> None:
    (document,) = parse_inline(ARTICLE, "adjudicated", ground_truth=True)
    assert document.gold.annotator == "adjudicated"


def test_several_articles_and_no_line_end_at_the_end() -> None:
    documents = parse_inline("=== أ\nنعم\n---\n\n=== ب\n{S1:بوتين}\n\nلا\n---", "pass-a")
    assert [(document.id, document.text) for document in documents] == [("أ", "نعم"), ("ب", "بوتين\n\nلا")]
    assert documents[1].annotations == (annotation_of([Span(0, 5, SPEAKER)]),)


@pytest.mark.parametrize(
    ("marked", "text", "spans"),
    [
        ("", "", {}),
        ("\nنعم\r\n", "\nنعم\r\n", {}),
        ("{Q1:{T1:نعم}}", "نعم", {(0, 3, QUOTE), (0, 3, TOPIC)}),
        ("{S1:بوتين}{S2:ترامب}", "بوتينترامب", {(0, 5, SPEAKER), (5, 10, SPEAKER)}),
        ("{Q1:قال {T1:نعم/Q1} ثم/T1} لا", "قال نعم ثم لا", {(0, 7, QUOTE), (4, 10, TOPIC)}),
        (r"{Q1:\{S1:نعم\}} \\ {", r"{S1:نعم} \ {", {(0, 8, QUOTE)}),
        (r"نعم\لا", r"نعم\لا", {}),
        ("{Q10:نعم}", "نعم", {(0, 3, QUOTE)}),
    ],
)
def test_marks(marked: str, text: str, spans: set[tuple[int, int, str]]) -> None:
    quotes = "".join(f"Q{number} - -\n" for number in (1, 10) if f"{{Q{number}:" in marked)
    document = read_one(f"=== خبر-1\n{marked}\n---\n{quotes}")
    assert document.text == text
    assert set(document.annotations[0].spans) == {Span(*span) for span in spans}


@pytest.mark.parametrize(
    ("marked", "links", "problem"),
    [
        ("{Q1:نعم", "", "Q1 is never closed"),
        ("نعم}", "", "a closing brace at code point 3 closes nothing"),
        ("{Q1:نعم/S1}}", "", "a closing brace at code point 3 closes S1"),
        ("{q1:نعم}", "", "a closing brace at code point 7 closes nothing"),
        ("{Q1:نعم} {Q1:لا}", "", "Q1 is marked twice"),
        ("{Q1:نعم}", "Q1 S1 -", "link line 'Q1 S1 -': expected `Q1 S1 T1` with marked names or `-`"),
        ("{Q1:نعم}", "Q1 -", "link line 'Q1 -': expected `Q1 S1 T1` with marked names or `-`"),
        ("{S1:نعم}", "S1 - -", "link line 'S1 - -': expected `Q1 S1 T1` with marked names or `-`"),
        ("{Q1:نعم}", "- - -", "link line '- - -': expected `Q1 S1 T1` with marked names or `-`"),
        ("{Q1:نعم} {Q2:لا}", "Q1 - -", "Q2 has no lines below `---`; expected one, `Q2 - -` if it has neither"),
        ("{Q1:نعم}", "Q1 - -\nQ1 - -", "Q1 has 2 lines below `---`; expected one"),
        pytest.param(
            "{Q1:نعم}",
            "- Q1 -",
            "link line '- Q1 -': expected `Q1 S1 T1` with marked names or `-`",
        ),
    ],
)
def test_what_cannot_be_read_is_told(marked: str, links: str, problem: str) -> None:
    with pytest.raises(AnnotationError) as caught:
        parse_inline(f"=== خبر-1\n{marked}\n---\n{links}\n", "pass-a", file="أخبار.txt")
    assert problem in str(caught.value).splitlines()[0]
    assert str(caught.value).startswith("أخبار.txt, document خبر-1, annotator pass-a: ")


@pytest.mark.parametrize(
    "source",
    ["نعم\n=== أ\nلا\n---\n", "=== أ\nلا\n---\n= نعم\n", "=== أ\nنعم\n", "=== أ ب\nنعم\n---\n"],
)
def test_what_belongs_to_no_article_is_told(source: str) -> None:
    with pytest.raises(AnnotationError, match=r"^أخبار\.txt: not part of an article: '.*نعم"):
        parse_inline(source, "pass-a", file="أخبار.txt")


def test_windows_line_ends_are_named() -> None:
    with pytest.raises(AnnotationError, match=r"not part of an article: .*; it has Windows line ends \(\\r\\n\)"):
        parse_inline(ARTICLE.replace("\n", "\r\n"), "pass-a")


def test_all_problems_are_told() -> None:
    with pytest.raises(AnnotationError) as caught:
        parse_inline("=== أ\n{Q1:نعم\n---\n=== ب\nلا}\n---\nQ1 - -\nQ2 - -\n", "pass-a")
    assert [problem.document for problem in caught.value.problems] == ["أ", "ب", "ب", "ب"]


# What is written is read back


@pytest.mark.parametrize("path", GOLD, ids=lambda path: path.stem)
def test_gold_comes_back(path: Path) -> None:
    (document,) = read_documents(path)
    for annotation in document.annotations:
        source = format_inline(document, annotation)
        (again,) = parse_inline(source, annotation.annotator, ground_truth=annotation.ground_truth)
        assert (again.id, again.text, again.annotations) == (document.id, document.text, (annotation,))


def test_of_two_spans_that_begin_together_the_longer_is_opened_first() -> None:
    document = Document("خبر-1", "نعم لا", (annotation_of([Span(0, 3, QUOTE), Span(0, 6, TOPIC)]),))
    assert format_inline(document, document.annotations[0]) == "=== خبر-1\n{T1:{Q1:نعم} لا}\n---\nQ1 - -\n"


def test_several_written_articles_are_read_from_one_file() -> None:
    documents = [Document(name, TEXT, (annotation_of([Span(5, 12, SPEAKER)]),)) for name in ("أ", "ب")]
    source = "\n".join(format_inline(document, document.annotations[0]) for document in documents)
    assert parse_inline(source, "pass-a") == documents


@st.composite
def documents(draw: st.DrawFn) -> Document:
    pieces = ["ا", "ب ", "{", "}", "\\", "\n", "\r\n", "/", ":", "{Q1:", "=== ب\n", "---\n", "/S1", "-", "\u200f"]
    text = draw(st.lists(st.sampled_from(pieces), min_size=1, max_size=15).map("".join))
    edges = st.lists(st.integers(0, len(text)), min_size=2, max_size=2, unique=True).map(sorted)
    marked = st.tuples(edges, st.sampled_from(LABELS)).map(lambda made: Span(*made[0], made[1]))
    spans = draw(st.lists(marked, max_size=6, unique=True))
    targets = {SAID_BY: [None], ABOUT: [None]}
    for span in spans:
        if span.label != QUOTE:
            targets[SAID_BY if span.label == SPEAKER else ABOUT].append(span)
    drawn = [
        Link(quote, target, label)
        for quote in spans
        if quote.label == QUOTE
        for label, choices in targets.items()
        if (target := draw(st.sampled_from(choices))) is not None
    ]
    return Document("خبر-1", text, (annotation_of(spans, drawn),))


@given(documents())
@example(Document("خبر-1", "نعم", (annotation_of([Span(0, 2, QUOTE), Span(1, 3, QUOTE), Span(0, 3, QUOTE)]),)))
def test_written_article_is_read_back(document: Document) -> None:
    assert parse_inline(format_inline(document, document.annotations[0]), "pass-a") == [document]


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        pytest.param("مشروع/S1", [Span(0, 8, SPEAKER)], id="span that ends like a mark's name"),
        pytest.param("نعم\n---\nلا", [], id="line of three dashes"),
        pytest.param("نعم\n---", [], id="line of three dashes at the end"),
    ],
)
def test_text_that_looks_like_the_form_comes_back(text: str, spans: list[Span]) -> None:
    document = Document("خبر-1", text, (annotation_of(spans),))
    assert parse_inline(format_inline(document, document.annotations[0]), "pass-a") == [document]
