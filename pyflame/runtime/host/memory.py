"""Looking into PE memory: variables by name, and a dump of everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pyflame.errors import DTypeError, ShapeError, SimulationError, UnsupportedError
from pyflame.runtime.device import Device, Inspectable
from pyflame.runtime.fabric.image import Image, Program


def inspect(device: Device, call: str) -> Inspectable:
    """The device, if it can be looked into.

    Raises:
        UnsupportedError: it is not a simulator.
    """
    if not isinstance(device, Inspectable):
        raise UnsupportedError(f"{call} on this device", hint="only simulators show their insides")
    return device


def find_variable(image: Image, name: str) -> tuple[int, int]:
    """Address and bytes of a variable, given as ``name`` or ``file.csl:name``.

    Of variables of one name, that of the PE program's own file is meant.

    Raises:
        SimulationError: there is none.
    """
    variables = {entry[0]: entry[1:] for entry in image.memory_map}
    own = image.name.partition(" at ")[0]
    for known in (name, f"{own}:{name}", *variables):
        if known in variables and known.rpartition(":")[2] == name.rpartition(":")[2]:
            return variables[known]
    symbol = image.symbols.get(name)
    if symbol is not None and symbol.address >= 0:
        return symbol.address, symbol.size
    names = [*variables, *(s.name for s in image.symbols.values() if s.address >= 0)]
    known_names = ", ".join(names) or "none"
    raise SimulationError(f"{image.name} has no variable {name!r}; it has: {known_names}")


def read_variable(
    device: Device, program: Program, x: int, y: int, name: str, dtype: np.dtype[Any]
) -> np.ndarray:
    """The variable `name` of the PE at column `x`, row `y` of the program, as flat `dtype`.

    Raises:
        ShapeError: the PE is outside the program.
        SimulationError: its program has no variable of that name.
        DTypeError: the variable's bytes are no whole number of `dtype`.
    """
    if not (0 <= x < program.width and 0 <= y < program.height):
        raise ShapeError(
            f"PE ({x}, {y}) is outside the program's rectangle of "
            f"{program.width} × {program.height} PEs"
        )
    image = program.images[int(program.image_of[y * program.width + x])]
    address, size = find_variable(image, name)
    if size % dtype.itemsize:
        raise DTypeError(f"{name!r} has {size} bytes, which is no whole number of {dtype} elements")
    content = inspect(device, "read_symbol").read_memory(x, y, address, size)
    return np.frombuffer(bytearray(content), dtype)


def dump_memory(device: Device, program: Program, path: Path) -> None:
    """Write the memory of every PE, uint8 ``[rows, columns, bytes]``, as ``memory`` of a .npz."""
    from pyflame.arch import target

    peek = inspect(device, "dump_core")
    size = target(program.arch).memory_bytes
    memory = np.zeros((program.height, program.width, size), np.uint8)
    for y in range(program.height):
        for x in range(program.width):
            memory[y, x] = np.frombuffer(peek.read_memory(x, y, 0, size), np.uint8)
    with path.open("wb") as file:
        np.savez_compressed(file, memory=memory)
