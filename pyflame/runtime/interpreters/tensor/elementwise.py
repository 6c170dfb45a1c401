"""NumPy meaning of the elementwise ops."""

from __future__ import annotations

import numpy as np

from pyflame.dialects.pyflame import elementwise as ops
from pyflame.dtypes import DType
from pyflame.errors import PyFlameError
from pyflame.runtime.interpreters.tensor.meaning import interpreter_functions, widen
from pyflame.runtime.interpreters.tensor.special import erf

_COMPARE = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less,
    "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
}  # fmt: skip


def _relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, x.dtype.type(0))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    x = widen(x)
    decay = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, decay) / (1 + decay)


def _silu(x: np.ndarray) -> np.ndarray:
    return widen(x) * _sigmoid(x)


def _gelu(x: np.ndarray, approximate: str) -> np.ndarray:
    x = x.astype(np.float64)
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + erf(x / np.sqrt(2)))


def _rsqrt(x: np.ndarray) -> np.ndarray:
    return 1 / np.sqrt(widen(x))


def _reciprocal(x: np.ndarray) -> np.ndarray:
    return 1 / x


def _divide(lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
    if lhs.dtype.kind == "f":
        return lhs / rhs
    _refuse_zero_divisor("divide", rhs)
    quotient = lhs // rhs
    return quotient + ((lhs % rhs != 0) & ((lhs < 0) != (rhs < 0)))


def _remainder(lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
    if lhs.dtype.kind != "f":
        _refuse_zero_divisor("remainder", rhs)
    return lhs % rhs


def _power(lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
    if lhs.dtype.kind == "i" and np.any(rhs < 0):
        raise PyFlameError("power: an integer has a negative exponent; cast both to float first")
    return np.power(lhs, rhs)


def _refuse_zero_divisor(name: str, divisor: np.ndarray) -> None:
    if not np.all(divisor):
        raise PyFlameError(f"{name}: an integer is divided by 0; cast to float for inf and NaN")


def _compare(lhs: np.ndarray, rhs: np.ndarray, direction: str) -> np.ndarray:
    return _COMPARE[direction](lhs, rhs)


def _clamp(x: np.ndarray, min: float | None = None, max: float | None = None) -> np.ndarray:
    if min is not None:
        x = np.maximum(x, np.asarray(min).astype(x.dtype))
    if max is not None:
        x = np.minimum(x, np.asarray(max).astype(x.dtype))
    return x


def _cast(x: np.ndarray, dtype: DType) -> np.ndarray:
    return x.astype(dtype.numpy)


MEANINGS = {
    ops.NegOp: np.negative,
    ops.AbsOp: np.abs,
    ops.SignOp: np.sign,
    ops.ReluOp: _relu,
    ops.ExpOp: np.exp,
    ops.Expm1Op: np.expm1,
    ops.LogOp: np.log,
    ops.Log1pOp: np.log1p,
    ops.SqrtOp: np.sqrt,
    ops.RsqrtOp: _rsqrt,
    ops.ReciprocalOp: _reciprocal,
    ops.SinOp: np.sin,
    ops.CosOp: np.cos,
    ops.TanOp: np.tan,
    ops.TanhOp: np.tanh,
    ops.ErfOp: erf,
    ops.SigmoidOp: _sigmoid,
    ops.SiluOp: _silu,
    ops.GeluOp: _gelu,
    ops.FloorOp: np.floor,
    ops.CeilOp: np.ceil,
    ops.RoundOp: np.rint,
    ops.LogicalNotOp: np.logical_not,
    ops.AddOp: np.add,
    ops.SubtractOp: np.subtract,
    ops.MultiplyOp: np.multiply,
    ops.DivideOp: _divide,
    ops.RemainderOp: _remainder,
    ops.PowerOp: _power,
    ops.MaximumOp: np.maximum,
    ops.MinimumOp: np.minimum,
    ops.LogicalAndOp: np.logical_and,
    ops.LogicalOrOp: np.logical_or,
    ops.LogicalXorOp: np.logical_xor,
    ops.CompareOp: _compare,
    ops.SelectOp: np.where,
    ops.ClampOp: _clamp,
    ops.CastOp: _cast,
}

ElementwiseFunctions = interpreter_functions("ElementwiseFunctions", MEANINGS)
