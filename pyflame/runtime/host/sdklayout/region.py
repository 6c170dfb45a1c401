"""Code regions: rectangles of PEs with one CSL file, their params, routes, contents and ports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pyflame.errors import DTypeError, LayoutError, ShapeError
from pyflame.runtime.host.checks import integer, pair, rectangle, text
from pyflame.runtime.host.sdklayout.geometry import Edge, IntRectangle, IntVector
from pyflame.runtime.host.sdklayout.routing import (
    Color,
    EdgeRouteInfo,
    Position,
    RoutingPosition,
    read_positions,
)

SYMBOL_TYPES = ("int16", "uint16", "int32", "uint32", "float32")
"""Element types of `set_symbol_all`."""
PARAM_LIMIT = 1 << 32
"""First unsigned integer that a parameter cannot be."""


@dataclass(eq=False)
class PortHandle:
    """An edge of a region at which a colour enters (`incoming`) or leaves."""

    region: CodeRegion
    color: Color
    edge: Edge
    incoming: bool
    size: int
    name: str

    @property
    def places(self) -> list[IntVector]:
        """The region's PEs along the edge, relative to the region."""
        return self.region.along(self.edge)

    @property
    def kind(self) -> str:
        """The direction in words."""
        return "input" if self.incoming else "output"


@dataclass(eq=False)
class CodeRegion:
    """A rectangle of PEs that run one CSL file; made by `SdkLayout.create_code_region`."""

    source: str
    name: str
    width: int
    height: int
    at: IntVector | None = None
    params: dict[IntVector, dict[str, int | Color]] = field(default_factory=dict)
    painted: dict[tuple[IntVector, str], tuple[Position, ...]] = field(default_factory=dict)
    """Switch positions by place and the colour's global name."""
    colors: dict[str, Color] = field(default_factory=dict)
    """Every colour the region uses, by global name."""
    symbols: dict[str, np.ndarray] = field(default_factory=dict)
    """Initial contents of variables, ``[height, width, elements]``."""
    ports: list[PortHandle] = field(default_factory=list)

    def every(self) -> list[IntVector]:
        """All places of the region, row by row."""
        return [IntVector(x, y) for y in range(self.height) for x in range(self.width)]

    def along(self, edge: Edge) -> list[IntVector]:
        """The places along one edge, from the left or the top."""
        last = {Edge.RIGHT: self.width - 1, Edge.BOTTOM: self.height - 1}
        if edge in (Edge.LEFT, Edge.RIGHT):
            return [IntVector(last.get(edge, 0), y) for y in range(self.height)]
        return [IntVector(x, last.get(edge, 0)) for x in range(self.width)]

    def place(self, x: int, y: int) -> None:
        """Put the upper left corner at column `x`, row `y`. The last call counts.

        Raises:
            LayoutError: a coordinate is negative.
        """
        x = integer(f"place of region {self.name!r}: x", x)
        y = integer(f"place of region {self.name!r}: y", y)
        if min(x, y) < 0:
            raise LayoutError(f"region {self.name!r} is placed at ({x}, {y}); expected 0 or more")
        self.at = IntVector(x, y)

    def color(self, name: str, value: int | None = None) -> Color:
        """A colour of this region's own."""
        return Color(name, value, region=self.name)

    # Parameters

    def set_param_all(self, name: str | Color, value: int | Color | None = None) -> None:
        """Give a parameter to every PE; a colour alone goes to the parameter of its name."""
        self._set_params(self.every(), name, value)

    def set_param(
        self, coord: IntVector, name: str | Color, value: int | Color | None = None
    ) -> None:
        """Give a parameter to one PE."""
        self._set_params([self._inside(coord)], name, value)

    def set_param_range(
        self, rect: IntRectangle, name: str | Color, value: int | Color | None = None
    ) -> None:
        """Give a parameter to a rectangle of PEs."""
        self._set_params(self._range(rect), name, value)

    def _set_params(self, places: list[IntVector], name: Any, value: Any) -> None:
        if isinstance(name, Color) and value is None:
            name, value = name.get_local_param_name(), name
        if not isinstance(name, str):
            raise DTypeError(f"set_param: the name is {name!r}; expected a text or one Color")
        if isinstance(value, Color):
            self._use(value)
        elif not isinstance(value, (int, np.integer)) or not 0 <= value < PARAM_LIMIT:
            raise DTypeError(
                f"set_param of {name!r} in region {self.name!r}: the value is {value!r}; expected "
                "an unsigned 32-bit integer or a Color"
            )
        for place in places:
            self.params.setdefault(place, {})[name] = (
                value if isinstance(value, Color) else int(value)
            )

    def set_symbol_all(self, symbol: str, data: np.ndarray, width: int, height: int) -> None:
        """Spread a row-major matrix of `height` rows and `width` columns over the PEs.

        Each PE's block, row by row, is what its variable `symbol` holds at the start.

        Raises:
            DTypeError: the elements have another type than `SYMBOL_TYPES`.
            ShapeError: the matrix has another size, or does not divide by the region.
        """
        what = f"set_symbol_all of {symbol!r} in region {self.name!r}"
        if not isinstance(data, np.ndarray) or data.dtype.name not in SYMBOL_TYPES:
            kind = data.dtype if isinstance(data, np.ndarray) else type(data).__name__
            known = ", ".join(SYMBOL_TYPES)
            raise DTypeError(f"{what}: the data are {kind}; expected an array of one of {known}")
        text(f"{what}: the variable", symbol)
        height, width = integer(f"{what}: height", height), integer(f"{what}: width", width)
        fits = height > 0 < width and data.size == height * width
        if not fits or height % self.height or width % self.width:
            raise ShapeError(
                f"{what}: {data.size} values as {height} × {width} do not spread evenly over "
                f"{self.height} × {self.width} PEs"
            )
        rows, columns = height // self.height, width // self.width
        blocks = np.reshape(data, (self.height, rows, self.width, columns)).transpose(0, 2, 1, 3)
        self.symbols[symbol] = blocks.reshape(self.height, self.width, -1).copy()

    # Routes

    def paint(self, coord: IntVector, color: Color, routes: Sequence[RoutingPosition]) -> None:
        """Set the switch positions of `color` at one PE."""
        self._paint([self._inside(coord)], color, read_positions("paint", routes))

    def paint_range(
        self, rect: IntRectangle, color: Color, routes: Sequence[RoutingPosition]
    ) -> None:
        """Set the switch positions of `color` at a rectangle of PEs."""
        self._paint(self._range(rect), color, read_positions("paint_range", routes))

    def paint_all(
        self,
        color: Color,
        routes: Sequence[RoutingPosition],
        edge_routes: Sequence[EdgeRouteInfo] = (),
    ) -> None:
        """Set the switch positions of `color` at every PE, with others along some edges."""
        self._paint(self.every(), color, read_positions("paint_all", routes))
        for edge in edge_routes:
            self._paint(self.along(edge.edge), color, edge.positions)

    def _paint(
        self, places: list[IntVector], color: Color, positions: tuple[Position, ...]
    ) -> None:
        name = self._use(color)
        for place in places:
            self.painted[place, name] = positions

    # Ports

    def create_input_port(
        self,
        color: Color,
        edge: Edge,
        routes: Sequence[RoutingPosition],
        data_size: int,
        prefix: str = "",
    ) -> PortHandle:
        """Let `color` enter along `edge`; `routes` say where wavelets go from there.

        Where they come from is left open: the connection decides it.
        """
        return self._port(color, edge, routes, data_size, prefix, incoming=True)

    def create_output_port(
        self,
        color: Color,
        edge: Edge,
        routes: Sequence[RoutingPosition],
        data_size: int,
        prefix: str = "",
    ) -> PortHandle:
        """Let `color` leave along `edge`; `routes` say where its wavelets come from.

        Where they go is left open: the connection decides it.
        """
        return self._port(color, edge, routes, data_size, prefix, incoming=False)

    def _port(
        self,
        color: Color,
        edge: Edge,
        routes: Sequence[RoutingPosition],
        size: int,
        prefix: str,
        *,
        incoming: bool,
    ) -> PortHandle:
        if not isinstance(edge, Edge):
            raise DTypeError(f"the edge of a port is {edge!r}; expected an Edge")
        name = f"{prefix}{self.name}_{self._use_name(color)}"
        port = PortHandle(
            self, color, edge, incoming, integer(f"data_size of {name!r}", size), name
        )
        what = f"{port.kind} port {name!r}"
        positions = read_positions(what, routes)
        for position in positions:
            given, left = position.outputs, position.inputs
            if not incoming:
                given, left = left, given
            sides = ("outputs", "inputs") if incoming else ("inputs", "outputs")
            if not given or left:
                raise LayoutError(
                    f"{what}: a position has {len(given)} {sides[0]} and {len(left)} {sides[1]}; "
                    f"expected its {sides[0]} only, the {sides[1]} follow from the connection"
                )
        for other in self.ports:
            self._check_against(port, other)
        self._paint(self.along(edge), color, positions)
        self.ports.append(port)
        return port

    def _check_against(self, port: PortHandle, other: PortHandle) -> None:
        if other.name == port.name:
            raise LayoutError(
                f"region {self.name!r} has two ports {port.name!r}; give one of them a prefix"
            )
        same = other.color.get_global_name() == port.color.get_global_name()
        shared = [place for place in port.places if place in other.places]
        if same and shared:
            raise LayoutError(
                f"ports {other.name!r} and {port.name!r} both route colour "
                f"{port.color.get_global_name()!r} at PE {tuple(shared[0])} of region {self.name!r}"
            )

    # Checks

    def _use(self, color: Any) -> str:
        """The global name of a colour, which the region uses from now on."""
        if not isinstance(color, Color):
            raise DTypeError(f"region {self.name!r}: {color!r} is not a Color")
        name = color.get_global_name()
        known = self.colors.setdefault(name, color)
        if known.get_value() is None:
            self.colors[name] = color
        elif color.get_value() not in (None, known.get_value()):
            raise LayoutError(
                f"colour {name!r} has the values {known.get_value()} and {color.get_value()}"
            )
        return name

    def _use_name(self, color: Color) -> str:
        self._use(color)
        return color.get_local_param_name()

    def _inside(self, place: Any) -> IntVector:
        x, y = pair(f"a place of region {self.name!r}", place)
        if not (0 <= x < self.width and 0 <= y < self.height):
            raise ShapeError(
                f"({x}, {y}) is outside region {self.name!r} of {self.width} × {self.height} PEs"
            )
        return IntVector(x, y)

    def _range(self, rect: IntRectangle) -> list[IntVector]:
        (x0, y0), (x1, y1) = rectangle(f"a rectangle of region {self.name!r}", rect)
        if x0 >= x1 or y0 >= y1:
            raise ShapeError(f"the rectangle from ({x0}, {y0}) up to ({x1}, {y1}) has no PEs")
        return [self._inside(IntVector(x, y)) for y in range(y0, y1) for x in range(x0, x1)]
