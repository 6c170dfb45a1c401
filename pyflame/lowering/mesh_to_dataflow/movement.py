"""What moves between PEs: broadcast, reductions, gathering and slicing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from xdsl.builder import Builder
from xdsl.ir import SSAValue

from pyflame.dialects.dataflow.roles import CoordOp, ValidOp
from pyflame.dialects.mesh import movement as mesh
from pyflame.dialects.mesh.attributes import Axis, layout_of, shape_of, tile_of
from pyflame.dialects.mesh.local import MatmulOp
from pyflame.errors import Gap, UnsupportedError
from pyflame.lowering.mesh_to_dataflow import indexing
from pyflame.lowering.mesh_to_dataflow.indexing import Index
from pyflame.lowering.mesh_to_dataflow.local import guarded
from pyflame.lowering.mesh_to_dataflow.state import State
from pyflame.lowering.mesh_to_dataflow.tiles import Tile, permuted_strides


def lower_broadcast(state: State, op: mesh.BroadcastOp) -> None:
    """The owner's slice to all; where no PE owns another part, the slice is read in place."""
    dim, axis, source = op.dim.value.data, op.along, state.tile(op.x)
    start, length = state.index(op.start), state.index(op.length)
    panel = tile_of(op.result)[dim]
    cut = layout_of(op.x).split[dim]
    if cut is None or state.extent(axis) == 1:
        _expect_bounded(op, length, panel)
        state.bind(op.result, source.at(state.emitter.builder, dim, start, panel))
        return
    order = (dim, *(d for d in source.walk_order if d != dim))
    dest = state.fresh(op.result, order=order)
    owner, offset = owner_of(state, op, tile_of(op.x)[dim])
    part = source.at(state.emitter.builder, dim, offset, panel)
    if isinstance(length, SSAValue) and not _is_run(part, order):
        part = _staged(state, op, source, owner, offset, order)
    move_slice(state, axis, owner, part, dest, dim, length)
    state.bind(op.result, dest)


def _staged(
    state: State,
    op: mesh.BroadcastOp,
    source: Tile,
    owner: Index,
    offset: Index,
    order: tuple[int, ...],
) -> Tile:
    """The owner's slice copied to where it is one run, so that any length of it can be sent.

    Descriptors of several dimensions have fixed sizes: the copy takes a whole panel, which starts
    earlier than the slice where it would leave the tile.
    """
    emitter, dim, panel = state.emitter, op.dim.value.data, tile_of(op.result)[op.dim.value.data]
    builder = emitter.builder
    first = indexing.minimum(builder, offset, source.shape[dim] - panel)
    stage = state.temporary(op.result, tile_of(op.result), "stage", order)

    def fill() -> None:
        state.copy(stage, source.at(emitter.builder, dim, first, panel))

    emitter.branch(state.buses.stands_at(op.along, owner), fill)
    return stage.at(builder, dim, indexing.sub(builder, offset, first), panel)


def _expect_bounded(op: mesh.BroadcastOp, length: Index, panel: int) -> None:
    """A slice read in place is as long as its panel, or only a matmul reads the part that is."""
    readers = (use.operation for use in op.result.uses)
    others = {reader.name for reader in readers if not isinstance(reader, MatmulOp)}
    if isinstance(length, SSAValue) and others:
        raise UnsupportedError(
            Gap(
                f"a panel of up to {panel} elements read by {', '.join(sorted(others))}",
                "mesh.broadcast",
                "panels of varying length are read in place by mesh.matmul only",
            )
        )


def owner_of(state: State, op: mesh.BroadcastOp, tile: int) -> tuple[Index, Index]:
    """(owner, offset in its tile) of the panel that a broadcast moves."""
    known = state.walks.get((op.start, tile))
    if known is not None:
        return known
    start, builder = state.index(op.start), state.emitter.builder
    if isinstance(start, int):
        return divmod(start, tile)
    owner = indexing.divide(builder, start, tile)
    return owner, indexing.sub(builder, start, indexing.mul(builder, owner, tile))


def move_slice(
    state: State, axis: Axis, owner: Index, source: Tile, dest: Tile, dim: int, length: Index
) -> None:
    """`length` elements of dimension `dim` of `source` on `owner` to `dest` on all PEs of the axis.

    On the wire the elements go index by index of `dim`, the rest in memory order of `source`.
    """
    builder = state.emitter.builder
    order = (dim, *(d for d in source.walk_order if d != dim))
    send = walked(builder, source, order, length)
    receive = walked(builder, dest, order, length)
    state.buses.broadcast(axis, owner, send, receive)


def _is_run(tile: Tile, order: Sequence[int]) -> bool:
    """Whether walking `tile` in `order` visits memory without gaps, whatever the first size."""
    dense = permuted_strides(tile.shape, order)
    return (
        all(
            n == 1 or s == d
            for i, (n, s, d) in enumerate(zip(tile.shape, tile.strides, dense, strict=True))
            if i != order[0]
        )
        and tile.strides[order[0]] == dense[order[0]]
    )


def walked(builder: Builder, tile: Tile, order: Sequence[int], size: Index) -> SSAValue:
    """A view of the first `size` indices of the slowest dimension; one run where possible."""
    if isinstance(size, int) or not _is_run(tile, order):
        return tile.view(builder, order, {order[0]: size})
    rest = prod(tile.shape[d] for d in order[1:])
    run = replace(tile, shape=(tile.shape[order[0]] * rest,), strides=(1,))
    return run.view(builder, sizes={0: indexing.mul(builder, size, rest)})


def lower_all_reduce(state: State, op: mesh.AllReduceOp | mesh.ReduceOp) -> None:
    """Chain toward position 0 and broadcast from there; the root of a reduce is among those."""
    dest = state.destination(op, op.result)
    state.copy(dest, state.tile(op.x))
    if state.extent(op.along) > 1:
        state.buses.all_reduce(
            op.along, op.kind.data, dest, lambda: state.fresh(op.result, "arrived", dest.walk_order)
        )
    state.bind(op.result, dest)


def lower_all_gather(state: State, op: mesh.AllGatherOp | mesh.GatherOp) -> None:
    """Every owner in turn broadcasts the valid part of its tile into its place."""
    dim, axis, source = op.dim.value.data, op.along, state.tile(op.x)
    extent, total = state.extent(axis), shape_of(op.x)[dim]
    if extent == 1:
        state.bind(op.result, source)
        return
    dest = state.destination(op, op.result)
    tile = tile_of(op.x)[dim]
    full, rest = divmod(total, tile)

    def turn(owner: Index, length: int) -> None:
        builder = state.emitter.builder
        start = indexing.mul(builder, owner, tile)
        part, place = source.at(builder, dim, 0, length), dest.at(builder, dim, start, length)
        move_slice(state, axis, owner, part, place, dim, length)

    def full_turn(owner: Index) -> list[Index]:
        turn(owner, tile)
        return []

    if full == 1:
        turn(0, tile)
    elif full > 1:
        state.buses.close(axis)
        state.emitter.loop(full, full_turn)
        state.buses.continue_from(axis, full - 1)
    if rest:
        turn(full, rest)
    state.bind(op.result, dest)


def lower_all_slice(state: State, op: mesh.AllSliceOp) -> None:
    """Each PE's part of what it holds: in place where all tiles are full, else copied."""
    _slice(state, op, op.dim.value.data, op.along)


def lower_scatter(state: State, op: mesh.ScatterOp) -> None:
    """The root broadcasts the whole into the same buffer on all PEs; each keeps its part."""
    source, axis = state.tile(op.x), op.along
    root = layout_of(op.x).roots[axis.number]
    assert root is not None
    if state.extent(axis) > 1:
        move_slice(state, axis, root, source, source, 0, source.shape[0])
    _slice(state, op, op.dim.value.data, axis)


def _slice(state: State, op: mesh.AllSliceOp | mesh.ScatterOp, dim: int, axis: Axis) -> None:
    emitter, source = state.emitter, state.tile(op.x)
    tile, total, extent = tile_of(op.result)[dim], shape_of(op.x)[dim], state.extent(axis)
    me: Index = emitter.role(CoordOp, axis) if extent > 1 else 0
    part = source.part_of(dim, me, tile)
    if tile * extent == total:
        state.bind(op.result, part)
        return
    dest = state.fresh(op.result)
    valid = emitter.role(ValidOp, axis, tile, total)

    def copy_valid() -> None:
        state.copy_part(dest, part, dim, valid)

    guarded(state, [valid] if total <= tile * (extent - 1) else [], copy_valid)
    state.bind(op.result, dest)
