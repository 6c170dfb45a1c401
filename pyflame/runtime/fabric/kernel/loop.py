"""The machine's clock: routers, then cores, cycle by cycle or jumping to the next event."""

# ruff: noqa: SIM102 - numba compiles plain comparisons faster
from __future__ import annotations

from pyflame.runtime.fabric.kernel import opcodes as oc
from pyflame.runtime.fabric.kernel import record_words as t
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.kernel.core import run
from pyflame.runtime.fabric.kernel.events import begin_cycle, next_time, wake, wake_router
from pyflame.runtime.fabric.kernel.jit import entry, inlined, kernel
from pyflame.runtime.fabric.kernel.live import BLOCKED, advance
from pyflame.runtime.fabric.kernel.operands import lane_at
from pyflame.runtime.fabric.kernel.pointers import lowest_bit, state_of
from pyflame.runtime.fabric.kernel.queues import feed, in_head
from pyflame.runtime.fabric.kernel.routers import rotated, step_routers
from pyflame.runtime.fabric.kernel.tasks import pick

PAUSED, QUIET, HOST_READY, FAULTED, TOO_LONG, CROWDED = range(6)
"""Why `advance_machine` returned: chunk done or log full, nothing can happen, launch complete,
fault, cycle limit, many nodes recorded (after `T_STEPS` of the chunk's work)."""


MICROTHREADS = (1 << w.MAIN) - 1
"""Their bits in LIVE."""


@inlined
def urgent_lane(m, pe, now, first, last):
    """Let a microthread of priorities `first` down to `last` take the slot. True if one did."""
    p = pe * w.PE_WORDS
    for level in range(first, last - 1, -1):
        lanes = m.pe[p + w.LIVE] & MICROTHREADS
        while lanes != 0:
            lane = lowest_bit(lanes)
            lanes &= lanes - 1
            if m.ds[lane_at(m, pe, lane) + w.L_PRIORITY] == level:
                if advance(m, pe, lane, now) != BLOCKED:
                    return True
    return False


@inlined
def low_lane(m, pe, now):
    """Let one of the other microthreads take the slot, in turn. True if one did."""
    p = pe * w.PE_WORDS
    start = m.pe[p + w.RR_UT]
    lanes = rotated(m.pe[p + w.LIVE] & MICROTHREADS, start, w.MAIN)
    while lanes != 0:
        lane = (start + lowest_bit(lanes)) % w.MAIN
        lanes &= lanes - 1
        if m.ds[lane_at(m, pe, lane) + w.L_PRIORITY] > 1:
            continue
        if advance(m, pe, lane, now) != BLOCKED:
            m.pe[p + w.RR_UT] = (lane + 1) % w.MAIN
            return True
    return False


@inlined
def main_thread(m, pe, now):
    """Let the main thread use the slot. True if it did."""
    p = pe * w.PE_WORDS
    status = m.pe[p + w.STATUS]
    if status == w.IN_OPERATION:
        return advance(m, pe, w.MAIN, now) != BLOCKED
    if status == w.IDLE:
        if not pick(m, pe, now):
            return False
        if m.pe[p + w.STATUS] == w.IDLE:
            return False
    if m.pe[p + w.MAIN_AT] > now:
        return False
    ran = run(m, pe, now)
    if m.pe[p + w.STATUS] == w.IN_OPERATION and m.pe[p + w.BUSY] <= now:
        advance(m, pe, w.MAIN, now)
    return ran


@kernel
def raised_main(m, pe, now, level):
    """Who takes the slot when the main thread's priority is above MEDIUM_LOW. True if one did.

    Microthreads of the main thread's own priority and the main thread take turns.
    """
    p = pe * w.PE_WORDS
    above = oc.HIGH + 1 if level == oc.LEVEL_HIGH else oc.HIGH
    own_turn = m.pe[p + w.MAIN_TURN] != 0 and level != oc.LEVEL_MEDIUM_HIGH
    least = above if own_turn or level == oc.LEVEL_MEDIUM_HIGH else above - 1
    m.pe[p + w.MAIN_TURN] = 0
    if urgent_lane(m, pe, now, oc.HIGH, least):
        if m.pe[p + w.BUSY] > now:
            m.pe[p + w.BUSY] += 1
        m.pe[p + w.MAIN_TURN] = 1
        return True
    if m.pe[p + w.BUSY] > now:
        return own_turn  # the slot is the main thread's, which ran ahead
    return (
        main_thread(m, pe, now)
        or urgent_lane(m, pe, now, oc.HIGH, oc.MEDIUM)
        or low_lane(m, pe, now)
    )


@inlined
def step_core(m, pe, now):
    """One PE at cycle `now`: at most one thread takes the issue slot; then the next wake-up."""
    p = pe * w.PE_WORDS
    used = False
    lanes = m.pe[p + w.LIVE] & MICROTHREADS
    if m.pe[p + w.SLOT] <= now:
        level = m.pe[p + w.MAIN_LEVEL]
        if lanes != 0 and level != oc.LEVEL_MEDIUM_LOW:
            used = raised_main(m, pe, now, level)
        elif lanes != 0 and urgent_lane(m, pe, now, oc.HIGH, oc.MEDIUM):
            used = True
            if m.pe[p + w.BUSY] > now:
                m.pe[p + w.BUSY] += 1
        elif m.pe[p + w.BUSY] <= now:
            used = main_thread(m, pe, now)
            if not used and lanes != 0:
                used = low_lane(m, pe, now)
        if used:
            m.pe[p + w.SLOT] = now + 1
    wake(m, pe, next_wake(m, pe, now, used))


@kernel
def next_wake(m, pe, now, used):
    """When the PE must look again of its own accord; arrivals and room wake it earlier."""
    p = pe * w.PE_WORDS
    busy = max(m.pe[p + w.BUSY], now + 1)
    lanes = m.pe[p + w.LIVE] & w.LANE_MASK
    time = w.FOREVER
    if used:
        time = busy if lanes == 0 else now + 1
    if m.pe[p + w.STATUS] == w.RUNNING:
        time = min(time, max(busy, m.pe[p + w.MAIN_AT]))
    elif m.pe[p + w.BUSY] > now:
        time = min(time, busy)
    mask = m.pe[p + w.IN_MASK]
    while mask != 0:
        ready = in_head(m, pe, lowest_bit(mask)) >> w.TIME_SHIFT
        mask &= mask - 1
        if ready > now:
            time = min(time, ready)
    while lanes != 0:
        start = m.ds[lane_at(m, pe, lowest_bit(lanes)) + w.L_START]
        lanes &= lanes - 1
        if start > now:
            time = min(time, start)
    return time


@kernel
def poke(m):
    """The host changed something: let every PE and router look, and fill the input streams."""
    m.g[w.G_POKED] = 0
    for pe in range(m.g[w.G_PES]):
        for q in range(w.QUEUES):
            if m.g[w.G_STREAMS] > 0:
                feed(m, pe, q)
        wake(m, pe, m.g[w.G_NOW] + 1)
        wake_router(m, pe)


@entry
def advance_machine(state, work):
    """Run until something stops the machine or about `work` router looks and core steps are done.

    A step counts more for the main thread's cycles that it ran ahead.

    `state` is what `pointers.handle` makes of the arrays.
    """
    m = state_of(state)
    g = m.g
    g[w.G_WORK] = 0
    if g[w.G_POKED] != 0:
        poke(m)
    while True:
        if g[w.G_FAULT] != 0:
            return FAULTED
        if g[w.G_WAITING] == 0:
            g[w.G_WAITING] = -1
            return HOST_READY
        if g[w.G_WORK] >= work or 2 * g[w.G_LOG] > g[w.G_LOG_SIZE]:
            return PAUSED
        if g[w.G_TRACE] != 0 and m.tr[t.T_NODE_COUNT] >= m.tr[t.T_NODE_PAUSE]:
            m.tr[t.T_STEPS] = g[w.G_WORK]
            return CROWDED
        now = next_time(m)
        if now == w.FOREVER:
            return QUIET
        if now > g[w.G_MAX_CYCLES]:
            return TOO_LONG
        begin_cycle(m, now)
        step_routers(m, now)
        i = 0
        while i < g[w.G_RUN]:
            pe = m.ev[g[w.G_RUN_LIST] + i]
            i += 1
            if m.pe[pe * w.PE_WORDS + w.WAKE] == now:
                m.pe[pe * w.PE_WORDS + w.WAKE] = w.FOREVER
                step_core(m, pe, now)
        g[w.G_RUN] = 0
        g[w.G_STEPS] += i
        g[w.G_WORK] += i + g[w.G_ROUTERS] + 1
        g[w.G_CYCLES] += 1
