"""Make the encoder's matrix products int8 with little loss: smoothing, then dynamic quantization.

Dynamic int8 has one scale for all that enters a matrix product, and a few hidden units of BERT are
a hundred times larger than the rest, so the rest drowns in rounding. Smoothing (SmoothQuant, Xiao et
al. 2023) divides each input unit by a factor and multiplies the weights by it: the same product,
but the size sits in the weights, which have a scale per output. docs/export.md has the measurements.
"""

import copy
from collections.abc import Iterable
from pathlib import Path

import onnx
import torch
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
_SMALLEST = 1e-5
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


@torch.no_grad()
def smooth(classifier: PreTrainedModel, windows: Iterable[Tensor]) -> PreTrainedModel:
    """Return a copy of a BERT classifier that is ready to be quantized; its outputs are the same.

    Args:
        classifier: The trained model.
        windows: Sub-tokens of typical texts, each [1, tokens], on which the units' sizes are measured.
    """
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
    """Write an ONNX model with its matrix products in int8 per channel, but for the feed-forward's way down.

    What enters those matrices comes out of the activation function, one unit at a time very large;
    smoothing does not help there, so they stay fp32.

    Raises:
        ValueError: If the graph has no matrices by the names that BERT's have.
    """
    down = [node.name for node in onnx.load(source).graph.node if node.op_type == "MatMul" and _is_way_down(node.name)]
    if not down:
        raise ValueError(f"{source} has no matrices named …/output/dense/MatMul; only BERT's graph can be quantized")
    quantize_dynamic(
        source,
        target,
        op_types_to_quantize=["MatMul"],
        per_channel=True,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=down,
    )


def _is_way_down(name: str) -> bool:
    return name.endswith("/output/dense/MatMul") and "/attention/" not in name
