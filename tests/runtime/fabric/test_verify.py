"""What the verifier refuses, and that the kernel stays inside its arrays with what it accepts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pyflame.arch import WSE2
from pyflame.errors import InvalidModelError, SimulationError
from pyflame.runtime.fabric.image import (
    Contents,
    Fifo,
    Filter,
    Function,
    Position,
    Program,
    Queue,
    Rotation,
)
from pyflame.runtime.fabric.isa import DsdOp, Math, Op, PrintKind, Type, Word
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.machine import Machine
from pyflame.runtime.fabric.verify import findings, verify_stored
from pyflame.runtime.fabric.verify_code import FORMS, MAX_CALL_DEPTH
from tests.runtime.fabric.asm import F32, I32, U16, Asm, Reg, program
from tests.runtime.fabric.checked import everything

ROOT = Path(__file__).parents[3]


def test_every_operation_has_a_form() -> None:
    assert set(FORMS) == set(Op)
    assert {len(form) for form in FORMS.values()} == {5}


def test_a_program_of_everything_is_fine() -> None:
    assert findings(everything(), WSE2).texts == []


def instruction(op: Op, **words: int) -> Callable[[Program], None]:
    """Changes words t, a, b, c, d of the first `op` of the left PE."""

    def change(code: Program) -> None:
        table = code.images[0].code
        row = int(np.argmax(table[:, 0] == op))
        for name, value in words.items():
            table[row, 1 + "tabcd".index(name)] = value

    return change


def table(name: str, row: int, column: int, value: int) -> Callable[[Program], None]:
    """Changes a word of a table of the left PE."""
    return lambda code: getattr(code.images[0], name).__setitem__((row, column), value)


def entry(name: str, at: int, **members: int) -> Callable[[Program], None]:
    """Changes members of an entry of a list of the left PE."""

    def change(code: Program) -> None:
        entries = getattr(code.images[0], name)
        entries[at] = replace(entries[at], **members)

    return change


def image(**members: object) -> Callable[[Program], None]:
    """Changes members of the left PE's image."""

    def change(code: Program) -> None:
        for name, value in members.items():
            setattr(code.images[0], name, value)

    return change


def whole(**members: object) -> Callable[[Program], None]:
    """Changes members of the program."""

    def change(code: Program) -> None:
        for name, value in members.items():
            setattr(code, name, value)

    return change


def wrong_route(**members: object) -> Callable[[Program], None]:
    """Changes members of the first route."""

    def change(code: Program) -> None:
        code.routes[0] = replace(code.routes[0], **members)  # type: ignore[arg-type]

    return change


AT_GO = "at go, instruction 7 (pe.csl:8)"
WRONG: list[tuple[Callable[[Program], None], str]] = [
    (table("code", 0, 0, 99), f"instruction 0 (pe.csl:1) is 99; expected 0 to {len(Op) - 1}"),
    (instruction(Op.STORE, t=13), f"t of STORE {AT_GO} is 13; expected 0 to 12"),
    (instruction(Op.STORE, b=12), f"b of STORE {AT_GO} is 12; expected -1 to 11"),
    (instruction(Op.STORE, b=-2), f"b of STORE {AT_GO} is -2; expected -1 to 11"),
    (instruction(Op.MAPNEXT, d=-1), "d of MAPNEXT at go"),
    (instruction(Op.JZ, d=0), "jump to 0 leaves the function"),
    (table("code", -1, 0, Op.NOP), "moved, instruction"),
    (instruction(Op.CALL, d=9), "is 9; expected 0 to 3"),
    (instruction(Op.CALL, c=5), "argument count of a call at go, instruction 4"),
    (instruction(Op.CALL, b=11), "last argument of a call at go, instruction 4"),
    (instruction(Op.CALL, t=2), "t of CALL at go"),
    (instruction(Op.MATH, d=Math.CLZ), "there is no CLZ of F32"),
    (instruction(Op.MATH, t=Type.I32), "there is no SQRT of I32"),
    (instruction(Op.CAST, c=13), "c of CAST"),
    (instruction(Op.MATH, d=Math.SCALE), "SCALE needs a second operand"),
    (instruction(Op.COPY, d=49153), "d of COPY at go"),
    (instruction(Op.FILL, d=-1), "d of FILL at go"),
    (instruction(Op.DCOPY, b=1 << 20), "b of DCOPY at go"),
    (instruction(Op.DFIELD, d=Word.OPTIONS), "d of DFIELD at go"),
    (instruction(Op.DGET, d=24), "d of DGET at go"),
    (instruction(Op.DSRLOAD, d=3), "d of DSRLOAD at go"),
    (instruction(Op.DSD, d=99), "d of DSD at go"),
    (instruction(Op.DSD, a=12), "a of DSD at go"),
    (instruction(Op.UNBLOCK, b=4), "b of UNBLOCK at go"),
    (instruction(Op.PRINT, b=len(PrintKind)), "b of PRINT at go"),
    (instruction(Op.PRINT, a=12), "a of PRINT at go"),
    (instruction(Op.PRINT, a=-1), "printed register at go"),
    (instruction(Op.TRACE, c=2), "c of TRACE at go"),
    (instruction(Op.ROUTEGET, d=8), "d of ROUTEGET at go"),
    (instruction(Op.FILTERSET, d=11), "d of FILTERSET at go"),
    (instruction(Op.FILTERGET, d=11), "d of FILTERGET at go"),
    (instruction(Op.SWITCHGET, d=3), "d of SWITCHGET at go"),
    (instruction(Op.QUEUESTATUS, d=4), "d of QUEUESTATUS at go"),
    (image(filters=[24]), "colour of filter 0 is 24"),
    (table("operands", 0, 0, 43), "DSD operation is 43"),
    (table("operands", 0, 1, 0), "operands row 0: the operation needs a DSD, DSR or pointer"),
    (table("operands", 0, 3, 0), "operands row 0: the operation needs two sources"),
    (table("operands", 0, 3, 5), "operand kind is 5"),
    (table("operands", 0, 2, 300), "slot of DEST is 300"),
    (table("operands", 0, 9, 3), "row of options is 3"),
    (table("operands", 1, 7, 0), "operands row 1: the operation needs a scalar"),
    (table("operands", 1, 8, 12), "register of SCALAR at go"),
    (table("options", 0, 1, -28), "register of option ACTIVATE at go"),
    (table("options", 0, 4, 4), "priority of options is 4"),
    (image(slots=-1), "number of slots is -1"),
    (image(slots=1 << 30), "number of slots is 1073741824"),
    (image(memory_map=[("v", 64, 1 << 20)]), "size of 'v' is 1048576; expected 0 to 49088"),
    (image(memory=np.zeros(4, np.int64)), "memory holds int64; expected uint8"),
    (image(code=np.zeros((4, 5), np.int64)), "code has shape (4, 5); expected ('any', 6)"),
    (image(active=[5]), "task 5 is active at the start, but no local task has this id"),
    (image(blocked=[(3, 8)]), "blocked microthread is 8"),
    (image(blocked=[(4, 0)]), "kind of a blocked id is 4"),
    (image(unblocked=[(0, 64)]), "blocked task is 64"),
    (image(teardown={4: 9}), "teardown handler of colour 4 is 9"),
    (image(flushed={(True, 6): 0}), "queue of an empty-queue handler is 6; expected 0 to 5"),
    (image(flushed={(False, 6): 9}), "empty-queue handler of queue 6 is 9"),
    (image(rotations=[Rotation(2, 60, 3)]), "rotating tasks name control task 60, which is not"),
    (image(rotations=[Rotation(8, 0, 3)]), "queue of rotating tasks is 8"),
    (image(rotations=[Rotation(2, 0, 3, 5)]), "first count of rotating tasks is 5"),
    (image(rotations=[Rotation(2, 0, 3)] * 3), "number of rotating pairs is 3"),
    (image(init=4), "function of the initialiser is 4"),
    (image(fifos=[Fifo(64, 0, U16)]), "elements of FIFO 0 is 0"),
    (image(fifos=[Fifo(49150, 2, U16)]), "elements of FIFO 0 is 2; expected 1 to 1"),
    (image(fifos=[Fifo(64, 1, U16, 64)]), "task that FIFO 0 activates is 64"),
    (image(slot_init={256: 99}), "initial descriptor of slot 256 is 99"),
    (image(input_queues=[Queue(8, 1)]), "number of an input queue is 8"),
    (image(input_queues=[Queue(2, -1)]), "colour of input queue 2 is -1"),
    (image(output_queues=[Queue(2, 24)]), "colour of output queue 2 is 24"),
    (entry("functions", 0, registers=-1), "registers of 'go' is -1"),
    (entry("functions", 0, registers=1 << 40), "registers of 'go' is 1099511627776"),
    (entry("functions", 0, entry=1 << 70), "entry of 'go' is 1180591620717411303424"),
    (entry("tasks", 0, function=4), "function of local task 12 is 4"),
    (entry("tasks", 0, number=64), "id of a task is 64"),
    (whole(streaming={"x": 24}), "streaming colour 'x' is 24"),
    (whole(half="f8"), "the 16-bit float is 'f8'; expected ieee or bf16"),
    (whole(width=0), "the rectangle is 0 × 1 PEs; expected 1 to 1048576"),
    (whole(image_of=np.array([0, 2], np.int32)), "image of a PE is 2; expected 0 to 1"),
    (whole(route_of=np.full((2, 24), 4, np.int32)), "route of a colour is 4; expected -1 to 3"),
    (
        whole(contents=[Contents(49152, np.zeros(1, np.int32), np.zeros((1, 1), np.uint8))]),
        "end of contents is 49153",
    ),
    (wrong_route(current=4), "current position of route 0 is 4"),
    (wrong_route(positions=()), "number of positions of route 0 is 0"),
    (wrong_route(positions=(Position(32, 1),)), "rx mask of route 0 is 32"),
    (wrong_route(filter=Filter(3)), "kind of the filter of route 0 is 3"),
    (wrong_route(filter=Filter(0, 1 << 64)), "limit1 of the filter of route 0"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), WRONG, ids=[m for _, m in WRONG])
def test_what_the_machine_relies_on_is_refused(
    change: Callable[[Program], None], message: str
) -> None:
    code = everything()
    change(code)
    with pytest.raises(InvalidModelError) as caught:
        verify_stored(code, "p")
    assert message in str(caught.value)


def test_all_problems_of_all_images_are_listed() -> None:
    code = everything()
    instruction(Op.STORE, b=99)(code)
    code.images[1].slots = -1
    wrong_route(current=9)(code)
    assert [text.split(" ")[0] for text in findings(code, WSE2).texts] == [
        "current", "left.csl:", "right.csl:",
    ]  # fmt: skip


def test_deep_chains_of_calls_are_refused() -> None:
    a = Asm()
    for i in range(MAX_CALL_DEPTH + 2):
        a.function(f"f{i}", registers=1)
        a.emit(Op.CALL, a=-1, d=min(i + 1, MAX_CALL_DEPTH + 1))
        a.ret()
    with pytest.raises(SimulationError, match=f"calls nest deeper than {MAX_CALL_DEPTH}"):
        Machine(program([[a]]))


def launched(emit: Callable[[Asm], None]) -> str:
    """How a launch of what `emit` assembles stops."""
    a = Asm()
    a.function("go", registers=8)
    emit(a)
    a.ret()
    machine = Machine(program([[a]]))
    with pytest.raises(SimulationError) as caught:
        machine.launch("go")
    return str(caught.value)


def test_addresses_that_wrap_around_are_outside_memory() -> None:
    def load(a: Asm) -> None:
        a.ldi(0, (1 << 63) - 2)
        a.emit(Op.LOAD, Type.I32, a=1, b=0)

    def element(a: Asm) -> None:
        a.ldi(0, (1 << 61) - 17)
        a.emit(Op.DLD, F32, a=1, b=a.mem(a.array("x", F32, 4), 4), c=0)

    assert "access of 4 bytes at address 9223372036854775806 is outside the memory" in launched(
        load
    )
    assert " beyond the last of its 4 elements of 4 bytes" in launched(element)


def test_an_endless_operation_on_memory_stops() -> None:
    def emit(a: Asm) -> None:
        x = a.array("x", F32, 4)
        a.dsd(DsdOp.FMOVS, a.mem(x, 0x7FFF, 4), Reg(0))

    assert "an endless operation (extent 32767) needs a fabric or FIFO operand" in launched(emit)


def test_a_call_by_pointer_with_too_many_arguments_stays_in_the_register_file() -> None:
    a = Asm()
    a.function("small", registers=0)
    a.ret()
    a.function("go", registers=200)
    a.emit(Op.CALLR, a=-1, b=0, c=200, d=0)
    a.ret()
    machine = Machine(program([[a]]))
    machine.program.images[0].functions[0] = Function("small", 0, 0)
    with pytest.raises(SimulationError, match="the call of small nests too deep"):
        machine.launch("go")


def test_more_arguments_than_a_launch_takes_are_refused() -> None:
    a = Asm()
    a.function("go", I32)
    a.ret()
    with pytest.raises(SimulationError, match="with 16 arguments; expected at most 15"):
        Machine(program([[a]])).launch("go", range(16))


def test_what_the_verifier_accepts_stays_inside_the_arrays() -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "tests.runtime.fabric.checked", "250", "1"], cwd=ROOT,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert outcome.returncode == 0, outcome.stderr
    passed, _, total = outcome.stdout.split()[:3]
    assert int(total) == 250
    assert 0.3 < int(passed) / 250 < 0.9


def test_every_channel_and_every_output_may_move_in_one_cycle() -> None:
    """Positions without tx take no port: all channels and an output queue can move at once."""
    machine = Machine(everything())
    g, cores = machine.arrays.g, machine.arrays.pe.reshape(-1, w.PE_WORDS)
    channels = int((cores[:, w.CHANNEL_OF : w.CHANNEL_OF + w.COLORS] >= 0).sum())
    room = int(g[w.G_LOG_LIST] - g[w.G_MOVE_LIST])
    assert room >= channels + len(cores)
