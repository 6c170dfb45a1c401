"""Every mistake that shows at run time stops the machine with a message that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pyflame.errors import (
    LimitError,
    MemoryLimitError,
    PyFlameError,
    SimulationError,
)  # fmt: skip
from pyflame.runtime.fabric.image import Program
from pyflame.runtime.fabric.isa import DsdOp, DsrFile, Fault, Op, dsr_slot
from pyflame.runtime.fabric.machine import Machine
from tests.runtime.fabric.asm import (
    F32,
    U16,
    U32,
    Array,
    Asm,
    E,
    N,
    R,
    Reg,
    W,
    program,
    route,
)  # fmt: skip

C = 4


def stop(code: Program, **options: Any) -> str:
    """The message with which a launch of `go` fails."""
    machine = Machine(code, **options)
    with pytest.raises(PyFlameError) as caught:
        machine.launch("go")
        machine.run_until_idle()
    return str(caught.value)


def pe(emit: Callable[[Asm], None], arch: str = "wse2", color_in: int = -1) -> Program:
    """One PE whose `go` is what `emit` assembles."""
    a = Asm()
    if color_in >= 0:
        a.input(2, color_in)
    a.function("go")
    emit(a)
    a.ret()
    return program([[a]], arch=arch)


def trap(a: Asm) -> None:
    a.strings.append("n > 0")
    a.emit(Op.TRAP, c=0, d=Fault.ASSERT)


def load_outside(a: Asm) -> None:
    a.ldi(0, 49152)
    a.emit(Op.LOAD, t=U16, a=1, b=0)


def load_odd(a: Asm) -> None:
    a.emit(Op.LOAD, t=U16, a=1, b=-1, d=33)


def divide(a: Asm) -> None:
    a.ldi(0, 8)
    a.ldi(1, 0)
    a.emit(Op.DIV, t=U16, a=2, b=0, c=1)


def spin(a: Asm) -> None:
    a.emit(Op.JMP, d=len(a.code))


def recurse(a: Asm) -> None:
    a.emit(Op.CALL, a=-1, d=0)


def beyond_array(a: Asm) -> None:
    x, y = a.array("x", F32, 4), a.array("y", F32, 4)
    a.dsd(DsdOp.FMOVS, a.mem(y, 4), None, a.mem(x, 5))


def no_task(a: Asm) -> None:
    a.ldi(0, 9)
    a.emit(Op.ACTIVATE, a=0)


def bad_id(a: Asm) -> None:
    a.ldi(0, 64)
    a.emit(Op.ACTIVATE, a=0)


def long_mem4d(a: Asm) -> None:
    x = a.array("x", F32, 4)
    a.ldi(0, 2)
    a.emit(Op.DLEN, a=a.mem4d(x, [2, 2], [2, 1]), b=0)


def long_extent(a: Asm) -> None:
    x = a.array("x", F32, 4)
    a.ldi(0, 40000)
    a.emit(Op.DLEN, a=a.mem(x, 4), b=0)


def unset_descriptor(a: Asm) -> None:
    x = a.array("x", F32, 4)
    unset = a.slot = a.slot + 5
    a.slot += 1
    a.dsd(DsdOp.FMOVS, a.mem(x, 4), None, unset)


def async_memory(a: Asm) -> None:
    x = a.array("x", F32, 4)
    a.dsd(DsdOp.FMOVS, a.mem(x, 4), None, a.mem(x, 4), **{"async": 1})


def uninitialised(a: Asm) -> None:
    x = a.array("x", U32, 4)
    into = a.fabin(3, C, 4)
    a.inputs.clear()
    a.dsd(DsdOp.MOV32, a.mem(x, 4), None, into)


def uninitialised_output(a: Asm) -> None:
    a.dsd(DsdOp.MOV32, a.fabout(3, -1, 1), Reg(0))


def fifo_width(a: Asm) -> None:
    fifo = a.fifo("f", U16, 4)
    a.dsd(DsdOp.MOV32, fifo, Reg(0))


def two_on_a_queue(a: Asm) -> None:
    x = a.array("x", U32, 4)
    for _ in range(2):
        a.dsd(DsdOp.MOV32, a.mem(x, 4), None, a.fabin(2, C, 4), **{"async": 1})


def two_on_a_microthread(a: Asm) -> None:
    x = a.array("x", U32, 64)
    a.dsd(DsdOp.MOV32, a.mem(x, 4), None, a.fabin(2, C, 4), **{"async": 1})
    a.dsd(DsdOp.MOV32, a.fabout(2, 5, 64), None, a.mem(x, 64), **{"async": 1})


CASES = [
    (trap, "@assert failed: n > 0"),
    (load_outside, "access of 2 bytes at address 49152 is outside the memory of 49152 bytes"),
    (load_odd, "access of 2 bytes at odd address 33"),
    (divide, "integer division of 8 by zero"),
    (recurse, "the call of go nests too deep; does it end?"),
    (
        beyond_array,
        "the walk reaches element 4 of y, 1 beyond the last of its 4 elements of 4 bytes",
    ),
    (no_task, "local task 9 was activated, but no task is bound to this id"),
    (bad_id, "task 64 does not exist"),
    (long_mem4d, "@set_dsd_length does not take a mem4d_dsd"),
    (long_extent, "extent 40000 is outside 0 … 32767"),
    (unset_descriptor, "an operation met a descriptor that was never set"),
    (async_memory, "an asynchronous operation needs a fabric or FIFO operand"),
    (uninitialised, "input queue 3 is used but not initialised; add @initialize_queue"),
    (uninitialised_output, "output queue 3 is used but not initialised"),
    (fifo_width, "the operation moves elements of 4 bytes, the FIFO holds elements of 2 bytes"),
    (two_on_a_queue, "input queue 2 is still used by another operation"),
    (two_on_a_microthread, "microthread 2 still runs another operation"),
]


@pytest.mark.parametrize(("emit", "text"), CASES, ids=[c[0].__name__ for c in CASES])
def test_fault_of_an_instruction(emit: Callable[[Asm], None], text: str) -> None:
    message = stop(pe(emit))
    assert message.startswith("PE (0, 0), cycle ")
    assert ", in a launched function at pe.csl:" in message
    assert text in message


def test_fault_names_the_line_of_its_instruction() -> None:
    a = Asm()
    a.function("go")
    a.emit(Op.NOP)
    divide(a)  # instructions 1 to 3, lines 2 to 4
    a.ret()
    assert "at pe.csl:4: integer division" in stop(program([[a]]))


def test_runaway_task_names_the_limit() -> None:
    message = stop(pe(spin), max_instructions=1000)
    assert "more than 1000 instructions; if it is meant to, raise max_instructions" in message


def test_two_fabric_inputs_are_a_fault_on_wse3_only() -> None:
    def emit(a: Asm) -> None:
        x = a.array("x", F32, 4)
        a.dsd(DsdOp.FADDS, a.mem(x, 4), a.fabin(2, 4, 4), a.fabin(3, 5, 4))

    assert "two fabin operands; WSE-3 allows one" in stop(pe(emit, "wse3"))
    assert "deadlock" in stop(pe(emit, "wse2"))


def test_wse3_operations_may_share_a_queue_on_distinct_microthreads() -> None:
    def emit(a: Asm) -> None:
        x = a.array("x", U32, 4)
        for ut in (4, 5):
            into = a.fabin(2, C, 4)
            a.dsd(DsdOp.MOV32, a.mem(x, 4), None, into, **{"async": 1, "ut": ut})
        a.unblock_host()

    machine = Machine(pe(emit, "wse3"))
    machine.launch("go")
    assert machine.cycles > 0


def sending(color: int = C) -> Asm:
    a = Asm("send")
    out = a.fabout(2, color, 3)
    x = a.array("x", U32, 3)
    a.function("go")
    a.dsd(DsdOp.MOV32, out, None, a.mem(x, 3))
    a.unblock_host()
    a.ret()
    return a


def quiet() -> Asm:
    a = Asm("quiet")
    a.function("go")
    a.unblock_host()
    a.ret()
    return a


def test_no_route_at_the_sender() -> None:
    message = stop(program([[sending()]]))
    assert message.startswith("PE (0, 0), cycle ")
    assert message.endswith(
        ": a wavelet on colour 4 came from RAMP (sent by @mov32 at pe.csl:1 on PE (0, 0)), but "
        "this router has no route for the colour; add a @set_color_config for it with RAMP in .rx"
    )


def test_no_route_at_the_neighbour() -> None:
    message = stop(program([[sending(), quiet()]], {(0, 0, C): route(R, E)}))
    assert message.startswith("PE (1, 0), cycle ")
    assert "colour 4 came from WEST" in message


def test_port_that_no_position_reads() -> None:
    routes = {(0, 0, C): route(R, E), (1, 0, C): route(N, R)}
    message = stop(program([[sending(), quiet()]], routes))
    assert message.startswith("PE (1, 0)") and "came from WEST (sent by @mov32" in message
    assert message.endswith("takes the colour from NORTH only; add WEST to .rx")


def test_no_consumer() -> None:
    routes = {(0, 0, C): route(R, E), (1, 0, C): route(W, R)}
    message = stop(program([[sending(), quiet()]], routes))
    assert (
        "on colour 4 (sent by @mov32 at pe.csl:1 on PE (0, 0)) was delivered to the core, but no"
        in message
    )


def test_two_arrivals_in_one_cycle() -> None:
    r = quiet()
    r.input(2, C)
    routes = {(0, 0, C): route(R, E), (1, 0, C): route(W | E, R), (2, 0, C): route(R, W)}
    message = stop(program([[sending(), r, sending()]], routes))
    assert "wavelets on colour 4 arrived from" in message
    assert "EAST" in message and "WEST" in message


def test_control_wavelet_for_an_unbound_task() -> None:
    a = Asm("send")
    a.function("go")
    a.ldi(0, 41 << 16)
    a.dsd(DsdOp.MOV32, a.fabout(2, C, 1, flags=1), Reg(0))
    a.unblock_host()
    a.ret()
    r = quiet()
    r.input(2, C)
    r.unblocked.append((1, C))
    message = stop(program([[a, r]], {(0, 0, C): route(R, E), (1, 0, C): route(W, R)}))
    assert "control task 41 was activated, but no task is bound to this id" in message


def test_cycle_limit_says_how_to_raise_it() -> None:
    a = Asm()
    a.function("go")
    a.ldi(0, 9)
    a.emit(Op.ACTIVATE, a=0)
    a.ret()
    a.local_task(9, "again")
    a.ldi(0, 9)
    a.emit(Op.ACTIVATE, a=0)
    a.ret()
    machine = Machine(program([[a]]), max_cycles=5000)
    with pytest.raises(LimitError, match="more than 5000 cycles; raise max_cycles"):
        machine.launch("go")


def test_memory_overflow_lists_the_largest_objects() -> None:
    code = pe(lambda a: None)
    code.images[0].data_end = 50000
    code.images[0].memory_map = [("big", 0, 40000), ("small", 40000, 10000)]
    with pytest.raises(MemoryLimitError, match=r"needs 50000 bytes .*\n +40000 bytes  big"):
        Machine(code)


def test_dfilt_takes_the_fabric_only() -> None:
    def emit(a: Asm) -> None:
        x = a.array("x", U16, 2)
        a.dsd(DsdOp.DFILT, None, a.mem(x, 2))

    with pytest.raises(SimulationError, match="@dfilt takes a fabin_dsd"):
        Machine(pe(emit)).launch("go")


def test_malformed_image_is_refused() -> None:
    def emit(a: Asm) -> None:
        a.emit(Op.JMP, d=1000)
        a.emit(Op.MOV, a=99, b=0)

    with pytest.raises(SimulationError) as caught:
        Machine(pe(emit))
    assert str(caught.value) == (
        "the program is malformed:\n"
        "  pe.csl: a of MOV at go, instruction 1 (pe.csl:2) is 99; expected 0 to 31\n"
        "  pe.csl: d of JMP at go, instruction 0 (pe.csl:1) is 1000; expected 0 to 2"
    )


def test_unknown_symbol_lists_the_exported_ones() -> None:
    machine = Machine(pe(lambda a: None))
    with pytest.raises(SimulationError, match="no PE exports 'stop'; exported are go"):
        machine.launch("stop")


def test_save_address_walks_out_of_its_array() -> None:
    a = Asm()
    x = a.array("x", F32, 4)
    y = a.array("y", F32, 8)
    a.function("go")
    source = a.load_dsr(dsr_slot(DsrFile.SRC1, 0), a.mem(x, 3), save_address=1)
    for _ in range(2):
        a.dsd(DsdOp.FMOVS, a.mem(y, 3), None, source)
    a.ret()
    assert (
        "reaches element 5 of x, 2 beyond the last of its 4 elements of 4 bytes; check extent"
        in stop(program([[a]]))
    )
    assert np.prod([1]) and isinstance(x, Array)


def test_synchronous_operation_on_a_queue_in_use() -> None:
    def emit(a: Asm) -> None:
        x = a.array("x", U32, 4)
        for options in ({"async": 1, "ut": 5}, {}):
            a.dsd(DsdOp.MOV32, a.mem(x, 4), None, a.fabin(2, C, 4), **options)

    assert "input queue 2 is still used by another operation" in stop(pe(emit, "wse3"))
