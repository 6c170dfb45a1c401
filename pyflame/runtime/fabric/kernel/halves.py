"""Bit patterns and values: f32, IEEE f16 and bfloat16, each rounded once to nearest even."""

from __future__ import annotations

import numpy as np

from pyflame.runtime.fabric.kernel.jit import kernel


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
def half_of(value, bf):
    """The 16-bit pattern of a float64: bfloat16 if `bf`, else IEEE f16."""
    if bf:
        return narrow(value, 7, 8)
    return narrow(value, 10, 5)


@kernel
def value_of_half(bits, bf):
    """The float64 value of a 16-bit float: bfloat16 if `bf`, else IEEE f16."""
    if bf:
        return np.float64(f32_of((bits & 0xFFFF) << 16))
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
