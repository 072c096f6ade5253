"""Turn a run folder into a model folder: ONNX, quantised, checked, with its card.

    python -m aqwal.training.export RUN_DIR MODEL_DIR [--fp32]

The model is exported only if the gate holds: torch and fp32 ONNX agree in numbers and in decoded
spans, and int8 finds nearly the same spans as fp32.
"""

import json
import logging
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
import yaml
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from aqwal.annotations.atomic import write_text
from aqwal.annotations.page import Page
from aqwal.annotations.records import Document
from aqwal.annotations.templates import render_template
from aqwal.serving.encoding import WordEncoder
from aqwal.serving.model_folder import (
    CARD_FILE,
    FORMAT_VERSION,
    MODEL_FILES,
    SETTINGS_FILE,
    TOKENIZER_FILE,
    file_sha256,
)
from aqwal.serving.normalization import NORMALIZATION_VERSION
from aqwal.training.config import PROJECT_ROOT, TrainConfig
from aqwal.training.data import PARTS, load_documents
from aqwal.training.gate import ExportError, pass_gate
from aqwal.training.logs import start_logging
from aqwal.training.model import SpanTagger
from aqwal.training.quantization import prepare, quantize
from aqwal.training.run_folder import CONFIG_FILE, DATA_FILE, METRICS_FILE, VERSIONS_FILE, check_finished
from aqwal.training.train import CHECKPOINT

_OPSET = 17
_CARD_TEMPLATE = Path(__file__).with_name("model_card.md.j2")
_CALIBRATION_WINDOWS = 48
_log = logging.getLogger("aqwal.training.export")


def export_model(run: Path, model_dir: Path, keep_fp32: bool = False) -> dict[str, Any]:
    """Export a run's checkpoint to a model folder, replacing an older one only when all checks hold.

    Args:
        run: A run folder of `train.py`.
        model_dir: Where the model folder is to be.
        keep_fp32: Leave `model.fp32.onnx` in the folder.

    Returns:
        The figures of the gate and the scores on the run's documents.

    Raises:
        FileNotFoundError: If the run folder is incomplete.
        ExportError: If a check fails; `model_dir` is then as it was.
    """
    config, documents = read_run_folder(run)
    tagger = SpanTagger.load(run / CHECKPOINT, attn_implementation="eager")
    tokenizer = Tokenizer.from_file(str(run / CHECKPOINT / TOKENIZER_FILE))
    model_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=model_dir.parent, prefix=f".{model_dir.name}.") as scratch:
        folder = Path(scratch) / "model"
        folder.mkdir()
        tokenizer.save(str(folder / TOKENIZER_FILE))
        encoder = WordEncoder(tokenizer, config.max_length, config.overlap)
        write_onnx(tagger.classifier, folder / MODEL_FILES["fp32"])
        write_onnx(
            prepare(tagger.classifier, calibration_windows(encoder, documents["train"])),
            Path(scratch) / "prepared.onnx",
        )
        quantize(Path(scratch) / "prepared.onnx", folder / MODEL_FILES["int8"])
        write_settings(folder, run, config, tagger, {})
        figures = pass_gate(folder, tagger, encoder, documents)
        if not keep_fp32:
            (folder / MODEL_FILES["fp32"]).unlink()
        settings = write_settings(folder, run, config, tagger, figures)
        write_text(folder / CARD_FILE, render_template(_CARD_TEMPLATE, settings))
        _replace(model_dir, folder)
    return figures


def read_run_folder(run: Path) -> tuple[TrainConfig, dict[str, list[Document]]]:
    """Return the configuration of a finished run and its documents by part.

    Raises:
        FileNotFoundError: If the run folder is incomplete, or a file of its documents is missing.
        ValueError: If a file is not as the run had it.
    """
    check_finished(run, (f"{CHECKPOINT}/config.json", f"{CHECKPOINT}/{TOKENIZER_FILE}"))
    config = TrainConfig(**yaml.safe_load((run / CONFIG_FILE).read_text(encoding="utf-8")))
    data = json.loads((run / DATA_FILE).read_text(encoding="utf-8"))
    files = load_documents(config.documents, PROJECT_ROOT, config.scheme, config.file_format)
    if changed := [name for name, sha256 in data["files"].items() if files.hashes.get(name) != sha256]:
        raise ValueError(
            f"{run}: files {', '.join(changed[:5])} ({len(changed)} in all) are not as the run had them; bring them "
            "back, or train anew"
        )
    known, ids = {document.id: document for document in files.documents}, data["documents"]
    return config, {part: [known[identifier] for identifier in ids[part]] for part in PARTS}


def calibration_windows(encoder: WordEncoder, documents: Sequence[Document]) -> list[torch.Tensor]:
    """Return windows of documents, from all of them alike, [1, tokens] each, for `prepare`."""
    windows = [window for document in documents for window in encoder.encode(Page(document.text))]
    step = -(-len(windows) // _CALIBRATION_WINDOWS)
    return [torch.from_numpy(window.input_ids)[None] for window in windows[::step]]


def write_onnx(classifier: PreTrainedModel, path: Path) -> None:
    """Write a classifier as fp32 ONNX: `input_ids`, `attention_mask` [batch, tokens] → `logits`."""
    # Two rows of unequal length, so that nothing about the batch or the mask is baked in.
    ids = torch.ones(2, 16, dtype=torch.long)
    mask = torch.ones_like(ids)
    mask[1, 9:] = 0
    axes = {0: "batch", 1: "tokens"}
    with warnings.catch_warnings():
        # The exporter says of itself that it is the older one; it is chosen, as attention fuses only from
        # it. What tracing may bake in, the gate would notice.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            classifier,
            (ids, mask),
            str(path),
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes=dict.fromkeys(("input_ids", "attention_mask", "logits"), axes),
            opset_version=_OPSET,
            dynamo=False,
        )


def write_settings(
    folder: Path, run: Path, config: TrainConfig, tagger: SpanTagger, figures: dict[str, Any]
) -> dict[str, Any]:
    """Write what a model folder says of itself, its other files being there; return it.

    Args:
        folder: The model folder.
        run: The run folder that it is made from.
        config: The run's configuration.
        tagger: Its checkpoint.
        figures: What the gate found.
    """
    decoder = tagger.decoder()
    names = [TOKENIZER_FILE, *MODEL_FILES.values()]
    settings = {
        "format": FORMAT_VERSION,
        "scheme": config.scheme,
        "normalization": NORMALIZATION_VERSION,
        "labels": list(decoder.labels),
        "tags": decoder.tag_set.name,
        "max_length": config.max_length,
        "overlap": config.overlap,
        "transitions": {name: getattr(decoder.transitions, name).tolist() for name in ("start", "step", "end")},
        "temperatures": decoder.temperatures.tolist(),
        "thresholds": decoder.thresholds.tolist(),
        "files": {name: file_sha256(folder / name) for name in names if (folder / name).is_file()},
        "exported": {"aqwal": version("aqwal"), "date": date.today().isoformat(), **figures},
        "training": {
            "config": config.model_dump(mode="json"),
            "data": json.loads((run / DATA_FILE).read_text(encoding="utf-8")),
            "versions": json.loads((run / VERSIONS_FILE).read_text(encoding="utf-8")),
            "kept": json.loads((run / METRICS_FILE).read_text(encoding="utf-8"))["kept"],
        },
    }
    write_text(folder / SETTINGS_FILE, json.dumps(settings, ensure_ascii=False, indent=1) + "\n")
    return settings


def _replace(target: Path, folder: Path) -> None:
    """Put the finished folder in place; the old one goes only after the new one is complete."""
    if target.exists():
        old = folder.parent / "old"
        target.rename(old)
        folder.rename(target)
        shutil.rmtree(old)
    else:
        folder.rename(target)


def main(
    run_dir: Annotated[Path, typer.Argument(help="Run folder of train.py.")],
    model_dir: Annotated[Path, typer.Argument(help="Model folder to write; an older one is replaced.")],
    fp32: Annotated[bool, typer.Option(help="Keep model.fp32.onnx too.")] = False,
) -> None:
    """Export a run to a model folder and check it."""
    start_logging()
    try:
        figures = export_model(run_dir, model_dir, fp32)
    except (ExportError, OSError, ValueError) as error:
        raise SystemExit(f"export: {error}") from error
    _log.info(
        "%s: torch and ONNX differ by at most %.1e, int8 spans agree with fp32 spans to F1 %.4f",
        model_dir,
        figures["largest_logit_difference"],
        figures["int8_span_agreement"]["all"],
    )


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command()(main)
    app()
