"""SdkLayout: what a script says is recorded, and its mistakes are named when it says them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pyflame.errors import DTypeError, LayoutError, PyFlameError, ShapeError, UnsupportedError
from pyflame.runtime.host.platform import SdkCompileArtifacts, SdkTarget
from pyflame.runtime.host.sdklayout import (
    FP16TYPE,
    CodeRegion,
    Color,
    Edge,
    IntRectangle,
    IntVector,
    Route,
    RoutingPosition,
    SdkLayout,
    get_edge_routing,
)
from tests.runtime.host.layouts import entering, leaving, region, routes


@pytest.fixture
def layout() -> SdkLayout:
    return SdkLayout(SdkTarget.WSE2)


@pytest.fixture
def grid(layout: SdkLayout) -> CodeRegion:
    return region(layout, "grid", 0, 0, 2, 2)


def test_colors_have_a_global_and_a_local_name(grid: CodeRegion) -> None:
    own = grid.color("c", 5)
    assert (own.get_global_name(), own.get_local_param_name(), own.get_value()) == (
        "grid_c", "c", 5
    )  # fmt: skip
    free = Color("c")
    assert (free.get_global_name(), free.get_local_param_name(), free.get_value()) == (
        "c", "c", None
    )  # fmt: skip


def test_routing_positions_grow() -> None:
    position = RoutingPosition().set_input([Route.WEST]).add_input(Route.NORTH)
    position.set_output([Route.EAST]).add_output(Route.RAMP).add_output(Route.RAMP)
    assert position.get_input() == [Route.WEST, Route.NORTH]
    assert position.get_output() == [Route.EAST, Route.RAMP]
    assert position.set_input([Route.RAMP]).get_input() == [Route.RAMP]


def test_params_reach_all_one_or_a_rectangle(grid: CodeRegion) -> None:
    c = Color("c")
    grid.set_param_all("n", np.int16(3))
    grid.set_param_all(c)
    grid.set_param(IntVector(1, 0), "n", 4)
    grid.set_param_range(IntRectangle(IntVector(0, 1), IntVector(2, 2)), "to", c)
    assert grid.params == {
        (0, 0): {"n": 3, "c": c},
        (1, 0): {"n": 4, "c": c},
        (0, 1): {"n": 3, "c": c, "to": c},
        (1, 1): {"n": 3, "c": c, "to": c},
    }


def test_paint_replaces_and_edges_come_last(grid: CodeRegion) -> None:
    c = Color("c")
    through, end = routes("W", "E"), routes("W", "R")
    grid.paint_all(c, [through, end], [get_edge_routing(Edge.RIGHT, [end])])
    assert [len(grid.painted[place, "c"]) for place in grid.every()] == [2, 1, 2, 1]
    grid.paint(IntVector(0, 0), c, [end])
    grid.paint_range(IntRectangle(IntVector(1, 0), IntVector(2, 2)), c, [through, end])
    assert [len(grid.painted[place, "c"]) for place in grid.every()] == [1, 2, 2, 2]


def test_what_is_painted_does_not_change_with_the_position(grid: CodeRegion) -> None:
    position = routes("W", "R")
    grid.paint_all(Color("c"), [position])
    position.set_output([Route.EAST])
    assert grid.painted[IntVector(0, 0), "c"][0].outputs == (Route.RAMP,)


def test_matrices_are_spread_in_blocks(grid: CodeRegion) -> None:
    values = np.arange(24, dtype=np.float32)
    grid.set_symbol_all("A", values, 4, 6)  # six rows of four
    values[:] = 0
    assert grid.symbols["A"].shape == (2, 2, 6)
    assert grid.symbols["A"][1, 0].tolist() == [12, 13, 16, 17, 20, 21]


def test_stacks_place_regions_in_order(layout: SdkLayout) -> None:
    a, b, c = (region(layout, name, 3, 5, 2, 4) for name in "abc")
    assert layout.hstack([a, b, c]) == 6
    assert [r.at for r in (a, b, c)] == [(3, 5), (5, 5), (7, 5)]
    assert layout.vstack([c, a], IntVector(1, 0)) == 8
    assert [r.at for r in (c, a)] == [(1, 0), (1, 4)]


def test_streams_are_named_after_their_ports(layout: SdkLayout, grid: CodeRegion) -> None:
    one = region(layout, "one", 5, 5)
    assert layout.create_input_stream(entering(one, Edge.LEFT)) == "one_in"
    loc = IntVector(0, 0)
    assert layout.create_output_stream_from_loc(loc, grid.color("c")) == "grid_c"
    assert layout.create_output_stream_from_loc(loc, grid.color("c"), "x") == "x_grid_c"


def refused(call: Callable[[], object]) -> tuple[type[PyFlameError], str]:
    with pytest.raises(PyFlameError) as caught:
        call()
    return type(caught.value), str(caught.value).replace("not supported:\n  - ", "")


def test_mistakes_with_regions_are_named(layout: SdkLayout, grid: CodeRegion) -> None:
    square = np.zeros(4, np.float32)
    assert refused(lambda: region(layout, "grid", 3, 3)) == (
        LayoutError, "two regions are called 'grid'"
    )  # fmt: skip
    assert refused(lambda: layout.create_code_region("a.csl", "a", 0, 1)) == (
        ShapeError, "region 'a' has 0 × 1 PEs; expected at least 1 × 1"
    )  # fmt: skip
    assert refused(lambda: grid.place(-1, 0)) == (
        LayoutError, "region 'grid' is placed at (-1, 0); expected 0 or more"
    )  # fmt: skip
    assert refused(lambda: grid.set_param(IntVector(2, 0), "n", 1)) == (
        ShapeError, "(2, 0) is outside region 'grid' of 2 × 2 PEs"
    )  # fmt: skip
    assert refused(lambda: grid.set_param_all("n", -1)) == (
        DTypeError,
        "set_param of 'n' in region 'grid': the value is -1; expected an unsigned 32-bit integer "
        "or a Color",
    )
    assert refused(lambda: grid.set_symbol_all("A", square.astype(np.int64), 2, 2))[0] is DTypeError
    assert refused(lambda: grid.set_symbol_all("A", square, 4, 1)) == (
        ShapeError,
        "set_symbol_all of 'A' in region 'grid': 4 values as 1 × 4 do not spread evenly over "
        "2 × 2 PEs",
    )


def test_mistakes_with_colors_and_routes_are_named(grid: CodeRegion) -> None:
    assert refused(lambda: Color("c", 24)) == (
        LayoutError, "colour 'c' has the value 24; expected 0 to 23"
    )  # fmt: skip
    grid.set_param_all(Color("c", 1))
    assert refused(lambda: grid.set_param_all(Color("c", 2))) == (
        LayoutError, "colour 'c' has the values 1 and 2"
    )  # fmt: skip
    assert refused(lambda: grid.paint_all(Color("c"), [])) == (
        LayoutError, "paint_all: the list of routes is empty"
    )  # fmt: skip
    kinds = [
        refused(lambda: grid.paint_all(Color("c"), routes("W", "R")))[0],  # type: ignore[arg-type]
        refused(lambda: grid.paint_all("c", [routes("W", "R")]))[0],  # type: ignore[arg-type]
        refused(lambda: RoutingPosition().set_input(Route.WEST))[0],  # type: ignore[arg-type]
    ]
    assert kinds == [DTypeError] * 3


def test_a_port_leaves_its_open_side_to_the_connection(grid: CodeRegion) -> None:
    call = lambda: grid.create_output_port(  # noqa: E731
        Color("c"), Edge.RIGHT, [routes("R", "E")], 4
    )
    assert refused(call) == (
        LayoutError,
        "output port 'grid_c': a position has 1 inputs and 1 outputs; expected its inputs only, "
        "the outputs follow from the connection",
    )


def test_ports_are_unique(grid: CodeRegion) -> None:
    c = grid.color("c")
    entering(grid, Edge.LEFT, color=c)
    assert refused(lambda: entering(grid, Edge.RIGHT, color=c)) == (
        LayoutError, "region 'grid' has two ports 'grid_c'; give one of them a prefix"
    )  # fmt: skip
    position = [routes("", "R")]
    assert refused(lambda: grid.create_input_port(c, Edge.TOP, position, 4, "top_")) == (
        LayoutError,
        "ports 'grid_c' and 'top_grid_c' both route colour 'grid_c' at PE (0, 0) of region 'grid'",
    )
    assert grid.create_input_port(c, Edge.RIGHT, position, 4, "right_").name == "right_grid_c"


def test_mistakes_with_connections_are_named(layout: SdkLayout, grid: CodeRegion) -> None:
    one, two = region(layout, "one", 4, 0), region(layout, "two", 6, 0)
    out, into = leaving(one, Edge.RIGHT), entering(two, Edge.LEFT)
    wide = entering(grid, Edge.LEFT, 8)
    assert refused(lambda: layout.connect(into, out)) == (
        LayoutError,
        "connect: 'two_in' is an input port and 'one_out' an output port; expected an output "
        "port, then an input port",
    )
    assert refused(lambda: layout.connect(out, wide)) == (
        LayoutError,
        "connect: 'one_out' has 4 wavelets on 1 PEs, 'grid_in' 8 on 2; expected equal numbers",
    )
    layout.connect(out, into)
    assert refused(lambda: layout.create_output_stream(out)) == (
        LayoutError,
        "create_output_stream: 'one_out' is already connected, 'one_out' to 'two_in'",
    )
    assert refused(lambda: layout.create_input_stream(wide))[1].startswith(
        "create_input_stream: a host stream on 'grid_in', which has 2 PEs"
    )
    three = region(layout, "three", 8, 0)
    assert refused(lambda: layout.connect(out, entering(three, Edge.LEFT))) == (
        LayoutError, "connect: 'one_out' is already connected, 'one_out' to 'two_in'"
    )  # fmt: skip
    again = leaving(two, Edge.RIGHT)
    layout.create_output_stream(again)
    assert refused(lambda: layout.create_output_stream(again)) == (
        LayoutError, "create_output_stream: 'two_out' already has a stream to the host"
    )  # fmt: skip


def test_what_the_api_has_beyond_this_is_refused_at_once(layout: SdkLayout) -> None:
    assert refused(lambda: SdkLayout("fabric.json"))[0] is UnsupportedError  # type: ignore[arg-type]
    kind, text = refused(lambda: layout.compile("out", cslc_prefix="/opt"))
    assert kind is UnsupportedError
    assert "cslc_prefix='/opt'" in text
    assert refused(lambda: SdkCompileArtifacts("out").add_port_mapping("m"))[0] is UnsupportedError


def test_the_emulated_module_has_the_names_of_the_sdk() -> None:
    from pyflame.runtime.host.emulated.cerebras.sdk.runtime import sdkruntimepybind as sdk

    assert (sdk.SdkLayout, sdk.CodeRegion, sdk.FP16TYPE) == (SdkLayout, CodeRegion, FP16TYPE)
    assert (vars(sdk)["WSE3"], vars(sdk)["EAST"]) == (SdkTarget.WSE3, Route.EAST)
    assert sdk.get_platform(addr=None, target=SdkTarget.WSE2).target is SdkTarget.WSE2
