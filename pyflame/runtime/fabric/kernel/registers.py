"""Router registers in the address space of WSE-2 PEs, as public programs use them.

Two 16-bit registers per colour, above the memory (byte addresses; layout from comments in public
programs):

* ``0xFE40 + 2 c``: tx mask in bits 0 … 4 (W E S N RAMP), rx mask in bits 5 … 9, swap for N/S in 10
  and E/W in 11, pop mode in 12 … 13, torn down in 14;
* ``0xFE80 + 2 c``: positions 1, 2, 3 in four bits each (direction W E S N RAMP, 5 invalid; bit 3:
  the position replaces rx, else tx), ring mode in 12, current position in 13 … 14.

A position's other side is that of position 0.

The time stamp counter has a control word and three words of 16 bits. Public are only the names of
their addresses, so the numbers are this simulator's own.
"""

from __future__ import annotations

import numpy as np

from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.kernel.events import wake_router
from pyflame.runtime.fabric.kernel.jit import kernel
from pyflame.runtime.fabric.kernel.routers import crossed, neighbor

COLOR_REGISTERS = 0xFE40
SWITCH_REGISTERS = 0xFE80
CLOCK_CONTROL = 0xFEF0
CLOCK_WORDS = 0xFEF2
INVALID = 5
REPLACES_RX = 1 << 17  # in a channel's position word


@kernel
def register_channel(m, pe, address):
    """The channel whose register lies at a byte address, -1 if none does."""
    if m.g[w.G_WSE3] != 0 or address & 1:
        return np.int64(-1)
    color = (address - COLOR_REGISTERS) >> 1
    if color >= 32:
        color = (address - SWITCH_REGISTERS) >> 1
    if color < 0 or color >= w.COLORS:
        return np.int64(-1)
    return m.pe[pe * w.PE_WORDS + w.CHANNEL_OF + color]


@kernel
def of_clock(m, address):
    """Whether a register of the time stamp counter lies at a byte address."""
    return m.g[w.G_WSE3] == 0 and CLOCK_CONTROL <= address <= CLOCK_WORDS + 4 and address & 1 == 0


@kernel
def clock(m, pe, now):
    """The time stamp counter of a PE."""
    base = m.pe[pe * w.PE_WORDS + w.TSC_BASE]
    return now - base if m.pe[pe * w.PE_WORDS + w.TSC_ON] != 0 else base


@kernel
def read_clock(m, pe, address, now):
    """The counter's word at `address`, or whether it runs."""
    if address == CLOCK_CONTROL:
        return m.pe[pe * w.PE_WORDS + w.TSC_ON]
    return clock(m, pe, now) >> (8 * (address - CLOCK_WORDS)) & 0xFFFF


@kernel
def write_clock(m, pe, address, now, value):
    """Set a word of the counter, or let it run or stop."""
    count = clock(m, pe, now)
    if address == CLOCK_CONTROL:
        m.pe[pe * w.PE_WORDS + w.TSC_ON] = 1 if value != 0 else 0
    else:
        shift = 8 * (address - CLOCK_WORDS)
        count = (count & ~(np.int64(0xFFFF) << shift)) | (value & 0xFFFF) << shift
    running = m.pe[pe * w.PE_WORDS + w.TSC_ON] != 0
    m.pe[pe * w.PE_WORDS + w.TSC_BASE] = now - count if running else count


@kernel
def swapped(mask):
    """A direction mask from our order to the registers', or back: the first four are reversed."""
    result = mask & 16
    for i in range(4):
        result |= ((mask >> i) & 1) << (3 - i)
    return result


@kernel
def direction_code(mask):
    """The register's number of the one direction in a mask of ours."""
    reordered = swapped(mask)
    code = np.int64(0)
    while code < 4 and (reordered >> code) & 1 == 0:
        code += 1
    return code


@kernel
def read_register(m, address, channel):
    """The value of the register at `address`."""
    ch = m.ch
    if address < SWITCH_REGISTERS:
        position = ch[channel + w.C_POSITION]
        value = swapped(position >> 8 & 31) | swapped(position & 31) << 5
        swap = ch[channel + w.C_SWAP]
        value |= (swap >> 1 & 1) << 10 | (swap & 1) << 11
        return value | ch[channel + w.C_POP] << 12 | ch[channel + w.C_SUSPENDED] << 14
    value = ch[channel + w.C_CURRENT] << 13 | (1 if ch[channel + w.C_RING] != 0 else 0) << 12
    for k in range(1, 4):
        position = ch[channel + w.C_POSITION + k]
        code = np.int64(INVALID)
        replaces = position & REPLACES_RX
        if (position >> 16) & 1:
            code = direction_code((position if replaces else position >> 8) & 31)
        if replaces:
            code |= 8
        value |= code << (4 * (k - 1))
    return value


@kernel
def write_register(m, pe, address, channel, value):
    """Store to the register at `address`."""
    ch = m.ch
    if address < SWITCH_REGISTERS:
        rx, tx = swapped(value >> 5 & 31), swapped(value & 31)
        ch[channel + w.C_POSITION] = rx | tx << 8 | 1 << 16
        ch[channel + w.C_SWAP] = (value >> 11 & 1) | (value >> 10 & 1) << 1
        connect(m, pe, (address - COLOR_REGISTERS) >> 1, channel)
        ch[channel + w.C_POP] = value >> 12 & 3
        ch[channel + w.C_SUSPENDED] = value >> 14 & 1
        for k in range(1, 4):
            position = ch[channel + w.C_POSITION + k]
            if position & REPLACES_RX:
                ch[channel + w.C_POSITION + k] = (position & ~(31 << 8)) | tx << 8
            else:
                ch[channel + w.C_POSITION + k] = (position & ~31) | rx
    else:
        ch[channel + w.C_CURRENT] = value >> 13 & 3
        ch[channel + w.C_RING] = value >> 12 & 1
        for k in range(1, 4):
            set_position(ch, channel, k, value >> (4 * (k - 1)) & 15)
    wake_router(m, pe)


@kernel
def connect(m, pe, color, channel):
    """Find the channels beyond a router's links anew: the colour swap may have changed."""
    for direction in range(4):
        target = np.int64(-1)
        other = neighbor(m, pe, direction)
        if other >= 0:
            beyond = crossed(m, channel, color, direction)
            target = m.pe[other * w.PE_WORDS + w.CHANNEL_OF + beyond]
        m.ch[channel + w.C_NEXT + direction] = target


@kernel
def set_position(ch, channel, k, code):
    """Switch position k from its four register bits."""
    first = ch[channel + w.C_POSITION]
    direction = code & 7
    if direction >= INVALID:
        ch[channel + w.C_POSITION + k] = REPLACES_RX if code & 8 else 0
        return
    mask = swapped(np.int64(1) << direction)
    if code & 8:
        ch[channel + w.C_POSITION + k] = mask | (first & 31 << 8) | 1 << 16 | REPLACES_RX
    else:
        ch[channel + w.C_POSITION + k] = (first & 31) | mask << 8 | 1 << 16
