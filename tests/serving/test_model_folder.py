"""Every way in which a model folder can be broken says what is wrong and what to do."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aqwal.serving import ModelFolderError, Predictor
from aqwal.serving.model_folder import ModelFolder, file_sha256
from aqwal.serving.normalization import NORMALIZATION_VERSION

SETTINGS = "aqwal.json"


def change_settings(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    change(settings)
    (folder / SETTINGS).write_text(json.dumps(settings), encoding="utf-8")


def replace_file(folder: Path, name: str, content: bytes) -> None:
    """Put another file in and vouch for it, so that only loading it can fail."""
    (folder / name).write_bytes(content)
    change_settings(folder, lambda settings: settings["files"].update({name: file_sha256(folder / name)}))


def test_a_good_folder_says_what_it_holds(tiny_model: Path) -> None:
    folder = ModelFolder.open(tiny_model)
    assert folder.model_file == tiny_model / "model.onnx"
    assert folder.tokenizer_file == tiny_model / "tokenizer.json"
    assert folder.decoder.labels == ("SPEAKER", "QUOTE", "TOPIC")
    assert folder.decoder.tag_set.name == "bioes"
    assert ModelFolder.open(str(tiny_model), "fp32").model_file == tiny_model / "model.fp32.onnx"


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError,
        match=r"no model folder .*nowhere; a checkout of aqwal has models/release, .*: name one by --model",
    ):
        ModelFolder.open(tmp_path / "nowhere")


def test_a_file_is_no_folder(tiny_model: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no model folder .*model\.onnx"):
        ModelFolder.open(tiny_model / "model.onnx")


def test_an_empty_folder_is_no_model_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"is no model folder: aqwal\.json is missing; export the model again"):
        ModelFolder.open(tmp_path)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_missing_file_is_named(tiny_model_copy: Path, name: str) -> None:
    (tiny_model_copy / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf"model/{name} is missing; export the model again"):
        ModelFolder.open(tiny_model_copy)


def test_a_precision_that_was_not_exported(tiny_model_copy: Path) -> None:
    change_settings(tiny_model_copy, lambda settings: settings["files"].pop("model.fp32.onnx"))
    message = r"was exported without model\.fp32\.onnx; it has: model\.onnx, tokenizer\.json"
    with pytest.raises(FileNotFoundError, match=message):
        ModelFolder.open(tiny_model_copy, "fp32")
    assert ModelFolder.open(tiny_model_copy).precision == "int8"


def test_a_precision_that_does_not_exist(tiny_model: Path) -> None:
    with pytest.raises(ModelFolderError, match="unknown precision 'int4'; there are: int8, fp32"):
        ModelFolder.open(tiny_model, "int4")


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_truncated_file_is_not_the_one_that_was_exported(tiny_model_copy: Path, name: str) -> None:
    content = (tiny_model_copy / name).read_bytes()
    (tiny_model_copy / name).write_bytes(content[:-1])
    with pytest.raises(ModelFolderError, match=rf"{name} is not the file that was exported \(sha256 differs\)"):
        ModelFolder.open(tiny_model_copy)


def test_another_models_tokenizer_is_noticed(tiny_model_copy: Path) -> None:
    file = tiny_model_copy / "tokenizer.json"
    file.write_text(file.read_text(encoding="utf-8").replace('"قال"', '"قيل"'), encoding="utf-8")
    with pytest.raises(ModelFolderError, match=r"tokenizer\.json is not the file that was exported"):
        Predictor(tiny_model_copy)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_file_that_its_library_cannot_read(tiny_model_copy: Path, name: str) -> None:
    replace_file(tiny_model_copy, name, (tiny_model_copy / name).read_bytes()[:1000])
    with pytest.raises(ModelFolderError, match=r"model cannot be loaded \(.+\); export the model again"):
        Predictor(tiny_model_copy)


@pytest.mark.parametrize("content", [b"{", b"", b'{"format": 1', b"\xff\xfe"])
def test_settings_that_are_no_json(tiny_model_copy: Path, content: bytes) -> None:
    (tiny_model_copy / SETTINGS).write_bytes(content)
    with pytest.raises(ModelFolderError, match=r"aqwal\.json is not JSON \(.+\); export the model again"):
        ModelFolder.open(tiny_model_copy)


@pytest.mark.parametrize("content", ["[]", '"aqwal"', "null", "1"])
def test_settings_that_are_no_object(tiny_model_copy: Path, content: str) -> None:
    (tiny_model_copy / SETTINGS).write_text(content)
    with pytest.raises(ModelFolderError, match=r"aqwal\.json is no JSON object"):
        ModelFolder.open(tiny_model_copy)


@pytest.mark.parametrize("version", [0, 1, 3, "2", None])
def test_another_format_version(tiny_model_copy: Path, version: object) -> None:
    change_settings(tiny_model_copy, lambda settings: settings.update(format=version))
    with pytest.raises(ModelFolderError, match=rf"has format {version!r}; this version of aqwal reads 2"):
        ModelFolder.open(tiny_model_copy)


def test_words_normalised_in_another_way(tiny_model_copy: Path) -> None:
    change_settings(tiny_model_copy, lambda settings: settings.update(normalization="aqwal-norm-0"))
    message = f"was trained on 'aqwal-norm-0'; this version of aqwal normalises words by '{NORMALIZATION_VERSION}'"
    with pytest.raises(ModelFolderError, match=message):
        ModelFolder.open(tiny_model_copy)


@pytest.mark.parametrize(
    "name", ["labels", "tags", "transitions", "temperatures", "thresholds", "max_length", "overlap"]
)
def test_a_setting_that_is_missing_is_named(tiny_model_copy: Path, name: str) -> None:
    change_settings(tiny_model_copy, lambda settings: settings.pop(name))
    with pytest.raises(
        ModelFolderError, match=rf"aqwal\.json: `{name}` is not usable: nothing; export the model again"
    ):
        ModelFolder.open(tiny_model_copy)


def test_settings_that_list_no_files(tiny_model_copy: Path) -> None:
    change_settings(tiny_model_copy, lambda settings: settings.pop("files"))
    with pytest.raises(ModelFolderError, match=r"aqwal\.json: `files` must map names to sha256"):
        ModelFolder.open(tiny_model_copy)


# A setting, and a value that cannot be used.
GARBLED = [
    pytest.param("labels", 3, id="labels: a number"),
    pytest.param("labels", None, id="labels: null"),
    pytest.param("labels", ["SPEAKER", "QUOTE"], id="labels: too few"),
    pytest.param("labels", "ABC", id="labels: a text"),
    pytest.param("labels", [1, 2, 3], id="labels: numbers"),
    pytest.param("tags", "bio", id="tags: of another size"),
    pytest.param("tags", "iob2", id="tags: unknown"),
    pytest.param("tags", None, id="tags: null"),
    pytest.param("transitions", [], id="transitions: a list"),
    pytest.param("transitions", {}, id="transitions: empty"),
    pytest.param("temperatures", [1.0], id="temperatures: too few"),
    pytest.param("temperatures", "warm", id="temperatures: a text"),
    pytest.param("temperatures", [1.0, 0.0, 1.0], id="temperatures: zero"),
    pytest.param("thresholds", [0.25], id="thresholds: too few"),
    pytest.param("thresholds", [0.25, 1.0, 0.25], id="thresholds: one"),
    pytest.param("overlap", 80, id="overlap: half a window"),
    pytest.param("overlap", 79, id="overlap: half a window's room"),
    pytest.param("overlap", -1, id="overlap: negative"),
    pytest.param("max_length", "160", id="max_length: a text"),
    pytest.param("files", [], id="files: a list"),
]


@pytest.mark.parametrize(("name", "value"), GARBLED)
def test_a_garbled_setting(tiny_model_copy: Path, name: str, value: object) -> None:
    change_settings(tiny_model_copy, lambda settings: settings.update({name: value}))
    with pytest.raises(ModelFolderError, match=r"aqwal\.json: `\w+` (is not usable|must map)"):
        ModelFolder.open(tiny_model_copy)


@pytest.mark.parametrize(
    ("part", "garble"),
    [
        ("start", lambda scores: scores[:2]),
        ("start", lambda scores: "zero"),
        ("step", lambda scores: [row[0] for row in scores]),
        ("step", lambda scores: [scores[0], scores[1], scores[2][:4]]),
        ("end", lambda scores: scores[:1]),
        ("end", lambda scores: [[0.0] * 4] * 3),
        ("end", lambda scores: [[None] * 5] * 3),
    ],
)
def test_garbled_transitions(tiny_model_copy: Path, part: str, garble: Callable[[Any], Any]) -> None:
    def change(settings: dict[str, Any]) -> None:
        settings["transitions"][part] = garble(settings["transitions"][part])

    change_settings(tiny_model_copy, change)
    with pytest.raises(ModelFolderError, match=r"aqwal\.json: `\w+` (is not usable|must map)"):
        ModelFolder.open(tiny_model_copy)


def test_windows_that_the_encoder_refuses_are_the_folders_fault(tiny_model_copy: Path) -> None:
    change_settings(tiny_model_copy, lambda settings: settings.update(max_length=50, overlap=10))
    with pytest.raises(ModelFolderError, match="windows of 50 sub-tokens are too small"):
        Predictor(tiny_model_copy)


def test_transitions_and_temperatures_are_numbers(tiny_model: Path) -> None:
    decoder = ModelFolder.open(tiny_model).decoder
    parts = decoder.transitions.start, decoder.transitions.step, decoder.transitions.end
    assert [part.shape for part in parts] == [(3, 5), (3, 5, 5), (3, 5)]
    assert all(np.isfinite(part).all() for part in (*parts, decoder.temperatures))
