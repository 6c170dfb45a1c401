"""What compiled programs compute when the machine runs them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pyflame.runtime.csl.sema import modules
from pyflame.runtime.fabric.image import Program

Result = Callable[..., list[float]]


def test_scalars_wrap_and_convert(result: Result):
    out = result(
        """
        export var out = @zeros([8]i32);
        var u: u16 = 65535;
        var i: i16 = -32768;
        var f: f32 = -2.75;
        task main() void {
          out[0] = @as(i32, u + 1);
          out[1] = @as(i32, i - 1);
          out[2] = @as(i32, f);
          out[3] = @as(i32, @bitcast(u16, i));
          out[4] = @as(i32, -7) / 2;
          out[5] = @as(i32, i >> 3);
          out[6] = @as(i32, u >> 3);
          out[7] = @as(i32, @as(u8, u * 3));
        }
        """
    )
    assert out == [0, 32767, -2, 32768, -3, -4096, 8191, 253]


def test_control_flow(result: Result):
    out = result(
        """
        export var out = @zeros([6]u16);
        var n: u16 = 5;
        fn classify(x: u16) u16 {
          if (x == 0) return 10 else if (x < 3) { return 20; } else if (x == 3) { return 30; }
          return 40;
        }
        task main() void {
          var i: u16 = 0;
          outer: while (true) : (i += 1) {
            for (@range(u16, n)) |k| {
              if (k == 3) continue :outer;
              if (i == 2) break :outer;
              out[0] += 1;
            }
          }
          out[1] = classify(n - 5) + classify(n - 3) + classify(n - 2) + classify(n);
          out[2] = switch (n) { 1, 2 => 100, 5 => 200, else => 300 };
          out[3] = if (n > 4 and n < 6) 7 else 8;
          for (@range(i16, 10, 0, -3)) |k| { out[4] += @as(u16, k); }
          out[5] = blk: { if (n == 5) { break :blk n + 1; } break :blk 0; };
        }
        """
    )
    assert out == [6, 100, 200, 7, 22, 6]


def test_short_circuit_skips_the_right_side(result: Result):
    out = result(
        """
        export var out = @zeros([2]u16);
        var zero: u16 = 0;
        fn touch() bool { out[0] += 1; return true; }
        task main() void {
          if (zero == 1 and touch()) { out[1] += 1; }
          if (zero == 0 or touch()) { out[1] += 2; }
          if (zero == 0 and touch()) { out[1] += 4; }
        }
        """
    )
    assert out == [1, 6]


def test_inline_loops_unroll(result: Result):
    out = result(
        """
        export var out = @zeros([4]u16);
        const tables = .{ 1, 10, 100 };
        var stop: u16 = 1;
        task main() void {
          inline for (tables) |t, i| {
            if (i == 2) { break; }
            out[0] += t;
          }
          comptime var k = 0;
          inline while (k < 3) : (k += 1) { out[k + 1] = k * 2; if (k == stop) break; }
        }
        """
    )
    assert out == [11, 0, 2, 0]


def test_pointers_and_arrays(result: Result):
    out = result(
        """
        export var out = @zeros([8]f32);
        var a = [2, 3]f32{ 0.0, 1.0, 2.0, 3.0, 4.0, 5.0 };
        var i: i16 = 1;
        var j: u16 = 2;
        const table = [3]f32{ 7.0, 8.0, 9.0 };
        fn set(p: *f32, q: [*]f32, r: *[2, 3]f32) void {
          p.* = a[i, j];
          q[1] = r[0, j];
          q[j] = (r.*)[1, 1];
        }
        task main() void {
          var local: f32 = 0.0;
          set(&local, &out, &a);
          out[0] = local;
          out[3] = table[j];
          var copy = a;
          copy[0, 0] = 50.0;
          out[4] = a[0, 0] + copy[0, 0];
          const p = if (i == 1) &a else &copy;
          out[5] = p.*[1, 0];
          var many: [*]f32 = &out;
          many[6] = many[5] * 2.0;
        }
        """
    )
    assert out == [5, 2, 4, 9, 50, 3, 6, 0]


def test_structs_and_enums(result: Result):
    out = result(
        """
        export var out = @zeros([4]u16);
        const S = struct { x: u16, y: [2]u16 };
        const mode = enum(u16) { off, on = 5 };
        var s = S{ .x = 1, .y = [2]u16{ 2, 3 } };
        var m: mode = mode.off;
        var n: u16 = 4;
        fn sum(v: S) u16 { return v.x + v.y[0] + v.y[1]; }
        fn make(x: u16) S { return S{ .x = x, .y = [2]u16{ x, n } }; }
        task main() void {
          s.y[n - 3] = 30;
          out[0] = sum(s);
          const t = make(n);
          out[1] = sum(t);
          m = mode.on;
          out[2] = @as(u16, m);
          const p = &s;
          p.x = 9;
          out[3] = switch (m) { mode.off => 1, mode.on => s.x };
        }
        """
    )
    assert out == [33, 12, 5, 9]


def test_functions_generic_inline_and_through_pointers(result: Result):
    out = result(
        """
        export var out = @zeros([5]f32);
        fn twice(x: anytype) @type_of(x) { return x + x; }
        fn power(comptime n: u16, x: f32) f32 {
          var r: f32 = 1.0;
          inline for (@range(u16, n)) |i| { r *= x; }
          return r;
        }
        fn one() f32 { return 1.5; }
        fn two() f32 { return 2.5; }
        var pick: *const fn() f32 = &one;
        var f: f32 = 3.0;
        var i: i16 = 4;
        task main() void {
          out[0] = twice(f);
          out[1] = @as(f32, twice(i));
          out[2] = power(3, f);
          out[3] = pick();
          pick = two;
          out[4] = pick();
        }
        """
    )
    assert out == [6, 8, 27, 1.5, 2.5]


def test_functions_that_reach_themselves(result: Result):
    out = result(
        """
        export var out = @zeros([2]u32);
        var turns: u16 = 0;
        fn sum(n: u16) u32 { if (n == 0) return 0; const rest = sum(n - 1); return rest + n; }
        fn ping(n: u16) void { turns += 1; if (n > 0) pong(n - 1); }
        fn pong(n: u16) void { const a = [2]u16{ n, n }; if (a[0] > 0) ping(a[1] - 1); }
        task main() void {
          out[0] = sum(20);
          ping(10);
          out[1] = @as(u32, turns);
        }
        """
    )
    assert out == [210, 6]


def test_module_instances_have_their_own_variables(result: Result):
    counter = """
        param step: u16;
        var value: u16 = 0;
        fn bump() void { value += step; }
    """
    out = result(
        """
        export var out = @zeros([3]u16);
        const a = @import_module("counter.csl", .{ .step = 1 });
        const b = @import_module("counter.csl", .{ .step = 10 });
        task main() void {
          a.bump(); a.bump(); b.bump();
          b.value += 100;
          out[0] = a.value; out[1] = b.value; out[2] = b.step;
        }
        """,
        files={"counter.csl": counter},
    )
    assert out == [2, 110, 10]


def test_dsd_access_forms(result: Result):
    out = result(
        """
        export var out = @zeros([16]f32);
        var a = [3, 4]f32{ 0.0, 1.0, 2.0, 3.0, 10.0, 11.0, 12.0, 13.0, 20.0, 21.0, 22.0, 23.0 };
        var row: i16 = 2;
        const column = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{3} -> a[i, 1] });
        const back = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{3} -> a[0, 3 - i] });
        const block = @get_dsd(mem4d_dsd, .{ .tensor_access = |i, j|{2, 2} -> a[i + 1, 2 * j] });
        const same = @get_dsd(mem4d_dsd, .{ .base_address = &a, .extent = .{ 2, 2 },
                                            .stride = .{ 2, 2 }, .offset = 4 });
        var o = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{3} -> out[i] });
        task main() void {
          @fmovs(o, column);
          o = @increment_dsd_offset(o, 3, f32);
          @fmovs(o, back);
          o = @set_dsd_length(@increment_dsd_offset(o, 3, f32), 4);
          @fmovs(o, block);
          o = @increment_dsd_offset(o, 4, f32);
          @fmovs(o, same);
          const last = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{2} -> a[row, i + 2] });
          o = @set_dsd_base_addr(o, &out);
          o = @set_dsd_length(o, 2);
          @fmovs(@increment_dsd_offset(o, 14, f32), last);
        }
        """
    )
    block = [10, 12, 20, 22]
    assert out == [1, 11, 21, 3, 2, 1, *block, *block, 22, 23]


def test_dsd_operations_in_place_and_reductions(result: Result):
    out = result(
        """
        export var out = @zeros([4]f32);
        var x = [3]f32{ 1.0, 2.0, 3.0 };
        var sum: f32 = 0.5;
        const dx = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{3} -> x[i] });
        fn square(v: f32) f32 { return v * v; }
        fn scaled(d: mem1d_dsd, by: f32) mem1d_dsd { @fmuls(d, d, by); return d; }
        task main() void {
          @fmacs(dx, dx, dx, 2.0);
          var acc: f32 = 0.0;
          @fadds(&acc, acc, dx);
          @fadds(&sum, sum, scaled(dx, 10.0));
          out[0] = acc;
          out[1] = sum;
          @map(square, dx, dx);
          out[2] = x[0]; out[3] = x[2];
        }
        """
    )
    assert out == [18, 180.5, 900, 8100]


def test_map_expands_inline_functions(result: Result):
    out = result(
        """
        export var out = @zeros([3]i16);
        var calls: i16 = 0;
        var x = [3]i16{ 1, -2, 3 };
        const dx = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{3} -> x[i] });
        const dout = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{3} -> out[i] });
        fn count() void { calls += 1; }
        inline fn clamped(v: i16, low: i16) i16 {
          count();
          if (v < low) { return low; }
          return v * calls;
        }
        task main() void { @map(clamped, dx, 0, dout); }
        """
    )
    assert out == [1, 0, 9]


def test_dsrs_keep_their_address(result: Result):
    out = result(
        """
        export var out = @zeros([6]u16);
        var x = [6]u16{ 1, 2, 3, 4, 5, 6 };
        const dest = @get_dsr(dsr_dest, 1);
        const src = @get_dsr(dsr_src1, 2);
        const two = @get_dsd(mem1d_dsd, .{ .base_address = &out, .extent = 2 });
        const from = @get_dsd(mem1d_dsd, .{ .base_address = &x, .extent = 2 });
        task main() void {
          @load_to_dsr(dest, two, .{ .save_address = true });
          @load_to_dsr(src, from, .{ .save_address = true });
          @mov16(dest, src);
          @mov16(dest, src);
        }
        """
    )
    assert out == [1, 2, 3, 4, 0, 0]


def test_dsrs_loaded_at_compile_time(result: Result):
    out = result(
        """
        export var out = @zeros([3]u16);
        var x = [3]u16{ 7, 8, 9 };
        const dest = @get_dsr(dsr_dest, 1);
        const d = @get_dsd(mem1d_dsd, .{ .base_address = &out, .extent = 3 });
        const from = @get_dsd(mem1d_dsd, .{ .base_address = &x, .extent = 3 });
        comptime { @load_to_dsr(dest, d); }
        task main() void { @mov16(dest, from); }
        """
    )
    assert out == [7, 8, 9]


def test_an_exported_pointer_is_followed_where_it_points_now(result: Result):
    out = result(
        """
        var a = [2]u16{ 1, 2 };
        var b = [2]u16{ 3, 4 };
        var p: [*]u16 = &a;
        task main() void { p = &b; }
        comptime { @export_symbol(p, "out"); }
        """
    )
    assert out == [3, 4]


def test_half_precision(result: Result):
    out = result(
        """
        export var out = @zeros([3]f16);
        var a: f16 = 0.1;
        var b: f32 = 1.0e-3;
        task main() void {
          out[0] = a + a * a;
          out[1] = @as(f16, b);
          const wide: f32 = a;
          out[2] = @as(f16, wide * 3.0);
        }
        """
    )
    assert out == pytest.approx([0.11, 0.001, 0.3], rel=1e-3)


def test_comptime_functions_fill_arrays(result: Result):
    out = result(
        """
        param n: u16;
        fn table() [n]u16 {
          var t = @zeros([n]u16);
          var i: u16 = 0;
          while (i < n) : (i += 1) { t[i] = if (i % 2 == 0) i * i else helper(i); }
          return t;
        }
        fn helper(i: u16) u16 { return 100 + i; }
        export var out = table();
        task main() void {}
        """,
        params=".n = 5",
    )
    assert out == [0, 101, 4, 103, 16]


def test_libraries_math_time_control_layout(result: Result):
    out = result(
        """
        const math = @import_module("<math>");
        const time = @import_module("<time>");
        const control = @import_module("<control>");
        const place = @import_module("<layout>");
        export var out = @zeros([5]u32);
        var words = @zeros([time.tsc_size_words]u16);
        var x: f32 = 2.25;
        const fixed = math.sqrt(@as(f32, 16.0));
        task main() void {
          out[0] = @as(u32, math.sqrt(x) * 100.0);
          out[1] = @as(u32, fixed);
          out[2] = control.encode_single_payload(control.opcode.TEARDOWN, true, {}, 5);
          time.enable_tsc();
          time.get_timestamp(&words);
          out[3] = @as(u32, place.get_x_coord());
          out[4] = if (words[0] > 0 or words[1] == 0) 1 else 0;
        }
        """
    )
    assert out == [150, 4, 31 << 16 | 3 << 22 | 1 << 24 | 5, 0, 1]


@pytest.mark.parametrize("arch", ["wse2", "wse3"])
def test_both_architectures_choose_their_branch(result: Result, arch: str):
    out = result(
        """
        export var out = @zeros([1]u16);
        const value: u16 = if (@is_arch("wse2")) 2 else if (@is_arch("wse3")) 3;
        task main() void { out[0] = value; }
        """,
        arch=arch,
    )
    assert out == [int(arch[-1])]


PAIR = """
fn pair(comptime T: type, comptime n: u16) type { return struct { a: T, b: [n]T }; }
"""


def test_generic_types_with_equal_arguments_are_the_same(result: Result):
    out = result(
        PAIR
        + """
        export var out = @zeros([3]u16);
        const First = pair(u16, 2);
        fn sum(p: pair(u16, 2)) u16 { return p.a + p.b[0] + p.b[1]; }
        var p = pair(u16, 1 + 1){ .a = 1, .b = [2]u16{ 2, 4 } };
        task main() void {
          out[0] = sum(p);
          out[1] = if (@is_same_type(First, pair(u16, 2))) 1 else 0;
          if (@is_same_type(First, pair(u16, 3)) or @is_same_type(First, pair(i16, 2))) out[2] = 1;
        }
        """
    )
    assert out == [7, 1, 0]


def test_abs_sign_min_and_max_take_integers(result: Result):
    out = result(
        """
        const math = @import_module("<math>");
        export var out = @zeros([5]i16);
        var i: i16 = -3;
        task main() void {
          out[0] = math.abs(i);
          out[1] = math.sign(i);
          out[2] = math.min(i, 2);
          out[3] = math.max(i, 2);
          out[4] = math.abs(-7);
        }
        """
    )
    assert out == [3, -1, -3, 2, 7]


def test_an_address_that_the_program_makes_is_read(result: Result):
    out = result(
        """
        export var out = @zeros([1]u16);
        task main() void {
          @bitcast(*u16, @as(u16, 0xBF00)).* = 21;
          out[0] = @bitcast(*u16, @as(u16, 0xBF00)).* * 2;
        }
        """
    )
    assert out == [42]


def test_imports_are_looked_for_beside_the_importer_then_beside_the_layout(result: Result):
    files = {
        "parts/a.csl": """const b = @import_module("parts/b.csl");
                          const c = @import_module("c.csl");""",
        "parts/b.csl": "const value: u32 = 7;",
        "parts/c.csl": "const value: u32 = 20;",
        "c.csl": "const value: u32 = 1000;",
    }
    text = """
    const a = @import_module("parts/a.csl");
    export var out: u32 = 0;
    task main() void { out = a.b.value + a.c.value; }
    """
    assert result(text, files=files) == [27]


def test_a_value_from_a_json_file(result: Result):
    files = {
        "parts/a.json": '{"n:u16": 3, "x:f32": 2, "c:color": 5, "on:bool": true, '
        '"s:comptime_string": "abc", "v:[3]i16": [1, -2, 3], '
        '"inner:comptime_struct": {"y:comptime_float": 0.5}}',
        "m.json": "[1, 2, 3, 4]",
    }
    text = """
    const a = @import_comptime_value(comptime_struct, "parts/a.json");
    const m = @import_comptime_value([2, 2]u32, "m.json");
    const c: color = a.c;
    export var out = @zeros([6]f32);
    task main() void {
      out[0] = @as(f32, a.n) + a.x + a.inner.y;
      out[1] = @as(f32, @get_int(c));
      out[2] = if (a.on and @has_field(a, "n")) 1.0 else 0.0;
      out[3] = @as(f32, @strlen(a.s));
      out[4] = @as(f32, a.v[1]);
      out[5] = @as(f32, m[1, 0]);
    }
    """
    assert result(text, files=files) == [5.5, 5.0, 1.0, 3.0, -2.0, 3.0]


def test_the_address_of_an_element_that_a_computed_pointer_points_to(result: Result):
    text = """
    export var out = @zeros([2]u32);
    fn third(p: [*]u32) *u16 { return &@ptrcast([*]u16, p)[2]; }
    task main() void { third(&out).* = 5; }
    """
    assert result(text) == [0, 5]


def test_random16_draws_at_run_time_and_follows_the_seed(result: Result):
    text = """
    const random = @import_module("<random>");
    export var out = @zeros([64]u16);
    task main() void {
      for (@range(u16, 2)) |half| {
        random.set_global_prng_seed(7);
        for (@range(u16, 32)) |i| { out[32 * half + i] = @random16(); }
      }
    }
    """
    out = result(text)
    assert out[:32] == out[32:]
    assert len(set(out)) > 28


def test_an_extent_of_65535_is_endless(result: Result):
    text = """
    var word: [1]u16 = .{ 7 };
    export var out = @zeros([4]u16);
    const endless = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{65535} -> word[0] });
    const all = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> out[i] });
    task main() void { @add16(all, all, endless); }
    """
    assert result(text) == [7, 7, 7, 7]


def test_the_clock_has_registers_on_wse2(result: Result):
    text = """
    const config = @import_module("<tile_config>");
    const base: u16 = @as(u16, config.addresses.TIMESTAMP_COUNTER);
    const control: u16 = @as(u16, config.addresses.PERF_COUNTER_CONTROL);
    export var out = @zeros([4]u16);
    fn word(i: u16) u16 { return @bitcast(*u16, base + config.word_size * i).*; }
    task main() void {
      @bitcast(*u16, base).* = 0xfff0;
      @bitcast(*u16, base + 2).* = 7;
      out[0] = @as(u16, word(0) == 0xfff0);
      @bitcast(*u16, control).* = 7;
      for (@range(u16, 20)) |i| { out[2] += i; }
      out[1] = word(1);
      @bitcast(*u16, control).* = 0;
      out[3] = @as(u16, word(0) == word(0));
    }
    """
    assert result(text) == [1, 8, 190, 1]


def test_no_seed_makes_a_first_draw_of_zero(result: Result):
    text = """
    const random = @import_module("<random>");
    export var out = @zeros([64]u16);
    task main() void {
      for (@range(u16, 64)) |seed| {
        random.set_global_prng_seed(seed);
        out[seed] = @random16();
      }
    }
    """
    out = result(text)
    assert 0 not in out and len(set(out)) == 64


def test_the_limit_of_imports_is_for_each_program(
    compiled: Callable[..., Program], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(modules, "MAX_INSTANCES", 3)
    layout = """
    layout {
      @set_rectangle(4, 1);
      for (@range(u16, 4)) |x| { @set_tile_code(x, 0, "pe.csl", .{ .x = x }); }
    }
    """
    pe = 'param x: u16; const m = @import_module("m.csl"); export var out: u16 = x + m.one;'
    program = compiled(pe, layout=layout, files={"m.csl": "const one: u16 = 1;"})
    assert len(program.images) == 4


def test_an_arm_that_names_a_global_does_not_type_its_initialiser(result: Result):
    out = result(
        """
        param few = true;
        export var out = @zeros([2]u16);
        task main() void { record[2] = 7; out[0] = record[2]; out[1] = long[0]; }
        const record: [*]u16 = if (few) &short else &long;
        var short = @zeros([if (few) 3 else 1]u16);
        var long = @zeros([8]u16);
        """
    )
    assert out == [7, 0]


def test_arms_of_an_if_take_the_type_that_they_are_added_to(result: Result):
    text = """
    export var out: u32 = 5;
    var n: u16 = 3;
    task main() void { out += if (n % 2 != 0) 1 else 0; out -= if (n == 0) 9 else 2; }
    """
    assert result(text) == [4]


def test_a_teardown_task_of_its_own_sees_which_queue_was_flushed(result: Result):
    text = """
    const config = @import_module("<tile_config>");
    const flush = config.queue_flush;
    const q2 = @get_output_queue(2); const q3 = @get_output_queue(3);
    const i4 = @get_input_queue(4);
    export var out = @zeros([4]u32);
    task torn() void {
      out[0] += 1;
      if (flush.is_pending(q2)) { out[1] += 1; flush.exit(q2); }
      if (flush.is_pending(q3)) { out[2] += 1; flush.exit(q3); }
      if (flush.is_pending(i4)) { out[3] += 1; flush.exit(i4); }
    }
    comptime {
      @bind_local_task(torn, config.teardown.get_task_id());
      @initialize_queue(q2, .{ .color = @get_color(3) });
    }
    task main() void { @queue_flush(q2); @queue_flush(i4); }
    """
    assert result(text, arch="wse3") == [1, 1, 0, 1]
