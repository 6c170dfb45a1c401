"""What the host script does with arrays: tiles, words, comparison, cycles."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyflame.layout import MeshLayout, PECoord
from pyflame.lowering.emit import runner


def tensor(shape, split, extent, dtype="float32", root=(None, None)):
    tile = [n if a is None else -(-n // extent[a]) for n, a in zip(shape, split, strict=True)]
    dims = list(zip(split, tile, strict=True))
    return {"shape": list(shape), "dims": dims, "dtype": dtype, "storage": dtype, "root": root}


@st.composite
def placements(draw):
    rank = draw(st.integers(0, 3))
    shape = [draw(st.integers(1, 7)) for _ in range(rank)]
    axes = draw(st.permutations([0, 1, None, None]))[:rank]
    extent = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    return shape, axes, extent


@given(placements())
def test_tiles_go_back_to_the_array(placement):
    shape, split, extent = placement
    row = tensor(shape, split, extent)
    array = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
    tiles = runner.to_tiles(array, row, extent)
    assert tiles.shape[:2] == extent
    back = runner.from_tiles(tiles, row, extent)
    np.testing.assert_array_equal(back, array)
    assert back.shape == array.shape


def test_a_pe_holds_the_tile_that_the_layout_says():
    layout = MeshLayout(2, 3, "grid", (0, 1))
    array = np.arange(35, dtype=np.float32).reshape(5, 7)
    tiles = runner.to_tiles(array, tensor((5, 7), (0, 1), (2, 3)), (2, 3))
    rows, cols = layout.tile_shape((5, 7))
    for y in range(2):
        for x in range(3):
            m, n = layout.valid_extents((5, 7), PECoord(y, x))
            tile = tiles[y, x].reshape(rows, cols)[:m, :n]
            expected = array[y * rows : y * rows + m, x * cols : x * cols + n]
            np.testing.assert_array_equal(tile, expected)


def test_replicas_are_everywhere_and_fetched_from_the_root():
    row = tensor((2,), (None,), (2, 2), root=(None, 1))
    tiles = runner.to_tiles(np.array([1, 2], np.float32), row, (2, 2))
    assert tiles.tolist() == [[[1, 2]] * 2] * 2
    tiles[:, 0] = 9
    assert runner.from_tiles(tiles, row, (2, 2)).tolist() == [1, 2]


def test_16_bit_elements_travel_in_the_low_half_of_words():
    values = np.array([1.5, -2.0], np.float16)
    words = runner.to_words(values)
    assert words.dtype == np.uint32 and (words >> 16 == 0).all()
    np.testing.assert_array_equal(runner.from_words(words | 0xABCD0000, "float16"), values)


def test_cycles_are_differences_of_48_bit_stamps():
    start, end = 0x0001_FFFF_FFFF, 0x0002_0000_0010
    words = [[t & 0xFFFF, t >> 16 & 0xFFFF, t >> 32] for t in (start, end)]
    stamps = np.array(words, np.uint16).reshape(1, 1, 6)
    assert runner.cycles_of(stamps).tolist() == [[[0x11]]]


@pytest.mark.parametrize(
    "have, want, message",
    [
        (np.float32([1, 2]), np.float32([1, 2.1]), r"1 of 2 elements differ, first at \[1\]"),
        (np.float32([1]), np.float32([1, 2]), "has shape"),
        (np.float32([np.nan]), np.float32([1]), "differ"),
        (np.float32([np.inf, 1]), np.float32([-np.inf, 1]), "differ"),
    ],
)
def test_differences_are_named(have, want, message):
    (problem,) = runner.compare({"y": have}, {"y": want})
    assert re.search(message, problem)


def test_rounding_is_no_difference():
    want = np.float32([100.0, 1e-3, np.nan])
    assert runner.compare({"y": want * np.float32(1 + 1e-6)}, {"y": want}) == []


def test_a_missing_output_is_a_difference():
    assert runner.compare({}, {"y": np.float32([1])}) == [
        "output 'y' is expected but the program has none such"
    ]
