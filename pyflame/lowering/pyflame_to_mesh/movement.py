"""Reshape and transpose: both local, because layouts follow them."""

from __future__ import annotations

from xdsl.ir import SSAValue

from pyflame.dialects.mesh.local import ReshapeOp
from pyflame.dialects.pyflame import movement as ops
from pyflame.dialects.pyflame.base import PyFlameOp
from pyflame.lowering.pyflame_to_mesh.emit import Emit, Row


def lower_transpose(emit: Emit, op: ops.TransposeOp) -> SSAValue:
    """A transposed read."""
    permutation = [int(d) for d in op.permutation.get_values()]
    map = tuple(permutation.index(d) for d in range(len(permutation)))
    return emit.compute([op.x], [map], op.result.type, lambda body, x: x[0])


def lower_reshape(emit: Emit, op: ops.ReshapeOp) -> SSAValue:
    """Every PE reshapes its tile; the layout keeps changed dimensions whole."""
    return emit.value(ReshapeOp(op.x, op.result.type))


ROWS: dict[type[PyFlameOp], Row] = {
    ops.TransposeOp: lower_transpose,
    ops.ReshapeOp: lower_reshape,
}
