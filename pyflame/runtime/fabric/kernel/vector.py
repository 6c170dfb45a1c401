"""DSD operations whose operands all lie in memory: run at once, charged by the cycle model."""

# ruff: noqa: SIM102 - numba compiles plain comparisons faster
from __future__ import annotations

from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.kernel.exceptions import watched
from pyflame.runtime.fabric.kernel.jit import kernel
from pyflame.runtime.fabric.kernel.operands import locate, record, scratch, within
from pyflame.runtime.fabric.kernel.table import SIZE_TABLE


@kernel
def vector(m, pe, lane, op, n):
    """Run elements 0 … n-1 of an operation on memory; False after a fault."""
    ds = m.ds
    o0 = record(m, pe, lane, 0)
    o1 = record(m, pe, lane, 1)
    o2 = record(m, pe, lane, 2)
    base = pe * w.MEMORY_STRIDE
    two = ds[o2 + w.K_KIND] != w.K_NONE
    d_size = SIZE_TABLE[op, 0]
    a_size = SIZE_TABLE[op, 1]
    b_size = SIZE_TABLE[op, 2]
    c = base + scratch(lane, 3)
    m.g[w.G_VECTORS] += 1
    m.g[w.G_ELEMENTS] += n
    i = 0
    while i < n:
        d, ds_step, count = locate(m, o0, i)
        a, a_step, run = locate(m, o1, i)
        count = min(count, run, n - i)
        b = a
        b_step = 0
        if two:
            b, b_step, run = locate(m, o2, i)
            count = min(count, run)
        if not within(m, pe, o0, d, ds_step, count, d_size):
            return False
        if ds[o1 + w.K_KIND] != w.K_SCALAR and not within(m, pe, o1, a, a_step, count, a_size):
            return False
        if two and ds[o2 + w.K_KIND] != w.K_SCALAR:
            if not within(m, pe, o2, b, b_step, count, b_size):
                return False
        mixed = ((d | ds_step) & (d_size - 1)) | ((a | a_step) & (a_size - 1))
        if two:
            mixed |= (b | b_step) & (b_size - 1)
        if mixed == 0:
            fine = watched(
                m, pe, op, count, base + d, ds_step, base + a, a_step, base + b, b_step, c
            )
            if not fine:
                return False
        else:
            for j in range(count):
                if not halfword_aligned(
                    m, pe, lane, op, d + j * ds_step, a + j * a_step, b + j * b_step, two
                ):
                    return False
        i += count
    return True


@kernel
def halfword_aligned(m, pe, lane, op, d, a, b, two):
    """One element with 32-bit operands on halfword addresses, by way of the lane's scratch; False
    after a fault."""
    base = pe * w.MEMORY_STRIDE
    to = base + scratch(lane, 0)
    s0 = base + scratch(lane, 1)
    s1 = base + scratch(lane, 2)
    copy_halfwords(m.m16, s0, base + a, SIZE_TABLE[op, 1])
    if two:
        copy_halfwords(m.m16, s1, base + b, SIZE_TABLE[op, 2])
    fine = watched(m, pe, op, 1, to, 0, s0, 0, s1, 0, base + scratch(lane, 3))
    copy_halfwords(m.m16, base + d, to, SIZE_TABLE[op, 0])
    return fine


@kernel
def copy_halfwords(m16, to, source, size):
    """Copy 2 or 4 bytes between even addresses."""
    m16[to >> 1] = m16[source >> 1]
    if size == 4:
        m16[(to >> 1) + 1] = m16[(source >> 1) + 1]


@kernel
def stride_width(m, o, size):
    """Elements per cycle that an operand's stride allows."""
    step = m.ds[o + w.K_STEP]
    if size == 0 or m.ds[o + w.K_KIND] == w.K_NONE or step == 0 or step == size:
        return m.g[w.G_STRIDE_WIDTH + 8]
    return m.g[w.G_STRIDE_WIDTH + (abs(step) // size) % 8]


@kernel
def cycles_of(m, pe, lane, op, n):
    """Cycles for n elements on memory: the operation's rate, strides, bank clash."""
    if n <= 0:
        return 0
    o0 = record(m, pe, lane, 0)
    o1 = record(m, pe, lane, 1)
    o2 = record(m, pe, lane, 2)
    rate = m.g[w.G_RATE + op]
    rate = min(rate, stride_width(m, o0, SIZE_TABLE[op, 0]))
    rate = min(rate, stride_width(m, o1, SIZE_TABLE[op, 1]))
    rate = min(rate, stride_width(m, o2, SIZE_TABLE[op, 2]))
    cycles = (n + rate - 1) // rate
    if clash(m, o1, o2, op, rate) or accumulates_in_one_bank(m, o0, o1, op):
        cycles *= m.g[w.G_CLASH]
    return cycles


@kernel
def clash(m, o1, o2, op, width):
    """Whether two source streams of unit stride, `width` elements a cycle, meet in a bank.

    The banks lie 2 bytes apart and repeat every 16; a cycle reads `width` elements of each stream.
    """
    if SIZE_TABLE[op, 1] == 0 or SIZE_TABLE[op, 2] == 0:
        return False
    if not walks_words(m, o1, SIZE_TABLE[op, 1]) or not walks_words(m, o2, SIZE_TABLE[op, 2]):
        return False
    a, _, _ = locate(m, o1, 0)
    b, _, _ = locate(m, o2, 0)
    apart = (b - a) & 15
    return apart < width * SIZE_TABLE[op, 1] or 16 - apart < width * SIZE_TABLE[op, 2]


@kernel
def walks_words(m, o, size):
    """Whether a memory operand's elements follow one another without gaps."""
    kind = m.ds[o + w.K_KIND]
    return (kind == w.K_LINEAR or kind == w.K_NESTED) and m.ds[o + w.K_STEP] == size


@kernel
def accumulates_in_one_bank(m, o0, o1, op):
    """Whether f32 sums are read from and written to one bank all along: a stride of 8 elements."""
    step = m.ds[o0 + w.K_STEP]
    if SIZE_TABLE[op, 0] != 4 or SIZE_TABLE[op, 1] != 4 or step == 0 or step % 32 != 0:
        return False
    if m.ds[o0 + w.K_KIND] != w.K_LINEAR or m.ds[o1 + w.K_KIND] != w.K_LINEAR:
        return False
    return m.ds[o1 + w.K_STEP] == step and m.ds[o1 + w.K_ADDRESS] == m.ds[o0 + w.K_ADDRESS]


@kernel
def save_positions(m, pe, lane, n):
    """Leave the walked positions in the DSRs that keep them (save_address)."""
    for k in range(3):
        o = record(m, pe, lane, k)
        s = m.ds[o + w.K_SLOT]
        if s >= 0:
            m.ds[s + w.D_POSITION] = m.ds[o + w.K_POSITION] + n
