"""Places, rectangles, and the ports of a router."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class IntVector(NamedTuple):
    """A place or a size: column and row."""

    x: int
    y: int

    def step(self, route: Route) -> IntVector:
        """The neighbour that a port leads to."""
        return IntVector(self.x + route.value[0], self.y + route.value[1])

    def plus(self, other: tuple[int, int]) -> IntVector:
        """This place moved by `other`."""
        return IntVector(self.x + other[0], self.y + other[1])


class IntRectangle(NamedTuple):
    """PEs from the upper left corner up to, not including, the lower right one."""

    ul: IntVector
    lr: IntVector


class Route(Enum):
    """A port of a router; the value is the step to the neighbour, (columns, rows)."""

    RAMP = (0, 0)
    EAST = (1, 0)
    WEST = (-1, 0)
    NORTH = (0, -1)
    SOUTH = (0, 1)

    @property
    def opposite(self) -> Route:
        """The neighbour's port at the other end of the link."""
        return Route((-self.value[0], -self.value[1]))


LINKS = (Route.EAST, Route.SOUTH, Route.WEST, Route.NORTH)
"""Ports that lead to neighbours, in the order in which ways are tried."""


class Edge(Enum):
    """A side of a code region; the value is the port that leads out of the region there."""

    TOP = Route.NORTH
    BOTTOM = Route.SOUTH
    LEFT = Route.WEST
    RIGHT = Route.EAST
