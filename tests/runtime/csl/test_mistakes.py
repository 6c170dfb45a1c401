"""Mistakes that are found at compile time, each with its place and its cure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pyflame.errors import MemoryLimitError
from pyflame.runtime.fabric.image import Program

Errors = Callable[..., str]
Compiled = Callable[..., Program]

MAIN = """
const main_id = @get_local_task_id(9);
comptime { @bind_local_task(main, main_id); @activate(main_id); }
task main() void { %s }
"""


def test_whole_message(errors: Errors):
    message = errors("const a: u16 = 3;\n" + MAIN % "\n  a = 4;\n")
    assert message == (
        "pe.csl:6:3: error: cannot assign to 'a': it is not a var\n"
        "  a = 4;\n"
        "  ^\n"
        "pe.csl:1:7: note: 'a' is declared here\n"
        "const a: u16 = 3;\n"
        "      ^"
    )


def test_several_errors_in_one_run(errors: Errors):
    message = errors(MAIN % "nothing = 1; const x: u16 = -1; x2(x); other(1);")
    assert message.count("error:") == 4
    assert "'nothing' is not declared" in message
    assert "expected u16, found the number -1; u16 holds 0 to 65535" in message


BODY_ERRORS = {
    "var v: u16 = 1; const x = @as(comptime_int, v);":
        "this conversion to comptime_int must be known at compile time, but it is computed at run",
    '@comptime_assert(1 > 2, "order");': "the compile-time assertion does not hold: order",
    'comptime { @assert(1 > 2, "order"); }': "the assertion does not hold: order",
    "const x: u16 = 70000;": "expected u16, found the number 70000; u16 holds 0 to 65535",
    "const x: u16 = 1.5;": "expected u16, found the number 1.5; convert it with @as(u16, …)",
    "const x: bool = 1;": "expected bool, found the number 1",
    "var i: i16 = 1; var u: u16 = 2; const x = i + u;":
        "'+' meet a value of type i16 and a value of type u16; convert one with @as",
    "var f: f32 = 1.0; const x = f % f;": "'%' is not defined for f32",
    "var f: f32 = 1.0; const x = f == true;": "'==' cannot compare a value of type f32 with true",
    "const x = 1 / 0;": "division by zero",
    "var x = 5;": "'x' has type comptime_int, which exists at compile time only",
    "var a = @zeros([3]f32); a[3] = 1.0;": "index 3 is out of range 0 to 2",
    "var a = @zeros([2, 2]f32); a[1] = 1.0;": "[2, 2]f32 takes 2 indices, found 1",
    "const a = [2]u16{ 1, 2, 3 };": "[2]u16 has 2 elements, the literal has 3",
    "const s = struct { x: u16 }; const v = s{ .y = 1 };": "has no field 'y'; its fields are x",
    "const s = struct { x: u16, y: u16 }; const v = s{ .x = 1 };": "lacks the field 'y'",
    "const v = .{ .a = 1 }; const w = v.b;": "has no field 'b'; its fields are a",
    "const m = enum(u16) { a, b }; const v = m.c;": "has no member 'c'; it has a, b",
    "const v = @get_color(24);": "colour 24 is out of range 0 to 23 on wse2",
    "const v = @get_output_queue(6);": "output queue 6 is out of range 0 to 5 on wse2",
    "const v = @get_local_task_id(31);": "local task id 31 is out of range 0 to 30 on wse2",
    "const v = @frobnicate(1);": "there is no builtin @frobnicate",
    "const v = @fmul(1.0);": "there is no builtin @fmul; did you mean @fmuls or @fmulh?",
    "const v = @__xcoord();": "there is no builtin @__xcoord",
    "const v = @as(u16);": "@as takes 2 arguments, found 1",
    "const v = @bitcast(u32, @as(u16, 1));": "@bitcast needs equal widths",
    "@comptime_assert(1 == 2, \"never\");": "the compile-time assertion does not hold: never",
    "main();": "'main' is a task: it is started with @activate, not called",
    "@activate(main);": "",
    "@activate(5);": "@activate needs a local task id, found the number 5",
    "break;": "'break' cannot leave: there is no loop",
    "while (true) { break :out; }": "no enclosing block or loop has the label 'out'",
    "var n: u16 = 1; const x = switch (n) { 1 => 2 };": "values of u16 are missing; add 'else =>'",
    "var n: u16 = 1; comptime { @comptime_assert(n == 1); }": "must be known at compile time",
    "const x = y; const y = 1;": "'y' is not declared",
}  # fmt: skip


@pytest.mark.parametrize("body", BODY_ERRORS)
def test_statement(errors: Errors, compiled: Compiled, body: str):
    expected = BODY_ERRORS[body]
    if not expected:
        compiled(MAIN % body)
        return
    assert expected in errors(MAIN % body)


DSD_ERRORS = {
    "const d = @get_dsd(mem1d_dsd, .{ .tensor_access = |i, j|{2, 2} -> a[i + j] });":
        "mem1d_dsd takes one variable, found 2: use mem4d_dsd",
    "const d = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{40000} -> a[i] });":
        "extent 40000 is out of range 0 to 32766",
    "const d = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> a[i * i] });":
        "multiplies two variables",
    "const d = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> a[i], .stride = 2 });":
        ".tensor_access and .stride exclude each other",
    "const d = @get_dsd(mem1d_dsd, .{ .length = 4 });":
        "mem1d_dsd has no field .length; it has .base_address",
    "const d = @set_dsd_length(d4, 2);": "@set_dsd_length takes mem1d_dsd, fabin_dsd",
    "@fmovs(d1, d1, .{ .async = true });": "@fmovs is .async but no operand is on the fabric",
    "@fmovs(d1, d1, .{ .activate = main });": ".activate needs .async = true",
    "@fmovs(d1, d1, .{ .asynchronous = true });": "the options are .async, .activate",
    "@fadds(d1, d1, 1);": "",
    "@fadds(d1, d1);": "@fadds takes 3 operands and perhaps options, found 2",
    "@fadds(1.0, d1, d1);": "the destination must be a DSD, DSR or pointer",
    "@fmacs(d1, d1, d1, d1);": "@fmacs takes (DSD, DSD, DSD, scalar), found (DSD, DSD, DSD, DSD)",
    "@fmovs(out, d1, .{ .async = true, .activate = other });": "'other' is not declared",
    "@fmovs(out, d1, .{ .async = true, .activate = loose });":
        "'loose' is not bound to a task id; bind it in a comptime block",
    "@fmovs(d1, out);": "a source of a DSD operation cannot be a fabout_dsd",
}  # fmt: skip

DSDS = """
task loose() void {}
const c = @get_color(3);
var a = @zeros([16]f32);
const d1 = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> a[i] });
const d4 = @get_dsd(mem4d_dsd, .{ .tensor_access = |i, j|{2, 2} -> a[2 * i + j] });
const out = @get_dsd(fabout_dsd, .{ .extent = 4, .output_queue = @get_output_queue(2),
                                    .fabric_color = c });
"""


@pytest.mark.parametrize("body", DSD_ERRORS)
def test_dsd(errors: Errors, compiled: Compiled, body: str):
    expected = DSD_ERRORS[body]
    if not expected:
        compiled(DSDS + MAIN % body)
        return
    assert expected in errors(DSDS + MAIN % body)


def test_wse3_has_one_fabric_input_per_operation(errors: Errors, compiled: Compiled):
    text = DSDS + """
    const q = @get_input_queue(2);
    const r = @get_input_queue(3);
    const x = @get_dsd(fabin_dsd, .{ .extent = 4, .fabric_color = c, .input_queue = q });
    const e = @get_color(4);
    const y = @get_dsd(fabin_dsd, .{ .extent = 4, .fabric_color = e, .input_queue = r });
    """ + MAIN % "@fadds(d1, x, y, .{ .async = true });"  # fmt: skip
    compiled(text, arch="wse2")
    assert "on wse3 an operation has at most one fabin operand" in errors(text, arch="wse3")


COMPTIME_ERRORS = {
    "@bind_local_task(t, @get_local_task_id(10)); @bind_local_task(u, @get_local_task_id(10));":
        "local_task_id 10 is bound twice: to 't' and 'u'",
    "@bind_local_task(f, @get_local_task_id(10));": "'f' is a fn, not a task",
    "@bind_local_task(d, @get_local_task_id(10));": "local task 'd' cannot have parameters",
    "@bind_local_task(t, @get_local_task_id(29)); @set_teardown_handler(f, c);":
        "'t' is bound to the teardown task id, but the program has handlers",
    "@initialize_queue(q, .{ .color = c }); @initialize_queue(q, .{ .color = c });":
        "input queue 2 is initialised twice",
    "@initialize_queue(q, .{});": "an input_queue is initialised with .{ .color = … }",
    "@set_local_color_config(c, .{ .routes = .{ .rx = RAMP, .tx = EAST } }); "
    "@set_local_color_config(c, .{ .routes = .{ .rx = RAMP, .tx = EAST } });":
        "colour 3 is configured twice in this program",
    "@set_local_color_config(c, .{ .rx = RAMP });":
        "a colour configuration has no field .rx; it has .routes",
    "@set_local_color_config(c, .{ .routes = .{ .rx = RAMP, .tx = EAST }, "
    ".switches = .{ .pos1 = .{ .rx = WEST, .tx = EAST } } });":
        "on wse2 a switch position changes rx or tx, not both",
    "@export_symbol(v); @export_symbol(v);": "'v' is exported twice",
    "@export_symbol(t);": "an exported function is a fn that returns void",
    "@activate(t);": "'t' is not bound to a task id",
    "@bind_data_task(d, @get_data_task_id(@get_color(11))); "
    "@bind_local_task(t, @get_local_task_id(11));": "which is the colour of data task 'd'",
}  # fmt: skip

PARTS = """
task t() void {}
task u() void {}
task d(x: f32) void {}
fn f() void {}
const c = @get_color(3);
const q = @get_input_queue(2);
var v: u16 = 0;
"""


@pytest.mark.parametrize("block", COMPTIME_ERRORS)
def test_comptime_block(errors: Errors, block: str):
    assert COMPTIME_ERRORS[block] in errors(PARTS + "comptime { " + block + " }")


def test_reserved_for_memcpy(errors: Errors):
    text = PARTS + """
    const sys = @import_module("<memcpy/memcpy>", .{});
    comptime { @bind_local_task(t, @get_local_task_id(27)); }
    """  # fmt: skip
    assert "local task id 27 is reserved for memcpy (27, 28, 30 are)" in errors(text)


def test_wse3_ids(errors: Errors):
    text = PARTS + "comptime { @bind_local_task(t, @get_local_task_id(7)); }"
    assert "local task id 7 is out of range 8 to 30 on wse3" in errors(text, arch="wse3")
    text = PARTS + "comptime { @bind_data_task(d, @get_data_task_id(c)); }"
    message = errors(text, arch="wse3")
    assert "on wse3 a data task id is made from an input_queue" in message
    text = (
        PARTS
        + """comptime { @set_local_color_config(@get_color(11), .{
      .routes = .{ .rx = RAMP, .tx = EAST }, .switches = .{ .pos1 = .{ .tx = WEST } } }); }"""
    )
    assert "on wse3 colour 11 cannot have switches" in errors(text, arch="wse3")


LAYOUT_ERRORS = {
    "@set_rectangle(2, 1); @set_tile_code(0, 0, \"pe.csl\", .{});":
        "1 PE has no code: (1, 0); every PE needs one @set_tile_code",
    "@set_rectangle(0, 1);": "a side of the rectangle is 1 to 4096, found 0",
    "@set_tile_code(0, 0, \"pe.csl\", .{});": "@set_tile_code stands before @set_rectangle",
    "@set_rectangle(1, 1); @set_tile_code(1, 0, \"pe.csl\", .{});":
        "PE (1, 0) is outside the 1 × 1 rectangle",
    "@set_rectangle(1, 1); @set_tile_code(0, 0, \"pe.csl\"); @set_tile_code(0, 0, \"pe.csl\");":
        "PE (0, 0) gets its code twice",
    "@set_rectangle(1, 1); @set_tile_code(0, 0, \"none.csl\");": "there is no file 'none.csl' in",
    "@set_rectangle(1, 1); @set_tile_code(0, 0, \"pe.csl\"); "
    "@set_color_config(0, 0, c, .{ .routes = .{ .rx = .{RAMP}, .tx = .{EAST} } }); "
    "@set_color_config(0, 0, c, .{ .routes = .{ .rx = .{RAMP}, .tx = .{EAST} } });":
        "colour 1 of PE (0, 0) is configured twice",
    "@set_rectangle(1, 1); @set_tile_code(0, 0, \"pe.csl\"); @export_name(\"v\", u16);":
        "@export_name of the variable 'v' needs a third argument",
    "": "calls no @set_rectangle",
}  # fmt: skip


@pytest.mark.parametrize("body", LAYOUT_ERRORS)
def test_layout(errors: Errors, body: str):
    layout = "const c = @get_color(1);\nlayout { " + body + " }"
    assert LAYOUT_ERRORS[body] in errors("", layout=layout)


def test_a_layout_without_a_layout_block(errors: Errors):
    assert errors("", layout="param n: u16;\nfn f() void { @export_symbol(n); }\n") == (
        "error: layout.csl has no layout block; name the file that has 'layout { … }'"
    )


def test_param_that_is_used_but_not_supplied(errors: Errors):
    message = errors("param n: u16;\n" + MAIN % "var x: u16 = n;")
    assert "pe.csl:1:1: error: param 'n' is not supplied and has no default" in message
    assert "layout.csl:5:3: note: the file is used here" in message


def test_param_of_another_type(errors: Errors):
    message = errors("param n: u16;\n" + MAIN % "var x: u16 = n;", params=".n = 1.5")
    assert "expected u16, found the number 1.5" in message
    assert "note: param 'n' is declared as u16" in message


def test_unknown_param_is_a_warning(compiled: Compiled):
    program = compiled(MAIN % "", params=".n = 1")
    assert "pe.csl has no param 'n': it is ignored" in program.warnings[0]


def test_memory_beyond_48_kb(compiled: Compiled):
    with pytest.raises(MemoryLimitError) as caught:
        compiled("export var big = @zeros([12000]f32);\n" + MAIN % "big[0] = 1.0;")
    assert "a PE of wse2 has 49152" in str(caught.value)
    assert "48000  pe.csl:big" in str(caught.value)


def test_recursion_that_would_overwrite_locals(errors: Errors):
    array = "var a = @zeros([4]u16); a[x] = x; const y = f(x - 1); return y + a[0];"
    text = "fn f(x: u16) u16 { if (x == 0) return 0; " + array + " }"
    message = errors(text + MAIN % "_ = f(3);")
    assert "'f' can reach itself through this call, and its local 'a' is used again" in message
    dsd = "const e = @set_dsd_length(d1, x); f(x - 1); @fmovs(e, 1.0);"
    message = errors(DSDS + "fn f(x: u16) void { if (x > 0) { " + dsd + " } }" + MAIN % "f(3);")
    assert "one of its DSDs is used again afterwards" in message


def test_endless_evaluation_ends(errors: Errors):
    text = "fn f(x: u16) u16 { return g(x); }\nfn g(x: u16) u16 { return f(x); }\n"
    message = errors(text + "const y = f(1);" + MAIN % "var x: u16 = y;")
    assert "calls at compile time nest deeper than 200" in message
    message = errors("comptime { while (true) {} }", comptime_limit=1000)
    assert "more than 1000 loop iterations and calls at compile time" in message
    nest = "comptime { for (@range(u16, 40)) |i| { _ = i; } }"
    loop = "var n: u16 = 0; inline for (@range(u16, 9)) |i| { n += i; }"
    message = errors(nest + MAIN % loop, inline_limit=8)
    assert "a loop of more than 8 iterations is unrolled; raise the limit with --max-inl" in message
    loop = "comptime var n: u16 = 0; inline while (n < 9) : (n += 1) {}"
    assert "a loop of more than 8 iterations is unrolled" in errors(MAIN % loop, inline_limit=8)
    message = errors("const a: u16 = b; const b: u16 = a;" + MAIN % "var x: u16 = a;")
    assert "'a' depends on itself: a -> b -> a" in message


@pytest.mark.parametrize("name", ["sqrt", "exp", "floor", "ceil", "inv", "sin"])
@pytest.mark.parametrize(
    ("argument", "found"), [("i", "a value of type i16"), ("4", "the number 4")]
)
def test_functions_of_floats_refuse_integers(errors: Errors, name: str, argument: str, found: str):
    text = 'const math = @import_module("<math>");\nvar i: i16 = 4;\nvar f: f32 = 1.0;\n'
    message = errors(text + MAIN % f"_ = math.{name}({argument});")
    assert f"'{name}' needs a float, found {found}; convert it with @as(f32, …)" in message
    assert "pe.csl:7:24: note: called here" in message


def test_suggestion_for_a_misspelt_name(errors: Errors):
    message = errors("var counter: u16 = 0;" + MAIN % "countr = 1;")
    assert "'countr' is not declared; did you mean 'counter'?" in message


def test_files_that_cannot_be_read(errors: Errors, tmp_path: Path):
    (tmp_path / "bad.csl").write_bytes(b"const a = \xff;")
    message = errors('const m = @import_module("bad.csl");' + MAIN % "var x = m.a;")
    assert "bad.csl is not UTF-8: byte 10 is 0xff" in message
    message = errors('const m = @import_module("<nothing/here>");' + MAIN % "")
    assert "there is no library <nothing/here>; known are" in message


JSON_ERRORS = {
    ("u8", "300"): "expected u8, found the number 300; u8 holds 0 to 255",
    ("u16", '"a"'): "v.json is a string, which does not make a u16",
    ("f32", "null"): "v.json is null, which does not make a f32",
    ("f32", "NaN"): "v.json cannot be read as JSON: NaN is not a number of JSON",
    ("[3]u16", "[1, 2]"): "v.json is an array of 2; [3]u16 has 3 elements, in one array",
    ("[2]u16", "[1, [2]]"): "v.json, element 1 is an array, which does not make a u16",
    ("color", "99"): "v.json: colour 99 is out of range 0 to 23",
    ("comptime_struct", '{"a": 1}'): "v.json: the key 'a' is not a new 'name:type'",
    ("comptime_struct", '{"a:what": 1}'): "the type of 'a' in v.json:1:1: error: 'what' is",
    ("comptime_struct", '{"a:[2": 1}'): "v.json: the key 'a:[2' names no type: the type of 'a' in",
    ("comptime_struct", '{"a:u16": 1, "a:u16": 2}'): "an object has a key twice",
    ("u16", "["): "v.json cannot be read as JSON",
    ("u16", "[" * 100_000): "v.json cannot be read as JSON: it is nested too deeply",
}


@pytest.mark.parametrize("case", JSON_ERRORS, ids=lambda case: f"{case[0]}-{case[1][:12]}")
def test_json_that_does_not_fit(errors: Errors, case: tuple[str, str]):
    text = f'const v = @import_comptime_value({case[0]}, "v.json");' + MAIN % "_ = v;"
    assert JSON_ERRORS[case] in errors(text, files={"v.json": case[1]})


def test_a_mistake_in_what_nothing_uses_is_a_warning(compiled: Compiled):
    pe = "fn unused() void { v = absent; }\nvar v: u16 = 0;" + MAIN % "v = 1;"
    (warning,) = compiled(pe).warnings
    assert warning.startswith(
        "pe.csl:1:24: warning: in what nothing uses: 'absent' is not declared"
    )


def test_integers_wider_than_a_register_are_known_at_compile_time_only(errors: Errors):
    pe = """
    var x: u80 = 0;
    task main() void { x += 1; }
    comptime { const id = @get_local_task_id(9); @bind_local_task(main, id); @activate(id); }
    """
    assert "a compile-time variable: u80 is wider than a register" in errors(pe)
