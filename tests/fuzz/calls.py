"""Calls of the host API with arguments that no script should give, in any order."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from pyflame.errors import PyFlameError
from pyflame.runtime.host import sdk_utils, sdklayout, session
from pyflame.runtime.host.platform import get_simulator
from pyflame.runtime.host.sdkruntime import SdkRuntime
from pyflame.runtime.host.transfers import MemcpyDataType, MemcpyOrder

NUMBERS = (
    0, 1, 2, 3, 4, -1, 65535, 2**31, 2**32, 2**63, -(2**70), 1.0, 0.5, float("nan"), float("inf"),
    True, None, "1", np.int16(1), np.uint64(2**63), np.float32(1), [], (1, 2),
)  # fmt: skip
ARRAYS = (
    np.zeros(2, np.float32), np.zeros(8, np.uint32), np.zeros(3, np.float64), np.zeros(0, np.int32),
    np.zeros((2, 2), np.uint16), np.zeros((4, 4), np.uint32)[:, ::2], np.zeros(2, object),
    np.frombuffer(b"12345678", np.uint32), np.zeros(2, ">u4"), np.array(1, np.uint32),
    np.full(8, np.nan, np.float32), np.zeros(2, [("a", "u4")]), [1, 2], None, 3, "ab",
)  # fmt: skip
NAMES = ("values", "total", "scale", "hang", "", "none", "../x", 0, 1, 2, -1, None, 1.5, [], "\0")
OPTIONS: tuple[Mapping[str, Any], ...] = (
    {}, {}, {"nonblock": True}, {"streaming": True}, {"streaming": 7}, {"order": 3},
    {"order": MemcpyOrder.COL_MAJOR, "data_type": MemcpyDataType.MEMCPY_16BIT}, {"other": 1},
    {"data_type": None},
)  # fmt: skip

Pools = Sequence[Sequence[Any]]
_SMALL = (0, 0, 0, 1, 1, 2, *NUMBERS)
_RECTANGLE: Pools = (_SMALL, _SMALL, _SMALL, _SMALL, _SMALL)

RUNTIME: Mapping[str, Pools] = {
    "load": (), "run": (), "stop": (), "write_log": (),
    "get_id": (NAMES,),
    "launch": (NAMES, NUMBERS, NUMBERS),
    "call": (NAMES, ((), (1,), (1, 2), (2**40, 1), None, 7, "ab")),
    "memcpy_h2d": (NAMES, ARRAYS, *_RECTANGLE),
    "memcpy_h2d_rowbcast": (NAMES, ARRAYS, *_RECTANGLE),
    "memcpy_h2d_colbcast": (NAMES, ARRAYS, *_RECTANGLE),
    "memcpy_h2d_stride": (NAMES, ARRAYS, *_RECTANGLE, _SMALL, _SMALL),
    "memcpy_d2h": (ARRAYS, NAMES, *_RECTANGLE),
    "read_symbol": (_SMALL, _SMALL, NAMES, ("uint8", "f4", "object", "no", None, np.int64, 7)),
    "coord_logical_to_physical": (((0, 0), (1,), None, (1, 2, 3), ("a", "b"), (-1, 2**70)),),
    "get_port_id": (NAMES,), "report_port_infos": (),
    "send": (NAMES, ARRAYS, NUMBERS), "receive": (NAMES, ARRAYS, NUMBERS),
    "task_wait": ((None, 1, "a"),), "is_task_done": ((None, 1, "a"),),
    "dump_core": (("core", "", "no/such/folder/core", None, 3),),
}  # fmt: skip
"""Methods of a runtime, and what is passed at each place."""

_ROUTE = sdklayout.Route
_ROUTES = (
    [sdklayout.RoutingPosition().set_input([_ROUTE.RAMP])],
    [sdklayout.RoutingPosition().set_output([_ROUTE.RAMP])],
    [sdklayout.RoutingPosition().set_input([_ROUTE.WEST]).set_output([_ROUTE.EAST])],
    [sdklayout.RoutingPosition()] * 9, [], None, 3, ["EAST"],
)  # fmt: skip
_EDGES = (*sdklayout.Edge, None, "TOP")
_COLORS = (
    sdklayout.Color("a"), sdklayout.Color("a", 3), sdklayout.Color("b"), None, 3, "a",
)  # fmt: skip
_PLACES = (sdklayout.IntVector(0, 0), (1, 0), (5, 5), (-1, 0), (0.5, 0), None, 3, ("a", "b"))
_RANGES = (
    sdklayout.IntRectangle(sdklayout.IntVector(0, 0), sdklayout.IntVector(1, 1)),
    ((0, 0), (2, 2)), ((0, 0), (2**40, 2**40)), ((1, 1), (0, 0)), None, 3,
)  # fmt: skip

REGION: Mapping[str, Pools] = {
    "place": (_SMALL, _SMALL), "color": (NAMES, NUMBERS),
    "set_param_all": (("size", "number", *NAMES), NUMBERS),
    "set_param": (_PLACES, ("size", *NAMES), NUMBERS),
    "set_param_range": (_RANGES, ("size", *NAMES), NUMBERS),
    "set_symbol_all": (NAMES, ARRAYS, _SMALL, _SMALL),
    "paint": (_PLACES, _COLORS, _ROUTES), "paint_all": (_COLORS, _ROUTES),
    "paint_range": (_RANGES, _COLORS, _ROUTES),
    "create_input_port": (_COLORS, _EDGES, _ROUTES, NUMBERS),
    "create_output_port": (_COLORS, _EDGES, _ROUTES, NUMBERS),
}  # fmt: skip
"""Methods of a region."""

UTILS: Mapping[str, Pools] = {
    "memcpy_view": (ARRAYS, (np.uint16, np.float64, "no", None)),
    "input_array_to_u32": (ARRAYS, (None, 0, 1, -1, 2**40), NUMBERS),
    "calculate_cycles": (ARRAYS,),
}
"""Functions of `sdk_utils`."""


@dataclass(frozen=True)
class Call:
    """A method of the object `of`, and its arguments."""

    of: str
    name: str
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]

    def __str__(self) -> str:
        given = [repr(a) for a in self.arguments]
        given += [f"{k}={v!r}" for k, v in self.options.items()]
        return f"{self.of}.{self.name}({', '.join(given)})"


def _calls(of: str, table: Mapping[str, Pools], options: Sequence[Any]) -> st.SearchStrategy[Call]:
    strategies = [
        st.builds(
            Call,
            st.just(of),
            st.just(name),
            st.tuples(*map(_values, pools)),
            _values(options if name.startswith("memcpy_") else [{}]),
        )
        for name, pools in table.items()
    ]
    return st.one_of(strategies)


def _values(pool: Sequence[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, len(pool) - 1).map(lambda i: pool[i])


def scripts() -> st.SearchStrategy[tuple[bool, list[Call]]]:
    """Calls one after the other; whether the runtime is loaded and running before them."""
    some = st.lists(
        st.one_of(
            _calls("runtime", RUNTIME, OPTIONS), _calls("region", REGION, [{}]),
            _calls("utils", UTILS, [{}]),
        ), min_size=1, max_size=6,
    )  # fmt: skip
    return st.tuples(st.booleans(), some)


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """Small limits for the runtimes made here, which are forgotten at the end."""
    current = session.current
    before = current.max_cycles, current.max_instructions, list(current.runtimes)
    current.max_cycles = current.max_instructions = 20_000
    try:
        yield
    finally:
        current.max_cycles, current.max_instructions, current.runtimes = before


def perform(compiled: Path, ready: bool, calls: Sequence[Call]) -> list[str]:
    """Make the calls; the class of the error that refused each, or ``""``.

    Raises:
        WrongError: an error that is neither a PyFlameError nor one of the file system.
    """
    outcomes = []
    with limited(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runtime = SdkRuntime(compiled)
        region = sdklayout.SdkLayout(get_simulator()).create_code_region("add.csl", "r", 2, 2)
        objects = {"runtime": runtime, "region": region, "utils": sdk_utils}
        if ready:
            runtime.load()
            runtime.run()
        for call in calls:
            try:
                getattr(objects[call.of], call.name)(*call.arguments, **call.options)
                outcomes.append("")
            except (PyFlameError, OSError) as error:
                outcomes.append(type(error).__name__)
                if not str(error).strip():
                    raise WrongError(f"{call}: an error without a message") from error
            except Exception as error:
                raise WrongError(f"{call}: {type(error).__name__}: {error}") from error
    return outcomes


class WrongError(Exception):
    """A call ended in an error that tells a user nothing; the text holds the call."""
