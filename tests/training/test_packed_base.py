"""Packed bases: what is in the folder, what is unpacked from it, what is refused."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
)

from aqwal.training import packed_base
from aqwal.training.bases import load_masked_model, resolve_base
from aqwal.training.config import TrainConfig
from aqwal.training.four_bits import dequantise
from aqwal.training.origin import deciding_fields
from aqwal.training.packed_base import PackedBaseError, pack_base, unpack_base
from aqwal.training.train import train

WORDS = "embeddings.word_embeddings.weight"
PLACES = "embeddings.position_embeddings.weight"
NORM = "encoder.layer.1.output.LayerNorm.weight"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of each test's own."""
    monkeypatch.setenv("AQWAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def packed_once(built_once, tiny_base: Path) -> Path:
    """The tiny base in 4 bits; copy it before changing it."""
    return built_once("tiny-packed", lambda folder: pack_base(tiny_base, folder))


@pytest.fixture
def packed(packed_once: Path, tmp_path: Path) -> Path:
    """A packed base that a test may damage."""
    return Path(shutil.copytree(packed_once, tmp_path / "packed"))


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_matrices_are_blocks_and_the_rest_is_exact(tiny_base: Path, packed: Path):
    names = ["config.json", "tokenizer.json", "tokenizer_config.json", "weights-4bit.safetensors"]
    assert sorted(path.name for path in packed.iterdir()) == names
    before, after = load_file(tiny_base / "model.safetensors"), load_file(packed / "weights-4bit.safetensors")
    assert before.keys() == after.keys()
    assert torch.equal(before[NORM], after[NORM])
    assert torch.equal(before[PLACES], after[PLACES])
    assert (after[WORDS].dtype, after[WORDS].shape) == (torch.uint8, (len(before[WORDS]), 36))
    size = (packed / "weights-4bit.safetensors").stat().st_size
    # The exact table of places is a large part of so small a model.
    assert size < 0.3 * (tiny_base / "model.safetensors").stat().st_size


def test_the_unpacked_folder_is_a_base_like_any_other(tiny_base: Path, packed: Path, cache: Path):
    folder = unpack_base(packed)
    assert folder.parent == cache
    model, report = AutoModelForTokenClassification.from_pretrained(folder, num_labels=9, output_loading_info=True)
    assert set(report["missing_keys"]) == {"classifier.weight", "classifier.bias"}
    assert not report["unexpected_keys"]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.get_vocab() == AutoTokenizer.from_pretrained(tiny_base).get_vocab()
    assert model(**tokenizer("قال الوزير", return_tensors="pt")).logits.shape[2] == 9
    assert load_masked_model(str(folder)).config.vocab_size == len(tokenizer)


@torch.no_grad()
def test_it_reads_text_much_as_the_base_does(tiny_base: Path, packed: Path):
    ids = AutoTokenizer.from_pretrained(tiny_base)("قال الوزير إن الأزمة ستنتهي قريبا.", return_tensors="pt")
    before, after = (
        AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()(**ids).last_hidden_state
        for folder in (tiny_base, unpack_base(packed))
    )
    assert torch.cosine_similarity(before, after, dim=-1).min() > 0.98


def test_weights_are_what_the_blocks_say(packed: Path):
    blocks, weights = (
        load_file(packed / "weights-4bit.safetensors"),
        load_file(unpack_base(packed) / "model.safetensors"),
    )
    assert torch.equal(weights[WORDS].flatten(), torch.from_numpy(dequantise(blocks[WORDS].numpy())))
    assert torch.equal(weights[NORM], blocks[NORM])


def test_packing_what_was_unpacked_gives_the_same_bytes(packed: Path, tmp_path: Path):
    pack_base(unpack_base(packed), tmp_path / "again")
    assert _files(tmp_path / "again") == _files(packed)


def test_a_head_is_left_out_and_names_are_the_encoders(tiny_base: Path, packed: Path, tmp_path: Path):
    torch.manual_seed(0)
    model = BertForMaskedLM(BertConfig.from_pretrained(tiny_base))
    model.bert.load_state_dict(AutoModel.from_pretrained(tiny_base, add_pooling_layer=False).state_dict())
    base = Path(shutil.copytree(tiny_base, tmp_path / "adapted"))
    model.save_pretrained(base)
    pack_base(base, tmp_path / "output")
    assert _files(tmp_path / "output") == _files(packed)


def test_weights_of_16_bits_become_32(tiny_base: Path, tmp_path: Path):
    base = Path(shutil.copytree(tiny_base, tmp_path / "half"))
    AutoModel.from_pretrained(base, add_pooling_layer=False).bfloat16().save_pretrained(base)
    pack_base(base, tmp_path / "output")
    model = AutoModel.from_pretrained(unpack_base(tmp_path / "output"), add_pooling_layer=False)
    assert model.dtype == torch.float32


def test_a_second_packing_keeps_what_people_wrote(tiny_base: Path, packed: Path, cache: Path):
    first = unpack_base(packed)
    (packed / "README.md").write_text("قاعدة", encoding="utf-8")
    (packed / "vocab.txt").write_text("of an earlier tokenizer")
    pack_base(tiny_base, packed)
    assert (packed / "README.md").read_text(encoding="utf-8") == "قاعدة"
    assert not (packed / "vocab.txt").exists()
    assert unpack_base(packed) == first
    assert sorted(path.name for path in packed.parent.iterdir()) == ["cache", "packed"]


def test_an_output_that_is_something_else_is_left_alone(tiny_base: Path, tmp_path: Path):
    (tmp_path / "file").touch()
    (tmp_path / "thesis.txt").touch()
    before = _files(tiny_base)
    with pytest.raises(PackedBaseError, match=r"has model\.safetensors, which no packed base has; give another"):
        pack_base(tiny_base, tiny_base)
    with pytest.raises(PackedBaseError, match=r"has file, thesis\.txt, which no packed base has"):
        pack_base(tiny_base, tmp_path)
    with pytest.raises(PackedBaseError, match="is no folder"):
        pack_base(tiny_base, tmp_path / "file")
    assert _files(tiny_base) == before


def test_what_cannot_be_packed_says_why(tiny_base: Path, tmp_path: Path):
    base = Path(shutil.copytree(tiny_base, tmp_path / "base"))
    weights = load_file(base / "model.safetensors")
    for change, message in (
        ({WORDS: torch.full_like(weights[WORDS], torch.nan)}, r"word_embeddings\.weight: weights of magnitude nan"),
        ({NORM: torch.ones(3)}, r"LayerNorm\.weight is of shape \(3,\), expected \(64,\) by config\.json"),
    ):
        save_file({**weights, **change}, base / "model.safetensors")
        with pytest.raises(PackedBaseError, match=message):
            pack_base(base, tmp_path / "output")
    save_file({WORDS: weights[WORDS]}, base / "model.safetensors")
    with pytest.raises(PackedBaseError, match=r"is missing, expected"):
        pack_base(base, tmp_path / "output")
    (base / "tokenizer.json").rename(base / "other.json")
    with pytest.raises(FileNotFoundError, match=r"has neither tokenizer\.json nor vocab\.txt; save the base with its"):
        pack_base(base, tmp_path / "output")
    (base / "other.json").rename(base / "tokenizer.json")
    (base / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no model\.safetensors"):
        pack_base(base, tmp_path / "output")
    GPT2Config().save_pretrained(base)
    with pytest.raises(PackedBaseError, match="is a gpt2 model; only encoders of BERT's kind"):
        pack_base(base, tmp_path / "output")
    assert [path.name for path in tmp_path.iterdir()] == ["base"]


def test_a_packed_file_that_was_damaged_or_swapped_is_refused(packed: Path, tiny_base: Path, cache: Path):
    path = packed / "weights-4bit.safetensors"
    content = path.read_bytes()
    flipped = content[:-1] + bytes([content[-1] ^ 1])
    for wrong, message in (
        (b"", r"\(0 bytes\) is damaged or no weights: .*; get it anew"),
        (b"version https://git-lfs.github.com/spec/v1\n", r"\(43 bytes\) is damaged"),
        (content[:-100], "is damaged or no weights"),
        (flipped, r"is damaged: its SHA-256 is [0-9a-f]{64}, not [0-9a-f]{64}; get it anew"),
        ((tiny_base / "model.safetensors").read_bytes(), "is no packed base: its metadata are {'format': 'pt'}"),
    ):
        path.write_bytes(wrong)
        with pytest.raises(PackedBaseError, match=message):
            unpack_base(packed)
    path.write_bytes(content)
    BertConfig.from_pretrained(packed, num_hidden_layers=1).save_pretrained(packed)
    with pytest.raises(PackedBaseError, match=r"does not fit config\.json beside it in 16 parameters.*expected none"):
        unpack_base(packed)
    for wrong_config, message in (
        ("{", "cannot be read"),
        ('{"model_type": "bert", "hidden_size": "x"}', "cannot be read: .*hidden_size"),
        ('{"model_type": "bert", "hidden_size": 380, "num_attention_heads": 12}', "describes no model: .*380"),
    ):
        (packed / "config.json").write_text(wrong_config)
        with pytest.raises(PackedBaseError, match=rf"config\.json {message}"):
            unpack_base(packed)
    (packed / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no config\.json"):
        unpack_base(packed)
    assert not [path for path in cache.iterdir() if path.suffix != ".lock"]


def test_a_damaged_unpacked_folder_is_made_again_and_no_random_number_drawn(packed: Path, cache: Path):
    folder = unpack_base(packed)
    before = _files(folder)
    (folder / "model.safetensors").write_bytes(before["model.safetensors"][:-1] + b"?")
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()
    assert unpack_base(packed) == folder
    assert _files(folder) == before
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state[1])
    assert sorted(path.name for path in cache.iterdir()) == [folder.name, f"{folder.name}.lock"]


def test_one_that_is_there_is_not_made_again(packed: Path, monkeypatch: pytest.MonkeyPatch):
    folder = unpack_base(packed)
    monkeypatch.setattr(packed_base, "_unpack", lambda *_: pytest.fail("made again"))
    assert unpack_base(packed) == folder
    (packed / "README.md").write_text("other words, same weights")
    assert unpack_base(packed) == folder


def test_four_at_once_unpack_once(packed: Path, monkeypatch: pytest.MonkeyPatch):
    made: list[Path] = []
    unpack = packed_base._unpack

    def count(folder: Path, target: Path) -> None:
        made.append(target)
        unpack(folder, target)

    monkeypatch.setattr(packed_base, "_unpack", count)
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(unpack_base, [packed] * 4))
    assert folders == set(made)
    assert len(made) == 1


def test_a_packed_folder_is_a_base_for_training(packed: Path, tiny_settings, tmp_path: Path):
    assert resolve_base(packed.name, packed.parent) == str(unpack_base(packed))
    config = TrainConfig(**tiny_settings(tmp_path / "run", base=str(packed), epochs=1))
    assert "weights-4bit.safetensors" in deciding_fields(config)["base files"]
    assert train(config)["epochs"][0]["loss"] > 0


def test_weights_as_usual_go_before_packed_ones(packed: Path, tiny_base: Path):
    shutil.copyfile(tiny_base / "model.safetensors", packed / "model.safetensors")
    assert resolve_base(str(packed), packed) == str(packed)


def test_the_command_packs_and_complains_in_a_sentence(tiny_base: Path, packed: Path, tmp_path: Path):
    command = [sys.executable, "-m", "aqwal.training.packed_base", tiny_base, tmp_path / "output"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert _files(tmp_path / "output") == _files(packed)
    with pytest.raises(SystemExit, match=r"^packed_base: .* has no config\.json; give a Hugging Face folder"):
        packed_base.main(tmp_path, tmp_path / "other")


def test_the_metadata_are_one_entry_for_the_bytes_to_be_the_same_each_time(packed: Path):
    with safe_open(packed / "weights-4bit.safetensors", framework="np") as file:
        assert list(file.metadata()) == ["sha256 of Q4_0 weights"]
