"""The result rule of every op of the `pyflame` dialect: operands and attributes in, spec out.

One table, `RULES`, from mnemonic to rule. An op class takes its rule from here by its name (its
verifier and its builder call it), and so does the lazy graph, which therefore reports a wrong
shape at the line that made it without importing xDSL.

A rule takes the operands' `TensorSpec`s in order and the attributes by name, with attribute
values as plain Python (int, float, bool, str, tuple, DType). It never looks at layouts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

from pyflame.dialects.pyflame import shapes
from pyflame.dialects.pyflame.shapes import Shape
from pyflame.dialects.pyflame.spec import TensorSpec
from pyflame.dtypes import DType, bfloat16, bool_, float16, float32, float64, int64
from pyflame.errors import DTypeError, PyFlameError, ShapeError

Rule = Callable[..., TensorSpec]
Number = int | float

RULES: dict[str, Rule] = {}
"""Mnemonic (the op name without ``pyflame.``) to result rule."""

COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
GELU_FORMS = ("none", "tanh")


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Enter a rule into `RULES` under each of `names`."""

    def enter(function: Rule) -> Rule:
        for name in names:
            if name in RULES:
                raise ValueError(f"op {name!r} has two result rules")
            RULES[name] = function
        return function

    return enter


def infer(name: str, operands: Sequence[TensorSpec], attributes: Mapping[str, Any]) -> TensorSpec:
    """The spec of the result of op `name`.

    Raises:
        PyFlameError: the operands or attributes do not fit; the message starts with `name`.
    """
    try:
        return RULES[name](*operands, **attributes)
    except PyFlameError as error:
        raise type(error)(f"{name}: {error}") from None


# Demands on element types


def _floating(*operands: TensorSpec) -> DType:
    return _demand(operands, "a floating point type", lambda d: d.is_floating)


def _numeric(*operands: TensorSpec) -> DType:
    return _demand(operands, "a numeric type", lambda d: d.kind != "b")


def _boolean(*operands: TensorSpec) -> DType:
    return _demand(operands, "bool_", lambda d: d == bool_)


def _any(*operands: TensorSpec) -> DType:
    return _demand(operands, "a known type", lambda d: True)


def _demand(operands: Sequence[TensorSpec], expected: str, holds: Callable[[DType], bool]) -> DType:
    dtype = operands[0].dtype
    if any(operand.dtype != dtype for operand in operands):
        listed = " and ".join(operand.dtype.name for operand in operands)
        raise DTypeError(f"element types {listed} differ; cast one of them first")
    if not holds(dtype):
        raise DTypeError(f"element type is {dtype.name}, expected {expected}; cast it first")
    return dtype


def _choice(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ShapeError(f"{name} is {value!r}, expected one of {', '.join(allowed)}")


def _fits(name: str, value: Number | None, dtype: DType) -> None:
    """`value` must be representable in `dtype`, up to rounding; infinities and NaN are floats."""
    if value is None or dtype.kind == "b":
        return
    finite = isinstance(value, int) or isfinite(value)
    if dtype.is_floating:
        largest = _LARGEST[dtype]
        fits = not finite or abs(value) <= largest
        allowed = f"-{largest:g} to {largest:g}"
    else:
        low = 0 if dtype.kind == "u" else -(2 ** (8 * dtype.size - 1))
        high = low + 2 ** (8 * dtype.size) - 1
        fits = finite and low <= value <= high and value == int(value)
        allowed = f"integers {low} to {high}"
    if not fits:
        raise DTypeError(f"{name} {value} does not fit {dtype.name} ({allowed})")


_LARGEST = {float64: 1.7976931348623157e308, float32: 3.4028235e38, float16: 65504.0,
            bfloat16: 3.3895314e38}  # fmt: skip


def _sizes(shape: Sequence[int]) -> Shape:
    if any(n < 0 for n in shape):
        raise ShapeError(f"shape {shapes.show(shape)} has a negative size")
    return tuple(shape)


# Elementwise


@rule("neg", "abs", "sign", "relu")
def numeric_unary(x: TensorSpec) -> TensorSpec:
    """Same shape and type; every type but bool."""
    return TensorSpec(x.shape, _numeric(x))


@rule(
    "exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "reciprocal", "sin", "cos", "tan", "tanh",
    "erf", "sigmoid", "silu", "floor", "ceil", "round",
)  # fmt: skip
def floating_unary(x: TensorSpec) -> TensorSpec:
    """Same shape and type; floating point only."""
    return TensorSpec(x.shape, _floating(x))


@rule("gelu")
def gelu(x: TensorSpec, approximate: str = "none") -> TensorSpec:
    """Same shape and type; floating point only."""
    _choice("approximate", approximate, GELU_FORMS)
    return TensorSpec(x.shape, _floating(x))


@rule("logical_not")
def boolean_unary(x: TensorSpec) -> TensorSpec:
    """Same shape; bool only."""
    return TensorSpec(x.shape, _boolean(x))


@rule("add", "subtract", "multiply", "divide", "maximum", "minimum", "power", "remainder")
def numeric_binary(lhs: TensorSpec, rhs: TensorSpec) -> TensorSpec:
    """Broadcast shape; both operands of one type, not bool."""
    return TensorSpec(shapes.broadcast(lhs.shape, rhs.shape), _numeric(lhs, rhs))


@rule("logical_and", "logical_or", "logical_xor")
def boolean_binary(lhs: TensorSpec, rhs: TensorSpec) -> TensorSpec:
    """Broadcast shape; bool only."""
    return TensorSpec(shapes.broadcast(lhs.shape, rhs.shape), _boolean(lhs, rhs))


@rule("compare")
def compare(lhs: TensorSpec, rhs: TensorSpec, direction: str) -> TensorSpec:
    """Broadcast shape; bool result."""
    _choice("direction", direction, COMPARISONS)
    _any(lhs, rhs)
    return TensorSpec(shapes.broadcast(lhs.shape, rhs.shape), bool_)


@rule("select")
def select(condition: TensorSpec, on_true: TensorSpec, on_false: TensorSpec) -> TensorSpec:
    """Broadcast shape of all three; bool condition, one type for both branches."""
    _boolean(condition)
    shape = shapes.broadcast(condition.shape, on_true.shape, on_false.shape)
    return TensorSpec(shape, _any(on_true, on_false))


@rule("clamp")
def clamp(x: TensorSpec, min: Number | None = None, max: Number | None = None) -> TensorSpec:
    """Same shape and type; at least one bound."""
    if min is None and max is None:
        raise ShapeError("needs min, max or both")
    dtype = _numeric(x)
    _fits("min", min, dtype)
    _fits("max", max, dtype)
    return TensorSpec(x.shape, dtype)


@rule("cast")
def cast(x: TensorSpec, dtype: DType) -> TensorSpec:
    """Same shape, element type `dtype`."""
    return TensorSpec(x.shape, dtype)


# Contraction and reductions


@rule("matmul")
def matmul(
    lhs: TensorSpec, rhs: TensorSpec, transpose_a: bool = False, transpose_b: bool = False
) -> TensorSpec:
    """[..., M, K] by [..., K, N] gives [..., M, N]; leading dimensions broadcast."""
    shape = shapes.matmul(lhs.shape, rhs.shape, transpose_a, transpose_b)
    return TensorSpec(shape, _numeric(lhs, rhs))


def _dims(x: TensorSpec, dims: Sequence[int]) -> Shape:
    """`dims`, checked to be ascending and counted from the front: IR has one form of each."""
    if list(dims) != sorted(set(dims)) or any(not 0 <= dim < x.ndim for dim in dims):
        raise ShapeError(
            f"dims {shapes.show(dims)} of rank {x.ndim} must ascend, without repeats, "
            f"within 0 to {x.ndim - 1}"
        )
    return tuple(dims)


def _dim(x: TensorSpec, dim: int) -> int:
    if not 0 <= dim < x.ndim:
        raise ShapeError(f"dim {dim} of rank {x.ndim} must lie within 0 to {x.ndim - 1}")
    return dim


def _not_empty(x: TensorSpec, dims: Sequence[int]) -> None:
    empty = [dim for dim in dims if x.shape[dim] == 0]
    if empty:
        raise ShapeError(
            f"dimension {empty[0]} of {shapes.show(x.shape)} is empty and has no largest, "
            "smallest or mean element"
        )


@rule("sum", "prod")
def total(x: TensorSpec, dims: Sequence[int], keepdims: bool = False) -> TensorSpec:
    """`dims` reduced; same element type."""
    return TensorSpec(shapes.reduced(x.shape, _dims(x, dims), keepdims), _numeric(x))


@rule("max", "min")
def extremum(x: TensorSpec, dims: Sequence[int], keepdims: bool = False) -> TensorSpec:
    """`dims`, none of them empty, reduced; same element type."""
    dims = _dims(x, dims)
    _not_empty(x, dims)
    return TensorSpec(shapes.reduced(x.shape, dims, keepdims), _numeric(x))


@rule("mean")
def mean(x: TensorSpec, dims: Sequence[int], keepdims: bool = False) -> TensorSpec:
    """`dims`, none of them empty, reduced; floating point only."""
    dims = _dims(x, dims)
    _not_empty(x, dims)
    return TensorSpec(shapes.reduced(x.shape, dims, keepdims), _floating(x))


@rule("argmax", "argmin")
def arg_extremum(x: TensorSpec, dim: int, keepdims: bool = False) -> TensorSpec:
    """`dim`, not empty, reduced; int64 result."""
    _numeric(x)
    _not_empty(x, (_dim(x, dim),))
    return TensorSpec(shapes.reduced(x.shape, (dim,), keepdims), int64)


@rule("softmax", "log_softmax")
def normalized(x: TensorSpec, dim: int) -> TensorSpec:
    """Same shape and type; floating point only."""
    _dim(x, dim)
    return TensorSpec(x.shape, _floating(x))


# Shape and movement


@rule("reshape")
def reshape(x: TensorSpec, shape: Sequence[int]) -> TensorSpec:
    """The same elements in row-major order under another shape."""
    return TensorSpec(shapes.resolve_reshape(x.shape, shape), x.dtype)


@rule("transpose")
def transpose(x: TensorSpec, permutation: Sequence[int]) -> TensorSpec:
    """Dimension i of the result is dimension ``permutation[i]`` of the operand."""
    return TensorSpec(shapes.permuted(x.shape, permutation), x.dtype)


@rule("broadcast_to")
def broadcast_to(x: TensorSpec, shape: Sequence[int]) -> TensorSpec:
    """`shape`, to which the operand's shape must broadcast."""
    shape = _sizes(shape)
    if shapes.broadcast(x.shape, shape) != shape:
        raise ShapeError(f"shape {shapes.show(x.shape)} does not broadcast to {shapes.show(shape)}")
    return TensorSpec(shape, x.dtype)


@rule("concatenate")
def concatenate(*operands: TensorSpec, dim: int) -> TensorSpec:
    """Operands joined along `dim`; all other dimensions agree."""
    if not operands:
        raise ShapeError("needs at least one operand")
    _dim(operands[0], dim)
    shape = shapes.concatenated([operand.shape for operand in operands], dim)
    return TensorSpec(shape, _any(*operands))


@rule("slice")
def slice_(
    x: TensorSpec, starts: Sequence[int], stops: Sequence[int], steps: Sequence[int]
) -> TensorSpec:
    """``x[starts:stops:steps]`` in every dimension."""
    return TensorSpec(shapes.sliced(x.shape, starts, stops, steps), x.dtype)


@rule("pad")
def pad(x: TensorSpec, low: Sequence[int], high: Sequence[int], value: Number = 0) -> TensorSpec:
    """`low` elements of `value` before and `high` after, per dimension."""
    _fits("value", value, x.dtype)
    return TensorSpec(shapes.padded(x.shape, low, high), x.dtype)


# Creation


@rule("full")
def full(shape: Sequence[int], dtype: DType, value: Number) -> TensorSpec:
    """The shape and element type asked for."""
    _fits("value", value, dtype)
    return TensorSpec(_sizes(shape), dtype)


@rule("arange")
def arange(shape: Sequence[int], dtype: DType, start: Number, step: Number) -> TensorSpec:
    """One dimension."""
    if len(shape) != 1:
        raise ShapeError(f"has shape {shapes.show(shape)}, expected one dimension")
    result = TensorSpec(_sizes(shape), dtype)
    _numeric(result)
    if result.numel:
        _fits("start", start, dtype)
        _fits("last element", start + step * (result.numel - 1), dtype)
    return result


def _random(state: TensorSpec, shape: Sequence[int]) -> Shape:
    if (state.shape, state.dtype) != ((2,), int64):
        raise ShapeError(f"the state is {state}, expected tensor<2xi64> (seed, stream)")
    return _sizes(shape)


@rule("rng_uniform")
def rng_uniform(
    state: TensorSpec, shape: Sequence[int], dtype: DType, low: Number = 0.0, high: Number = 1.0
) -> TensorSpec:
    """Uniform in [low, high); floating point only."""
    result = TensorSpec(_random(state, shape), dtype)
    _floating(result)
    return result


@rule("rng_normal")
def rng_normal(
    state: TensorSpec, shape: Sequence[int], dtype: DType, mean: Number = 0.0, std: Number = 1.0
) -> TensorSpec:
    """Normal with `mean` and `std`; floating point only."""
    result = TensorSpec(_random(state, shape), dtype)
    _floating(result)
    return result


@rule("rng_randint")
def rng_randint(
    state: TensorSpec, shape: Sequence[int], dtype: DType, low: int, high: int
) -> TensorSpec:
    """Integers in [low, high); every type but bool."""
    if low >= high:
        raise ShapeError(f"the range [{low}, {high}) is empty")
    _fits("low", low, dtype)
    _fits("high - 1", high - 1, dtype)
    _fits("high", high, int64)
    result = TensorSpec(_random(state, shape), dtype)
    _numeric(result)
    return result


@rule("constant")
def constant(shape: Sequence[int], dtype: DType, value: object) -> TensorSpec:
    """Shape and element type of the constant's value, which the op's verifier checks."""
    return TensorSpec(_sizes(shape), dtype)


__all__ = ["COMPARISONS", "GELU_FORMS", "RULES", "Number", "Rule", "infer", "rule"]
