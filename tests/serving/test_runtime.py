"""Sessions: what they say, and what they leave to the caller."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from aqwal.serving.runtime import open_session


def rows_of_a_table(rows: int) -> bytes:
    """Return a model that looks rows up in a table, and has one more constant that nothing uses."""
    constants = [
        onnx.numpy_helper.from_array(np.zeros(shape, dtype=np.float32), name)
        for name, shape in (("table", (rows, 2)), ("unused", (3,)))
    ]
    node = onnx.helper.make_node("Gather", ["table", "ids"], ["found"])
    given = onnx.helper.make_tensor_value_info("ids", 7, ["tokens"])
    found = onnx.helper.make_tensor_value_info("found", 1, ["tokens", 2])
    graph = onnx.helper.make_graph([node], "rows", [given], [found], constants)
    opset = [onnx.helper.make_opsetid("", 17)]
    return bytes(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())


def test_nothing_is_written_on_standard_error_what_matters_is_raised(capfd: pytest.CaptureFixture[str]) -> None:
    # The runtime would warn of what nothing uses, and tell of an error beside raising it.
    session = open_session(rows_of_a_table(4))
    assert session.run(None, {"ids": np.array([3])})[0].shape == (1, 2)
    with pytest.raises(Exception, match="out of data bounds"):
        session.run(None, {"ids": np.array([4])})
    with pytest.raises(Exception, match="INVALID_PROTOBUF"):
        open_session(b"no model")
    assert capfd.readouterr() == ("", "")


def test_a_model_is_the_same_from_its_file_and_from_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(rows_of_a_table(4))
    given = {"ids": np.array([1, 2])}
    of_file, of_bytes = (open_session(model).run(None, given)[0] for model in (file, file.read_bytes()))
    assert np.array_equal(of_file, of_bytes)
