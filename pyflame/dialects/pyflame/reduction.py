"""Reductions, arg-reductions and the softmax pair."""

from __future__ import annotations

from abc import ABC

from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, TensorType, UnitAttr, i64
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, prop_def

from pyflame.dialects.pyflame.base import PyFlameOp


class ReductionOp(PyFlameOp, ABC):
    """
    Reduce over `dims`; `keepdims` keeps them with size 1. The order of combination is not
    defined.

    ```mlir
    %s = pyflame.sum %x dims [0, 1] keepdims : tensor<3x4xf32> -> tensor<1x1xf32>
    ```
    """

    x = operand_def(TensorType)
    dims = prop_def(DenseArrayBase.constr(i64))
    keepdims = opt_prop_def(UnitAttr)

    assembly_format = (
        "$x `dims` $dims (`keepdims` $keepdims^)? attr-dict `:` type($x) `->` type($result)"
    )


@irdl_op_definition
class SumOp(ReductionOp):
    """Sum; 0 over no elements. f16 and bf16 accumulate in f32 and round once, at the end."""

    name = "pyflame.sum"


@irdl_op_definition
class MeanOp(ReductionOp):
    """Sum over count. f16 and bf16 accumulate and divide in f32 and round once. Composite."""

    name = "pyflame.mean"


@irdl_op_definition
class MaxOp(ReductionOp):
    """Largest element; NaN if any is NaN."""

    name = "pyflame.max"


@irdl_op_definition
class MinOp(ReductionOp):
    """Smallest element; NaN if any is NaN."""

    name = "pyflame.min"


@irdl_op_definition
class ProdOp(ReductionOp):
    """Product; 1 over no elements. f16 and bf16 accumulate in f32 and round once."""

    name = "pyflame.prod"


class ArgReductionOp(PyFlameOp, ABC):
    """
    Index along `dim` of an extreme element, the first of equals; a NaN counts as extreme.

    ```mlir
    %i = pyflame.argmax %x dim 1 : tensor<3x4xf32> -> tensor<3xi64>
    ```
    """

    x = operand_def(TensorType)
    dim = prop_def(IntegerAttr.constr(i64))
    keepdims = opt_prop_def(UnitAttr)

    assembly_format = (
        "$x `dim` $dim (`keepdims` $keepdims^)? attr-dict `:` type($x) `->` type($result)"
    )


@irdl_op_definition
class ArgMaxOp(ArgReductionOp):
    """Index of the largest element."""

    name = "pyflame.argmax"


@irdl_op_definition
class ArgMinOp(ArgReductionOp):
    """Index of the smallest element."""

    name = "pyflame.argmin"


class NormalizationOp(PyFlameOp, ABC):
    """
    Normalise along `dim`. Composite.

    ```mlir
    %p = pyflame.softmax %x dim 1 : tensor<32x10xf32> -> tensor<32x10xf32>
    ```
    """

    x = operand_def(TensorType)
    dim = prop_def(IntegerAttr.constr(i64))

    assembly_format = "$x `dim` $dim attr-dict `:` type($x) `->` type($result)"


@irdl_op_definition
class SoftmaxOp(NormalizationOp):
    """exp(x - max) / sum(exp(x - max)) along `dim`; computed in f32 for f16 and bf16."""

    name = "pyflame.softmax"


@irdl_op_definition
class LogSoftmaxOp(NormalizationOp):
    """(x - max) - log(sum(exp(x - max))) along `dim`; computed in f32 for f16 and bf16."""

    name = "pyflame.log_softmax"


REDUCTIONS = (
    SumOp, MeanOp, MaxOp, MinOp, ProdOp, ArgMaxOp, ArgMinOp, SoftmaxOp, LogSoftmaxOp,
)  # fmt: skip
