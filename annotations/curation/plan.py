"""The plan of a corpus: which articles are to be written, and what came of it.

A plan says of each article its style, subject and length; `compare` puts the articles that were to be
written beside those that are there.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aqwal.annotations.curation.figures import Article, figures_of
from aqwal.annotations.curation.spelling import SEEN_BY
from aqwal.annotations.curation.ways import WAYS

GROUPS = ("style", "subject", "length", "texture")
NO_QUOTES = "none"
NOT_PLANNED = "(not in the plan)"
_TEXTS = ("id", "style", "subject", "length", "quotes", "spelling")
_LISTS = ("reporting", "texture", "not_quotes")


@dataclass(frozen=True, slots=True)
class PlannedArticle:
    """One entry of the plan; `quotes` is `yes` or `none`, `not_quotes` what looks like a quote and is none."""

    id: str
    style: str
    subject: str
    length: str
    quotes: str
    spelling: str
    reporting: tuple[str, ...] = ()
    texture: tuple[str, ...] = ()
    not_quotes: tuple[str, ...] = ()
    country: str = ""

    def values(self, field: str) -> tuple[str, ...]:
        """Return what the entry has in a field: one value, or several textures, or none."""
        value: str | tuple[str, ...] = getattr(self, field)
        return tuple(filter(None, (value,))) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be written; `lengths` has the fewest and the most words of each length."""

    articles: tuple[PlannedArticle, ...]
    lengths: Mapping[str, tuple[int, int]]


# Entries of the plan with what was written for them.
Written = list[tuple[PlannedArticle, Article]]


@dataclass(frozen=True, slots=True)
class Group:
    """The articles of one style, subject, length or texture: how many were planned, and what is there.

    Words are counted by white space; `quote_words` and `sentence_words` are means.
    """

    planned: int
    written: int
    words: int
    quotes: int
    without_quote: int
    kinds: dict[str, int]
    quote_words: float
    sentence_words: float


@dataclass(frozen=True, slots=True)
class Lengths:
    """Written articles of one planned length: its limits in words, and how many keep them."""

    fewest: int
    most: int
    shorter: int
    within: int
    longer: int


@dataclass(frozen=True, slots=True)
class Seen:
    """Articles planned with a thing, those of them that are written, and those in which it is seen.

    `seen` is None where no rule can see it.
    """

    planned: int
    written: int
    seen: int | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a plan.

    Args:
        planned: How many articles it has.
        missing: Ids of those that are not there.
        not_planned: Ids that are there and not in the plan.
        groups: Field of the plan → its values → planned and written.
        lengths: Length → how it was kept.
        quotes: `yes` and `none` → articles planned, written, and found to be so.
        quotes_differ: Ids of articles that have quotes and should not, or the reverse.
        reporting: Way of reporting → planned, written, seen.
        spelling: Spelling → planned, written, seen.
        not_quotes: What looks like a quote and is none → planned, written, never seen.
        country: Country → planned, written, never seen.
    """

    planned: int
    missing: tuple[str, ...]
    not_planned: tuple[str, ...]
    groups: dict[str, dict[str, Group]]
    lengths: dict[str, Lengths]
    quotes: dict[str, Seen]
    quotes_differ: tuple[str, ...]
    reporting: dict[str, Seen]
    spelling: dict[str, Seen]
    not_quotes: dict[str, Seen]
    country: dict[str, Seen]


def read_plan(path: Path) -> Plan:
    """Read a plan.

    Raises:
        ValueError: If it is not JSON in UTF-8, or an entry lacks what every entry has.
    """
    try:
        content = json.loads(path.read_bytes().decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: the plan is not JSON in UTF-8: {error}") from error
    entries, lengths = (content.get(key) if isinstance(content, dict) else None for key in ("articles", "lengths"))
    if not isinstance(entries, list) or not isinstance(lengths, dict):
        raise ValueError(f"{path}: expected a JSON object with a list `articles` and an object `lengths`")
    return Plan(
        tuple(_to_planned(path, number, entry) for number, entry in enumerate(entries)),
        {name: _word_range(path, name, description) for name, description in lengths.items()},
    )


def _to_planned(path: Path, number: int, entry: Any) -> PlannedArticle:
    fields = entry if isinstance(entry, dict) else {}
    # Texture came with w18; older entries have none.
    lists = {field: fields.get(field, []) for field in _LISTS}
    wrong = [field for field in _TEXTS if not isinstance(fields.get(field), str)]
    wrong += [field for field, value in lists.items() if not isinstance(value, list)]
    wrong += ["country"] * (not isinstance(fields.get("country", ""), str))
    if wrong:
        name = fields.get("id", f"number {number}")
        raise ValueError(
            f"{path}: article {name} of the plan lacks {', '.join(wrong)}; "
            f"each needs texts {', '.join(_TEXTS)} and may have a text country and lists "
            f"{', '.join(_LISTS)}"
        )
    texts = {field: fields[field] for field in (*_TEXTS, "country") if field in fields}
    reporting, texture, not_quotes = (tuple(map(str, lists[field])) for field in _LISTS)
    return PlannedArticle(**texts, reporting=reporting, texture=texture, not_quotes=not_quotes)


def _word_range(path: Path, name: str, description: Any) -> tuple[int, int]:
    match = re.match(r"(\d+)-(\d+) words", str(description))
    if match is None:
        raise ValueError(f"{path}: length {name!r} of the plan must begin as in '60-90 words', not {description!r}")
    return int(match[1]), int(match[2])


def compare(plan: Plan, articles: Sequence[Article]) -> Outcome:
    """Put what was planned beside what is there."""
    found = {article.id: article for article in articles}
    written = [(planned, found[planned.id]) for planned in plan.articles if planned.id in found]
    planned_ids = {planned.id for planned in plan.articles}
    return Outcome(
        planned=len(plan.articles),
        missing=tuple(planned.id for planned in plan.articles if planned.id not in found),
        not_planned=tuple(article.id for article in articles if article.id not in planned_ids),
        groups={field: _groups(field, plan, articles) for field in GROUPS},
        lengths={name: _lengths(limits, _of(written, "length", name)) for name, limits in plan.lengths.items()},
        quotes={value: _seen(plan, written, "quotes", value, _keeps_quotes) for value in _values(plan, "quotes")},
        quotes_differ=tuple(planned.id for planned, article in written if not _keeps_quotes(planned, article)),
        reporting={value: _seen_way(plan, written, value) for value in _values(plan, "reporting")},
        spelling={value: _seen_spelling(plan, written, value) for value in _values(plan, "spelling")},
        not_quotes={value: _seen(plan, written, "not_quotes", value, None) for value in _values(plan, "not_quotes")},
        country={value: _seen(plan, written, "country", value, None) for value in _values(plan, "country")},
    )


def _values(plan: Plan, field: str) -> list[str]:
    """Return the values of a field, as the plan first names them."""
    return list(dict.fromkeys(value for planned in plan.articles for value in planned.values(field)))


def _of(written: Written, field: str, value: str) -> Written:
    return [(planned, article) for planned, article in written if value in planned.values(field)]


def _groups(field: str, plan: Plan, articles: Sequence[Article]) -> dict[str, Group]:
    by_id = {planned.id: planned for planned in plan.articles}
    rest = [article for article in articles if article.id not in by_id]
    groups = {}
    for value in _values(plan, field):
        ids = {planned.id for planned in plan.articles if value in planned.values(field)}
        groups[value] = _group(len(ids), [article for article in articles if article.id in ids])
    return {**groups, NOT_PLANNED: _group(0, rest)} if rest else groups


def _group(planned: int, articles: Sequence[Article]) -> Group:
    figures = figures_of(articles)
    return Group(
        planned=planned,
        written=figures.articles,
        words=figures.words,
        quotes=figures.quotes,
        without_quote=figures.without_quote,
        kinds=figures.kinds,
        quote_words=figures.lengths["QUOTE"].mean,
        sentence_words=figures.lengths["sentence"].mean,
    )


def _lengths(limits: tuple[int, int], written: Written) -> Lengths:
    fewest, most = limits
    words = [article.words for _, article in written]
    shorter, longer = sum(count < fewest for count in words), sum(count > most for count in words)
    return Lengths(fewest, most, shorter, len(words) - shorter - longer, longer)


def _keeps_quotes(planned: PlannedArticle, article: Article) -> bool:
    return (planned.quotes == NO_QUOTES) == (not article.reports)


def _seen_way(plan: Plan, written: Written, value: str) -> Seen:
    if value not in WAYS:
        return _seen(plan, written, "reporting", value, None)
    return _seen(plan, written, "reporting", value, lambda _, article: article.ways[value] > 0)


def _seen_spelling(plan: Plan, written: Written, value: str) -> Seen:
    if value not in SEEN_BY:
        return _seen(plan, written, "spelling", value, None)
    features = SEEN_BY[value]
    return _seen(plan, written, "spelling", value, lambda _, article: _has_any(article, features))


def _has_any(article: Article, features: Iterable[str]) -> bool:
    return any(article.spelling[feature] for feature in features)


def _seen(
    plan: Plan,
    written: Written,
    field: str,
    value: str,
    is_seen: Callable[[PlannedArticle, Article], bool] | None,
) -> Seen:
    planned = sum(value in planned.values(field) for planned in plan.articles)
    chosen = _of(written, field, value)
    return Seen(planned, len(chosen), None if is_seen is None else sum(is_seen(*pair) for pair in chosen))
