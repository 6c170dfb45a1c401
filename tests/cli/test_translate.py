"""`pyflame-translate`: forms in, forms out, and what it refuses."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pyflame.cli import arrays, translate
from pyflame.cli.common import UsageError
from pyflame.cli.translate import main
from pyflame.dialects.guard import parse_module
from pyflame.errors import PyFlameError

WEIGHT = np.arange(12, dtype=np.float32).reshape(4, 3)
TEXT = """\
func.func @main(%x: tensor<2x4xf32> {pyflame.name = "x"},
                %w: tensor<4x3xf32> {pyflame.name = "w", pyflame.weight}) -> tensor<2x3xf32> {
  %y = pyflame.matmul %x, %w : tensor<2x4xf32>, tensor<4x3xf32> -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}
"""


@pytest.fixture
def model(tmp_path: Path) -> str:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(WEIGHT, "w")],
    )
    path = tmp_path / "model.onnx"
    opset = [helper.make_opsetid("", 17)]
    path.write_bytes(
        helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()
    )
    return str(path)


def write(folder: Path, text: str) -> str:
    path = folder / "input.mlir"
    path.write_text(text)
    return str(path)


def test_a_module_is_printed_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--emit-mlir", write(tmp_path, TEXT)]) == 0
    printed = capsys.readouterr().out
    assert main(["--emit-mlir", "--generic", write(tmp_path, printed)]) == 0
    generic = capsys.readouterr().out
    assert '"pyflame.matmul"(%x, %w)' in generic
    assert main(["--emit-mlir", write(tmp_path, generic)]) == 0
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize("option", ["--import-onnx", "--emit-mlir"])
def test_an_onnx_model_becomes_a_module_with_its_weights_beside(
    option: str, model: str, tmp_path: Path
) -> None:
    out = tmp_path / "out.mlir"
    assert main([option, model, "--input-shape", "x=2x4", "-o", str(out)]) == 0
    assert str(parse_module(out)) == str(parse_module(TEXT))
    weights = arrays.read_weights(out.with_suffix(".safetensors"))
    assert list(weights) == ["w"] and np.array_equal(weights["w"], WEIGHT)


def test_weights_are_not_printed(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--import-onnx", model, "--input-shape", "x=2x4"]) == 0
    out, err = capsys.readouterr()
    assert "pyflame.weight" in out
    assert err.startswith("pyflame-translate: note: 1 weights are arguments")


def test_an_onnx_model_is_known_by_the_option_whatever_its_name(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "model.bin"
    Path(model).rename(other)
    assert main(["--import-onnx", str(other), "--input-shape", "x=2x4"]) == 0
    assert main(["--emit-mlir", str(other)]) == 1
    assert f"{other}:" in capsys.readouterr().err


def test_unsupported_operators_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Foo", ["x"], ["a"], domain="other"),
        helper.make_node("Bar", ["a"], ["y"], domain="other"),
    ]
    inputs, outputs = [value("x", TensorProto.FLOAT, [1])], [value("y", TensorProto.FLOAT, [1])]
    graph = helper.make_graph(nodes, "g", inputs, outputs)
    path = tmp_path / "m.onnx"
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("other", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    assert main(["--import-onnx", str(path)]) == 1
    err = capsys.readouterr().err
    assert "Foo" in err and "Bar" in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "one of the arguments --emit-mlir --emit-csl --import-onnx"),
        (["--emit-mlir", "--emit-csl"], "not allowed with argument"),
        (["--import-onnx"], "an ONNX model is read from a file"),
        (["--import-onnx", "m.onnx", "--input-shape", "x"], "expected NAME=SIZExSIZE…"),
        (["--emit-mlir", "m.onnx", "--input-shape", "x=2x?"], "expected NAME=SIZExSIZE…"),
        (["--emit-mlir", "m.mlir", "--input-shape", "x=2"], "--input-shape is for model files"),
        (["--emit-csl", "m.mlir", "--target", "wse9"], "invalid choice: 'wse9'"),
    ],
)
def test_a_wrong_command_line_ends_with_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(arguments)
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--emit-mlir", "--emit-csl"])
def test_a_mistake_in_the_file_ends_with_1_and_its_place(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, TEXT.replace("2x3xf32", "2x5xf32"))
    assert main([option, path]) == 1
    assert capsys.readouterr().err.startswith(f"{path}:3:3: error: 'pyflame.matmul' op")


def test_shapes_of_the_command_line() -> None:
    assert translate.shapes_of(["x=2x3", "a=b=", "y=7"]) == {"x": [2, 3], "a=b": [], "y": [7]}


def arguments() -> list[arrays.Argument]:
    return arrays.arguments_of(parse_module(TEXT))


def test_arguments_have_their_names_or_numbers() -> None:
    assert [(a.name, a.shape, a.is_weight) for a in arguments()] == [
        ("x", (2, 4), False),
        ("w", (4, 3), True),
    ]
    unnamed = parse_module(TEXT.replace(' {pyflame.name = "x"}', ""))
    assert [a.name for a in arrays.arguments_of(unnamed)] == ["arg0", "w"]


def test_inputs_are_given_seeded_or_left_open() -> None:
    module = parse_module(TEXT)
    weights = {"w": WEIGHT}
    assert list(arrays.chosen_inputs(module, {}, weights, None, "m")) == ["w"]
    one = arrays.chosen_inputs(module, {}, weights, 1, "m")["x"]
    assert one.shape == (2, 4) and one.dtype == np.float32
    assert np.array_equal(one, arrays.chosen_inputs(module, {}, weights, 1, "m")["x"])
    assert not np.array_equal(one, arrays.chosen_inputs(module, {}, weights, 2, "m")["x"])
    given = np.zeros((2, 4), np.float32)
    assert arrays.chosen_inputs(module, {"x": given}, weights, 1, "m")["x"] is given


def test_inputs_that_do_not_fit_are_named() -> None:
    module = parse_module(TEXT)
    with pytest.raises(UsageError, match=r"--inputs: m has no argument 'z'; it has: 'x', 'w'"):
        arrays.chosen_inputs(module, {"z": WEIGHT}, {}, None, "m")
    with pytest.raises(UsageError, match=r"weight 'w' of m is in no file; --weights names one"):
        arrays.chosen_inputs(module, {}, {}, None, "m")
    with pytest.raises(PyFlameError, match=r"'x' takes float32 of shape \[2, 4\], got float64 of"):
        arrays.chosen_inputs(module, {"x": np.zeros((2, 4))}, {"w": WEIGHT}, None, "m")


def test_an_npz_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, x=WEIGHT, y=np.array([True]))
    read = arrays.read_npz(path)
    assert np.array_equal(read["x"], WEIGHT) and read["y"].tolist() == [True]


def test_hostile_npz_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.npz"
    with pytest.raises(PyFlameError, match="No such file"):
        arrays.read_npz(path)
    path.write_bytes(b"PK\x03\x04 not a zip")
    with pytest.raises(PyFlameError, match=r"this is no \.npz file"):
        arrays.read_npz(path)
    np.savez(path, x=np.array([{"an": "object"}], dtype=object))
    with pytest.raises(PyFlameError, match=r"this is no \.npz file"):
        arrays.read_npz(path)
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + bytes([len(header), 0]) + header)
    with pytest.raises(PyFlameError, match=r"array 'x\.npy' has shape \[1000000000000\]"):
        arrays.read_npz(path)
    monkeypatch.setattr(arrays, "MOST_BYTES", 100)
    np.savez(path, x=np.zeros(100))
    with pytest.raises(PyFlameError, match="bytes of arrays; at most 100"):
        arrays.read_npz(path)


def test_a_weights_file_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    with pytest.raises(PyFlameError, match=r"cannot read this file|no \.safetensors file"):
        arrays.read_weights(path)
    path.write_bytes(b"\xff" * 64)
    with pytest.raises(PyFlameError, match=r"this is no \.safetensors file"):
        arrays.read_weights(path)
