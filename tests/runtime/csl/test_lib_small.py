"""The small library modules: <dsd_ops>, <complex>, <timer>, <malloc>, <empty>."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pyflame.errors import SimulationError
from pyflame.runtime.csl.diagnostics import CslError
from tests.runtime.csl.library import ran

DSD_OPS = """
const ops = @import_module("<dsd_ops>");
var a = [4]T{ 1, -2, 3, -4 };
var b = [4]T{ 5, 6, -7, 8 };
var c = @zeros([4]U);
const da = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> a[i] });
const db = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> b[i] });
const dc = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> c[i] });
fn main() void {
  CALL;
  for (@range(u16, 4)) |i| { out[i] = @bitcast(u32, @as(i32, c[i])); }
  sys.unblock_cmd_stream();
}
"""
A = np.array([1, -2, 3, -4])
B = np.array([5, 6, -7, 8])


@pytest.mark.parametrize(
    ("call", "source", "dest", "expected"),
    [
        ("ops.mov(T, dc, da, .{})", "f16", "f16", A),
        ("ops.mov(T, dc, da, .{})", "f32", "f32", A),
        ("ops.mov(T, dc, da, .{})", "i16", "i16", A),
        ("ops.mov(T, dc, da, .{})", "i32", "i32", A),
        ("ops.convert(U, T, dc, da, .{})", "f16", "f32", A),
        ("ops.convert(U, T, dc, da, .{})", "f32", "f16", A),
        ("ops.convert(U, T, dc, da, .{})", "f32", "i16", A),
        ("ops.convert(U, T, dc, da, .{})", "i16", "f16", A),
        ("ops.add(U, T, dc, da, db, .{})", "f16", "f16", A + B),
        ("ops.add(U, T, dc, da, db, .{})", "f32", "f32", A + B),
        ("ops.add(U, T, dc, da, db, .{})", "i16", "i16", A + B),
        ("ops.sub(T, dc, da, db, .{})", "f32", "f32", A - B),
        ("ops.sub(T, dc, da, @as(i16, 5), .{})", "i16", "i16", A - 5),
        ("ops.mul(T, dc, da, db, .{})", "f16", "f16", A * B),
        ("ops.fmac(U, T, dc, da, db, @as(T, 2), .{})", "f32", "f32", A + 2 * B),
        ("ops.neg(T, dc, da, .{})", "f32", "f32", -A),
        ("ops.abs(T, dc, da, .{})", "f16", "f16", abs(A)),
        ("ops.max(T, dc, da, db, .{})", "f32", "f32", np.maximum(A, B)),
    ],
)
def test_dsd_ops_choose_by_type(
    tmp_path: Path, call: str, source: str, dest: str, expected: np.ndarray
) -> None:
    body = f"const T = {source};\nconst U = {dest};\n" + DSD_OPS.replace("CALL", call)
    assert ran(tmp_path, body, count=4).view(np.int32).tolist() == expected.tolist()


def test_dsd_ops_refuse_types_without_an_operation(tmp_path: Path) -> None:
    body = "const T = i16;\nconst U = i16;\n" + DSD_OPS.replace(
        "CALL", "ops.mul(T, dc, da, db, .{})"
    )
    with pytest.raises(CslError, match="mul: T must be one of f16, f32"):
        ran(tmp_path, body)


@pytest.mark.parametrize(("type_", "bits"), [("f16", 32), ("f32", 64)])
def test_complex_arithmetic(tmp_path: Path, type_: str, bits: int) -> None:
    body = f"""
    const c = @import_module("<complex>");
    var a: {type_} = 2.0;
    fn put(at: u16, z: c.complex_{bits}) void {{
      out[at] = @bitcast(u32, @as(i32, z.real));
      out[at + 1] = @bitcast(u32, @as(i32, z.imag));
    }}
    fn main() void {{
      const x = c.get_complex(a, 3.0);
      const y = c.get_complex_{bits}(5.0, -a);
      put(0, c.add_complex(x, y));
      put(2, c.subtract_complex_{bits}(x, y));
      put(4, c.multiply_complex(x, y));
      sys.unblock_cmd_stream();
    }}"""
    got = ran(tmp_path, body, count=6).view(np.int32)
    assert got.tolist() == [7, 1, -3, 5, 16, 11]


def test_timers_run_side_by_side(tmp_path: Path) -> None:
    body = """
    const timer = @import_module("<timer>", .{ .timerCount = 2 });
    var first: timer.timerType = @zeros([3]u16);
    var second: timer.timerType = @zeros([3]u16);
    var sum: u16 = 0;
    fn main() void {
      timer.start(0);
      timer.start(1);
      for (@range(u16, 10)) |i| { sum += i; }
      timer.stop(1);
      for (@range(u16, 9000)) |i| { sum += i; }
      timer.stop(0);
      timer.elapsed(0, &first);
      timer.elapsed(1, &second);
      for (@range(u16, 3)) |i| {
        out[i] = @as(u32, first[i]);
        out[3 + i] = @as(u32, second[i]);
      }
      sys.unblock_cmd_stream();
    }"""
    words = ran(tmp_path, body, count=6).reshape(2, 3).astype(np.int64)
    long, short = words @ [1, 1 << 16, 1 << 32]
    assert 10 < short < 2000
    assert 9000 < long < 1 << 24
    assert words[0, 1] > 0  # a carry into the second word was taken


MALLOC = """
const mem = @import_module("<malloc>", .{ .buffer_num_words = 16, .asserts_enabled = true });
fn at(p: u32) u32 { return p; }
fn main() void {
  const a = mem.malloc(u16, 3);
  const b = mem.malloc_f32(4);
  for (@range(u16, 3)) |i| { a[i] = i + 1; }
  for (@range(u16, 4)) |i| { b[i] = @as(f32, i) + 0.5; }
  for (@range(u16, 3)) |i| { out[i] = @as(u32, a[i]); }
  for (@range(u16, 4)) |i| { out[3 + i] = @bitcast(u32, b[i]); }
  out[7] = if (mem.has_enough_space(u32, 2)) 1 else 0;
  out[8] = if (mem.has_enough_words(5)) 1 else 0;
  MORE
  mem.free();
  out[9] = if (mem.has_enough_double_words(8)) 1 else 0;
  sys.unblock_cmd_stream();
}
"""


def test_malloc_hands_out_places_that_do_not_overlap(tmp_path: Path) -> None:
    out = ran(tmp_path, MALLOC.replace("MORE", ""), count=10)
    assert out[:3].tolist() == [1, 2, 3]
    assert out[3:7].view(np.float32).tolist() == [0.5, 1.5, 2.5, 3.5]
    assert out[7:].tolist() == [1, 0, 1]


def test_malloc_beyond_the_arena_is_caught(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="assertion"):
        ran(tmp_path, MALLOC.replace("MORE", "var c = mem.malloc_u32(3); c[0] = 1;"))


def test_empty_stands_for_a_module_that_is_not_needed(tmp_path: Path) -> None:
    body = """
    param wanted: bool = false;
    const extra = @import_module(if (wanted) "missing.csl" else "<empty>");
    fn main() void { out[0] = 1; sys.unblock_cmd_stream(); }"""
    assert ran(tmp_path, body, count=1).tolist() == [1]
