"""Routers: every active router chooses its moves, then all moves are made.

A move takes the first wavelet of one (colour, input port) FIFO to all tx directions of the colour's
current switch position at once, or a wavelet of an output queue into the router. Room is judged by
the state at the start of the cycle. Blocked routers sleep until something ahead of them moves.
"""

from __future__ import annotations

import numpy as np

from pyflame.runtime.fabric.kernel import opcodes as oc
from pyflame.runtime.fabric.kernel import record as rec
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.kernel.events import fault, wake_router
from pyflame.runtime.fabric.kernel.jit import kernel
from pyflame.runtime.fabric.kernel.pointers import lowest_bit
from pyflame.runtime.fabric.kernel.queues import (
    drain,
    in_push,
    in_room,
    out_at,
    out_color,
    out_pop,
    start_handlers,
    stream_for,
)

INJECT, FORWARD, SINK = range(3)
PORTS = 5


@kernel
def neighbor(m, pe, direction):
    """The PE next to `pe`, or -1 at the edge of the rectangle."""
    width = m.g[w.G_WIDTH]
    if direction == oc.NORTH:
        return pe - width if pe >= width else -1
    if direction == oc.SOUTH:
        return pe + width if pe + width < width * m.g[w.G_HEIGHT] else -1
    if direction == oc.EAST:
        return pe + 1 if pe % width + 1 < width else -1
    return pe - 1 if pe % width > 0 else -1


@kernel
def beside(m, pe, direction):
    """The same where it is known that there is one."""
    if direction == oc.NORTH:
        return pe - m.g[w.G_WIDTH]
    if direction == oc.SOUTH:
        return pe + m.g[w.G_WIDTH]
    return pe + 1 if direction == oc.EAST else pe - 1


@kernel
def opposite(direction):
    """The port at which a wavelet sent in `direction` arrives."""
    return direction ^ 1


@kernel
def fifo_at(channel, port):
    """Where head and count of the FIFO of an input port of a channel lie in ch."""
    return channel + w.C_FIFO + 2 * port


@kernel
def entries_at(m, channel, port):
    """Where the wavelets of the FIFO of an input port of a channel lie in cf."""
    return m.ch[channel + w.C_ENTRIES] + port * m.g[w.G_DEPTH]


@kernel
def slot_command(payload):
    """Two-bit command in slot 0 of a control payload."""
    return (payload >> 22) & 3


@kernel
def popped(payload):
    """A control payload without its slot 0; the last slot becomes a NOP that is delivered."""
    slots = 0
    for i in range(8):
        slots |= slot_bits(payload, i) << (3 * i)
    slots >>= 3
    result = payload & 0x3F0000
    for i in range(8):
        result |= place_slot((slots >> (3 * i)) & 7, i)
    return result


@kernel
def slot_shift(i):
    """Lowest bit of the command of slot i."""
    if i < 3:
        return 22 + 3 * i
    return 1 + 3 * (i - 3)


@kernel
def no_deliver_bit(i):
    """Bit that keeps slot i's wavelet from the core."""
    if i < 2:
        return 24 + 3 * i
    return 3 * (i - 2)


@kernel
def slot_bits(payload, i):
    """Slot i of a payload as command | no-deliver << 2."""
    return ((payload >> slot_shift(i)) & 3) | (((payload >> no_deliver_bit(i)) & 1) << 2)


@kernel
def place_slot(bits, i):
    """The payload bits of a slot."""
    return ((bits & 3) << slot_shift(i)) | ((bits >> 2) << no_deliver_bit(i))


@kernel
def filter_accepts(m, channel, word):
    """Whether the channel's filter lets a wavelet through to the core."""
    f = m.ch[channel + w.C_FILTER]
    if f < 0:
        return True
    im = m.im
    control = (word & w.CONTROL_BIT) != 0
    kind = im[f]
    if kind == oc.RANGE:
        index = (word >> 16) & 0xFFFF
        return control or (im[f + 5] <= index <= im[f + 6])
    count = m.ch[channel + w.C_COUNT] & w.PAYLOAD
    if kind == oc.SPARSE:
        return im[f + 1] == 0 or count <= im[f + 3]
    if im[f + 9] != 0:
        return control and count == im[f + 3]
    return count <= im[f + 3]


@kernel
def filter_count(m, channel, word):
    """Count a wavelet that reached the ramp of a filtered channel."""
    f = m.ch[channel + w.C_FILTER]
    if f < 0 or m.im[f] == oc.RANGE:
        return
    if m.im[f + (8 if word & w.CONTROL_BIT else 7)] == 0:
        return
    count = (m.ch[channel + w.C_COUNT] & w.PAYLOAD) + 1
    if count > m.im[f + 1]:
        count = 0
        if m.im[f] == oc.SPARSE:
            m.im[f + 1] = m.im[f + 2]
            m.im[f + 2] = 0
    m.ch[channel + w.C_COUNT] = count


@kernel
def for_core(m, channel, word):
    """Whether a wavelet sent to the ramp reaches the core (NOCE bit, filter)."""
    if word & w.CONTROL_BIT and (word >> 24) & 1:
        return False
    return filter_accepts(m, channel, word)


@kernel
def crossed(m, channel, color, direction):
    """The colour a wavelet has beyond the router, after colour swap."""
    swap = m.ch[channel + w.C_SWAP]
    if swap == 0:
        return color
    axis = 1 if direction == oc.EAST or direction == oc.WEST else 2
    return color ^ 1 if swap & axis else color


@kernel
def has_room(m, pe, channel, color, direction, word):
    """Whether the place that `direction` leads to can take a wavelet."""
    if direction == oc.RAMP:
        if not for_core(m, channel, word):
            return True
        table = m.pe[pe * w.PE_WORDS + w.QUEUE_TABLE]
        q = m.im[table + w.T_QUEUE_OF + color]
        if q < 0:
            if m.im[table + w.T_REBINDS] == 0:  # else a queue may take this colour later
                fault(m, oc.F_NO_CONSUMER, pe, color, word & w.PAYLOAD)
            return False
        return in_room(m, pe, q)
    target = m.ch[channel + w.C_NEXT + direction]
    if target < 0:
        other = neighbor(m, pe, direction)
        if other < 0:  # nothing beyond the rectangle takes or holds up a wavelet
            return True
        beyond = crossed(m, channel, color, direction)
        fault(m, oc.F_NO_ROUTE, other, beyond, opposite(direction))
        return False
    return m.ch[fifo_at(target, opposite(direction)) + 1] < m.g[w.G_DEPTH]


@kernel
def add_move(m, pe, kind, color, port):
    """Note a move to be made."""
    m.ev[m.g[w.G_MOVE_LIST] + m.g[w.G_MOVES]] = pe << 10 | kind << 8 | color << 3 | port
    m.g[w.G_MOVES] += 1


@kernel
def rotated(mask, start, size):
    """A mask of `size` bits with bit `start` as its lowest: who is first in turn."""
    return (mask >> start | mask << (size - start)) & ((1 << size) - 1)


@kernel
def choose_injection(m, pe, now):
    """One output queue may send a wavelet into the router. True to look again next cycle."""
    p = pe * w.PE_WORDS
    mask = m.pe[p + w.OUT_MASK]
    again = False
    start = m.pe[p + w.RR_OUT]
    bits = rotated(mask, start, w.QUEUES)
    while bits != 0:
        q = (start + lowest_bit(bits)) % w.QUEUES
        bits &= bits - 1
        at = out_at(m, pe, q)
        if m.qu[at + w.OUT_HEAD + m.qu[at]] >> w.TIME_SHIFT > now:
            again = True
            continue
        color = out_color(m, at)
        channel = m.pe[p + w.CHANNEL_OF + color]
        if channel < 0:
            if (m.g[w.G_SINKS] >> color) & 1 == 0:
                fault(m, oc.F_NO_ROUTE, pe, color, oc.RAMP)
            elif stream_for(m, w.H_OUT, pe, color) >= 0:
                add_move(m, pe, SINK, color, q)
                return True
            continue
        if m.ch[fifo_at(channel, oc.RAMP) + 1] < m.g[w.G_DEPTH]:
            add_move(m, pe, INJECT, color, q)
            m.pe[p + w.RR_OUT] = (q + 1) % w.QUEUES
            return True
    return again


@kernel
def choose_port(m, pe, channel, color, used, now):
    """The input port of a channel whose wavelet moves now, with the ports it takes.

    Returns (port or -1, tx mask, look again next cycle).
    """
    ch = m.ch
    again = False
    position = ch[channel + w.C_POSITION + ch[channel + w.C_CURRENT]]
    rx = position & 31
    tx = (position >> 8) & 31
    start = ch[channel + w.C_RR]
    bits = rotated(ch[channel + w.C_PORTS], start, PORTS)
    while bits != 0:
        port = start + lowest_bit(bits)
        if port >= PORTS:
            port -= PORTS
        bits &= bits - 1
        word = m.cf[entries_at(m, channel, port) + ch[fifo_at(channel, port)]]
        if word >> w.TIME_SHIFT > now:
            again = True
            continue
        if (rx >> port) & 1 == 0:
            check_route(m, pe, channel, color, port)
            continue
        if tx & used:
            again = True
            continue
        room = True
        targets = tx
        while targets != 0 and room:
            room = has_room(m, pe, channel, color, lowest_bit(targets), word)
            targets &= targets - 1
        if room:
            return port, tx, True
    return -1, 0, again


@kernel
def check_route(m, pe, channel, color, port):
    """A wavelet waits at a port that no switch position reads: a fault unless routes may change."""
    if m.ch[channel + w.C_DYNAMIC] != 0:
        return
    for i in range(4):
        if (m.ch[channel + w.C_POSITION + i] >> port) & 1:
            return
    fault(m, oc.F_NO_ROUTE, pe, color, port)


@kernel
def choose(m, pe, now):
    """Note the moves of one router. True if it must look again next cycle."""
    p = pe * w.PE_WORDS
    again = False
    if m.pe[p + w.OUT_MASK] != 0:
        again = choose_injection(m, pe, now)
    mask = m.pe[p + w.COLOR_MASK]
    if mask == 0:
        return again
    used = 0
    start = m.pe[p + w.RR_COLOR]
    first = True
    bits = rotated(mask, start, w.COLORS)
    while bits != 0:
        color = start + lowest_bit(bits)
        if color >= w.COLORS:
            color -= w.COLORS
        bits &= bits - 1
        channel = m.pe[p + w.CHANNEL_OF + color]
        if m.ch[channel + w.C_SUSPENDED] != 0:
            continue
        port, tx, later = choose_port(m, pe, channel, color, used, now)
        again = again or later
        if port >= 0:
            used |= tx
            add_move(m, pe, FORWARD, color, port)
            if first:
                first = False
                m.pe[p + w.RR_COLOR] = color + 1 if color + 1 < w.COLORS else 0
    return again


@kernel
def push(m, pe, channel, color, port, word, now):
    """Put a wavelet into a router's FIFO."""
    ch = m.ch
    at = fifo_at(channel, port)
    place = ch[at] + ch[at + 1]
    if place >= m.g[w.G_DEPTH]:
        place -= m.g[w.G_DEPTH]
    place += entries_at(m, channel, port)
    m.cf[place] = (word & w.FLAG_MASK) | ((now + m.g[w.G_HOP]) << w.TIME_SHIFT)
    if m.g[w.G_TRACE] != 0:
        rec.into_router(m, place)
    ch[at + 1] += 1
    ch[channel + w.C_PORTS] |= 1 << port
    m.pe[pe * w.PE_WORDS + w.COLOR_MASK] |= 1 << color
    if ch[channel + w.C_ARRIVED] == now and ch[channel + w.C_ARRIVED_PORT] != port:
        rx = ch[channel + w.C_POSITION + ch[channel + w.C_CURRENT]]
        if (rx >> port) & 1 and (rx >> ch[channel + w.C_ARRIVED_PORT]) & 1:
            fault(m, oc.F_TWO_ARRIVALS, pe, color, port | ch[channel + w.C_ARRIVED_PORT] << 8)
    ch[channel + w.C_ARRIVED] = now
    ch[channel + w.C_ARRIVED_PORT] = port
    wake_router(m, pe)


@kernel
def pop(m, pe, channel, color, port):
    """Take the first wavelet of a router's FIFO; whoever feeds the FIFO may go on."""
    ch = m.ch
    at = fifo_at(channel, port)
    place = entries_at(m, channel, port) + ch[at]
    word = m.cf[place]
    if m.g[w.G_TRACE] != 0:
        rec.from_router(m, place)
    ch[at] = 0 if ch[at] + 1 == m.g[w.G_DEPTH] else ch[at] + 1
    ch[at + 1] -= 1
    if ch[at + 1] == 0:
        ch[channel + w.C_PORTS] &= ~(1 << port)
        if ch[channel + w.C_PORTS] == 0:
            m.pe[pe * w.PE_WORDS + w.COLOR_MASK] &= ~(1 << color)
    if port == oc.RAMP:
        if m.pe[pe * w.PE_WORDS + w.OUT_MASK] != 0:
            wake_router(m, pe)
    else:
        before = beside(m, pe, port)
        if m.pe[before * w.PE_WORDS + w.COLOR_MASK] != 0:
            wake_router(m, before)
    return word


@kernel
def forward(m, pe, color, port, now):
    """Move a wavelet on to all tx directions, then let its command act on this router."""
    ch = m.ch
    channel = m.pe[pe * w.PE_WORDS + w.CHANNEL_OF + color]
    word = pop(m, pe, channel, color, port)
    position = ch[channel + w.C_POSITION + ch[channel + w.C_CURRENT]]
    if m.g[w.G_TRACE] != 0:
        control = (word >> 32) & 1
        rec.moved(m, pe, color, port, (position >> 8) & 31, control, now)
    onward = word & ~w.ADVANCE_BIT
    if word & w.CONTROL_BIT:
        mode = ch[channel + w.C_POP]
        if mode == oc.ALWAYS_POP or (
            mode >= oc.POP_ON_ADVANCE
            and slot_command(word & w.PAYLOAD) == oc.COMMAND_ADVANCE
            and can_advance(ch, channel)
        ):
            onward = popped(word & w.PAYLOAD) | w.CONTROL_BIT
    targets = (position >> 8) & 31
    while targets != 0:
        direction = lowest_bit(targets)
        targets &= targets - 1
        if direction == oc.RAMP:
            deliver(m, pe, channel, color, word, now)
        elif ch[channel + w.C_NEXT + direction] < 0:
            if m.g[w.G_LOST] == 0:
                m.g[w.G_LOST_FIRST] = pe << 8 | color << 3 | direction
            m.g[w.G_LOST] += 1
        else:
            other = beside(m, pe, direction)
            beyond = crossed(m, channel, color, direction)
            target = ch[channel + w.C_NEXT + direction]
            push(m, other, target, beyond, opposite(direction), onward, now)
            m.g[w.G_HOPS] += 1
    ch[channel + w.C_MOVED] += 1
    ch[channel + w.C_RR] = port + 1 if port + 1 < PORTS else 0
    if word & w.CONTROL_BIT:
        command(m, pe, channel, color, slot_command(word & w.PAYLOAD))
    elif word & w.ADVANCE_BIT:
        command(m, pe, channel, color, oc.COMMAND_ADVANCE)


@kernel
def can_advance(ch, channel):
    """Whether an ADVANCE would move the switch: without a further position it is passed on."""
    following = ch[channel + w.C_CURRENT] + 1
    valid = following < 4 and (ch[channel + w.C_POSITION + following] >> 16) & 1
    return valid or ch[channel + w.C_RING] != 0


@kernel
def deliver(m, pe, channel, color, word, now):
    """Send a wavelet up the ramp, unless it is not for the core."""
    accepted = for_core(m, channel, word)
    filter_count(m, channel, word)
    if accepted:
        q = m.im[m.pe[pe * w.PE_WORDS + w.QUEUE_TABLE] + w.T_QUEUE_OF + color]
        in_push(m, pe, q, word & ~w.ADVANCE_BIT, now + m.g[w.G_RAMP])


@kernel
def command(m, pe, channel, color, action):
    """A switch command acts on the colour at this router."""
    ch = m.ch
    before = ch[channel + w.C_CURRENT]
    if action == oc.COMMAND_ADVANCE:
        current = ch[channel + w.C_CURRENT] + 1
        if current < 4 and (ch[channel + w.C_POSITION + current] >> 16) & 1:
            ch[channel + w.C_CURRENT] = current
        elif ch[channel + w.C_RING] != 0:
            ch[channel + w.C_CURRENT] = 0
    elif action == oc.COMMAND_RESET:
        ch[channel + w.C_CURRENT] = 0
    elif action == oc.COMMAND_TEARDOWN:
        ch[channel + w.C_SUSPENDED] = 1
        image = m.pe[pe * w.PE_WORDS + w.IMAGE]
        bound = m.im[m.im[image + w.I_TASKS] + w.TEARDOWN_TASK] >= 0
        if bound or m.im[m.im[image + w.I_TEARDOWN] + color] >= 0:
            start_handlers(m, pe, np.int64(1) << color)
    if m.g[w.G_TRACE] != 0 and ch[channel + w.C_CURRENT] != before:
        rec.turned(m, pe, color, channel)


@kernel
def step_routers(m, now):
    """One cycle of all active routers: choose all moves, then make them."""
    g = m.g
    count = g[w.G_ROUTERS]
    if count == 0:
        return
    run = g[w.G_ROUTER_NEXT]
    g[w.G_ROUTER_NEXT] = g[w.G_ROUTER_RUN]
    g[w.G_ROUTER_RUN] = run
    g[w.G_ROUTERS] = 0
    g[w.G_MOVES] = 0
    for i in range(count):
        pe = m.ev[run + i]
        m.pe[pe * w.PE_WORDS + w.ROUTER_ON] = 0
    for i in range(count):
        pe = m.ev[run + i]
        if choose(m, pe, now):
            wake_router(m, pe)
    g[w.G_LOOKS] += count
    if g[w.G_FAULT] != 0:
        return
    g[w.G_MOVED] += g[w.G_MOVES]
    for i in range(g[w.G_MOVES]):
        move = m.ev[g[w.G_MOVE_LIST] + i]
        pe = move >> 10
        kind = (move >> 8) & 3
        color = (move >> 3) & 31
        port = move & 7
        if kind == FORWARD:
            forward(m, pe, color, port, now)
            continue
        word = out_pop(m, pe, port)
        if kind == INJECT:
            push(m, pe, m.pe[pe * w.PE_WORDS + w.CHANNEL_OF + color], color, oc.RAMP, word, now)
        else:
            drain(m, pe, color, word)
