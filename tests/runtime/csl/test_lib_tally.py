"""<kernels/tally>: counts of all PEs meet at the corner, in two phases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pyflame.errors import DeadlockError
from pyflame.runtime.csl.diagnostics import CslError
from pyflame.runtime.fabric.machine import Machine
from tests.runtime.csl.library import compiled

LAYOUT = """
param width: u16;
param height: u16;
param goal: u32;
const memcpy = @import_module("<memcpy/get_params>", .{ .width = width, .height = height });
const tally = @import_module("<kernels/tally/layout>", .{
  .kernel_width = width, .kernel_height = height, .phase2_tally = goal,
  .colors = [3]color{ @get_color(4), @get_color(5), @get_color(6) },
  .output_color = @get_color(7) });
layout {
  @set_rectangle(width, height);
  for (@range(u16, width)) |x| {
    for (@range(u16, height)) |y| {
      @set_tile_code(x, y, "pe.csl", .{
        .memcpy_params = memcpy.get_params(x), .tally_params = tally.get_params(x, y),
        .corner = x == width - 1 and y == 0 });
    }
  }
  @export_name("work", [*]u32, true);
  @export_name("out", [*]u32, true);
  @export_name("main", fn()void);
}
"""

PE = """
param memcpy_params;
param tally_params;
param corner: bool;
const sys = @import_module("<memcpy/memcpy>", memcpy_params);
const done: local_task_id = @get_local_task_id(12);
const again: local_task_id = @get_local_task_id(13);
const tally = @import_module("<kernels/tally/pe>", @concat_structs(tally_params, .{
  .output_queues = [2]u16{ 2, 3 }, .input_queues = [2]u16{ 4, 5 }, .callback = done }));

// Counts to report, each with a count of its own; completion after the first `work[0]` of them.
var work = @zeros([9]u32);
var work_pointer: [*]u32 = &work;
var out = @zeros([2]u32);
var out_pointer: [*]u32 = &out;
var at: u16 = 0;

fn main() void {
  @activate(again);
  if (!corner) { sys.unblock_cmd_stream(); }
}
task report() void {
  if (@as(u32, at) >= work[0]) { tally.signal_completion(); }
  if (at < 8) {
    at += 1;
    tally.bump_tally(work[at]);
    @activate(again);
  }
}
task whole() void {
  out[0] = tally.local_tally;
  out[1] += 1;
  sys.unblock_cmd_stream();
}
comptime {
  @bind_local_task(report, again);
  @bind_local_task(whole, done);
  @export_symbol(work_pointer, "work");
  @export_symbol(out_pointer, "out");
  @export_symbol(main);
}
"""


def machine_for(folder: Path, arch: str, work: np.ndarray, goal: int, **options: object) -> Machine:
    """A machine whose PEs report `work[height, width, 9]`."""
    height, width = work.shape[:2]
    files = {"layout.csl": LAYOUT, "pe.csl": PE}
    built = compiled(folder, files, arch, width=width, height=height, goal=goal)
    machine = Machine(built, **options)  # pyright: ignore[reportArgumentType]
    machine.write_symbol("work", 0, 0, work)
    return machine


def random_work(seed: int, width: int, height: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    work = rng.integers(0, 1 << 20, (height, width, 9), dtype=np.uint32)
    work[:, :, 0] = rng.integers(0, 9, (height, width))
    return work


@pytest.mark.parametrize("arch", ["wse2", "wse3"])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 4), (4, 1), (3, 3), (4, 2)])
@pytest.mark.parametrize("timing", ["model", "unit"])
def test_the_corner_learns_the_total_once(
    tmp_path: Path, arch: str, width: int, height: int, timing: str
) -> None:
    work = random_work(width, width, height)
    total = int(work[:, :, 1:].sum())
    for seed in (None, 3):
        machine = machine_for(tmp_path, arch, work, total, timing=timing, shuffle_seed=seed)
        machine.launch("main")
        machine.run_until_idle()
        out = machine.read_symbol_array("out", 0, 0, width, height, 2)
        assert out[0, width - 1].tolist() == [total, 1]
        assert out.sum() == total + 1


def test_without_a_second_phase_completion_is_enough(tmp_path: Path) -> None:
    work = random_work(0, 2, 2)
    work[:, :, 0] = 8
    work[:, :, 1:] = 0
    machine = machine_for(tmp_path, "wse2", work, 0)
    machine.launch("main")
    assert machine.read_symbol_array("out", 0, 0, 2, 1, 2)[0, 1].tolist() == [0, 1]


@pytest.mark.parametrize(("goal", "last"), [(1, 8), (0, 9)])
def test_both_phases_must_end(tmp_path: Path, goal: int, last: int) -> None:
    """The count is not reached, or one PE (here: of completion 9, after all work) never signals."""
    work = np.zeros((2, 2, 9), np.uint32)
    work[1, 0, 0] = last
    machine = machine_for(tmp_path, "wse2", work, goal)
    with pytest.raises(DeadlockError):
        machine.launch("main")


NO_CALLBACK = PE.replace(", .callback = done", "").replace(
    "if (!corner) { sys.unblock_cmd_stream(); }", "sys.unblock_cmd_stream();"
)  # fmt: skip


@pytest.mark.parametrize("arch", ["wse2", "wse3"])
@pytest.mark.parametrize("phases", [1, 2])
def test_without_a_callback_the_host_gets_the_total(tmp_path: Path, arch: str, phases: int) -> None:
    work = random_work(5, 3, 2)
    total = int(work[:, :, 1:].sum())
    layout = LAYOUT.replace(
        ".height = height })", ".height = height, .MEMCPYD2H_1 = @get_color(7) })", 1
    )
    files = {"layout.csl": layout, "pe.csl": NO_CALLBACK}
    goal = total if phases == 2 else 0
    machine = Machine(compiled(tmp_path, files, arch, width=3, height=2, goal=goal))
    machine.write_symbol("work", 0, 0, work)
    machine.launch("main")
    stream = machine.stream_out(7, 2, 0, 1, 1, 1)
    assert machine.wait(stream)[0, 0].tolist() == [goal]


def test_a_kernel_below_the_top_row_sends_its_total_north(tmp_path: Path) -> None:
    layout = """
    const memcpy = @import_module("<memcpy/get_params>", .{ .width = 2, .height = 2 });
    const tally = @import_module("<kernels/tally/layout>", .{
      .kernel_width = 2, .kernel_height = 1, .phase2_tally = 5,
      .colors = [3]color{ @get_color(4), @get_color(5), @get_color(6) },
      .output_color = @get_color(7) });
    layout {
      @set_rectangle(2, 2);
      for (@range(u16, 2)) |x| {
        @set_tile_code(x, 0, "top.csl", .{ .memcpy_params = memcpy.get_params(x) });
        @set_tile_code(x, 1, "pe.csl", .{ .memcpy_params = memcpy.get_params(x),
          .tally_params = tally.get_params(x, 0), .corner = x == 1 });
      }
      @set_color_config(1, 0, @get_color(7), .{ .routes = .{ .rx = .{ SOUTH }, .tx = .{ RAMP } } });
      @export_name("work", [*]u32, true);
      @export_name("out", [*]u32, true);
      @export_name("main", fn()void);
    }
    """
    top = """
    param memcpy_params;
    const sys = @import_module("<memcpy/memcpy>", memcpy_params);
    const iq = @get_input_queue(3);
    var work = @zeros([9]u32);
    var work_pointer: [*]u32 = &work;
    var out = @zeros([2]u32);
    var out_pointer: [*]u32 = &out;
    fn main() void { sys.unblock_cmd_stream(); }
    task take(total: u32) void { out[0] = total; }
    comptime {
      @initialize_queue(iq, .{ .color = @get_color(7) });
      @bind_data_task(take, @get_data_task_id(@get_color(7)));
      @export_symbol(work_pointer, "work");
      @export_symbol(out_pointer, "out");
      @export_symbol(main);
    }
    """
    files = {"layout.csl": layout, "pe.csl": NO_CALLBACK, "top.csl": top}
    machine = Machine(compiled(tmp_path, files))
    work = np.zeros((2, 2, 9), np.uint32)
    work[1, :, 1] = 3
    machine.write_symbol("work", 0, 0, work)
    machine.launch("main")
    machine.run_until_idle()
    assert machine.read_symbol_array("out", 1, 0, 1, 1, 2)[0, 0].tolist() == [6, 0]


def test_a_tally_needs_a_callback_or_a_colour(tmp_path: Path) -> None:
    layout = LAYOUT.replace(",\n  .output_color = @get_color(7)", "")
    with pytest.raises(CslError, match=r"needs a \.callback on its PEs or an \.output_color"):
        compiled(tmp_path, {"layout.csl": layout, "pe.csl": NO_CALLBACK}, width=1, height=1, goal=0)
