"""Arguments of a wrong type end in an error that names call and argument."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyflame.errors import DTypeError, InvalidModelError, LimitError, ShapeError
from pyflame.runtime.host.platform import SdkTarget
from pyflame.runtime.host.sdk_utils import input_array_to_u32, memcpy_view
from pyflame.runtime.host.sdklayout import CodeRegion, Color, Edge, RoutingPosition, SdkLayout
from pyflame.runtime.host.sdkruntime import SdkRuntime
from pyflame.runtime.host.streams import read_streams
from tests.runtime.host.layouts import region, routes


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: r.get_id([]), r"get_id: the name is \[\]; expected a text"),
        (lambda r: r.launch(None), "launch: the name is None; expected a text"),
        (lambda r: r.call({}, [1]), r"call: the name is \{\}; expected a text"),
        (
            lambda r: r.call("scale", 7),
            r"call of scale\(i16, f32\): the words are 7; expected a list",
        ),
        (
            lambda r: r.coord_logical_to_physical((1,)),
            r"coord_logical_to_physical: the place is \(1,\); expected two integers",
        ),
        (lambda r: r.coord_logical_to_physical((0.5, 0)), "the column is 0.5; expected an integer"),
        (lambda r: r.read_symbol(0, float("nan"), "a"), "read_symbol: y is nan; expected an int"),
        (lambda r: r.read_symbol(0, 0, "a", 7), "read_symbol is 7; expected a NumPy type"),
        (lambda r: r.read_symbol(0, 0, "a", object), "read_symbol is object; expected numbers"),
        (lambda r: r.read_symbol(0, 0, 3), "read_symbol: the name is 3; expected a text"),
        (lambda r: r.dump_core(None), "dump_core: the path is None; expected a text"),
    ],
)
def test_of_a_runtime(
    start: Callable[..., SdkRuntime], call: Callable[[SdkRuntime], Any], message: str
) -> None:
    with pytest.raises(DTypeError, match=message):
        call(start())


def test_a_stream_by_something_else(start: Callable[..., SdkRuntime]) -> None:
    with pytest.raises(RuntimeError, match=r"send: there is no stream \[\]; there are: none"):
        start().send([], np.zeros(1, np.uint32))  # type: ignore[arg-type]


OUT = Color("out")
LEAVE: list[RoutingPosition] = [routes("R", "")]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: r.place(1, "1"), "place of region 'r': y is '1'; expected an integer"),
        (lambda r: r.place(float("nan"), 0), "place of region 'r': x is nan"),
        (lambda r: r.set_param(None, "n", 1), "a place of region 'r' is None; expected two int"),
        (lambda r: r.set_param(("a", "b"), "n", 1), "the column is 'a'; expected an integer"),
        (lambda r: r.paint((0, 0.5), OUT, LEAVE), "the row is 0.5; expected an integer"),
        (lambda r: r.paint_range(3, OUT, LEAVE), "a rectangle of region 'r' is 3; expected two"),
        (
            lambda r: r.create_output_port(OUT, Edge.TOP, LEAVE, []),
            r"data_size of 'r_out' is \[\]; expected an integer",
        ),
        (
            lambda r: r.set_symbol_all("v", np.zeros(4, np.uint32), float("nan"), 2),
            "set_symbol_all of 'v' in region 'r': width is nan; expected an integer",
        ),
    ],
)
def test_of_a_region(call: Callable[[CodeRegion], Any], message: str) -> None:
    with pytest.raises(DTypeError, match=message):
        call(region(SdkLayout(SdkTarget.WSE3), "r", 0, 0, 2, 2))


def test_sizes_of_a_matrix_are_positive() -> None:
    grid = region(SdkLayout(SdkTarget.WSE3), "r", 0, 0, 2, 2)
    with pytest.raises(ShapeError, match="4 values as -2 × -2 do not spread"):
        grid.set_symbol_all("v", np.zeros(4, np.uint32), -2, -2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.create_code_region("a.csl", "r", 1.5, 1), "region 'r': width is 1.5"),
        (lambda s: s.connect(None, None), "connect: None is no port"),
        (lambda s: s.create_input_stream("p"), "create_input_stream: 'p' is no port"),
        (lambda s: s.create_input_stream_from_loc((0, 0), "c"), "'c' is not a Color"),
        (lambda s: s.create_input_stream_from_loc(3, OUT), "loc is 3; expected two integers"),
        (lambda s: s.hstack([region(s, "q", 0, 0)], 7), "the origin is 7; expected two integers"),
    ],
)
def test_of_a_layout(call: Callable[[SdkLayout], Any], message: str) -> None:
    with pytest.raises(DTypeError, match=message):
        call(SdkLayout(SdkTarget.WSE3))


def test_of_the_utilities() -> None:
    with pytest.raises(DTypeError, match="memcpy_view: datatype is 'no'; expected a NumPy type"):
        memcpy_view(np.zeros(2, np.uint32), "no")
    with pytest.raises(DTypeError, match="memcpy_view: arr is a NoneType; expected a NumPy array"):
        memcpy_view(None, np.uint16)  # type: ignore[arg-type]
    with pytest.raises(DTypeError, match="fast_dim_sz is inf; expected an integer"):
        input_array_to_u32(np.zeros(2, np.uint16), 1, float("inf"))  # type: ignore[arg-type]


def test_a_fast_dimension_longer_than_the_array() -> None:
    words = input_array_to_u32(np.array([7, 8], np.uint16), 1, 1 << 63)
    assert words.tolist() == [7, 8 | 1 << 16]


def test_a_place_in_a_file_of_streams(tmp_path: Path) -> None:
    (tmp_path / "streams.json").write_text(json.dumps({"origin": [0, float("inf")], "streams": {}}))
    with pytest.raises(InvalidModelError, match=r"streams\.json is damaged: cannot convert"):
        read_streams(tmp_path)


def test_a_file_of_streams_has_a_largest_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyflame.runtime.host.streams.MAX_BYTES", 10)
    (tmp_path / "streams.json").write_text(json.dumps({"origin": [0, 0], "streams": {}}))
    with pytest.raises(LimitError, match=r"streams\.json is larger than 10 bytes"):
        read_streams(tmp_path)
