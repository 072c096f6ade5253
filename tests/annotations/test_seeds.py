"""The seed articles are kept byte for byte, and their gold follows the scheme and holds the guidelines' examples."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from aqwal.annotations import Document, read_documents
from aqwal.annotations.scheme import QUOTE, SAID_BY

ROOT = Path(__file__).parents[2]
SEEDS = ROOT / "seeds"
GOLD = ROOT / "annotations" / "gold"
ENTRIES = json.loads((SEEDS / "manifest.json").read_text(encoding="utf-8"))
IDS = [entry["id"] for entry in ENTRIES]

each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=IDS)
each_id = pytest.mark.parametrize("name", IDS)


def seed_text(name: str) -> str:
    return (SEEDS / f"{name}.txt").read_bytes().decode("utf-8")


def gold_document(name: str) -> Document:
    (document,) = read_documents(GOLD / f"{name}.json")
    return document


def test_manifest_lists_every_seed_once() -> None:
    assert sorted(entry["file"] for entry in ENTRIES) == sorted(path.name for path in SEEDS.glob("*.txt"))


def test_every_seed_has_gold_and_there_is_no_other() -> None:
    assert sorted(path.stem for path in GOLD.iterdir()) == sorted(IDS)


@each_entry
def test_seed_is_the_file_of_the_manifest(entry: dict[str, str]) -> None:
    path = SEEDS / entry["file"]
    assert path.stem == entry["id"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]


def test_a_seed_keeps_its_line_feed_in_front() -> None:
    with (SEEDS / "004_1c209e6ac6ae10d1.txt").open(encoding="utf-8", newline="") as file:
        assert file.read().startswith("\nفي مؤتمر صحفي مشترك مع ترامب،")


@pytest.mark.parametrize("number", ["001", "002", "003"])
def test_title_occurs_in_the_text(number: str) -> None:
    (entry,) = [entry for entry in ENTRIES if entry["id"].startswith(number)]
    assert entry["title"] in seed_text(entry["id"]).split("\n")


def test_dates_occur_in_the_texts() -> None:
    written = {"2019-05-24": "24/05/2019", "2019-05-14": "14 مايو 2019"}
    dated = {entry["date"]: entry["id"] for entry in ENTRIES if entry["date"]}
    assert dated.keys() == written.keys()
    for date, name in dated.items():
        assert written[date] in seed_text(name).split("\n")


@each_id
def test_gold_holds_the_seed_and_two_passes_besides_the_gold(name: str) -> None:
    document = gold_document(name)
    assert (document.id, document.text) == (name, seed_text(name))
    assert [annotation.annotator for annotation in document.passes] == ["pass-a", "pass-b"]
    assert [annotation.ground_truth for annotation in document.annotations] == [False, False, True]


@each_id
def test_every_quote_of_the_gold_has_its_speaker(name: str) -> None:
    gold = gold_document(name).gold
    quotes = gold.of_label(QUOTE)
    assert quotes
    assert [quote for quote in quotes if gold.target_of(quote, SAID_BY) is None] == []


def pattern(words: str) -> str:
    """Return a regular expression of an example's words: dots stand for any, and lines are broken anywhere."""
    return re.sub(r"(\\?\s)+", r"\\s+", re.escape(words)).replace("…", ".*")


def test_every_example_of_the_guidelines_is_marked_so_in_the_gold() -> None:
    guidelines = (ROOT / "annotations" / "GUIDELINES.md").read_text(encoding="utf-8")
    examples = [re.split("[⟦⟧]", code) for code in re.findall("`([^`]*)`", guidelines) if "⟦" in code]
    assert len(examples) > 100
    gold = [gold_document(name) for name in IDS]
    for example in examples:
        for number in range(1, len(example), 2):
            before, words, behind = "".join(example[:number]), example[number], "".join(example[number + 1 :])
            assert any(
                re.fullmatch(pattern(words), document.text[span.start : span.end], re.S)
                and re.search(pattern(before) + r"\Z", document.text[: span.start], re.S)
                and re.match(pattern(behind), document.text[span.end :], re.S)
                for document in gold
                for span in document.gold.spans
            ), example
