"""Routers: multicast, switches, filters, teardown, colour swap, routes rewritten at run time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pyflame.runtime.fabric.machine import Machine
from tests.runtime.programs.sources import Source, east, route

Result = Callable[..., Any]

TAKE = """
var n: u16 = 0;
task take(v: u32) void {
  out[n] = v;
  n += 1;
}
comptime { if (%s) { receives(in3, red); @bind_data_task(take, data_id(in3, red)); } }
"""
"""PEs where %s holds keep what arrives on red."""

SEND = """
const control = @import_module("<control>");
const op = control.opcode;
const words = @get_dsd(fabout_dsd, .{ .extent = 1, .fabric_color = red, .output_queue = out2 });
const commands = @get_dsd(fabout_dsd, .{ .extent = 1, .fabric_color = red, .control = true,
                                         .output_queue = out2 });
fn send(v: u32) void { @mov32(words, v); }
fn command(o: op) void {
  @mov32(commands, control.encode_single_payload(o, true, {}, 0));
}
fn commands_of(a: op, b: op) void {
  const both = [2]op{ a, b };
  const silent = [2]bool{ true, true };
  @mov32(commands, control.encode_payload(2, both, silent, true, {}));
}
comptime { if (%s) { sends(out2, red); } }
"""
"""PEs where %s holds may send on red."""


def test_a_wavelet_is_copied_to_all_directions(result: Result, arch: str):
    source = Source(
        SEND % "x == 1 and y == 1"
        + TAKE % "true"
        + """
        fn main() void {
          if (x == 1 and y == 1) { send(7); send(8); }
          sys.unblock_cmd_stream();
        }
        """,
        width=3,
        height=3,
        routes=route(1, 1, "red", "RAMP", "RAMP, EAST, WEST, NORTH, SOUTH")
        + route(0, 1, "red", "EAST", "RAMP")
        + route(2, 1, "red", "WEST", "RAMP")
        + "".join(
            route(1, y, "red", side, "RAMP, EAST, WEST")
            + route(0, y, "red", "EAST", "RAMP")
            + route(2, y, "red", "WEST", "RAMP")
            for y, side in ((0, "SOUTH"), (2, "NORTH"))
        ),
    )
    assert result(source, arch)[:, :, :3].tolist() == [[[7, 8, 0]] * 3] * 3


def test_several_rx_that_take_turns(result: Result, arch: str):
    """PE (1, 0) sends only after PE (0, 0)'s word has arrived at (2, 0) and come back."""
    source = Source(
        SEND % "x < 2"
        + TAKE.replace("out[n] = v;", "out[n] = v; if (n == 0) { @mov32(back, 1); }") % "x == 2"
        + """
        const back = @get_dsd(fabout_dsd, .{ .extent = 1, .fabric_color = blue,
                                             .output_queue = out3 });
        task answered(v: u32) void { send(20); sys.unblock_cmd_stream(); }
        comptime {
          if (x == 2) { sends(out3, blue); }
          if (x == 1) { receives(in2, blue); @bind_data_task(answered, data_id(in2, blue)); }
        }
        fn main() void {
          if (x == 0) { send(10); }
          if (x != 1) { sys.unblock_cmd_stream(); }
        }
        """,
        width=3,
        routes=route(0, 0, "red", "RAMP", "EAST")
        + route(1, 0, "red", "RAMP, WEST", "EAST")
        + route(2, 0, "red", "WEST", "RAMP")
        + route(2, 0, "blue", "RAMP", "WEST")
        + route(1, 0, "blue", "EAST", "RAMP"),
    )
    assert result(source, arch)[0, 2, :3].tolist() == [10, 20, 0]


def test_a_switch_in_ring_mode_serves_four_sides(result: Result, arch: str):
    source = Source(
        SEND % "x == 1 and y == 1"
        + TAKE % "(x == 1) != (y == 1)"
        + """
        fn main() void {
          if (x == 1 and y == 1) {
            for (@range(u16, 8)) |i| { command(op.SWITCH_ADV); send(i); }
          }
          sys.unblock_cmd_stream();
        }
        """,
        width=3,
        height=3,
        routes=route(
            1, 1, "red", "RAMP", "WEST",
            ".switches = .{ .pos1 = .{ .tx = NORTH }, .pos2 = .{ .tx = EAST }, "
            ".pos3 = .{ .tx = SOUTH }, .current_switch_pos = 3, .ring_mode = true }",
        )
        + route(0, 1, "red", "EAST", "RAMP")
        + route(2, 1, "red", "WEST", "RAMP")
        + route(1, 0, "red", "SOUTH", "RAMP")
        + route(1, 2, "red", "NORTH", "RAMP"),
    )  # fmt: skip
    out = result(source, arch)[:, :, :2]
    west, north, east_, south = out[1, 0], out[0, 1], out[1, 2], out[2, 1]
    assert [v.tolist() for v in (west, north, east_, south)] == [[0, 4], [1, 5], [2, 6], [3, 7]]


def test_without_ring_mode_a_switch_stays_and_a_reset_returns(result: Result, arch: str):
    source = Source(
        SEND % "x == 1"
        + TAKE % "x != 1"
        + """
        fn main() void {
          if (x == 1) {
            send(1);
            command(op.SWITCH_ADV); send(2);
            command(op.SWITCH_ADV); send(3);
            command(op.SWITCH_RST); send(4);
          }
          sys.unblock_cmd_stream();
        }
        """,
        width=3,
        routes=route(1, 0, "red", "RAMP", "WEST", ".switches = .{ .pos1 = .{ .tx = EAST } }")
        + route(0, 0, "red", "EAST", "RAMP")
        + route(2, 0, "red", "WEST", "RAMP"),
    )
    out = result(source, arch)[0, :, :2]
    assert (out[0].tolist(), out[2].tolist()) == ([1, 4], [2, 3])


POP_MODES = {
    ("no_pop", "ADV", "NOP"): [1, 1, 1],
    ("no_pop", "NOP", "ADV"): [0, 0, 0],
    ("always_pop", "ADV", "NOP"): [1, 0, 0],
    ("always_pop", "NOP", "ADV"): [0, 1, 0],
    ("pop_on_advance", "ADV", "NOP"): [1, 0, 0],
    ("pop_on_advance", "NOP", "ADV"): [0, 0, 0],
    ("pop_on_advance", "ADV", "ADV"): [1, 1, 0],
}
"""Positions of routers 1 to 3 after one control wavelet with two commands and six NOPs."""


@pytest.mark.parametrize(("pop_mode", "first", "second"), POP_MODES)
def test_pop_modes_choose_the_router_a_command_acts_on(
    result: Result, arch: str, pop_mode: str, first: str, second: str
):
    switches = (
        f".switches = .{{ .pos1 = .{{ .tx = RAMP }}, .pop_mode = .{{ .{pop_mode} = true }} }}"
    )
    names = {"ADV": "op.SWITCH_ADV", "NOP": "op.NOP"}
    source = Source(
        SEND % "x == 0"
        + """
        fn main() void {
          if (x == 0) { commands_of(FIRST, SECOND); }
          sys.unblock_cmd_stream();
        }
        comptime { if (x > 0) { receives(in3, red); } }
        """.replace("FIRST", names[first]).replace("SECOND", names[second]),
        width=4,
        routes=route(0, 0, "red", "RAMP", "EAST")
        + "".join(route(x, 0, "red", "WEST", "EAST", switches) for x in (1, 2))
        + route(3, 0, "red", "WEST", "RAMP", switches.replace("RAMP", "NORTH")),
    )

    def positions(machine: Machine) -> list[int]:
        machine.launch("main")
        machine.run_until_idle()
        return machine.positions()[1:, 0, 1].tolist()

    assert result(source, arch, positions) == POP_MODES[pop_mode, first, second]


def test_the_last_wavelet_of_an_operation_advances_the_switch(result: Result, arch: str):
    source = Source(
        SEND % "x == 1"
        + TAKE % "x != 1"
        + """
        const three = @get_dsd(fabout_dsd, .{ .extent = 3, .fabric_color = red,
                                              .output_queue = out2, .advance_switch = true });
        fn main() void {
          if (x == 1) { @mov32(three, 5); @mov32(three, 6); }
          sys.unblock_cmd_stream();
        }
        """,
        width=3,
        routes=route(1, 0, "red", "RAMP", "WEST", ".switches = .{ .pos1 = .{ .tx = EAST } }")
        + route(0, 0, "red", "EAST", "RAMP")
        + route(2, 0, "red", "WEST", "RAMP"),
    )
    out = result(source, arch)[0, :, :4]
    assert (out[0].tolist(), out[2].tolist()) == ([5, 5, 5, 0], [6, 6, 6, 0])


FILTERS = {
    ".kind = .{ .range = true }, .min_idx = 3, .max_idx = 5": [13, 14, 15],
    ".kind = .{ .counter = true }, .count_data = true, .init_counter = 0, .max_counter = 1, "
    ".limit1 = 2": [10, 11, 13, 14, 16, 17],
    ".kind = .{ .sparse_counter = true }, .count_data = true, .init_counter = 0, .limit1 = 2, "
    ".limit2 = 3, .max_counter = 1": [10, 11, 13, 14, 17, 18],
    ".kind = .{ .sparse_counter = true }, .count_data = true, .limit1 = 2": [10, *range(13, 19)],
    ".kind = .{ .counter = true }, .limit1 = 2": [*range(10, 19)],
}
"""What a core takes of 10, 11 … 18, whose indices are 0, 1 … 8."""


@pytest.mark.parametrize("settings", FILTERS)
def test_filters_choose_what_a_core_takes(result: Result, arch: str, settings: str):
    source = Source(
        """
        const send = @get_dsd(fabout_dsd, .{ .extent = 1, .fabric_color = red,
          .output_queue = out2, .wavelet_index_offset = true });
        var n: u16 = 0;
        task take(data: u16, index: u16) void {
          out[n] = @as(u32, data);
          n += 1;
        }
        comptime {
          if (x == 0) { sends(out2, red); } else {
            receives(in3, red); @bind_data_task(take, data_id(in3, red));
          }
        }
        fn main() void {
          if (x == 0) {
            for (@range(u16, 9)) |i| { @mov16(send, 10 + i, .{ .index = i }); }
          }
          sys.unblock_cmd_stream();
        }
        """,
        width=3,
        routes=route(0, 0, "red", "RAMP", "EAST")
        + route(1, 0, "red", "WEST", "RAMP, EAST", f".filter = .{{ {settings} }}")
        + route(2, 0, "red", "WEST", "RAMP"),
    )
    out = result(source, arch)
    assert out[0, 2, :10].tolist() == [*range(10, 19), 0]  # what passes on is not filtered
    assert [int(v) for v in out[0, 1] if v] == FILTERS[settings]


def test_colour_swap_alternates_two_colours(result: Result):
    source = Source(
        """
        const c_in = if (x % 2 == 0) @get_color(4) else @get_color(5);
        const send = @get_dsd(fabout_dsd, .{ .extent = 2, .fabric_color = @get_color(4),
                                             .output_queue = out2 });
        var n: u16 = 0;
        task take(v: u32) void { out[n] = v; n += 1; }
        comptime {
          if (x == 0) { sends(out2, @get_color(4)); } else {
            receives(in3, c_in); @bind_data_task(take, data_id(in3, c_in));
          }
        }
        fn main() void {
          if (x == 0) { @mov32(send, 9, .{ .async = true }); }
          sys.unblock_cmd_stream();
        }
        """,
        width=3,
        routes="".join(
            f"  @set_color_config({x}, 0, @get_color({4 + x % 2}), .{{ .routes = .{{ .rx = {rx}, "
            f".tx = .{{{tx}}}, .color_swap_x = true }} }});\n"
            for x, rx, tx in ((0, "RAMP", "EAST"), (1, "WEST", "RAMP, EAST"), (2, "WEST", "RAMP"))
        ),
    )
    assert result(source, "wse2")[0, :, :2].tolist() == [[0, 0], [9, 9], [9, 9]]


def test_teardown_then_new_routes(result: Result, arch: str):
    source = Source(
        SEND % "x == 1"
        + TAKE % "x != 1"
        + """
        const config = @import_module("<tile_config>");
        fn torn() void {
          const addr = config.color_config.get_color_config_addr(red);
          config.color_config.reset_routes(addr, .{ .rx = RAMP, .tx = EAST });
          config.switch_config.clear_current_position(red);
          config.switch_config.set_invalid_for_all_switch_positions(red);
          config.teardown.exit(red);
          out[0] = 1;
        }
        comptime { if (x == 1) { @set_teardown_handler(torn, red); } }
        fn main() void {
          if (x == 1) {
            @mov32(two, 5, .{ .async = true, .activate = end_id });
          }
          sys.unblock_cmd_stream();
        }
        const two = @get_dsd(fabout_dsd, .{ .extent = 2, .fabric_color = red,
                                            .output_queue = out2 });
        const end_id = @get_local_task_id(9);
        const more_id = @get_local_task_id(10);
        task end() void {
          @mov32(commands, control.encode_single_payload(op.TEARDOWN, true, {}, 0),
                 .{ .async = true, .activate = more_id });
        }
        task more() void { @mov32(two, 6, .{ .async = true }); }
        comptime { @bind_local_task(end, end_id); @bind_local_task(more, more_id); }
        """,
        width=3,
        routes=route(1, 0, "red", "RAMP", "WEST", ".switches = .{ .pos1 = .{ .tx = EAST } }")
        + route(0, 0, "red", "EAST", "RAMP", ".teardown = false")
        + route(2, 0, "red", "WEST", "RAMP"),
    )
    out = result(source, arch)[0, :, :3]
    assert out.tolist() == [[5, 5, 0], [1, 0, 0], [6, 6, 0]]


def test_a_colour_that_starts_torn_down_waits_for_its_routes(result: Result, arch: str):
    source = Source(
        SEND % "x == 0"
        + TAKE % "x == 1"
        + """
        const config = @import_module("<tile_config>");
        const go_id = @get_local_task_id(9);
        task go() void {
          config.teardown.exit(red);
          sys.unblock_cmd_stream();
        }
        fn torn() void {}
        comptime {
          @bind_local_task(go, go_id);
          if (x == 1) { @set_teardown_handler(torn, red); }
        }
        fn main() void {
          if (x == 0) { @mov32(words, 7, .{ .async = true }); sys.unblock_cmd_stream(); }
          else { @activate(go_id); }
        }
        """,
        width=2,
        routes=route(0, 0, "red", "RAMP", "EAST")
        + route(1, 0, "red", "WEST", "RAMP", ".teardown = true"),
    )
    assert result(source, arch)[0, 1, :2].tolist() == [7, 0]


def test_a_pe_in_the_middle_forwards_without_code(result: Result, arch: str):
    source = Source(
        SEND % "x == 0"
        + TAKE % "x == 4"
        + "fn main() void { if (x == 0) { send(3); } sys.unblock_cmd_stream(); }",
        width=5,
        routes=east(5),
    )
    assert result(source, arch)[0, :, 0].tolist() == [0, 0, 0, 0, 3]


def test_a_side_without_directions_is_set_by_a_switch_position(result: Result, arch: str):
    there = (
        "@set_color_config(1, 0, red, .{ .routes = .{ .rx = .{WEST}, .tx = .{} }, .switches = .{ "
        ".pos1 = .{ .tx = RAMP }, .current_switch_pos = 1 } });\n"
        "@set_color_config(0, 0, blue, .{ .routes = .{ .rx = .{}, .tx = .{} } });\n"
    )
    source = Source(
        SEND % "x == 0" + TAKE % "x == 1" + "fn main() void { if (x == 0) { send(7); }"
        "sys.unblock_cmd_stream(); }",
        width=2,
        routes=route(0, 0, "red", "RAMP", "EAST") + there,
    )
    assert result(source, arch)[0, 1, :1].tolist() == [7]


def test_a_colour_gets_its_first_route_through_its_register(result: Result):
    source = Source(
        SEND % "x == 0"
        + TAKE % "x == 1"
        + """
        const config = @import_module("<tile_config>");
        fn main() void {
          const at = @as(u16, config.target.addresses.COLOR_CONFIG) + 2 * @get_int(red);
          const before = @bitcast(*u16, at).*;
          @bitcast(*u16, at).* = before | (if (x == 0) @as(u16, 0x200 | 2) else 0x20 | 0x10);
          if (x == 0) { send(7); }
          sys.unblock_cmd_stream();
        }
        """,
        width=2,
    )
    assert result(source, "wse2")[0, 1, :1].tolist() == [7]
