"""Where a tensor lives: layouts on a rectangle of processing elements (PEs)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyflame.errors import LayoutError

ROWS, COLS = 0, 1
"""The two axes of a rectangle: axis 0 runs over its rows (y), axis 1 over its columns (x)."""


@dataclass(frozen=True)
class PECoord:
    """A processing element's place in its rectangle: `row` from the north, `col` from the west."""

    row: int
    col: int


@dataclass(frozen=True)
class MeshLayout:
    """How a tensor is distributed over a rectangle of `rows` × `cols` PEs.

    `split` says, for each tensor dimension, the rectangle axis over which that dimension is cut
    into equal tiles (`ROWS`, `COLS`), or None where every PE holds the whole dimension. An axis
    that no dimension uses holds replicas. A dimension of n elements over P PEs has tiles of
    ceil(n/P); the last tiles may be short or empty.

    `split=None` leaves the choice of dimensions open until the tensor's rank is known (see
    `for_rank`): the last two dimensions take rows and columns.
    """

    rows: int
    cols: int
    kind: str = "grid"
    split: tuple[int | None, ...] | None = None

    def __post_init__(self) -> None:
        if self.rows < 1 or self.cols < 1:
            raise LayoutError(f"a rectangle has at least 1×1 PEs, got {self.rows}×{self.cols}")
        if self.split is not None:
            used = [axis for axis in self.split if axis is not None]
            if len(used) != len(set(used)) or not set(used) <= {ROWS, COLS}:
                raise LayoutError(
                    f"split {self.split} names a rectangle axis twice or not in {{0, 1}}"
                )

    @staticmethod
    def single_pe() -> MeshLayout:
        """All data on one PE."""
        return MeshLayout(1, 1, "single_pe")

    @staticmethod
    def row_partition(n: int) -> MeshLayout:
        """The first dimension cut into `n` tiles, one per PE of a column of `n` PEs."""
        return MeshLayout(n, 1, "row_partition")

    @staticmethod
    def col_partition(n: int) -> MeshLayout:
        """The last dimension cut into `n` tiles, one per PE of a row of `n` PEs."""
        return MeshLayout(1, n, "col_partition")

    @staticmethod
    def grid(rows: int, cols: int) -> MeshLayout:
        """The last two dimensions cut into `rows` × `cols` tiles."""
        return MeshLayout(rows, cols, "grid")

    @property
    def rectangle(self) -> tuple[int, int]:
        """(rows, cols)."""
        return self.rows, self.cols

    def for_rank(self, rank: int) -> MeshLayout:
        """This layout with `split` decided for a tensor of `rank` dimensions.

        Raises:
            LayoutError: `split` is already decided for another rank.
        """
        if self.split is not None:
            if len(self.split) != rank:
                raise LayoutError(
                    f"a layout of {len(self.split)} dimensions on a tensor of rank {rank}"
                )
            return self
        split: list[int | None] = [None] * rank
        if self.kind == "row_partition" and rank:
            split[0] = ROWS
        elif self.kind == "col_partition" and rank:
            split[-1] = COLS
        elif self.kind == "grid" and rank:
            split[-1] = COLS
            if rank > 1:
                split[-2] = ROWS
        return MeshLayout(self.rows, self.cols, self.kind, tuple(split))

    def extent(self, axis: int) -> int:
        """Number of PEs along a rectangle axis (`ROWS` or `COLS`)."""
        return (self.rows, self.cols)[axis]

    def tile_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Shape of the tile that each PE holds of a tensor of `shape` (short tiles are padded)."""
        split = self.for_rank(len(shape)).split or ()
        return tuple(
            n if axis is None else -(-n // self.extent(axis))
            for n, axis in zip(shape, split, strict=True)
        )

    def valid_extents(self, shape: Sequence[int], pe: PECoord) -> tuple[int, ...]:
        """How much of each tile dimension holds real data on `pe`; the rest is padding."""
        split = self.for_rank(len(shape)).split or ()
        tile = self.tile_shape(shape)
        at = (pe.row, pe.col)
        return tuple(
            t if axis is None else max(0, min(t, n - at[axis] * t))
            for n, t, axis in zip(shape, tile, split, strict=True)
        )

    def __str__(self) -> str:
        if self.split is None:
            return f"MeshLayout.{self.kind}({self.rows}, {self.cols})"
        names = {None: "-", ROWS: "rows", COLS: "cols"}
        return f"{self.rows}×{self.cols}[{', '.join(names[axis] for axis in self.split)}]"
