"""Queues that are flushed and change colours, control task tables, tasks that take turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.runtime.programs.sources import Source, east, launched, route

Result = Callable[..., Any]
Message = Callable[..., str]

SELF = route(0, 0, "red", "RAMP", "RAMP")
"""What a PE sends on red comes back to it."""


# Flushing

REUSED = Source(
    """
    const config = @import_module("<tile_config>");
    const send = @get_dsd(fabout_dsd, .{ .extent = 9, .output_queue = out2 });
    const take = @get_dsd(fabin_dsd, .{ .extent = 9, .input_queue = in2 });
    const rest = @get_dsd(fabin_dsd, .{ .extent = 7, .input_queue = in2 });
    var first = [9]u32{ 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    const f = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{9} -> first[i] });
    const o = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{9} -> out[i] });
    const o1 = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{7} -> out[i + 9] });
    const sent_id = @get_local_task_id(9); const again_id = @get_local_task_id(10);
    const got_id = @get_local_task_id(11); const end_id = @get_local_task_id(12);
    var handled: u32 = 0;
    fn empty() void {
      config.output_queue_config.encode_output_queue(2, @get_int(blue));
      handled += 1;
      if (config.queue_flush.is_pending(out2)) { handled += 10; }
      @activate(again_id);
      config.queue_flush.exit(out2);
      if (config.queue_flush.is_pending(out2)) { handled += 100; }
    }
    task sent() void { @queue_flush(out2); }
    task again() void {
      out[0] = handled;
      @mov32(send, f, .{ .async = true, .activate = end_id });
    }
    task got() void {
      config.input_queue_config.encode_input_queue(@as(i16, 2), @get_int(blue), true);
      @mov32(o1, rest, .{ .async = true, .activate = end_id });
    }
    task end() void { sys.unblock_cmd_stream(); }
    comptime {
      @bind_local_task(end, end_id);
      @bind_local_task(sent, sent_id); @bind_local_task(again, again_id);
      @bind_local_task(got, got_id);
      if (x == 0) { sends(out2, red); @set_empty_queue_handler(empty, out2); }
      if (x == 1) { receives(in2, red); @block(@get_data_task_id(in2)); }
    }
    fn main() void {
      if (x == 0) { @mov32(send, f, .{ .async = true, .activate = sent_id }); }
      else { @mov32(o, take, .{ .async = true, .activate = got_id }); }
    }
    """,
    width=2,
    routes=east(2) + east(2, "blue"),
)
"""The sender's queue changes from red to blue once it is empty; the receiver's follows."""


def test_a_flushed_queue_serves_another_colour(result: Result):
    out = result(REUSED, "wse3")
    assert out[0, 1, :16].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7]
    assert out[0, 0, 0] == 11


def test_an_input_queue_changes_its_colour_on_both(result: Result, arch: str):
    source = Source(
        """
        const config = @import_module("<tile_config>");
        const send = @get_dsd(fabout_dsd, .{ .extent = 3, .fabric_color = red,
                                             .output_queue = out2 });
        const out4 = @get_output_queue(4);
        const other = @get_dsd(fabout_dsd, .{ .extent = 6, .fabric_color = blue,
                                              .output_queue = out4 });
        const take = @get_dsd(fabin_dsd, .{ .extent = 3, .input_queue = in3 });
        const o = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{3} -> out[i] });
        const o1 = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{3} -> out[i + 3] });
        const got_id = @get_local_task_id(11); const end_id = @get_local_task_id(12);
        task got() void {
          config.input_queue_config.encode_input_queue(in3, blue, filtered);
          @mov32(o1, take, .{ .async = true, .activate = end_id });
        }
        task end() void { sys.unblock_cmd_stream(); }
        const filtered = false;
        comptime {
          @bind_local_task(end, end_id); @bind_local_task(got, got_id);
          sends(out2, red); sends(out4, blue); receives(in3, red);
          @block(data_id(in3, red));
        }
        var n: u32 = 0;
        fn main() void {
          @mov32(send, 7, .{ .async = true });
          @mov32(other, 8, .{ .async = true });
          @mov32(o, take, .{ .async = true, .activate = got_id });
        }
        """,
        routes=SELF
        + route(
            0, 0, "blue", "RAMP", "RAMP",
            ".filter = .{ .kind = .{ .counter = true }, .count_data = true, .count_control = false,"
            " .init_counter = 0, .max_counter = 0, .limit1 = 1 }",
        ),
    )  # fmt: skip
    assert result(source, arch)[0, 0, :6].tolist() == [7, 7, 7, 8, 8, 8]
    filtered = Source(
        source.pe.replace("filtered = false", "filtered = true"), routes=source.routes
    )
    assert result(filtered, arch)[0, 0, :6].tolist() == [7, 7, 7, 8, 8, 8]


def test_the_filter_of_the_new_colour_counts_if_enabled(result: Result):
    source = Source(
        """
        const config = @import_module("<tile_config>");
        const send = @get_dsd(fabout_dsd, .{ .extent = 4, .fabric_color = blue,
                                             .output_queue = out2 });
        const take = @get_dsd(fabin_dsd, .{ .extent = 2, .input_queue = in3 });
        var numbers = [4]u32{ 5, 6, 7, 8 };
        const d = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> numbers[i] });
        const o = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{2} -> out[i] });
        const end_id = @get_local_task_id(12);
        task end() void { sys.unblock_cmd_stream(); }
        comptime {
          @bind_local_task(end, end_id); sends(out2, blue); receives(in3, red);
        }
        fn main(enable: u16) void {
          config.input_queue_config.encode_input_queue(3, 2, enable == 1);
          @mov32(send, d, .{ .async = true });
          @mov32(o, take, .{ .async = true, .activate = end_id });
        }
        """,
        arguments="u16",
        routes=SELF
        + route(
            0, 0, "blue", "RAMP", "RAMP",
            ".filter = .{ .kind = .{ .counter = true }, .count_data = true, .count_control = false,"
            " .init_counter = 0, .max_counter = 0, .limit1 = 1 }",
        ),
    )  # fmt: skip

    assert result(source, "wse3", launched(2, [0]))[0, 0].tolist() == [5, 6]
    assert result(source, "wse3", launched(2, [1]))[0, 0].tolist() == [5, 7]


def test_a_flush_that_is_not_left_is_handled_again(result: Result):
    source = Source(
        """
        const config = @import_module("<tile_config>");
        const later_id = @get_local_task_id(9); const end_id = @get_local_task_id(10);
        fn first() void {
          out[0] += 1;
          if (out[0] == 2) { config.queue_flush.exit(out2); @activate(end_id); }
        }
        fn second() void { out[1] += 1; config.queue_flush.exit(in2); }
        task later() void { @queue_flush(in2); }
        task end() void { sys.unblock_cmd_stream(); }
        comptime {
          @bind_local_task(later, later_id); @bind_local_task(end, end_id);
          sends(out2, red); receives(in2, red);
          @set_empty_queue_handler(first, out2); @set_empty_queue_handler(second, in2);
        }
        fn main() void { @queue_flush(out2); @activate(later_id); }
        """,
        routes=SELF,
    )
    assert result(source, "wse3")[0, 0, :2].tolist() == [2, 1]


def test_a_flush_needs_a_handler(stop: Message):
    source = Source(
        """
        comptime { sends(out2, red); }
        fn main() void { @queue_flush(out2); } // here
        """,
        routes=SELF,
    )
    assert "local task 29 was activated, but no task is bound to this id" in stop(source, "wse3")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (".{}", "output queue 2 gets another colour while it holds wavelets"),
        (".{ .async = true }", "output queue 2 is still used by another operation"),
    ],
)
def test_a_queue_changes_its_colour_only_when_empty(stop: Message, options: str, message: str):
    source = Source(
        """
        const config = @import_module("<tile_config>");
        const send = @get_dsd(fabout_dsd, .{ .extent = 14, .output_queue = out2 });
        comptime { if (x == 0) { sends(out2, red); } else { receives(in2, red); } }
        fn main() void {
          if (x == 1) { return; }
          @mov32(send, 1, %s);
          config.output_queue_config.encode_output_queue(out2, blue);
        }
        """.replace("%s", options),
        width=2,
        routes=east(2),
    )
    assert message in stop(source, "wse3")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("@set_empty_queue_handler(main, out2);", "@set_empty_queue_handler is for wse3 only"),
        ("@set_control_task_table();", "@set_control_task_table is for wse3 only"),
    ],
)
def test_wse2_has_none_of_this(refusal: Message, line: str, message: str):
    source = Source("fn main() void {} comptime { " + line + " }")
    assert message in refusal(source, "wse2")


# Control task tables

TABLES = Source(
    """
    const control = @import_module("<control>");
    const d2 = @get_dsd(fabout_dsd, .{ .extent = 1, .output_queue = out2, .control = true });
    const d3 = @get_dsd(fabout_dsd, .{ .extent = 1, .output_queue = out3, .control = true });
    const c5 = @get_control_task_id(5); const c6 = @get_control_task_id(6);
    const c9 = @get_control_task_id(9); const l9 = @get_local_task_id(9);
    var n: u32 = 0;
    fn note(k: u16, v: u32) void {
      out[k] = v; n += 1;
      if (n == 3) { sys.unblock_cmd_stream(); }
    }
    task five() void { note(0, 5); }
    task nine() void { note(1, 9); }
    task local() void { note(2, 1); }
    comptime {
      sends(out2, red); sends(out3, blue);
      @initialize_queue(in2, .{ .color = red, .ctrl_table_id = 0 });
      @initialize_queue(in3, .{ .color = blue, .ctrl_table_id = 1 });
      @set_control_task_table(.{ .instructions = 8, .stride = 4 });
      @bind_control_task(five, c5); @bind_control_task(nine, c9); @bind_local_task(local, l9);
      @unblock(in2); @unblock(in3);
    }
    fn main() void {
      @mov32(d2, control.encode_control_task_payload(c5), .{ .async = true });
      @mov32(d3, control.encode_control_task_payload(c5), .{ .async = true });
      @activate(l9);
    }
    """,
    routes=SELF + route(0, 0, "blue", "RAMP", "RAMP"),
)


def test_control_tasks_are_those_of_the_queue_and_apart_from_local_ones(result: Result):
    assert result(TABLES, "wse3")[0, 0, :3].tolist() == [5, 9, 1]


def test_without_a_table_control_and_local_tasks_share_ids(refusal: Message):
    pe = TABLES.pe.replace("@set_control_task_table(.{ .instructions = 8, .stride = 4 });", "")
    pe = pe.replace(", .ctrl_table_id = 0", "").replace(", .ctrl_table_id = 1", "")
    message = refusal(Source(pe, routes=TABLES.routes), "wse3")
    assert "control task 'nine' and local task 'local' both have id 9" in message


def test_a_control_table_of_a_queue_needs_the_table(refusal: Message):
    pe = TABLES.pe.replace("@set_control_task_table(.{ .instructions = 8, .stride = 4 });", "")
    message = refusal(Source(pe, routes=TABLES.routes), "wse3")
    assert ".ctrl_table_id needs @set_control_task_table()" in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (".{ .stride = 8 }", ".stride is one of 1, 2, 3, 4, 5, 6, 7, found 8"),
        (".{ .instructions = 3 }", ".instructions is one of 2, 4, 8, found 3"),
        (".{ .size = 3 }", "@set_control_task_table knows .instructions and .stride, found .size"),
    ],
)
def test_tables_have_known_sizes(refusal: Message, options: str, message: str):
    source = Source("fn main() void {} comptime { @set_control_task_table(" + options + "); }")
    assert message in refusal(source, "wse3")


# Rotation


def rotating(config: str) -> Source:
    """Eight numbers arrive; `alt` writes 100 instead of one of them."""
    return Source(
        """
        const send = @get_dsd(fabout_dsd, .{ .extent = 8, .output_queue = out2 });
        var numbers = [8]u32{ 1, 2, 3, 4, 5, 6, 7, 8 };
        const d = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{8} -> numbers[i] });
        var n: u16 = 0;
        fn note(v: u32) void {
          out[n] = v; n += 1;
          if (n == 8) { sys.unblock_cmd_stream(); }
        }
        task take(v: u32) void { note(v); }
        task alt() void { note(100); }
        comptime {
          sends(out2, red); receives(in2, red); @set_control_task_table();
          @bind_rotating_tasks(take, alt, @get_data_task_id(in2), .{ %s });
        }
        fn main() void { @mov32(send, d, .{ .async = true }); }
        """.replace("%s", config),
        routes=SELF,
    )


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (".limit = 3", [1, 2, 3, 100, 5, 6, 7, 100]),
        (".init = 2, .limit = 3", [1, 100, 3, 4, 5, 100, 7, 8]),
        (".limit = 0", [100] * 8),
    ],
)
def test_the_alternate_task_starts_after_limit_starts(
    result: Result, config: str, expected: list[int]
):
    assert result(rotating(config), "wse3")[0, 0, :8].tolist() == expected


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (".init = 4, .limit = 3", ".init 4 is out of range 0 to .limit 3"),
        (".init = 4", "@bind_rotating_tasks needs .limit"),
        (".limit = 3, .every = 1", "@bind_rotating_tasks knows .init and .limit, found .every"),
    ],
)
def test_rotating_tasks_need_a_limit(refusal: Message, config: str, message: str):
    assert message in refusal(rotating(config), "wse3")


def test_rotating_tasks_clash_without_a_control_table(refusal: Message):
    source = rotating(".limit = 3")
    pe = source.pe.replace("@set_control_task_table();", "").replace("in2", "@get_input_queue(2)")
    pe = pe.replace("const send", "const zero = @get_control_task_id(2); const send")
    pe = pe.replace("comptime {", "task two() void {} comptime { @bind_control_task(two, zero);")
    message = refusal(Source(pe, routes=SELF), "wse3")
    assert "control task 'two' and data task 'take' both have id 2" in message


# Wavelets that are dropped or changed


def test_dfilt_drops_data_until_the_control_wavelets_have_come(result: Result, arch: str):
    source = Source(
        """
        const data = @get_dsd(fabout_dsd, .{ .extent = 3, .fabric_color = red,
                                             .output_queue = out2 });
        const mark = @get_dsd(fabout_dsd, .{ .extent = 1, .fabric_color = red,
                                             .output_queue = out2, .control = true });
        const skip = @get_dsd(fabin_dsd, .{ .extent = 2, .fabric_color = red,
                                            .input_queue = in2 });
        const take = @get_dsd(fabin_dsd, .{ .extent = 3, .fabric_color = red,
                                            .input_queue = in2 });
        const o = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{3} -> out[i] });
        const found_id = @get_local_task_id(9); const end_id = @get_local_task_id(10);
        task found() void {
          out[4] += 1;
          @mov32(o, take, .{ .async = true, .activate = end_id });
        }
        task end() void { sys.unblock_cmd_stream(); }
        comptime {
          @bind_local_task(found, found_id); @bind_local_task(end, end_id);
          if (x == 0) { sends(out2, red); } else { receives(in2, red); }
        }
        fn main() void {
          if (x == 0) {
            @mov32(data, 1); @mov32(mark, 0); @mov32(data, 2); @mov32(mark, 0); @mov32(data, 3);
            sys.unblock_cmd_stream();
          } else {
            @dfilt(skip, .{ .async = true, .activate = found_id });
          }
        }
        """,
        width=2,
        routes=east(2),
    )
    assert result(source, arch)[0, 1, :5].tolist() == [3, 3, 3, 0, 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (".{}", "@dfilt needs .async = true"),
        (".{ .async = true, .on_control = .{ .terminate = true } }",
         "@dfilt does not take .on_control"),
    ],
)  # fmt: skip
def test_dfilt_is_asynchronous(refusal: Message, arch: str, options: str, message: str):
    source = Source(
        "const d = @get_dsd(fabin_dsd, .{ .extent = 2, .fabric_color = red, .input_queue = in2 });"
        "fn main() void { @dfilt(d, " + options + "); }"
    )
    assert message in refusal(source, arch)


def test_control_wavelets_pass_through_a_fifo(result: Result, arch: str):
    source = Source(
        """
        const control = @import_module("<control>");
        const config = @import_module("<tile_config>");
        const id = @get_control_task_id(40); const other = @get_control_task_id(42);
        const data = @get_dsd(fabout_dsd, .{ .extent = 2, .fabric_color = red,
                                             .output_queue = out2 });
        const mark = @get_dsd(fabout_dsd, .{ .extent = 1, .fabric_color = red,
                                             .output_queue = out2, .control = true });
        const in = @get_dsd(fabin_dsd, .{ .extent = 3, .fabric_color = red, .input_queue = in2,
                                          .control_transform = true });
        const on = @get_dsd(fabout_dsd, .{ .extent = 3, .fabric_color = blue,
                                           .output_queue = out3, .control_transform = true });
        var buffer = @zeros([2]u32);
        const fifo = @allocate_fifo(buffer);
        task take(v: u32) void { out[0] += v; }
        task same() void { out[1] = 1; sys.unblock_cmd_stream(); }
        task changed(v: u16) void { out[1] = 100 + @as(u32, v); sys.unblock_cmd_stream(); }
        comptime {
          if (x == 0) { sends(out2, red); }
          if (x == 1) {
            receives(in2, red); sends(out3, blue);
            config.control_transform.set_mask(2);
          }
          if (x == 2) {
            receives(in3, blue);
            @bind_data_task(take, data_id(in3, blue));
            @bind_control_task(same, id); @bind_control_task(changed, other);
          }
        }
        fn main() void {
          if (x == 0) {
            @mov32(data, 21);
            @mov32(mark, control.encode_single_payload(control.opcode.NOP, false, id, 7));
          }
          if (x == 1) {
            @mov32(fifo, in, .{ .async = true });
            @mov32(on, fifo, .{ .async = true });
          }
          if (x < 2) { sys.unblock_cmd_stream(); }
        }
        """,
        width=3,
        routes=route(0, 0, "red", "RAMP", "EAST") + route(1, 0, "red", "WEST", "RAMP")
        + route(1, 0, "blue", "RAMP", "EAST") + route(2, 0, "blue", "WEST", "RAMP"),
    )  # fmt: skip
    assert result(source, arch)[0, 2, :2].tolist() == [42, 107]
