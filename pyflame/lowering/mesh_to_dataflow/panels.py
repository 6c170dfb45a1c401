"""Loops over panels.

The loop knows without division which PE owns a panel: for every tiling it carries the owner and
the offset in the owner's tile, and steps both by the panel's length.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.ir import SSAValue

from pyflame.dialects.dataflow.program import TOTAL
from pyflame.dialects.mesh.attributes import Axis, layout_of, tile_of
from pyflame.dialects.mesh.local import YieldOp
from pyflame.dialects.mesh.movement import AllReduceOp, BroadcastOp, MovementOp, ReduceOp
from pyflame.dialects.mesh.panels import ForPanelsOp
from pyflame.errors import Gap, UnsupportedError
from pyflame.lowering.mesh_to_dataflow import indexing
from pyflame.lowering.mesh_to_dataflow.indexing import Index
from pyflame.lowering.mesh_to_dataflow.state import State
from pyflame.lowering.mesh_to_dataflow.tiles import Tile


def lower_for_panels(state: State, op: ForPanelsOp) -> None:
    """One loop over the panels; accumulators are updated in place."""
    carried = _carried_tiles(state, op)
    lengths = [length for _, length in op.panels()]
    axes = {axis: _last_owner(state, op, axis) for axis in _axes(state, op)}
    for axis in axes:
        state.buses.close(axis)
    if len(set(lengths)) == 1:
        _uniform(state, op, carried, lengths[0], len(lengths))
    elif lengths:
        _varying(state, op, carried, len(lengths))
    for axis, last in axes.items():
        if last is not None:
            state.buses.continue_from(axis, last)
    for result, tile in zip(op.res, carried, strict=True):
        tile.storage.values.clear()
        state.bind(result, tile)


def _carried_tiles(state: State, op: ForPanelsOp) -> list[Tile]:
    tiles: list[Tile] = []
    for init, result in zip(op.init, op.res, strict=True):
        dest = state.destination(op, result)
        state.copy(dest, state.tile(init))
        tiles.append(dest)
    return tiles


def _uniform(
    state: State, op: ForPanelsOp, carried: Sequence[Tile], length: int, count: int
) -> None:
    """All panels have the same length: sizes are constants."""
    extent = op.extent.value.data
    walked = [t for t in _tilings(state, op) if length < t < extent]

    def step(number: Index, *positions: Index) -> list[Index]:
        builder = state.emitter.builder
        start = indexing.mul(builder, number, length)
        places: dict[int, tuple[Index, Index]] = {}
        for tile in _tilings(state, op):
            if tile >= extent:
                places[tile] = (0, start)
            elif tile == length:
                places[tile] = (number, 0)
        places |= _paired(walked, positions)
        _body(state, op, carried, start, length, places)
        return _advance(state, walked, positions, length)

    if count == 1:
        step(0, *(0 for _ in walked for _ in (0, 1)))
    else:
        state.emitter.loop(count, step, [0] * (2 * len(walked)))


def _varying(state: State, op: ForPanelsOp, carried: Sequence[Tile], count: int) -> None:
    """Panels end where any tile ends: the length is computed in every step."""
    extent = op.extent.value.data
    tilings = _tilings(state, op)
    walked = [t for t in tilings if t < extent]

    def step(number: Index, start: Index, *positions: Index) -> list[Index]:
        del number
        builder = state.emitter.builder
        places = _paired(walked, positions)
        rest = indexing.sub(builder, extent, start)
        length = indexing.minimum(builder, rest, op.panel.value.data)
        for tile, (_, offset) in places.items():
            left = indexing.sub(builder, tile, offset)
            length = indexing.minimum(builder, length, left)
        places |= {tile: (0, start) for tile in tilings if tile >= extent}
        _body(state, op, carried, start, length, places)
        following = indexing.add(state.emitter.builder, start, length)
        return [following, *_advance(state, walked, positions, length)]

    loop = state.emitter.loop(count, step, [0] * (1 + 2 * len(walked)))
    loop.attributes[TOTAL] = IntegerAttr(extent, i64)


def _paired(tilings: Sequence[int], positions: Sequence[Index]) -> dict[int, tuple[Index, Index]]:
    pairs = zip(positions[::2], positions[1::2], strict=True)
    return dict(zip(tilings, pairs, strict=True))


def _advance(
    state: State, tilings: Sequence[int], positions: Sequence[Index], length: Index
) -> list[Index]:
    """Owner and offset of every tiling after a panel of `length`."""
    builder = state.emitter.builder
    following: list[Index] = []
    for tile, (owner, offset) in _paired(tilings, positions).items():
        moved = indexing.add(builder, offset, length)
        if isinstance(owner, int) and isinstance(moved, int):
            following += [owner, moved]
            continue
        wraps = indexing.compare(builder, moved, "eq", tile)
        next_owner = indexing.add(builder, owner, 1)
        following += [
            indexing.select(builder, wraps, next_owner, owner),
            indexing.select(builder, wraps, 0, moved),
        ]
    return following


def _body(
    state: State,
    op: ForPanelsOp,
    carried: Sequence[Tile],
    start: Index,
    length: Index,
    places: dict[int, tuple[Index, Index]],
) -> None:
    """One step: the body's ops, then what they yield into the accumulators."""
    block = op.body.block
    start_arg, length_arg, *args = block.args
    state.bind_index(start_arg, start)
    state.bind_index(length_arg, length)
    for tile, place in places.items():
        state.walks[start_arg, tile] = place
    for arg, tile in zip(args, carried, strict=True):
        tile.storage.values.clear()
        state.bind(arg, tile)
    for inner in block.ops:
        if isinstance(inner, ForPanelsOp):
            raise UnsupportedError(Gap("mesh.for_panels inside mesh.for_panels"))
        if not isinstance(inner, YieldOp):
            state.lower(inner)
    last = block.last_op
    assert isinstance(last, YieldOp)
    _store(state, last.arguments, carried)
    for axis in _axes(state, op):
        if _last_owner(state, op, axis) is None:
            state.buses.close(axis)


def _store(state: State, values: Sequence[SSAValue], carried: Sequence[Tile]) -> None:
    tiles = [state.tile(value) for value in values]
    for number, tile in enumerate(tiles):
        if any(tile.storage is c.storage for i, c in enumerate(carried) if i != number):
            raise UnsupportedError(Gap("mesh.for_panels that exchanges its accumulators"))
    for dest, tile in zip(carried, tiles, strict=True):
        state.copy(dest, tile)


def _moving(state: State, op: ForPanelsOp) -> list[MovementOp]:
    """The ops of the body that use a bus."""
    return [
        inner
        for inner in op.body.block.ops
        if isinstance(inner, MovementOp)
        and state.extent(inner.along) > 1
        and not isinstance(inner, AllReduceOp | ReduceOp)
        and not (isinstance(inner, BroadcastOp) and _cut(inner) is None)
    ]


def _cut(op: BroadcastOp) -> int | None:
    return layout_of(op.x).split[op.dim.value.data]


def _axes(state: State, op: ForPanelsOp) -> list[Axis]:
    used = {inner.along for inner in _moving(state, op)}
    return [axis for axis in Axis if axis in used]


def _broadcast_tile(op: BroadcastOp) -> int:
    return tile_of(op.x)[op.dim.value.data]


def _tilings(state: State, op: ForPanelsOp) -> list[int]:
    """Every tiling whose place matters, smallest first."""
    moved = {_broadcast_tile(i) for i in _moving(state, op) if isinstance(i, BroadcastOp)}
    return sorted(moved | set(op.tile_values))


def _last_owner(state: State, op: ForPanelsOp, axis: Axis) -> int | None:
    """The owner of the last panel, if all that moves along `axis` has ascending owners."""
    moving = [inner for inner in _moving(state, op) if inner.along is axis]
    starts = op.body.block.args[0]
    tiles = {_broadcast_tile(i) for i in moving if isinstance(i, BroadcastOp) and i.start is starts}
    plain = all(isinstance(i, BroadcastOp) and i.start is starts for i in moving)
    return (op.extent.value.data - 1) // tiles.pop() if plain and len(tiles) == 1 else None
