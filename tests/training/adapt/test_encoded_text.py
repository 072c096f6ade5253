"""Encoded text: the words of fine-tuning, encoded once, the same by one process and by several."""

import lzma
import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset
from datasets.utils.logging import is_progress_bar_enabled
from tokenizers import Tokenizer

from aqwal.annotations.page import Page
from aqwal.serving.encoding import WordEncoder
from aqwal.training.adapt import encoded_text
from aqwal.training.adapt.encoded_text import encode_text
from aqwal.training.adapt.text_files import is_held_out


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def forbid(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let nothing be encoded any more."""
    return lambda: monkeypatch.setattr(encoded_text, "encode_article", None)


def _entries(cache: Path) -> list[str]:
    return [path.name for path in cache.iterdir() if path.name != ".lock"]


def _write(path: Path, articles: list[str]) -> Path:
    path.write_text("\n".join(articles), encoding="utf-8")
    return path


def test_a_row_is_what_fine_tuning_would_see_of_an_article(
    tmp_path: Path, articles: Callable[[int], list[str]], tokenizer: Tokenizer, cache: Path
):
    """In the order of the files, and whole, however long it is."""
    texts = [*articles(30), "سطر من النص.\n" * 999]
    plain = _write(tmp_path / "a.txt", texts[20:])
    packed = tmp_path / "b.txt.xz"
    packed.write_bytes(lzma.compress("\n".join(texts[:20]).encode()))
    rows = encode_text([packed, plain], tokenizer, 0.2, cache)
    encoder = WordEncoder(tokenizer, 2**40, 0)
    for text, row in zip(texts, rows, strict=True):
        (window,) = encoder.encode(Page(text))
        expected = np.split(window.input_ids[1:-1], window.heads[1:] - 1)
        edges = row["edges"]
        assert (edges[0], edges[-1]) == (0, len(row["ids"]))
        words = [row["ids"][begin:end] for begin, end in pairwise(edges)]
        assert words == [pieces.tolist() for pieces in expected]
        assert row["held_out"] == is_held_out(text, 0.2)
    assert len(set(rows["held_out"])) == 2


def test_an_article_without_words_is_a_row_without_words(tmp_path: Path, tokenizer: Tokenizer, cache: Path):
    path = _write(tmp_path / "text.txt", ["قال\n", "\u200f \n", "قال\n"])
    rows = encode_text([path], tokenizer, 0.0, cache)
    assert [len(row["edges"]) for row in rows] == [2, 1, 2]
    assert rows[1] == {"ids": [], "edges": [0], "held_out": False}


def test_what_a_killed_run_left_is_removed(text: Path, tokenizer: Tokenizer, cache: Path):
    (cache / ".encoding" / "generator").mkdir(parents=True)
    encode_text([text], tokenizer, 0.2, cache)
    assert [path.name for path in cache.iterdir() if path.name.startswith(".")] == [".lock"]


def test_a_process_that_was_killed_is_told(text: Path, tokenizer: Tokenizer, cache: Path, monkeypatch):
    def die(*_: object, **__: object) -> Dataset:
        raise RuntimeError("One of the subprocesses has abruptly died during map operation.")

    monkeypatch.setattr(Dataset, "map", die)
    with pytest.raises(OSError, match="cannot be encoded by 1 processes: One of the subprocesses has abruptly died"):
        encode_text([text], tokenizer, 0.2, cache)


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_a_text_with_nothing_has_no_rows(tmp_path: Path, tokenizer: Tokenizer, cache: Path, content: str):
    (tmp_path / "text.txt").write_text(content)
    for _ in range(2):
        rows = encode_text([tmp_path / "text.txt"], tokenizer, 0.0, cache)
        assert (len(rows), rows.column_names) == (0, ["ids", "edges", "held_out"])
    assert _entries(cache) == []


def test_an_entry_is_found_again_wherever_the_files_are(
    text: Path, tmp_path: Path, tokenizer: Tokenizer, cache: Path, forbid
):
    before = encode_text([text], tokenizer, 0.2, cache)
    assert len(_entries(cache)) == 1
    forbid()
    moved = text.rename(tmp_path / "moved.txt")
    after = encode_text([moved], tokenizer, 0.2, cache)
    assert after.to_list() == before.to_list()
    assert after.features == before.features
    with pytest.raises(TypeError):
        encode_text([moved], tokenizer, 0.3, cache)


def test_whatever_decides_the_rows_has_an_entry_of_its_own(
    text: Path, tmp_path: Path, articles: Callable[[int], list[str]], tokenizer: Tokenizer, cache: Path
):
    other = _write(tmp_path / "other.txt", articles(5))
    larger = Tokenizer.from_str(tokenizer.to_str())
    larger.add_tokens(["المقال"])
    unlike = [
        ([text], tokenizer, 0.2),
        ([other], tokenizer, 0.2),
        ([text, other], tokenizer, 0.2),
        ([other, text], tokenizer, 0.2),
        ([text], tokenizer, 0.3),
        ([text], larger, 0.2),
    ]
    rows = [encode_text(*one, cache).to_list() for one in unlike]
    assert len(_entries(cache)) == len(unlike)
    assert not [one for number, one in enumerate(rows) if one in rows[:number]]


@pytest.mark.parametrize(("least", "cores", "processes"), [(1, 3, 3), (30, 3, 2), (1_000, 3, None), (1, 1, None)])
def test_several_processes_encode_the_same_as_one(
    text: Path,
    tmp_path: Path,
    tokenizer: Tokenizer,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    least,
    cores,
    processes,
):
    """As many as there are cores, but only where each has enough to do."""
    encode, map_rows, asked = encoded_text.encode_article, Dataset.map, []
    (tmp_path / "workers").mkdir()

    def leave_a_trace(encoder: WordEncoder, article: str) -> tuple:
        (tmp_path / "workers" / str(os.getpid())).touch()
        return encode(encoder, article)

    def note(self, *arguments, num_proc: int | None, **settings) -> Dataset:
        asked.append(num_proc)
        return map_rows(self, *arguments, num_proc=num_proc, **settings)

    expected = encode_text([text], tokenizer, 0.2, cache).to_list()
    monkeypatch.setattr(encoded_text, "_LEAST_ARTICLES", least)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(cores)))
    monkeypatch.setattr(encoded_text, "encode_article", leave_a_trace)
    monkeypatch.setattr(Dataset, "map", note)
    assert encode_text([text], tokenizer, 0.2, tmp_path / "other cache").to_list() == expected
    assert asked == [processes]
    encoded_here = (tmp_path / "workers" / str(os.getpid())).exists()
    assert encoded_here == (processes is None)


def test_a_damaged_file_is_named_and_leaves_nothing(text: Path, tmp_path: Path, tokenizer: Tokenizer, cache: Path):
    damaged = tmp_path / "damaged.txt.xz"
    damaged.write_bytes(lzma.compress(text.read_bytes())[:-20])
    with pytest.raises(ValueError, match=r"damaged\.txt\.xz is not UTF-8 text"):
        encode_text([text, damaged], tokenizer, 0.2, cache)
    assert _entries(cache) == []


def test_what_cannot_be_kept_is_an_error(
    text: Path, tokenizer: Tokenizer, cache: Path, monkeypatch: pytest.MonkeyPatch
):
    """A worker process opens it by its name, and nothing is there."""

    def fail(self, path: str) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match=f"cannot be kept in {cache}: .*No space left"):
        patch.setattr(Dataset, "save_to_disk", fail)
        encode_text([text], tokenizer, 0.2, cache)
    assert _entries(cache) == []
    assert len(encode_text([text], tokenizer, 0.2, cache)) == 60


def test_no_bar_is_shown(text: Path, tokenizer: Tokenizer, cache: Path, capfd: pytest.CaptureFixture[str]):
    assert is_progress_bar_enabled()
    encode_text([text], tokenizer, 0.2, cache)
    assert capfd.readouterr().err == ""
    assert is_progress_bar_enabled()
