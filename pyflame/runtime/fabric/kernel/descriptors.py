"""Instructions on descriptors: copies, modifiers, DSR loads, single elements for @map."""

from __future__ import annotations

import numpy as np

from pyflame.runtime.fabric.kernel import opcodes as oc
from pyflame.runtime.fabric.kernel import record as rec
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.kernel.events import fault
from pyflame.runtime.fabric.kernel.issue import option
from pyflame.runtime.fabric.kernel.jit import kernel
from pyflame.runtime.fabric.kernel.live import fifo_pop, fifo_push, fifo_state
from pyflame.runtime.fabric.kernel.memory import load, size_of, store
from pyflame.runtime.fabric.kernel.operands import locate, record, set_operand, slot_at, within
from pyflame.runtime.fabric.kernel.queues import in_head, in_pop, note_sender, out_push, out_room

ELEMENT_DONE, ELEMENT_WAITS, ELEMENT_FAULT = range(3)


@kernel
def modify(m, pe, op, a, b, value, d):
    """DCOPY … DSTRIDE and DFIELD on the slot at a; False after a fault."""
    ds = m.ds
    s = slot_at(m, pe, a)
    if op == oc.DCOPY:
        source = slot_at(m, pe, b)
        for i in range(w.DSD_WORDS):
            ds[s + i] = ds[source + i]
    elif op == oc.DCONST:
        row = m.im[m.pe[pe * w.PE_WORDS + w.IMAGE] + w.I_DESCRIPTORS] + w.SLOT_WORDS * d
        for i in range(w.DSD_WORDS):
            ds[s + i] = m.im[row + i]
    elif op == oc.DLEN:
        if ds[s + w.D_KIND] == oc.KIND_MEM4D:
            fault(m, oc.F_BAD_DSD, pe, oc.KIND_MEM4D, 1)
            return False
        if value < 0 or value > w.ENDLESS:
            fault(m, oc.F_BAD_EXTENT, pe, value, 0)
            return False
        ds[s + w.D_EXTENT] = value
    elif op == oc.DBASE:
        ds[s + w.D_BASE] = value
        ds[s + w.D_OFFSET] = 0
        ds[s + w.D_POSITION] = 0
    elif op == oc.DOFF:
        ds[s + w.D_OFFSET] += value * d
    elif op == oc.DSTRIDE:
        if ds[s + w.D_KIND] != oc.KIND_MEM1D:
            fault(m, oc.F_BAD_DSD, pe, ds[s + w.D_KIND], 2)
            return False
        ds[s + w.D_STRIDE] = value
    else:
        ds[s + d] = value
    return True


@kernel
def load_register(m, pe, a, b, d):
    """DSRLOAD: DSR at a = descriptor at b with options row d, ids from registers resolved now."""
    ds = m.ds
    to = slot_at(m, pe, a)
    source = slot_at(m, pe, b)
    for i in range(w.DSD_WORDS):
        ds[to + i] = ds[source + i]
    row = np.int64(-1)
    if d >= 0:
        row = m.im[m.pe[pe * w.PE_WORDS + w.IMAGE] + w.I_OPTIONS] + 10 * d
    ds[to + w.D_POSITION] = 0
    ds[to + w.D_OPTIONS] = row
    ds[to + w.D_SAVE] = max(option(m, pe, row, oc.P_SAVE), 0)
    ds[to + w.S_ASYNC] = max(option(m, pe, row, oc.P_ASYNC), 0)
    ds[to + w.S_ACTIVATE] = option(m, pe, row, oc.P_ACTIVATE)
    ds[to + w.S_UNBLOCK] = option(m, pe, row, oc.P_UNBLOCK)
    ds[to + w.S_UNBLOCK_KIND] = option(m, pe, row, oc.P_UNBLOCK_KIND)
    ds[to + w.D_UT] = option(m, pe, row, oc.P_UT)


@kernel
def touches_fabric(m, pe, b):
    """Whether the descriptor at b names the fabric or a FIFO."""
    kind = m.ds[slot_at(m, pe, b) + w.D_KIND]
    return kind != oc.KIND_MEM1D and kind != oc.KIND_MEM4D


@kernel
def wait_for(m, pe, queue):
    """Note which queue the main thread waits for: q, or 256 + q for output."""
    m.pe[pe * w.PE_WORDS + w.WAIT_QUEUE] = queue
    return ELEMENT_WAITS


@kernel
def read_element(m, pe, b, i, t, now):
    """(outcome, value) of element i of the descriptor at b."""
    size = size_of(t)
    if not set_operand(m, pe, w.MAIN, 1, oc.O_SLOT, b, size):
        return ELEMENT_FAULT, np.int64(0)
    o = record(m, pe, w.MAIN, 1)
    kind = m.ds[o + w.K_KIND]
    if kind == w.K_FABIN:
        return read_fabric(m, pe, o, i, t, size, now)
    if kind == w.K_FABOUT:
        fault(m, oc.F_BAD_DSD, pe, w.K_FABOUT, 3)
        return ELEMENT_FAULT, np.int64(0)
    if kind == w.K_FIFO_KIND:
        if m.ds[fifo_state(m, pe, m.ds[o + w.K_FIFO]) + 1] == 0:
            return wait_for(m, pe, -1), np.int64(0)
        address = fifo_pop(m, pe, o)
        if address < 0:
            return ELEMENT_FAULT, np.int64(0)
        return ELEMENT_DONE, load(m, pe, t, address)
    address, step, _ = locate(m, o, i)
    if not within(m, pe, o, address, step, 1, size):
        return ELEMENT_FAULT, np.int64(0)
    return ELEMENT_DONE, load(m, pe, t, np.int64(address))


@kernel
def read_fabric(m, pe, o, i, t, size, now):
    """(outcome, value) of the next element from an input queue."""
    q = m.ds[o + w.K_QUEUE]
    if m.im[m.pe[pe * w.PE_WORDS + w.QUEUE_TABLE] + w.T_IN_COLOR + q] < 0:
        fault(m, oc.F_UNINITIALISED_QUEUE, pe, q, 0)
        return ELEMENT_FAULT, np.int64(0)
    head = in_head(m, pe, q)
    if head < 0 or head >> w.TIME_SHIFT > now:
        return wait_for(m, pe, q), np.int64(0)
    pack = m.ds[o + w.K_PACK]
    part = i & (pack - 1)
    value = np.int64(head & 0xFFFFFFFF) >> (16 * part)
    if part == pack - 1:
        in_pop(m, pe, q)
        if m.g[w.G_TRACE] != 0:
            rec.arrived(m, pe, now, m.pe[pe * w.PE_WORDS + w.PC])
    if size == 2:
        value &= 0xFFFF
        if t == 3:
            value -= (value >> 15) << 16
    elif t == 5:
        value -= (value >> 31) << 32
    return ELEMENT_DONE, value


@kernel
def write_element(m, pe, b, i, t, value, now):
    """Outcome of storing element i of the descriptor at b."""
    size = size_of(t)
    if not set_operand(m, pe, w.MAIN, 0, oc.O_SLOT, b, size):
        return ELEMENT_FAULT
    o = record(m, pe, w.MAIN, 0)
    kind = m.ds[o + w.K_KIND]
    if kind == w.K_FABOUT:
        q = m.ds[o + w.K_QUEUE]
        if m.ds[o + w.K_COLOR] < 0:
            fault(m, oc.F_UNINITIALISED_QUEUE, pe, q, 1)
            return ELEMENT_FAULT
        if not out_room(m, pe, q):
            return wait_for(m, pe, 256 + q)
        word = value & (0xFFFF if size == 2 else 0xFFFFFFFF)
        if m.ds[o + w.K_FLAGS] & 1:
            word |= w.CONTROL_BIT
        note_sender(m, pe, q, m.pe[pe * w.PE_WORDS + w.PC], m.ds[o + w.K_COLOR])
        out_push(m, pe, q, word, m.ds[o + w.K_COLOR], now + m.g[w.G_RAMP])
        return ELEMENT_DONE
    if kind == w.K_FABIN:
        fault(m, oc.F_BAD_DSD, pe, w.K_FABIN, 4)
        return ELEMENT_FAULT
    if kind == w.K_FIFO_KIND:
        if m.ds[fifo_state(m, pe, m.ds[o + w.K_FIFO]) + 1] >= m.ds[o + w.K_E1]:
            return wait_for(m, pe, -1)
        address = fifo_push(m, pe, o)
        if address < 0:
            return ELEMENT_FAULT
        store(m, pe, t, address, value)
        return ELEMENT_DONE
    address, step, _ = locate(m, o, i)
    if not within(m, pe, o, address, step, 1, size):
        return ELEMENT_FAULT
    store(m, pe, t, np.int64(address), value)
    return ELEMENT_DONE
