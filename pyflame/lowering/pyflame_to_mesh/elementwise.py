"""Elementwise ops, `broadcast_to` and constants: one `mesh.compute` each, merged later."""

from __future__ import annotations

from xdsl.ir import SSAValue

from pyflame.dialects.mesh.attributes import shape_of
from pyflame.dialects.mesh.local import Map
from pyflame.dialects.pyflame.base import PyFlameOp
from pyflame.dialects.pyflame.creation import ConstantOp, FullOp
from pyflame.dialects.pyflame.movement import BroadcastToOp
from pyflame.lowering.pyflame_to_mesh.emit import Emit, Row
from pyflame.lowering.pyflame_to_mesh.scalar import SCALARS


def broadcast_map(shape: tuple[int, ...], result: tuple[int, ...]) -> Map:
    """Dimensions aligned from the right; one of size 1 repeats where the result is larger."""
    offset = len(result) - len(shape)
    return tuple(offset + d if n == result[offset + d] else -1 for d, n in enumerate(shape))


def _maps(op: PyFlameOp) -> list[Map]:
    return [broadcast_map(shape_of(value), shape_of(op.result)) for value in op.operands]


def lower_elementwise(emit: Emit, op: PyFlameOp) -> SSAValue:
    """The op's scalar body on every element."""
    scalar = SCALARS[type(op)]
    return emit.compute(op.operands, _maps(op), op.result.type, lambda body, x: scalar(op, body, x))


def lower_broadcast_to(emit: Emit, op: BroadcastToOp) -> SSAValue:
    """Each element itself, repeated."""
    return emit.compute(op.operands, _maps(op), op.result.type, lambda body, x: x[0])


def lower_full(emit: Emit, op: FullOp) -> SSAValue:
    """A fill."""
    return emit.fill(float(op.value.value.data), op.result.type)


def lower_constant(emit: Emit, op: ConstantOp) -> SSAValue:
    """A fill; only splats come here."""
    value = op.value.get_values()[0]
    assert isinstance(value, int | float)
    return emit.fill(value, op.result.type)


ROWS: dict[type[PyFlameOp], Row] = {
    **dict.fromkeys(SCALARS, lower_elementwise),
    BroadcastToOp: lower_broadcast_to,
    FullOp: lower_full,
    ConstantOp: lower_constant,
}
