"""A device without a fabric: variables as bytes, functions as Python."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pyflame.errors import DeadlockError
from pyflame.runtime.fabric.image import Function, Image, Program, Symbol
from pyflame.runtime.fabric.isa import Op, Type

SYMBOLS = {
    "a": Symbol("a", address=0, size=24, element=Type.F32),
    "half": Symbol("half", address=24, size=16, element=Type.F16),
    "fixed": Symbol("fixed", address=40, size=8, element=Type.U32, mutable=False),
    "main": Symbol("main", function=0),
    "scale": Symbol("scale", function=1),
}
H2D, D2H = 4, 5


def make_program(width: int = 3, height: int = 2, arch: str = "wse2") -> Program:
    """A program with variables a (6 f32), half (8 f16), fixed (2 u32, read-only), functions main()
    and scale(i16, f32), and one streaming colour each way."""
    image = Image(
        name="pe.csl",
        code=np.array([[Op.RET, 0, -1, 0, 0, 0]] * 2, np.int64),
        functions=[
            Function("main", 0, 1),
            Function("scale", 1, 3, (Type.I16, Type.F32)),
        ],
        memory=np.zeros(48, np.uint8),
        data_end=48,
        symbols=dict(SYMBOLS),
        memory_map=[("a_array", 0, 24), ("hidden", 44, 4)],
    )
    pes = width * height
    return Program(
        arch=arch,
        width=width,
        height=height,
        images=[image],
        image_of=np.zeros(pes, np.int32),
        route_of=np.full((pes, 24), -1, np.int32),
        exports={
            "a": (False, "[*]f32"),
            "half": (False, "[*]f16"),
            "fixed": (False, "[*]u32"),
            "main": (True, "fn()void"),
            "scale": (True, "fn(i16,f32)void"),
        },
        params={"N": "6"},
        fabric=(width + 7, height + 2),
        offsets=(4, 1),
        streaming={"MEMCPYH2D_1": H2D, "MEMCPYD2H_1": D2H},
    )


class FakeDevice:
    """Fulfils `Device`. `functions` do the work of a launch, called as ``f(device, arguments)``;
    one that returns False has not unblocked yet and is called again. What is streamed in goes
    through `echo` to the colour D2H."""

    def __init__(
        self,
        program: Program,
        functions: dict[str, Callable[[FakeDevice, Sequence[int]], bool | None]] | None = None,
        echo: Callable[[int], int] = lambda word: word,
    ) -> None:
        self.program = program
        self.width, self.height, self.cycles = program.width, program.height, 0
        self.memory = np.zeros((program.height, program.width, 48 * 1024), np.uint8)
        self.functions = functions or {}
        self.echo = echo
        self.running: tuple[str, Sequence[int]] | None = None
        self.inputs: defaultdict[tuple[int, int, int], deque[int]] = defaultdict(deque)
        self.outputs: defaultdict[tuple[int, int, int], deque[int]] = defaultdict(deque)
        self.log: list[str] = []
        self.remarks: list[str] = []

    def write_symbol(self, name: str, values: np.ndarray, x: int = 0, y: int = 0) -> None:
        self.wait()
        self.log.append(f"write {name}")
        rows, columns, _ = values.shape
        content = np.ascontiguousarray(values).view(np.uint8).reshape(rows, columns, -1)
        start = SYMBOLS[name].address
        self.memory[y : y + rows, x : x + columns, start : start + content.shape[2]] = content

    def read_symbol_array(
        self, name: str, x: int, y: int, columns: int, rows: int, elements: int, dtype: Any
    ) -> np.ndarray:
        self.wait()
        self.log.append(f"read {name}")
        start, size = SYMBOLS[name].address, elements * np.dtype(dtype).itemsize
        block = self.memory[y : y + rows, x : x + columns, start : start + size]
        return np.ascontiguousarray(block).view(dtype)

    def read_memory(self, x: int, y: int, address: int, size: int) -> bytes:
        return self.memory[y, x, address : address + size].tobytes()

    def read_trace(self, x: int, y: int, key: str) -> list[int | float | str]:
        return [f"{key} of PE ({x}, {y})", 1]

    def printed(self) -> Sequence[str]:
        return [f"@{self.cycles} hello"] if self.cycles else []

    def leftovers(self) -> Sequence[str]:
        return self.remarks

    def statistics(self) -> Sequence[tuple[str, str]]:
        return [("hottest queue", "none")]

    def launch(self, name: str, arguments: Sequence[int] = ()) -> None:
        self.wait()
        self.log.append(f"launch {name}({', '.join(map(str, arguments))})")
        self.running = name, arguments

    def wait(self) -> None:
        if self.running is None:
            return
        name, arguments = self.running
        function = self.functions.get(name, lambda device, arguments: None)
        if function(self, arguments) is False:
            raise DeadlockError(f"deadlock: {name!r} has not unblocked the command stream")
        self.running = None
        self.cycles += 100

    def stream_in(self, color: int, values: np.ndarray, x: int = 0, y: int = 0) -> None:
        self.log.append(f"stream in {color}")
        for row, column in np.ndindex(values.shape[:2]):
            self.inputs[color, x + column, y + row].extend(map(int, values[row, column]))

    def settle(self) -> int:
        self.log.append("settle")
        for (color, x, y), words in list(self.inputs.items()):
            if color == H2D:
                self.outputs[D2H, x, y].extend(map(self.echo, words))
                words.clear()
        return 0

    def stream_out(
        self, color: int, x: int, y: int, columns: int, rows: int, elements: int
    ) -> np.ndarray:
        self.settle()
        result = np.zeros((rows, columns, elements), np.uint32)
        for row, column in np.ndindex(rows, columns):
            words = self.outputs[color, x + column, y + row]
            if len(words) < elements:
                raise DeadlockError(f"deadlock: {len(words)} of {elements} wavelets arrived")
            result[row, column] = [words.popleft() for _ in range(elements)]
        return result
