"""NumPy meaning of the `arith` and `math` ops in the body of a `mesh.compute`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import FloatAttr, IntegerAttr
from xdsl.ir import Attribute, Block, Operation, SSAValue

from pyflame.errors import Gap, UnsupportedError
from pyflame.runtime.interpreters.tensor.special import erf

_DTYPES = {"f16": np.float16, "f32": np.float32, "f64": np.float64, "i1": np.bool_}
_DTYPES |= {f"i{bits}": np.dtype(f"i{bits // 8}") for bits in (8, 16, 32, 64)}


def dtype_of(element: Attribute) -> np.dtype:
    """The NumPy type that carries values of a builtin element type.

    Raises:
        UnsupportedError: the mesh interpreter has none.
    """
    try:
        return np.dtype(_DTYPES[str(element)])
    except KeyError:
        raise UnsupportedError(Gap(f"element type {element}", "", "on the mesh")) from None


_UNARY: dict[type[Operation], Callable[..., np.ndarray]] = {
    arith.NegfOp: np.negative,
    math.AbsFOp: np.abs,
    math.ExpOp: np.exp,
    math.ExpM1Op: np.expm1,
    math.LogOp: np.log,
    math.Log1pOp: np.log1p,
    math.SqrtOp: np.sqrt,
    math.SinOp: np.sin,
    math.CosOp: np.cos,
    math.TanOp: np.tan,
    math.TanhOp: np.tanh,
    math.ErfOp: erf,
    math.FloorOp: np.floor,
    math.CeilOp: np.ceil,
    math.RoundEvenOp: np.rint,
    arith.ExtFOp: np.asarray,
    arith.TruncFOp: np.asarray,
    arith.UIToFPOp: np.asarray,
}

_BINARY: dict[type[Operation], Callable[..., np.ndarray]] = {
    arith.AddfOp: np.add,
    arith.SubfOp: np.subtract,
    arith.MulfOp: np.multiply,
    arith.DivfOp: np.divide,
    arith.MaximumfOp: np.maximum,
    arith.MinimumfOp: np.minimum,
    math.PowFOp: np.power,
    arith.AndIOp: np.bitwise_and,
    arith.OrIOp: np.bitwise_or,
    arith.XOrIOp: np.bitwise_xor,
    arith.SelectOp: np.where,
}


def _unordered(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.isnan(a) | np.isnan(b)


_ORDERED: dict[str, Callable[..., np.ndarray]] = {
    "eq": np.equal, "gt": np.greater, "ge": np.greater_equal,
    "lt": np.less, "le": np.less_equal, "ne": np.not_equal,
}  # fmt: skip
_PREDICATES = (
    "false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord",
    "ueq", "ugt", "uge", "ult", "ule", "une", "uno", "true",
)  # fmt: skip
"""Predicates of `arith.cmpf` by their number."""


def _compare(op: arith.CmpfOp, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    predicate = _PREDICATES[op.predicate.value.data]
    unordered = _unordered(a, b)
    match predicate:
        case "false" | "true":
            return np.full(np.shape(unordered), predicate == "true")
        case "ord":
            return ~unordered
        case "uno":
            return unordered
    result = _ORDERED[predicate[1:]](a, b)
    return result | unordered if predicate[0] == "u" else result & ~unordered


def _constant(op: arith.ConstantOp) -> np.ndarray:
    value = op.value
    if isinstance(value, FloatAttr | IntegerAttr):
        return np.asarray(value.value.data)
    raise UnsupportedError(Gap(f"constant {value}", "mesh.compute", "expected a scalar"))


def supported(op: Operation) -> bool:
    """Whether `op` may stand in the body of a `mesh.compute` here."""
    return (
        type(op) in _UNARY
        or type(op) in _BINARY
        or type(op)
        in (
            arith.CmpfOp,
            arith.ConstantOp,
        )
    )


def run_scalar(op: Operation, operands: Sequence[np.ndarray]) -> np.ndarray:
    """The result of one op, elementwise, in the op's own element type."""
    if isinstance(op, arith.ConstantOp):
        result = _constant(op)
    elif isinstance(op, arith.CmpfOp):
        result = _compare(op, *operands)
    else:
        result = (_UNARY.get(type(op)) or _BINARY[type(op)])(*operands)
    return np.asarray(result).astype(dtype_of(op.results[0].type), copy=False)


def run_body(block: Block, arguments: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """What the terminator of `block` yields, for whole arrays of elements at once."""
    values: dict[SSAValue, np.ndarray] = dict(zip(block.args, arguments, strict=True))
    last = block.last_op
    assert last is not None
    for op in block.ops:
        if op is not last:
            values[op.results[0]] = run_scalar(op, [values[v] for v in op.operands])
    return tuple(values[v] for v in last.operands)
