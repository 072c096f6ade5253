"""Error analysis: each kind of error, told by spans written out."""

import pytest

from aqwal.training.accuracy.errors import error_examples, error_figures, gold_cases, predicted_cases

TEXT = "قال زيد إن الحل قريب جدا، وأضافت ليلى أن السلام ممكن.\nوتابع أن الطريق طويل. وختم بأن الأمل باق."
QUOTES = (
    ("إن الحل قريب جدا", "زيد", "الحل"),
    ("أن السلام ممكن", "ليلى", None),
    ("أن الطريق طويل", "ليلى", None),
    ("بأن الأمل باق", None, None),
)
WHOLE, SECOND, THIRD, FOURTH = QUOTES


@pytest.mark.parametrize(
    ("quotes", "fates", "natures"),
    [
        ([WHOLE], ["exact", "missed"], ["exact"]),
        ([("إن الحل", None, None)], ["wrong end", "missed"], ["other boundaries"]),
        ([("قريب جدا", None, None)], ["wrong start", "missed"], ["other boundaries"]),
        ([("الحل قريب", None, None)], ["wrong start and end", "missed"], ["other boundaries"]),
        ([("إن الحل", None, None), ("قريب", None, None)], ["fragmented", "missed"], ["other boundaries"] * 2),
        ([("قريب جدا، وأضافت ليلى أن السلام", None, None)], ["wrong start and end"] * 2, ["merged"]),
        ([("وتابع", None, None)], ["missed", "missed"], ["invented"]),
        ([], ["missed", "missed"], []),
    ],
)
def test_every_span_has_its_kind_of_error(gold, answered, quotes, fates, natures):
    one = answered(gold("a", TEXT, WHOLE, SECOND), *quotes)
    assert [case.fate for case in gold_cases([one], "QUOTE")] == fates
    assert [case.nature for case in predicted_cases([one], "QUOTE")] == natures


def test_counts_by_label_kind_length_and_distance(gold, answered):
    document = gold("a", TEXT, *QUOTES)
    one = answered(document, WHOLE, ("أن السلام ممكن", "زيد", None), ("أن الطريق طويل", "ليلى", None), FOURTH)
    figures = error_figures([one, answered(document)], ("SPEAKER", "QUOTE", "TOPIC"))
    assert figures["gold"]["QUOTE"] == {
        "exact": 4,
        "wrong start": 0,
        "wrong end": 0,
        "wrong start and end": 0,
        "fragmented": 0,
        "missed": 4,
    }
    assert figures["predicted"]["TOPIC"] == {"exact": 1, "other boundaries": 0, "merged": 0, "invented": 0}
    assert {kind: sum(fates.values()) for kind, fates in figures["quote_kinds"].items()} == {"indirect": 8}
    assert {words: sum(fates.values()) for words, fates in figures["quote_lengths"].items()} == {"1-5": 8}
    assert figures["speakers"] == {
        "same sentence, before the quote": {"right": 1, "wrong": 1, "quote not found": 2},
        "no speaker": {"right": 1, "wrong": 0, "quote not found": 1},
        "earlier paragraph": {"right": 1, "wrong": 0, "quote not found": 1},
    }


def test_examples_show_both_sides_and_the_words_around(gold, answered):
    one = answered(gold("a", TEXT, WHOLE, SECOND), ("الحل قريب", None, None), ("أن السلام ممكن", "ليلى", None))
    examples = error_examples([one], ("QUOTE", "SPEAKER"), 1)
    assert examples == [
        {
            "document": "a",
            "label": "QUOTE",
            "error": "wrong start and end",
            "gold": ["إن الحل قريب جدا"],
            "predicted": ["الحل قريب"],
            "before": "قال زيد",
            "behind": "، وأضافت ليلى أن السلام ممكن.",
        },
        {
            "document": "a",
            "label": "SPEAKER",
            "error": "missed",
            "gold": ["زيد"],
            "predicted": [],
            "before": "قال",
            "behind": "إن الحل قريب جدا، وأضافت ليلى",
        },
    ]


def test_examples_are_as_many_as_asked_for_and_from_all_over(gold, answered):
    many = [answered(gold(str(number), TEXT, WHOLE)) for number in range(10)]
    assert [one["document"] for one in error_examples(many, ("QUOTE",), 3)] == ["0", "4", "8"]
