"""Operations on DSDs: FIFOs, DSRs, circular buffers, `@map`, half precision, wavelet forms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyflame.runtime.fabric.machine import Machine
from tests.runtime.programs.sources import SETTINGS, Source, route

Result = Callable[..., Any]

SELF = route(0, 0, "red", "RAMP", "RAMP")


def test_a_fifo_between_a_stream_and_a_slower_reader(result: Result, arch: str):
    source = Source(
        """
        const send = @get_dsd(fabout_dsd, .{ .extent = 40, .fabric_color = red,
                                             .output_queue = out2 });
        const receive = @get_dsd(fabin_dsd, .{ .extent = 40, .fabric_color = red,
                                               .input_queue = in3 });
        var values = @zeros([40]u32);
        var buffer = @zeros([6]u32);
        var got = @zeros([40]u32);
        const from = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{40} -> values[i] });
        var to = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{5} -> got[i] });
        const fifo = @allocate_fifo(buffer);
        var n: u16 = 0;
        const pop_id = @get_local_task_id(9);
        task pop() void {
          if (n == 40) {
            for (@range(u16, 40)) |i| { out[i % 4] += got[i]; }
            out[4] = got[39];
            sys.unblock_cmd_stream();
          } else {
            @mov32(to, fifo, .{ .async = true, .activate = pop_id });
            to = @increment_dsd_offset(to, 5, u32);
            n += 5;
          }
        }
        comptime { sends(out2, red); receives(in3, red); @bind_local_task(pop, pop_id); }
        fn main() void {
          for (@range(u16, 40)) |i| { values[i] = i; }
          @mov32(fifo, receive, .{ .async = true });
          @mov32(send, from, .{ .async = true });
          @activate(pop_id);
        }
        """,
        routes=SELF,
    )
    assert result(source, arch)[0, 0, :5].tolist() == [180, 190, 200, 210, 39]


def test_a_synchronous_push_to_a_full_fifo_ends_early(result: Result, arch: str):
    source = Source(
        """
        var buffer = @zeros([4]u32);
        var values = [6]u32{ 1, 2, 3, 4, 5, 6 };
        const from = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{6} -> values[i] });
        const to = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{2} -> out[i + 2] });
        const fifo = @allocate_fifo(buffer);
        fn main() void {
          out[0] = @as(u32, @mov32(fifo, from));
          out[1] = @as(u32, @mov32(to, fifo));
          sys.unblock_cmd_stream();
        }
        """
    )
    assert result(source, arch)[0, 0, :5].tolist() == [0, 1, 1, 2, 0]


def test_fifos_have_lengths_of_their_own(result: Result, arch: str):
    source = Source(
        """
        var buffer = @zeros([8]u32);
        const to = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{6} -> out[i] });
        const fifo = @allocate_fifo(buffer, .{
          .dest = @get_dsr(dsr_dest, 8), .src = @get_dsr(dsr_src1, 8), .xdsr = @get_xdsr(2) });
        fn push(n: u16, v: u32) void { @set_fifo_write_length(fifo, n); @mov32(fifo, v); }
        fn main() void {
          push(3, 7);
          push(2, 8);
          @set_fifo_read_length(fifo, 4);
          out[7] = @as(u32, @mov32(to, fifo));
          sys.unblock_cmd_stream();
        }
        """
    )
    assert result(source, arch)[0, 0, :8].tolist() == [7, 7, 7, 8, 0, 0, 0, 1]


def test_dsrs_walk_on_with_save_address(result: Result, arch: str):
    source = Source(
        """
        const send = @get_dsd(fabout_dsd, .{ .extent = 6, .fabric_color = red,
                                             .output_queue = out2 });
        const receive = @get_dsd(fabin_dsd, .{ .extent = 2, .fabric_color = red,
                                               .input_queue = in3 });
        var values = [6]u32{ 1, 2, 3, 4, 5, 6 };
        const from = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{6} -> values[i] });
        const to = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{2} -> out[i] });
        const dest = @get_dsr(dsr_dest, 1);
        const src = @get_dsr(dsr_src1, 1);
        const next_id = @get_local_task_id(9);
        var n: u16 = 0;
        task next() void {
          n += 1;
          if (n == 4) { sys.unblock_cmd_stream(); } else { @mov32(dest, src, .{ .async = true }); }
        }
        comptime { sends(out2, red); receives(in3, red); @bind_local_task(next, next_id); }
        fn main() void {
          @load_to_dsr(dest, to, .{ .save_address = true });
          @load_to_dsr(src, receive, .{ .async = true, .activate = next_id });
          @mov32(send, from, .{ .async = true });
          @activate(next_id);
        }
        """,
        routes=SELF,
    )
    assert result(source, arch)[0, 0, :7].tolist() == [1, 2, 3, 4, 5, 6, 0]


def test_a_circular_buffer_wraps_around(result: Result, arch: str):
    source = Source(
        """
        var ring = [4]u32{ 1, 2, 3, 4 };
        const circular = @get_dsd(circbuf_dsd, .{ .base_address = &ring, .extent = 6,
                                                  .wraparound = 4 });
        const to = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{6} -> out[i] });
        const src = @get_dsr(dsr_src1, 0);
        fn main() void {
          @load_to_dsr_xdsr(src, @get_xdsr(1), circular, .{ .save_address = true });
          @mov32(to, src);
          @mov32(@increment_dsd_offset(to, 6, u32), src);
          sys.unblock_cmd_stream();
        }
        """
    )
    assert result(source, arch)[0, 0, :12].tolist() == [1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4]


def test_map_reduces_and_reads_the_fabric(result: Result, arch: str):
    source = Source(
        """
        const send = @get_dsd(fabout_dsd, .{ .extent = 4, .fabric_color = red,
                                             .output_queue = out2 });
        const receive = @get_dsd(fabin_dsd, .{ .extent = 4, .fabric_color = red,
                                               .input_queue = in3 });
        var a = [4]i16{ 5, -9, 3, 2 };
        var w = [4]u32{ 1, 2, 3, 4 };
        var most: i16 = -100;
        var largest: u32 = 0;
        const da = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> a[i] });
        const dw = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> w[i] });
        const to = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> out[i + 2] });
        fn size(v: i16, so_far: *i16) i16 {
          const positive = if (v < 0) -v else v;
          return if (positive > so_far.*) positive else so_far.*;
        }
        fn scaled(v: u32, factor: u32) u32 { largest = v; return v * factor; }
        comptime { sends(out2, red); receives(in3, red); }
        fn main() void {
          @map(size, da, &most, &most);
          out[0] = @as(u32, most);
          @mov32(send, dw, .{ .async = true });
          @map(scaled, receive, @as(u32, 10), to);
          out[1] = largest;
          sys.unblock_cmd_stream();
        }
        """,
        routes=SELF,
    )
    assert result(source, arch)[0, 0, :6].tolist() == [9, 4, 10, 20, 30, 40]


HALVES = Source(
    """
    var h = [4]f16{ 1.5, -2.0, 0.1, 1000.0 };
    var g = [4]f16{ 0.5, 3.0, 0.2, 0.3 };
    var s = [4]f32{ 1.0, 2.0, 3.0, 4.0 };
    var r = @zeros([24]f16);
    var f = @zeros([8]f32);
    var k = @zeros([4]i16);
    const dh = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> h[i] });
    const dg = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> g[i] });
    const ds = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> s[i] });
    const df = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> f[i] });
    const dk = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> k[i] });
    var to = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> r[i] });
    var r_pointer: [*]f16 = &r;
    var f_pointer: [*]f32 = &f;
    var k_pointer: [*]i16 = &k;
    comptime {
      @export_symbol(r_pointer, "r"); @export_symbol(f_pointer, "f");
      @export_symbol(k_pointer, "k");
    }
    fn main() void {
      @faddh(to, dh, dg);
      to = @increment_dsd_offset(to, 4, f16);
      @fmulh(to, dh, dg);
      to = @increment_dsd_offset(to, 4, f16);
      @fmach(to, dh, dg, h[0]);
      to = @increment_dsd_offset(to, 4, f16);
      @fs2h(to, ds);
      to = @increment_dsd_offset(to, 4, f16);
      @fmaxh(to, dh, dg);
      to = @increment_dsd_offset(to, 4, f16);
      @fnegh(to, dh);
      @fh2s(df, dh);
      @faddhs(df, df, dg);
      @fmachs(@increment_dsd_offset(df, 4, f32), ds, dh, g[0]);
      @fh2xp16(dk, dh);
      sys.unblock_cmd_stream();
    }
    """
)


def halves_of(machine: Any) -> list[np.ndarray]:
    """`r` (bit patterns), `f` and `k` after a launch."""
    machine.launch("main")
    return [
        machine.read_symbol_array(name, 0, 0, 1, 1, count, dtype)[0, 0]
        for name, count, dtype in (("r", 24, np.uint16), ("f", 8, np.float32), ("k", 4, np.int16))
    ]


def to_ieee(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float16).view(np.uint16)


def to_bf16(values: np.ndarray) -> np.ndarray:
    """Round f64 to bf16, ties to even; inputs here are exact in f32 or far from a tie."""
    bits = values.astype(np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def from_ieee(bits: np.ndarray) -> np.ndarray:
    return bits.view(np.float16).astype(np.float64)


def from_bf16(bits: np.ndarray) -> np.ndarray:
    return (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)


def to_cb16(values: np.ndarray) -> np.ndarray:
    """Round to 9 mantissa bits, ties to even; the values are normal numbers of CB16."""
    bits = values.astype(np.float64).view(np.uint64)
    rounded = bits + (1 << 42) - 1 + (bits >> 43 & 1)
    size = (rounded & (2**63 - 1)) - ((1023 - 31) << 52)
    return ((bits >> 48 & 0x8000) | size >> 43).astype(np.uint16)


def from_cb16(bits: np.ndarray) -> np.ndarray:
    wide = bits.astype(np.uint64)
    size = ((wide & 0x7FFF) << 43) + ((1023 - 31) << 52)
    return (size | (wide & 0x8000) << 48).view(np.float64)


FORMATS = {
    "ieee": (to_ieee, from_ieee),
    "bf16": (to_bf16, from_bf16),
    "cb16": (to_cb16, from_cb16),
}


@pytest.mark.parametrize("fp16_format", FORMATS)
def test_half_precision_forms_round_once(tmp_path: Path, arch: str, fp16_format: str):
    narrow, wide = FORMATS[fp16_format]
    program = HALVES.compiled(tmp_path, arch, fp16_format=fp16_format)
    results = [halves_of(Machine(program, **options)) for options in SETTINGS]
    h = wide(narrow(np.array([1.5, -2.0, 0.1, 1000.0])))
    g = wide(narrow(np.array([0.5, 3.0, 0.2, 0.3])))
    s = np.array([1.0, 2.0, 3.0, 4.0])
    exact = [h + g, h * g, h + g * h[0], s, np.maximum(h, g), -h]
    for r, f, k in results:
        np.testing.assert_array_equal(r, narrow(np.concatenate(exact)))
        np.testing.assert_array_equal(f, np.concatenate([h + g, s + h * g[0]]).astype(np.float32))
        assert k.tolist() == [2, -2, 0, 1000]


def test_integer_forms(result: Result, arch: str):
    source = Source(
        """
        var a = [4]u16{ 0xff0f, 3, 0x8000, 65535 };
        var b = [4]u16{ 0x0ff0, 5, 1, 1 };
        var r = @zeros([24]u16);
        const da = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> a[i] });
        const db = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> b[i] });
        const dr = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> r[i] });
        fn main() void {
          @and16(dr, da, db);
          @or16(@increment_dsd_offset(dr, 4, u16), da, db);
          @xor16(@increment_dsd_offset(dr, 8, u16), da, db);
          @add16(@increment_dsd_offset(dr, 12, u16), da, db);
          @sub16(@increment_dsd_offset(dr, 16, u16), da, 1);
          @sll16(@increment_dsd_offset(dr, 20, u16), da, 1);
          for (@range(u16, 12)) |i| {
            out[i] = @as(u32, r[2 * i]) | @as(u32, r[2 * i + 1]) << 16;
          }
          sys.unblock_cmd_stream();
        }
        """
    )
    a = np.array([0xFF0F, 3, 0x8000, 65535], np.uint16)
    b = np.array([0x0FF0, 5, 1, 1], np.uint16)
    one = np.uint16(1)
    expected = np.concatenate([a & b, a | b, a ^ b, a + b, a - one, a << one])
    np.testing.assert_array_equal(result(source, arch)[0, 0, :12].view(np.uint16), expected)


def test_two_halves_travel_in_one_wavelet_with_simd_mode(result: Result, arch: str):
    source = Source(
        """
        const send = @get_dsd(fabout_dsd, .{ .extent = 6, .fabric_color = red,
          .output_queue = out2, .simd_mode = .{ .simd_32 = true } });
        const receive = @get_dsd(fabin_dsd, .{ .extent = 3, .fabric_color = red,
                                               .input_queue = in3 });
        var values = [6]u16{ 1, 2, 3, 4, 5, 6 };
        const from = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{6} -> values[i] });
        const to = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{3} -> out[i] });
        comptime { sends(out2, red); receives(in3, red); }
        fn main() void {
          @mov16(send, from, .{ .async = true });
          @mov32(to, receive);
          sys.unblock_cmd_stream();
        }
        """,
        routes=SELF,
    )
    out = result(source, arch)[0, 0, :3]
    assert out.tolist() == [0x00020001, 0x00040003, 0x00060005]


def test_wavelets_carry_their_index(result: Result, arch: str):
    source = Source(
        """
        const send = @get_dsd(fabout_dsd, .{ .extent = 3, .fabric_color = red,
          .output_queue = out2, .wavelet_index_offset = true });
        var values = [3]u16{ 7, 8, 9 };
        const from = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{3} -> values[i] });
        var n: u16 = 0;
        task take(data: u16, index: u16) void {
          out[n] = 1000 * @as(u32, index) + @as(u32, data);
          n += 1;
          if (n == 3) { sys.unblock_cmd_stream(); }
        }
        comptime {
          sends(out2, red); receives(in3, red); @bind_data_task(take, data_id(in3, red));
        }
        fn main() void { @mov16(send, from, .{ .async = true, .index = 40 }); }
        """,
        routes=SELF,
    )
    assert result(source, arch)[0, 0, :3].tolist() == [40007, 40008, 40009]


def test_a_chain_reduction_receives_and_sends_in_one_operation(result: Result, arch: str):
    source = Source(
        """
        const even = x % 2 == 0;
        const c_in = if (even) blue else red;
        const c_out = if (even) red else blue;
        const send = @get_dsd(fabout_dsd, .{ .extent = 4, .fabric_color = c_out,
                                             .output_queue = out2 });
        const receive = @get_dsd(fabin_dsd, .{ .extent = 4, .fabric_color = c_in,
                                               .input_queue = in3 });
        var values = @zeros([4]f32);
        const d = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> values[i] });
        const done_id = @get_local_task_id(9);
        task done() void {
          if (x == 4) { for (@range(u16, 4)) |i| { out[i] = @as(u32, values[i]); } }
          sys.unblock_cmd_stream();
        }
        comptime {
          @bind_local_task(done, done_id);
          if (x < 4) { sends(out2, c_out); }
          if (x > 0) { receives(in3, c_in); }
        }
        fn main() void {
          for (@range(u16, 4)) |i| { values[i] = @as(f32, 10 * x + i); }
          if (x == 0) {
            @fmovs(send, d, .{ .async = true, .activate = done_id });
          } else if (x < 4) {
            @fadds(send, d, receive, .{ .async = true, .activate = done_id });
          } else {
            @fadds(d, d, receive, .{ .async = true, .activate = done_id });
          }
        }
        """,
        width=5,
        routes="".join(
            route(x, 0, ("red", "blue")[x % 2], "RAMP", "EAST")
            + route(x + 1, 0, ("red", "blue")[x % 2], "WEST", "RAMP")
            for x in range(4)
        ),
    )
    assert result(source, arch)[0, 4, :4].tolist() == [100, 105, 110, 115]


def test_on_control_ends_an_endless_receive(result: Result, arch: str):
    source = Source(
        """
        const send = @get_dsd(fabout_dsd, .{ .extent = 3, .fabric_color = red,
                                             .output_queue = out2 });
        const end = @get_dsd(fabout_dsd, .{ .extent = 1, .fabric_color = red, .control = true,
                                            .output_queue = out2 });
        const receive = @get_dsd(fabin_dsd, .{ .extent = 16, .fabric_color = red,
                                               .input_queue = in3 });
        const to = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{16} -> out[i] });
        const done_id = @get_local_task_id(9);
        const sent_id = @get_local_task_id(10);
        task sent() void { @mov32(end, 31 << 16, .{ .async = true }); }
        task done() void { out[15] = 99; sys.unblock_cmd_stream(); }
        comptime {
          sends(out2, red); receives(in3, red);
          @bind_local_task(done, done_id); @bind_local_task(sent, sent_id);
        }
        fn main() void {
          @mov32(to, receive, .{ .async = true, .on_control = .{ .activate = done_id } });
          @mov32(send, 5, .{ .async = true, .activate = sent_id });
        }
        """,
        routes=SELF,
    )
    assert result(source, arch)[0, 0].tolist() == [5, 5, 5] + [0] * 12 + [99]


def test_modified_descriptors(result: Result, arch: str):
    source = Source(
        """
        var values = [12]u32{ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };
        var other = [12]u32{ 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31 };
        const from = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{2} -> values[i] });
        const to = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> out[i] });
        const grid = @get_dsd(mem4d_dsd,
          .{ .tensor_access = |i, j|{2, 3} -> values[6 * i + 2 * j] });
        fn main() void {
          @mov32(to, @set_dsd_length(@set_dsd_stride(from, 3), 4));
          const second = @increment_dsd_offset(@set_dsd_base_addr(from, &other), 10, u32);
          @mov32(@increment_dsd_offset(to, 4, u32), second);
          @mov32(@increment_dsd_offset(to, 6, u32), grid);
          sys.unblock_cmd_stream();
        }
        """
    )
    expected = [0, 3, 6, 9, 30, 31, 0, 2, 4, 6, 8, 10]
    assert result(source, arch)[0, 0, :12].tolist() == expected
