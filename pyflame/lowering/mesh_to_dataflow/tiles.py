"""Where a value's tile lies in a buffer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from xdsl.builder import Builder
from xdsl.ir import Attribute, SSAValue

from pyflame.dialects.dataflow.program import BufferOp
from pyflame.dialects.dataflow.types import DYNAMIC, MAX_RANK, ViewType, row_major
from pyflame.dialects.dataflow.vector import ViewOp
from pyflame.errors import Gap, UnsupportedError
from pyflame.lowering.mesh_to_dataflow import indexing
from pyflame.lowering.mesh_to_dataflow.indexing import Index


@dataclass(eq=False)
class Storage:
    """A buffer and the mesh values whose tiles it holds now (aliases of one another)."""

    buffer: BufferOp
    values: list[SSAValue] = field(default_factory=list)

    @property
    def element(self) -> Attribute:
        """Element type."""
        return self.buffer.type.element_type


@dataclass(frozen=True)
class Tile:
    """A tile of `shape` in a buffer: element (i, j, …) lies at ``base + offset + i·s₀ + j·s₁ + …``.

    `shape` is the whole tile, padding included. Where a tile starts may also depend on the PE's
    place: `places` holds (coordinate, elements per step) pairs, which every view computes anew,
    because a value of one phase is not known in the next.
    """

    storage: Storage
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    base: int = 0
    offset: SSAValue | None = None
    places: tuple[tuple[SSAValue, int], ...] = ()

    @property
    def is_row_major(self) -> bool:
        """Whether the tile is dense and in row-major order."""
        dense = row_major(self.shape)
        return all(
            n == 1 or s == d for n, s, d in zip(self.shape, self.strides, dense, strict=True)
        )

    @property
    def walk_order(self) -> tuple[int, ...]:
        """The dimensions from the slowest to the fastest in memory."""
        return tuple(sorted(range(len(self.shape)), key=lambda d: (-self.strides[d], d)))

    def at(self, builder: Builder, dim: int, start: Index, size: int) -> Tile:
        """The part of `size` elements of dimension `dim` from `start` on."""
        shape = (*self.shape[:dim], size, *self.shape[dim + 1 :])
        moved = indexing.mul(builder, start, self.strides[dim])
        if isinstance(moved, int):
            return replace(self, shape=shape, base=self.base + moved)
        offset = indexing.add(builder, self.offset if self.offset is not None else 0, moved)
        assert isinstance(offset, SSAValue)
        return replace(self, shape=shape, offset=offset)

    def part_of(self, dim: int, place: Index, size: int) -> Tile:
        """The part of `size` elements of dimension `dim` that the PE at `place` has."""
        shape = (*self.shape[:dim], size, *self.shape[dim + 1 :])
        step = size * self.strides[dim]
        if isinstance(place, int):
            return replace(self, shape=shape, base=self.base + place * step)
        return replace(self, shape=shape, places=(*self.places, (place, step)))

    def view(
        self,
        builder: Builder,
        order: Sequence[int] | None = None,
        sizes: Mapping[int, Index] | None = None,
    ) -> SSAValue:
        """A view that walks the dimensions in `order`, `sizes` in place of the whole ones."""
        order = range(len(self.shape)) if order is None else order
        walked = [(sizes or {}).get(d, self.shape[d]) for d in order]
        return make_view(builder, self, walked, [self.strides[d] for d in order])

    def expanded(
        self, builder: Builder, sizes: Sequence[Index], dims: Sequence[int | None]
    ) -> SSAValue:
        """A view of `sizes` whose dimension i runs along this tile's `dims[i]`; None repeats."""
        return make_view(builder, self, sizes, [0 if d is None else self.strides[d] for d in dims])


def make_view(
    builder: Builder, tile: Tile, sizes: Sequence[Index], strides: Sequence[int]
) -> SSAValue:
    """A view from where `tile` starts.

    Raises:
        UnsupportedError: it needs more dimensions than a descriptor has.
    """
    shape = [n if isinstance(n, int) else DYNAMIC for n in sizes]
    type = ViewType.get(tile.storage.element, shape, strides)
    if type.collapsed().rank > MAX_RANK:
        raise UnsupportedError(
            Gap(
                f"a view of {type.collapsed().rank} dimensions",
                f"buffer {tile.storage.buffer.sym_name.data}",
                f"a descriptor walks at most {MAX_RANK}; reshape or transpose in two steps",
            )
        )
    dynamic = [n for n in sizes if isinstance(n, SSAValue)]
    offset: Index = tile.offset if tile.offset is not None else 0
    for place, step in tile.places:
        offset = indexing.add(builder, offset, indexing.mul(builder, place, step))
    start = offset if isinstance(offset, SSAValue) else None
    return builder.insert(
        ViewOp(tile.storage.buffer.result, type, tile.base, start, dynamic)
    ).result


def permuted_strides(shape: Sequence[int], order: Sequence[int]) -> tuple[int, ...]:
    """Strides of a dense array whose dimensions lie in memory in `order`, slowest first."""
    strides = [0] * len(shape)
    step = 1
    for d in reversed(order):
        strides[d] = step
        step *= shape[d]
    return tuple(strides)
