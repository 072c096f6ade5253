"""The plan: read as it is, what is wrong with it told; what came of it, counted by hand."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from aqwal.annotations.curation.figures import read_articles
from aqwal.annotations.curation.plan import (
    NOT_PLANNED,
    Group,
    Lengths,
    Plan,
    PlannedArticle,
    Seen,
    compare,
    read_plan,
)
from aqwal.annotations.inline import parse_inline

ENTRY = {
    "id": "w04-01",
    "style": "agency",
    "subject": "diplomacy",
    "country": "Algeria",
    "length": "flash",
    "quotes": "yes",
    "reporting": ["quote without source"],
    "not_quotes": ["scare quotes"],
    "spelling": "spelling clean",
}


def plan_file(folder: Path, content: Any) -> Path:
    path = folder / "plan.json"
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def test_plan(tmp_path: Path) -> None:
    later = {**ENTRY, "id": "w18-01", "texture": ["background", "long topics"]}
    plan = read_plan(plan_file(tmp_path, {"lengths": {"flash": "60-90 words, …"}, "articles": [ENTRY, later]}))
    texts = ("agency", "diplomacy", "flash", "yes", "spelling clean", ("quote without source",))
    assert plan.articles == (
        PlannedArticle("w04-01", *texts, (), ("scare quotes",), "Algeria"),
        PlannedArticle("w18-01", *texts, ("background", "long topics"), ("scare quotes",), "Algeria"),
    )
    assert plan.lengths == {"flash": (60, 90)}
    assert (plan.articles[0].values("style"), plan.articles[0].values("texture")) == (("agency",), ())


def test_the_plan_of_the_corpus(root: Path) -> None:
    plan = read_plan(root / "annotations" / "corpus-spec.json")
    assert plan.articles[0].id == "w04-01"
    assert {planned.length for planned in plan.articles} == set(plan.lengths)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "expected a JSON object with a list `articles` and an object `lengths`"),
        ({"articles": []}, "expected a JSON object with a list `articles` and an object `lengths`"),
        (
            {"lengths": {"flash": "short"}, "articles": []},
            "length 'flash' of the plan must begin as in '60-90 words', not 'short'",
        ),
        (
            {"lengths": {}, "articles": [ENTRY, {"id": "w04-02", "style": 3, "reporting": "all"}]},
            "article w04-02 of the plan lacks style, subject, length, quotes, spelling, reporting; each needs texts",
        ),
        ({"lengths": {}, "articles": [{**ENTRY, "country": 3}]}, "article w04-01 of the plan lacks country; each"),
        ({"lengths": {}, "articles": ["w04-01"]}, "article number 0 of the plan lacks id, style"),
    ],
)
def test_what_is_wrong_with_a_plan(content: Any, message: str, tmp_path: Path) -> None:
    path = plan_file(tmp_path, content)
    with pytest.raises(ValueError, match=f"^{re.escape(f'{path}: {message}')}"):
        read_plan(path)


@pytest.mark.parametrize("content", [b"{", b"\xff"])
def test_what_is_no_json(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}: the plan is not JSON in UTF-8: "):
        read_plan(path)


HEADLINE, BODY = "headline `name: words`", "body or place as source (`موسكو` style, ministries, companies)"
PLAN = Plan(
    (
        PlannedArticle(
            "أ", "agency", "sport", "flash", "yes", "Arabic-Indic digits", (HEADLINE, BODY), (), ("greeting",), "Oman"
        ),
        PlannedArticle("ب", "agency", "health", "flash", "none", "spelling clean"),
        PlannedArticle("ج", "gulf", "health", "short", "yes", "spelling clean", (HEADLINE,), ("background",)),
    ),
    {"flash": (4, 5), "short": (10, 20)},
)
SOURCE = """\
=== أ
{S1:بوتين}: {Q1:الحل قريب} جدا
---
Q1 S1 -
=== ب
وقال {Q1:نعم}.
---
Q1 - -
=== د
لا قول في هذا الخبر.
---
"""
OUTCOME = compare(PLAN, read_articles(parse_inline(SOURCE, "pass-a")))


def test_ids() -> None:
    assert OUTCOME.planned == 3
    assert (OUTCOME.missing, OUTCOME.not_planned, OUTCOME.quotes_differ) == (("ج",), ("د",), ("ب",))


def test_groups_have_what_was_planned_and_what_is_there() -> None:
    assert list(OUTCOME.groups) == ["style", "subject", "length", "texture"]
    assert list(OUTCOME.groups["style"]) == ["agency", "gulf", NOT_PLANNED]
    kinds = {"direct": 0, "indirect": 2, "mixed": 0}
    assert OUTCOME.groups["style"]["agency"] == Group(2, 2, 6, 2, 0, kinds, 1.5, 3.0)
    nothing = dict.fromkeys(kinds, 0)
    assert OUTCOME.groups["style"]["gulf"] == Group(1, 0, 0, 0, 0, nothing, 0.0, 0.0)
    assert OUTCOME.groups["style"][NOT_PLANNED] == Group(0, 1, 5, 0, 1, nothing, 0.0, 5.0)
    assert OUTCOME.groups["texture"]["background"].planned == 1


def test_lengths() -> None:
    assert OUTCOME.lengths == {"flash": Lengths(4, 5, 1, 1, 0), "short": Lengths(10, 20, 0, 0, 0)}


def test_quotes_reporting_and_spelling() -> None:
    assert OUTCOME.quotes == {"yes": Seen(2, 1, 1), "none": Seen(1, 1, 0)}
    assert OUTCOME.reporting == {HEADLINE: Seen(2, 1, 1), BODY: Seen(1, 1, None)}
    assert OUTCOME.spelling == {"Arabic-Indic digits": Seen(1, 1, 0), "spelling clean": Seen(2, 1, None)}
    assert (OUTCOME.not_quotes, OUTCOME.country) == ({"greeting": Seen(1, 1, None)}, {"Oman": Seen(1, 1, None)})


def test_without_articles_outside_the_plan_there_is_no_group_for_them() -> None:
    assert list(compare(PLAN, []).groups["style"]) == ["agency", "gulf"]
