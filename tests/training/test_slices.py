"""Answers by subject, style and length."""

import pytest

from aqwal.annotations.curation.plan import Plan, PlannedArticle
from aqwal.annotations.records import Document
from aqwal.serving.prediction import Prediction
from aqwal.training.metrics import Answered
from aqwal.training.slices import range_name, slice_answers


def _answered(identifier: str, words: int) -> Answered:
    text = "كلمة " * words
    return Answered(Document(identifier, text), Prediction(text, (), (), identifier))


def test_slices_come_from_the_plan_and_the_words():
    planned = [
        PlannedArticle(f"w1-0{number}", style, "sport", "flash", "yes", "plain")
        for number, style in ((1, "gulf"), (2, "agency"))
    ]
    answered = [_answered("w1-01", 650), _answered("w1-02", 80), _answered("other", 100)]
    slices = slice_answers(answered, Plan(tuple(planned), {}))
    ids = {
        field: {value: [one.document.id for one in each] for value, each in slices[field].items()} for field in slices
    }
    assert ids == {
        "subject": {"(not in the plan)": ["other"], "sport": ["w1-01", "w1-02"]},
        "style": {"(not in the plan)": ["other"], "agency": ["w1-02"], "gulf": ["w1-01"]},
        "words": {"1-100": ["w1-02", "other"], "601+": ["w1-01"]},
    }
    assert list(slices["words"]) == ["1-100", "601+"]


def test_without_a_plan_there_are_slices_by_words_only():
    assert list(slice_answers([_answered("a", 3)], None)) == ["words"]


@pytest.mark.parametrize(("count", "name"), [(1, "1-5"), (5, "1-5"), (6, "6-12"), (13, "13+")])
def test_ranges_are_named_by_their_ends(count: int, name: str):
    assert range_name(count, (5, 12)) == name
