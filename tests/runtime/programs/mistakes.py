"""Parts of programs with mistakes, and what their messages begin with."""

from __future__ import annotations

from tests.runtime.programs.sources import Source, route

SELF = route(0, 0, "red", "RAMP", "RAMP")
NAMES = """
var data = @zeros([20]u32);
const d = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{20} -> data[i] });
const send = @get_dsd(fabout_dsd, .{ .extent = 20, .fabric_color = red, .output_queue = out2 });
const receive = @get_dsd(fabin_dsd, .{ .extent = 20, .fabric_color = red, .input_queue = in2 });
"""
BOTH = NAMES + "comptime { sends(out2, red); receives(in2, red); }\n"
FIRST_SENDS = NAMES + "comptime { if (x == 0) { sends(out2, red); } }\n"
RECEIVE = "@mov32(d, receive, .{ .async = true });"
SEND = "@mov32(send, d, .{ .async = true });"


def main(*lines: str) -> str:
    """A launched function of these lines, one per line of text."""
    return "fn main() void {\n" + "\n".join(lines) + "\nsys.unblock_cmd_stream();\n}\n"


def faulted(message: str, source: Source, expected: str, pe: str = "(0, 0)") -> None:
    """The message is of an instruction: its PE, its line, and `expected` as a whole."""
    head, text = message.split(f", in a launched function at {source.line()}: ")
    assert head.startswith(f"PE {pe}, cycle ")
    assert text == expected


def routed(message: str, expected: str, pe: str) -> None:
    """The message is of a router: its PE, and `expected` as a whole."""
    head, text = message.split(": ", 1)
    assert head.startswith(f"PE {pe}, cycle ")
    assert text == expected
