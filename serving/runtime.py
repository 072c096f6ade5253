"""ONNX Runtime as aqwal runs it: on the CPU, one thread a session, silent, and reading one file only."""

import os
from pathlib import Path
from typing import Any

import onnxruntime as ort

_FATAL = 4
# A folder that cannot be there.
_NOWHERE = f"{os.devnull}/none"


def open_session(model: Path | bytes) -> Any:
    """Return the session of an ONNX model, from a file or from its bytes; what it raises is onnxruntime's own.

    Weights must be in the model itself: those in files beside it would be read without their sums being compared.
    """
    options = ort.SessionOptions()
    # Windows run side by side in our own threads; threads inside an operator would only contend.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # What matters is raised; lines on standard error would be none of the caller's log.
    options.log_severity_level = _FATAL
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", _NOWHERE)
    given = model if isinstance(model, bytes) else str(model)
    return ort.InferenceSession(given, options, providers=["CPUExecutionProvider"])
