"""Queues at run time: flushing them, giving them other colours; the mask of control_transform."""

from __future__ import annotations

import numpy as np

from pyflame.runtime.fabric.kernel import opcodes as oc
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.kernel.configure import NO_FILTER, UNUSED_FILTER, filter_words
from pyflame.runtime.fabric.kernel.events import fault, wake_router
from pyflame.runtime.fabric.kernel.jit import kernel
from pyflame.runtime.fabric.kernel.queues import feed, flush_ends, in_at, out_at


@kernel
def queue_control(m, pe, op, r, a, b, c, d):
    """Run one such instruction; False after a fault."""
    rg = m.rg
    p = pe * w.PE_WORDS
    if op == oc.CONTROLMASK:
        m.pe[p + w.CONTROL_MASK] = rg[r + a]
        return True
    q = rg[r + b] if op == oc.QFLUSHPENDING else rg[r + a]
    if q < 0 or q >= w.QUEUES:
        fault(m, oc.F_BAD_ID, pe, q, 1)
        return False
    output = d & 1
    bit = q + w.QUEUES * output
    if op == oc.QFLUSHPENDING:
        rg[r + a] = (m.pe[p + w.FLUSHED] >> bit) & 1
    elif op == oc.QFLUSHEXIT:
        leave_flush(m, pe, bit)
    elif op == oc.QFLUSH:
        return flush(m, pe, q, bit, output)
    else:
        return rebind(m, pe, q, rg[r + b], output, rg[r + c])
    return True


@kernel
def held(m, pe, q, output):
    """Wavelets in a queue."""
    if not in_use(m, q, output):
        return np.int64(0)
    at = out_at(m, pe, q) if output else in_at(m, pe, q)
    return m.qu[at + 1]


@kernel
def in_use(m, q, output):
    """Whether some program initialises or names a queue: others have no place."""
    return m.g[(w.G_OUT_AT if output else w.G_IN_AT) + q] >= 0


@kernel
def flush(m, pe, q, bit, output):
    """QFLUSH: the teardown task starts once the queue is empty; False after a fault."""
    p = pe * w.PE_WORDS
    image = m.pe[p + w.IMAGE]
    handled = m.im[m.im[image + w.I_TEARDOWN] + w.FLUSHED_INPUT + bit] >= 0
    if not handled and m.im[m.im[image + w.I_TASKS] + w.TEARDOWN_TASK] < 0:
        fault(m, oc.F_BAD_TASK, pe, w.TEARDOWN_TASK, oc.TASK_LOCAL)
        return False
    m.pe[p + w.FLUSHING] |= np.int64(1) << bit
    if held(m, pe, q, output) == 0:
        flush_ends(m, pe, bit)
    return True


@kernel
def leave_flush(m, pe, bit):
    """QFLUSHEXIT: later runs of the teardown task have nothing to do with the queue."""
    p = pe * w.PE_WORDS
    flag = np.int64(1) << bit
    m.pe[p + w.FLUSHING] &= ~flag
    m.pe[p + w.FLUSHED] &= ~flag
    m.pe[p + w.TORN] &= ~(flag << w.FLUSHED_INPUT)
    bound = m.im[m.im[m.pe[p + w.IMAGE] + w.I_TASKS] + w.TEARDOWN_TASK] >= 0
    if m.pe[p + w.TORN] == 0 and not bound:
        m.pe[p + w.ACTIVE] &= ~(np.int64(1) << w.TEARDOWN_TASK)


@kernel
def rebind(m, pe, q, color, output, filtered):
    """QUEUESET: an empty queue serves another colour; False after a fault."""
    if color < 0 or color >= w.COLORS:
        fault(m, oc.F_BAD_ID, pe, color, 0)
        return False
    if not in_use(m, q, output):
        fault(m, oc.F_UNINITIALISED_QUEUE, pe, q, output)
        return False
    if held(m, pe, q, output) != 0:
        fault(m, oc.F_QUEUE_NOT_EMPTY, pe, q, output)
        return False
    table = m.pe[pe * w.PE_WORDS + w.QUEUE_TABLE]
    if output:
        if (m.pe[pe * w.PE_WORDS + w.LIVE] >> (w.WRITE_SHIFT + q)) & 1:
            fault(m, oc.F_QUEUE_BUSY, pe, q, 1)
            return False
        m.im[table + w.T_OUT_COLOR + q] = color
        return True
    for other in range(w.COLORS):
        if m.im[table + w.T_QUEUE_OF + other] == q:
            m.im[table + w.T_QUEUE_OF + other] = -1
    before = m.im[table + w.T_QUEUE_OF + color]
    if before >= 0:
        m.im[table + w.T_IN_COLOR + before] = -1
    m.im[table + w.T_QUEUE_OF + color] = q
    m.im[table + w.T_IN_COLOR + q] = color
    channel = m.pe[pe * w.PE_WORDS + w.CHANNEL_OF + color]
    if channel >= 0:
        f = m.ch[channel + w.C_FILTER]
        if f != NO_FILTER:
            place = filter_words(m, channel)
            m.ch[channel + w.C_FILTER] = place if filtered != 0 else UNUSED_FILTER - place
    wake_router(m, pe)
    feed(m, pe, q)
    return True
