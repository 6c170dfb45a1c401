"""Matrix products: panels of the summed dimension, broadcast along both axes (SUMMA)."""

from __future__ import annotations

from xdsl.dialects.builtin import IndexType, f32
from xdsl.ir import Block, SSAValue

from pyflame.dialects.mesh.attributes import (
    Axis,
    distributed,
    element_of,
    layout_of,
    shape_of,
    tile_of,
)
from pyflame.dialects.mesh.local import MatmulOp, YieldOp
from pyflame.dialects.mesh.movement import BroadcastOp
from pyflame.dialects.mesh.panels import ForPanelsOp
from pyflame.dialects.pyflame import contraction as ops
from pyflame.dialects.pyflame.base import PyFlameOp
from pyflame.lowering.pyflame_to_mesh.emit import Emit, Row

ALGORITHMS = ("summa",)
"""How a matmul may move its operands."""


def panel_size(extent: int, tiles: list[int], cap: int) -> int:
    """Elements of the largest panel: a tile, or (with a cap) tiles cut into equal parts."""
    largest = max(1, min([extent, *tiles]))
    if not cap or largest <= cap:
        return largest
    parts = -(-largest // cap)
    return -(-largest // parts)


def lower_matmul(emit: Emit, op: ops.MatmulOp) -> SSAValue:
    """Without communication where the summed dimension is whole; else a loop over panels."""
    element = element_of(op.result)
    acc = emit.fill(0.0, distributed(f32, shape_of(op.result), layout_of(op.result)))
    whole = _summed_tile(op.lhs, _dim(op.lhs, op.transpose_a is None)) is None and (
        _summed_tile(op.rhs, _dim(op.rhs, op.transpose_b is not None)) is None
    )
    if whole:
        flags = op.transpose_a is not None, op.transpose_b is not None
        value = emit.value(MatmulOp(acc, op.lhs, op.rhs, None, *flags))
    else:
        value = emit.value(_panel_loop(op, acc, emit))
    return emit.truncated(value, element)


def _dim(value: SSAValue, last: bool) -> int:
    """The last dimension of `value`, or the one before it."""
    return len(shape_of(value)) - (1 if last else 2)


def _summed_tile(value: SSAValue, dim: int) -> int | None:
    """The tile of a summed dimension; None if every PE has the whole of it."""
    return None if layout_of(value).split[dim] is None else tile_of(value)[dim]


def _panel_loop(op: ops.MatmulOp, acc: SSAValue, emit: Emit) -> ForPanelsOp:
    a_dim = _dim(op.lhs, op.transpose_a is None)
    b_dim = _dim(op.rhs, op.transpose_b is not None)
    extent = shape_of(op.lhs)[a_dim]
    tiles = [
        tile
        for value, dim in ((op.lhs, a_dim), (op.rhs, b_dim))
        if (tile := _summed_tile(value, dim)) is not None
    ]
    tiles = [max(1, tile) for tile in dict.fromkeys(tiles)]
    panel = panel_size(extent, tiles, emit.options.panel)
    block = Block(arg_types=[IndexType(), IndexType(), acc.type])
    start, length, carried = block.args
    start.name_hint, length.name_hint, carried.name_hint = "k", "len", "acc"
    a = BroadcastOp(op.lhs, start, length, a_dim, _axis(op.lhs, a_dim, Axis.COLS), panel)
    b = BroadcastOp(op.rhs, start, length, b_dim, _axis(op.rhs, b_dim, Axis.ROWS), panel)
    step = MatmulOp(
        carried,
        a.result,
        b.result,
        length,
        op.transpose_a is not None,
        op.transpose_b is not None,
    )
    for inner in (a, b, step, YieldOp(step.result)):
        inner.location = op.location
        block.add_op(inner)
    return ForPanelsOp(extent, tiles, panel, [acc], block, emit.options.algorithm)


def _axis(value: SSAValue, dim: int, default: Axis) -> Axis:
    """The axis that cuts `dim`; `default` where none does and nothing moves."""
    cut = layout_of(value).split[dim]
    return default if cut is None else Axis.of(cut)


ROWS: dict[type[PyFlameOp], Row] = {ops.MatmulOp: lower_matmul}
