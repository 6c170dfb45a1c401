"""Running a compiled program on the simulator, from its text, in this process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from pyflame.arch import TARGETS
from pyflame.errors import ShapeError
from pyflame.lowering.emit.host import HostProgram, HostTensor, host_program
from pyflame.lowering.emit.printer import print_files
from pyflame.lowering.emit.runner import STAMP_WORDS, cycles_of, from_tiles, to_tiles
from pyflame.runtime.csl import compile_program
from pyflame.runtime.device import Device
from pyflame.runtime.host.simulator import open_simulator


@dataclass(frozen=True)
class Simulation:
    """Results of a run by name, and the cycles of each interval between time stamps.

    `cycles` is int64 [rows, columns, intervals]; `labels` says what each interval was.
    """

    outputs: dict[str, np.ndarray]
    cycles: np.ndarray
    labels: tuple[str, ...]

    @property
    def total_cycles(self) -> int:
        """Cycles from the start to the end of the program on the slowest PE."""
        return int(self.cycles.sum(axis=-1).max())


def simulate(module: ModuleOp, inputs: Mapping[str, np.ndarray], **options: Any) -> Simulation:
    """Print a module at the csl level, read the text back and run it on the simulator.

    `options` are those of the simulator: `timing`, `shuffle_seed`, `max_cycles`.

    Raises:
        ShapeError: an input is missing or does not fit.
        PyFlameError: the program is refused, or breaks a rule of the machine.
    """
    program = host_program(module)
    with TemporaryDirectory(prefix="pyflame-") as directory:
        for name, text in print_files(module).items():
            (Path(directory) / name).write_text(text, encoding="utf-8")
        return _run(Path(directory), program, inputs, options)


def _run(
    directory: Path,
    program: HostProgram,
    inputs: Mapping[str, np.ndarray],
    options: Mapping[str, Any],
) -> Simulation:
    arch = TARGETS[program.target]
    margin, offset = arch.memcpy_margin, arch.memcpy_offset
    compiled = compile_program(
        directory / "layout.csl",
        arch=program.target,
        fabric_dims=(program.cols + margin[0], program.rows + margin[1]),
        fabric_offsets=offset,
    )
    device = open_simulator(directory, program=compiled, **options)
    extent = program.rows, program.cols
    for tensor in program.inputs:
        array = _checked(tensor, inputs)
        device.write_symbol(tensor.symbol, to_tiles(array, tensor.row(), extent))
    device.launch("main")
    device.wait()
    outputs = {
        tensor.name: from_tiles(
            _fetch(device, program, tensor.symbol, prod(tensor.tile), tensor.storage),
            tensor.row(),
            extent,
        )
        for tensor in program.outputs
    }
    words = STAMP_WORDS * len(program.stamps)
    stamps = _fetch(device, program, "times", words, "uint16")
    return Simulation(outputs, cycles_of(stamps), program.stamps[1:])


def _fetch(
    device: Device, program: HostProgram, symbol: str, elements: int, dtype: str
) -> np.ndarray:
    return device.read_symbol_array(
        symbol, 0, 0, program.cols, program.rows, elements, np.dtype(dtype)
    )


def _checked(tensor: HostTensor, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    if tensor.name not in inputs:
        raise ShapeError(f"input {tensor.name!r} is missing; given are {', '.join(inputs)}")
    array = np.asarray(inputs[tensor.name])
    if array.shape != tensor.shape or str(array.dtype) != tensor.dtype:
        raise ShapeError(
            f"input {tensor.name!r} is {array.dtype} of shape {list(array.shape)}, expected "
            f"{tensor.dtype} of shape {list(tensor.shape)}"
        )
    return array
