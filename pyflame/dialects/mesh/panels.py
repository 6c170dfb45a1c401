"""Loops over panels of a summed dimension."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Self

from xdsl.dialects.builtin import (
    DenseArrayBase,
    IndexType,
    IntegerAttr,
    StringAttr,
    TensorType,
    i64,
)
from xdsl.dialects.utils import parse_assignment, print_assignment
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.irdl import (
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    region_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.parser import Parser, UnresolvedOperand
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from pyflame.dialects.mesh.base import MeshOp
from pyflame.dialects.mesh.local import YieldOp


def panels(extent: int, tiles: Sequence[int], largest: int) -> Iterator[tuple[int, int]]:
    """(start, length) of the panels of [0, extent).

    A panel is as long as can be without leaving one tile of any tiling in `tiles` and without
    exceeding `largest`.
    """
    start = 0
    while start < extent:
        ends = (start + tile - start % tile for tile in tiles)
        stop = min(extent, start + largest, *ends)
        yield start, stop - start
        start = stop


@irdl_op_definition
class ForPanelsOp(MeshOp):
    """
    Walk [0, `extent`) in panels, in order.

    ```mlir
    %c = mesh.for_panels (%k0, %len) over 256 tiles [32, 64] panel 16
        iter_args(%acc = %zero) -> (tensor<64x96xf32, #mesh.layout<8x4, [rows, cols]>>) {
      %ap = mesh.broadcast %a at (%k0, %len) dim 1 along cols : …
      %bp = mesh.broadcast %b at (%k0, %len) dim 0 along rows : …
      %n = mesh.matmul %acc, %ap, %bp over %len : …
      mesh.yield %n : …
    }
    ```

    A panel [%k0, %k0 + %len) is maximal among the intervals that stay inside one tile of every
    tiling in `tiles` (multiples of that size) and have at most `panel` elements; see `panels`. So
    its elements have one owner along every axis that cuts the dimension. `algorithm` names how
    the loop is carried out; a pass chooses it, or the user.
    """

    name = "mesh.for_panels"
    init = var_operand_def(TensorType)
    extent = prop_def(IntegerAttr.constr(i64))
    tiles = prop_def(DenseArrayBase.constr(i64))
    panel = prop_def(IntegerAttr.constr(i64))
    algorithm = opt_prop_def(StringAttr)
    body = region_def("single_block")
    res = var_result_def(TensorType)
    traits = traits_def(Pure())

    def __init__(
        self,
        extent: int,
        tiles: Sequence[int],
        panel: int,
        init: Sequence[SSAValue | Operation],
        body: Region | Block,
        algorithm: str | None = None,
    ) -> None:
        super().__init__(
            operands=[init],
            properties={
                "extent": IntegerAttr(extent, i64),
                "tiles": DenseArrayBase.from_list(i64, list(tiles)),
                "panel": IntegerAttr(panel, i64),
                "algorithm": StringAttr(algorithm) if algorithm is not None else None,
            },
            regions=[Region(body) if isinstance(body, Block) else body],
            result_types=[[SSAValue.get(value).type for value in init]],
        )

    @property
    def tile_values(self) -> tuple[int, ...]:
        """The tile sizes whose boundaries no panel crosses."""
        return tuple(int(t) for t in self.tiles.get_values())

    def panels(self) -> Iterator[tuple[int, int]]:
        """(start, length) of every step."""
        return panels(self.extent.value.data, self.tile_values, self.panel.value.data)

    def verify_mesh(self) -> None:
        """Sizes are positive; block arguments, yields and results have the initial types."""
        extent, panel = self.extent.value.data, self.panel.value.data
        if extent < 0 or min((panel, *self.tile_values)) < 1:
            raise VerifyException(
                f"walks {extent} elements by tiles {list(self.tile_values)} and panels of {panel}, "
                "expected sizes of at least 1"
            )
        types = [value.type for value in self.init]
        block = self.body.block
        _expect_types(
            "body takes", [arg.type for arg in block.args], [IndexType(), IndexType(), *types]
        )
        if not isinstance(block.last_op, YieldOp):
            raise VerifyException("body must end with mesh.yield")
        _expect_types("body yields", block.last_op.arguments.types, types)
        _expect_types("results are", self.res.types, types)

    def print(self, printer: Printer) -> None:
        """As `parse` reads it."""
        start, length, *carried = self.body.block.args
        printer.print_string(" (")
        printer.print_ssa_value(start)
        printer.print_string(", ")
        printer.print_ssa_value(length)
        printer.print_string(
            f") over {self.extent.value.data} tiles {list(self.tile_values)} "
            f"panel {self.panel.value.data} "
        )
        if self.algorithm is not None:
            printer.print_string("algorithm ")
            printer.print_string_literal(self.algorithm.data)
            printer.print_string(" ")
        printer.print_string("iter_args(")
        printer.print_list(
            zip(carried, self.init, strict=True), lambda pair: print_assignment(printer, *pair)
        )
        printer.print_string(") -> (")
        printer.print_list(self.res.types, printer.print_attribute)
        printer.print_string(") ")
        printer.print_region(self.body, print_entry_block_args=False)
        printer.print_op_attributes(self.attributes)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Read the form shown in the class docstring."""
        parser.parse_punctuation("(")
        start = parser.parse_argument(expect_type=False).resolve(IndexType())
        parser.parse_punctuation(",")
        length = parser.parse_argument(expect_type=False).resolve(IndexType())
        parser.parse_punctuation(")")
        parser.parse_keyword("over")
        extent = parser.parse_integer(allow_boolean=False)
        parser.parse_keyword("tiles")
        tiles = parser.parse_comma_separated_list(
            parser.Delimiter.SQUARE, lambda: parser.parse_integer(allow_boolean=False)
        )
        parser.parse_keyword("panel")
        panel = parser.parse_integer(allow_boolean=False)
        algorithm = None
        if parser.parse_optional_keyword("algorithm"):
            algorithm = parser.parse_str_literal()
        carried, init = _parse_iter_args(parser)
        body = parser.parse_region((start, length, *carried))
        op = cls(extent, tiles, panel, init, body, algorithm)
        op.attributes |= parser.parse_optional_attr_dict()
        return op


def _parse_iter_args(parser: Parser) -> tuple[list[Parser.Argument], Sequence[SSAValue]]:
    """``iter_args(%acc = %zero, …) -> (type, …)``: block arguments and initial values."""
    parser.parse_keyword("iter_args")
    at = parser.pos
    pairs: list[tuple[Parser.UnresolvedArgument, UnresolvedOperand]] = (
        parser.parse_comma_separated_list(parser.Delimiter.PAREN, lambda: parse_assignment(parser))
    )
    parser.parse_punctuation("->")
    types = parser.parse_comma_separated_list(parser.Delimiter.PAREN, parser.parse_type)
    init = parser.resolve_operands([operand for _, operand in pairs], types, at)
    carried = [arg.resolve(type) for (arg, _), type in zip(pairs, types, strict=True)]
    return carried, init


def _expect_types(what: str, found: Sequence[Attribute], expected: Sequence[Attribute]) -> None:
    if list(found) != list(expected):
        raise VerifyException(
            f"{what} ({', '.join(map(str, found))}), expected ({', '.join(map(str, expected))})"
        )


PANELS = (ForPanelsOp,)
