"""Ops without tensor data: constants, ranges, random numbers."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    FloatAttr,
    IntegerAttr,
    TensorType,
    i64,
)
from xdsl.ir import Attribute
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, prop_def, traits_def
from xdsl.traits import ConstantLike, Pure
from xdsl.utils.exceptions import VerifyException

from pyflame.dialects.pyflame.base import PyFlameOp


@irdl_op_definition
class ConstantOp(PyFlameOp):
    """
    A small tensor written out. Weights do not belong here: they are function arguments, so that
    printing a model does not print its weights.

    ```mlir
    %c = pyflame.constant dense<[1.0, 2.0]> : tensor<2xf32> -> tensor<2xf32>
    ```
    """

    name = "pyflame.constant"
    value = prop_def(DenseIntOrFPElementsAttr)
    traits = traits_def(Pure(), ConstantLike())
    RESULT_ARGUMENTS: ClassVar = ("shape", "dtype")

    assembly_format = "$value attr-dict `->` type($result)"

    def __init__(
        self, value: DenseIntOrFPElementsAttr, result_type: TensorType[Attribute] | None = None
    ) -> None:
        if result_type is None:
            result_type = TensorType(value.get_element_type(), value.get_shape())
        IRDLOperation.__init__(self, properties={"value": value}, result_types=[result_type])

    def verify_(self) -> None:
        """Check that value and result have one type, encoding aside."""
        super().verify_()
        value, result = self.value.type, self.result.type
        if (value.get_shape(), value.get_element_type()) != (
            result.get_shape(),
            result.get_element_type(),
        ):
            raise VerifyException(f"constant: result is {result}, but the value is {value}")


@irdl_op_definition
class FullOp(PyFlameOp):
    """
    Every element is `value`.

    ```mlir
    %z = pyflame.full 0.0 : f64 -> tensor<3x4xf32>
    ```
    """

    name = "pyflame.full"
    value = prop_def(FloatAttr | IntegerAttr)
    traits = traits_def(Pure(), ConstantLike())
    RESULT_ARGUMENTS: ClassVar = ("shape", "dtype")

    assembly_format = "$value attr-dict `->` type($result)"


@irdl_op_definition
class ArangeOp(PyFlameOp):
    """
    start, start + step, start + 2*step …, computed in f64 or i64 and rounded once.

    ```mlir
    %r = pyflame.arange start 0 : i64 step 2 : i64 -> tensor<5xf32>
    ```
    """

    name = "pyflame.arange"
    start = prop_def(FloatAttr | IntegerAttr)
    step = prop_def(FloatAttr | IntegerAttr)
    RESULT_ARGUMENTS: ClassVar = ("shape", "dtype")

    assembly_format = "`start` $start `step` $step attr-dict `->` type($result)"


class RandomOp(PyFlameOp, ABC):
    """
    Random numbers from Philox 4x32-10: a pure function of `state`, two int64 numbers (seed,
    stream), and of each element's row-major index. The same state gives the same numbers on
    every device and for every layout.
    """

    state = operand_def(TensorType)
    RESULT_ARGUMENTS: ClassVar = ("shape", "dtype")


@irdl_op_definition
class RngUniformOp(RandomOp):
    """
    Uniform in [low, high).

    ```mlir
    %u = pyflame.rng_uniform %state low 0.0 : f64 high 1.0 : f64
      : tensor<2xi64> -> tensor<3x4xf32>
    ```
    """

    name = "pyflame.rng_uniform"
    low = prop_def(FloatAttr | IntegerAttr)
    high = prop_def(FloatAttr | IntegerAttr)

    assembly_format = "$state `low` $low `high` $high attr-dict `:` type($state) `->` type($result)"


@irdl_op_definition
class RngNormalOp(RandomOp):
    """
    Normally distributed, by the Box-Muller transform.

    ```mlir
    %n = pyflame.rng_normal %state mean 0.0 : f64 std 1.0 : f64
      : tensor<2xi64> -> tensor<3x4xf32>
    ```
    """

    name = "pyflame.rng_normal"
    mean = prop_def(FloatAttr | IntegerAttr)
    std = prop_def(FloatAttr | IntegerAttr)

    assembly_format = "$state `mean` $mean `std` $std attr-dict `:` type($state) `->` type($result)"


@irdl_op_definition
class RngRandintOp(RandomOp):
    """
    Integers in [low, high), uniform to within 2^-64 * (high - low).

    ```mlir
    %n = pyflame.rng_randint %state low 0 high 10 : tensor<2xi64> -> tensor<32xi32>
    ```
    """

    name = "pyflame.rng_randint"
    low = prop_def(IntegerAttr.constr(i64))
    high = prop_def(IntegerAttr.constr(i64))

    assembly_format = "$state `low` $low `high` $high attr-dict `:` type($state) `->` type($result)"


CREATION = (ConstantOp, FullOp, ArangeOp, RngUniformOp, RngNormalOp, RngRandintOp)
