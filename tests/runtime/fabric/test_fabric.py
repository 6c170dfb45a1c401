"""Routes, multicast, switches, control wavelets, filters, colour swap."""

from __future__ import annotations

import numpy as np
import pytest

from pyflame.runtime.fabric.isa import DescriptorFlag, DsdOp, Op
from pyflame.runtime.fabric.kernel.routers import popped, slot_command
from pyflame.runtime.fabric.machine import Machine
from tests.runtime.fabric.asm import (
    F16,
    U16,
    U32,
    Array,
    Asm,
    E,
    Filter,
    N,
    PopMode,
    R,
    S,
    W,
    program,
    route,
)  # fmt: skip
from tests.runtime.fabric.programs import broadcast, chain, two_pes, values

C = 4
CONTROL = DescriptorFlag.CONTROL
NO_CORE = 1 << 24
ADVANCE, RESET, TEARDOWN = 1 << 22, 2 << 22, 3 << 22
NOBODY = 31 << 16


def send_words(words: list[tuple[int, bool]], color: int = C) -> Asm:
    """`go` sends 32-bit words, each as data or as a control wavelet, then unblocks the host."""
    a = Asm("send")
    data = a.fabout(2, color, 1)
    control = a.fabout(2, color, 1, flags=CONTROL)
    a.function("go")
    for word, is_control in words:
        a.ldi(0, word)
        a.dsd(DsdOp.MOV32, control if is_control else data, _reg(0))
    a.unblock_host()
    a.ret()
    return a


def _reg(number: int):
    from tests.runtime.fabric.asm import Reg

    return Reg(number)


def recorder(count: int, color: int = C) -> tuple[Asm, Array]:
    """A data task that stores each word it gets; `go` only unblocks the host."""
    a = Asm("recorder")
    got = a.array("got", U32, count)
    number = a.array("number", U32, 1)
    a.input(2, color)
    a.function("go")
    a.unblock_host()
    a.ret()
    a.data_task(color, "record", U32)
    a.emit(Op.LOAD, t=U32, a=1, b=-1, d=number.address)
    a.ldi(2, 4)
    a.emit(Op.MUL, t=U32, a=3, b=1, c=2)
    a.emit(Op.STORE, t=U32, a=0, b=3, d=got.address)
    a.ldi(2, 1)
    a.emit(Op.ADD, t=U32, a=1, b=1, c=2)
    a.emit(Op.STORE, t=U32, a=1, b=-1, d=number.address)
    a.ret()
    return a, got


def run(grid, routes, arch: str = "wse2") -> Machine:
    """Launch `go` and run until nothing moves."""
    machine = Machine(program(grid, routes, arch))
    machine.launch("go")
    machine.run_until_idle()
    return machine


@pytest.mark.parametrize("arch", ["wse2", "wse3"])
def test_two_pes_add_a_vector(arch: str) -> None:
    code, v = two_pes(arch=arch)
    machine = Machine(code)
    machine.launch("go")
    np.testing.assert_array_equal(values(machine, v, 1), 100 + np.arange(5))


def test_chain_reduction_on_two_colours() -> None:
    code, v = chain(5, 7)
    machine = Machine(code)
    machine.launch("go")
    np.testing.assert_array_equal(values(machine, v, 4), 5 * np.arange(7) + 10)


def test_multicast_reaches_every_pe_of_a_row() -> None:
    code, v = broadcast(6, 9)
    machine = Machine(code)
    machine.launch("go")
    for x in range(1, 6):
        np.testing.assert_array_equal(values(machine, v, x), np.arange(9))


def test_multicast_waits_for_the_slowest_branch() -> None:
    a, got = recorder(8)
    blocked = Asm("blocked")
    blocked.input(2, C)
    blocked.function("go")
    blocked.unblock_host()
    blocked.ret()
    code = program(
        [[send_words([(i, False) for i in range(40)]), a, blocked]],
        {(0, 0, C): route(R, E), (1, 0, C): route(W, R | E), (2, 0, C): route(W, R)},
    )
    machine = Machine(code)
    machine.begin_launch("go")
    machine.run_until_idle()
    taken = int(values(machine, Array("number", got.address + 32, U32, 4), 1)[0])
    # what fits into the third PE: its queue of 4, two ramp stages, the router's FIFO of 2
    assert taken == 8


def test_self_loop_starts_a_data_task() -> None:
    a, got = recorder(2)
    out = a.fabout(3, C, 1)
    a.function("go")
    a.ldi(0, 77)
    a.dsd(DsdOp.MOV32, out, _reg(0))
    a.unblock_host()
    a.ret()
    machine = run([[a]], {(0, 0, C): route(R, R)})
    np.testing.assert_array_equal(values(machine, got), [77, 0])


def test_switch_positions_send_to_four_neighbours_in_turn() -> None:
    """Reference sheet C.5: east gets 0, south 2, north 4, west 6."""
    advance = ADVANCE | NO_CORE | NOBODY
    words = [w for data in (0, 2, 4, 6) for w in ((advance, True), (data, False))]
    a, got = recorder(2)
    idle = Asm("idle")
    idle.function("go")
    idle.unblock_host()
    idle.ret()
    grid = [[idle, a, idle], [a, send_words(words), a], [idle, a, idle]]
    routes = {
        (1, 1, C): route(R, N, (R, W), (R, E), (R, S), current=1, ring=True),
        (1, 0, C): route(S, R), (0, 1, C): route(E, R), (2, 1, C): route(W, R),
        (1, 2, C): route(N, R),
    }  # fmt: skip
    number = Array("number", got.address + 8, U32, 4)
    machine = run(grid, routes)
    for x, y, data in ((2, 1, 0), (1, 2, 2), (1, 0, 4), (0, 1, 6)):
        assert values(machine, number, x, y)[0] == 1
        assert values(machine, got, x, y)[0] == data


def test_advance_without_a_further_position_does_nothing() -> None:
    a, got = recorder(3)
    words = [(1, False), (ADVANCE | NO_CORE | NOBODY, True), (2, False)]
    machine = run([[send_words(words), a]], {(0, 0, C): route(R, E), (1, 0, C): route(W, R)})
    np.testing.assert_array_equal(values(machine, got, 1), [1, 2, 0])


def test_reset_returns_to_position_zero() -> None:
    a, got = recorder(3)
    advance, reset = ADVANCE | NO_CORE | NOBODY, RESET | NO_CORE | NOBODY
    words = [(1, False), (advance, True), (2, False), (reset, True), (3, False)]
    routes = {(0, 0, C): route(R, E, (R, S)), (1, 0, C): route(W, R), (0, 1, C): route(N, R)}
    machine = run([[send_words(words), a], [a, a]], routes)
    np.testing.assert_array_equal(values(machine, got, 1, 0), [1, 3, 0])
    np.testing.assert_array_equal(values(machine, got, 0, 1), [2, 0, 0])


def test_pop_modes_choose_which_router_a_slot_acts_on() -> None:
    """Two advances in a row act on the sender's router and the next one, not on the third."""
    both = (1 << 22) | (1 << 25) | (1 << 24) | (1 << 27) | NOBODY
    a, got = recorder(2)
    grid = [[send_words([(both, True), (5, False)]), a, a], [a, a, a]]
    pop = {"pop": PopMode.POP_ON_ADVANCE}
    routes = {
        (0, 0, C): route(R, E, (R, S), **pop),
        (1, 0, C): route(W, E, (W, S), **pop),
        (2, 0, C): route(W, R, (W, S), **pop),
        (0, 1, C): route(N, R),
    }
    machine = run(grid, routes)
    channels = machine.positions()
    assert [channels[x, 0, C] for x in range(3)] == [1, 1, 0]
    np.testing.assert_array_equal(values(machine, got, 0, 1), [5, 0])


def test_popped_shifts_all_eight_slots() -> None:
    slots = [1, 2, 3, 0, 1, 2, 3, 1]
    shifts = [22, 25, 28, 1, 4, 7, 10, 13]
    payload = NOBODY | sum(c << s for c, s in zip(slots, shifts, strict=True))
    for expected in slots:
        assert int(slot_command(payload)) == expected
        payload = int(popped(payload))
    assert payload == NOBODY


def test_teardown_control_word_of_the_sdk() -> None:
    word = 0x09DF9249
    assert int(slot_command(word)) == 3
    assert (word >> 24) & 1 == 1 and (word >> 16) & 63 == 31


def test_no_deliver_bit_keeps_a_control_wavelet_from_the_core() -> None:
    a, got = recorder(2)
    words = [(NO_CORE | (7 << 16), True), (3, False)]
    machine = run([[send_words(words), a]], {(0, 0, C): route(R, E), (1, 0, C): route(W, R)})
    np.testing.assert_array_equal(values(machine, got, 1), [3, 0])


def test_control_wavelet_starts_the_task_it_names() -> None:
    a = Asm("receiver")
    got = a.array("got", U16, 1)
    a.input(2, C)
    a.unblocked.append((1, C))  # @unblock(colour): no data task is bound to it
    a.function("go")
    a.unblock_host()
    a.ret()
    a.control_task(40, "on_control", U16)
    a.emit(Op.STORE, t=U16, a=0, b=-1, d=got.address)
    a.ret()
    words = [((40 << 16) | 1234, True)]
    machine = run([[send_words(words), a]], {(0, 0, C): route(R, E), (1, 0, C): route(W, R)})
    assert values(machine, got, 1)[0] == 1234


def test_advance_switch_on_the_last_wavelet_of_an_operation() -> None:
    a, got = recorder(3)
    s = Asm("send")
    x = s.array("x", U32, [1, 2, 3])
    out = s.fabout(2, C, 2, flags=DescriptorFlag.ADVANCE_SWITCH)
    more = s.fabout(2, C, 1)
    s.function("go")
    s.dsd(DsdOp.MOV32, out, None, s.mem(x, 2))
    s.dsd(DsdOp.MOV32, more, None, s.mem(x, 1, offset=2))
    s.unblock_host()
    s.ret()
    routes = {(0, 0, C): route(R, E, (R, S)), (1, 0, C): route(W, R), (0, 1, C): route(N, R)}
    machine = run([[s, a], [a, a]], routes)
    np.testing.assert_array_equal(values(machine, got, 1, 0), [1, 2, 0])
    np.testing.assert_array_equal(values(machine, got, 0, 1), [3, 0, 0])


def test_advance_switch_leaves_the_switches_further_on() -> None:
    a, got = recorder(3)
    s = Asm("send")
    x = s.array("x", U32, [1, 2, 3])
    s.function("go")
    for i in range(3):
        out = s.fabout(2, C, 1, flags=DescriptorFlag.ADVANCE_SWITCH)
        s.dsd(DsdOp.MOV32, out, None, s.mem(x, 1, offset=i))
    s.unblock_host()
    s.ret()
    routes = {(0, 0, C): route(R, E), (1, 0, C): route(W, R, (W, E)), (2, 0, C): route(W, R)}
    machine = run([[s, a, a]], routes)
    np.testing.assert_array_equal(values(machine, got, 1, 0), [1, 2, 3])
    np.testing.assert_array_equal(values(machine, got, 2, 0), [0, 0, 0])


def test_range_filter_accepts_by_index() -> None:
    a, got = recorder(3)
    words = [((i << 16) | i, False) for i in range(6)]
    accept = Filter(kind=2, min_idx=2, max_idx=3)
    routes = {(0, 0, C): route(R, E), (1, 0, C): route(W, R, filter=accept)}
    machine = run([[send_words(words), a]], routes)
    np.testing.assert_array_equal(values(machine, got, 1), [0x20002, 0x30003, 0])


def test_counter_filter_wraps_and_lets_others_pass_on() -> None:
    a, got = recorder(8)
    words = [(i + 1, False) for i in range(6)]
    accept = Filter(kind=0, limit1=2, max_counter=0, init_counter=1)
    routes = {
        (0, 0, C): route(R, E),
        (1, 0, C): route(W, R | E, filter=accept),
        (2, 0, C): route(W, R),
    }
    machine = run([[send_words(words), a, a]], routes)
    # counts 1 2 0 1 2 0: the third and sixth wavelets find the counter at 0
    np.testing.assert_array_equal(values(machine, got, 1)[:3], [3, 6, 0])
    np.testing.assert_array_equal(values(machine, got, 2)[:6], [1, 2, 3, 4, 5, 6])


def test_colour_swap_alternates_the_lowest_bit() -> None:
    a, got = recorder(2, color=5)
    routes = {(0, 0, 4): route(R, E, swap_x=True), (1, 0, 5): route(W, R)}
    machine = run([[send_words([(9, False)]), a]], routes)
    np.testing.assert_array_equal(values(machine, got, 1), [9, 0])


def test_halves_travel_packed_two_by_two() -> None:
    s, r = Asm("send"), Asm("receive")
    x = s.array("x", F16, [1, 2, 3, 4, 5])
    s.function("go")
    s.dsd(DsdOp.FMOVH, s.fabout(2, C, 5, simd=2), None, s.mem(x, 5))
    s.unblock_host()
    s.ret()
    y = r.array("y", F16, 5)
    r.function("go")
    r.dsd(DsdOp.FMOVH, r.mem(y, 5), None, r.fabin(2, C, 5, simd=2))
    r.unblock_host()
    r.ret()
    machine = run([[s, r]], {(0, 0, C): route(R, E), (1, 0, C): route(W, R)})
    np.testing.assert_array_equal(values(machine, y, 1), [1, 2, 3, 4, 5])
    assert machine.report()["wavelet_hops"] == 3


def test_wavelet_index_goes_to_the_upper_half() -> None:
    a, got = recorder(3)
    s = Asm("send")
    x = s.array("x", U16, [7, 8])
    s.function("go")
    out = s.fabout(2, C, 2, flags=DescriptorFlag.INDEXED, index=5)
    s.dsd(DsdOp.MOV16, out, None, s.mem(x, 2))
    s.unblock_host()
    s.ret()
    machine = run([[s, a]], {(0, 0, C): route(R, E), (1, 0, C): route(W, R)})
    np.testing.assert_array_equal(values(machine, got, 1), [0x50007, 0x50008, 0])


def test_program_rewrites_its_routes_and_leaves_teardown() -> None:
    """A torn-down colour holds its wavelets until the handler gives it a new route."""
    a, got = recorder(2)
    td = TEARDOWN | NO_CORE | NOBODY
    s = send_words([(1, False), (td, True), (2, False)])
    handler = s.function("handler")
    s.ldi(0, C)
    s.ldi(1, R)
    s.ldi(2, S)
    s.emit(Op.ROUTESET, a=0, b=1, c=2, d=0)
    s.emit(Op.TEARDOWNEXIT, a=0)
    s.ret()
    s.teardown[C] = handler
    routes = {(0, 0, C): route(R, E), (1, 0, C): route(W, R), (0, 1, C): route(N, R)}
    machine = run([[s, a], [a, a]], routes)
    np.testing.assert_array_equal(values(machine, got, 1, 0), [1, 0])
    np.testing.assert_array_equal(values(machine, got, 0, 1), [2, 0])


def test_several_colours_share_a_link_fairly() -> None:
    """Two streams over one link take turns: both finish at about the same time."""
    n = 20
    s, r = Asm("send"), Asm("receive")
    for color in (4, 5):
        x = s.array(f"x{color}", U32, list(range(n)))
        y = r.array(f"y{color}", U32, n)
        del x, y
    arrays = {a.name: a for a in (*s.arrays, *r.arrays)}
    s.function("go")
    for color, queue in ((4, 2), (5, 3)):
        out = s.fabout(queue, color, n)
        s.dsd(DsdOp.MOV32, out, None, s.mem(arrays[f"x{color}"], n), **{"async": 1})
    s.unblock_host()
    s.ret()
    r.function("go")
    for color, queue in ((4, 2), (5, 3)):
        into = r.fabin(queue, color, n)
        r.dsd(DsdOp.MOV32, r.mem(arrays[f"y{color}"], n), None, into, **{"async": 1})
    r.unblock_host()
    r.ret()
    routes = {(0, 0, c): route(R, E) for c in (4, 5)} | {(1, 0, c): route(W, R) for c in (4, 5)}
    machine = run([[s, r]], routes)
    for color in (4, 5):
        np.testing.assert_array_equal(values(machine, arrays[f"y{color}"], 1), np.arange(n))


def test_wse2_programs_may_rewrite_routes_through_registers() -> None:
    """The public address map: colour configuration at 0xFE40 + 2 c, switches at 0xFE80 + 2 c."""
    a, got = recorder(2)
    s = send_words([(1, False)])
    seen = s.array("seen", U16, 2)
    s.code.pop()  # the RET and the unblock of `go`
    s.code.pop()
    for i, base in enumerate((0xFE40, 0xFE80)):
        s.ldi(1, base + 2 * C)
        s.emit(Op.LOAD, t=U16, a=2, b=1)
        s.emit(Op.STORE, t=U16, a=2, b=-1, d=seen.address + 2 * i)
    s.ldi(3, 0x200 | 0x4)  # rx RAMP, tx SOUTH
    s.emit(Op.STORE, t=U16, a=3, b=-1, d=0xFE40 + 2 * C)
    s.ldi(0, 2)
    s.dsd(DsdOp.MOV32, s.fabout(2, C, 1), _reg(0))
    s.ldi(4, C)
    s.emit(Op.TEARDOWNEXIT, a=4)  # marks the routes as rewritten at run time
    s.unblock_host()
    s.ret()
    routes = {
        (0, 0, C): route(R, E, (W, E), ring=True),
        (1, 0, C): route(W, R),
        (0, 1, C): route(N, R),
    }
    machine = run([[s, a], [a, a]], routes)
    np.testing.assert_array_equal(values(machine, seen), [0x200 | 0x2, 1 << 12 | 0x558])
    np.testing.assert_array_equal(values(machine, got, 0, 1), [2, 0])


def test_a_link_carries_one_wavelet_per_cycle() -> None:
    """Two streams of different senders and receivers share the link from PE 1 to PE 2."""
    n = 60
    far, near = send_words([]), send_words([])
    for a, color in ((far, 4), (near, 5)):
        x = a.array("x", U32, n)
        a.code.clear()
        a.dsd(DsdOp.MOV32, a.fabout(2, color, n), None, a.mem(x, n))
        a.unblock_host()
        a.ret()
    receivers = []
    for color in (5, 4):
        a = Asm(f"receive{color}")
        y = a.array("y", U32, n)
        a.function("go")
        a.dsd(DsdOp.MOV32, a.mem(y, n), None, a.fabin(3, color, n))
        a.unblock_host()
        a.ret()
        receivers.append(a)
    routes = {
        (0, 0, 4): route(R, E), (1, 0, 4): route(W, E), (2, 0, 4): route(W, E),
        (3, 0, 4): route(W, R), (1, 0, 5): route(R, E), (2, 0, 5): route(W, R),
    }  # fmt: skip
    machine = run([[far, near, *receivers]], routes)
    assert 2 * n < machine.cycles < 2 * n + 80
