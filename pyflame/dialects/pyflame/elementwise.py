"""Elementwise ops: unary, binary with NumPy broadcasting, compare, select, clamp, cast."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

from xdsl.dialects.builtin import FloatAttr, IntegerAttr, TensorType
from xdsl.dialects.utils.enum_attribute import EnumAttribute
from xdsl.ir import SpacedOpaqueSyntaxAttribute
from xdsl.irdl import (
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.str_enum import StrEnum

from pyflame.dialects.pyflame.base import ElementwiseOp
from pyflame.dialects.pyflame.canonicalization import (
    FoldsIdempotent,
    FoldsIdentityCast,
    FoldsInvolution,
)


class Direction(StrEnum):
    """Which comparison: ``lhs direction rhs``. A NaN on either side makes all but ne false."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"


@irdl_attr_definition
class DirectionAttr(EnumAttribute[Direction], SpacedOpaqueSyntaxAttribute):
    """The direction of a `pyflame.compare`."""

    name = "pyflame.direction"


class GeluForm(StrEnum):
    """How gelu is computed: by erf, or by the tanh approximation."""

    NONE = "none"
    TANH = "tanh"


@irdl_attr_definition
class GeluFormAttr(EnumAttribute[GeluForm], SpacedOpaqueSyntaxAttribute):
    """The form of a `pyflame.gelu`."""

    name = "pyflame.gelu_form"


class UnaryOp(ElementwiseOp, ABC):
    """
    One operand; the result has its shape and element type.

    ```mlir
    %y = pyflame.exp %x : tensor<4xf32> -> tensor<4xf32>
    ```
    """

    x = operand_def(TensorType)

    assembly_format = "$x attr-dict `:` type($x) `->` type($result)"


@irdl_op_definition
class NegOp(UnaryOp):
    """-x."""

    name = "pyflame.neg"
    traits = traits_def(Pure(), FoldsInvolution())


@irdl_op_definition
class AbsOp(UnaryOp):
    """|x|."""

    name = "pyflame.abs"
    traits = traits_def(Pure(), FoldsIdempotent())


@irdl_op_definition
class SignOp(UnaryOp):
    """-1, 0 or 1; NaN stays NaN."""

    name = "pyflame.sign"
    traits = traits_def(Pure(), FoldsIdempotent())


@irdl_op_definition
class ReluOp(UnaryOp):
    """max(x, 0); NaN stays NaN."""

    name = "pyflame.relu"
    traits = traits_def(Pure(), FoldsIdempotent())


@irdl_op_definition
class ExpOp(UnaryOp):
    """e to the x."""

    name = "pyflame.exp"


@irdl_op_definition
class Expm1Op(UnaryOp):
    """e to the x, minus 1, exact near 0."""

    name = "pyflame.expm1"


@irdl_op_definition
class LogOp(UnaryOp):
    """Natural logarithm; NaN below 0, -inf at 0."""

    name = "pyflame.log"


@irdl_op_definition
class Log1pOp(UnaryOp):
    """Natural logarithm of 1 + x, exact near 0."""

    name = "pyflame.log1p"


@irdl_op_definition
class SqrtOp(UnaryOp):
    """Square root; NaN below 0."""

    name = "pyflame.sqrt"


@irdl_op_definition
class RsqrtOp(UnaryOp):
    """1 / sqrt(x)."""

    name = "pyflame.rsqrt"


@irdl_op_definition
class ReciprocalOp(UnaryOp):
    """1 / x."""

    name = "pyflame.reciprocal"


@irdl_op_definition
class SinOp(UnaryOp):
    """Sine of x radians."""

    name = "pyflame.sin"


@irdl_op_definition
class CosOp(UnaryOp):
    """Cosine of x radians."""

    name = "pyflame.cos"


@irdl_op_definition
class TanOp(UnaryOp):
    """Tangent of x radians."""

    name = "pyflame.tan"


@irdl_op_definition
class TanhOp(UnaryOp):
    """Hyperbolic tangent."""

    name = "pyflame.tanh"


@irdl_op_definition
class ErfOp(UnaryOp):
    """Gauss error function, correct to the last place or two of the element type."""

    name = "pyflame.erf"


@irdl_op_definition
class SigmoidOp(UnaryOp):
    """1 / (1 + exp(-x)), without overflow for any x."""

    name = "pyflame.sigmoid"


@irdl_op_definition
class SiluOp(UnaryOp):
    """x * sigmoid(x)."""

    name = "pyflame.silu"


@irdl_op_definition
class GeluOp(UnaryOp):
    """
    x * Φ(x), with Φ the normal distribution function (`none`), or its approximation
    x/2 * (1 + tanh(sqrt(2/π) * (x + 0.044715 x³))) (`tanh`). Composite.

    ```mlir
    %y = pyflame.gelu %x approximate tanh : tensor<4xf32> -> tensor<4xf32>
    ```
    """

    name = "pyflame.gelu"
    approximate = prop_def(GeluFormAttr, default_value=GeluFormAttr(GeluForm.NONE))

    assembly_format = "$x (`approximate` $approximate^)? attr-dict `:` type($x) `->` type($result)"


@irdl_op_definition
class FloorOp(UnaryOp):
    """Largest integer not above x."""

    name = "pyflame.floor"
    traits = traits_def(Pure(), FoldsIdempotent())


@irdl_op_definition
class CeilOp(UnaryOp):
    """Smallest integer not below x."""

    name = "pyflame.ceil"
    traits = traits_def(Pure(), FoldsIdempotent())


@irdl_op_definition
class RoundOp(UnaryOp):
    """Nearest integer, halves to even."""

    name = "pyflame.round"
    traits = traits_def(Pure(), FoldsIdempotent())


@irdl_op_definition
class LogicalNotOp(UnaryOp):
    """Negation of booleans."""

    name = "pyflame.logical_not"
    traits = traits_def(Pure(), FoldsInvolution())


class BinaryOp(ElementwiseOp, ABC):
    """
    Two operands of one element type, whose shapes broadcast as NumPy's do.

    ```mlir
    %z = pyflame.add %x, %y : tensor<3x4xf32>, tensor<4xf32> -> tensor<3x4xf32>
    ```
    """

    lhs = operand_def(TensorType)
    rhs = operand_def(TensorType)

    assembly_format = "$lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs) `->` type($result)"


@irdl_op_definition
class AddOp(BinaryOp):
    """lhs + rhs; integers wrap."""

    name = "pyflame.add"


@irdl_op_definition
class SubtractOp(BinaryOp):
    """lhs - rhs; integers wrap."""

    name = "pyflame.subtract"


@irdl_op_definition
class MultiplyOp(BinaryOp):
    """lhs * rhs; integers wrap."""

    name = "pyflame.multiply"


@irdl_op_definition
class DivideOp(BinaryOp):
    """lhs / rhs; integers round towards zero, and division of an integer by 0 is an error."""

    name = "pyflame.divide"


@irdl_op_definition
class RemainderOp(BinaryOp):
    """Remainder with the divisor's sign, as Python's and NumPy's ``%``."""

    name = "pyflame.remainder"


@irdl_op_definition
class PowerOp(BinaryOp):
    """lhs to the rhs; NaN for a negative base with a fractional exponent."""

    name = "pyflame.power"


@irdl_op_definition
class MaximumOp(BinaryOp):
    """The larger one; NaN if either is NaN."""

    name = "pyflame.maximum"


@irdl_op_definition
class MinimumOp(BinaryOp):
    """The smaller one; NaN if either is NaN."""

    name = "pyflame.minimum"


@irdl_op_definition
class LogicalAndOp(BinaryOp):
    """Both; booleans."""

    name = "pyflame.logical_and"


@irdl_op_definition
class LogicalOrOp(BinaryOp):
    """Either; booleans."""

    name = "pyflame.logical_or"


@irdl_op_definition
class LogicalXorOp(BinaryOp):
    """Exactly one; booleans."""

    name = "pyflame.logical_xor"


@irdl_op_definition
class CompareOp(ElementwiseOp):
    """
    Elementwise comparison with broadcasting; the result is boolean.

    ```mlir
    %z = pyflame.compare lt, %x, %y : tensor<4xf32>, tensor<f32> -> tensor<4xi1>
    ```
    """

    name = "pyflame.compare"
    direction = prop_def(DirectionAttr)
    lhs = operand_def(TensorType)
    rhs = operand_def(TensorType)

    assembly_format = (
        "$direction `,` $lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs) `->` type($result)"
    )


@irdl_op_definition
class SelectOp(ElementwiseOp):
    """
    `on_true` where `condition` holds, else `on_false`; all three broadcast.

    ```mlir
    %z = pyflame.select %c, %x, %y
      : tensor<4xi1>, tensor<4xf32>, tensor<f32> -> tensor<4xf32>
    ```
    """

    name = "pyflame.select"
    condition = operand_def(TensorType)
    on_true = operand_def(TensorType)
    on_false = operand_def(TensorType)

    assembly_format = (
        "$condition `,` $on_true `,` $on_false attr-dict "
        "`:` type($condition) `,` type($on_true) `,` type($on_false) `->` type($result)"
    )


@irdl_op_definition
class ClampOp(ElementwiseOp):
    """
    min(max(x, `min`), `max`); a bound that is left out does not apply. NaN stays NaN.

    ```mlir
    %y = pyflame.clamp %x min 0.0 : f64 max 6.0 : f64 : tensor<4xf32> -> tensor<4xf32>
    ```
    """

    name = "pyflame.clamp"
    x = operand_def(TensorType)
    min = opt_prop_def(FloatAttr | IntegerAttr)
    max = opt_prop_def(FloatAttr | IntegerAttr)

    assembly_format = "$x (`min` $min^)? (`max` $max^)? attr-dict `:` type($x) `->` type($result)"


@irdl_op_definition
class CastOp(ElementwiseOp):
    """
    Another element type. Floats round to nearest even; a float becomes an integer by
    truncation (NaN and values out of range have no defined result); bool is ``x != 0``.

    ```mlir
    %y = pyflame.cast %x : tensor<4xf32> -> tensor<4xf16>
    ```
    """

    name = "pyflame.cast"
    x = operand_def(TensorType)
    traits = traits_def(Pure(), FoldsIdentityCast())
    RESULT_ARGUMENTS: ClassVar = ("dtype",)

    assembly_format = "$x attr-dict `:` type($x) `->` type($result)"


ELEMENTWISE = (
    NegOp, AbsOp, SignOp, ReluOp, ExpOp, Expm1Op, LogOp, Log1pOp, SqrtOp, RsqrtOp, ReciprocalOp,
    SinOp, CosOp, TanOp, TanhOp, ErfOp, SigmoidOp, SiluOp, GeluOp, FloorOp, CeilOp, RoundOp,
    LogicalNotOp, AddOp, SubtractOp, MultiplyOp, DivideOp, RemainderOp, PowerOp, MaximumOp,
    MinimumOp, LogicalAndOp, LogicalOrOp, LogicalXorOp, CompareOp, SelectOp, ClampOp, CastOp,
)  # fmt: skip
