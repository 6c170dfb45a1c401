"""Instructions that configure a PE: filters, queue status, priority, exceptions."""

from __future__ import annotations

import numpy as np

from pyflame.runtime.fabric.kernel import opcodes as oc
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.kernel.events import fault
from pyflame.runtime.fabric.kernel.jit import kernel
from pyflame.runtime.fabric.kernel.queues import in_at, out_at

NO_FILTER = -1
UNUSED_FILTER = -2
"""C_FILTER of a channel without a filter; UNUSED_FILTER less the place of one that is not used."""


@kernel
def configure(m, pe, op, r, a, b, d, now):
    """Run one such instruction at cycle `now`; False after a fault."""
    rg = m.rg
    p = pe * w.PE_WORDS
    if op == oc.QUEUESTATUS:
        rg[r + a] = queue_status(m, pe, d, now)
    elif op == oc.MAINPRIORITY:
        if rg[r + a] < 0 or rg[r + a] > oc.LEVEL_HIGH:
            fault(m, oc.F_BAD_ID, pe, rg[r + a], 7)
            return False
        m.pe[p + w.MAIN_LEVEL] = rg[r + a]
    elif op == oc.EXCEPTIONS:
        if rg[r + a] < 0 or rg[r + a] >= 1 << oc.EXCEPTION_KINDS:
            fault(m, oc.F_BAD_ID, pe, rg[r + a], 8)
            return False
        m.pe[p + w.UNMASKED] = rg[r + a]
    elif op == oc.FILTERSET:
        channel = filter_channel(m, pe, rg[r + a])
        if channel < 0:
            return False
        if d == oc.FILTER_COUNT:
            m.ch[channel + w.C_COUNT] = rg[r + b]
        else:
            m.im[filter_words(m, channel) + d] = rg[r + b]
    else:
        assert op == oc.FILTERGET
        channel = filter_channel(m, pe, rg[r + b])
        if channel < 0:
            return False
        if d == oc.FILTER_COUNT:
            rg[r + a] = m.ch[channel + w.C_COUNT] & w.PAYLOAD
        else:
            rg[r + a] = m.im[filter_words(m, channel) + d]
    return True


@kernel
def filter_channel(m, pe, number):
    """The channel that has filter `number` of a PE; -1 after a fault."""
    image = m.pe[pe * w.PE_WORDS + w.IMAGE]
    if number >= 0 and number < m.im[image + w.I_FILTER_COUNT]:
        color = m.im[m.im[image + w.I_FILTERS] + number]
        channel = m.pe[pe * w.PE_WORDS + w.CHANNEL_OF + color]
        if channel >= 0 and m.ch[channel + w.C_FILTER] != NO_FILTER:
            return channel
    fault(m, oc.F_BAD_ID, pe, number, 6)
    return np.int64(-1)


@kernel
def filter_words(m, channel):
    """Where the words of a channel's filter lie in im, whether it is in use or not."""
    f = m.ch[channel + w.C_FILTER]
    return f if f >= 0 else UNUSED_FILTER - f


@kernel
def queue_status(m, pe, state, now):
    """A mask of the input or output queues that are empty, or full; what is still on its way
    through the ramp does not count."""
    inputs = state <= oc.INPUT_FULL
    full = state == oc.INPUT_FULL or state == oc.OUTPUT_FULL
    mask = np.int64(0)
    for q in range(w.QUEUES):
        depth = m.g[w.G_IN_DEPTH + q] if inputs else m.g[w.G_OUT_DEPTH + q]
        count = arrived(m, pe, q, now) if inputs else sent(m, pe, q)
        if depth > 0 and (count >= depth if full else count == 0):
            mask |= np.int64(1) << q
    return mask


@kernel
def arrived(m, pe, q, now):
    """Wavelets of input queue q that the core can see."""
    if m.g[w.G_IN_AT + q] < 0:
        return 0
    at = in_at(m, pe, q)
    size = m.g[w.G_IN_DEPTH + q] + w.RAMP_STAGES
    count = 0
    for i in range(m.qu[at + 1]):
        place = (m.qu[at] + i) % size
        if m.qu[at + w.IN_HEAD + place] >> w.TIME_SHIFT <= now:
            count += 1
    return count


@kernel
def sent(m, pe, q):
    """Wavelets in output queue q."""
    return m.qu[out_at(m, pe, q) + 1] if m.g[w.G_OUT_AT + q] >= 0 else 0
