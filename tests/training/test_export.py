"""Export: what is in the model folder, and a gate that shuts."""

import copy
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from transformers import PreTrainedModel

from aqwal.annotations.templates import render_template
from aqwal.serving import Predictor
from aqwal.training import export, gate


@pytest.fixture
def run(tiny_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_run, tmp_path / "run"))


def test_the_folder_explains_itself(tiny_model: Path):
    assert sorted(path.name for path in tiny_model.iterdir()) == [
        "README.md",
        "aqwal.json",
        "model.fp32.onnx",
        "model.onnx",
        "tokenizer.json",
    ]
    settings = json.loads((tiny_model / "aqwal.json").read_text())
    assert (settings["format"], settings["scheme"], settings["tags"]) == (2, "aqwal-1", "bioes")
    assert settings["labels"] == ["SPEAKER", "QUOTE", "TOPIC"]
    assert settings["training"]["data"]["documents"]["train"] == ["002_35a5180d63e7b702"]
    assert settings["exported"]["largest_logit_difference"] <= gate.ABSOLUTE_TOLERANCE
    assert settings["exported"]["int8_span_agreement"]["all"] >= gate.LEAST_INT8_AGREEMENT


def test_the_card_shows_data_and_scores(tiny_model: Path):
    card = (tiny_model / "README.md").read_text()
    assert "- Documents: 1 for training\n" in card
    assert "- Files: 1, with their sha256" in card
    assert "int8 spans against fp32 spans, F1: all 1.0000, train 1.0000.\n" in card
    assert "| train | QUOTE |" in card
    assert "passes of a language model" in card


def test_the_card_tells_of_other_spellings(tiny_model: Path):
    settings = json.loads((tiny_model / "aqwal.json").read_text())
    settings["training"]["config"]["respelled_share"] = 0.5
    card = render_template(Path(export.__file__).with_name("model_card.md.j2"), settings)
    assert "- 50 % of the documents were read in spellings drawn for them" in card
    assert "spellings" not in (tiny_model / "README.md").read_text()


def test_the_card_tells_of_licence_and_data(tiny_model: Path):
    card = (tiny_model / "README.md").read_text()
    _, _, told = card.partition("## Licence and data\n")
    told, _, _ = told.partition("\n## ")
    config = json.loads((tiny_model / "aqwal.json").read_text())["training"]["config"]
    assert f"see `{config['base']}`" in told
    assert f"- Documents: `{'`, `'.join(config['documents'])}`." in told
    assert "CC BY 4.0" in told
    assert "MIT" not in told


def test_products_of_large_units_stay_fp32_and_the_rest_is_int8(tiny_model: Path):
    graph = onnx.load(tiny_model / "model.onnx").graph
    kinds = {node.name.removesuffix("_quant"): node.op_type for node in graph.node if "MatMul" in node.op_type}
    assert [kind for name, kind in kinds.items() if name.endswith("/dense/large/MatMul")] == ["MatMul", "MatMul"]
    # Query, key, value, attention output, the way up and the way down, in two layers, and the head.
    assert list(kinds.values()).count("MatMulInteger") == 13
    assert any(numpy_helper.to_array(one).dtype == np.int8 for one in graph.initializer)


def test_fp32_is_kept_only_if_asked_for(run: Path, tmp_path: Path):
    export.export_model(run, tmp_path / "model")
    assert not (tmp_path / "model" / "model.fp32.onnx").exists()
    with pytest.raises(FileNotFoundError, match=r"was exported without model\.fp32\.onnx"):
        Predictor(tmp_path / "model", "fp32")


def test_int8_that_finds_other_spans_is_refused_and_the_old_folder_stays(
    run: Path, tiny_model_copy: Path, monkeypatch: pytest.MonkeyPatch
):
    def spoil(source: Path, target: Path) -> None:
        model = onnx.load(source)
        head = next(one for one in model.graph.initializer if one.name.endswith("classifier.bias"))
        head.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(head)[::-1] + np.arange(15, dtype="f4"), head.name))
        onnx.save(model, target)

    before = {path.name: path.read_bytes() for path in tiny_model_copy.iterdir()}
    monkeypatch.setattr(export, "quantize", spoil)
    with pytest.raises(
        gate.ExportError, match=r"int8 spans against fp32 spans: F1 all 0\.\d+, the gate asks for 0\.95"
    ):
        export.export_model(run, tiny_model_copy)
    assert {path.name: path.read_bytes() for path in tiny_model_copy.iterdir()} == before
    assert sorted(path.name for path in tiny_model_copy.parent.iterdir()) == ["model", "run"]


def test_a_part_with_enough_spans_must_hold_by_itself(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The seeds' part is small, so the bound is brought down to it."""
    agreements = iter([0.5, 0.99])
    monkeypatch.setattr(gate, "span_agreement", lambda *_: next(agreements))
    monkeypatch.setattr(gate, "ENOUGH_SPANS", 1)
    with pytest.raises(gate.ExportError, match=r"F1 train 0\.5000, the gate asks for 0\.95"):
        export.export_model(run, tmp_path / "model")


def test_onnx_that_computes_something_else_is_refused(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write = export.write_onnx

    def write_other(classifier: PreTrainedModel, path: Path) -> None:
        other = copy.deepcopy(classifier)
        with torch.no_grad():
            other.classifier.bias += 0.01
        write(other, path)

    monkeypatch.setattr(export, "write_onnx", write_other)
    with pytest.raises(gate.ExportError, match="torch and ONNX logits differ by up to 1"):
        export.export_model(run, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_an_unfinished_run_is_named(run: Path, tmp_path: Path):
    (run / "metrics.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"metrics\.json is missing; is .* the folder of a finished run"):
        export.export_model(run, tmp_path / "model")
