"""Let matrix products read transposed operands."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from pyflame.dialects.pyflame.contraction import MatmulOp
from pyflame.dialects.pyflame.movement import TransposeOp


@dataclass(frozen=True)
class FoldTransposesPass(ModulePass):
    """Turn a transpose of the last two dimensions before a matmul into its `transpose_a` or
    `transpose_b`."""

    name = "pyflame-fold-transposes"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Fold in place; transposes that nothing else uses are erased."""
        for matmul in [found for found in op.walk() if isinstance(found, MatmulOp)]:
            _fold(matmul)


def _fold(op: MatmulOp) -> None:
    lhs, flip_a = _read(op.lhs)
    rhs, flip_b = _read(op.rhs)
    if not (flip_a or flip_b):
        return
    skipped = [value.owner for value, flip in ((op.lhs, flip_a), (op.rhs, flip_b)) if flip]
    folded = MatmulOp(
        lhs,
        rhs,
        transpose_a=(op.transpose_a is not None) != flip_a,
        transpose_b=(op.transpose_b is not None) != flip_b,
        result_type=op.result.type,
    )
    folded.location = op.location
    Rewriter.replace_op(op, folded)
    for producer in dict.fromkeys(skipped):
        if isinstance(producer, Operation) and not producer.results[0].first_use:
            Rewriter.erase_op(producer)


def _read(value: SSAValue) -> tuple[SSAValue, bool]:
    """What `value` is a transposition of in its last two dimensions, or `value` itself."""
    producer = value.owner
    if not isinstance(producer, TransposeOp):
        return value, False
    permutation = [int(d) for d in producer.permutation.get_values()]
    rank = len(permutation)
    if permutation != [*range(rank - 2), rank - 1, rank - 2]:
        return value, False
    return producer.x, True
