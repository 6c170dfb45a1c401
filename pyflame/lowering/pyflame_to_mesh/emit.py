"""Building mesh ops in the place of a tensor op."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    AnyFloat,
    Float16Type,
    Float32Type,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    TensorType,
)
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from pyflame.dialects.mesh.attributes import (
    LayoutAttr,
    distributed,
    element_of,
    layout_of,
    shape_of,
)
from pyflame.dialects.mesh.local import ComputeOp, Map, YieldOp


@dataclass(frozen=True)
class Options:
    """What the user may force.

    `panel` bounds the elements of the summed dimension that a matmul works on at a time (0: a
    tile); `algorithm` names how matmuls move their operands.
    """

    panel: int = 0
    algorithm: str = "summa"


class Body:
    """A scalar body as it grows."""

    def __init__(self) -> None:
        self.block = Block()

    def add(self, op: Operation) -> SSAValue:
        """Append `op`; its result."""
        self.block.add_op(op)
        return op.results[0]

    def constant(self, value: float, type: Attribute) -> SSAValue:
        """`value` as `type`: rounded to f32 or f16, or a truth value."""
        if isinstance(type, IntegerType):
            return self.add(arith.ConstantOp(IntegerAttr(int(bool(value)), type)))
        return self.add(arith.ConstantOp(_float(value, type)))


def _float(value: float, type: Attribute) -> FloatAttr[AnyFloat]:
    """`value` as an attribute, rounded as a tensor's elements are."""
    if isinstance(type, Float16Type):
        with np.errstate(over="ignore"):
            return FloatAttr(float(np.float16(value)), type)
    assert isinstance(type, Float32Type)
    with np.errstate(over="ignore"):
        return FloatAttr(float(np.float32(value)), type)


Scalar = Callable[[Body, Sequence[SSAValue]], SSAValue]
"""Builds the value of one result element from one element of every operand."""


class Emit:
    """Inserts ops before the op that they replace, in order, at its location."""

    def __init__(self, replaced: Operation, options: Options) -> None:
        self.replaced = replaced
        self.options = options

    def add(self, op: Operation) -> Operation:
        """Insert `op`."""
        op.location = self.replaced.location
        Rewriter.insert_op(op, InsertPoint.before(self.replaced))
        return op

    def value(self, op: Operation) -> SSAValue:
        """Insert `op`; its result."""
        return self.add(op).results[0]

    def compute(
        self,
        ins: Sequence[SSAValue],
        maps: Sequence[Map],
        result: TensorType[Attribute],
        scalar: Scalar,
    ) -> SSAValue:
        """A `mesh.compute` whose body `scalar` builds."""
        body = Body()
        arguments = [
            body.block.insert_arg(element_of(value), index) for index, value in enumerate(ins)
        ]
        body.block.add_op(YieldOp(scalar(body, arguments)))
        return self.value(ComputeOp(ins, maps, body.block, result))

    def fill(self, value: float, result: TensorType[Attribute]) -> SSAValue:
        """Every element is `value`."""
        return self.compute([], [], result, lambda b, _: b.constant(value, result.element_type))

    def truncated(self, value: SSAValue, element: Attribute) -> SSAValue:
        """`value` rounded from f32 to `element`, if that is f16."""
        if element_of(value) == element:
            return value
        layout: LayoutAttr = layout_of(value)
        result = distributed(element, shape_of(value), layout)
        identity = tuple(range(len(shape_of(value))))
        return self.compute(
            [value], [identity], result, lambda b, x: b.add(arith.TruncFOp(x[0], element))
        )


Row = Callable[..., SSAValue]
"""``row(emit, op)``: emit what `op` means; the value that replaces its result."""
