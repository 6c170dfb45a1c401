"""Types and attributes that xDSL's `csl` dialect lacks: ids, DSRs, routes, switches, options."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import ArrayAttr, IntAttr, StringAttr
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import Attribute, ParametrizedAttribute, SpacedOpaqueSyntaxAttribute, TypeAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.str_enum import StrEnum


class IdKind(StrEnum):
    """CSL's types of machine identifiers, spelled as in CSL."""

    INPUT_QUEUE = "input_queue"
    OUTPUT_QUEUE = "output_queue"
    LOCAL_TASK = "local_task_id"
    DATA_TASK = "data_task_id"
    CONTROL_TASK = "control_task_id"
    MICROTHREAD = "ut_id"


class DsrFile(StrEnum):
    """Register files that hold DSDs; CSL calls their types ``dsr_dest``, ``dsr_src0`` …"""

    DEST = "dest"
    SRC0 = "src0"
    SRC1 = "src1"


class Port(StrEnum):
    """A router's five ports; north is toward smaller y, ramp leads to the core."""

    NORTH = "north"
    SOUTH = "south"
    EAST = "east"
    WEST = "west"
    RAMP = "ramp"


@irdl_attr_definition
class IdType(EnumAttribute[IdKind], TypeAttribute, SpacedOpaqueSyntaxAttribute):
    """A queue, task or microthread id: ``!csl_ext<id input_queue>``."""

    name = "csl_ext.id"


@irdl_attr_definition
class DsrType(EnumAttribute[DsrFile], TypeAttribute, SpacedOpaqueSyntaxAttribute):
    """A data structure register: ``!csl_ext<dsr src1>``."""

    name = "csl_ext.dsr"


@irdl_attr_definition
class FifoType(ParametrizedAttribute, TypeAttribute):
    """A FIFO in memory, usable where a DSD is: ``!csl_ext.fifo``."""

    name = "csl_ext.fifo"


def _ports(names: Sequence[str | Port]) -> ArrayAttr[StringAttr]:
    return ArrayAttr([StringAttr(Port(name).value) for name in names])


@irdl_attr_definition
class RouteAttr(ParametrizedAttribute):
    """Where a colour's wavelets come from and go to at one router.

    ``#csl_ext.route<rx [west, ramp], tx [east, ramp]>``
    """

    name = "csl_ext.route"

    rx: ArrayAttr[StringAttr]
    tx: ArrayAttr[StringAttr]

    @staticmethod
    def of(rx: Sequence[str | Port], tx: Sequence[str | Port]) -> RouteAttr:
        """The route from ports `rx` to ports `tx`."""
        return RouteAttr(_ports(rx), _ports(tx))

    def verify(self) -> None:
        for side, ports in (("rx", self.rx), ("tx", self.tx)):
            names = [port.data for port in ports]
            known = [port.value for port in Port]
            if not names or len(set(names)) != len(names) or not set(names) <= set(known):
                raise VerifyException(
                    f"route: {side} is {names}, expected one or more distinct ports of {known}"
                )

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            parser.parse_keyword("rx")
            rx = _parse_ports(parser)
            parser.parse_punctuation(",")
            parser.parse_keyword("tx")
            return [rx, _parse_ports(parser)]

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string("rx ")
            _print_ports(printer, self.rx)
            printer.print_string(", tx ")
            _print_ports(printer, self.tx)


def _parse_ports(parser: AttrParser) -> ArrayAttr[StringAttr]:
    names = parser.parse_comma_separated_list(
        parser.Delimiter.SQUARE, lambda: StringAttr(parser.parse_identifier("a port"))
    )
    return ArrayAttr(names)


def _print_ports(printer: Printer, ports: ArrayAttr[StringAttr]) -> None:
    printer.print_string("[" + ", ".join(port.data for port in ports) + "]")


POP_MODES = ("no_pop", "always_pop", "pop_on_advance", "pop_on_advance_nop")
"""When a control wavelet's first command leaves the forwarded copy."""


@irdl_attr_definition
class SwitchAttr(ParametrizedAttribute):
    """Further positions of a route, which control wavelets advance through.

    A position overrides one side of the route, rx or tx, with one port; the other is inherited.

    ``#csl_ext.switch<[tx west, rx east], start 0, ring 1, pop always_pop>``
    """

    name = "csl_ext.switch"

    sides: ArrayAttr[StringAttr]
    ports: ArrayAttr[StringAttr]
    start: IntAttr
    ring: IntAttr
    pop: StringAttr

    @staticmethod
    def of(
        positions: Sequence[tuple[str, str | Port]],
        start: int = 0,
        ring: bool = False,
        pop: str = "no_pop",
    ) -> SwitchAttr:
        """Positions 1, 2, 3 as (side, port), such as ``("tx", "west")``."""
        return SwitchAttr(
            ArrayAttr([StringAttr(side) for side, _ in positions]),
            _ports([port for _, port in positions]),
            IntAttr(start),
            IntAttr(int(ring)),
            StringAttr(pop),
        )

    @property
    def positions(self) -> list[tuple[str, str]]:
        """Positions 1, 2, 3 as (side, port)."""
        return [(s.data, p.data) for s, p in zip(self.sides, self.ports, strict=True)]

    def verify(self) -> None:
        if len(self.sides) != len(self.ports) or not 1 <= len(self.sides) <= 3:
            raise VerifyException(f"switch: {len(self.sides)} positions, expected 1 to 3")
        for side, port in self.positions:
            if side not in ("rx", "tx") or port not in [p.value for p in Port]:
                raise VerifyException(f"switch: position '{side} {port}' is not rx or tx of a port")
        if not 0 <= self.start.data <= len(self.sides):
            raise VerifyException(
                f"switch: starts at position {self.start.data} of 0 to {len(self.sides)}"
            )
        if self.ring.data not in (0, 1):
            raise VerifyException(f"switch: ring is {self.ring.data}, expected 0 or 1")
        if self.pop.data not in POP_MODES:
            raise VerifyException(f"switch: pop is '{self.pop.data}', expected one of {POP_MODES}")

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            pairs = parser.parse_comma_separated_list(
                parser.Delimiter.SQUARE,
                lambda: (parser.parse_identifier("rx or tx"), parser.parse_identifier("a port")),
            )
            values: list[Attribute] = []
            for key in ("start", "ring"):
                parser.parse_punctuation(",")
                parser.parse_keyword(key)
                values.append(IntAttr(parser.parse_integer(allow_boolean=False)))
            parser.parse_punctuation(",")
            parser.parse_keyword("pop")
            values.append(StringAttr(parser.parse_identifier("a pop mode")))
        sides = ArrayAttr([StringAttr(side) for side, _ in pairs])
        return [sides, ArrayAttr([StringAttr(port) for _, port in pairs]), *values]

    def print_parameters(self, printer: Printer) -> None:
        text = ", ".join(f"{side} {port}" for side, port in self.positions)
        with printer.in_angle_brackets():
            printer.print_string(
                f"[{text}], start {self.start.data}, ring {self.ring.data}, pop {self.pop.data}"
            )
