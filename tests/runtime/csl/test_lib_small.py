"""The small library modules, one behaviour each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pyflame.errors import SimulationError
from pyflame.runtime.csl.diagnostics import CslError
from pyflame.runtime.csl.sema.modules import LIBRARY
from pyflame.runtime.fabric.machine import Machine
from tests.runtime.csl.library import HEAD, LAYOUT, compiled, ran

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


def test_dsd_ops_tell_whether_a_fifo_took_everything(tmp_path: Path) -> None:
    body = """
    const ops = @import_module("<dsd_ops>");
    var a = [4]u32{ 1, 2, 3, 4 };
    var buffer = @zeros([3]u32);
    const fifo = @allocate_fifo(buffer);
    const two = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{2} -> a[i] });
    const four = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{4} -> a[i] });
    fn main() void {
      out[0] = if (ops.mov(u32, fifo, two, .{})) 1 else 0;
      out[1] = if (ops.mov(u32, fifo, four, .{})) 1 else 0;
      out[2] = if (ops.mov(u32, four, two, .{})) 1 else 0;
      sys.unblock_cmd_stream();
    }"""
    assert ran(tmp_path, body, count=3).tolist() == [1, 0, 1]


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
      for (@range(u16, 60000)) |i| { sum += i; }
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
    assert 60000 < long < 1 << 24
    assert words[0, 1] > 0  # a carry into the second word was taken


def test_performance_counters_go_on_when_the_time_stamp_is_reset(tmp_path: Path) -> None:
    body = """
    const time = @import_module("<time>");
    var words = @zeros([3]u16);
    var sum: u16 = 0;
    fn spin() void { for (@range(u16, 100)) |i| { sum += i; } }
    fn note(at: u16) void {
      time.get_perf_cntr(&words, 1);
      out[at] = @as(u32, words[0]) | @as(u32, words[1]) << 16;
      time.get_timestamp(&words);
      out[at + 1] = @as(u32, words[0]) | @as(u32, words[1]) << 16;
    }
    fn main() void {
      time.enable_tsc();
      spin();
      note(0);
      time.reset_tsc_counter();
      spin();
      note(2);
      time.disable_tsc();
      spin();
      note(4);
      sys.unblock_cmd_stream();
    }"""
    count, stamp, later, since, stopped, _ = (int(v) for v in ran(tmp_path, body, count=6))
    assert 100 < count <= stamp
    assert since < later - count < 2 * since
    assert later <= stopped < later + since  # nothing is counted while disabled


def test_there_are_two_performance_counters(tmp_path: Path) -> None:
    body = """
    const time = @import_module("<time>");
    var words = @zeros([3]u16);
    fn main() void { time.get_perf_cntr(&words, 2); sys.unblock_cmd_stream(); }"""
    with pytest.raises(SimulationError, match="there are the counters 0 and 1"):
        ran(tmp_path, body)


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
    with pytest.raises(SimulationError, match="@assert failed: malloc: the buffer has no"):
        ran(tmp_path, MALLOC.replace("MORE", "var c = mem.malloc_u32(3); c[0] = 1;"))


def test_empty_stands_for_a_module_that_is_not_needed(tmp_path: Path) -> None:
    body = """
    param wanted: bool = false;
    const extra = @import_module(if (wanted) "missing.csl" else "<empty>");
    fn main() void { out[0] = 1; sys.unblock_cmd_stream(); }"""
    assert ran(tmp_path, body, count=1).tolist() == [1]


def scalars(folder: Path, header: str, *values: str) -> np.ndarray:
    """u32 values of expressions, one PE."""
    lines = "\n".join(f"out[{i}] = {value};" for i, value in enumerate(values))
    body = f"{header}\nfn main() void {{ {lines} sys.unblock_cmd_stream(); }}"
    return ran(folder, body, count=len(values))


def test_data_utils_split_integers(tmp_path: Path) -> None:
    header = """
    const d = @import_module("<data_utils>");
    var a: u32 = 0x12345678;
    var b: u64 = 0x123456789abcdef0;"""
    got = scalars(
        tmp_path, header, "@as(u32, d.lo16(a))", "@as(u32, d.hi16(a))", "d.lo32(b)", "d.hi32(b)"
    )
    assert got.tolist() == [0x5678, 0x1234, 0x9ABCDEF0, 0x12345678]


def test_control_payloads(tmp_path: Path) -> None:
    header = """
    const c = @import_module("<control>");
    const two = [2]c.opcode{ c.opcode.TEARDOWN, c.opcode.SWITCH_ADV };
    const quiet = [2]bool{ true, true };"""
    got = scalars(
        tmp_path,
        header,
        "c.encode_single_payload(c.opcode.SWITCH_ADV, true, {}, 0)",
        "c.encode_single_payload(c.opcode.NOP, false, @get_control_task_id(40), 7)",
        "c.encode_control_task_payload(@get_control_task_id(40))",
        "c.encode_payload(2, two, quiet, false, {})",
        "c.encode_payload(2, two, quiet, true, {})",
    )
    first = 1 << 22 | 1 << 24
    pair = 3 << 22 | 1 << 24 | 1 << 25 | 1 << 27
    rest = 1 << 0 | 1 << 3 | 1 << 6 | 1 << 9 | 1 << 12 | 1 << 15
    none = 31 << 16
    assert got.tolist() == [first | none, 40 << 16 | 7, 40 << 16, pair | none, pair | rest | none]


def test_the_published_teardown_payload(tmp_path: Path) -> None:
    """TEARDOWN in slot 0, delivered nowhere: the constant that public programs carry."""
    header = """
    const c = @import_module("<control>");
    const one = [1]c.opcode{ c.opcode.TEARDOWN };
    const quiet = [1]bool{ true };"""
    got = scalars(tmp_path, header, "c.encode_payload(1, one, quiet, true, {})")
    assert got.tolist() == [0x09DF9249]


def test_directions(tmp_path: Path) -> None:
    header = """
    const d = @import_module("<directions>");
    fn same(a: direction, b: direction) u32 { return if (a == b) 1 else 0; }"""
    got = scalars(
        tmp_path,
        header,
        "same(d.flip(EAST), WEST)",
        "same(d.flip_vertical(NORTH), SOUTH)",
        "same(d.flip_vertical(EAST), EAST)",
        "same(d.flip_horizontal(EAST), WEST)",
        "same(d.flip_horizontal(SOUTH), SOUTH)",
        "same(d.rotate_clockwise(NORTH), EAST)",
        "same(d.rotate_counterclockwise(NORTH), WEST)",
    )
    assert got.tolist() == [1] * 7


def test_special_values_of_math(tmp_path: Path) -> None:
    header = """
    const m = @import_module("<math>");
    var minus: f32 = -2.0;
    fn yes(b: bool) u32 { return if (b) 1 else 0; }"""
    got = scalars(
        tmp_path,
        header,
        "yes(m.isInf(m.POSITIVE_INF(f32)))",
        "yes(m.isInf_f16(m.NEGATIVE_INF(f16)))",
        "yes(m.isNaN(m.NaN(f16)))",
        "yes(m.isFinite_f32(minus))",
        "yes(m.signbit(minus))",
        "yes(m.signbit(@as(f16, -minus)))",
    )
    assert got.tolist() == [1, 1, 1, 1, 1, 0]


def test_random_numbers_have_their_distributions(tmp_path: Path) -> None:
    body = """
    const r = @import_module("<random>");
    fn main() void {
      r.set_global_prng_seed(5);
      for (@range(u16, 32)) |i| {
        out[i] = r.random_pow_u32(4);
        out[32 + i] = @bitcast(u32, r.random_normal_f32());
      }
      sys.unblock_cmd_stream();
    }"""
    out = ran(tmp_path, body)
    assert 8 <= len(set(out[:32].tolist())) <= 16
    assert out[:32].max() < 16
    normal = out[32:].view(np.float32)
    assert abs(normal.mean()) < 1 and 0.4 < normal.std() < 2


def test_tile_config_reads_what_is_torn_down(tmp_path: Path) -> None:
    """A teardown wavelet to itself suspends the colour; the handler ends that."""
    body = """
    const tile = @import_module("<tile_config>");
    const control = @import_module("<control>");
    const loop = @get_color(9);
    const q = @get_output_queue(3);
    const end = @get_dsd(fabout_dsd, .{
      .extent = 1, .fabric_color = loop, .output_queue = q, .control = true });
    fn main() void {
      tile.task_priority.set_task_priority(tile.teardown.get_task_id());
      tile.task_priority.clear_task_priority(tile.teardown.get_task_id());
      @mov32(end, control.encode_single_payload(control.opcode.TEARDOWN, true, {}, 0),
        .{ .async = true });
    }
    fn torn() void {
      const pending = tile.teardown.get_pending();
      out[0] = if (tile.teardown.is_pending(pending, loop)) 1 else 0;
      out[1] = if (tile.teardown.is_pending(pending, @get_color(8))) 1 else 0;
      tile.teardown.exit(loop);
      out[2] = if (tile.teardown.is_pending(tile.teardown.get_pending(), loop)) 1 else 0;
      sys.unblock_cmd_stream();
    }
    comptime {
      @set_teardown_handler(torn, loop);
      @set_local_color_config(loop, .{ .routes = .{ .rx = .{ RAMP }, .tx = .{ RAMP } } });
      @initialize_queue(q, if (@is_arch("wse3")) .{ .color = loop } else .{});
    }"""
    assert ran(tmp_path, body, count=3).tolist() == [1, 0, 0]
    assert ran(tmp_path, body, "wse3", count=3).tolist() == [1, 0, 0]


SWITCH_MODES = """
const switches = @import_module("<tile_config>").switch_config;
const c = @get_color(9);
fn bits(address: u16, mask: u16) u32 { return (@bitcast(*u16, address).* >> 12) & mask; }
var at: u16 = 0;
fn note() void { out[at] = bits(0xFE52, 3); out[at + 1] = bits(0xFE92, 1); at += 2; }
fn main() void {
  note();
  switches.set_pop_mode(c, switches.pop_mode.POP_ON_ADVANCE);
  note();
  switches.set_ring_mode(c, switches.ring_mode.NO_RING_MODE);
  note();
  switches.set_pop_mode(c, switches.pop_mode.NO_POP);
  note();
  sys.unblock_cmd_stream();
}
comptime {
  @set_local_color_config(c, .{ .routes = .{ .rx = .{ RAMP }, .tx = .{ RAMP } }, .switches = .{
    .pos1 = .{ .rx = WEST }, .ring_mode = true, .pop_mode = .{ .always_pop = true } } });
}
"""


def test_tile_config_changes_one_mode_of_a_switch_and_keeps_the_other(tmp_path: Path) -> None:
    """(pop mode, ring mode) of the colour's registers, before and after each call."""
    got = ran(tmp_path, SWITCH_MODES, count=8).reshape(4, 2)
    assert got.tolist() == [[1, 1], [2, 1], [2, 0], [0, 0]]


@pytest.mark.parametrize(("enable", "lines"), [("true", ["n = 7"]), ("false", [])])
def test_simprint_can_be_silenced(tmp_path: Path, enable: str, lines: list[str]) -> None:
    body = f"""
    const log = @import_module("<simprint>", .{{ .enable = {enable} }});
    fn main() void {{
      log.print_string("n = ");
      log.print_u16_decimal(7);
      log.print_newline();
      sys.unblock_cmd_stream();
    }}"""
    files = {"layout.csl": LAYOUT, "pe.csl": HEAD + body}
    machine = Machine(compiled(tmp_path, files, width=1, height=1))
    machine.launch("main")
    assert [line.text for line in machine.output] == lines


def test_every_module_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "csl-libraries.md").read_text()
    helpers = {"collectives_2d/line"}  # and the parts of <tile_config>, which have its row
    modules = {p.relative_to(LIBRARY).with_suffix("").as_posix() for p in LIBRARY.rglob("*.csl")}
    modules = {m for m in modules if not m.startswith("tile_config/")} - helpers
    assert {m for m in modules if f"| `<{m}>` |" not in text} == set()
