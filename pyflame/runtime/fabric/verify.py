"""Checks on a program before it runs: whatever the kernel takes for granted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pyflame.arch import Arch
from pyflame.errors import Gap, MemoryLimitError, SimulationError, UnsupportedError
from pyflame.runtime.fabric.image import Image, Program
from pyflame.runtime.fabric.isa import (
    INSTRUCTION_WORDS,
    OPERAND_WORDS,
    OPTION_WORDS,
    DsdOp,
    DsdOperands,
    Math,
    Op,
    Operand,
    Option,
    PrintKind,
    Type,
)
from pyflame.runtime.fabric.kernel.table import UNSUPPORTED

_TYPED = [*range(Op.ADD, Op.COPY), Op.DLD, Op.DST]
_JUMPS = [Op.JMP, Op.JZ, Op.JNZ, Op.MAPNEXT]
_READ_WRITE = {
    Op.LDI: (2,), Op.MOV: (2, 3), Op.JZ: (2,), Op.JNZ: (2,), Op.MAPNEXT: (2, 3), Op.CALLR: (5,),
    Op.NEG: (2, 3),
    Op.NOT: (2, 3), Op.CAST: (2, 3), Op.WRAP: (2, 3), Op.MATH: (2, 3), Op.LOAD: (2,),
    Op.STORE: (2,), Op.COPY: (2, 3), Op.FILL: (2,), Op.DLEN: (3,), Op.DBASE: (3,), Op.DOFF: (3,),
    Op.DSTRIDE: (3,), Op.DFIELD: (3,), Op.DGET: (2,), Op.DLD: (2, 4), Op.DST: (2, 4),
    Op.DCOUNT: (2,), Op.ACTIVATE: (2,), Op.BLOCK: (2,), Op.UNBLOCK: (2,), Op.PRIORITY: (2, 3),
    Op.XCOORD: (2,), Op.YCOORD: (2,), Op.TSC: (2,), Op.RANDOM: (2,), Op.SEED: (2,),
    Op.ROUTESET: (2, 3, 4), Op.SWITCHPOS: (2, 3), Op.SWITCHVALID: (2, 3), Op.SWITCHMODE: (2, 3, 4),
    Op.TEARDOWNEXIT: (2,), Op.TEARDOWNPENDING: (2, 3), Op.ROUTEGET: (2, 3), Op.FILTERSET: (2, 3),
    **{op: (2, 3, 4) for op in Op if Op.ADD <= op <= Op.SHR or Op.EQ <= op <= Op.GE},
}  # fmt: skip
"""Columns (2 = a, 3 = b, 4 = c, 5 = d) of an operation that must name a register of the frame."""
_MAY_BE_NONE = {
    Op.CALL: (2,), Op.CALLR: (2,), Op.RET: (2,), Op.LOAD: (3,), Op.STORE: (3,), Op.MATH: (4,),
    Op.DSD: (2,),
}  # fmt: skip
"""The same for columns where a negative number stands for nothing."""
_VALUELESS = (PrintKind.STRING, PrintKind.NEWLINE, PrintKind.TIMESTAMP, PrintKind.COORDS)
_OPERAND_KINDS = (
    DsdOperands.DEST_KIND, DsdOperands.SRC0_KIND, DsdOperands.SRC1_KIND, DsdOperands.SCALAR_KIND,
)  # fmt: skip
_D_RANGE = {Op.ROUTESET: 4, Op.SWITCHVALID: 4, Op.ROUTEGET: 8, Op.DFIELD: 24, Op.DGET: 24}


def verify_program(program: Program, arch: Arch) -> None:
    """Check a program's images and routes.

    Raises:
        SimulationError: a table refers to something that does not exist; lists all such places.
        MemoryLimitError: an image does not fit the PE's memory.
        UnsupportedError: an image uses operations whose meaning is not known.
    """
    for image in program.images:
        if image.data_end > arch.memory_bytes or len(image.memory) > arch.memory_bytes:
            size = max(image.data_end, len(image.memory))
            rows = sorted(image.memory_map, key=lambda row: -row[2])[:12]
            table = "".join(f"\n  {n:>8} bytes  {name}" for name, _, n in rows)
            raise MemoryLimitError(
                f"{image.name} needs {size} bytes of memory, a PE has {arch.memory_bytes}; "
                f"use more PEs or smaller arrays. Largest:{table}"
            )
    gaps = [
        Gap(f"@{DsdOp(op).name.lower()}", image.name, "its exact meaning is not public")
        for image in program.images
        for op in sorted({int(v) for v in image.operands[:, DsdOperands.OP]})
        if op in UNSUPPORTED
    ]
    if gaps:
        raise UnsupportedError(gaps)
    problems = [
        f"{image.name}: {text}" for image in program.images for text in _image(image, arch)
    ] + [*_routes(program)]
    if problems:
        raise SimulationError("the program image is malformed:\n  " + "\n  ".join(problems[:20]))


def _image(image: Image, arch: Arch) -> Iterator[str]:
    code = image.code
    if code.ndim != 2 or code.shape[1] != INSTRUCTION_WORDS:
        yield f"code has shape {code.shape}, expected [n, {INSTRUCTION_WORDS}]"
        return
    op = code[:, 0]
    yield from _in_range(op, 0, len(Op), "operation", np.arange(len(code)))
    yield from _column(code, _TYPED, 1, len(Type), "type")
    yield from _column(code, _JUMPS, 5, len(code), "jump target")
    yield from _column(code, [Op.CALL], 5, len(image.functions), "function")
    yield from _column(code, [Op.MATH], 5, len(Math), "math function")
    yield from _column(code, [Op.DSD], 5, len(image.operands), "operand row")
    yield from _column(code, [Op.DCONST], 5, len(image.descriptors), "descriptor row")
    for o, limit in _D_RANGE.items():
        yield from _column(code, [o], 5, limit, f"d of {o.name}")
    yield from _registers(image)
    yield from _ends(image)
    yield from _operands(image)
    yield from _bindings(image, arch)


def _in_range(
    values: np.ndarray, low: int, high: int, what: str, rows: np.ndarray
) -> Iterator[str]:
    bad = (values < low) | (values >= high)
    if bad.any():
        i = int(np.argmax(bad))
        yield f"{what} {int(values[i])} of instruction {int(rows[i])} is not in {low} … {high - 1}"


def _column(
    code: np.ndarray, ops: Sequence[int], column: int, high: int, what: str
) -> Iterator[str]:
    rows = np.flatnonzero(np.isin(code[:, 0], ops))
    yield from _in_range(code[rows, column], 0, high, what, rows)


def _registers(image: Image) -> Iterator[str]:
    """Registers named by an instruction must be in the frame of its function."""
    order = sorted(image.functions, key=lambda f: f.entry)
    if not order:
        return
    entries = np.array([f.entry for f in order])
    if entries[0] < 0 or entries[-1] >= len(image.code):
        yield f"function {order[-1].name} starts outside the code"
        return
    owner = np.searchsorted(entries, np.arange(len(image.code)), side="right") - 1
    frame = np.array([f.registers for f in order])[np.maximum(owner, 0)]

    def check(op: Op, values: np.ndarray, rows: np.ndarray, low: int) -> Iterator[str]:
        bad = (values < low) | (values >= frame[rows])
        for i in np.flatnonzero(bad)[:1]:
            yield (
                f"register {int(values[i])} of {op.name} at instruction {int(rows[i])} is not in "
                f"its function's {int(frame[rows[i]])}"
            )

    for required, low in ((_READ_WRITE, 0), (_MAY_BE_NONE, -1)):
        for op, columns in required.items():
            rows = np.flatnonzero(image.code[:, 0] == op)
            for column in columns:
                yield from check(op, image.code[rows, column], rows, low)
    for op in (Op.CALL, Op.CALLR):
        rows = np.flatnonzero((image.code[:, 0] == op) & (image.code[:, 4] > 0))
        yield from check(op, image.code[rows, 3], rows, 0)
        yield from check(op, image.code[rows, 3] + image.code[rows, 4] - 1, rows, 0)
    prints = np.isin(image.code[:, 0], (Op.PRINT, Op.TRACE))
    rows = np.flatnonzero(prints & ~np.isin(image.code[:, 3], _VALUELESS))
    yield from check(Op.PRINT, image.code[rows, 2], rows, 0)
    rows = np.flatnonzero(image.code[:, 0] == Op.DSD)
    named = np.clip(image.code[rows, 5], 0, max(len(image.operands) - 1, 0))
    for column in _OPERAND_KINDS if len(image.operands) else ():
        kinds = image.operands[named, column]
        used = np.isin(kinds, (Operand.SCALAR, Operand.POINTER))
        yield from check(Op.DSD, image.operands[named, column + 1][used], rows[used], 0)


def _ends(image: Image) -> Iterator[str]:
    """Functions must not run on into the next one, nor jump there."""
    entries = np.array(sorted({f.entry for f in image.functions}), np.int64)
    if not len(entries):  # an idle PE has neither
        if len(image.code):
            yield "there is code without a function"
        return
    last = np.append(entries[1:], len(image.code)) - 1
    for i in np.flatnonzero(~np.isin(image.code[last, 0], [Op.RET, Op.JMP, Op.TRAP])):
        yield f"the function that ends at instruction {int(last[i])} has no RET there"
    rows = np.flatnonzero(np.isin(image.code[:, 0], _JUMPS))
    owner = np.searchsorted(entries, rows, side="right")
    target = np.searchsorted(entries, image.code[rows, 5], side="right")
    for i in np.flatnonzero(owner != target)[:1]:
        yield f"the jump at instruction {int(rows[i])} leaves its function"


def _operands(image: Image) -> Iterator[str]:
    rows, options = image.operands, image.options
    if rows.ndim != 2 or rows.shape[1] != OPERAND_WORDS:
        yield f"operands have shape {rows.shape}, expected [n, {OPERAND_WORDS}]"
        return
    if options.ndim != 2 or options.shape[1] != OPTION_WORDS:
        yield f"options have shape {options.shape}, expected [n, {OPTION_WORDS}]"
        return
    numbers = np.arange(len(rows))
    yield from _in_range(rows[:, DsdOperands.OP], 0, len(DsdOp), "DSD operation", numbers)
    yield from _in_range(rows[:, DsdOperands.OPTIONS], -1, len(options), "options row", numbers)
    for column in _OPERAND_KINDS:
        yield from _in_range(rows[:, column], 0, len(Operand), "operand kind", numbers)
    dest = rows[:, DsdOperands.DEST_KIND]
    if (~np.isin(dest, (Operand.SLOT, Operand.DSR, Operand.POINTER))).any():
        yield "an operation's destination must be a DSD, a DSR or a pointer"
    numbers = np.arange(len(options))
    yield from _in_range(options[:, Option.PRIORITY], -1, 4, "priority of options row", numbers)


def _bindings(image: Image, arch: Arch) -> Iterator[str]:
    count = len(image.functions)
    for task in image.tasks:
        if not 0 <= task.function < count:
            yield f"task {task.number} names function {task.function} of {count}"
        if not 0 <= task.number <= arch.last_control_task:
            yield f"task id {task.number} is not in 0 … {arch.last_control_task}"
    for queues, depths, what in (
        (image.input_queues, arch.input_queue_depths, "input"),
        (image.output_queues, arch.output_queue_depths, "output"),
    ):
        for queue in queues:
            if not 0 <= queue.number < len(depths):
                yield f"{what} queue {queue.number} does not exist; {arch.name} has {len(depths)}"
            if not -1 <= queue.color < arch.colors:
                yield f"{what} queue {queue.number} has colour {queue.color}"
    for fifo in image.fifos:
        end = fifo.address + fifo.elements * fifo.element.bytes
        if fifo.elements <= 0 or fifo.address < 0 or end > arch.memory_bytes:
            yield f"FIFO of {fifo.elements} elements at {fifo.address} is outside memory"
    for row in image.slot_init.values():
        if not 0 <= row < len(image.descriptors):
            yield f"initial descriptor row {row} of {len(image.descriptors)}"
    for symbol in image.symbols.values():
        if symbol.function >= count:
            yield f"symbol {symbol.name} names function {symbol.function} of {count}"
        if symbol.address >= 0 and symbol.address + symbol.size > arch.memory_bytes:
            yield f"symbol {symbol.name} is outside memory"


def _routes(program: Program) -> Iterator[str]:
    count = program.width * program.height
    if program.image_of.shape != (count,):
        yield f"image_of has shape {program.image_of.shape}, expected ({count},)"
    elif count and not 0 <= program.image_of.min() <= program.image_of.max() < len(program.images):
        yield f"image_of names images outside 0 … {len(program.images) - 1}"
    if program.route_of.shape != (count, 24):
        yield f"route_of has shape {program.route_of.shape}, expected ({count}, 24)"
    elif program.route_of.size and program.route_of.max() >= len(program.routes):
        yield f"route_of names route {int(program.route_of.max())} of {len(program.routes)}"
    for i, route in enumerate(program.routes):
        if not 1 <= len(route.positions) <= 4 or not 0 <= route.current < 4:
            yield f"route {i} has {len(route.positions)} positions, current {route.current}"
        if any(p.rx >> 5 or p.tx >> 5 for p in route.positions):
            yield f"route {i} has a direction mask above 31"
