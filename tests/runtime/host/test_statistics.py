"""The report explains the time of programs whose critical chain is known."""

from __future__ import annotations

from pyflame.runtime.fabric.image import Program
from pyflame.runtime.fabric.isa import DsdOp
from pyflame.runtime.fabric.machine import Machine
from pyflame.runtime.fabric.trace.recorder import COUNTERS
from pyflame.runtime.host.facts import chain, machine_facts
from pyflame.runtime.host.statistics import machine_statistics
from tests.runtime.fabric.asm import F32, Asm, E, R, W, program, route


def relay(work: tuple[int, ...]) -> Program:
    """PEs in a row: each waits for the one on its left, adds `work[i]` elements, and passes on.

    A last PE, below the first, works for itself and never waits.
    """
    images, routes = [], {}
    for i, n in enumerate(work):
        a = Asm(f"pe{i}")
        x = a.array("x", F32, max(work))
        a.function("go")
        if i:
            a.dsd(DsdOp.FMOVS, a.mem(x, 1), None, a.fabin(3, 4 + i % 2, 1))
        a.dsd(DsdOp.FADDS, a.mem(x, n), a.mem(x, n), a.mem(x, n))
        if i < len(work) - 1:
            a.dsd(DsdOp.FMOVS, a.fabout(2, 5 - i % 2, 1), None, a.mem(x, 1))
            routes[i, 0, 5 - i % 2] = route(R, E)
            routes[i + 1, 0, 5 - i % 2] = route(W, R)
        a.unblock_host()
        a.ret()
        images.append(a)
    return program([images], routes)


def run(code: Program) -> Machine:
    """A machine after a launch of `go`, recorded as for the report."""
    machine = Machine(code, recording=COUNTERS)
    machine.launch("go")
    return machine


def test_the_chain_gives_each_pe_the_time_that_it_works() -> None:
    work = (100, 700, 50, 300)
    machine = run(relay(work))
    found = chain(machine)
    assert [link.pe for link in found.links] == [0, 1, 2, 3]
    lengths = [link.end - link.begin for link in found.links]
    extra = [length - n for length, n in zip(lengths, work, strict=True)]
    assert max(extra) - min(extra) < 60  # what every PE does besides
    assert sum(lengths) + found.under_way == found.cycles
    assert machine.cycles - found.cycles <= 1
    assert found.groups[0].longest.pe == 1


def test_the_table_says_where_the_time_went() -> None:
    machine = run(relay((100, 700, 50)))
    rows = machine_statistics(machine)
    at = [name for name, _ in rows].index("critical chain")
    assert ", to PE (2, 0): 3 parts on 3 PEs; wavelets " in rows[at][1]
    assert "after a wavelet on colour 5, waited for" in rows[at + 1][1]
    assert ": PE (1, 0), cycles " in rows[at + 1][1]
    shares = [float(text.split("%")[0]) for name, text in rows[at + 1 :] if not name]
    assert shares == sorted(shares, reverse=True)
    assert 97 < sum(shares) <= 100.1


def test_facts_of_a_run_without_recording_leave_the_chain_out() -> None:
    machine = Machine(relay((10, 10)))
    machine.launch("go")
    facts = machine_facts(machine)
    assert "critical_chain" not in facts
    assert facts["hottest_router"] == {
        "x": 0, "y": 0, "wavelets": 1, "color": 5, "color_wavelets": 1
    }  # fmt: skip
