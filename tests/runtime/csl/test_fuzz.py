"""Broken programs end in a CSL error: never in a crash, never without end."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

import pytest

from pyflame.errors import PyFlameError
from pyflame.runtime.csl import compile_program

LAYOUT = """
param n: u16 = 4;
const memcpy = @import_module("<memcpy/get_params>", .{ .width = 2, .height = 1 });
const c: color = @get_color(2);
layout {
  @set_rectangle(2, 1);
  for (@range(i16, 2)) |x| {
    const rx = if (x == 0) RAMP else WEST;
    const routes = .{ .rx = .{ rx }, .tx = .{ if (x == 0) EAST else RAMP } };
    const switches = .{ .pos1 = .{ .tx = RAMP }, .ring_mode = true,
                        .pop_mode = .{ .always_pop = true } };
    @set_color_config(x, 0, c, .{ .routes = routes, .switches = switches });
    @set_tile_code(x, 0, "pe.csl", .{ .memcpy_params = memcpy.get_params(x), .n = n, .c = c,
                                      .first = x == 0, .ids = [2]u16{ 2, 3 } });
  }
  @export_name("a", [*]f32, true);
  @export_name("go", fn(u16)void);
}
"""

PE = """
param memcpy_params: comptime_struct;
param n: u16;
param c: color;
param first: bool;
param ids: [2]u16;
const sys = @import_module("<memcpy/memcpy>", memcpy_params);
const math = @import_module("<math>");
const S = struct { x: u16, y: [2]f32 };
const mode = enum(u16) { idle, busy = 3 };
const iq = @get_input_queue(ids[0]);
const oq = @get_output_queue(ids[1]);
const done: local_task_id = @get_local_task_id(10);
var a = @zeros([n]f32);
var grid align(8) = @constants([3, 3]i16, 1);
var pa: [*]f32 = &a;
var s = S{ .x = 1, .y = [2]f32{ 1.0, 2.0 } };
var m: mode = mode.idle;
fn pair(comptime T: type, comptime n: u16) type { return struct { a: T, b: [n]T }; }
const bits = packed struct { low: u3, high: i5, of: packed union { w: u8, v: i8 } };
var packed_bits = bits{ .low = 1, .high = -2, .of = .{ .w = 9 } };
export var shared: u16 linkname("both") = 1;
extern var alias: u16 linkname("both");
inline fn clamp(x: u16, top: u16) u16 { if (x > top) { return top; } return x; }
var g = pair(u16, 2){ .a = 3, .b = [2]u16{ 1, 2 } };
fn lead(p: pair(u16, 2)) u16 { return p.a; }
fn table() [4]u16 {
  var t = @zeros([4]u16);
  for (@range(u16, 4)) |i| { t[i] = if (i % 2 == 0) i else i << 1; }
  return t;
}
const lookup = table();
var mem = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{n} -> a[i] });
const diagonal = @get_dsd(mem4d_dsd, .{ .tensor_access = |i, j|{2, 2} -> grid[i + 1, j] });
const out = @get_dsd(fabout_dsd, .{ .extent = n, .fabric_color = c, .output_queue = oq });
const in = @get_dsd(fabin_dsd, .{ .extent = n, .fabric_color = c, .input_queue = iq });
const dsr = @get_dsr(dsr_src1, 1);
var buffer = @zeros([8]f32);
const fifo = @allocate_fifo(buffer);
fn square(x: f32) f32 { return x * x; }
fn scale(comptime k: u16, x: anytype, p: *f32) @type_of(x) { p.* += 1.0; return x * k; }
fn go(count: u16) void {
  var i: u16 = 0;
  var f: f32 = -1.5e0;
  loop: while (i < count) : (i += 1) {
    if (i == 2 and !(f > 0.0)) { continue :loop; } else if (i > 5) break :loop;
    f = math.sqrt(math.abs(f)) + a[i] * s.y[i & 1];
    grid[1, i] -= @as(i16, lookup[i]);
  }
  inline for (.{ 1, 2 }) |k, w| { i = scale(k, i, &f); }
  m = switch (m) { mode.idle => mode.busy, else => mode.idle };
  const v = blk: { if (i > 3) { break :blk i; } break :blk 7; };
  s.x = @bitcast(u16, @as(i16, v)) + lead(g);
  packed_bits.high += 1;
  alias += clamp(i, 3) + clamp(9, 4) + packed_bits.of.w;
  const widest = switch (shared) { 1, 2 => i, else => f0: { break :f0 @as(u32, alias); } };
  const whole = @bitcast(u16, packed_bits) + @as(u16, widest);
  @map(square, mem, mem);
  @fadds(&f, f, mem);
  mem = @set_dsd_length(@increment_dsd_offset(mem, 1, f32), n - 1);
  @assert(f == f);
  if (first) {
    @load_to_dsr(dsr, mem, .{ .save_address = true });
    @fmovs(out, dsr, .{ .async = true, .activate = finish });
  } else {
    @fmacs(mem, mem, in, f, .{ .async = true, .activate = done });
  }
}
task finish() void { sys.unblock_cmd_stream(); }
comptime {
  @comptime_assert(n > 0, "n");
  @bind_local_task(finish, done);
  @initialize_queue(iq, .{ .color = c });
  @initialize_queue(oq, if (@is_arch("wse3")) .{ .color = c } else .{});
  @export_symbol(pa, "a");
  @export_symbol(go);
}
"""

TOKEN = re.compile(r"[A-Za-z_@][A-Za-z_0-9]*|[0-9.]+|[^\sA-Za-z0-9_]")
WORDS = [
    *sorted(set(TOKEN.findall(PE + LAYOUT))),
    "-1", "65536", "1e30", "f16", "i5", "comptime_int", "type", ".{}", "{}", "undefined", "inline",
    "union", "extern", "0x7fffffffffff", "anytype", "void", "&a", "(((((", "[*]", '"', "'",
]  # fmt: skip


def mutated(text: str, rng: random.Random) -> str:
    """`text` with a few tokens removed, replaced, repeated or inserted."""
    for _ in range(rng.choice([1, 1, 2, 3])):
        spans = [m.span() for m in TOKEN.finditer(text)]
        start, end = rng.choice(spans)
        other = text[slice(*rng.choice(spans))]
        word = rng.choice([*[rng.choice(WORDS)] * 3, other, "", chr(rng.randrange(1, 256))])
        keep = rng.choice([start, end])
        text = text[:keep] + word + text[end:]
    return text


def check(folder: Path, seed: int, count: int) -> int:
    """Compile `count` broken programs; how many were still fine."""
    rng = random.Random(seed)
    fine = 0
    for _ in range(count):
        broken = rng.random() < 0.7
        (folder / "pe.csl").write_text(mutated(PE, rng) if broken else PE)
        (folder / "layout.csl").write_text(LAYOUT if broken else mutated(LAYOUT, rng))
        arch = rng.choice(["wse2", "wse3"])
        try:
            compile_program(folder / "layout.csl", arch=arch, comptime_limit=20_000)
            fine += 1
        except PyFlameError as error:
            assert str(error)
    return fine


def test_the_program_itself_is_fine(tmp_path: Path):
    (tmp_path / "pe.csl").write_text(PE)
    (tmp_path / "layout.csl").write_text(LAYOUT)
    for arch in ("wse2", "wse3"):
        program = compile_program(tmp_path / "layout.csl", arch=arch)
        assert len(program.images) == 2


def test_broken_programs(tmp_path: Path):
    fine = check(tmp_path, seed=1, count=250)
    assert 0 < fine < 250


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_many_broken_programs(tmp_path: Path):
    check(tmp_path, seed=int(os.environ.get("PYFLAME_FUZZ_SEED", "2")), count=100_000)
