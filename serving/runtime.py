"""ONNX Runtime as the predictor runs it: on the CPU, one thread a session."""

from pathlib import Path
from typing import Any

import onnxruntime as ort


def open_session(model: Path | bytes) -> Any:
    """Return the session of an ONNX model, from a file or from its bytes; what it raises is onnxruntime's own."""
    options = ort.SessionOptions()
    # Windows run side by side in our own threads; threads inside an operator would only contend.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    given = model if isinstance(model, bytes) else str(model)
    return ort.InferenceSession(given, options, providers=["CPUExecutionProvider"])
