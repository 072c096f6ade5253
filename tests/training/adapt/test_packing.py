"""Windows: the words of fine-tuning, packed full, from any place in the stream on."""

from collections.abc import Callable
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from aqwal.annotations.page import Page
from aqwal.serving.encoding import WordEncoder
from aqwal.training.adapt.packing import NO_WORD, WindowPacker
from aqwal.training.adapt.text_stream import Place, TextStream

MAX_LENGTH = 66  # the packer's


def test_windows_hold_the_words_that_fine_tuning_would_see(
    tokenizer: Tokenizer,
    articles: Callable[[int], list[str]],
    tmp_path: Path,
    make_stream: Callable[..., TextStream],
    packer: WindowPacker,
):
    (tmp_path / "text.txt").write_text("\n".join(articles(20)), encoding="utf-8")
    in_order = make_stream(tmp_path / "text.txt", held_out=1.0).held_out_articles()
    windows = list(packer.pack(in_order, Place()))
    encoder = WordEncoder(tokenizer, 2**20, 0)
    expected = [encoder.encode(Page(text))[0] for text in articles(20)]
    packed = np.concatenate([window.input_ids[window.words != NO_WORD] for window in windows])
    assert packed.tolist() == [piece for one in expected for piece in one.input_ids[1:-1].tolist()]
    words = sum(window.words.max() + 1 for window in windows)
    assert words == sum(len(one.heads) for one in expected)
    first, last = tokenizer.encode("").ids
    assert all(window.input_ids[0] == first and window.input_ids[-1] == last for window in windows)
    between = sum((window.words[1:-1] == NO_WORD).sum() for window in windows)
    new_windows = sum(window.next.word == 0 for window in windows[:-1])
    assert between + new_windows <= 19


def test_windows_are_as_full_as_whole_words_make_them(
    text: Path, make_stream: Callable[..., TextStream], packer: WindowPacker
):
    windows = list(islice(packer.pack(make_stream(text).endless(Place()), Place()), 50))
    assert all(MAX_LENGTH - 12 <= len(window.input_ids) <= MAX_LENGTH for window in windows)
    assert [window.number for window in windows] == list(range(50))
    for window in windows:
        numbers = window.words[window.words != NO_WORD]
        assert set(np.diff(numbers)) <= {0, 1}


def test_the_stream_goes_on_from_any_window(text: Path, make_stream: Callable[..., TextStream], packer: WindowPacker):
    stream = make_stream(text)
    windows = list(islice(packer.pack(stream.endless(Place()), Place()), 80))
    assert windows[-1].next.epoch >= 1
    for before, after in pairwise(windows):
        (again,) = islice(packer.pack(stream.endless(before.next), before.next), 1)
        assert (again.number, again.next) == (after.number, after.next)
        assert again.input_ids.tolist() == after.input_ids.tolist()


def test_an_article_without_words_adds_nothing(
    tmp_path: Path, make_stream: Callable[..., TextStream], packer: WindowPacker
):
    (tmp_path / "text.txt").write_text("\u200f \n\nقال الوزير", encoding="utf-8")
    articles = list(make_stream(tmp_path / "text.txt", held_out=1.0).held_out_articles())
    assert len(articles) == 2
    (window,) = packer.pack(articles, Place())
    assert window.words.max() == 1
    assert (window.words == NO_WORD).sum() == 2
