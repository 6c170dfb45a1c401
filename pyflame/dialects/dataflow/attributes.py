"""Directions, routes, and what a buffer is for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xdsl.dialects.builtin import ArrayAttr, IntAttr
from xdsl.dialects.utils.enum_attribute import EnumAttribute
from xdsl.ir import Attribute, ParametrizedAttribute, SpacedOpaqueSyntaxAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.str_enum import StrEnum

from pyflame.dialects.mesh.attributes import Axis


class Direction(StrEnum):
    """A port of a router. North is toward row 0, west toward column 0; ramp is the PE's core."""

    NORTH = "north"
    SOUTH = "south"
    EAST = "east"
    WEST = "west"
    RAMP = "ramp"

    @property
    def opposite(self) -> Direction:
        """The port by which the neighbour in this direction sees this router."""
        return _OPPOSITE[self]

    @property
    def axis(self) -> Axis | None:
        """The axis along which this direction leads; None for the ramp."""
        return _AXIS.get(self)

    @property
    def step(self) -> int:
        """Change of position along `axis`: +1, -1, or 0 for the ramp."""
        return _STEP[self]


_OPPOSITE = {
    Direction.NORTH: Direction.SOUTH,
    Direction.SOUTH: Direction.NORTH,
    Direction.EAST: Direction.WEST,
    Direction.WEST: Direction.EAST,
    Direction.RAMP: Direction.RAMP,
}
_AXIS = {
    Direction.NORTH: Axis.ROWS,
    Direction.SOUTH: Axis.ROWS,
    Direction.EAST: Axis.COLS,
    Direction.WEST: Axis.COLS,
}
_STEP = {
    Direction.NORTH: -1,
    Direction.SOUTH: 1,
    Direction.EAST: 1,
    Direction.WEST: -1,
    Direction.RAMP: 0,
}


class Purpose(StrEnum):
    """What a buffer is for: filled by the host, fetched by the host, or neither."""

    INPUT = "input"
    OUTPUT = "output"
    TEMPORARY = "temporary"


@irdl_attr_definition
class PurposeAttr(EnumAttribute[Purpose], SpacedOpaqueSyntaxAttribute):
    """The purpose of a `dataflow.buffer`."""

    name = "dataflow.purpose"


class Vector(StrEnum):
    """The dimension of C over which `dataflow.matmul` runs its vector operation."""

    M = "m"
    N = "n"


@irdl_attr_definition
class VectorAttr(EnumAttribute[Vector], SpacedOpaqueSyntaxAttribute):
    """The vectorised dimension of a `dataflow.matmul`."""

    name = "dataflow.vector"


@irdl_attr_definition
class RouteAttr(ParametrizedAttribute):
    """
    The route of one colour slot of a channel at some positions of its line.

    ```mlir
    #dataflow.route<0, 1 to 7 step 1, [west, ramp] -> [ramp, east]>
    ```

    `slot` is the colour among the channel's colours. Positions are `start`, `start + step`, … below
    `stop`. A wavelet that arrives from any direction of `rx` leaves by all directions of `tx`.
    """

    name = "dataflow.route"

    slot: IntAttr
    start: IntAttr
    stop: IntAttr
    step: IntAttr
    rx: ArrayAttr[Attribute]
    tx: ArrayAttr[Attribute]

    @classmethod
    def get(
        cls,
        slot: int,
        positions: range,
        rx: Iterable[Direction],
        tx: Iterable[Direction],
    ) -> RouteAttr:
        """The route of `slot` at `positions`."""
        return cls(
            IntAttr(slot),
            IntAttr(positions.start),
            IntAttr(positions.stop),
            IntAttr(positions.step),
            _directions(rx),
            _directions(tx),
        )

    @property
    def positions(self) -> range:
        """The positions on the line that have this route."""
        return range(self.start.data, self.stop.data, self.step.data)

    @property
    def rx_values(self) -> tuple[Direction, ...]:
        """Where wavelets may come from."""
        return tuple(d.data for d in self.rx if isinstance(d, DirectionAttr))

    @property
    def tx_values(self) -> tuple[Direction, ...]:
        """Where each wavelet goes."""
        return tuple(d.data for d in self.tx if isinstance(d, DirectionAttr))

    def verify(self) -> None:
        """Positions and directions make sense."""
        if self.slot.data < 0 or self.start.data < 0 or self.step.data < 1:
            raise VerifyException(
                f"route of slot {self.slot.data} at {self.start.data} to {self.stop.data} step "
                f"{self.step.data}: expected slot and start of at least 0, step of at least 1"
            )
        for what, directions in (("rx", self.rx), ("tx", self.tx)):
            if not directions.data or len(set(directions.data)) != len(directions.data):
                raise VerifyException(f"{what} of a route is empty or names a direction twice")

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> list[Attribute]:
        """``<0, 1 to 7 step 1, [west, ramp] -> [ramp, east]>``"""
        with parser.in_angle_brackets():
            slot = parser.parse_integer(allow_boolean=False)
            parser.parse_punctuation(",")
            start = parser.parse_integer(allow_boolean=False)
            parser.parse_keyword("to")
            stop = parser.parse_integer(allow_boolean=False)
            parser.parse_keyword("step")
            step = parser.parse_integer(allow_boolean=False)
            parser.parse_punctuation(",")
            rx = _parse_directions(parser)
            parser.parse_punctuation("->")
            tx = _parse_directions(parser)
        return [*(IntAttr(n) for n in (slot, start, stop, step)), rx, tx]

    def print_parameters(self, printer: Printer) -> None:
        """As `parse_parameters` reads it."""
        with printer.in_angle_brackets():
            printer.print_string(
                f"{self.slot.data}, {self.start.data} to {self.stop.data} step {self.step.data}, "
                f"[{_names(self.rx_values)}] -> [{_names(self.tx_values)}]"
            )


@irdl_attr_definition
class DirectionAttr(EnumAttribute[Direction], SpacedOpaqueSyntaxAttribute):
    """A port of a router."""

    name = "dataflow.direction"


def _directions(directions: Iterable[Direction]) -> ArrayAttr[Attribute]:
    return ArrayAttr(DirectionAttr(d) for d in directions)


def _parse_directions(parser: AttrParser) -> ArrayAttr[Attribute]:
    return _directions(
        parser.parse_comma_separated_list(
            parser.Delimiter.SQUARE, lambda: parser.parse_str_enum(Direction)
        )
    )


def _names(directions: Sequence[Direction]) -> str:
    return ", ".join(d.value for d in directions)
