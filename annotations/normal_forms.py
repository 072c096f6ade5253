"""Unicode's normal forms in time that grows with the text, whatever marks are heaped on a letter.

The marks of one letter are sorted, in time that grows with the square of their number: a text of nothing else
would keep a process busy for hours. Real letters have a few. So every 30 of them are parted from the next by the
joiner that the Stream-Safe Text Format (Unicode Standard Annex 15) has for that.
"""

import re
import unicodedata
from typing import Literal

_JOINER = "\u034f"
# Marks are neither letters nor digits nor space, nor are others, which it does not harm; two letters become marks.
_MARKS_IN_A_ROW = re.compile(r"(?:[^\w\s]|[\uff9e\uff9f]){30}")


def normal_form(form: Literal["NFC", "NFKC"], text: str) -> str:
    """Return a normal form of a text, with combining grapheme joiners, marks themselves, in long rows of marks.

    Args:
        form: Its name, as `unicodedata.normalize` takes it.
        text: Any string.
    """
    return unicodedata.normalize(form, _MARKS_IN_A_ROW.sub(rf"\g<0>{_JOINER}", text))
