"""Base encoders: AraBERT's exact shape from `base:` to the predictor's answer, and clear errors."""

import json
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM

from aqwal.annotations.records import Annotation, Document, Link, Span
from aqwal.annotations.stored import write_documents
from aqwal.annotations.words import cut_words
from aqwal.serving import Predictor
from aqwal.serving.normalization import normalize_word
from aqwal.training.bases import BaseEncoderError, load_tokenizer, resolve_base
from aqwal.training.config import TrainConfig
from aqwal.training.export import export_model
from aqwal.training.train import train

VOCABULARY = 64_000
TEXT = "قال الوزير إن الأزمة ستنتهي قريبا."


@pytest.fixture(scope="module")
def arabert_shaped(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the hub has `aubmindlab/bert-base-arabertv02`, with random weights: vocab.txt, no tokenizer.json."""
    folder = tmp_path_factory.mktemp("arabert")
    pieces = _pieces((root / "seeds").glob("*.txt"))
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    settings = {"do_lower_case": False, "model_max_length": 512, "never_split": ["[بريد]", "[مستخدم]", "[رابط]"]}
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer", **settings}))
    special = {
        "unk_token": "[UNK]",
        "sep_token": "[SEP]",
        "pad_token": "[PAD]",
        "cls_token": "[CLS]",
        "mask_token": "[MASK]",
    }
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    torch.manual_seed(0)
    BertForMaskedLM(BertConfig(vocab_size=VOCABULARY, max_position_embeddings=512)).save_pretrained(folder)
    return folder


def _pieces(texts) -> list[str]:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[رابط]", "[بريد]", "[مستخدم]"]
    content = TEXT + "".join(path.read_text(encoding="utf-8") for path in sorted(texts))
    words = [normalize_word(content[word.start : word.end]) for word in cut_words(content)]
    letters = sorted(set("".join(words)) - {" "})
    known = [*special, *letters, *(f"##{letter}" for letter in letters), *words]
    filler = (f"حشو{number}" for number in range(VOCABULARY))
    return list(dict.fromkeys([*filter(None, known), *filler]))[:VOCABULARY]


def test_arabert_shape_goes_from_base_to_answer(arabert_shaped: Path, tmp_path: Path):
    spans = [Span(*_place(words), label) for words, label in EXPECTED]
    links = (Link(spans[1], spans[0], "said_by"), Link(spans[1], spans[2], "about"))
    write_documents(
        tmp_path / "one.json", [Document("one", TEXT, (Annotation("gold", tuple(spans), links, ground_truth=True),))]
    )
    config = TrainConfig(
        base=str(arabert_shaped),
        documents=[str(tmp_path / "one.json")],
        output_dir=str(tmp_path / "run"),
        epochs=12,
        batch_size=1,
        encoder_rate=1e-4,
        head_rate=1e-2,
        transition_rate=1e-1,
        dropout=0.0,
    )
    losses = [entry["loss"] for entry in train(config)["epochs"]]
    assert losses[-1] < losses[0]
    export_model(tmp_path / "run", tmp_path / "model")
    prediction = Predictor(tmp_path / "model").predict(TEXT)
    assert [(span.text, span.label) for span in prediction.spans] == sorted(EXPECTED, key=lambda one: _place(one[0]))
    quote = prediction.quotes[0]
    assert [prediction.spans[index].label for index in (quote.quote, quote.speaker, quote.topic)] == [
        "QUOTE",
        "SPEAKER",
        "TOPIC",
    ]


EXPECTED = [("الوزير", "SPEAKER"), ("إن الأزمة ستنتهي قريبا", "QUOTE"), ("الأزمة", "TOPIC")]


def _place(words: str) -> tuple[int, int]:
    start = TEXT.index(words)
    return start, start + len(words)


def test_its_tokenizer_is_word_piece_as_the_hub_has_it(arabert_shaped: Path):
    tokenizer = load_tokenizer(str(arabert_shaped))
    assert tokenizer.get_vocab_size() == VOCABULARY
    assert tokenizer.encode("").tokens == ["[CLS]", "[SEP]"]
    assert tokenizer.encode("الوزير", add_special_tokens=False).tokens == ["الوزير"]
    assert tokenizer.encode("الوزيرق", add_special_tokens=False).tokens[0] != "[UNK]"


def test_a_hub_name_out_of_reach_names_the_remedies():
    with pytest.raises(BaseEncoderError, match=r"cannot be opened: .*a local folder.*or `offline`"):
        load_tokenizer("aubmindlab/no-such-model")


def test_a_relative_folder_starts_at_the_root(tiny_base: Path):
    assert resolve_base(tiny_base.name, tiny_base.parent) == str(tiny_base)
    assert resolve_base("aubmindlab/bert-base-arabertv02", tiny_base) == "aubmindlab/bert-base-arabertv02"


def test_a_base_without_a_fast_tokenizer_is_refused(tmp_path: Path, tiny_base: Path):
    (tmp_path / "config.json").write_text((tiny_base / "config.json").read_text())
    with pytest.raises(BaseEncoderError, match="has no fast tokenizer"):
        load_tokenizer(str(tmp_path))
