"""Masks: whole words, their share, what is seen in their place, and batches that a worker makes alike."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from torch.utils.data import DataLoader

from aqwal.training import offline_encoder
from aqwal.training.adapt.masking import MaskedBatches, WordMasker, choose_words, make_masker
from aqwal.training.adapt.packing import NO_WORD, PackedWindow, WindowPacker
from aqwal.training.adapt.text_stream import Place, TextStream
from aqwal.training.data import IGNORED

WORD_LENGTHS = st.lists(st.integers(1, 6), min_size=1, max_size=60)
MASK, FIRST_ORDINARY = 4, 5


def _window(lengths: list[int], number: int) -> PackedWindow:
    words = np.concatenate([[NO_WORD], np.repeat(np.arange(len(lengths)), lengths), [NO_WORD]])
    ids = np.concatenate([[2], np.arange(1_000, 1_000 + sum(lengths)), [3]])
    return PackedWindow(ids, words, number, Place())


def _masker(share: float = 0.15, seed: int = 0) -> WordMasker:
    return WordMasker(MASK, np.arange(FIRST_ORDINARY, 900), 0, share, (seed,))


@given(WORD_LENGTHS, st.sampled_from([0.15, 0.3]), st.integers(0, 10_000))
def test_words_are_masked_whole(lengths: list[int], share: float, number: int):
    window = _window(lengths, number)
    seen, labels = _masker(share).mask(window)
    hidden = labels != IGNORED
    assert hidden.any()
    assert not hidden[window.words == NO_WORD].any()
    assert (labels[hidden] == window.input_ids[hidden]).all()
    assert (seen[~hidden] == window.input_ids[~hidden]).all()
    for word in range(len(lengths)):
        inside = window.words == word
        assert len(set(hidden[inside])) == 1
        fates = {
            "mask" if s == MASK else "same" if s == i else "random"
            for s, i in zip(seen[inside], window.input_ids[inside], strict=True)
        }
        assert len(fates) == 1


@given(WORD_LENGTHS, st.sampled_from([0.15, 0.3]), st.integers(0, 10_000))
def test_the_share_is_kept_but_for_a_single_word(lengths: list[int], share: float, seed: int):
    words = _window(lengths, 0).words
    chosen = choose_words(words, share, np.random.default_rng(seed))
    tokens = sum(lengths[word] for word in chosen)
    assert len(set(chosen)) == len(chosen) >= 1
    assert tokens <= share * sum(lengths) or len(chosen) == 1
    assert tokens + max(lengths) > share * sum(lengths)


def test_eight_of_ten_chosen_words_are_masked_one_random_one_left():
    counts = {"mask": 0, "same": 0, "random": 0}
    for number in range(400):
        window = _window([1] * 100, number)
        seen, labels = _masker().mask(window)
        hidden = labels != IGNORED
        assert hidden.sum() == 15
        counts["mask"] += int((seen[hidden] == MASK).sum())
        counts["same"] += int((seen[hidden] == window.input_ids[hidden]).sum())
        counts["random"] += int((seen[hidden] < 900).sum() - (seen[hidden] == MASK).sum())
    total = sum(counts.values())
    shares = [counts[fate] / total for fate in ("mask", "same", "random")]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.02)


def test_a_windows_masks_depend_on_seed_and_number_only():
    masks = [
        _masker(seed=seed).mask(_window([2] * 50, number))[1].tolist()
        for seed, number in [(0, 0), (0, 0), (0, 1), (1, 0)]
    ]
    assert masks[0] == masks[1]
    assert masks[0] != masks[2] != masks[3] != masks[0]


def test_random_sub_tokens_are_no_special_ones(tokenizer: Tokenizer):
    masker = make_masker(tokenizer, 0, 0.15, (0,))
    assert masker.mask_id == tokenizer.token_to_id("[MASK]")
    special = [tokenizer.token_to_id(token) for token in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")]
    assert not set(special) & set(masker.ordinary_ids.tolist())
    assert len(masker.ordinary_ids) == tokenizer.get_vocab_size() - 5


def test_a_worker_process_makes_the_same_batches(
    tokenizer: Tokenizer, text: Path, make_stream: Callable[..., TextStream], packer: WindowPacker
):
    masker = make_masker(tokenizer, 0, 0.15, (0,))
    data = MaskedBatches(make_stream(text), packer, masker, 4, Place())
    loader = DataLoader(data, batch_size=None, num_workers=1, multiprocessing_context="spawn")
    for here, there in islice(zip(data, loader, strict=False), 5):
        assert here.next == there.next
        assert all(torch.equal(here.tensors[name], there.tensors[name]) for name in here.tensors)


def test_the_offline_tokenizer_keeps_its_mask_token():
    pieces = [*offline_encoder.SPECIALS, "▁في", "▁的", offline_encoder.MASK]
    kept = offline_encoder.choose_pieces(pieces, [0.0] * len(pieces))
    assert [pieces[index] for index in kept] == [*offline_encoder.SPECIALS, "▁في", offline_encoder.MASK]
