"""Make the encoder's matrix products int8 with little loss: what is large is tamed, then dynamic quantization.

Dynamic int8 has one scale for all that enters a matrix product, and a few hidden units of BERT are
a hundred times larger than the rest, so the rest drowns in rounding. Two things help. Smoothing
(SmoothQuant, Xiao et al. 2023) divides each input unit by a factor and multiplies the weights by it:
the same product, but the size sits in the weights, which have a scale per output. Within the
feed-forward, where one unit is huge at some words only, the largest units get a product of their own,
in fp32 (the decomposition of LLM.int8(), Dettmers et al. 2022, with units chosen beforehand).
docs/export.md has the measurements.
"""

import aqwal.serving  # noqa: F401  # It keeps onnxruntime from reporting its use, if it comes first.

# isort: split
import copy
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn
from transformers import PreTrainedModel

# How much of a unit's size moves into the weights: 0 none, 1 all. Chosen on development texts.
SMOOTHING = 0.65
# Projections that share one input share one factor; those not named here are left as they are.
_SHARED_INPUTS = (
    ("attention.self.query", "attention.self.key", "attention.self.value"),
    ("attention.output.dense",),
    ("intermediate.dense",),
)
# Units of a feed-forward that are multiplied in fp32; as many again change nothing.
LARGE_UNITS = 32
_SMALLEST = 1e-5
_LARGEST_INT8 = 127
_WORD_EMBEDDINGS = "/word_embeddings/Gather"
_LARGE = "/output/dense/large/MatMul"
_LEAST_FACTOR, _LARGEST_FACTOR = 1e-2, 1e3


class SmoothedLinear(nn.Module):
    """A linear layer whose weights took over the size of its input units; computes what the original did."""

    def __init__(self, linear: nn.Linear, factors: Tensor) -> None:
        """Take over a layer; `factors` [inputs] multiply its weights and divide its input."""
        super().__init__()
        self.linear = linear
        self.inverse: Tensor
        self.register_buffer("inverse", 1 / factors)
        with torch.no_grad():
            linear.weight *= factors

    def forward(self, units: Tensor) -> Tensor:
        """Return the layer's output for input units [..., inputs]."""
        output: Tensor = self.linear(units * self.inverse)
        return output


class SplitLinear(nn.Module):
    """A linear layer whose last input units, the large ones, have a product of their own."""

    def __init__(self, linear: nn.Linear, order: Tensor, large: int) -> None:
        """Take over a layer whose input units [inputs] come in another order, the last `large` of them large."""
        super().__init__()
        self.small = nn.Linear(linear.in_features - large, linear.out_features)
        self.large = nn.Linear(large, linear.out_features, bias=False)
        with torch.no_grad():
            self.small.weight.copy_(linear.weight[:, order[:-large]])
            self.small.bias.copy_(linear.bias)
            self.large.weight.copy_(linear.weight[:, order[-large:]])

    def forward(self, units: Tensor) -> Tensor:
        """Return the layer's output for input units [..., inputs] in the new order."""
        small = self.small.in_features
        output: Tensor = self.small(units[..., :small]) + self.large(units[..., small:])
        return output


def prepare(classifier: PreTrainedModel, windows: Sequence[Tensor]) -> PreTrainedModel:
    """Return a copy of a BERT classifier that is ready to be quantized; its outputs are the same.

    Args:
        classifier: The trained model.
        windows: Sub-tokens of typical texts, each [1, tokens], on which the units' sizes are measured.
    """
    return part_large_units(smooth(classifier, windows), windows)


@torch.no_grad()
def part_large_units(classifier: PreTrainedModel, windows: Iterable[Tensor]) -> PreTrainedModel:
    """Return a copy in which the largest units within each feed-forward have a product of their own; as `prepare`."""
    parted: PreTrainedModel = copy.deepcopy(classifier)
    layers = _layers(parted)
    sizes = _measure(parted, [layer.get_submodule("output.dense") for layer in layers], windows)
    for layer, size in zip(layers, sizes, strict=True):
        order = size.argsort()
        up, down = _linear(layer, "intermediate.dense"), _linear(layer, "output.dense")
        up.weight.copy_(up.weight[order])
        up.bias.copy_(up.bias[order])
        layer.get_submodule("output").dense = SplitLinear(down, order, min(LARGE_UNITS, len(order) // 2))
    return parted


def _linear(layer: nn.Module, path: str) -> nn.Linear:
    found = layer.get_submodule(path)
    found = found.linear if isinstance(found, SmoothedLinear) else found
    assert isinstance(found, nn.Linear), "a BERT's projections are linear layers"
    return found


@torch.no_grad()
def smooth(classifier: PreTrainedModel, windows: Iterable[Tensor]) -> PreTrainedModel:
    """Return a copy in which what enters the projections but the feed-forward's way down is smooth; as `prepare`."""
    smoothed: PreTrainedModel = copy.deepcopy(classifier)
    groups = [group for layer in _layers(smoothed) for group in _groups(layer)]
    sizes = _measure(smoothed, [getattr(*group[0]) for group in groups], windows)
    for group, size in zip(groups, sizes, strict=True):
        weights = torch.stack([getattr(*place).weight.abs().amax(dim=0) for place in group]).amax(dim=0)
        factors = size.clamp(min=_SMALLEST) ** SMOOTHING / weights.clamp(min=_SMALLEST) ** (1 - SMOOTHING)
        for parent, name in group:
            setattr(parent, name, SmoothedLinear(getattr(parent, name), factors.clamp(_LEAST_FACTOR, _LARGEST_FACTOR)))
    return smoothed


def _layers(classifier: PreTrainedModel) -> list[nn.Module]:
    return [module for name, module in classifier.named_modules() if name.rpartition(".")[0].endswith("encoder.layer")]


def _groups(layer: nn.Module) -> list[list[tuple[nn.Module, str]]]:
    """Return the places (parent, attribute) of a layer's projections, those with one input together."""
    return [
        [(layer.get_submodule(path.rpartition(".")[0]), path.rpartition(".")[2]) for path in paths]
        for paths in _SHARED_INPUTS
    ]


def _measure(classifier: PreTrainedModel, projections: list[nn.Module], windows: Iterable[Tensor]) -> list[Tensor]:
    """Return the largest absolute value of each input unit of each projection, [inputs] each."""
    sizes: list[Tensor] = [torch.tensor(0.0)] * len(projections)

    def watch(number: int, given: tuple[Tensor, ...]) -> None:
        sizes[number] = torch.maximum(sizes[number], given[0].abs().amax(dim=(0, 1)))

    hooks = [
        projection.register_forward_pre_hook(lambda _, given, number=number: watch(number, given))
        for number, projection in enumerate(projections)
    ]
    for ids in windows:
        classifier(input_ids=ids, attention_mask=torch.ones_like(ids))
    for hook in hooks:
        hook.remove()
    return sizes


def quantize(source: Path, target: Path) -> None:
    """Write an ONNX model of a prepared classifier with its matrix products in int8 per channel.

    The products of the large units stay fp32. The embedding table is stored in int8 with a scale per
    row; its rows become fp32 as they are looked up.

    Raises:
        ValueError: If the graph has no matrices by the names that a prepared BERT's have.
    """
    large = [node.name for node in onnx.load(source).graph.node if node.name.endswith(_LARGE)]
    if not large:
        raise ValueError(f"{source} has no matrices named …{_LARGE}; only a prepared BERT's graph can be quantized")
    quantize_products(source, target, large)
    model = onnx.load(target)
    for node in [node for node in model.graph.node if node.name.endswith(_WORD_EMBEDDINGS)]:
        _store_table(model.graph, node)
    onnx.save(model, target)


def quantize_products(source: Path, target: Path, kept: Sequence[str]) -> None:
    """Write an ONNX model with its matrix products in int8 per channel, all but those of the names that are `kept`."""
    quantize_dynamic(
        source,
        target,
        op_types_to_quantize=["MatMul"],
        per_channel=True,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=list(kept),
    )


def _store_table(graph: onnx.GraphProto, lookup: onnx.NodeProto) -> None:
    """Store an embedding table [rows, units] as int8 × scale [rows]; only the rows looked up become fp32."""
    name, ids = lookup.input
    small, scale = _round(graph, name, axis=1)
    nodes = [
        helper.make_node("Gather", [small, ids], [f"{name}_row"]),
        helper.make_node("Cast", [f"{name}_row"], [f"{name}_cast"], to=TensorProto.FLOAT),
        helper.make_node("Gather", [scale, ids], [f"{name}_row_scale"]),
        helper.make_node("Mul", [f"{name}_cast", f"{name}_row_scale"], [lookup.output[0]]),
    ]
    _insert_before(graph, lookup, nodes)
    graph.node.remove(lookup)


def _round(graph: onnx.GraphProto, name: str, axis: int) -> tuple[str, str]:
    """Replace an initializer by int8 and a scale for what lies along an axis; return their names."""
    tensor = next(one for one in graph.initializer if one.name == name)
    values = numpy_helper.to_array(tensor)
    scale = np.maximum(np.abs(values).max(axis=axis, keepdims=True), _SMALLEST) / _LARGEST_INT8
    rounded = np.rint(values / scale).astype(np.int8)
    graph.initializer.remove(tensor)
    names = f"{name}_int8", f"{name}_scale"
    graph.initializer.extend(map(numpy_helper.from_array, (rounded, scale.astype(np.float32)), names))
    return names


def _insert_before(graph: onnx.GraphProto, node: onnx.NodeProto, nodes: list[onnx.NodeProto]) -> None:
    place = list(graph.node).index(node)
    for offset, new in enumerate(nodes):
        graph.node.insert(place + offset, new)
