"""A tiny text, a tiny base that has a mask token, and a whole adaptation of the one to the other."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModel, AutoTokenizer

from aqwal.training.adapt.config import AdaptConfig
from aqwal.training.adapt.encoded_text import encode_text
from aqwal.training.adapt.packing import WindowPacker
from aqwal.training.adapt.run import adapt
from aqwal.training.adapt.text_stream import TextStream
from aqwal.training.bases import load_tokenizer

SENTENCES = (
    "قال وزير الخارجية إن بلاده ترفض أي تدخل في الشؤون الداخلية.",
    "وأضافت المتحدثة: «لم نتلقَّ أي طلب رسمي حتى الآن»، مشيرةً إلى أن المفاوضات ستُستأنف قريبا.",
    'ونقلت وكالة "رويترز" عن مسؤول قوله إن الرئيس سيوقع الاتفاق اليوم.',
)
MAX_LENGTH = 66


def _articles(number: int) -> list[str]:
    return [f"المقال {one}.\n{SENTENCES[one % 3]}\n{SENTENCES[(one + 1) % 3]}\n" for one in range(number)]


@pytest.fixture(scope="session")
def articles() -> Callable[[int], list[str]]:
    """Make the texts of that many articles."""
    return _articles


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("\n".join(_articles(60)), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def base(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny base with a mask token and, like the offline base, without a head."""
    folder = tmp_path_factory.mktemp("base")
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    tokenizer.add_special_tokens({"mask_token": "[MASK]"})
    tokenizer.save_pretrained(folder)
    model = AutoModel.from_pretrained(tiny_base, add_pooling_layer=False)
    torch.manual_seed(0)
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tokenizer(base: Path) -> Tokenizer:
    return load_tokenizer(str(base))


@pytest.fixture(scope="session")
def make_stream(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., TextStream]:
    """Make a stream from its files, the share that is held out, and the fields to change."""
    folder = tmp_path_factory.mktemp("encoded")

    def make(*files: Path, held_out: float = 0.2, **changes: int) -> TextStream:
        return TextStream(encode_text(files, tokenizer, held_out, folder), **{"seed": 1, **changes})

    return make


@pytest.fixture(scope="session")
def packer(tokenizer: Tokenizer) -> WindowPacker:
    return WindowPacker(tokenizer, MAX_LENGTH)


@pytest.fixture(scope="session")
def make_config(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., AdaptConfig]:
    """Make a configuration from its text, its run folder and the fields to change."""
    text_cache = tmp_path_factory.mktemp("encoded")

    def make(text: Path, output_dir: Path, **changes: object) -> AdaptConfig:
        fields = {
            "base": str(base),
            "texts": [str(text)],
            "output_dir": str(output_dir),
            "max_length": MAX_LENGTH,
            "batch_size": 4,
            "steps": 8,
            "rate": 3.0e-3,
            "text_cache": str(text_cache),
            "held_out": 0.2,
            "save_every": 4,
            "log_every": 3,
        }
        return AdaptConfig(**{**fields, **changes})

    return make


@pytest.fixture(scope="session")
def finished(make_config: Callable[..., AdaptConfig], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of an adaptation to a tiny repetitive text, without a stop; the text is beside it."""
    folder = tmp_path_factory.mktemp("adapt")
    (folder / "text.txt").write_text("\n".join(_articles(60)), encoding="utf-8")
    adapt(make_config(folder / "text.txt", folder / "run", steps=60, rate=1.0e-2, save_every=25, log_every=10))
    return folder / "run"
