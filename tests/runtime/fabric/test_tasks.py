"""Tasks: activation, blocking, arguments, priorities, picking, control wavelets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pyflame.runtime.fabric.isa import BlockKind, DescriptorFlag, DsdOp, Op
from pyflame.runtime.fabric.machine import Machine
from tests.runtime.fabric.asm import (
    F16,
    I16,
    U16,
    U32,
    Array,
    Asm,
    E,
    R,
    Reg,
    W,
    program,
    route,
)  # fmt: skip
from tests.runtime.fabric.programs import values

C = 4


class Diary:
    """Lets the tasks of a PE write numbers into an array in the order they run."""

    def __init__(self, a: Asm, size: int = 8) -> None:
        self.a = a
        self.log = a.array("log", U16, size)
        self.next = a.array("next", U16, [self.log.address])

    def note(self, number: int) -> None:
        """Emit code that appends a number (uses registers 20 to 22)."""
        a = self.a
        a.emit(Op.LOAD, t=U16, a=20, b=-1, d=self.next.address)
        a.ldi(21, number)
        a.emit(Op.STORE, t=U16, a=21, b=20, d=0)
        a.ldi(22, 2)
        a.emit(Op.ADD, t=U16, a=20, b=20, c=22)
        a.emit(Op.STORE, t=U16, a=20, b=-1, d=self.next.address)

    def task(self, number: int, *then: tuple[Op, int]) -> None:
        """A local task that notes its id, then activates or unblocks others."""
        self.a.local_task(number, f"task{number}")
        self.note(number)
        for op, other in then:
            self.a.ldi(0, other)
            self.a.emit(op, a=0, b=BlockKind.TASK)
        self.a.ret()


def start(a: Asm, *activate: int) -> None:
    """`go` activates tasks and unblocks the host."""
    a.function("go")
    for number in activate:
        a.ldi(0, number)
        a.emit(Op.ACTIVATE, a=0)
    a.unblock_host()
    a.ret()


def diary_of(a: Asm, diary: Diary, count: int, **options: Any) -> list[int]:
    """Run to the end; the numbers noted."""
    machine = Machine(program([[a]]), **options)
    machine.launch("go")
    machine.run_until_idle()
    return [int(v) for v in values(machine, diary.log)[:count]]


def test_tasks_take_turns() -> None:
    """Tasks 9 and 10 activate themselves again and again; task 12 still runs."""
    a = Asm()
    d = Diary(a, 64)
    start(a, 9, 10, 12)
    d.task(9, (Op.ACTIVATE, 9))
    d.task(10, (Op.ACTIVATE, 10))
    d.task(12)
    machine = Machine(program([[a]]))
    machine.launch("go")
    machine.settle(400)
    assert [int(v) for v in values(machine, d.log)[:6]] == [9, 10, 12, 9, 10, 9]


def test_ids_run_in_order_after_a_launch() -> None:
    a = Asm()
    d = Diary(a)
    start(a, 12, 9, 10)
    for number in (9, 10, 12):
        d.task(number)
    assert diary_of(a, d, 4) == [9, 10, 12, 0]


def test_high_priority_runs_before_low_ids() -> None:
    a = Asm()
    d = Diary(a)
    a.function("go")
    for number in (9, 12):
        a.ldi(0, number)
        a.emit(Op.ACTIVATE, a=0)
    a.ldi(1, 1)
    a.emit(Op.PRIORITY, a=0, b=1)
    a.unblock_host()
    a.ret()
    d.task(9)
    d.task(12)
    assert diary_of(a, d, 2) == [12, 9]


def test_blocked_task_waits_for_unblock_and_keeps_its_activation() -> None:
    a = Asm()
    d = Diary(a)
    a.blocked.append((BlockKind.TASK, 9))
    start(a, 9, 10)
    d.task(9)
    d.task(10, (Op.UNBLOCK, 9))
    assert diary_of(a, d, 3) == [10, 9, 0]


def test_activation_is_idempotent() -> None:
    a = Asm()
    d = Diary(a)
    start(a, 9, 9, 9)
    d.task(9)
    assert diary_of(a, d, 2) == [9, 0]


def test_tasks_active_at_compile_time_run_at_the_start() -> None:
    a = Asm()
    d = Diary(a)
    start(a)
    d.task(9)
    a.active.append(9)
    machine = Machine(program([[a]]))
    machine.run_until_idle()
    assert values(machine, d.log)[0] == 9


def test_shuffling_changes_the_order_but_not_the_set() -> None:
    orders = set()
    for seed in range(6):
        a = Asm()
        d = Diary(a)
        start(a, 9, 10, 11)
        for number in (9, 10, 11):
            d.task(number)
        orders.add(tuple(diary_of(a, d, 3, shuffle_seed=seed)))
    assert all(sorted(order) == [9, 10, 11] for order in orders)
    assert len(orders) > 1


def test_shuffling_repeats_with_its_seed() -> None:
    runs = []
    for _ in range(2):
        a = Asm()
        d = Diary(a)
        start(a, 9, 10, 11)
        for number in (9, 10, 11):
            d.task(number)
        runs.append(diary_of(a, d, 3, shuffle_seed=5))
    assert runs[0] == runs[1]


def sending(*words: tuple[int, bool]) -> Asm:
    """`go` sends words (payload, is control) on colour C."""
    a = Asm("send")
    data, control = a.fabout(2, C, 1), a.fabout(2, C, 1, flags=DescriptorFlag.CONTROL)
    a.function("go")
    for word, is_control in words:
        a.ldi(0, word)
        a.dsd(DsdOp.MOV32, control if is_control else data, Reg(0))
    a.unblock_host()
    a.ret()
    return a


def run(a: Asm, *words: tuple[int, bool]) -> Machine:
    """Send words to PE (1, 0) running `a`."""
    code = program([[sending(*words), a]], {(0, 0, C): route(R, E), (1, 0, C): route(W, R)})
    machine = Machine(code)
    machine.launch("go")
    machine.run_until_idle()
    return machine


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ((U32,), [0xFFFE8001]),
        ((U16,), [0x8001]),
        ((I16,), [-0x7FFF & 0xFFFFFFFF]),
        ((F16, U16), [0x8001, 0xFFFE]),
    ],
)
def test_data_task_arguments(types: tuple, expected: list[int]) -> None:
    a = Asm()
    got = a.array("got", U32, 2)
    a.input(2, C)
    start(a)
    a.data_task(C, "take", *types)
    for i in range(len(types)):
        a.emit(Op.STORE, t=U32, a=i, b=-1, d=got.address + 4 * i)
    a.ret()
    machine = run(a, (0xFFFE8001, False))
    np.testing.assert_array_equal(values(machine, got, 1)[: len(expected)], expected)


def test_blocked_data_task_leaves_wavelets_for_an_operation() -> None:
    a = Asm()
    y = a.array("y", U32, 2)
    into = a.fabin(2, C, 2)
    a.blocked.append((BlockKind.COLOR, C))
    a.function("go")
    a.dsd(DsdOp.MOV32, a.mem(y, 2), None, into)
    a.unblock_host()
    a.ret()
    a.data_task(C, "thief", U32)
    a.ret()
    machine = run(a, (1, False), (2, False))
    np.testing.assert_array_equal(values(machine, y, 1), [1, 2])


def test_data_and_control_wavelets_keep_their_order() -> None:
    a = Asm()
    d = Diary(a)
    a.input(2, C)
    start(a)
    a.data_task(C, "data", U32)
    d.note(1)
    a.ret()
    a.control_task(40, "control", U16)
    d.note(2)
    a.ret()
    control = (40 << 16, True)
    machine = run(a, (0, False), control, (0, False), (0, False), control)
    np.testing.assert_array_equal(values(machine, d.log, 1)[:5], [1, 2, 1, 1, 2])


def test_null_control_wavelet_is_dropped() -> None:
    a = Asm()
    d = Diary(a)
    a.input(2, C)
    start(a)
    a.data_task(C, "data", U32)
    d.note(1)
    a.ret()
    machine = run(a, (31 << 16, True), (0, False))
    np.testing.assert_array_equal(values(machine, d.log, 1)[:2], [1, 0])


@pytest.mark.parametrize("action", ["terminate", "activate", "unblock"])
def test_control_wavelet_ends_an_operation_as_on_control_says(action: str) -> None:
    a = Asm()
    d = Diary(a)
    y = a.array("y", U32, 8)
    into = a.fabin(2, C, 8)
    if action == "unblock":
        a.blocked.append((BlockKind.TASK, 10))
    number = {"terminate": 1, "activate": 2, "unblock": 3}[action]
    a.function("go")
    if action == "unblock":
        a.ldi(0, 10)
        a.emit(Op.ACTIVATE, a=0)
    options = {"async": 1, "activate": 9, "on_control": number, "on_control_id": 10}
    a.dsd(DsdOp.MOV32, a.mem(y, 8), None, into, **options)
    a.unblock_host()
    a.ret()
    d.task(9)
    d.task(10)
    machine = run(a, (5, False), (6, False), (31 << 16, True))
    np.testing.assert_array_equal(values(machine, y, 1)[:3], [5, 6, 0])
    noted = {int(v) for v in values(machine, d.log, 1) if v}
    assert noted == ({9} if action == "terminate" else {9, 10})


def test_the_wavelet_that_ends_an_operation_stays_for_the_next() -> None:
    a = Asm()
    y = a.array("y", U32, 8)
    start(a, 9)
    a.local_task(9, "first")
    options = {"async": 1, "on_control": 2, "on_control_id": 10}
    a.dsd(DsdOp.MOV32, a.mem(y, 8), None, a.fabin(2, C, 8), **options)
    a.ret()
    a.local_task(10, "second")
    a.dsd(DsdOp.MOV32, a.mem(y, 2, offset=4), None, a.fabin(2, C, 2))
    a.ret()
    machine = run(a, (5, False), (31 << 16, True), (6, False))
    np.testing.assert_array_equal(values(machine, y, 1)[:6], [5, 0, 0, 0, 31 << 16, 6])


def test_the_wavelet_that_ends_an_operation_starts_its_control_task() -> None:
    a = Asm()
    d = Diary(a)
    y = a.array("y", U32, 8)
    a.unblocked.append((BlockKind.COLOR, C))
    a.function("go")
    options = {"async": 1, "on_control": 1}
    a.dsd(DsdOp.MOV32, a.mem(y, 8), None, a.fabin(2, C, 8), **options)
    a.unblock_host()
    a.ret()
    a.control_task(40, "control", U16)
    d.note(2)
    a.ret()
    machine = run(a, (5, False), (40 << 16, True))
    np.testing.assert_array_equal(values(machine, y, 1)[:2], [5, 0])
    np.testing.assert_array_equal(values(machine, d.log, 1)[:2], [2, 0])


def test_join_of_two_branches_by_activate_and_unblock() -> None:
    a = Asm()
    d = Diary(a)
    a.blocked.append((BlockKind.TASK, 11))
    start(a, 9, 10)
    d.task(9, (Op.ACTIVATE, 11))
    d.task(10, (Op.UNBLOCK, 11))
    d.task(11)
    assert diary_of(a, d, 3) == [9, 10, 11]


def test_launch_passes_arguments() -> None:
    a = Asm()
    got = a.array("got", U32, 2)
    a.function("go", U32, U32)
    a.emit(Op.STORE, t=U32, a=0, b=-1, d=got.address)
    a.emit(Op.STORE, t=U32, a=1, b=-1, d=got.address + 4)
    a.unblock_host()
    a.ret()
    machine = Machine(program([[a]]))
    machine.launch("go", [7, 0xFFFFFFFF])
    np.testing.assert_array_equal(values(machine, got), [7, 0xFFFFFFFF])


def test_initialiser_runs_before_the_first_task() -> None:
    a = Asm()
    d = Diary(a)
    start(a, 9)
    d.task(9)
    init = a.function("init")
    d.note(1)
    a.ret()
    code = program([[a]])
    code.images[0].init = init
    machine = Machine(code)
    machine.launch("go")
    machine.run_until_idle()
    np.testing.assert_array_equal(values(machine, d.log)[:2], [1, 9])


def test_wse3_data_tasks_bind_to_queues() -> None:
    a = Asm()
    d = Diary(a)
    a.input(3, C)
    start(a)
    a.data_task(3, "data", U32)
    d.note(1)
    a.ret()
    s = sending((0, False))
    s.output(2, C)
    code = program([[s, a]], {(0, 0, C): route(R, E), (1, 0, C): route(W, R)}, "wse3")
    machine = Machine(code)
    machine.launch("go")
    machine.run_until_idle()
    assert values(machine, d.log, 1)[0] == 1
    assert isinstance(d.log, Array)


def test_blocked_microthread_stands_still() -> None:
    """WSE-3: `@block(ut_id)` holds an operation until `@unblock(ut_id)`."""
    a = Asm()
    y = a.array("y", U32, 1)
    into = a.fabin(2, C, 1)
    a.blocked.append((BlockKind.MICROTHREAD, 5))
    a.function("go")
    a.dsd(DsdOp.MOV32, a.mem(y, 1), None, into, **{"async": 1, "ut": 5, "activate": 9})
    a.unblock_host()
    a.ret()
    a.local_task(9, "done")
    a.ret()
    a.function("free")
    a.ldi(0, 5)
    a.emit(Op.UNBLOCK, a=0, b=BlockKind.MICROTHREAD)
    a.unblock_host()
    a.ret()
    s = sending((7, False))
    s.output(2, C)
    s.function("free")
    s.unblock_host()
    s.ret()
    code = program([[s, a]], {(0, 0, C): route(R, E), (1, 0, C): route(W, R)}, "wse3")
    machine = Machine(code)
    machine.launch("go")
    machine.run_until_idle()
    assert values(machine, y, 1)[0] == 0
    machine.launch("free")
    machine.run_until_idle()
    assert values(machine, y, 1)[0] == 7


def test_an_unblock_before_the_first_launch_releases_it_early() -> None:
    a = Asm()
    a.active.append(9)
    a.local_task(9, "early")
    a.unblock_host()
    a.ret()
    a.function("never")
    a.ret()
    machine = Machine(program([[a]]))
    machine.run_until_idle()
    assert machine.report()["surplus_unblocks"] == 1
    machine.launch("never")
    assert machine.report()["surplus_unblocks"] == 0
