"""Pair the quotation marks and brackets of a text, ill-matched ones included (rule 2).

News sites print `”…“`, `»…«` and `"…»` as pairs, forget a mark or glue it to the next word, so
pairs are found in three passes: properly nested ones within a paragraph, then leftovers of the
same paragraph whose spacing fits, then leftovers that run over a line break (rule 5).
"""

from collections.abc import Iterable, Iterator, Sequence

from aqwal.annotations.words import cut_paragraphs, is_invisible

DOUBLE_MARKS = '"“”„‟«»″〝〞＂'
SINGLE_MARKS = "'‘’‚‛‹›"
QUOTATION_MARKS = DOUBLE_MARKS + SINGLE_MARKS
BRACKETS = ("()", "[]", "{}", "<>", "﴿﴾", "⟨⟩", "⟦⟧")

_FAMILIES = (DOUBLE_MARKS, SINGLE_MARKS, *BRACKETS)
_FAMILY_OF = {mark: family for family in _FAMILIES for mark in family}
_SYMMETRIC = frozenset("\"″＂'")
_MATCHES = frozenset({"“”", "„“", "„”", "‟”", "«»", "〝〞", "‘’", "‚‘", "‚’", "‹›"} | set(BRACKETS))
_CLOSE_AFTER = frozenset(".,،؛;:!?؟…)]}")
# A quote in marks may run over a line break, but a mark forgotten paragraphs ago opens nothing.
_MAX_PARAGRAPHS_APART = 3


def without_invisible(text: str) -> tuple[str, Sequence[int]]:
    """Return a text without its invisible format characters, and the offset in it of each code point that is left."""
    invisible = set(filter(is_invisible, set(text)))
    if not invisible:
        return text, range(len(text))
    offsets = [offset for offset, character in enumerate(text) if character not in invisible]
    return "".join(text[offset] for offset in offsets), offsets


def pair_marks(text: str) -> dict[int, int]:
    """Return the partner of each paired mark, both ways: offset → offset of the other one.

    Invisible characters are nothing between a mark and what it stands beside.
    """
    visible, offsets = without_invisible(text)
    return {offsets[one]: offsets[other] for one, other in _pair_visible(visible).items()}


def _pair_visible(text: str) -> dict[int, int]:
    partners: dict[int, int] = {}
    waiting: list[tuple[int, int]] = []
    for number, (start, end) in enumerate(cut_paragraphs(text)):
        for marks in _marks_by_family(text, start, end):
            unpaired = _pair_nested(text, marks, partners)
            unpaired = _pair_leftovers(text, unpaired, partners)
            # Rule 5 lets quotation marks run on over a line break, brackets not.
            waiting.extend((number, offset) for offset in unpaired if text[offset] in QUOTATION_MARKS)
    _pair_over_line_breaks(text, sorted(waiting), partners)
    return partners


def _marks_by_family(text: str, start: int, end: int) -> Iterator[list[int]]:
    found: dict[str, list[int]] = {}
    for offset in range(start, end):
        family = _FAMILY_OF.get(text[offset])
        if family is not None and not _is_apostrophe(text, offset):
            found.setdefault(family, []).append(offset)
    yield from found.values()


def _is_apostrophe(text: str, offset: int) -> bool:
    neighbours = text[offset - 1 : offset] + text[offset + 1 : offset + 2]
    return text[offset] in SINGLE_MARKS and len(neighbours) == 2 and neighbours.isalpha()


def _join(partners: dict[int, int], opening: int, closing: int) -> None:
    partners[opening], partners[closing] = closing, opening


def _pair_nested(text: str, marks: list[int], partners: dict[int, int]) -> list[int]:
    stack: list[int] = []
    for offset in marks:
        if stack and _closes(text, stack[-1], offset):
            _join(partners, stack.pop(), offset)
        else:
            stack.append(offset)
    return stack


def _closes(text: str, opening: int, closing: int) -> bool:
    first, second = text[opening], text[closing]
    if first + second in _MATCHES:
        return True
    if first == second and first in _SYMMETRIC:
        return _can_close(text, closing) or not _can_open(text, closing)
    # `”…“` and `”…”`: the glyphs mislead, so only clear spacing makes them a pair here.
    return _can_open(text, opening) and _only_closes(text, closing)


def _pair_leftovers(text: str, unpaired: Iterable[int], partners: dict[int, int]) -> list[int]:
    rest: list[int] = []
    for offset in unpaired:
        if rest and _can_open(text, rest[-1]) and _can_close(text, offset):
            _join(partners, rest.pop(), offset)
        else:
            rest.append(offset)
    return rest


def _pair_over_line_breaks(text: str, waiting: list[tuple[int, int]], partners: dict[int, int]) -> None:
    open_marks: dict[str, tuple[int, int]] = {}
    for number, offset in waiting:
        family = _FAMILY_OF[text[offset]]
        begun, opening = open_marks.pop(family, (number, -1))
        if opening >= 0 and _only_closes(text, offset) and number - begun <= _MAX_PARAGRAPHS_APART:
            _join(partners, opening, offset)
        elif _only_opens(text, offset):
            open_marks[family] = (number, offset)


def _can_open(text: str, offset: int) -> bool:
    after = text[offset + 1 : offset + 2]
    return bool(after) and not after.isspace() and after not in _CLOSE_AFTER


def _can_close(text: str, offset: int) -> bool:
    before = text[offset - 1] if offset else ""
    return bool(before) and not before.isspace()


def _only_opens(text: str, offset: int) -> bool:
    return _can_open(text, offset) and not _can_close(text, offset)


def _only_closes(text: str, offset: int) -> bool:
    return _can_close(text, offset) and not _can_open(text, offset)
