"""FIFO actions and explicit registers: DSR, XDSR, SR."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.runtime.programs.sources import Source, route

Result = Callable[..., Any]
Message = Callable[..., str]


def filled(options: str) -> Source:
    """Three numbers into a FIFO of two, then four out of it, both by the main thread."""
    return Source(
        """
        var buffer = @zeros([2]u32);
        const fifo = @allocate_fifo(buffer, .{ %s });
        var data = [3]u32{ 5, 6, 7 };
        const d = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{3} -> data[i] });
        const o = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> out[i] });
        fn main() void {
          out[8] = @as(u32, @mov32(fifo, d));
          out[9] = @as(u32, @mov32(o, fifo));
          sys.unblock_cmd_stream();
        }
        """.replace("%s", options)
    )


def test_a_full_or_empty_fifo_ends_the_operation_with_false(result: Result, arch: str):
    assert result(filled(""), arch)[0, 0, :10].tolist() == [5, 6, 0, 0, 0, 0, 0, 0, 0, 0]


def test_with_terminate_it_ends_with_true(result: Result, arch: str):
    full = ".full_action = .{ .terminate = true }, " if arch == "wse3" else ""
    source = filled(full + ".empty_action = .{ .terminate = true }")
    out = result(source, arch)[0, 0, :10].tolist()
    assert out == [5, 6, 0, 0, 0, 0, 0, 0, int(arch == "wse3"), 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (".full_action = .{ .fault = true }", "a push to FIFO 0, which is full"),
        (".empty_action = .{ .fault = true }", "a pop from FIFO 0, which is empty"),
        (
            ".full_action = .{ .suspend = true }",
            "stalls in @mov32 on the FIFO of pe.csl:buffer (2 of 2 elements), 1 of 3",
        ),
    ],
)
def test_or_stops_the_machine(stop: Message, options: str, message: str):
    assert message in stop(filled(options), "wse3")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (".full_action = .{ .terminate = true }", ".full_action is for wse3 only"),
        (".empty_action = .{ .suspend = true }", ".empty_action = .suspend is for wse3 only"),
        (".depth = 3", "@allocate_fifo knows .activate_push, .activate_pop, .full_action, "
         ".empty_action, .priority, .simd_mode, .dest, .src, .xdsr, found .depth"),
    ],
)  # fmt: skip
def test_wse2_knows_fewer_actions(refusal: Message, options: str, message: str):
    assert message in refusal(filled(options), "wse2")


def test_a_suspended_operation_goes_on(result: Result):
    source = Source(
        """
        var buffer = @zeros([2]u32);
        const fifo = @allocate_fifo(buffer, .{ .empty_action = .{ .suspend = true },
                                               .priority = .{ .high = true } });
        const go_id = @get_local_task_id(9);
        const send = @get_dsd(fabout_dsd, .{ .extent = 3, .output_queue = out2,
                                             .priority = .{ .low = true } });
        const take = @get_dsd(fabin_dsd, .{ .extent = 3, .input_queue = in3 });
        const o = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{3} -> out[i] });
        comptime { sends(out2, red); receives(in3, red); }
        fn main() void {
          @mov32(send, 4, .{ .async = true });
          @mov32(fifo, take, .{ .async = true });
          out[8] = @as(u32, @mov32(o, fifo));
          sys.unblock_cmd_stream();
        }
        """,
        routes=route(0, 0, "red", "RAMP", "RAMP"),
    )
    assert result(source, "wse3")[0, 0, :9].tolist() == [4, 4, 4, 0, 0, 0, 0, 0, 1]


REGISTERS = Source(
    """
    const dest = @get_dsr(dsr_dest, 1); const from = @get_dsr(dsr_src1, 2);
    const ring = @get_xdsr(1); const grid = @get_xdsr(2);
    const s0 = @get_sr(0); const s1 = @get_sr(1);
    var buffer = [3]u32{ 1, 2, 3 };
    const circle = @get_dsd(circbuf_dsd, .{ .base_address = &buffer, .extent = 4 });
    var square = [3, 4]u32{ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    const part = @get_dsd(mem4d_dsd, .{ .tensor_access = |i, j|{2, 2} -> square[i + 1, 2 * j] });
    const o = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> out[i] });
    const o4 = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> out[i + 8] });
    fn double(v: u32) u32 { return 2 * v; }
    comptime { @load_to_dsr_xdsr(from, ring, circle, .{ .save_address = true }); }
    fn main() void {
      @mov32(o, from);
      @mov32(@increment_dsd_offset(o, 4, u32), from);
      @load_to_dsr_xdsr_sr(from, grid, .{ s0 }, part);
      @load_to_dsr(dest, o4, .{ .single_step = true });
      @map(double, part, dest);
      @mov32(@increment_dsd_offset(o, 12, u32), from);
      sys.unblock_cmd_stream();
    }
    """
)


def test_registers_take_circular_buffers_and_grids(result: Result, arch: str):
    out = result(REGISTERS, arch)[0, 0].tolist()
    assert out == [1, 2, 3, 1, 2, 3, 1, 2, 10, 14, 18, 22, 5, 7, 9, 11]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (".{ s0 }, part", ".{ s0, s1 }, part", "this DSD needs 1 stride registers, found 2"),
        (".{ s0 }, part", ".{ s0, s0 }, part", "a stride register stands twice"),
        (".{ s0 }, part", ".{ 3 }, part", "expected a tuple of stride registers"),
        ("from, grid, .{ s0 }, part", "from, grid, .{ s0 }, o", "loads a mem4d_dsd"),
        ("from, ring, circle", "from, ring, o", "loads a circbuf_dsd"),
        ("from, ring, circle", "from, from, circle", "expected an xdsr"),
        ("@get_sr(0)", "@get_sr(77)", "the id of a stride register is 0 to 15, found 77"),
    ],
)
def test_mistakes_with_registers(refusal: Message, arch: str, old: str, new: str, message: str):
    assert REGISTERS.pe.count(old) == 1
    assert message in refusal(Source(REGISTERS.pe.replace(old, new)), arch)
