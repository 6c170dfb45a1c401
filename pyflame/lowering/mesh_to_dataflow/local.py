"""What every PE does to its own tiles: compute, local_reduce, matmul, reshape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf, prod

from xdsl.dialects.builtin import f32
from xdsl.ir import Attribute, BlockArgument, SSAValue

from pyflame.dialects.dataflow.attributes import Purpose, Vector
from pyflame.dialects.dataflow.compute import MapOp, MatmulOp, YieldOp
from pyflame.dialects.dataflow.roles import ValidOp
from pyflame.dialects.dataflow.types import row_major
from pyflame.dialects.dataflow.vector import ConvertOp, CopyOp, NegOp, ReduceOp
from pyflame.dialects.mesh import local as mesh
from pyflame.dialects.mesh.attributes import Axis, Kind, element_of, layout_of, shape_of, tile_of
from pyflame.lowering.mesh_to_dataflow import elementwise, indexing
from pyflame.lowering.mesh_to_dataflow.emitter import Emit
from pyflame.lowering.mesh_to_dataflow.indexing import Index
from pyflame.lowering.mesh_to_dataflow.state import State
from pyflame.lowering.mesh_to_dataflow.tiles import Storage, Tile, permuted_strides

IDENTITY = {Kind.SUM: 0.0, Kind.PROD: 1.0, Kind.MAX: -inf, Kind.MIN: inf}
"""The value that a reduction of nothing gives."""


def lower_compute(state: State, op: mesh.ComputeOp) -> None:
    """A fill, a few DSD operations, or one map, over whole tiles (padding included)."""
    body = op.body.block
    last = body.last_op
    assert isinstance(last, mesh.YieldOp)
    (result,) = last.arguments
    likely = _likely_order(state, op)
    dest = state.destination(op, op.result, likely)
    shares = [state.tile(x).storage is dest.storage for x in op.ins]
    made = elementwise.plan(body, result, shares)
    count = prod(dest.shape)
    arch = state.emitter.arch
    if made is not None and (
        elementwise.dsd_cycles(made, count, arch) <= elementwise.map_cycles(body, count, arch)
    ):
        _emit_plan(state, op, made, dest)
    else:
        _emit_map(state, op, dest)
    state.bind(op.result, dest)


def _likely_order(state: State, op: mesh.ComputeOp) -> tuple[int, ...] | None:
    """The order of the first operand that has all of the result's dimensions in place."""
    rank = len(tile_of(op.result))
    for x, map in zip(op.ins, op.map_values, strict=True):
        if map == tuple(range(rank)) and tile_of(x) == tile_of(op.result):
            return state.tile(x).walk_order
    return None


def _operand_view(state: State, op: mesh.ComputeOp, number: int, dest: Tile) -> SSAValue:
    """Operand `number` as a view of the result's sizes, walked as the destination is."""
    runs: list[int | None] = [None] * len(dest.shape)
    for d, to in enumerate(op.map_values[number]):
        if to >= 0:
            runs[to] = d
    order = dest.walk_order
    sizes = [dest.shape[d] for d in order]
    tile = state.tile(op.ins[number])
    return tile.expanded(state.emitter.builder, sizes, [runs[d] for d in order])


def _emit_plan(state: State, op: mesh.ComputeOp, made: elementwise.Plan, dest: Tile) -> None:
    builder = state.emitter.builder
    order = dest.walk_order
    temporaries = [_dense(state, dest.shape, order, element) for element in made.temporaries]
    views: dict[SSAValue, SSAValue] = {}

    def source(value: SSAValue) -> SSAValue:
        if elementwise.is_constant(value):
            return state.emitter.scalar(elementwise.float_constant(value), value.type)
        if value not in views:
            assert isinstance(value, BlockArgument)
            views[value] = _operand_view(state, op, value.index, dest)
        return views[value]

    for step in made.steps:
        sources = [source(value) for value in step.sources]
        slot = made.slots.get(step.result)
        into = (dest if slot is None else temporaries[slot]).view(builder, order)
        builder.insert(step.cls(into, *sources))
        views[step.result] = into


def _dense(state: State, shape: tuple[int, ...], order: Sequence[int], element: Attribute) -> Tile:
    """A temporary tile of `shape` that lies in memory in `order`."""
    memory = tuple(shape[d] for d in order) or (1,)
    buffer = state.emitter.buffer("t", Purpose.TEMPORARY, memory, element)
    return Tile(Storage(buffer), shape, permuted_strides(shape, order))


def _emit_map(state: State, op: mesh.ComputeOp, dest: Tile) -> None:
    builder = state.emitter.builder
    ins = [_operand_view(state, op, i, dest) for i in range(len(op.ins))]
    body = op.body.clone()
    last = body.block.last_op
    assert isinstance(last, mesh.YieldOp)
    body.block.insert_op_before(YieldOp(last.arguments[0]), last)
    body.block.erase_op(last)
    builder.insert(MapOp(dest.view(builder, dest.walk_order), ins, body))


def lower_local_reduce(state: State, op: mesh.LocalReduceOp) -> None:
    """Accumulate the valid part of the tile into the result, which starts as the identity."""
    kind, source = op.kind.data, state.tile(op.x)
    dest = state.destination(op, op.result)
    builder = state.emitter.builder
    flat = dest.view(builder, dest.walk_order)
    negate = kind is Kind.MIN
    if negate or _needs_wider(op):
        source = _prepared(state, op, source, negate)
    start = IDENTITY[Kind.MAX if negate else kind]
    builder.insert(CopyOp(flat, state.emitter.scalar(start, element_of(op.result))))
    sizes, empty = _valid_sizes(state, op)
    runs = _result_dims(op)

    def accumulate() -> None:
        into = dest.expanded(state.emitter.builder, sizes, runs)
        what = source.view(state.emitter.builder, sizes=dict(enumerate(sizes)))
        state.emitter.builder.insert(ReduceOp(Kind.MAX if negate else kind, into, what))

    guarded(state, empty, accumulate)
    if negate:
        builder.insert(NegOp(flat, flat))
    state.bind(op.result, dest)


def _needs_wider(op: mesh.LocalReduceOp) -> bool:
    """Products of f16 accumulate in f32, and no DSD operation mixes the two."""
    return op.kind.data is Kind.PROD and element_of(op.x) != element_of(op.result)


def _prepared(state: State, op: mesh.LocalReduceOp, source: Tile, negate: bool) -> Tile:
    """A copy of the source, negated or in f32."""
    element = element_of(op.x) if negate else f32
    order = source.walk_order
    copy = _dense(state, source.shape, order, element)
    builder = state.emitter.builder
    cls = NegOp if negate else ConvertOp
    builder.insert(cls(copy.view(builder, order), source.view(builder, order)))
    return copy


def _valid_sizes(state: State, op: mesh.LocalReduceOp) -> tuple[list[Index], list[SSAValue]]:
    """The sizes to reduce over, and those among them that are 0 on some PE.

    Only a reduced dimension whose last tiles are short needs its valid size: elsewhere padding
    only reaches padding.
    """
    layout, shape, tile = layout_of(op.x), shape_of(op.x), tile_of(op.x)
    sizes: list[Index] = list(tile)
    empty: list[SSAValue] = []
    for d in op.dim_values:
        cut = layout.split[d]
        if cut is None or (shape[d] % tile[d] == 0 and shape[d] == tile[d] * layout.extent(cut)):
            continue
        valid = state.emitter.role(ValidOp, Axis.of(cut), tile[d], shape[d])
        sizes[d] = valid
        if shape[d] <= tile[d] * (layout.extent(cut) - 1):
            empty.append(valid)
    return sizes, empty


def guarded(state: State, sizes: Sequence[SSAValue], emit: Emit) -> None:
    """Emit under the condition that none of `sizes` is 0: a DSD must not be empty."""
    if not sizes:
        emit()
        return
    some = indexing.compare(state.emitter.builder, sizes[0], "sgt", 0)
    state.emitter.branch(some, lambda: guarded(state, sizes[1:], emit))


def _result_dims(op: mesh.LocalReduceOp) -> list[int | None]:
    """For each dimension of the operand the result's, None where it is reduced."""
    dims, keep = op.dim_values, op.keepdims is not None
    kept = [d for d in range(len(shape_of(op.x))) if keep or d not in dims]
    return [None if d in dims else kept.index(d) for d in range(len(shape_of(op.x)))]


def lower_matmul(state: State, op: mesh.MatmulOp) -> None:
    """One `dataflow.matmul` for each element of the batch."""
    dest = state.destination(op, op.result)
    state.copy(dest, state.tile(op.acc))
    a, b = state.tile(op.a), state.tile(op.b)
    if op.transpose_a is not None:
        a = _transposed(a)
    if op.transpose_b is not None:
        b = _transposed(b)
    length: Index = a.shape[-1] if op.length is None else state.index(op.length)
    _batched(state, dest, a, b, length)
    state.bind(op.result, dest)


def _transposed(tile: Tile) -> Tile:
    """The tile with its last two dimensions exchanged."""

    def swapped(values: tuple[int, ...]) -> tuple[int, ...]:
        return (*values[:-2], values[-1], values[-2])

    return replace(tile, shape=swapped(tile.shape), strides=swapped(tile.strides))


def _batched(state: State, c: Tile, a: Tile, b: Tile, length: Index) -> None:
    """Loop over the first batch dimension, or multiply when there is none."""
    rank = len(c.shape)
    if rank == 2:
        _multiply(state, c, a, b, length)
        return
    emitter = state.emitter

    def inner(step: Index) -> list[Index]:
        def part(tile: Tile) -> Tile:
            if len(tile.shape) < rank:
                return tile
            start = 0 if tile.shape[0] == 1 else step
            return _without_first(tile.at(emitter.builder, 0, start, 1))

        _batched(state, part(c), part(a), part(b), length)
        return []

    if c.shape[0] == 1:
        inner(0)
    else:
        emitter.loop(c.shape[0], inner)


def _without_first(tile: Tile) -> Tile:
    return replace(tile, shape=tile.shape[1:], strides=tile.strides[1:])


def _multiply(state: State, c: Tile, a: Tile, b: Tile, length: Index) -> None:
    builder = state.emitter.builder
    vector = Vector.N if c.is_row_major else Vector.M
    builder.insert(
        MatmulOp(
            vector,
            c.view(builder),
            a.view(builder, sizes={1: length}),
            b.view(builder, sizes={0: length}),
        )
    )


def lower_reshape(state: State, op: mesh.ReshapeOp) -> None:
    """The same tile under another shape; a copy only if it is not row-major."""
    tile = state.tile(op.x)
    if not tile.is_row_major:
        dense = state.temporary(op.x, tile.shape)
        state.copy(dense, tile)
        tile = dense
    shape = tile_of(op.result)
    state.bind(op.result, replace(tile, shape=shape, strides=row_major(shape)))
