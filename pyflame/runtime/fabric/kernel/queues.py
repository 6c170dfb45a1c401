"""Queues between core and router, and the host streams that feed and drain them."""

# ruff: noqa: SIM102 - numba compiles plain comparisons faster
from __future__ import annotations

import numpy as np

from pyflame.runtime.fabric.kernel import record as rec
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.kernel.events import wake, wake_router
from pyflame.runtime.fabric.kernel.jit import kernel


@kernel
def in_at(m, pe, q):
    """Where input queue q lies in qu; only for queues that the program initialises."""
    return pe * m.g[w.G_QUEUE_WORDS] + m.g[w.G_IN_AT + q]


@kernel
def out_at(m, pe, q):
    """Where output queue q lies in qu; only for queues that the program can name."""
    return pe * m.g[w.G_QUEUE_WORDS] + m.g[w.G_OUT_AT + q]


@kernel
def start_handlers(m, pe, bits):
    """Activate the teardown task for the colours and queues in `bits`, and for flushed queues."""
    p = pe * w.PE_WORDS
    m.pe[p + w.TORN] |= bits | m.pe[p + w.FLUSHED] << w.FLUSHED_INPUT
    m.pe[p + w.ACTIVE] |= 1 << w.TEARDOWN_TASK
    wake(m, pe, m.g[w.G_NOW] + 1)


@kernel
def flush_ends(m, pe, bit):
    """A queue became empty: if it is being flushed, its handler is due. Bits from QUEUES on are
    output queues."""
    p = pe * w.PE_WORDS
    flag = np.int64(1) << bit
    if m.pe[p + w.FLUSHING] & flag:
        m.pe[p + w.FLUSHING] &= ~flag
        m.pe[p + w.FLUSHED] |= flag
        start_handlers(m, pe, np.int64(0))


@kernel
def in_room(m, pe, q):
    """Whether input queue q of `pe` can take a wavelet from the router."""
    return m.qu[in_at(m, pe, q) + 1] < m.g[w.G_IN_DEPTH + q] + w.RAMP_STAGES


@kernel
def out_room(m, pe, q):
    """Whether output queue q of `pe` can take a wavelet from the core."""
    return m.qu[out_at(m, pe, q) + 1] < m.g[w.G_OUT_DEPTH + q]


@kernel
def in_push(m, pe, q, word, time):
    """Deliver a wavelet, which the core may read from `time`."""
    at = in_at(m, pe, q)
    place = m.qu[at] + m.qu[at + 1]
    if place >= m.g[w.G_IN_DEPTH + q] + w.RAMP_STAGES:
        place -= m.g[w.G_IN_DEPTH + q] + w.RAMP_STAGES
    m.qu[at + w.IN_HEAD + place] = (word & w.FLAG_MASK) | (time << w.TIME_SHIFT)
    m.qu[at + 1] += 1
    if m.g[w.G_TRACE] != 0:
        rec.into_input(m, pe, q, at + w.IN_HEAD + place, m.qu[at + 1])
    m.pe[pe * w.PE_WORDS + w.IN_MASK] |= 1 << q
    wake(m, pe, time)


@kernel
def in_head(m, pe, q):
    """The first wavelet of input queue q with its time, or -1."""
    at = in_at(m, pe, q)
    if m.qu[at + 1] == 0:
        return -1
    return m.qu[at + w.IN_HEAD + m.qu[at]]


@kernel
def in_pop(m, pe, q):
    """Remove the first wavelet; the router, or a host stream, may send the next."""
    p = pe * w.PE_WORDS
    at = in_at(m, pe, q)
    head = m.qu[at]
    if m.g[w.G_TRACE] != 0:
        rec.from_input(m, pe, q, at + w.IN_HEAD + head, m.qu[at + 1])
    last = head + 1 == m.g[w.G_IN_DEPTH + q] + w.RAMP_STAGES
    m.qu[at] = 0 if last else head + 1
    m.qu[at + 1] -= 1
    if m.qu[at + 1] == 0:
        m.pe[p + w.IN_MASK] &= ~(1 << q)
        if m.pe[p + w.FLUSHING] != 0:
            flush_ends(m, pe, q)
    if m.pe[p + w.COLOR_MASK] != 0:
        wake_router(m, pe)
    if m.g[w.G_STREAMS] > 0:
        feed(m, pe, q)


@kernel
def out_push(m, pe, q, word, color, time):
    """Append a wavelet to output queue q; the router may take it from `time`."""
    at = out_at(m, pe, q)
    place = m.qu[at] + m.qu[at + 1]
    if place >= m.g[w.G_OUT_DEPTH + q]:
        place -= m.g[w.G_OUT_DEPTH + q]
    m.qu[at + w.OUT_HEAD + place] = (word & w.FLAG_MASK) | (time << w.TIME_SHIFT)
    others = m.qu[at + w.OUT_COLORS] & ~(np.int64(255) << (8 * place))
    m.qu[at + w.OUT_COLORS] = others | np.int64(color) << (8 * place)
    m.qu[at + 1] += 1
    if m.g[w.G_TRACE] != 0:
        rec.into_output(m, pe, q, at + w.OUT_HEAD + place, m.qu[at + 1])
    m.pe[pe * w.PE_WORDS + w.OUT_MASK] |= 1 << q
    wake_router(m, pe)


@kernel
def note_sender(m, pe, q, pc, color):
    """Remember which instruction wrote to output queue q last, for faults of routers."""
    m.qu[out_at(m, pe, q) + w.OUT_SENT] = ((pc + 1) << w.SENT_SHIFT) | color


@kernel
def out_color(m, at):
    """The colour of the first wavelet of the output queue at qu[at]."""
    return m.qu[at + w.OUT_COLORS] >> (8 * m.qu[at]) & 255


@kernel
def out_pop(m, pe, q):
    """Take the first wavelet of output queue q; the core may have waited for the room."""
    at = out_at(m, pe, q)
    head = m.qu[at]
    word = m.qu[at + w.OUT_HEAD + head]
    if m.g[w.G_TRACE] != 0:
        rec.from_output(m, pe, q, at + w.OUT_HEAD + head, m.qu[at + 1])
    m.qu[at] = 0 if head + 1 == m.g[w.G_OUT_DEPTH + q] else head + 1
    m.qu[at + 1] -= 1
    if m.qu[at + 1] == 0:
        m.pe[pe * w.PE_WORDS + w.OUT_MASK] &= ~(1 << q)
        if m.pe[pe * w.PE_WORDS + w.FLUSHING] != 0:
            flush_ends(m, pe, w.QUEUES + q)
    wake(m, pe, m.g[w.G_NOW])
    return word


@kernel
def stream_for(m, kind, pe, color):
    """The oldest running host stream of `kind` and colour that still has words for `pe`, or -1."""
    x = pe % m.g[w.G_WIDTH]
    y = pe // m.g[w.G_WIDTH]
    for s in range(m.g[w.G_STREAMS]):
        h = s * m.g[w.G_STREAM_WORDS]
        hs = m.hs
        if hs[h + w.H_ON] == 0 or hs[h + w.H_KIND] != kind or hs[h + w.H_COLOR] != color:
            continue
        dx = x - hs[h + w.H_X]
        dy = y - hs[h + w.H_Y]
        if 0 <= dx < hs[h + w.H_W] and 0 <= dy < hs[h + w.H_H]:
            if hs[h + w.HS_WORDS + dy * hs[h + w.H_W] + dx] < hs[h + w.H_COUNT]:
                return h
    return -1


@kernel
def next_word(m, pe, h):
    """Take the place of the next word of stream h for `pe` in the stream data."""
    hs = m.hs
    dx = pe % m.g[w.G_WIDTH] - hs[h + w.H_X]
    dy = pe // m.g[w.G_WIDTH] - hs[h + w.H_Y]
    at = dy * hs[h + w.H_W] + dx
    done = hs[h + w.HS_WORDS + at]
    hs[h + w.HS_WORDS + at] = done + 1
    hs[h + w.H_LEFT] -= 1
    if hs[h + w.H_LEFT] == 0:
        hs[h + w.H_DONE_AT] = m.g[w.G_NOW]
        hs[h + w.H_ON] = 0
    return hs[h + w.H_DATA] + at * hs[h + w.H_COUNT] + done


@kernel
def feed(m, pe, q):
    """Give input queue q its next words from a host stream on its colour, as room allows."""
    color = m.im[m.pe[pe * w.PE_WORDS + w.QUEUE_TABLE] + w.T_IN_COLOR + q]
    if color < 0:
        return
    time = m.g[w.G_NOW] + m.g[w.G_RAMP]
    while in_room(m, pe, q):
        h = stream_for(m, w.H_IN, pe, color)
        if h < 0:
            return
        word = np.int64(m.hd[next_word(m, pe, h)])
        if m.g[w.G_TRACE] != 0:
            rec.from_host(m)
        in_push(m, pe, q, word, time)
        time += 1


@kernel
def drain(m, pe, color, word):
    """Give a wavelet to a host stream that collects `color`; False if none does."""
    h = stream_for(m, w.H_OUT, pe, color)
    if h < 0:
        return False
    m.hd[next_word(m, pe, h)] = word & 0xFFFFFFFF
    return True
