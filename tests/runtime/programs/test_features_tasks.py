"""Tasks: data, local and control; priorities, blocking, joins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.runtime.programs.sources import Source, east, route

Result = Callable[..., Any]

SELF = route(0, 0, "red", "RAMP", "RAMP")
"""What a PE sends on red comes back to it."""


def test_a_data_task_runs_once_per_wavelet(result: Result, arch: str):
    source = Source(
        """
        const send = @get_dsd(fabout_dsd, .{ .extent = 5, .fabric_color = red,
                                             .output_queue = out2 });
        var data = [5]u32{ 3, 1, 4, 1, 5 };
        const d = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{5} -> data[i] });
        var n: u16 = 0;
        task take(v: u32) void {
          out[n] = v * v;
          n += 1;
          if (n == 5) { sys.unblock_cmd_stream(); }
        }
        comptime {
          if (x == 0) { sends(out2, red); }
          if (x == 2) { receives(in2, red); @bind_data_task(take, data_id(in2, red)); }
        }
        fn main() void {
          if (x == 0) { @mov32(send, d, .{ .async = true }); }
          if (x < 2) { sys.unblock_cmd_stream(); }
        }
        """,
        width=3,
        routes=east(3),
    )
    assert result(source, arch)[0, 2, :6].tolist() == [9, 1, 16, 1, 25, 0]


def test_a_data_task_takes_both_halves_of_a_wavelet(result: Result, arch: str):
    source = Source(
        """
        const send = @get_dsd(fabout_dsd, .{ .extent = 1, .fabric_color = red,
                                             .output_queue = out2 });
        task take(data: i16, index: u16) void {
          out[0] = @as(u32, @bitcast(u16, data));
          out[1] = @as(u32, index);
          sys.unblock_cmd_stream();
        }
        comptime {
          sends(out2, red); receives(in2, red); @bind_data_task(take, data_id(in2, red));
        }
        fn main() void { @mov32(send, 0x0007fffe, .{ .async = true }); }
        """,
        routes=SELF,
    )
    assert result(source, arch)[0, 0, :2].tolist() == [0xFFFE, 7]


def test_local_tasks_chain_and_an_activation_twice_counts_once(result: Result, arch: str):
    source = Source(
        """
        const first_id = @get_local_task_id(9);
        const last_id = @get_local_task_id(10);
        const early_id = @get_local_task_id(11);
        task first() void { out[0] += 1; @activate(last_id); }
        task last() void { out[1] = out[0] + 10; sys.unblock_cmd_stream(); }
        task early() void { out[2] += 5; }
        comptime {
          @bind_local_task(first, first_id); @bind_local_task(last, last_id);
          @bind_local_task(early, early_id); @activate(early_id);
        }
        fn main() void { @activate(first_id); @activate(first_id); }
        """
    )
    assert result(source, arch)[0, 0, :3].tolist() == [1, 11, 5]


def test_a_control_wavelet_activates_its_task_with_an_argument(result: Result, arch: str):
    source = Source(
        """
        const control = @import_module("<control>");
        const stop_id = @get_control_task_id(40);
        const send = @get_dsd(fabout_dsd, .{ .extent = 3, .fabric_color = red,
                                             .output_queue = out2 });
        const end = @get_dsd(fabout_dsd, .{ .extent = 1, .fabric_color = red, .control = true,
                                            .output_queue = out2 });
        const sent_id = @get_local_task_id(9);
        task sent() void {
          const word = control.encode_single_payload(control.opcode.NOP, false, stop_id, 77);
          @mov32(end, word, .{ .async = true });
        }
        task take(v: u32) void { out[0] += v; }
        task stop(argument: u16) void {
          out[1] = @as(u32, argument) + out[0];
          sys.unblock_cmd_stream();
        }
        comptime {
          @bind_local_task(sent, sent_id);
          if (x == 0) { sends(out2, red); } else {
            receives(in2, red);
            @bind_data_task(take, data_id(in2, red));
            @bind_control_task(stop, stop_id);
          }
        }
        fn main() void {
          if (x == 0) {
            @mov32(send, 100, .{ .async = true, .activate = sent_id });
            sys.unblock_cmd_stream();
          }
        }
        """,
        width=2,
        routes=east(2),
    )
    assert result(source, arch)[0, 1, :2].tolist() == [300, 377]


def test_a_control_wavelet_may_name_a_data_or_a_local_task(result: Result, arch: str):
    source = Source(
        """
        const last_id = @get_local_task_id(12);
        const end = @get_dsd(fabout_dsd, .{ .extent = 1, .fabric_color = red, .control = true,
                                            .output_queue = out2 });
        const number: u32 = if (@is_arch("wse3")) 2 else @get_int(red);
        task take(v: u16) void { out[0] += v; }
        task last() void { out[1] = out[0] + 1; sys.unblock_cmd_stream(); }
        comptime {
          if (x == 0) { sends(out2, red); } else {
            receives(in2, red);
            @bind_data_task(take, data_id(in2, red));
            @bind_local_task(last, last_id);
          }
        }
        fn main() void {
          if (x == 0) {
            @mov32(end, (number << 16) + 70);
            @mov32(end, 12 << 16);
            sys.unblock_cmd_stream();
          }
        }
        """,
        width=2,
        routes=east(2),
    )
    assert result(source, arch)[0, 1, :2].tolist() == [70, 71]


def test_a_task_of_high_priority_starts_first(result: Result, arch: str):
    source = Source(
        """
        const config = @import_module("<tile_config>");
        const ids = [3]local_task_id{ @get_local_task_id(9), @get_local_task_id(10),
                                      @get_local_task_id(11) };
        var n: u16 = 0;
        fn note(id: u32) void { out[n] = id; n += 1; }
        task a() void { note(9); }
        task b() void { note(10); }
        task c() void { note(11); sys.unblock_cmd_stream(); }
        comptime {
          @bind_local_task(a, ids[0]); @bind_local_task(b, ids[1]); @bind_local_task(c, ids[2]);
        }
        fn main() void {
          config.task_priority.set_task_priority(ids[2]);
          @activate(ids[0]); @activate(ids[1]); @activate(ids[2]);
        }
        """
    )
    out = result(source, arch, first_of_three)
    assert out == 11


def first_of_three(machine: Any) -> int:
    """The task that ran first; the order of the others is open."""
    machine.launch("main")
    machine.run_until_idle()
    out = machine.read_symbol_array("out", 0, 0, 1, 1, 3)[0, 0].tolist()
    assert sorted(out) == [9, 10, 11]
    return out[0]


def test_a_join_of_two_operations_by_block_and_unblock(result: Result, arch: str):
    source = Source(
        """
        const send = @get_dsd(fabout_dsd, .{ .extent = 20, .fabric_color = red,
                                             .output_queue = out3 });
        const receive = @get_dsd(fabin_dsd, .{ .extent = 20, .fabric_color = red,
                                               .input_queue = in2 });
        var values = @zeros([20]u32);
        var got = @zeros([20]u32);
        const from = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{20} -> values[i] });
        const to = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{20} -> got[i] });
        const join_id = @get_local_task_id(9);
        task join() void { out[0] = got[0]; out[1] = got[19]; sys.unblock_cmd_stream(); }
        comptime {
          sends(out3, red); receives(in2, red);
          @bind_local_task(join, join_id); @block(join_id);
        }
        fn main() void {
          for (@range(u16, 20)) |i| { values[i] = 2 * @as(u32, i) + 1; }
          @mov32(to, receive, .{ .async = true, .activate = join_id });
          @mov32(send, from, .{ .async = true, .unblock = join_id });
        }
        """,
        routes=SELF,
    )
    assert result(source, arch)[0, 0, :2].tolist() == [1, 39]


def test_a_data_task_that_blocks_itself_while_it_sends(result: Result, arch: str):
    source = Source(
        """
        const iq = if (x == 0) in3 else in2;
        const c_in = if (x == 0) blue else red;
        const c_out = if (x == 0) red else blue;
        const reply = @get_dsd(fabout_dsd, .{ .extent = 2, .fabric_color = c_out,
                                              .output_queue = out2 });
        const own_id = data_id(iq, c_in);
        var n: u16 = 0;
        task take(v: u32) void {
          if (x == 0) {
            out[n] = v;
            n += 1;
            if (n == 8) { sys.unblock_cmd_stream(); }
          } else {
            @block(own_id);
            @mov32(reply, v + 1, .{ .async = true, .unblock = own_id });
          }
        }
        comptime { sends(out2, c_out); receives(iq, c_in); @bind_data_task(take, own_id); }
        var data = [4]u32{ 10, 20, 30, 40 };
        const d = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> data[i] });
        const send = @get_dsd(fabout_dsd, .{ .extent = 4, .fabric_color = c_out,
                                             .output_queue = out2 });
        fn main() void {
          if (x == 0) { @mov32(send, d, .{ .async = true }); } else { sys.unblock_cmd_stream(); }
        }
        """,
        width=2,
        routes=east(2) + route(1, 0, "blue", "RAMP", "WEST") + route(0, 0, "blue", "EAST", "RAMP"),
    )
    assert result(source, arch)[0, 0, :8].tolist() == [11, 11, 21, 21, 31, 31, 41, 41]
