"""A small assembler for tests: hand-written PE programs without any CSL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pyflame.runtime.fabric.image import (
    Fifo,
    Filter,
    Function,
    Image,
    Position,
    Program,
    Queue,
    Route,
    Symbol,
    Task,
)  # fmt: skip
from pyflame.runtime.fabric.isa import (
    DESCRIPTOR_WORDS,
    FIRST_FREE_SLOT,
    BlockKind,
    Direction,
    DsdKind,
    DsdOp,
    Op,
    Operand,
    Option,
    PopMode,
    TaskKind,
    Type,
    Word,
)  # fmt: skip

N, S, E, W, R = (1 << d for d in Direction)
F32, F16, U16, U32, I16, I32 = Type.F32, Type.F16, Type.U16, Type.U32, Type.I16, Type.I32
DTYPES = {F32: np.float32, F16: np.float16, U16: np.uint16, U32: np.uint32, I16: np.int16}


@dataclass(frozen=True)
class Reg:
    """A register used as a scalar operand of a DSD operation."""

    number: int


@dataclass(frozen=True)
class Ptr:
    """A register that holds the address of a one-element operand."""

    number: int


@dataclass(frozen=True)
class Dsr:
    """A DSR slot as an operand."""

    slot: int


@dataclass(frozen=True)
class Array:
    """A named array in PE memory."""

    name: str
    address: int
    element: Type
    size: int


@dataclass
class Asm:
    """Builds one `Image`."""

    name: str = "pe"
    registers: int = 32
    code: list[list[int]] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    arrays: list[Array] = field(default_factory=list)
    symbols: dict[str, Symbol] = field(default_factory=dict)
    rows: list[list[int]] = field(default_factory=list)
    inits: dict[int, int] = field(default_factory=dict)
    operands: list[list[int]] = field(default_factory=list)
    options: list[list[int]] = field(default_factory=list)
    inputs: list[Queue] = field(default_factory=list)
    outputs: list[Queue] = field(default_factory=list)
    fifos: list[Fifo] = field(default_factory=list)
    strings: list[str] = field(default_factory=list)
    active: list[int] = field(default_factory=list)
    blocked: list[tuple[int, int]] = field(default_factory=list)
    unblocked: list[tuple[int, int]] = field(default_factory=list)
    teardown: dict[int, int] = field(default_factory=dict)
    memory: np.ndarray = field(default_factory=lambda: np.zeros(48 * 1024, np.uint8))
    top: int = 64
    slot: int = FIRST_FREE_SLOT

    # --- data ---
    def array(
        self, name: str, element: Type, values: Sequence[float] | np.ndarray | int, align: int = 4
    ) -> Array:
        """Place an array (a count means zeros) and export it under its name."""
        data = np.zeros(values) if isinstance(values, int) else np.asarray(values)
        data = data.astype(DTYPES[element])
        address = -(-self.top // align) * align
        self.top = address + data.nbytes
        self.memory[address : self.top] = np.frombuffer(data.tobytes(), np.uint8)
        array = Array(name, address, element, data.nbytes)
        self.arrays.append(array)
        self.symbols[name] = Symbol(name, address, data.nbytes, element)
        return array

    def _slot(self, words: dict[int, int]) -> int:
        row = [0] * DESCRIPTOR_WORDS
        row[Word.UT] = row[Word.OPTIONS] = -1
        for word, value in words.items():
            row[word] = value
        self.rows.append(row)
        self.inits[self.slot] = len(self.rows) - 1
        self.slot += 1
        return self.slot - 1

    def mem(self, array: Array, extent: int, stride: int = 1, offset: int = 0) -> int:
        """A mem1d_dsd; offset in elements."""
        return self._slot({
            Word.KIND: DsdKind.MEM1D, Word.BASE: array.address, Word.EXTENT: extent,
            Word.STRIDE: stride, Word.OFFSET: offset * array.element.bytes,
        })  # fmt: skip

    def mem4d(self, array: Array, extents: Sequence[int], strides: Sequence[int]) -> int:
        """A mem4d_dsd with index distances `strides`, outermost first."""
        full = [1] * (4 - len(extents)) + list(extents)
        steps = [0] * (4 - len(strides)) + list(strides)
        words = {
            Word.KIND: DsdKind.MEM4D, Word.BASE: array.address, Word.EXTENT: int(np.prod(full)),
        }  # fmt: skip
        words |= {Word.EXTENT0 + i: v for i, v in enumerate(full)}
        words |= {Word.STRIDE0 + i: v for i, v in enumerate(steps)}
        return self._slot(words)

    def circbuf(self, array: Array, extent: int, wrap: int) -> int:
        """A circbuf_dsd."""
        return self._slot({
            Word.KIND: DsdKind.CIRCBUF, Word.BASE: array.address, Word.EXTENT: extent,
            Word.WRAP: wrap,
        })  # fmt: skip

    def fabin(self, queue: int, color: int, extent: int, simd: int = 0) -> int:
        """A fabin_dsd; initialises the queue on first use."""
        if all(q.number != queue for q in self.inputs):
            self.inputs.append(Queue(queue, color))
        return self._slot({
            Word.KIND: DsdKind.FABIN, Word.QUEUE: queue, Word.COLOR: color, Word.EXTENT: extent,
            Word.SIMD: simd,
        })  # fmt: skip

    def fabout(
        self, queue: int, color: int, extent: int, flags: int = 0, simd: int = 0, index: int = 0
    ) -> int:
        """A fabout_dsd; on WSE-3 initialise the queue with `output`."""
        return self._slot({
            Word.KIND: DsdKind.FABOUT, Word.QUEUE: queue, Word.COLOR: color, Word.EXTENT: extent,
            Word.FLAGS: flags, Word.SIMD: simd, Word.INDEX: index,
        })  # fmt: skip

    def fifo(self, name: str, element: Type, elements: int, push: int = -1, pop: int = -1) -> int:
        """A FIFO with its array; a slot that names it."""
        array = self.array(name, element, elements)
        self.fifos.append(Fifo(array.address, elements, element, push, pop))
        return self._slot({Word.KIND: DsdKind.FIFO, Word.FIFO: len(self.fifos) - 1})

    def output(self, queue: int, color: int) -> None:
        """Initialise an output queue for a colour (WSE-3)."""
        self.outputs.append(Queue(queue, color))

    def input(self, queue: int, color: int) -> None:
        """Initialise an input queue for a colour."""
        self.inputs.append(Queue(queue, color))

    # --- code ---
    def emit(self, op: Op, t: int = 0, a: int = 0, b: int = 0, c: int = 0, d: int = 0) -> int:
        """Append an instruction; its index."""
        self.code.append([op, t, a, b, c, d])
        return len(self.code) - 1

    def function(self, name: str, *parameters: Type, registers: int | None = None) -> int:
        """Begin a function at the current place; its index. Exports it under its name."""
        self.functions.append(
            Function(name, len(self.code), registers or self.registers, tuple(parameters))
        )
        number = len(self.functions) - 1
        self.symbols[name] = Symbol(name, function=number)
        return number

    def ldi(self, a: int, value: int) -> None:
        """r(a) = value."""
        self.emit(Op.LDI, a=a, d=value)

    def ldf(self, a: int, value: float, half: bool = False) -> None:
        """r(a) = the bits of a float."""
        if half:
            self.ldi(a, int(np.float16(value).view(np.uint16)))
        else:
            self.ldi(a, int(np.float32(value).view(np.uint32)))

    def ret(self, a: int = -1) -> None:
        """Return."""
        self.emit(Op.RET, a=a)

    def unblock_host(self) -> None:
        """unblock_cmd_stream."""
        self.emit(Op.HOSTUNBLOCK)

    def option(self, **values: int) -> int:
        """An options row; a register is named as -(16 + number)."""
        row = [-1] * len(Option)
        for name, value in values.items():
            row[Option[name.upper()]] = value
        self.options.append(row)
        return len(self.options) - 1

    def dsd(
        self,
        op: DsdOp,
        dest: int | Dsr | Ptr | None,
        src0: int | Dsr | Reg | Ptr | None = None,
        src1: int | Dsr | Reg | Ptr | None = None,
        scalar: int = -1,
        result: int = -1,
        **options: int,
    ) -> None:
        """Emit a DSD operation; ints are slots."""
        row = [int(op)]
        for operand in (dest, src0, src1):
            match operand:
                case None:
                    row += [Operand.NONE, 0]
                case Dsr(slot):
                    row += [Operand.DSR, slot]
                case Reg(number):
                    row += [Operand.SCALAR, number]
                case Ptr(number):
                    row += [Operand.POINTER, number]
                case _:
                    row += [Operand.SLOT, operand]
        row += [Operand.SCALAR, scalar] if scalar >= 0 else [Operand.NONE, 0]
        row.append(self.option(**options) if options else -1)
        self.operands.append(row)
        self.emit(Op.DSD, a=result, d=len(self.operands) - 1)

    def load_dsr(self, dsr: int, slot: int, **options: int) -> Dsr:
        """Emit @load_to_dsr."""
        self.emit(Op.DSRLOAD, a=dsr, b=slot, d=self.option(**options) if options else -1)
        return Dsr(dsr)

    def local_task(self, number: int, name: str, active: bool = False) -> int:
        """Begin a local task."""
        function = self.function(name)
        self.tasks.append(Task(TaskKind.LOCAL, number, function))
        if active:
            self.active.append(number)
        return function

    def data_task(self, number: int, name: str, *parameters: Type) -> int:
        """Begin a data task on a colour (WSE-2) or input queue (WSE-3)."""
        function = self.function(name, *parameters)
        self.tasks.append(Task(TaskKind.DATA, number, function, tuple(parameters)))
        return function

    def control_task(self, number: int, name: str, *parameters: Type) -> int:
        """Begin a control task."""
        function = self.function(name, *parameters)
        self.tasks.append(Task(TaskKind.CONTROL, number, function, tuple(parameters)))
        return function

    def image(self) -> Image:
        """The finished image; every instruction is line number = index + 1 of ``pe.csl``."""
        if not self.code:
            self.function("main")
            self.ret()
        return Image(
            name=f"{self.name}.csl",
            code=np.array(self.code, np.int64),
            functions=self.functions,
            memory=self.memory,
            data_end=self.top,
            tasks=self.tasks,
            symbols=self.symbols,
            input_queues=self.inputs,
            output_queues=self.outputs,
            descriptors=np.array(self.rows, np.int64).reshape(-1, DESCRIPTOR_WORDS),
            slots=self.slot,
            slot_init=self.inits,
            operands=np.array(self.operands, np.int64).reshape(-1, 10),
            options=np.array(self.options, np.int64).reshape(-1, 10),
            fifos=self.fifos,
            strings=self.strings,
            active=self.active,
            blocked=self.blocked,
            unblocked=self.unblocked,
            teardown=self.teardown,
            lines=np.array([(0, i + 1) for i in range(len(self.code))], np.int32),
            memory_map=[(a.name, a.address, a.size) for a in self.arrays],
        )


def route(rx: int, tx: int, *more: tuple[int, int], **options: Any) -> Route:
    """A route; `more` are further switch positions as (rx, tx)."""
    positions = (Position(rx, tx), *(Position(*p) for p in more))
    return Route(positions, **options)  # type: ignore[arg-type]


def program(
    grid: Sequence[Sequence[Asm]],
    routes: dict[tuple[int, int, int], Route] | None = None,
    arch: str = "wse2",
    **options: Any,
) -> Program:
    """A program of rows of assembled images; routes by (x, y, colour)."""
    height, width = len(grid), len(grid[0])
    sources: list[Asm] = []
    for asm in (a for row in grid for a in row):
        if all(asm is not other for other in sources):
            sources.append(asm)
    index = {id(a): i for i, a in enumerate(sources)}
    result = Program(
        arch=arch,
        width=width,
        height=height,
        images=[a.image() for a in sources],
        image_of=np.array([index[id(a)] for row in grid for a in row], np.int32),
        route_of=np.full((width * height, 24), -1, np.int32),
        files=["pe.csl"],
        **options,  # type: ignore[arg-type]
    )
    for (x, y, color), one in (routes or {}).items():
        result.route_of[y * width + x, color] = len(result.routes)
        result.routes.append(one)
    return result


__all__ = [
    "F16", "F32", "I16", "I32", "U16", "U32", "Array", "Asm", "BlockKind", "Dsr", "E", "Filter",
    "N", "PopMode", "Ptr", "R", "Reg", "S", "W", "program", "route",
]  # fmt: skip
