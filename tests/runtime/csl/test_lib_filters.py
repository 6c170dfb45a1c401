"""Filters of `<tile_config>`, read and rewritten while wavelets come."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyflame.errors import SimulationError
from pyflame.runtime.csl.diagnostics import CslError
from pyflame.runtime.fabric.machine import Machine
from tests.runtime.csl.library import HEAD, LAYOUT, compiled, ran

TILE = 'const tile = @import_module("<tile_config>");\n'
ARCHES = ("wse2", "wse3")
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
