"""Ways between PEs: cheapest first, always the same one for the same question."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count

from pyflame.runtime.host.sdklayout.geometry import LINKS, IntVector, Route

TURN = 1
"""Cost of a turn, or of leaving a port elsewhere than through its edge."""
STEP = 64
"""Cost of an unused PE; far more than the turns that a way of equal length can save."""
SHARED = 2 * STEP
"""Cost of a PE that another colour passes already."""
OUTSIDE = 16 * STEP
"""Cost of a PE at a negative coordinate, which moves the whole program."""
OWNED = 1024 * STEP
"""Cost of passing a PE of a code region."""


@dataclass(frozen=True)
class Search:
    """One question: the cheapest way from `start` to `goal`, or to any PE that is `free`.

    `cost` is what entering a PE costs, None where the way must not go; `first` and `last` are the
    ports through which it may leave the start and enter the goal, the preferred ones first.
    """

    start: IntVector
    goal: IntVector | None
    cost: Callable[[IntVector], int | None]
    free: Callable[[IntVector], bool]
    first: tuple[Route, ...] = LINKS
    last: tuple[Route, ...] = LINKS

    def run(self) -> list[IntVector]:
        """The PEs of the way with both ends; none if there is no way."""
        if self.goal is not None and self.goal == self.start:
            return []
        serial = count()
        came: dict[tuple[IntVector, Route], tuple[IntVector, Route] | None] = {}
        queue: list[tuple[int, int, int, IntVector, Route, tuple[IntVector, Route] | None]] = []
        for i, route in enumerate(self.first):
            self._visit(queue, serial, self.start, route, TURN * bool(i), None)
        while queue:
            _, _, spent, at, route, before = heappop(queue)
            node = (at, route)
            if node in came:
                continue
            came[node] = before
            if at == self.goal or (self.goal is None and self.free(at)):
                return self._trace(came, node)
            for onward in LINKS:
                if onward is not route.opposite:
                    self._visit(
                        queue, serial, at, onward, spent + TURN * (onward is not route), node
                    )
        return []

    def _visit(
        self,
        queue: list[tuple[int, int, int, IntVector, Route, tuple[IntVector, Route] | None]],
        serial: Iterator[int],
        at: IntVector,
        route: Route,
        spent: int,
        before: tuple[IntVector, Route] | None,
    ) -> None:
        """Note the step from `at` through `route`, if it may be made."""
        to = at.step(route)
        if to == self.goal:
            if route.opposite not in self.last:
                return
            spent += STEP + TURN * (route.opposite is not self.last[0])
        else:
            cost = self.cost(to)
            if cost is None:
                return
            spent += cost
        ahead = 0 if self.goal is None else abs(to.x - self.goal.x) + abs(to.y - self.goal.y)
        heappush(queue, (spent + STEP * ahead, next(serial), spent, to, route, before))

    def _trace(
        self,
        came: dict[tuple[IntVector, Route], tuple[IntVector, Route] | None],
        end: tuple[IntVector, Route],
    ) -> list[IntVector]:
        way: list[IntVector] = []
        node: tuple[IntVector, Route] | None = end
        while node is not None:
            way.append(node[0])
            node = came[node]
        return [self.start, *way[::-1]]


def towards(at: IntVector, neighbour: IntVector) -> Route:
    """The port of `at` that leads to `neighbour`."""
    return Route((neighbour.x - at.x, neighbour.y - at.y))
