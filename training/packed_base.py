"""A base folder whose weights are packed in 4 bits, a seventh of their size, and the ordinary folder made of it.

    python -m aqwal.training.packed_base BASE_FOLDER OUTPUT_FOLDER

The packed folder has the base's config.json and tokenizer, and its encoder in `weights-4bit.safetensors`: matrices as
blocks of bytes (see `four_bits`), the rest as 32-bit floats. A head for hidden words is left out. Give the folder as
`base:` to `train.py`, which unpacks it into the cache.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

import torch
import typer
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from transformers import AutoConfig, BertConfig, BertModel

from aqwal.serving.model_folder import file_sha256
from aqwal.training.cache_folder import cache_folder, made_once
from aqwal.training.four_bits import BLOCK_SIZE, dequantise, quantise
from aqwal.training.sealed import is_whole, seal, written_folder

CONFIG, WEIGHTS, PACKED_WEIGHTS = "config.json", "model.safetensors", "weights-4bit.safetensors"
TOKENIZER_FILES = (
    "added_tokens.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
)
_VOCABULARIES = ("tokenizer.json", "vocab.txt")
# What people write into a packed folder; it outlives the next packing and decides nothing.
NOTES = ("LICENSE", "README.md")

# The file's one metadata entry, since several would come in any order. Its value is the sha256 of all tensors.
_SUM = "sha256 of Q4_0 weights"
# As exact as they were: they are added to every word, and small.
_EXACT = ("embeddings.position_embeddings.weight", "embeddings.token_type_embeddings.weight")
_ENCODER = "BertModel"
_REMEDY = "get it anew; a packed base is made by `python -m aqwal.training.packed_base BASE_FOLDER OUTPUT_FOLDER`"
_log = logging.getLogger("aqwal.training.packed_base")


class PackedBaseError(ValueError):
    """A base that cannot be packed or unpacked; the message says what was found and what to do."""


def is_packed(folder: Path) -> bool:
    """Say whether a folder's weights are there in 4 bits only."""
    return (folder / PACKED_WEIGHTS).is_file() and not (folder / WEIGHTS).exists()


def pack_base(base: Path, output: Path) -> None:
    """Write a folder with a base's encoder in 4 bits, whole or not at all.

    Args:
        base: Hugging Face folder of a BERT encoder, with or without a head.
        output: Folder to write; an earlier packed base there is replaced, but for README.md and LICENSE.

    Raises:
        FileNotFoundError: If the base lacks a file.
        PackedBaseError: If the base is no BERT encoder or is damaged, a weight is not finite, or `output` is something
            else.
    """
    _check_output(output)
    config = _read_config(base)
    if not any((base / name).is_file() for name in _VOCABULARIES):
        raise FileNotFoundError(f"{base} has neither {' nor '.join(_VOCABULARIES)}; save the base with its tokenizer")
    encoder = _encoder_of(base, config)
    packed = {name: _packed(name, tensor) for name, tensor in encoder.items()}
    config.architectures, config.dtype = [_ENCODER], torch.float32
    with written_folder(output) as unfinished:
        config.save_pretrained(unfinished)
        _save(packed, unfinished / PACKED_WEIGHTS, {_SUM: _sum(packed)})
        _copy(base, unfinished, TOKENIZER_FILES)
        _copy(output, unfinished, NOTES)


def unpack_base(folder: Path, cache_dir: Path | None = None) -> Path:
    """Return the Hugging Face folder that a packed base makes, unpacked on first use.

    One that is found is returned after its checksums are verified; a damaged one is made again. Processes that ask at
    the same time wait for the first of them. No random numbers are drawn.

    Args:
        folder: What `pack_base` wrote.
        cache_dir: Folder that gets the unpacked one; that of `cache_folder` if not given.

    Raises:
        FileNotFoundError: If the folder lacks a file.
        PackedBaseError: If a file is damaged, or of something else.
    """
    cache = cache_dir or cache_folder()
    return made_once(cache / f"unpacked-{_fingerprint(folder)[:16]}", _is_there, partial(_unpack, folder))


def _unpack(folder: Path, target: Path) -> None:
    shapes = _shapes(_read_config(folder), folder)
    encoder = {name: _as_floats(tensor) for name, tensor in _read_packed(folder / PACKED_WEIGHTS).items()}
    found = {name: tuple(tensor.shape) for name, tensor in encoder.items()}
    unlike = sorted(name for name in {*shapes, *found} if shapes.get(name) != found.get(name))
    if unlike:
        name = unlike[0]
        raise PackedBaseError(
            f"{folder / PACKED_WEIGHTS} does not fit {CONFIG} beside it in {len(unlike)} parameters: {name} is "
            f"{found.get(name, 'not there')}, expected {shapes.get(name, 'none')}; {_REMEDY}"
        )
    with written_folder(target) as unfinished:
        _copy(folder, unfinished, (CONFIG, *TOKENIZER_FILES))
        _save(encoder, unfinished / WEIGHTS, {"format": "pt"})
        seal(unfinished)
    _log.info("%s is unpacked in %s", folder, target)


def _fingerprint(folder: Path) -> str:
    """Return the sha256 over the files that decide what is unpacked."""
    names = (CONFIG, PACKED_WEIGHTS, *TOKENIZER_FILES)
    sums = {name: file_sha256(folder / name) for name in names if (folder / name).is_file()}
    return hashlib.sha256(json.dumps(sums, sort_keys=True).encode()).hexdigest()


def _is_there(unpacked: Path) -> bool:
    return unpacked.is_dir() and is_whole(unpacked)


def _copy(source: Path, target: Path, names: tuple[str, ...]) -> None:
    """Copy those of the files that are there."""
    for name in names:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)


def _check_output(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise PackedBaseError(f"{output} is there and is no folder; give another output folder")
    ours = {CONFIG, PACKED_WEIGHTS, *TOKENIZER_FILES, *NOTES}
    foreign = sorted(path.name for path in output.glob("*") if path.name not in ours)
    if foreign:
        raise PackedBaseError(
            f"{output} is there and has {', '.join(foreign)}, which no packed base has; give another output folder"
        )


# The encoder


def _read_config(folder: Path) -> BertConfig:
    if not (folder / CONFIG).is_file():
        raise FileNotFoundError(f"{folder} has no {CONFIG}; give a Hugging Face folder of a BERT encoder")
    try:
        config = AutoConfig.from_pretrained(folder)
    except (OSError, ValueError, StrictDataclassError) as error:
        raise PackedBaseError(f"{folder / CONFIG} cannot be read: {str(error).splitlines()[0]}; {_REMEDY}") from error
    if type(config) is not BertConfig:
        raise PackedBaseError(f"{folder} is a {config.model_type} model; only encoders of BERT's kind can be packed")
    return config


def _shapes(config: BertConfig, folder: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of every parameter of the plain encoder, which has no pooler; the folder is for the error."""
    try:
        # Without memory of its own the model draws no random numbers.
        with torch.device("meta"):
            model = BertModel(config, add_pooling_layer=False)
    except ValueError as error:
        raise PackedBaseError(f"{folder / CONFIG} describes no model: {error}; {_REMEDY}") from error
    return {name: tuple(parameter.shape) for name, parameter in model.state_dict().items()}


def _encoder_of(base: Path, config: BertConfig) -> dict[str, Tensor]:
    """Return the encoder's parameters by their plain names, as 32-bit floats."""
    path = base / WEIGHTS
    _, tensors = _read(path)
    encoder = {}
    for name, shape in _shapes(config, base).items():
        # Where a head is on the encoder, its names begin with the encoder's own.
        tensor = tensors.get(name, tensors.get(f"{BertModel.base_model_prefix}.{name}"))
        if tensor is None or tuple(tensor.shape) != shape:
            found = "missing" if tensor is None else f"of shape {tuple(tensor.shape)}"
            raise PackedBaseError(f"{path}: {name} is {found}, expected {shape} by {CONFIG}; save the base again")
        encoder[name] = tensor.float()
    return encoder


# The packed file


def _packed(name: str, tensor: Tensor) -> Tensor:
    """Pack a matrix [rows, n x 32] to [rows, n x 18] bytes; other tensors are as they are."""
    if tensor.ndim != 2 or tensor.shape[1] % BLOCK_SIZE or name in _EXACT:
        return tensor
    try:
        return torch.from_numpy(quantise(tensor.numpy()))
    except ValueError as error:
        raise PackedBaseError(f"{name}: {error}") from error


def _as_floats(tensor: Tensor) -> Tensor:
    """Unpack a matrix [rows, n x 18] of bytes to [rows, n x 32]; other tensors are as they are."""
    if tensor.dtype != torch.uint8:
        return tensor
    return torch.from_numpy(dequantise(tensor.numpy())).reshape(len(tensor), -1)


def _read_packed(path: Path) -> dict[str, Tensor]:
    metadata, tensors = _read(path)
    if _SUM not in metadata:
        raise PackedBaseError(
            f"{path} is no packed base: its metadata are {dict(metadata)}, without {_SUM!r}; {_REMEDY}"
        )
    found = _sum(tensors)
    if found != metadata[_SUM]:
        raise PackedBaseError(f"{path} is damaged: its SHA-256 is {found}, not {metadata[_SUM]}; {_REMEDY}")
    return tensors


def _read(path: Path) -> tuple[Mapping[str, str], dict[str, Tensor]]:
    if not path.is_file():
        raise FileNotFoundError(f"{path.parent} has no {path.name}; give a folder whose weights are in one such file")
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        size = path.stat().st_size
        raise PackedBaseError(f"{path} ({size} bytes) is damaged or no weights: {error}; {_REMEDY}") from error


def _save(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    save_file(tensors, path, metadata)
    # safetensors lets only the owner read the file, but a cache may be shared.
    path.chmod((path.parent / CONFIG).stat().st_mode)


def _sum(tensors: Mapping[str, Tensor]) -> str:
    """Return the sha256 of all tensors, each its name and its bytes."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()


def main(
    base: Annotated[Path, typer.Argument(metavar="BASE_FOLDER", help="Hugging Face folder of a BERT encoder.")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT_FOLDER", help="Folder to write.")],
) -> None:
    """Pack a base's weights in 4 bits."""
    try:
        pack_base(base, output)
    except (OSError, ValueError) as error:
        raise SystemExit(f"packed_base: {error}") from error


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command()(main)
    app()
