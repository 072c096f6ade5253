"""A model folder → answers, on a CPU, without torch.

Names are imported when first used, so that commands which need no model start at once and work
without the packages of `aqwal[serving]`.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# onnxruntime reports its use to its maker unless told not to before it is first imported, whoever imports it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from aqwal.serving.model_folder import ModelFolderError
    from aqwal.serving.prediction import PredictedSpan, Prediction, Quote
    from aqwal.serving.predictor import Predictor
    from aqwal.serving.speakers import Speaker

__all__ = ["ModelFolderError", "PredictedSpan", "Prediction", "Predictor", "Quote", "Speaker"]

_HOMES = {
    "ModelFolderError": "aqwal.serving.model_folder",
    "PredictedSpan": "aqwal.serving.prediction",
    "Prediction": "aqwal.serving.prediction",
    "Predictor": "aqwal.serving.predictor",
    "Quote": "aqwal.serving.prediction",
    "Speaker": "aqwal.serving.speakers",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
