"""Completion tokens: implied, split into tasks, or refused."""

from __future__ import annotations

import pytest
from xdsl.parser import Parser

from pyflame.dialects import new_context
from pyflame.dialects.dataflow.communication import AwaitOp, SendOp
from pyflame.dialects.dataflow.program import ProgramOp, programs
from pyflame.errors import UnsupportedError
from pyflame.passes.dataflow_lower_tokens import lower_tokens

T = "!dataflow.view<8xf32, [1]>"
SEND = f"= dataflow.send %v on @c async : {T} -> !dataflow.token"


def program(*phases: str) -> ProgramOp:
    bodies = "\n".join(
        f'dataflow.phase "{i}" {{ %v = dataflow.view %x : memref<8xf32> -> {T}\n{phase} }}'
        for i, phase in enumerate(phases)
    )
    text = f"""dataflow.program @main on "wse2" rows 1 cols 2 {{
      %x = dataflow.buffer @x temporary : memref<8xf32>
      dataflow.channel @c along cols [#dataflow.route<0, 0 to 1 step 1, [ramp] -> [east]>]
      %first = dataflow.first cols
      {bodies}
      dataflow.finish }}"""
    module = Parser(new_context(), text).parse_module()
    module.verify()
    (found,) = programs(module)
    return found


def lowered(*phases: str) -> ProgramOp:
    made = program(*phases)
    lower_tokens(made)
    made.verify()
    assert not any(isinstance(op, AwaitOp) for op in made.walk())
    return made


def activated(made: ProgramOp) -> list[str | None]:
    sends = [op for op in made.walk() if isinstance(op, SendOp)]
    return [None if s.activate is None else s.activate.string_value() for s in sends]


def test_a_receive_of_the_same_words_implies_completion() -> None:
    made = lowered(f"%t {SEND}\n dataflow.recv %v on @c : {T}\n dataflow.await %t")
    assert made.tasks == ()
    assert activated(made) == [None]


def test_a_receive_of_fewer_words_does_not() -> None:
    short = "!dataflow.view<4xf32, [1]>"
    made = lowered(
        f"%w = dataflow.view %x : memref<8xf32> -> {short}\n"
        f"%t {SEND}\n dataflow.recv %w on @c : {short}\n dataflow.await %t"
    )
    assert activated(made) == ["after_send_0"]


def test_what_follows_an_await_moves_to_a_task_with_later_phases() -> None:
    made = lowered(f"%t {SEND}\n dataflow.await %t", f"dataflow.neg %v, %v : {T}, {T}")
    (task,) = made.tasks
    assert [op.name for op in task.body.block.ops] == ["dataflow.phase", "dataflow.finish"]
    assert [op.name for op in made.body.block.ops][-2:] == ["dataflow.phase", "dataflow.task"]


def test_two_awaits_make_two_tasks_in_turn() -> None:
    made = lowered(
        f"%t {SEND}\n dataflow.await %t\n dataflow.neg %v, %v : {T}, {T}",
        f"%t {SEND}\n dataflow.await %t",
    )
    first, second = made.tasks
    assert activated(made) == ["after_send_0", "after_send_1"]
    names = [[op.name.partition(".")[2] for op in t.body.block.ops] for t in (first, second)]
    assert names == [["phase", "phase"], ["finish"]]


def test_an_await_within_a_branch_is_refused() -> None:
    made = program(f"scf.if %first {{ %t {SEND}\n dataflow.await %t }}")
    with pytest.raises(UnsupportedError) as caught:
        lower_tokens(made)
    assert str(caught.value) == (
        "not supported:\n"
        "  - dataflow.await inside scf.if at program 'main': it would split the program\n"
        "Await a send in the program's main sequence, or send synchronously."
    )
