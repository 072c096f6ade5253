"""Show the encoder one word of a text as its pretraining would have shown it.

The text itself is never changed: this is only what the encoder's tokenizer gets. The steps are those of AraBERT v0.2
(Antoun, Baly and Hajj 2020, "AraBERT: Transformer-based Model for Arabic Language Understanding"), told from what its
published preprocessor (`arabert` on PyPI, `ArabertPreprocessor("bert-base-arabertv02")`) does to a single word:

- tashkeel (U+064B to U+0652) and tatweel are deleted;
- Arabic-Indic digits become ASCII digits;
- three or more of one character in a row, digits excepted, become two;
- every character but letters, digits and square brackets stands apart, and so do numbers that touch Arabic letters
  (`كوفيد19` becomes `كوفيد 19`; `covid19` stays);
- `/` becomes `-`; the characters that AraBERT was never shown become a space.

Where this module differs, it does so on purpose, and tests show each difference:

- **html**: entities and tags stay what they are in the text; each of their words is normalised by itself. (A text may
  mark names as `<بوتين>`, as one of the seeds does; AraBERT would delete them all.)
- **links**: addresses, mails, mentions, and words that contain `http` or `www` do not become `[رابط]`, `[بريد]`
  or `[مستخدم]`. One of those would stand for many words, and every word needs a label of its own.
- **repetition**: it is collapsed within a word only. Each mark of `!!!!` is a word (rule 1) and stays.
- **invisible**: an invisible format character (ZWNJ, RLM, BOM, soft hyphen …) is deleted; AraBERT would put a space
  there and so cut the word in two.
- **marks**: a combining mark is composed with its letter where Unicode has the pair (alef + hamza above is `أ`), else
  deleted, as tashkeel is. AraBERT would cut the word in two at a superscript alef or a Quranic mark.
- **equivalents**: a character that AraBERT rejects, although it knows one that means the same, becomes that one: Arabic
  presentation forms and full-width characters by NFKC, accented Latin letters by their base letter, decimal digits of
  other scripts (Persian ones above all) by ASCII digits, and by the table below quotation marks (the strongest sign
  of a quote that there is), brackets, dashes, and letters that foreign keyboards and foreign names bring into Arabic
  texts (`ی`, `ک`, `ڤ`, `گ` …). Alef wasla, which AraBERT keeps but cuts off its word, is an alef. The marks that
  AraBERT knows (`"`, `“`, `”`, `«`, `»`, `‘`, `’`, `'`) stay as they are.

What is rejected beyond that (emoji, other scripts, `&`, `€`) becomes a space here as there. Nothing depends on which
encoder is trained: one with a multilingual vocabulary gets the same words.
"""

import re
import unicodedata

from aqwal.annotations.normal_forms import normal_form
from aqwal.annotations.words import TATWEEL, is_invisible

NORMALIZATION_VERSION = "aqwal-norm-1"

_ARABIC_LETTERS = "\u0621-\u063a\u0641-\u064a"
_KEPT = re.compile(f"[0-9a-zA-Z{_ARABIC_LETTERS}\u0674" + r"""!"#$%'()*+,.:;<=>?@\[\\\]^_`{|}~·«»–—‘’“”…،؛؟٪٫٬-]""")
_LETTERS = {
    **dict.fromkeys("ٱ", "ا"),
    **dict.fromkeys("ٲ", "أ"),
    **dict.fromkeys("ٳ", "إ"),
    **dict.fromkeys("یېے", "ي"),
    **dict.fromkeys("کڪگڭ", "ك"),
    **dict.fromkeys("ھہە", "ه"),
    **dict.fromkeys("ۃ", "ة"),
    **dict.fromkeys("ں", "ن"),
    **dict.fromkeys("پ", "ب"),
    **dict.fromkeys("چ", "ج"),
    **dict.fromkeys("ژ", "ز"),
    **dict.fromkeys("ڤ", "ف"),
    **dict.fromkeys("ڨ", "ق"),
}
_PUNCTUATION = {
    **dict.fromkeys("„‟❝〝", "“"),
    **dict.fromkeys("❞〞", "”"),
    **dict.fromkeys("″", '"'),
    **dict.fromkeys("‹《", "«"),
    **dict.fromkeys("›》", "»"),
    **dict.fromkeys("‚‛❛", "‘"),
    **dict.fromkeys("❜", "’"),
    **dict.fromkeys("′´", "'"),
    # Unicode calls ﴿ (U+FD3F) the right one, but it comes first in the text: it opens a citation of the Quran.
    **dict.fromkeys("﴿⟨", "("),
    **dict.fromkeys("﴾⟩", ")"),
    **dict.fromkeys("⟦", "["),
    **dict.fromkeys("⟧", "]"),
    **dict.fromkeys("/‐‑‒−", "-"),
    **dict.fromkeys("―", "—"),
    **dict.fromkeys("۔", "."),
}
_FOLDED = {**_LETTERS, **_PUNCTUATION}

_REPEATED = re.compile(r"([^0-9])\1{2,}")
_STANDS_APART = re.compile(rf"[^0-9a-zA-Z{_ARABIC_LETTERS}\[\]\s]")
# Only from the beginning of a run: from each place in it, a word of a million letters would take hours.
_DIGITS_THEN_LETTERS = re.compile(f"(?<![0-9])([0-9]+)([{_ARABIC_LETTERS}]+)")
_LETTERS_THEN_DIGITS = re.compile(f"(?<![{_ARABIC_LETTERS}])([{_ARABIC_LETTERS}]+)([0-9]+)")


class _EncoderView(dict[int, str]):
    """Map a code point to what the encoder sees of it, worked out when first asked for."""

    def __missing__(self, code_point: int) -> str:
        view = self[code_point] = _see(chr(code_point))
        return view


_VIEW = _EncoderView()


def normalize_word(word: str) -> str:
    """Return what the encoder's tokenizer gets for one word of a text, as `cut_words` cuts them.

    The answer may have several parts with one space between them, and is empty when nothing is
    left (lone tatweel, emoji, lone surrogate, combining marks or invisible characters only).
    Normalising a part of the answer again changes nothing. Any string is accepted.
    """
    seen = normal_form("NFC", word).translate(_VIEW)
    seen = _REPEATED.sub(r"\1\1", seen)
    seen = _STANDS_APART.sub(r" \g<0> ", seen)
    seen = _DIGITS_THEN_LETTERS.sub(r" \1 \2 ", seen)
    seen = _LETTERS_THEN_DIGITS.sub(r" \1 \2 ", seen)
    return " ".join(seen.split())


def _see(character: str) -> str:
    """Return what the encoder sees of one character: itself, equivalents, nothing, or a space."""
    if _KEPT.match(character):
        return character
    if character in _FOLDED:
        return _FOLDED[character]
    if character == TATWEEL or is_invisible(character) or unicodedata.category(character)[0] == "M":
        return ""
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    equivalent = _decompose(character)
    return "".join(map(_see, equivalent)) if equivalent else " "


def _decompose(character: str) -> str:
    """Return the compatibility equivalent of a letter or presentation form, empty if it has none."""
    if unicodedata.category(character)[0] == "L" or "\ufb50" <= character <= "\uffef":
        for form in ("NFKC", "NFKD"):
            equivalent = unicodedata.normalize(form, character)
            if equivalent != character:
                return equivalent.strip()
    return ""
