"""Ops that move elements without computing: reshape, transpose, broadcast, join, cut, pad."""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects.builtin import DenseArrayBase, FloatAttr, IntegerAttr, TensorType, i64
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, traits_def, var_operand_def
from xdsl.traits import Pure

from pyflame.dialects.pyflame.base import PyFlameOp
from pyflame.dialects.pyflame.canonicalization import (
    FoldsIdentityCast,
    FoldsReshapes,
    FoldsTransposes,
)


@irdl_op_definition
class ReshapeOp(PyFlameOp):
    """
    The same elements in row-major order under the result's shape. Flatten, squeeze and
    unsqueeze are reshapes.

    ```mlir
    %y = pyflame.reshape %x : tensor<12xf32> -> tensor<3x4xf32>
    ```
    """

    name = "pyflame.reshape"
    x = operand_def(TensorType)
    traits = traits_def(Pure(), FoldsReshapes())
    RESULT_ARGUMENTS: ClassVar = ("shape",)

    assembly_format = "$x attr-dict `:` type($x) `->` type($result)"


@irdl_op_definition
class TransposeOp(PyFlameOp):
    """
    Reorder dimensions: dimension i of the result is dimension ``permutation[i]`` of the operand.

    ```mlir
    %y = pyflame.transpose %x [1, 0] : tensor<3x4xf32> -> tensor<4x3xf32>
    ```
    """

    name = "pyflame.transpose"
    x = operand_def(TensorType)
    permutation = prop_def(DenseArrayBase.constr(i64))
    traits = traits_def(Pure(), FoldsTransposes())

    assembly_format = "$x $permutation attr-dict `:` type($x) `->` type($result)"


@irdl_op_definition
class BroadcastToOp(PyFlameOp):
    """
    Repeat along new leading dimensions and along dimensions of size 1.

    ```mlir
    %y = pyflame.broadcast_to %x : tensor<1x4xf32> -> tensor<2x3x4xf32>
    ```
    """

    name = "pyflame.broadcast_to"
    x = operand_def(TensorType)
    traits = traits_def(Pure(), FoldsIdentityCast())
    RESULT_ARGUMENTS: ClassVar = ("shape",)

    assembly_format = "$x attr-dict `:` type($x) `->` type($result)"


@irdl_op_definition
class ConcatenateOp(PyFlameOp):
    """
    Operands one after another along `dim`.

    ```mlir
    %y = pyflame.concatenate %a, %b dim 0
      : tensor<3x4xf32>, tensor<5x4xf32> -> tensor<8x4xf32>
    ```
    """

    name = "pyflame.concatenate"
    inputs = var_operand_def(TensorType)
    dim = prop_def(IntegerAttr.constr(i64))

    assembly_format = "$inputs `dim` $dim attr-dict `:` type($inputs) `->` type($result)"


@irdl_op_definition
class SliceOp(PyFlameOp):
    """
    Every `steps`-th element from `starts` up to, not including, `stops`, in each dimension.

    ```mlir
    %y = pyflame.slice %x starts [0, 1] stops [3, 4] steps [1, 2]
      : tensor<3x4xf32> -> tensor<3x2xf32>
    ```
    """

    name = "pyflame.slice"
    x = operand_def(TensorType)
    starts = prop_def(DenseArrayBase.constr(i64))
    stops = prop_def(DenseArrayBase.constr(i64))
    steps = prop_def(DenseArrayBase.constr(i64))

    assembly_format = (
        "$x `starts` $starts `stops` $stops `steps` $steps attr-dict "
        "`:` type($x) `->` type($result)"
    )


@irdl_op_definition
class PadOp(PyFlameOp):
    """
    Add `low` elements of `value` before and `high` after the tensor, in each dimension.

    ```mlir
    %y = pyflame.pad %x low [0, 1] high [0, 2] value 0.0 : f64
      : tensor<3x4xf32> -> tensor<3x7xf32>
    ```
    """

    name = "pyflame.pad"
    x = operand_def(TensorType)
    low = prop_def(DenseArrayBase.constr(i64))
    high = prop_def(DenseArrayBase.constr(i64))
    value = prop_def(FloatAttr | IntegerAttr)

    assembly_format = (
        "$x `low` $low `high` $high `value` $value attr-dict `:` type($x) `->` type($result)"
    )


MOVEMENT = (ReshapeOp, TransposeOp, BroadcastToOp, ConcatenateOp, SliceOp, PadOp)
