"""What people see: HTML whose text is the document, and the same in the terminal."""

from collections import defaultdict
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from aqwal.annotations.page import Page
from aqwal.annotations.scheme import ABOUT, QUOTE, SAID_BY, kind_of
from aqwal.annotations.stored import read_documents
from aqwal.serving import PredictedSpan, Prediction, Quote
from aqwal.serving.render import to_html_fragment, to_html_page, to_terminal

# After an intended change of the page: write to_html_page(learned) there, and look at it in a browser.
GOLDEN = Path(__file__).parents[1] / "data/serving/002_35a5180d63e7b702.html"


@pytest.fixture(scope="module")
def learned(root: Path) -> Prediction:
    """The gold of seed 002 as a model's answer, with scores that differ."""
    (document,) = read_documents(root / "annotations/gold/002_35a5180d63e7b702.json")
    gold, page = document.gold, Page(document.text)
    index = {span: number for number, span in enumerate(gold.spans)}
    spans = [
        PredictedSpan(
            span.label, span.start, span.end, document.text[span.start : span.end], round(1 - number / 100, 2)
        )
        for span, number in index.items()
    ]
    quotes = [
        Quote(
            index[quote],
            index[gold.target_of(quote, SAID_BY)],
            index[gold.target_of(quote, ABOUT)],
            kind_of(page, quote),
            spans[index[quote]].score,
        )
        for quote in gold.of_label(QUOTE)
    ]
    return Prediction(document.text, tuple(spans), tuple(quotes), document.id)


class Reader(HTMLParser):
    """Read a page and check that its tags are balanced.

    Attributes:
        attributes: Those of the first element of each tag.
        text: The text of `.text` without the numbers of quotes, which are in `numbers`.
        marked: The text under each class of a span in `.text`.
        cells: The texts of the table's cells.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.attributes: dict[str, dict[str, str | None]] = {}
        self.text = ""
        self.numbers: list[str] = []
        self.marked: defaultdict[str, str] = defaultdict(str)
        self.cells: list[str] = []
        self._open: list[tuple[str, str]] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.setdefault(tag, dict(attrs))
        self.cells += [""] if tag == "td" else []
        if tag != "meta":
            self._open.append((tag, dict(attrs).get("class") or ""))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        tag, classes = self._open[-1] if self._open else ("", "")
        if tag == "sup":
            self.numbers.append(data)
        elif ("div", "text") in self._open:
            self.text += data
            for name in classes.split() if tag == "span" else []:
                self.marked[name] += data
        elif tag == "td":
            self.cells[-1] += data


def quoted(text: str, *spans: tuple[str, str]) -> Prediction:
    """Return an answer of one quote with spans given by label and words."""
    found = [
        PredictedSpan(label, text.index(words), text.index(words) + len(words), words, 0.9) for label, words in spans
    ]
    numbers = {span.label: number for number, span in enumerate(found)}
    quote = Quote(numbers["QUOTE"], numbers.get("SPEAKER"), numbers.get("TOPIC"), "indirect", 0.9)
    return Prediction(text, tuple(found), (quote,), "made by hand")


def test_the_page_of_a_known_answer_is_as_it_was(learned: Prediction) -> None:
    assert to_html_page(learned).encode() == GOLDEN.read_bytes()


def test_the_page_shows_the_document_its_spans_and_a_table(learned: Prediction) -> None:
    reader = Reader(to_html_page(learned))
    assert reader.text == learned.text
    assert reader.numbers == [str(number) for number in range(1, 10)]
    for label in ("SPEAKER", "QUOTE", "TOPIC"):
        assert reader.marked[label.lower()] == "".join(span.text for span in learned.spans if span.label == label)
    rows = [reader.cells[start : start + 6] for start in range(0, len(reader.cells), 6)]
    assert len(rows) == 9
    assert rows[0] == [
        "1",
        "لافروف",
        "اهتمام موسكو بتطبيع العلاقات مع وواشنطن على أساس الاحترام المتبادل",
        "بتطبيع العلاقات مع وواشنطن",
        "غير مباشر",
        "0.99",
    ]
    assert [row[4] for row in rows[1:4]] == ["غير مباشر", "مباشر", "مباشر"]
    assert rows[7][4] == "مختلط"


def test_the_page_is_arabic_and_runs_from_right_to_left(learned: Prediction) -> None:
    page = to_html_page(learned)
    assert page.startswith("<!doctype html>")
    attributes = Reader(page).attributes
    assert (attributes["html"]["dir"], attributes["html"]["lang"]) == ("rtl", "ar")
    assert attributes["meta"] == {"charset": "utf-8"}
    assert Reader(to_html_fragment(learned)).attributes["div"]["dir"] == "rtl"
    assert "<title>002_35a5180d63e7b702</title>" in page
    assert "<title>أقوال</title>" in to_html_page(replace(learned, id=None))


@pytest.mark.parametrize(
    ("speaker", "escaped"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("<فلاديمير بوتين>", "&lt;فلاديمير بوتين&gt;"),
        ("R&D \"نعم\" 'لا'", "R&amp;D &quot;نعم&quot; &#x27;لا&#x27;"),
    ],
)
def test_what_looks_like_html_is_shown_as_it_is(speaker: str, escaped: str) -> None:
    text = f"قال {speaker} إن الحل قريب."
    prediction = replace(quoted(text, ("SPEAKER", speaker), ("QUOTE", "إن الحل قريب")), id=speaker)
    page = to_html_page(prediction)
    assert page.count(escaped) == 3
    assert "<script" not in page
    reader = Reader(page)
    assert reader.text == text
    assert reader.cells[1] == speaker


def test_a_quote_without_speaker_and_topic_has_dashes() -> None:
    reader = Reader(to_html_page(quoted('"لن نتراجع" أبدا', ("QUOTE", '"لن نتراجع"'))))
    assert reader.cells == ["1", "—", '"لن نتراجع"', "—", "غير مباشر", "0.90"]


def test_an_answer_without_quotes_has_no_table() -> None:
    for text in ("", "لا أحد قال شيئا."):
        page = to_html_page(Prediction(text, (), ()))
        assert "<table>" not in page
        assert Reader(page).text == text


def test_a_lone_surrogate_does_not_keep_the_page_from_being_written() -> None:
    prediction = quoted("قال \ud83dلافروف نعم", ("SPEAKER", "\ud83dلافروف"), ("QUOTE", "نعم"))
    page = to_html_page(prediction).encode().decode()
    assert Reader(page).text == "قال ?لافروف نعم"
    shown, quote = to_terminal(prediction)
    assert shown.plain == "قال ?لافروف نعم"
    assert quote.plain == "\n1. ?لافروف: نعم ← — (indirect, 0.90)"


def test_a_lone_surrogate_in_a_name_does_not_keep_the_page_from_being_written() -> None:
    # So Python reads the name of a file that is not UTF-8.
    assert to_html_page(Prediction("نعم", (), (), "\udcff.txt")).encode()


@st.composite
def predictions(draw: st.DrawFn) -> Prediction:
    """Draw an answer with spans anywhere, nested and crossing."""
    text = draw(st.text(st.sampled_from("ابت \n<>&\"'“”😀"), max_size=30))
    edges = st.integers(0, len(text))
    spans = set()
    for label in ("SPEAKER", "QUOTE", "TOPIC", "PER"):
        for start, end in draw(st.lists(st.tuples(edges, edges), max_size=3)):
            if start < end:
                spans.add(PredictedSpan(label, start, end, text[start:end], 0.5))
    ordered = tuple(sorted(spans, key=lambda span: (span.start, span.end, span.label)))
    quotes = [Quote(n, None, None, "mixed", 0.5) for n, span in enumerate(ordered) if span.label == "QUOTE"]
    return Prediction(text, ordered, tuple(quotes))


@given(predictions())
@settings(deadline=None)
def test_any_answer_gives_a_sound_page_with_the_documents_text(prediction: Prediction) -> None:
    reader = Reader(to_html_page(prediction))
    assert reader.text == prediction.text
    names = {"SPEAKER": "speaker", "QUOTE": "quote", "TOPIC": "topic", "PER": "other-0"}
    covered = {name: set() for name in names.values()}
    for span in prediction.spans:
        covered[names[span.label]] |= set(range(span.start, span.end))
    for name, offsets in covered.items():
        assert reader.marked[name] == "".join(prediction.text[offset] for offset in sorted(offsets))


def test_other_labels_have_a_legend_and_colours_of_their_own() -> None:
    text = "وصل نادر إلى الريحان"
    spans = [("PER <شخص>", "نادر"), ("LOC", "الريحان")]
    found = tuple(PredictedSpan(label, at := text.index(words), at + len(words), words, 0.9) for label, words in spans)
    page = to_html_page(Prediction(text, found, ()))
    assert '<span class="other-0">LOC</span> · <span class="other-1">PER &lt;شخص&gt;</span>' in page
    assert "المتحدث" not in page
    assert (Reader(page).marked["other-0"], Reader(page).marked["other-1"]) == ("الريحان", "نادر")
    assert [f".aqwal .other-{number} {{" in page for number in range(3)] == [True, True, False]
    shown, legend = to_terminal(Prediction(text, found, ()))
    assert legend.plain == "LOC · PER <شخص>"
    assert {str(part.style) for part in shown.spans} == {str(part.style) for part in legend.spans}


def test_the_terminal_shows_all_characters_and_each_quote(learned: Prediction) -> None:
    shown, *quotes = to_terminal(learned)
    assert shown.plain == learned.text
    assert len(quotes) == len(learned.quotes)
    assert quotes[2].plain.startswith('\n3. وزير الخارجية الروسي: "روسيا مهتمة بتطبيع حوارنا.')
    assert quotes[2].plain.endswith('بعين الاعتبار" ← بتطبيع حوارنا (direct, 0.94)')


def test_the_terminal_colours_each_span(learned: Prediction) -> None:
    shown, *_ = to_terminal(learned)
    styled = dict.fromkeys(("blue", "grey23", "green"), "")
    for part in shown.spans:
        for colour in styled:
            styled[colour] += shown.plain[part.start : part.end] if colour in str(part.style) else ""
    for label, colour in (("SPEAKER", "blue"), ("QUOTE", "grey23"), ("TOPIC", "green")):
        assert styled[colour] == "".join(span.text for span in learned.spans if span.label == label)


def test_no_control_sequence_of_a_text_reaches_the_terminal() -> None:
    speaker = "\x1b]0;a\x07لافروف\x9b2J\x7f"
    shown, quote = to_terminal(quoted(f"قال\t{speaker}\r\nنعم\rلا\n", ("SPEAKER", speaker), ("QUOTE", "نعم")))
    # rich leaves the other half of a line's end out.
    assert shown.plain == "قال\t�]0;a�لافروف�2J�\nنعم�لا\n"
    assert quote.plain == "\n1. �]0;a�لافروف�2J�: نعم ← — (indirect, 0.90)"


def test_a_narrow_terminal_loses_nothing(learned: Prediction) -> None:
    console = Console(file=StringIO(), width=40)
    console.print(*to_terminal(learned), sep="\n")
    printed = console.file.getvalue()
    assert "".join(printed.split()).startswith("".join(learned.text.split()))


@given(predictions())
@settings(deadline=None)
def test_the_terminal_shows_any_answer(prediction: Prediction) -> None:
    shown, *rest = to_terminal(prediction)
    has_legend = any(span.label == "PER" for span in prediction.spans)
    assert shown.plain == prediction.text
    assert [one.plain for one in rest[:has_legend]] == ["PER"] * has_legend
    assert len(rest) == len(prediction.quotes) + has_legend
    Console(file=StringIO()).print(shown)
