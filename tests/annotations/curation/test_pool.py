"""Texts of a pool, from every kind of file."""

import lzma
import re
from pathlib import Path

import pytest

from aqwal.annotations import Document, write_documents
from aqwal.annotations.curation.pool import files_in, read_pool
from aqwal.annotations.records import PLAIN

LINES = '{"id": "أ", "text": "نعم"}\n\n{"text": "لا\\n"}\n{"id": 3, "text": ""}\n'


def texts(path: Path) -> list[tuple[str, str]]:
    return [(document.id, document.text) for document in read_pool(path)]


def test_stored_documents(tmp_path: Path) -> None:
    write_documents(tmp_path / "خبر.json", [Document("أ", "نعم"), Document("ب", "لا")])
    assert texts(tmp_path / "خبر.json") == [("أ", "نعم"), ("ب", "لا")]


def test_stored_documents_of_another_corpus(tmp_path: Path) -> None:
    write_documents(tmp_path / "خبر.json", [Document("أ", "نعم", scheme=PLAIN)])
    assert texts(tmp_path / "خبر.json") == [("أ", "نعم")]


def test_a_text_is_one_document_and_keeps_its_line_ends(tmp_path: Path) -> None:
    (tmp_path / "خبر.txt").write_bytes("نعم\r\nلا\n".encode())
    assert texts(tmp_path / "خبر.txt") == [("خبر.txt", "نعم\r\nلا\n")]


@pytest.mark.parametrize("is_packed", [False, True])
def test_lines(is_packed: bool, tmp_path: Path) -> None:
    name = "أخبار.jsonl.xz" if is_packed else "أخبار.jsonl"
    content = LINES.encode("utf-8")
    (tmp_path / name).write_bytes(lzma.compress(content) if is_packed else content)
    assert texts(tmp_path / name) == [("أ", "نعم"), (f"{name}:3", "لا\n"), ("3", "")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("أ.csv", b"", ": expected a file that ends in .json, .txt, .jsonl, .jsonl.xz"),
        ("أ.txt", b"\xff", ": not UTF-8 (byte 0); convert it first, as with `iconv -t UTF-8`"),
        ("أ.jsonl", b'{"text": "x"}\n{', ", line 2: not JSON: "),
        ("أ.jsonl", b'{"text": ' + b"1" * 5_000 + b"}", ", line 1: not JSON: "),
        ("أ.jsonl", b'{"text": 3}\n', ', line 1: expected an object with a string "text"'),
        ("أ.jsonl", b'["text"]\n', ', line 1: expected an object with a string "text"'),
        ("أ.jsonl.xz", b"no archive", ": not a whole xz file: "),
        ("أ.jsonl.xz", lzma.compress(LINES.encode())[:-9], ": not a whole xz file: "),
        ("أ.json", b"[{", ": not UTF-8 JSON: "),
    ],
)
def test_what_cannot_be_read(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{re.escape(f'{path}{message}')}"):
        texts(path)


def test_a_folder_stands_for_its_files(tmp_path: Path) -> None:
    for name in ("ب.txt", "أ.json", "ج.csv"):
        (tmp_path / name).touch()
    other = tmp_path / "ج.csv"
    assert list(files_in([other, tmp_path])) == [other, tmp_path / "أ.json", tmp_path / "ب.txt"]
    assert list(files_in([tmp_path], (".json",))) == [tmp_path / "أ.json"]


def test_a_list_of_the_texts_beside_them_is_no_document(root: Path, tmp_path: Path) -> None:
    assert [path.suffix for path in files_in([root / "seeds"])] == [".txt"] * 5
    (tmp_path / "manifest.json").touch()
    assert list(files_in([tmp_path / "manifest.json"])) == [tmp_path / "manifest.json"]
    with pytest.raises(ValueError, match="no file with documents"):
        list(files_in([tmp_path]))


def test_a_folder_without_such_files(tmp_path: Path) -> None:
    told = f"{tmp_path}: no file with documents in this folder ends in .json"
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        list(files_in([tmp_path], (".json",)))
