"""What differs from PE to PE: values that the layout evaluates for every place.

They are constants of each PE's program, so that branches on them cost nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from xdsl.dialects.builtin import IndexType, IntegerAttr, i1, i64
from xdsl.irdl import IRDLOperation, irdl_op_definition, prop_def, result_def, traits_def
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from pyflame.dialects.mesh.attributes import Axis, AxisAttr


class RoleOp(IRDLOperation, ABC):
    """A value that depends on the PE's position along `axis` alone."""

    axis = prop_def(AxisAttr)
    traits = traits_def(Pure())

    @abstractmethod
    def value_at(self, position: int, extent: int) -> int:
        """The value at `position` of a line of `extent` PEs (0 or 1 for a truth value)."""


class IndexRoleOp(RoleOp, ABC):
    """A role that is a number."""

    result = result_def(IndexType())

    assembly_format = "$axis attr-dict"

    def __init__(self, axis: Axis) -> None:
        super().__init__(properties={"axis": AxisAttr(axis)}, result_types=[IndexType()])


class TruthRoleOp(RoleOp, ABC):
    """A role that is true or false."""

    result = result_def(i1)

    assembly_format = "$axis attr-dict"

    def __init__(self, axis: Axis) -> None:
        super().__init__(properties={"axis": AxisAttr(axis)}, result_types=[i1])


@irdl_op_definition
class CoordOp(IndexRoleOp):
    """The PE's position: its column along cols, its row along rows.

    ```mlir
    %x = dataflow.coord cols
    ```
    """

    name = "dataflow.coord"

    def value_at(self, position: int, extent: int) -> int:
        """The position itself."""
        return position


@irdl_op_definition
class ParityOp(IndexRoleOp):
    """The PE's position modulo 2.

    ```mlir
    %p = dataflow.parity cols
    ```
    """

    name = "dataflow.parity"

    def value_at(self, position: int, extent: int) -> int:
        """0 at even positions, 1 at odd ones."""
        return position % 2


@irdl_op_definition
class FirstOp(TruthRoleOp):
    """Whether the PE stands at position 0.

    ```mlir
    %f = dataflow.first cols
    ```
    """

    name = "dataflow.first"

    def value_at(self, position: int, extent: int) -> int:
        """1 at position 0."""
        return int(position == 0)


@irdl_op_definition
class LastOp(TruthRoleOp):
    """Whether the PE stands at the last position.

    ```mlir
    %l = dataflow.last cols
    ```
    """

    name = "dataflow.last"

    def value_at(self, position: int, extent: int) -> int:
        """1 at the last position."""
        return int(position == extent - 1)


@irdl_op_definition
class ValidOp(RoleOp):
    """How much of the PE's tile is real: ``min(tile, max(0, total - position * tile))``.

    ```mlir
    %n = dataflow.valid cols tile 32 of 250
    ```
    """

    name = "dataflow.valid"
    tile = prop_def(IntegerAttr.constr(i64))
    total = prop_def(IntegerAttr.constr(i64))
    result = result_def(IndexType())

    assembly_format = "$axis `tile` $tile `of` $total attr-dict"

    def __init__(self, axis: Axis, tile: int, total: int) -> None:
        super().__init__(
            properties={
                "axis": AxisAttr(axis),
                "tile": IntegerAttr(tile, i64),
                "total": IntegerAttr(total, i64),
            },
            result_types=[IndexType()],
        )

    def value_at(self, position: int, extent: int) -> int:
        """Valid elements of the tile at `position`."""
        tile = self.tile.value.data
        return min(tile, max(0, self.total.value.data - position * tile))

    def verify_(self) -> None:
        """A tile has at least one element."""
        if self.tile.value.data < 1 or self.total.value.data < 0:
            raise VerifyException(
                f"tile {self.tile.value.data} of {self.total.value.data}, expected a tile of at "
                "least 1 and a total of at least 0"
            )


ROLES: tuple[type[RoleOp], ...] = (CoordOp, ParityOp, FirstOp, LastOp, ValidOp)
