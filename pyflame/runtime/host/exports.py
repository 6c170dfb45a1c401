"""What a compiled program offers to the host: exported names, streaming colours, its rectangle."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from pyflame.errors import DTypeError, ShapeError, SimulationError
from pyflame.runtime.fabric.image import Image, Program, Symbol
from pyflame.runtime.host.checks import text
from pyflame.runtime.host.transfers import (
    MemcpyDataType,
    Region,
    check_region,
)


class Exports:
    """Names, places and colours in the calls of a host script, checked against the program.

    Every method takes the name of the call, for its messages.

    Raises:
        SimulationError: the program has no such name, function, variable or colour.
        DTypeError: an argument is of a wrong type.
        ShapeError: a variable is too short.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._names = list(program.exports)

    def number(self, call: str, symbol: str) -> int:
        """The number by which transfers name an exported symbol."""
        if text(f"{call}: the name", symbol) not in self._program.exports:
            raise SimulationError(f"{call}: {self.unknown(symbol)}")
        return self._names.index(symbol)

    def region(
        self,
        call: str,
        px: int,
        py: int,
        w: int,
        h: int,
        elements: int,
        *,
        step_x: int = 1,
        step_y: int = 1,
        broadcast_x: bool = False,
        broadcast_y: bool = False,
    ) -> Region:
        """The PEs that a transfer is about, checked against the program's rectangle."""
        numbers = {"px": px, "py": py, "w": w, "h": h, "elem_per_pe": elements}
        numbers |= {"row_stride": step_x, "col_stride": step_y}
        for name, value in numbers.items():
            if not isinstance(value, (int, np.integer)):
                raise DTypeError(f"{call}: {name} is {value!r}; expected an integer")
        x, y, width, height, count, step_x, step_y = map(int, numbers.values())
        region = Region(x, y, width, height, count, step_x, step_y, broadcast_x, broadcast_y)
        check_region(call, region, self._program.width, self._program.height)
        return region

    def color(self, call: str, color: Any, direction: str) -> int:
        """A streaming colour of one direction, ``"H2D"`` or ``"D2H"``."""
        known = {n: c for n, c in self._program.streaming.items() if direction in n}
        if color not in known.values():
            shown = ", ".join(f"{c} ({name})" for name, c in known.items()) or "none"
            raise SimulationError(
                f"{call}: {color!r} is not a streaming colour of this direction; the layout gives "
                f"<memcpy/get_params> these: {shown}"
            )
        return int(color)

    def variable(
        self, call: str, number: Any, region: Region, data_type: MemcpyDataType, *, writing: bool
    ) -> str:
        """The name of variable `number`, checked on every PE of `region`."""
        name = self._name(call, number)
        if self._program.exports[name][0]:
            raise SimulationError(f"{call}: {name!r} is a function; launch calls it")
        need = region.elements * data_type.bytes
        beyond = ""
        for image in self._images(region):
            symbol = self._symbol(call, image, name)
            if writing and not symbol.mutable:
                raise SimulationError(
                    f"{call}: {name!r} is a constant of {image.name}; "
                    "export a var, or a pointer to one, to let the host write it"
                )
            if need > symbol.size:
                message = (
                    f"{call}: {region.elements} elements of {data_type.bytes} bytes do not fit "
                    f"{name!r}, an array of {symbol.size // symbol.element.bytes} "
                    f"{symbol.element.name.lower()} ({symbol.size} bytes) in {image.name}"
                )
                if writing:
                    raise ShapeError(message)
                beyond = beyond or message
        if beyond:  # The hardware reads on into whatever follows, and published programs do so.
            warnings.warn(f"{beyond}; what follows it is read", RuntimeWarning, stacklevel=3)
        return name

    def parameters(self, call: str, name: str) -> tuple[Any, ...]:
        """The types of an exported function's parameters."""
        entry = self._program.exports.get(text(f"{call}: the name", name))
        if entry is None:
            raise SimulationError(f"{call}: {self.unknown(name)}")
        if not entry[0]:
            raise SimulationError(
                f"{call}: {name!r} is a variable of type {entry[1]}, not a function"
            )
        image = self._program.images[0]
        for image in self._images(Region(0, 0, self._program.width, self._program.height, 1)):
            self._symbol(call, image, name)
        return image.functions[image.symbols[name].function].parameters

    def unknown(self, symbol: Any) -> str:
        """What is said of a name that is not exported."""
        known = ", ".join(self._names) or "nothing"
        return (
            f"{symbol!r} is not exported (@export_name in the layout, @export_symbol in the PE "
            f"program); exported: {known}"
        )

    def _name(self, call: str, number: Any) -> str:
        if isinstance(number, str):
            raise DTypeError(f"{call}: the symbol is given as {number!r}; pass get_id({number!r})")
        if not isinstance(number, (int, np.integer)) or not 0 <= number < len(self._names):
            raise SimulationError(
                f"{call}: {number!r} is not the number of an exported symbol (get_id gives it); "
                "a colour needs streaming=True"
            )
        return self._names[int(number)]

    def _images(self, region: Region) -> list[Image]:
        width, height = self._program.width, self._program.height
        block = self._program.image_of.reshape(height, width)[
            region.y : region.y + region.height : region.step_y,
            region.x : region.x + region.width : region.step_x,
        ]
        return [self._program.images[i] for i in np.unique(block)]

    def _symbol(self, call: str, image: Image, name: str) -> Symbol:
        symbol = image.symbols.get(name)
        if symbol is None:
            at = int(np.argmax(self._program.image_of == self._program.images.index(image)))
            row, column = divmod(at, self._program.width)
            raise SimulationError(
                f"{call}: {name!r} is not exported by {image.name}, which runs on PE "
                f"({column}, {row}); every PE that takes part needs @export_symbol"
            )
        return symbol
