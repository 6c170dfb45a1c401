"""`<simprint>`, `<debug>`, `<string>`: what programs say, one behaviour each."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyflame.runtime.csl.diagnostics import CslError
from pyflame.runtime.fabric.machine import Machine
from tests.runtime.csl.library import HEAD, LAYOUT, compiled

LOG = 'const log = @import_module("<simprint>");\n'


def machine_of(folder: Path, statements: str, head: str = LOG, width: int = 1) -> Machine:
    """A machine whose PEs have run `statements`."""
    body = f"{head}fn main() void {{\n{statements}\nsys.unblock_cmd_stream();\n}}"
    files = {"layout.csl": LAYOUT, "pe.csl": HEAD + body}
    machine = Machine(compiled(folder, files, width=width, height=1))
    machine.launch("main")
    return machine


def printed(folder: Path, statements: str, head: str = LOG, width: int = 1) -> list[str]:
    """The lines that PEs print."""
    return sorted(line.text for line in machine_of(folder, statements, head, width).output)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (
            'log.fmt("{d} {X} {b} {f}", .{ a, a, a, h })',
            "42 002A 0000000000101010 42.0",
        ),
        ('log.fmt("{d} {X}", .{ w, w })', "66000 000101D0"),
        ('log.fmt("{b}", .{ w })', "00000000000000010000000111010000"),
        ('log.fmt("{f} {f}", .{ g, @as(f32, 1e20) })', "0.1 1e+20"),
        ('log.fmt("{{{d}}", .{ a })', "{42}"),
        ('log.fmt("nothing", .{})', "nothing"),
        ('log.fmt_no_nl("{d}", .{ a }); log.print_string(" end\\n")', "42 end"),
        ("log.print_u16_binary(a); log.print_newline()", "0000000000101010"),
        ("log.print_u32_binary(1); log.print_newline()", "0" * 31 + "1"),
        ('log.print_string("one\\x00two"); log.print_newline()', "one"),
    ],
)
def test_formats(tmp_path: Path, call: str, line: str) -> None:
    variables = "var a: u16 = 42;\nvar w: u32 = 66000;\nvar h: f16 = 42.0;\nvar g: f32 = 0.1;\n"
    assert printed(tmp_path, f"{call};", LOG + variables) == [line]


def test_a_line_may_begin_with_the_coordinates(tmp_path: Path) -> None:
    lines = printed(tmp_path, 'log.fmt_with_coords("x = {d}", .{ @as(u16, 7) });', width=2)
    assert lines == ["PE(0,0): x = 7", "PE(1,0): x = 7"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ('log.fmt("{d}", .{})', "the format string takes 1 values, found 0"),
        ('log.fmt("{d}", .{ h })', r"\{d\} prints u16 or u32, found a value of type f16"),
        ('log.fmt("{d}", .{ 3 })', r"found the number 3; convert it with @as\(u16, …\)"),
        ('log.fmt("{f}", .{ a })', r"\{f\} prints f16 or f32, found a value of type u16"),
        ('log.fmt("{s}", .{ a })', r"'\{s\}' in a format string is none of"),
        ('log.fmt("{d", .{ a })', r"'\{d' in a format string is none of"),
        ('log.fmt("{d}", a)', "a format needs its values in a tuple"),
    ],
)
def test_formats_that_are_refused(tmp_path: Path, call: str, message: str) -> None:
    with pytest.raises(CslError, match=message):
        printed(tmp_path, f"{call};", LOG + "var a: u16 = 42;\nvar h: f16 = 42.0;\n")


def test_formats_of_a_silent_instance_print_nothing(tmp_path: Path) -> None:
    head = 'const log = @import_module("<simprint>", .{ .enable = false });\n'
    call = 'log.fmt("a", .{}); log.fmt_with_coords("b", .{}); log.print_u16_binary(1);'
    assert printed(tmp_path, call, head) == []


def test_trace_takes_values_of_any_type(tmp_path: Path) -> None:
    head = """
    const trace = @import_module("<debug>", .{ .key = "k", .buffer_size = 10 });
    var i: i8 = -3;
    var u: u8 = 200;
    var h: f16 = 1.5;
    """
    calls = """
    trace.trace(i); trace.trace_i8(i); trace.trace(u); trace.trace_u8(u); trace.trace(h);
    trace.trace(true); trace.trace("text"); trace.trace(@as(u32, 70000)); trace.trace(@as(i16, -1));
    """
    machine = machine_of(tmp_path, calls, head)
    values = [record.text or record.value for record in machine.trace]
    assert values == [-3, -3, 200, 200, 0x3E00, 1, "text", 70000, -1]


def test_trace_refuses_what_has_no_record(tmp_path: Path) -> None:
    head = 'const trace = @import_module("<debug>", .{ .key = "k" });\n'
    with pytest.raises(CslError, match=r"trace records bool, i8, .* and strings, found .* color"):
        machine_of(tmp_path, "trace.trace(@get_color(1));", head)


def test_strings_made_at_compile_time(tmp_path: Path) -> None:
    head = LOG + 'const string = @import_module("<string>");\n'
    calls = """
    log.print_string(string.fmt("tile_{d} {X} {b} {f}", .{ -5, @as(u16, 255), 5, @as(f16, 0.1) }));
    log.print_string(string.comptime_int_to_string(12));
    log.print_newline();
    """
    assert printed(tmp_path, calls, head) == ["tile_-5 00FF 101 0.112"]


def test_a_string_of_run_time_values_is_refused(tmp_path: Path) -> None:
    head = LOG + 'const string = @import_module("<string>");\nvar n: u16 = 3;\n'
    with pytest.raises(CslError, match="known at compile time"):
        printed(tmp_path, 'log.print_string(string.fmt("{d}", .{ n }));', head)
