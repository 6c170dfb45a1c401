"""`<tile_config>` of the router: routes, switches, ring and pop mode; its constants."""

from __future__ import annotations

from pathlib import Path

import pytest

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


# Queues, priorities, exceptions


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
