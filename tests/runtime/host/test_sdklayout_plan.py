"""SdkLayout: places, ways and colour numbers."""

from __future__ import annotations

import pytest

from pyflame.arch import WSE2, WSE3, Arch
from pyflame.errors import LayoutError, ResourceError
from pyflame.runtime.host.platform import SdkTarget
from pyflame.runtime.host.sdklayout import Color, Edge, IntVector, SdkLayout
from pyflame.runtime.host.sdklayout.plan import Plan
from tests.runtime.host.layouts import entering, leaving, region, routes


@pytest.fixture
def layout() -> SdkLayout:
    return SdkLayout(SdkTarget.WSE2)


def pair(layout: SdkLayout, start: tuple[int, int], end: tuple[int, int], name: str = "") -> None:
    """Two regions of one PE with a connection, from the right edge to the left one."""
    source, target = region(layout, f"a{name}", *start), region(layout, f"b{name}", *end)
    layout.connect(leaving(source, Edge.RIGHT), entering(target, Edge.LEFT))


def shown(plan: Plan, name: str) -> list[str]:
    """The routes of a colour's net: ``"3,1 W>E"``, in the order in which they were made."""
    net = plan.net(name)
    return [
        f"{at.x},{at.y} "
        + " ".join(
            "".join(r.name[0] for r in p.inputs) + ">" + "".join(r.name[0] for r in p.outputs)
            for p in positions
        )
        for (at, other), positions in plan.routes.items()
        if other is net
    ]


def refused(layout: SdkLayout, arch: Arch = WSE2) -> str:
    with pytest.raises(LayoutError) as caught:
        Plan(layout, arch)
    return str(caught.value)


def test_a_connection_is_straight_where_it_can_be(layout: SdkLayout) -> None:
    pair(layout, (0, 0), (3, 0))
    assert shown(Plan(layout, WSE2), "a_out") == ["0,0 R>E", "3,0 W>R", "1,0 W>E", "2,0 W>E"]


def test_a_connection_turns_once_between_corners(layout: SdkLayout) -> None:
    pair(layout, (0, 0), (2, 2))
    way = shown(Plan(layout, WSE2), "a_out")
    assert way == ["0,0 R>E", "2,2 N>R", "1,0 W>E", "2,0 W>S", "2,1 N>S"]


def test_neighbours_need_no_way(layout: SdkLayout) -> None:
    pair(layout, (0, 0), (1, 0))
    plan = Plan(layout, WSE2)
    assert shown(plan, "b_in") == ["0,0 R>E", "1,0 W>R"]
    assert (plan.corner, plan.size) == ((0, 0), (2, 1))


def test_any_side_of_a_port_will_do(layout: SdkLayout) -> None:
    """The edge says which PEs a port has, not where its wavelets pass."""
    source, target = region(layout, "a", 3, 0), region(layout, "b", 0, 0)
    layout.connect(leaving(source, Edge.RIGHT), entering(target, Edge.LEFT))
    assert shown(Plan(layout, WSE2), "a_out") == ["3,0 R>W", "0,0 E>R", "2,0 E>W", "1,0 E>W"]


def test_switch_positions_share_the_side_that_was_open(layout: SdkLayout) -> None:
    source, target = region(layout, "a", 1, 0), region(layout, "b", 1, 2)
    port = source.create_output_port(
        source.color("out"), Edge.TOP, [routes("R", ""), routes("S", "")], 4
    )
    layout.connect(port, entering(target, Edge.TOP))
    # SOUTH is an input here, so that the way cannot start there.
    assert shown(Plan(layout, WSE2), "a_out")[0] == "1,0 R>E S>E"


def test_ports_of_many_pes_are_connected_in_order(layout: SdkLayout) -> None:
    source, target = region(layout, "a", 0, 0, 1, 3), region(layout, "b", 2, 0, 2, 3)
    layout.connect(leaving(source, Edge.RIGHT), entering(target, Edge.LEFT))
    way = shown(Plan(layout, WSE2), "a_out")
    assert way[6:] == ["1,0 W>E", "1,1 W>E", "1,2 W>E"]


def test_ways_go_around_regions(layout: SdkLayout) -> None:
    pair(layout, (0, 1), (4, 1))
    wall = region(layout, "wall", 2, 0, 1, 3)
    plan = Plan(layout, WSE2)
    passed = [plan.owner[at][0] for at, _ in plan.routes if at in plan.owner]
    assert wall not in passed
    assert min(min(at) for at, _ in plan.routes) >= 0


def test_ways_pass_through_regions_when_nothing_else_is_left(layout: SdkLayout) -> None:
    target = region(layout, "b", 3, 3)
    for name, x, y, width, height in (
        ("top", 2, 2, 3, 1), ("left", 2, 3, 1, 1), ("right", 4, 3, 1, 1), ("below", 2, 4, 3, 1)
    ):  # fmt: skip
        region(layout, name, x, y, width, height)
    layout.connect(leaving(region(layout, "a", 0, 3), Edge.RIGHT), entering(target, Edge.LEFT))
    assert "2,3 W>E" in shown(Plan(layout, WSE2), "a_out")


def test_ways_prefer_unused_pes(layout: SdkLayout) -> None:
    pair(layout, (0, 2), (6, 2))
    pair(layout, (1, 1), (5, 1), "2")
    region(layout, "wall", 3, 1)
    way = shown(Plan(layout, WSE2), "a2_out")
    assert "3,0 W>E" in way  # around the wall on the side that the first way leaves free


def wall(
    layout: SdkLayout, name: str, color: Color, x: int, y: int, width: int, height: int
) -> None:
    """A region whose PEs all route `color`: no other way of it can pass."""
    region(layout, name, x, y, width, height).paint_all(color, [routes("W", "E")])


def cross(layout: SdkLayout, color: Color) -> None:
    """Connections of one colour: along row 3, then down column 3 to a PE open only above."""
    for name, start, end, edges in (
        ("row", (1, 3), (5, 3), (Edge.RIGHT, Edge.LEFT)),
        ("column", (3, 1), (3, 4), (Edge.BOTTOM, Edge.TOP)),
    ):
        source = region(layout, f"{name}_from", *start)
        target = region(layout, f"{name}_to", *end)
        layout.connect(
            leaving(source, edges[0], color=color), entering(target, edges[1], color=color)
        )
    for i, place in enumerate(((2, 4), (4, 4), (3, 5))):
        wall(layout, f"u{i}", color, *place, 1, 1)


def test_a_blocked_way_gets_its_turn_before_what_blocks_it(layout: SdkLayout) -> None:
    cross(layout, Color("c"))
    way = shown(Plan(layout, WSE2), "c")
    assert "3,3 N>S" in way
    assert {"3,0 W>E", "3,6 W>E"} & set(way)  # the row goes around


def test_ways_of_one_colour_that_must_cross_are_named(layout: SdkLayout) -> None:
    c = Color("c")
    cross(layout, c)
    for i, place in enumerate(((0, 0, 7, 1), (0, 6, 7, 1), (0, 1, 1, 5), (6, 1, 1, 5))):
        wall(layout, f"fence{i}", c, *place)
    assert refused(layout) == (
        "no way is free for connection of 'column_from_c' to 'column_to_c': it would have to cross "
        "connection of 'row_from_c' to 'row_to_c', of the same colour 'c'; give them colours of "
        "their own, or leave more room around the regions"
    )


def test_both_ends_on_one_pe_are_refused(layout: SdkLayout) -> None:
    one = region(layout, "one", 0, 0)
    layout.connect(leaving(one, Edge.RIGHT), entering(one, Edge.LEFT))
    assert "are one colour, which is routed twice at PE (0, 0)" in refused(layout)


def test_regions_that_overlap_are_named(layout: SdkLayout) -> None:
    region(layout, "a", 0, 0, 2, 2)
    region(layout, "b", 1, 1)
    assert refused(layout) == "regions 'a' and 'b' overlap at PE (1, 1)"


def test_layouts_larger_than_the_wafer_are_refused(layout: SdkLayout) -> None:
    with pytest.raises(ResourceError, match="region 'wide' has 758 × 1 PEs; wse2 has 757 × 996"):
        region(layout, "wide", 0, 0, 758, 1)
    one = region(layout, "one", 757, 0)
    with pytest.raises(ResourceError, match="the layout needs 758 × 1 PEs, wse2 has 757 × 996"):
        Plan(layout, WSE2)
    one.place(755, 0)
    layout.create_input_stream(entering(one, Edge.LEFT), IntVector(2, 10**9))
    with pytest.raises(ResourceError, match="the layout needs 3 × 1000000001 PEs"):
        Plan(layout, WSE2)


def test_regions_without_a_place_stand_side_by_side(layout: SdkLayout) -> None:
    layout.create_code_region("pe.csl", "a", 2, 1)
    layout.create_code_region("pe.csl", "b", 1, 1)
    assert Plan(layout, WSE2).origins == {"a": (0, 0), "b": (3, 0)}


# Colours


def test_colours_of_one_name_are_one_colour(layout: SdkLayout) -> None:
    for name, x in (("a", 0), ("b", 9)):
        region(layout, name, x, 0).set_param_all(Color("c"))
    assert len(Plan(layout, WSE2).nets) == 1


def test_connected_colours_are_one_and_meeting_ones_differ(layout: SdkLayout) -> None:
    one, two, three = (region(layout, name, x, 0) for name, x in (("a", 0), ("b", 3), ("c", 4)))
    layout.connect(leaving(one, Edge.RIGHT), entering(two, Edge.LEFT))
    layout.connect(leaving(two, Edge.RIGHT), entering(three, Edge.LEFT))
    plan = Plan(layout, WSE2)
    numbers = {name: plan.net(name).number for name in ("a_out", "b_in", "b_out", "c_in")}
    assert numbers == {"a_out": 0, "b_in": 0, "b_out": 1, "c_in": 1}


def test_given_numbers_are_kept_and_avoided(layout: SdkLayout) -> None:
    one = region(layout, "one", 0, 0)
    for color in (Color("free"), Color("given", 0)):
        one.paint_all(color, [routes("W", "R")])
    plan = Plan(layout, WSE2)
    assert [plan.net(name).number for name in ("free", "given")] == [1, 0]


def test_given_numbers_that_meet_are_named(layout: SdkLayout) -> None:
    one = region(layout, "one", 2, 1)
    for name in ("c", "d"):
        one.paint_all(Color(name, 7), [routes("W", "R")])
    assert refused(layout) == "colours 'c' and 'd' both have the value 7, but meet at PE (2, 1)"


def test_connected_numbers_that_differ_are_named(layout: SdkLayout) -> None:
    one, two = region(layout, "one", 0, 0), region(layout, "two", 2, 0)
    layout.connect(
        leaving(one, Edge.RIGHT, color=Color("c", 1)), entering(two, Edge.LEFT, color=Color("d", 2))
    )
    assert refused(layout) == "connected colours are one colour, but 'c' is 1 and 'd' is 2"


def test_too_many_colours_on_a_pe_are_refused(layout: SdkLayout) -> None:
    one = region(layout, "one", 0, 0)
    for i in range(25):
        one.paint_all(Color(f"c{i}"), [routes("W", "R")])
    with pytest.raises(ResourceError, match="no colour number is left for 'c24' on wse2: it meets"):
        Plan(layout, WSE2)


# Switches


def test_switched_colours_get_numbers_that_can_have_switches(layout: SdkLayout) -> None:
    one = region(layout, "one", 0, 0)
    for i in range(11):
        one.paint_all(Color(f"c{i}"), [routes("W", "R"), routes("W", "E")])
    assert Plan(layout, WSE2).net("c10").number == 10
    assert Plan(layout, WSE3).net("c10").number == 12
    one.paint_all(Color("c", 10), [routes("W", "R"), routes("W", "E")])
    assert "colour 'c' has the value 10 and several switch positions" in refused(layout, WSE3)


@pytest.mark.parametrize("arch", [WSE2, WSE3])
def test_a_position_that_changes_both_sides_is_for_wse3(layout: SdkLayout, arch: Arch) -> None:
    region(layout, "one", 0, 0).paint_all(Color("c"), [routes("W", "R"), routes("R", "E")])
    if arch is WSE3:
        assert shown(Plan(layout, arch), "c") == ["0,0 W>R R>E"]
    else:
        assert refused(layout, arch) == (
            "colour 'c' at PE (0, 0), (0, 0) of region 'one': position 1 changes inputs and "
            "outputs; on wse2 a switch changes one of the two"
        )


def test_incomplete_and_overfull_routes_are_refused(layout: SdkLayout) -> None:
    one = region(layout, "one", 3, 2)
    one.paint_all(Color("c"), [routes("", "R")])
    one.paint_all(Color("d"), [routes("W", "R"), routes("W", "ES")])
    assert refused(layout) == (
        "colour 'c' at PE (3, 2), (0, 0) of region 'one': position 0 has no inputs\n"
        "colour 'd' at PE (3, 2), (0, 0) of region 'one': position 1 changes to several ports; "
        "expected one"
    )
    one.paint_all(Color("d"), [routes("W", "R")] * 5)
    assert refused(layout) == "colour 'd' has 5 positions at PE (3, 2); a switch has 4"


# Host streams


def test_streams_end_on_the_nearest_free_pe(layout: SdkLayout) -> None:
    one = region(layout, "one", 3, 3)
    layout.create_input_stream(entering(one, Edge.LEFT))
    layout.create_output_stream(leaving(one, Edge.RIGHT))
    plan = Plan(layout, WSE2)
    assert [(end.at, end.stream.name) for end in plan.ends] == [
        ((2, 3), "one_in"), ((4, 3), "one_out")
    ]  # fmt: skip
    assert shown(plan, "one_in") == ["3,3 W>R", "2,3 R>E"]
    assert shown(plan, "one_out") == ["3,3 R>E", "4,3 W>R"]
    assert plan.host.number not in (-1, plan.net("one_out").number)


def test_a_stream_moves_no_coordinate_without_need(layout: SdkLayout) -> None:
    one = region(layout, "one", 0, 0)
    layout.create_input_stream(entering(one, Edge.LEFT))
    assert Plan(layout, WSE2).ends[0].at == (1, 0)
    row = region(layout, "row", 0, 1, 3, 1)
    row.create_output_port(row.color("c"), Edge.LEFT, [routes("R", "")], 1)
    region(layout, "right", 1, 0, 2, 1)
    plan = Plan(layout, WSE2)
    assert plan.ends[0].at in ((-1, 0), (0, -1))
    assert min(plan.corner) == -1


def test_a_stream_ends_where_it_is_told(layout: SdkLayout) -> None:
    one = region(layout, "one", 3, 3)
    layout.create_input_stream(entering(one, Edge.LEFT), IntVector(5, 3), 16)
    plan = Plan(layout, WSE2)
    assert [end.at for end in plan.ends] == [(5, 3)]
    assert shown(plan, "one_in") == ["3,3 E>R", "5,3 R>W", "4,3 E>W"]
    layout.create_output_stream(leaving(one, Edge.RIGHT), IntVector(5, 3))
    assert refused(layout) == "stream 'one_out': its own PE would be (5, 3), which 'one_in' uses"


def test_painted_colours_meet_the_host_outside_their_region(layout: SdkLayout) -> None:
    one = region(layout, "one", 0, 0)
    into, out = one.color("in"), one.color("out")
    one.paint_all(into, [routes("W", "R")])
    one.paint_all(out, [routes("R", "E")])
    layout.create_input_stream_from_loc(IntVector(0, 0), into)
    layout.create_output_stream_from_loc(IntVector(0, 0), out)
    plan = Plan(layout, WSE2)
    assert [end.at for end in plan.ends] == [(-1, 0), (1, 0)]
    assert shown(plan, "one_in") == ["0,0 W>R", "-1,0 R>E"]
    assert shown(plan, "one_out") == ["0,0 R>E", "1,0 W>R"]


def test_a_stream_from_a_place_needs_a_painted_edge(layout: SdkLayout) -> None:
    one = region(layout, "one", 0, 0, 2, 1)
    c = one.color("c")
    layout.create_input_stream_from_loc(IntVector(0, 0), c)
    assert refused(layout) == (
        "input stream 'one_c' at PE (0, 0): no code region there has colour 'one_c' painted"
    )
    one.paint_all(c, [routes("E", "R")])
    assert refused(layout) == (
        "input stream 'one_c' at PE (0, 0): the painted inputs of colour 'one_c' lead to 0 PEs "
        "outside all regions; expected exactly one"
    )
