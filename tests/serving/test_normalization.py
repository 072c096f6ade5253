"""Compare the encoder's view of a word with AraBERT's own preprocessor, and show each intended difference."""

import re
import unicodedata
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aqwal.annotations.marks import BRACKETS, QUOTATION_MARKS
from aqwal.annotations.words import cut_words
from aqwal.serving.normalization import (
    _ARABIC_LETTERS,
    _DIGITS_THEN_LETTERS,
    _LETTERS_THEN_DIGITS,
    NORMALIZATION_VERSION,
    normalize_word,
)

with warnings.catch_warnings():
    # Invalid escapes in AraBERT's source are no concern of ours, even where warnings are errors.
    warnings.simplefilter("ignore")
    from arabert.preprocess import ArabertPreprocessor

MODEL = "bert-base-arabertv02"
REAL = ArabertPreprocessor(MODEL).preprocess
REAL_WITHOUT_HTML = ArabertPreprocessor(MODEL, remove_html_markup=False).preprocess
SEEDS = sorted(Path(__file__).parents[2].joinpath("seeds").glob("*.txt"))

LETTERS = "ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىي"
TASHKEEL = "\u064b\u064c\u064d\u064e\u064f\u0650\u0651\u0652"
DIGITS = "0123456789٠١٢٣٤٥٦٧٨٩"
KNOWN_MARKS = """!"#$%'()*+,-./:;<=>?@[\\]^_`{|}~·«»–—‘’“”…،؛؟٪٫٬"""
# Rejected by AraBERT, and without an equivalent that it knows: € £ & © • ٭ ½ ², Cyrillic, Greek, Hebrew, CJK, emoji.
REJECTED = "€£&©•٭½²Жяλש日😀👍🏽⬛"
# On these the two agree to the letter.
COMMON_GROUND = LETTERS + TASHKEEL + "ـ" + DIGITS + "abcXYZ" + KNOWN_MARKS + REJECTED
LINK_SIGNS = ("http", "www")


def words_of(text: str) -> list[str]:
    """Return the surfaces of a text's words."""
    return [text[start:end] for start, end in cut_words(text)]


def normalize_text(text: str) -> str:
    """Return the normalised words of a text in a row, as AraBERT returns a text."""
    return " ".join(filter(None, map(normalize_word, words_of(text))))


def read(path: Path) -> str:
    """Return a seed text exactly as stored."""
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()


# Parity


def test_version_names_the_steps() -> None:
    assert NORMALIZATION_VERSION == "aqwal-norm-1"


def test_there_are_five_seeds() -> None:
    assert len(SEEDS) == 5


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.stem)
def test_each_word_of_a_seed_is_as_arabert_has_it(path: Path) -> None:
    words = words_of(read(path))
    assert [normalize_word(word) for word in words] == [REAL(word) for word in words]


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.stem)
def test_whole_seed_is_as_arabert_has_it(path: Path) -> None:
    text = read(path)
    assert normalize_text(text) == REAL_WITHOUT_HTML(text)
    # One seed marks names as <بوتين>, which AraBERT would delete as HTML.
    assert (normalize_text(text) == REAL(text)) == ("<" not in text)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("قَالَ", "قال"),
        ("مُحَمَّدٌ", "محمد"),
        ("اللّٰه".replace("\u0670", ""), "الله"),
        ("الـعـربـيـة", "العربية"),
        ("قـــــال", "قال"),
        ("ـقال", "قال"),
        ("ههههههه", "هه"),
        ("جمييييييل", "جمييل"),
        ("مـمـمـم", "مم"),
        ("Whaaaaat", "Whaat"),
        ("1000000", "1000000"),
        ("١٩٩٩", "1999"),
        ("٠٠٠٠", "0000"),
        ("كوفيد19", "كوفيد 19"),
        ("19كوفيد20", "19 كوفيد 20"),
        ("٢٠٢٣م", "2023 م"),
        ("ج8ج", "ج 8 ج"),
        ("covid19", "covid19"),
        ("a1ب", "a 1 ب"),
        ("ب1a", "ب 1 a"),
        ("a٢ب٣c", "a 2 ب 3c"),
        ("اسم_آخر", "اسم _ آخر"),
        ("____", "_ _"),
        ("كم²", "كم"),
        ("الإسلام", "الإسلام"),
        ("لأن", "لأن"),
        ("ٴ", "ٴ"),
        ("Жизнь", ""),
        ("日本", ""),
        ("😀", ""),
        ("👍", ""),
        ("\ud83d", ""),
        ("\udc4d", ""),
        ("&", ""),
        ("€", ""),
        ("$", "$"),
        ("%", "%"),
        ("٪", "٪"),
        ("/", "-"),
        ("[", "["),
        ("…", "…"),
        ("\x00", ""),
        ("", ""),
    ],
)
def test_strange_word_is_as_arabert_has_it(word: str, expected: str) -> None:
    assert normalize_word(word) == expected == REAL(word)


@pytest.mark.parametrize("mark", sorted(set(KNOWN_MARKS) - {"/"}))
def test_mark_that_arabert_knows_stays(mark: str) -> None:
    assert normalize_word(mark) == mark == REAL(mark)


@settings(max_examples=400, deadline=None)
@given(st.text(COMMON_GROUND, max_size=30))
def test_words_on_common_ground_are_as_arabert_has_them(text: str) -> None:
    for word in words_of(text):
        assert normalize_word(word) == REAL(word)


@settings(max_examples=300, deadline=None)
@given(st.text("ابيهـَّ٣7a_Ж", min_size=1, max_size=12))
def test_repetition_and_digits_are_as_arabert_has_them(word: str) -> None:
    assert normalize_word(word) == REAL(word)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(LETTERS + TASHKEEL + "ـ" + DIGITS, min_size=1, max_size=8), max_size=8))
def test_texts_without_links_and_html_are_as_arabert_has_them(words: list[str]) -> None:
    text = " «".join(words) + "» ."
    assert normalize_text(text) == REAL(text)


def scripts_near_arabic() -> list[str]:
    """Return Latin to CJK punctuation, Arabic presentation forms, half and full width, emoji, surrogates' edges."""
    blocks = [(0, 0x3200), (0xD7F0, 0xD810), (0xDFF0, 0xE010), (0xFB00, 0x10100), (0x1EE00, 0x1F700)]
    return [chr(code_point) for start, end in blocks for code_point in range(start, end)]


def test_each_character_agrees_or_is_an_intended_difference() -> None:
    for character in scripts_near_arabic():
        ours, theirs = normalize_word(character), REAL(character)
        if ours == theirs:
            continue
        if theirs:
            assert unicodedata.category(character) == "Mn" or character in "ٱٲٳ"
        else:
            # What we put in the place of a rejected character is something that AraBERT would keep.
            assert ours == REAL(ours)


# Intended differences, by their names in the module's docstring


@pytest.mark.parametrize(
    ("text", "ours", "theirs"),
    [
        ("<b>قال</b>", "< b > قال < - b >", "قال"),
        ("يفاوض <بوتين> غدا", "يفاوض < بوتين > غدا", "يفاوض غدا"),
        ("قال&quot;نعم", "قال quot ; نعم", 'قال " نعم'),
        ("قال&nbsp;نعم", "قال nbsp ; نعم", "قال نعم"),
    ],
)
def test_html_is_text(text: str, ours: str, theirs: str) -> None:
    assert (normalize_text(text), REAL(text)) == (ours, theirs)


@pytest.mark.parametrize(
    ("text", "ours", "theirs"),
    [
        ("http", "http", "[رابط]"),
        ("wwwaljazeera", "wwaljazeera", "[رابط]"),
        ("https://bbc.com/arabic", "https : - - bbc . com - arabic", "[رابط]"),
        ("news@site.com", "news @ site . com", "[رابط]"),
        ("بريد@موقع", "بريد @ موقع", "[بريد]"),
        ("قال @محمد", "قال @ محمد", "قال [مستخدم]"),
    ],
)
def test_links_mails_and_mentions_are_words(text: str, ours: str, theirs: str) -> None:
    assert (normalize_text(text), REAL(text)) == (ours, theirs)


@pytest.mark.parametrize(
    ("text", "ours", "theirs"),
    [("!!!!", "! ! ! !", "! !"), ("......", ". . . . . .", ". ."), ("؟؟؟", "؟ ؟ ؟", "؟ ؟"), ('"""', '" " "', '" "')],
)
def test_repetition_across_words_stays(text: str, ours: str, theirs: str) -> None:
    assert (normalize_text(text), REAL(text)) == (ours, theirs)


@pytest.mark.parametrize("invisible", "\u200c\u200d\u200e\u200f\u202b\u202c\u2060\u2067\u2069\ufeff\u00ad\u061c")
def test_invisible_characters_do_not_cut_a_word(invisible: str) -> None:
    assert normalize_word(f"قا{invisible}ل") == "قال"
    assert REAL(f"قا{invisible}ل") == "قا ل"
    assert normalize_word(invisible) == REAL(invisible) == ""
    assert normalize_word(f"ه{invisible}ه{invisible}ه") == "هه"


@pytest.mark.parametrize(
    ("word", "ours", "theirs"),
    [
        ("هٰذا", "هذا", "ه ذا"),
        ("الرحمٰن", "الرحمن", "الرحم ن"),
        ("قلۖت", "قلت", "قل ت"),
        ("قلۚت", "قلت", "قل ۚ ت"),
        ("قلۭت", "قلت", "قل ت"),
        ("ا\u0654خذ", "أخذ", "ا ٔ خذ"),
        ("ا\u0655لى", "إلى", "ا ٕ لى"),
        ("ا\u064e\u0653ن", "آن", "ا ٓ ن"),
        ("و\u0654", "ؤ", "و ٔ"),
        ("\u0670\u06d6", "", ""),
        ("\u0653", "", "ٓ"),
        ("\ufe0f", "", ""),
    ],
)
def test_combining_marks_are_composed_or_deleted(word: str, ours: str, theirs: str) -> None:
    assert (normalize_word(word), REAL(word)) == (ours, theirs)


@pytest.mark.parametrize(
    ("word", "ours", "theirs"),
    [
        ("ﻻ", "لا", ""),
        ("ﻹ", "لإ", ""),
        ("ﺍﻟﻘﺘﺎﻝ", "القتال", ""),
        ("وﺇﺭﺳﺎﻟﻬﻢ", "وإرسالهم", "و"),
        ("ﷲ", "الله", ""),
        ("ﷺ", "صلى الله عليه وسلم", ""),
        ("﷼", "ريال", ""),
        ("حتﹼى", "حتى", "حت ى"),
        ("بﹷر", "بر", "ب ر"),
        ("ﻛﻛﻛﻛ", "كك", ""),
        ("ﮔﻮﮔﻞ", "كوكل", ""),
        ("ＡＢ１２", "AB12", ""),
        ("！", "!", ""),
        ("ﬁn", "fin", "n"),
        ("café", "cafe", "caf"),
        ("cafe\u0301", "cafe", "cafe"),
        ("Dépêche", "Depeche", "D p che"),
        ("۲۰۲۳", "2023", ""),
        ("كوفيد۱۹", "كوفيد 19", "كوفيد"),
        ("१२", "12", ""),
        ("گوگل", "كوكل", "و ل"),
        ("پوتین", "بوتين", "وت ن"),
        ("چاڤيز", "جافيز", "ا يز"),
        ("ڨفصة", "قفصة", "فصة"),
        ("خانۀ", "خانه", "خان"),
        ("ٱلله", "الله", "ٱ لله"),
        ("\u2039", "«", ""),
        ("\u203a", "»", ""),
        ("„", "“", ""),
        ("″", '"', ""),
        ("＂", '"', ""),
        ("―", "—", ""),
        ("‑", "-", ""),
        ("۔", ".", ""),
    ],
)
def test_equivalents_of_rejected_characters(word: str, ours: str, theirs: str) -> None:
    assert (normalize_word(word), REAL(word)) == (ours, theirs)


@pytest.mark.parametrize("mark", [*QUOTATION_MARKS, *"".join(BRACKETS)])
def test_no_quotation_mark_or_bracket_is_lost(mark: str) -> None:
    ours = normalize_word(mark)
    assert len(ours) == 1
    assert REAL(ours) == ours
    assert ours == mark or REAL(mark) == ""


# What holds for every text


@pytest.mark.parametrize(("name", "dash"), [("001", "روسية ــ أميركية"), ("004", "الروسية ـ الأمريكية")])
def test_dashes_of_tatweel_in_the_seeds_leave_nothing(name: str, dash: str) -> None:
    (text,) = [read(path) for path in SEEDS if path.stem.startswith(name)]
    assert dash in text
    first, tatweel, second = words_of(dash)
    assert [normalize_word(first), normalize_word(tatweel), normalize_word(second)] == [first, "", second]


def test_emoji_sequence_is_words_of_which_nothing_is_left() -> None:
    assert [normalize_word(word) for word in words_of("👨\u200d👩\u200d👧 🇸🇦 ❤\ufe0f")] == [""] * 7
    assert normalize_word("👨\u200d👩\u200d👧") == ""


ANY_TEXT = st.text(st.characters(), max_size=20)  # lone surrogates included
NEAR_ARABIC = st.text(
    st.one_of(
        st.characters(min_codepoint=0x600, max_codepoint=0x6FF),
        st.characters(min_codepoint=0xFB50, max_codepoint=0xFEFF),
        st.characters(min_codepoint=0x2000, max_codepoint=0x206F),
        st.characters(categories=["Cs", "Mn", "Cf", "Nd"]),
        st.sampled_from("بabه1٢۳/é"),
    ),
    max_size=20,
)


def check_normalised(word: str) -> None:
    """Check the form of the answer, that it is stable, and that AraBERT would leave it alone."""
    normalized = normalize_word(word)
    parts = normalized.split()
    assert normalized == " ".join(parts)
    for part in parts:
        assert normalize_word(part) == part
        assert REAL(part) == part or any(sign in part for sign in LINK_SIGNS)


@settings(max_examples=400, deadline=None)
@given(st.one_of(ANY_TEXT, NEAR_ARABIC))
def test_any_word_gives_parts_that_are_stable_and_known_to_arabert(text: str) -> None:
    for word in words_of(text):
        check_normalised(word)


@settings(max_examples=400, deadline=None)
@given(st.one_of(ANY_TEXT, NEAR_ARABIC))
def test_any_string_even_no_word_gives_such_parts(text: str) -> None:
    check_normalised(text)


@given(st.text("بج12a ", max_size=20))
def test_numbers_are_parted_from_letters_as_from_any_place_in_a_run(text: str) -> None:
    letters, digits = f"([{_ARABIC_LETTERS}]+)", "([0-9]+)"
    for pattern, plain in ((_DIGITS_THEN_LETTERS, digits + letters), (_LETTERS_THEN_DIGITS, letters + digits)):
        assert pattern.sub(r" \1 \2 ", text) == re.sub(plain, r" \1 \2 ", text)


@pytest.mark.parametrize("word", ["اب" * 500_000, "12" * 500_000])
def test_a_word_of_a_million_letters_or_digits_stays(word: str) -> None:
    assert normalize_word(word) == word


def test_a_million_marks_on_a_letter_are_deleted() -> None:
    assert normalize_word("قا" + "\u0651\u064e" * 500_000 + "ل") == "قال"


def test_every_code_point_is_accepted() -> None:
    for code_point in range(0, 0x110000, 7):
        normalize_word(chr(code_point))
