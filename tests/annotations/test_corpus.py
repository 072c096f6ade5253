"""The corpus: every file by the scheme, as the datasheet says, no article twice."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean

import pytest

from aqwal.annotations import Document, read_documents, write_documents
from aqwal.annotations.agreement import agreement
from aqwal.annotations.curation.duplicates import find_duplicates
from aqwal.annotations.curation.figures import count_words
from aqwal.annotations.page import Page
from aqwal.annotations.scheme import kind_of

WORDS_IN_A_ROW = 12


@pytest.fixture(scope="module")
def files(root: Path) -> list[Path]:
    return sorted((root / "annotations" / "corpus").glob("*.json"))


@pytest.fixture(scope="module")
def documents(files: list[Path]) -> list[Document]:
    return [document for path in files for document in read_documents(path)]


@pytest.fixture(scope="module")
def datasheet(root: Path) -> str:
    return (root / "annotations" / "DATASHEET.md").read_text(encoding="utf-8")


def rows(datasheet: str, first: str) -> list[list[str]]:
    """Return the other cells of the tables' rows whose first cell matches."""
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in datasheet.splitlines()]
    return [row for row in cells if row and re.fullmatch(first, row[0])]


def mean_words(texts: Iterable[str]) -> float:
    return fmean(map(count_words, texts))


def spans(documents: Iterable[Document], label: str) -> Iterable[str]:
    return (one.text[span.start : span.end] for one in documents for span in one.gold.of_label(label))


def test_it_is_as_large_as_the_datasheet_says(datasheet: str, documents: list[Document]) -> None:
    words = sum(count_words(document.text) for document in documents)
    quotes = sum(len(document.gold.of_label("QUOTE")) for document in documents)
    assert f"{len(documents)} articles, {words:,} words, {quotes:,} quotes" in datasheet


def test_its_agreement_is_the_datasheets(datasheet: str, documents: list[Document]) -> None:
    found = agreement(documents)
    assert rows(datasheet, "exact|loose") == [
        ["exact", *(f"{row.exact:.3f}" for row in found)],
        ["loose", *(f"{row.loose:.3f}" for row in found)],
    ]


def test_whose_marks_became_gold_is_as_the_datasheet_says(datasheet: str, documents: list[Document]) -> None:
    whose = Counter(
        tuple((one.spans, one.links) == (document.gold.spans, document.gold.links) for one in document.passes)
        for document in documents
        if document.gold.of_label("QUOTE")
    )
    both, neither = whose[True, True], whose[False, False]
    writer, blind = both + whose[True, False], both + whose[False, True]
    told = f"the blind pass in {blind}, that of the writer in {writer} (of both in {both}), and neither's in {neither}."
    assert f"Of the {whose.total()} articles with quotes" in datasheet
    assert told in " ".join(datasheet.split())


def test_its_kinds_of_quotes_are_the_datasheets(datasheet: str, documents: list[Document]) -> None:
    quotes = [(Page(document.text), document.gold.of_label("QUOTE")) for document in documents]
    kinds = Counter(kind_of(page, quote) for page, marked in quotes for quote in marked)
    indirect, mixed, direct = (f"{kinds[kind] / kinds.total():.0%}"[:-1] for kind in ("indirect", "mixed", "direct"))
    assert f"Of the quotes {indirect} % are indirect, {mixed} % mixed, {direct} % direct; " in datasheet
    without = sum(not marked for _, marked in quotes)
    assert f"; {without} articles ({100 * without / len(documents):.0f} %) have no quote at all." in datasheet


def test_its_parts_are_as_the_datasheet_says(datasheet: str, documents: list[Document]) -> None:
    parts = rows(datasheet, r"w\d+ to w\d+")
    assert sum(int(row[2]) for row in parts) == len(documents)
    for name, _, *figures in parts:
        first, last = map(int, re.findall(r"\d+", name))
        part = [document for document in documents if first <= int(document.id[1:].split("-")[0]) <= last]
        pages = [Page(document.text) for document in part]
        sentence = mean_words(page.text[start:end] for page in pages for start, end in page.sentences)
        lengths = (f"{mean_words(spans(part, label)):.1f}" for label in ("QUOTE", "TOPIC"))
        assert (name, figures) == (name, [str(len(part)), f"{sentence:.0f}", *lengths])


def test_every_article_has_two_passes_and_gold_under_its_own_name(files: list[Path], documents: list[Document]) -> None:
    assert [document.id for document in documents] == [path.stem for path in files]
    for document in documents:
        assert [one.annotator for one in document.annotations] == ["pass-a", "pass-b", "adjudicated"]
        assert document.gold is document.annotations[2]


def test_files_are_as_they_would_be_written(files: list[Path], documents: list[Document], tmp_path: Path) -> None:
    for path, document in zip(files, documents, strict=True):
        write_documents(tmp_path / path.name, [document])
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_no_twelve_words_in_a_row_stand_in_two_articles_and_none_is_like_another(documents: list[Document]) -> None:
    assert find_duplicates(documents, words=WORDS_IN_A_ROW) == []


def test_articles_planned_without_quotes_have_none(root: Path, documents: list[Document]) -> None:
    plan = json.loads((root / "annotations" / "corpus-spec.json").read_text(encoding="utf-8"))["articles"]
    found = {document.id: len(document.gold.of_label("QUOTE")) for document in documents}
    assert {entry["id"] for entry in plan} <= set(found)
    assert [entry["id"] for entry in plan if (entry["quotes"] == "none") != (found[entry["id"]] == 0)] == []
