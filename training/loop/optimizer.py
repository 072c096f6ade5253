"""AdamW with the rates of encoder, head and transitions, and their schedule."""

import re
from typing import Any

import torch
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from transformers import get_linear_schedule_with_warmup

from aqwal.training.config import TrainConfig
from aqwal.training.model import SpanTagger

# How transformers names the parameters of encoder layers.
_LAYER = re.compile(r"\.layers?\.(\d+)\.")


def make_optimizer(model: SpanTagger, config: TrainConfig) -> AdamW:
    """Return AdamW over the parameters that learn: each with its rate, decay on matrices only."""
    return AdamW(_parameter_groups(model, config), fused=True)


def make_schedule(optimizer: Any, warmup: float, steps: int) -> LambdaLR:
    """Return rates that rise in the first steps and then fall linearly.

    Args:
        optimizer: The optimizer, or accelerate's wrapper of it.
        warmup: Share of the steps in which they rise.
        steps: Optimizer steps of the whole run.
    """
    schedule: LambdaLR = get_linear_schedule_with_warmup(  # type: ignore[no-untyped-call]
        optimizer, round(warmup * steps), steps
    )
    return schedule


def _parameter_groups(model: SpanTagger, config: TrainConfig) -> list[dict[str, Any]]:
    depth = model.classifier.config.num_hidden_layers
    groups: dict[tuple[float, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if name.startswith("chains."):
            rate, decays = config.transition_rate, False
        else:
            head = name.startswith("classifier.classifier.")
            rate = config.head_rate if head else _encoder_rate(name, depth, config)
            decays = parameter.ndim > 1
        groups.setdefault((rate, decays), []).append(parameter)
    return [
        {"params": parameters, "lr": rate, "weight_decay": config.weight_decay if decays else 0.0}
        for (rate, decays), parameters in groups.items()
    ]


def _encoder_rate(name: str, depth: int, config: TrainConfig) -> float:
    """Return the rate of an encoder's parameter: the lower its layer, the less (Howard and Ruder 2018)."""
    layer = _LAYER.search(name)
    below_top = depth - 1 - int(layer.group(1)) if layer else depth
    return config.encoder_rate * config.layer_decay**below_top
