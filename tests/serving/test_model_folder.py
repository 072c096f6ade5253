"""Every way in which a model folder can be broken says what is wrong and what to do."""

import contextlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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


@pytest.mark.parametrize("content", [b"{", b"", b'{"format": 1', b"\xff\xfe", b"[" * 100_000, b"9" * 5000])
def test_settings_that_are_no_json(tiny_model_copy: Path, content: bytes) -> None:
    (tiny_model_copy / SETTINGS).write_bytes(content)
    with pytest.raises(ModelFolderError, match=r"aqwal\.json is not JSON \(.+\); export the model again"):
        ModelFolder.open(tiny_model_copy)


@pytest.mark.parametrize("content", ["[]", '"aqwal"', "null", "1"])
def test_settings_that_are_no_object(tiny_model_copy: Path, content: str) -> None:
    (tiny_model_copy / SETTINGS).write_text(content)
    with pytest.raises(ModelFolderError, match=r"aqwal\.json is no JSON object"):
        ModelFolder.open(tiny_model_copy)


@pytest.mark.parametrize(
    ("version", "advice"),
    [
        *((old, "export the model again") for old in (0, 1, "2", None)),
        *((new, "take a newer version of aqwal") for new in (3, 10**100)),
    ],
)
def test_another_format_version(tiny_model_copy: Path, version: object, advice: str) -> None:
    change_settings(tiny_model_copy, lambda settings: settings.update(format=version))
    given = repr(version)[:80]
    with pytest.raises(ModelFolderError, match=rf"has format {given}; this version of aqwal reads 2: {advice}$"):
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
    pytest.param("labels", ["A", "B", "C"], id="labels: of another scheme"),
    pytest.param("tags", "bio", id="tags: of another size"),
    pytest.param("tags", "iob2", id="tags: unknown"),
    pytest.param("tags", None, id="tags: null"),
    pytest.param("transitions", [], id="transitions: a list"),
    pytest.param("transitions", {}, id="transitions: empty"),
    pytest.param("temperatures", [1.0], id="temperatures: too few"),
    pytest.param("temperatures", "warm", id="temperatures: a text"),
    pytest.param("temperatures", [1.0, 0.0, 1.0], id="temperatures: zero"),
    pytest.param("temperatures", [1.0, float("inf"), 1.0], id="temperatures: without end"),
    pytest.param("temperatures", [10**400] * 3, id="temperatures: too large for a number"),
    pytest.param("thresholds", [0.25], id="thresholds: too few"),
    pytest.param("thresholds", [0.25, 1.0, 0.25], id="thresholds: one"),
    pytest.param("overlap", 80, id="overlap: half a window"),
    pytest.param("overlap", 79, id="overlap: half a window's room"),
    pytest.param("overlap", -1, id="overlap: negative"),
    pytest.param("max_length", "160", id="max_length: a text"),
    pytest.param("max_length", 10**30, id="max_length: without end"),
    pytest.param("max_length", -160, id="max_length: negative"),
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


PLACES = ["batch", "tokens"]


def model_of(nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto]) -> bytes:
    """Return a model with the inputs of a model folder's, and with logits that some nodes make of constants."""
    inputs = [onnx.helper.make_tensor_value_info(name, 7, PLACES) for name in ("input_ids", "attention_mask")]
    output = onnx.helper.make_tensor_value_info("logits", 1, None)
    graph = onnx.helper.make_graph(nodes, "odd", inputs, [output], constants)
    opset = [onnx.helper.make_opsetid("", 17)]
    return bytes(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())


def scaled(weights: onnx.TensorProto) -> bytes:
    """Return a model whose logits are its sub-tokens times weights, [15]."""
    nodes = [
        onnx.helper.make_node("Cast", ["input_ids"], ["float"], to=1),
        onnx.helper.make_node("Unsqueeze", ["float", "last"], ["column"]),
        onnx.helper.make_node("Mul", ["column", "weights"], ["logits"]),
    ]
    return model_of(nodes, [weights, onnx.numpy_helper.from_array(np.array([2]), "last")])


def weights_elsewhere(location: str) -> bytes:
    """Return a model whose weights lie in a file of their own."""
    weights = onnx.TensorProto(name="weights", data_type=onnx.TensorProto.FLOAT, dims=[15])
    weights.data_location = onnx.TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=location)
    return scaled(weights)


@pytest.mark.parametrize("way", ["inside", "up", "absolute", "link"])
def test_weights_in_a_file_of_their_own_are_not_read(
    tiny_model_copy: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (tiny_model_copy, tiny_model_copy.parent):
        (folder / "weights.bin").write_bytes(np.zeros(15, dtype=np.float32).tobytes())
    outside = tiny_model_copy.parent / "weights.bin"
    (tiny_model_copy / "link.bin").symlink_to(outside)
    locations = {"inside": "weights.bin", "up": "../weights.bin", "absolute": str(outside), "link": "link.bin"}
    replace_file(tiny_model_copy, "model.onnx", weights_elsewhere(locations[way]))
    monkeypatch.chdir(tiny_model_copy)
    with pytest.raises(ModelFolderError, match=r"model cannot be loaded \(.*External data path.*\); export the model"):
        Predictor(tiny_model_copy)


def test_weights_in_the_model_itself_are_read(tiny_model_copy: Path) -> None:
    weights = onnx.numpy_helper.from_array(np.zeros(15, dtype=np.float32), "weights")
    replace_file(tiny_model_copy, "model.onnx", scaled(weights))
    assert Predictor(tiny_model_copy).predict("قال").text == "قال"


@pytest.mark.parametrize("weight", [np.nan, np.inf, -np.inf])
def test_a_model_that_answers_with_no_numbers_is_noticed_at_once(tiny_model_copy: Path, weight: float) -> None:
    weights = onnx.numpy_helper.from_array(np.full(15, weight, dtype=np.float32), "weights")
    replace_file(tiny_model_copy, "model.onnx", scaled(weights))
    with pytest.raises(ModelFolderError, match=r"cannot be loaded \(its model answers with what is no finite number\)"):
        Predictor(tiny_model_copy)


def test_a_model_that_has_no_numbers_for_some_words_says_so_when_one_comes(tiny_model_copy: Path) -> None:
    # Nothing by nothing is no number: here for sub-token 1, of words that the tokenizer does not know.
    nodes = [
        onnx.helper.make_node("Sub", ["input_ids", "unknown"], ["ids"]),
        onnx.helper.make_node("Cast", ["ids"], ["float"], to=1),
        onnx.helper.make_node("Unsqueeze", ["float", "last"], ["column"]),
        onnx.helper.make_node("Div", ["nothing", "column"], ["logits"]),
    ]
    constants = {"unknown": np.array([1]), "last": np.array([2]), "nothing": np.zeros(15, dtype=np.float32)}
    content = model_of(nodes, [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()])
    replace_file(tiny_model_copy, "model.onnx", content)
    predictor = Predictor(tiny_model_copy)
    assert predictor.predict("قال").text == "قال"
    with pytest.raises(
        ModelFolderError, match=r"fails on a window of 3 sub-tokens \(its model answers with what is no"
    ):
        predictor.predict("☃")


def test_a_model_with_one_place_whatever_the_window_is_noticed_at_once(tiny_model_copy: Path) -> None:
    one = onnx.numpy_helper.from_array(np.zeros((1, 1, 15), dtype=np.float32), "one")
    same = onnx.helper.make_node("Identity", ["one"], ["logits"])
    replace_file(tiny_model_copy, "model.onnx", model_of([same], [one]))
    wanted = r"its model answers \(1, 1, 15\) where its settings want \(1, 8, 15\)"
    with pytest.raises(ModelFolderError, match=wanted):
        Predictor(tiny_model_copy)


@pytest.mark.parametrize("name", ["../model.onnx", "/etc/passwd", "model.onnx/../../secret"])
def test_names_of_files_out_of_the_folder_lead_nowhere(tiny_model_copy: Path, name: str) -> None:
    change_settings(tiny_model_copy, lambda settings: settings.update(files={name: "0" * 64}))
    with pytest.raises(FileNotFoundError, match=r"was exported without tokenizer\.json; it has: "):
        Predictor(tiny_model_copy)


def test_a_pipe_is_no_model_file(tiny_model_copy: Path) -> None:
    (tiny_model_copy / "model.onnx").unlink()
    os.mkfifo(tiny_model_copy / "model.onnx")
    with pytest.raises(FileNotFoundError, match=r"model\.onnx is missing"):
        Predictor(tiny_model_copy)


def test_a_tokenizer_with_more_words_than_the_model_is_noticed_at_once(tiny_model_copy: Path) -> None:
    tokenizer = json.loads((tiny_model_copy / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer["model"]["vocab"].update({f"word-{number}": 3000 + number for number in range(3000)})
    replace_file(tiny_model_copy, "tokenizer.json", json.dumps(tokenizer).encode())
    with pytest.raises(ModelFolderError, match=r"model cannot be loaded \(.+\); export the model again"):
        Predictor(tiny_model_copy)


def test_settings_of_a_model_with_other_labels_are_noticed_at_once(tiny_model_copy: Path) -> None:
    def drop_a_label(settings: dict[str, Any]) -> None:
        for name in ("labels", "temperatures", "thresholds"):
            settings[name] = settings[name][:2]
        settings["transitions"] = {part: scores[:2] for part, scores in settings["transitions"].items()}

    change_settings(tiny_model_copy, drop_a_label)
    wanted = r"its model answers \(1, 8, 15\) where its settings want \(1, 8, 10\)"
    with pytest.raises(ModelFolderError, match=wanted):
        Predictor(tiny_model_copy)


def test_windows_longer_than_the_model_has_places_are_told_when_one_comes(tiny_model_copy: Path) -> None:
    change_settings(tiny_model_copy, lambda settings: settings.update(max_length=5000))
    predictor = Predictor(tiny_model_copy)
    assert predictor.predict("قال").text == "قال"
    with pytest.raises(ModelFolderError, match=r"model fails on a window of 402 sub-tokens \(.+\); export the model"):
        predictor.predict("قال " * 400)


@pytest.mark.parametrize("name", ["aqwal.json", "model.onnx", "tokenizer.json"])
@given(cut=st.floats(0, 1), flip=st.integers(0, 255))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_cut_or_changed_anywhere_is_refused_or_harmless(
    tiny_model: Path, tmp_path_factory: pytest.TempPathFactory, name: str, cut: float, flip: int
) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path_factory.mktemp("damaged") / "model"))
    content = bytearray((folder / name).read_bytes())
    at = min(int(cut * len(content)), len(content) - 1)
    changed = content[:at] if flip == 0 else content[:at] + bytes([content[at] ^ flip]) + content[at + 1 :]
    (folder / name).write_bytes(changed)
    # A name in the settings may change and mean the same; nothing else may come through but a refusal.
    with contextlib.suppress(ModelFolderError, FileNotFoundError):
        Predictor(folder).predict("قال")
        assert name == "aqwal.json"
