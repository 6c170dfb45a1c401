"""Scalar mathematics: `math` ops as members of CSL's `<math>`, or built from those."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import log as ln
from typing import TYPE_CHECKING

from xdsl.dialects import arith, csl, math
from xdsl.dialects.builtin import AnyFloat, FloatAttr
from xdsl.ir import Operation, SSAValue

from pyflame.errors import Gap, UnsupportedError

if TYPE_CHECKING:
    from pyflame.lowering.dataflow_to_csl.context import PeContext

MEMBERS: Mapping[type[Operation], str] = {
    math.AbsFOp: "abs",
    math.CeilOp: "ceil",
    math.CosOp: "cos",
    math.ExpOp: "exp",
    math.FloorOp: "floor",
    math.LogOp: "log",
    math.PowFOp: "pow",
    math.RsqrtOp: "invsqrt",
    math.SinOp: "sin",
    math.SqrtOp: "sqrt",
    math.TanhOp: "tanh",
}
"""Ops that `<math>` has a function for, by its name without the type's suffix."""


class Scalars:
    """Writes float arithmetic on scalars of one type."""

    def __init__(self, ctx: PeContext, type: AnyFloat) -> None:
        self.ctx, self.type = ctx, type

    def number(self, value: float) -> SSAValue:
        """A constant."""
        return self.ctx.constant(FloatAttr(value, self.type))

    def mul(self, a: SSAValue, b: SSAValue | float) -> SSAValue:
        """a * b"""
        return self.ctx.add(arith.MulfOp(a, self._value(b))).result

    def div(self, a: SSAValue | float, b: SSAValue) -> SSAValue:
        """a / b"""
        return self.ctx.add(arith.DivfOp(self._value(a), b)).result

    def call(self, name: str, *args: SSAValue) -> SSAValue:
        """A function of `<math>`."""
        return call_math(self.ctx, name, self.type, args)

    def _value(self, value: SSAValue | float) -> SSAValue:
        return value if isinstance(value, SSAValue) else self.number(value)


def call_math(ctx: PeContext, name: str, type: AnyFloat, args: tuple[SSAValue, ...]) -> SSAValue:
    """``math.name_type(args…)``"""
    op = csl.MemberCallOp(f"{name}_{type.name}", type, ctx.module("<math>"), args)
    result = ctx.add(op, name).result
    assert result is not None
    return result


def _scaled_exp(scale: float) -> Callable[[Scalars, SSAValue], SSAValue]:
    return lambda s, x: s.call("exp", s.mul(x, scale))


def _scaled_log(scale: float) -> Callable[[Scalars, SSAValue], SSAValue]:
    return lambda s, x: s.mul(s.call("log", x), scale)


def _tan(s: Scalars, x: SSAValue) -> SSAValue:
    return s.div(s.call("sin", x), s.call("cos", x))


EXPANSIONS: Mapping[type[Operation], Callable[[Scalars, SSAValue], SSAValue]] = {
    math.Exp2Op: _scaled_exp(ln(2)),
    math.Log2Op: _scaled_log(1 / ln(2)),
    math.Log10Op: _scaled_log(1 / ln(10)),
    math.TanOp: _tan,
}
"""Ops built from functions of `<math>`."""


def lower_math(ctx: PeContext, op: Operation, operands: tuple[SSAValue, ...]) -> SSAValue:
    """The value of a `math` op.

    Raises:
        UnsupportedError: CSL has no function for it.
    """
    type = op.results[0].type
    if isinstance(type, AnyFloat):
        if member := MEMBERS.get(op.__class__):
            return call_math(ctx, member, type, operands)
        if expand := EXPANSIONS.get(op.__class__):
            return expand(Scalars(ctx, type), operands[0])
    raise UnsupportedError(Gap(f"op '{op.name}' on {type} in CSL", why="<math> does not have it"))
