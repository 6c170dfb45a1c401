"""Predicted cycles: each formula once, and what makes up a phase."""

from __future__ import annotations

import pytest
from xdsl.parser import Parser

from pyflame.arch import WSE2
from pyflame.dialects import new_context
from pyflame.dialects.dataflow.program import programs
from pyflame.passes.dataflow_predict_cycles import PhaseCycles, predict_cycles

M = WSE2.cycles
T = "!dataflow.view<100xf32, [1]>"
DECLARED = f"""
  %x = dataflow.buffer @x temporary : memref<1024xf32>
  dataflow.channel @bus along cols [
    #dataflow.route<0, 0 to 1 step 1, [ramp] -> [ramp, east]>,
    #dataflow.route<0, 1 to 8 step 1, [west, ramp] -> [ramp]>]
  dataflow.channel @chain along cols [
    #dataflow.route<0, 2 to 8 step 2, [ramp] -> [west]>,
    #dataflow.route<1, 1 to 8 step 2, [ramp] -> [west]>]
  %first = dataflow.first cols
  %n = dataflow.valid cols tile 30 of 210
  %v = dataflow.view %x : memref<1024xf32> -> {T}
  %c = dataflow.view %x : memref<1024xf32> -> !dataflow.view<16x12xf32, [12, 1]>
  %a = dataflow.view %x sizes (%n) : memref<1024xf32> -> !dataflow.view<16x?xf32, [1, 16]>
  %b = dataflow.view %x sizes (%n) : memref<1024xf32> -> !dataflow.view<?x12xf32, [12, 1]>
  %0 = arith.constant 0 : index
  %1 = arith.constant 1 : index
  %4 = arith.constant 4 : index
"""


def cycles(*lines: str) -> int:
    """Predicted cycles of a phase of `lines` on 1 × 8 PEs."""
    body = "\n".join(lines)
    text = (
        f'dataflow.program @main on "wse2" rows 1 cols 8 {{ {DECLARED}\n'
        f'dataflow.phase "p" {{ {body} }} dataflow.finish }}'
    )
    (program,) = programs(Parser(new_context(), text).parse_module())
    program.verify()
    (phase,) = predict_cycles(program)
    assert phase == PhaseCycles("p", phase.cycles)
    return phase.cycles


NEG = f"dataflow.neg %v, %v : {T}, {T}"
SETUP = M.dsd_setup + M.dsr_use
NEG_CYCLES = SETUP + 2 * M.dsr_load + 100 // 2
RECV = SETUP + 2 * M.dsr_load + 100
BUS = 7 * M.hop + 2 * M.ramp
CHAIN = 7 * (2 * M.ramp + M.hop + 1)

FORMULAS = {
    NEG: NEG_CYCLES,
    f"dataflow.mul %v, %v, %v : {T}, {T}, {T}": SETUP + 3 * M.dsr_load + 100,
    f"dataflow.map into %v, ins(%v : {T}) {{ ^bb0(%e: f32): %r = math.exp %e : f32 "
    f"dataflow.yield %r : f32 }} : {T}": SETUP
    + 2 * M.dsr_load
    + M.map_setup
    + 100 * (2 * M.map_element + M.math + M.alu),
    "dataflow.matmul n %c, %a, %b : !dataflow.view<16x12xf32, [12, 1]>, "
    "!dataflow.view<16x?xf32, [1, 16]>, !dataflow.view<?x12xf32, [12, 1]>": 30
    * (M.map_setup + 4 * M.dsr_load + M.loop + 16 * (M.dsd_setup + M.map_element + 12)),
    f"dataflow.send %v on @bus async : {T}": SETUP + 2 * M.dsr_load,
    f"dataflow.send %v on @bus : {T}": RECV,
    f"dataflow.recv %v on @bus : {T}": RECV + BUS,
    f"dataflow.reduce_step %v on @chain forward : {T}": RECV + M.dsr_load + CHAIN,
    f"scf.for %i = %0 to %4 step %1 {{ {NEG} }}": 4 * (NEG_CYCLES + M.loop + 2 * M.alu),
    f"scf.for %i = %0 to %4 step %1 {{ dataflow.recv %v on @bus : {T} }}": 4
    * (RECV + M.loop + 2 * M.alu)
    + BUS,
    f"scf.if %first {{ {NEG} }} else {{ dataflow.send %v on @bus : {T} }}": RECV,
}


@pytest.mark.parametrize(("lines", "expected"), FORMULAS.items())
def test_formula(lines: str, expected: int) -> None:
    assert cycles(lines) == expected


def test_panels_of_varying_length_count_with_their_mean() -> None:
    panel = """
      %m = arith.minsi %i, %4 : index
      %w = dataflow.view %x sizes (%m) : memref<1024xf32> -> !dataflow.view<?xf32, [1]>
      dataflow.neg %w, %w : !dataflow.view<?xf32, [1]>, !dataflow.view<?xf32, [1]>"""
    loop = f"scf.for %i = %0 to %4 step %1 {{ {panel} }} {{dataflow.total = 40 : i64}}"
    turn = SETUP + 2 * M.dsr_load + 10 // 2 + M.loop + 2 * M.alu
    assert cycles(loop) == 4 * turn
