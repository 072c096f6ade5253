"""Training documents in another spelling: the same words and spans with other marks, letters and digits.

Outlets differ in their quotation marks and digits, and typists in hamza and final letters; a document that is read in
another of these ways teaches that they mean nothing. Each change puts one code point in the place of one, so that
all offsets hold.
"""

import dataclasses
import random
import re
from collections.abc import Callable, Iterable
from functools import partial

from aqwal.annotations.marks import DOUBLE_MARKS, pair_marks
from aqwal.annotations.records import Document
from aqwal.annotations.scheme import check_document

_WESTERN, _EASTERN = "0123456789", "٠١٢٣٤٥٦٧٨٩"
# Neither a letter nor a vowel sign follows: the letter before is its word's last.
_END = r"(?![\w\u064b-\u0652\u0670])"
Spelling = Callable[[str], str]


def respell_documents(documents: Iterable[Document], share: float, seed: int) -> list[Document]:
    """Return the documents, some of them in another spelling.

    Args:
        documents: With annotations by their scheme.
        share: Of the documents, for how many a spelling is drawn; for about a fifth of those it is their own.
        seed: Random seed; with the same one a document always gets the same spelling.
    """
    drawn = ((document, random.Random(f"{seed} {document.id}")) for document in documents)
    return [respell(document, draw) if draw.random() < share else document for document, draw in drawn]


def respell(document: Document, draw: random.Random) -> Document:
    """Return a document in a spelling drawn at random, or as it is where the scheme would read its spans otherwise."""
    text = document.text
    for habit in _HABITS:
        spellings, shares = zip(*habit, strict=True)
        (spell,) = draw.choices((*spellings, str), (*shares, 1 - sum(shares)))
        text = spell(text)
    respelt = dataclasses.replace(document, text=text)
    # A mark within marks of the same shape may pair with another than before.
    return document if check_document(respelt) else respelt


def _with_marks(marks: str, text: str) -> str:
    """Write every pair of double quotation marks as `marks`, opening and closing; odd ones stay."""
    characters = list(text)
    for one, other in pair_marks(text).items():
        if text[one] in DOUBLE_MARKS:
            characters[one] = marks[one > other]
    return "".join(characters)


def _with_digits(source: str, target: str, text: str) -> str:
    return text.translate(str.maketrans(source, target))


# Of what typists vary, the ways with the share of documents that each is drawn for; the others stay as they are.
_HABITS: tuple[tuple[tuple[Spelling, float], ...], ...] = (
    tuple((partial(_with_marks, marks), 0.2) for marks in ("«»", "“”", '""')),
    ((partial(re.sub, "[أإآ]", "ا"), 0.175), (partial(re.sub, "إ", "ا"), 0.175)),
    ((partial(re.sub, f"ي{_END}", "ى"), 0.15), (partial(re.sub, f"ى{_END}", "ي"), 0.07)),
    ((partial(re.sub, f"ة{_END}", "ه"), 0.1),),
    ((partial(_with_digits, _EASTERN, _WESTERN), 0.3), (partial(_with_digits, _WESTERN, _EASTERN), 0.2)),
)
