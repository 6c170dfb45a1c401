"""Helpers of host scripts."""

from __future__ import annotations

import numpy as np
import pytest

from pyflame.errors import DTypeError, ShapeError
from pyflame.runtime.host.sdk_utils import calculate_cycles, input_array_to_u32, memcpy_view


@pytest.mark.parametrize("dtype", [np.float16, np.int16, np.uint8, np.float32])
def test_a_view_fills_the_low_bits(dtype: type) -> None:
    container = np.zeros((2, 3), np.uint32)
    view = memcpy_view(container, np.dtype(dtype))
    view[1, 2] = 3
    assert view.shape == (2, 3)
    assert container[1, 2] == np.array(3, dtype).view(f"u{np.dtype(dtype).itemsize}")
    assert np.count_nonzero(container) == 1


def test_a_view_needs_32_bits() -> None:
    with pytest.raises(DTypeError, match="arr has dtype float64; expected 4 bytes per element"):
        memcpy_view(np.zeros(2), np.float16)
    with pytest.raises(DTypeError, match="datatype is float64; expected 1, 2 or 4 bytes"):
        memcpy_view(np.zeros(2, np.uint32), np.float64)


def test_16_bit_arrays_are_widened_with_or_without_index() -> None:
    data = np.array([-1, 2, 3, 4], np.int16)
    assert input_array_to_u32(data, None, 2).tolist() == [0xFFFF, 2, 3, 4]
    assert input_array_to_u32(data, 1, 2).tolist() == [0xFFFF, 0x10002, 3, 0x10004]
    with pytest.raises(ShapeError, match="fast_dim_sz is 0"):
        input_array_to_u32(data, 1, 0)


def test_32_bit_arrays_keep_their_bits() -> None:
    assert input_array_to_u32(np.array([[1.0]], np.float32), 1, 1).tolist() == [0x3F800000]
    with pytest.raises(DTypeError, match="expected 2 or 4 bytes"):
        input_array_to_u32(np.zeros(1), None, 1)


@pytest.mark.parametrize(("start", "end"), [(0, 5), (0xFFFF_FFFF, 0x1_0000_0010), (2**48 - 1, 4)])
def test_cycles_are_the_difference_of_48_bit_stamps(start: int, end: int) -> None:
    words = [(stamp >> shift) & 0xFFFF for stamp in (start, end) for shift in (0, 16, 32)]
    buffer = np.array(words, np.uint16).view(np.float32)
    assert calculate_cycles(buffer) == (end - start) % 2**48
    with pytest.raises(ShapeError, match="expected 3 of 32 bits"):
        calculate_cycles(buffer[:2])
