"""SdkLayout: programs laid out from Python, compiled and run on the simulator."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pyflame.errors import (
    DeadlockError,
    DTypeError,
    InvalidModelError,
    LayoutError,
    ParseError,
    ShapeError,
    SimulationError,
)
from pyflame.runtime.fabric.image import Contents
from pyflame.runtime.fabric.verify import verify_stored
from pyflame.runtime.host import session
from pyflame.runtime.host.platform import SdkTarget, SimfabConfig, get_simulator
from pyflame.runtime.host.sdklayout import (
    FP16TYPE,
    CodeRegion,
    Color,
    Edge,
    IntVector,
    SdkLayout,
    get_edge_routing,
)
from pyflame.runtime.host.sdkruntime import SdkRuntime
from tests.runtime.host.fake import make_program
from tests.runtime.host.layouts import entering, leaving, region, routes

ADD = """
// Adds a number to each of `size` words, one after the other.
param size: u16;
param number: u32 = 0;
param in: color;
param out: color;
const iq: input_queue = @get_input_queue(2);
const oq: output_queue = @get_output_queue(3);
const from = @get_dsd(fabin_dsd, .{ .extent = 1, .fabric_color = in, .input_queue = iq });
const to = @get_dsd(fabout_dsd, .{ .extent = 1, .fabric_color = out, .output_queue = oq });
var word = @zeros([1]u32);
export var done: u16 = 0;
const here = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{1} -> word[i] });
const wait: local_task_id = @get_local_task_id(9);
const send: local_task_id = @get_local_task_id(10);
task receive() void { @mov32(here, from, .{ .async = true, .activate = send }); }
task pass() void {
  word[0] = word[0] + number;
  done += 1;
  if (done < size) {
    @mov32(to, here, .{ .async = true, .activate = wait });
  } else {
    @mov32(to, here, .{ .async = true });
  }
}
comptime {
  @bind_local_task(receive, wait);
  @bind_local_task(pass, send);
  @activate(wait);
  @initialize_queue(iq, .{ .color = in });
  @initialize_queue(oq, if (@is_arch("wse3")) .{ .color = out } else .{});
}
"""
SUM = """
// Sums its values at the start; sends the sum on `out` if it has one.
param n: u16;
export var values = @zeros([n]f32);
export var sum: f32;
const begin: local_task_id = @get_local_task_id(9);
task add() void { for (@range(u16, n)) |i| { sum += values[i]; } }
comptime { @bind_local_task(add, begin); @activate(begin); }
"""
SHARE = """
// Keeps its `size` words of a stream that a switch leads on when they are there.
param size: u16;
param in: color;
const iq: input_queue = @get_input_queue(2);
const from = @get_dsd(fabin_dsd, .{ .extent = size, .fabric_color = in, .input_queue = iq });
export var mine = @zeros([size]u32);
const all = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{size} -> mine[i] });
const begin: local_task_id = @get_local_task_id(9);
task keep() void { @mov32(all, from, .{ .async = true }); }
comptime {
  @bind_local_task(keep, begin);
  @activate(begin);
  @initialize_queue(iq, .{ .color = in });
}
"""
DEAL = """
// Sends `size` words, then the command that advances the next switch; `rounds` times.
param size: u16;
param rounds: u16;
param out: color;
const control = @import_module("<control>");
const oq: output_queue = @get_output_queue(2);
const words = @get_dsd(fabout_dsd, .{ .extent = size, .fabric_color = out, .output_queue = oq });
const command = @get_dsd(
  fabout_dsd, .{ .extent = 1, .fabric_color = out, .output_queue = oq, .control = true });
var next = @zeros([size]u32);
const all = @get_dsd(mem1d_dsd, .{ .tensor_access = |i|{size} -> next[i] });
var round: u16 = 0;
const begin: local_task_id = @get_local_task_id(9);
const turn: local_task_id = @get_local_task_id(10);
task deal() void {
  for (@range(u16, size)) |i| { next[i] = @as(u32, round * size + i); }
  round += 1;
  @mov32(words, all, .{ .async = true, .activate = turn });
}
task advance() void {
  if (round < rounds) {
    @mov32(command, control.encode_single_payload(control.opcode.SWITCH_ADV, true, {}, 0));
    @activate(begin);
  }
}
comptime {
  @bind_local_task(deal, begin);
  @bind_local_task(advance, turn);
  @activate(begin);
  @initialize_queue(oq, if (@is_arch("wse3")) .{ .color = out } else .{});
}
"""
HALF = """
export var half: f16 = 1.00390625;
comptime {}
"""
SOURCES = {"pe": ADD, "sum": SUM, "share": SHARE, "deal": DEAL, "half": HALF}


@pytest.fixture(autouse=True)
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the programs into the current directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session.current, "runtimes", [])
    for name, text in SOURCES.items():
        Path(f"{name}.csl").write_text(text)


@pytest.fixture(params=[SdkTarget.WSE2, SdkTarget.WSE3], ids=["wse2", "wse3"])
def layout(request: pytest.FixtureRequest) -> SdkLayout:
    return SdkLayout(request.param)


def start(layout: SdkLayout) -> SdkRuntime:
    runtime = SdkRuntime(layout.compile("out"), layout.platform, memcpy_required=False)
    runtime.load()
    runtime.run()
    return runtime


def adder(layout: SdkLayout, name: str, x: int, y: int, size: int, number: int) -> CodeRegion:
    """A region of one PE that adds `number` to the words of ``in`` and sends them on ``out``."""
    found = region(layout, name, x, y)
    found.set_param_all("size", size)
    found.set_param_all("number", number)
    for color in (found.color("in"), found.color("out")):
        found.set_param_all(color)
    return found


def test_words_pass_regions_in_any_places(layout: SdkLayout) -> None:
    first, second = adder(layout, "first", 4, 3, 6, 10), adder(layout, "second", 1, 1, 6, 100)
    layout.connect(leaving(first, Edge.LEFT), entering(second, Edge.BOTTOM))
    source = layout.create_input_stream(entering(first, Edge.RIGHT))
    sink = layout.create_output_stream(leaving(second, Edge.TOP))
    runtime = start(layout)
    data, result = np.arange(6, dtype=np.uint32), np.zeros(6, np.uint32)
    runtime.send(source, data, nonblock=True)
    runtime.receive(sink, result, 6, nonblock=True)
    runtime.stop()
    assert result.tolist() == [110, 111, 112, 113, 114, 115]
    assert runtime.read_symbol(1, 1, "done", "uint16").tolist() == [6]


def test_long_streams_press_back(layout: SdkLayout) -> None:
    """Many more words than queues, routers and the smallest buffers hold, received late."""
    count = 700
    only = adder(layout, "only", 2, 2, count, 5)
    source = layout.create_input_stream(entering(only, Edge.LEFT), io_buffer_size=1)
    sink = layout.create_output_stream(leaving(only, Edge.RIGHT), io_buffer_size=1)
    runtime = start(layout)
    data = np.arange(count, dtype=np.uint32)
    sent = runtime.send(source, data)
    assert runtime.is_task_done(sent)
    parts = [np.zeros(n, np.uint32) for n in (1, 500, 199)]
    for part in parts:
        runtime.receive(sink, part, part.size)
    runtime.stop()
    np.testing.assert_array_equal(np.concatenate(parts), data + 5)


def test_the_buffer_takes_what_nobody_receives(layout: SdkLayout) -> None:
    size = 100
    only = adder(layout, "only", 2, 2, size, 0)
    source = layout.create_input_stream(entering(only, Edge.LEFT))
    layout.create_output_stream(leaving(only, Edge.RIGHT))
    runtime = start(layout)
    runtime.send(source, np.zeros(size, np.uint32))
    with pytest.warns(RuntimeWarning, match="on colour 0, which the host has not received"):
        runtime.stop()
    assert runtime.read_symbol(2, 2, "done", "uint16").tolist() == [size]


def test_a_part_of_an_array_can_travel(layout: SdkLayout) -> None:
    only = adder(layout, "only", 1, 1, 2, 0)
    source = layout.create_input_stream(entering(only, Edge.LEFT))
    sink = layout.create_output_stream(leaving(only, Edge.RIGHT))
    runtime = start(layout)
    result = np.zeros(4, np.int32)
    runtime.send(runtime.get_port_id(source), np.array([7, 8, 9], np.int32), 2)
    runtime.receive(sink, result, 2)
    assert result.tolist() == [7, 8, 0, 0]
    with pytest.raises(ShapeError, match="send: src has 3 elements; expected"):
        runtime.send(source, np.zeros(3, np.int32), 4)
    with pytest.raises(DTypeError, match="send: src is a list"):
        runtime.send(source, [1, 2])  # type: ignore[arg-type]
    with pytest.raises(SimulationError, match="'only_out' is a stream of the other direction"):
        runtime.send(sink, np.zeros(1, np.int32))


@pytest.mark.parametrize(("path", "left"), [(None, "corefile.cs1"), ("mine.npz", "mine.npz")])
def test_the_platform_may_ask_for_a_core(layout: SdkLayout, path: str | None, left: str) -> None:
    adder(layout, "only", 1, 1, 1, 0)
    config = SimfabConfig(dump_core=True, core_path=path)
    platform = get_simulator(config, layout.platform.target)
    runtime = SdkRuntime(layout.compile("out"), platform, memcpy_required=False)
    runtime.load()
    runtime.run()
    assert not Path(left).exists()
    runtime.stop()
    assert Path(left).stat().st_size > 0


def test_streams_from_places_need_no_port(layout: SdkLayout) -> None:
    only = adder(layout, "only", 0, 0, 4, 1)
    into, out = only.color("in"), only.color("out")
    only.paint_all(into, [routes("W", "R")])
    only.paint_all(out, [routes("R", "E")])
    place = IntVector(0, 0)
    source = layout.create_input_stream_from_loc(place, into)
    sink = layout.create_output_stream_from_loc(place, out)
    runtime = start(layout)
    result = np.zeros(4, np.float32)
    runtime.send(source, np.arange(4, dtype=np.float32), 4, nonblock=True)
    runtime.receive(sink, result, 4)
    runtime.stop()
    assert result.view(np.uint32).tolist() == [
        int(np.float32(i).view(np.uint32)) + 1 for i in range(4)
    ]
    assert runtime.coord_logical_to_physical((0, 0)) == (-1, 0)
    assert runtime.read_symbol(0, 0, "done", "uint16").tolist() == [4]


def test_switches_deal_a_stream_out(layout: SdkLayout) -> None:
    size, width = 3, 4
    dealer = layout.create_code_region("deal.csl", "dealer", 1, 1)
    players = layout.create_code_region("share.csl", "players", width, 1)
    dealer.place(0, 0)
    players.place(2, 0)
    for part in (dealer, players):
        part.set_param_all("size", size)
    dealer.set_param_all("rounds", width)
    out, into = dealer.color("out"), players.color("in")
    dealer.set_param_all(out)
    players.set_param_all(into)
    take, lead = routes("W", "R"), routes("W", "E")
    players.paint_all(into, [take, lead], [get_edge_routing(Edge.RIGHT, [take])])
    port = players.create_input_port(into, Edge.LEFT, [routes("", "R"), routes("", "E")], 12)
    layout.connect(leaving(dealer, Edge.RIGHT, 12, out), port)
    runtime = start(layout)
    runtime.stop()
    hands = [runtime.read_symbol(2 + i, 0, "mine", "uint32").tolist() for i in range(width)]
    assert hands == [[3 * i, 3 * i + 1, 3 * i + 2] for i in range(width)]


def test_variables_start_with_their_block_of_a_matrix(layout: SdkLayout) -> None:
    sums = layout.create_code_region("sum.csl", "sums", 2, 2)
    sums.set_param_all("n", 6)
    matrix = np.arange(24, dtype=np.float32)
    sums.set_symbol_all("values", matrix, 4, 6)
    runtime = start(layout)
    runtime.stop()
    expected = matrix.reshape(2, 3, 2, 2).sum(axis=(1, 3))
    got = [[runtime.read_symbol(x, y, "sum", "float32")[0] for x in range(2)] for y in range(2)]
    np.testing.assert_array_equal(got, expected)
    assert len(runtime.program.images) == 1


def test_contents_must_fill_the_variable(layout: SdkLayout) -> None:
    sums = layout.create_code_region("sum.csl", "sums", 1, 1)
    sums.set_param_all("n", 6)
    sums.set_symbol_all("values", np.ones(5, np.float32), 5, 1)
    with pytest.raises(LayoutError, match=r"'values' of sum\.csl .* has 24 bytes; 20 were given"):
        layout.compile("out")


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (Contents(0, np.array([99], np.int32), np.zeros((1, 4), np.uint8)), "PE of contents is 99"),
        (Contents(-1, np.array([0], np.int32), np.zeros((1, 4), np.uint8)), "contents is -1"),
        (Contents(49150, np.array([0], np.int32), np.zeros((1, 4), np.uint8)), "is 49154"),
        (Contents(0, np.array([0], np.int32), np.zeros((2, 4), np.uint8)), "shape (2, 4)"),
    ],
)
def test_stored_contents_are_checked(block: Contents, message: str) -> None:
    program = replace(make_program(), contents=[block])
    with pytest.raises(InvalidModelError) as caught:
        verify_stored(program, "p")
    assert message in str(caught.value)


def test_the_files_beside_the_program(layout: SdkLayout) -> None:
    only = adder(layout, "only", 1, 0, 1, 0)
    layout.create_input_stream(entering(only, Edge.LEFT))
    layout.create_output_stream(leaving(only, Edge.RIGHT))
    layout.compile("build/a", save_port_map=True)
    assert json.loads(Path("build/a/colors.json").read_text()) == {"only_in": 0, "only_out": 1}
    buses = json.loads(Path("build/a/a_port_map.json").read_text())["buses"]
    assert buses == [
        {"port_name": "only_in", "direction": "input", "location": [0, 0], "color": 0},
        {"port_name": "only_out", "direction": "output", "location": [2, 0], "color": 1},
    ]
    assert not list(Path("build/a").glob("*.csl"))


def test_compiling_twice_gives_equal_bytes(layout: SdkLayout) -> None:
    only = adder(layout, "only", 1, 0, 1, 0)
    layout.create_input_stream(entering(only, Edge.LEFT))
    for name in ("a", "b"):
        layout.compile(name)
    for file in ("program.json", "program.npz", "streams.json", "colors.json"):
        assert Path("a", file).read_bytes() == Path("b", file).read_bytes()


def test_the_16_bit_format_reaches_the_program(layout: SdkLayout) -> None:
    layout.create_code_region("half.csl", "half", 1, 1)
    values = []
    for kind in (FP16TYPE.F16, FP16TYPE.BF16, FP16TYPE.CB16):
        runtime = SdkRuntime(layout.compile("out", f16_type=kind), layout.platform)
        runtime.load()
        values.append(int(runtime.read_symbol(0, 0, "half", "uint16")[0]))
    assert values == [0x3C04, 0x3F80, 0x3E02]


def test_imports_are_found_in_libs(layout: SdkLayout) -> None:
    Path("shared").mkdir()
    Path("shared/one.csl").write_text("const one: u16 = 1;")
    Path("user.csl").write_text('const m = @import_module("one.csl"); export var v: u16 = m.one;')
    layout.create_code_region("user.csl", "user", 1, 1)
    runtime = SdkRuntime(layout.compile("out", libs=["shared"]), layout.platform)
    runtime.load()
    assert runtime.read_symbol(0, 0, "v", "uint16").tolist() == [1]


def test_a_wrong_parameter_is_shown_with_its_region(layout: SdkLayout) -> None:
    sums = layout.create_code_region("sum.csl", "sums", 1, 1)
    sums.set_param_all("n", Color("c"))
    with pytest.raises(ParseError) as caught:
        layout.compile("out")
    message = str(caught.value)
    assert "region 'sums' of the layout:1:1: error" in message
    assert "n = colour 0" in message
    assert "param 'n' is declared as u16" in message


def test_a_colour_that_the_program_routes_itself_is_refused(layout: SdkLayout) -> None:
    Path("own.csl").write_text(
        "param c: color; comptime { @set_local_color_config(c, "
        ".{ .routes = .{ .rx = .{ WEST }, .tx = .{ RAMP } } }); }"
    )
    own = layout.create_code_region("own.csl", "own", 1, 1)
    c = own.color("c")
    own.set_param_all(c)
    own.paint_all(c, [routes("W", "R")])
    with pytest.raises(
        ParseError, match=r"<layout>.*colour 0 of PE \(0, 0\) is configured both by"
    ):
        layout.compile("out")


def test_a_missing_file_is_shown_with_its_region(layout: SdkLayout) -> None:
    layout.create_code_region("absent.csl", "r", 1, 1)
    with pytest.raises(
        ParseError, match=r"(?s)region 'r' of the layout.*absent\.csl: No such file"
    ):
        layout.compile("out")


def test_a_stream_that_nobody_feeds_is_a_deadlock(layout: SdkLayout) -> None:
    only = adder(layout, "only", 1, 1, 1, 0)
    layout.create_input_stream(entering(only, Edge.LEFT))
    sink = layout.create_output_stream(leaving(only, Edge.RIGHT))
    runtime = start(layout)
    with pytest.raises(DeadlockError, match=r"host stream on colour \d cannot collect its last 1"):
        runtime.receive(sink, np.zeros(1, np.uint32), 1)
