"""Time: who runs next. PEs wait in an indexed binary heap, or in the list of the next cycle."""

from __future__ import annotations

from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.kernel.jit import kernel


@kernel
def fault(m, kind, pe, a, b):
    """Record why and where the machine stops; the first fault counts."""
    g = m.g
    if g[w.G_FAULT] == 0:
        g[w.G_FAULT] = kind
        g[w.G_FAULT_PE] = pe
        g[w.G_FAULT_PC] = m.pe[pe * w.PE_WORDS + w.PC]
        g[w.G_FAULT_TASK] = m.pe[pe * w.PE_WORDS + w.TASK]
        g[w.G_FAULT_TIME] = g[w.G_NOW]
        g[w.G_FAULT_A] = a
        g[w.G_FAULT_B] = b


@kernel
def place(m, i, pe):
    """Put `pe` at heap index i."""
    m.ev[m.g[w.G_HEAP_LIST] + i] = pe
    m.pe[pe * w.PE_WORDS + w.HEAP_AT] = i


@kernel
def sift_up(m, i, pe):
    """Move `pe` from heap index i toward the root."""
    heap = m.g[w.G_HEAP_LIST]
    time = m.pe[pe * w.PE_WORDS + w.WAKE]
    while i > 0:
        parent = (i - 1) >> 1
        other = m.ev[heap + parent]
        if m.pe[other * w.PE_WORDS + w.WAKE] <= time:
            break
        place(m, i, other)
        i = parent
    place(m, i, pe)


@kernel
def sift_down(m, i, pe):
    """Move `pe` from heap index i toward the leaves."""
    heap = m.g[w.G_HEAP_LIST]
    n = m.g[w.G_HEAP]
    time = m.pe[pe * w.PE_WORDS + w.WAKE]
    while True:
        child = 2 * i + 1
        if child >= n:
            break
        other = m.ev[heap + child]
        if child + 1 < n:
            right = m.ev[heap + child + 1]
            if m.pe[right * w.PE_WORDS + w.WAKE] < m.pe[other * w.PE_WORDS + w.WAKE]:
                child += 1
                other = right
        if m.pe[other * w.PE_WORDS + w.WAKE] >= time:
            break
        place(m, i, other)
        i = child
    place(m, i, pe)


@kernel
def heap_remove(m, pe):
    """Take `pe` out of the heap."""
    i = m.pe[pe * w.PE_WORDS + w.HEAP_AT]
    m.pe[pe * w.PE_WORDS + w.HEAP_AT] = -1
    m.g[w.G_HEAP] -= 1
    n = m.g[w.G_HEAP]
    if i == n:
        return
    last = m.ev[m.g[w.G_HEAP_LIST] + n]
    place(m, i, last)
    sift_up(m, i, last)
    sift_down(m, m.pe[last * w.PE_WORDS + w.HEAP_AT], last)


@kernel
def wake(m, pe, time):
    """Let `pe` run at `time` at the latest; times up to now mean this cycle."""
    p = pe * w.PE_WORDS
    if time >= m.pe[p + w.WAKE]:
        return
    now = m.g[w.G_NOW]
    m.pe[p + w.WAKE] = time
    queued = m.pe[p + w.HEAP_AT]
    if time > now + 1:
        if queued < 0:
            queued = m.g[w.G_HEAP]
            m.g[w.G_HEAP] += 1
        sift_up(m, queued, pe)
        return
    if queued >= 0:
        heap_remove(m, pe)
    if time == now + 1:
        m.ev[m.g[w.G_NEXT_LIST] + m.g[w.G_NEXT]] = pe
        m.g[w.G_NEXT] += 1
    else:
        m.pe[p + w.WAKE] = now
        m.ev[m.g[w.G_RUN_LIST] + m.g[w.G_RUN]] = pe
        m.g[w.G_RUN] += 1


@kernel
def begin_cycle(m, now):
    """Make `now` the time; the run list gets every PE that is due."""
    g = m.g
    g[w.G_NOW] = now
    run = g[w.G_RUN_LIST]
    count = 0
    following = g[w.G_NEXT_LIST]
    for i in range(g[w.G_NEXT]):
        m.ev[run + count] = m.ev[following + i]
        count += 1
    g[w.G_NEXT] = 0
    g[w.G_RUN] = count
    heap = g[w.G_HEAP_LIST]
    while g[w.G_HEAP] > 0:
        pe = m.ev[heap]
        if m.pe[pe * w.PE_WORDS + w.WAKE] > now:
            break
        heap_remove(m, pe)
        m.pe[pe * w.PE_WORDS + w.WAKE] = now
        m.ev[run + g[w.G_RUN]] = pe
        g[w.G_RUN] += 1


@kernel
def next_time(m):
    """The next cycle in which something can happen, FOREVER if none."""
    g = m.g
    if g[w.G_ROUTERS] > 0 or g[w.G_NEXT] > 0 or g[w.G_RUN] > 0:
        return g[w.G_NOW] + 1
    if g[w.G_HEAP] > 0:
        return m.pe[m.ev[g[w.G_HEAP_LIST]] * w.PE_WORDS + w.WAKE]
    return w.FOREVER


@kernel
def wake_router(m, pe):
    """Let the router of `pe` look at its wavelets in the next cycle."""
    p = pe * w.PE_WORDS
    if m.pe[p + w.ROUTER_ON] == 0:
        m.pe[p + w.ROUTER_ON] = 1
        m.ev[m.g[w.G_ROUTER_NEXT] + m.g[w.G_ROUTERS]] = pe
        m.g[w.G_ROUTERS] += 1
