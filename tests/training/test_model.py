"""The tagger: stock checkpoint, layers and transitions beside it, the same numbers after saving."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer

from aqwal.annotations.page import Page
from aqwal.serving.encoding import WordEncoder
from aqwal.serving.tags import TagSet
from aqwal.training.bases import load_model, load_tokenizer
from aqwal.training.data import as_tensors, collate, encode_documents, load_documents
from aqwal.training.model import SpanTagger
from aqwal.training.train import CHECKPOINT

LABELS = ("SPEAKER", "QUOTE", "TOPIC")


@pytest.fixture
def tagger(tiny_base: Path) -> SpanTagger:
    torch.manual_seed(5)
    tag_set = TagSet("bio")
    calibration = {label: {"temperature": 1.0, "threshold": 0.25} for label in LABELS}
    classifier = load_model(str(tiny_base), LABELS, tag_set, dropout=0.0)
    tagger = SpanTagger(classifier, LABELS, tag_set, True, calibration).eval()
    for parameter in tagger.chains.parameters():
        torch.nn.init.normal_(parameter)
    return tagger


@pytest.fixture
def encoder(tiny_base: Path) -> WordEncoder:
    return WordEncoder(load_tokenizer(str(tiny_base)), max_length=128, overlap=32)


def test_plain_from_pretrained_loads_a_checkpoint(tiny_run: Path):
    model = AutoModelForTokenClassification.from_pretrained(tiny_run / CHECKPOINT)
    assert model.num_labels == 15
    assert model.config.id2label[6] == "QUOTE:B"
    assert AutoTokenizer.from_pretrained(tiny_run / CHECKPOINT).unk_token == "[UNK]"


def test_saving_keeps_emissions_and_transitions(tagger: SpanTagger, encoder: WordEncoder, root: Path, tmp_path: Path):
    page = Page(load_documents(["annotations/gold/002_*.json"], root).documents[0].text)
    tagger.save(tmp_path)
    again = SpanTagger.load(tmp_path)
    assert np.array_equal(again.emissions(page, encoder), tagger.emissions(page, encoder))
    assert np.allclose(again.decoder().transitions.step, tagger.decoder().transitions.step)
    assert again.decoder().decode(page, again.emissions(page, encoder)) == tagger.decoder().decode(
        page, tagger.emissions(page, encoder)
    )


def test_the_batch_loss_reads_the_same_scores_as_the_answer(tagger: SpanTagger, encoder: WordEncoder, root: Path):
    """The padded batch of training and the single windows of serving see the same logits."""
    document = load_documents(["annotations/gold/002_*.json"], root).documents[0]
    rows = [as_tensors(row) for row in encode_documents([document], encoder, LABELS, tagger.tag_set)]
    together = tagger(collate(rows, 0)).item()
    alone = sum(tagger(collate([row], 0)).item() for row in rows)
    assert together == pytest.approx(alone, rel=1e-5)


def test_a_folder_without_a_checkpoint_says_so(tmp_path: Path, tiny_base: Path):
    with pytest.raises(FileNotFoundError, match="holds no checkpoint; train one"):
        SpanTagger.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="this project did not save it"):
        SpanTagger.load(tiny_base)
