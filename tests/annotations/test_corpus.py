"""The corpus: every file by the scheme, as large as the datasheet says, no article twice."""

import json
from pathlib import Path

import pytest

from aqwal.annotations import Document, read_documents, write_documents
from aqwal.annotations.curation.duplicates import find_duplicates

WORDS_IN_A_ROW = 12


@pytest.fixture(scope="module")
def files(root: Path) -> list[Path]:
    return sorted((root / "annotations" / "corpus").glob("*.json"))


@pytest.fixture(scope="module")
def documents(files: list[Path]) -> list[Document]:
    return [document for path in files for document in read_documents(path)]


def test_it_is_as_large_as_the_datasheet_says(root: Path, documents: list[Document]) -> None:
    words = sum(len(document.text.split()) for document in documents)
    quotes = sum(len(document.gold.of_label("QUOTE")) for document in documents)
    datasheet = (root / "annotations" / "DATASHEET.md").read_text(encoding="utf-8")
    assert f"{len(documents)} articles, {words:,} words, {quotes:,} quotes" in datasheet


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
