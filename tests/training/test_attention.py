"""Attention: the same with and without transformers' look at the padding, and no number asked of the device."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from aqwal.annotations.scheme import LABELS
from aqwal.serving.encoding import WordEncoder
from aqwal.serving.tags import TagSet
from aqwal.training.bases import load_model
from aqwal.training.config import TrainConfig
from aqwal.training.data import as_tensors, collate, encode_documents, load_documents
from aqwal.training.model import SpanTagger

TAGS = TagSet("bioes")


@pytest.fixture
def tagger(tiny_base: Path) -> SpanTagger:
    torch.manual_seed(0)
    calibration = TrainConfig(
        base="", documents=["a"], output_dir="", epochs=1, batch_size=1, encoder_rate=1, head_rate=1
    ).calibration
    classifier = load_model(str(tiny_base), LABELS, TAGS, dropout=0.1)
    return SpanTagger(classifier, LABELS, TAGS, True, calibration, hidden_share=0.1)


@pytest.fixture(scope="module")
def rows(root: Path, tiny_base: Path) -> list[dict]:
    encoder = WordEncoder(Tokenizer.from_file(str(tiny_base / "tokenizer.json")), max_length=128, overlap=32)
    documents = load_documents(["annotations/gold/002_*.json"], root).documents
    return [as_tensors(row) for row in encode_documents(documents, encoder, LABELS, TAGS)]


@pytest.mark.parametrize("count", [1, 4])
def test_the_loss_is_that_of_plain_transformers(tagger: SpanTagger, rows: list[dict], count: int):
    batch = collate(rows[:count], pad_id=0)
    assert ("attention_mask" in batch) == (count > 1)
    ours = tagger.eval()(batch).item()
    tagger.classifier.set_attn_implementation("eager")
    assert ours == pytest.approx(tagger(batch).item(), rel=1e-5)


@pytest.mark.parametrize("count", [1, 4])
def test_a_step_asks_no_number_of_the_device(tagger: SpanTagger, rows: list[dict], count: int):
    """On `meta` there are no numbers: whoever asks for one, as a GPU would be waited for, fails."""
    batch = {name: tensor.to("meta") for name, tensor in collate(rows[:count], pad_id=0).items()}
    tagger.to("meta").train()(batch).backward()
    assert all(parameter.grad is not None for parameter in tagger.chains.parameters())


def test_plain_transformers_would_ask(tagger: SpanTagger, rows: list[dict]):
    tagger.classifier.set_attn_implementation("sdpa")
    batch = {name: tensor.to("meta") for name, tensor in collate(rows[:4], pad_id=0).items()}
    with pytest.raises(RuntimeError, match="meta"):
        tagger.to("meta")(batch)


def test_what_is_saved_knows_nothing_of_it(tagger: SpanTagger, tmp_path: Path, root: Path):
    tagger.save(tmp_path)
    assert "unasked" not in (tmp_path / "config.json").read_text()
    assert SpanTagger.load(tmp_path).classifier.config._attn_implementation == "sdpa"
