"""Base encoders: a hub name, a local folder (packed or not) or `offline`, all opened the same way."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tokenizers import Tokenizer
from transformers import (
    MODEL_FOR_MASKED_LM_MAPPING,
    AutoConfig,
    AutoModelForMaskedLM,
    AutoModelForTokenClassification,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.utils import logging as transformers_logging

from aqwal.serving.tags import TagSet
from aqwal.training.attention import attend_unasked
from aqwal.training.offline_encoder import build_offline_encoder
from aqwal.training.packed_base import is_packed, unpack_base

OFFLINE = "offline"
_log = logging.getLogger(__name__)


class BaseEncoderError(RuntimeError):
    """A base encoder that cannot be had; the message names the remedies."""


def resolve_base(base: str, root: Path) -> str:
    """Return what transformers can open: a folder's path, or the hub name as it is.

    A folder whose weights are packed in 4 bits is unpacked into the cache, and that path returned.

    Args:
        base: `offline`, a local folder (from `root` if relative), packed or not, or a hub name.
        root: Where relative folders start.

    Raises:
        FileNotFoundError: If a packed folder lacks a file.
        OfflineEncoderError: If the offline encoder can be neither found nor fetched.
        PackedBaseError: If a packed folder is damaged.
    """
    if base == OFFLINE:
        return str(build_offline_encoder())
    folder = root / Path(base).expanduser()
    if is_packed(folder):
        return str(unpack_base(folder))
    return str(folder) if folder.is_dir() else base


def load_tokenizer(base: str) -> Tokenizer:
    """Return the base's tokenizer as the `tokenizers` library has it.

    Raises:
        BaseEncoderError: If the base cannot be opened or has no fast tokenizer.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(base)
    except (OSError, ValueError) as error:
        raise _unavailable(base, error) from error
    backend = getattr(tokenizer, "backend_tokenizer", None)
    # Without vocabulary files transformers makes a tokenizer of nothing but special tokens, in silence.
    if not isinstance(backend, Tokenizer) or backend.get_vocab_size() <= len(backend.get_added_tokens_decoder()):
        raise BaseEncoderError(
            f"base {base!r} has no fast tokenizer (tokenizer.json or vocab.txt); choose one that has"
        )
    return backend


def load_model(
    base: str, labels: tuple[str, ...], tag_set: TagSet, dropout: float | None, attention_dropout: float = 0.0
) -> PreTrainedModel:
    """Return a stock token classifier on the base: labels × tags logits for each sub-token.

    Args:
        base: What `resolve_base` gave.
        labels: The layers.
        tag_set: The tags of each layer.
        dropout: Of hidden units and head; the base's own if None.
        attention_dropout: Of attention weights.

    Raises:
        BaseEncoderError: If the base cannot be opened.
    """
    names = [f"{label}:{tag}" for label in labels for tag in tag_set.tags]
    try:
        config = AutoConfig.from_pretrained(
            base, num_labels=len(names), id2label=dict(enumerate(names)), label2id={n: i for i, n in enumerate(names)}
        )
        if dropout is not None:
            _set_dropout(config, base, dropout)
            config.classifier_dropout = dropout
        config.attention_probs_dropout_prob = attention_dropout
        model: PreTrainedModel = AutoModelForTokenClassification.from_pretrained(base, config=config)
    except (OSError, ValueError) as error:
        raise _unavailable(base, error) from error
    attend_unasked(model)
    _log.info("base %s: %.1f M parameters", base, model.num_parameters() / 1e6)
    return model


def load_masked_model(base: str, dropout: float | None = None) -> PreTrainedModel:
    """Return a stock masked-language model on the base; a base that brings no head gets a new one.

    The new head's output matrix is the base's own embedding table, as with BERT.

    Args:
        base: What `resolve_base` gave.
        dropout: Of hidden units; the base's own if None.

    Raises:
        BaseEncoderError: If the base cannot be opened, or is of a kind that guesses no hidden words.
    """
    try:
        config = AutoConfig.from_pretrained(base)
        if type(config) not in MODEL_FOR_MASKED_LM_MAPPING:
            raise BaseEncoderError(
                f"base {base!r} is a {config.model_type} model, which cannot guess hidden words; choose an encoder "
                "of BERT's kind, or `offline`"
            )
        if dropout is not None:
            _set_dropout(config, base, dropout)
        with _quiet_transformers():
            model, report = AutoModelForMaskedLM.from_pretrained(base, config=config, output_loading_info=True)
    except (OSError, ValueError) as error:
        raise _unavailable(base, error) from error
    head = "a new head for hidden words" if report["missing_keys"] else "its own head for hidden words"
    _log.info("base %s: %.1f M parameters, %s", base, model.num_parameters() / 1e6, head)
    loaded: PreTrainedModel = model
    return loaded


def _set_dropout(config: PreTrainedConfig, base: str, dropout: float) -> None:
    if not hasattr(config, "hidden_dropout_prob"):
        raise BaseEncoderError(
            f"base {base!r} is a {config.model_type} model, whose dropout is not set by hidden_dropout_prob as BERT's "
            "is; give `dropout: null`"
        )
    config.hidden_dropout_prob = dropout


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Keep transformers from calling a base corrupted that has no head for hidden words."""
    before = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        transformers_logging.set_verbosity(before)


def _unavailable(base: str, error: Exception) -> BaseEncoderError:
    reason = str(error).strip().splitlines()[0]
    return BaseEncoderError(
        f"base {base!r} cannot be opened: {reason}. Give `base:` a local folder with config.json, weights and "
        "tokenizer, a hub name that this machine can reach (is HF_HUB_OFFLINE set?), or `offline`"
    )
