"""The SdkLayout way of building programs in Python: what a script says, recorded.

A layout is code regions, each a rectangle of PEs with one CSL file, colours painted on their
routers, ports on their edges, and connections between ports. `SdkLayout.compile` turns it into a
layout.csl (`layout_compile`), so that it goes through the same compiler as every other program.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pyflame.errors import LayoutError, ShapeError, UnsupportedError
from pyflame.runtime.host.platform import SdkCompileArtifacts, SdkExecutionPlatform


class IntVector(NamedTuple):
    """A place or a size: column and row."""

    x: int
    y: int


class IntRectangle(NamedTuple):
    """PEs from the upper left corner up to, not including, the lower right one."""

    ul: IntVector
    lr: IntVector


class Route(Enum):
    """A port of a router; the value is the step to the neighbour, (columns, rows)."""

    NORTH = (0, -1)
    SOUTH = (0, 1)
    EAST = (1, 0)
    WEST = (-1, 0)
    RAMP = (0, 0)

    @property
    def opposite(self) -> Route:
        """The neighbour's port at the other end of the link."""
        return Route((-self.value[0], -self.value[1]))


class Edge(Enum):
    """A side of a code region; the value is the router port that leads out of it."""

    TOP = Route.NORTH
    BOTTOM = Route.SOUTH
    LEFT = Route.WEST
    RIGHT = Route.EAST


@dataclass(eq=False)
class Color:
    """A colour by name; its number is chosen when the layout is compiled, unless it is given."""

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


class SwitchPosition(NamedTuple):
    """One switch position with its ports filled in: masks as tuples."""

    inputs: tuple[Route, ...]
    outputs: tuple[Route, ...]


@dataclass(eq=False)
class Port:
    """An edge of a region at which a colour enters (`incoming`) or leaves."""

    region: CodeRegion
    color: Color
    edge: Edge
    incoming: bool
    size: int
    name: str

    def places(self) -> list[IntVector]:
        """The region's PEs along the edge, relative to the region."""
        return self.region.along(self.edge)


@dataclass(eq=False)
class CodeRegion:
    """A rectangle of PEs that run one CSL file."""

    file: str
    name: str
    width: int
    height: int
    at: IntVector | None = None
    params: dict[IntVector, dict[str, Any]] = field(default_factory=dict)
    painted: dict[tuple[IntVector, Color], tuple[SwitchPosition, ...]] = field(default_factory=dict)
    symbols: dict[str, np.ndarray] = field(default_factory=dict)
    """Initial contents of variables, ``[height, width, elements]``."""

    def every(self) -> list[IntVector]:
        """All places of the region, row by row."""
        return [IntVector(x, y) for y in range(self.height) for x in range(self.width)]

    def along(self, edge: Edge) -> list[IntVector]:
        """The places along one edge."""
        last = {Edge.RIGHT: self.width - 1, Edge.BOTTOM: self.height - 1}
        if edge in (Edge.LEFT, Edge.RIGHT):
            return [IntVector(last.get(edge, 0), y) for y in range(self.height)]
        return [IntVector(x, last.get(edge, 0)) for x in range(self.width)]

    def place(self, x: int, y: int) -> None:
        """Put the upper left corner at column `x`, row `y`."""
        self.at = IntVector(x, y)

    def color(self, name: str) -> Color:
        """A colour of this region's own."""
        return Color(name)

    # Parameters

    def set_param_all(self, name: str | Color, value: Any = None) -> None:
        """Give a parameter to every PE; a colour alone goes to the parameter of its name."""
        self._set_params(self.every(), name, value)

    def set_param(self, place: IntVector, name: str | Color, value: Any = None) -> None:
        """Give a parameter to one PE."""
        self._set_params([self._inside(place)], name, value)

    def set_param_range(self, pes: IntRectangle, name: str | Color, value: Any = None) -> None:
        """Give a parameter to a rectangle of PEs."""
        self._set_params(self._range(pes), name, value)

    def _set_params(self, places: list[IntVector], name: str | Color, value: Any) -> None:
        if isinstance(name, Color):
            name, value = name.name, name
        for place in places:
            self.params.setdefault(place, {})[name] = value

    def set_symbol_all(self, name: str, values: np.ndarray, columns: int, rows: int) -> None:
        """Spread the row-major matrix `values` of `rows` × `columns` over the variable `name`.

        Raises:
            ShapeError: it has another size, or does not divide by the region.
        """
        if values.size != rows * columns or rows % self.height or columns % self.width:
            raise ShapeError(
                f"set_symbol_all of {name!r}: {values.size} values as {rows} × {columns} do not "
                f"spread evenly over {self.height} × {self.width} PEs"
            )
        blocks = np.reshape(values, (self.height, rows // self.height, self.width, -1))
        self.symbols[name] = blocks.transpose(0, 2, 1, 3).reshape(self.height, self.width, -1)

    # Routes

    def paint(self, place: IntVector, color: Color, positions: Sequence[RoutingPosition]) -> None:
        """Set the routes of `color` at one PE."""
        self._paint([self._inside(place)], color, positions)

    def paint_range(
        self, pes: IntRectangle, color: Color, positions: Sequence[RoutingPosition]
    ) -> None:
        """Set the routes of `color` at a rectangle of PEs."""
        self._paint(self._range(pes), color, positions)

    def paint_all(
        self,
        color: Color,
        positions: Sequence[RoutingPosition],
        edges: Sequence[EdgeRouting] = (),
    ) -> None:
        """Set the routes of `color` at every PE, with others along some edges."""
        self._paint(self.every(), color, positions)
        for edge in edges:
            self._paint(self.along(edge.edge), color, edge.positions)

    def _paint(
        self, places: list[IntVector], color: Color, positions: Sequence[RoutingPosition]
    ) -> None:
        self._set_routes(places, color, [SwitchPosition(p.inputs, p.outputs) for p in positions])

    def _set_routes(
        self, places: list[IntVector], color: Color, positions: Sequence[SwitchPosition]
    ) -> None:
        if not positions or any(not p.inputs or not p.outputs for p in positions):
            raise LayoutError(
                f"region {self.name!r}: a position of colour {color.name!r} lacks inputs or outputs"
            )
        for place in places:
            self.painted[place, color] = tuple(positions)

    def create_input_port(
        self,
        color: Color,
        edge: Edge,
        positions: Sequence[RoutingPosition],
        size: int,
        suffix: str = "",
    ) -> Port:
        """Let `color` enter along `edge`; `positions` say where wavelets go from there."""
        paths = [SwitchPosition(p.inputs or (edge.value,), p.outputs) for p in positions]
        self._set_routes(self.along(edge), color, paths)
        return Port(self, color, edge, True, size, f"{self.name}_{color.name}{suffix}")

    def create_output_port(
        self,
        color: Color,
        edge: Edge,
        positions: Sequence[RoutingPosition],
        size: int,
        suffix: str = "",
    ) -> Port:
        """Let `color` leave along `edge`; `positions` say where its wavelets come from."""
        paths = [SwitchPosition(p.inputs, p.outputs or (edge.value,)) for p in positions]
        self._set_routes(self.along(edge), color, paths)
        return Port(self, color, edge, False, size, f"{self.name}_{color.name}{suffix}")

    def _inside(self, place: IntVector) -> IntVector:
        if not (0 <= place[0] < self.width and 0 <= place[1] < self.height):
            raise ShapeError(
                f"({place[0]}, {place[1]}) is outside region {self.name!r} of "
                f"{self.width} × {self.height} PEs"
            )
        return IntVector(*place)

    def _range(self, pes: IntRectangle) -> list[IntVector]:
        (x0, y0), (x1, y1) = pes
        return [self._inside(IntVector(x, y)) for y in range(y0, y1) for x in range(x0, x1)]


class SdkLayout:
    """A program laid out from Python."""

    def __init__(self, platform: SdkExecutionPlatform) -> None:
        self.platform = platform
        self.regions: list[CodeRegion] = []
        self.connections: list[tuple[Port, Port]] = []
        self.inputs: list[Port] = []
        self.outputs: list[Port] = []

    def create_code_region(self, file: str, name: str, width: int, height: int) -> CodeRegion:
        """A region of `width` × `height` PEs that run `file`."""
        if width < 1 or height < 1:
            raise ShapeError(f"region {name!r} has {width} × {height} PEs; expected at least 1 × 1")
        region = CodeRegion(file, name, width, height)
        self.regions.append(region)
        return region

    def connect(self, source: Port, target: Port) -> None:
        """Lead what leaves at `source` to `target`; both have as many PEs.

        Raises:
            LayoutError: the ports have the wrong direction or different sizes.
        """
        if source.incoming or not target.incoming:
            raise LayoutError("connect: expected an output port, then an input port")
        if source.size != target.size or len(source.places()) != len(target.places()):
            raise LayoutError(
                f"connect: {source.name!r} has {source.size} wavelets on {len(source.places())} "
                f"PEs, {target.name!r} {target.size} on {len(target.places())}"
            )
        self.connections.append((source, target))

    def create_input_stream(self, port: Port) -> str:
        """Let the host send to an input port; the result names it for `SdkRuntime.send`."""
        return self._stream(port, True, self.inputs)

    def create_output_stream(self, port: Port) -> str:
        """Let the host receive from an output port; for `SdkRuntime.receive`."""
        return self._stream(port, False, self.outputs)

    def _stream(self, port: Port, incoming: bool, streams: list[Port]) -> str:
        if port.incoming is not incoming:
            kinds = ("output", "input")
            raise LayoutError(f"a stream of {kinds[incoming]}s needs a port of {kinds[incoming]}s")
        if len(port.places()) != 1:
            raise UnsupportedError(
                f"a host stream on {port.name!r}, which has {len(port.places())} PEs",
                hint="lead it through a region with one PE at that edge",
            )
        streams.append(port)
        return port.name

    def compile(self, out_prefix: str = "out") -> SdkCompileArtifacts:
        """Route, choose colours, and compile into the directory `out_prefix`."""
        from pyflame.runtime.host.layout_compile import compile_layout

        compile_layout(self, Path(out_prefix))
        return SdkCompileArtifacts(out_prefix)
