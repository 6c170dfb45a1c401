"""Reductions: each PE its own tile, then the PEs of every axis that cut what is reduced."""

from __future__ import annotations

from xdsl.dialects import arith
from xdsl.ir import SSAValue

from pyflame.dialects.mesh.attributes import Axis, Kind, element_of, layout_of
from pyflame.dialects.mesh.local import ComputeOp, LocalReduceOp
from pyflame.dialects.mesh.movement import AllReduceOp
from pyflame.dialects.pyflame import reduction as ops
from pyflame.dialects.pyflame.base import PyFlameOp
from pyflame.lowering.pyflame_to_mesh.emit import Emit, Row

KINDS: dict[type[PyFlameOp], Kind] = {
    ops.SumOp: Kind.SUM,
    ops.ProdOp: Kind.PROD,
    ops.MaxOp: Kind.MAX,
    ops.MinOp: Kind.MIN,
}


def lower_reduction(emit: Emit, op: ops.ReductionOp) -> SSAValue:
    """`local_reduce`, then `all_reduce` along the axes that are partial after it."""
    kind = KINDS[type(op)]
    x = _unwidened(op.x) if kind in (Kind.SUM, Kind.PROD) else op.x
    dims = [int(d) for d in op.dims.get_values()]
    value = emit.value(LocalReduceOp(kind, x, dims, op.keepdims is not None))
    for axis in layout_of(value).partial_axes:
        value = emit.value(AllReduceOp(kind, value, Axis.of(axis)))
    return emit.truncated(value, element_of(op.result))


def _unwidened(value: SSAValue) -> SSAValue:
    """The f16 tensor of which `value` is the f32 copy, if it is one: sums widen by themselves."""
    producer = value.owner
    if not isinstance(producer, ComputeOp) or len(producer.ins) != 1:
        return value
    first = producer.body.block.first_op
    (source,), (map,) = producer.ins, producer.map_values
    copies = map == tuple(range(len(layout_of(value).split)))
    if copies and isinstance(first, arith.ExtFOp) and first.next_op is producer.body.block.last_op:
        return source
    return value


ROWS: dict[type[PyFlameOp], Row] = dict.fromkeys(KINDS, lower_reduction)
