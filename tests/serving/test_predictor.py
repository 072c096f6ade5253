"""The predictor with a real session: the same text, the same answer, in whatever company."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from strategies import odd_texts

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


def assert_knows(prediction: Prediction, text: str, learned: Document) -> None:
    """Check that a text's answer holds something of what was learned by heart, and nothing that is not there."""
    known = {(span.label, learned.text[span.start : span.end]) for span in learned.gold.spans}
    assert prediction.text == text
    assert_sound(prediction)
    assert known & {(span.label, span.text) for span in prediction.spans}


@pytest.mark.parametrize("text", ["قال", "\ud83d", "\udc00قال\ud83d", "\x00", "<script>", "😀" * 300, "ا1" * 5000])
def test_odd_texts_are_answered(predictor: Predictor, learned: Document, text: str) -> None:
    assert predictor.predict(text).text == text
    behind = f"{learned.text}\n{text}"
    assert_knows(predictor.predict(behind), behind, learned)


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


@pytest.mark.parametrize("ids", [None, ["one", "two"]])
def test_an_error_of_the_callers_texts_comes_as_it_is(predictor: Predictor, ids: list[str] | None) -> None:
    def texts() -> Iterator[str]:
        yield "قال"
        yield json.loads("{")

    with pytest.raises(json.JSONDecodeError):
        list(predictor.predict_many(texts(), ids))


@pytest.mark.parametrize("threads", [0, -1])
def test_threads_must_be_at_least_one(tiny_model: Path, threads: int) -> None:
    with pytest.raises(ValueError, match=f"threads must be 1 or more, not {threads}"):
        Predictor(tiny_model, threads=threads)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system ties no process to a core")
def test_a_process_tied_to_one_core_computes_in_one_thread(tiny_model: Path) -> None:
    program = (
        "import os, sys\nfrom aqwal.serving import Predictor\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nprint(Predictor(sys.argv[1]).threads)"
    )
    command = [sys.executable, "-c", program, str(tiny_model)]
    assert subprocess.run(command, capture_output=True, check=True, timeout=60).stdout == b"1\n"


def test_no_more_threads_than_asked_for_compute(tiny_model: Path, texts: list[str]) -> None:
    before = set(threading.enumerate())
    predictor = Predictor(tiny_model, threads=1)
    list(predictor.predict_many(texts))
    assert len(set(threading.enumerate()) - before) == 1


@given(text=odd_texts)
@settings(max_examples=150)
def test_any_text_is_answered_with_spans_of_it(predictor: Predictor, text: str) -> None:
    prediction = predictor.predict(text)
    assert prediction.text == text
    assert_sound(prediction)
    assert json.loads(prediction.to_json()) == prediction.to_dict()
    numbers = range(len(prediction.spans))
    for quote in prediction.quotes:
        assert prediction.spans[quote.quote].label == QUOTE
        assert all(index is None or index in numbers for index in (quote.speaker, quote.topic))


@given(before=odd_texts, behind=odd_texts)
@settings(max_examples=25)
def test_a_known_article_among_anything(predictor: Predictor, learned: Document, before: str, behind: str) -> None:
    text = f"{before}\n{learned.text}\n{behind}"
    assert_knows(predictor.predict(text), text, learned)


@pytest.mark.parametrize("wrong", [None, 5, b"text", ["text"], {"text": "text"}, b"text"])
def test_what_is_no_text_is_told_in_a_sentence(predictor: Predictor, wrong: object) -> None:
    with pytest.raises(TypeError, match=f"a document must be a str, not {type(wrong).__name__}; decode bytes as UTF-8"):
        predictor.predict(wrong)


def test_ten_thousand_paragraphs(predictor: Predictor, learned: Document) -> None:
    text = "قال الوزير نعم.\n" * 10_000 + learned.text
    assert_knows(predictor.predict(text), text, learned)


# One word each, so that it is the length and not the encoder's work that is tried. A letter repeated would become two.
@pytest.mark.parametrize("word", ["اب" * 500_000, "12" * 500_000, "ا" + "\u0651\u064e" * 500_000])
def test_a_million_characters(predictor: Predictor, learned: Document, word: str) -> None:
    text = f"{learned.text}\n{word}"
    prediction = predictor.predict(text)
    assert_knows(prediction, text, learned)
    assert prediction.spans[0].text == "لافروف"


def test_an_answer_that_is_not_there_in_time_is_given_up(predictor: Predictor, learned: Document) -> None:
    answers = predictor.predict_documents([(learned.text, None)] * 1000, timeout=0.0)
    with pytest.raises(TimeoutError, match="no answer within the time given"):
        list(answers)
    assert predictor.predict(learned.text).text == learned.text


def test_an_answer_that_is_there_in_time_is_given(predictor: Predictor, learned: Document) -> None:
    (answer,) = predictor.predict_documents([(learned.text, "a")], timeout=600.0)
    assert answer == predictor.predict(learned.text, "a")


def test_answers_that_nobody_wants_any_more_are_left(predictor: Predictor, learned: Document) -> None:
    given_up = threading.Event()
    answers = predictor.predict_documents([(learned.text, None)] * 1000, given_up=given_up)
    assert next(answers).text == learned.text
    given_up.set()
    with pytest.raises(TimeoutError, match="nobody waits for the answer any more"):
        list(answers)
    with pytest.raises(TimeoutError):
        next(predictor.predict_documents([("", None)], given_up=given_up))


def test_a_long_document_does_not_keep_short_ones_waiting(predictor: Predictor, learned: Document) -> None:
    ended: list[str] = []

    def ask(name: str, text: str) -> None:
        predictor.predict(text)
        ended.append(name)

    long = threading.Thread(target=ask, args=("long", (learned.text + "\n") * 60))
    long.start()
    for _ in range(3):
        ask("short", "قال الوزير نعم.")
    long.join()
    assert ended == ["short", "short", "short", "long"]


FORKED = """
import os, sys, threading
from aqwal.serving import Predictor
predictor, text = Predictor(sys.argv[1], threads=2), open(sys.argv[2], encoding="utf-8", newline="").read()
wanted = predictor.predict(text)
for _ in range(2):
    child = os.fork()
    if not child:
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(predictor.predict(text))) for _ in range(3)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        os._exit(0 if answers == [wanted] * 3 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert predictor.predict(text) == wanted
"""


def test_a_forked_process_answers_and_so_does_the_first(tiny_model: Path, root: Path) -> None:
    command = [sys.executable, "-c", FORKED, tiny_model, root / "seeds/002_35a5180d63e7b702.txt"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
