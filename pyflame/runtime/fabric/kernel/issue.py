"""Starting a DSD operation: operands, length, options, and which lane it runs in."""

from __future__ import annotations

import numpy as np

from pyflame.runtime.fabric.kernel import opcodes as oc
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.kernel.events import fault
from pyflame.runtime.fabric.kernel.jit import kernel
from pyflame.runtime.fabric.kernel.live import (
    check_conflicts,
    complete,
    enter,
    leave,
    move_to_lane,
)
from pyflame.runtime.fabric.kernel.operands import (
    combined_length,
    lane_at,
    length_of,
    record,
    scratch,
    set_operand,
    slot_at,
)
from pyflame.runtime.fabric.kernel.table import SIZE_TABLE
from pyflame.runtime.fabric.kernel.vector import cycles_of, save_positions, vector

UNDONE, DONE, WAITS, STOPPED = range(4)
"""Outcome of an issue: try again when the core's time has come; go on; main waits; fault."""


@kernel
def operand_number(m, pe, kind, number):
    """What set_operand takes: the slot's place, or the register's value."""
    if kind == oc.O_SCALAR or kind == oc.O_POINTER:
        return m.rg[m.pe[pe * w.PE_WORDS + w.FRAME] + w.FRAME_HEAD + number]
    return np.int64(number)


@kernel
def uses_fabric(m, pe, row):
    """Whether an operand row names the fabric or a FIFO."""
    for k in range(3):
        kind = m.im[row + 1 + 2 * k]
        if kind == oc.O_SLOT or kind == oc.O_DSR:
            s = slot_at(m, pe, m.im[row + 2 + 2 * k])
            what = m.ds[s + w.D_KIND]
            if what == oc.KIND_FABIN or what == oc.KIND_FABOUT or what == oc.KIND_FIFO:
                return True
    return False


@kernel
def option(m, pe, options, column):
    """A column of an options row, from a register where it names one; -1 if not given."""
    if options < 0:
        return np.int64(-1)
    value = m.im[options + column]
    if value <= -16:
        return m.rg[m.pe[pe * w.PE_WORDS + w.FRAME] + w.FRAME_HEAD - (value + 16)]
    return value


@kernel
def set_options(m, pe, row, options):
    """Fill MAIN's option words from the operation's row and from loaded fabric DSRs."""
    at = lane_at(m, pe, w.MAIN)
    m.ds[at + w.L_ASYNC] = max(option(m, pe, options, oc.P_ASYNC), 0)
    m.ds[at + w.L_ACTIVATE] = option(m, pe, options, oc.P_ACTIVATE)
    m.ds[at + w.L_UNBLOCK] = option(m, pe, options, oc.P_UNBLOCK)
    m.ds[at + w.L_UNBLOCK_KIND] = option(m, pe, options, oc.P_UNBLOCK_KIND)
    m.ds[at + w.L_PRIORITY] = option(m, pe, options, oc.P_PRIORITY)
    m.ds[at + w.L_ON_CONTROL] = max(option(m, pe, options, oc.P_ON_CONTROL), 0)
    m.ds[at + w.L_ON_CONTROL_ID] = option(m, pe, options, oc.P_ON_CONTROL_ID)
    m.ds[at + w.L_INDEX] = option(m, pe, options, oc.P_INDEX)
    m.ds[at + w.L_EXPLICIT] = option(m, pe, options, oc.P_UT)
    for k in range(3):
        kind = m.im[row + 1 + 2 * k]
        if kind != oc.O_DSR and kind != oc.O_SLOT:
            continue
        s = slot_at(m, pe, m.im[row + 2 + 2 * k])
        flags = m.ds[s + w.D_FLAGS]
        fabout = m.ds[s + w.D_KIND] == oc.KIND_FABOUT
        if fabout and flags & oc.FLAG_INDEXED and m.ds[at + w.L_INDEX] < 0:
            m.ds[at + w.L_INDEX] = m.ds[s + w.D_INDEX] & 0xFFFF
        if m.ds[at + w.L_PRIORITY] < 0:
            m.ds[at + w.L_PRIORITY] = ((flags >> oc.PRIORITY_SHIFT) & 7) - 1
        if kind == oc.O_DSR:
            options_of_register(m, at, s)


@kernel
def options_of_register(m, at, s):
    """Options given when a DSR was loaded count where the operation does not give its own."""
    ds = m.ds
    if m.ds[at + w.L_ACTIVATE] < 0 and m.ds[at + w.L_UNBLOCK] < 0:
        m.ds[at + w.L_ACTIVATE] = ds[s + w.S_ACTIVATE]
        m.ds[at + w.L_UNBLOCK] = ds[s + w.S_UNBLOCK]
        m.ds[at + w.L_UNBLOCK_KIND] = ds[s + w.S_UNBLOCK_KIND]
    if ds[s + w.S_ASYNC] > 0:
        m.ds[at + w.L_ASYNC] = 1
    if m.ds[at + w.L_EXPLICIT] < 0 and ds[s + w.D_UT] >= 0:
        m.ds[at + w.L_EXPLICIT] = ds[s + w.D_UT]
    row = ds[s + w.D_OPTIONS]
    if row < 0:
        return
    if m.ds[at + w.L_PRIORITY] < 0:
        m.ds[at + w.L_PRIORITY] = m.im[row + oc.P_PRIORITY]
    if m.ds[at + w.L_ON_CONTROL] <= 0:
        m.ds[at + w.L_ON_CONTROL] = max(m.im[row + oc.P_ON_CONTROL], 0)
        m.ds[at + w.L_ON_CONTROL_ID] = m.im[row + oc.P_ON_CONTROL_ID]


@kernel
def prepare(m, pe, row):
    """Fill MAIN's operand records; the number of elements, or -1 after a fault."""
    im = m.im
    op = im[row]
    first = im[row + 3]
    a = im[row + 4]
    second = im[row + 5]
    b = im[row + 6]
    if SIZE_TABLE[op, 2] == 0:  # one source, in either place
        if first == 0:
            first = second
            a = b
        second = np.int64(0)
    d_kind = im[row + 1]
    d = im[row + 2]
    if not set_operand(
        m, pe, w.MAIN, 0, d_kind, operand_number(m, pe, d_kind, d), SIZE_TABLE[op, 0]
    ):
        return np.int64(-1)
    if not set_operand(m, pe, w.MAIN, 1, first, operand_number(m, pe, first, a), SIZE_TABLE[op, 1]):
        return np.int64(-1)
    if not set_operand(
        m, pe, w.MAIN, 2, second, operand_number(m, pe, second, b), SIZE_TABLE[op, 2]
    ):
        return np.int64(-1)
    if op == oc.DFILT and m.ds[record(m, pe, w.MAIN, 1) + w.K_KIND] != w.K_FABIN:
        fault(m, oc.F_BAD_DSD, pe, 0, 5)
        return np.int64(-1)
    if SIZE_TABLE[op, 3] != 0:
        value = operand_number(m, pe, im[row + 7], im[row + 8])
        cell = pe * w.MEMORY_STRIDE + scratch(w.MAIN, 3)
        m.m32[cell >> 2] = value & 0xFFFFFFFF
    return np.int64(
        combined_length(
            length_of(m, pe, first, a), length_of(m, pe, second, b), length_of(m, pe, d_kind, d)
        )
    )


@kernel
def loads(m, row):
    """Operands that must be loaded into DSRs first."""
    count = 0
    for k in range(3):
        if m.im[row + 1 + 2 * k] == oc.O_SLOT:
            count += 1
    return count


@kernel
def setup(m, row):
    """Cycles before the first element: loading DSRs, waiting for the last of them, issuing."""
    count = loads(m, row)
    return m.g[w.G_SETUP] + m.g[w.G_DSR] * count + (m.g[w.G_DSR_USE] if count > 0 else 0)


@kernel
def issue_on_memory(m, pe, row, result):
    """Run an operation whose operands all lie in memory; its cycles, or -1 after a fault."""
    set_options(m, pe, row, option_row(m, pe, row))
    n = prepare(m, pe, row)
    if n < 0:
        return np.int64(-1)
    if n == w.UNENDING:
        fault(m, oc.F_BAD_EXTENT, pe, w.ENDLESS, 1)
        return np.int64(-1)
    op = m.im[row]
    at = lane_at(m, pe, w.MAIN)
    if m.ds[at + w.L_ASYNC] != 0:
        fault(m, oc.F_ASYNC_MEMORY, pe, op, 0)
        return np.int64(-1)
    if not vector(m, pe, w.MAIN, op, n):
        return np.int64(-1)
    save_positions(m, pe, w.MAIN, n)
    if result >= 0:
        m.rg[m.pe[pe * w.PE_WORDS + w.FRAME] + w.FRAME_HEAD + result] = 1
    if not complete(m, pe, w.MAIN):
        return np.int64(-1)
    return setup(m, row) + cycles_of(m, pe, w.MAIN, op, n)


@kernel
def option_row(m, pe, row):
    """Where an operation's options row lies in im, -1 if it has none."""
    number = m.im[row + 9]
    if number < 0:
        return np.int64(-1)
    return m.im[m.pe[pe * w.PE_WORDS + w.IMAGE] + w.I_OPTIONS] + 10 * number


@kernel
def choose_lane(m, pe):
    """The microthread of an asynchronous operation prepared in MAIN, -1 if none is free."""
    explicit = m.ds[lane_at(m, pe, w.MAIN) + w.L_EXPLICIT]
    if m.g[w.G_WSE3] != 0 and explicit >= 0:
        return explicit
    for k in range(3):
        o = record(m, pe, w.MAIN, k)
        if m.ds[o + w.K_KIND] == w.K_FABIN or m.ds[o + w.K_KIND] == w.K_FABOUT:
            return np.int64(m.ds[o + w.K_QUEUE])
    for lane in range(w.MAIN):
        if (m.pe[pe * w.PE_WORDS + w.LIVE] >> lane) & 1 == 0:
            return np.int64(lane)
    return np.int64(-1)


@kernel
def check_queues(m, pe):
    """Every queue in use must be initialised, and WSE-3 reads one at most. False after a fault."""
    inputs = 0
    table = m.pe[pe * w.PE_WORDS + w.QUEUE_TABLE]
    for k in range(3):
        o = record(m, pe, w.MAIN, k)
        kind = m.ds[o + w.K_KIND]
        if kind == w.K_FABIN:
            inputs += 1
            if m.im[table + w.T_IN_COLOR + m.ds[o + w.K_QUEUE]] < 0:
                fault(m, oc.F_UNINITIALISED_QUEUE, pe, m.ds[o + w.K_QUEUE], 0)
                return False
        elif kind == w.K_FABOUT and m.ds[o + w.K_COLOR] < 0:
            fault(m, oc.F_UNINITIALISED_QUEUE, pe, m.ds[o + w.K_QUEUE], 1)
            return False
    if inputs > 1 and m.g[w.G_WSE3] != 0:
        fault(m, oc.F_TWO_FABIN, pe, inputs, 0)
        return False
    return True


@kernel
def issue_on_fabric(m, pe, row, result, now):
    """Start an operation with fabric or FIFO operands at cycle `now`.

    Returns (outcome, cycles): DONE when the main thread goes on, WAITS when it stalls until the
    operation ends.
    """
    set_options(m, pe, row, option_row(m, pe, row))
    n = prepare(m, pe, row)
    if n < 0:
        return STOPPED, np.int64(0)
    p = pe * w.PE_WORDS
    at = lane_at(m, pe, w.MAIN)
    if not check_queues(m, pe):
        return STOPPED, np.int64(0)
    lane = np.int64(w.MAIN)
    if m.ds[at + w.L_ASYNC] != 0:
        lane = choose_lane(m, pe)
        if lane < 0 or lane >= w.MAIN or m.g[w.G_LANE_AT + lane] < 0:
            fault(m, oc.F_BAD_ID if lane >= 0 else oc.F_MICROTHREAD_BUSY, pe, lane, 3)
            return STOPPED, np.int64(0)
    explicit = 1 if m.g[w.G_WSE3] != 0 and m.ds[at + w.L_EXPLICIT] >= 0 else 0
    if not check_conflicts(m, pe, lane, explicit):
        return STOPPED, np.int64(0)
    cycles = setup(m, row)
    m.ds[at + w.L_OP] = m.im[row]
    m.ds[at + w.L_N] = n
    m.ds[at + w.L_EXPLICIT] = explicit
    m.ds[at + w.L_RESULT] = result
    m.ds[at + w.L_PC] = m.pe[p + w.PC]
    m.ds[at + w.L_TASK] = m.pe[p + w.TASK]
    if lane != w.MAIN:
        target = lane_at(m, pe, lane)
        for i in range(w.LIVE_WORDS):
            m.ds[target + i] = m.ds[at + i]
        m.ds[target + w.L_RESULT] = -1
        move_to_lane(m, pe, lane)
        if result >= 0:
            m.rg[m.pe[p + w.FRAME] + w.FRAME_HEAD + result] = 1
    enter(m, pe, lane, now + cycles)
    if n == 0:
        return (DONE if leave(m, pe, lane, now, 1) else STOPPED), cycles
    if lane == w.MAIN:
        m.pe[p + w.STATUS] = w.IN_OPERATION
        return WAITS, cycles
    return DONE, cycles
