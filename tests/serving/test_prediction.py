"""The answer as plain data and in a notebook."""

import json
from dataclasses import FrozenInstanceError

import pytest

from aqwal.serving import PredictedSpan, Prediction, Quote
from aqwal.serving.render import to_html_fragment

TEXT = 'قال لافروف: "نعم".'
PREDICTION = Prediction(
    TEXT,
    (PredictedSpan("SPEAKER", 4, 10, "لافروف", 0.9876), PredictedSpan("QUOTE", 12, 17, '"نعم"', 0.5)),
    (Quote(quote=1, speaker=0, topic=None, kind="direct", score=0.5),),
    "002",
)


def test_plain_data_has_every_field_but_the_text() -> None:
    assert PREDICTION.to_dict() == {
        "id": "002",
        "spans": [
            {"label": "SPEAKER", "start": 4, "end": 10, "text": "لافروف", "score": 0.9876},
            {"label": "QUOTE", "start": 12, "end": 17, "text": '"نعم"', "score": 0.5},
        ],
        "quotes": [{"quote": 1, "speaker": 0, "topic": None, "kind": "direct", "score": 0.5}],
    }


def test_plain_data_goes_through_json_and_back() -> None:
    assert json.loads(json.dumps(PREDICTION.to_dict())) == PREDICTION.to_dict()


def test_an_empty_answer_as_plain_data() -> None:
    assert Prediction("", (), ()).to_dict() == {"id": None, "spans": [], "quotes": []}


def test_answers_cannot_be_changed_and_compare_by_value() -> None:
    assert Prediction(TEXT, (PredictedSpan("SPEAKER", 4, 10, "لافروف", 0.5),), ()) == Prediction(
        TEXT, (PredictedSpan("SPEAKER", 4, 10, "لافروف", 0.5),), ()
    )
    with pytest.raises(FrozenInstanceError):
        PREDICTION.spans[0].start = 5


def test_a_notebook_shows_the_html_fragment() -> None:
    assert PREDICTION._repr_html_() == to_html_fragment(PREDICTION)
