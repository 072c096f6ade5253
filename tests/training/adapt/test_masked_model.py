"""The model: the stock loss where words are hidden, a head on every base that can have one."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import GPT2Config, GPT2Model

from aqwal.training.adapt.masked_model import MaskedWordLoss
from aqwal.training.adapt.masking import MaskedBatches, make_masker
from aqwal.training.adapt.packing import WindowPacker
from aqwal.training.adapt.text_stream import Place, TextStream
from aqwal.training.bases import BaseEncoderError, load_masked_model


def test_the_loss_of_hidden_words_alone_is_the_stock_loss(
    base: Path, tokenizer: Tokenizer, text: Path, make_stream: Callable[..., TextStream], packer: WindowPacker
):
    torch.manual_seed(3)
    loss = MaskedWordLoss(load_masked_model(str(base))).eval()
    masker = make_masker(tokenizer, 0, 0.15, (0,))
    batch = next(iter(MaskedBatches(make_stream(text), packer, masker, 4, Place())))
    ours = loss(batch.tensors).item()
    loss.model.base_model._forward_hooks.clear()
    assert ours == pytest.approx(loss.model(**batch.tensors).loss.item(), rel=1e-5)


def test_a_new_head_shares_the_embedding_table(base: Path):
    model = load_masked_model(str(base))
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


@pytest.mark.parametrize(("given", "expected"), [(None, 0.1), (0.0, 0.0), (0.3, 0.3)])
def test_dropout_is_that_of_hidden_units(base: Path, given: float | None, expected: float):
    """That of attention weights stays the base's own."""
    layers = load_masked_model(str(base), given).named_modules()
    shares = {name: layer.p for name, layer in layers if isinstance(layer, nn.Dropout)}
    hidden = {share for name, share in shares.items() if "attention.self" not in name}
    assert (hidden, set(shares.values()) - hidden) == ({expected}, {0.1} - {expected})


def test_a_base_that_guesses_no_words_is_refused(tmp_path: Path):
    GPT2Model(GPT2Config(vocab_size=10, n_embd=8, n_layer=1, n_head=1)).save_pretrained(tmp_path)
    with pytest.raises(BaseEncoderError, match="is a gpt2 model, which cannot guess hidden words"):
        load_masked_model(str(tmp_path))
