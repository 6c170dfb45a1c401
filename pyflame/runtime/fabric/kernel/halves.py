"""Bit patterns and values: f32 and the three 16-bit floats, each rounded once to nearest even.

A 16-bit float is IEEE half (0), bfloat16 (1) or CB16 (2): 6 exponent bits, 9 mantissa bits, and
bias, subnormals, infinities and NaNs as IEEE 754 would give a format of this size.
"""

from __future__ import annotations

import numpy as np

from pyflame.runtime.fabric.kernel.jit import kernel

IEEE, BF16, CB16 = range(3)
"""What 16-bit floats are; the machine's is in G_HALF."""


@kernel
def f32_of(bits):
    """The f32 whose bit pattern is the low 32 bits."""
    return np.uint32(bits & 0xFFFFFFFF).view(np.float32)


@kernel
def bits_of_f32(value):
    """The bit pattern of an f32, as an integer."""
    return np.int64(np.float32(value).view(np.uint32))


@kernel
def narrow(value, mantissa, exponent):
    """Round a float64 once to a 16-bit float with that many mantissa and exponent bits."""
    b = np.float64(value).view(np.int64)
    sign = (b >> 48) & 0x8000
    e = (b >> 52) & 0x7FF
    fraction = b & 0xFFFFFFFFFFFFF
    bias = (1 << (exponent - 1)) - 1
    top = ((1 << exponent) - 1) << mantissa
    if e == 0x7FF:
        if fraction != 0:
            return sign | top | (1 << (mantissa - 1))
        return sign | top
    e -= 1023
    if e > bias:
        return sign | top
    shift = 52 - mantissa
    if e < 1 - bias:
        shift += 1 - bias - e
        if shift > 54:
            return sign
        fraction |= 1 << 52
        base = np.int64(0)
    else:
        base = np.int64(e + bias) << mantissa
    kept = fraction >> shift
    rest = fraction & ((np.int64(1) << shift) - 1)
    half = np.int64(1) << (shift - 1)
    if rest > half or (rest == half and (kept & 1) == 1):
        kept += 1
    return sign | (base + kept)


@kernel
def half_of(value, half):
    """The 16-bit pattern of a float64, rounded to the format `half`."""
    if half == CB16:
        return narrow(value, 9, 6)
    if half == BF16:
        return narrow(value, 7, 8)
    return narrow(value, 10, 5)


@kernel
def value_of_half(bits, half):
    """The float64 value of a 16-bit float of the format `half`."""
    if half == BF16:
        return np.float64(f32_of((bits & 0xFFFF) << 16))
    if half == CB16:
        return value_of_cb16(bits)
    e = (bits >> 10) & 31
    m = bits & 1023
    if e == 31:
        pattern = 0x7F800000 | (m << 13)
    elif e == 0:
        value = np.float64(m) * 5.960464477539063e-08  # 2^-24
        return -value if bits & 0x8000 else value
    else:
        pattern = ((e + 112) << 23) | (m << 13)
    return np.float64(f32_of(pattern | ((bits & 0x8000) << 16)))


@kernel
def value_of_cb16(bits):
    """The float64 value of a CB16 pattern."""
    e = (bits >> 9) & 63
    m = bits & 511
    if e == 63:
        pattern = 0x7F800000 | (m << 14)
    elif e == 0:
        value = np.float64(m) * 1.8189894035458565e-12  # 2^-39
        return -value if bits & 0x8000 else value
    else:
        pattern = ((e + 96) << 23) | (m << 14)
    return np.float64(f32_of(pattern | ((bits & 0x8000) << 16)))
