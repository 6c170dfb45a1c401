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

    def add(self, a: SSAValue, b: SSAValue | float) -> SSAValue:
        """a + b"""
        return self.ctx.add(arith.AddfOp(a, self._value(b))).result

    def sub(self, a: SSAValue | float, b: SSAValue) -> SSAValue:
        """a - b"""
        return self.ctx.add(arith.SubfOp(self._value(a), b)).result

    def negative(self, a: SSAValue) -> SSAValue:
        """-a"""
        return self.ctx.add(arith.NegfOp(a)).result

    def mul(self, a: SSAValue, b: SSAValue | float) -> SSAValue:
        """a * b"""
        return self.ctx.add(arith.MulfOp(a, self._value(b))).result

    def div(self, a: SSAValue | float, b: SSAValue) -> SSAValue:
        """a / b"""
        return self.ctx.add(arith.DivfOp(self._value(a), b)).result

    def less(self, a: SSAValue, b: float) -> SSAValue:
        """a < b"""
        return self.ctx.add(arith.CmpfOp(a, self.number(b), "olt")).result

    def select(self, condition: SSAValue, a: SSAValue, b: SSAValue) -> SSAValue:
        """a if condition else b"""
        return self.ctx.add(arith.SelectOp(condition, a, b)).result

    def call(self, name: str, *args: SSAValue) -> SSAValue:
        """A function of `<math>`."""
        return call_math(self.ctx, name, self.type, args)

    def polynomial(self, x: SSAValue, coefficients: tuple[float, ...]) -> SSAValue:
        """Σ coefficients[i] * x**i by Horner's rule."""
        result = self.number(coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            result = self.add(self.mul(result, x), coefficient)
        return result

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


# Chebyshev fit of erfc(x) / (t exp(-x²)) in t = 1 / (1 + |x| / 2), from its series in exp;
# relative error below 1.2e-7 everywhere (Press et al., Numerical Recipes, erfcc).
_ERFC = (
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806,
    0.27886807, -1.13520398, 1.48851587, -0.82215223, 0.17087277,
)  # fmt: skip
# Taylor series of erf(x) / x in x², enough for |x| < 0.5 in f32.
_ERF_SMALL = (1.1283791671, -0.3761263890, 0.1128379167, -0.0268661706, 0.0052239776, -0.0008548327)


def _erf(s: Scalars, x: SSAValue) -> SSAValue:
    """1 - erfc(|x|) with the sign of x; a series near 0, where that would cancel."""
    size = s.call("abs", x)
    t = s.div(1.0, s.add(s.mul(size, 0.5), 1.0))
    square = s.mul(x, x)
    exponent = s.sub(s.polynomial(t, _ERFC), square)
    far = s.sub(1.0, s.mul(t, s.call("exp", exponent)))
    signed = s.select(s.less(x, 0.0), s.negative(far), far)
    near = s.mul(x, s.polynomial(square, _ERF_SMALL))
    return s.select(s.less(size, 0.5), near, signed)


EXPANSIONS: Mapping[type[Operation], Callable[[Scalars, SSAValue], SSAValue]] = {
    math.Exp2Op: _scaled_exp(ln(2)),
    math.Log2Op: _scaled_log(1 / ln(2)),
    math.Log10Op: _scaled_log(1 / ln(10)),
    math.TanOp: _tan,
    math.ErfOp: _erf,
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
