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

import numpy as np
import onnx
import onnxruntime as ort
import torch
import typer
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer

from aqwal.annotations.atomic import write_text
from aqwal.annotations.page import Page
from aqwal.annotations.records import Document
from aqwal.annotations.scheme import SCHEME
from aqwal.annotations.scoring import exact_score, total
from aqwal.serving import Prediction, Predictor
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
from aqwal.training.data import PARTS, collate, load_documents
from aqwal.training.logs import start_logging
from aqwal.training.metrics import Answered, as_annotation, score
from aqwal.training.model import SpanTagger
from aqwal.training.train import CHECKPOINT, CONFIG_FILE, DATA_FILE, METRICS_FILE, VERSIONS_FILE

# The gate. Tolerances of fp32 logits between torch and ONNX Runtime, and the least F1 of int8
# spans against fp32 spans.
ABSOLUTE_TOLERANCE, RELATIVE_TOLERANCE = 1e-4, 1e-3
LEAST_INT8_AGREEMENT = 0.97
_OPSET = 17
_log = logging.getLogger("aqwal.training.export")


class ExportError(RuntimeError):
    """A model that must not be served; the message says which check it failed and by how much."""


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
    config, documents = _read_run(run)
    tagger = SpanTagger.load(run / CHECKPOINT, attn_implementation="eager")
    tokenizer = Tokenizer.from_file(str(run / CHECKPOINT / TOKENIZER_FILE))
    model_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=model_dir.parent, prefix=f".{model_dir.name}.") as scratch:
        folder = Path(scratch) / "model"
        folder.mkdir()
        tokenizer.save(str(folder / TOKENIZER_FILE))
        write_onnx(tagger, folder / MODEL_FILES["fp32"])
        quantise(folder / MODEL_FILES["fp32"], folder / MODEL_FILES["int8"])
        _write_settings(folder, run, config, tagger, {})
        figures = _check(folder, tagger, WordEncoder(tokenizer, config.max_length, config.overlap), documents)
        if not keep_fp32:
            (folder / MODEL_FILES["fp32"]).unlink()
        settings = _write_settings(folder, run, config, tagger, figures)
        write_text(folder / CARD_FILE, _card(settings))
        _replace(model_dir, folder)
    return figures


def _read_run(run: Path) -> tuple[TrainConfig, dict[str, list[Document]]]:
    for name in (CONFIG_FILE, DATA_FILE, METRICS_FILE, f"{CHECKPOINT}/config.json", f"{CHECKPOINT}/{TOKENIZER_FILE}"):
        if not (run / name).is_file():
            raise FileNotFoundError(f"{run / name} is missing; is {run} the folder of a finished run?")
    config = TrainConfig(**yaml.safe_load((run / CONFIG_FILE).read_text(encoding="utf-8")))
    ids = json.loads((run / DATA_FILE).read_text(encoding="utf-8"))["documents"]
    known = {document.id: document for document in load_documents(config.documents, PROJECT_ROOT).documents}
    return config, {part: [known[identifier] for identifier in ids[part]] for part in PARTS}


def write_onnx(tagger: SpanTagger, path: Path) -> None:
    """Write the classifier as fp32 ONNX: `input_ids`, `attention_mask` [batch, tokens] → `logits`."""
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
            tagger.classifier,
            (ids, mask),
            str(path),
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes=dict.fromkeys(("input_ids", "attention_mask", "logits"), axes),
            opset_version=_OPSET,
            dynamo=False,
        )


def quantise(source: Path, target: Path) -> None:
    """Quantise the matrix products to int8 per channel, but for the feed-forward's way down.

    Those twelve matrices lose most of the accuracy that int8 costs (docs/export.md); they stay fp32.
    """
    down = [node.name for node in onnx.load(source).graph.node if node.op_type == "MatMul" and _is_ffn_down(node.name)]
    if not down:
        raise ExportError(
            f"{source} has no feed-forward output matrices by the names expected (…/layer.N/output/dense/MatMul)"
        )
    quantize_dynamic(
        source,
        target,
        op_types_to_quantize=["MatMul"],
        per_channel=True,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=down,
    )


def _is_ffn_down(name: str) -> bool:
    return name.endswith("/output/dense/MatMul") and "/attention/" not in name


def _check(
    folder: Path, tagger: SpanTagger, encoder: WordEncoder, documents: dict[str, list[Document]]
) -> dict[str, Any]:
    """Run the gate over all the run's documents and return its figures."""
    everything = [document for part in PARTS for document in documents[part]]
    full, small = Predictor(folder, "fp32"), Predictor(folder, "int8")
    difference = _compare_logits(tagger, full, encoder, everything)
    difference = max(difference, _compare_batch(tagger, folder / MODEL_FILES["fp32"], encoder, everything))
    answers = {"fp32": _answers(full, everything), "int8": _answers(small, everything)}
    agreement = _span_agreement(answers["fp32"], answers["int8"])
    if agreement < LEAST_INT8_AGREEMENT:
        raise ExportError(
            f"int8 spans against fp32 spans: F1 {agreement:.4f}, the gate asks for {LEAST_INT8_AGREEMENT}"
        )
    scores = {
        part: {
            precision: score([one for one in answered if one.document in documents[part]], tagger.labels)
            for precision, answered in answers.items()
        }
        for part in PARTS
        if documents[part]
    }
    for part, by_precision in scores.items():
        macro = {precision: result["macro_f1"] for precision, result in by_precision.items()}
        _log.info(
            "%s gold: macro F1 fp32 %.4f, int8 %.4f (%+.4f)",
            part,
            macro["fp32"],
            macro["int8"],
            macro["int8"] - macro["fp32"],
        )
    return {"largest_logit_difference": difference, "int8_span_agreement": agreement, "scores": scores}


def _compare_logits(tagger: SpanTagger, full: Predictor, encoder: WordEncoder, documents: Sequence[Document]) -> float:
    """Compare torch and fp32 ONNX document by document; return the largest difference of a logit."""
    decoder, largest = tagger.decoder(), 0.0
    for page in (Page(document.text) for document in documents):
        ours, theirs = tagger.emissions(page, encoder), full.emissions(page)
        largest = max(largest, _largest_difference(ours, theirs, page.text[:40]))
        if _spans(decoder.decode(page, ours)) != _spans(decoder.decode(page, theirs.astype(np.float64))):
            raise ExportError(f"torch and ONNX decode different spans on {page.text[:40]!r}")
    return largest


def _compare_batch(tagger: SpanTagger, model_file: Path, encoder: WordEncoder, documents: Sequence[Document]) -> float:
    """Compare one padded batch: the longest and the shortest window of the documents, side by side."""
    windows = sorted((w for d in documents for w in encoder.encode(Page(d.text))), key=lambda one: len(one.input_ids))
    rows = [
        {"input_ids": one.input_ids, "heads": one.own_heads, "tags": [], "pieces": []}
        for one in windows[:: len(windows) - 1 or 1]
    ]
    batch = collate(rows, tagger.classifier.config.pad_token_id or 0)
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        ours = tagger.classifier(**inputs).logits.numpy()
    session = ort.InferenceSession(str(model_file), providers=["CPUExecutionProvider"])
    (theirs,) = session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})
    inside = inputs["attention_mask"].bool().numpy()
    return _largest_difference(ours[inside], theirs[inside], f"a batch of {len(rows)} windows")


def _largest_difference(ours: NDArray[np.floating], theirs: NDArray[np.floating], where: str) -> float:
    largest = float(np.abs(ours - theirs).max(initial=0.0))
    if not np.allclose(theirs, ours, atol=ABSOLUTE_TOLERANCE, rtol=RELATIVE_TOLERANCE):
        raise ExportError(f"torch and ONNX logits differ by up to {largest:.2e} on {where!r}")
    return largest


def _answers(predictor: Predictor, documents: Sequence[Document]) -> list[Answered]:
    answers = predictor.predict_many((document.text for document in documents), (document.id for document in documents))
    return [Answered(document, answer) for document, answer in zip(documents, answers, strict=True)]


def _span_agreement(full: Sequence[Answered], small: Sequence[Answered]) -> float:
    pairs = zip(
        (as_annotation(one.prediction).spans for one in full),
        (as_annotation(one.prediction).spans for one in small),
        strict=True,
    )
    agreement = total(exact_score(wanted, given) for wanted, given in pairs)
    # A model that finds nothing in either precision agrees with itself.
    return agreement.f1 if agreement.gold or agreement.predicted else 1.0


def _spans(prediction: Prediction) -> list[tuple[str, int, int]]:
    return [(span.label, span.start, span.end) for span in prediction.spans]


def _write_settings(
    folder: Path, run: Path, config: TrainConfig, tagger: SpanTagger, figures: dict[str, Any]
) -> dict[str, Any]:
    decoder = tagger.decoder()
    names = [TOKENIZER_FILE, *MODEL_FILES.values()]
    settings = {
        "format": FORMAT_VERSION,
        "scheme": SCHEME,
        "normalization": NORMALIZATION_VERSION,
        "labels": list(decoder.labels),
        "tags": decoder.tag_set.name,
        "max_length": config.max_length,
        "overlap": config.overlap,
        "transitions": {name: getattr(decoder.transitions, name).tolist() for name in ("start", "step", "end")},
        "temperatures": decoder.temperatures.tolist(),
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


def _card(settings: dict[str, Any]) -> str:
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    return environment.get_template("model_card.md.j2").render(settings)


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
    except (ExportError, FileNotFoundError, ValueError) as error:
        raise SystemExit(f"export: {error}") from error
    _log.info(
        "%s: torch and ONNX differ by at most %.1e, int8 spans agree with fp32 spans to F1 %.4f",
        model_dir,
        figures["largest_logit_difference"],
        figures["int8_span_agreement"],
    )


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command()(main)
    app()
