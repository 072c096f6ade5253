"""Fine-tune a token classifier on annotated documents.

    accelerate launch training/train.py --config configs/arabert.yaml [--resume auto] [--epochs 10 …]

From inside training/: `accelerate launch train.py`. `--config` defaults to configs/arabert.yaml. docs/training.md tells
how to go on after a stop and how to run on several GPUs.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import yaml
from accelerate import Accelerator
from accelerate.logging import get_logger
from accelerate.utils import GradientAccumulationPlugin, gather_object, set_seed
from datasets import Dataset
from tokenizers import Tokenizer

from aqwal.annotations.atomic import write_text
from aqwal.annotations.records import AnnotationError, Document
from aqwal.serving.encoding import WordEncoder
from aqwal.serving.model_folder import TOKENIZER_FILE
from aqwal.serving.tags import TagSet
from aqwal.training.bases import BaseEncoderError, load_model, load_tokenizer, resolve_base
from aqwal.training.checkpoints import CheckpointError, Checkpoints, written_whole
from aqwal.training.config import DEFAULT_CONFIG, PROJECT_ROOT, TrainConfig, parse_config
from aqwal.training.data import (
    describe_data,
    encode_documents,
    load_documents,
    split_documents,
    tell_of_labels,
)
from aqwal.training.dataset_cache import cached_windows
from aqwal.training.logs import start_logging
from aqwal.training.loop.figures import DivergedError
from aqwal.training.loop.fine_tuning import FineTuning
from aqwal.training.loop.progress import Progress
from aqwal.training.loop.stopping import StopSignals, leave
from aqwal.training.metrics import score
from aqwal.training.model import CONFIG_KEY, SpanTagger, answer_documents
from aqwal.training.offline_encoder import OfflineEncoderError
from aqwal.training.origin import deciding_fields
from aqwal.training.run_folder import CONFIG_FILE, METRICS_FILE, as_json, describe_run, write_config
from aqwal.training.spelling import respell_documents

CHECKPOINT, CHECKPOINTS, CURVES = "checkpoint", "checkpoints", "tensorboard"
# What a training raises for reasons that a person can mend.
TRAINING_ERRORS = (
    AnnotationError,
    BaseEncoderError,
    CheckpointError,
    DivergedError,
    OfflineEncoderError,
    OSError,
    ValueError,
)
# Below this many training documents a development set is too small to choose an epoch by.
_LEAST_DOCUMENTS_TO_CHOOSE = 40
_log = get_logger("aqwal.training.train")


def main(arguments: list[str] | None = None) -> None:
    """Run one training from the command line."""
    start_logging()
    config = parse_config(arguments, DEFAULT_CONFIG, TrainConfig)
    try:
        train(config)
    except TRAINING_ERRORS as error:
        sys.exit(f"train.py: {error}")


def train(config: TrainConfig) -> dict[str, Any]:
    """Train as the configuration says and fill its run folder.

    Returns:
        The metrics that were written: one entry an epoch, and which epoch's weights were kept.

    Raises:
        CheckpointError: If a checkpoint cannot be written, or none is whole.
        DivergedError: If the loss is no number any more.
        SystemExit: With 128 and the signal's number, after SIGTERM or Ctrl-C and once all is saved.
        ValueError: If the data or an earlier checkpoint does not fit the configuration.
    """
    run = config.path(config.output_dir)
    accelerator = _make_accelerator(config)
    set_seed(config.seed)
    files = load_documents(config.documents, PROJECT_ROOT, config.scheme, config.file_format)
    parts = split_documents(files.documents, config.path(config.splits) if config.splits else None)
    _check_choice(config, parts)
    data = describe_data(files, parts)

    checkpoints = Checkpoints(run / CHECKPOINTS, accelerator, _origin(config, data))
    if config.resume == "auto" and (run / CHECKPOINT).is_dir() and (finished := checkpoints.finished()) is not None:
        _log.info("%s is finished; to train anew, give --resume never or another output_dir", run)
        if accelerator.is_main_process:
            recalibrate(run, config)
        return Progress(**finished).metrics

    with accelerator.main_process_first():
        base = resolve_base(config.base, PROJECT_ROOT)
    tokenizer = load_tokenizer(base)
    encoder = WordEncoder(tokenizer, config.max_length, config.overlap)
    tagger = _make_tagger(config, base, encoder.unknown)
    windows = _windows(config, parts["train"], encoder, tagger.tag_set)
    if not len(windows):
        raise ValueError("the documents for training have no words; check `documents` and `splits`")
    tuning = FineTuning(config, accelerator, tagger, windows)
    # Each process draws its own dropout; the weights, made before, are the same.
    set_seed(config.seed, device_specific=True)

    before = checkpoints.begin(config.resume)
    progress = Progress(**(before or {}))
    if accelerator.is_main_process:
        if before is None:
            # Until it has weights of its own, the folder must not pass for the finished run that lay there.
            (run / METRICS_FILE).unlink(missing_ok=True)
        describe_run(run, config, data)
    # Curves of steps that were done and not saved are hidden.
    accelerator.init_trackers(CURVES, init_kwargs={"tensorboard": {"purge_step": progress.step + 1}})
    numbers = len(parts["train"]), len(windows), tuning.total_steps, config.epochs, accelerator.num_processes
    _log.info("%d documents, %d windows, %d optimizer steps in %d epochs, processes: %d", *numbers)

    with StopSignals() as stop:
        while progress.epoch <= config.epochs:
            _train_epoch(accelerator, tuning, progress, checkpoints, config.save_every, stop)
            tagger = tuning.whole_tagger()
            progress.end_epoch(evaluate_documents(accelerator, tagger, encoder, parts["development"]))
            if progress.epoch > config.epochs if config.keep == "last" else progress.is_best:
                progress.keep()
                _save_weights(accelerator, tagger, tokenizer, run / CHECKPOINT)
                if config.keep == "best":
                    # A run that is killed goes on from here, and does not come to this epoch with other weights again.
                    checkpoints.save(progress.as_dict())
            _report(accelerator, progress, run / METRICS_FILE)
        checkpoints.finish(progress.as_dict())
        if signal := stop.agreed():
            leave(accelerator, signal, progress.step, run / CHECKPOINT)
    _log.info("kept epoch %d (%s): %s", progress.kept["epoch"], config.keep, run / CHECKPOINT)
    accelerator.end_training()
    return progress.metrics


def _train_epoch(
    accelerator: Accelerator,
    tuning: FineTuning,
    progress: Progress,
    checkpoints: Checkpoints,
    save_every: int,
    stop: StopSignals,
) -> None:
    """Train through the rest of the running epoch; save now and then, and leave once a signal asks for it."""
    begun = time.perf_counter() - progress.seconds
    for step in tuning.steps(progress):
        progress.seconds = time.perf_counter() - begun
        signal = stop.agreed()
        if not signal and step % save_every:
            continue
        tuning.read(progress)
        saved = checkpoints.save(progress.as_dict())
        if signal:
            leave(accelerator, signal, step, saved)


def _make_accelerator(config: TrainConfig) -> Accelerator:
    # The passes of a step are ours to count: a launcher's setting would divide the loss once more.
    accelerator = Accelerator(
        mixed_precision=config.mixed_precision,
        log_with="tensorboard",
        project_dir=config.path(config.output_dir),
        gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=1),
    )
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started != accelerator.num_processes:
        raise ValueError(
            f"{started} processes were started, and each would train alone; on a CPU set ACCELERATE_USE_CPU=true, and "
            "see docs/training.md"
        )
    if config.batch_size < accelerator.num_processes:
        raise ValueError(
            f"batch_size {config.batch_size} is less than the {accelerator.num_processes} processes that share it; it "
            "counts the windows of a whole optimizer step"
        )
    return accelerator


def _origin(config: TrainConfig, data: dict[str, Any]) -> dict[str, Any]:
    """Return all that decides a run, as plain data; where the files lie does not."""
    return {**deciding_fields(config), "files": list(data["files"].values()), "documents": data["documents"]}


def _make_tagger(config: TrainConfig, base: str, hidden_id: int) -> SpanTagger:
    tag_set = TagSet(config.tags)
    classifier = load_model(base, config.labels, tag_set, config.dropout, config.attention_dropout)
    if config.freeze_embeddings:
        classifier.get_input_embeddings().requires_grad_(False)
    return SpanTagger(
        classifier,
        config.labels,
        tag_set,
        config.loss == "crf",
        config.calibration,
        config.hidden_share,
        hidden_id,
        config.scheme,
    )


def recalibrate(run: Path, config: TrainConfig) -> None:
    """Bring a finished run up to the configuration's temperatures and thresholds, which decided no training."""
    path = run / CHECKPOINT / "config.json"
    described = json.loads(path.read_text(encoding="utf-8"))
    described[CONFIG_KEY]["calibration"] = config.calibration
    write_text(path, as_json(described))
    before = TrainConfig(**yaml.safe_load((run / CONFIG_FILE).read_text(encoding="utf-8")))
    write_config(run, before.model_copy(update={"temperatures": config.temperatures, "thresholds": config.thresholds}))


def _windows(config: TrainConfig, documents: list[Document], encoder: WordEncoder, tag_set: TagSet) -> Dataset:
    tell_of_labels(documents, config.labels)
    documents = respell_documents(documents, config.respelled_share, config.spelling_seed)
    if config.window_cache is None:
        return encode_documents(documents, encoder, config.labels, tag_set)
    return cached_windows(documents, encoder, config.labels, tag_set, config.path(config.window_cache))


def _save_weights(accelerator: Accelerator, tagger: SpanTagger, tokenizer: Tokenizer, folder: Path) -> None:
    with written_whole(folder, accelerator) as unfinished:
        if accelerator.is_main_process:
            tagger.save(unfinished)
            tokenizer.save(str(unfinished / TOKENIZER_FILE))


def _report(accelerator: Accelerator, progress: Progress, path: Path) -> None:
    """Add the last epoch to the curves and the metrics."""
    last = progress.epochs[-1]
    accelerator.log({"loss": last["loss"], **_flat(last["development"])}, step=progress.step)
    if accelerator.is_main_process:
        write_text(path, as_json(progress.metrics))


def evaluate_documents(
    accelerator: Accelerator, tagger: SpanTagger, encoder: WordEncoder, documents: list[Document]
) -> dict[str, Any]:
    """Score the model on documents, shared out among the processes, each once; nothing for no documents."""
    if not documents:
        return {}
    mine = documents[accelerator.process_index :: accelerator.num_processes]
    return score(gather_object(answer_documents(tagger, encoder, mine)), tagger.labels)


def _check_choice(config: TrainConfig, parts: dict[str, list[Document]]) -> None:
    if not parts["train"]:
        raise ValueError("no document is left for training; check `documents` and `splits`")
    if config.keep == "best" and (not parts["development"] or len(parts["train"]) < _LEAST_DOCUMENTS_TO_CHOOSE):
        raise ValueError(
            f"keep: best needs development documents and {_LEAST_DOCUMENTS_TO_CHOOSE} or more for training; there are "
            f"{len(parts['development'])} and {len(parts['train'])}: use keep: last"
        )


def _flat(scores: dict[str, Any]) -> dict[str, float]:
    """Return exact F1 per label and macro, named for TensorBoard."""
    if not scores:
        return {}
    named = {f"development/{label}_f1": row["f1"] for label, row in scores["labels"].items()}
    return {**named, "development/macro_f1": scores["macro_f1"]}


if __name__ == "__main__":
    main()
