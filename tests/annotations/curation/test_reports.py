"""A report: where the speaker stands, what stands around the quote, which word brings it."""

import pytest

from aqwal.annotations.curation.reports import Position, Report, cut_reports
from aqwal.annotations.inline import parse_inline
from aqwal.annotations.page import Page


def reports(marked: str, links: str) -> list[Report]:
    (document,) = parse_inline(f"=== خبر-1\n{marked}\n---\n{links}\n", "pass-a")
    return cut_reports(Page(document.text), document.annotations[0])


@pytest.mark.parametrize(
    ("marked", "position"),
    [
        ("وقال {S1:بوتين} {Q1:إن الحل قريب}.", Position.BEFORE),
        ("{Q1:«الحل قريب»}، قال {S1:بوتين}.", Position.BEHIND),
        ("وصل {S1:بوتين}. وقال {Q1:إن الحل قريب}.", Position.EARLIER),
        ("وصل {S1:بوتين}\nوقال {Q1:إن الحل قريب}.", Position.EARLIER),
        ("وقيل {Q1:إن الحل قريب}. ثم وصل {S1:بوتين}.", Position.LATER),
        ("وقيل {Q1:إن {S1:بوتين} يعرف الحل}.", Position.INSIDE),
    ],
)
def test_position_of_the_speaker(marked: str, position: Position) -> None:
    (report,) = reports(marked, "Q1 S1 -")
    assert report.position is position
    assert report.speaker is not None
    assert report.text_of(report.speaker) == "بوتين"


def test_no_speaker() -> None:
    (report,) = reports("وقيل {Q1:إن الحل قريب}.", "Q1 - -")
    assert (report.position, report.speaker, report.topic) == (Position.NOWHERE, None, None)


def test_surroundings_end_at_the_neighbours_and_leave_speakers_out() -> None:
    first, second = reports(
        "مقدمة. وقال {S1:بوتين} {Q1:إن {T1:الحل} قريب}، مضيفا {Q2:أنه ممكن} اليوم. خاتمة.", "Q1 S1 T1\nQ2 S1 -"
    )
    assert (first.before, first.behind) == ("وقال  ", "، مضيفا ")
    assert (second.before, second.behind) == ("، مضيفا ", " اليوم.")
    assert [report.word.lemma for report in (first, second) if report.word] == ["قال", "أضاف"]
    assert first.sentence == second.sentence
    assert first.page.text[slice(*first.sentence)] == "وقال بوتين إن الحل قريب، مضيفا أنه ممكن اليوم."
    assert [report.text_of(report.quote) for report in (first, second)] == ["إن الحل قريب", "أنه ممكن"]
    assert [report.kind for report in (first, second)] == ["indirect", "indirect"]


@pytest.mark.parametrize(
    ("marked", "is_headline"),
    [
        ("{S1:بوتين}: {Q1:الحل قريب}", True),
        ("{S1:بوتين} : {Q1:«الحل قريب»}", True),
        ("- {S1:بوتين}: {Q1:الحل قريب}", True),
        ("وقال {S1:بوتين}: {Q1:«الحل قريب»}", False),
        ("{S1:بوتين} لروسيا: {Q1:الحل قريب}", False),
    ],
)
def test_name_and_colon(marked: str, is_headline: bool) -> None:
    (report,) = reports(marked, "Q1 S1 -")
    assert report.is_name_and_colon is is_headline
