"""Scalar arithmetic on canonical register values (see `isa`): integers wrap, floats round once."""

from __future__ import annotations

import math

import numpy as np

from pyflame.runtime.fabric.kernel import opcodes as oc
from pyflame.runtime.fabric.kernel.halves import (
    BF16,
    CB16,
    IEEE,
    bits_of_f32,
    f32_of,
    half_of,
    value_of_half,
)
from pyflame.runtime.fabric.kernel.jit import kernel

TOP = -(1 << 63)


@kernel
def wrap(t, v):
    """The low bits of `v` as a canonical value of integer (or pattern) type `t`."""
    if t == oc.T_U16 or t == oc.T_F16 or t == oc.T_BF16 or t == oc.T_CB16:
        return v & 0xFFFF
    if t == oc.T_U32 or t == oc.T_F32:
        return v & 0xFFFFFFFF
    if t == oc.T_I32:
        v &= 0xFFFFFFFF
        return v - ((v >> 31) << 32)
    if t == oc.T_I16:
        v &= 0xFFFF
        return v - ((v >> 15) << 16)
    if t == oc.T_U8:
        return v & 0xFF
    if t == oc.T_I8:
        v &= 0xFF
        return v - ((v >> 7) << 8)
    if t == oc.T_BOOL:
        return v & 1
    return v


@kernel
def bits_in(t):
    """Width of type `t` in bits."""
    if t == oc.T_U8 or t == oc.T_I8:
        return 8
    if t == oc.T_U16 or t == oc.T_I16 or t == oc.T_F16 or t == oc.T_BF16 or t == oc.T_CB16:
        return 16
    if t == oc.T_U32 or t == oc.T_I32 or t == oc.T_F32:
        return 32
    if t == oc.T_BOOL:
        return 1
    return 64


@kernel
def to_float(t, v):
    """The float64 value of register `v` of any type."""
    if t == oc.T_F32:
        return np.float64(f32_of(v))
    if t == oc.T_F16:
        return value_of_half(v, IEEE)
    if t == oc.T_BF16:
        return value_of_half(v, BF16)
    if t == oc.T_CB16:
        return value_of_half(v, CB16)
    if t == oc.T_U64 and v < 0:
        return np.float64(v) + 18446744073709551616.0
    return np.float64(v)


@kernel
def from_float(t, x):
    """Register value of float64 `x` as float type `t`, rounded once."""
    if t == oc.T_F32:
        return bits_of_f32(np.float32(x))
    if t == oc.T_F16:
        return half_of(x, IEEE)
    return half_of(x, BF16 if t == oc.T_BF16 else CB16)


@kernel
def truncated(t, x):
    """`@as` of a float to integer type `t`: toward zero; NaN gives 0, far values saturate i64."""
    if t == oc.T_BOOL:
        return np.int64(1) if x != 0.0 else np.int64(0)
    if x != x:
        return np.int64(0)
    if x >= 9.223372036854775e18:
        return wrap(t, np.int64(0x7FFFFFFFFFFFFFFF))
    if x <= -9.223372036854775e18:
        return wrap(t, np.int64(TOP))
    return wrap(t, np.int64(x))


@kernel
def cast(to, source, v):
    """`@as(to, v)` for `v` of type `source`."""
    if source >= oc.T_F16:
        if to == source:
            return v
        x = to_float(source, v)
        if to >= oc.T_F16:
            return from_float(to, x)
        return truncated(to, x)
    if to >= oc.T_F16:
        return from_float(to, to_float(source, v))
    if to == oc.T_BOOL:
        return np.int64(1) if v != 0 else np.int64(0)
    return wrap(to, v)


@kernel
def float_binary(op, t, a, b):
    """ADD SUB MUL DIV MOD of two floats of type `t`: f32 in f32, halves rounded once."""
    if t == oc.T_F32:
        x = f32_of(a)
        y = f32_of(b)
        if op == oc.ADD:
            return bits_of_f32(x + y)
        if op == oc.SUB:
            return bits_of_f32(x - y)
        if op == oc.MUL:
            return bits_of_f32(x * y)
    p = to_float(t, a)
    q = to_float(t, b)
    if op == oc.ADD:
        return from_float(t, p + q)
    if op == oc.SUB:
        return from_float(t, p - q)
    if op == oc.MUL:
        return from_float(t, p * q)
    if op == oc.DIV:
        return from_float(t, divide(p, q))
    return from_float(t, remainder(p, q))


@kernel
def divide(p, q):
    """IEEE division of float64 values; exact enough to round once to f32."""
    if q == 0.0:
        if p == 0.0 or p != p:
            return np.float64(np.nan)
        return np.float64(np.copysign(np.inf, p) * np.copysign(1.0, q))
    return p / q


@kernel
def remainder(p, q):
    """C fmod of float64 values."""
    if q == 0.0 or p != p or q != q or p - p != 0.0:
        return np.float64(np.nan)
    if q - q != 0.0:
        return p
    return np.float64(np.fmod(p, q))


@kernel
def unsigned_less(a, b):
    """a < b as unsigned 64-bit integers."""
    return (a ^ TOP) < (b ^ TOP)


@kernel
def unsigned_quotient(a, b):
    """a / b as unsigned 64-bit integers."""
    if b < 0:
        return np.int64(0) if unsigned_less(a, b) else np.int64(1)
    if a >= 0:
        return a // b
    half = (a >> 1) & 0x7FFFFFFFFFFFFFFF
    q = (half // b) << 1
    if not unsigned_less(a - q * b, b):
        q += 1
    return q


@kernel
def quotient(t, a, b):
    """Integer division toward zero; `b` is not zero."""
    if t == oc.T_U64:
        return unsigned_quotient(a, b)
    if b == -1:
        return wrap(t, -a)
    q = abs(a) // abs(b)
    if (a < 0) != (b < 0):
        q = -q
    return wrap(t, q)


@kernel
def integer_binary(op, t, a, b):
    """Binary integer operations; division by zero is checked by the caller."""
    if op == oc.ADD:
        return wrap(t, a + b)
    if op == oc.SUB:
        return wrap(t, a - b)
    if op == oc.MUL:
        return wrap(t, a * b)
    if op == oc.AND:
        return a & b
    if op == oc.OR:
        return a | b
    if op == oc.XOR:
        return a ^ b
    if op == oc.SHL:
        return wrap(t, a << b) if 0 <= b < bits_in(t) else np.int64(0)
    if op == oc.SHR:
        return shift_right(t, a, b)
    q = quotient(t, a, b)
    if op == oc.DIV:
        return q
    return wrap(t, a - q * b)


@kernel
def shift_right(t, a, b):
    """Arithmetic for signed types, logical for unsigned ones."""
    if b < 0 or b >= bits_in(t):
        return np.int64(-1) if a < 0 and t != oc.T_U64 else np.int64(0)
    if t == oc.T_U64 and a < 0 and b > 0:
        return (a >> b) & ((np.int64(1) << (64 - b)) - 1)
    return a >> b


@kernel
def compare(op, t, a, b):
    """EQ … GE of two values of type `t`; comparisons with NaN are false but for NE."""
    if t >= oc.T_F16:
        x = to_float(t, a)
        y = to_float(t, b)
        if op == oc.EQ:
            return x == y
        if op == oc.NE:
            return x != y
        if op == oc.LT:
            return x < y
        if op == oc.LE:
            return x <= y
        if op == oc.GT:
            return x > y
        return x >= y
    if t == oc.T_U64:
        a ^= TOP
        b ^= TOP
    if op == oc.EQ:
        return a == b
    if op == oc.NE:
        return a != b
    if op == oc.LT:
        return a < b
    if op == oc.LE:
        return a <= b
    if op == oc.GT:
        return a > b
    assert op == oc.GE
    return a >= b


@kernel
def leading_zeros(v, width):
    """Zero bits above the highest set bit of an unsigned value of `width` bits."""
    n = 0
    bit = width - 1
    while bit >= 0 and (v >> bit) & 1 == 0:
        n += 1
        bit -= 1
    return np.int64(n)


@kernel
def trailing_zeros(v, width):
    """Zero bits below the lowest set bit; `width` for 0."""
    n = 0
    while n < width and (v >> n) & 1 == 0:
        n += 1
    return np.int64(n)


@kernel
def ones(v, width):
    """Set bits of a value of `width` bits."""
    n = 0
    for bit in range(width):
        n += (v >> bit) & 1
    return np.int64(n)


@kernel
def float_function(f, x):
    """Functions of one float64 argument, with IEEE results outside their domain."""
    if x != x:
        return x
    if f == oc.M_EXP:
        return bounded_exp(x)
    if f == oc.M_SIGMOID:
        return 1.0 / (1.0 + bounded_exp(-x))
    if f == oc.M_TANH:
        return np.float64(math.tanh(x))
    if f == oc.M_ABS:
        return abs(x)
    if f == oc.M_SIGN:
        return 1.0 if x > 0.0 else (-1.0 if x < 0.0 else x)
    if f == oc.M_INV:
        return divide(np.float64(1.0), x)
    if f == oc.M_SQRT:
        return np.float64(math.sqrt(x)) if x >= 0.0 else np.float64(np.nan)
    if f == oc.M_INVSQRT:
        if x < 0.0:
            return np.float64(np.nan)
        return divide(np.float64(1.0), np.float64(math.sqrt(x)))
    if f == oc.M_LOG:
        if x <= 0.0:
            return np.float64(-np.inf) if x == 0.0 else np.float64(np.nan)
        if x - x != 0.0:
            return x
        return np.float64(math.log(x))
    if x - x != 0.0:  # infinite
        return x if f == oc.M_FLOOR or f == oc.M_CEIL else np.float64(np.nan)
    return finite_function(f, x)


@kernel
def bounded_exp(x):
    """exp without overflow errors."""
    if x > 709.7:
        return np.float64(np.inf)
    if x < -745.2:
        return np.float64(0.0)
    return np.float64(math.exp(x))


@kernel
def finite_function(f, x):
    """The functions that are undefined at infinity; `x` is finite."""
    if f == oc.M_FLOOR:
        return np.float64(math.floor(x))
    if f == oc.M_CEIL:
        return np.float64(math.ceil(x))
    if f == oc.M_SIN:
        return np.float64(math.sin(x))
    if f == oc.M_COS:
        return np.float64(math.cos(x))
    assert f == oc.M_TAN
    return np.float64(math.tan(x))


@kernel
def scaled(x, exponent):
    """x * 2 ** exponent, exact for values of 32 bits and less but for what no float holds: from
    400 on the results overflow and vanish in any format."""
    return x * 2.0 ** np.float64(min(max(exponent, -400), 400))


@kernel
def normalized(x):
    """The significand of x, 1 to 2, with its sign; zeros, infinities and NaNs are their own."""
    if x == 0.0 or x - x != 0.0:
        return x
    return np.copysign(math.frexp(x)[0] * 2.0, x)


@kernel
def power(x, y):
    """x to the power y as C pow."""
    if y == 0.0 or x == 1.0:
        return np.float64(1.0)
    return np.float64(np.power(np.float64(x), np.float64(y)))


@kernel
def integer_function(f, t, a, b):
    """ABS SIGN MIN MAX CLZ CTZ POPCNT of integers."""
    if f == oc.M_ABS:
        return wrap(t, abs(a))
    if f == oc.M_SIGN:
        return np.int64(1) if a > 0 else (np.int64(-1) if a < 0 else np.int64(0))
    if f == oc.M_MIN:
        return a if compare(oc.LT, t, a, b) else b
    if f == oc.M_MAX:
        return a if compare(oc.GT, t, a, b) else b
    width = bits_in(t)
    if f == oc.M_CLZ:
        return leading_zeros(a, width)
    if f == oc.M_CTZ:
        return trailing_zeros(a, width)
    assert f == oc.M_POPCNT
    return ones(a, width)


@kernel
def math_function(f, t, a, b):
    """`Op.MATH`: floats in float64, rounded once to `t`."""
    if t < oc.T_F16:
        return integer_function(f, t, a, b)
    x = to_float(t, a)
    if f == oc.M_SCALE:
        return from_float(t, scaled(x, b))
    if f == oc.M_POW:
        return from_float(t, power(x, to_float(t, b)))
    if f == oc.M_MIN or f == oc.M_MAX:
        y = to_float(t, b)
        if x != x or y != y:
            return a if y != y else b
        less = x < y
        return a if less == (f == oc.M_MIN) else b
    return from_float(t, float_function(f, x))
