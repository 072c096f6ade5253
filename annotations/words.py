"""Cut a text into words and paragraphs by rule 1 and rule 5 of the annotation scheme.

Everything in the project that counts in words counts in these. Offsets are Unicode code points
of the text exactly as stored, end exclusive.
"""

import re
import unicodedata
from typing import NamedTuple

TATWEEL = "\u0640"
LINE_BREAK = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")

# Cf code points that print something (Arabic number sign, end of ayah …): words, not joiners.
_VISIBLE_FORMAT = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2")
_WORD = re.compile("w+(?:f+w+)*|o")


class Word(NamedTuple):
    """One word of a text: `text[start:end]`, in code points."""

    start: int
    end: int


class _CharacterClasses(dict[int, str]):
    """Map a code point to w (word), f (invisible format), s (space) or o (other), when asked."""

    def __missing__(self, code_point: int) -> str:
        character = chr(code_point)
        category = unicodedata.category(character)
        if category[0] in "LNM" or character == "_":
            kind = "w"
        elif category == "Cf" and character not in _VISIBLE_FORMAT:
            kind = "f"
        else:
            kind = "s" if character.isspace() else "o"
        self[code_point] = kind
        return kind


_CLASSES = _CharacterClasses()


def cut_words(text: str) -> list[Word]:
    """Cut a text into its words, in order.

    A word is a maximal run of letters, digits, `_`, combining marks and tatweel; an invisible
    format character between two of them belongs to the run; every other code point that is
    not white space is a word of its own. What lies between words is white space and stray
    format characters.
    """
    return [Word(*match.span()) for match in _WORD.finditer(text.translate(_CLASSES))]


def is_invisible(character: str) -> bool:
    """Say whether a character is an invisible format character (ZWNJ, RLM, BOM …)."""
    return _CLASSES[ord(character)] == "f"


def is_dash_of_tatweel(surface: str) -> bool:
    """Say whether a word is nothing but tatweel, as newspapers use it for a dash."""
    return bool(surface) and not surface.strip(TATWEEL)


def cut_paragraphs(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of each stretch between line breaks, empty ones included."""
    edges = [0]
    for match in LINE_BREAK.finditer(text):
        edges.extend(match.span())
    edges.append(len(text))
    return list(zip(edges[::2], edges[1::2], strict=True))
