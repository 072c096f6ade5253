"""Adapt a base encoder to plain text: go on with its masked-language-model training, then fine-tune from it.

    python -m aqwal.training.adapt --config configs/adapt.yaml [--steps 500 …]
    accelerate launch -m aqwal.training.adapt --config configs/adapt.yaml [--resume auto …]

The adapted encoder is OUTPUT_DIR/base; give it as `base:` to `train.py`. docs/adapt.md tells more.
"""

import logging
import sys
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.logging import get_logger
from accelerate.utils import GradientAccumulationPlugin, set_seed

from aqwal.annotations.atomic import write_text
from aqwal.serving.model_folder import file_sha256
from aqwal.training.adapt.adaptation import Adaptation
from aqwal.training.adapt.config import DEFAULT_CONFIG, AdaptConfig
from aqwal.training.adapt.encoded_text import encode_text
from aqwal.training.adapt.progress import Progress
from aqwal.training.adapt.text_stream import TextStream
from aqwal.training.bases import BaseEncoderError, load_tokenizer, resolve_base
from aqwal.training.checkpoints import CheckpointError, Checkpoints
from aqwal.training.config import PROJECT_ROOT, parse_config
from aqwal.training.data import find_files, shown_path
from aqwal.training.logs import start_logging
from aqwal.training.loop.figures import DivergedError
from aqwal.training.loop.stopping import StopSignals, leave
from aqwal.training.offline_encoder import OfflineEncoderError
from aqwal.training.run_folder import METRICS_FILE, as_json, describe_run

BASE, CHECKPOINTS = "base", "checkpoints"
# What may differ between a run and the one that goes on with it.
_FREE_FIELDS = {"texts", "text_cache", "output_dir", "save_every", "log_every", "held_out_windows", "resume"}
_log = get_logger(__name__)


def main(arguments: list[str] | None = None) -> None:
    """Run one adaptation from the command line."""
    start_logging()
    # It warns at each checkpoint that head and embeddings share a table, as they must.
    logging.getLogger("accelerate.utils.other").setLevel(logging.ERROR)
    config = parse_config(arguments, DEFAULT_CONFIG, AdaptConfig, "Adapt a base encoder to plain text.")
    try:
        adapt(config)
    except (BaseEncoderError, CheckpointError, DivergedError, OfflineEncoderError, OSError, ValueError) as error:
        sys.exit(f"adapt: {error}")


def adapt(config: AdaptConfig) -> list[dict[str, Any]]:
    """Train as the configuration says and fill its run folder.

    Returns:
        What `metrics.json` holds: an entry a report, with the loss of a hidden sub-token.

    Raises:
        CheckpointError: If a checkpoint cannot be written, or none is whole.
        DivergedError: If the loss is no number any more.
        SystemExit: With 128 and the signal's number, after SIGTERM or Ctrl-C and once all is saved.
        ValueError: If the text, the base or an earlier checkpoint does not fit the configuration.
    """
    run = PROJECT_ROOT / Path(config.output_dir).expanduser()
    accelerator = Accelerator(
        # The configuration's count also where a launcher has set another.
        gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=config.gradient_accumulation_steps),
        mixed_precision=config.mixed_precision,
        log_with="tensorboard",
        project_dir=run,
    )
    set_seed(config.seed)
    files = find_files(config.texts, PROJECT_ROOT)
    hashes = {shown_path(path, PROJECT_ROOT): file_sha256(path) for path in files}
    with accelerator.main_process_first():
        base = resolve_base(config.base, PROJECT_ROOT)
    # Outside: one process encodes, and at a barrier the others would give up on a long text.
    cache = PROJECT_ROOT / Path(config.text_cache).expanduser()
    text = encode_text(files, load_tokenizer(base), config.held_out, cache)
    stream = TextStream(text, config.seed, accelerator.process_index, accelerator.num_processes)
    data = {"files": hashes, **_count(stream)}
    adaptation = Adaptation(config, accelerator, base, stream)

    checkpoints = Checkpoints(run / CHECKPOINTS, accelerator, _origin(config, accelerator, list(hashes.values())))
    described = checkpoints.begin(config.resume)
    progress = Progress() if described is None else Progress.from_dict(described, accelerator)
    if accelerator.is_main_process:
        describe_run(run, config, data)
    # Curves of steps that were done and not saved are hidden.
    accelerator.init_trackers("tensorboard", init_kwargs={"tensorboard": {"purge_step": progress.step + 1}})
    with StopSignals() as stop:
        for step in adaptation.steps(progress):
            if accelerator.is_main_process and progress.is_reported:
                write_text(run / METRICS_FILE, as_json({"reports": progress.history}))
            signal = stop.agreed()
            if signal or config.is_checkpoint(step):
                adaptation.read(progress)
                saved = checkpoints.save(progress.as_dict())
            if signal:
                leave(accelerator, signal, step, saved)
    adaptation.save_base(run / BASE)
    accelerator.end_training()
    return progress.history


def _count(stream: TextStream) -> dict[str, int]:
    """Count what there is to train on, so that too little shows now."""
    counts = stream.count()
    _log.info("%(articles)d articles with %(words)d words to train on", counts)
    return counts


def _origin(config: AdaptConfig, accelerator: Accelerator, hashes: list[str]) -> dict[str, Any]:
    """Return all that decides a run, as plain data; processes do, as each reads its own part of the text."""
    fields = config.model_dump(mode="json", exclude=_FREE_FIELDS)
    return {"text_sha256": hashes, "processes": accelerator.num_processes, **fields}
