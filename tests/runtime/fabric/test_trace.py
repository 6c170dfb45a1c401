"""Recordings say what happened, never change it, and stay within their bounds."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from pyflame.errors import DeadlockError
from pyflame.runtime.fabric.image import Program
from pyflame.runtime.fabric.isa import DsdOp, Op
from pyflame.runtime.fabric.kernel import record_words as r
from pyflame.runtime.fabric.machine import Machine
from pyflame.runtime.fabric.trace.recorded import Recorded
from pyflame.runtime.fabric.trace.recorder import Recording
from tests.runtime.fabric.asm import F32, Asm, E, N, R, W, program, route
from tests.runtime.fabric.programs import chain, two_pes, values

FULL = Recording()
SMALL = Recording(cells=1 << 6, spans=1000, moves=1000, nodes=64, turns=10)


def run(code: Program, recording: Recording | None = SMALL) -> Machine:
    """A machine after a launch of `go`."""
    machine = Machine(code, recording=recording)
    machine.launch("go")
    machine.run_until_idle()
    return machine


def late_sender(n: int, work: int) -> Program:
    """The left PE computes on `work` elements, then sends n; the right one waits for them."""
    a = Asm("left")
    x = a.array("x", F32, max(work, n))
    a.function("go")
    a.dsd(DsdOp.FADDS, a.mem(x, work), a.mem(x, work), a.mem(x, work))
    a.dsd(DsdOp.FMOVS, a.fabout(2, 4, n), None, a.mem(x, n))
    a.unblock_host()
    a.ret()
    b = Asm("right")
    y = b.array("y", F32, n)
    b.function("go")
    b.dsd(DsdOp.FMOVS, b.mem(y, n), None, b.fabin(3, 4, n))
    b.unblock_host()
    b.ret()
    return program([[a, b]], {(0, 0, 4): route(R, E), (1, 0, 4): route(W, R)})


def spans(recorded: Recorded, pe: int, lane: int) -> list[tuple[int, int]]:
    """(begin, end) of the spans of a PE in a lane."""
    rows = recorded.spans
    chosen = rows[(rows[:, r.S_PE] == pe) & (rows[:, r.S_LANE] == lane)]
    return [(int(row[r.S_BEGIN]), int(row[r.S_END])) for row in chosen]


def test_recording_changes_neither_results_nor_cycles() -> None:
    code, v = chain(5, 20)
    plain, recorded = run(code, None), run(code)
    assert plain.cycles == recorded.cycles
    np.testing.assert_array_equal(values(plain, v, 4), values(recorded, v, 4))


def test_bins_add_up_to_the_counters() -> None:
    machine = run(chain(5, 20)[0])
    bins, report = machine.recorded().bins, machine.report()
    assert bins.busy.sum(axis=1).tolist() == report["counts"]["busy"].ravel().tolist()
    assert bins.stalled.sum(axis=1).tolist() == report["counts"]["stalled"].ravel().tolist()
    assert bins.links[:, :, :4].sum() == report["wavelet_hops"] == 80


def test_long_runs_widen_the_bins_and_lose_no_count() -> None:
    code, _ = chain(5, 200)
    fine, coarse = run(code, FULL).recorded(), run(code, Recording(cells=20)).recorded()
    assert (fine.bins.shift, coarse.bins.shift) == (0, 6)
    for name in ("busy", "links"):
        one, other = getattr(fine.bins, name), getattr(coarse.bins, name)
        np.testing.assert_array_equal(one.sum(axis=1), other.sum(axis=1))
    np.testing.assert_array_equal(fine.bins.levels.max(axis=1), coarse.bins.levels.max(axis=1))
    np.testing.assert_array_equal(
        np.bitwise_or.reduce(fine.bins.colors, axis=1),
        np.bitwise_or.reduce(coarse.bins.colors, axis=1),
    )


def test_halving_afterwards_is_recording_coarser() -> None:
    code, _ = chain(5, 50)
    fine = run(code, Recording(cells=5 << 5)).recorded().bins
    coarse = run(code, Recording(cells=5 << 4)).recorded().bins
    halved = fine.halved()
    assert halved.shift == coarse.shift
    np.testing.assert_array_equal(halved.links, coarse.links)
    np.testing.assert_array_equal(halved.colors, coarse.colors)
    np.testing.assert_array_equal(halved.levels, coarse.levels)


def test_links_name_direction_and_colour() -> None:
    bins = run(two_pes(5)[0]).recorded().bins
    assert bins.links.sum(axis=1).tolist() == [[0, 0, 5, 0, 0], [0, 0, 0, 0, 5]]
    assert np.bitwise_or.reduce(bins.colors, axis=1)[0].tolist() == [0, 0, 1 << 4, 0, 0]


def test_queues_fill_while_nobody_reads() -> None:
    a, b = Asm("left"), Asm("right")
    x = a.array("x", F32, 4)
    a.function("go")
    a.dsd(DsdOp.FMOVS, a.fabout(2, 4, 4), None, a.mem(x, 4))
    a.unblock_host()
    a.ret()
    b.input(3, 4)
    b.function("go")
    b.unblock_host()
    b.ret()
    machine = run(program([[a, b]], {(0, 0, 4): route(R, E), (1, 0, 4): route(W, R)}), FULL)
    recorded = machine.recorded()
    assert recorded.high[1, 3] == 4
    level = recorded.bins.levels[1, :, 3].astype(int)
    assert recorded.bins.shift == 0
    assert level.sum() - 4 <= recorded.held[1, 3] <= level.sum()
    assert recorded.bins.levels[1, -1, 3] == 4


def test_spans_are_tasks_and_operations() -> None:
    recorded = run(two_pes(5)[0]).recorded()
    tasks, operation = spans(recorded, 0, r.TASK_SPAN), spans(recorded, 0, 2)
    assert len(tasks) == 2
    assert len(operation) == 1
    assert tasks[0][0] < operation[0][0] < operation[0][1] <= tasks[1][0]


def test_details_can_be_limited_to_pes_and_cycles() -> None:
    code, _ = chain(5, 20)
    everything = run(code).recorded()
    middle = everything.cycles // 2
    chosen = Recording(pes=(1, 0, 2, 1), window=(middle, middle + 10))
    part = run(code, chosen).recorded()
    assert set(part.moves[:, r.M_WHAT] >> 16) <= {1, 2}
    assert set(part.spans[:, r.S_PE]) <= {1, 2}
    times = part.moves[:, r.M_TIME]
    assert len(times)
    assert times.min() >= middle
    assert times.max() < middle + 10
    np.testing.assert_array_equal(part.bins.busy.sum(), everything.bins.busy.sum())


def test_full_lists_say_up_to_when_they_are_complete() -> None:
    code, _ = chain(5, 20)
    recorded = run(code, Recording(spans=4, moves=7)).recorded()
    assert len(recorded.moves) == 7
    assert recorded.moves_until == recorded.moves[-1, r.M_TIME] + 1
    assert recorded.spans_until < recorded.cycles
    assert run(code).recorded().spans_until == recorded.cycles


def test_long_spans_are_kept_to_the_end() -> None:
    a = Asm("rounds")
    short, long = a.array("short", F32, 4), a.array("long", F32, 900)
    a.function("go")
    for _ in range(6):
        for _ in range(9):
            a.dsd(DsdOp.FADDS, a.mem(short, 4), a.mem(short, 4), a.mem(short, 4))
        a.dsd(DsdOp.FADDS, a.mem(long, 900), a.mem(long, 900), a.mem(long, 900))
    a.unblock_host()
    a.ret()
    code = program([[a]])
    everything = spans(run(code).recorded(), 0, r.ON_MEMORY)
    recorded = run(code, Recording(spans=16)).recorded()
    kept = spans(recorded, 0, r.ON_MEMORY)
    assert [s for s in kept if s[1] - s[0] > 400] == [s for s in everything if s[1] - s[0] > 400]
    assert 0 < recorded.spans_until < recorded.cycles
    early = [s for s in everything if s[0] < recorded.spans_until]
    assert [s for s in kept if s[0] < recorded.spans_until] == early
    late = [s for s in kept if s[0] >= recorded.spans_until]
    assert min(end - begin for begin, end in late) >= recorded.spans_least > 0


def test_what_a_deadlock_interrupts_is_shown_as_unfinished() -> None:
    a = Asm("alone")
    y = a.array("y", F32, 3)
    a.function("go")
    a.dsd(DsdOp.FMOVS, a.mem(y, 3), None, a.fabin(3, 4, 3))
    a.unblock_host()
    a.ret()
    machine = Machine(program([[a]], {(0, 0, 4): route(N, R)}), recording=SMALL)
    with pytest.raises(DeadlockError):
        machine.launch("go")
    recorded = machine.recorded()
    assert recorded.unfinished.tolist() == [True, True]
    assert set(recorded.spans[:, r.S_LANE]) == {8, r.TASK_SPAN}


def test_the_chain_goes_from_the_waiting_pe_to_the_late_sender() -> None:
    links = run(late_sender(4, 300)).critical_chain()
    assert [(link.pe, link.cause) for link in links] == [(0, "launch"), (1, "wavelet")]
    sender, receiver = links
    assert receiver.queue == 3
    assert sender.end == receiver.sent < receiver.begin
    assert sender.end - sender.begin > 150
    assert 150 < receiver.waited < receiver.begin


def test_a_pe_that_never_waits_is_alone_on_its_chain() -> None:
    links = run(late_sender(4, 1)).critical_chain()
    assert links[-1].pe == 1
    alone = Asm("alone")
    x = alone.array("x", F32, 100)
    alone.function("go")
    alone.dsd(DsdOp.FADDS, alone.mem(x, 100), alone.mem(x, 100), alone.mem(x, 100))
    alone.unblock_host()
    alone.ret()
    assert [link.cause for link in run(program([[alone]])).critical_chain()] == ["launch"]


def test_the_chain_passes_through_a_reduction_in_order() -> None:
    links = run(chain(6, 30)[0]).critical_chain()
    assert [link.pe for link in links] == [0, 1, 2, 3, 4, 5]
    assert all(one.end <= other.begin for one, other in pairwise(links))


def test_the_chain_goes_on_through_earlier_launches() -> None:
    machine = run(late_sender(4, 300))
    first = machine.cycles
    machine.launch("go")
    links = machine.critical_chain()
    assert [link.cause for link in links] == ["launch", "wavelet", "launch", "wavelet"]
    assert links[1].end <= first <= links[2].begin


def test_a_chain_that_was_not_kept_says_so() -> None:
    machine = Machine(late_sender(4, 300), recording=Recording(nodes=1))
    for _ in range(3):
        machine.launch("go")
    assert machine.critical_chain()[0].cause == "lost"


def test_nodes_that_no_chain_needs_make_room() -> None:
    chains, counts = [], []
    for nodes in (1000, 50):
        machine = Machine(chain(6, 30)[0], recording=Recording(nodes=nodes))
        for _ in range(6):
            machine.launch("go")
        chains.append(machine.critical_chain())
        counts.append(int(machine.arrays.tr[r.T_NODE_COUNT]))
    assert counts[0] > 50 + 6
    assert chains[0] == chains[1]
    assert [link.cause for link in chains[0]].count("launch") == 6


def test_the_chain_ends_when_the_run_ends() -> None:
    a, b = Asm("left"), Asm("right")
    x, y = a.array("x", F32, 4), b.array("y", F32, 600)
    a.function("go")
    a.dsd(DsdOp.FMOVS, a.fabout(2, 4, 4), None, a.mem(x, 4))
    a.unblock_host()
    a.ret()
    b.function("go")
    b.unblock_host()  # the host waits no longer, but copies do
    b.dsd(DsdOp.FMOVS, b.mem(y, 4), None, b.fabin(3, 4, 4))
    b.dsd(DsdOp.FADDS, b.mem(y, 600), b.mem(y, 600), b.mem(y, 600))
    b.ret()
    machine = run(program([[a, b]], {(0, 0, 4): route(R, E), (1, 0, 4): route(W, R)}))
    *_, sender, receiver = machine.critical_chain()
    assert (sender.pe, receiver.pe, receiver.end) == (0, 1, machine.cycles)


def test_changes_of_routes_are_kept() -> None:
    a = Asm("turn")
    a.function("go")
    a.ldi(0, 4)
    a.ldi(1, W)
    a.ldi(2, R)
    a.emit(Op.ROUTESET, a=0, b=1, c=2, d=0)
    a.unblock_host()
    a.ret()
    recorded = run(program([[a]], {(0, 0, 4): route(R, E)})).recorded()
    assert recorded.turns[:, 1:].tolist() == [[4, W | R << 5]]


def test_equal_runs_leave_equal_recordings() -> None:
    first, second = (run(chain(5, 20)[0]).arrays.tr for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_machines_that_do_not_record_have_nothing_to_show() -> None:
    machine = run(two_pes(5)[0], None)
    assert not machine.recording
    with pytest.raises(ValueError, match="does not record"):
        machine.recorded()


@pytest.mark.parametrize(
    "wrong", [{"window": (5, 5)}, {"pes": (0, 0, 0, 1)}, {"pes": (-1, 0, 1, 1)}]
)
def test_empty_choices_are_refused(wrong: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Recording(**wrong)  # pyright: ignore[reportArgumentType]
