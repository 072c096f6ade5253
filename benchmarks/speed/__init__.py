"""How fast the predictor answers, beside what people would use otherwise, all in one run on the same texts.

- `models`: what is measured: the released model, and one of AraBERT's size with random weights.
- `contenders`: the ways to answer: transformers' pipeline, torch, ONNX in fp32, ours.
- `race`: their times on the same articles, interleaved, and what they amount to.
- `limits`: the machine's matrix rates, measured, and what share of them a model reaches.
- `cold_start`: CPU time to the first answer and peak memory, each in a process of its own.
- `growth`: time by length, up to a million characters.
- `quantization`: a trained run made int8 in several ways, by F1 and speed; a command of its own.
- `report`: a table and JSON.
"""

import aqwal.serving  # noqa: F401  # Before onnxruntime: it keeps that from reporting its use.
