"""Operations against NumPy, with PyTorch's promotion and the refusals users will meet."""

import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays, mutually_broadcastable_shapes

import pyflame as pf
from pyflame.errors import DTypeError, ShapeError, UnsupportedError

RNG = np.random.default_rng(1)
X = RNG.normal(size=(3, 4)).astype(np.float32)
Y = RNG.uniform(0.5, 2, size=(4,)).astype(np.float32)
OPERATORS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
    operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge,
]  # fmt: skip


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.__name__)
def test_operators_between_tensors_arrays_and_numbers(op):
    x, y = pf.from_numpy(X), pf.from_numpy(Y)
    for ours, numpys in [
        (op(x, y), op(X, Y)),
        (op(x, Y), op(X, Y)),
        (op(X, y), op(X, Y)),
        (op(x, 1.5), op(X, np.float32(1.5))),
        (op(1.5, y), op(np.float32(1.5), Y)),
        (op(2, y), op(np.float32(2), Y)),
        (op(np.float64(1.5), y), op(np.float32(1.5), Y)),
    ]:
        assert isinstance(ours, pf.Tensor)
        np.testing.assert_allclose(ours.numpy(), numpys, rtol=2e-6, atol=1e-6)


def test_power_negation_and_absolute_value():
    y = pf.from_numpy(Y)
    np.testing.assert_allclose((y**2.5).numpy(), Y**2.5, rtol=1e-6)
    np.testing.assert_allclose((2**y).numpy(), 2**Y, rtol=1e-6)
    np.testing.assert_array_equal((-y).numpy(), -Y)
    np.testing.assert_array_equal(abs(-y).numpy(), Y)
    np.testing.assert_array_equal((+y).numpy(), Y)


def test_boolean_operators():
    a, b = pf.tensor([True, True, False]), pf.tensor([True, False, False])
    assert (a & b).tolist() == [True, False, False]
    assert (a | b).tolist() == [True, True, False]
    assert (a ^ b).tolist() == [False, True, False]
    assert (~a).tolist() == [False, False, True]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_broadcasting_is_numpys(data):
    shapes = data.draw(mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=4))
    elements = st.integers(-8, 8).map(np.float32)
    a, b = (
        data.draw(arrays(np.float32, shape, elements=elements)) for shape in shapes.input_shapes
    )
    ours = pf.from_numpy(a) * pf.from_numpy(b) - pf.from_numpy(a)
    np.testing.assert_array_equal(ours.numpy(), a * b - a)
    assert tuple(ours.shape) == shapes.result_shape


# Element types


FLOATS = ["float64", "float32", "float16", "bfloat16"]
INTS = ["int64", "int32", "int16", "int8", "uint8"]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("float32", "float32", "float32"),
        ("float32", "float64", "float64"),
        ("float16", "bfloat16", "float32"),
        ("float16", "int64", "float16"),
        ("int8", "uint8", "int16"),
        ("int8", "int32", "int32"),
        ("bool_", "int8", "int8"),
        ("bool_", "float16", "float16"),
    ],
)
def test_tensors_promote_as_in_pytorch(a, b, expected):
    x, y = pf.ones([2], getattr(pf, a)), pf.ones([2], getattr(pf, b))
    assert (x + y).dtype == (y + x).dtype == getattr(pf, expected)


@pytest.mark.parametrize("dtype", [*FLOATS, *INTS])
def test_numbers_do_not_widen_a_tensor_of_their_category(dtype):
    x = pf.ones([2], getattr(pf, dtype))
    assert (x + 1).dtype == x.dtype
    assert (1 + x).dtype == x.dtype
    assert (x + True).dtype == x.dtype
    expected = x.dtype if dtype in FLOATS else pf.float32
    assert (x * 1.5).dtype == (1.5 * x).dtype == (x * np.float64(1.5)).dtype == expected


def test_numbers_of_a_higher_category_decide():
    x = pf.tensor([True, False])
    assert (x + 1).dtype == pf.int64
    assert (x + 1.0).dtype == pf.float32


def test_tensors_without_dimensions_speak_more_softly():
    wide, narrow = pf.tensor(np.float64(2)), pf.ones([3])
    assert (wide * narrow).dtype == pf.float32
    assert (wide * pf.tensor(np.float32(1))).dtype == pf.float64
    assert (wide * pf.ones([3], pf.int8)).dtype == pf.float64


def test_division_and_functions_of_integers_are_float32():
    x = pf.ones([2], pf.int32)
    assert (x / 2).dtype == pf.float32
    assert (x / x).dtype == pf.float32
    assert pf.exp(x).dtype == pf.float32
    assert pf.sigmoid(x).dtype == pf.float32


def test_integers_divide_downwards():
    x = pf.tensor(np.array([-7, -6, 6, 7], np.int32))
    assert (x // 3).tolist() == [-3, -2, 2, 2]
    assert (x % 3).tolist() == [2, 0, 0, 1]
    assert (x // -3).tolist() == [2, 2, -2, -3]
    assert x.floor() is x


def test_a_number_must_fit():
    with pytest.raises(DTypeError, match=r"^full: value 1000 does not fit int8 \(integers -"):
        pf.ones([2], pf.int8) + 1000
    with pytest.raises(DTypeError, match=r"^full: value 100000\.0 does not fit float16 \(-65504 t"):
        pf.ones([2], pf.float16) * 1e5


def test_integers_sum_as_int64():
    x = pf.full([100], 100, pf.int8)
    assert (x.sum().item(), x.sum().dtype) == (10000, pf.int64)
    assert pf.tensor([True, True]).sum().item() == 2
    assert pf.full([3], 100, pf.int8).prod().item() == 10**6


def test_means_of_integers_are_refused():
    with pytest.raises(
        DTypeError,
        match=r"^mean: element type is int32, expected a floating point type; cast it first$",
    ):
        pf.ones([2], pf.int32).mean()


def test_casts():
    x = pf.tensor([0.0, 1.9, -1.9])
    assert x.to(pf.int32).tolist() == [0, 1, -1]
    assert x.to(pf.bool_).tolist() == [False, True, True]
    assert x.to(pf.float32) is x
    with pytest.raises(
        DTypeError, match=r"^to: dtype is 'float16', expected one such as pf.float32$"
    ):
        x.to("float16")  # pyright: ignore


# Functions


@pytest.mark.parametrize(
    "name",
    [
        "abs",
        "neg",
        "sign",
        "relu",
        "sigmoid",
        "tanh",
        "gelu",
        "silu",
        "erf",
        "exp",
        "expm1",
        "sin",
        "cos",
        "tan",
        "floor",
        "ceil",
        "round",
    ],
)
def test_unary_functions_are_methods(name):
    ours = getattr(pf, name)(X)
    np.testing.assert_array_equal(ours.numpy(), getattr(pf.from_numpy(X), name)().numpy())
    assert pf.get_node(getattr(pf, name)(pf.ones([2]))).op_type == name


@pytest.mark.parametrize("name", ["log", "log1p", "sqrt", "rsqrt", "reciprocal"])
def test_unary_functions_of_positive_numbers(name):
    numpy = {"rsqrt": lambda x: 1 / np.sqrt(x), "reciprocal": lambda x: 1 / x}
    expected = numpy.get(name) or getattr(np, name)
    np.testing.assert_allclose(getattr(pf, name)(Y).numpy(), expected(Y), rtol=1e-6)


def test_the_promised_examples():
    assert pf.relu(pf.tensor([-1, 0, 1, 2])).tolist() == [0, 0, 1, 2]
    assert pf.relu(pf.tensor([-1, 0, 1, 2])).dtype == pf.float32
    assert pf.sigmoid(pf.tensor([0])).tolist() == [0.5]
    x = pf.tensor([[1, 2], [3, 4]])
    assert (x.sum().item(), x.sum(dim=0).tolist(), x.mean().item()) == (10, [4, 6], 2.5)
    y = pf.tensor([[1, 5], [3, 2]])
    assert (y.max().item(), y.max(dim=1).tolist(), y.min(dim=0).tolist()) == (5, [5, 3], [1, 2])
    np.testing.assert_allclose(pf.softmax(pf.randn([32, 10]), dim=1).sum(dim=1).numpy(), 1, 1e-6)


def test_clamp_maximum_minimum_where():
    x = pf.from_numpy(X)
    np.testing.assert_array_equal(pf.clamp(x, -0.5, 1).numpy(), np.clip(X, -0.5, 1))
    np.testing.assert_array_equal(pf.maximum(x, 0.2).numpy(), np.maximum(X, np.float32(0.2)))
    np.testing.assert_array_equal(pf.minimum(x, pf.from_numpy(Y)).numpy(), np.minimum(X, Y))
    np.testing.assert_array_equal(pf.where(x > 0, x, 0.0).numpy(), np.where(X > 0, X, 0))
    masked = pf.where(x > 0, pf.full_like(x, float("-inf")), x)
    np.testing.assert_array_equal(masked.numpy(), np.where(X > 0, -np.inf, X))
    np.testing.assert_array_equal(pf.add(x, 1).numpy(), X + 1)
    np.testing.assert_array_equal(pf.pow(x, 2).numpy(), X**2)


def test_where_wants_booleans():
    with pytest.raises(
        DTypeError, match=r"^select: element type is float32, expected bool_; cast it first$"
    ):
        pf.where(pf.ones([2]), 1.0, 2.0)


def test_clamp_of_integers():
    x = pf.tensor(np.array([-5, 5], np.int8))
    assert x.clamp(min=-2, max=3).tolist() == [-2, 3]
    with pytest.raises(
        DTypeError, match=r"^clamp: min 0\.5 is a float, but the element type is int8$"
    ):
        x.clamp(min=0.5)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod"])
@pytest.mark.parametrize("dim", [None, 0, -1, (0, 2), [-3, 1]])
@pytest.mark.parametrize("keepdim", [False, True])
def test_reductions(name, dim, keepdim):
    x = RNG.normal(size=(2, 3, 4)).astype(np.float32)
    axis = tuple(dim) if isinstance(dim, list) else dim
    expected = getattr(np, name)(x, axis=axis, keepdims=keepdim)
    ours = getattr(pf, name)(pf.from_numpy(x), dim, keepdim)
    np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-5)
    assert tuple(ours.shape) == expected.shape


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@pytest.mark.parametrize("dim", [None, 0, -1])
@pytest.mark.parametrize("keepdim", [False, True])
def test_arg_reductions(name, dim, keepdim):
    expected = getattr(np, name)(X, axis=dim, keepdims=keepdim)
    ours = getattr(pf, name)(pf.from_numpy(X), dim, keepdim)
    np.testing.assert_array_equal(ours.numpy(), expected)
    assert (tuple(ours.shape), ours.dtype) == (np.shape(expected), pf.int64)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((3, 4), (4, 5)),
        ((4,), (4, 5)),
        ((3, 4), (4,)),
        ((4,), (4,)),
        ((2, 3, 4), (4, 5)),
        ((7, 1, 3, 4), (2, 4, 5)),
        ((4,), (2, 4, 5)),
        ((2, 3, 4), (4,)),
        ((0, 4), (4, 5)),
    ],
)
def test_matmul(a, b):
    x, y = (RNG.normal(size=shape).astype(np.float32) for shape in (a, b))
    for ours in (pf.from_numpy(x) @ pf.from_numpy(y), pf.matmul(x, y), pf.from_numpy(x) @ y):
        np.testing.assert_allclose(ours.numpy(), x @ y, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose((x @ pf.from_numpy(y)).numpy(), x @ y, rtol=1e-5, atol=1e-6)


def test_matmul_refusals():
    with pytest.raises(
        ShapeError, match=r"^matmul: inner sizes differ: \[3, 4\] has 4 columns, \[3, 4\] has 3 row"
    ):
        pf.from_numpy(X) @ pf.from_numpy(X)
    with pytest.raises(ShapeError) as error:
        pf.matmul(pf.tensor(2.0), pf.ones([2]))
    assert str(error.value) == (
        "matmul: the left operand has no dimensions, expected at least 1; "
        "multiply by a number with *"
    )
    with pytest.raises(TypeError, match="unsupported operand type"):
        pf.ones([2]) @ 2.0  # pyright: ignore


def test_softmax_by_default_takes_the_last_dimension():
    x = pf.from_numpy(X)
    np.testing.assert_array_equal(pf.softmax(x).numpy(), pf.softmax(x, 1).numpy())
    np.testing.assert_allclose(pf.log_softmax(x).exp().numpy(), x.softmax().numpy(), rtol=1e-5)


# Refusals


def test_shapes_are_checked_where_the_operation_stands():
    with pytest.raises(ShapeError) as error:
        pf.ones([3, 4]) + pf.ones([5])
    assert str(error.value) == (
        "add: shapes [3, 4] and [5] do not broadcast: dimension -1 is 4 and 5, "
        "but must be equal or 1"
    )


def test_dims_are_checked_where_the_operation_stands():
    with pytest.raises(
        ShapeError, match=r"^sum: dim 2 is out of range for rank 2 \(allowed: -2 to 1\)$"
    ):
        pf.ones([3, 4]).sum(2)
    with pytest.raises(ShapeError, match=r"^sum: dims \[1, -1\] name a dimension of rank 2 twice$"):
        pf.ones([3, 4]).sum((1, -1))
    with pytest.raises(DTypeError, match=r"^softmax: dim is 1\.0, expected an integer$"):
        pf.softmax(pf.ones([3, 4]), 1.0)  # pyright: ignore


def test_strange_operands_are_refused():
    with pytest.raises(TypeError, match="unsupported operand type"):
        pf.ones([2]) + "1"  # pyright: ignore
    with pytest.raises(DTypeError) as error:
        pf.maximum(pf.ones([2]), None)  # pyright: ignore
    assert str(error.value) == (
        "operand None is a NoneType, expected a tensor, a NumPy array or a number; "
        "make it a tensor with pf.tensor"
    )
    with pytest.raises(DTypeError, match=r"dtype\('<U1'\) is not one of float64, float32"):
        pf.relu(np.array(["a"]))


def test_gelu_forms():
    with pytest.raises(
        ShapeError, match=r"^gelu: approximate is 'fast', expected one of none, tanh$"
    ):
        pf.gelu(pf.ones([2]), approximate="fast")


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"^module 'pyflame' has no attribute 'nothing'$"):
        pf.nothing  # noqa: B018  # pyright: ignore


def test_unsupported_is_not_silent():
    with pytest.raises(UnsupportedError):
        pf.ones([3])[pf.tensor([1])]  # pyright: ignore
