"""Reporting words: found in any form, the nearest one, before the quote first."""

from pathlib import Path

import pytest

from aqwal.annotations import read_documents
from aqwal.annotations.curation.reporting_words import ReportingWord, find_reporting_word, reports_within
from aqwal.annotations.curation.reports import cut_reports
from aqwal.annotations.page import Page

GOLD = sorted((Path(__file__).parents[3] / "annotations" / "gold").glob("*.json"))


@pytest.mark.parametrize(
    ("before", "lemma"),
    [
        ("وقال ", "قال"),
        ("وأكّدت ", "أكد"),
        ("واكد ", "أكد"),
        ("، مشيراً إلى ", "أشار"),
        ("ونقلت القناة عن قوله لبومبيو: ", "قال"),
        ("وعبّر  عن ", "عبر"),
        ("كما ينص الملحق الأمني على ", "نص على"),
        ("وجاء في البيان ", "جاء في"),
        ("ووفقا لنص الاتفاق، ", "وفقا"),
        ("وقال في الجلسة مؤكدا ", "أكد"),
        ("قالـــت ", "قال"),
        ("ولفت الى ", "لفت"),
    ],
)
def test_before_the_quote(before: str, lemma: str) -> None:
    word = find_reporting_word(before, "، كما يقول غيره")
    assert word is not None
    assert (word.lemma, word.is_behind) == (lemma, False)


def test_behind_the_quote_if_there_is_none_before() -> None:
    assert find_reporting_word("", "، بحسب  الذي قال ذلك") == ReportingWord("بحسب", "بحسب", True)


@pytest.mark.parametrize("text", ["", "عبر الحدود ", "في مصر والعرب ", "مقر الشركة ", "بين البلدين "])
def test_no_reporting_word(text: str) -> None:
    assert find_reporting_word(text, "") is None


def test_participles_and_frames() -> None:
    forms = {form: find_reporting_word(f"{form} ", "") for form in ("مؤكداً", "لافتة", "مشيرين", "وأكد", "بحسب", "وفقا")}
    assert {form: word.is_participle for form, word in forms.items() if word} == {
        "مؤكداً": True,
        "لافتة": True,
        "مشيرين": True,
        "وأكد": False,
        "بحسب": False,
        "وفقا": False,
    }
    assert [form for form, word in forms.items() if word and word.is_frame] == ["بحسب", "وفقا"]


def test_report_within() -> None:
    assert reports_within("أن بوتين أكد لبومبيو أن روسيا مستعدة")
    assert not reports_within("أن الجانبين ركزا الاهتمام")


def test_nearly_all_reports_of_the_seeds_have_one() -> None:
    documents = [document for path in GOLD for document in read_documents(path)]
    reports = [report for one in documents if one.gold for report in cut_reports(Page(one.text), one.gold)]
    unknown = [report.before.strip() for report in reports if report.word is None]
    # The headline `بوتين: نأمل …` has none.
    assert (len(reports), unknown) == (94, [":"])
