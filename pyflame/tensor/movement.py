"""Shape operations and indexing as methods of tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import EllipsisType
from typing import Self

import numpy as np

from pyflame.dialects.pyflame import shapes
from pyflame.errors import ShapeError, UnsupportedError
from pyflame.tensor.arguments import Dims, naming, new_sizes, one_dim, reduced_dims, sizes
from pyflame.tensor.core import TensorCore

Index = int | slice | None | EllipsisType


class MovementMethods(TensorCore):
    """Methods that move elements and compute nothing."""

    __slots__ = ()

    def reshape(self, *new_shape: int | Sequence[int]) -> Self:
        """The same elements in row-major order as `new_shape`, one of which may be -1."""
        asked = sizes("reshape", new_shape[0] if len(new_shape) == 1 else new_shape)
        with naming("reshape"):
            shape = shapes.resolve_reshape(self._node.spec.shape, asked)
        return self._apply("reshape", shape=shape)

    def view(self, *new_shape: int | Sequence[int]) -> Self:
        """The same as `reshape`; PyFlame's tensors share no memory."""
        return self.reshape(*new_shape)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Self:
        """Dimensions `start_dim` to `end_dim`, inclusive, merged into one."""
        if self.ndim == 0:
            return self.reshape(1)
        start = one_dim("flatten", start_dim, self.ndim)
        end = one_dim("flatten", end_dim, self.ndim)
        if start > end:
            raise ShapeError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
        merged = int(np.prod(self.shape[start : end + 1], dtype=object))
        return self.reshape([*self.shape[:start], merged, *self.shape[end + 1 :]])

    def squeeze(self, dim: Dims = None) -> Self:
        """Without the dimensions of size 1: those in `dim`, or all. Others in `dim` stay."""
        dims = reduced_dims("squeeze", dim, self.ndim)
        kept = [n for axis, n in enumerate(self.shape) if n != 1 or axis not in dims]
        return self.reshape(kept)

    def unsqueeze(self, dim: int) -> Self:
        """With a new dimension of size 1 at `dim`."""
        at = one_dim("unsqueeze", dim, self.ndim + 1)
        return self.reshape([*self.shape[:at], 1, *self.shape[at:]])

    def transpose(self, dim0: int, dim1: int) -> Self:
        """Dimensions `dim0` and `dim1` swapped."""
        order = list(range(self.ndim))
        first = one_dim("transpose", dim0, self.ndim)
        second = one_dim("transpose", dim1, self.ndim)
        order[first], order[second] = second, first
        return self._apply("transpose", permutation=tuple(order))

    def permute(self, *dims: int | Sequence[int]) -> Self:
        """Dimension i of the result is dimension ``dims[i]``."""
        asked = sizes("permute", dims[0] if len(dims) == 1 else dims, "dims")
        order = tuple(one_dim("permute", dim, self.ndim) for dim in asked)
        with naming("permute"):
            shapes.permuted(self._node.spec.shape, order)
        return self._apply("transpose", permutation=order)

    @property
    def T(self) -> Self:
        """All dimensions in reverse order."""
        return self._apply("transpose", permutation=tuple(reversed(range(self.ndim))))

    @property
    def mT(self) -> Self:
        """The last two dimensions swapped."""
        return self.transpose(-2, -1)

    def broadcast_to(self, *shape: int | Sequence[int]) -> Self:
        """Repeated along new leading dimensions and dimensions of size 1."""
        asked = new_sizes("broadcast_to", shape[0] if len(shape) == 1 else shape)
        return self._apply("broadcast_to", shape=asked)

    def pad(self, low: Sequence[int], high: Sequence[int], value: float = 0) -> Self:
        """With `low` elements of `value` before and `high` after, per dimension."""
        number = float(value) if self.dtype.is_floating else value
        return self._apply(
            "pad", low=sizes("pad", low, "low"), high=sizes("pad", high, "high"), value=number
        )

    def __getitem__(self, index: Index | tuple[Index, ...]) -> Self:
        """Elements by basic indexing: integers, slices with positive steps, None, `...`.

        Raises:
            ShapeError: an integer is out of range, or there are too many indices.
            UnsupportedError: another kind of index, such as a tensor or a negative step.
        """
        entries = _expand(index, self.ndim)
        bounds: list[tuple[int, int, int]] = []
        shape: list[int] = []
        for entry in entries:
            if entry is None:
                shape.append(1)
                continue
            axis = len(bounds)
            start, stop, step = _bounds(entry, self.shape[axis], axis)
            bounds.append((start, stop, step))
            if isinstance(entry, slice):
                shape.append(-(-(stop - start) // step))
        result = self
        if bounds != [(0, n, 1) for n in self.shape]:
            starts, stops, steps = zip(*bounds, strict=True)
            result = self._apply("slice", starts=starts, stops=stops, steps=steps)
        return result if result.shape == shape else result.reshape(shape)

    def __iter__(self) -> Iterator[Self]:
        if not self.ndim:
            raise ShapeError("a tensor without dimensions cannot be iterated over")
        return (self[i] for i in range(self.shape[0]))


def _expand(index: Index | tuple[Index, ...], rank: int) -> list[int | slice | None]:
    """`index` with `...` and missing trailing dimensions written out as full slices."""
    given = index if isinstance(index, tuple) else (index,)
    refused = [entry for entry in given if not _is_basic(entry)]
    if refused:
        raise UnsupportedError(
            f"indexing with {type(refused[0]).__name__}",
            "indices are integers, slices with a positive step, None and ...",
        )
    taken = sum(entry is not None and entry is not ... for entry in given)
    if taken > rank:
        raise ShapeError(f"{taken} indices for a tensor of rank {rank}")
    ellipses = sum(entry is ... for entry in given)
    if ellipses > 1:
        raise ShapeError(f"an index has at most one ..., got {ellipses}")
    if not ellipses:
        given = (*given, ...)
    full = [slice(None)] * (rank - taken)
    result: list[int | slice | None] = []
    for entry in given:
        if isinstance(entry, EllipsisType):
            result.extend(full)
        else:
            result.append(entry)
    return result


def _is_basic(entry: object) -> bool:
    if isinstance(entry, bool | np.bool_):
        return False
    return entry is None or entry is ... or isinstance(entry, int | np.integer | slice)


def _bounds(entry: int | slice, size: int, axis: int) -> tuple[int, int, int]:
    """`entry` as start <= stop and a positive step within a dimension of `size`."""
    if isinstance(entry, slice):
        if entry.step is not None and entry.step < 1:
            raise UnsupportedError(
                f"a slice with step {entry.step}", "steps of slices must be positive"
            )
        start, stop, step = entry.indices(size)
        return start, max(start, stop), step
    position = int(entry)
    if not -size <= position < size:
        raise ShapeError(f"index {position} is out of range for dimension {axis} of size {size}")
    position %= size
    return position, position + 1, 1
