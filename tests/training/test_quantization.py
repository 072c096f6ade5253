"""Preparing a model for int8 changes no output; quantization leaves the large units' products alone."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch
from onnx import TensorProto, helper
from transformers import PreTrainedModel

from aqwal.training.model import SpanTagger
from aqwal.training.quantization import SmoothedLinear, SplitLinear, part_large_units, prepare, quantize, smooth
from aqwal.training.train import CHECKPOINT


@pytest.fixture(scope="module")
def tagger(tiny_run: Path) -> SpanTagger:
    return SpanTagger.load(tiny_run / CHECKPOINT)


def _windows(count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(5, 200, (1, 20 + number), generator=generator) for number in range(count)]


@pytest.mark.parametrize("change", [smooth, part_large_units, prepare])
def test_no_output_is_changed(tagger: SpanTagger, change: Callable[..., PreTrainedModel]):
    changed = change(tagger.classifier, _windows(3))
    for ids in _windows(5):
        ours, theirs = changed(input_ids=ids).logits, tagger.classifier(input_ids=ids).logits
        assert torch.allclose(ours, theirs, atol=1e-4)


def test_smoothing_works_on_a_copy(tagger: SpanTagger):
    before = {name: value.clone() for name, value in tagger.classifier.state_dict().items()}
    smoothed = smooth(tagger.classifier, _windows(1))
    after = tagger.classifier.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    # Query, key, value, attention output and the way up of two layers.
    assert sum(isinstance(module, SmoothedLinear) for module in smoothed.modules()) == 10


def test_a_large_input_unit_is_tamed(tagger: SpanTagger):
    """The spread of what enters a projection is what int8 cannot hold; it must get smaller."""
    layer = tagger.classifier.bert.encoder.layer[0].intermediate.dense
    seen: dict[str, torch.Tensor] = {}

    def spread(units: torch.Tensor) -> float:
        sizes = units.detach().abs().amax(dim=(0, 1))
        return float(sizes.max() / sizes.median())

    hook = layer.register_forward_pre_hook(lambda _, given: seen.update(before=given[0]))
    tagger.classifier(input_ids=_windows(1)[0])
    hook.remove()
    smoothed = smooth(tagger.classifier, _windows(1))
    after = seen["before"] * smoothed.bert.encoder.layer[0].intermediate.dense.inverse
    assert spread(after) < spread(seen["before"])


def test_the_largest_units_are_parted(tagger: SpanTagger):
    """Whatever enters the int8 product is no larger than anything that enters the other one."""
    changed, seen = part_large_units(tagger.classifier, _windows(1)), []
    for layer in changed.bert.encoder.layer:
        assert isinstance(layer.output.dense, SplitLinear)
        layer.output.dense.register_forward_pre_hook(lambda _, given: seen.append(given[0].abs().amax(dim=(0, 1))))
    changed(input_ids=_windows(1)[0])
    for sizes, layer in zip(seen, changed.bert.encoder.layer, strict=True):
        small = layer.output.dense.small.in_features
        assert sizes[:small].max() <= sizes[small:].min()


def test_a_graph_without_berts_names_is_refused(tmp_path: Path):
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="other")
    shapes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 2]) for name in ("x", "w", "y")]
    onnx.save(helper.make_model(helper.make_graph([node], "g", shapes[:2], shapes[2:])), tmp_path / "other.onnx")
    with pytest.raises(ValueError, match="only a prepared BERT's graph can be quantized"):
        quantize(tmp_path / "other.onnx", tmp_path / "int8.onnx")
