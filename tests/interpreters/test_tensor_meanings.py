"""The NumPy reference: complete, right against ONNX Runtime and Python's math, deterministic."""

import math

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, ModuleOp, TensorType, bf16, f16, i1, i32
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block

from pyflame.dialects.mesh.attributes import LayoutAttr
from pyflame.dialects.pyflame import (
    contraction,
    creation,
    decompositions,
    elementwise,
    movement,
    reduction,
)
from pyflame.dialects.pyflame.dialect import OPS
from pyflame.dialects.pyflame.spec import TensorSpec
from pyflame.dialects.pyflame.types import tensor_type
from pyflame.dtypes import (
    bfloat16,
    bool_,
    carry,
    float16,
    float32,
    from_numpy_dtype,
    int8,
    int32,
    int64,
)
from pyflame.errors import PyFlameError, UnsupportedError
from pyflame.layout import MeshLayout
from pyflame.runtime.interpreters.tensor import run_module
from pyflame.runtime.interpreters.tensor.engine import TensorInterpreter
from pyflame.runtime.interpreters.tensor.special import erf

RNG = np.random.default_rng(0)


def module_of(op_class, specs, expand=False, **attributes):
    """A module whose function applies one op to its arguments."""
    function = FuncOp("main", ([tensor_type(spec) for spec in specs], []))
    block = function.body.block
    op = op_class(*block.args, **attributes)
    ops, result = ([op], op.result) if not expand else decompositions.decompose(op)
    block.add_ops([*ops, ReturnOp(result)])
    function.update_function_type()
    module = ModuleOp([function])
    module.verify()
    return module


def run(op_class, *arrays, dtypes=(), expand=False, **attributes):
    """One op on arrays; `dtypes` says what they carry where NumPy cannot."""
    dtypes = dtypes or [from_numpy_dtype(array.dtype) for array in arrays]
    specs = [TensorSpec(a.shape, dtype) for a, dtype in zip(arrays, dtypes, strict=True)]
    (result,) = run_module(module_of(op_class, specs, expand, **attributes), *arrays)
    return result


def test_no_op_lacks_an_interpreter_row():
    runnable = TensorInterpreter(ModuleOp([]))._impls._impl_dict
    assert [op.name for op in OPS if op not in runnable] == []


def onnx_op(name, *arrays, **attributes):
    """ONNX Runtime's answer for one ONNX operator; arrays after the first may be constants."""
    inputs = [f"x{i}" for i in range(len(arrays))]
    graph = helper.make_graph(
        [helper.make_node(name, inputs, ["y"], **attributes)],
        "g",
        [
            helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
            for n, a in zip(inputs[:1], arrays[:1], strict=True)
        ],
        [onnx.ValueInfoProto(name="y")],
        [numpy_helper.from_array(a, n) for n, a in zip(inputs[1:], arrays[1:], strict=True)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return session.run(None, {"x0": arrays[0]})[0]


X = (RNG.normal(size=(5, 40)) * 3).astype(np.float32)
POSITIVE = np.abs(X) + np.float32(0.01)
UNARY = [
    (elementwise.NegOp, "Neg", X),
    (elementwise.AbsOp, "Abs", X),
    (elementwise.SignOp, "Sign", X),
    (elementwise.ReluOp, "Relu", X),
    (elementwise.ExpOp, "Exp", X),
    (elementwise.LogOp, "Log", POSITIVE),
    (elementwise.SqrtOp, "Sqrt", POSITIVE),
    (elementwise.ReciprocalOp, "Reciprocal", POSITIVE),
    (elementwise.SinOp, "Sin", X),
    (elementwise.CosOp, "Cos", X),
    (elementwise.TanOp, "Tan", np.tanh(X)),
    (elementwise.TanhOp, "Tanh", X),
    (elementwise.ErfOp, "Erf", X),
    (elementwise.SigmoidOp, "Sigmoid", X),
    (elementwise.GeluOp, "Gelu", X),
    (elementwise.FloorOp, "Floor", X),
    (elementwise.CeilOp, "Ceil", X),
    (elementwise.RoundOp, "Round", X),
]


@pytest.mark.parametrize(("op", "name", "x"), UNARY, ids=lambda v: getattr(v, "__name__", ""))
def test_unary_ops_agree_with_onnxruntime(op, name, x):
    np.testing.assert_allclose(run(op, x), onnx_op(name, x), rtol=3e-6, atol=1e-6)


def test_gelu_by_tanh_agrees_with_onnxruntime():
    expected = onnx_op("Gelu", X, approximate="tanh")
    ours = run(elementwise.GeluOp, X, approximate="tanh")
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("op", "numpy"),
    [
        (elementwise.Expm1Op, np.expm1),
        (elementwise.Log1pOp, np.log1p),
        (elementwise.RsqrtOp, lambda x: 1 / np.sqrt(x)),
        (elementwise.SiluOp, lambda x: x / (1 + np.exp(-x))),
    ],
)
def test_unary_ops_that_onnx_lacks(op, numpy):
    expected = numpy(POSITIVE.astype(np.float64))
    np.testing.assert_allclose(run(op, POSITIVE), expected, rtol=1e-6)


BINARY = [
    (elementwise.AddOp, "Add"),
    (elementwise.SubtractOp, "Sub"),
    (elementwise.MultiplyOp, "Mul"),
    (elementwise.DivideOp, "Div"),
    (elementwise.PowerOp, "Pow"),
]


@pytest.mark.parametrize(("op", "name"), BINARY, ids=lambda v: getattr(v, "__name__", ""))
def test_binary_ops_agree_with_onnxruntime(op, name):
    y = RNG.uniform(0.5, 2, size=(3, 1, 40)).astype(np.float32)
    expected = onnx_op(name, POSITIVE, y)
    np.testing.assert_allclose(run(op, POSITIVE, y), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("op", "name"), [(elementwise.MaximumOp, np.maximum), (elementwise.MinimumOp, np.minimum)]
)
def test_maximum_and_minimum_keep_nan(op, name):
    x, y = np.array([1, np.nan, 3], np.float32), np.array([2, 2, np.nan], np.float32)
    np.testing.assert_array_equal(run(op, x, y), name(x, y))


@pytest.mark.parametrize("lhs", [-7, -6, 0, 6, 7])
@pytest.mark.parametrize("rhs", [-3, 3])
def test_integer_division_truncates_and_remainder_follows_the_divisor(lhs, rhs):
    a, b = np.array([lhs], np.int32), np.array([rhs], np.int32)
    assert run(elementwise.DivideOp, a, b)[0] == int(lhs / rhs)
    assert run(elementwise.RemainderOp, a, b)[0] == lhs % rhs


def test_division_of_the_smallest_integer_wraps():
    smallest = np.array([np.iinfo(np.int32).min], np.int32)
    assert run(elementwise.DivideOp, smallest, np.array([-1], np.int32)) == smallest


@pytest.mark.parametrize("op", [elementwise.DivideOp, elementwise.RemainderOp])
def test_an_integer_is_not_divided_by_zero(op):
    with pytest.raises(PyFlameError) as error:
        run(op, np.array([1], np.int32), np.array([0], np.int32))
    name = op.mnemonic()
    assert str(error.value) == f"{name}: an integer is divided by 0; cast to float for inf and NaN"


def test_an_integer_has_no_negative_power():
    with pytest.raises(
        PyFlameError,
        match=r"^power: an integer has a negative exponent; cast both to float first$",
    ):
        run(elementwise.PowerOp, np.array([2], np.int32), np.array([-1], np.int32))


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("eq", [0, 1, 0, 0]),
        ("ne", [1, 0, 1, 1]),
        ("lt", [1, 0, 0, 0]),
        ("le", [1, 1, 0, 0]),
        ("gt", [0, 0, 1, 0]),
        ("ge", [0, 1, 1, 0]),
    ],
)
def test_comparisons(direction, expected):
    x = np.array([1, 2, 3, np.nan], np.float32)
    result = run(elementwise.CompareOp, x, np.float32(2).reshape(()), direction=direction)
    assert result.dtype == bool
    np.testing.assert_array_equal(result, np.array(expected, bool))


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (elementwise.LogicalAndOp, [0, 0, 0, 1]),
        (elementwise.LogicalOrOp, [0, 1, 1, 1]),
        (elementwise.LogicalXorOp, [0, 1, 1, 0]),
    ],
)
def test_logic(op, expected):
    a, b = np.array([0, 0, 1, 1], bool), np.array([0, 1, 0, 1], bool)
    np.testing.assert_array_equal(run(op, a, b), np.array(expected, bool))
    np.testing.assert_array_equal(run(elementwise.LogicalNotOp, a), ~a)


def test_select_broadcasts_all_three():
    result = run(
        elementwise.SelectOp,
        np.array([[True], [False]]),
        np.array([1, 2, 3], np.int8),
        np.array(9, np.int8),
    )
    np.testing.assert_array_equal(result, np.array([[1, 2, 3], [9, 9, 9]], np.int8))


def test_clamp_by_one_bound_or_both():
    x = np.array([-2, 0.5, 7, np.nan], np.float32)
    both = run(elementwise.ClampOp, x, min=0.0, max=6.0)
    np.testing.assert_array_equal(both, np.array([0, 0.5, 6, np.nan], np.float32))
    low = run(elementwise.ClampOp, x, min=0.0)
    np.testing.assert_array_equal(low, np.array([0, 0.5, 7, np.nan], np.float32))


def test_casts_round_truncate_and_test_for_zero():
    x = np.array([-1.9, 0.0, 1.9, 2049.0], np.float32)
    np.testing.assert_array_equal(run(elementwise.CastOp, x, dtype=int64), [-1, 0, 1, 2049])
    np.testing.assert_array_equal(
        run(elementwise.CastOp, x, dtype=bool_), [True, False, True, True]
    )
    np.testing.assert_array_equal(run(elementwise.CastOp, x, dtype=float16)[3], 2048)
    np.testing.assert_array_equal(run(elementwise.CastOp, x, dtype=bfloat16)[3], 2048)


# Rounding


def test_bfloat16_is_rounded_after_every_op():
    x = carry(np.linspace(0.1, 3, 50), bfloat16)
    result = run(elementwise.ExpOp, x, dtypes=[bfloat16])
    np.testing.assert_array_equal(result, carry(np.exp(x), bfloat16))
    assert not np.any(result.view(np.uint32) & 0xFFFF)


def test_bfloat16_rounds_ties_to_even_and_keeps_nan():
    bits = np.array([0x3F808000, 0x3F818000, 0x3F808001, 0x7F800000], np.uint32)
    expected = np.array([0x3F800000, 0x3F820000, 0x3F810000, 0x7F800000], np.uint32)
    rounded = carry(bits.view(np.float32), bfloat16)
    np.testing.assert_array_equal(rounded.view(np.uint32), expected)
    assert np.isnan(carry(np.array([np.nan]), bfloat16)).all()


@pytest.mark.parametrize("op", [reduction.SumOp, reduction.MeanOp])
def test_half_precision_reductions_accumulate_in_single(op):
    x = np.ones(4096, np.float16)  # f16 alone would stop counting at 2048
    expected = 4096 if op is reduction.SumOp else 1
    assert run(op, x, dims=(0,)) == expected


def test_single_precision_sums_do_not_drift():
    x = np.full((100_000, 2), 0.1, np.float32)
    expected = np.float32(100_000 * np.float64(np.float32(0.1)))
    np.testing.assert_array_equal(run(reduction.SumOp, x, dims=(0,)), [expected, expected])


@pytest.mark.parametrize("op", [reduction.SoftmaxOp, reduction.LogSoftmaxOp])
def test_half_precision_softmax_is_computed_in_single(op):
    x = X.astype(np.float16)
    expected = run(op, x.astype(np.float32), dim=1).astype(np.float16)
    np.testing.assert_array_equal(run(op, x, dim=1), expected)


def test_half_precision_matmul_accumulates_in_single():
    ones = np.ones((1, 4096), np.float16)
    result = run(contraction.MatmulOp, ones, ones, transpose_b=True)
    assert result.dtype == np.float16
    assert result[0, 0] == 4096


# Contraction and reductions


@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
def test_matmul_broadcasts_batches(transpose_a, transpose_b):
    a = RNG.normal(size=(2, 1, 3, 4)).astype(np.float32)
    b = RNG.normal(size=(5, 4, 6)).astype(np.float32)
    expected = a @ b
    a = np.ascontiguousarray(a.swapaxes(-1, -2)) if transpose_a else a
    b = np.ascontiguousarray(b.swapaxes(-1, -2)) if transpose_b else b
    result = run(contraction.MatmulOp, a, b, transpose_a=transpose_a, transpose_b=transpose_b)
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


REDUCTIONS = [
    (reduction.SumOp, "ReduceSum"),
    (reduction.MeanOp, "ReduceMean"),
    (reduction.MaxOp, "ReduceMax"),
    (reduction.MinOp, "ReduceMin"),
    (reduction.ProdOp, "ReduceProd"),
]


@pytest.mark.parametrize(("op", "name"), REDUCTIONS, ids=lambda v: getattr(v, "__name__", ""))
@pytest.mark.parametrize("dims", [(0,), (2,), (0, 2), (0, 1, 2)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions_agree_with_onnxruntime(op, name, dims, keepdims):
    x = RNG.normal(size=(3, 4, 5)).astype(np.float32)
    expected = onnx_op(name, x, np.array(dims, np.int64), keepdims=int(keepdims))
    result = run(op, x, dims=dims, keepdims=keepdims)
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("op", "name"), [("ArgMaxOp", "ArgMax"), ("ArgMinOp", "ArgMin")])
@pytest.mark.parametrize("keepdims", [False, True])
def test_arg_reductions_agree_with_onnxruntime(op, name, keepdims):
    x = np.round(X[:, :9])  # with ties
    expected = onnx_op(name, x, axis=1, keepdims=int(keepdims))
    np.testing.assert_array_equal(
        run(getattr(reduction, op), x, dim=1, keepdims=keepdims), expected
    )


@pytest.mark.parametrize(("op", "name"), [("SoftmaxOp", "Softmax"), ("LogSoftmaxOp", "LogSoftmax")])
@pytest.mark.parametrize("dim", [0, 1])
def test_softmax_agrees_with_onnxruntime_even_for_large_inputs(op, name, dim):
    x = X * 100
    expected = onnx_op(name, x, axis=dim)
    np.testing.assert_allclose(run(getattr(reduction, op), x, dim=dim), expected, rtol=1e-5)


def test_empty_reductions():
    x = np.empty((3, 0), np.float32)
    np.testing.assert_array_equal(run(reduction.SumOp, x, dims=(1,)), np.zeros(3))
    np.testing.assert_array_equal(run(reduction.ProdOp, x, dims=(1,)), np.ones(3))
    assert run(reduction.SoftmaxOp, x, dim=1).shape == (3, 0)


# Movement and creation


def test_movement():
    x = np.arange(24, dtype=np.int32).reshape(2, 3, 4)
    np.testing.assert_array_equal(run(movement.ReshapeOp, x, shape=(4, 6)), x.reshape(4, 6))
    order = (2, 0, 1)
    np.testing.assert_array_equal(
        run(movement.TransposeOp, x, permutation=order), x.transpose(order)
    )
    wide = run(movement.BroadcastToOp, x[:, :1], shape=(5, 2, 3, 4))
    np.testing.assert_array_equal(wide, np.broadcast_to(x[:, :1], (5, 2, 3, 4)))
    np.testing.assert_array_equal(
        run(movement.ConcatenateOp, x, x[:, :1], dim=1), np.concatenate([x, x[:, :1]], 1)
    )
    part = run(movement.SliceOp, x, starts=(0, 1, 0), stops=(2, 3, 4), steps=(1, 1, 3))
    np.testing.assert_array_equal(part, x[:, 1:3, ::3])
    padded = run(movement.PadOp, x, low=(0, 1, 0), high=(0, 0, 2), value=-1)
    np.testing.assert_array_equal(padded, np.pad(x, ((0, 0), (1, 0), (0, 2)), constant_values=-1))


@pytest.mark.parametrize(
    ("element", "values", "expected"),
    [
        (f16, [0.1, 2.0], np.array([0.1, 2.0], np.float16)),
        (bf16, [1.5, -2.0], np.array([1.5, -2.0], np.float32)),
        (i32, [-1, 7], np.array([-1, 7], np.int32)),
        (i1, [1, 0], np.array([True, False])),
    ],
)
def test_constants(element, values, expected):
    value = DenseIntOrFPElementsAttr.from_list(TensorType(element, (2,)), values)
    (result,) = run_module(module_of(creation.ConstantOp, [], value=value))
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result, expected)


def test_full_and_arange():
    def made(op, **attributes):
        return run_module(module_of(op, [], **attributes))[0]

    full = made(creation.FullOp, shape=(2, 2), dtype=int8, value=-3)
    np.testing.assert_array_equal(full, np.full((2, 2), -3, np.int8))
    whole = made(creation.ArangeOp, shape=(4,), dtype=int32, start=5, step=-2)
    np.testing.assert_array_equal(whole, np.array([5, 3, 1, -1], np.int32))
    real = made(creation.ArangeOp, shape=(3,), dtype=float32, start=0.1, step=0.1)
    np.testing.assert_array_equal(real, (0.1 + np.arange(3) * 0.1).astype(np.float32))


# Decompositions


COMPOSITES = [
    (elementwise.ReluOp, {}),
    (elementwise.ReciprocalOp, {}),
    (elementwise.RsqrtOp, {}),
    (elementwise.ClampOp, {"min": -1.0, "max": 2.0}),
    (elementwise.SigmoidOp, {}),
    (elementwise.SiluOp, {}),
    (elementwise.GeluOp, {}),
    (elementwise.GeluOp, {"approximate": "tanh"}),
    (elementwise.ErfOp, {}),
    (reduction.MeanOp, {"dims": (1,), "keepdims": True}),
    (reduction.SoftmaxOp, {"dim": 0}),
    (reduction.LogSoftmaxOp, {"dim": 1}),
]


def test_every_decomposition_is_tested_here():
    assert {op for op, _ in COMPOSITES} == set(decompositions.DECOMPOSITIONS)


@pytest.mark.parametrize(("op", "attributes"), COMPOSITES)
@pytest.mark.parametrize("dtype", [float32, float16, bfloat16], ids=lambda d: d.name)
def test_a_decomposition_means_what_the_op_means(op, attributes, dtype):
    x = carry(POSITIVE if op is elementwise.RsqrtOp else X, dtype)
    whole = run(op, x, dtypes=[dtype], **attributes)
    parts = run(op, x, dtypes=[dtype], expand=True, **attributes)
    tolerance = {float32: 1e-6, float16: 1e-3, bfloat16: 8e-3}[dtype]
    np.testing.assert_allclose(parts, whole, rtol=tolerance, atol=tolerance)


def test_a_decomposition_keeps_the_type_and_does_not_repeat_the_op():
    module = module_of(reduction.SoftmaxOp, [TensorSpec((3, 4), float16)], expand=True, dim=1)
    names = [op.name for op in module.walk()]
    assert "pyflame.softmax" not in names
    assert names.count("pyflame.cast") == 2


def test_a_decomposition_takes_the_layout_of_the_op_and_leaves_nothing_behind():
    layout = LayoutAttr.from_layout(MeshLayout.grid(2, 2), 2)
    spec = TensorSpec((4, 4), float32)
    argument = Block(arg_types=[tensor_type(spec, layout)]).args[0]
    other = tensor_type(spec, LayoutAttr.from_layout(MeshLayout.row_partition(4), 2))
    op = elementwise.SiluOp(argument, result_type=other)
    ops, value = decompositions.decompose(op)
    assert value.type == other
    assert value is ops[-1].results[0]
    assert {use.operation for use in argument.uses} == {op, *ops}


def test_what_has_no_decomposition_says_so():
    with pytest.raises(UnsupportedError, match=r"^not supported:\n  - a decomposition of pyfl"):
        run(elementwise.AddOp, X, X, expand=True)
    with pytest.raises(UnsupportedError, match=r"a decomposition of pyflame\.erf for f64$"):
        run(elementwise.ErfOp, X.astype(np.float64), expand=True)


# The error function


def test_erf_is_good_to_two_ulps_of_double():
    x = np.concatenate([np.linspace(-6.5, 6.5, 4001), [1e-300, -1e-9, 0.84375, 1.25, 1 / 0.35]])
    expected = np.array([math.erf(value) for value in x])
    np.testing.assert_array_max_ulp(erf(x), expected, maxulp=2)


def test_erf_at_the_edges():
    x = np.array([np.inf, -np.inf, 0.0, -0.0])
    np.testing.assert_array_equal(erf(x), [1, -1, 0, -0.0])
    assert np.signbit(erf(x)[3])
    assert np.isnan(erf(np.array([np.nan]))).all()
