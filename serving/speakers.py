"""Group the mentions of one source: `وزير الخارجية الأميركي مايك بومبيو` and, further on, `بومبيو`.

News names a source in full once and shortly ever after: by the name, which ends the full mention or a
part of it (`مايك بومبيو، وزير الخارجية`), by the title, which begins it, or by both (`الوزير بومبيو`). So a
mention belongs to the nearest longer one of which it is the beginning, the end or both, word by word
without what typists vary. No model is asked.
"""

from __future__ import annotations

import re
from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, product
from typing import TYPE_CHECKING, NamedTuple

from aqwal.annotations.folding import fold
from aqwal.annotations.scheme import SPEAKER

if TYPE_CHECKING:
    # Prediction groups its spans through this module, so it cannot be imported at run time.
    from aqwal.serving.prediction import PredictedSpan, Quote

_Words = tuple[str, ...]

_WORD = re.compile(r"\w+")
_PART_END = re.compile(r"[،,؛;()\[\]]|\s[-–—]\s")
# Names and titles are shorter and mentions have fewer parts; of what is longer only beginning and end are compared.
_LONGEST_NAME = 12
_MOST_PARTS = 8
_OFFICES = (
    "رئيس نائب وزير وكيل مدير أمين عضو أعضاء قائد زعيم نقيب عميد محافظ حاكم عمدة سفير ممثل ممثلو ممثلي مندوب مبعوث "
    "منسق مفوض مقرر مستشار مساعد متحدث ناطق سكرتير مدرب محامي قاضي مدعي مؤسس صاحب مالك خبير باحث محلل أستاذ طبيب "
    "مراسل محرر مصدر مصادر مسؤول مكتب بيان موقع صحيفة"
)
_PREPOSITIONS = "باسم في من لدى عن على إلى بين عند ضد مع حول بشأن لشؤون"
# What hands an office on to the word behind it (`رئيس لجنة الصليب الأحمر`), and alone is part of a name (`حركة حماس`).
_BODIES = (
    "وزارة وزراء خارجية داخلية دفاع مالية صحة حركة حزب لجنة مجلس هيئة منظمة مؤسسة جمعية جماعة تنظيم جبهة تيار "
    "كتلة تحالف ائتلاف اتحاد نقابة رابطة شركة بنك شبكة وكالة قناة مركز معهد جامعة كلية مستشفى بلدية مدينة ولاية "
    "محافظة منطقة دولة جمهورية مملكة إمارة حكومة برلمان قيادة أركان جيش قوات شرطة جهاز إدارة دائرة مديرية محكمة "
    "بعثة وفد فريق منتخب"
)


def _alternatives(words: str) -> str:
    return "|".join(fold(words).split())


# What may not stand before a name that ends a mention: the words behind it complete an office (`رئيس الاتحاد`).
_OPENS_COMPLEMENT = re.compile(rf"[وفبل]?(?:{_alternatives(_OFFICES)})[هت]?|{_alternatives(_PREPOSITIONS)}")
_GOES_ON_WITH_COMPLEMENT = re.compile(rf"[وفبل]?(?:{_alternatives(_BODIES)})")
_HOLDS_OFFICE = re.compile(rf"[وفبل]?ال(?:{_alternatives(_OFFICES)})[هت]?")
_ARTICLE = re.compile(r"[وف]?(?:لل|[بك]?ال)(?=\w{2})")


@dataclass(frozen=True, slots=True)
class Speaker:
    """One source of a document and all that it said.

    Attributes:
        name: Its longest mention in words; of equals the one with the fewest letters, of these the first.
        mentions: Its SPEAKER spans, as indices of `Prediction.spans`.
        quotes: What it said, in the order of the text.
    """

    name: str
    mentions: tuple[int, ...]
    quotes: tuple[Quote, ...]


def group_speakers(spans: Sequence[PredictedSpan], quotes: Sequence[Quote]) -> tuple[Speaker, ...]:
    """Return the sources of a document by their first mention; what has no SPEAKER belongs to none."""
    mentions = [index for index, span in enumerate(spans) if span.label == SPEAKER]
    members: dict[int, list[int]] = {}
    for mention, source in zip(mentions, group_mentions([spans[index].text for index in mentions]), strict=True):
        members.setdefault(mentions[source], []).append(mention)
    said: dict[int | None, list[Quote]] = defaultdict(list)
    for quote in quotes:
        said[quote.speaker].append(quote)
    return tuple(
        Speaker(spans[source].text, tuple(group), tuple(sorted(chain(*map(said.__getitem__, group)), key=_position)))
        for source, group in members.items()
    )


def _position(quote: Quote) -> int:
    return quote.quote


def group_mentions(mentions: Sequence[str]) -> list[int]:
    """Return for each mention the index of the mention that stands for its source, its own if none is longer.

    Args:
        mentions: SPEAKER mentions of one document, in the order of the text.
    """
    names = [_Name.of(mention) for mention in mentions]
    spots = _Spots()
    source_of = list(range(len(names)))
    # The longest first, so that what a mention shortens is known before it, and `بومبيو` before `لبومبيو`.
    for index in sorted(range(len(names)), key=lambda index: (-len(names[index].words), names[index].letters, index)):
        nearest = spots.nearest(names[index], index)
        source_of[index] = index if nearest is None else source_of[nearest]
        spots.add(names[index], index)
    return source_of


def is_named_by(mention: str, name: str) -> bool:
    """Say whether a name begins or ends a mention or a part of it, as `group_mentions` sees it."""
    spots = _Spots()
    spots.add(_Name.of(mention), 0)
    return spots.nearest(_Name.of(name), 0) is not None


class _Name(NamedTuple):
    """A mention's words, folded, where its parts begin and end, and where what completes an office begins."""

    words: _Words
    starts: frozenset[int]
    ends: frozenset[int]
    complements: frozenset[int]

    @classmethod
    def of(cls, mention: str) -> _Name:
        parts = [_WORD.findall(fold(part)) for part in _PART_END.split(mention)]
        words = tuple(word for part in parts for word in part)
        all_ends = sorted(set(accumulate(map(len, parts))))
        ends = frozenset(all_ends[:_MOST_PARTS] + all_ends[-_MOST_PARTS:])
        opening = chain.from_iterable(map(_open_complements, parts))
        return cls(words, ends | {0}, ends, frozenset(index for index, opens in enumerate(opening, 1) if opens))

    @property
    def letters(self) -> int:
        """How many letters its words have together."""
        return sum(map(len, self.words))

    def titles(self) -> Iterator[_Words]:
        """Yield what begins the mention or a part of it."""
        for start in self.starts:
            for end in range(start + 1, min(start + _LONGEST_NAME, len(self.words)) + 1):
                yield self.words[start:end]
        yield from self._titles_with_surname()
        if self.words:
            yield self.words

    def _titles_with_surname(self) -> Iterator[_Words]:
        """Yield what is left when the middle is left out, as of `الرئيس الروسي فلاديمير بوتين` is `الرئيس بوتين`."""
        for end in self.ends:
            for title, surname in product((1, 2, 3), (1, 2)):
                if title + surname < end:
                    yield self.words[:title] + self.words[end - surname : end]

    def surnames(self) -> Iterator[_Words]:
        """Yield what ends the mention or a part of it, complements of an office left out."""
        for end in self.ends:
            for start in range(max(end - _LONGEST_NAME, 0), end):
                if start not in self.complements:
                    yield self.words[start:end]


def _open_complements(part: Sequence[str]) -> Iterator[bool]:
    """Say of each word of a part of a mention whether the word behind it completes an office."""
    in_office = False
    for word in part:
        opens = _OPENS_COMPLEMENT.fullmatch(word) is not None
        yield opens or (in_office and _GOES_ON_WITH_COMPLEMENT.fullmatch(word) is not None)
        in_office = in_office or opens or _HOLDS_OFFICE.fullmatch(word) is not None


class _Spots:
    """Where which words begin or end a mention, by the mentions' indices."""

    def __init__(self) -> None:
        self._titles: dict[_Words, list[int]] = defaultdict(list)
        self._surnames: dict[_Words, list[int]] = defaultdict(list)

    def add(self, name: _Name, index: int) -> None:
        for form in {form for title in name.titles() for form in _title_forms(title)}:
            insort(self._titles[form], index)
        for surname in set(name.surnames()):
            insort(self._surnames[surname], index)

    def nearest(self, name: _Name, index: int) -> int | None:
        """Return the nearest mention before that is the name or is named by it, else the nearest behind."""
        if not name.words:
            return None
        # As it is written first: `كمال` is nobody's `مال` where there is a Kamal.
        found = self._named(name.words) or self._named(_bare(name.words))
        before = [places[at - 1] for places in found if (at := bisect_right(places, index))]
        behind = [places[at] for places in found if (at := bisect_right(places, index)) < len(places)]
        return max(before) if before else min(behind, default=None)

    def _named(self, words: _Words) -> list[list[int]]:
        """Return the places of what these words begin, and of what they end."""
        found = (self._titles.get(_without_article(words)), self._titles.get(words), self._surnames.get(words))
        return [places for places in found if places]


def _title_forms(title: _Words) -> Iterator[_Words]:
    """Yield what to look for a title or a name by, if it is said again.

    Of a word alone the first letter may be its own, as of a name (`ريم` is not `كريم طاهر`); only behind an
    article it is known not to be (`المنظمة` is `لمنظمة جسور الإغاثة`).
    """
    yield _without_article(title)
    bare = _bare(title)
    if bare != title:
        yield _without_article(bare) if bare[1:] else (f"ال{bare[0]}",)


def _bare(words: _Words) -> _Words:
    """Return words without the one letter that Arabic writes together with the first (`لبومبيو`)."""
    first, *rest = words
    return (first[1:], *rest) if len(first) > 3 and first[0] in "وفبلك" else words


def _without_article(words: _Words) -> _Words:
    """Return words without the article, as who was `وزير المياه` is `الوزير` from then on."""
    return (_ARTICLE.sub("", words[0]), *words[1:])
