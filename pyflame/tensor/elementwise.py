"""Elementwise methods and operators of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, cast

import numpy as np

from pyflame.dtypes import DType
from pyflame.errors import DTypeError
from pyflame.layout import MeshLayout
from pyflame.tensor.arguments import checked_dtype
from pyflame.tensor.core import Operand, TensorCore, meet
from pyflame.tensor.promotion import is_scalar


def _accepts(value: object) -> bool:
    """Whether an operator takes `value`; Python tries the other side if not."""
    return isinstance(value, TensorCore | np.ndarray) or is_scalar(value)


class ElementwiseMethods(TensorCore):
    """Unary and binary functions, operators, comparisons, casts.

    Binary ones broadcast as NumPy does and promote element types as PyTorch does. Functions
    whose results are fractions take integers and booleans as float32.
    """

    __slots__ = ()

    def _floating(self, op: str) -> Self:
        return self._as_floating()._apply(op)

    def _binary(self, op: str, other: Operand) -> Self:
        lhs, rhs = meet(type(self), self, other)
        return lhs._apply(op, rhs)

    # Unary

    def abs(self) -> Self:
        """Absolute value."""
        return self._apply("abs")

    def neg(self) -> Self:
        """Negation."""
        return self._apply("neg")

    def sign(self) -> Self:
        """-1, 0 or 1."""
        return self._apply("sign")

    def relu(self) -> Self:
        """max(x, 0)."""
        return self._apply("relu")

    def exp(self) -> Self:
        """e to the x."""
        return self._floating("exp")

    def expm1(self) -> Self:
        """e to the x, minus 1, exact near 0."""
        return self._floating("expm1")

    def log(self) -> Self:
        """Natural logarithm."""
        return self._floating("log")

    def log1p(self) -> Self:
        """Natural logarithm of 1 + x, exact near 0."""
        return self._floating("log1p")

    def sqrt(self) -> Self:
        """Square root."""
        return self._floating("sqrt")

    def rsqrt(self) -> Self:
        """1 / sqrt(x)."""
        return self._floating("rsqrt")

    def reciprocal(self) -> Self:
        """1 / x."""
        return self._floating("reciprocal")

    def sin(self) -> Self:
        """Sine of x radians."""
        return self._floating("sin")

    def cos(self) -> Self:
        """Cosine of x radians."""
        return self._floating("cos")

    def tan(self) -> Self:
        """Tangent of x radians."""
        return self._floating("tan")

    def tanh(self) -> Self:
        """Hyperbolic tangent."""
        return self._floating("tanh")

    def erf(self) -> Self:
        """Gauss error function."""
        return self._floating("erf")

    def sigmoid(self) -> Self:
        """1 / (1 + exp(-x))."""
        return self._floating("sigmoid")

    def silu(self) -> Self:
        """x * sigmoid(x)."""
        return self._floating("silu")

    def gelu(self, approximate: str = "none") -> Self:
        """x * Φ(x), exactly ("none") or by the tanh approximation ("tanh")."""
        return self._as_floating()._apply("gelu", approximate=approximate)

    def floor(self) -> Self:
        """Largest integer not above x; integers stay as they are."""
        return self._apply("floor") if self.dtype.is_floating else self

    def ceil(self) -> Self:
        """Smallest integer not below x; integers stay as they are."""
        return self._apply("ceil") if self.dtype.is_floating else self

    def round(self) -> Self:
        """Nearest integer, halves to even; integers stay as they are."""
        return self._apply("round") if self.dtype.is_floating else self

    def logical_not(self) -> Self:
        """Negation of a boolean tensor."""
        return self._apply("logical_not")

    def clamp(self, min: float | None = None, max: float | None = None) -> Self:
        """x limited to [min, max]; a bound of None does not apply."""
        if self.dtype.is_floating:
            min, max = (None if bound is None else float(bound) for bound in (min, max))
        for name, bound in (("min", min), ("max", max)):
            if not self.dtype.is_floating and isinstance(bound, float):
                raise DTypeError(
                    f"clamp: {name} {bound!r} is a float, but the element type is {self.dtype.name}"
                )
        return self._apply("clamp", min=min, max=max)

    # Casts

    def to(self, dtype: DType) -> Self:
        """This tensor with element type `dtype`."""
        return self._as(checked_dtype("to", dtype))

    def to_layout(self, layout: MeshLayout) -> Self:
        """The same values, to be placed as `layout` says."""
        return self._apply("cast", dtype=self.dtype, layout=layout)

    # Binary

    def add(self, other: Operand) -> Self:
        """self + other."""
        return self._binary("add", other)

    def subtract(self, other: Operand) -> Self:
        """self - other."""
        return self._binary("subtract", other)

    def multiply(self, other: Operand) -> Self:
        """self * other."""
        return self._binary("multiply", other)

    def divide(self, other: Operand) -> Self:
        """self / other; integers are divided as float32."""
        lhs, rhs = meet(type(self), self, other)
        return lhs._as_floating()._apply("divide", rhs._as_floating())

    def floor_divide(self, other: Operand) -> Self:
        """The largest integer not above self / other."""
        lhs, rhs = meet(type(self), self, other)
        if lhs.dtype.is_floating:
            return lhs._apply("divide", rhs)._apply("floor")
        return lhs._apply("subtract", lhs._apply("remainder", rhs))._apply("divide", rhs)

    def remainder(self, other: Operand) -> Self:
        """Remainder of floor_divide; it has the sign of `other`."""
        return self._binary("remainder", other)

    def pow(self, exponent: Operand) -> Self:
        """self to the power of `exponent`."""
        return self._binary("power", exponent)

    def maximum(self, other: Operand) -> Self:
        """The larger of the two; NaN if either is."""
        return self._binary("maximum", other)

    def minimum(self, other: Operand) -> Self:
        """The smaller of the two; NaN if either is."""
        return self._binary("minimum", other)

    def logical_and(self, other: Operand) -> Self:
        """Both; boolean tensors."""
        return self._binary("logical_and", other)

    def logical_or(self, other: Operand) -> Self:
        """Either; boolean tensors."""
        return self._binary("logical_or", other)

    def logical_xor(self, other: Operand) -> Self:
        """Exactly one; boolean tensors."""
        return self._binary("logical_xor", other)

    def compare(self, other: Operand, direction: str) -> Self:
        """``self direction other`` as booleans; one of eq, ne, lt, le, gt, ge."""
        lhs, rhs = meet(type(self), self, other)
        return lhs._apply("compare", rhs, direction=direction)

    def where(self, on_true: Operand, on_false: Operand) -> Self:
        """`on_true` where this boolean tensor holds, else `on_false`."""
        on_true, on_false = meet(type(self), on_true, on_false)
        return self._apply("select", on_true, on_false)


class Operators(ElementwiseMethods):
    """Python's operators. Those on booleans are `&`, `|`, `^` and `~`."""

    __slots__ = ()

    __hash__ = object.__hash__

    def _infix(self, other: object, op: Callable[[Self, Any], Self]) -> Self:
        """``op(self, other)``, or NotImplemented for an operand that no operator takes."""
        if not _accepts(other):
            return NotImplemented
        return op(self, other)

    def _reflected(self, other: object, op: Callable[[Self, Any], Self]) -> Self:
        """``op(other, self)``, or NotImplemented for an operand that no operator takes."""
        if not _accepts(other):
            return NotImplemented
        lhs, rhs = meet(type(self), cast(Operand, other), self)
        return op(lhs, rhs)

    def __neg__(self) -> Self:
        return self.neg()

    def __pos__(self) -> Self:
        return self

    def __abs__(self) -> Self:
        return self.abs()

    def __invert__(self) -> Self:
        return self.logical_not()

    def __add__(self, other: Operand) -> Self:
        return self._infix(other, type(self).add)

    def __radd__(self, other: Operand) -> Self:
        return self._reflected(other, type(self).add)

    def __sub__(self, other: Operand) -> Self:
        return self._infix(other, type(self).subtract)

    def __rsub__(self, other: Operand) -> Self:
        return self._reflected(other, type(self).subtract)

    def __mul__(self, other: Operand) -> Self:
        return self._infix(other, type(self).multiply)

    def __rmul__(self, other: Operand) -> Self:
        return self._reflected(other, type(self).multiply)

    def __truediv__(self, other: Operand) -> Self:
        return self._infix(other, type(self).divide)

    def __rtruediv__(self, other: Operand) -> Self:
        return self._reflected(other, type(self).divide)

    def __floordiv__(self, other: Operand) -> Self:
        return self._infix(other, type(self).floor_divide)

    def __rfloordiv__(self, other: Operand) -> Self:
        return self._reflected(other, type(self).floor_divide)

    def __mod__(self, other: Operand) -> Self:
        return self._infix(other, type(self).remainder)

    def __rmod__(self, other: Operand) -> Self:
        return self._reflected(other, type(self).remainder)

    def __pow__(self, other: Operand) -> Self:
        return self._infix(other, type(self).pow)

    def __rpow__(self, other: Operand) -> Self:
        return self._reflected(other, type(self).pow)

    def __and__(self, other: Operand) -> Self:
        return self._infix(other, type(self).logical_and)

    def __rand__(self, other: Operand) -> Self:
        return self._reflected(other, type(self).logical_and)

    def __or__(self, other: Operand) -> Self:
        return self._infix(other, type(self).logical_or)

    def __ror__(self, other: Operand) -> Self:
        return self._reflected(other, type(self).logical_or)

    def __xor__(self, other: Operand) -> Self:
        return self._infix(other, type(self).logical_xor)

    def __rxor__(self, other: Operand) -> Self:
        return self._reflected(other, type(self).logical_xor)

    def __eq__(self, other: Operand) -> Self:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._infix(other, lambda lhs, rhs: lhs.compare(rhs, "eq"))

    def __ne__(self, other: Operand) -> Self:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._infix(other, lambda lhs, rhs: lhs.compare(rhs, "ne"))

    def __lt__(self, other: Operand) -> Self:
        return self._infix(other, lambda lhs, rhs: lhs.compare(rhs, "lt"))

    def __le__(self, other: Operand) -> Self:
        return self._infix(other, lambda lhs, rhs: lhs.compare(rhs, "le"))

    def __gt__(self, other: Operand) -> Self:
        return self._infix(other, lambda lhs, rhs: lhs.compare(rhs, "gt"))

    def __ge__(self, other: Operand) -> Self:
        return self._infix(other, lambda lhs, rhs: lhs.compare(rhs, "ge"))
