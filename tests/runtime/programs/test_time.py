"""What scalar code costs: rules of docs/cycle-model.md that the CSL compiler takes part in."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyflame.arch import target
from pyflame.runtime.fabric.machine import Machine
from tests.runtime.programs.sources import Source


def cycles(tmp_path: Path, arch: str, body: str, declarations: str = "") -> int:
    """Cycles until a launched function with `body` is done."""
    source = Source(f"{declarations} fn main() void {{ {body} sys.unblock_cmd_stream(); }}")
    machine = Machine(source.compiled(tmp_path, arch))
    machine.launch("main")
    machine.complete()
    return machine.cycles


def test_division_by_a_known_number_is_multiplied(tmp_path: Path, arch: str):
    model = target(arch).cycles
    numbers = "var n: i16 = 100; var m: i16 = 7; var q: i16 = 0;"
    known = cycles(tmp_path, arch, "q = n / 7;", numbers)
    unknown = cycles(tmp_path, arch, "q = n / m;", numbers)
    assert unknown - known == model.idiv - model.idiv_constant + model.load


def test_short_loops_of_known_length_do_not_jump(tmp_path: Path, arch: str):
    """16 trips are unrolled, 17 are not."""
    body = "for (@range(u16, {})) |i| {{ out[i % 16] += 1; }}"
    each = cycles(tmp_path, arch, body.format(16)) - cycles(tmp_path, arch, body.format(15))
    jumps = cycles(tmp_path, arch, body.format(17)) - cycles(tmp_path, arch, body.format(16)) - each
    model = target(arch).cycles
    assert jumps == 17 * (model.loop + model.branch) + model.branch_taken


def test_short_conditions_are_predicated(tmp_path: Path, arch: str):
    """One cycle, whether the condition holds or not; a call behind it is jumped over."""
    state = "var n: i16 = {}; fn f() void {{ out[0] = 1; out[1] = 2; out[2] = 3; }}"
    short = "if (n > 0) {{ out[0] = 5; }}"
    holds = cycles(tmp_path, arch, short.format(), state.format(1))
    fails = cycles(tmp_path, arch, short.format(), state.format(0))
    assert holds - fails == target(arch).cycles.store
    model = target(arch).cycles
    called = cycles(tmp_path, arch, "if (n > 0) f();", state.format(0))
    assert called - fails == model.branch_taken - model.alu


@pytest.mark.parametrize("register", ["dsr_dest", "dsr_src0"])
def test_a_first_source_may_also_be_the_destination(tmp_path: Path, arch: str, register: str):
    """Public programs accumulate into the register of the first source."""
    operation = f"""
    var v = @zeros([4]f32);
    const all = @get_dsd(mem1d_dsd, .{{ .tensor_access = |i|{{4}} -> v[i] }});
    const into = @get_dsr({register}, 1); const from = @get_dsr(dsr_src0, 1);
    """
    body = "@load_to_dsr(into, all); @load_to_dsr(from, all); @fadds(into, from, 2.0);"
    assert cycles(tmp_path, arch, body, operation) > 0
