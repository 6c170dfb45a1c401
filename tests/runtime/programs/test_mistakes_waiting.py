"""What waits for ever, and what nobody has waited for: all of it is named, once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pyflame.runtime.fabric.machine import Machine
from tests.runtime.programs.mistakes import (
    BOTH,
    SELF,
    main,
)
from tests.runtime.programs.sources import Source, east, launched, route

Stop = Callable[..., str]

TRANSFER = """
var data = @zeros([40]u32);
fn words(comptime n: u16) mem1d_dsd {
  return @get_dsd(mem1d_dsd, .{ .base_address = &data, .extent = n });
}
const send = @get_dsd(fabout_dsd, .{ .extent = %d, .fabric_color = red, .output_queue = out2 });
const receive = @get_dsd(fabin_dsd, .{ .extent = %d, .fabric_color = red, .input_queue = in3 });
comptime { if (x == 0) { sends(out2, red); } else { receives(in3, red); } }
const d = @get_dsd(mem1d_dsd, .{ .base_address = &data, .extent = 40 });
fn main() void {
  if (x == 0) {
    @mov32(send, 7); // send
  } else {
    @mov32(d, receive); // receive
  }
  sys.unblock_cmd_stream();
}
"""


def test_more_wavelets_than_consumers(stop: Stop, arch: str):
    source = Source(TRANSFER % (40, 3), width=2, routes=east(2))
    head, *lines = stop(source, arch).splitlines()
    assert head.startswith("deadlock: launch of 'main' cannot complete at cycle ")
    assert head.endswith("; nothing can move:")
    sent, arrived, held = (6, 6, 2) if arch == "wse2" else (8, 6, 3)
    left = 40 - 3 - sent - arrived - 2 * held
    assert lines == [
        "  1 PE has not called unblock_cmd_stream: (0, 0); every PE must call it once per launch",
        "  PE (0, 0): a launched function stalls in @mov32 on output queue 2 (colour 1, full), "
        f"{left} of 40 elements left, at {source.line('send')}",
        f"  PE (0, 0): output queue 2 holds {sent} wavelets, first 0x00000007 on colour 1",
        f"  PE (0, 0): router holds {held} wavelets of colour 1 from RAMP (position 0: rx RAMP, "
        "tx EAST)",
        f"  PE (1, 0): input queue 3 (colour 1) holds {arrived} wavelets, first 0x00000007; no "
        "data task is bound to it and no operation reads it",
        f"  PE (1, 0): router holds {held} wavelets of colour 1 from WEST (position 0: rx WEST, "
        "tx RAMP)",
    ]


def test_fewer_wavelets_than_consumers(stop: Stop, arch: str):
    source = Source(TRANSFER % (3, 40), width=2, routes=east(2))
    head, *lines = stop(source, arch).splitlines()
    assert head.startswith("deadlock: launch of 'main' cannot complete at cycle ")
    assert lines == [
        "  1 PE has not called unblock_cmd_stream: (1, 0); every PE must call it once per launch",
        "  PE (1, 0): a launched function stalls in @mov32 on input queue 3 (colour 1, empty: "
        f"nothing comes from PE (0, 0)), 37 of 40 elements left, at {source.line('receive')}",
    ]


def test_a_missing_unblock_cmd_stream(stop: Stop, arch: str):
    source = Source("fn main() void { if (x == 0) { sys.unblock_cmd_stream(); } }", width=3)
    head, *lines = stop(source, arch).splitlines()
    assert head.startswith("deadlock: launch of 'main' cannot complete at cycle ")
    assert lines == [
        "  2 PEs have not called unblock_cmd_stream: (1, 0), (2, 0); every PE must call it once "
        "per launch"
    ]


def test_a_task_that_is_activated_twice_before_it_starts(stop: Stop, arch: str):
    source = Source(
        """
        const tick_id = @get_local_task_id(9);
        var pending: u16 = 2;
        task tick() void {
          pending -= 1;
          if (pending == 0) { sys.unblock_cmd_stream(); }
        }
        comptime { @bind_local_task(tick, tick_id); }
        fn main() void { @activate(tick_id); @activate(tick_id); }
        """
    )
    assert stop(source, arch).splitlines()[1:] == [
        "  1 PE has not called unblock_cmd_stream: (0, 0); every PE must call it once per launch",
        "  PE (0, 0): local task 9 (tick) was activated again before it had started; it then runs "
        "once: give every operation a task of its own",
    ]


def test_a_task_that_nobody_unblocks(stop: Stop, arch: str):
    source = Source(
        """
        const end_id = @get_local_task_id(9);
        task end() void { sys.unblock_cmd_stream(); }
        comptime { @bind_local_task(end, end_id); @block(end_id); }
        fn main() void { @activate(end_id); }
        """
    )
    assert stop(source, arch).splitlines()[1:] == [
        "  1 PE has not called unblock_cmd_stream: (0, 0); every PE must call it once per launch",
        "  PE (0, 0): local task 9 (end) is active but blocked",
    ]


FIFO = """
var store = @zeros([4]u32);
const fifo = @allocate_fifo(store);
const end_id = @get_local_task_id(9);
task end() void { sys.unblock_cmd_stream(); }
comptime { @bind_local_task(end, end_id); }
fn main() void { @mov32(%s, .{ .async = true, .activate = end_id }); } // here
"""
FIFO_STALLS = {
    "send, fifo": "output queue 2 (colour 1, 0 waiting), the FIFO of pe.csl:store (0 of 4 "
    "elements), 20 of 20",
    "fifo, receive": "the FIFO of pe.csl:store (0 of 4 elements), input queue 2 (colour 1, empty: "
    "nothing comes from PE (0, 0)), 20 of 20",
}


@pytest.mark.parametrize("operands", FIFO_STALLS)
def test_a_fifo_that_stalls_an_operation(stop: Stop, arch: str, operands: str):
    source = Source(BOTH + FIFO % operands, routes=SELF)
    assert stop(source, arch).splitlines()[2:] == [
        f"  PE (0, 0): microthread 2 stalls in @mov32 on {FIFO_STALLS[operands]} elements left, at "
        + source.line()
    ]


def test_a_map_that_nobody_feeds(stop: Stop, arch: str):
    text = BOTH + "fn inc(v: u32) u32 { return v + 1; }\n"
    source = Source(text + main("@map(inc, receive, d); // here"), routes=SELF)
    assert stop(source, arch).splitlines()[2:] == [
        "  PE (0, 0): a launched function waits for input queue 2 (colour 1, empty: nothing comes "
        f"from PE (0, 0)) in @map, at {source.line()}"
    ]


def test_an_operation_that_the_host_sends_nothing(stop: Stop, arch: str):
    source = Source(
        """
        const to = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> out[i] });
        const receive = @get_dsd(fabin_dsd, .{ .extent = 4, .fabric_color = sys.MEMCPYH2D_1,
                                               .input_queue = in2 });
        comptime { receives(in2, sys.MEMCPYH2D_1); }
        """
        + main("@mov32(to, receive);"),
        streams=", .MEMCPYH2D_1 = @get_color(5)",
    )  # fmt: skip
    assert "input queue 2 (colour 5, empty: the host sends nothing more)" in stop(source, arch)


def test_a_thousand_pes_are_reported_in_a_few_lines(stop: Stop, arch: str):
    lines = [
        route(x, y, "red", "RAMP" if x == 0 else "WEST", "EAST" if x < 39 else "RAMP")
        for y in range(25)
        for x in range(40)
    ]
    source = Source(
        """
        const send = @get_dsd(fabout_dsd, .{ .extent = 200, .fabric_color = red,
                                             .output_queue = out2 });
        comptime { if (x == 0) { sends(out2, red); } if (x == 39) { receives(in3, red); } }
        fn main() void {
          if (x == 0) { @mov32(send, 7); }
          sys.unblock_cmd_stream();
        }
        """,
        width=40, height=25, routes="".join(lines),
    )  # fmt: skip
    heads = [line.split(": ")[0] for line in stop(source, arch).splitlines()[1:]]
    first, last = "  25 PEs, (0, 0) to (0, 24)", "  25 PEs, (39, 0) to (39, 24)"
    assert heads == [
        "  25 PEs have not called unblock_cmd_stream",
        *[first] * 3, "  950 PEs, (1, 0) to (38, 24)", *[last] * 2,
    ]  # fmt: skip


SURPLUS = """
const send = @get_dsd(fabout_dsd, .{ .extent = 3, .fabric_color = red, .output_queue = out2 });
const receive = @get_dsd(fabin_dsd, .{ .extent = %d, .fabric_color = red, .input_queue = in3 });
const to = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{%d} -> out[i] });
comptime { if (x == 0) { sends(out2, red); } else { receives(in3, red); } }
fn main() void {
  if (x == 0) {
    @mov32(send, 7); // here
  } else { @mov32(to, receive); }
  sys.unblock_cmd_stream();
}
"""


@pytest.mark.parametrize("read", [1, 3])
def test_wavelets_that_nobody_has_read(tmp_path: Path, arch: str, read: int):
    source = Source(SURPLUS % (read, read), width=2, routes=east(2))
    machine = Machine(source.compiled(tmp_path, arch))
    launched()(machine)
    expected = (
        "the program ended with wavelets that nobody has read; receive as many as are sent:\n"
        "  PE (1, 0): input queue 3 (colour 1) holds 2 wavelets, first 0x00000007; no data task "
        "is bound to it and no operation reads it\n"
        f"  those of colour 1 on PE (1, 0) (sent by @mov32 at {source.line()} on PE (0, 0))"
    )
    assert machine.leftovers() == ([expected] if read == 1 else [])


def test_streamed_wavelets_that_nobody_takes(tmp_path: Path, arch: str):
    source = Source(
        "comptime { receives(in2, sys.MEMCPYH2D_1); }\n" + main(),
        streams=", .MEMCPYH2D_1 = @get_color(5)",
    )
    machine = Machine(source.compiled(tmp_path, arch))
    machine.stream_in(5, 0, 0, np.zeros((1, 1, 20), np.uint32))
    machine.run_until_idle()
    first, second = machine.leftovers()
    assert first.startswith("14 wavelets of a host stream on colour 5 were never taken; initialise")
    assert "PE (0, 0): input queue 2 (colour 5) holds 6 wavelets, first 0x00000000" in second
