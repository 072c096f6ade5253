"""The predictor with a real session: the same text, the same answer, in whatever company."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice
from pathlib import Path

import pytest

from aqwal.annotations.page import Page
from aqwal.annotations.records import Document
from aqwal.annotations.scheme import ABOUT, QUOTE, SAID_BY
from aqwal.annotations.stored import read_documents
from aqwal.serving import Prediction, Predictor

BLANK = ("", " ", "\n\n\t", "\u200f\ufeff")


@pytest.fixture(scope="module")
def predictor(tiny_model: Path) -> Predictor:
    return Predictor(tiny_model, threads=2)


@pytest.fixture(scope="module")
def learned(root: Path) -> Document:
    """The document that the tiny model knows by heart."""
    (document,) = read_documents(root / "annotations/gold/002_35a5180d63e7b702.json")
    return document


@pytest.fixture(scope="module")
def texts(root: Path) -> list[str]:
    """Texts of one and of several windows, and without words."""
    seeds = [path.read_bytes().decode() for path in sorted((root / "seeds").glob("*.txt"))]
    return [seeds[2], "", seeds[0], seeds[2][:625], " \n", "قال", seeds[3], "\ud83d قال \udc00", seeds[2]]


def assert_sound(prediction: Prediction) -> None:
    for span in prediction.spans:
        assert span.text == prediction.text[span.start : span.end]
        assert 0 <= span.score <= 1


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_what_was_learned_by_heart_comes_back_exactly(tiny_model: Path, learned: Document, precision: str) -> None:
    prediction = Predictor(tiny_model, precision, threads=1).predict(learned.text, learned.id)
    gold = learned.gold
    assert [(span.start, span.end, span.label, span.text) for span in prediction.spans] == [
        (span.start, span.end, span.label, learned.text[span.start : span.end]) for span in gold.spans
    ]
    spans = dict(enumerate(gold.spans))
    assert [(spans[q.quote], spans.get(q.speaker), spans.get(q.topic)) for q in prediction.quotes] == [
        (quote, gold.target_of(quote, SAID_BY), gold.target_of(quote, ABOUT)) for quote in gold.of_label(QUOTE)
    ]
    assert [quote.kind for quote in prediction.quotes] == [
        *("indirect", "indirect", "direct", "direct", "direct", "indirect", "indirect", "mixed", "indirect")
    ]
    assert prediction.text == learned.text
    assert prediction.id == learned.id


@pytest.mark.parametrize("text", BLANK)
def test_a_text_without_words_has_an_empty_answer(predictor: Predictor, text: str) -> None:
    assert predictor.predict(text, "blank") == Prediction(text, (), (), "blank")


@pytest.mark.parametrize("text", ["قال", "\ud83d", "\udc00قال\ud83d", "\x00", "<script>", "😀" * 300, "ا1" * 5000])
def test_odd_texts_are_answered(predictor: Predictor, text: str) -> None:
    prediction = predictor.predict(text)
    assert prediction.text == text
    assert_sound(prediction)


def test_lone_surrogates_move_no_span(predictor: Predictor, learned: Document) -> None:
    broken = learned.text.replace("14", "\ud83d", 1)
    prediction = predictor.predict(broken)
    assert_sound(prediction)
    words = [span.text for span in prediction.spans]
    assert words[0] == "لافروف"
    assert 'ضرورة القيام بشكل شيء ممكن "حتى لا تتحول الأراضي السورية إلى ملاذ للإرهابيين"' in words


def test_a_very_long_text(predictor: Predictor, learned: Document) -> None:
    text = (learned.text + "\n") * (200_000 // len(learned.text) + 1)
    prediction = predictor.predict(text)
    assert len(text) > 200_000
    assert_sound(prediction)
    assert max(span.end for span in prediction.spans) > 195_000


def test_many_are_answered_in_order_and_as_one_by_one(predictor: Predictor, texts: list[str]) -> None:
    ids = [f"document {number}" for number in range(len(texts))]
    together = list(predictor.predict_many(texts, ids))
    assert [prediction.id for prediction in together] == ids
    assert together == [predictor.predict(*pair) for pair in zip(texts, ids, strict=True)]
    assert [prediction.id for prediction in predictor.predict_many(texts)] == [None] * len(texts)


def test_the_number_of_threads_does_not_change_answers(tiny_model: Path, texts: list[str]) -> None:
    one, four = (list(Predictor(tiny_model, threads=threads).predict_many(texts)) for threads in (1, 4))
    assert one == four


def test_emissions_are_what_the_answer_is_decoded_from(predictor: Predictor, learned: Document) -> None:
    page = Page(learned.text)
    emissions = predictor.emissions(page)
    assert emissions.shape == (len(page.words), 3, 5)
    assert predictor.folder.decoder.decode(page, emissions) == predictor.predict(learned.text)
    assert predictor.emissions(Page("")).shape == (0, 3, 5)


def test_several_threads_may_call_at_once(predictor: Predictor, texts: list[str]) -> None:
    wanted = [predictor.predict(text) for text in texts]
    with ThreadPoolExecutor(6) as callers:
        answers = list(callers.map(predictor.predict, texts * 4))
    assert answers == wanted * 4


def test_texts_are_read_only_as_far_ahead_as_needed(predictor: Predictor) -> None:
    read = []

    def endless() -> Iterator[str]:
        for number in count():
            read.append(number)
            yield f"قال {number}"

    answers = list(islice(predictor.predict_many(endless()), 3))
    assert [prediction.text for prediction in answers] == ["قال 0", "قال 1", "قال 2"]
    assert len(read) < 20


def test_blank_texts_too_are_answered_before_all_are_read(predictor: Predictor) -> None:
    texts = iter([""] * 1000)
    next(predictor.predict_many(texts))
    assert len(list(texts)) > 900


def test_an_abandoned_answer_leaves_the_predictor_usable(predictor: Predictor, learned: Document) -> None:
    wanted = predictor.predict(learned.text)
    answers = predictor.predict_many([learned.text] * 5)
    assert next(answers) == wanted
    answers.close()
    assert predictor.predict(learned.text) == wanted


@pytest.mark.parametrize("ids", [[], ["one"], ["one", "two", "three"]])
def test_ids_of_another_number_than_texts_are_an_error(predictor: Predictor, ids: list[str]) -> None:
    with pytest.raises(ValueError, match="as many ids as texts"):
        list(predictor.predict_many(["قال", "نعم"], ids))


@pytest.mark.parametrize("threads", [0, -1])
def test_threads_must_be_at_least_one(tiny_model: Path, threads: int) -> None:
    with pytest.raises(ValueError, match=f"threads must be 1 or more, not {threads}"):
        Predictor(tiny_model, threads=threads)


def test_no_more_threads_than_asked_for_compute(tiny_model: Path, texts: list[str]) -> None:
    before = set(threading.enumerate())
    predictor = Predictor(tiny_model, threads=1)
    list(predictor.predict_many(texts))
    assert len(set(threading.enumerate()) - before) == 1
