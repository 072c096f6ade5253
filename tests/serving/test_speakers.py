"""The mentions of one source, grouped by their words."""

from collections.abc import Sized

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqwal.serving import PredictedSpan, Prediction, Quote, speakers
from aqwal.serving.speakers import group_mentions, is_named_by

POMPEO = "وزير الخارجية الأميركي مايك بومبيو"
LAVROV = "وزير الخارجية الروسي سيرغي لافروف"


def prediction_of(*mentions: str) -> Prediction:
    """Return an answer in which each mention is followed by a quote of its own."""
    words = [word for mention in mentions for word in (mention, "نعم")]
    labels = ["SPEAKER", "QUOTE"] * len(mentions)
    starts = [sum(len(word) + 1 for word in words[:index]) for index in range(len(words))]
    spans = [
        PredictedSpan(label, start, start + len(word), word, 0.5)
        for label, start, word in zip(labels, starts, words, strict=True)
    ]
    quotes = [Quote(2 * index + 1, 2 * index, None, "indirect", 0.5) for index in range(len(mentions))]
    return Prediction(" ".join(words), tuple(spans), tuple(quotes))


@pytest.mark.parametrize(
    ("full", "short"),
    [
        (POMPEO, "بومبيو"),
        (POMPEO, "مايك بومبيو"),
        (POMPEO, "وزير الخارجية"),
        (POMPEO, "وزير الخارجية الأميركي"),
        (POMPEO, "الوزير"),
        (POMPEO, "لبومبيو"),
        (POMPEO, "وبومبيـــو"),
        (POMPEO, "بُومبيو"),
        ("مايك بومبيو، وزير الخارجية الأميركي", "بومبيو"),
        ("مايك بومبيو، وزير الخارجية الأميركي", "وزير الخارجية"),
        ("للبنك الإقليمي للتنمية", "البنك"),
        ("<يوري أوشاكوف>", "أوشاكوف"),
        ("المتحدث باسم الكرملين، دميتري بيسكوف", "بيسكوف"),
        ("رئيسة الجمعية (سولين ديلفو)", "ديلفو"),
        ("أحمد العلى", "العلي"),
        ("الرئيس الروسي فلاديمير بوتين", "الرئيس بوتين"),
        (POMPEO, "الوزير بومبيو"),
        (f"ل{POMPEO}", "الوزير"),
        ("لمقرر اللجنة القانونية، هلال الغافري", "المقرر"),
        ("لمايك بومبيو، وزير الخارجية", "مايك بومبيو"),
        ("لمنظمة جسور الإغاثة", "المنظمة"),
        ("بومبيو", "لبومبيو"),
        ("كمال جنبلاط", "كمال"),
        ("السيناتور الأميركي بيرني ساندرز، مرشح الرئاسة", "السيناتور ساندرز"),
        ("حركة حماس", "حماس"),
        ("منظمة العفو الدولية", "العفو الدولية"),
        ("وزارة الخارجية الأميركية", "الخارجية الأميركية"),
        ("لجنة الصليب الأحمر", "الصليب الأحمر"),
        ("رئيس وزراء إسرائيل بنيامين نتنياهو", "نتنياهو"),
        ("رئيس وزراء إسرائيل بنيامين نتنياهو", "بنيامين نتنياهو"),
        ("رئيس الوزراء العراقي مصطفى الكاظمي", "الكاظمي"),
        ("الناطق باسم حركة حماس حازم قاسم", "قاسم"),
        ("وزير الخارجية السعودي الأمير فيصل بن فرحان", "الأمير فيصل بن فرحان"),
    ],
)
def test_a_name_or_title_belongs_to_the_full_mention(full: str, short: str) -> None:
    assert group_mentions([full, short]) == [0, 0]
    assert group_mentions([short, full]) == [1, 1]
    assert is_named_by(full, short)


@pytest.mark.parametrize(
    ("longer", "other"),
    [
        (POMPEO, LAVROV),
        (POMPEO, "وزير الخارجية الروسي"),
        (POMPEO, "السيد بومبيو"),
        (POMPEO, "الأميركي"),
        (POMPEO, "مايك"),
        (POMPEO, "ومبيو"),
        (POMPEO, ""),
        (POMPEO, "؟"),
        ("المتحدث باسم الكرملين", "الكرملين"),
        ("المتحدث باسم الكرملين، دميتري بيسكوف", "الكرملين"),
        ("رئيس الاتحاد، حسان العلي", "الاتحاد"),
        ("لمقرر اللجنة القانونية، المحامي هلال الغافري", "اللجنة القانونية"),
        ("السفير البرتغالي في دكار، دوارتي فالادارس", "دكار"),
        ("رئيسة الجمعية سولين ديلفو", "الجمعية"),
        ("وزير خارجية روسيا", "روسيا"),
        ("رئيس وزراء إسرائيل", "إسرائيل"),
        ("المتحدث باسم وزارة الخارجية الأميركية", "الخارجية الأميركية"),
        ("رئيس لجنة الصليب الأحمر", "الصليب الأحمر"),
        ("ناطق باسم حركة حماس", "حماس"),
        ("المتحدثة الرسمية لوزارة الخارجية الروسية", "الخارجية الروسية"),
        ("الأمين العام لحزب الله", "الله"),
        ("رئيس هيئة أركان الجيش", "الجيش"),
        ("محمد علي", "العلي"),
        ("وليد جنبلاط", "ليد"),
        ("كمال جنبلاط", "مال"),
        ("كريم طاهر", "ريم"),
    ],
)
def test_other_words_of_a_mention_are_another_source(longer: str, other: str) -> None:
    assert group_mentions([longer, other]) == [0, 1]
    assert not is_named_by(longer, other)


def test_a_title_of_two_belongs_to_the_nearest_before() -> None:
    assert group_mentions([POMPEO, "الوزير", LAVROV, "الوزير", "وزير الخارجية", "بومبيو"]) == [0, 0, 2, 2, 2, 0]


def test_a_title_before_all_full_mentions_belongs_to_the_nearest_behind() -> None:
    assert group_mentions(["الوزير", LAVROV, POMPEO]) == [1, 1, 2]


def test_steps_of_shortening_lead_to_the_longest() -> None:
    assert group_mentions(["بومبيو", POMPEO, "مايك بومبيو", "بومبيو"]) == [1, 1, 1, 1]


def test_speakers_have_all_their_mentions_and_quotes() -> None:
    prediction = prediction_of("بومبيو", LAVROV, POMPEO, "لافروف")
    pompeo, lavrov = prediction.speakers
    assert (pompeo.name, lavrov.name) == (POMPEO, LAVROV)
    assert (pompeo.mentions, lavrov.mentions) == ((0, 4), (2, 6))
    assert [quote.quote for quote in pompeo.quotes] == [1, 5]
    assert [quote.quote for quote in lavrov.quotes] == [3, 7]


def test_everything_that_pompeo_said_is_one_call() -> None:
    prediction = prediction_of("بومبيو", LAVROV, POMPEO, "لافروف")
    assert [quote.quote for quote in prediction.said_by("بومبيو")] == [1, 5]
    assert [quote.quote for quote in prediction.said_by("وزير الخارجية")] == [1, 3, 5, 7]
    assert prediction.said_by("بوتين") == prediction.said_by("") == ()


def test_quotes_without_a_speaker_belong_to_none() -> None:
    span = PredictedSpan("QUOTE", 0, 3, "نعم", 0.5)
    assert Prediction("نعم", (span,), (Quote(0, None, None, "indirect", 0.5),)).speakers == ()


WORDS = st.sampled_from(["وزير", "الوزير", "رئيس", "لرئيس", "بومبيو", "مايك", "،", "(", " - ", "في", "", "\ud83d", "أ"])
MENTIONS = st.lists(st.lists(WORDS, max_size=6).map(" ".join) | st.text(), max_size=12)


@given(MENTIONS)
def test_every_mention_has_one_source_which_is_its_own(mentions: list[str]) -> None:
    sources = group_mentions(mentions)
    assert len(sources) == len(mentions)
    assert all(sources[source] == source for source in sources)


@given(MENTIONS)
def test_speakers_share_out_all_mentions_and_quotes(mentions: list[str]) -> None:
    prediction = prediction_of(*mentions)
    speakers = prediction.speakers
    assert sorted(index for speaker in speakers for index in speaker.mentions) == list(range(0, 2 * len(mentions), 2))
    assert sorted(quote.quote for speaker in speakers for quote in speaker.quotes) == [
        quote.quote for quote in prediction.quotes
    ]


def test_a_name_is_read_as_written_before_a_letter_is_taken_off() -> None:
    assert group_mentions(["ريم حداد", "كريم طاهر", "ريم", "كريم"]) == [0, 1, 0, 1]


def test_work_is_linear_in_the_parts_of_a_mention(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[int] = []

    def count(words: Sized) -> int:
        measured[-1] += 1
        return words.__len__()

    monkeypatch.setattr(speakers, "len", count, raising=False)
    for parts in (200, 1600):
        measured.append(0)
        group_mentions(["، ".join(["وزير"] * parts)])
    assert measured[1] < 9 * measured[0]


def test_a_mention_of_a_thousand_words_and_a_thousand_mentions_are_grouped() -> None:
    assert group_mentions(["كلمة " * 1000 + "، اسم"] + ["اسم"] * 1000) == [0] * 1001
