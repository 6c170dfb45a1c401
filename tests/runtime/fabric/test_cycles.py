"""The cycle model against published measurements (docs/cycle-model.md names the sources)."""

from __future__ import annotations

import numpy as np
import pytest

from pyflame.arch import WSE2, target
from pyflame.runtime.fabric.isa import DsdOp, DsrFile, Op, dsr_slot
from pyflame.runtime.fabric.machine import Machine
from tests.runtime.fabric.asm import F16, F32, U32, Asm, Dsr, program
from tests.runtime.fabric.programs import broadcast, chain, two_pes, values

N = 5124


def timed(
    op: DsdOp,
    n: int,
    *,
    preloaded: bool,
    shift: int = 0,
    stride: int = 1,
    element=F32,
    arch: str = "wse2",
) -> int:
    """Cycles of one operation d = a (op) b, by the time stamp counter around it.

    `shift` moves b by that many bytes against a, modulo 16.
    """
    a = Asm()
    size = 2 if element == F16 else 4
    x = a.array("x", element, n * abs(stride), align=16)
    a.top += (shift - a.top) % 16
    y = a.array("y", element, n * abs(stride), align=2 if shift % 4 else 4)
    assert (y.address - x.address) % 16 == shift
    stamps = a.array("stamps", U32, 3)
    mx, my = a.mem(x, n, stride), a.mem(y, n, stride)
    a.function("go")
    a.emit(Op.TSCCTL, d=1)
    operands: list[int | Dsr] = [mx, mx, my]
    if preloaded:
        operands = [
            a.load_dsr(dsr_slot(DsrFile.DEST, 0), mx),
            a.load_dsr(dsr_slot(DsrFile.SRC0, 0), mx),
            a.load_dsr(dsr_slot(DsrFile.SRC1, 0), my),
        ]
    for _ in range(WSE2.cycles.dsr_use):
        a.emit(Op.NOP)
    a.ldi(0, 0)
    a.emit(Op.TSC, a=1)
    a.emit(Op.TSC, a=2)
    if op in (DsdOp.FMACS, DsdOp.FMACH):
        a.dsd(op, operands[0], operands[1], operands[2], scalar=0)
    elif op in (DsdOp.FMOVS, DsdOp.FMOVH):
        a.dsd(op, operands[0], None, operands[2])
    else:
        a.dsd(op, operands[0], operands[1], operands[2])
    a.emit(Op.TSC, a=3)
    for i in range(3):
        a.emit(Op.STORE, t=U32, a=1 + i, b=-1, d=stamps.address + 4 * i)
    a.unblock_host()
    a.ret()
    machine = Machine(program([[a]], arch=arch))
    machine.launch("go")
    first, second, third = (int(v) for v in values(machine, stamps))
    assert size
    return (third - second) - (second - first)


SETUP = WSE2.cycles.dsd_setup


@pytest.mark.parametrize(
    ("op", "preloaded", "shift", "published"),
    [
        (DsdOp.FMACS, True, 0, 10_254),
        (DsdOp.FMACS, True, 4, 5_130),
        (DsdOp.FMULS, False, 4, 5_158),
        (DsdOp.FADDS, False, 8, 2_597),
    ],
)
def test_one_operation_takes_what_was_measured(
    op: DsdOp, preloaded: bool, shift: int, published: int
) -> None:
    """Twice as long with a bank clash; the measured counts contain the reading of the counter."""
    got = timed(op, N, preloaded=preloaded, shift=shift)
    assert got == pytest.approx(published, rel=0.015)


@pytest.mark.parametrize(
    ("op", "arch", "clashes"),
    [
        (DsdOp.FMACS, "wse2", {0}),  # one word of each stream a cycle: never in the same word
        (DsdOp.FADDS, "wse2", {0, 4, 12}),  # two words of each: the other half of the banks
        (DsdOp.FADDS, "wse3", {0, 4, 8, 12}),  # four: all banks
    ],
)
def test_streams_that_meet_in_a_bank_take_twice_as_long(
    op: DsdOp, arch: str, clashes: set[int]
) -> None:
    """Which alignments are slow in public stencils: docs/cycle-model.md."""
    rate = target(arch).rates[op.name.lower()]
    for shift in (0, 4, 8, 12):
        taken = timed(op, 64, preloaded=True, shift=shift, arch=arch) - SETUP
        assert taken == 64 / rate * (2 if shift in clashes else 1), shift


def test_registers_that_the_compiler_loads_cost_their_loads_and_a_wait() -> None:
    """Three loads and 4 cycles from the last of them to the operation: C in docs/cycle-model.md."""
    loaded = timed(DsdOp.FMACS, 64, preloaded=False, shift=4)
    assert loaded - timed(DsdOp.FMACS, 64, preloaded=True, shift=4) == 3 + 3


def test_strides_of_eight_serialise_the_banks() -> None:
    def cycles(stride: int) -> int:
        taken = timed(DsdOp.FMOVH, 64, preloaded=True, stride=stride, element=F16)
        return taken - SETUP

    assert [cycles(stride) for stride in (1, 3, 7, 8)] == [16, 16, 32, 64]


@pytest.mark.parametrize(("op", "element"), [(DsdOp.FADDH, F16), (DsdOp.FADDS, F32)])
def test_wse3_rates(op: DsdOp, element) -> None:
    two = timed(op, 64, preloaded=True, element=element)
    three = timed(op, 64, preloaded=True, element=element, arch="wse3")
    assert (two - SETUP) == 2 * (three - SETUP)


def test_wse3_multiplies_and_adds_from_memory_at_four_per_cycle() -> None:
    """8 are listed, but two streams of 16 bytes a cycle meet: docs/cycle-model.md."""
    assert timed(DsdOp.FMACH, 64, preloaded=True, element=F16, arch="wse3") == 16 + SETUP


@pytest.mark.parametrize("arch", ["wse2", "wse3"])
def test_broadcast_costs_words_plus_distance(arch: str) -> None:
    """HPDC'24: W + P + 2 T_R; one more word is one more cycle, one more hop two on WSE-3."""

    def cycles(pes: int, n: int) -> int:
        machine = Machine(broadcast(pes, n, arch)[0])
        machine.launch("go")
        return machine.cycles

    base = cycles(3, 8)
    assert cycles(8, 8) == base + 5 * target(arch).cycles.hop
    assert cycles(3, 29) == base + 21


def test_chain_reduction_costs_words_plus_six_per_pe() -> None:
    """HPDC'24: B + (2 T_R + 2)(P - 1) with T_R = 2."""
    assert WSE2.cycles.ramp == 2

    def cycles(pes: int, n: int) -> int:
        machine = Machine(chain(pes, n)[0])
        machine.launch("go")
        return machine.cycles

    base = cycles(3, 8)
    assert cycles(7, 8) == base + 4 * 6
    assert cycles(3, 40) == base + 32


def test_unit_timing_gives_the_same_values_in_fewer_cycles() -> None:
    results = []
    for timing in ("model", "unit"):
        code, v = two_pes(9)
        machine = Machine(code, timing=timing)
        machine.launch("go")
        results.append((values(machine, v, 1), machine.cycles))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    assert results[1][1] < results[0][1]


def test_operation_on_memory_delays_low_priority_microthreads_only() -> None:
    """One issue slot: an asynchronous receive waits for the main thread, unless it is urgent.

    Either way the receiver issues the same work; the sender is what notices.
    """
    stalled = {}
    for priority in (0, 3):
        code = _overlap(priority)
        machine = Machine(code)
        machine.launch("go")
        stalled[priority] = int(machine.report()["counts"]["stalled"][0, 0])
    assert stalled[0] > 1000 > 30 > stalled[3]


def _overlap(priority: int):
    from tests.runtime.fabric.asm import E, R, W, route

    n = 30
    s, r = Asm("send"), Asm("receive")
    x = s.array("x", F32, n)
    s.function("go")
    s.dsd(DsdOp.FMOVS, s.fabout(2, 4, n), None, s.mem(x, n))
    s.unblock_host()
    s.ret()
    y, z = r.array("y", F32, n), r.array("z", F32, 600)
    r.function("go")
    into = r.fabin(2, 4, n)
    r.dsd(DsdOp.FMOVS, r.mem(y, n), None, into, **{"async": 1, "activate": 9, "priority": priority})
    for _ in range(2):
        r.dsd(DsdOp.FMULS, r.mem(z, 600), r.mem(z, 600), r.mem(z, 600))
    r.ret()
    r.local_task(9, "done")
    r.unblock_host()
    r.ret()
    return program([[s, r]], {(0, 0, 4): route(R, E), (1, 0, 4): route(W, R)})
