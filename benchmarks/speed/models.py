"""What is measured: the released model, and one of AraBERT's size; weights are random where they do for speed."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import BertConfig, BertForTokenClassification, PreTrainedTokenizerFast

from aqwal.annotations.page import Page
from aqwal.serving.encoding import WordEncoder
from aqwal.serving.model_folder import MODEL_FILES, SETTINGS_FILE, TOKENIZER_FILE, file_sha256
from aqwal.serving.tags import TagSet
from aqwal.training.export import write_onnx
from aqwal.training.quantization import prepare, quantize

ROOT = Path(__file__).resolve().parents[2]
RELEASED = ROOT / "models" / "release"
_SMOOTHING_TEXTS = 8
# Code and packages that make the models with random weights.
_CODE = ("benchmarks/speed/models.py", "training/export.py", "training/quantization.py")
_PACKAGES = ("onnxruntime", "torch", "transformers")


@dataclass(frozen=True)
class Size:
    """A BERT's shape: layers, hidden units, units of the feed-forward, attention heads, vocabulary."""

    layers: int
    hidden: int
    feed_forward: int
    heads: int
    vocabulary: int

    def products(self, tokens: int) -> float:
        """Return the multiplications and additions of the matrix products over one window of sub-tokens."""
        weights = 4 * self.hidden**2 + 2 * self.hidden * self.feed_forward
        return 2.0 * self.layers * tokens * (weights + 2 * tokens * self.hidden)


# AraBERT base v0.2 (Antoun, Baly and Hajj 2020) and the offline base that the released model grew from.
ARABERT = Size(12, 768, 3072, 12, 64_000)
OFFLINE = Size(12, 384, 1536, 12, 26_296)


@dataclass(frozen=True)
class Measured:
    """A model in every form that is measured.

    Attributes:
        name: What tables call it.
        size: Its shape.
        torch_folder: Random weights and tokenizer as transformers loads them.
        fp32_folder: The same as a model folder, int8 beside fp32.
        int8_folder: The model folder that answers in int8.
    """

    name: str
    size: Size
    torch_folder: Path
    fp32_folder: Path
    int8_folder: Path


def arabert(cache: Path, texts: Sequence[str]) -> Measured:
    """Return a model of AraBERT's size with random weights; made once, kept in a folder."""
    torch_folder, folder = with_random_weights(cache / "arabert", ARABERT, texts)
    return Measured("AraBERT's size, random weights", ARABERT, torch_folder, folder, folder)


def released(cache: Path, texts: Sequence[str]) -> Measured:
    """Return the released model, with random weights of its shape for what it is not released as."""
    torch_folder, folder = with_random_weights(cache / "offline", OFFLINE, texts)
    name = "the released model in int8; the other rows and fp32: random weights of its shape"
    return Measured(name, OFFLINE, torch_folder, folder, RELEASED)


def with_random_weights(cache: Path, size: Size, texts: Sequence[str]) -> tuple[Path, Path]:
    """Return the folder of a model for transformers and its model folder, both made unless they are there.

    Args:
        cache: Where they lie, under the hash of all that decides them; whatever else lies there is removed.
        size: The model's shape; its vocabulary no smaller than the released tokenizer's.
        texts: On which it is prepared for int8.
    """
    entry = cache / _key(size, texts)
    torch_folder, folder = entry / "torch", entry / "model"
    if not (folder / SETTINGS_FILE).is_file():
        shutil.rmtree(cache, ignore_errors=True)
        folder.mkdir(parents=True)
        classifier = _classifier(size)
        classifier.save_pretrained(torch_folder)
        _save_tokenizer(torch_folder)
        _export(classifier, folder, texts)
    return torch_folder, folder


def _key(size: Size, texts: Sequence[str]) -> str:
    files = [RELEASED / SETTINGS_FILE, RELEASED / TOKENIZER_FILE, *(ROOT / name for name in _CODE)]
    decides = [astuple(size), texts[:_SMOOTHING_TEXTS], *map(file_sha256, files), *map(version, _PACKAGES)]
    return hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:32]


def _settings() -> dict[str, Any]:
    return dict(json.loads((RELEASED / SETTINGS_FILE).read_text(encoding="utf-8")))


def _tokenizer() -> Tokenizer:
    """Return the released tokenizer, for all sizes: windows of as many sub-tokens take as long, whatever they mean."""
    return Tokenizer.from_file(str(RELEASED / TOKENIZER_FILE))


def bert_config(size: Size, labels: int, **changes: Any) -> BertConfig:
    """Return the configuration of a token classifier of a size; `changes` are fields of it."""
    return BertConfig(
        vocab_size=size.vocabulary,
        hidden_size=size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=size.feed_forward,
        num_labels=labels,
        **changes,
    )


def _classifier(size: Size) -> BertForTokenClassification:
    settings = _settings()
    torch.manual_seed(0)
    labels = len(settings["labels"]) * len(TagSet(str(settings["tags"])).tags)
    return BertForTokenClassification(bert_config(size, labels, attn_implementation="eager")).eval()


def transformers_tokenizer(**options: Any) -> PreTrainedTokenizerFast:
    """Return the released tokenizer as transformers wants it; `options` are further arguments of it."""
    special = {"pad_token": "<pad>", "unk_token": "<unk>", "cls_token": "<s>", "sep_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=_tokenizer(), **special, **options)


def _save_tokenizer(folder: Path) -> None:
    # transformers' pipeline cuts long texts by this length: into windows like ours.
    transformers_tokenizer(model_max_length=_settings()["max_length"]).save_pretrained(folder)


def _export(classifier: BertForTokenClassification, folder: Path, texts: Sequence[str]) -> None:
    settings, tokenizer = _settings(), _tokenizer()
    tokenizer.save(str(folder / TOKENIZER_FILE))
    encoder = WordEncoder(tokenizer, settings["max_length"], settings["overlap"])
    pages = [Page(text) for text in texts[:_SMOOTHING_TEXTS]]
    windows = [torch.from_numpy(window.input_ids)[None] for page in pages for window in encoder.encode(page)]
    prepared = folder / "prepared.onnx"
    write_onnx(classifier, folder / MODEL_FILES["fp32"])
    write_onnx(prepare(classifier, windows), prepared)
    quantize(prepared, folder / MODEL_FILES["int8"])
    prepared.unlink()
    settings["files"] = {name: file_sha256(folder / name) for name in (TOKENIZER_FILE, *MODEL_FILES.values())}
    (folder / SETTINGS_FILE).write_text(json.dumps(settings), encoding="utf-8")
