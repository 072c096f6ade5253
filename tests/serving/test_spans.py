"""From scores to an answer: whatever the scores, the answer obeys the scheme."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aqwal.annotations.page import Page
from aqwal.annotations.records import Annotation, Document, Link, Span
from aqwal.annotations.scheme import ABOUT, KINDS, LABELS, QUOTE, SAID_BY, SPEAKER, TOPIC, check_document
from aqwal.serving.decoding import Scores, Transitions
from aqwal.serving.prediction import PredictedSpan, Prediction
from aqwal.serving.spans import SpanDecoder
from aqwal.serving.tags import TagSet

LETTERS, SPACES, INVISIBLE = "ابتقلـ\u064e\u06513٣_", " \n\r\t\u2029", "\u200f\u200c"
MARKS, BROKEN = "\"“”«»'()<>.,،؟!:-%#", "\ud83d\udc00😀"
TEXTS = st.text(st.sampled_from(LETTERS * 3 + SPACES * 2 + MARKS * 2 + INVISIBLE + BROKEN), max_size=60)


def make_decoder(
    scheme: str, labels: tuple[str, ...] = LABELS, temperature: float = 1.0, threshold: float = 0.25
) -> SpanDecoder:
    """Return a decoder without learned transitions."""
    tag_set, layers = TagSet(scheme), len(labels)
    tags = len(tag_set.tags)
    none = Transitions(np.zeros((layers, tags)), np.zeros((layers, tags, tags)), np.zeros((layers, tags)))
    return SpanDecoder(labels, tag_set, none, np.full(layers, temperature), np.full(layers, threshold))


def scores_for(decoder: SpanDecoder, page: Page, *spans: tuple[str, str], sureness: float = 9.0) -> Scores:
    """Return tag scores that speak for spans given by label and words."""
    rows = {label: [page.words_over(at := page.text.index(words), at + len(words))] for label, words in spans}
    emissions = np.zeros((len(page.words), len(decoder.labels), len(decoder.tag_set.tags)))
    for layer, label in enumerate(decoder.labels):
        row = decoder.tag_set.encode(len(page.words), rows.get(label, []))
        emissions[np.arange(len(row)), layer, row] = sureness
    return emissions


def as_document(prediction: Prediction) -> Document:
    """Return an answer as if a person had marked it."""
    spans = [Span(span.start, span.end, span.label) for span in prediction.spans]
    ends = [(quote.quote, SAID_BY, quote.speaker) for quote in prediction.quotes]
    ends += [(quote.quote, ABOUT, quote.topic) for quote in prediction.quotes]
    links = [Link(spans[source], spans[target], label) for source, label, target in ends if target is not None]
    return Document("predicted", prediction.text, (Annotation("model", tuple(spans), tuple(links)),))


@st.composite
def answers(draw: st.DrawFn) -> tuple[SpanDecoder, Prediction]:
    """Draw a text, random scores for it, and decode them."""
    page = Page(draw(TEXTS))
    decoder = make_decoder(draw(st.sampled_from(["bio", "bioes"])))
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    emissions = random.normal(0, draw(st.sampled_from([0.1, 3, 30])), (len(page.words), 3, len(decoder.tag_set.tags)))
    return decoder, decoder.decode(page, emissions, "predicted")


@given(answers())
@settings(deadline=None)
def test_every_answer_obeys_the_scheme(drawn: tuple[SpanDecoder, Prediction]) -> None:
    _, prediction = drawn
    problems = check_document(as_document(prediction))
    assert list(map(str, problems)) == []


@given(answers())
@settings(deadline=None)
def test_spans_have_their_own_words_and_a_score_of_four_digits(drawn: tuple[SpanDecoder, Prediction]) -> None:
    _, prediction = drawn
    for span in prediction.spans:
        assert span.text == prediction.text[span.start : span.end]
        assert 0 <= span.score <= 1
        assert span.score == round(span.score, 4)
    assert list(prediction.spans) == sorted(prediction.spans, key=lambda span: (span.start, span.end, span.label))


@given(answers())
@settings(deadline=None)
def test_quotes_are_the_quote_spans_in_order_and_point_to_the_right_labels(
    drawn: tuple[SpanDecoder, Prediction],
) -> None:
    _, prediction = drawn
    label_of = dict(enumerate(span.label for span in prediction.spans))
    assert [quote.quote for quote in prediction.quotes] == [i for i, label in label_of.items() if label == QUOTE]
    for quote in prediction.quotes:
        assert quote.speaker is None or label_of[quote.speaker] == SPEAKER
        assert quote.topic is None or label_of[quote.topic] == TOPIC
        assert quote.kind in KINDS
        assert quote.score == prediction.spans[quote.quote].score


REPORT = 'وقال وزير الخارجية: "روسيا مهتمة بتطبيع حوارنا".'
MARKED = ((SPEAKER, "وزير الخارجية"), (QUOTE, '"روسيا مهتمة بتطبيع حوارنا"'), (TOPIC, "بتطبيع حوارنا"))


@pytest.mark.parametrize("scheme", ["bio", "bioes"])
def test_sure_scores_come_back_as_spans_and_a_quote(scheme: str) -> None:
    decoder, page = make_decoder(scheme), Page(REPORT)
    prediction = decoder.decode(page, scores_for(decoder, page, *MARKED), "report")
    assert [(span.label, span.text) for span in prediction.spans] == list(MARKED)
    assert all(span.score > 0.99 for span in prediction.spans)
    (quote,) = prediction.quotes
    assert (quote.quote, quote.speaker, quote.topic, quote.kind) == (1, 0, 2, "direct")
    assert prediction.id == "report"
    assert prediction.text == REPORT


@pytest.mark.parametrize(
    ("text", "found", "wanted", "kind"),
    [
        ('قال: "نعم".', "نعم", '"نعم"', "direct"),
        ('قال: "نعم".', '"نعم".', '"نعم"', "direct"),
        ("قال إن الحل قريب، مؤكدا", "إن الحل قريب،", "إن الحل قريب", "indirect"),
        ('قال إن الحل "قريب" جدا', 'إن الحل "قريب" جدا', 'إن الحل "قريب" جدا', "mixed"),
        ('قال إن الحل "قريب', 'إن الحل "', "إن الحل", "indirect"),
    ],
)
def test_the_edges_of_a_quote_are_snapped(text: str, found: str, wanted: str, kind: str) -> None:
    decoder, page = make_decoder("bioes"), Page(text)
    prediction = decoder.decode(page, scores_for(decoder, page, (QUOTE, found)))
    assert [span.text for span in prediction.spans] == [wanted]
    assert [quote.kind for quote in prediction.quotes] == [kind]


def test_a_span_of_which_snapping_leaves_nothing_is_dropped() -> None:
    decoder, page = make_decoder("bio"), Page("قال ، نعم")
    assert decoder.decode(page, scores_for(decoder, page, (QUOTE, "،"))).spans == ()


def test_no_words_no_answer() -> None:
    decoder = make_decoder("bioes")
    assert decoder.decode(Page(" \n"), np.zeros((0, 3, 5))) == Prediction(" \n", (), (), None)


def test_other_labels_give_spans_and_no_quotes() -> None:
    decoder, page = make_decoder("bio", ("PER", "LOC")), Page("وصل “بومبيو” إلى سوتشي قادما من بروكسل.")
    prediction = decoder.decode(page, scores_for(decoder, page, ("PER", "بومبيو"), ("LOC", "سوتشي")))
    assert [(span.label, span.text) for span in prediction.spans] == [("PER", "بومبيو"), ("LOC", "سوتشي")]
    assert prediction.quotes == ()


@pytest.mark.parametrize("words", ["“بومبيو”", "بومبيو”", "، وأضاف", "قال.\nوأضاف", "إلى سوتشي. ثم"])
def test_by_the_scheme_plain_words_are_answered_as_they_are(words: str) -> None:
    """No edge is trimmed, no mark taken in, and sentences and lines end no span."""
    page = Page("وصل “بومبيو” إلى سوتشي. ثم قال.\nوأضاف نعم، وأضاف لا")
    decoder = replace(make_decoder("bioes", ("PER", "QUOTE")), scheme="plain")
    prediction = decoder.decode(page, scores_for(decoder, page, ("QUOTE", words)))
    assert [(span.label, span.text) for span in prediction.spans] == [("QUOTE", words)]
    assert prediction.quotes == ()


def test_by_the_scheme_plain_a_speaker_needs_no_quote() -> None:
    page, decoder = Page("لافروف"), replace(make_decoder("bio"), scheme="plain")
    (span,) = decoder.decode(page, scores_for(decoder, page, (SPEAKER, "لافروف"), sureness=50)).spans
    assert (span.label, span.text) == (SPEAKER, "لافروف")


def test_touching_spans_of_one_label_stay_two() -> None:
    decoder, page = make_decoder("bio"), Page("لافروف بومبيو")
    emissions = np.zeros((2, 3, 3))
    emissions[:, 1, 1] = 9
    emissions[:, ::2, 0] = 9
    assert [span.text for span in decoder.decode(page, emissions).spans] == ["لافروف", "بومبيو"]


def test_temperatures_change_scores_but_not_spans() -> None:
    page, decoder = Page(REPORT), make_decoder("bioes")
    emissions = scores_for(decoder, page, *MARKED, sureness=4.0)
    sharp, soft = (replace(decoder, temperatures=np.array([1.0, 1.0, t])).decode(page, emissions) for t in (1.0, 3.0))
    assert soft.spans[:2] == sharp.spans[:2]
    assert soft.spans[2].text == sharp.spans[2].text
    assert soft.spans[2].score < sharp.spans[2].score - 0.1


def test_a_threshold_keeps_unlikely_spans_of_its_label_out() -> None:
    page, decoder = Page(REPORT), make_decoder("bioes")
    emissions = scores_for(decoder, page, *MARKED, sureness=3.0)
    assert [span.label for span in decoder.decode(page, emissions).spans] == [label for label, _ in MARKED]
    strict = replace(decoder, thresholds=np.array([0.25, 0.25, 0.999]))
    assert [span.label for span in strict.decode(page, emissions).spans] == [SPEAKER, QUOTE]


def test_learned_transitions_count_for_the_spans() -> None:
    page, decoder = Page(REPORT), make_decoder("bioes")
    emissions = scores_for(decoder, page, *MARKED)
    outside = decoder.tag_set.tags.index("O")
    decoder.transitions.step[0, outside, outside] = 20
    assert [span.label for span in decoder.decode(page, emissions).spans] == [QUOTE, TOPIC]


def test_temperatures_divide_learned_transitions_as_they_do_scores() -> None:
    page, cold, warm = Page(REPORT), make_decoder("bioes"), make_decoder("bioes", temperature=2.0)
    emissions = np.random.default_rng(0).normal(0, 2, (len(page.words), 3, 5))
    learned = np.random.default_rng(1).normal(0, 2, (3, 5, 5))
    cold.transitions.step[:], warm.transitions.step[:] = learned, 2 * learned
    prediction = cold.decode(page, emissions)
    assert prediction.spans
    assert warm.decode(page, 2 * emissions) == prediction


@pytest.mark.parametrize(
    ("text", "found", "wanted"),
    [("قال نعم\nنعم اليوم", "نعم\nنعم", "نعم"), ('قال "نعم\nنعم" اليوم', '"نعم\nنعم"', '"نعم\nنعم"')],
)
def test_a_quote_runs_over_a_line_break_only_with_its_marks(text: str, found: str, wanted: str) -> None:
    decoder, page = make_decoder("bio"), Page(text)
    texts = [span.text for span in decoder.decode(page, scores_for(decoder, page, (QUOTE, found))).spans]
    assert texts[0] == wanted
    assert [text for text in texts if "\n" in text] == [wanted] * ("\n" in wanted)


def test_float32_scores_are_taken_as_the_encoder_gives_them() -> None:
    decoder, page = make_decoder("bioes"), Page(REPORT)
    emissions = scores_for(decoder, page, *MARKED)
    assert decoder.decode(page, emissions.astype(np.float32)) == decoder.decode(page, emissions)


def test_speakers_and_topics_without_a_quote_are_left_out() -> None:
    decoder, page = make_decoder("bioes"), Page("لافروف")
    assert decoder.decode(page, scores_for(decoder, page, (SPEAKER, "لافروف"), sureness=50)).spans == ()


def test_predicted_spans_are_plain_values() -> None:
    decoder, page = make_decoder("bioes"), Page("لافروف")
    (span,) = decoder.decode(page, scores_for(decoder, page, (QUOTE, "لافروف"), sureness=50)).spans
    assert span == PredictedSpan(QUOTE, 0, 6, "لافروف", 1.0)
    assert (type(span.start), type(span.end), type(span.score)) == (int, int, float)
