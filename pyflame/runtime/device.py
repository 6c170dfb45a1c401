"""What every device that runs a compiled program offers its host, and the table of devices.

A device is a program that has been loaded and started on a rectangle of processing elements
(PEs). Arrays that travel are indexed ``[row, column, element]``: the innermost axis is what one
PE holds. Element types are 16 or 32 bits wide; bits travel unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from pyflame.errors import UnsupportedError

Array = np.ndarray[Any, np.dtype[Any]]


@runtime_checkable
class Device(Protocol):
    """A loaded and started program, as the host sees it.

    Host commands run in the order in which they are given. `launch` and `stream_in` only start
    work; the other calls wait. `write_symbol` and `read_symbol_array` first wait for a running
    launch, as the command stream of the hardware does.
    """

    @property
    def width(self) -> int:
        """Columns of the program's rectangle."""
        ...

    @property
    def height(self) -> int:
        """Rows of the program's rectangle."""
        ...

    @property
    def cycles(self) -> int:
        """Clock cycles since the start; 0 on devices that do not count."""
        ...

    def write_symbol(self, name: str, values: Array, x: int = 0, y: int = 0) -> None:
        """Copy `values` ``[rows, columns, elements]`` to the start of the exported array `name`.

        `x`, `y` are column and row of the first PE.
        """
        ...

    def read_symbol_array(
        self,
        name: str,
        x: int,
        y: int,
        columns: int,
        rows: int,
        elements: int,
        dtype: np.dtype[Any] | type,
    ) -> Array:
        """The first `elements` elements of `name` as ``[rows, columns, elements]`` of `dtype`."""
        ...

    def launch(self, name: str, arguments: Sequence[int] = ()) -> None:
        """Start the exported function `name` on every PE.

        `arguments` are bit patterns, one per parameter. A launch waits for the one before it.
        """
        ...

    def wait(self) -> None:
        """Wait until every PE has unblocked its command stream.

        Raises:
            DeadlockError: nothing can move and a PE has not.
        """
        ...

    def stream_in(self, color: int, values: Array, x: int = 0, y: int = 0) -> None:
        """Queue wavelets ``[rows, columns, elements]`` for `color` at the PEs from (`x`, `y`)."""
        ...

    def settle(self) -> int:
        """Run until nothing moves, or long enough; how many streamed wavelets are still queued."""
        ...

    def stream_out(
        self, color: int, x: int, y: int, columns: int, rows: int, elements: int
    ) -> Array:
        """Wait for `elements` wavelets of `color` from each PE: uint32 [rows, columns, elements].

        Raises:
            DeadlockError: nothing can move and wavelets are missing.
        """
        ...


@runtime_checkable
class Inspectable(Protocol):
    """What a simulator shows beyond a `Device`. Coordinates are (column, row) in the program."""

    def read_memory(self, x: int, y: int, address: int, size: int) -> bytes:
        """`size` bytes of a PE's memory from `address`."""
        ...

    def read_trace(self, x: int, y: int, key: str) -> list[int | float | str]:
        """What the ``<debug>`` instance with this key recorded on a PE, in order."""
        ...

    def printed(self) -> Sequence[str]:
        """Lines of ``<simprint>`` so far, in order of cycles: ``"@968 text"``."""
        ...

    def leftovers(self) -> Sequence[str]:
        """What is wrong with the state that a program was stopped in, in words; none if it ended
        as it should."""
        ...

    def statistics(self) -> Sequence[tuple[str, str]]:
        """Rows of the report, name and value: utilisation, hottest router and queue …"""
        ...


Opener = Callable[..., Device]

_OPENERS: dict[str, Opener | str] = {
    "simulator": "pyflame.runtime.host.simulator:open_simulator",
    "sdk": "pyflame.runtime.host.sdk_device:open_sdk",
}


def register_device(name: str, opener: Opener | str) -> None:
    """Add a kind of device.

    `opener` takes the compiled directory and keyword options and returns a started `Device`; a
    string ``"module:function"`` is imported at first use.
    """
    _OPENERS[name] = opener


def device_names() -> tuple[str, ...]:
    """Names that `open_device` knows, in order of registration."""
    return tuple(_OPENERS)


def open_device(name: str, directory: str | Path, **options: Any) -> Device:
    """Load the compiled program in `directory` on the device `name` and start it.

    Raises:
        UnsupportedError: there is no device of that name.
    """
    opener = _OPENERS.get(name)
    if opener is None:
        known = ", ".join(_OPENERS)
        raise UnsupportedError(f"device {name!r}", hint=f"known devices: {known}")
    if isinstance(opener, str):
        module, function = opener.split(":")
        resolved: Opener = getattr(import_module(module), function)
        _OPENERS[name] = opener = resolved
    return opener(Path(directory), **options)
