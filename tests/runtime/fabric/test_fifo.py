"""FIFOs: order, suspension of asynchronous and early end of synchronous operations."""

from __future__ import annotations

import numpy as np

from pyflame.runtime.fabric.isa import DsdOp, Op
from pyflame.runtime.fabric.machine import Machine
from tests.runtime.fabric.asm import U16, U32, Asm, E, R, Reg, W, program, route
from tests.runtime.fabric.programs import values

C = 4


def test_synchronous_push_ends_early_when_full_and_pop_when_empty() -> None:
    a = Asm()
    x = a.array("x", U32, [1, 2, 3, 4])
    y = a.array("y", U32, 4)
    done = a.array("done", U32, 2)
    fifo = a.fifo("fifo", U32, 3)
    a.function("go")
    a.dsd(DsdOp.MOV32, fifo, None, a.mem(x, 4), result=0)
    a.dsd(DsdOp.MOV32, a.mem(y, 4), None, fifo, result=1)
    a.emit(Op.STORE, t=U32, a=0, b=-1, d=done.address)
    a.emit(Op.STORE, t=U32, a=1, b=-1, d=done.address + 4)
    a.unblock_host()
    a.ret()
    machine = Machine(program([[a]]))
    machine.launch("go")
    np.testing.assert_array_equal(values(machine, y), [1, 2, 3, 0])
    np.testing.assert_array_equal(values(machine, done), [0, 0])


def test_scalar_push_and_pop_move_one_element() -> None:
    a = Asm()
    y = a.array("y", U16, 2)
    fifo = a.fifo("fifo", U16, 2)
    a.function("go")
    for value in (7, 8):
        a.ldi(0, value)
        a.dsd(DsdOp.MOV16, fifo, Reg(0))
    a.dsd(DsdOp.MOV16, a.mem(y, 2), None, fifo)
    a.unblock_host()
    a.ret()
    machine = Machine(program([[a]]))
    machine.launch("go")
    np.testing.assert_array_equal(values(machine, y), [7, 8])


def test_fifo_between_two_asynchronous_operations_carries_a_long_stream() -> None:
    """Receive into a FIFO of 4 and send from it: 50 wavelets pass through PE (1, 0)."""
    n = 50
    s, mid, r = Asm("send"), Asm("middle"), Asm("receive")
    x = s.array("x", U32, list(range(n)))
    s.function("go")
    s.dsd(DsdOp.MOV32, s.fabout(2, C, n), None, s.mem(x, n))
    s.unblock_host()
    s.ret()
    fifo = mid.fifo("fifo", U32, 4)
    mid.function("go")
    mid.dsd(DsdOp.MOV32, fifo, None, mid.fabin(2, C, n), **{"async": 1})
    mid.dsd(DsdOp.MOV32, mid.fabout(3, 5, n), None, fifo, **{"async": 1})
    mid.unblock_host()
    mid.ret()
    y = r.array("y", U32, n)
    r.function("go")
    r.dsd(DsdOp.MOV32, r.mem(y, n), None, r.fabin(2, 5, n))
    r.unblock_host()
    r.ret()
    routes = {
        (0, 0, C): route(R, E), (1, 0, C): route(W, R), (1, 0, 5): route(R, E),
        (2, 0, 5): route(W, R),
    }  # fmt: skip
    machine = Machine(program([[s, mid, r]], routes))
    machine.launch("go")
    np.testing.assert_array_equal(values(machine, y, 2), np.arange(n))


def test_pushes_activate_the_task_a_fifo_names() -> None:
    a = Asm()
    y = a.array("y", U32, 1)
    fifo = a.fifo("fifo", U32, 4, push=9)
    a.function("go")
    a.ldi(0, 11)
    a.dsd(DsdOp.MOV32, fifo, Reg(0))
    a.ret()
    a.local_task(9, "pushed")
    a.dsd(DsdOp.MOV32, a.mem(y, 1), None, fifo)
    a.unblock_host()
    a.ret()
    machine = Machine(program([[a]]))
    machine.launch("go")
    assert values(machine, y)[0] == 11
