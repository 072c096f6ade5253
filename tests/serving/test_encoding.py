"""Words → sub-tokens → windows, with the tokenizer of the tiny base."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, processors

from aqwal.annotations.page import Page
from aqwal.serving import Predictor, encoding
from aqwal.serving.encoding import MAX_SUBTOKENS, EncodedWindow, WordEncoder
from aqwal.serving.normalization import normalize_word

SEED = "002_35a5180d63e7b702.txt"
MAX_LENGTH, OVERLAP = 160, 40


@pytest.fixture
def tokenizer(tiny_base: Path) -> Tokenizer:
    return Tokenizer.from_file(str(tiny_base / "tokenizer.json"))


@pytest.fixture
def encoder(tokenizer: Tokenizer) -> WordEncoder:
    return WordEncoder(tokenizer, MAX_LENGTH, OVERLAP)


@pytest.fixture
def seed_text(root: Path) -> str:
    return (root / "seeds" / SEED).read_bytes().decode()


@pytest.fixture
def text(seed_text: str) -> str:
    """The seed, which the tokenizer knows word by word, with words among its own that fall into many pieces."""
    return seed_text.replace(" في ", " فسيكفيكهم المستشفيات ")


def pieces_of(window: EncodedWindow, tokenizer: Tokenizer) -> list[list[str]]:
    """Return the sub-tokens of each word of a window, as text."""
    edges = [*window.heads, len(window.input_ids) - 1]
    ids = [window.input_ids[first:stop].tolist() for first, stop in pairwise(edges)]
    return [[tokenizer.id_to_token(number) for number in word] for word in ids]


def pieces_of_text(text: str, encoder: WordEncoder, tokenizer: Tokenizer) -> list[list[str]]:
    (window,) = encoder.encode(Page(text))
    return pieces_of(window, tokenizer)


def test_heads_point_to_the_first_sub_token_of_each_word(encoder: WordEncoder, tokenizer: Tokenizer, text: str) -> None:
    page = Page(text)
    windows = encoder.encode(page)
    assert len(windows) > 1
    for window in windows:
        assert len(window.input_ids) <= MAX_LENGTH
        assert [tokenizer.id_to_token(window.input_ids[edge]) for edge in (0, -1)] == ["[CLS]", "[SEP]"]
        surfaces = [page.surface(word) for word in range(window.window.first, window.window.stop)]
        assert pieces_of(window, tokenizer) == [
            tokenizer.encode(word, add_special_tokens=False).tokens for word in map(normalize_word, surfaces)
        ]


def test_own_heads_of_all_windows_are_one_for_each_word(encoder: WordEncoder, tokenizer: Tokenizer, text: str) -> None:
    page = Page(text)
    firsts = [int(number) for window in encoder.encode(page) for number in window.input_ids[window.own_heads]]
    words = [normalize_word(page.surface(index)) for index in range(len(page.words))]
    assert firsts == [tokenizer.encode(word, add_special_tokens=False).ids[0] for word in words]


def test_windows_end_with_a_paragraph_where_one_ends_late_enough(encoder: WordEncoder, seed_text: str) -> None:
    page = Page(seed_text)
    first = encoder.encode(page)[0].window
    assert page.text[page.words[first.stop - 1].end :].startswith("\n")


def test_words_are_normalised_before_the_tokenizer_sees_them(encoder: WordEncoder, tokenizer: Tokenizer) -> None:
    assert pieces_of_text("قَـــالَ وزير", encoder, tokenizer) == pieces_of_text("قال وزير", encoder, tokenizer)
    assert pieces_of_text("قال", encoder, tokenizer) == [["قال"]]


def test_a_word_that_becomes_two_is_still_one_word(encoder: WordEncoder, tokenizer: Tokenizer) -> None:
    (window,) = encoder.encode(Page("قال19 لافروف"))
    assert len(window.heads) == 2
    assert "".join(pieces_of(window, tokenizer)[0]).replace("##", "") == "قال19"


@pytest.mark.parametrize("word", ["ـ", "😀", "\ud83d", "\udc00", "日", "€", "\u0651\u064e"])
def test_a_word_of_which_nothing_is_left_is_the_unknown_token(
    encoder: WordEncoder, tokenizer: Tokenizer, word: str
) -> None:
    assert pieces_of_text(f"قال {word} لافروف", encoder, tokenizer) == [["قال"], ["[UNK]"], ["لافروف"]]


def test_a_very_long_word_is_capped(encoder: WordEncoder, tokenizer: Tokenizer) -> None:
    long, short = pieces_of_text("ا1" * 500 + " قال", encoder, tokenizer)
    assert len(long) == MAX_SUBTOKENS
    assert short == ["قال"]


def test_a_very_long_word_is_not_kept_in_memory(encoder: WordEncoder, tokenizer: Tokenizer) -> None:
    kept, long = "اب" * 50, "اب" * 50 + "ت"
    first, again = (pieces_of_text(f"{long} {kept} {long}", encoder, tokenizer) for _ in range(2))
    assert again == first == [first[0], first[1], first[0]]
    assert list(encoder._known) == [kept]


@pytest.mark.parametrize("text", ["", " \n\t ", "\u200f"])
def test_a_text_without_words_has_no_window(encoder: WordEncoder, text: str) -> None:
    assert encoder.encode(Page(text)) == []


def test_a_full_cache_changes_nothing(tokenizer: Tokenizer, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [Page(part) for part in (text[:500], text[400:900], text[:500])]
    wanted = [WordEncoder(tokenizer, MAX_LENGTH, OVERLAP).encode(page) for page in pages]
    monkeypatch.setattr(encoding, "_CACHED_WORDS", 100)
    small = WordEncoder(tokenizer, MAX_LENGTH, OVERLAP)
    for page, windows in zip(pages, wanted, strict=True):
        for one, other in zip(small.encode(page), windows, strict=True):
            assert one.input_ids.tolist() == other.input_ids.tolist()
            assert one.heads.tolist() == other.heads.tolist()
        assert len(small._known) <= 100


class InterruptedTokenizer:
    """A tokenizer during whose first work on words another thread has its turn."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.other_thread: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def encode_batch(self, words: list[str], **options: Any) -> Any:
        if self.other_thread:
            turn, self.other_thread = self.other_thread, None
            turn()
        return self._tokenizer.encode_batch(words, **options)


def test_a_cache_that_another_thread_empties_is_not_missed(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "_CACHED_WORDS", 2)
    interrupted = InterruptedTokenizer(tokenizer)
    encoder = WordEncoder(interrupted, MAX_LENGTH, OVERLAP)  # type: ignore[arg-type]
    encoder.encode(Page("قال"))
    interrupted.other_thread = lambda: encoder.encode(Page("وزير الخارجية"))
    assert pieces_of_text("قال لافروف", encoder, tokenizer) == [["قال"], ["لافروف"]]


def test_too_short_windows_are_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match="windows of 65 sub-tokens are too small; give 66 or more"):
        WordEncoder(tokenizer, 65, 10)


def test_a_tokenizer_without_unknown_token_is_refused() -> None:
    tokenizer = Tokenizer(models.WordPiece({"[CLS]": 0, "[SEP]": 1, "قال": 2}, unk_token="قال"))
    around = [("[CLS]", 0), ("[SEP]", 1)]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=around)
    with pytest.raises(ValueError, match=r"neither \[UNK\] nor <unk>"):
        WordEncoder(tokenizer, MAX_LENGTH, OVERLAP)


def test_a_tokenizer_that_puts_nothing_around_a_text_is_refused() -> None:
    tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]"))
    with pytest.raises(ValueError, match="one token before and one after a text; it puts 0 around"):
        WordEncoder(tokenizer, MAX_LENGTH, OVERLAP)


def test_padding_and_truncation_of_the_tokenizers_file_are_switched_off(tokenizer: Tokenizer, text: str) -> None:
    wanted = [window.input_ids.tolist() for window in WordEncoder(tokenizer, MAX_LENGTH, OVERLAP).encode(Page(text))]
    tokenizer.enable_padding(length=9)
    tokenizer.enable_truncation(1)
    windows = WordEncoder(tokenizer, MAX_LENGTH, OVERLAP).encode(Page(text))
    assert [window.input_ids.tolist() for window in windows] == wanted


def test_the_answer_for_a_document_of_one_window_does_not_depend_on_the_settings(
    tiny_model_copy: Path, seed_text: str
) -> None:
    text = seed_text[: seed_text.index("وقال وزير")]
    wanted = Predictor(tiny_model_copy, threads=1).predict(text)
    assert [span.text for span in wanted.spans if span.label == "TOPIC"] == [
        "بتطبيع العلاقات مع وواشنطن",
        "مواصلة المشاورات حول سورية",
    ]
    file = tiny_model_copy / "aqwal.json"
    for max_length, overlap in [(120, 0), (140, 68), (250, 100)]:
        file.write_text(json.dumps({**json.loads(file.read_text()), "max_length": max_length, "overlap": overlap}))
        assert Predictor(tiny_model_copy, threads=1).predict(text) == wanted
