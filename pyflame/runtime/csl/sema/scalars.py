"""Arithmetic on known scalars, with the rounding and wrapping of their types."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.fabric.floats import half_bits, half_value

Number = int | float | bool


class FoldError(Exception):
    """A known operation has no result; the message says why."""


def round_single(value: float) -> float:
    """The nearest f32."""
    with np.errstate(over="ignore"):
        return float(np.float32(value))


def round_to(type_: T.Type, value: float) -> float:
    """`value` as the float type holds it."""
    if type_ is T.F32:
        return round_single(value)
    if isinstance(type_, T.FloatType):
        return bits_float(type_, float_bits(type_, value))
    return value


def single_bits(value: float) -> int:
    """The bit pattern of an f32."""
    with np.errstate(over="ignore"):
        return int(np.float32(value).view(np.uint32))


def float_bits(type_: T.FloatType, value: float) -> int:
    """The bit pattern of a float in its type."""
    if type_ is T.F32:
        return single_bits(value)
    return half_bits(value, T.HALVES[type_])


def bits_float(type_: T.FloatType, bits: int) -> float:
    """The float of a bit pattern."""
    if type_ is T.F32:
        return float(np.uint32(bits & 0xFFFFFFFF).view(np.float32))
    return half_value(bits & 0xFFFF, T.HALVES[type_])


def to_bits(type_: T.Type, value: Number) -> int:
    """The register contents of a known scalar: canonical integers, bit patterns of floats."""
    if isinstance(type_, T.FloatType):
        return float_bits(type_, float(value))
    return int(value)


def from_bits(type_: T.Type, bits: int) -> Number:
    """The scalar whose low bits are `bits`."""
    if isinstance(type_, T.FloatType):
        return bits_float(type_, bits)
    if isinstance(type_, T.IntType):
        return type_.wrap(bits)
    if type_ is T.BOOL:
        return bool(bits & 1)
    return bits & ((1 << (8 * type_.size)) - 1)


def _divide(a: int, b: int) -> int:
    if b == 0:
        raise FoldError("division by zero")
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def _shift_left(a: int, b: int) -> int:
    if not 0 <= b <= 256:
        raise FoldError(f"shift count {b} is out of range 0 to 256")
    return a << b


def _shift_right(a: int, b: int) -> int:
    if b < 0:
        raise FoldError(f"shift count {b} is negative")
    return a >> min(b, 1 << 16)


def _float_divide(a: float, b: float) -> float:
    if b == 0.0:
        if a == 0.0 or math.isnan(a):
            return math.nan
        return math.copysign(math.inf, a) * math.copysign(1.0, b)
    return a / b


_INTEGER: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divide,
    "%": lambda a, b: a - b * _divide(a, b),
    "<<": _shift_left,
    ">>": _shift_right,
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
}
_FLOAT: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _float_divide,
}
COMPARE: dict[str, Callable[[Number, Number], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_MAX_BITS = 4096
"""Most bits of a number at compile time, of whatever type."""


def fold(op: str, type_: T.Type, a: Number, b: Number) -> Number:
    """``a op b`` of two values of one type; integers of fixed width wrap.

    Raises:
        FoldError: the operation is not defined on the type or on these values.
    """
    if isinstance(type_, T.FloatType) or type_ is T.COMPTIME_FLOAT:
        if op not in _FLOAT:
            raise FoldError(f"'{op}' is not defined for {type_}")
        if type_ is T.COMPTIME_FLOAT and op == "/" and b == 0:
            raise FoldError("division by zero")
        try:
            result = round_to(type_, _FLOAT[op](float(a), float(b)))
        except OverflowError:
            return math.inf
        if type_ is T.COMPTIME_FLOAT and math.isnan(result):
            raise FoldError(f"{a} {op} {b} is not a number")
        return result
    if not T.is_integer(type_):
        raise FoldError(f"'{op}' is not defined for {type_}")
    result = _INTEGER[op](int(a), int(b))
    return bounded(type_.wrap(result) if isinstance(type_, T.IntType) else result)


def bounded(value: int) -> int:
    """`value` itself.

    Raises:
        FoldError: it has more bits than a compile-time number may have.
    """
    if value.bit_length() > _MAX_BITS:
        raise FoldError(f"the result has more than {_MAX_BITS} bits")
    return value


def cast(to: T.Type, from_: T.Type, value: Number) -> Number:
    """``@as`` of a known scalar.

    Raises:
        FoldError: the value has no counterpart in `to`.
    """
    if to is T.BOOL:
        return value != 0
    if isinstance(to, T.FloatType) or to is T.COMPTIME_FLOAT:
        try:
            return round_to(to, float(value))
        except OverflowError:
            return math.inf
    number = float(value) if isinstance(from_, T.FloatType) or isinstance(value, float) else value
    if isinstance(number, float):
        if not math.isfinite(number):
            raise FoldError(f"{number} has no integer value")
        number = math.trunc(number)
    if isinstance(to, T.IntType):
        return bounded(to.wrap(int(number)))
    return int(number)


def fits(type_: T.Type, value: Number) -> bool:
    """Whether an integer is in the range of an integer type."""
    return not isinstance(type_, T.IntType) or type_.low <= int(value) <= type_.high
