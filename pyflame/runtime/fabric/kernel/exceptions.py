"""Floating-point exceptions: what a program unmasked stops it. Nothing here runs otherwise."""

from __future__ import annotations

import numpy as np

from pyflame.runtime.fabric.kernel import opcodes as oc
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.kernel.arith import to_float
from pyflame.runtime.fabric.kernel.events import fault
from pyflame.runtime.fabric.kernel.halves import BF16, CB16
from pyflame.runtime.fabric.kernel.jit import kernel
from pyflame.runtime.fabric.kernel.linear import linear
from pyflame.runtime.fabric.kernel.table import SIZE_TABLE

PLUS, MINUS, TIMES, OVER, OTHER = range(5)
"""What relates operands and result; OTHER has no exact counterpart here."""
UNDERFLOW, OVERFLOW, INEXACT, INVALID, DIVIDE = (
    1 << oc.X_UNDERFLOW, 1 << oc.X_OVERFLOW, 1 << oc.X_INEXACT, 1 << oc.X_INVALID,
    1 << oc.X_DIVIDE,
)  # fmt: skip


@kernel
def smallest_normal(t):
    """The smallest normal number of a float type."""
    if t == oc.T_F16:
        return 6.103515625e-05
    if t == oc.T_CB16:
        return 9.313225746154785e-10
    return 1.1754943508222875e-38  # f32 and bf16


@kernel
def rounded(kind, x, y, r):
    """Whether `r` is not the exact result; `x`, `y` and `r` are finite."""
    if kind == TIMES:
        return x * y != r  # exact: both have at most 24 bits
    if kind == OVER:
        return r * y != x
    if kind == MINUS:
        y = -y
    total = x + y
    back = total - x
    return total != r or (x - (total - back)) + (y - back) != 0.0


@kernel
def raised(kind, t, x, y, r):
    """The exceptions of an operation on `x` and `y` with the result `r` of type t, as a mask."""
    if r != r:
        return 0 if x != x or y != y else INVALID
    if x - x != 0.0 or y - y != 0.0:
        return 0  # of infinities
    if r - r != 0.0:
        return DIVIDE if kind == OVER and y == 0.0 else OVERFLOW | INEXACT
    if kind == OTHER or not rounded(kind, x, y, r):
        return 0
    return INEXACT | (UNDERFLOW if abs(r) < smallest_normal(t) else 0)


@kernel
def report(m, pe, kinds):
    """Stop at the first unmasked exception of `kinds`; False if there is one."""
    hit = kinds & m.pe[pe * w.PE_WORDS + w.UNMASKED]
    if hit == 0:
        return True
    number = oc.X_INEXACT  # the least telling: what overflows or underflows is inexact too
    for i in range(oc.EXCEPTION_KINDS):
        if i != oc.X_INEXACT and (hit >> i) & 1:
            number = i
    fault(m, oc.F_EXCEPTION, pe, number, 0)
    return False


@kernel
def scalar_exceptions(m, pe, op, t, source, d, x, y, r):
    """Check a scalar operation after it was done: registers x and y gave r. False after a fault."""
    if op == oc.CAST:
        if t < oc.T_F16 or source < oc.T_F16:
            return True
        return report(m, pe, raised(PLUS, t, to_float(source, x), 0.0, to_float(t, r)))
    p, q, result = to_float(t, x), to_float(t, y), to_float(t, r)
    kind = OTHER
    if op == oc.ADD:
        kind = PLUS
    elif op == oc.SUB:
        kind = MINUS
    elif op == oc.MUL:
        kind = TIMES
    elif op == oc.DIV:
        kind = OVER
    elif op == oc.MATH:
        if d == oc.M_INV:
            kind, q, p = OVER, p, np.float64(1.0)
        elif d == oc.M_LOG or d == oc.M_INVSQRT:
            if p == 0.0:
                return report(m, pe, DIVIDE)
            q = p
        elif d == oc.M_SQRT:
            q = p
            if result > 0.0:
                kind, q = OVER, result
        elif d != oc.M_POW:
            q = p
    elif op != oc.MOD:
        return True
    return report(m, pe, raised(kind, t, p, q, result))


@kernel
def half_type(m):
    """The type of the machine's 16-bit floats."""
    if m.g[w.G_HALF] == CB16:
        return oc.T_CB16
    return oc.T_BF16 if m.g[w.G_HALF] == BF16 else oc.T_F16


@kernel
def number_at(m, address, size):
    """The float of `size` bytes at a byte address of all memory."""
    if size == 4:
        return np.float64(m.mf[address >> 2])
    return to_float(half_type(m), np.int64(m.m16[address >> 1]))


@kernel
def computes(op):
    """Whether an operation does arithmetic on floats that may raise exceptions."""
    if op == oc.FADDS or op == oc.FSUBS or op == oc.FMULS or op == oc.FMACS:
        return True
    if op == oc.FADDH or op == oc.FSUBH or op == oc.FMULH or op == oc.FMACH:
        return True
    return op == oc.FMACHS or op == oc.FADDHS or op == oc.FS2H


@kernel
def watched(m, pe, op, n, d, ds, a, sa, b, sb, c):
    """`linear`, element by element if the PE unmasked exceptions; False after a fault."""
    if m.pe[pe * w.PE_WORDS + w.UNMASKED] == 0 or not computes(op):
        linear(m, op, n, d, ds, a, sa, b, sb, c)
        return True
    d_size, a_size, b_size = SIZE_TABLE[op, 0], SIZE_TABLE[op, 1], SIZE_TABLE[op, 2]
    t = oc.T_F32
    if d_size == 2:
        t = half_type(m)
    for _ in range(n):
        x = number_at(m, a, a_size)
        y = number_at(m, b, b_size) if b_size else 0.0
        if SIZE_TABLE[op, 3]:
            y *= number_at(m, c, SIZE_TABLE[op, 3])
        linear(m, op, 1, d, 0, a, 0, b, 0, c)
        kind = PLUS
        if op == oc.FSUBS or op == oc.FSUBH:
            kind = MINUS
        elif op == oc.FMULS or op == oc.FMULH:
            kind = TIMES
        if not report(m, pe, raised(kind, t, x, y, number_at(m, d, d_size))):
            return False
        d += ds
        a += sa
        b += sb
    return True
