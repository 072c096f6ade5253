"""The ways to make a trained model int8: what each costs in F1 and brings in speed, on documents it has not seen.

python -m speed.quantization RUN_DIR [--rounds N] [--every N]     (from benchmarks/)

RUN_DIR is a finished run of train.py with test documents in its splits. Prints a table, for docs/export.md.
"""

import json
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import onnx
import typer
from tokenizers import Tokenizer

from aqwal.annotations.records import Document
from aqwal.serving import Predictor
from aqwal.serving.encoding import WordEncoder
from aqwal.serving.model_folder import MODEL_FILES, SETTINGS_FILE, TOKENIZER_FILE
from aqwal.training.export import calibration_windows, read_run_folder, write_onnx, write_settings
from aqwal.training.gate import predictor_answers, span_agreement
from aqwal.training.metrics import Answered, score
from aqwal.training.model import SpanTagger
from aqwal.training.quantization import prepare, quantize, quantize_products, smooth
from aqwal.training.train import CHECKPOINT
from speed.race import Time, race

FP32 = "fp32"
ALL, SMOOTHED, BUT_DOWN = "all products", "all products, smoothed", "all but the feed-forward's way down, smoothed"
PARTED, RELEASED = "all products, smoothed, large units apart", "the same, embeddings as int8 rows (as released)"
_HEAD = """| in int8 | F1 {labels} | macro | spans equal to fp32 | times fp32 | MB |
|---|---|---|---|---|---|"""


def main(
    run: Annotated[Path, typer.Argument(help="Finished run folder of train.py, with test documents.")],
    rounds: Annotated[int, typer.Option(min=1, help="How often every timed document is answered by each.")] = 3,
    every: Annotated[int, typer.Option(min=1, help="Every so many-th document is timed; all are scored.")] = 8,
) -> None:
    """Quantize a run in several ways, score them on its test documents, and time them side by side."""
    with tempfile.TemporaryDirectory() as scratch:
        folders, documents = _export(run, Path(scratch))
        predictors = {name: Predictor(folder, threads=1) for name, folder in folders.items()}
        answers = {name: predictor_answers(one, documents) for name, one in predictors.items()}
        texts = [document.text for document in documents[::every]]
        times = race({name: one.predict for name, one in predictors.items()}, texts, 0, rounds, FP32)
        typer.echo(f"{len(documents)} documents, {len(texts)} of them timed\n")
        typer.echo(_table(folders, answers, times))


def _export(run: Path, scratch: Path) -> tuple[dict[str, Path], list[Document]]:
    """Write a model folder for each way; return them, and the run's test documents."""
    config, documents = read_run_folder(run)
    if not documents["test"]:
        sys.exit(f"{run}: its splits name no test documents, and on others the model would only show what it knows")
    tagger = SpanTagger.load(run / CHECKPOINT, attn_implementation="eager")
    tokenizer = Tokenizer.from_file(str(run / CHECKPOINT / TOKENIZER_FILE))
    windows = calibration_windows(WordEncoder(tokenizer, config.max_length, config.overlap), documents["train"])
    plain, smoothed, parted = (scratch / f"{name}.onnx" for name in ("plain", "smoothed", "parted"))
    write_onnx(tagger.classifier, plain)
    write_onnx(smooth(tagger.classifier, windows), smoothed)
    write_onnx(prepare(tagger.classifier, windows), parted)
    ways = (FP32, ALL, SMOOTHED, BUT_DOWN, PARTED, RELEASED)
    folders = {name: scratch / str(number) for number, name in enumerate(ways)}
    for folder in folders.values():
        folder.mkdir()
        tokenizer.save(str(folder / TOKENIZER_FILE))
    files = {name: folder / MODEL_FILES["int8"] for name, folder in folders.items()}
    shutil.copyfile(plain, files[FP32])
    for name, source, kept in (
        (ALL, plain, ()),
        (SMOOTHED, smoothed, ()),
        (BUT_DOWN, smoothed, _products(smoothed, r"layer\.\d+/output/dense/")),
        (PARTED, parted, _products(parted, r"/large/")),
    ):
        quantize_products(source, files[name], kept)
    quantize(parted, files[RELEASED])
    for folder in folders.values():
        write_settings(folder, run, config, tagger, {})
    return folders, documents["test"]


def _products(source: Path, pattern: str) -> list[str]:
    names = (node.name for node in onnx.load(source).graph.node if node.op_type == "MatMul")
    return [name for name in names if re.search(pattern, name)]


def _table(folders: dict[str, Path], answers: dict[str, list[Answered]], times: dict[str, Time]) -> str:
    labels = json.loads((folders[FP32] / SETTINGS_FILE).read_text(encoding="utf-8"))["labels"]
    lines = [_HEAD.format(labels=", ".join(labels))]
    for name, folder in folders.items():
        scores = score(answers[name], labels)
        by_label = " / ".join(f"{scores['labels'][label]['f1']:.3f}" for label in labels)
        agreement = span_agreement(answers[FP32], answers[name])
        megabytes = (folder / MODEL_FILES["int8"]).stat().st_size / 1e6
        row = (name, by_label, f"{scores['macro_f1']:.3f}", f"{agreement:.3f}", f"{times[name].ratio:.2f}")
        lines.append(f"| {' | '.join((*row, f'{megabytes:.0f}'))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    typer.run(main)
