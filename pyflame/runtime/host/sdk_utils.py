"""Helpers of host scripts for 16-bit data and time stamps (emulates ``cerebras.sdk.sdk_utils``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyflame.errors import DTypeError, ShapeError
from pyflame.runtime.host.checks import array, element_type, integer


def memcpy_view(arr: np.ndarray, datatype: Any) -> np.ndarray:
    """A view of the low bits of each element of a 32-bit array, as elements of `datatype`.

    The view has the shape of `arr` and shares its memory: writing to it fills the array that
    travels. `datatype` has 1, 2 or 4 bytes.

    Raises:
        DTypeError: `arr` is not 32 bits wide, or `datatype` is wider.
    """
    dtype = element_type("memcpy_view: datatype", datatype)
    if array("memcpy_view: arr", arr).dtype.itemsize != 4:
        raise DTypeError(f"memcpy_view: arr has dtype {arr.dtype}; expected 4 bytes per element")
    if dtype.itemsize not in (1, 2, 4):
        raise DTypeError(f"memcpy_view: datatype is {dtype}; expected 1, 2 or 4 bytes")
    low = np.dtype({"names": ["low"], "formats": [dtype], "offsets": [0], "itemsize": 4})
    return arr.view(low)["low"]


def input_array_to_u32(np_arr: np.ndarray, sentinel: int | None, fast_dim_sz: int) -> np.ndarray:
    """`np_arr` (2 or 4 bytes per element), flat, as the uint32 array that memcpy sends.

    16-bit elements go to the low half. With a `sentinel`, the upper half holds each element's
    index along the innermost dimension of `fast_dim_sz` elements; without (None), zero.

    Raises:
        DTypeError: elements of another size.
        ShapeError: `fast_dim_sz` is not positive.
    """
    flat = np.ascontiguousarray(np_arr).reshape(-1)
    if flat.dtype.itemsize == 4:
        return flat.view(np.uint32)
    if flat.dtype.itemsize != 2:
        raise DTypeError(
            f"input_array_to_u32: np_arr has dtype {flat.dtype}; expected 2 or 4 bytes per element"
        )
    words = flat.view(np.uint16).astype(np.uint32)
    if sentinel is None:
        return words
    if integer("input_array_to_u32: fast_dim_sz", fast_dim_sz) < 1:
        raise ShapeError(f"input_array_to_u32: fast_dim_sz is {fast_dim_sz}; expected at least 1")
    index = np.arange(flat.size, dtype=np.uint32) % np.uint32(min(fast_dim_sz, flat.size or 1))
    return words | (index << np.uint32(16))


def calculate_cycles(timestamp_buf: np.ndarray) -> np.int64:
    """Cycles between two time stamps packed in three 32-bit words.

    The words hold six 16-bit ones: three of the start, three of the end, low word first.

    Raises:
        ShapeError: `timestamp_buf` does not hold three words of 32 bits.
    """
    buffer = np.ascontiguousarray(timestamp_buf).reshape(-1)
    if buffer.size != 3 or buffer.dtype.itemsize != 4:
        raise ShapeError(
            f"calculate_cycles: timestamp_buf holds {buffer.size} elements of {buffer.dtype}; "
            "expected 3 of 32 bits"
        )
    words = buffer.view(np.uint16).astype(np.int64)
    start, end = (words[i] + (words[i + 1] << 16) + (words[i + 2] << 32) for i in (0, 3))
    return np.int64((end - start) % (1 << 48))
