"""Ops on tasks at run time and at compile time, and on routers in a layout."""

from __future__ import annotations

from xdsl.dialects.builtin import IntegerType
from xdsl.dialects.csl import ColorType, LayoutOp
from xdsl.ir import Operation, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    traits_def,
)
from xdsl.traits import HasAncestor
from xdsl.utils.exceptions import VerifyException

from pyflame.dialects.csl.types import IdKind, IdType, RouteAttr, SwitchAttr


@irdl_op_definition
class ActivateOp(IRDLOperation):
    """Set a local task's active flag: ``csl_ext.activate %id``."""

    name = "csl_ext.activate"

    id = operand_def(IdType(IdKind.LOCAL_TASK))

    assembly_format = "$id attr-dict"

    def __init__(self, id: SSAValue | Operation) -> None:
        super().__init__(operands=[id])


@irdl_op_definition
class BlockOp(IRDLOperation):
    """Keep a task, colour or queue from starting anything: ``csl_ext.block %id : type``."""

    name = "csl_ext.block"

    id = operand_def()

    assembly_format = "$id attr-dict `:` type($id)"

    def __init__(self, id: SSAValue | Operation) -> None:
        super().__init__(operands=[id])

    def verify_(self) -> None:
        if not isinstance(self.id.type, IdType | ColorType):
            raise VerifyException(f"{self.name} takes an id or colour, got {self.id.type}")


@irdl_op_definition
class UnblockOp(IRDLOperation):
    """The opposite of `csl_ext.block`: ``csl_ext.unblock %id : type``."""

    name = "csl_ext.unblock"

    id = operand_def()

    assembly_format = "$id attr-dict `:` type($id)"

    def __init__(self, id: SSAValue | Operation) -> None:
        super().__init__(operands=[id])

    def verify_(self) -> None:
        if not isinstance(self.id.type, IdType | ColorType):
            raise VerifyException(f"{self.name} takes an id or colour, got {self.id.type}")


@irdl_op_definition
class SetColorConfigOp(IRDLOperation):
    """Set the route (and switch positions) of a colour at PE (x, y), in a layout.

    ``csl_ext.set_color_config %x, %y, %c route <rx [ramp], tx [east]> : i16``
    """

    name = "csl_ext.set_color_config"

    x = operand_def(IntegerType)
    y = operand_def(IntegerType)
    color = operand_def(ColorType)
    route = prop_def(RouteAttr)
    switch = opt_prop_def(SwitchAttr)

    traits = traits_def(HasAncestor(LayoutOp))

    assembly_format = (
        "$x `,` $y `,` $color `route` $route (`switch` $switch^)? attr-dict "
        "`:` type($x) `,` type($y)"
    )

    def __init__(
        self,
        x: SSAValue | Operation,
        y: SSAValue | Operation,
        color: SSAValue | Operation,
        route: RouteAttr,
        switch: SwitchAttr | None = None,
    ) -> None:
        super().__init__(operands=[x, y, color], properties={"route": route, "switch": switch})


@irdl_op_definition
class SetLocalColorConfigOp(IRDLOperation):
    """Set the route of a colour at this PE, in a comptime block of its program.

    ``csl_ext.set_local_color_config %c route <rx [west], tx [ramp]>``
    """

    name = "csl_ext.set_local_color_config"

    color = operand_def(ColorType)
    route = prop_def(RouteAttr)
    switch = opt_prop_def(SwitchAttr)

    assembly_format = "$color `route` $route (`switch` $switch^)? attr-dict"

    def __init__(
        self, color: SSAValue | Operation, route: RouteAttr, switch: SwitchAttr | None = None
    ) -> None:
        super().__init__(operands=[color], properties={"route": route, "switch": switch})


TASKS = (ActivateOp, BlockOp, UnblockOp, SetColorConfigOp, SetLocalColorConfigOp)
"""Every op of this file."""
