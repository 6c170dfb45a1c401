"""The scalar interpreter: the main thread runs ahead until it touches what time decides."""

from __future__ import annotations

import numpy as np

from pyflame.runtime.fabric.kernel import opcodes as oc
from pyflame.runtime.fabric.kernel import record as rec
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.kernel.arith import (
    cast,
    compare,
    float_binary,
    integer_binary,
    math_function,
    wrap,
)
from pyflame.runtime.fabric.kernel.descriptors import (
    ELEMENT_FAULT,
    ELEMENT_WAITS,
    load_register,
    modify,
    read_element,
    touches_fabric,
    write_element,
)
from pyflame.runtime.fabric.kernel.environment import environment
from pyflame.runtime.fabric.kernel.events import fault
from pyflame.runtime.fabric.kernel.exceptions import scalar_exceptions
from pyflame.runtime.fabric.kernel.issue import (
    STOPPED,
    WAITS,
    issue_on_fabric,
    issue_on_memory,
    uses_fabric,
)
from pyflame.runtime.fabric.kernel.jit import kernel
from pyflame.runtime.fabric.kernel.memory import accessible, copy, fill, load, size_of, store
from pyflame.runtime.fabric.kernel.operands import slot_at
from pyflame.runtime.fabric.kernel.registers import (
    COLOR_REGISTERS,
    of_clock,
    read_clock,
    read_register,
    register_channel,
    write_clock,
    write_register,
)

PREDICATED = 1
"""Word t of a jump over instructions that are predicated in its place."""
UNROLLED = 2
"""Word t of the jumps of a loop that is unrolled in its place."""
CALL_IN_PLACE = 1
"""Word t of a call that costs nothing."""


@kernel
def arithmetic_cost(m, op, t, d):
    """Cycles of a typed scalar operation."""
    g = m.g
    if op == oc.MUL and t < oc.T_F16:
        return g[w.G_IMUL]
    if op == oc.DIV or op == oc.MOD:
        if t >= oc.T_F16:
            return g[w.G_FDIV]
        return g[w.G_IDIV] if d == 0 else g[w.G_IDIV_CONSTANT]
    if op == oc.MATH:
        cheap = d == oc.M_MIN or d == oc.M_MAX or d == oc.M_ABS or d == oc.M_SIGN
        cheap = cheap or d == oc.M_FLOOR or d == oc.M_CEIL
        return g[w.G_COST + op] if cheap or t < oc.T_F16 else g[w.G_MATH]
    return g[w.G_COST + op]


@kernel
def arithmetic(m, pe, op, t, r, a, b, c, d):
    """ADD … MATH on registers at r; False after a fault."""
    rg = m.rg
    if op <= oc.SHR:
        if t < oc.T_F16:
            if (op == oc.DIV or op == oc.MOD) and rg[r + c] == 0:
                fault(m, oc.F_DIVIDE, pe, rg[r + b], 0)
                return False
            rg[r + a] = integer_binary(op, t, rg[r + b], rg[r + c])
        else:
            rg[r + a] = float_binary(op, t, rg[r + b], rg[r + c])
    elif op >= oc.EQ and op <= oc.GE:
        rg[r + a] = 1 if compare(op, t, rg[r + b], rg[r + c]) else 0
    elif op == oc.NEG:
        if t < oc.T_F16:
            rg[r + a] = wrap(t, -rg[r + b])
        else:
            rg[r + a] = rg[r + b] ^ (0x80000000 if t == oc.T_F32 else 0x8000)
    elif op == oc.NOT:
        rg[r + a] = rg[r + b] ^ 1 if t == oc.T_BOOL else wrap(t, ~rg[r + b])
    elif op == oc.CAST:
        rg[r + a] = cast(t, c, rg[r + b])
    elif op == oc.WRAP:
        rg[r + a] = wrap(t, rg[r + b])
    else:
        second = rg[r + c] if c >= 0 else np.int64(0)
        rg[r + a] = math_function(d, t, rg[r + b], second)
    return True


@kernel
def watched_arithmetic(m, pe, op, t, r, a, b, c, d):
    """`arithmetic` of a PE that unmasked floating-point exceptions; False after a fault."""
    rg = m.rg
    x = rg[r + b]
    y = rg[r + c] if c >= 0 and op != oc.CAST else np.int64(0)
    if not arithmetic(m, pe, op, t, r, a, b, c, d):
        return False
    return t < oc.T_F16 or scalar_exceptions(m, pe, op, t, c, d, x, y, rg[r + a])


@kernel
def call(m, pe, function, b, c, a, after):
    """Enter a function with c arguments from r(b) on; its entry, or -1 after a fault."""
    p = pe * w.PE_WORDS
    image = m.pe[p + w.IMAGE]
    if function < 0 or function >= m.im[image + w.I_FUNCTION_COUNT]:
        fault(m, oc.F_BAD_ID, pe, function, 4)
        return np.int64(-1)
    row = m.im[image + w.I_FUNCTIONS] + 3 * function
    frame = m.pe[p + w.FRAME]
    inner = frame + w.FRAME_HEAD + m.rg[frame + 3]
    if inner + w.FRAME_HEAD + max(m.im[row + 1], c, 1) > (pe + 1) * m.g[w.G_REGISTERS]:
        fault(m, oc.F_RECURSION, pe, function, 0)
        return np.int64(-1)
    m.rg[inner] = after
    m.rg[inner + 1] = frame
    m.rg[inner + 2] = a
    m.rg[inner + 3] = m.im[row + 1]
    for i in range(c):
        m.rg[inner + w.FRAME_HEAD + i] = m.rg[frame + w.FRAME_HEAD + b + i]
    m.pe[p + w.FRAME] = inner
    return m.im[row]


@kernel
def leave_function(m, pe, a):
    """Return r(a) to the caller; the pc to go on at, or -1 at the end of the task."""
    p = pe * w.PE_WORDS
    frame = m.pe[p + w.FRAME]
    after = m.rg[frame]
    if after < 0:
        m.pe[p + w.STATUS] = w.IDLE
        m.pe[p + w.TASK] = -1
        return np.int64(-1)
    outer = m.rg[frame + 1]
    if a >= 0 and m.rg[frame + 2] >= 0:
        m.rg[outer + w.FRAME_HEAD + m.rg[frame + 2]] = m.rg[frame + w.FRAME_HEAD + a]
    m.pe[p + w.FRAME] = outer
    return after


@kernel
def stop(m, pe, now, pc, cost, count):
    """Leave the interpreter: note place, time and counts."""
    p = pe * w.PE_WORDS
    m.pe[p + w.PC] = pc
    m.pe[p + w.BUSY] = now + cost
    m.pe[p + w.BUSY_CYCLES] += cost
    m.g[w.G_WORK] += cost >> 4
    if m.g[w.G_TRACE] != 0:
        rec.busy(m, pe, now, now + cost)
    m.pe[p + w.INSTRUCTIONS] += count
    m.pe[p + w.INSTRUCTIONS_ALL] += count


@kernel
def waits_for_time(m, pe, op, row, b):
    """Whether an instruction must run at its own cycle, not ahead of the clock."""
    if op == oc.DSD:
        return uses_fabric(m, pe, row)
    if op == oc.DLD or op == oc.DST:
        return touches_fabric(m, pe, b)
    if op == oc.HOSTUNBLOCK:
        return True
    if op >= oc.ACTIVATE and op <= oc.UNBLOCK:
        return m.pe[pe * w.PE_WORDS + w.LIVE] & w.LANE_MASK != 0
    return op >= oc.ROUTESET


@kernel
def run(m, pe, now):
    """Run the main thread from cycle `now`. False if it can do nothing yet."""
    p = pe * w.PE_WORDS
    im = m.im
    rg = m.rg
    image = m.pe[p + w.IMAGE]
    code = im[image + w.I_CODE]
    r = m.pe[p + w.FRAME] + w.FRAME_HEAD
    pc = m.pe[p + w.PC]
    cost = np.int64(0)
    count = 0
    unmasked = m.pe[p + w.UNMASKED]
    usable = np.int64(0)  # when DSRs loaded explicitly may be used, in cycles from `now`
    limit = m.g[w.G_MAX_INSTRUCTIONS] - m.pe[p + w.INSTRUCTIONS]
    most = min(m.g[w.G_MAX_CYCLES] - now, m.g[w.G_AHEAD])
    if m.pe[p + w.STATUS] == w.IN_ELEMENT:
        m.pe[p + w.STATUS] = w.RUNNING
        m.pe[p + w.STALL_CYCLES] += now - m.pe[p + w.WAIT_SINCE]
        if m.g[w.G_TRACE] != 0:
            rec.stalled(m, pe, m.pe[p + w.WAIT_SINCE], now)
    while True:
        at = code + 6 * pc
        op = im[at]
        t = im[at + 1]
        a = im[at + 2]
        b = im[at + 3]
        c = im[at + 4]
        d = im[at + 5]
        count += 1
        if count > limit:
            m.pe[p + w.PC] = pc
            fault(m, oc.F_RUNAWAY, pe, m.g[w.G_MAX_INSTRUCTIONS], 0)
            break
        if cost > most and cost >= usable:
            stop(m, pe, now, pc, cost, count - 1)
            return True
        pc += 1
        if op >= oc.ADD and op <= oc.MATH:
            cost += arithmetic_cost(m, op, t, d)
            if unmasked != 0:
                if not watched_arithmetic(m, pe, op, t, r, a, b, c, d):
                    break
            elif not arithmetic(m, pe, op, t, r, a, b, c, d):
                break
            continue
        if op == oc.LOAD:
            cost += m.g[w.G_COST + op]
            address = d if b < 0 else rg[r + b] + d
            channel = np.int64(-1)
            if address >= COLOR_REGISTERS:
                channel = register_channel(m, pe, address)
                if of_clock(m, address):
                    rg[r + a] = wrap(t, read_clock(m, pe, address, now + cost))
                    continue
            if channel >= 0:
                rg[r + a] = wrap(t, read_register(m, address, channel))
                continue
            if not accessible(m, pe, address, size_of(t)):
                break
            rg[r + a] = load(m, pe, t, address)
        elif op == oc.STORE:
            cost += m.g[w.G_COST + op]
            address = d if b < 0 else rg[r + b] + d
            channel = np.int64(-1)
            if address >= COLOR_REGISTERS:
                channel = register_channel(m, pe, address)
                if of_clock(m, address):
                    write_clock(m, pe, address, now + cost, rg[r + a])
                    continue
            if channel >= 0:
                if cost > m.g[w.G_COST + op]:
                    stop(m, pe, now, pc - 1, cost - m.g[w.G_COST + op], count - 1)
                    return True
                write_register(m, pe, address, channel, rg[r + a])
                continue
            if not accessible(m, pe, address, size_of(t)):
                break
            store(m, pe, t, address, rg[r + a])
        elif op == oc.LDI:
            cost += m.g[w.G_COST + op]
            rg[r + a] = d
        elif op == oc.LDC:
            cost += m.g[w.G_COST + oc.LDI]
            rg[r + a] = im[im[image + w.I_CONSTANTS] + d]
        elif op == oc.MOV:
            cost += m.g[w.G_COST + op]
            rg[r + a] = rg[r + b]
        elif op == oc.JMP:
            if t != UNROLLED:
                cost += m.g[w.G_LOOP] if d < pc else m.g[w.G_COST + op]
            pc = d
        elif op == oc.JZ or op == oc.JNZ:
            jumps = (rg[r + a] != 0) == (op == oc.JNZ)
            if t == PREDICATED:
                cost += m.g[w.G_PREDICATE]
            elif t != UNROLLED:
                cost += m.g[w.G_TAKEN] if jumps else m.g[w.G_COST + op]
            if jumps:
                pc = d
        elif op == oc.BOUND:
            if m.g[w.G_BOUNDS] != 0 and (rg[r + a] < 0 or rg[r + a] >= d):
                m.pe[p + w.PC] = pc - 1
                fault(m, oc.F_BAD_INDEX, pe, rg[r + a], d)
                break
        elif op == oc.MAPNEXT:
            cost += m.g[w.G_COST + op]
            rg[r + a] += 1
            if rg[r + a] < rg[r + b]:
                pc = d
        elif op == oc.CALL or op == oc.CALLR:
            cost += 0 if t == CALL_IN_PLACE else m.g[w.G_COST + op]
            pc = call(m, pe, d if op == oc.CALL else rg[r + d], b, c, a, pc)
            if pc < 0:
                break
            r = m.pe[p + w.FRAME] + w.FRAME_HEAD
        elif op == oc.RET:
            cost += m.g[w.G_COST + op]
            pc = leave_function(m, pe, a)
            if pc < 0:
                stop(m, pe, now, 0, cost, count)
                if m.g[w.G_TRACE] != 0:
                    rec.task_ends(m, pe, now + cost)
                return True
            r = m.pe[p + w.FRAME] + w.FRAME_HEAD
        elif op >= oc.DCOPY and op <= oc.DFIELD:
            cost += m.g[w.G_COST + op]
            value = rg[r + b] if op > oc.DCOPY + 1 else np.int64(0)
            if not modify(m, pe, op, a, b, value, d):
                break
        elif op == oc.DSRLOAD:
            cost += m.g[w.G_COST + op]
            usable = cost + m.g[w.G_DSR_USE]
            load_register(m, pe, a, b, d)
        elif op == oc.DGET or op == oc.DCOUNT:
            cost += m.g[w.G_COST + op]
            word = d if op == oc.DGET else w.D_EXTENT
            rg[r + a] = m.ds[slot_at(m, pe, b) + word]
        elif op == oc.XCOORD or op == oc.YCOORD:
            cost += m.g[w.G_COST + op]
            rg[r + a] = pe % m.g[w.G_WIDTH] if op == oc.XCOORD else pe // m.g[w.G_WIDTH]
        elif op == oc.TSC:
            cost += m.g[w.G_COST + op]
            base = m.pe[p + w.TSC_BASE]
            value = now + cost - base if m.pe[p + w.TSC_ON] != 0 else base
            rg[r + a] = value & 0xFFFFFFFFFFFF
        elif op == oc.COPY or op == oc.FILL:
            cost += m.g[w.G_COST + op] + d // 4 * m.g[w.G_BYTE]
            if op == oc.COPY and not copy(m, pe, rg[r + a], rg[r + b], d):
                break
            if op == oc.FILL and not fill(m, pe, rg[r + a], d):
                break
        elif op == oc.NOP:
            cost += m.g[w.G_COST + op]
        elif op == oc.TRAP:
            m.pe[p + w.PC] = pc - 1
            fault(m, d, pe, c, 0)
            break
        else:
            row = np.int64(0)
            if op == oc.DSD:
                row = operand_row(m, image, d)
                cost = max(cost, usable)
            if cost > 0 and waits_for_time(m, pe, op, row, b):
                stop(m, pe, now, pc - 1, cost, count - 1)
                return True
            m.pe[p + w.PC] = pc - 1
            if op == oc.DSD:
                if not uses_fabric(m, pe, row):
                    cycles = issue_on_memory(m, pe, row, a)
                    if cycles < 0:
                        break
                    if m.g[w.G_TRACE] != 0:
                        rec.memory_operation(m, pe, now + cost, cycles, pc - 1, im[row])
                    cost += cycles
                    continue
                outcome, cycles = issue_on_fabric(m, pe, row, a, now)
                if outcome == STOPPED:
                    break
                cost += cycles
                if outcome == WAITS:
                    stop(m, pe, now, pc, cost, count)
                    return True
            elif op == oc.DLD or op == oc.DST:
                cost_here = m.g[w.G_COST + op]
                if op == oc.DLD:
                    outcome, value = read_element(m, pe, b, rg[r + c], t, now)
                    if outcome == 0:
                        rg[r + a] = value
                else:
                    outcome = write_element(m, pe, b, rg[r + c], t, rg[r + a], now)
                if outcome == ELEMENT_FAULT:
                    break
                if outcome == ELEMENT_WAITS:
                    m.pe[p + w.STATUS] = w.IN_ELEMENT
                    m.pe[p + w.WAIT_SINCE] = now
                    return False
                cost += cost_here
            else:
                if m.g[w.G_LOG] >= m.g[w.G_LOG_SIZE]:
                    stop(m, pe, now, pc - 1, max(cost, 1), count - 1)
                    return True
                cost += m.g[w.G_COST + op]
                if not environment(m, pe, op, r, a, b, c, d, now + cost):
                    break
                unmasked = m.pe[p + w.UNMASKED]
    m.pe[p + w.PC] = (at - code) // 6
    m.g[w.G_FAULT_PC] = m.pe[p + w.PC]
    return True


@kernel
def operand_row(m, image, d):
    """Where operand row d of an image lies in im."""
    return m.im[image + w.I_OPERANDS] + 10 * d
