"""`<tile_config>`: reading and rewriting a PE's configuration, one behaviour each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pyflame.errors import SimulationError
from pyflame.runtime.csl.diagnostics import CslError
from pyflame.runtime.fabric.machine import Machine
from tests.runtime.csl.library import HEAD, LAYOUT, compiled, ran

TILE = 'const tile = @import_module("<tile_config>");\n'
ARCHES = ("wse2", "wse3")

ROUTES = (
    TILE
    + """
const c = @get_color(9);
const io = tile.color_config.fabric_io;
fn routes() u32 { return @as(u32, @bitcast(*u16, @as(u16, 0xFE52)).*) & 0x3ff; }
fn main() void {
  const address = tile.color_config.get_color_config_addr(c);
  CALL;
  out[0] = routes();
  sys.unblock_cmd_stream();
}
comptime {
  @set_local_color_config(c, .{ .routes = .{ .rx = .{ WEST }, .tx = .{ RAMP, EAST } } });
}
"""
)
W, E, S, N, R = (1 << i for i in range(5))


@pytest.mark.parametrize(
    ("call", "rx", "tx"),
    [
        ("tile.color_config.set_io_direction(c, io.TX_SOUTH)", W, R | E | S),
        ("tile.color_config.set_io_direction(address, io.RX_RAMP)", W | R, R | E),
        ("tile.color_config.clear_io_direction(c, io.TX_EAST)", W, R),
        ("tile.color_config.clear_io_direction(address, io.RX_WEST)", 0, R | E),
        ("tile.color_config.toggle_io_direction(c, io.TX_RAMP)", W, E),
        ("tile.color_config.toggle_io_direction(c, io.RX_NORTH)", W | N, R | E),
        ("tile.color_config.reset_routes(address, .{ .rx = NORTH, .tx = SOUTH })", N, S),
        (
            "tile.color_config.reset_routes(c, .{ .rx = RAMP, .tx = [2]direction{ WEST, NORTH } })",
            R,
            W | N,
        ),
    ],
)
def test_routes_change(tmp_path: Path, call: str, rx: int, tx: int) -> None:
    got = int(ran(tmp_path, ROUTES.replace("CALL", call), count=1)[0])
    assert (got >> 5, got & 31) == (rx, tx)


POSITIONS = ROUTES.replace("0xFE52", "0xFE92").replace("0x3ff", "0xffff").replace(
    "comptime {\n",
    "const sw = tile.switch_config;\nconst pos = sw.switch_pos;\nconst side = sw.switch_select;\n"
    "const status = sw.switch_status;\ncomptime {\n",
)  # fmt: skip
RX, INVALID = 8, 5


@pytest.mark.parametrize(
    ("call", "register"),
    [
        ("sw.set_rx_switch_pos1(c, NORTH)", INVALID << 8 | INVALID << 4 | RX | 3),
        ("sw.set_tx_switch_pos2(c, WEST)", INVALID << 8 | 0 << 4 | INVALID),
        ("sw.set_switch_pos(pos.POS3, c, SOUTH, side.OUTPUT)", 2 << 8 | INVALID << 4 | INVALID),
        ("sw.set_switch_pos(pos.POS1, address, EAST, side.INPUT)", 0x550 | RX | 1),
        ("sw.set_current_switch_position(c, 2)", 2 << 13 | 0x555),
        ("sw.set_ring_mode(sw.get_switch_config_addr(c, status), sw.ring_mode.RING_MODE)", 0x1555),
    ],
)
def test_switch_positions_change(tmp_path: Path, call: str, register: int) -> None:
    assert ran(tmp_path, POSITIONS.replace("CALL", call), count=1).tolist() == [register]


def test_both_sides_of_a_position_change_on_wse3_only(tmp_path: Path) -> None:
    with pytest.raises(CslError, match="a switch position of wse2 changes rx or tx, not both"):
        ran(tmp_path, POSITIONS.replace("CALL", "sw.set_rxtx_switch_pos1(c, RAMP, EAST)"))


SENDER = (
    TILE
    + """
const control = @import_module("<control>");
const place = @import_module("<layout>");
const sw = tile.switch_config;
const c = @get_color(9);
const oq = @get_output_queue(2);
const iq = @get_input_queue(3);
const data = @get_dsd(fabout_dsd, .{ .extent = 1, .fabric_color = c, .output_queue = oq });
const commands = @get_dsd(fabout_dsd, .{
  .extent = 1, .fabric_color = c, .output_queue = oq, .control = true });
var n: u16 = 0;
task take(word: u32) void { out[n] = word; n += 1; }
task command() void { out[n] = 99; n += 1; }
fn advance() void {
  @mov32(commands, control.encode_payload(2,
    [2]control.opcode{ control.opcode.SWITCH_ADV, control.opcode.NOP }, [2]bool{ true, false },
    true, @get_control_task_id(40)));
}
fn main() void {
  if (place.get_x_coord() == 0) {
    CALL;
    advance();
    @mov32(data, @as(u32, 1));
    advance();
    @mov32(data, @as(u32, 2));
  }
  sys.unblock_cmd_stream();
}
comptime {
  @initialize_queue(oq, if (@is_arch("wse3")) .{ .color = c } else .{});
  @initialize_queue(iq, .{ .color = c });
  @bind_data_task(take, @get_data_task_id(if (@is_arch("wse3")) iq else c));
  @bind_control_task(command, @get_control_task_id(40));
}
"""
)
SENDER_LAYOUT = LAYOUT.replace(
    '  @export_name("out"',
    """
  @set_color_config(0, 0, @get_color(9), .{ .routes = .{ .rx = .{ RAMP }, .tx = .{ RAMP } },
    .switches = .{ .pos1 = .{ .tx = EAST } } });
  @set_color_config(1, 0, @get_color(9), .{ .routes = .{ .rx = .{ WEST }, .tx = .{ RAMP } } });
  @export_name("out\"""",
)


def received(folder: Path, call: str, arch: str) -> list[list[int]]:
    """What both PEs receive when the left one runs `call` and then sends advances and data."""
    files = {"layout.csl": SENDER_LAYOUT, "pe.csl": HEAD + SENDER.replace("CALL", call)}
    machine = Machine(compiled(folder, files, arch, width=2, height=1))
    machine.launch("main")
    machine.run_until_idle()
    words = machine.read_symbol_array("out", 0, 0, 2, 1, 4)[0]
    return [[int(w) for w in row if w] for row in words]


@pytest.mark.parametrize("arch", ARCHES)
def test_ring_mode_of_a_switch(tmp_path: Path, arch: str) -> None:
    """The second advance goes back to the first position in ring mode, else it does nothing."""
    ring = "sw.set_ring_mode(c, sw.ring_mode.RING_MODE)"
    assert received(tmp_path, "sw.clear_current_position(c)", arch) == [[], [1, 2]]
    assert received(tmp_path, ring, arch) == [[2], [1]]


@pytest.mark.parametrize("arch", ARCHES)
def test_pop_mode_of_a_switch(tmp_path: Path, arch: str) -> None:
    """Without its advance, the wavelet that goes on is one for the core."""
    pop = "sw.set_pop_mode(c, sw.pop_mode.ALWAYS_POP)"
    assert received(tmp_path, pop, arch) == [[], [1, 99, 2]]


def test_both_sides_of_a_position(tmp_path: Path) -> None:
    call = "sw.set_rxtx_switch_pos(sw.switch_pos.POS1, c, RAMP, RAMP)"
    assert received(tmp_path, call, "wse3") == [[1, 2], []]


# Filters

FILTERED = (
    TILE
    + """
const c = @get_color(9);
const d = @get_color(7);
const oq = @get_output_queue(2);
const iq = @get_input_queue(3);
const sink = @get_dsd(fabout_dsd, .{ .extent = 8, .fabric_color = c, .output_queue = oq });
var words = [8]u32{ 1, 2, 3, 4, 5, 6, 7, 8 };
const all = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{8} -> words[i] });
const f = tile.filters;
const id = @get_filter_id(c);
var n: u16 = 0;
task take(word: u32) void { out[n] = word; n += 1; }
fn main() void {
  CALL;
  @mov32(sink, all, .{ .async = true });
  sys.unblock_cmd_stream();
}
comptime {
  const loop = .{ .rx = .{ RAMP }, .tx = .{ RAMP } };
  @set_local_color_config(c, .{ .routes = loop, .filter = .{ .kind = .{ .counter = true },
    .count_data = true, .limit1 = 5, .max_counter = 1 } });
  @set_local_color_config(d, .{ .routes = loop, .filter = .{ .kind = .{ .range = true } } });
  @initialize_queue(oq, if (@is_arch("wse3")) .{ .color = c } else .{});
  @initialize_queue(iq, .{ .color = c });
  @bind_data_task(take, @get_data_task_id(if (@is_arch("wse3")) iq else c));
}
"""
)
ON_WSE3 = {
    "f.set_pass_count(id, 6)": [1, 2, 3, 8],
    "f.set_drop_count(id, 2)": [1, 2, 4, 5, 7, 8],
    "f.set_state(id, f.counter_filter_state.DROP)": [5, 6],
    "f.set_counter_value(id, 2)": [1, 6, 7],
    "f.set_counter_and_state(id, 6, f.counter_filter_state.DROP)": [2, 3, 8],
    "out[20] = f.get_pass_count(id); out[21] = f.get_drop_count(id)": [1, 2, 7, 8],
}


def passed(folder: Path, call: str, arch: str) -> list[int]:
    """Which of 1 … 8 a filter that passes two of six lets through after `call`."""
    files = {"layout.csl": LAYOUT, "pe.csl": HEAD + FILTERED.replace("CALL", call)}
    machine = Machine(compiled(folder, files, arch, width=1, height=1))
    machine.launch("main")
    machine.run_until_idle()
    return [int(w) for w in machine.read_symbol_array("out", 0, 0, 1, 1, 32)[0, 0] if w]


@pytest.mark.parametrize("arch", ARCHES)
@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("f.set_counter(id, 0)", [1, 2, 7, 8]),
        ("f.set_counter(id, 4)", [3, 4]),
        ("f.set_max_counter(id, 3)", [1, 2, 3, 4, 7, 8]),
        ("f.set_active_limit(id, 2)", [1, 2, 4, 5, 7, 8]),
        ("f.set_counter(1, 5)", [2, 3, 8]),  # colour 7 has filter 0, colour 9 filter 1
    ],
)
def test_filters_change(tmp_path: Path, call: str, words: list[int], arch: str) -> None:
    assert passed(tmp_path, call, arch) == words


@pytest.mark.parametrize("call", ON_WSE3)
def test_filters_count_half_wavelets_on_wse3(tmp_path: Path, call: str) -> None:
    expected = ON_WSE3[call] + ([4, 8] if "get_" in call else [])
    assert passed(tmp_path, call, "wse3") == expected
    with pytest.raises(CslError, match="filters count half-wavelets on wse3 only"):
        passed(tmp_path, call, "wse2")


def test_a_filter_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="filter 5 does not exist"):
        passed(tmp_path, "f.set_counter(5, 0)", "wse2")
    with pytest.raises(CslError, match="colour 8 has no filter on the PEs that run this program"):
        passed(tmp_path, "f.set_counter(@get_filter_id(@get_color(8)), 0)", "wse2")


def test_a_filter_has_one_id_on_all_pes_of_a_program(tmp_path: Path) -> None:
    """The left PE filters colour 9 only, the right one 7 and 9: 9 has the same id on both."""
    keep = ".filter = .{ .kind = .{ .counter = true }, .limit1 = 1 }"
    configs = "".join(
        f"  @set_color_config({x}, 0, @get_color({c}), "
        f".{{ .routes = .{{ .rx = RAMP, .tx = RAMP }}, {keep} }});\n"
        for x, c in ((0, 9), (1, 7), (1, 9))
    )
    layout = LAYOUT.replace("  @export_name", configs + "  @export_name", 1)
    body = """
    fn main() void {
      out[0] = @as(u32, @get_filter_id(@get_color(9)));
      out[1] = @as(u32, @get_filter_id(@get_color(7)));
      sys.unblock_cmd_stream();
    }"""
    program = compiled(tmp_path, {"layout.csl": layout, "pe.csl": HEAD + body}, width=2, height=1)
    machine = Machine(program)
    machine.launch("main")
    assert len(program.images) == 1
    assert machine.read_symbol_array("out", 0, 0, 2, 1, 2)[0].tolist() == [[1, 0]] * 2


def test_half_a_wavelet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="an even number of half-wavelets"):
        passed(tmp_path, "f.set_pass_count(id, 3)", "wse3")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (".kind = .{ .range = true }, .limit1 = 3", r"a range filter has no \.limit1"),
        (".kind = .{ .counter = true }, .limit2 = 3", r"a counter filter has no \.limit2"),
        (".kind = .{ .sparse_counter = true }, .min_idx = 3", "filter has no .min_idx"),
        (".kind = .{ .range = true }, .max_idx = 65536", r"\.max_idx of a filter is 0 to 65535"),
        (".kind = .{ .counter = true }, .limit1 = -1", r"\.limit1 of a filter is 0 to"),
        (".kind = .{ .counter = true, .range = true }", r"needs \.kind with one of"),
        (".count_data = true", r"needs \.kind with one of"),
        (".kind = .{ .counter = true }, .limit = 1", r"has no field \.limit"),
    ],
)
def test_filters_that_are_refused(tmp_path: Path, settings: str, message: str) -> None:
    body = FILTERED.replace(
        ".kind = .{ .counter = true },\n    .count_data = true, .limit1 = 5, .max_counter = 1",
        settings,
    )
    with pytest.raises(CslError, match=message):
        ran(tmp_path, body.replace("  CALL;\n", ""))


# Queues, priorities, exceptions

QUEUED = (
    TILE
    + """
const c = @get_color(9);
const oq = @get_output_queue(3);
const iq = @get_input_queue(3);
const sink = @get_dsd(fabout_dsd, .{ .extent = LENGTH, .fabric_color = c, .output_queue = oq });
const in_status = tile.input_queue_status;
const out_status = tile.output_queue_status;
var words = @zeros([32]u32);
const all = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{LENGTH} -> words[i] });
var sum: u16 = 0;
fn main() void {
  @mov32(sink, all, .{ .async = true, .priority = .{ .high = true } });
  for (@range(u16, 300)) |i| { sum += i; }
  const s = in_status.get();
  const o = out_status.get();
  out[0] = if (in_status.is_full(s, iq)) 1 else 0;
  out[1] = if (in_status.is_empty(s, iq)) 1 else 0;
  out[2] = if (in_status.all_empty(s)) 1 else 0;
  out[3] = if (in_status.none_full(s)) 1 else 0;
  out[4] = if (out_status.is_full(o, oq)) 1 else 0;
  out[5] = if (out_status.is_empty(o, oq)) 1 else 0;
  out[6] = if (out_status.all_empty(o)) 1 else 0;
  out[7] = if (out_status.all_full(o) or in_status.all_full(s)) 1 else 0;
  out[8] = if (out_status.none_empty(o) or in_status.none_empty(s)) 1 else 0;
  out[9] = if (in_status.get_raw() == @as(u16, s.empty) | @as(u16, s.full) << 8) 1 else 0;
  sys.unblock_cmd_stream();
}
comptime {
  @set_local_color_config(c, .{ .routes = .{ .rx = .{ RAMP }, .tx = .{ RAMP } } });
  @initialize_queue(oq, if (@is_arch("wse3")) .{ .color = c } else .{});
  @initialize_queue(iq, .{ .color = c });
}
"""
)


@pytest.mark.parametrize("arch", ARCHES)
@pytest.mark.parametrize(
    ("length", "status"),
    [
        (1, [0, 0, 0, 1, 0, 1, 1, 0, 0, 1]),
        (4, [1, 0, 0, 0, 0, 1, 1, 0, 0, 1]),  # four wavelets are what input queue 3 holds
        (30, [1, 0, 0, 0, 1, 0, 0, 0, 0, 1]),
    ],
)
def test_queue_status(tmp_path: Path, length: int, status: list[int], arch: str) -> None:
    body = QUEUED.replace("LENGTH", str(length))
    assert ran(tmp_path, body, arch, count=10).tolist() == status


PRIORITIES = (
    TILE
    + """
var n: u32 = 0;
task low() void { n += 1; out[0] = n; }
task high() void { n += 1; out[1] = n; }
const low_id = @get_local_task_id(10);
const high_id = @get_local_task_id(12);
fn main() void { sys.unblock_cmd_stream(); }
comptime {
  @bind_local_task(low, low_id);
  @bind_local_task(high, high_id);
  @activate(low_id);
  @activate(high_id);
  CALL;
}
"""
)


@pytest.mark.parametrize(
    ("call", "order"),
    [
        ("tile.task_priority.set_task_priority(high_id)", [2, 1]),
        ("tile.task_priority.update_task_priority(low_id, tile.task_priority.level.HIGH)", [1, 2]),
    ],
)
def test_task_priority_at_compile_time(tmp_path: Path, call: str, order: list[int]) -> None:
    assert ran(tmp_path, PRIORITIES.replace("CALL", call), count=2).tolist() == order


MAIN = (
    TILE
    + """
const c = @get_color(9);
const oq = @get_output_queue(2);
const iq = @get_input_queue(3);
const mt = tile.main_thread_priority;
var words = @zeros([500]u32);
var copy = @zeros([500]u32);
const all = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{500} -> words[i] });
const got = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{500} -> copy[i] });
const sink = @get_dsd(fabout_dsd, .{ .extent = 500, .fabric_color = c, .output_queue = oq });
const source = @get_dsd(fabin_dsd, .{ .extent = 500, .fabric_color = c, .input_queue = iq });
var sum: u16 = 0;
fn main() void {
  BEFORE;
  @mov32(sink, all, .{ .async = true, .priority = .{ .PRIORITY = true } });
  @mov32(got, source, .{ .async = true, .priority = .{ .PRIORITY = true } });
  for (@range(u16, 60)) |i| { sum += i; }
  sys.unblock_cmd_stream();
}
comptime {
  AT_START;
  @set_local_color_config(c, .{ .routes = .{ .rx = .{ RAMP }, .tx = .{ RAMP } } });
  @initialize_queue(oq, if (@is_arch("wse3")) .{ .color = c } else .{});
  @initialize_queue(iq, .{ .color = c });
}
"""
)


def main_cycles(folder: Path, level: str, priority: str, at_start: bool = False) -> int:
    """Cycles until a loop has ended beside two microthreads of `priority`."""
    call = f"mt.update_main_thread_priority(mt.level.{level})"
    before, start = ("", call) if at_start else (call, "")
    body = MAIN.replace("PRIORITY", priority).replace("BEFORE;", f"{before};" if before else "")
    body = body.replace("AT_START;", f"{start};" if start else "")
    files = {"layout.csl": LAYOUT, "pe.csl": HEAD + body}
    machine = Machine(compiled(folder, files, width=1, height=1))
    machine.launch("main")
    return machine.cycles


def test_main_thread_priority(tmp_path: Path) -> None:
    """The main thread waits for microthreads above it, shares with its equals, passes the rest."""
    alone = main_cycles(tmp_path, "HIGH", "medium")
    levels = ("MEDIUM_LOW", "MEDIUM", "MEDIUM_HIGH", "HIGH")
    medium = [main_cycles(tmp_path, level, "medium") for level in levels]
    high = [main_cycles(tmp_path, level, "high") for level in levels]
    assert medium[0] > medium[1] > medium[2] == medium[3] == alone
    assert high[0] == high[1] == high[2] > high[3] > alone
    assert main_cycles(tmp_path, "HIGH", "medium", at_start=True) <= alone


EXCEPTIONS = (
    TILE
    + """
const e = tile.exceptions;
const math = @import_module("<math>");
var zero: f32 = 0.0;
var one: f32 = 1.0;
var three: f32 = 3.0;
var big: f32 = 3e38;
var small: f32 = 1e-38;
var h: f16 = 60000.0;
var v = [2]f32{ 3e38, 1.0 };
const d = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{2} -> v[i] });
fn main() void {
  e.set_exception_mask(MASK);
  out[0] = @bitcast(u32, @as(f32, VALUE));
  sys.unblock_cmd_stream();
}
"""
)
STOPS = [
    ("FP_DIV_BY_0", "one / zero", "was divided by zero"),
    ("FP_DIV_BY_0", "math.log(zero)", "was divided by zero"),
    ("FP_OVERFLOW", "big * big", "overflowed"),
    ("FP_OVERFLOW", "big + big", "overflowed"),
    ("FP_OVERFLOW", "h + h", "overflowed"),
    ("FP_UNDERFLOW", "small * small", "underflowed"),
    ("FP_INEXACT", "one / three", "was rounded"),
    ("FP_INEXACT", "big + one", "was rounded"),
    ("FP_INVALID", "zero / zero", "had no valid result"),
    ("FP_INVALID", "math.sqrt(-one)", "had no valid result"),
]


def value_under(folder: Path, mask: str, value: str) -> float:
    """An f32 computed with an exception mask."""
    body = EXCEPTIONS.replace("MASK", mask).replace("VALUE", value)
    return float(ran(folder, body, count=1).view(np.float32)[0])


@pytest.mark.parametrize(("name", "value", "message"), STOPS)
def test_an_unmasked_exception_stops(tmp_path: Path, name: str, value: str, message: str) -> None:
    with pytest.raises(SimulationError, match=message):
        value_under(tmp_path, f"e.{name}", value)
    value_under(tmp_path, "0xffff", value)  # masked: it goes on


@pytest.mark.parametrize("value", ["one + one", "three * three", "one / (one + one)", "h - h"])
def test_exact_results_raise_nothing(tmp_path: Path, value: str) -> None:
    masks = ("FP_DIV_BY_0", "FP_OVERFLOW", "FP_UNDERFLOW", "FP_INEXACT", "FP_INVALID")
    assert value_under(tmp_path, " & ".join(f"e.{m}" for m in masks), value) in (2.0, 9.0, 0.5, 0.0)


def test_several_exceptions_at_once(tmp_path: Path) -> None:
    both = "e.FP_OVERFLOW & e.FP_UNDERFLOW"
    for value in ("big * big", "small * small"):
        with pytest.raises(SimulationError, match="flowed"):
            value_under(tmp_path, both, value)
    assert value_under(tmp_path, both, "one / zero") == np.inf


def test_exceptions_of_dsd_operations(tmp_path: Path) -> None:
    body = EXCEPTIONS.replace("MASK", "e.FP_OVERFLOW").replace("VALUE", "one")
    body = body.replace("  sys.unb", "  @fmuls(d, d, big);\n  sys.unb")
    with pytest.raises(SimulationError, match="overflowed, which the program unmasked"):
        ran(tmp_path, body, count=1)


@pytest.mark.parametrize("arch", ARCHES)
def test_constants_and_coordinates(tmp_path: Path, arch: str) -> None:
    body = (
        TILE
        + """
    comptime {
      @comptime_assert(@strlen(tile.target_name) == 4 and tile.word_size == 2);
      @comptime_assert(tile.filters.num_filters == 6 and tile.FIFO_MIN_ALIGNMENT > 0);
      @comptime_assert(@is_same_type(tile.reg_type, u16));
      @comptime_assert(@is_same_type(tile.double_reg_type, u32));
      @comptime_print(tile.target_name);
    }
    fn main() void {
      out[0] = @as(u32, tile.get_fabric_coord(tile.fabric_coord.X)) + 1;
      out[1] = @as(u32, tile.get_fabric_coord(tile.fabric_coord.Y)) + 1;
      out[2] = @as(u32, tile.target.addresses.COLOR_CONFIG) - @as(u32, tile.target.word_size) *
        @as(u32, tile.addresses.COLOR_CONFIG);
      sys.unblock_cmd_stream();
    }"""
    )
    files = {"layout.csl": LAYOUT, "pe.csl": HEAD + body}
    machine = Machine(compiled(tmp_path, files, arch, width=2, height=3))
    machine.launch("main")
    assert machine.read_symbol_array("out", 1, 2, 1, 1, 3)[0, 0].tolist() == [2, 3, 0]
