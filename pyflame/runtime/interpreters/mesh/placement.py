"""Between a whole tensor and the tiles of all PEs: arrays ``[rows, cols, *tile]``.

Padding holds *poison*: NaN, or a conspicuous number for integers, so that padding that leaks
into a result shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyflame.dialects.mesh.attributes import Axis, LayoutAttr
from pyflame.errors import ShapeError, VerifyError
from pyflame.layout import COLS, ROWS

_INTEGER_POISON = 0x5A5A5A5A5A5A5A5A


def poison(dtype: np.dtype) -> Any:
    """What padding of `dtype` holds."""
    if dtype.kind == "f":
        return dtype.type(np.nan)
    if dtype.kind == "b":
        return np.bool_(True)
    bits = 8 * dtype.itemsize
    return np.array(_INTEGER_POISON & ((1 << bits) - 1), f"u{dtype.itemsize}").view(dtype)[()]


def axis_view(values: np.ndarray, axis: int, rank: int) -> np.ndarray:
    """`values` along axis `axis` of an array of `rank` dimensions, the others of size 1."""
    shape = [1] * rank
    shape[axis] = -1
    return values.reshape(shape)


def spoil(tiles: np.ndarray, layout: LayoutAttr, shape: Sequence[int]) -> np.ndarray:
    """Fill, in place, what `tiles` hold beyond a tensor of `shape`; returns `tiles`.

    That is what lies beyond a tile's valid extent, and everything on PEs that the layout says
    hold nothing.
    """
    bad = poison(tiles.dtype)
    rank = tiles.ndim
    for dim, axis in enumerate(layout.split):
        if axis is None or tiles.shape[2 + dim] * layout.extent(axis) == shape[dim]:
            continue
        tile = tiles.shape[2 + dim]
        first = axis_view(np.arange(layout.extent(axis)) * tile, axis, rank)
        index = first + axis_view(np.arange(tile), 2 + dim, rank)
        np.copyto(tiles, bad, where=index >= shape[dim])
    for axis, root in enumerate(layout.roots):
        if root is not None:
            elsewhere = axis_view(np.arange(layout.extent(axis)) != root, axis, rank)
            np.copyto(tiles, bad, where=elsewhere)
    return tiles


def valid(layout: LayoutAttr, shape: Sequence[int], dim: int) -> np.ndarray | None:
    """Mask over ``[rows, cols, *tile]`` of what is valid along `dim`; None: everything is."""
    axis = layout.split[dim]
    tile = layout.to_layout().tile_shape(shape)[dim]
    if axis is None or tile * layout.extent(axis) == shape[dim]:
        return None
    rank = 2 + len(shape)
    first = axis_view(np.arange(layout.extent(axis)) * tile, axis, rank)
    return first + axis_view(np.arange(tile), 2 + dim, rank) < shape[dim]


def distribute(array: np.ndarray, layout: LayoutAttr) -> np.ndarray:
    """Place a whole tensor: ``[rows, cols, *tile]``, padding poisoned.

    Raises:
        ShapeError: the layout is for another rank.
        VerifyError: the layout is partial, so there is no one way to place a value.
    """
    if array.ndim != len(layout.split):
        raise ShapeError(f"layout <{layout.body()}> on an array of shape {list(array.shape)}")
    if layout.partial_axes:
        raise VerifyError(f"cannot place a tensor in the partial layout <{layout.body()}>")
    tile = layout.to_layout().tile_shape(array.shape)
    counts = [1 if axis is None else layout.extent(axis) for axis in layout.split]
    padded = np.full(
        [c * t for c, t in zip(counts, tile, strict=True)], poison(array.dtype), array.dtype
    )
    padded[tuple(slice(n) for n in array.shape)] = array
    # Each dimension becomes (PEs, tile); the PE axes go to the front.
    blocks = padded.reshape([n for pair in zip(counts, tile, strict=True) for n in pair])
    order = [2 * layout.split.index(axis) for axis in (ROWS, COLS) if axis in layout.split]
    ones = [2 * dim for dim, axis in enumerate(layout.split) if axis is None]
    blocks = blocks.transpose(*order, *ones, *range(1, blocks.ndim, 2))
    leading = [layout.extent(axis) if axis in layout.split else 1 for axis in (ROWS, COLS)]
    tiles = np.broadcast_to(blocks.reshape(*leading, *tile), (*layout.rectangle, *tile)).copy()
    return spoil(tiles, layout, array.shape)


def collect(tiles: np.ndarray, layout: LayoutAttr, shape: Sequence[int]) -> np.ndarray:
    """The whole tensor of `shape` whose tiles are `tiles`; the inverse of `distribute`.

    Raises:
        VerifyError: the layout is partial, or replicas differ.
    """
    if layout.partial_axes:
        raise VerifyError(f"cannot fetch a tensor in the partial layout <{layout.body()}>")
    for axis in (ROWS, COLS):
        if axis not in layout.split:
            tiles = _one_replica(tiles, layout, axis)
    tile = tiles.shape[2:]
    # [rows, cols, *tile] with rows and cols moved before the tile dimension that they cut.
    order: list[int] = []
    for dim, axis in enumerate(layout.split):
        order += [2 + dim] if axis is None else [axis, 2 + dim]
    free = [axis for axis in (ROWS, COLS) if axis not in layout.split]
    blocks = tiles.transpose(*free, *order)
    counts = [1 if axis is None else layout.extent(axis) for axis in layout.split]
    padded = blocks.reshape([c * t for c, t in zip(counts, tile, strict=True)])
    return padded[tuple(slice(n) for n in shape)].copy()


def _one_replica(tiles: np.ndarray, layout: LayoutAttr, axis: int) -> np.ndarray:
    """The tiles at one position of an axis that cuts nothing."""
    root = layout.roots[axis]
    kept = np.take(tiles, [0 if root is None else root], axis=axis)
    if root is None and not np.array_equal(
        np.broadcast_to(kept, tiles.shape), tiles, equal_nan=tiles.dtype.kind == "f"
    ):
        raise VerifyError(
            f"replicas along {Axis.of(axis).value} differ in layout <{layout.body()}>"
        )
    return kept
