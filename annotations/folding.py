"""A text without what typists vary, so that words can be compared: as if nobody had ever marked a vowel or a hamza."""

import unicodedata

from aqwal.annotations.normal_forms import normal_form
from aqwal.annotations.words import TATWEEL, is_invisible

_LETTERS = {**dict.fromkeys("أإآٱ", "ا"), "ى": "ي", "ة": "ه"}


class _Folded(dict[int, str]):
    """Map a code point to what is left of it, worked out when first asked for."""

    def __missing__(self, code_point: int) -> str:
        character = chr(code_point)
        if character == TATWEEL or is_invisible(character) or unicodedata.category(character)[0] == "M":
            left = ""
        elif (digit := unicodedata.decimal(character, None)) is not None:
            left = str(digit)
        else:
            left = _LETTERS.get(character, character)
        self[code_point] = left
        return left


_FOLDED = _Folded()


def fold(text: str) -> str:
    """Return a text without what typists vary, to be compared and never stored.

    Diacritics, tatweel and invisible characters go; alefs lose their hamza, final ى and ة become ي and
    ه, digits of any script become ASCII ones, Latin letters small ones. Folding twice changes nothing.
    """
    composed = normal_form("NFKC", text).casefold()
    # There are no marks left, so nothing to sort.
    return unicodedata.normalize("NFKC", composed.translate(_FOLDED))
