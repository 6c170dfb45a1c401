"""What moves between PEs: broadcast, reductions, gathering and slicing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

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
    move_slice(
        state, axis, owner, source.at(state.emitter.builder, dim, offset, panel), dest, dim, length
    )
    state.bind(op.result, dest)


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
    Where the length is known only at run time and the slice is not contiguous in that order, the
    owner sends index by index; descriptors of several dimensions have fixed sizes.
    """
    emitter = state.emitter
    order = (dim, *(d for d in source.walk_order if d != dim))
    whole = source.shape[dim]

    def exchange_all(bus: str, size: Index) -> None:
        state.buses.exchange(
            bus, walked(state, source, order, size), walked(state, dest, order, size)
        )

    def exchange_each(bus: str) -> None:
        def one(step: Index) -> list[Index]:
            parts = (t.at(emitter.builder, dim, step, 1) for t in (source, dest))
            send, receive = (part.view(emitter.builder, order) for part in parts)
            state.buses.exchange(bus, send, receive)
            return []

        emitter.loop(length, one)

    def exchange(bus: str) -> None:
        if isinstance(length, int) or _is_run(source, order):
            exchange_all(bus, length)
            return
        full = indexing.compare(emitter.builder, length, "eq", whole)
        emitter.branch(full, lambda: exchange_all(bus, whole), lambda: exchange_each(bus))

    def receive(bus: str) -> None:
        state.buses.receive(bus, walked(state, dest, order, length))

    state.buses.broadcast(axis, owner, exchange, receive)


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


def walked(state: State, tile: Tile, order: Sequence[int], size: Index) -> SSAValue:
    """A view of the first `size` indices of the slowest dimension; one run where possible."""
    builder = state.emitter.builder
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
    start = indexing.mul(emitter.builder, me, tile)
    part = source.at(emitter.builder, dim, start, tile)
    if tile * extent == total:
        state.bind(op.result, part)
        return
    dest = state.fresh(op.result)
    valid = emitter.role(ValidOp, axis, tile, total)

    def copy_valid() -> None:
        state.copy_part(dest, part, dim, valid)

    guarded(state, [valid] if total <= tile * (extent - 1) else [], copy_valid)
    state.bind(op.result, dest)
