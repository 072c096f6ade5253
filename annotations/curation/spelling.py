"""How a text is spelt: what the plan of the corpus calls spelling as it is in the wild, counted."""

import re
from collections.abc import Callable, Mapping

from aqwal.annotations.marks import DOUBLE_MARKS
from aqwal.annotations.page import Page
from aqwal.annotations.words import TATWEEL, is_dash_of_tatweel

_REGULAR_PAIRS = frozenset({'""', "“”", "«»", "„“", "„”", "″″", "〝〞", "＂＂"})


def _occurrences(pattern: str) -> Callable[[Page], int]:
    compiled = re.compile(pattern, re.M)
    return lambda page: sum(1 for _ in compiled.finditer(page.text))


def _dashes_of_tatweel(page: Page) -> int:
    return sum(is_dash_of_tatweel(page.surface(index)) for index in range(len(page.words)))


def _words_with_tatweel(page: Page) -> int:
    return sum(TATWEEL in page.surface(index) for index in range(len(page.words))) - _dashes_of_tatweel(page)


def _unpaired_marks(page: Page) -> int:
    return sum(character in DOUBLE_MARKS and at not in page.partners for at, character in enumerate(page.text))


def _irregular_pairs(page: Page) -> int:
    pairs = (page.text[one] + page.text[other] for one, other in page.partners.items() if one < other)
    return sum(pair[0] in DOUBLE_MARKS and pair not in _REGULAR_PAIRS for pair in pairs)


_HAMZA_DROPPED = (
    r"\b[وفبل]?(?:الى|ان|انه|انها|انهم|او|اذا|اي|اكثر|اكد|اكدت|اضاف|اضافت|اعلن|اعلنت|اشار|اشارت|اوضح|اول|امس|امام|"
    r"الاول|الامن|الاحد|الاربعاء|اعمال|الاعمال|اهم)\b"
)
SPELLING_FEATURES: Mapping[str, Callable[[Page], int]] = {
    "Arabic-Indic digits": _occurrences("[٠-٩۰-۹]+"),
    "tatweel in a word": _words_with_tatweel,
    "tatweel as a dash": _dashes_of_tatweel,
    "diacritics": _occurrences("[\u064b-\u0652\u0670]+"),
    "Latin letters": _occurrences("[A-Za-z]+"),
    "unpaired marks": _unpaired_marks,
    "pairs of marks of the wrong kind": _irregular_pairs,
    "space before punctuation": _occurrences(r"(?<=\S)[^\S\r\n]+(?=[.,،؛;:!?؟](?:\s|$))"),
    "no space after a comma": _occurrences(r"[،؛](?=[^\W\d_])"),
    "hamza dropped (common words)": _occurrences(_HAMZA_DROPPED),
    "ى for ي or ي for ى (common words)": _occurrences(r"\b[وفبل]?(?:فى|الذى|التى|أى|إلي|الي|حتي|لدي|مدي)\b"),
    "hashtags and handles": _occurrences(r"[#@]\w+"),
}
"""What is counted in a text, by name: how often it is there. Counts are rough where the name says so."""

SEEN_BY: Mapping[str, tuple[str, ...]] = {
    "Arabic-Indic digits": ("Arabic-Indic digits",),
    "tatweel in a word or as a dash (ـ)": ("tatweel in a word", "tatweel as a dash"),
    "a few diacritics (tanwin, shadda)": ("diacritics",),
    "Latin names or acronyms in brackets": ("Latin letters",),
    "closing mark forgotten once": ("unpaired marks",),
    "mark of the wrong kind (»…«, ”…“) once": ("pairs of marks of the wrong kind",),
    "space before punctuation / none after the comma": ("space before punctuation", "no space after a comma"),
    "hamza dropped on alif here and there (ا for أ/إ)": ("hamza dropped (common words)",),
    "ى/ي mixed at word ends": ("ى for ي or ي for ى (common words)",),
    "hashtags and handles glued to names (#كوريا_الجنوبية, @name)": ("hashtags and handles",),
}
"""The plan's words for a spelling → the features that show it; what is not here cannot be seen by rule."""


def spelling_of(page: Page) -> dict[str, int]:
    """Return how often each spelling feature is found in a text; features that are not there count 0."""
    return {name: count(page) for name, count in SPELLING_FEATURES.items()}
