"""Host arrays and rectangles of PEs: orders, broadcasts, strides and every check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyflame.errors import DTypeError, PyFlameError, ShapeError, SimulationError
from pyflame.runtime.host.sdkruntime import SdkRuntime
from pyflame.runtime.host.transfers import MemcpyDataType, MemcpyOrder, Region, to_blocks

Start = Callable[..., SdkRuntime]
ROW, COL = MemcpyOrder.ROW_MAJOR, MemcpyOrder.COL_MAJOR
BITS16, BITS32 = MemcpyDataType.MEMCPY_16BIT, MemcpyDataType.MEMCPY_32BIT


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.sampled_from(MemcpyOrder))
def test_orders_are_those_of_numpy(h: int, w: int, k: int, order: MemcpyOrder) -> None:
    tensor = np.arange(h * w * k, dtype=np.uint32).reshape(h, w, k)
    flat = tensor.ravel(order="C" if order is ROW else "F")
    np.testing.assert_array_equal(to_blocks(flat, Region(0, 0, w, h, k), order), tensor)


@pytest.mark.parametrize("sent", MemcpyOrder)
@pytest.mark.parametrize("received", MemcpyOrder)
def test_what_is_sent_comes_back(start: Start, sent: MemcpyOrder, received: MemcpyOrder) -> None:
    runtime = start()
    tensor = np.random.default_rng(0).random((2, 3, 4), np.float32)
    a = runtime.get_id("a")
    runtime.memcpy_h2d(
        a, tensor.ravel(order="C" if sent is ROW else "F"), 0, 0, 3, 2, 4,
        streaming=False, order=sent, data_type=BITS32, nonblock=False,
    )  # fmt: skip
    back = np.zeros(24, np.float32)
    runtime.memcpy_d2h(back, a, 0, 0, 3, 2, 4, order=received, data_type=BITS32)
    order = "C" if received is ROW else "F"
    np.testing.assert_array_equal(back.reshape(2, 3, 4, order=order), tensor)


def test_a_sub_rectangle_leaves_the_others_alone(start: Start) -> None:
    runtime = start()
    a = runtime.get_id("a")
    runtime.memcpy_h2d(a, np.array([7, 8], np.uint32), 1, 1, 2, 1, 1)
    back = np.zeros((2, 3, 1), np.uint32)
    runtime.memcpy_d2h(back, a, 0, 0, 3, 2, 1)
    assert back[:, :, 0].tolist() == [[0, 0, 0], [0, 7, 8]]


def test_the_first_elements_of_a_longer_array_count(start: Start) -> None:
    runtime = start()
    a = runtime.get_id("a")
    runtime.memcpy_h2d(a, np.arange(7, 20, dtype=np.uint32), 0, 0, 3, 1, 1)
    back = np.full((2, 4), 99, np.uint32)
    runtime.memcpy_d2h(back, a, 0, 0, 3, 1, 1)
    assert back.ravel().tolist() == [7, 8, 9, *[99] * 5]
    with pytest.raises(ShapeError, match="memcpy_h2d_rowbcast: src has 13 elements"):
        runtime.memcpy_h2d_rowbcast(a, np.arange(13, dtype=np.uint32), 0, 0, 3, 2, 1)


def test_16_bit_elements_use_the_low_half(start: Start) -> None:
    runtime = start()
    half = runtime.get_id("half")
    words = np.array([0xAAAA0001, 0xBBBB0002], np.uint32)
    runtime.memcpy_h2d(half, words, 0, 0, 1, 1, 2, data_type=BITS16)
    assert runtime.read_symbol(0, 0, "half", "uint16")[:3].tolist() == [1, 2, 0]
    back = np.full(2, 0xFFFFFFFF, np.uint32)
    runtime.memcpy_d2h(back, half, 0, 0, 1, 1, 2, data_type=BITS16)
    assert back.tolist() == [1, 2]


@pytest.mark.parametrize("order", MemcpyOrder)
def test_row_broadcast_repeats_a_column(start: Start, order: MemcpyOrder) -> None:
    runtime = start()
    a = runtime.get_id("a")
    source = np.array([[1, 2], [3, 4]], np.uint32)  # [h][k]
    flat = source.ravel(order="C" if order is ROW else "F")
    runtime.memcpy_h2d_rowbcast(a, flat, 0, 0, 3, 2, 2, order=order)
    back = np.zeros((2, 3, 2), np.uint32)
    runtime.memcpy_d2h(back, a, 0, 0, 3, 2, 2)
    np.testing.assert_array_equal(back, np.repeat(source[:, None], 3, axis=1))


@pytest.mark.parametrize("order", MemcpyOrder)
def test_column_broadcast_repeats_a_row(start: Start, order: MemcpyOrder) -> None:
    runtime = start()
    a = runtime.get_id("a")
    source = np.array([[1, 2], [3, 4], [5, 6]], np.uint32)  # [w][k]
    flat = source.ravel(order="C" if order is ROW else "F")
    runtime.memcpy_h2d_colbcast(a, flat, 0, 0, 3, 2, 2, order=order)
    back = np.zeros((2, 3, 2), np.uint32)
    runtime.memcpy_d2h(back, a, 0, 0, 3, 2, 2)
    np.testing.assert_array_equal(back, np.repeat(source[None], 2, axis=0))


def test_strides_skip_pes(start: Start) -> None:
    runtime = start()
    a = runtime.get_id("a")
    runtime.memcpy_h2d_stride(a, np.array([5, 6], np.uint32), 0, 0, 3, 1, 1, 2, 1)
    back = np.zeros((2, 3), np.uint32)
    runtime.memcpy_d2h(back, a, 0, 0, 3, 2, 1)
    assert back.tolist() == [[5, 0, 6], [0, 0, 0]]


def test_streams_pass_whole_words(start: Start) -> None:
    runtime = start(echo=lambda word: word + 1)
    words = np.array([0x10000, 0x20000], np.uint32)
    runtime.memcpy_h2d(4, words, 1, 0, 1, 1, 2, streaming=True, data_type=BITS16, nonblock=True)
    back = np.zeros(2, np.uint32)
    runtime.memcpy_d2h(back, 5, 1, 0, 1, 1, 2, streaming=True, data_type=BITS16)
    assert back.tolist() == [0x10001, 0x20001]


def good() -> dict[str, Any]:
    return {
        "dest": 0,
        "src": np.zeros(12, np.float32),
        "px": 0,
        "py": 0,
        "w": 3,
        "h": 2,
        "elem_per_pe": 2,
    }


MISTAKES: list[tuple[dict[str, Any], type[PyFlameError], str]] = [
    (
        {"src": np.zeros(12)},
        DTypeError,
        "memcpy_h2d: src has dtype float64; expected 4 bytes per element, such as float32, int32 "
        "or uint32 (use .astype)",
    ),
    (
        {"src": np.zeros(12, np.float16)},
        DTypeError,
        "memcpy_h2d: src has dtype float16; expected 4 bytes per element: 16-bit data travels in "
        "the low half of 32-bit words (cerebras.sdk.sdk_utils.input_array_to_u32 and memcpy_view "
        "convert)",
    ),
    (
        {"src": [0.0] * 12},
        DTypeError,
        "memcpy_h2d: src is a list; expected a NumPy array (np.asarray makes one)",
    ),
    (
        {"src": np.zeros(11, np.float32)},
        ShapeError,
        "memcpy_h2d: src has 11 elements; expected h × w × elem_per_pe = 2 × 3 × 2 = 12",
    ),
    (
        {"src": np.zeros((4, 3), np.float32).T},
        ShapeError,
        "memcpy_h2d: src of shape (3, 4) is not contiguous in memory; pass src.ravel() or "
        "np.ascontiguousarray(src)",
    ),
    (
        {"px": 1},
        ShapeError,
        "memcpy_h2d: 3 × 2 PEs at (1, 0) leave the program's rectangle of 3 × 2 PEs; columns run "
        "from 0 to 2, rows from 0 to 1",
    ),
    ({"w": 0}, ShapeError, "memcpy_h2d: w is 0; expected at least 1"),
    ({"h": 2.0}, DTypeError, "memcpy_h2d: h is 2.0; expected an integer"),
    (
        {"dest": 9},
        SimulationError,
        "memcpy_h2d: 9 is not the number of an exported symbol (get_id gives it); a colour needs "
        "streaming=True",
    ),
    ({"dest": "a"}, DTypeError, "memcpy_h2d: the symbol is given as 'a'; pass get_id('a')"),
    ({"dest": 3}, SimulationError, "memcpy_h2d: 'main' is a function; launch calls it"),
    (
        {"dest": 2},
        SimulationError,
        "memcpy_h2d: 'fixed' is a constant of pe.csl; export a var, or a pointer to one, to "
        "let the host write it",
    ),
    (
        {"elem_per_pe": 7, "src": np.zeros(42, np.float32)},
        ShapeError,
        "memcpy_h2d: 7 elements of 4 bytes do not fit 'a', an array of 6 f32 (24 bytes) in pe.csl",
    ),
    (
        {"streaming": True},
        SimulationError,
        "memcpy_h2d: 0 is not a streaming colour of this direction; the layout gives "
        "<memcpy/get_params> these: 4 (MEMCPYH2D_1)",
    ),
    (
        {"order": "ROW_MAJOR"},
        DTypeError,
        "memcpy_h2d: order is 'ROW_MAJOR'; expected one of MemcpyOrder.ROW_MAJOR, "
        "MemcpyOrder.COL_MAJOR",
    ),
    (
        {"blocking": True},
        SimulationError,
        "memcpy_h2d: unknown option blocking; expected streaming, data_type, order, nonblock",
    ),
]


@pytest.mark.parametrize(("change", "kind", "message"), MISTAKES)
def test_mistakes_are_named(
    start: Start, change: dict[str, Any], kind: type[PyFlameError], message: str
) -> None:
    runtime = start()
    with pytest.raises(kind) as caught:
        runtime.memcpy_h2d(**good() | change)
    assert str(caught.value) == message


def test_a_destination_has_to_be_writable(start: Start) -> None:
    dest = np.zeros(6, np.float32)
    dest.flags.writeable = False
    with pytest.raises(ShapeError) as caught:
        start().memcpy_d2h(dest, 0, 0, 0, 1, 1, 6)
    assert str(caught.value) == "memcpy_d2h: dest is read-only; pass an array that can be written"


def test_reading_beyond_an_array_is_only_warned_of(start: Start) -> None:
    runtime = start()
    with pytest.warns(RuntimeWarning, match="do not fit 'a', an array of 6 f32") as caught:
        runtime.memcpy_d2h(np.zeros(7, np.float32), 0, 0, 0, 1, 1, 7)
    assert caught[0].filename == __file__
