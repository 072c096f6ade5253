"""The stream: in which order the articles come, who gets them, how many there are, and where it goes on."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from aqwal.annotations.words import cut_words
from aqwal.training.adapt.text_files import is_held_out
from aqwal.training.adapt.text_stream import Article, Place, TextStream


@pytest.fixture
def ids_of(tmp_path: Path, make_stream: Callable[..., TextStream]) -> Callable[[list[str]], list[list[int]]]:
    """Give the sub-tokens of texts, in their order."""

    def encode(texts: list[str]) -> list[list[int]]:
        path = tmp_path / "in-order.txt"
        path.write_text("\n".join(texts), encoding="utf-8")
        return _ids(make_stream(path, held_out=1.0).held_out_articles())

    return encode


def _ids(articles) -> list[list[int]]:
    return [article.ids.tolist() for article in articles]


def _as_lists(article: Article) -> tuple[int, int, list[int], list[int]]:
    return article.epoch, article.number, article.ids.tolist(), article.edges.tolist()


def test_the_seed_decides_the_order(text: Path, make_stream: Callable[..., TextStream]):
    orders = [_ids(islice(make_stream(text, seed=seed).endless(Place()), 100)) for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0][:40]) != sorted(orders[2][:40])


def test_each_pass_has_every_article_once_in_another_order(
    text: Path, articles: Callable[[int], list[str]], make_stream: Callable[..., TextStream], ids_of
):
    stream = make_stream(text)
    size = stream.count()["articles"]
    both = list(islice(stream.endless(Place()), 2 * size))
    assert [(article.epoch, article.number) for article in both] == [
        (epoch, number) for epoch in (0, 1) for number in range(size)
    ]
    first, second = _ids(both[:size]), _ids(both[size:])
    expected = ids_of([one for one in articles(60) if not is_held_out(one, 0.2)])
    assert sorted(first) == sorted(second) == sorted(expected)
    assert first != second
    assert expected not in (first, second)


def test_held_out_articles_come_in_the_order_of_the_files(
    text: Path, articles: Callable[[int], list[str]], make_stream: Callable[..., TextStream], ids_of
):
    expected = [one for one in articles(60) if is_held_out(one, 0.2)]
    assert 0 < len(expected) < 30
    for rank in (0, 1):
        held_out = list(make_stream(text, rank=rank, processes=2).held_out_articles())
        assert _ids(held_out) == ids_of(expected)
        assert [article.number for article in held_out] == list(range(len(expected)))


def test_words_are_counted_by_rule_1(
    text: Path, articles: Callable[[int], list[str]], make_stream: Callable[..., TextStream]
):
    stream = make_stream(text, held_out=0.0)
    assert stream.count() == {"articles": 60, "words": sum(len(cut_words(one)) for one in articles(60))}
    assert list(stream.held_out_articles()) == []


@pytest.mark.parametrize("content", ["", "\n \n", "\u200f \n"])
def test_a_text_without_words_is_told(tmp_path: Path, make_stream: Callable[..., TextStream], content: str):
    (tmp_path / "text.txt").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="no words to train on; are `texts` empty"):
        make_stream(tmp_path / "text.txt").count()


def test_fewer_articles_than_processes_are_told_by_every_process(text: Path, make_stream: Callable[..., TextStream]):
    for rank in (0, 99):
        with pytest.raises(ValueError, match=r"^\d+ articles to train on cannot be shared out among 100 processes"):
            make_stream(text, rank=rank, processes=100).count()


def test_processes_share_the_articles_out(text: Path, make_stream: Callable[..., TextStream]):
    def one_pass(**shared: int) -> list[list[int]]:
        some = islice(make_stream(text, **shared).endless(Place()), 60)
        return _ids(article for article in some if article.epoch == 0)

    whole, parts = one_pass(), [one_pass(rank=rank, processes=2) for rank in (0, 1)]
    assert sorted(parts[0] + parts[1]) == sorted(whole)
    assert abs(len(parts[0]) - len(parts[1])) <= 1
    with pytest.raises(ValueError, match="no article is left for process 100 of 100"):
        next(make_stream(text, rank=99, processes=100).endless(Place()))


def test_the_stream_goes_on_from_any_article(
    tmp_path: Path, articles: Callable[[int], list[str]], make_stream: Callable[..., TextStream]
):
    """Also behind as many as are read off the disk at a time, and at the last of a pass."""
    (tmp_path / "text.txt").write_text("\n".join(articles(200)), encoding="utf-8")
    stream = make_stream(tmp_path / "text.txt", held_out=0.0, rank=1, processes=2)
    straight = [_as_lists(article) for article in islice(stream.endless(Place()), 230)]
    assert straight[-1][:2] == (2, 29)
    for index, (epoch, number, *_) in enumerate(straight[:202]):
        again = [_as_lists(article) for article in islice(stream.endless(Place(epoch, number)), 3)]
        assert again == straight[index : index + 3]
