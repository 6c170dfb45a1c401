"""Views, routes and roles of the `dataflow` dialect."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xdsl.dialects.builtin import f32
from xdsl.utils.exceptions import VerifyException

from pyflame.dialects.dataflow.attributes import Direction, RouteAttr
from pyflame.dialects.dataflow.roles import FirstOp, LastOp, ParityOp, ValidOp
from pyflame.dialects.dataflow.routes import (
    Slots,
    bus,
    chain,
    recv_slot,
    recv_slots,
    send_slot,
    send_slots,
)
from pyflame.dialects.dataflow.types import DYNAMIC, ViewType, collapse
from pyflame.dialects.mesh.attributes import Axis
from pyflame.layout import COLS, MeshLayout, PECoord

EAST, WEST, RAMP = Direction.EAST, Direction.WEST, Direction.RAMP


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 9)), max_size=4))
def test_a_collapsed_view_walks_the_same_elements(dims: list[tuple[int, int]]) -> None:
    def walk(dims: list[tuple[int, int]]) -> list[int]:
        if not dims:
            return [0]
        (n, s), *rest = dims
        return [i * s + r for i in range(n) for r in walk(rest)]

    sizes, strides = collapse([n for n, _ in dims], [s for _, s in dims])
    assert walk(list(zip(sizes, strides, strict=True))) == walk(dims)


@pytest.mark.parametrize(
    ("sizes", "strides", "collapsed"),
    [
        ((8, 32), (32, 1), ((256,), (1,))),
        ((8, 32), (40, 1), ((8, 32), (40, 1))),
        ((8, 1, 32), (0, 7, 1), ((8, 32), (0, 1))),
        ((8, 32), (0, 0), ((256,), (0,))),
        ((8, DYNAMIC), (32, 1), ((8, DYNAMIC), (32, 1))),
        ((1, 1), (5, 5), ((), ())),
    ],
)
def test_neighbouring_dimensions_merge(
    sizes: tuple[int, ...], strides: tuple[int, ...], collapsed: object
) -> None:
    assert collapse(sizes, strides) == collapsed


def test_a_view_has_no_empty_dimension() -> None:
    message = (
        r"^view has sizes \[0\], expected at least 1; an empty view is not an operand but an "
        r"`scf.if` around the op$"
    )
    with pytest.raises(VerifyException, match=message):
        ViewType.get(f32, [0], [1])


def follow(routes: tuple[RouteAttr, ...], start: int) -> list[int]:
    """The positions whose ramps hear what the PE at `start` sends."""
    slot, front, heard = send_slot(routes, start), [start], []
    while front:
        here = front.pop()
        (route,) = [r for r in routes if r.slot.data == slot and here in r.positions]
        heard += [here] if RAMP in route.tx_values else []
        front += [here + d.step for d in route.tx_values if d is not RAMP]
    return sorted(heard)


@pytest.mark.parametrize("extent", [2, 3, 8])
def test_a_bus_reaches_the_sender_and_all_ahead(extent: int) -> None:
    for start in range(extent):
        assert follow(bus(EAST, extent), start) == list(range(start, extent))
        assert follow(bus(WEST, extent), start) == list(range(start + 1))


@pytest.mark.parametrize("extent", [2, 3, 4, 7])
def test_a_chain_reaches_the_next_pe_only(extent: int) -> None:
    for direction in (EAST, WEST):
        routes = chain(direction, extent)
        for start in range(extent):
            to = start + direction.step
            if 0 <= to < extent:
                assert follow(routes, start) == [to]
                assert recv_slot(routes, to) == send_slot(routes, start)
            else:
                assert send_slot(routes, start) is None


def test_no_router_of_a_chain_takes_a_colour_from_two_sides() -> None:
    assert all(len(route.rx_values) == 1 for route in chain(WEST, 6))


def test_a_pe_of_a_chain_sends_and_receives_by_parity() -> None:
    routes = chain(WEST, 4)
    assert send_slots(routes) == Slots(even=0, odd=1)
    assert recv_slots(routes) == Slots(even=1, odd=0)
    assert send_slots(chain(WEST, 2)) == Slots(even=None, odd=0)


def test_slots_that_do_not_follow_parity_are_refused() -> None:
    routes = [RouteAttr.get(p // 2, range(p, p + 1), [RAMP], [EAST]) for p in (0, 2)]
    with pytest.raises(
        VerifyException,
        match=r"^PEs at even positions use colour slots \[0, 1\] in one direction, expected one$",
    ):
        send_slots(routes)


@pytest.mark.parametrize("total", [0, 1, 9, 12, 13])
def test_valid_extents_are_those_of_the_layout(total: int) -> None:
    layout = MeshLayout(1, 4, "grid", (COLS,))
    (tile,) = layout.tile_shape([total])
    role = ValidOp(Axis.COLS, max(tile, 1), total)
    for col in range(4):
        assert (role.value_at(col, 4),) == layout.valid_extents([total], PECoord(0, col))


def test_roles_at_the_ends() -> None:
    assert [FirstOp(Axis.ROWS).value_at(p, 3) for p in range(3)] == [1, 0, 0]
    assert [LastOp(Axis.ROWS).value_at(p, 3) for p in range(3)] == [0, 0, 1]
    assert [ParityOp(Axis.ROWS).value_at(p, 3) for p in range(3)] == [0, 1, 0]
