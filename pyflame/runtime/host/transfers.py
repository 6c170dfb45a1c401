"""How a flat host array maps to a rectangle of PEs: orders, broadcasts, strides, and the checks.

Inside, every transfer is ``[row, column, element]``; here stand the ways in which a host script
may lay that out in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from pyflame.errors import DTypeError, ShapeError


class MemcpyDataType(Enum):
    """Width of the elements of a copy. 16-bit elements travel in the low half of 32-bit words."""

    MEMCPY_16BIT = 0
    MEMCPY_32BIT = 1

    @property
    def bytes(self) -> int:
        """Bytes that one element takes in PE memory."""
        return 2 if self is MemcpyDataType.MEMCPY_16BIT else 4


class MemcpyOrder(Enum):
    """Order of a host array ``A[h][w][k]``: ROW_MAJOR k fastest (C), COL_MAJOR h fastest."""

    ROW_MAJOR = 0
    COL_MAJOR = 1


@dataclass(frozen=True)
class Region:
    """A rectangle of PEs and how many elements each takes part with.

    `columns` and `rows` are what the host array holds (1 along a broadcast axis); `width` and
    `height` what is touched on the fabric, with a step of `step_x`, `step_y`.
    """

    x: int
    y: int
    width: int
    height: int
    elements: int
    step_x: int = 1
    step_y: int = 1
    broadcast_x: bool = False
    broadcast_y: bool = False

    @property
    def columns(self) -> int:
        """Columns of PEs for which the host array holds data."""
        return 1 if self.broadcast_x else 1 + (self.width - 1) // self.step_x

    @property
    def rows(self) -> int:
        """Rows of PEs for which the host array holds data."""
        return 1 if self.broadcast_y else 1 + (self.height - 1) // self.step_y

    @property
    def size(self) -> int:
        """Elements of the host array."""
        return self.rows * self.columns * self.elements

    def __str__(self) -> str:
        return f"{self.width} × {self.height} PEs at ({self.x}, {self.y})"


def check_region(call: str, region: Region, width: int, height: int) -> None:
    """Check that `region` lies inside a program rectangle of `width` × `height`.

    Raises:
        ShapeError: a size is not positive, or the region leaves the rectangle.
    """
    sizes = {
        "w": region.width,
        "h": region.height,
        "elem_per_pe": region.elements,
        "row_stride": region.step_x,
        "col_stride": region.step_y,
    }
    for name, value in sizes.items():
        if value < 1:
            raise ShapeError(f"{call}: {name} is {value}; expected at least 1")
    inside = (
        region.x >= 0
        and region.y >= 0
        and region.x + region.width <= width
        and region.y + region.height <= height
    )
    if not inside:
        raise ShapeError(
            f"{call}: {region} leave the program's rectangle of {width} × {height} PEs; "
            f"columns run from 0 to {width - 1}, rows from 0 to {height - 1}"
        )


def check_array(call: str, name: str, array: Any, region: Region, *, writable: bool) -> np.ndarray:
    """Check that `array` is what a transfer of `region` needs and return it.

    Raises:
        DTypeError: it is not a NumPy array, or its elements are not 4 bytes wide.
        ShapeError: its size is wrong, it is not contiguous, or it cannot be written.
    """
    if not isinstance(array, np.ndarray):
        raise DTypeError(
            f"{call}: {name} is a {type(array).__name__}; expected a NumPy array "
            "(np.asarray makes one)"
        )
    if array.dtype.itemsize != 4 or array.dtype.kind not in "iuf":
        raise DTypeError(f"{call}: {name} has dtype {array.dtype}; {_dtype_advice(array.dtype)}")
    if not array.dtype.isnative:
        raise DTypeError(f"{call}: {name} has the byte order of another machine ({array.dtype})")
    if array.size != region.size:
        raise ShapeError(f"{call}: {name} has {array.size} elements; expected {_size_text(region)}")
    if not array.flags.c_contiguous:
        raise ShapeError(
            f"{call}: {name} of shape {array.shape} is not contiguous in memory; pass "
            f"{name}.ravel() or np.ascontiguousarray({name})"
        )
    if writable and not array.flags.writeable:
        raise ShapeError(f"{call}: {name} is read-only; pass an array that can be written")
    return array


def _size_text(region: Region) -> str:
    factors = (
        ("h", region.rows, region.broadcast_y),
        ("w", region.columns, region.broadcast_x),
        ("elem_per_pe", region.elements, False),
    )
    used = [(name, size) for name, size, broadcast in factors if not broadcast]
    names = " × ".join(name for name, _ in used)
    sizes = " × ".join(str(size) for _, size in used)
    return f"{names} = {sizes} = {region.size}"


def _dtype_advice(dtype: np.dtype[Any]) -> str:
    if dtype.itemsize == 2:
        return (
            "expected 4 bytes per element: 16-bit data travels in the low half of 32-bit words "
            "(cerebras.sdk.sdk_utils.input_array_to_u32 and memcpy_view convert)"
        )
    return "expected 4 bytes per element, such as float32, int32 or uint32 (use .astype)"


def to_blocks(flat: np.ndarray, region: Region, order: MemcpyOrder) -> np.ndarray:
    """`flat` as uint32 ``[rows, columns, elements]``; a view where the order allows it."""
    words = flat.reshape(-1).view(np.uint32)
    if order is MemcpyOrder.ROW_MAJOR:
        return words.reshape(region.rows, region.columns, region.elements)
    return words.reshape(region.elements, region.columns, region.rows).transpose(2, 1, 0)


def expand(blocks: np.ndarray, region: Region) -> np.ndarray:
    """Repeat the broadcast axes of `blocks` to the region's full size."""
    rows = region.height if region.broadcast_y else region.rows
    columns = region.width if region.broadcast_x else region.columns
    return np.broadcast_to(blocks, (rows, columns, region.elements))
