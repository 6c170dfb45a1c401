"""What a recorded run leaves behind: hooks that the kernel calls while `G_TRACE` is set.

Everything lies in one array, `tr`, whose size is fixed before the run (`fabric.trace.recorder`):

- cells, one per PE and time bin: busy and stalled cycles, moves per link, queue levels. When the
  run outgrows the bins, neighbours are merged and every bin is twice as wide;
- spans (tasks and operations) in a window of time and for chosen PEs: all of them until half the
  list is full, then the long ones, of a least length that doubles whenever the list is full again;
- moves of wavelets in the same window, until their list is full; so are changes of switches and
  routes, of all PEs;
- nodes, which say by whose wavelet a waiting PE was set going. Every wavelet carries, in shadows
  of the FIFOs and queues it lies in, the sender's node and the time of sending. From time to time
  the run pauses for `fabric.trace.nodes` to drop the nodes that no chain can need any more.
"""

from __future__ import annotations

import numpy as np

from pyflame.runtime.fabric.kernel import record_words as t
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.kernel.jit import kernel


@kernel
def row_of(m, pe):
    """Where the row of a PE lies."""
    return m.tr[t.T_ROWS] + pe * t.ROW_WORDS


@kernel
def fit(m, end):
    """Widen the bins until they reach up to cycle `end`."""
    tr = m.tr
    while end > tr[t.T_BINS] << tr[t.T_SHIFT]:
        for pe in range(m.g[w.G_PES]):
            merge(m, tr[t.T_CELLS] + pe * tr[t.T_BINS] * t.CELL_WORDS)
        tr[t.T_SHIFT] += 1


@kernel
def merge(m, base):
    """Merge neighbouring bins of one PE into the first half of its cells."""
    tr = m.tr
    bins = tr[t.T_BINS]
    for b in range(bins // 2):
        to = base + b * t.CELL_WORDS
        one = base + 2 * b * t.CELL_WORDS
        two = one + t.CELL_WORDS
        tr[to + t.A_BUSY] = tr[one + t.A_BUSY] + tr[two + t.A_BUSY]
        tr[to + t.A_STALL] = tr[one + t.A_STALL] + tr[two + t.A_STALL]
        for d in range(5):
            x = tr[one + t.A_LINK + d]
            y = tr[two + t.A_LINK + d]
            count = (x & t.COUNT_MASK) + (y & t.COUNT_MASK)
            tr[to + t.A_LINK + d] = count | ((x | y) & ~t.COUNT_MASK)
        x = tr[one + t.A_LEVELS]
        y = tr[two + t.A_LEVELS]
        levels = np.int64(0)
        for q in range(2 * w.QUEUES):
            levels |= max((x >> (4 * q)) & 15, (y >> (4 * q)) & 15) << (4 * q)
        tr[to + t.A_LEVELS] = levels
    for i in range(bins // 2 * t.CELL_WORDS, bins * t.CELL_WORDS):
        tr[base + i] = 0


@kernel
def add(m, pe, word, begin, end):
    """Count the cycles from `begin` to before `end` in the bins they belong to."""
    tr = m.tr
    fit(m, end)
    shift = tr[t.T_SHIFT]
    base = tr[t.T_CELLS] + pe * tr[t.T_BINS] * t.CELL_WORDS + word
    b = begin >> shift
    while begin < end:
        stop = min(end, (b + 1) << shift)
        tr[base + b * t.CELL_WORDS] += stop - begin
        begin = stop
        b += 1


@kernel
def busy(m, pe, begin, end):
    """The PE is busy from `begin` to before `end`."""
    add(m, pe, t.A_BUSY, begin, end)
    row = row_of(m, pe)
    m.tr[row + t.R_ACTIVE] = max(m.tr[row + t.R_ACTIVE], end)


@kernel
def stalled(m, pe, begin, end):
    """The main thread waited inside an operation."""
    add(m, pe, t.A_STALL, begin, end)


@kernel
def wanted(m, pe, begin, end):
    """Whether a PE's details of this time are to be kept."""
    tr = m.tr
    return tr[row_of(m, pe) + t.R_DETAIL] != 0 and begin < tr[t.T_TO] and end >= tr[t.T_FROM]


@kernel
def lasting(m, at, least, known):
    """Whether a span stays when the list is thinned: it is long, or began when all are kept."""
    begin = m.tr[at + t.S_BEGIN]
    return m.tr[at + t.S_END] - begin >= least or begin < known


@kernel
def thin(m):
    """Make room in the full list of spans: drop the short ones behind its first half."""
    tr = m.tr
    keep = tr[t.T_SPAN_MAX] >> 1
    count = tr[t.T_SPAN_COUNT]
    least = np.int64(t.SHORT)
    known = np.int64(-1)
    if tr[t.T_SPAN_LEAST] > 0:
        least = 2 * tr[t.T_SPAN_LEAST]
        known = tr[t.T_SPAN_FULL]
    stay = count
    while stay > keep + (keep >> 1) and least < w.FOREVER >> 1:
        stay = keep
        for number in range(keep, count):
            if lasting(m, tr[t.T_SPANS] + number * t.SPAN_WORDS, least, known):
                stay += 1
        least <<= 1
    least >>= 1
    tr[t.T_SPAN_LEAST] = least
    tr[t.T_SPAN_COUNT] = keep
    for number in range(keep, count):
        at = tr[t.T_SPANS] + number * t.SPAN_WORDS
        if lasting(m, at, least, known):
            to = tr[t.T_SPANS] + tr[t.T_SPAN_COUNT] * t.SPAN_WORDS
            tr[t.T_SPAN_COUNT] += 1
            for i in range(t.SPAN_WORDS):
                tr[to + i] = tr[at + i]
        else:
            tr[t.T_SPAN_FULL] = min(tr[t.T_SPAN_FULL], tr[at + t.S_BEGIN])


@kernel
def span(m, pe, lane, begin, end, pc, info, count):
    """Keep a span, if its detail is wanted and the list has room."""
    tr = m.tr
    if not wanted(m, pe, begin, end):
        return
    least = tr[t.T_SPAN_LEAST]
    if tr[t.T_SPAN_COUNT] >= tr[t.T_SPAN_MAX] and end - begin >= least:
        thin(m)
        least = tr[t.T_SPAN_LEAST]
    if end - begin < least and begin >= tr[t.T_SPAN_FULL]:
        return
    number = tr[t.T_SPAN_COUNT]
    if number >= tr[t.T_SPAN_MAX]:
        tr[t.T_SPAN_FULL] = min(tr[t.T_SPAN_FULL], begin)
        return
    tr[t.T_SPAN_COUNT] += 1
    at = tr[t.T_SPANS] + number * t.SPAN_WORDS
    tr[at + t.S_PE] = pe
    tr[at + t.S_LANE] = lane
    tr[at + t.S_BEGIN] = begin
    tr[at + t.S_END] = end
    tr[at + t.S_PC] = pc
    tr[at + t.S_INFO] = info
    tr[at + t.S_COUNT] = count


@kernel
def task_begins(m, pe, task, at, pc):
    """A task enters its function at cycle `at`."""
    row = row_of(m, pe)
    m.tr[row + t.R_TASK] = task
    m.tr[row + t.R_TASK_AT] = at
    m.tr[row + t.R_TASK_PC] = pc
    if task // w.TASKS == w.HOST_KIND:
        new_node(m, pe, m.g[w.G_NOW], m.tr[t.T_PREVIOUS], pc, t.FROM_LAUNCH, 0)


@kernel
def task_ends(m, pe, end):
    """The running task has returned."""
    row = row_of(m, pe)
    tr = m.tr
    span(
        m, pe, t.TASK_SPAN, tr[row + t.R_TASK_AT], end, tr[row + t.R_TASK_PC], tr[row + t.R_TASK], 0
    )


@kernel
def memory_operation(m, pe, begin, cycles, pc, op):
    """The main thread ran an operation on memory alone."""
    span(m, pe, t.ON_MEMORY, begin, begin + cycles, pc, op, 0)


@kernel
def operation_steps(m, pe, lane, now, since, pc):
    """An operation in a lane advances; it may have waited from `since`."""
    row = row_of(m, pe)
    if since < now:
        m.tr[row + t.R_WAITED + lane] += now - since
        if lane == w.MAIN:
            stalled(m, pe, since, now)
    arrived(m, pe, now, pc)
    busy(m, pe, now, now + 1)


@kernel
def operation_ends(m, pe, lane, now):
    """The operation of a lane is over."""
    at = pe * m.g[w.G_DS_WORDS] + m.g[w.G_LANE_AT + lane]
    row = row_of(m, pe)
    info = (
        np.int64(m.ds[at + w.L_OP])
        | (m.ds[at + w.L_IN0] + 1) << 8
        | (m.ds[at + w.L_OUT] + 1) << 12
        | m.tr[row + t.R_WAITED + lane] << 16
    )
    m.tr[row + t.R_WAITED + lane] = 0
    end = max(now + 1, m.ds[at + w.L_START])
    span(m, pe, lane, m.ds[at + w.L_START], end, m.ds[at + w.L_PC], info, m.ds[at + w.L_POS])


# --- whose wavelet set a PE going ---------------------------------------------------------------


@kernel
def node_at(m, number):
    """Where a node lies: the first one of each PE stays, later ones share a ring."""
    pes = m.g[w.G_PES]
    if number >= pes:
        number = pes + (number - pes) % m.tr[t.T_NODE_MAX]
    return m.tr[t.T_NODES] + number * t.NODE_WORDS


@kernel
def new_node(m, pe, now, tag, pc, queue, waited):
    """From now on the PE's doings depend on the wavelet with `tag`."""
    tr = m.tr
    number = tr[t.T_NODE_COUNT]
    tr[t.T_NODE_COUNT] += 1
    at = node_at(m, number)
    tr[at + t.N_PE] = pe
    tr[at + t.N_BEGIN] = now
    tr[at + t.N_FIRST] = now
    tr[at + t.N_TAG] = tag
    tr[at + t.N_PC] = pc
    tr[at + t.N_QUEUE] = queue
    tr[at + t.N_WAITED] = waited
    tr[at + t.N_COUNT] = 1
    tr[row_of(m, pe) + t.R_NODE] = number


@kernel
def arrived(m, pe, now, pc):
    """The PE goes on with a wavelet it took this cycle: did it have nothing to do before?"""
    tr = m.tr
    row = row_of(m, pe)
    gap = now - tr[row + t.R_ACTIVE]
    if tr[row + t.R_TAG_AT] != now or gap <= 0:
        return
    tag = tr[row + t.R_TAG]
    tr[row + t.R_ACTIVE] = now
    queue = tr[row + t.R_TAG_QUEUE]
    at = node_at(m, tr[row + t.R_NODE])
    same = tr[at + t.N_TAG] >> t.TIME_BITS == tag >> t.TIME_BITS
    if same and tr[at + t.N_QUEUE] == queue and tr[at + t.N_PC] == pc:
        tr[at + t.N_TAG] = tag
        tr[at + t.N_BEGIN] = now
        tr[at + t.N_WAITED] += gap
        tr[at + t.N_COUNT] += 1
    else:
        new_node(m, pe, now, tag, pc, queue, gap)


@kernel
def own_tag(m, pe, now):
    """What the wavelets that a PE sends at cycle `now` carry."""
    return (m.tr[row_of(m, pe) + t.R_NODE] << t.TIME_BITS) | now


@kernel
def finished(m, pe, now):
    """The PE is ready for the next host command."""
    m.tr[t.T_FINISH] = own_tag(m, pe, now)


# --- queues and routers ---------------------------------------------------------------------------


@kernel
def level(m, pe, q, before, after):
    """The number of wavelets in queue q (8 + q for output) changes now."""
    tr = m.tr
    now = m.g[w.G_NOW]
    row = row_of(m, pe)
    since = tr[row + t.R_SINCE + q]
    tr[row + t.R_SINCE + q] = now
    tr[row + t.R_HIGH + q] = max(tr[row + t.R_HIGH + q], after)
    if before == 0:
        return
    tr[row + t.R_HELD + q] += before * (now - since)
    fit(m, now + 1)
    shift = tr[t.T_SHIFT]
    base = tr[t.T_CELLS] + pe * tr[t.T_BINS] * t.CELL_WORDS + t.A_LEVELS
    for b in range(since >> shift, (now >> shift) + 1):
        at = base + b * t.CELL_WORDS
        if (tr[at] >> (4 * q)) & 15 < before:
            tr[at] = (tr[at] & ~(np.int64(15) << (4 * q))) | (np.int64(before) << (4 * q))


@kernel
def shadow_of(m, at):
    """Where the tag of the queue entry at qu[at] lies."""
    return m.tr[t.T_QUEUES] + at


@kernel
def into_input(m, pe, q, at, count):
    """The wavelet at hand was put at qu[at], into input queue q that now holds `count`."""
    m.tr[shadow_of(m, at)] = m.tr[t.T_TAG]
    level(m, pe, q, count - 1, count)


@kernel
def from_input(m, pe, q, at, count):
    """The core takes the wavelet at qu[at] from input queue q that held `count`."""
    row = row_of(m, pe)
    m.tr[row + t.R_TAG] = m.tr[shadow_of(m, at)]
    m.tr[row + t.R_TAG_AT] = m.g[w.G_NOW]
    m.tr[row + t.R_TAG_QUEUE] = q
    level(m, pe, q, count, count - 1)


@kernel
def into_output(m, pe, q, at, count):
    """The core put a wavelet at qu[at], into output queue q that now holds `count`."""
    m.tr[shadow_of(m, at)] = own_tag(m, pe, m.g[w.G_NOW])
    level(m, pe, w.QUEUES + q, count - 1, count)


@kernel
def from_output(m, pe, q, at, count):
    """The router takes the wavelet at qu[at] from output queue q that held `count`."""
    m.tr[t.T_TAG] = m.tr[shadow_of(m, at)]
    level(m, pe, w.QUEUES + q, count, count - 1)


@kernel
def from_host(m):
    """The next wavelets come from the host."""
    m.tr[t.T_TAG] = t.HOST_TAG


@kernel
def into_router(m, at):
    """The wavelet at hand was put at cf[at]."""
    m.tr[m.tr[t.T_CHANNELS] + at] = m.tr[t.T_TAG]


@kernel
def from_router(m, at):
    """The wavelet at cf[at] is taken."""
    m.tr[t.T_TAG] = m.tr[m.tr[t.T_CHANNELS] + at]


@kernel
def moved(m, pe, color, port, tx, control, now):
    """A router moves a wavelet from `port` to all directions of `tx`."""
    tr = m.tr
    fit(m, now + 1)
    base = tr[t.T_CELLS] + (pe * tr[t.T_BINS] + (now >> tr[t.T_SHIFT])) * t.CELL_WORDS + t.A_LINK
    for d in range(5):
        if (tx >> d) & 1:
            tr[base + d] = (tr[base + d] + 1) | (np.int64(1) << (32 + color))
    if not wanted(m, pe, now, now):
        return
    number = tr[t.T_MOVE_COUNT]
    if number >= tr[t.T_MOVE_MAX]:
        tr[t.T_MOVE_FULL] = min(tr[t.T_MOVE_FULL], now)
        return
    tr[t.T_MOVE_COUNT] += 1
    at = tr[t.T_MOVES] + number * t.MOVE_WORDS
    tr[at + t.M_TIME] = now
    tr[at + t.M_WHAT] = color | port << 5 | tx << 8 | control << 13 | pe << 16


@kernel
def turned(m, pe, color, channel):
    """A switch position or route of a colour has changed."""
    tr = m.tr
    number = tr[t.T_TURN_COUNT]
    now = m.g[w.G_NOW]
    if number >= tr[t.T_TURN_MAX]:
        tr[t.T_TURN_FULL] = min(tr[t.T_TURN_FULL], now)
        return
    tr[t.T_TURN_COUNT] += 1
    at = tr[t.T_TURNS] + number * t.TURN_WORDS
    masks = np.int64(0)
    for i in range(4):
        word = m.ch[channel + w.C_POSITION + i]
        if (word >> 16) & 1:
            masks |= ((word & 31) | ((word >> 8) & 31) << 5) << (10 * i)
    tr[at + t.U_TIME] = now
    tr[at + t.U_WHAT] = color | m.ch[channel + w.C_CURRENT] << 5 | pe << 8
    tr[at + t.U_MASKS] = masks
