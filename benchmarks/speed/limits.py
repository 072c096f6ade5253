"""The machine's matrix rates on one thread, and what share of them a model reaches.

The rate is that of the widest product of the model, by itself and in a loop: what ONNX Runtime
does at best on this machine. A model's share is its matrix products by its time and that rate.
"""

import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from aqwal.serving.model_folder import MODEL_FILES
from aqwal.serving.runtime import open_session
from speed.models import Measured, Size

WINDOW = 128
_SECONDS, _ROUNDS = 0.5, 7


@dataclass(frozen=True)
class Share:
    """A rate in billions of multiplications and additions a second, a model's own, and their ratio."""

    limit: float
    reached: float
    share: float


def shares(measured: Measured) -> dict[str, Share]:
    """Return, by precision, what share of the machine's rate a model reaches on windows of 128 sub-tokens."""
    size, folders = measured.size, {"int8": measured.int8_folder, "fp32": measured.fp32_folder}
    ids = np.full((1, WINDOW), 7, dtype=np.int64)
    given = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    found = {}
    for precision, folder in folders.items():
        model = open_session(folder / MODEL_FILES[precision])
        product, inputs = _product(size, precision)
        # Turn by turn, so that both meet the same moments of the machine.
        rounds = [(_rate(product, inputs), _rate(model, given)) for _ in range(_ROUNDS)]
        operations = 2.0 * WINDOW * size.hidden * size.feed_forward
        limit = statistics.median(operations * times for times, _ in rounds) / 1e9
        reached = statistics.median(size.products(WINDOW) * times for _, times in rounds) / 1e9
        found[precision] = Share(limit, reached, reached / limit)
    return found


def _rate(session: Any, given: dict[str, np.ndarray]) -> float:
    """Return how often a session runs in a CPU second."""
    session.run(None, given)
    begun, runs = time.process_time(), 0
    while (passed := time.process_time() - begun) < _SECONDS:
        session.run(None, given)
        runs += 1
    return runs / passed


def _product(size: Size, precision: str) -> tuple[Any, dict[str, np.ndarray]]:
    """Return a session that is nothing but the product of a window and the feed-forward's way up, and its input."""
    random = np.random.default_rng(0)
    shape, wide = (WINDOW, size.hidden), (size.hidden, size.feed_forward)
    if precision == "fp32":
        given = random.standard_normal(shape).astype(np.float32)
        weights = random.standard_normal(wide).astype(np.float32)
        model = _one_node("MatMul", TensorProto.FLOAT, TensorProto.FLOAT, weights)
    else:
        given = random.integers(0, 255, shape, dtype=np.uint8)
        weights = random.integers(-127, 127, wide, dtype=np.int8)
        model = _one_node("MatMulInteger", TensorProto.UINT8, TensorProto.INT32, weights)
    return open_session(model.SerializeToString()), {"given": given}


def _one_node(kind: str, of: int, to: int, weights: np.ndarray) -> ModelProto:
    graph = helper.make_graph(
        [helper.make_node(kind, ["given", "weights"], ["product"])],
        "product",
        [helper.make_tensor_value_info("given", of, [WINDOW, weights.shape[0]])],
        [helper.make_tensor_value_info("product", to, [WINDOW, weights.shape[1]])],
        [numpy_helper.from_array(weights, "weights")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
