"""`<tile_config>` of the core: queues, priorities and exceptions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pyflame.errors import SimulationError
from pyflame.runtime.fabric.machine import Machine
from tests.runtime.csl.library import HEAD, LAYOUT, compiled, ran

TILE = 'const tile = @import_module("<tile_config>");\n'
ARCHES = ("wse2", "wse3")
QUEUED = (
    TILE
    + """
const c = @get_color(9);
const oq = @get_output_queue(3);
const iq = @get_input_queue(3);
const sink = @get_dsd(fabout_dsd, .{ .extent = LENGTH, .fabric_color = c, .output_queue = oq });
const in_status = tile.input_queue_status;
const out_status = tile.output_queue_status;
var words = @zeros([32]u32);
const all = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{LENGTH} -> words[i] });
var sum: u16 = 0;
fn main() void {
  @mov32(sink, all, .{ .async = true, .priority = .{ .high = true } });
  for (@range(u16, 300)) |i| { sum += i; }
  const s = in_status.get();
  const o = out_status.get();
  out[0] = if (in_status.is_full(s, iq)) 1 else 0;
  out[1] = if (in_status.is_empty(s, iq)) 1 else 0;
  out[2] = if (in_status.all_empty(s)) 1 else 0;
  out[3] = if (in_status.none_full(s)) 1 else 0;
  out[4] = if (out_status.is_full(o, oq)) 1 else 0;
  out[5] = if (out_status.is_empty(o, oq)) 1 else 0;
  out[6] = if (out_status.all_empty(o)) 1 else 0;
  out[7] = if (out_status.all_full(o) or in_status.all_full(s)) 1 else 0;
  out[8] = if (out_status.none_empty(o) or in_status.none_empty(s)) 1 else 0;
  out[9] = if (in_status.get_raw() == @as(u16, s.empty) | @as(u16, s.full) << 8) 1 else 0;
  sys.unblock_cmd_stream();
}
comptime {
  @set_local_color_config(c, .{ .routes = .{ .rx = .{ RAMP }, .tx = .{ RAMP } } });
  @initialize_queue(oq, if (@is_arch("wse3")) .{ .color = c } else .{});
  @initialize_queue(iq, .{ .color = c });
}
"""
)


@pytest.mark.parametrize("arch", ARCHES)
@pytest.mark.parametrize(
    ("length", "status"),
    [
        (1, [0, 0, 0, 1, 0, 1, 1, 0, 0, 1]),
        (4, [1, 0, 0, 0, 0, 1, 1, 0, 0, 1]),  # four wavelets are what input queue 3 holds
        (30, [1, 0, 0, 0, 1, 0, 0, 0, 0, 1]),
    ],
)
def test_queue_status(tmp_path: Path, length: int, status: list[int], arch: str) -> None:
    body = QUEUED.replace("LENGTH", str(length))
    assert ran(tmp_path, body, arch, count=10).tolist() == status


PRIORITIES = (
    TILE
    + """
var n: u32 = 0;
task low() void { n += 1; out[0] = n; }
task high() void { n += 1; out[1] = n; }
const low_id = @get_local_task_id(10);
const high_id = @get_local_task_id(12);
fn main() void { sys.unblock_cmd_stream(); }
comptime {
  @bind_local_task(low, low_id);
  @bind_local_task(high, high_id);
  @activate(low_id);
  @activate(high_id);
  CALL;
}
"""
)


@pytest.mark.parametrize(
    ("call", "order"),
    [
        ("tile.task_priority.set_task_priority(high_id)", [2, 1]),
        ("tile.task_priority.update_task_priority(low_id, tile.task_priority.level.HIGH)", [1, 2]),
    ],
)
def test_task_priority_at_compile_time(tmp_path: Path, call: str, order: list[int]) -> None:
    assert ran(tmp_path, PRIORITIES.replace("CALL", call), count=2).tolist() == order


MAIN = (
    TILE
    + """
const c = @get_color(9);
const oq = @get_output_queue(2);
const iq = @get_input_queue(3);
const mt = tile.main_thread_priority;
var words = @zeros([500]u32);
var copy = @zeros([500]u32);
const all = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{500} -> words[i] });
const got = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{500} -> copy[i] });
const sink = @get_dsd(fabout_dsd, .{ .extent = 500, .fabric_color = c, .output_queue = oq });
const source = @get_dsd(fabin_dsd, .{ .extent = 500, .fabric_color = c, .input_queue = iq });
var sum: u16 = 0;
fn main() void {
  BEFORE;
  @mov32(sink, all, .{ .async = true, .priority = .{ .PRIORITY = true } });
  @mov32(got, source, .{ .async = true, .priority = .{ .PRIORITY = true } });
  for (@range(u16, 60)) |i| { sum += i; }
  sys.unblock_cmd_stream();
}
comptime {
  AT_START;
  @set_local_color_config(c, .{ .routes = .{ .rx = .{ RAMP }, .tx = .{ RAMP } } });
  @initialize_queue(oq, if (@is_arch("wse3")) .{ .color = c } else .{});
  @initialize_queue(iq, .{ .color = c });
}
"""
)


def main_cycles(folder: Path, level: str, priority: str, at_start: bool = False) -> int:
    """Cycles until a loop has ended beside two microthreads of `priority`."""
    call = f"mt.update_main_thread_priority(mt.level.{level})"
    before, start = ("", call) if at_start else (call, "")
    body = MAIN.replace("PRIORITY", priority).replace("BEFORE;", f"{before};" if before else "")
    body = body.replace("AT_START;", f"{start};" if start else "")
    files = {"layout.csl": LAYOUT, "pe.csl": HEAD + body}
    machine = Machine(compiled(folder, files, width=1, height=1))
    machine.launch("main")
    return machine.cycles


def test_main_thread_priority(tmp_path: Path) -> None:
    """The main thread waits for microthreads above it, shares with its equals, passes the rest."""
    alone = main_cycles(tmp_path, "HIGH", "medium")
    levels = ("MEDIUM_LOW", "MEDIUM", "MEDIUM_HIGH", "HIGH")
    medium = [main_cycles(tmp_path, level, "medium") for level in levels]
    high = [main_cycles(tmp_path, level, "high") for level in levels]
    assert medium[0] > medium[1] > medium[2] == medium[3] == alone
    assert high[0] == high[1] == high[2] > high[3] > alone
    assert main_cycles(tmp_path, "HIGH", "medium", at_start=True) <= alone


EXCEPTIONS = (
    TILE
    + """
const e = tile.exceptions;
const math = @import_module("<math>");
var zero: f32 = 0.0;
var one: f32 = 1.0;
var three: f32 = 3.0;
var big: f32 = 3e38;
var small: f32 = 1e-38;
var h: f16 = 60000.0;
var v = [2]f32{ 3e38, 1.0 };
const d = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{2} -> v[i] });
fn main() void {
  e.set_exception_mask(MASK);
  out[0] = @bitcast(u32, @as(f32, VALUE));
  sys.unblock_cmd_stream();
}
"""
)


STOPS = [
    ("FP_DIV_BY_0", "one / zero", "was divided by zero"),
    ("FP_DIV_BY_0", "math.log(zero)", "was divided by zero"),
    ("FP_OVERFLOW", "big * big", "overflowed"),
    ("FP_OVERFLOW", "big + big", "overflowed"),
    ("FP_OVERFLOW", "h + h", "overflowed"),
    ("FP_UNDERFLOW", "small * small", "underflowed"),
    ("FP_INEXACT", "one / three", "was rounded"),
    ("FP_INEXACT", "big + one", "was rounded"),
    ("FP_INVALID", "zero / zero", "had no valid result"),
    ("FP_INVALID", "math.sqrt(-one)", "had no valid result"),
]


def value_under(folder: Path, mask: str, value: str) -> float:
    """An f32 computed with an exception mask."""
    body = EXCEPTIONS.replace("MASK", mask).replace("VALUE", value)
    return float(ran(folder, body, count=1).view(np.float32)[0])


@pytest.mark.parametrize(("name", "value", "message"), STOPS)
def test_an_unmasked_exception_stops(tmp_path: Path, name: str, value: str, message: str) -> None:
    with pytest.raises(SimulationError, match=message):
        value_under(tmp_path, f"e.{name}", value)
    value_under(tmp_path, "0xffff", value)  # masked: it goes on


@pytest.mark.parametrize("value", ["one + one", "three * three", "one / (one + one)", "h - h"])
def test_exact_results_raise_nothing(tmp_path: Path, value: str) -> None:
    masks = ("FP_DIV_BY_0", "FP_OVERFLOW", "FP_UNDERFLOW", "FP_INEXACT", "FP_INVALID")
    assert value_under(tmp_path, " & ".join(f"e.{m}" for m in masks), value) in (2.0, 9.0, 0.5, 0.0)


def test_several_exceptions_at_once(tmp_path: Path) -> None:
    both = "e.FP_OVERFLOW & e.FP_UNDERFLOW"
    for value in ("big * big", "small * small"):
        with pytest.raises(SimulationError, match="flowed"):
            value_under(tmp_path, both, value)
    assert value_under(tmp_path, both, "one / zero") == np.inf


def test_exceptions_of_dsd_operations(tmp_path: Path) -> None:
    body = EXCEPTIONS.replace("MASK", "e.FP_OVERFLOW").replace("VALUE", "one")
    body = body.replace("  sys.unb", "  @fmuls(d, d, big);\n  sys.unb")
    with pytest.raises(SimulationError, match="overflowed, which the program unmasked"):
        ran(tmp_path, body, count=1)
