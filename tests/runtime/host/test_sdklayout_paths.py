"""SdkLayout: the search for ways, against one that tries everything."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from pyflame.runtime.host.sdklayout.geometry import LINKS, IntVector, Route
from pyflame.runtime.host.sdklayout.paths import SHARED, STEP, Search, towards

SIDE = 6
TURN = 1
"""What a turn costs; less than any PE."""


def field(seed: int) -> dict[IntVector, int]:
    """PEs that may be entered, with their costs: some are closed, some are shared."""
    rng = random.Random(seed)
    cells = [IntVector(x, y) for y in range(SIDE) for x in range(SIDE)]
    costs = {cell: rng.choice([STEP, STEP, STEP, SHARED, 0]) for cell in cells}
    return {cell: cost for cell, cost in costs.items() if cost}


def price(way: list[IntVector], costs: dict[IntVector, int], edges: tuple[Route, Route]) -> int:
    """What a way costs: its PEs, its turns, and ends away from the edges of their ports."""
    steps = [towards(a, b) for a, b in pairwise(way)]
    turns = sum(a is not b for a, b in pairwise(steps))
    turns += (steps[0] is not edges[0]) + (steps[-1].opposite is not edges[1])
    return sum(costs[cell] for cell in way[1:-1]) + STEP + TURN * turns


def cheapest(
    start: IntVector, goal: IntVector, costs: dict[IntVector, int], edges: tuple[Route, Route]
) -> int | None:
    """The price of the best way, by relaxing every step until nothing improves."""
    best = {
        (start, route): TURN * (route is not edges[0]) for route in LINKS
    }  # cost so far before a step through `route`
    found: int | None = None
    changed = True
    while changed:
        changed = False
        for (cell, route), cost in list(best.items()):
            to = cell.step(route)
            if to == goal:
                total = cost + STEP + TURN * (route.opposite is not edges[1])
                if found is None or total < found:
                    found, changed = total, True
            elif to in costs and to != start:
                for onward in LINKS:
                    total = cost + costs[to] + TURN * (onward is not route)
                    if onward is not route.opposite and total < best.get((to, onward), 1 << 30):
                        best[to, onward] = total
                        changed = True
    return found


@pytest.mark.parametrize("seed", range(40))
def test_ways_are_the_cheapest(seed: int) -> None:
    rng = random.Random(1000 + seed)
    start, goal = (IntVector(rng.randrange(SIDE), rng.randrange(SIDE)) for _ in range(2))
    edges = (rng.choice(LINKS), rng.choice(LINKS))
    costs = {cell: cost for cell, cost in field(seed).items() if cell not in (start, goal)}
    doors = [tuple(sorted(LINKS, key=lambda r, edge=edge: r is not edge)) for edge in edges]
    way = Search(start, goal, costs.get, lambda cell: False, doors[0], doors[1]).run()
    expected = None if start == goal else cheapest(start, goal, costs, edges)
    assert (price(way, costs, edges) if way else None) == expected
    if way:
        assert (way[0], way[-1]) == (start, goal)


def test_the_nearest_free_pe_is_found() -> None:
    taken = {IntVector(x, y) for x in range(2, 9) for y in range(9)}
    way = Search(IntVector(3, 3), None, lambda cell: STEP, lambda cell: cell not in taken).run()
    assert way == [(3, 3), (2, 3), (1, 3)]


def test_only_open_doors_are_used() -> None:
    east = (Route.EAST,)
    way = Search(
        IntVector(0, 0), IntVector(0, 2), lambda cell: STEP, lambda cell: False, east, east
    ).run()
    assert way == [(0, 0), (1, 0), (1, 1), (1, 2), (0, 2)]
