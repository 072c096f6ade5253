"""The stream: which articles a text has, in which order they come, who gets them, which are held out."""

import gzip
import lzma
import random
from collections.abc import Callable
from itertools import count, islice
from pathlib import Path

import pytest

from aqwal.annotations.words import cut_words
from aqwal.training.adapt.text_stream import Article, Place, TextStream, is_held_out, read_articles, shuffle


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


def test_shuffling_reads_no_further_than_its_buffer():
    read = []
    endless = (read.append(number) or str(number) for number in count())
    given = list(islice(shuffle(endless, 10, random.Random(0)), 50))
    assert len(read) <= 61
    assert len(set(given)) == 50
    assert given != sorted(given, key=int)


def test_the_seed_decides_the_order(text: Path, make_stream: Callable[..., TextStream]):
    orders = [
        [article.text for article in islice(make_stream(text, seed=seed).endless(Place()), 100)] for seed in (1, 1, 2)
    ]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0][:40]) != sorted(orders[2][:40])


def test_each_pass_has_every_article_once_in_another_order(
    text: Path, articles: Callable[[int], list[str]], make_stream: Callable[..., TextStream]
):
    stream = make_stream(text)
    size = stream.count()["articles"]
    passes = [list(islice(stream.endless(Place(epoch)), size)) for epoch in (0, 1)]
    assert [article.number for article in passes[0]] == list(range(size))
    texts = [[article.text for article in one] for one in passes]
    assert sorted(texts[0]) == sorted(texts[1]) == sorted(t for t in articles(60) if not is_held_out(t, 0.2))
    assert texts[0] != texts[1]
    held_out = [article.text for article in stream.held_out_articles()]
    assert sorted([*held_out, *texts[0]]) == sorted(articles(60))
    assert 0 < len(held_out) < 30


def test_words_are_counted_by_rule_1(
    text: Path, articles: Callable[[int], list[str]], make_stream: Callable[..., TextStream]
):
    stream = make_stream(text, held_out=0.0)
    assert stream.count() == {"articles": 60, "words": sum(len(cut_words(one)) for one in articles(60))}


def test_fewer_articles_than_processes_are_told_by_every_process(text: Path, make_stream: Callable[..., TextStream]):
    for rank in (0, 99):
        with pytest.raises(ValueError, match=r"^\d+ articles to train on cannot be shared out among 100 processes"):
            make_stream(text, rank=rank, processes=100).count()


def test_processes_share_the_articles_out(text: Path, make_stream: Callable[..., TextStream]):
    def one_pass(**shared: int) -> list[str]:
        return [one.text for one in stream_until_second_pass(make_stream(text, **shared))]

    def stream_until_second_pass(stream: TextStream) -> list[Article]:
        return [article for article in islice(stream.endless(Place()), 60) if article.epoch == 0]

    whole = one_pass()
    assert sorted(one_pass(rank=0, processes=2) + one_pass(rank=1, processes=2)) == sorted(whole)
    with pytest.raises(ValueError, match="no article is left for process 100 of 100"):
        next(make_stream(text, rank=99, processes=100).endless(Place()))
