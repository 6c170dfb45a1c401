"""Matrix product."""

from __future__ import annotations

from xdsl.dialects.builtin import TensorType, UnitAttr
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def

from pyflame.dialects.pyflame.base import PyFlameOp


@irdl_op_definition
class MatmulOp(PyFlameOp):
    """
    Matrix product of the last two dimensions, [..., M, K] by [..., K, N]; the dimensions before
    them broadcast. `transpose_a` and `transpose_b` say that an operand is stored [..., K, M] or
    [..., N, K].

    f16 and bf16 accumulate in f32 and round once, at the end. The order of summation is not
    defined. Integers wrap.

    ```mlir
    %c = pyflame.matmul %a, %b transpose_b
      : tensor<8x16x32xf32>, tensor<64x32xf32> -> tensor<8x16x64xf32>
    ```
    """

    name = "pyflame.matmul"
    lhs = operand_def(TensorType)
    rhs = operand_def(TensorType)
    transpose_a = opt_prop_def(UnitAttr)
    transpose_b = opt_prop_def(UnitAttr)

    assembly_format = (
        "$lhs `,` $rhs (`transpose_a` $transpose_a^)? (`transpose_b` $transpose_b^)? attr-dict "
        "`:` type($lhs) `,` type($rhs) `->` type($result)"
    )


CONTRACTIONS = (MatmulOp,)
