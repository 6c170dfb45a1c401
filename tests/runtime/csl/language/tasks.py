"""Ids, tasks, queues, routes and switches: each row is a rule of the public language reference."""

from __future__ import annotations

from tests.runtime.csl.language.page import Page

PRELUDE = """
const c = @get_color(1); const iq = @get_input_queue(2); const oq = @get_output_queue(3);
task t() void {} task one(x: u16) void {} fn h() void {} fn h1(x: u16) void {}
"""
ROUTES = ".routes = .{ .rx = .{WEST}, .tx = .{RAMP, EAST} }"


def _top(text: str) -> str:
    return f"{PRELUDE} comptime {{ {text} }} task main() void {{}}"


def _body(text: str) -> str:
    return f"{PRELUDE} task main() void {{ {text} }}"


def _config(fields: str) -> str:
    return _top(f"@set_local_color_config(c, .{{ {fields} }});")


def _switch(fields: str) -> str:
    return _config(f"{ROUTES}, .switches = .{{ {fields} }}")


VALID = {
    "run-time ids": _body(
        "var n: u16 = 13; @activate(@get_local_task_id(n)); var k = @get_color(n); "
        "_ = @get_data_task_id(k); _ = @get_control_task_id(n);"
    ),
    "local task": _top("@bind_local_task(t, @get_local_task_id(10));"),
    "teardown handler": _top("@set_teardown_handler(h, c);"),
    "switch positions": _switch(
        ".pos1 = .{ .rx = EAST }, .pos2 = .{ .tx = NORTH }, .pos3 = .{ .invalid = true }, "
        ".current_switch_pos = 1, .ring_mode = true, .pop_mode = .{ .pop_on_advance_nop = true }"
    ),
    "single directions": _config(".routes = .{ .rx = WEST, .tx = RAMP }"),
    "no directions": _config(".routes = .{}"),
    "pop mode of early SDKs": _config(
        ".routes = .{ .rx = .{WEST}, .tx = .{RAMP}, .pop_mode = .{ .no_pop = true } }"
    ),
}
"""Programs."""

REFUSED = {
    "run-time colour of i16": (
        _body("var n: i16 = 3; _ = @get_color(n);"),
        "the number of a colour that is computed at run time is a u16",
    ),
    "run-time queue": (
        _body("var n: u16 = 3; _ = @get_input_queue(n);"),
        "the number of an input queue must be known at compile time",
    ),
    "binding in a task": (
        _body("@bind_local_task(t, @get_local_task_id(10));"),
        "@bind_local_task stands in a comptime block of the file",
    ),
    "queue in a task": (
        _body("@initialize_queue(iq, .{ .color = c });"),
        "@initialize_queue stands in a comptime block of the file",
    ),
    "local task with a parameter": (
        _top("@bind_local_task(one, @get_local_task_id(10));"),
        "local task 'one' cannot have parameters",
    ),
    "handler with a parameter": (
        _top("@set_teardown_handler(h1, c);"),
        "a handler is a fn without parameters that returns void; 'h1' is not",
    ),
    "handler that is a task": (
        _top("@set_teardown_handler(t, c);"),
        "a handler is a fn without parameters that returns void; 't' is not",
    ),
    "direction twice": (
        _config(".routes = .{ .rx = .{WEST, WEST}, .tx = .{RAMP} }"),
        "a direction stands twice on one side of a route",
    ),
    "no routes": (_config(".switches = .{}"), "a colour configuration needs .routes"),
    "two rx of a position": (
        _switch(".pos1 = .{ .rx = .{EAST, NORTH} }"),
        "the .rx of a switch position is one direction",
    ),
    "invalid that is false": (
        _switch(".pos1 = .{ .invalid = false }"),
        ".invalid of a switch position is true and alone",
    ),
    "invalid and rx": (
        _switch(".pos1 = .{ .invalid = true, .rx = EAST }"),
        ".invalid of a switch position is true and alone",
    ),
    "two pop modes": (
        _switch(".pop_mode = .{ .no_pop = true, .always_pop = true }"),
        ".pop_mode sets one of",
    ),
    "pop mode that is false": (
        _switch(".pop_mode = .{ .no_pop = false }"),
        ".pop_mode sets one of",
    ),
    "queue blocked on wse2": (
        _body("@block(iq);"),
        "on wse2 a color is blocked and unblocked, not an input_queue",
    ),
    "colour blocked on wse3": (
        _body("@block(c);"),
        "on wse3 an input_queue is blocked and unblocked, not a color",
    ),
}
"""Programs and the first error."""

PAGE = Page(VALID, {}, REFUSED, options={"colour blocked on wse3": {"arch": "wse3"}})
