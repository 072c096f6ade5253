"""The ways to answer that are compared; each takes a text and gives an answer, on one thread."""

from collections.abc import Callable
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

from aqwal.annotations.page import Page
from aqwal.serving import Predictor
from aqwal.serving.encoding import WordEncoder
from aqwal.serving.model_folder import TOKENIZER_FILE
from speed.models import Measured

PIPELINE, TORCH, FP32, INT8 = "transformers pipeline", "torch eager", "ours, ONNX fp32", "ours, ONNX int8"
Answer = Callable[[str], object]


def contenders(measured: Measured, threads: int = 1) -> dict[str, Answer]:
    """Return every way to answer a text with a model, by name.

    Args:
        measured: The model.
        threads: Of torch's operators, and of windows computed side by side.
    """
    torch.set_num_threads(threads)
    fp32, int8 = (
        Predictor(folder, precision, threads)
        for folder, precision in ((measured.fp32_folder, "fp32"), (measured.int8_folder, "int8"))
    )
    return {
        PIPELINE: _pipeline(measured.torch_folder),
        TORCH: _torch(measured.torch_folder, fp32),
        FP32: fp32.predict,
        INT8: int8.predict,
    }


def _pipeline(folder: Path) -> Answer:
    """What a user would take otherwise: a text at a time, long ones in windows with the same overlap as ours."""
    model = AutoModelForTokenClassification.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    answer: Answer = pipeline(
        "token-classification", model=model, tokenizer=tokenizer, aggregation_strategy="simple", stride=64
    )
    return answer


def _torch(folder: Path, predictor: Predictor) -> Answer:
    """The same windows as ours through torch, logits only."""
    model = AutoModelForTokenClassification.from_pretrained(folder).eval()
    settings = predictor.folder.settings
    tokenizer = Tokenizer.from_file(str(predictor.folder.path / TOKENIZER_FILE))
    encoder = WordEncoder(tokenizer, settings["max_length"], settings["overlap"])

    @torch.inference_mode()
    def answer(text: str) -> list[torch.Tensor]:
        windows = [torch.from_numpy(window.input_ids)[None] for window in encoder.encode(Page(text))]
        return [model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits for ids in windows]

    return answer
