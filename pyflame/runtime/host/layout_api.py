"""The SdkLayout way of building programs in Python: names that scripts import.

The values that describe a layout (colours, routes, edges, geometry) are complete; `SdkLayout`,
which would place regions and connect ports, is not written yet and says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from pyflame.errors import UnsupportedError


class IntVector(NamedTuple):
    """A place or a size: column and row."""

    x: int
    y: int


class IntRectangle(NamedTuple):
    """PEs from the upper left corner up to, not including, the lower right one."""

    ul: IntVector
    lr: IntVector


class Route(Enum):
    """A port of a router."""

    NORTH = "NORTH"
    SOUTH = "SOUTH"
    EAST = "EAST"
    WEST = "WEST"
    RAMP = "RAMP"


class Edge(Enum):
    """A side of a code region."""

    TOP = "TOP"
    BOTTOM = "BOTTOM"
    LEFT = "LEFT"
    RIGHT = "RIGHT"


@dataclass(eq=False)
class Color:
    """A colour by name; its number is chosen when the layout is compiled."""

    name: str
    value: int | None = None


class RoutingPosition:
    """Inputs and outputs of one switch position of a colour."""

    def __init__(self) -> None:
        self.inputs: tuple[Route, ...] = ()
        self.outputs: tuple[Route, ...] = ()

    def set_input(self, routes: Iterable[Route]) -> RoutingPosition:
        """Take wavelets from these ports."""
        self.inputs = tuple(routes)
        return self

    def set_output(self, routes: Iterable[Route]) -> RoutingPosition:
        """Copy wavelets to these ports."""
        self.outputs = tuple(routes)
        return self


@dataclass(frozen=True)
class EdgeRouting:
    """Routes that replace a region's own along one edge."""

    edge: Edge
    positions: tuple[RoutingPosition, ...]


def get_edge_routing(edge: Edge, positions: Sequence[RoutingPosition]) -> EdgeRouting:
    """Routes for the PEs along `edge`."""
    return EdgeRouting(edge, tuple(positions))


class SdkLayout:
    """Programs laid out from Python: code regions, ports and connections.

    Raises:
        UnsupportedError: always, for now.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        raise UnsupportedError(
            "SdkLayout: laying out programs from Python",
            hint="write the layout as a layout.csl and compile it with cslc",
        )
