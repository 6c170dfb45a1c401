"""What each elementwise op of the `pyflame` dialect is on one element.

f16 is added, subtracted, multiplied, compared and negated as f16. Everything else computes in f32
and rounds once, as the reference does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from xdsl.dialects import arith, math
from xdsl.dialects.builtin import Float16Type, Float32Type, IntegerType, f32
from xdsl.ir import Attribute, Operation, SSAValue

from pyflame.dialects.mesh.attributes import element_of
from pyflame.dialects.pyflame import elementwise as ops
from pyflame.dialects.pyflame.base import PyFlameOp
from pyflame.lowering.pyflame_to_mesh.emit import Body

ScalarRow = Callable[[Any, Body, Sequence[SSAValue]], SSAValue]
"""``row(op, body, elements)``: the result's element."""

_Make = Callable[..., Operation]

BOOL = IntegerType(1)


def _direct(make: _Make) -> ScalarRow:
    """One scalar op in the operands' own type."""

    def row(op: PyFlameOp, body: Body, x: Sequence[SSAValue]) -> SSAValue:
        return body.add(make(*x))

    return row


def _wide(make: _Make) -> ScalarRow:
    """One scalar op in f32."""

    def row(op: PyFlameOp, body: Body, x: Sequence[SSAValue]) -> SSAValue:
        wide = [convert(body, value, f32) for value in x]
        return convert(body, body.add(make(*wide)), element_of(op.result))

    return row


def convert(body: Body, value: SSAValue, type: Attribute) -> SSAValue:
    """`value` as `type`: between f16, f32 and (as 0 and 1) i1."""
    match value.type, type:
        case (a, b) if a == b:
            return value
        case Float16Type(), Float32Type():
            return body.add(arith.ExtFOp(value, f32))
        case Float32Type(), Float16Type():
            return body.add(arith.TruncFOp(value, Float16Type()))
        case IntegerType(), Float16Type() | Float32Type():
            return body.add(arith.UIToFPOp(value, type))
        case Float16Type() | Float32Type(), IntegerType():
            zero = body.constant(0.0, value.type)
            return body.add(arith.CmpfOp(value, zero, "une"))
    raise AssertionError(f"no conversion from {value.type} to {type}")


def _cast(op: ops.CastOp, body: Body, x: Sequence[SSAValue]) -> SSAValue:
    return convert(body, x[0], element_of(op.result))


def _sign(op: ops.SignOp, body: Body, x: Sequence[SSAValue]) -> SSAValue:
    """x itself where it is neither above nor below 0: 0 and NaN."""
    type = x[0].type
    zero, one, minus = (body.constant(v, type) for v in (0.0, 1.0, -1.0))
    below = body.add(arith.CmpfOp(x[0], zero, "olt"))
    above = body.add(arith.CmpfOp(x[0], zero, "ogt"))
    return body.add(arith.SelectOp(above, one, body.add(arith.SelectOp(below, minus, x[0]))))


def _not(op: ops.LogicalNotOp, body: Body, x: Sequence[SSAValue]) -> SSAValue:
    return body.add(arith.XOrIOp(x[0], body.constant(1, BOOL)))


_PREDICATES = {"eq": "oeq", "ne": "une", "lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge"}


def _compare(op: ops.CompareOp, body: Body, x: Sequence[SSAValue]) -> SSAValue:
    return body.add(arith.CmpfOp(x[0], x[1], _PREDICATES[op.direction.data.value]))


SCALARS: dict[type[PyFlameOp], ScalarRow] = {
    ops.NegOp: _direct(arith.NegfOp),
    ops.AbsOp: _direct(math.AbsFOp),
    ops.SignOp: _sign,
    ops.ExpOp: _wide(math.ExpOp),
    ops.Expm1Op: _wide(math.ExpM1Op),
    ops.LogOp: _wide(math.LogOp),
    ops.Log1pOp: _wide(math.Log1pOp),
    ops.SqrtOp: _wide(math.SqrtOp),
    ops.SinOp: _wide(math.SinOp),
    ops.CosOp: _wide(math.CosOp),
    ops.TanOp: _wide(math.TanOp),
    ops.TanhOp: _wide(math.TanhOp),
    ops.ErfOp: _wide(math.ErfOp),
    ops.FloorOp: _wide(math.FloorOp),
    ops.CeilOp: _wide(math.CeilOp),
    ops.RoundOp: _wide(math.RoundEvenOp),
    ops.LogicalNotOp: _not,
    ops.AddOp: _direct(arith.AddfOp),
    ops.SubtractOp: _direct(arith.SubfOp),
    ops.MultiplyOp: _direct(arith.MulfOp),
    ops.DivideOp: _wide(arith.DivfOp),
    ops.PowerOp: _wide(math.PowFOp),
    ops.MaximumOp: _direct(arith.MaximumfOp),
    ops.MinimumOp: _direct(arith.MinimumfOp),
    ops.LogicalAndOp: _direct(arith.AndIOp),
    ops.LogicalOrOp: _direct(arith.OrIOp),
    ops.LogicalXorOp: _direct(arith.XOrIOp),
    ops.CompareOp: _compare,
    ops.SelectOp: _direct(arith.SelectOp),
    ops.CastOp: _cast,
}
"""Op class to its scalar body. Composite ops have none: `pyflame-decompose` expands them."""
