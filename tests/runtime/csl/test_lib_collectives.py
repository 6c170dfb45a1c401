"""<collectives_2d>: every operation on every root, at any relative speed, on both axes at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pyflame.errors import SimulationError
from pyflame.runtime.csl.diagnostics import CslError
from pyflame.runtime.fabric.image import Program
from pyflame.runtime.fabric.machine import Machine
from tests.runtime.csl.library import compiled

STEPS = 6
BLOCK = 3  # most words of one PE
SPACE = 5 * BLOCK  # words of a buffer per step
UNTOUCHED = 0xDEADBEEF
BROADCAST, SCATTER, GATHER, REDUCE = range(4)

LAYOUT = """
param width: u16;
param height: u16;
param steps: u16;
param space: u16;
param axes: u16;
const memcpy = @import_module("<memcpy/get_params>", .{ .width = width, .height = height });
const c2d = @import_module("<collectives_2d/params>");
const x_ids = .{ .x_colors = .{ @get_color(10), @get_color(3) },
                 .x_entrypoints = .{ @get_local_task_id(8), @get_local_task_id(9) } };
const y_ids = .{ .y_colors = .{ @get_color(5), @get_color(4) },
                 .y_entrypoints = .{ @get_local_task_id(10), @get_local_task_id(11) } };
layout {
  @set_rectangle(width, height);
  for (@range(u16, width)) |x| {
    for (@range(u16, height)) |y| {
      const both = @concat_structs(x_ids, y_ids);
      const ids = if (axes == 1) x_ids else (if (axes == 2) y_ids else both);
      @set_tile_code(x, y, "pe.csl", .{
        .memcpy_params = memcpy.get_params(x), .c2d = c2d.get_params(x, y, ids),
        .steps = steps, .space = space, .axes = axes });
    }
  }
  @export_name("x_script", [*]u16, true);
  @export_name("x_outgoing", [*]u32, true);
  @export_name("x_incoming", [*]u32, true);
  @export_name("y_script", [*]u16, true);
  @export_name("y_outgoing", [*]u32, true);
  @export_name("y_incoming", [*]u32, true);
  @export_name("main", fn()void);
}
"""

PE = """
param memcpy_params;
param c2d;
param steps: u16;
param space: u16;
param axes: u16;
const sys = @import_module("<memcpy/memcpy>", memcpy_params);
const finished: local_task_id = @get_local_task_id(14);
const use_x = axes != 2;
const use_y = axes != 1;
const x = @import_module(if (use_x) "axis.csl" else "<empty>", .{ .dim_params = c2d.x,
  .done = @get_local_task_id(12), .finished = finished, .steps = steps, .space = space });
const y = @import_module(if (use_y) "axis.csl" else "<empty>", .{ .dim_params = c2d.y,
  .done = @get_local_task_id(13), .finished = finished, .steps = steps, .space = space });
var running: u16 = 0;
fn main() void {
  if (use_x) { running += 1; x.start(); }
  if (use_y) { running += 1; y.start(); }
}
task one_finished() void {
  if (use_x) { running -= x.finish(); }
  if (use_y) { running -= y.finish(); }
  if (running == 0) { sys.unblock_cmd_stream(); }
}
comptime {
  @bind_local_task(one_finished, finished);
  if (use_x) {
    @export_symbol(x.script_pointer, "x_script");
    @export_symbol(x.outgoing_pointer, "x_outgoing");
    @export_symbol(x.incoming_pointer, "x_incoming");
  }
  if (use_y) {
    @export_symbol(y.script_pointer, "y_script");
    @export_symbol(y.outgoing_pointer, "y_outgoing");
    @export_symbol(y.incoming_pointer, "y_incoming");
  }
  @export_symbol(main);
}
"""

AXIS = """
// A script of operations, one after the other; before each one, some idle work.
param dim_params;
param done: local_task_id;
param finished: local_task_id;
param steps: u16;
param space: u16;
const mpi = @import_module("<collectives_2d/pe>", .{ .dim_params = dim_params });
var script = @zeros([steps * 4]u16);
var outgoing = @zeros([steps * space]u32);
var incoming = @zeros([steps * space]u32);
var script_pointer: [*]u16 = &script;
var outgoing_pointer: [*]u32 = &outgoing;
var incoming_pointer: [*]u32 = &incoming;
var step: u16 = 0;
var spun: u16 = 0;
var over: u16 = 0;
fn start() void {
  mpi.init();
  @activate(done);
}
fn finish() u16 {
  const result = over;
  over = 0;
  return result;
}
task next() void {
  if (step == steps) {
    over = 1;
    @activate(finished);
    return;
  }
  const root = script[4 * step + 1];
  const n = script[4 * step + 2];
  const send = @ptrcast([*]u32, &outgoing[step * space]);
  const recv = @ptrcast([*]u32, &incoming[step * space]);
  for (@range(u16, script[4 * step + 3])) |i| { spun += i; }
  const operation = script[4 * step];
  step += 1;
  switch (operation) {
    0 => { mpi.broadcast(root, recv, n, done); },
    1 => { mpi.scatter(root, send, recv, n, done); },
    2 => { mpi.gather(root, send, recv, n, done); },
    else => {
      mpi.reduce_fadds(root, @ptrcast([*]f32, send), @ptrcast([*]f32, recv), n, done);
    },
  }
}
comptime { @bind_local_task(next, done); }
"""


def program(folder: Path, arch: str, width: int, height: int, axes: int = 3) -> Program:
    """Scripts on both axes (3), or on x (1) or y (2) alone."""
    files = {"layout.csl": LAYOUT, "pe.csl": PE, "axis.csl": AXIS}
    return compiled(
        folder, files, arch, width=width, height=height, steps=STEPS, space=SPACE, axes=axes
    )


@dataclass
class Scripts:
    """What the lines of one axis do: `operations` [lines, STEPS, (operation, root, n)].

    `idle`, `outgoing`, `incoming` are per PE, [lines, P, STEPS(, SPACE)].
    """

    operations: np.ndarray
    idle: np.ndarray
    outgoing: np.ndarray
    incoming: np.ndarray

    @classmethod
    def random(cls, rng: np.random.Generator, lines: int, size: int) -> Scripts:
        """Scripts with f32 whole numbers, whose sums are exact in any order."""
        columns = [rng.integers(0, high, (lines, STEPS)) for high in (REDUCE + 1, size, BLOCK + 1)]
        shape = (lines, size, STEPS, SPACE)
        words = rng.integers(-999, 999, shape).astype(np.float32).view(np.uint32)
        incoming = np.full(shape, UNTOUCHED, np.uint32)
        operations = np.stack(columns, axis=-1)
        for line, step in np.ndindex(lines, STEPS):
            kind, root, n = operations[line, step]
            if kind == BROADCAST:
                incoming[line, root, step, :n] = words[line, root, step, :n]
        idle = rng.choice([0, 0, 1, 40], (lines, size, STEPS))
        return cls(operations, idle, words, incoming)

    def expected(self) -> np.ndarray:
        """`incoming` after all operations."""
        result = self.incoming.copy()
        size = result.shape[1]
        for line, step in np.ndindex(self.operations.shape[:2]):
            kind, root, n = self.operations[line, step]
            send = self.outgoing[line, :, step]
            recv = result[line, :, step]
            if kind == BROADCAST:
                recv[:, :n] = recv[root, :n].copy()
            elif kind == SCATTER:
                recv[:, :n] = send[root, : n * size].reshape(size, n)
            elif kind == GATHER:
                recv[root, : n * size] = send[:, :n].ravel()
            else:
                recv[root, :n] = send[:, :n].view(np.float32).sum(axis=0).view(np.uint32)
        return result


def write(machine: Machine, axis: str, s: Scripts) -> None:
    """Give the PEs of an axis their scripts and buffers."""
    lines, size = s.idle.shape[:2]
    operations = np.broadcast_to(s.operations[:, None], (lines, size, STEPS, 3))
    script = np.concatenate([operations, s.idle[..., None]], axis=-1).astype(np.uint16)
    values = {"script": script, "outgoing": s.outgoing, "incoming": s.incoming}
    for name, value in values.items():
        grid = value.reshape(lines, size, -1)
        grid = grid if axis == "x" else grid.swapaxes(0, 1)
        machine.write_symbol(f"{axis}_{name}", 0, 0, np.ascontiguousarray(grid))


def check(machine: Machine, axis: str, s: Scripts) -> None:
    """The PEs of an axis have what their operations should give, and nothing else changed."""
    lines, size = s.idle.shape[:2]
    width, height = (size, lines) if axis == "x" else (lines, size)
    grid = machine.read_symbol_array(f"{axis}_incoming", 0, 0, width, height, STEPS * SPACE)
    grid = grid if axis == "x" else grid.swapaxes(0, 1)
    np.testing.assert_array_equal(grid.reshape(s.incoming.shape), s.expected())


@pytest.mark.parametrize("arch", ["wse2", "wse3"])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 1), (3, 2), (4, 5), (5, 3)])
def test_scripts_on_both_axes(tmp_path: Path, arch: str, width: int, height: int) -> None:
    built = program(tmp_path, arch, width, height)
    for seed in range(6):
        rng = np.random.default_rng([seed, width, height])
        machine = Machine(
            built, timing=("model", "unit")[seed % 2], shuffle_seed=seed if seed % 3 else None
        )
        scripts = {"x": Scripts.random(rng, height, width), "y": Scripts.random(rng, width, height)}
        for axis, s in scripts.items():
            write(machine, axis, s)
        machine.launch("main")
        for axis, s in scripts.items():
            check(machine, axis, s)


@pytest.mark.parametrize(("axes", "axis"), [(1, "x"), (2, "y")])
def test_one_axis_may_be_left_out(tmp_path: Path, axes: int, axis: str) -> None:
    machine = Machine(program(tmp_path, "wse2", 3, 3, axes))
    s = Scripts.random(np.random.default_rng(0), 3, 3)
    write(machine, axis, s)
    machine.launch("main")
    check(machine, axis, s)


def test_equal_programs_share_one_image(tmp_path: Path) -> None:
    assert len(program(tmp_path, "wse3", 4, 4).images) == 1


@pytest.mark.parametrize("kind", [BROADCAST, REDUCE])
def test_distance_costs_little(tmp_path: Path, kind: int) -> None:
    """Broadcast and reduction are pipelined: time is words plus distance, not their product."""

    def cycles(size: int) -> int:
        machine = Machine(program(tmp_path, "wse2", size, 1, axes=1), timing="unit")
        s = Scripts.random(np.random.default_rng(0), 1, size)
        s.operations[:] = (kind, 0, SPACE)
        s.idle[:] = 0
        write(machine, "x", s)
        machine.launch("main")
        return machine.cycles

    per_pe = (cycles(12) - cycles(4)) / 8 / STEPS
    assert per_pe < SPACE


def test_a_second_operation_before_the_first_is_done_is_refused(tmp_path: Path) -> None:
    once = "mpi.broadcast(root, recv, n, done);"
    axis = AXIS.replace(once, once * 2)
    files = {"layout.csl": LAYOUT, "pe.csl": PE, "axis.csl": axis}
    built = compiled(tmp_path, files, width=2, height=1, steps=STEPS, space=SPACE, axes=1)
    machine = Machine(built)
    s = Scripts.random(np.random.default_rng(0), 1, 2)
    s.operations[:] = (BROADCAST, 0, 2)
    write(machine, "x", s)
    with pytest.raises(SimulationError, match="@assert failed: the operation before"):
        machine.launch("main")


def test_a_root_outside_the_line_is_refused(tmp_path: Path) -> None:
    machine = Machine(program(tmp_path, "wse2", 2, 1, axes=1))
    s = Scripts.random(np.random.default_rng(0), 1, 2)
    s.operations[:] = (BROADCAST, 2, 2)
    write(machine, "x", s)
    with pytest.raises(SimulationError, match="@assert failed: the root is"):
        machine.launch("main")


def test_one_queue_for_both_colors_is_refused(tmp_path: Path) -> None:
    axis = AXIS.replace(
        ".dim_params = dim_params }", ".dim_params = dim_params, .queues = [2]u16{4, 4} }"
    )
    files = {"layout.csl": LAYOUT, "pe.csl": PE, "axis.csl": axis}
    with pytest.raises(CslError, match="needs two queues"):
        compiled(tmp_path, files, width=2, height=1, steps=STEPS, space=SPACE, axes=1)
