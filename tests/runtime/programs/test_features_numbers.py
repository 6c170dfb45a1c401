"""Additions with carry, scaling by powers of two, significands, and the 16-bit floats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyflame.runtime.fabric.floats import FORMATS, half_bits, half_value
from tests.runtime.programs.sources import Source, launched

Result = Callable[..., Any]
Message = Callable[..., str]


def test_addc16_adds_words_of_long_numbers(result: Result, arch: str):
    source = Source(
        """
        var a = [4]u16{ 0xffff, 0xffff, 0xffff, 1 };
        var b = [4]u16{ 1, 0, 0, 2 };
        var r = @zeros([8]u16);
        const low = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{1} -> a[i] });
        const high = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{3} -> a[i + 1] });
        const low_b = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{1} -> b[i] });
        const high_b = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{3} -> b[i + 1] });
        const low_r = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{1} -> r[i] });
        const high_r = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{3} -> r[i + 1] });
        fn main() void {
          @add16(low_r, low, low_b);
          @addc16(high_r, high, high_b);
          @addc16(@increment_dsd_offset(low_r, 4, u16), low, 5);
          @addc16(@increment_dsd_offset(low_r, 5, u16), low, 5);
          for (@range(u16, 8)) |i| { out[i] = @as(u32, r[i]); }
          sys.unblock_cmd_stream();
        }
        """
    )
    # 0x0001ffffffffffff + 0x0002000000000001, then 0xffff + 5 without and with a carry
    assert result(source, arch)[0, 0, :6].tolist() == [0, 0, 0, 4, 4, 5]


SCALED = Source(
    """
    const math = @import_module("<math>");
    const ops = @import_module("<dsd_ops>");
    var s = [4]f32{ 1.5, -0.75, 1.0e-40, 3.0e38 };
    var n = [4]i16{ 3, -1, 130, 1 };
    const ds = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> s[i] });
    const dn = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> n[i] });
    var r = @zeros([12]f32);
    const dr = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> r[i] });
    var h = [4]f16{ 1.5, -96.0, 0.0, 1.0 };
    const dh = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> h[i] });
    fn main(by: u16) void {
      @fscales(dr, ds, dn);
      ops.norm(f32, @increment_dsd_offset(dr, 4, f32), ds, .{});
      @fscaleh(dh, dh, @bitcast(i16, by));
      @fh2s(@increment_dsd_offset(dr, 8, f32), dh);
      @fscales(&r[11], 3.0, -2);
      for (@range(u16, 12)) |i| { out[i] = @bitcast(u32, r[i]); }
      out[12] = @bitcast(u32, math.fscale(s[0], @bitcast(i16, by)));
      out[13] = @bitcast(u32, math.fscale_f32(s[1], -200));
      out[14] = @as(u32, @bitcast(u16, math.fscale(h[0], 1)));
      const known = math.fscale_f32(1.25, 2);
      out[15] = @bitcast(u32, known);
      sys.unblock_cmd_stream();
    }
    """,
    arguments="u16",
)


def test_values_times_powers_of_two_and_significands(result: Result, arch: str):
    out = result(SCALED, arch, launched(16, [2]))[0, 0]
    s = np.array([1.5, -0.75, 1e-40, 3e38], np.float32).astype(np.float64)
    with np.errstate(over="ignore"):
        scaled = (s * 2.0 ** np.array([3, -1, 130, 1])).astype(np.float32)
    significands = (np.frexp(s)[0] * 2).astype(np.float32)
    expected = np.concatenate(
        [scaled, significands, np.array([6.0, -384.0, 0.0, 0.75], np.float32)]
    )
    np.testing.assert_array_equal(out[:12].view(np.float32), expected)
    assert out[12:13].view(np.float32) == 6.0
    assert out[13] == 0x80000000
    assert np.uint16(out[14]).view(np.float16) == 12.0
    assert out[15:16].view(np.float32) == 5.0


def test_half_significands(result: Result, arch: str):
    source = Source(
        """
        var h = [4]f16{ 0.375, -96.0, 0.0, 1.0 };
        const dh = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> h[i] });
        fn main() void {
          @fnormh(dh, dh);
          for (@range(u16, 4)) |i| { out[i] = @as(u32, @bitcast(u16, h[i])); }
          sys.unblock_cmd_stream();
        }
        """
    )
    found = result(source, arch)[0, 0, :4].astype(np.uint16).view(np.float16)
    assert found.tolist() == [1.5, -1.5, 0.0, 1.0]


# 16-bit floats


@pytest.mark.parametrize("half", FORMATS)
def test_every_pattern_is_its_own_value(half: str):
    patterns = range(0, 1 << 16, 7)
    values = [half_value(bits, half) for bits in patterns]
    back = [half_bits(value, half) for value in values]
    same = [b == p or v != v for b, p, v in zip(back, patterns, values, strict=True)]
    assert all(same)


def test_cb16_has_six_exponent_and_nine_mantissa_bits():
    assert half_value(31 << 9, "cb16") == 1.0
    assert half_value(32 << 9 | 0x8000 | 256, "cb16") == -3.0
    assert half_value((62 << 9) + 511, "cb16") == 2.0**31 * (2 - 2.0**-9)
    assert half_value(1, "cb16") == 2.0**-39
    assert half_bits(2.0**32, "cb16") == 63 << 9
    assert half_bits(1 + 2.0**-10, "cb16") == 31 << 9  # a tie goes to even
    assert half_bits(1 + 3 * 2.0**-10, "cb16") == (31 << 9) + 2


def test_the_machine_and_the_compiler_round_alike(result: Result, tmp_path: Path):
    """Values through every place where cb16 appears: literals, casts, arithmetic, conversion."""
    numbers = ["0.1", "-3.3", "70000.0", "1.0e-9", "5.0e9"]
    source = Source(
        """
        var values = [5]f32{ %s };
        var h = @zeros([5]f16);
        const known = [5]f16{ %s };
        const dv = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{5} -> values[i] });
        const dh = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{5} -> h[i] });
        fn main() void {
          @fs2h(dh, dv);
          for (@range(u16, 5)) |i| {
            out[i] = @as(u32, @bitcast(u16, h[i]));
            out[i + 5] = @as(u32, @bitcast(u16, known[i]));
            out[i + 10] = @as(u32, @bitcast(u16, @as(f16, values[i]) * @as(@fp16(), 2)));
          }
          sys.unblock_cmd_stream();
        }
        """.replace("%s", ", ".join(numbers))
    )
    out = result(source, "wse3", fp16_format="cb16")[0, 0]
    patterns = [half_bits(float(np.float32(float(v))), "cb16") for v in numbers]
    assert out[:5].tolist() == out[5:10].tolist() == patterns
    doubled = [half_bits(2 * half_value(p, "cb16"), "cb16") for p in patterns]
    assert out[10:15].tolist() == doubled


def test_the_other_halves_exist_at_compile_time(result: Result, arch: str):
    source = Source(
        """
        const b: bf16 = 1.01;
        const c: cb16 = 1.01;
        fn main() void {
          out[0] = @as(u32, @bitcast(u16, b));
          out[1] = @as(u32, @bitcast(u16, c));
          out[2] = @bitcast(u32, @as(f32, b) + @as(f32, c));
          sys.unblock_cmd_stream();
        }
        """
    )
    out = result(source, arch)[0, 0, :3]
    b, c = half_bits(1.01, "bf16"), half_bits(1.01, "cb16")
    total = np.float32(half_value(b, "bf16")) + np.float32(half_value(c, "cb16"))
    assert out.tolist() == [b, c, int(np.float32(total).view(np.uint32))]


@pytest.mark.parametrize(
    "body",
    [
        "var v: bf16 = 1.0; fn main() void { v = 2.0; }",
        "fn main() void { var v: bf16 = 1.0; out[0] = @as(u32, @bitcast(u16, v + v)); }",
        "var w: f16 = 1.0; fn main() void { if (@as(bf16, w) > 1.0) { out[0] = 1; } }",
    ],
)
def test_at_run_time_there_is_one_half(refusal: Message, arch: str, body: str):
    message = refusal(Source(body), arch)
    assert "has type bf16 at run time" in message
    assert "compile it with --fp16-format=bf16" in message


def test_halves_do_not_convert_by_themselves(refusal: Message, arch: str):
    message = refusal(Source("const a: bf16 = 1.0; const b: f16 = a; fn main() void { b; }"), arch)
    assert "expected f16, found 1.0 of type bf16" in message
