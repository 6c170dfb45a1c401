"""What the host sees: streams, arguments of launches, time stamps, printed lines, races."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pyflame.runtime.fabric.machine import Machine
from tests.runtime.programs.sources import HEAD, Source

Result = Callable[..., Any]

STREAMS = ", .MEMCPYH2D_1 = red, .MEMCPYD2H_1 = blue"
COUNT = 30

ECHO = """
const send = @get_dsd(fabout_dsd, .{ .extent = 1, .fabric_color = blue, .output_queue = out2 });
const own_id = data_id(in3, red);
task take(v: u32) void {
  @block(own_id);
  @mov32(send, v * 3 + x, .{ .async = true, .unblock = own_id });
}
comptime { sends(out2, blue); receives(in3, red); @bind_data_task(take, own_id); }
fn main() void { sys.unblock_cmd_stream(); }
"""
"""Streams beyond any queue: in on red, out on blue."""


def test_streams_in_both_directions(result: Result, arch: str):
    data = np.arange(4 * COUNT, dtype=np.uint32).reshape(2, 2, COUNT)

    def drive(machine: Machine) -> np.ndarray:
        machine.stream_in(1, 0, 0, data)
        return machine.wait(machine.stream_out(2, 0, 0, 2, 2, COUNT))

    column = np.array([0, 1], np.uint32).reshape(1, 2, 1)
    source = Source(ECHO, width=2, height=2, streams=STREAMS)
    np.testing.assert_array_equal(result(source, arch, drive), data * 3 + column)


def test_a_stream_into_an_operation_between_copies(result: Result, arch: str):
    source = Source(
        """
        const receive = @get_dsd(fabin_dsd, .{ .extent = 8, .fabric_color = red,
                                               .input_queue = in3 });
        const to = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{8} -> out[i] });
        const done_id = @get_local_task_id(9);
        task done() void { sys.unblock_cmd_stream(); }
        comptime { receives(in3, red); @bind_local_task(done, done_id); }
        fn main() void { @mov32(to, receive, .{ .async = true, .activate = done_id }); }
        """,
        streams=", .MEMCPYH2D_1 = red",
    )

    def drive(machine: Machine) -> np.ndarray:
        machine.begin_launch("main")
        machine.stream_in(1, 0, 0, np.arange(8, dtype=np.uint32).reshape(1, 1, 8))
        machine.complete()
        machine.write_symbol("out", 0, 0, np.full((1, 1, 2), 50, np.uint32))
        return machine.read_symbol_array("out", 0, 0, 1, 1, 8)[0, 0]

    assert result(source, arch, drive).tolist() == [50, 50, 2, 3, 4, 5, 6, 7]


def test_launches_with_arguments(result: Result, arch: str):
    source = Source(
        """
        fn main(a: i16, b: u32, c: f32) void {
          out[0] += b;
          out[1] = if (a < 0) 1 else 0;
          out[2] = @as(u32, c * 4.0);
          sys.unblock_cmd_stream();
        }
        """,
        arguments="i16, u32, f32",
    )
    program_arguments = [-3, 70000, int(np.float32(2.25).view(np.uint32))]

    def drive(machine: Machine) -> np.ndarray:
        machine.launch("main", program_arguments)
        machine.launch("main", program_arguments)
        return machine.read_symbol_array("out", 0, 0, 1, 1, 3)[0, 0]

    assert result(source, arch, drive).tolist() == [140000, 1, 9]


TIMED = """
const time = @import_module("<time>");
var start = @zeros([3]u16);
var end = @zeros([3]u16);
var values = @zeros([200]f32);
const d = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{200} -> values[i] });
fn cycles(words: *[3]u16) u32 { return @as(u32, words.*[0]) | @as(u32, words.*[1]) << 16; }
fn main() void {
  time.enable_tsc();
  time.get_timestamp(&start);
  @fmuls(d, d, 2.0);
  time.get_timestamp(&end);
  out[0] = cycles(&end) - cycles(&start);
  sys.unblock_cmd_stream();
}
"""


def test_time_stamps_measure_the_model(tmp_path: Path, arch: str):
    program = Source(TIMED).compiled(tmp_path, arch)
    spent = {}
    for timing in ("model", "unit"):
        machine = Machine(program, timing=timing)
        machine.launch("main")
        spent[timing] = int(machine.read_symbol_array("out", 0, 0, 1, 1, 1)[0, 0, 0])
    assert 200 <= spent["model"] <= 300  # 200 elements at one per cycle, and the set-up
    assert 0 < spent["unit"] < spent["model"]


def test_printed_lines(result: Result, arch: str):
    source = Source(
        """
        const log = @import_module("<simprint>");
        fn main() void {
          log.print_string("PE ");
          log.print_u16_decimal(x);
          log.print_string(": ");
          log.print_i16_decimal(-5);
          log.print_string(" ");
          log.print_u32_hex(0xbeef);
          log.print_string(" 0x");
          log.print_u16_hex(0xaf);
          log.print_string(" ");
          log.print_f32(1.5);
          log.print_newline();
          sys.unblock_cmd_stream();
        }
        """,
        width=2,
    )

    def drive(machine: Machine) -> list[str]:
        machine.launch("main")
        return sorted(line.text for line in machine.output)

    assert result(source, arch, drive) == [f"PE {x}: -5 0000BEEF 0x00AF 1.5" for x in (0, 1)]


def test_debug_traces(result: Result, arch: str):
    source = Source(
        """
        const trace = @import_module("<debug>", .{ .key = "mine", .buffer_size = 50 });
        fn main() void {
          trace.trace_string("begin");
          trace.trace_u16(x + 4);
          trace.trace_f32(2.5);
          sys.unblock_cmd_stream();
        }
        """
    )

    def drive(machine: Machine) -> list[Any]:
        machine.launch("main")
        return [(r.key, r.text, r.value) for r in machine.trace]

    words = [("mine", "begin"), ("mine", ""), ("mine", "")]
    found = result(source, arch, drive)
    assert [(key, text) for key, text, _ in found] == words
    assert found[1][2] in (4, "4")


ORDER = """
const ids = [3]local_task_id{ @get_local_task_id(9), @get_local_task_id(10),
                              @get_local_task_id(11) };
var n: u16 = 0;
fn note(id: u32) void {
  out[n] = id;
  out[3] += id;
  n += 1;
  if (n == 3) { sys.unblock_cmd_stream(); }
}
task a() void { note(9); }
task b() void { note(10); }
task c() void { note(11); }
comptime {
  @bind_local_task(a, ids[0]); @bind_local_task(b, ids[1]); @bind_local_task(c, ids[2]);
}
fn main() void { @activate(ids[0]); @activate(ids[1]); @activate(ids[2]); }
"""
"""Three tasks may start in any order, which `out[0 … 2]` keeps; `out[3]` does not depend on it."""


def test_shuffling_reaches_every_order_of_eligible_tasks(tmp_path: Path, arch: str):
    program = Source(ORDER).compiled(tmp_path, arch)
    orders, sums = set(), set()
    for seed in range(40):
        machine = Machine(program, shuffle_seed=seed)
        machine.launch("main")
        *order, total = machine.read_symbol_array("out", 0, 0, 1, 1, 4)[0, 0].tolist()
        orders.add(tuple(order))
        sums.add(total)
    assert len(orders) == 6
    assert sums == {30}


RACE = """
const ids = [2]local_task_id{ @get_local_task_id(9), @get_local_task_id(10) };
task double() void { out[0] = out[0] * 2; }
task add() void { out[0] = out[0] + 3; }
const end_id = @get_local_task_id(11);
task end() void { sys.unblock_cmd_stream(); }
comptime {
  @bind_local_task(double, ids[0]); @bind_local_task(add, ids[1]);
  @bind_local_task(end, end_id);
}
fn main() void { out[0] = 1; @activate(ids[0]); @activate(ids[1]); @activate(end_id); }
"""


def test_a_race_shows_as_different_results(tmp_path: Path, arch: str):
    program = Source(RACE).compiled(tmp_path, arch)
    found = set()
    for seed in range(20):
        machine = Machine(program, shuffle_seed=seed)
        machine.launch("main")
        machine.run_until_idle()
        found.add(int(machine.read_symbol_array("out", 0, 0, 1, 1, 1)[0, 0, 0]))
    assert found == {5, 8}  # 1 * 2 + 3 and (1 + 3) * 2


def test_the_first_line_of_a_pe_file_is_the_common_head(tmp_path: Path):
    Source("fn main() void { sys.unblock_cmd_stream(); } // here").compiled(tmp_path, "wse2")
    assert "\n" not in HEAD
    assert (tmp_path / "pe.csl").read_text().splitlines()[0] == HEAD
