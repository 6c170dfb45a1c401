"""Instructions that reach beyond the core: tasks, host, clock, output, router."""

from __future__ import annotations

import numpy as np

from pyflame.runtime.fabric.kernel import opcodes as oc
from pyflame.runtime.fabric.kernel import record as rec
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.kernel.configure import configure
from pyflame.runtime.fabric.kernel.events import fault, wake_router
from pyflame.runtime.fabric.kernel.jit import kernel
from pyflame.runtime.fabric.kernel.rebind import queue_control
from pyflame.runtime.fabric.kernel.registers import REPLACES_RX
from pyflame.runtime.fabric.kernel.tasks import activate, hashed, set_blocked


@kernel
def environment(m, pe, op, r, a, b, c, d, now):
    """Run one such instruction at cycle `now`; False after a fault."""
    rg = m.rg
    p = pe * w.PE_WORDS
    if op == oc.ACTIVATE:
        return activate(m, pe, rg[r + a])
    if op == oc.BLOCK or op == oc.UNBLOCK:
        return set_blocked(m, pe, b, rg[r + a], op == oc.BLOCK)
    if op == oc.PRIORITY:
        return set_priority(m, pe, rg[r + a], rg[r + b])
    if op == oc.HOSTUNBLOCK:
        host_unblock(m, pe)
        if m.g[w.G_TRACE] != 0:
            rec.finished(m, pe, now)
    elif op == oc.PRINT or op == oc.TRACE:
        write_log(m, pe, op, b, rg[r + a] if a >= 0 else np.int64(0), d, c, now)
    elif op == oc.TSCCTL:
        control_clock(m, pe, d, now)
    elif op == oc.RANDOM:
        count = (m.pe[p + w.RNG_COUNT] + 1) & 0xFFFFFFFF
        m.pe[p + w.RNG_COUNT] = (m.pe[p + w.RNG_COUNT] & ~0xFFFFFFFF) | count
        rg[r + a] = hashed(hashed(m.pe[p + w.RNG_KEY]) ^ hashed(count ^ 0x9E3779B9))
    elif op == oc.SEED:
        m.pe[p + w.RNG_KEY] = rg[r + a] & 0xFFFFFFFF
        m.pe[p + w.RNG_COUNT] &= ~0xFFFFFFFF
    elif op >= oc.QFLUSH:
        return queue_control(m, pe, op, r, a, b, c, d)
    elif (op >= oc.ROUTESET and op <= oc.ROUTEGET) or op == oc.SWITCHGET:
        return router(m, pe, op, r, a, b, c, d)
    else:
        return configure(m, pe, op, r, a, b, d, now)
    return True


@kernel
def set_priority(m, pe, number, high):
    """Give a task high or low priority; False after a fault."""
    if number < 0 or number >= w.TASKS:
        fault(m, oc.F_BAD_ID, pe, number, 2)
        return False
    if high != 0:
        m.pe[pe * w.PE_WORDS + w.HIGH] |= np.int64(1) << number
    else:
        m.pe[pe * w.PE_WORDS + w.HIGH] &= ~(np.int64(1) << number)
    return True


@kernel
def host_unblock(m, pe):
    """This PE is ready for the next host command; calls before any launch are counted, further
    calls in a launch remembered."""
    p = pe * w.PE_WORDS
    if m.pe[p + w.HOST_WAIT] != 0:
        m.pe[p + w.HOST_WAIT] = 0
        m.pe[p + w.UNBLOCKED] |= w.SINCE_LAUNCH
        m.g[w.G_WAITING] -= 1
    elif m.pe[p + w.UNBLOCKED] & w.SINCE_LAUNCH != 0:
        m.pe[p + w.UNBLOCKED] |= w.TWICE
    else:
        m.pe[p + w.UNBLOCKS] += 1


@kernel
def write_log(m, pe, op, kind, value, string, key, now):
    """Append an entry to the output log."""
    at = m.g[w.G_LOG_LIST] + m.g[w.G_LOG] * w.LOG_WORDS
    m.ev[at] = pe
    m.ev[at + 1] = now
    m.ev[at + 2] = kind + (w.TRACE_KIND if op == oc.TRACE else 0)
    m.ev[at + 3] = value
    m.ev[at + 4] = string
    m.ev[at + 5] = key
    m.g[w.G_LOG] += 1


@kernel
def control_clock(m, pe, action, now):
    """TSCCTL: 0 disable, 1 enable, 2 reset the time stamp counter."""
    p = pe * w.PE_WORDS
    on = m.pe[p + w.TSC_ON] != 0
    value = now - m.pe[p + w.TSC_BASE] if on else m.pe[p + w.TSC_BASE]
    if action == 2:
        value = np.int64(0)
    elif action == 1:
        on = True
    else:
        on = False
    m.pe[p + w.TSC_ON] = 1 if on else 0
    m.pe[p + w.TSC_BASE] = now - value if on else value


@kernel
def router(m, pe, op, r, a, b, c, d):
    """Instructions that read or rewrite the router's configuration; False after a fault."""
    rg = m.rg
    ch = m.ch
    query = op == oc.ROUTEGET or op == oc.TEARDOWNPENDING or op == oc.SWITCHGET
    color = rg[r + b] if query else rg[r + a]
    if color < 0 or color >= w.COLORS:
        fault(m, oc.F_BAD_ID, pe, color, 0)
        return False
    channel = m.pe[pe * w.PE_WORDS + w.CHANNEL_OF + color]
    if channel < 0 and op == oc.TEARDOWNPENDING:
        rg[r + a] = 0
        return True
    if channel < 0:
        fault(m, oc.F_BAD_ID, pe, color, 5)
        return False
    if op == oc.ROUTESET:
        rx, tx = rg[r + b] & 31, rg[r + c] & 31
        word = rx | tx << 8 | (1 if rx != 0 or tx != 0 else 0) << 16
        if d > 0 and rx != ch[channel + w.C_POSITION] & 31:
            word |= REPLACES_RX
        ch[channel + w.C_POSITION + d] = word
    elif op == oc.SWITCHPOS:
        ch[channel + w.C_CURRENT] = rg[r + b] & 3
    elif op == oc.SWITCHVALID:
        word = ch[channel + w.C_POSITION + d] & ~(1 << 16)
        ch[channel + w.C_POSITION + d] = word | ((1 if rg[r + b] != 0 else 0) << 16)
    elif op == oc.SWITCHMODE:
        ch[channel + w.C_RING] = 1 if rg[r + b] != 0 else 0
        ch[channel + w.C_POP] = rg[r + c] & 3
    elif op == oc.TEARDOWNEXIT:
        ch[channel + w.C_SUSPENDED] = 0
    elif op == oc.TEARDOWNPENDING:
        rg[r + a] = ch[channel + w.C_SUSPENDED]
    elif op == oc.ROUTEGET:
        word = ch[channel + w.C_POSITION + (d >> 1)]
        rg[r + a] = (word >> 8) & 31 if d & 1 else word & 31
    elif d == oc.SWITCH_POSITION:
        rg[r + a] = ch[channel + w.C_CURRENT]
    elif d == oc.SWITCH_RING:
        rg[r + a] = 1 if ch[channel + w.C_RING] != 0 else 0
    else:
        rg[r + a] = ch[channel + w.C_POP]
    if m.g[w.G_TRACE] != 0 and op <= oc.SWITCHVALID:
        rec.turned(m, pe, color, channel)
    wake_router(m, pe)
    return True
