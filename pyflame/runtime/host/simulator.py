"""The fabric simulator as a device."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pyflame.errors import SimulationError
from pyflame.runtime.fabric.floats import half_value
from pyflame.runtime.fabric.image import Program
from pyflame.runtime.fabric.isa import PrintKind, Type
from pyflame.runtime.fabric.limits import MAX_CYCLES, MAX_INSTRUCTIONS
from pyflame.runtime.host.artifact import read_artifact

if TYPE_CHECKING:
    from pyflame.runtime.fabric.machine import Machine, Stream
    from pyflame.runtime.fabric.output import Record
    from pyflame.runtime.fabric.trace.recorder import Recording

TIMINGS = ("model", "unit")
"""Cycle costs: the architecture's model, or one cycle for everything."""

SETTLE_CYCLES = 1 << 20
"""Cycles that `settle` runs at most."""


def open_simulator(
    directory: Path,
    *,
    program: Program | None = None,
    timing: str = "model",
    shuffle_seed: int | None = None,
    max_cycles: int = MAX_CYCLES,
    max_instructions: int = MAX_INSTRUCTIONS,
    check_bounds: bool = True,
    recording: Recording | None = None,
) -> Simulator:
    """The simulator, running the program of `directory` (or `program`, if it is read already).

    It stops a program after `max_cycles`, and a task after `max_instructions` of its own.

    Without `check_bounds` accesses may leave their arrays, as on the hardware, but not the PE's
    memory. With `recording` it keeps what a trace page and the full report need.

    Raises:
        SimulationError: `timing` is unknown.
    """
    if timing not in TIMINGS:
        raise SimulationError(f"timing is {timing!r}; expected one of {', '.join(TIMINGS)}")
    from pyflame.runtime.fabric.machine import Machine

    program = program if program is not None else read_artifact(directory)
    machine = Machine(
        program,
        timing=timing,
        shuffle_seed=shuffle_seed,
        max_cycles=max_cycles,
        max_instructions=max_instructions,
        check_bounds=check_bounds,
        recording=recording,
    )
    return Simulator(program, machine)


class Simulator:
    """Fulfils `Device` and `Inspectable` with a machine."""

    def __init__(self, program: Program, machine: Machine) -> None:
        self.program = program
        self.machine = machine
        self.width, self.height = program.width, program.height
        self._inputs: list[Stream] = []
        self._outputs: dict[tuple[int, ...], Stream] = {}

    @property
    def cycles(self) -> int:
        """Clock cycles of the fabric, host transfers not counted."""
        return self.machine.cycles

    def write_symbol(self, name: str, values: np.ndarray, x: int = 0, y: int = 0) -> None:
        """Copy to an exported array; see `Device`."""
        self.machine.complete()
        bits = np.ascontiguousarray(values)
        self.machine.write_symbol(name, x, y, bits.view(f"u{bits.itemsize}"))

    def read_symbol_array(
        self, name: str, x: int, y: int, columns: int, rows: int, elements: int, dtype: Any
    ) -> np.ndarray:
        """Copy from an exported array; see `Device`."""
        self.machine.complete()
        size = elements * np.dtype(dtype).itemsize
        if any(0 <= i.symbols[name].size < size for i in self.program.images if name in i.symbols):
            return self._read_beyond(name, x, y, columns, rows, size).view(dtype)
        return self.machine.read_symbol_array(name, x, y, columns, rows, elements, dtype)

    def _read_beyond(
        self, name: str, x: int, y: int, columns: int, rows: int, size: int
    ) -> np.ndarray:
        """Bytes from the start of an array on, whatever follows it: ``[rows, columns, size]``."""
        content = np.zeros((rows, columns, size), np.uint8)
        for row, column in np.ndindex(rows, columns):
            pe = (y + row) * self.width + x + column
            symbol = self.program.images[int(self.program.image_of[pe])].symbols[name]
            found = self.machine.read(x + column, y + row, symbol.address, size)
            content[row, column] = np.frombuffer(found, np.uint8)
        return content

    def launch(self, name: str, arguments: Sequence[int] = ()) -> None:
        """Start a function; see `Device`."""
        symbol = self.machine.symbol(name)
        image = next(i for i in self.program.images if i.symbols.get(name) is symbol)
        kinds = image.functions[symbol.function].parameters
        values = [register_value(k, bits) for k, bits in zip(kinds, arguments, strict=True)]
        self.machine.begin_launch(name, values)

    def wait(self) -> None:
        """Wait for the running launch; see `Device`."""
        self.machine.complete()

    def stream_in(self, color: int, values: np.ndarray, x: int = 0, y: int = 0) -> None:
        """Queue wavelets; see `Device`."""
        self._inputs.append(self.machine.stream_in(color, x, y, values))

    def settle(self) -> int:
        """Run until nothing moves, see `Device`; programs that never rest get a while."""
        self.machine.settle(SETTLE_CYCLES)
        self._inputs = [stream for stream in self._inputs if not stream.done]
        return sum(self.machine.stream_left(stream) for stream in self._inputs)

    def stream_out(
        self, color: int, x: int, y: int, columns: int, rows: int, elements: int
    ) -> np.ndarray:
        """Wait for wavelets; see `Device`. A call that failed for a deadlock may be repeated."""
        key = (color, x, y, columns, rows, elements)
        if key not in self._outputs:
            self._outputs[key] = self.machine.stream_out(*key)
        values = self.machine.wait(self._outputs[key]).copy()
        del self._outputs[key]
        return values

    # Looking inside

    def read_memory(self, x: int, y: int, address: int, size: int) -> bytes:
        """Bytes of a PE's memory; see `Inspectable`."""
        return self.machine.read(x, y, address, size)

    def read_trace(self, x: int, y: int, key: str) -> list[int | float | str]:
        """Records of a ``<debug>`` instance; see `Inspectable`."""
        return [
            self._recorded(record)
            for record in self.machine.trace
            if (record.x, record.y, record.key) == (x, y, key)
        ]

    def _recorded(self, record: Record) -> int | float | str:
        match PrintKind(record.kind):
            case PrintKind.STRING:
                return record.text
            case PrintKind.F32:
                return float(np.uint32(record.value & 0xFFFFFFFF).view(np.float32))
            case PrintKind.F16:
                return half_value(record.value, self.program.half)
            case PrintKind.BOOL:
                return bool(record.value)
            case PrintKind.TIMESTAMP:
                return record.cycle
            case _:
                return record.value

    def printed(self) -> list[str]:
        """Lines of ``<simprint>``; see `Inspectable`."""
        return [str(line) for line in self.machine.output]

    def leftovers(self) -> list[str]:
        """Wavelets that nobody took; see `Inspectable`."""
        return self.machine.leftovers()

    def statistics(self) -> list[tuple[str, str]]:
        """Rows of the report; see `Inspectable`."""
        from pyflame.runtime.host.statistics import machine_statistics

        return machine_statistics(self.machine)


def register_value(kind: Type, bits: int) -> int:
    """The canonical register value of a bit pattern: sign-extended for signed integers."""
    width = 8 * kind.bytes
    signed = kind in (Type.I8, Type.I16, Type.I32, Type.I64)
    return bits - (1 << width) if signed and bits >> (width - 1) else bits
