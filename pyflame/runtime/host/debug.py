"""Looking into a program after it has run (emulates ``cerebras.sdk.debug.debug_util``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pyflame.errors import ShapeError, SimulationError
from pyflame.runtime.device import Device
from pyflame.runtime.fabric.image import Program
from pyflame.runtime.host.memory import inspect, read_variable
from pyflame.runtime.host.platform import reject_address
from pyflame.runtime.host.sdkruntime import SdkRuntime
from pyflame.runtime.host.session import current


class debug_util:
    """Variables and traces of the program that this script ran last from the directory `bindir`.

    Coordinates count from the north-west corner of the whole fabric, not of the program.
    """

    def __init__(self, bindir: str | Path, cmaddr: str | None = None) -> None:
        reject_address(cmaddr)
        self._directory = Path(bindir)
        runtime = current.latest(self._directory)
        if runtime is None or runtime.device is None:
            raise SimulationError(
                f"debug_util: this script has run no program from {str(bindir)!r}; "
                "load and run it with SdkRuntime first"
            )
        self._runtime: SdkRuntime = runtime
        self._device: Device = runtime.device

    @property
    def _program(self) -> Program:
        return self._runtime.program

    def _place(self, call: str, col: int, row: int) -> tuple[int, int]:
        """Column and row within the program of a place on the fabric."""
        x, y = col - self._program.offsets[0], row - self._program.offsets[1]
        if not (0 <= x < self._program.width and 0 <= y < self._program.height):
            first = self._program.offsets
            last = first[0] + self._program.width - 1, first[1] + self._program.height - 1
            raise ShapeError(
                f"{call}: ({col}, {row}) is outside the program, which takes "
                f"{first} to {last} of the fabric (--fabric-offsets counts)"
            )
        return x, y

    def get_symbol(self, col: int, row: int, symbol: str, dtype: Any) -> np.ndarray:
        """What the variable `symbol` of one PE holds, as a flat array of `dtype`."""
        x, y = self._place("get_symbol", col, row)
        return read_variable(self._device, self._program, x, y, symbol, np.dtype(dtype))

    def get_symbol_rect(
        self, rectangle: tuple[tuple[int, int], tuple[int, int]], symbol: str, dtype: Any
    ) -> np.ndarray:
        """`symbol` on ``((column, row), (width, height))``: ``[column, row, element]``."""
        (col, row), (width, height) = rectangle
        return np.array(
            [
                [self.get_symbol(col + i, row + j, symbol, dtype) for j in range(height)]
                for i in range(width)
            ]
        )

    def read_trace(self, px: int, py: int, name: str) -> list[Any]:
        """What the ``<debug>`` instance with the key `name` recorded on one PE, in order."""
        x, y = self._place("read_trace", px, py)
        return inspect(self._device, "read_trace").read_trace(x, y, name)
