"""The arithmetic of DSD operations over runs of elements in memory.

Every operand is a run: a byte address and a step in bytes. Scalars and fabric elements are put in
a PE's scratch bytes first (step 0), so one loop per operation serves every kind of operand.
Rounding: f32 operations round once in f32, except that fmacs rounds product and sum each (the
sources do not say whether the hardware fuses them); f16 operations are exact and rounded once.
"""

from __future__ import annotations

import numpy as np

from pyflame.runtime.fabric.kernel import opcodes as oc
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.kernel.arith import (
    leading_zeros,
    normalized,
    ones,
    scaled,
    trailing_zeros,
)
from pyflame.runtime.fabric.kernel.halves import half_of, value_of_half
from pyflame.runtime.fabric.kernel.jit import kernel


@kernel
def linear(m, op, n, d, ds, a, sa, b, sb, c):
    """Run `op` on n elements: destination d, sources a and b, scalar address c (bytes)."""
    if op == oc.FMACS:
        fmacs(m.mf, n, d >> 2, ds >> 2, a >> 2, sa >> 2, b >> 2, sb >> 2, m.mf[c >> 2])
    elif op == oc.MOV32 or op == oc.FMOVS:
        mov32(m.m32, n, d >> 2, ds >> 2, a >> 2, sa >> 2)
    elif op == oc.FADDS or op == oc.FSUBS or op == oc.FMULS or op == oc.FMAXS:
        singles(m.mf, op, n, d >> 2, ds >> 2, a >> 2, sa >> 2, b >> 2, sb >> 2)
    elif op == oc.FNEGS or op == oc.FABSS:
        signs32(m.m32, op, n, d >> 2, ds >> 2, a >> 2, sa >> 2)
    elif op == oc.FMACHS or op == oc.FADDHS or op == oc.FH2S or op == oc.FS2H:
        mixed(m, op, n, d, ds, a, sa, b, sb, c)
    elif op == oc.ADD16 or op == oc.ADDC16:
        sums16(m, op, n, d >> 1, ds >> 1, a >> 1, sa >> 1, b >> 1, sb >> 1, c // w.MEMORY_STRIDE)
    elif op == oc.FSCALES or op == oc.FNORMS:
        exponents32(m, op, n, d, ds, a, sa, b, sb)
    elif op == oc.FS2XP16 or op == oc.XP162FS:
        fixed32(m, op, n, d, ds, a, sa)
    elif op == oc.FADDH or op == oc.FSUBH or op == oc.FMULH or op == oc.FMAXH or op == oc.FMACH:
        s = value_of_half(np.int64(m.m16[c >> 1]), m.g[w.G_HALF]) if op == oc.FMACH else 0.0
        halves(m.m16, op, n, d >> 1, ds >> 1, a >> 1, sa >> 1, b >> 1, sb >> 1, s, m.g[w.G_HALF])
    else:
        words16(m.m16, op, n, d >> 1, ds >> 1, a >> 1, sa >> 1, b >> 1, sb >> 1, m.g[w.G_HALF])


@kernel
def fmacs(mf, n, d, ds, a, sa, b, sb, s):
    """d = a + b * s in f32, product and sum rounded each."""
    if ds == 1 and sa == 1 and sb == 1:
        for i in range(n):
            mf[d + i] = mf[a + i] + mf[b + i] * s
        return
    for _ in range(n):
        mf[d] = mf[a] + mf[b] * s
        d += ds
        a += sa
        b += sb


@kernel
def mov32(m32, n, d, ds, a, sa):
    """d = a, 32 bits."""
    for _ in range(n):
        m32[d] = m32[a]
        d += ds
        a += sa


@kernel
def singles(mf, op, n, d, ds, a, sa, b, sb):
    """f32 add, subtract, multiply, maximum."""
    if op == oc.FADDS:
        for _ in range(n):
            mf[d] = mf[a] + mf[b]
            d += ds
            a += sa
            b += sb
    elif op == oc.FMULS:
        for _ in range(n):
            mf[d] = mf[a] * mf[b]
            d += ds
            a += sa
            b += sb
    elif op == oc.FSUBS:
        for _ in range(n):
            mf[d] = mf[a] - mf[b]
            d += ds
            a += sa
            b += sb
    else:
        for _ in range(n):
            x = mf[a]
            y = mf[b]
            mf[d] = x if x >= y or y != y else y
            d += ds
            a += sa
            b += sb


@kernel
def signs32(m32, op, n, d, ds, a, sa):
    """f32 negation and absolute value, on the sign bit."""
    for _ in range(n):
        x = np.int64(m32[a])
        m32[d] = np.uint32(x ^ 0x80000000 if op == oc.FNEGS else x & 0x7FFFFFFF)
        d += ds
        a += sa


@kernel
def mixed(m, op, n, d, ds, a, sa, b, sb, c):
    """Operations between f16 and f32."""
    bf = m.g[w.G_HALF]
    s = value_of_half(np.int64(m.m16[c >> 1]), bf) if op == oc.FMACHS else 0.0
    for _ in range(n):
        if op == oc.FMACHS:
            y = value_of_half(np.int64(m.m16[b >> 1]), bf)
            m.mf[d >> 2] = np.float32(np.float64(m.mf[a >> 2]) + y * s)
        elif op == oc.FADDHS:
            y = value_of_half(np.int64(m.m16[b >> 1]), bf)
            m.mf[d >> 2] = np.float32(np.float64(m.mf[a >> 2]) + y)
        elif op == oc.FH2S:
            m.mf[d >> 2] = np.float32(value_of_half(np.int64(m.m16[a >> 1]), bf))
        else:
            m.m16[d >> 1] = np.uint16(half_of(np.float64(m.mf[a >> 2]), bf))
        d += ds
        a += sa
        b += sb


@kernel
def sums16(m, op, n, d, ds, a, sa, b, sb, pe):
    """16-bit additions, ADDC16 with the carry of the element before; the last one's stays with
    the PE."""
    m16 = m.m16
    carry = np.int64(m.pe[pe * w.PE_WORDS + w.CARRY])
    for _ in range(n):
        total = np.int64(m16[a]) + np.int64(m16[b])
        if op == oc.ADDC16:
            total += carry
        carry = total >> 16
        m16[d] = np.uint16(total & 0xFFFF)
        d += ds
        a += sa
        b += sb
    m.pe[pe * w.PE_WORDS + w.CARRY] = carry


@kernel
def exponents32(m, op, n, d, ds, a, sa, b, sb):
    """FSCALES and FNORMS: f32 times a power of two, and its significand."""
    for _ in range(n):
        x = np.float64(m.mf[a >> 2])
        if op == oc.FSCALES:
            m.mf[d >> 2] = np.float32(scaled(x, signed16(np.int64(m.m16[b >> 1]))))
        else:
            m.mf[d >> 2] = np.float32(normalized(x))
        d += ds
        a += sa
        b += sb


@kernel
def saturated16(x):
    """A float64 rounded to the nearest int16 (ties to even), saturating; NaN gives 0."""
    if x != x:
        return np.int64(0)
    if x >= 32767.0:
        return np.int64(32767)
    if x <= -32768.0:
        return np.int64(32768)
    return np.int64(np.rint(x)) & 0xFFFF


@kernel
def fixed32(m, op, n, d, ds, a, sa):
    """f32 to int16 and back."""
    for _ in range(n):
        if op == oc.FS2XP16:
            m.m16[d >> 1] = np.uint16(saturated16(np.float64(m.mf[a >> 2])))
        else:
            m.mf[d >> 2] = np.float32(signed16(np.int64(m.m16[a >> 1])))
        d += ds
        a += sa


@kernel
def signed16(v):
    """A 16-bit pattern as a signed integer."""
    return v - ((v >> 15) << 16)


@kernel
def halves(m16, op, n, d, ds, a, sa, b, sb, s, bf):
    """f16 add, subtract, multiply, maximum, multiply-add: exact, rounded once."""
    for _ in range(n):
        x = value_of_half(np.int64(m16[a]), bf)
        y = value_of_half(np.int64(m16[b]), bf)
        if op == oc.FMACH:
            r = x + y * s
        elif op == oc.FADDH:
            r = x + y
        elif op == oc.FSUBH:
            r = x - y
        elif op == oc.FMULH:
            r = x * y
        else:
            r = x if x >= y or y != y else y
        m16[d] = np.uint16(half_of(r, bf))
        d += ds
        a += sa
        b += sb


@kernel
def words16(m16, op, n, d, ds, a, sa, b, sb, bf):
    """16-bit moves, integer and bit operations."""
    if op == oc.MOV16 or op == oc.FMOVH:
        for _ in range(n):
            m16[d] = m16[a]
            d += ds
            a += sa
        return
    for _ in range(n):
        m16[d] = np.uint16(word16(op, np.int64(m16[a]), np.int64(m16[b]), bf) & 0xFFFF)
        d += ds
        a += sa
        b += sb


@kernel
def word16(op, x, y, bf):
    """One 16-bit result (its low 16 bits count)."""
    if op == oc.SUB16:
        return x - y
    if op == oc.AND16:
        return x & y
    if op == oc.OR16:
        return x | y
    if op == oc.XOR16:
        return x ^ y
    if op == oc.SLL16:
        return x << y if y < 16 else np.int64(0)
    if op == oc.SLR16:
        return x >> y if y < 16 else np.int64(0)
    if op == oc.SAR16:
        return signed16(x) >> min(y, np.int64(15))
    if op == oc.FNEGH:
        return x ^ 0x8000
    if op == oc.FABSH:
        return x & 0x7FFF
    if op == oc.CLZ:
        return leading_zeros(x, 16)
    if op == oc.CTZ:
        return trailing_zeros(x, 16)
    if op == oc.POPCNT:
        return ones(x, 16)
    if op == oc.FH2XP16:
        return saturated16(value_of_half(x, bf))
    if op == oc.FNORMH:
        return half_of(normalized(value_of_half(x, bf)), bf)
    if op == oc.FSCALEH:
        return half_of(scaled(value_of_half(x, bf), signed16(y)), bf)
    assert op == oc.XP162FH
    return half_of(np.float64(signed16(x)), bf)
