"""Mistakes found at compile time: what is wrong, where, what was expected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pyflame.arch import target
from pyflame.errors import MemoryLimitError
from tests.runtime.programs.sources import LAYOUT, Source, route

Refusal = Callable[..., str]

MAIN = "fn main() void { sys.unblock_cmd_stream(); }\n"
SELF = route(0, 0, "red", "RAMP", "RAMP")


def test_a_whole_message(refusal: Refusal, arch: str):
    source = Source(MAIN, routes=SELF + SELF)
    line = SELF.rstrip()
    carets = "  " + "^" * (len(line) - 3)
    assert refusal(source, arch) == (
        "layout.csl:14:3: error: colour 1 of PE (0, 0) is configured twice\n"
        f"{line}\n{carets}\n"
        "layout.csl:13:3: note: the first configuration is here\n"
        f"{line}\n{carets}"
    )


def test_a_colour_is_configured_by_the_layout_or_by_the_pe(refusal: Refusal, arch: str):
    local = "comptime { @set_local_color_config(red, .{ .routes = .{ .rx = RAMP, .tx = RAMP } }); }"
    assert refusal(Source(MAIN + local, routes=SELF), arch).startswith(
        "layout.csl:13:3: error: colour 1 of PE (0, 0) is configured both by @set_color_config and "
        "by @set_local_color_config\n"
    )


BIND_LOCAL = "comptime {{ @bind_local_task(t, @get_local_task_id({})); }} // here"
BIND_CONTROL = "comptime {{ @bind_control_task(t, @get_control_task_id({})); }} // here"
RESERVED = {
    BIND_LOCAL.format(27): "local task id 27 is reserved for memcpy (27, 28, 30 are)",
    BIND_LOCAL.format(28): "local task id 28 is reserved for memcpy (27, 28, 30 are)",
    BIND_LOCAL.format(29): "local task id 29 is reserved for teardown; use @set_teardown_handler",
    BIND_LOCAL.format(30): "local task id 30 is reserved for memcpy (27, 28, 30 are)",
    BIND_CONTROL.format(29):
        "control task id 29 is reserved for teardown; use @set_teardown_handler",
    BIND_CONTROL.format(31):
        "control task id 31 is the null task, which wavelets name to start none",
    BIND_CONTROL.format(33):
        "control task id 33 is reserved for memcpy (33, 34, 35, 36, 37 are)",
    BIND_CONTROL.format(37):
        "control task id 37 is reserved for memcpy (33, 34, 35, 36, 37 are)",
    "comptime { @initialize_queue(in2, .{ .color = @get_color(21) }); } // here":
        "colour 21 is reserved for memcpy (21, 22, 23 are)",
    "comptime { @set_local_color_config(@get_color(23), .{ .routes = .{ .rx = RAMP } }); } // here":
        "colour 23 is reserved for memcpy (21, 22, 23 are)",
    "const c = @get_color(24); comptime { @comptime_assert(c == red); } // here":
        "colour 24 is out of range 0 to 23 on {arch}",
}  # fmt: skip


@pytest.mark.parametrize("text", RESERVED)
def test_reserved_ids(refusal: Refusal, arch: str, text: str):
    source = Source(MAIN + "task t() void {}\n" + text)
    message = refusal(source, arch)
    assert message.startswith(source.line() + ":")
    assert f" error: {RESERVED[text]}\n".replace("{arch}", arch) in message


def test_reserved_colour_in_the_layout(refusal: Refusal, arch: str):
    message = refusal(Source(MAIN, routes=route(0, 0, "@get_color(22)", "RAMP", "EAST")), arch)
    assert message.startswith(
        "layout.csl:13:3: error: colour 22 is reserved for memcpy (21, 22, 23 are)\n"
    )


QUEUE = "comptime {{ @initialize_queue(@get_{}_queue({}), .{{ .color = red }}); }} // here"


@pytest.mark.parametrize("direction", ["input", "output"])
def test_reserved_queues(refusal: Refusal, arch: str, direction: str):
    hardware = target(arch)
    inputs, outputs = hardware.memcpy_queues, hardware.refused_output_queues
    reserved = inputs if direction == "input" else outputs
    for queue in reserved:
        source = Source(MAIN + QUEUE.format(direction, queue))
        names = "0 is" if len(reserved) == 1 else "0, 1 are"
        expected = f"error: {direction} queue {queue} is reserved for memcpy ({names})\n"
        message = refusal(source, arch)
        assert message.startswith(source.line() + ":") and expected in message


def test_dsds_of_early_programs_may_name_queue_0(tmp_path: Path):
    source = Source(
        """
        const from = @get_dsd(fabin_dsd, .{ .extent = 1, .fabric_color = red,
                                            .input_queue = @get_input_queue(0) });
        const to = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{1} -> out[i] });
        fn main() void { @mov32(to, from); }
        """
    )
    assert [q.number for q in source.compiled(tmp_path, "wse2").images[0].input_queues] == [0]


def test_reserved_colour_of_a_data_task(refusal: Refusal):
    bind = "comptime { @bind_data_task(take, @get_data_task_id(@get_color(22))); } // here"
    source = Source(MAIN + "task take(v: u32) void { out[0] = v; }\n" + bind)
    message = refusal(source, "wse2")
    assert message.startswith(source.line() + ":")
    assert "error: colour 22 is reserved for memcpy (21, 22, 23 are)\n" in message


def test_a_microthread_that_memcpy_uses_too(tmp_path: Path):
    source = Source(
        """
        const send = @get_dsd(fabout_dsd, .{ .extent = 1, .output_queue = out2 });
        comptime { sends(out2, red); }
        fn main() void {
          @mov32(send, 1, .{ .async = true, .ut_id = @get_ut_id(0) }); // here
        }
        """
    )
    warning = source.compiled(tmp_path, "wse3").warnings[0]
    assert warning.startswith(source.line() + ":")
    assert "warning: memcpy uses microthread 0 too; this operation has to end before the" in warning


def test_without_memcpy_its_ids_are_free(tmp_path: Path, arch: str):
    layout = """
    layout {{
      @set_rectangle({width}, {height});
      @set_tile_code(0, 0, "only.csl", .{{}});
      @set_color_config(0, 0, @get_color(21), .{{ .routes = .{{ .rx = RAMP, .tx = RAMP }} }});
    }}
    """
    only = """
    task t() void {}
    comptime {
      @bind_local_task(t, @get_local_task_id(27));
      @initialize_queue(@get_input_queue(0), .{ .color = @get_color(21) });
    }
    """
    program = Source("", layout=layout, files={"only.csl": only}).compiled(tmp_path, arch)
    assert {task.number for task in program.images[0].tasks} == {27}


def test_memory_beyond_48_kb(tmp_path: Path, arch: str):
    source = Source("var big = @zeros([12000]f32);\nfn main() void { big[x] = 1.0; }")
    with pytest.raises(MemoryLimitError) as caught:
        source.compiled(tmp_path, arch)
    assert str(caught.value) == (
        f"pe.csl at (0, 0): needs 56260 bytes, a PE of {arch} has 49152; the largest parts are\n"
        "     48000  pe.csl:big\n"
        "      8192  runtime and code\n"
        "        64  pe.csl:out\n"
        "         2  pe.csl:out_pointer\n"
        "use smaller arrays or more PEs"
    )


def test_wse3_data_task_on_a_queue_that_is_not_initialised(tmp_path: Path):
    source = Source(
        """
        task take(v: u32) void { out[0] = v; } // here
        comptime { @bind_data_task(take, data_id(in2, red)); }
        """
        + MAIN
    )
    warning = source.compiled(tmp_path, "wse3").warnings[0]
    assert warning.startswith(source.line() + ":")
    assert (
        "warning: data task 'take' never starts: input queue 2 is not initialised; on wse3 every "
        "queue needs @initialize_queue(q, .{ .color = c })\n"
    ) in warning


def test_wse3_has_one_fabin_operand_per_operation(refusal: Refusal, tmp_path: Path):
    source = Source(
        """
        const a = @get_dsd(fabin_dsd, .{ .extent = 4, .fabric_color = red, .input_queue = in2 });
        const b = @get_dsd(fabin_dsd, .{ .extent = 4, .fabric_color = blue, .input_queue = in3 });
        var sum = @zeros([4]f32);
        const d = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> sum[i] });
        comptime { receives(in2, red); receives(in3, blue); }
        fn main() void {
          @fadds(d, a, b, .{ .async = true }); // here
          sys.unblock_cmd_stream();
        }
        """
    )
    message = refusal(source, "wse3")
    assert message.startswith(source.line() + ":")
    assert "error: on wse3 an operation has at most one fabin operand\n" in message
    source.compiled(tmp_path, "wse2")


@pytest.mark.parametrize("color", [10, 11, 14, 15, 18, 19])
def test_wse3_switches_on_some_colours_only(refusal: Refusal, tmp_path: Path, color: int):
    switches = ".switches = .{ .pos1 = .{ .tx = EAST } }"
    source = Source(MAIN, routes=route(0, 0, f"@get_color({color})", "RAMP", "RAMP", switches))
    message = refusal(source, "wse3")
    assert message.startswith("layout.csl:13:")
    assert (
        f"error: on wse3 colour {color} cannot have switches; colours 0, 1, 2, 3, 4, 5, 6, 7, 8, "
        "9, 12, 13, 16, 17, 20, 21 can\n"
    ) in message
    source.compiled(tmp_path, "wse2")


def test_more_filters_than_a_router_has(refusal: Refusal, tmp_path: Path, arch: str):
    keep = ".filter = .{ .kind = .{ .range = true }, .min_idx = 3, .max_idx = 5 }"
    lines = [route(1, 0, f"@get_color({c})", "WEST", "RAMP", keep) for c in range(7)]
    assert refusal(Source(MAIN, width=2, routes="".join(lines)), arch).startswith(
        f"layout.csl:19:3: error: PE (1, 0) filters 7 colours, a router of {arch} has 6 filters\n"
    )
    Source(MAIN, width=2, routes="".join(lines[:6])).compiled(tmp_path, arch)


def test_wse3_has_no_colour_swap(refusal: Refusal):
    config = ".{ .routes = .{ .rx = RAMP, .tx = EAST, .color_swap_x = true } }"
    source = Source(MAIN, routes=f"  @set_color_config(0, 0, red, {config});\n")
    assert "error: wse3 has no colour swap\n" in refusal(source, "wse3")


DSDS = """
var a = @zeros([16]u32);
const d = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{16} -> a[i] });
const grid = @get_dsd(mem4d_dsd, .{ .tensor_access = |i, j|{4, 4} -> a[4 * i + j] });
"""
DSD_MISTAKES = {
    "@mov32(@set_dsd_length(grid, 2), 1);":
        "@set_dsd_length takes mem1d_dsd, fabin_dsd, fabout_dsd, circbuf_dsd, found a value of "
        "type mem4d_dsd",
    "const e = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{40000} -> a[0] });":
        "extent 40000 is out of range 0 to 32766 (32767: endless)",
    "const e = @get_dsd(mem1d_dsd, .{ .base_address = &a, .extent = 32768 });":
        "extent 32768 is out of range 0 to 32766 (32767: endless)",
    "const e = @get_dsd(mem1d_dsd, .{ .base_address = &a, .extent = -1 });":
        "extent -1 is out of range 0 to 32766 (32767: endless)",
    "const e = @get_dsd(fabout_dsd, .{ .output_queue = out2, .extent = 70000 });":
        "extent 70000 is out of range 0 to 32766 (32767: endless)",
    "const e = @set_dsd_length(d, 40000);":
        "extent 40000 is out of range 0 to 32766 (32767: endless)",
    "const e = @get_dsd(mem1d_dsd, .{ .base_address = &a, .extent = 2, .stride = 200 });":
        "the stride of a mem1d_dsd is -128 to 127 elements, found 200: use mem4d_dsd",
    "const e = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{2} -> a[200 * i] });":
        "the stride of a mem1d_dsd is -128 to 127 elements, found 200: use mem4d_dsd",
    "a[16] = 1;": "index 16 is out of range 0 to 15",
    "@mov32(d, d, .{ .async = true });": "@mov32 is .async but no operand is on the fabric",
    "const n: u16 = 3; const m: i16 = n - 5;":
        "expected i16, found 65534 of type u16; i16 holds -32768 to 32767",
    "var n: i32 = 3; var m: u16 = n;": "expected u16, found a value of type i32",
    "const m: u16 = 1.5;": "expected u16, found the number 1.5; convert it with @as(u16, …)",
    "a[0] = -1;": "expected u32, found the number -1; u32 holds 0 to 4294967295",
    "if (a[0]) { a[1] = 1; }": "expected bool, found a value of type u32",
}  # fmt: skip


@pytest.mark.parametrize("text", DSD_MISTAKES)
def test_descriptors_ranges_and_types(refusal: Refusal, arch: str, text: str):
    end = "sys.unblock_cmd_stream();"
    source = Source(f"{DSDS}fn main() void {{\n  {text} // here\n  {end}\n}}\n")
    message = refusal(source, arch)
    assert message.startswith(source.line() + ":")
    assert f" error: {DSD_MISTAKES[text]}" in message


def test_param_that_is_missing(refusal: Refusal, arch: str):
    source = Source("param size: u16; // here\nfn main() void { out[0] = @as(u32, size); }")
    message = refusal(source, arch)
    assert message.startswith(
        f"{source.line()}:1: error: param 'size' is not supplied and has no default\n"
    )
    assert "layout.csl:10:7: note: the file is used here\n" in message


def test_param_of_the_layout_that_is_missing(refusal: Refusal, arch: str):
    layout = "param size: u16;" + LAYOUT
    source = Source(MAIN, layout=layout, routes="  @comptime_assert(.{ size }[0] > 1);\n")
    message = refusal(source, arch)
    assert message.startswith(
        "layout.csl:1:1: error: param 'size' is not supplied and has no default\n"
    )
    assert message.count("error:") == 1


def test_param_of_another_type(refusal: Refusal, arch: str):
    text = 'const part = @import_module("part.csl", .{ .size = 70000 });\n'
    source = Source(
        text + "fn main() void { out[0] = part.twice(); }",
        files={"part.csl": "param size: u16;\nfn twice() u32 { return 2 * @as(u32, size); }\n"},
    )
    message = refusal(source, arch)
    assert "error: expected u16, found the number 70000; u16 holds 0 to 65535\n" in message
    assert "part.csl:1:1: note: param 'size' is declared as u16\n" in message


ENDLESS = [
    "comptime { while (true) {} } // here",
    "comptime { for (@range(u32, 4000000000)) |i| {} } // here",
    "fn f(n: u16) u16 { var i = n; while (i > 0) { i += 2; } return i; } // here\n"
    "const start = f(1);\nexport var z: u16 = start;",
]


@pytest.mark.parametrize("text", ENDLESS)
def test_an_endless_evaluation_names_its_limit(refusal: Refusal, arch: str, text: str):
    source = Source(MAIN + text)
    message = refusal(source, arch, comptime_limit=1000)
    assert message.startswith(source.line() + ":")
    assert (
        "error: more than 1000 loop iterations and calls at compile time; raise the limit with "
        "--max-comptime-steps if this is meant\n"
    ) in message


def test_the_limit_of_evaluation_can_be_raised(refusal: Refusal, tmp_path: Path, arch: str):
    source = Source(MAIN, routes="  for (@range(u16, 2000)) |i| { @comptime_assert(i < 2000); }\n")
    assert "more than 1000 loop iterations" in refusal(source, arch, comptime_limit=1000)
    source.compiled(tmp_path, arch, comptime_limit=10_000)


def test_several_mistakes_are_told_at_once(refusal: Refusal, arch: str):
    source = Source(
        "fn main() void {\n  nothing = 1;\n  out[16] = 2;\n  const n: u16 = 70000;\n}\n"
    )
    places = [line for line in refusal(source, arch).splitlines() if " error: " in line]
    assert [place.split(" error: ")[0] for place in places] == [
        "pe.csl:3:3:", "pe.csl:4:7:", "pe.csl:5:18:"
    ]  # fmt: skip


def test_microthreads_are_chosen_on_wse3_only(refusal: Refusal, tmp_path: Path):
    source = Source(
        """
        const send = @get_dsd(fabout_dsd, .{ .extent = 1, .fabric_color = red,
                                             .output_queue = out2 });
        comptime { sends(out2, red); }
        fn main() void {
          @mov32(send, 1, .{ .async = true, .ut_id = @get_ut_id(5) }); // here
          @block(@get_ut_id(5));
        }
        """
    )
    message = refusal(source, "wse2")
    assert message.startswith(source.line() + ":")
    assert (
        "error: .ut_id does not exist on wse2, where an operation's queue gives its microthread; "
        "leave it out there: if (@is_arch(…))\n"
    ) in message
    assert "error: blocking a microthread does not exist on wse2, where" in message
    source.compiled(tmp_path, "wse3")


def test_a_function_without_a_return_statement(refusal: Refusal, arch: str):
    source = Source("fn f(a: u32) u32 { out[2] = a; } // here\n" + MAIN.replace("{", "{ f(1);"))
    message = refusal(source, arch)
    assert message.startswith(source.line() + ":4: error: function 'f' returns u32, but has no ")


COLORS = """
const receive = @get_dsd(fabin_dsd, .{ .extent = 4, .fabric_color = %s, .input_queue = in2 });
const send = @get_dsd(fabout_dsd, .{ .extent = 4, .fabric_color = %s, .output_queue = out2 });
const to = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> out[i] });
comptime { receives(in2, red); sends(out2, red); }
fn main() void { @mov32(to, receive); @mov32(send, 1); }
"""


def test_a_colour_other_than_that_of_the_queue(tmp_path: Path, arch: str):
    warnings = Source(COLORS % ("blue", "blue")).compiled(tmp_path, arch).warnings
    assert warnings[0].startswith(
        "pe.csl:3:17: warning: .fabric_color is 2, but input queue 2 was initialised with colour "
        "1, which is the one that counts\n"
    )
    assert len(warnings) == (1 if arch == "wse2" else 2)  # there output queues have no colour
    assert Source(COLORS % ("red", "red")).compiled(tmp_path, arch).warnings == []


EXPORTS = {
    '@export_symbol(other, "q");': "'q' is exported as fn(u16)void, but the layout declares it as "
    "fn()void",
    '@export_symbol(out_pointer, "q");': "'q' is exported as a variable of 32-bit elements, but "
    "the layout declares it as fn()void",
    '@export_symbol(half_pointer, "v");': "'v' is exported as a variable of 16-bit elements, but "
    "the layout declares it as [*]u32",
}


@pytest.mark.parametrize("line", EXPORTS)
def test_exports_that_the_layout_declares_otherwise(refusal: Refusal, arch: str, line: str):
    source = Source(
        "var half = @zeros([4]f16); var half_pointer: [*]f16 = &half;\n"
        f"fn other(n: u16) void {{ out[0] = @as(u32, n); }}\ncomptime {{ {line} }} // here\n{MAIN}",
        routes='@export_name("q", fn()void); @export_name("v", [*]u32, true);\n',
    )
    message = refusal(source, arch)
    assert message.startswith(source.line() + ":12: error: " + EXPORTS[line] + "\n")
    assert "layout.csl:13:" in message and "note: @export_name is here\n" in message


def test_names_that_only_one_side_exports(tmp_path: Path, arch: str):
    source = Source(
        "fn other() void {}\ncomptime { @export_symbol(other); }\n" + MAIN,
        routes='@export_name("q", fn()void);\n',
    )
    heads = [w.splitlines()[0] for w in source.compiled(tmp_path, arch).warnings]
    assert heads == [
        "pe.csl:3:12: warning: 'other' has no @export_name in the layout; the host cannot name it",
        "layout.csl:13:1: warning: no PE exports 'q'; add @export_symbol to the programs that have "
        "it",
    ]


def test_pes_without_code(refusal: Refusal, arch: str):
    layout = LAYOUT.replace("|y| {{", "|y| {{ if (x == 2) {{ continue; }}")
    assert refusal(Source(MAIN, layout=layout, width=30, height=9), arch).startswith(
        "layout.csl:7:3: error: 9 PEs have no code: (2, 0) to (2, 8); every PE needs one "
        "@set_tile_code\n"
    )


def test_two_input_queues_of_one_colour(tmp_path: Path, arch: str):
    text = "comptime {\n@initialize_queue(in2, .{ .color = red });\n"
    source = Source(MAIN + text + "@initialize_queue(in3, .{ .color = red }); // here\n}\n")
    (warning,) = source.compiled(tmp_path, arch).warnings
    assert warning.startswith(
        f"{source.line()}:1: warning: input queue 2 takes colour 1 already; only queue 3 will get "
        "its wavelets\n"
    )


FIFO_REGISTERS = {
    ".dest = @get_dsr(dsr_dest, 8)": "a FIFO needs all of .dest, .src and .xdsr, or none",
    ".dest = @get_dsr(dsr_dest, 8), .src = @get_dsr(dsr_src1, 9), .xdsr = @get_xdsr(2)":
        ".dest and .src have the same id, found 8 and 9",
    ".dest = @get_dsr(dsr_src0, 8), .src = @get_dsr(dsr_src1, 8), .xdsr = @get_xdsr(2)":
        ".dest is a dsr_dest, found",
}  # fmt: skip


@pytest.mark.parametrize("options", FIFO_REGISTERS)
def test_registers_of_a_fifo_belong_together(refusal: Refusal, arch: str, options: str):
    fifo = f"var b = @zeros([8]u32);\nconst f = @allocate_fifo(b, .{{ {options} }});\n"
    use = "fn main() void { @set_fifo_read_length(f, 1); sys.unblock_cmd_stream(); }\n"
    assert FIFO_REGISTERS[options] in refusal(Source(fifo + use), arch)
