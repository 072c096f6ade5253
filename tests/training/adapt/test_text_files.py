"""Text files: which articles they have, however they are compressed, what is no text, and what is held out."""

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from aqwal.training.adapt.text_files import is_held_out, read_articles


def test_articles_are_what_stands_between_blank_lines(tmp_path: Path):
    path = tmp_path / "text.txt"
    path.write_text("\n \nأ\nب\n\n\t\n\nج", encoding="utf-8")
    assert list(read_articles(path)) == ["أ\nب\n", "ج"]


def test_compressed_text_reads_the_same(text: Path, tmp_path: Path, articles: Callable[[int], list[str]]):
    content = text.read_bytes()
    (tmp_path / "text.txt.xz").write_bytes(lzma.compress(content))
    (tmp_path / "text.txt.gz").write_bytes(gzip.compress(content, mtime=0))
    plain = list(read_articles(text))
    assert plain == articles(60)
    assert list(read_articles(tmp_path / "text.txt.xz")) == list(read_articles(tmp_path / "text.txt.gz")) == plain


def test_a_file_without_blank_lines_comes_in_parts(tmp_path: Path):
    path = tmp_path / "text.txt"
    path.write_text("سطر\n" * 2_500, encoding="utf-8")
    assert [len(text.splitlines()) for text in read_articles(path)] == [1_000, 1_000, 500]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.txt", "قال".encode("cp1256")),
        ("text.txt.xz", "قال".encode()),
        ("text.txt.xz", lzma.compress("قال".encode() * 99)[:-20]),
        ("text.txt.gz", "قال".encode()),
        # With the time in the file, the test would have another name in every process.
        ("text.txt.gz", gzip.compress("قال".encode() * 99, mtime=0)[:-12]),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, name: str, content: bytes):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name} is not UTF-8 text"):
        list(read_articles(tmp_path / name))


def test_a_copy_of_an_article_is_held_out_where_it_is(articles: Callable[[int], list[str]]):
    """Whether a file ends with it or not."""
    some = articles(200)
    held_out = [is_held_out(one, 0.2) for one in some]
    assert 20 < sum(held_out) < 60
    assert [is_held_out(one.rstrip(), 0.2) for one in some] == held_out
    assert not any(is_held_out(one, 0.0) for one in some)
    assert all(is_held_out(one, 0.5) for one in some if is_held_out(one, 0.2))
