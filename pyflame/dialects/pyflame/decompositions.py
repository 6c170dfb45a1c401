"""What the composite ops mean in terms of simpler ones: one row per op class.

`DECOMPOSITIONS[type(op)](emit, op)` emits the simpler ops in order and returns the value that
replaces the result of `op`; `decompose` does it for one op. Decompositions compute f16 and bf16
in f32 and round once at the end, as the ops themselves do. Intermediate values carry no layout
of their own, so expand before layouts are propagated.
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sqrt
from typing import Any

from xdsl.dialects.builtin import TensorType
from xdsl.ir import Operation, SSAValue

from pyflame.dialects.pyflame.base import PyFlameOp
from pyflame.dialects.pyflame.creation import FullOp
from pyflame.dialects.pyflame.elementwise import (
    AddOp,
    CastOp,
    ClampOp,
    DivideOp,
    ErfOp,
    ExpOp,
    GeluOp,
    LogOp,
    MaximumOp,
    MinimumOp,
    MultiplyOp,
    NegOp,
    ReciprocalOp,
    ReluOp,
    RsqrtOp,
    SigmoidOp,
    SiluOp,
    SqrtOp,
    SubtractOp,
    TanhOp,
)
from pyflame.dialects.pyflame.reduction import (
    LogSoftmaxOp,
    MaxOp,
    MeanOp,
    SoftmaxOp,
    SumOp,
)
from pyflame.dialects.pyflame.types import spec_of
from pyflame.dtypes import DType, bfloat16, float16, float32, float64
from pyflame.errors import UnsupportedError


class Emit:
    """Collects ops in order. Calling it builds one: ``emit(AddOp, x, y)`` is x + y."""

    def __init__(self) -> None:
        self.ops: list[Operation] = []

    def __call__(
        self, op: type[PyFlameOp], *operands: SSAValue, **attributes: Any
    ) -> SSAValue[TensorType]:
        built = op(*operands, **attributes)
        self.ops.append(built)
        return built.result

    def scalar(self, value: float, dtype: DType) -> SSAValue:
        """`value` as a tensor without dimensions."""
        return self(FullOp, shape=(), dtype=dtype, value=value)

    def cast(self, x: SSAValue, dtype: DType) -> SSAValue:
        """`x` as `dtype`, without an op if it already is."""
        return x if spec_of(x.type).dtype == dtype else self(CastOp, x, dtype=dtype)


Decomposition = Callable[[Emit, Any], SSAValue]

DECOMPOSITIONS: dict[type[PyFlameOp], Decomposition] = {}
"""Op class to its meaning in simpler ops."""

_Body = Callable[[Emit, Any, SSAValue, DType], SSAValue]


def _row(op: type[PyFlameOp], widens: bool = True) -> Callable[[_Body], _Body]:
    """Enter a body that works on the operand as `dtype`; the result is cast back."""

    def enter(body: _Body) -> _Body:
        def decomposition(emit: Emit, composite: PyFlameOp) -> SSAValue:
            given = composite.spec.dtype
            dtype = float32 if widens and given in (float16, bfloat16) else given
            x = emit.cast(composite.operands[0], dtype)
            return emit.cast(body(emit, composite, x, dtype), given)

        DECOMPOSITIONS[op] = decomposition
        return body

    return enter


def decompose(op: PyFlameOp) -> tuple[list[Operation], SSAValue]:
    """The ops, in order, that together mean `op`, and the value that replaces its result.

    The last op carries the result type of `op`, encoding included.

    Raises:
        UnsupportedError: `op` has no decomposition.
    """
    row = DECOMPOSITIONS.get(type(op))
    if row is None:
        raise UnsupportedError(f"a decomposition of {op.name}")
    emit = Emit()
    value = row(emit, op)
    last = emit.ops[-1]
    if value.type != op.result.type and isinstance(last, PyFlameOp) and last.result is value:
        emit.ops[-1] = typed = last.retyped(op.result.type)
        last.erase()
        value = typed.result
    return emit.ops, value


@_row(ReluOp, widens=False)
def _relu(emit: Emit, op: ReluOp, x: SSAValue, dtype: DType) -> SSAValue:
    return emit(MaximumOp, x, emit.scalar(0, dtype))


@_row(ReciprocalOp)
def _reciprocal(emit: Emit, op: ReciprocalOp, x: SSAValue, dtype: DType) -> SSAValue:
    return emit(DivideOp, emit.scalar(1.0, dtype), x)


@_row(RsqrtOp)
def _rsqrt(emit: Emit, op: RsqrtOp, x: SSAValue, dtype: DType) -> SSAValue:
    return emit(DivideOp, emit.scalar(1.0, dtype), emit(SqrtOp, x))


@_row(ClampOp, widens=False)
def _clamp(emit: Emit, op: ClampOp, x: SSAValue, dtype: DType) -> SSAValue:
    bounds = op.attribute_values()
    if "min" in bounds:
        x = emit(MaximumOp, x, emit.scalar(bounds["min"], dtype))
    if "max" in bounds:
        x = emit(MinimumOp, x, emit.scalar(bounds["max"], dtype))
    return x


def _sigmoid_of(emit: Emit, x: SSAValue, dtype: DType) -> SSAValue:
    """1 / (1 + exp(-x)): exp overflows to infinity for very negative x, and 1/inf is 0."""
    one = emit.scalar(1.0, dtype)
    return emit(DivideOp, one, emit(AddOp, one, emit(ExpOp, emit(NegOp, x))))


@_row(SigmoidOp)
def _sigmoid(emit: Emit, op: SigmoidOp, x: SSAValue, dtype: DType) -> SSAValue:
    return _sigmoid_of(emit, x, dtype)


@_row(SiluOp)
def _silu(emit: Emit, op: SiluOp, x: SSAValue, dtype: DType) -> SSAValue:
    return emit(MultiplyOp, x, emit(SigmoidOp, x))


@_row(GeluOp)
def _gelu(emit: Emit, op: GeluOp, x: SSAValue, dtype: DType) -> SSAValue:
    def times(value: SSAValue, factor: float) -> SSAValue:
        return emit(MultiplyOp, value, emit.scalar(factor, dtype))

    if op.approximate.data == "tanh":
        cube = emit(MultiplyOp, emit(MultiplyOp, x, x), x)
        inner = times(emit(AddOp, x, times(cube, 0.044715)), sqrt(2 / pi))
        bell = emit(TanhOp, inner)
    else:
        bell = emit(ErfOp, times(x, sqrt(0.5)))
    return emit(MultiplyOp, times(x, 0.5), emit(AddOp, bell, emit.scalar(1.0, dtype)))


# erf(x) = x * P(x²) / Q(x²) on [-4, 4], where it reaches 1 in f32: the rational approximation of
# Eigen and XLA, highest coefficient first; within 3 ulp of f32.
_ERF_P = (
    -2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05,
    -7.34990630326855e-04, -2.95459980854025e-03, -1.60960333262415e-02,
)  # fmt: skip
_ERF_Q = (
    -1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03,
    -1.42647390514189e-02,
)  # fmt: skip


@_row(ErfOp)
def _erf(emit: Emit, op: ErfOp, x: SSAValue, dtype: DType) -> SSAValue:
    if dtype == float64:
        raise UnsupportedError("a decomposition of pyflame.erf for f64")

    def horner(t: SSAValue, coefficients: tuple[float, ...]) -> SSAValue:
        value = emit.scalar(coefficients[0], dtype)
        for coefficient in coefficients[1:]:
            value = emit(AddOp, emit(MultiplyOp, value, t), emit.scalar(coefficient, dtype))
        return value

    x = emit(ClampOp, x, min=-4.0, max=4.0)
    square = emit(MultiplyOp, x, x)
    ratio = emit(DivideOp, horner(square, _ERF_P), horner(square, _ERF_Q))
    return emit(MultiplyOp, x, ratio)


@_row(MeanOp)
def _mean(emit: Emit, op: MeanOp, x: SSAValue, dtype: DType) -> SSAValue:
    dims = op.dims.get_values()
    shape = spec_of(x.type).shape
    count = 1
    for dim in dims:
        count *= shape[dim]
    total = emit(SumOp, x, dims=dims, keepdims=op.keepdims is not None)
    return emit(MultiplyOp, total, emit.scalar(1.0 / count, dtype))


def _shifted(emit: Emit, x: SSAValue, dim: int) -> SSAValue:
    """x - max(x), so that exp cannot overflow; no elements have no largest one."""
    if spec_of(x.type).shape[dim] == 0:
        return x
    return emit(SubtractOp, x, emit(MaxOp, x, dims=(dim,), keepdims=True))


@_row(SoftmaxOp)
def _softmax(emit: Emit, op: SoftmaxOp, x: SSAValue, dtype: DType) -> SSAValue:
    dim = op.dim.value.data
    weights = emit(ExpOp, _shifted(emit, x, dim))
    return emit(DivideOp, weights, emit(SumOp, weights, dims=(dim,), keepdims=True))


@_row(LogSoftmaxOp)
def _log_softmax(emit: Emit, op: LogSoftmaxOp, x: SSAValue, dtype: DType) -> SSAValue:
    dim = op.dim.value.data
    shifted = _shifted(emit, x, dim)
    total = emit(SumOp, emit(ExpOp, shifted), dims=(dim,), keepdims=True)
    return emit(SubtractOp, shifted, emit(LogOp, total))
