"""What the rules share: the emitter, and where every mesh value lives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from xdsl.ir import Operation, SSAValue

from pyflame.dialects.dataflow.attributes import Purpose
from pyflame.dialects.dataflow.vector import CopyOp
from pyflame.dialects.mesh.attributes import Axis, element_of, tile_of
from pyflame.lowering.mesh_to_dataflow.buses import Buses
from pyflame.lowering.mesh_to_dataflow.emitter import Emitter
from pyflame.lowering.mesh_to_dataflow.indexing import Index
from pyflame.lowering.mesh_to_dataflow.storage import (
    Order,
    dead_before,
    dies_at,
    in_place_operands,
)
from pyflame.lowering.mesh_to_dataflow.tiles import Storage, Tile, permuted_strides


class State:
    """The lowering of one function.

    `outputs` holds the storage of each result and `planned` which values are computed in one;
    `orders` the accumulators that do not lie row by row.
    """

    def __init__(
        self,
        emitter: Emitter,
        lower: Callable[[State, Operation], None],
        outputs: Sequence[Storage],
        planned: Mapping[SSAValue, int],
        orders: Mapping[SSAValue, Order],
    ) -> None:
        self.emitter = emitter
        self.buses = Buses(emitter)
        self._lower = lower
        self._outputs = outputs
        self._planned = planned
        self._orders = orders
        self._tiles: dict[SSAValue, Tile] = {}
        self._indices: dict[SSAValue, Index] = {}
        self.walks: dict[tuple[SSAValue, int], tuple[Index, Index]] = {}
        """(panel start, tile size) → (owner, offset within the owner's tile)."""

    def lower(self, op: Operation) -> None:
        """Emit what `op` means, by the rule for its class."""
        self._lower(self, op)

    # values

    def tile(self, value: SSAValue) -> Tile:
        """Where the tile of a tensor lies."""
        return self._tiles[value]

    def bind(self, value: SSAValue, tile: Tile) -> None:
        """`value`'s tile is `tile` from here on."""
        self._tiles[value] = tile
        tile.storage.values.append(value)

    def index(self, value: SSAValue) -> Index:
        """An index of the mesh program as a number or value of this one."""
        return self._indices[value]

    def bind_index(self, value: SSAValue, index: Index) -> None:
        """`value` is `index` from here on."""
        self._indices[value] = index

    # storage

    def fresh(self, value: SSAValue, name: str = "", order: Order | None = None) -> Tile:
        """A new temporary for `value`, in `order` (default: as planned, else row-major)."""
        return self.temporary(value, tile_of(value), name, order or self._orders.get(value))

    def temporary(
        self, like: SSAValue, shape: tuple[int, ...], name: str = "", order: Order | None = None
    ) -> Tile:
        """A new temporary of `shape` with the elements of `like`."""
        name = name or like.name_hint or "t"
        order = order or tuple(range(len(shape)))
        memory = tuple(shape[d] for d in order)
        buffer = self.emitter.buffer(name, Purpose.TEMPORARY, memory or (1,), element_of(like))
        return Tile(Storage(buffer), shape, permuted_strides(shape, order))

    def destination(self, op: Operation, result: SSAValue, order: Order | None = None) -> Tile:
        """Where `result` of `op` is computed: planned output, dying operand, or fresh.

        `order` is the order in memory of a fresh one. A tile taken over from an operand is bound
        to the result alone from now on.
        """
        planned = self._output_of(result)
        for operand in in_place_operands(op, result):
            tile = self._tiles[operand]
            wanted = planned is None or tile.storage is planned.storage
            if wanted and self._may_overwrite(op, operand, result):
                tile.storage.values.clear()
                return tile
        if planned is not None and all(dead_before(v, op) for v in planned.storage.values):
            return planned
        return self.fresh(result, order=order)

    def _output_of(self, result: SSAValue) -> Tile | None:
        number = self._planned.get(result)
        if number is None or result in self._orders:
            return None
        shape = tile_of(result)
        return Tile(self._outputs[number], shape, permuted_strides(shape, range(len(shape))))

    def _may_overwrite(self, op: Operation, operand: SSAValue, result: SSAValue) -> bool:
        tile = self._tiles[operand]
        if tile.storage.buffer.purpose.data is Purpose.INPUT:
            return False
        if self._orders.get(operand) != self._orders.get(result):
            return False
        others = [v for v in op.operands if v in self._tiles and v is not operand]
        if any(self._tiles[v].storage is tile.storage for v in others):
            return False
        return all(dies_at(v, op) for v in tile.storage.values)

    # small pieces

    def copy(self, dest: Tile, source: Tile) -> None:
        """Copy a whole tile, unless both are the same."""
        if dest == source:
            return
        self.copy_part(dest, source, 0, dest.shape[0] if dest.shape else 1)

    def copy_part(self, dest: Tile, source: Tile, dim: int, size: Index) -> None:
        """Copy the first `size` indices of dimension `dim`."""
        builder, order = self.emitter.builder, dest.walk_order
        views = (t.view(builder, order, {dim: size}) for t in (dest, source))
        builder.insert(CopyOp(*views))

    def extent(self, axis: Axis) -> int:
        """Number of PEs along an axis."""
        return self.emitter.extent(axis)
