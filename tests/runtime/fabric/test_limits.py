"""Programs that run too long stop in time, and stopping them in between changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from pyflame.errors import LimitError
from pyflame.runtime.fabric.isa import DsdOp, Op, Type
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.machine import Machine
from tests.runtime.fabric.asm import F32, Asm, E, R, W, program, route
from tests.runtime.fabric.programs import DONE, adder

ENDLESS = (1 << 31) - 1


def counting(loops: int, priority: int = 0) -> Asm:
    """`go` sends nine elements in a microthread and counts to `loops` meanwhile."""
    a = Asm("counting")
    data = a.array("v", F32, range(9))
    out = a.fabout(2, 4, 9)
    options = {"async": 1, "activate": DONE, "priority": priority}
    a.function("go")
    a.dsd(DsdOp.FMOVS, out, None, a.mem(data, 9), **options)
    a.ldi(0, loops)
    a.ldi(1, 1)
    start = a.emit(Op.SUB, Type.U32, a=0, b=0, c=1)
    a.emit(Op.JNZ, a=0, d=start)
    a.ret()
    a.local_task(DONE, "done")
    a.unblock_host()
    a.ret()
    return a


def machine(loops: int, priority: int = 0, max_cycles: int = 100_000) -> Machine:
    """Two PEs: the left one counts and sends to the right one."""
    right, _ = adder(np.zeros(9), 4)
    routes = {(0, 0, 4): route(R, E), (1, 0, 4): route(W, R)}
    return Machine(program([[counting(loops, priority), right]], routes), max_cycles=max_cycles)


def test_a_runaway_loop_stops_at_the_limit() -> None:
    stopped = machine(ENDLESS, max_cycles=1000)
    with pytest.raises(LimitError, match="runs for more than 1000 cycles"):
        stopped.launch("go")
    assert stopped.cycles <= 1000
    assert stopped.report()["instructions"] <= 1010


@pytest.mark.parametrize("priority", [0, 2])
def test_stops_in_between_change_no_cycle(priority: int) -> None:
    at_once, in_steps = machine(300, priority), machine(300, priority)
    at_once.launch("go")
    in_steps.begin_launch("go")
    for _ in range(50):
        in_steps.settle(7)
    in_steps.complete()
    counts = at_once.report()["counts"], in_steps.report()["counts"]
    assert in_steps.cycles == at_once.cycles
    assert (counts[0]["busy"] == counts[1]["busy"]).all()


def test_the_kernel_returns_while_a_loop_runs() -> None:
    """The host looks at signals in between."""
    running = machine(ENDLESS, max_cycles=50_000_000)
    running.begin_launch("go")
    running._run_chunk()
    assert 0 < running.report()["instructions"] < 50_000_000
    assert running.arrays.g[w.G_WAITING] == 2
