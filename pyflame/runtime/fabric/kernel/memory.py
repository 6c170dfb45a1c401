"""Scalar loads and stores, checked and in canonical form."""

from __future__ import annotations

import numpy as np

from pyflame.runtime.fabric.kernel import opcodes as oc
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.kernel.arith import bits_in, wrap
from pyflame.runtime.fabric.kernel.events import fault
from pyflame.runtime.fabric.kernel.jit import kernel


@kernel
def size_of(t):
    """Bytes of type t in memory."""
    return max(bits_in(t) >> 3, 1)


@kernel
def accessible(m, pe, address, size):
    """Check a scalar access; False after a fault. 32- and 64-bit values may lie on halfwords."""
    if address < 0 or address > w.MEMORY_BYTES - size:
        fault(m, oc.F_OUT_OF_BOUNDS, pe, address, size)
        return False
    if size > 1 and address & 1:
        fault(m, oc.F_MISALIGNED, pe, address, size)
        return False
    return True


@kernel
def load(m, pe, t, address):
    """The canonical value of type t at a checked address."""
    at = pe * w.MEMORY_STRIDE + address
    size = size_of(t)
    if size == 1:
        return wrap(t, np.int64(m.m8[at]))
    if size == 2:
        return wrap(t, np.int64(m.m16[at >> 1]))
    if size == 4:
        if at & 2 == 0:
            return wrap(t, np.int64(m.m32[at >> 2]))
        h = at >> 1
        return wrap(t, np.int64(m.m16[h]) | (np.int64(m.m16[h + 1]) << 16))
    value = np.int64(0)
    h = at >> 1
    for i in range(4):
        value |= np.int64(m.m16[h + i]) << (16 * i)
    return value


@kernel
def store(m, pe, t, address, value):
    """Store the low bits of a value of type t at a checked address."""
    at = pe * w.MEMORY_STRIDE + address
    size = size_of(t)
    if size == 1:
        m.m8[at] = value & 0xFF
    elif size == 4 and at & 2 == 0:
        m.m32[at >> 2] = value & 0xFFFFFFFF
    else:
        h = at >> 1
        for i in range(size >> 1):
            m.m16[h + i] = (value >> (16 * i)) & 0xFFFF


@kernel
def copy(m, pe, to, source, count):
    """Copy bytes as by a temporary; False after a fault."""
    if count <= 0:
        return True
    if not accessible(m, pe, to & ~1, 1) or not accessible(m, pe, (to + count - 1) & ~1, 1):
        return False
    if not accessible(m, pe, source & ~1, 1):
        return False
    if not accessible(m, pe, (source + count - 1) & ~1, 1):
        return False
    base = pe * w.MEMORY_STRIDE
    if to <= source:
        for i in range(count):
            m.m8[base + to + i] = m.m8[base + source + i]
    else:
        for i in range(count - 1, -1, -1):
            m.m8[base + to + i] = m.m8[base + source + i]
    return True


@kernel
def fill(m, pe, to, count):
    """Zero bytes; False after a fault."""
    if count <= 0:
        return True
    if not accessible(m, pe, to & ~1, 1) or not accessible(m, pe, (to + count - 1) & ~1, 1):
        return False
    base = pe * w.MEMORY_STRIDE
    for i in range(count):
        m.m8[base + to + i] = 0
    return True
