"""Small real parts for all tests: a tiny base encoder, a run trained on it, the model folder from it."""

import os

# Before anything imports transformers: no test may reach for a hub.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

# A property is judged by what it finds, not by how fast a busy machine is.
settings.register_profile("aqwal", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("aqwal")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root."""
    return ROOT


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], None]], Path]:
    """Build a named folder once for all workers of a test session."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base

    def build(name: str, make: Callable[[Path], None]) -> Path:
        folder = shared / name
        with FileLock(shared / f"{name}.lock"):
            if not folder.exists():
                unfinished = shared / f"{name}.unfinished"
                shutil.rmtree(unfinished, ignore_errors=True)
                unfinished.mkdir()
                make(unfinished)
                unfinished.rename(folder)
        return folder

    return build


@pytest.fixture(scope="session")
def tiny_base(built_once) -> Path:
    """A Hugging Face folder with a random BERT of two layers and a WordPiece tokenizer of the seeds' words."""
    return built_once("tiny-base", _make_tiny_base)


@pytest.fixture(scope="session")
def tiny_run(built_once, tiny_base: Path) -> Path:
    """A run folder trained on one seed until it knows it by heart."""
    return built_once("tiny-run", lambda folder: _train_tiny(folder, tiny_base))


@pytest.fixture(scope="session")
def tiny_model(built_once, tiny_run: Path) -> Path:
    """The model folder exported from the tiny run, fp32 included; copy it before changing it."""
    return built_once("tiny-model", lambda folder: _export_tiny(tiny_run, folder))


@pytest.fixture
def tiny_model_copy(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model folder that a test may damage."""
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def _make_tiny_base(folder: Path) -> None:
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=3000, special_tokens=list(special.values()), show_progress=False)
    tokenizer.train([str(path) for path in sorted((ROOT / "seeds").glob("*.txt"))], trainer)
    around = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=around)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128}
    config = BertConfig(vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=256, **sizes)
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)


@pytest.fixture
def tiny_settings(tiny_base: Path) -> Callable[..., dict[str, object]]:
    """Fields of a training configuration with a tiny model, by its run folder and what is to be otherwise."""
    return lambda output_dir, **changes: {**_tiny_settings(tiny_base, output_dir), **changes}


def _tiny_settings(base: Path, output_dir: Path) -> dict[str, object]:
    """Fields of a training configuration that teaches a tiny model one seed in seconds."""
    return {
        "base": str(base),
        "documents": ["annotations/gold/002_*.json"],
        "output_dir": str(output_dir),
        "max_length": 160,
        "overlap": 40,
        "epochs": 60,
        "batch_size": 4,
        "encoder_rate": 3.0e-3,
        "head_rate": 1.0e-2,
        "dropout": 0.0,
    }


def _train_tiny(folder: Path, base: Path) -> None:
    from aqwal.training.config import TrainConfig
    from aqwal.training.train import train

    train(TrainConfig(**_tiny_settings(base, folder)))


def _export_tiny(run: Path, folder: Path) -> None:
    from aqwal.training.export import export_model

    export_model(run, folder, keep_fp32=True)
