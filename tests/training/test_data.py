"""Documents → windows: gold tags, pieces, batches, splits."""

import json
from pathlib import Path

import pytest
import torch
from tag_rows import ranges_of
from tokenizers import Tokenizer

from aqwal.annotations.page import Page
from aqwal.annotations.records import Annotation, Document
from aqwal.annotations.scheme import LABELS
from aqwal.annotations.stored import write_documents
from aqwal.serving.encoding import WordEncoder
from aqwal.serving.tags import TagSet
from aqwal.training.data import (
    IGNORED,
    as_tensors,
    collate,
    encode_documents,
    gold_tags,
    load_documents,
    mark_pieces,
    split_documents,
)

TAGS = TagSet("bioes")


@pytest.fixture(scope="module")
def documents(root: Path) -> list[Document]:
    return load_documents(["annotations/gold/*.json"], root).documents


@pytest.fixture
def encoder(tiny_base: Path) -> WordEncoder:
    return WordEncoder(Tokenizer.from_file(str(tiny_base / "tokenizer.json")), max_length=128, overlap=32)


def test_the_seeds_load_with_their_hashes(root: Path):
    files = load_documents(["annotations/gold/000_*.json", "annotations/gold/004_*.json"], root)
    assert [document.id[:3] for document in files.documents] == ["000", "004"]
    assert list(files.hashes) == [f"annotations/gold/{document.id}.json" for document in files.documents]


def test_gold_tags_decode_to_the_gold_spans(documents: list[Document]):
    for document in documents:
        page = Page(document.text)
        tags = gold_tags(document, page, LABELS, TAGS)
        for layer, label in enumerate(LABELS):
            ranges = ranges_of(TAGS, tags[:, layer].tolist())
            spans = [(page.words[first].start, page.words[stop - 1].end) for first, stop in ranges]
            assert spans == [(span.start, span.end) for span in document.gold.of_label(label)]


def test_windows_own_every_word_once_and_pieces_tile_them(documents: list[Document], encoder: WordEncoder):
    for document in documents:
        page = Page(document.text)
        rows = encode_documents([document], encoder, LABELS, TAGS)
        assert len(rows) > 1
        joined = torch.cat([torch.tensor(row["tags"]) for row in rows])
        assert torch.equal(joined, gold_tags(document, page, LABELS, TAGS))
        for row in rows:
            assert len(row["heads"]) == len(row["tags"])
            edges = [piece[:2] for piece in row["pieces"]]
            assert [word for first, stop in edges for word in range(first, stop)] == list(range(len(row["tags"])))


def test_pieces_know_where_blocks_begin_and_end(documents: list[Document], encoder: WordEncoder):
    rows = encode_documents(documents[:1], encoder, LABELS, TAGS)
    flags = [piece[2:] for row in rows for piece in row["pieces"]]
    blocks = Page(documents[0].text).blocks
    assert sum(begins for begins, _ in flags) == sum(ends for _, ends in flags) == len(blocks)
    assert len(flags) > len(blocks), "one of the blocks is cut by a window, so the open case is met"


def test_a_batch_is_padded_with_what_is_never_counted(documents: list[Document], encoder: WordEncoder):
    rows = list(encode_documents(documents[:1], encoder, LABELS, TAGS))
    batch = collate([as_tensors(row) for row in rows], pad_id=7)
    widths = [len(row["input_ids"]) for row in rows]
    assert batch["input_ids"].shape == (len(rows), max(widths))
    assert batch["attention_mask"].sum(dim=1).tolist() == widths
    assert all((batch["input_ids"][number, width:] == 7).all() for number, width in enumerate(widths))
    counted = (batch["tags"][..., 0] != IGNORED).sum(dim=1).tolist()
    assert counted == [len(row["tags"]) for row in rows]
    marks = batch["pieces"].sum(dim=(0, 1)).tolist()
    assert marks == [
        sum(part) for part in zip(*((1, *piece[2:]) for row in rows for piece in row["pieces"]), strict=True)
    ]


def test_marks_say_where_pieces_begin_and_blocks_begin_and_end():
    marks = mark_pieces([(0, 2, 0, 1), (2, 3, 1, 1), (3, 5, 1, 0)], 5)
    assert marks.T.tolist() == [[1, 0, 1, 1, 0], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]]


def test_windows_of_one_length_need_no_mask(documents: list[Document], encoder: WordEncoder):
    row = as_tensors(encode_documents(documents[:1], encoder, LABELS, TAGS)[0])
    assert "attention_mask" not in collate([row, row], pad_id=7)


def test_a_pattern_that_matches_nothing_is_an_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"no file matches 'gold/\*.json'"):
        load_documents(["gold/*.json"], tmp_path)


def test_a_file_that_two_patterns_match_is_read_once(root: Path):
    files = load_documents(["annotations/gold/*.json", "annotations/gold/00[13]_*.json"], root)
    assert [document.id[:3] for document in files.documents] == ["000", "001", "002", "003", "004"]


def test_documents_without_gold_or_given_twice_are_errors(tmp_path: Path):
    write_documents(tmp_path / "a.json", [Document("d", "قال", (Annotation("one", ()),))])
    with pytest.raises(ValueError, match=r"a\.json: document d has no annotation with ground_truth"):
        load_documents(["a.json"], tmp_path)
    write_documents(tmp_path / "a.json", [Document("d", "قال", (Annotation("one", (), (), True),))])
    (tmp_path / "b.json").write_bytes((tmp_path / "a.json").read_bytes())
    with pytest.raises(ValueError, match=r"b\.json: document d comes twice"):
        load_documents(["*.json"], tmp_path)


def test_splits_share_the_documents_out(documents: list[Document], tmp_path: Path):
    path = tmp_path / "splits.json"
    first, second, *_ = (document.id for document in documents)
    path.write_text(json.dumps({"train": [second], "test": [first]}))
    parts = split_documents(documents, path)
    assert {part: [d.id for d in found] for part, found in parts.items()} == {
        "train": [second],
        "development": [],
        "test": [first],
    }


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"train": ["nobody"]}, r"unknown documents: nobody \(1 in all\)"),
        ({"training": []}, r"unknown parts: training"),
        ({"train": ["000_*"], "test": ["000_fb1b0e5927def39d"]}, "documents named twice: 000_fb1b0e5927def39d"),
        ([1, 2], "expected a mapping of train, development, test to lists"),
        ({"train": None}, "expected a mapping"),
        ({"train": [1]}, "expected a mapping"),
        ("{", "is no JSON"),
    ],
)
def test_bad_splits_are_named(documents: list[Document], tmp_path: Path, parts: object, message: str):
    path = tmp_path / "splits.json"
    path.write_text(parts if isinstance(parts, str) else json.dumps(parts))
    with pytest.raises(ValueError, match=rf"splits\.json.*{message}"):
        split_documents(documents, path)
