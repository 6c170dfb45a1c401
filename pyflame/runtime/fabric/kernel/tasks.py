"""Tasks: flags, activation, picking, and starting functions."""

from __future__ import annotations

import numpy as np

from pyflame.runtime.fabric.kernel import opcodes as oc
from pyflame.runtime.fabric.kernel import record as rec
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.kernel.arith import wrap
from pyflame.runtime.fabric.kernel.events import fault
from pyflame.runtime.fabric.kernel.jit import kernel
from pyflame.runtime.fabric.kernel.operands import lane_at, record
from pyflame.runtime.fabric.kernel.queues import in_head, in_pop


@kernel
def hashed(x):
    """A 32-bit integer hash (lowbias32)."""
    x &= 0xFFFFFFFF
    x ^= x >> 16
    x = (x * 0x7FEB352D) & 0xFFFFFFFF
    x ^= x >> 15
    x = (x * 0x846CA68B) & 0xFFFFFFFF
    x ^= x >> 16
    return x


@kernel
def draw(m, pe):
    """32 random bits of a PE's own counter-based generator, for task picking."""
    p = pe * w.PE_WORDS
    m.pe[p + w.RNG_COUNT] += 1 << 32
    return hashed(hashed(m.g[w.G_SHUFFLE] + pe * 0x9E37) + (m.pe[p + w.RNG_COUNT] >> 32))


@kernel
def start_function(m, pe, function, task, at):
    """Make the main thread enter a function at cycle `at`."""
    p = pe * w.PE_WORDS
    row = m.im[m.pe[p + w.IMAGE] + w.I_FUNCTIONS] + 3 * function
    frame = pe * m.g[w.G_REGISTERS]
    m.pe[p + w.FRAME] = frame
    m.rg[frame] = -1
    m.rg[frame + 1] = -1
    m.rg[frame + 2] = -1
    m.rg[frame + 3] = m.im[row + 1]
    m.pe[p + w.PC] = m.im[row]
    m.pe[p + w.STATUS] = w.RUNNING
    m.pe[p + w.TASK] = task
    m.pe[p + w.TASK_SINCE] = at
    m.pe[p + w.MAIN_AT] = at
    m.pe[p + w.INSTRUCTIONS] = 0
    m.pe[p + w.TASK_COUNT] += 1
    if m.g[w.G_TRACE] != 0:
        rec.task_begins(m, pe, task, at, m.im[row])


@kernel
def task_function(m, pe, kind, number):
    """The function bound to a task, -1 if none."""
    return m.im[m.im[m.pe[pe * w.PE_WORDS + w.IMAGE] + w.I_TASKS] + kind * w.TASKS + number]


@kernel
def activate(m, pe, number):
    """Set a local task's active flag, noting if it is set already; False after a fault."""
    if number < 0 or number >= w.TASKS:
        fault(m, oc.F_BAD_ID, pe, number, 2)
        return False
    if task_function(m, pe, oc.TASK_LOCAL, number) < 0:
        fault(m, oc.F_BAD_TASK, pe, number, oc.TASK_LOCAL)
        return False
    p = pe * w.PE_WORDS
    bit = np.int64(1) << number
    m.pe[p + w.REPEATED] |= m.pe[p + w.ACTIVE] & bit
    m.pe[p + w.ACTIVE] |= bit
    return True


@kernel
def set_blocked(m, pe, kind, number, blocked):
    """Block or unblock a task, colour, queue or microthread; False after a fault."""
    p = pe * w.PE_WORDS
    if number < 0 or number >= w.TASKS or (kind == oc.BLOCK_COLOR and number >= w.COLORS):
        fault(m, oc.F_BAD_ID, pe, number, 2)
        return False
    word = w.BLOCKED
    if kind == oc.BLOCK_MICROTHREAD:
        word = w.UT_BLOCKED
    elif kind == oc.BLOCK_QUEUE and m.g[w.G_WSE3] == 0:
        if number < w.QUEUES:
            number = m.im[m.pe[p + w.QUEUE_TABLE] + w.T_IN_COLOR + number]
        else:
            number = np.int64(-1)
        if number < 0:
            fault(m, oc.F_BAD_ID, pe, number, 1)
            return False
    if blocked:
        m.pe[p + word] |= np.int64(1) << number
    else:
        m.pe[p + word] &= ~(np.int64(1) << number)
    return True


@kernel
def queue_task(m, pe, q):
    """The id under which a queue's data task is known: colour on WSE-2, queue on WSE-3."""
    if m.g[w.G_WSE3] != 0:
        return np.int64(q)
    return m.im[m.pe[pe * w.PE_WORDS + w.QUEUE_TABLE] + w.T_IN_COLOR + q]


@kernel
def queue_candidate(m, pe, q, now):
    """The task code (kind * TASKS + id) that the head of input queue q may start now, or -1."""
    number = queue_task(m, pe, q)
    if (m.pe[pe * w.PE_WORDS + w.BLOCKED] >> number) & 1:
        return -1
    while True:
        head = in_head(m, pe, q)
        if head < 0 or head >> w.TIME_SHIFT > now:
            return -1
        if head & w.CONTROL_BIT == 0:
            if task_function(m, pe, oc.TASK_DATA, number) < 0:
                return -1
            return oc.TASK_DATA * w.TASKS + number
        if being_read(m, pe, q):
            return -1
        named = (head >> 16) & 63
        if named != w.NULL_TASK:
            break
        in_pop(m, pe, q)
    named += m.im[m.pe[pe * w.PE_WORDS + w.QUEUE_TABLE] + w.T_CONTROL + q]
    if named >= w.TASKS or task_function(m, pe, oc.TASK_CONTROL, named) < 0:
        fault(m, oc.F_BAD_TASK, pe, named, oc.TASK_CONTROL)
        return -1
    return oc.TASK_CONTROL * w.TASKS + named


@kernel
def being_read(m, pe, q):
    """Whether a live operation reads input queue q."""
    return (m.pe[pe * w.PE_WORDS + w.LIVE] >> (w.READ_SHIFT + q)) & 1 != 0


@kernel
def pick(m, pe, now):
    """Start an eligible task: HIGH first, then in turn by id, or at random. True if any."""
    p = pe * w.PE_WORDS
    best = -1
    best_queue = -1
    best_key = np.int64(1) << 40
    high = m.pe[p + w.HIGH]
    local = m.pe[p + w.ACTIVE] & ~m.pe[p + w.BLOCKED]
    number = 0
    while local != 0 and number < w.TASKS:
        if local & 1:
            key = task_key(m, pe, number, (high >> number) & 1)
            if key < best_key:
                best_key = key
                best = oc.TASK_LOCAL * w.TASKS + number
        local = (local >> 1) & 0x7FFFFFFFFFFFFFFF
        number += 1
    if m.pe[p + w.HOST_READY] != 0:
        key = task_key(m, pe, w.HOST_TASK, 0)
        if key < best_key:
            best_key = key
            best = w.HOST_KIND * w.TASKS + w.HOST_TASK
    for q in range(w.QUEUES):
        if (m.pe[p + w.IN_MASK] >> q) & 1 == 0:
            continue
        code = queue_candidate(m, pe, q, now)
        if code < 0:
            continue
        number = code % w.TASKS
        key = task_key(m, pe, number, (high >> queue_task(m, pe, q)) & 1)
        if key < best_key:
            best_key = key
            best = code
            best_queue = q
    if best < 0 or steals(m, pe, best, best_queue):
        return False
    m.pe[p + w.LAST_TASK] = best % w.TASKS
    m.pe[p + w.BUSY_CYCLES] += m.g[w.G_TASK]
    start_task(m, pe, best, best_queue, now + m.g[w.G_TASK])
    if m.g[w.G_TRACE] != 0:
        rec.busy(m, pe, now, now + m.g[w.G_TASK])
    return True


@kernel
def steals(m, pe, code, q):
    """Whether a task would take a data wavelet that a live operation reads: a fault."""
    if code // w.TASKS != oc.TASK_DATA or not being_read(m, pe, q):
        return False
    fault(m, oc.F_STOLEN, pe, q, code)
    for lane in range(w.LANES):
        if (m.pe[pe * w.PE_WORDS + w.LIVE] >> lane) & 1 == 0:
            continue
        for k in range(1, 3):
            o = record(m, pe, lane, k)
            if m.ds[o + w.K_KIND] == w.K_FABIN and m.ds[o + w.K_QUEUE] == q:
                at = lane_at(m, pe, lane)
                m.g[w.G_FAULT_PC] = m.ds[at + w.L_PC]
                m.g[w.G_FAULT_TASK] = m.ds[at + w.L_TASK]
    return True


@kernel
def task_key(m, pe, number, high):
    """Order of picking: HIGH before LOW, then ids in turn after the last one, or random.

    Taking turns matters: tasks that activate themselves while they wait must not starve others.
    """
    if m.g[w.G_SHUFFLE] != 0:
        key = np.int64(draw(m, pe) << 6)
    else:
        key = np.int64((number - m.pe[pe * w.PE_WORDS + w.LAST_TASK] - 1) & (w.TASKS - 1))
    if high == 0:
        key += np.int64(1) << 39
    return key


@kernel
def start_task(m, pe, code, q, at):
    """Start the picked task: clear its flag or take its wavelet, and pass its arguments."""
    p = pe * w.PE_WORDS
    image = m.pe[p + w.IMAGE]
    kind = code // w.TASKS
    number = code % w.TASKS
    frame = pe * m.g[w.G_REGISTERS] + w.FRAME_HEAD
    if kind == w.HOST_KIND:
        m.pe[p + w.HOST_READY] = 0
        start_function(m, pe, m.pe[p + w.HOST_FUNCTION], code, at)
        for i in range(15):
            m.rg[frame + i] = m.pe[p + w.HOST_ARGS + i]
        return
    if kind == oc.TASK_LOCAL:
        if number == w.TEARDOWN_TASK and m.pe[p + w.TORN] != 0:
            start_teardown(m, pe, at)
            return
        m.pe[p + w.ACTIVE] &= ~(np.int64(1) << number)
        start_function(m, pe, task_function(m, pe, kind, number), code, at)
        return
    word = in_head(m, pe, q) & w.PAYLOAD
    in_pop(m, pe, q)
    if kind == oc.TASK_DATA:
        code = rotated(m, pe, code, q)
        kind = code // w.TASKS
        number = code % w.TASKS
    start_function(m, pe, task_function(m, pe, kind, number), code, at)
    if m.g[w.G_TRACE] != 0:
        rec.arrived(m, pe, m.g[w.G_NOW], m.pe[p + w.PC])
    row = m.im[image + w.I_PARAMETERS] + 3 * code
    count = m.im[row]
    if count == 1:
        m.rg[frame] = wrap(m.im[row + 1], word)
    elif count >= 2:
        m.rg[frame] = wrap(m.im[row + 1], word & 0xFFFF)
        m.rg[frame + 1] = wrap(m.im[row + 2], word >> 16)


@kernel
def rotated(m, pe, code, q):
    """The task that starts for the wavelet taken from input queue q: its data task, or the one
    that takes turns with it when the counter has reached its limit."""
    table = m.pe[pe * w.PE_WORDS + w.QUEUE_TABLE]
    pair = m.im[table + w.T_ROTATION + q]
    if pair < 0:
        return code
    counter = pe * w.PE_WORDS + w.ROTATED + pair
    if m.pe[counter] != m.im[table + w.T_LIMIT + pair]:
        m.pe[counter] += 1
        return code
    m.pe[counter] = 0
    return oc.TASK_CONTROL * w.TASKS + m.im[table + w.T_ALTERNATE + pair]


@kernel
def start_teardown(m, pe, at):
    """Run the handler of the lowest colour that was torn down or queue that was flushed; a task
    of the program's own sees to all of them."""
    p = pe * w.PE_WORDS
    which = 0
    while (m.pe[p + w.TORN] >> which) & 1 == 0:
        which += 1
    function = m.im[m.im[m.pe[p + w.IMAGE] + w.I_TEARDOWN] + which]
    if function >= 0:
        m.pe[p + w.TORN] &= ~(np.int64(1) << which)
    else:
        function = task_function(m, pe, oc.TASK_LOCAL, w.TEARDOWN_TASK)
        m.pe[p + w.TORN] = 0
    if m.pe[p + w.TORN] == 0:
        m.pe[p + w.ACTIVE] &= ~(np.int64(1) << w.TEARDOWN_TASK)
    if function < 0:
        return
    start_function(m, pe, function, oc.TASK_LOCAL * w.TASKS + w.TEARDOWN_TASK, at)
