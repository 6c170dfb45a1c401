"""SdkLayout: what a script says becomes places, routes, colours and CSL text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pyflame.arch import WSE2, WSE3, Arch
from pyflame.errors import LayoutError, PyFlameError, ResourceError, ShapeError, UnsupportedError
from pyflame.runtime.host.layout_api import (
    Color,
    Edge,
    IntRectangle,
    IntVector,
    Route,
    RoutingPosition,
    SdkLayout,
    get_edge_routing,
)
from pyflame.runtime.host.layout_compile import layout_text
from pyflame.runtime.host.layout_routes import Plan
from pyflame.runtime.host.platform import SdkTarget, get_platform
from pyflame.runtime.host.streams import StreamEnd, read_streams, write_streams


@pytest.fixture
def layout() -> SdkLayout:
    return SdkLayout(get_platform(target=SdkTarget.WSE2))


def route(inputs: str, outputs: str) -> RoutingPosition:
    """``route("W", "RE")``: from WEST to RAMP and EAST."""
    names = {r.name[0]: r for r in Route}
    position = RoutingPosition()
    return position.set_input([names[n] for n in inputs]).set_output([names[n] for n in outputs])


def text(layout: SdkLayout, arch: Arch = WSE2) -> str:
    plan = Plan(layout, arch)
    plan.number([])
    return layout_text(plan, {})


def test_params_and_routes_become_csl(layout: SdkLayout) -> None:
    region = layout.create_code_region("./pe.csl", "r", 2, 1)
    c = Color("c")
    region.set_param(IntVector(0, 0), "select", np.int16(1))
    region.set_param_all("scale", 0.5)
    region.set_param_all(c)
    region.paint(IntVector(0, 0), c, [route("R", "E")])
    region.paint_range(IntRectangle(IntVector(1, 0), IntVector(2, 1)), c, [route("W", "R")])
    lines = [line.strip() for line in text(layout).splitlines()]
    assert "@set_rectangle(4, 3);" in lines
    assert (
        '@set_tile_code(1, 1, "pe.csl", .{ .select = 1, .scale = 0.5, .c = @get_color(0) });'
        in lines
    )
    assert '@set_tile_code(2, 1, "pe.csl", .{ .scale = 0.5, .c = @get_color(0) });' in lines
    assert (
        "@set_color_config(1, 1, @get_color(0), .{ .routes = .{ .rx = .{ RAMP }, "
        ".tx = .{ EAST } } });" in lines
    )
    assert sum(line.startswith("@set_color_config") for line in lines) == 2


def test_edges_replace_routes_and_switches_keep_what_changes(layout: SdkLayout) -> None:
    region = layout.create_code_region("pe.csl", "r", 3, 1)
    take, forward = route("W", "R"), route("W", "E")
    region.paint_all(Color("c"), [take, forward], [get_edge_routing(Edge.RIGHT, [take])])
    lines = [line for line in text(layout).splitlines() if "set_color_config" in line]
    assert [".pos1 = .{ .tx = EAST }" in line for line in lines] == [True, True, False]


@pytest.mark.parametrize("arch", [WSE2, WSE3])
def test_a_position_that_changes_both_is_for_wse3(layout: SdkLayout, arch: Arch) -> None:
    region = layout.create_code_region("pe.csl", "r", 1, 1)
    region.paint_all(Color("c"), [route("W", "R"), route("R", "E")])
    if arch is WSE3:
        assert ".pos1 = .{ .rx = RAMP, .tx = EAST }" in text(layout, arch)
    else:
        with pytest.raises(UnsupportedError, match="switch position 1 of colour 'c' on wse2"):
            text(layout, arch)


def chain(layout: SdkLayout, *places: tuple[int, int]) -> None:
    """Regions at `places`, each connected from its right to the next one's left edge."""
    last = None
    for i, (x, y) in enumerate(places):
        region = layout.create_code_region("pe.csl", f"r{i}", 1, 1)
        region.place(x, y)
        into = RoutingPosition().set_output([Route.RAMP])
        out = RoutingPosition().set_input([Route.RAMP])
        port = region.create_input_port(Color("in"), Edge.LEFT, [into], 1)
        if last is not None:
            layout.connect(last, port)
        last = region.create_output_port(Color("out"), Edge.RIGHT, [out], 1)


def test_connected_colors_are_one_and_meeting_colors_differ(layout: SdkLayout) -> None:
    chain(layout, (0, 0), (3, 0), (4, 0))
    plan = Plan(layout, WSE2)
    plan.number([])
    numbers = {c.name + str(i): n.number for n in plan.nets for i, c in enumerate(n.colors)}
    assert len(plan.nets) == 4
    assert all(n.number >= 0 for n in plan.nets), numbers
    for net in plan.nets:
        meeting = [other for other in plan.nets if other is not net and other.pes & net.pes]
        assert net.number not in [other.number for other in meeting]
    crossing = [at for at, _ in plan.routes if at not in plan.owner]
    assert crossing == [IntVector(2, 1), IntVector(3, 1)]  # between columns 0 and 3, moved by 1


def test_a_connection_goes_around_regions(layout: SdkLayout) -> None:
    chain(layout, (0, 1), (4, 1))
    wall = layout.create_code_region("wall.csl", "wall", 1, 3)
    wall.place(2, 0)
    plan = Plan(layout, WSE2)
    assert not any(plan.owner[at][0] is wall for at, _ in plan.routes if at in plan.owner)


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ([(0, 0), (0, 0)], "regions 'r0' and 'r1' overlap"),
        ([(-1, 0)], "region 'r0' is placed at (-1, 0)"),
    ],
)
def test_misplaced_regions_are_refused(
    layout: SdkLayout, places: list[tuple[int, int]], message: str
) -> None:
    chain(layout, *places)
    with pytest.raises(LayoutError) as caught:
        Plan(layout, WSE2)
    assert str(caught.value) == message


def test_too_many_colors_on_a_pe_are_refused(layout: SdkLayout) -> None:
    region = layout.create_code_region("pe.csl", "r", 1, 1)
    for i in range(22):
        region.paint_all(Color(f"c{i}"), [route("W", "R")])
    with pytest.raises(ResourceError, match="no colour is left for c21: 21 meet it"):
        text(layout)


def test_matrices_are_spread_in_blocks(layout: SdkLayout) -> None:
    region = layout.create_code_region("pe.csl", "r", 2, 2)
    region.set_symbol_all("A", np.arange(16), 4, 4)
    assert region.symbols["A"][1, 0].tolist() == [8, 9, 12, 13]
    with pytest.raises(ShapeError, match="15 values as 3 × 5 do not spread evenly over 2 × 2 PEs"):
        region.set_symbol_all("A", np.arange(15), 5, 3)


def test_mistakes_with_ports_are_named(layout: SdkLayout) -> None:
    region = layout.create_code_region("pe.csl", "r", 1, 2)
    into = RoutingPosition().set_output([Route.RAMP])
    port = region.create_input_port(Color("c"), Edge.LEFT, [into], 4)
    mistakes: list[tuple[type[PyFlameError], str]] = []
    for call in (
        lambda: layout.connect(port, port),
        lambda: layout.create_output_stream(port),
        lambda: layout.create_input_stream(port),
        lambda: region.create_input_port(Color("d"), Edge.TOP, [RoutingPosition()], 1),
        lambda: region.set_param(IntVector(1, 0), "n", 1),
    ):
        try:
            call()
        except PyFlameError as error:
            mistakes.append((type(error), str(error).replace("not supported:\n  - ", "")))
    assert [kind for kind, _ in mistakes] == [
        LayoutError, LayoutError, UnsupportedError, LayoutError, ShapeError
    ]  # fmt: skip
    assert mistakes[0][1] == "connect: expected an output port, then an input port"
    assert mistakes[2][1].startswith("a host stream on 'r_c', which has 2 PEs")
    assert mistakes[3][1] == "region 'r': a position of colour 'd' lacks inputs or outputs"
    assert mistakes[4][1] == "(1, 0) is outside region 'r' of 1 × 2 PEs"


def test_streams_are_stored_with_the_program(tmp_path: Path) -> None:
    ends = [StreamEnd("a", True, 1, 2, 3), StreamEnd("b", False, 4, 5, 6)]
    write_streams(tmp_path, (1, 1), ends)
    assert read_streams(tmp_path) == ((1, 1), {"a": ends[0], "b": ends[1]})
    (tmp_path / "streams.json").write_text('{"origin": [1]}')
    with pytest.raises(PyFlameError, match=r"streams\.json is damaged"):
        read_streams(tmp_path)
    assert read_streams(tmp_path / "other") == ((0, 0), {})
