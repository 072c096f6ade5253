"""CPU time to the first answer, and peak memory, each in a process of its own, imports included."""

import json
import statistics
import subprocess
import sys
from dataclasses import dataclass

from speed.contenders import FP32, INT8, PIPELINE, TORCH
from speed.models import Measured

_ROUNDS = 5
_OURS = """
from aqwal.serving import Predictor
Predictor({folder!r}, {precision!r}, 1).predict({text!r})
"""
_PIPELINE = """
import torch
torch.set_num_threads(1)
from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline
model = AutoModelForTokenClassification.from_pretrained({folder!r})
tokenizer = AutoTokenizer.from_pretrained({folder!r})
pipeline("token-classification", model=model, tokenizer=tokenizer, stride=64, aggregation_strategy="simple")({text!r})
"""
_TORCH = """
import torch
torch.set_num_threads(1)
from transformers import AutoModelForTokenClassification, AutoTokenizer
model = AutoModelForTokenClassification.from_pretrained({folder!r}).eval()
tokenizer = AutoTokenizer.from_pretrained({folder!r})
with torch.inference_mode():
    model(**tokenizer({text!r}, truncation=True, return_tensors="pt", return_token_type_ids=False))
"""
# VmHWM is the most memory that this program held; `getrusage` counts what it was forked from as well.
_TELL = """
import json, re, time
held = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read()).group(1)
print(json.dumps([time.process_time(), int(held)]))
"""


@dataclass(frozen=True)
class ColdStart:
    """CPU seconds from the interpreter's start to the first answer, and the most memory held, in megabytes."""

    seconds: float
    megabytes: float


def cold_starts(measured: Measured, text: str) -> dict[str, ColdStart]:
    """Measure every contender, turn by turn; torch answers the first window only."""
    programs = {
        PIPELINE: _PIPELINE.format(folder=str(measured.torch_folder), text=text),
        TORCH: _TORCH.format(folder=str(measured.torch_folder), text=text),
        FP32: _OURS.format(folder=str(measured.fp32_folder), precision="fp32", text=text),
        INT8: _OURS.format(folder=str(measured.int8_folder), precision="int8", text=text),
    }
    found: dict[str, list[list[float]]] = {name: [] for name in programs}
    for _ in range(_ROUNDS):
        for name, program in programs.items():
            found[name].append(_run(program + _TELL))
    return {name: _median(runs) for name, runs in found.items()}


def _run(program: str) -> list[float]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return list(map(float, json.loads(done.stdout.splitlines()[-1])))


def _median(runs: list[list[float]]) -> ColdStart:
    seconds, kilobytes = (statistics.median(values) for values in zip(*runs, strict=True))
    return ColdStart(seconds, kilobytes / 1024)
