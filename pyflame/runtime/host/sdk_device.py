"""The SDK's own runtime as a device: its simulator, or a machine at an address."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pyflame.errors import UnsupportedError

ADDRESS_VARIABLE = "CEREBRAS_RUNTIME_ADDRESS"
"""Environment variable with the ``IP:port`` of a machine; without it the SDK simulates."""
RUNTIME_MODULE = "cerebras.sdk.runtime.sdkruntimepybind"


def open_sdk(directory: Path, *, address: str | None = None) -> SdkDevice:
    """Load and start the program that the SDK's `cslc` compiled into `directory`.

    `address` is the machine's ``IP:port``; None takes it from `ADDRESS_VARIABLE`.

    Raises:
        UnsupportedError: the SDK's Python packages are not installed.
    """
    try:
        module = importlib.import_module(RUNTIME_MODULE)
    except ImportError as error:
        raise UnsupportedError(
            f"device 'sdk' without the SDK: {RUNTIME_MODULE} cannot be imported",
            hint="run under the SDK's cs_python, or use the device 'simulator'",
        ) from error
    return SdkDevice(module, directory, address or os.environ.get(ADDRESS_VARIABLE) or None)


class SdkDevice:
    """Fulfils `Device` through an SdkRuntime. The SDK keeps commands in order by itself."""

    def __init__(self, module: Any, directory: Path, address: str | None) -> None:
        self._module = module
        self._runtime = module.SdkRuntime(str(directory), cmaddr=address)
        self._tasks: list[Any] = []
        self._sent: list[np.ndarray] = []  # a nonblocking send reads its array later
        self.width, self.height = _rectangle(directory)
        self._runtime.load()
        self._runtime.run()

    @property
    def cycles(self) -> int:
        """0: the SDK does not tell."""
        return 0

    def _options(self, dtype: np.dtype[Any], streaming: bool, nonblock: bool) -> dict[str, Any]:
        types, orders = self._module.MemcpyDataType, self._module.MemcpyOrder
        return {
            "streaming": streaming,
            "order": orders.ROW_MAJOR,
            "data_type": types.MEMCPY_16BIT if dtype.itemsize == 2 else types.MEMCPY_32BIT,
            "nonblock": nonblock,
        }

    def _send(self, target: int, values: np.ndarray, x: int, y: int, streaming: bool) -> None:
        rows, columns, elements = values.shape
        words = _widen(values)
        options = self._options(values.dtype, streaming, nonblock=streaming)
        task = self._runtime.memcpy_h2d(target, words, x, y, columns, rows, elements, **options)
        if streaming:
            self._tasks.append(task)
            self._sent.append(words)

    def write_symbol(self, name: str, values: np.ndarray, x: int = 0, y: int = 0) -> None:
        """Copy to an exported array; see `Device`."""
        self._send(self._runtime.get_id(name), values, x, y, streaming=False)

    def read_symbol_array(
        self, name: str, x: int, y: int, columns: int, rows: int, elements: int, dtype: Any
    ) -> np.ndarray:
        """Copy from an exported array; see `Device`."""
        kind = np.dtype(dtype)
        words = np.zeros(rows * columns * elements, np.uint32)
        self._runtime.memcpy_d2h(
            words, self._runtime.get_id(name), x, y, columns, rows, elements,
            **self._options(kind, streaming=False, nonblock=False),
        )  # fmt: skip
        bits = words.astype(np.uint16) if kind.itemsize == 2 else words
        return bits.view(kind).reshape(rows, columns, elements)

    def launch(self, name: str, arguments: Sequence[int] = ()) -> None:
        """Start a function; see `Device`."""
        words = np.array(arguments, np.uint32)
        self._tasks.append(self._runtime.call(name, words, nonblock=True))

    def wait(self) -> None:
        """Wait for everything that was started."""
        for task in self._tasks:
            self._runtime.task_wait(task)
        self._tasks.clear()
        self._sent.clear()

    def stream_in(self, color: int, values: np.ndarray, x: int = 0, y: int = 0) -> None:
        """Queue wavelets; see `Device`."""
        self._send(color, values, x, y, streaming=True)

    def settle(self) -> int:
        """0: the SDK delivers what was streamed in by itself."""
        return 0

    def stream_out(
        self, color: int, x: int, y: int, columns: int, rows: int, elements: int
    ) -> np.ndarray:
        """Wait for wavelets; see `Device`."""
        words = np.zeros(rows * columns * elements, np.uint32)
        options = self._options(words.dtype, streaming=True, nonblock=False)
        self._runtime.memcpy_d2h(words, color, x, y, columns, rows, elements, **options)
        return words.reshape(rows, columns, elements)

    def close(self) -> None:
        """End the program."""
        self.wait()
        self._runtime.stop()


def _widen(values: np.ndarray) -> np.ndarray:
    """Flat 32-bit words; 16-bit elements in the low halves."""
    flat = np.ascontiguousarray(values).reshape(-1)
    if flat.dtype.itemsize == 2:
        return flat.view(np.uint16).astype(np.uint32)
    return flat.view(np.uint32)


def _rectangle(directory: Path) -> tuple[int, int]:
    """Width and height that the program's `out.json` names, or its params; 0 when neither does."""
    import json

    facts = json.loads((directory / "out.json").read_text())
    rectangle = facts.get("rectangle") or facts.get("params", {})
    return int(rectangle.get("width", 0)), int(rectangle.get("height", 0))
