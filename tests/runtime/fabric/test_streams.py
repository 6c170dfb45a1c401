"""Host streams: wavelets straight to and from a colour of each PE."""

from __future__ import annotations

import numpy as np
import pytest

from pyflame.errors import DeadlockError, SimulationError
from pyflame.runtime.fabric.isa import DsdOp, Op
from pyflame.runtime.fabric.machine import Machine
from tests.runtime.fabric.asm import U32, Asm, Reg, program
from tests.runtime.fabric.programs import values

IN, OUT = 14, 16


def doubling(arch: str = "wse2") -> Asm:
    """A data task on colour IN that sends twice its wavelet on colour OUT."""
    a = Asm()
    a.input(2, IN)
    if arch == "wse3":
        a.output(3, OUT)
    out = a.fabout(3, OUT, 1)
    a.data_task(IN if arch == "wse2" else 2, "double", U32)
    a.emit(Op.ADD, t=U32, a=1, b=0, c=0)
    a.dsd(DsdOp.MOV32, out, Reg(1))
    a.ret()
    a.function("nothing")
    a.unblock_host()
    a.ret()
    return a


@pytest.mark.parametrize("arch", ["wse2", "wse3"])
def test_stream_through_every_pe_keeps_order(arch: str) -> None:
    a = doubling(arch)
    machine = Machine(program([[a, a], [a, a]], arch=arch))
    data = np.arange(2 * 2 * 30, dtype=np.uint32).reshape(2, 2, 30)
    machine.stream_in(IN, 0, 0, data)
    out = machine.stream_out(OUT, 0, 0, 2, 2, 30)
    np.testing.assert_array_equal(machine.wait(out), 2 * data)


def test_output_waits_until_the_host_collects_it() -> None:
    a = doubling()
    machine = Machine(program([[a]], streaming={"MEMCPYD2H_1": OUT}))
    sent = machine.stream_in(IN, 0, 0, np.arange(40, dtype=np.uint32).reshape(1, 1, 40))
    machine.run_until_idle()
    assert not sent.done
    out = machine.stream_out(OUT, 0, 0, 1, 1, 40)
    np.testing.assert_array_equal(machine.wait(out)[0, 0], 2 * np.arange(40))
    assert sent.done


def test_streams_on_one_colour_follow_each_other() -> None:
    a = doubling()
    machine = Machine(program([[a]]))
    for start in (0, 10):
        machine.stream_in(IN, 0, 0, np.arange(start, start + 10, dtype=np.uint32)[None, None])
    first = machine.stream_out(OUT, 0, 0, 1, 1, 5)
    second = machine.stream_out(OUT, 0, 0, 1, 1, 15)
    np.testing.assert_array_equal(machine.wait(second)[0, 0], 2 * np.arange(5, 20))
    np.testing.assert_array_equal(first.data[0, 0], 2 * np.arange(5))


def test_stream_that_cannot_finish_is_a_deadlock() -> None:
    a = doubling()
    machine = Machine(program([[a]]))
    machine.stream_in(IN, 0, 0, np.arange(3, dtype=np.uint32)[None, None])
    out = machine.stream_out(OUT, 0, 0, 1, 1, 4)
    with pytest.raises(DeadlockError, match="colour 16 cannot collect its last 1 wavelets"):
        machine.wait(out)


def test_rectangle_outside_the_program_is_refused() -> None:
    machine = Machine(program([[doubling()]]))
    with pytest.raises(SimulationError, match=r"rectangle 2×1 at \(0, 0\) is outside"):
        machine.stream_out(OUT, 0, 0, 2, 1, 4)


def test_symbols_are_copied_by_rectangle_in_both_widths() -> None:
    a = Asm()
    x = a.array("x", U32, 3)
    a.function("go")
    a.unblock_host()
    a.ret()
    machine = Machine(program([[a, a, a], [a, a, a]]))
    data = np.arange(12, dtype=np.uint32).reshape(2, 2, 3)
    machine.write_symbol("x", 1, 0, data)
    np.testing.assert_array_equal(machine.read_symbol_array("x", 1, 0, 2, 2, 3), data)
    np.testing.assert_array_equal(values(machine, x, 0, 0), [0, 0, 0])
    halves = machine.read_symbol_array("x", 2, 1, 1, 1, 6, np.uint16)
    np.testing.assert_array_equal(halves[0, 0], [9, 0, 10, 0, 11, 0])
    assert machine.host_cycles > 0 and machine.cycles <= 1
