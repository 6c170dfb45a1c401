"""InferenceSession: ONNX Runtime's interface, checked against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import pyflame_rt as rt
from pyflame.errors import DTypeError, InvalidModelError, PyFlameError, ShapeError, UnsupportedError

RNG = np.random.default_rng(0)


def mlp(batch: int | str = 4) -> onnx.ModelProto:
    weights = {
        "w1": RNG.standard_normal((8, 16)).astype(np.float32),
        "b1": RNG.standard_normal(16).astype(np.float32),
        "w2": RNG.standard_normal((16, 3)).astype(np.float32),
        "b2": RNG.standard_normal(3).astype(np.float32),
    }
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["x", "w1", "b1"], ["h"]),
            helper.make_node("Relu", ["h"], ["a"]),
            helper.make_node("Gemm", ["a", "w2", "b2"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["p"], axis=-1),
        ],
        "mlp",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 8])],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, [batch, 3])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def model_of(*nodes: onnx.NodeProto, shape=(2, 3), opset: int = 17) -> bytes:
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["a", "b"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    return model.SerializeToString()


def test_an_mlp_agrees_with_onnxruntime(tmp_path):
    path = tmp_path / "mlp.onnx"
    onnx.save(mlp(), path)
    x = RNG.standard_normal((4, 8)).astype(np.float32)
    got = rt.InferenceSession(str(path)).run(None, {"x": x})
    want = onnxruntime.InferenceSession(str(path)).run(None, {"x": x})
    np.testing.assert_allclose(got[0], want[0], rtol=1e-5, atol=1e-6)


def test_a_symbolic_batch_takes_its_size_from_each_run():
    session = rt.InferenceSession(mlp("n").SerializeToString())
    assert session.get_inputs()[0].shape == ["n", 8]
    for n in (1, 5):
        (p,) = session.run(None, {"x": np.zeros((n, 8), np.float32)})
        assert p.shape == (n, 3)


def test_inputs_and_outputs_read_like_onnxruntimes():
    data = mlp().SerializeToString()
    ours, theirs = rt.InferenceSession(data), onnxruntime.InferenceSession(data)
    for a, b in zip(
        ours.get_inputs() + ours.get_outputs(),
        theirs.get_inputs() + theirs.get_outputs(),
        strict=True,
    ):
        assert (a.name, a.shape, a.type) == (b.name, b.shape, b.type)


def test_shape_arithmetic_is_folded_at_import():
    two = numpy_helper.from_array(np.array([2], np.int64))
    data = model_of(
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Constant", [], ["i"], value=numpy_helper.from_array(np.array([1]))),
        helper.make_node("Gather", ["s", "i"], ["n"]),
        helper.make_node("Constant", [], ["two"], value=two),
        helper.make_node("Div", ["n", "two"], ["half"]),
        helper.make_node("Constant", [], ["m"], value=numpy_helper.from_array(np.array([-1]))),
        helper.make_node("Concat", ["m", "half"], ["shape"], axis=0),
        helper.make_node("Reshape", ["x", "shape"], ["y"]),
        shape=(3, 4),
    )
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    (y,) = rt.InferenceSession(data).run(None, {"x": x})
    np.testing.assert_array_equal(y, x.reshape(6, 2))


def test_all_unsupported_operators_are_listed_at_once():
    data = model_of(
        helper.make_node("LSTM", ["x", "x", "x"], ["a"], hidden_size=1),
        helper.make_node("Det", ["x"], ["b"]),
        helper.make_node("Det", ["b"], ["c"]),
        helper.make_node("NoSuchOperator", ["c"], ["d"]),
        helper.make_node("Inverse", ["d"], ["y"], domain="com.example"),
    )
    with pytest.raises(UnsupportedError) as error:
        rt.InferenceSession(data)
    assert [gap.what for gap in error.value.gaps] == [
        "ai.onnx.Det (opset 17)",
        "ai.onnx.LSTM (opset 17)",
        "ai.onnx.NoSuchOperator (opset 17)",
        "com.example.Inverse (opset ?)",
    ]


def test_all_nodes_that_cannot_be_converted_are_listed_at_once():
    data = model_of(
        helper.make_node("ArgMax", ["x"], ["a"], name="first", select_last_index=1),
        helper.make_node("Transpose", ["x"], ["y"], name="second", perm=[0, 0]),
    )
    with pytest.raises(UnsupportedError) as error:
        rt.InferenceSession(data)
    assert [gap.where for gap in error.value.gaps] == ["node 'first'", "node 'second'"]


@pytest.mark.parametrize(
    ("feed", "kind", "message"),
    [
        ({}, PyFlameError, "missing 'x'; the model takes 'x': tensor(float) [4, 8]"),
        ({"z": 0}, PyFlameError, "missing 'x'; unknown 'z'"),
        ({"x": np.zeros((4, 8))}, DTypeError, "element type float32, got float64"),
        ({"x": np.zeros((4, 9), np.float32)}, ShapeError, "has shape [4, 8], got [4, 9]"),
        ({"x": np.zeros(8, np.float32)}, ShapeError, "has shape [4, 8], got [8]"),
    ],
)
def test_a_wrong_feed_is_answered_with_the_signature(feed, kind, message):
    session = rt.InferenceSession(mlp().SerializeToString())
    with pytest.raises(kind) as error:
        session.run(None, feed)
    assert message in str(error.value)


def test_an_unknown_provider_is_refused():
    with pytest.raises(UnsupportedError, match="CUDAExecutionProvider"):
        rt.InferenceSession(mlp().SerializeToString(), providers=["CUDAExecutionProvider"])


@pytest.mark.parametrize(
    "location", ["../secret.bin", "/etc/hostname", "a/../../secret.bin", "link.bin", "hard.bin"]
)
def test_external_data_outside_the_models_folder_is_refused(tmp_path, location):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(b"\0" * 32)
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "link.bin").symlink_to(secret)
    (folder / "hard.bin").hardlink_to(secret)
    model = mlp()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    (folder / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(InvalidModelError, match="w1"):
        rt.InferenceSession(str(folder / "m.onnx"))


def test_external_data_inside_the_models_folder_is_read(tmp_path):
    model = mlp()
    want = rt.InferenceSession(model.SerializeToString())
    path = tmp_path / "m.onnx"
    onnx.save(model, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    x = np.ones((4, 8), np.float32)
    got = rt.InferenceSession(str(path)).run(None, {"x": x})
    np.testing.assert_array_equal(got[0], want.run(None, {"x": x})[0])


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("offset", "-4", "offset -4 is negative"),
        ("length", "3", "dimensions need 512 bytes, length is 3"),
        ("offset", "1000", "bytes 1000 to 1512"),
        ("offset", "x", "not a number"),
    ],
)
def test_external_data_that_contradicts_the_tensor_is_refused(tmp_path, key, value, message):
    model = mlp()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="w.bin")
    tensor.external_data.add(key=key, value=value)
    (tmp_path / "w.bin").write_bytes(b"\0" * 512)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(InvalidModelError) as error:
        rt.InferenceSession(str(tmp_path / "m.onnx"))
    assert message in str(error.value)


@pytest.mark.parametrize("data", [b"", b"\xff" * 40, mlp().SerializeToString()[:-100]])
def test_a_damaged_file_is_an_invalid_model(tmp_path, data):
    path = tmp_path / "bad.onnx"
    path.write_bytes(data)
    with pytest.raises(InvalidModelError, match=r"bad\.onnx"):
        rt.InferenceSession(str(path))


def test_initializer_data_that_does_not_fill_its_shape_is_refused():
    model = mlp()
    model.graph.initializer[0].dims[:] = [8, 17]
    with pytest.raises(InvalidModelError, match="w1"):
        rt.InferenceSession(model.SerializeToString())


def test_a_cycle_is_refused():
    data = model_of(
        helper.make_node("Add", ["x", "b"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Relu", ["b"], ["y"]),
    )
    with pytest.raises(InvalidModelError, match="not a valid ONNX model"):
        rt.InferenceSession(data)


def test_weights_stay_out_of_the_module():
    model = rt.InferenceSession(mlp().SerializeToString()).to_module()
    assert list(model.weights) == ["w1", "b1", "w2", "b2"]
    assert "dense" not in str(model.module)
