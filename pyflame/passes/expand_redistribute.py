"""Turn changes of layout into collectives."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from pyflame.dialects.mesh.attributes import Axis, Split, layout_of
from pyflame.dialects.mesh.movement import AllGatherOp, AllSliceOp, RedistributeOp


@dataclass(frozen=True)
class ExpandRedistributePass(ModulePass):
    """Expand `mesh.redistribute` into `mesh.all_slice` and `mesh.all_gather`. Slices, which move
    nothing, come as early as an axis is free, so that gathers move as little as they can."""

    name = "mesh-expand-redistribute"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Expand in place."""
        for found in [found for found in op.walk() if isinstance(found, RedistributeOp)]:
            _expand(found)


def _expand(op: RedistributeOp) -> None:
    value: SSAValue = op.x
    wanted = layout_of(op.result).split
    while (now := layout_of(value).split) != wanted:
        step = _next_step(value, now, wanted)
        step.location = op.location
        Rewriter.insert_op(step, InsertPoint.before(op))
        value = step.result
    Rewriter.replace_op(op, [], [value])


def _next_step(value: SSAValue, now: Split, wanted: Split) -> AllSliceOp | AllGatherOp:
    """A slice if an axis that shall cut a whole dimension is free, else a gather."""
    for dim, (has, wants) in enumerate(zip(now, wanted, strict=True)):
        if has is None and wants is not None and wants not in now:
            return AllSliceOp(value, dim, Axis.of(wants))
    dim = next(d for d, axis in enumerate(now) if axis is not None and axis != wanted[d])
    axis = now[dim]
    assert axis is not None
    return AllGatherOp(value, dim, Axis.of(axis))
