"""Ways of reporting: each that can be seen is seen in an example, and not where it is not."""

import json
from pathlib import Path

import pytest

from aqwal.annotations.curation.reports import cut_reports
from aqwal.annotations.curation.ways import NOT_LOOKED_FOR, WAYS, ways_of
from aqwal.annotations.inline import parse_inline
from aqwal.annotations.page import Page

PLAIN = ("وقال {S1:بوتين} {Q1:إن {T1:الحل} قريب}.", "Q1 S1 T1")
# Beginning of the way's name → an article that shows it, its links, how many reports show it.
EXAMPLES = {
    "frame at the start": ("ووفقا {S1:لبوتين}، {Q1:الحل قريب}.", "Q1 S1 -", 1),
    "frame at the end": ("{Q1:الحل قريب}، بحسب {S1:بوتين}.", "Q1 S1 -", 1),
    "free preposition": ("وحذر {S1:بوتين} من {Q1:الحرب}.", "Q1 S1 -", 1),
    "nested report": ("وذكر {S1:أوشاكوف} {Q1:أن بوتين أكد لبومبيو أن الحل قريب}.", "Q1 S1 -", 1),
    "`شكر X": ("وثمّن {S1:بوتين} {Q1:جهود بومبيو}.", "Q1 S1 -", 1),
    "document that says": ("كما ينص {S1:العقد} على {Q1:مكافأة}.", "Q1 S1 -", 1),
    "direct quote in « »": ("وقال {S1:بوتين}:{Q1:« الحل قريب »}.", "Q1 S1 -", 1),
    "noun-phrase complement": ("وأكد {S1:بوتين} {Q1:استعداد روسيا للحوار}.", "Q1 S1 -", 1),
    "`وصف X": ("ووصف {S1:بوتين} {Q1:الحل بأنه بعيد}.", "Q1 S1 -", 1),
    "unnamed source": ("وقال {S1:مصدر مطلع} {Q1:إن الحل قريب}.", "Q1 S1 -", 1),
    "question of a reporter": ("وردا على سؤال قال {S1:بوتين} {Q1:إن الحل قريب}.", "Q1 S1 -", 1),
    "relay": ("ونقل أوشاكوف عن {S1:بوتين} قوله {Q1:إن الحل قريب}.", "Q1 S1 -", 1),
    "speaker before the verb": ("{S1:بوتين} قال أمس {Q1:إن الحل قريب}.", "Q1 S1 -", 1),
    "direct quote broken": ("{Q1:«الحل قريب»}، قال {S1:بوتين}، {Q2:«لكنه صعب»}.", "Q1 S1 -\nQ2 S1 -", 1),
    "`اتفق على أن`": ("وتوقع {S1:بوتين} {Q1:أن الحل قريب}.", "Q1 S1 -", 1),
    "quote without source": ("وقيل {Q1:إن {T1:الحل} قريب}.", "Q1 - T1", 1),
    "quote without topic": ("وقال {S1:بوتين} {Q1:إنه هنا}.", "Q1 S1 -", 1),
    "`أضاف` after": ("وصل {S1:بوتين}.\nكانت روسيا بعيدة.\nوأضاف {Q1:أن الحل قريب}.", "Q1 S1 -", 1),
    "quotes that share": ("وقال {S1:بوتين} {Q1:إن {T1:الحل} قريب}، مؤكدا {Q2:أنه ممكن}.", "Q1 S1 T1\nQ2 S1 T1", 2),
    "chain of reports": (
        "وصل {S1:بوتين}. وأضاف {Q1:أن الحل قريب}. وتابع {Q2:أنه ممكن}. وختم {Q3:أنه آت}.",
        "Q1 S1 -\nQ2 S1 -\nQ3 S1 -",
        3,
    ),
    "headline": ("{S1:بوتين}: {Q1:الحل قريب}", "Q1 S1 -", 1),
    "several-sentence": ("وقال {S1:بوتين}: {Q1:«الحل قريب. لكنه صعب»}.", "Q1 S1 -", 1),
    "speaker after the verb": ("وقال {S1:رئيس روسيا، بوتين} {Q1:إن الحل قريب}.", "Q1 S1 -", 1),
    "participle chain": ("وصل {S1:بوتين} مؤكدا {Q1:أن الحل قريب} ومشددا على {Q2:أنه ممكن}.", "Q1 S1 -\nQ2 S1 -", 2),
    "speaker at the end": ("{Q1:«الحل قريب»}، قال {S1:بوتين}.", "Q1 S1 -", 1),
    "poll or study": ("وأظهر استطلاع أجراه {S1:معهد الرأي} {Q1:أن الحل قريب}.", "Q1 S1 -", 1),
    "mixed quote": ("وقال {S1:بوتين} {Q1:إن الحل «قريب»}.", "Q1 S1 -", 1),
    "tweet or post": ("وكتب {S1:بوتين} على منصة إكس: {Q1:«الحل قريب»}.", "Q1 S1 -", 1),
    "topic in an about-frame": ("وبشأن {T1:سوريا} قال {S1:بوتين} {Q1:إن الحل قريب}.", "Q1 S1 T1", 1),
    "`اتهم X بـ`": ("واتهم {S1:بوتين} {Q1:أوكرانيا بالكذب}.", "Q1 S1 -", 1),
}


def ways(marked: str, links: str) -> dict[str, int]:
    (document,) = parse_inline(f"=== خبر-1\n{marked}\n---\n{links}\n", "pass-a")
    return ways_of(cut_reports(Page(document.text), document.annotations[0]))


@pytest.mark.parametrize("name", WAYS)
def test_each_way_is_seen_in_its_example_and_not_in_a_plain_report(name: str) -> None:
    ((marked, links, count),) = (example for start, example in EXAMPLES.items() if name.startswith(start))
    assert ways(marked, links)[name] == count
    assert ways(*PLAIN)[name] == 0


def test_a_single_hidden_subject_is_no_chain() -> None:
    found = ways("وصل {S1:بوتين}. وأضاف {Q1:أن الحل قريب}. وتابع {S2:أوشاكوف} {Q2:أنه ممكن}.", "Q1 S1 -\nQ2 S2 -")
    assert [count for name, count in found.items() if name.startswith("chain")] == [0]


def test_the_ways_are_those_of_the_plan(root: Path) -> None:
    plan = json.loads((root / "annotations" / "corpus-spec.json").read_text(encoding="utf-8"))["articles"]
    assert {way for entry in plan for way in entry["reporting"]} == {*WAYS, *NOT_LOOKED_FOR}
