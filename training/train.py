"""Fine-tune a token classifier on annotated documents.

    accelerate launch training/train.py --config configs/arabert.yaml [--epochs 10 …]

From inside training/: `accelerate launch train.py`. `--config` defaults to configs/arabert.yaml.
"""

import math
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.logging import get_logger
from accelerate.utils import gather_object, set_seed
from torch.optim import AdamW
from torch.utils.data import DataLoader
from tqdm.auto import tqdm
from transformers import get_linear_schedule_with_warmup
from transformers.trainer_pt_utils import LengthGroupedSampler

from aqwal.annotations.atomic import write_text
from aqwal.annotations.records import AnnotationError, Document
from aqwal.serving.encoding import WordEncoder
from aqwal.serving.model_folder import TOKENIZER_FILE
from aqwal.serving.tags import TagSet
from aqwal.training.bases import BaseEncoderError, load_model, load_tokenizer, resolve_base
from aqwal.training.config import DEFAULT_CONFIG, PROJECT_ROOT, TrainConfig, parse_config
from aqwal.training.data import IGNORED, PARTS, collate, encode_documents, load_documents, split_documents
from aqwal.training.logs import start_logging
from aqwal.training.metrics import score
from aqwal.training.model import SpanTagger, answer_documents
from aqwal.training.offline_encoder import OfflineEncoderError
from aqwal.training.run_folder import METRICS_FILE, as_json, describe_run

CHECKPOINT = "checkpoint"
# Below this many training documents a development set is too small to choose an epoch by.
_LEAST_DOCUMENTS_TO_CHOOSE = 40
# How transformers names the parameters of encoder layers.
_LAYER = re.compile(r"\.layers?\.(\d+)\.")
_log = get_logger("aqwal.training.train")


def main(arguments: list[str] | None = None) -> None:
    """Run one training from the command line."""
    start_logging()
    config = parse_config(arguments, DEFAULT_CONFIG, TrainConfig)
    try:
        train(config)
    except (AnnotationError, BaseEncoderError, OfflineEncoderError, FileNotFoundError, ValueError) as error:
        sys.exit(f"train.py: {error}")


def train(config: TrainConfig) -> dict[str, Any]:
    """Train as the configuration says and fill its run folder.

    Returns:
        The metrics that were written: one entry an epoch, and which epoch's weights were kept.

    Raises:
        ValueError: If the data does not fit the configuration.
    """
    run = config.path(config.output_dir)
    accelerator = Accelerator(mixed_precision=config.mixed_precision, log_with="tensorboard", project_dir=run)
    accelerator.init_trackers("tensorboard")
    set_seed(config.seed)

    files = load_documents(config.documents, PROJECT_ROOT, config.scheme, config.file_format)
    parts = split_documents(files.documents, config.path(config.splits) if config.splits else None)
    _check_choice(config, parts)
    if accelerator.is_main_process:
        ids = {part: [document.id for document in parts[part]] for part in PARTS}
        describe_run(run, config, {"files": files.hashes, "documents": ids})

    with accelerator.main_process_first():
        base = resolve_base(config.base, PROJECT_ROOT)
    tokenizer = load_tokenizer(base)
    encoder = WordEncoder(tokenizer, config.max_length, config.overlap)
    tag_set = TagSet(config.tags)
    classifier = load_model(base, config.labels, tag_set, config.dropout, config.attention_dropout)
    model = SpanTagger(
        classifier,
        config.labels,
        tag_set,
        config.loss == "crf",
        config.calibration,
        config.hidden_share,
        encoder.unknown,
        config.scheme,
    )
    if config.freeze_embeddings:
        classifier.get_input_embeddings().requires_grad_(False)
    windows = encode_documents(parts["train"], encoder, config.labels, tag_set)
    pad_id = model.classifier.config.pad_token_id or 0
    # Windows of like length share an optimizer step, so that little of it is padding; which ones is random.
    step_size = config.batch_size * config.gradient_accumulation_steps * accelerator.num_processes
    sampler = LengthGroupedSampler(step_size, lengths=[len(ids) for ids in windows["input_ids"]])
    loader = DataLoader(windows, config.batch_size, sampler=sampler, collate_fn=partial(collate, pad_id=pad_id))

    optimizer = AdamW(_parameter_groups(model, config), fused=True)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    steps = config.epochs * math.ceil(len(loader) / config.gradient_accumulation_steps)
    schedule = get_linear_schedule_with_warmup(  # type: ignore[no-untyped-call]
        optimizer, round(config.warmup * steps), steps
    )
    _log.info(
        "%d documents, %d windows, %d optimizer steps in %d epochs",
        len(parts["train"]),
        len(windows),
        steps,
        config.epochs,
    )

    history: list[dict[str, Any]] = []
    kept: dict[str, Any] = {}
    for epoch in range(1, config.epochs + 1):
        loss = _train_epoch(accelerator, model, optimizer, schedule, loader, config, epoch)
        scores = evaluate_documents(accelerator, model, encoder, parts["development"])
        history.append({"epoch": epoch, "loss": loss, "development": scores})
        accelerator.log({"loss": loss, **_flat(scores)}, step=epoch)
        if (config.keep == "last" and epoch == config.epochs) or (config.keep == "best" and _is_best(history)):
            kept = {"epoch": epoch, "development": scores}
            if accelerator.is_main_process:
                accelerator.unwrap_model(model).save(run / CHECKPOINT)
                tokenizer.save(str(run / CHECKPOINT / TOKENIZER_FILE))
        if accelerator.is_main_process:
            write_text(run / METRICS_FILE, as_json({"epochs": history, "kept": kept}))
    _log.info("kept epoch %d (%s): %s", kept["epoch"], config.keep, run / CHECKPOINT)
    accelerator.end_training()
    return {"epochs": history, "kept": kept}


def _train_epoch(
    accelerator: Accelerator,
    model: torch.nn.Module,
    optimizer: Any,
    schedule: Any,
    loader: Any,
    config: TrainConfig,
    epoch: int,
) -> float:
    """Pass once over the windows; return the mean loss of a word."""
    model.train()
    total_loss = total_words = 0.0
    steps = math.ceil(len(loader) / config.gradient_accumulation_steps)
    progress = tqdm(
        _in_groups(loader, config.gradient_accumulation_steps),
        desc=f"epoch {epoch}/{config.epochs}",
        total=steps,
        disable=not accelerator.is_local_main_process,
    )
    for batches in progress:
        # The loss is a sum over the words of the whole optimizer step, whatever process or forward
        # pass they are in; dividing pass by pass would weigh words of short windows more.
        labelled = sum((batch["tags"] != IGNORED).sum() for batch in batches)
        words = accelerator.gather(labelled).sum() / len(config.labels)
        for number, batch in enumerate(batches, 1):
            with accelerator.no_sync(model) if number < len(batches) else nullcontext():
                loss = model(batch)
                # DDP averages gradients over processes where a sum is wanted.
                accelerator.backward(loss * accelerator.num_processes / words)
            total_loss += accelerator.gather(loss.detach()).sum().item()
        accelerator.clip_grad_norm_(model.parameters(), config.max_gradient_norm)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        total_words += words.item()
        progress.set_postfix(loss=f"{total_loss / total_words:.4f}")
    return total_loss / total_words


def _in_groups(batches: Iterable[Any], size: int) -> Iterator[list[Any]]:
    group: list[Any] = []
    for batch in batches:
        group.append(batch)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def evaluate_documents(
    accelerator: Accelerator, model: torch.nn.Module, encoder: WordEncoder, documents: list[Document]
) -> dict[str, Any]:
    """Score the model on documents, shared out among the processes; nothing for no documents."""
    if not documents:
        return {}
    tagger = accelerator.unwrap_model(model).eval()
    with accelerator.split_between_processes(documents) as mine:
        answers = answer_documents(tagger, encoder, mine)
    return score(gather_object(answers), tagger.labels)


def _parameter_groups(model: SpanTagger, config: TrainConfig) -> list[dict[str, Any]]:
    """Return AdamW's groups: encoder, head and transitions with their rates, decay on matrices only."""
    depth = model.classifier.config.num_hidden_layers
    groups: dict[tuple[float, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if name.startswith("chains."):
            rate, decays = config.transition_rate, False
        else:
            head = name.startswith("classifier.classifier.")
            rate = config.head_rate if head else _encoder_rate(name, depth, config)
            decays = parameter.ndim > 1
        groups.setdefault((rate, decays), []).append(parameter)
    return [
        {"params": parameters, "lr": rate, "weight_decay": config.weight_decay if decays else 0.0}
        for (rate, decays), parameters in groups.items()
    ]


def _encoder_rate(name: str, depth: int, config: TrainConfig) -> float:
    """Return the rate of an encoder's parameter: the lower its layer, the less (Howard and Ruder 2018)."""
    layer = _LAYER.search(name)
    below_top = depth - 1 - int(layer.group(1)) if layer else depth
    return config.encoder_rate * config.layer_decay**below_top


def _check_choice(config: TrainConfig, parts: dict[str, list[Document]]) -> None:
    if not parts["train"]:
        raise ValueError("no document is left for training; check `documents` and `splits`")
    if config.keep == "best" and (not parts["development"] or len(parts["train"]) < _LEAST_DOCUMENTS_TO_CHOOSE):
        raise ValueError(
            f"keep: best needs development documents and {_LEAST_DOCUMENTS_TO_CHOOSE} or more for training; there are "
            f"{len(parts['development'])} and {len(parts['train'])}: use keep: last"
        )


def _is_best(history: list[dict[str, Any]]) -> bool:
    scores = [entry["development"]["macro_f1"] for entry in history]
    return bool(scores[-1] > max(scores[:-1], default=-1.0))


def _flat(scores: dict[str, Any]) -> dict[str, float]:
    """Return exact F1 per label and macro, named for TensorBoard."""
    if not scores:
        return {}
    named = {f"development/{label}_f1": row["f1"] for label, row in scores["labels"].items()}
    return {**named, "development/macro_f1": scores["macro_f1"]}


if __name__ == "__main__":
    main()
