"""Intervals: around the score that `metrics` gives, the same every time, wider with fewer documents."""

import pytest

from aqwal.annotations.scheme import LABELS
from aqwal.training.accuracy.bootstrap import score_with_intervals
from aqwal.training.metrics import score

TEXT = "قال زيد إن الحل قريب، وأضافت ليلى أن السلام ممكن."
FIRST, SECOND = ("إن الحل قريب", "زيد", "الحل"), ("أن السلام ممكن", "ليلى", None)


def test_values_are_those_of_the_metrics(gold, answered):
    documents = [gold(str(number), TEXT, FIRST, SECOND) for number in range(3)]
    answers = [
        answered(documents[0], FIRST),
        answered(documents[1], ("إن الحل", "زيد", None), SECOND),
        answered(documents[2]),
    ]
    ours, theirs = score_with_intervals(answers, LABELS), score(answers, LABELS)
    for label, row in theirs["labels"].items():
        for name in ("f1", "overlap_f1"):
            assert ours["labels"][label][name]["value"] == pytest.approx(row[name])
        assert (ours["labels"][label]["gold"], ours["labels"][label]["predicted"]) == (row["gold"], row["predicted"])
    assert ours["macro_f1"]["value"] == pytest.approx(theirs["macro_f1"])
    assert {link: figure["value"] for link, figure in ours["pairs"].items()} == pytest.approx(theirs["pairs"])
    assert score_with_intervals(answers, LABELS) == ours


def test_documents_that_differ_make_an_interval_and_more_of_them_a_smaller_one(gold, answered):
    widths = []
    for count in (4, 40):
        documents = [gold(str(number), TEXT, FIRST, SECOND) for number in range(count)]
        answers = [answered(one, *([FIRST, SECOND] if number % 2 else [])) for number, one in enumerate(documents)]
        figure = score_with_intervals(answers, LABELS)["labels"]["QUOTE"]["f1"]
        assert 0 <= figure["low"] < figure["value"] < figure["high"] <= 1
        widths.append(figure["high"] - figure["low"])
    assert widths[1] < widths[0] / 2


def test_answers_of_several_models_on_a_document_are_drawn_together(gold, answered):
    document = gold("a", TEXT, FIRST, SECOND)
    figure = score_with_intervals([answered(document, FIRST), answered(document)], LABELS)["labels"]["QUOTE"]
    assert (figure["gold"], figure["predicted"]) == (4, 1)
    assert figure["f1"]["low"] == figure["f1"]["value"] == figure["f1"]["high"]
