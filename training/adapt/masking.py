"""Whole-word masking: which words the model has to guess, and what it sees in their place.

Words are chosen, not sub-tokens (the later release of Devlin et al. 2019; Cui et al. 2021, "Pre-Training with Whole
Word Masking for Chinese BERT"), and a word here is one of the annotation scheme. Of the chosen words 80 % become mask
tokens, 10 % random sub-tokens, and 10 % stay. The lot falls for the word, not for each sub-token as with Devlin et al.:
one sub-token left in sight would give its word away.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import IterableDataset

from aqwal.training.adapt.packing import NO_WORD, PackedWindow, WindowPacker
from aqwal.training.adapt.text_stream import Place, TextStream
from aqwal.training.bases import BaseEncoderError
from aqwal.training.data import IGNORED

_MASKED, _MASKED_OR_RANDOM = 0.8, 0.9


@dataclass(frozen=True)
class MaskedBatch:
    """Windows for one forward pass.

    Attributes:
        tensors: `input_ids`, `attention_mask` and `labels`, each [windows, tokens]; a label is the
            true sub-token where it is to be guessed, else `IGNORED`.
        next: Where in the stream the next batch begins.
    """

    tensors: dict[str, Tensor]
    next: Place


@dataclass(frozen=True)
class WordMasker:
    """Hide words from the model.

    Attributes:
        mask_id: The mask token.
        ordinary_ids: What random sub-tokens are drawn from.
        pad_id: What fills up windows of a batch.
        share: Share of a window's sub-tokens that is to be guessed.
        seed: Random seed; with it a window's number decides what is hidden, so nothing is to be remembered.
    """

    mask_id: int
    ordinary_ids: NDArray[np.int64]
    pad_id: int
    share: float
    seed: tuple[int, ...]

    def mask(self, window: PackedWindow) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return what the model sees and what it has to guess (`IGNORED` elsewhere), both [tokens]."""
        rng = np.random.default_rng([*self.seed, window.number])
        chosen = np.isin(window.words, choose_words(window.words, self.share, rng))
        fate = rng.random(window.words.max() + 1)[window.words]
        seen = np.where(chosen & (fate < _MASKED), self.mask_id, window.input_ids)
        random = chosen & (fate >= _MASKED_OR_RANDOM)
        seen[random] = rng.choice(self.ordinary_ids, int(random.sum()))
        return seen, np.where(chosen, window.input_ids, IGNORED)

    def batches(self, windows: Iterable[PackedWindow], size: int) -> Iterator[MaskedBatch]:
        """Yield masked windows in batches of `size`; the last may be smaller."""
        remaining = iter(windows)
        while group := list(islice(remaining, size)):
            seen, labels = zip(*map(self.mask, group), strict=True)
            yield MaskedBatch(self._pad(seen, labels), group[-1].next)

    def _pad(self, seen: Iterable[NDArray[np.int64]], labels: Iterable[NDArray[np.int64]]) -> dict[str, Tensor]:
        ids = list(map(torch.from_numpy, seen))
        return {
            "input_ids": pad_sequence(ids, batch_first=True, padding_value=self.pad_id),
            "attention_mask": pad_sequence([torch.ones_like(one) for one in ids], batch_first=True),
            "labels": pad_sequence(list(map(torch.from_numpy, labels)), batch_first=True, padding_value=IGNORED),
        }


def choose_words(words: NDArray[np.int64], share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return numbers of random words, one or more, that together have `share` of the sub-tokens or just less.

    Args:
        words: Number of each sub-token's word, as in `PackedWindow`, [tokens].
        share: Share of the sub-tokens of words.
        rng: Source of the choice.
    """
    lengths = np.bincount(words[words != NO_WORD])
    order = rng.permutation(len(lengths))
    fitting = np.cumsum(lengths[order]) <= share * lengths.sum()
    return order[: max(1, int(fitting.sum()))]


def make_masker(tokenizer: Tokenizer, pad_id: int, share: float, seed: tuple[int, ...]) -> WordMasker:
    """Return a masker for a base's tokenizer.

    Raises:
        BaseEncoderError: If the tokenizer has no mask token.
    """
    mask_ids = [tokenizer.token_to_id(token) for token in ("[MASK]", "<mask>")]
    mask_id = next((identifier for identifier in mask_ids if identifier is not None), None)
    if mask_id is None:
        raise BaseEncoderError(
            "the base's tokenizer has neither [MASK] nor <mask>, so the base cannot guess hidden words; choose one "
            "that was trained on masked words, or `offline`"
        )
    special = list(tokenizer.get_added_tokens_decoder())
    ordinary = np.setdiff1d(np.arange(tokenizer.get_vocab_size()), special)
    return WordMasker(mask_id, ordinary, pad_id, share, seed)


class MaskedBatches(IterableDataset[MaskedBatch]):
    """The endless stream as batches, from a place on; a worker process can make them ahead.

    Each batch carries the place behind it, so a run goes on where it was, whatever was made ahead.
    """

    def __init__(self, stream: TextStream, packer: WindowPacker, masker: WordMasker, size: int, start: Place) -> None:
        self._stream, self._packer, self._masker = stream, packer, masker
        self._size, self._start = size, start

    def __iter__(self) -> Iterator[MaskedBatch]:
        windows = self._packer.pack(self._stream.endless(self._start), self._start)
        return self._masker.batches(windows, self._size)
