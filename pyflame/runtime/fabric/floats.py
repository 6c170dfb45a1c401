"""The 16-bit floats outside the kernel: bit patterns and values, rounded once to nearest even.

A format is named as in `Program.half`. CB16 has 6 exponent bits and 9 mantissa bits [Cerebras
documentation]; bias 31, subnormals, infinities and NaNs follow IEEE 754, as no public source says
what they are.
"""

from __future__ import annotations

import math
import struct

FORMATS = {"ieee": (10, 5), "bf16": (7, 8), "cb16": (9, 6)}
"""Mantissa and exponent bits of each format, in the order of the kernel's G_HALF."""


def half_bits(value: float, half: str) -> int:
    """The pattern of `value`, rounded to the format."""
    mantissa, exponent = FORMATS[half]
    sign = 0x8000 if math.copysign(1.0, value) < 0 else 0
    top = ((1 << exponent) - 1) << mantissa
    if math.isnan(value):
        return sign | top | 1 << (mantissa - 1)
    bias = (1 << (exponent - 1)) - 1
    bits = struct.unpack("<Q", struct.pack("<d", abs(value)))[0]
    power = (bits >> 52) - 1023
    if power > bias:
        return sign | top
    fraction = bits & ((1 << 52) - 1)
    shift, base = 52 - mantissa, (power + bias) << mantissa
    if power < 1 - bias:  # subnormal: the leading one is stored
        shift, base, fraction = shift + 1 - bias - power, 0, fraction | 1 << 52
    kept, rest, tie = fraction >> shift, fraction & ((1 << shift) - 1), 1 << (shift - 1)
    up = rest > tie or (rest == tie and kept & 1)
    return sign | (base + kept + bool(up))


def half_value(bits: int, half: str) -> float:
    """The value of a pattern."""
    mantissa, exponent = FORMATS[half]
    bias = (1 << (exponent - 1)) - 1
    power = (bits >> mantissa) & ((1 << exponent) - 1)
    fraction = bits & ((1 << mantissa) - 1)
    if power == (1 << exponent) - 1:
        size = math.nan if fraction else math.inf
    elif power == 0:
        size = math.ldexp(fraction, 1 - bias - mantissa)
    else:
        size = math.ldexp(fraction | 1 << mantissa, power - bias - mantissa)
    return math.copysign(size, -1.0 if bits & 0x8000 else 1.0)
