"""Operations on the fabric and on FIFOs: they live in a lane and advance element by element.

A lane is a microthread (0 … 7) or the main thread's own operation (`MAIN`). One step of a lane
takes at most one wavelet per direction and one issue slot.
"""

# ruff: noqa: SIM102 - numba compiles plain comparisons faster
from __future__ import annotations

import numpy as np

from pyflame.runtime.fabric.kernel import opcodes as oc
from pyflame.runtime.fabric.kernel import record as rec
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.kernel.events import fault
from pyflame.runtime.fabric.kernel.exceptions import watched
from pyflame.runtime.fabric.kernel.jit import inlined, kernel
from pyflame.runtime.fabric.kernel.operands import lane_at, locate, record, scratch, within
from pyflame.runtime.fabric.kernel.queues import in_head, in_pop, note_sender, out_push, out_room
from pyflame.runtime.fabric.kernel.table import SIZE_TABLE
from pyflame.runtime.fabric.kernel.tasks import activate, set_blocked
from pyflame.runtime.fabric.kernel.vector import copy_halfwords, save_positions

BLOCKED, ADVANCED, FINISHED, FAULTED = range(4)
TERMINATE, THEN_ACTIVATE, THEN_UNBLOCK = 1, 2, 3
TRANSFORMED = 0xC0000000
"""The two bits by which control_transform marks what was a control wavelet."""


@kernel
def fifo_state(m, pe, number):
    """Where a FIFO's head and count lie in ds."""
    return pe * m.g[w.G_DS_WORDS] + m.g[w.G_FIFO_AT] + number * w.FIFO_STATE


@kernel
def check_conflicts(m, pe, lane, explicit):
    """Two live operations on one microthread or queue are a mistake; False after a fault.

    On WSE-3 operations may share a queue if both name distinct microthreads (`ut_id`).
    """
    p = pe * w.PE_WORDS
    live = m.pe[p + w.LIVE]
    for k in range(3):
        o = record(m, pe, w.MAIN, k)
        kind = m.ds[o + w.K_KIND]
        if kind != w.K_FABIN and kind != w.K_FABOUT:
            continue
        q = m.ds[o + w.K_QUEUE]
        shift = w.READ_SHIFT if kind == w.K_FABIN else w.WRITE_SHIFT
        if (live >> (shift + q)) & 1 and not shared(m, pe, kind, q, lane, explicit):
            fault(m, oc.F_QUEUE_BUSY, pe, q, 1 if kind == w.K_FABOUT else 0)
            return False
    if (live >> lane) & 1:
        fault(m, oc.F_MICROTHREAD_BUSY, pe, lane, 0)
        return False
    return True


@kernel
def shared(m, pe, kind, q, lane, explicit):
    """Whether all live operations on the queue were given a microthread other than `lane`."""
    if explicit == 0:
        return False
    for other in range(w.LANES):
        if (m.pe[pe * w.PE_WORDS + w.LIVE] >> other) & 1 == 0:
            continue
        for k in range(3):
            o = record(m, pe, other, k)
            if m.ds[o + w.K_KIND] == kind and m.ds[o + w.K_QUEUE] == q:
                if other == lane or m.ds[lane_at(m, pe, other) + w.L_EXPLICIT] == 0:
                    return False
    return True


@kernel
def move_to_lane(m, pe, lane):
    """Hand the operand records and scalars prepared for MAIN to another lane."""
    if lane == w.MAIN:
        return
    for k in range(3):
        source = record(m, pe, w.MAIN, k)
        to = record(m, pe, lane, k)
        for i in range(w.OPERAND_RECORD):
            m.ds[to + i] = m.ds[source + i]
        if m.ds[to + w.K_KIND] == w.K_SCALAR:
            m.ds[to + w.K_ADDRESS] = scratch(lane, k)
    base = pe * w.MEMORY_STRIDE
    for k in range(4):
        m.m32[(base + scratch(lane, k)) >> 2] = m.m32[(base + scratch(w.MAIN, k)) >> 2]


@kernel
def enter(m, pe, lane, start):
    """Mark a lane live and its queues in use."""
    p = pe * w.PE_WORDS
    at = lane_at(m, pe, lane)
    step = np.int64(64)
    bits = np.int64(1) << lane
    m.ds[at + w.L_OUT] = -1
    m.ds[at + w.L_IN0] = -1
    for k in range(3):
        o = record(m, pe, lane, k)
        kind = m.ds[o + w.K_KIND]
        if kind == w.K_FABIN:
            bits |= np.int64(1) << (w.READ_SHIFT + m.ds[o + w.K_QUEUE])
            m.ds[at + w.L_IN0] = m.ds[o + w.K_QUEUE]
            step = min(step, np.int64(m.ds[o + w.K_WIDTH]))
        elif kind == w.K_FABOUT:
            q = m.ds[o + w.K_QUEUE]
            bits |= np.int64(1) << (w.WRITE_SHIFT + q)
            m.ds[at + w.L_OUT] = q
            note_sender(m, pe, q, m.ds[at + w.L_PC], m.ds[o + w.K_COLOR])
            step = min(step, np.int64(m.ds[o + w.K_WIDTH]))
    m.ds[at + w.L_STEP] = 1 if step == 64 else step
    m.ds[at + w.L_POS] = 0
    m.ds[at + w.L_HALF] = 0
    m.ds[at + w.L_START] = start
    m.ds[at + w.L_SINCE] = start
    m.pe[p + w.LIVE] |= bits


@kernel
def leave(m, pe, lane, now, result):
    """End a lane's operation: free its queues, save addresses, set its flags."""
    p = pe * w.PE_WORDS
    at = lane_at(m, pe, lane)
    if m.g[w.G_TRACE] != 0:
        rec.operation_ends(m, pe, lane, now)
    m.pe[p + w.LIVE] &= ~(np.int64(1) << lane)
    live = np.int64(m.pe[p + w.LIVE] & ((1 << w.LANES) - 1))
    for other in range(w.LANES):
        if (live >> other) & 1:
            for k in range(3):
                o = record(m, pe, other, k)
                if m.ds[o + w.K_KIND] == w.K_FABIN:
                    live |= np.int64(1) << (w.READ_SHIFT + m.ds[o + w.K_QUEUE])
                elif m.ds[o + w.K_KIND] == w.K_FABOUT:
                    live |= np.int64(1) << (w.WRITE_SHIFT + m.ds[o + w.K_QUEUE])
    m.pe[p + w.LIVE] = live
    save_positions(m, pe, lane, m.ds[at + w.L_POS])
    if m.ds[record(m, pe, lane, 0) + w.K_KIND] == w.K_FABOUT and not clear(m, pe, lane):
        return False
    if lane == w.MAIN:
        m.pe[p + w.STATUS] = w.RUNNING
        m.pe[p + w.MAIN_AT] = now + 1
        if m.ds[at + w.L_RESULT] >= 0:
            m.rg[m.pe[p + w.FRAME] + w.FRAME_HEAD + m.ds[at + w.L_RESULT]] = result
    return complete(m, pe, lane)


@kernel
def clear(m, pe, lane):
    """Set to zero the memory of the source that a fabout DSD names. False after a fault."""
    at = lane_at(m, pe, lane)
    flags = m.ds[record(m, pe, lane, 0) + w.K_FLAGS]
    if flags & (oc.FLAG_ZERO_FIRST | oc.FLAG_ZERO_SECOND) == 0:
        return True
    k = 1
    if flags & oc.FLAG_ZERO_SECOND and m.ds[record(m, pe, lane, 2) + w.K_KIND] != w.K_NONE:
        k = 2
    o = record(m, pe, lane, k)
    kind = m.ds[o + w.K_KIND]
    if kind != w.K_LINEAR and kind != w.K_NESTED and kind != w.K_CIRCULAR:
        fault(m, oc.F_BAD_DSD, pe, k, 6)
        return False
    size = SIZE_TABLE[m.ds[at + w.L_OP], k]
    for i in range(m.ds[at + w.L_POS]):
        address, step, _ = locate(m, o, i)
        if not within(m, pe, o, address, step, 1, size):
            return False
        for half in range(size // 2):
            m.m16[(pe * w.MEMORY_STRIDE + address + 2 * half) >> 1] = 0
    return True


@kernel
def complete(m, pe, lane):
    """The completion flags of an operation: activate or unblock. False after a fault."""
    at = lane_at(m, pe, lane)
    if m.ds[at + w.L_ACTIVATE] >= 0 and not activate(m, pe, m.ds[at + w.L_ACTIVATE]):
        return False
    if m.ds[at + w.L_UNBLOCK] >= 0:
        kind = m.ds[at + w.L_UNBLOCK_KIND]
        return set_blocked(m, pe, max(kind, 0), m.ds[at + w.L_UNBLOCK], False)
    return True


@kernel
def advance(m, pe, lane, now):
    """Let a lane do one step if its operands allow: BLOCKED, ADVANCED, FINISHED or FAULTED."""
    state = step(m, pe, lane, now)
    if state == FAULTED:
        m.g[w.G_FAULT_PC] = m.ds[lane_at(m, pe, lane) + w.L_PC]
        m.g[w.G_FAULT_TASK] = m.ds[lane_at(m, pe, lane) + w.L_TASK]
    return state


@inlined
def step(m, pe, lane, now):
    """`advance` without noting where a fault comes from."""
    at = lane_at(m, pe, lane)
    if m.ds[at + w.L_START] > now:
        return BLOCKED
    if lane != w.MAIN and (m.pe[pe * w.PE_WORDS + w.UT_BLOCKED] >> lane) & 1:
        return BLOCKED
    moved = 0
    for _ in range(m.ds[at + w.L_STEP]):
        if m.ds[at + w.L_POS] >= m.ds[at + w.L_N]:
            break
        state = ready(m, pe, lane, now)
        if state == FINISHED:
            return finish_early(m, pe, lane, now)
        if state == BLOCKED:
            action = fifo_action(m, pe, lane)
            if action == oc.FIFO_FAULT:
                return FAULTED
            if action != oc.FIFO_SUSPEND:
                fine = leave(m, pe, lane, now, 1 if action == oc.FIFO_TERMINATE else 0)
                return FINISHED if fine else FAULTED
            break
        moved += 1
        if m.ds[at + w.L_OP] == oc.DFILT:
            m.ds[at + w.L_POS] += dropped(m, pe, lane)
            continue
        if not element(m, pe, lane, m.ds[at + w.L_POS], now):
            return FAULTED
        m.ds[at + w.L_POS] += 1
    if m.ds[at + w.L_POS] >= m.ds[at + w.L_N]:
        account(m, pe, lane, now)
        return FINISHED if leave(m, pe, lane, now, 1) else FAULTED
    if moved == 0:
        return BLOCKED
    account(m, pe, lane, now)
    return ADVANCED


@kernel
def account(m, pe, lane, now):
    """Count the issue slot, and for the main thread the cycles it stood still before."""
    p = pe * w.PE_WORDS
    at = lane_at(m, pe, lane)
    m.pe[p + w.BUSY_CYCLES] += 1
    m.g[w.G_LANE_STEPS] += 1
    if m.g[w.G_TRACE] != 0:
        rec.operation_steps(m, pe, lane, now, m.ds[at + w.L_SINCE], m.ds[at + w.L_PC])
    if lane == w.MAIN:
        m.pe[p + w.STALL_CYCLES] += now - m.ds[at + w.L_SINCE]
    m.ds[at + w.L_SINCE] = now + 1


@kernel
def ready(m, pe, lane, now):
    """ADVANCED if the next element can be processed, FINISHED if a control wavelet ends the
    operation, else BLOCKED."""
    at = lane_at(m, pe, lane)
    i = m.ds[at + w.L_POS]
    for k in range(3):
        o = record(m, pe, lane, k)
        kind = m.ds[o + w.K_KIND]
        if kind == w.K_FABIN:
            head = in_head(m, pe, m.ds[o + w.K_QUEUE])
            if head < 0 or head >> w.TIME_SHIFT > now:
                return BLOCKED
            if head & w.CONTROL_BIT and m.ds[at + w.L_ON_CONTROL] > 0:
                return FINISHED
        elif kind == w.K_FABOUT:
            if i & (m.ds[o + w.K_PACK] - 1) == 0:
                if not out_room(m, pe, m.ds[o + w.K_QUEUE]):
                    return BLOCKED
        elif kind == w.K_FIFO_KIND:
            count = m.ds[fifo_state(m, pe, m.ds[o + w.K_FIFO]) + 1]
            if (k == 0 and count >= m.ds[o + w.K_E1]) or (k > 0 and count == 0):
                return BLOCKED
    return ADVANCED


@kernel
def fifo_action(m, pe, lane):
    """What a blocked operation does: SUSPEND unless a full or empty FIFO says otherwise; TEST ends
    a synchronous one."""
    image = m.pe[pe * w.PE_WORDS + w.IMAGE]
    for k in range(3):
        o = record(m, pe, lane, k)
        if m.ds[o + w.K_KIND] != w.K_FIFO_KIND:
            continue
        number = m.ds[o + w.K_FIFO]
        count = m.ds[fifo_state(m, pe, number) + 1]
        if (k == 0 and count < m.ds[o + w.K_E1]) or (k > 0 and count > 0):
            continue
        action = m.im[m.im[image + w.I_FIFOS] + w.FIFO_ROW * number + (5 if k == 0 else 6)]
        if action == oc.FIFO_FAULT:
            fault(m, oc.F_FIFO_FULL if k == 0 else oc.F_FIFO_EMPTY, pe, number, 0)
        if action == oc.FIFO_TEST and m.ds[lane_at(m, pe, lane) + w.L_ASYNC] != 0:
            return oc.FIFO_SUSPEND
        return action
    return oc.FIFO_SUSPEND


@kernel
def dropped(m, pe, lane):
    """Drop the wavelet that DFILT meets; 1 if it is one of the control wavelets it waits for."""
    q = m.ds[record(m, pe, lane, 1) + w.K_QUEUE]
    control = (in_head(m, pe, q) & w.CONTROL_BIT) != 0
    in_pop(m, pe, q)
    return 1 if control else 0


@kernel
def finish_early(m, pe, lane, now):
    """A control wavelet, which stays where it is, ends the operation as `.on_control` says."""
    at = lane_at(m, pe, lane)
    action = m.ds[at + w.L_ON_CONTROL]
    number = m.ds[at + w.L_ON_CONTROL_ID]
    fine = True
    if action == THEN_ACTIVATE:
        fine = activate(m, pe, number)
    elif action >= THEN_UNBLOCK:
        fine = set_blocked(m, pe, action - THEN_UNBLOCK, number, False)
    account(m, pe, lane, now)
    if not leave(m, pe, lane, now, 1) or not fine:
        return FAULTED
    return FINISHED


@kernel
def source(m, pe, lane, k, i, size, last):
    """Address of element i of source k, within the PE; -1 after a fault."""
    o = record(m, pe, lane, k)
    kind = m.ds[o + w.K_KIND]
    if kind == w.K_NONE:
        return np.int64(scratch(lane, k))
    if kind == w.K_FABIN:
        to = scratch(lane, k)
        q = m.ds[o + w.K_QUEUE]
        word = in_head(m, pe, q)
        at = pe * w.MEMORY_STRIDE + to
        if size == 4:
            payload = word & w.PAYLOAD
            if word & w.CONTROL_BIT and m.ds[o + w.K_FLAGS] & oc.FLAG_TRANSFORM:
                mask = m.pe[pe * w.PE_WORDS + w.CONTROL_MASK]
                payload = (payload ^ (mask & 63) << 16) | TRANSFORMED
            m.m32[at >> 2] = payload
        else:
            pack = m.ds[o + w.K_PACK]
            part = i & (pack - 1)
            m.m16[at >> 1] = (word >> (16 * part)) & 0xFFFF
            if part != pack - 1 and not last:
                return np.int64(to)
        in_pop(m, pe, q)
        return np.int64(to)
    if kind == w.K_FIFO_KIND:
        return fifo_pop(m, pe, o)
    address, step, _ = locate(m, o, i)
    if kind != w.K_SCALAR and not within(m, pe, o, address, step, 1, size):
        return np.int64(-1)
    if size == 4 and address & 2:
        to = scratch(lane, k)
        base = pe * w.MEMORY_STRIDE
        copy_halfwords(m.m16, base + to, base + address, 4)
        return np.int64(to)
    return np.int64(address)


@kernel
def fifo_pop(m, pe, o):
    """Address of a FIFO's oldest element, which is removed."""
    state = fifo_state(m, pe, m.ds[o + w.K_FIFO])
    head = np.int64(m.ds[state])
    m.ds[state] = (head + 1) % m.ds[o + w.K_E1]
    m.ds[state + 1] -= 1
    return signal(m, pe, o, 4, m.ds[o + w.K_ADDRESS] + head * m.ds[o + w.K_STEP])


@kernel
def fifo_push(m, pe, o):
    """Address for a FIFO's new element, which is counted."""
    state = fifo_state(m, pe, m.ds[o + w.K_FIFO])
    place = (np.int64(m.ds[state]) + m.ds[state + 1]) % m.ds[o + w.K_E1]
    m.ds[state + 1] += 1
    return signal(m, pe, o, 3, m.ds[o + w.K_ADDRESS] + place * m.ds[o + w.K_STEP])


@kernel
def signal(m, pe, o, column, address):
    """Activate the task a FIFO names for pushes (3) or pops (4); gives `address`, -1 on a fault."""
    row = m.im[m.pe[pe * w.PE_WORDS + w.IMAGE] + w.I_FIFOS]
    row += w.FIFO_ROW * m.ds[o + w.K_FIFO]
    task = m.im[row + column]
    if task >= 0 and not activate(m, pe, task):
        return np.int64(-1)
    return np.int64(address)


@kernel
def element(m, pe, lane, i, now):
    """Process element i of a live operation; False after a fault."""
    at = lane_at(m, pe, lane)
    op = m.ds[at + w.L_OP]
    base = pe * w.MEMORY_STRIDE
    last = i == m.ds[at + w.L_N] - 1
    a = source(m, pe, lane, 1, i, SIZE_TABLE[op, 1], last)
    if a < 0:
        return False
    b = source(m, pe, lane, 2, i, SIZE_TABLE[op, 2], last)
    if b < 0:
        return False
    if m.g[w.G_TRACE] != 0:
        rec.arrived(m, pe, now, m.ds[at + w.L_PC])
    o = record(m, pe, lane, 0)
    kind = m.ds[o + w.K_KIND]
    size = SIZE_TABLE[op, 0]
    through = False
    address = np.int64(0)
    if kind == w.K_FIFO_KIND:
        address = fifo_push(m, pe, o)
        if address < 0:
            return False
    elif kind != w.K_FABOUT:
        address, step, _ = locate(m, o, i)
        if not within(m, pe, o, address, step, 1, size):
            return False
        through = size == 4 and address & 2 != 0
    to = base + address
    if kind == w.K_FABOUT or through:
        to = np.int64(base + scratch(lane, 0))
    if not watched(m, pe, op, 1, to, 0, base + a, 0, base + b, 0, base + scratch(lane, 3)):
        return False
    if kind == w.K_FABOUT:
        send(m, pe, lane, o, i, size, last, now)
    elif through:
        copy_halfwords(m.m16, base + address, to, 4)
    return True


@kernel
def send(m, pe, lane, o, i, size, last, now):
    """Put the element in a lane's destination scratch on its way, packed or indexed as asked."""
    at = lane_at(m, pe, lane)
    cell = pe * w.MEMORY_STRIDE + scratch(lane, 0)
    flags = m.ds[o + w.K_FLAGS]
    if size == 4:
        word = np.int64(m.m32[cell >> 2])
    else:
        word = np.int64(m.m16[cell >> 1])
        if flags & oc.FLAG_INDEXED and m.ds[at + w.L_INDEX] >= 0:
            word |= (m.ds[at + w.L_INDEX] & 0xFFFF) << 16
        elif m.ds[o + w.K_PACK] == 2:
            if i % 2 == 0 and not last:
                m.ds[at + w.L_HALF] = word
                return
            if i % 2 == 1:
                word = m.ds[at + w.L_HALF] | (word << 16)
    if flags & oc.FLAG_CONTROL:
        word |= w.CONTROL_BIT
    if flags & oc.FLAG_TRANSFORM and word & TRANSFORMED == TRANSFORMED:
        word = (word ^ TRANSFORMED) | w.CONTROL_BIT
    if last and flags & oc.FLAG_ADVANCE:
        word |= w.ADVANCE_BIT
    out_push(m, pe, m.ds[o + w.K_QUEUE], word, m.ds[o + w.K_COLOR], now + m.g[w.G_RAMP])
