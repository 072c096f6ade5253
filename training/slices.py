"""Answers by what an article is: its subject and style in the plan, and its length."""

from collections.abc import Iterable, Sequence

from aqwal.annotations.curation.figures import count_words
from aqwal.annotations.curation.plan import NOT_PLANNED, Plan
from aqwal.training.metrics import Answered

PLANNED_FIELDS, WORDS = ("subject", "style"), "words"
# Longest article of each slice but the last, in words by white space.
_LONGEST = (100, 200, 350, 600)

Slices = dict[str, dict[str, list[Answered]]]


def slice_answers(answered: Sequence[Answered], plan: Plan | None) -> Slices:
    """Return the answers under each field and value, fields as named above, values in order.

    Args:
        answered: Answers on documents.
        plan: What was planned, by document id; without it there are slices by words only.
    """
    planned = {article.id: article for article in plan.articles} if plan else {}
    slices = {
        field: _grouped((_value(planned.get(one.document.id), field), one) for one in answered)
        for field in PLANNED_FIELDS
        if plan
    }
    lengths = sorted(((count_words(one.document.text), one) for one in answered), key=lambda pair: pair[0])
    by_length = _grouped((range_name(words, _LONGEST), one) for words, one in lengths)
    return {**{field: dict(sorted(groups.items())) for field, groups in slices.items()}, WORDS: by_length}


def range_name(count: int, longest: Sequence[int]) -> str:
    """Return the range that a count lies in, as `101-200` or `601+`; `longest` are the ranges' ends."""
    least = 1
    for most in longest:
        if count <= most:
            return f"{least}-{most}"
        least = most + 1
    return f"{least}+"


def _value(planned: object, field: str) -> str:
    return NOT_PLANNED if planned is None else str(getattr(planned, field))


def _grouped(pairs: Iterable[tuple[str, Answered]]) -> dict[str, list[Answered]]:
    groups: dict[str, list[Answered]] = {}
    for name, one in pairs:
        groups.setdefault(name, []).append(one)
    return groups
