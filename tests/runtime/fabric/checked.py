"""The kernel as plain Python on arrays that check every index, fed with mutated programs.

Compiled, the kernel works on raw pointers: what it would read or write outside its arrays shows
only here. Run as a script with NUMBA_DISABLE_JIT=1; prints how many programs the verifier let
pass.
"""

from __future__ import annotations

import copy
import dataclasses
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from pyflame.errors import PyFlameError
from pyflame.runtime.fabric.image import Filter, Program
from pyflame.runtime.fabric.isa import (
    BlockKind,
    DsdOp,
    DsrFile,
    Fault,
    Math,
    Op,
    PopMode,
    PrintKind,
    Type,
    Word,
    dsr_slot,
)  # fmt: skip
from pyflame.runtime.fabric.kernel import pointers
from pyflame.runtime.fabric.kernel.words import Arrays
from pyflame.runtime.fabric.machine import Machine
from tests.runtime.fabric.asm import F32, I32, U16, U32, Asm, E, Ptr, R, Reg, W, program, route

SECONDS = 2
_ODD = (-1, 0, 1, 2, 4, 7, 31, 32, 64, 255, 256, 260, 49150, 49152, 1 << 15, 1 << 16, -16, -17,
        -48, 1 << 31, -(1 << 31), 1 << 60, (1 << 63) - 1, (1 << 63) - 2, -(1 << 63))  # fmt: skip


class Checked:
    """An array that refuses indices outside it, the negative ones too, and wraps as hardware."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.size = len(array)

    def _check(self, index: int) -> None:
        if not 0 <= index < self.size:
            raise IndexError(f"index {index} of an array of {self.size} {self.array.dtype}")

    def __getitem__(self, index: int) -> Any:
        self._check(index)
        value = self.array[index]
        return np.int64(value) if self.array.dtype == np.int32 else value

    def __setitem__(self, index: int, value: Any) -> None:
        self._check(index)
        if self.array.dtype.kind != "f":
            value = np.array(int(value) & (1 << 64) - 1, np.uint64).astype(self.array.dtype)
        self.array[index] = value


def everything() -> Program:
    """Two PEs that between them use every kind of operand and table."""
    a = Asm("left")
    v = a.array("v", F32, np.arange(8))
    words = a.array("words", U32, 8)
    halves = a.array("halves", U16, 8)
    text = len(a.strings)
    a.strings += ["text", "key"]
    fifo = a.fifo("fifo", U32, 4, push=11, pop=11)
    vector, out = a.mem(v, 4), a.fabout(2, 4, 4)
    nested = a.mem4d(v, (2, 2, 2), (4, 2, 1))
    around = a.circbuf(v, 6, 4)
    loop = a.mem(words, 4)
    dynamic = a.mem(halves, 4)
    into = a.fabin(3, 5, 2)
    echo = a.fabout(4, 4, 2)
    register = dsr_slot(DsrFile.SRC1, 1)

    a.function("go", registers=12)
    a.ldi(0, 3)
    a.ldf(1, 2.5)
    a.ldi(2, v.address)
    a.ldi(3, 2)  # function `twice`
    a.emit(Op.CALL, a=4, b=0, c=2, d=2)
    a.emit(Op.CALLR, a=4, b=0, c=1, d=3)
    a.emit(Op.LOAD, Type.U16, a=5, b=2, d=4)
    a.emit(Op.STORE, Type.I32, a=5, b=-1, d=words.address)
    a.ldi(8, words.address)
    a.emit(Op.COPY, a=8, b=2, d=8)
    a.emit(Op.FILL, a=8, d=4)
    for op, t in ((Op.ADD, I32), (Op.DIV, U16), (Op.SHR, I32), (Op.MUL, F32), (Op.LT, U32)):
        a.emit(op, t, a=6, b=0, c=0)
    a.emit(Op.MATH, F32, a=6, b=1, c=-1, d=Math.SQRT)
    a.emit(Op.CAST, F32, a=6, b=0, c=I32)
    a.dsd(DsdOp.FADDS, vector, vector, nested)
    a.dsd(DsdOp.FMACS, vector, vector, around, scalar=1)
    a.dsd(DsdOp.MOV32, Ptr(8), Reg(0))
    a.dsd(DsdOp.ADD16, dynamic, dynamic, Reg(0))
    source = a.load_dsr(register, vector, save_address=1)
    a.dsd(DsdOp.FMOVS, vector, None, source, result=9)
    a.emit(Op.DCOPY, a=dynamic, b=loop)
    a.emit(Op.DLEN, a=dynamic, b=0)
    a.emit(Op.DBASE, a=dynamic, b=2)
    a.emit(Op.DOFF, a=dynamic, b=0, d=4)
    a.emit(Op.DSTRIDE, a=dynamic, b=3)
    a.emit(Op.DFIELD, a=dynamic, b=3, d=Word.STRIDE)
    a.emit(Op.DGET, a=7, b=dynamic, d=Word.BASE)
    a.ldi(6, 0)
    top = a.emit(Op.DLD, U32, a=7, b=loop, c=6)
    a.emit(Op.DST, U32, a=7, b=loop, c=6)
    a.emit(Op.MAPNEXT, a=6, b=3, d=top)
    a.dsd(DsdOp.MOV32, fifo, loop)
    a.dsd(DsdOp.MOV32, loop, fifo)
    a.emit(Op.PRINT, a=0, b=PrintKind.I32)
    a.emit(Op.PRINT, a=0, b=PrintKind.STRING, d=text)
    a.emit(Op.TRACE, a=0, b=PrintKind.U16, c=1)
    a.ldi(10, 5)
    a.ldi(5, 0)
    a.emit(Op.ROUTEGET, a=7, b=10, d=1)
    a.emit(Op.FILTERSET, a=5, b=0, d=3)
    a.emit(Op.FILTERGET, a=7, b=5, d=10)
    a.emit(Op.SWITCHGET, a=7, b=10, d=2)
    a.emit(Op.QUEUESTATUS, a=7, d=1)
    a.emit(Op.MAINPRIORITY, a=5)
    a.emit(Op.EXCEPTIONS, a=5)
    a.emit(Op.SWITCHPOS, a=10, b=5)
    a.ldi(6, 12)
    a.emit(Op.UNBLOCK, a=6, b=BlockKind.TASK)
    a.dsd(DsdOp.FMOVS, out, None, vector, **{"async": 1, "activate": -16 - 6})
    a.dsd(DsdOp.MOV32, loop, None, into, **{"async": 1, "unblock": 12, "ut": 3})
    a.ret()
    a.local_task(12, "done")
    a.unblock_host()
    a.ret()
    twice = a.function("twice", F32, registers=4)
    assert twice == 2
    a.emit(Op.JZ, a=0, d=len(a.code) + 2)
    a.emit(Op.NOP)
    a.emit(Op.ADD, I32, a=0, b=0, c=0)
    a.ret(0)
    a.local_task(11, "moved", active=True)
    a.ret()
    a.blocked.append((BlockKind.TASK, 12))
    a.teardown[4] = 3

    b = Asm("right")
    b.input(2, 4)
    got = b.array("got", U32, 4)
    answer = b.fabout(3, 5, 1)
    b.function("go", registers=4)
    b.unblock_host()
    b.ret()
    b.data_task(4, "take", U16, U16)
    b.emit(Op.ADD, U16, a=2, b=0, c=1)
    b.emit(Op.STORE, U16, a=2, b=-1, d=got.address)
    b.dsd(DsdOp.MOV32, answer, Reg(2))
    b.ret()
    b.control_task(40, "command")
    b.emit(Op.TRAP, c=-1, d=Fault.ASSERT)
    routes = {
        (0, 0, 4): route(R, E, (W, R), ring=True, pop=PopMode.ALWAYS_POP),
        (1, 0, 4): route(W, R),
        (1, 0, 5): route(R, W),
        (0, 0, 5): route(E, R, filter=Filter(0, limit1=7, max_counter=7)),
    }
    assert echo > into
    result = program([[a, b]], routes)
    result.images[0].filters = [5]
    return result


Site = Callable[[Program, int], None]
_ARRAYS = ("code", "operands", "options", "descriptors")
_LISTS = ("functions", "tasks", "fifos", "input_queues", "output_queues")


def sites(program: Program) -> Iterator[tuple[Site, tuple[int, ...]]]:
    """Every number of a program: how to change it, and values that others of its kind have."""
    for i, image in enumerate(program.images):
        for name in _ARRAYS:
            table: np.ndarray = getattr(image, name)
            for row, column in np.ndindex(*table.shape):
                yield _cell(i, name, row, column), tuple(int(v) for v in table[:, column])
        for name in _LISTS:
            for at, record in enumerate(getattr(image, name)):
                for field in dataclasses.fields(record):
                    if type(getattr(record, field.name)) is int:
                        yield _member(i, name, at, field.name), _ODD
        for at in range(len(image.memory_map)):
            yield _object(i, at, 1), (64, 128)
            yield _object(i, at, 2), (64, 128)
        for name in ("slots", "init"):
            yield _attribute(i, name), (0, 1, 300)
    for row, color in np.argwhere(program.route_of >= 0):
        yield _routed(int(row), int(color)), (-1, 0, 1, 2, 3)
    for at, one in enumerate(program.routes):
        for k in range(len(one.positions)):
            for side in ("rx", "tx"):
                yield _mask(at, k, side), (0, 1, 2, 4, 8, 16, 31)


def _cell(image: int, name: str, row: int, column: int) -> Site:
    def change(program: Program, value: int) -> None:
        getattr(program.images[image], name)[row, column] = value

    return change


def _member(image: int, name: str, at: int, field: str) -> Site:
    def change(program: Program, value: int) -> None:
        records = getattr(program.images[image], name)
        records[at] = dataclasses.replace(records[at], **{field: value})

    return change


def _object(image: int, at: int, column: int) -> Site:
    def change(program: Program, value: int) -> None:
        rows = program.images[image].memory_map
        name, address, size = rows[at]
        rows[at] = (name, value, size) if column == 1 else (name, address, value)

    return change


def _attribute(image: int, name: str) -> Site:
    return lambda program, value: setattr(program.images[image], name, value)


def _routed(row: int, color: int) -> Site:
    def change(program: Program, value: int) -> None:
        program.route_of[row, color] = max(min(value, 1 << 20), -(1 << 20))

    return change


def _mask(at: int, k: int, side: str) -> Site:
    def change(program: Program, value: int) -> None:
        positions = list(program.routes[at].positions)
        positions[k] = dataclasses.replace(positions[k], **{side: value})
        program.routes[at] = dataclasses.replace(program.routes[at], positions=tuple(positions))

    return change


class OutOfTimeError(Exception):
    """A mutated program that runs long; it has not left its arrays until now."""


def _stop(signum: int, frame: FrameType | None) -> None:
    raise OutOfTimeError


def run(code: Program) -> bool:
    """Verify and run a program; whether the verifier let it pass."""
    try:
        machine = Machine(code, max_cycles=600, max_instructions=400)
    except PyFlameError:
        return False
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        machine.launch("go")
        machine.run_until_idle()
    except (PyFlameError, OutOfTimeError):
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return True


def main(examples: int, number: int) -> None:
    """Run that many mutated programs, from random seed `number`; an index outside an array ends in
    a traceback."""
    assert pointers.INTERPRETED, "set NUMBA_DISABLE_JIT=1"
    pointers.handle = lambda arrays: Arrays(*(Checked(a) for a in arrays))  # type: ignore[arg-type]
    signal.signal(signal.SIGALRM, _stop)
    whole = everything()
    places = list(sites(whole))
    passed = [0, 0]

    def mutation(at: int) -> st.SearchStrategy[tuple[int, int]]:
        known = sorted(set(places[at][1]))
        values = st.sampled_from(known) | st.sampled_from(_ODD) | st.integers(-20, 40)
        return st.tuples(st.just(at), values)

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(st.lists(st.integers(0, len(places) - 1).flatmap(mutation), min_size=1, max_size=3))
    def check(changes: list[tuple[int, int]]) -> None:
        changed = copy.deepcopy(whole)
        for at, value in changes:
            places[at][0](changed, value)
        passed[0] += run(changed)
        passed[1] += 1

    machine = Machine(copy.deepcopy(whole), max_cycles=5000)
    machine.launch("go")
    check()
    print(f"{passed[0]} of {passed[1]} passed the verifier")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
