"""Spelling: which features are found in a text."""

import json
from pathlib import Path

import pytest

from aqwal.annotations.curation.spelling import SEEN_BY, SPELLING_FEATURES, spelling_of
from aqwal.annotations.page import Page


@pytest.mark.parametrize(
    ("text", "feature", "count"),
    [
        ("في ٢٥ يناير و٣ فبراير", "Arabic-Indic digits", 2),
        ("الأربعـاء ـ اليوم", "tatweel in a word", 1),
        ("الأربعـاء ـ اليوم", "tatweel as a dash", 1),
        ("أكّدَ مشيراً", "diacritics", 3),
        ("منظمة (WHO) و BBC", "Latin letters", 2),
        ("قال: «نعم ثم مضى", "unpaired marks", 1),
        ("قال: «نعم» ثم مضى", "unpaired marks", 0),
        ("قال: »نعم« و”لا“ و«ربما»", "pairs of marks of the wrong kind", 2),
        ("قال نعم ، ثم مضى .", "space before punctuation", 2),
        ("قال نعم،ثم مضى", "no space after a comma", 1),
        ("واكد ان الى", "hamza dropped (common words)", 3),
        ("وأكد أن إلى واحد", "hamza dropped (common words)", 0),
        ("فى البيت الذى", "ى for ي or ي for ى (common words)", 2),
        ("#كوريا_الجنوبية و @name", "hashtags and handles", 2),
    ],
)
def test_features(text: str, feature: str, count: int) -> None:
    assert spelling_of(Page(text))[feature] == count


def test_a_text_without_features_counts_nothing() -> None:
    assert spelling_of(Page("وقال الوزير إن العمل بدأ.")) == dict.fromkeys(SPELLING_FEATURES, 0)


def test_what_the_plan_asks_for_is_named_as_the_plan_names_it(root: Path) -> None:
    plan = json.loads((root / "annotations" / "corpus-spec.json").read_text(encoding="utf-8"))["articles"]
    assert set(SEEN_BY) <= {entry["spelling"] for entry in plan}
    assert {feature for features in SEEN_BY.values() for feature in features} <= set(SPELLING_FEATURES)
