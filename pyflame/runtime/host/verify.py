"""Checks that a program read from a file is well formed, so that a machine may trust its indices.

A table says what each operand of each operation is (`_OPERANDS`); one loop checks every
instruction of every image against it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pyflame.arch import TARGETS, Arch
from pyflame.errors import InvalidModelError
from pyflame.runtime.fabric.image import Image, Program
from pyflame.runtime.fabric.isa import (
    DESCRIPTOR_WORDS,
    INSTRUCTION_WORDS,
    OPERAND_WORDS,
    OPTION_WORDS,
    DsdOp,
    DsdOperands,
    Math,
    Op,
    Operand,
    Option,
    Type,
)

MAX_PES = 1 << 20
MAX_REGISTERS = 1 << 16
MAX_SLOTS = 1 << 20

_FREE = (Op.NOP, Op.TSCCTL)
_ALU = "ADD SUB MUL DIV MOD AND OR XOR SHL SHR EQ NE LT LE GT GE"

# Operands a, b, c, d of each operation. r register; R register or negative; j jump target;
# f function; s descriptor slot; w descriptor word; k constant descriptor; o options row or -1;
# x operands row; m function of `Math`; T type code; - a number that indexes nothing.
_OPERANDS: dict[Op, str] = {
    **dict.fromkeys(_FREE, "----"),
    **{Op[name]: "rrr-" for name in _ALU.split()},
    Op.LDI: "r---",
    Op.MOV: "rr--",
    Op.JMP: "---j",
    Op.JZ: "r--j",
    Op.JNZ: "r--j",
    Op.MAPNEXT: "rr-j",
    Op.CALL: "R--f",
    Op.CALLR: "R--r",
    Op.RET: "R---",
    Op.TRAP: "----",
    Op.NEG: "rr--",
    Op.NOT: "rr--",
    Op.CAST: "rrT-",
    Op.WRAP: "rr--",
    Op.MATH: "rrRm",
    Op.LOAD: "rR--",
    Op.STORE: "rR--",
    Op.COPY: "rr--",
    Op.FILL: "r---",
    Op.DCOPY: "ss--",
    Op.DCONST: "s--k",
    Op.DLEN: "sr--",
    Op.DBASE: "sr--",
    Op.DOFF: "sr--",
    Op.DSTRIDE: "sr--",
    Op.DFIELD: "sr-w",
    Op.DGET: "rs-w",
    Op.DSRLOAD: "ss-o",
    Op.DSD: "R--x",
    Op.DLD: "rsr-",
    Op.DST: "rsr-",
    Op.DCOUNT: "rs--",
    Op.ACTIVATE: "r---",
    Op.BLOCK: "r---",
    Op.UNBLOCK: "r---",
    Op.PRIORITY: "rr--",
    Op.XCOORD: "r---",
    Op.YCOORD: "r---",
    Op.TSC: "r---",
    Op.HOSTUNBLOCK: "----",
    Op.RANDOM: "r---",
    Op.SEED: "r---",
    Op.PRINT: "----",
    Op.TRACE: "----",
    Op.ROUTESET: "rrr-",
    Op.SWITCHPOS: "rr--",
    Op.SWITCHVALID: "rr--",
    Op.SWITCHMODE: "rrr-",
    Op.TEARDOWNEXIT: "r---",
    Op.TEARDOWNPENDING: "rr--",
    Op.ROUTEGET: "rr--",
    Op.FILTERSET: "rr--",
}
_OPERAND_COLUMNS = tuple(
    (int(column), int(column) + 1)
    for column in (
        DsdOperands.DEST_KIND,
        DsdOperands.SRC0_KIND,
        DsdOperands.SRC1_KIND,
        DsdOperands.SCALAR_KIND,
    )
)


def verify_program(program: Program, what: str) -> None:
    """Check `program`; `what` names its origin in messages.

    Raises:
        InvalidModelError: an index points outside, or a size is not what it has to be.
    """
    arch = TARGETS.get(program.arch)
    if arch is None:
        raise InvalidModelError(f"{what}: unknown architecture {program.arch!r}")
    pes = program.width * program.height
    if program.width < 1 or program.height < 1 or pes > MAX_PES:
        raise InvalidModelError(
            f"{what}: a rectangle of {program.width} × {program.height} PEs; "
            f"expected 1 to {MAX_PES} PEs"
        )
    check = _Checker(what)
    check.shape("image_of", program.image_of, (pes,))
    check.shape("route_of", program.route_of, (pes, arch.colors))
    check.inside("image_of", program.image_of, len(program.images))
    check.inside("route_of", program.route_of, len(program.routes), least=-1)
    for block in program.contents:
        check.shape("contents.pes", block.pes, (None,))
        check.shape("contents.data", block.data, (len(block.pes), None))
        check.inside("contents.pes", block.pes, pes)
        last = block.address + block.data.shape[1]
        check.inside(
            "an address of contents", np.array([block.address, last]), arch.memory_bytes + 1
        )
    for image in program.images:
        _verify_image(image, arch, len(program.files), _Checker(f"{what}: image {image.name!r}"))


@dataclass(frozen=True)
class _Checker:
    what: str

    def shape(self, name: str, array: np.ndarray, shape: tuple[int | None, ...]) -> None:
        fine = array.ndim == len(shape) and all(
            want is None or have == want for have, want in zip(array.shape, shape, strict=True)
        )
        if not fine:
            expected = tuple("any" if want is None else want for want in shape)
            raise InvalidModelError(
                f"{self.what}: {name} has shape {array.shape}; expected {expected}"
            )

    def inside(
        self, name: str, values: np.ndarray | int, end: np.ndarray | int, *, least: int = 0
    ) -> None:
        values, end = np.broadcast_arrays(np.asarray(values), np.asarray(end))
        bad = (values < least) | (values >= end)
        if bad.any():
            at = int(np.argmax(bad))
            raise InvalidModelError(
                f"{self.what}: {name} is {int(values.flat[at])}; "
                f"expected {least} to {int(end.flat[at]) - 1}"
            )


def _verify_image(image: Image, arch: Arch, files: int, check: _Checker) -> None:
    count = len(image.code)
    check.shape("code", image.code, (None, INSTRUCTION_WORDS))
    check.shape("memory", image.memory, (None,))
    check.shape("descriptors", image.descriptors, (None, DESCRIPTOR_WORDS))
    check.shape("operands", image.operands, (None, OPERAND_WORDS))
    check.shape("options", image.options, (None, OPTION_WORDS))
    check.shape("lines", image.lines, (None, 2))
    check.inside("initial memory size", image.memory.size, arch.memory_bytes + 1)
    check.inside("data_end", image.data_end, arch.memory_bytes + 1)
    check.inside("slots", image.slots, MAX_SLOTS)
    if len(image.lines):
        check.inside("lines' file", image.lines[:, 0], files, least=-1)
    for function in image.functions:
        check.inside(f"entry of {function.name!r}", function.entry, count)
        check.inside(f"registers of {function.name!r}", function.registers, MAX_REGISTERS)
    functions = len(image.functions)
    for task in image.tasks:
        check.inside("a task's function", task.function, functions)
    check.inside("init", image.init, functions, least=-1)
    for handler in image.teardown.values():
        check.inside("a teardown handler", handler, functions)
    for slot, row in image.slot_init.items():
        check.inside("an initialised slot", slot, image.slots)
        check.inside("a slot's initial descriptor", row, len(image.descriptors))
    for name, symbol in image.symbols.items():
        check.inside(f"function of {name!r}", symbol.function, functions, least=-1)
        check.inside(f"address of {name!r}", symbol.address, arch.memory_bytes, least=-1)
        end = arch.memory_bytes - max(symbol.address, 0) + 1
        check.inside(f"size of {name!r}", symbol.size, end)
        check.inside(f"pointer of {name!r}", symbol.pointer, arch.memory_bytes - 1, least=-1)
    for fifo in image.fifos:
        size = fifo.elements * fifo.element.bytes
        check.inside("a FIFO's address", fifo.address, arch.memory_bytes)
        check.inside("a FIFO's size", size, arch.memory_bytes - fifo.address + 1)
    if count:
        _verify_code(image, check)


def _verify_code(image: Image, check: _Checker) -> None:
    code = image.code
    check.inside("an operation", code[:, 0], len(Op))
    check.inside("a type", code[:, 1], len(Type), least=-1)
    registers = _registers_per_instruction(image)
    bounds: dict[str, Callable[[np.ndarray], np.ndarray | int]] = {
        "r": lambda rows: registers[rows],
        "R": lambda rows: registers[rows],
        "j": lambda rows: len(code),
        "f": lambda rows: len(image.functions),
        "s": lambda rows: image.slots,
        "w": lambda rows: DESCRIPTOR_WORDS,
        "k": lambda rows: len(image.descriptors),
        "o": lambda rows: len(image.options),
        "x": lambda rows: len(image.operands),
        "m": lambda rows: len(Math),
        "T": lambda rows: len(Type),
    }
    for op, kinds in _OPERANDS.items():
        rows = np.flatnonzero(code[:, 0] == op)
        for column, kind in enumerate(kinds, start=2) if len(rows) else ():
            if kind == "-":
                continue
            least = {"R": -(1 << 31), "o": -1}.get(kind, 0)
            name = f"operand {'abcd'[column - 2]} of {op.name}"
            check.inside(name, code[rows, column], bounds[kind](rows), least=least)
    _verify_calls(image, registers, check)
    _verify_dsd_operands(image, registers, check)


def _registers_per_instruction(image: Image) -> np.ndarray:
    """How many registers the frame has in which each instruction runs."""
    entries = sorted((function.entry, function.registers) for function in image.functions)
    registers = np.zeros(len(image.code), np.int64)
    for entry, count in entries:
        registers[entry:] = count
    return registers


def _verify_calls(image: Image, registers: np.ndarray, check: _Checker) -> None:
    code = image.code
    rows = np.flatnonzero((code[:, 0] == Op.CALL) | (code[:, 0] == Op.CALLR))
    check.inside("a call's argument count", code[rows, 4], MAX_REGISTERS)
    some = rows[code[rows, 4] > 0]
    check.inside("a call's first argument", code[some, 3], registers[some])
    last = code[some, 3] + code[some, 4] - 1
    check.inside("a call's last argument", last, registers[some])


def _verify_dsd_operands(image: Image, registers: np.ndarray, check: _Checker) -> None:
    rows = np.flatnonzero(image.code[:, 0] == Op.DSD)
    operands, frame = image.operands[image.code[rows, 5]], registers[rows]
    check.inside("a DSD operation", operands[:, DsdOperands.OP], len(DsdOp))
    for kind_column, number_column in _OPERAND_COLUMNS:
        kind, number = operands[:, kind_column], operands[:, number_column]
        check.inside("an operand kind", kind, len(Operand))
        slots = (kind == Operand.SLOT) | (kind == Operand.DSR)
        check.inside("an operand's slot", number[slots], image.slots)
        scalars = (kind == Operand.SCALAR) | (kind == Operand.POINTER)
        check.inside("an operand's register", number[scalars], frame[scalars])
    chosen = operands[:, DsdOperands.OPTIONS]
    check.inside("an options row", chosen, len(image.options), least=-1)
    _verify_options(image, chosen[chosen >= 0], frame[chosen >= 0], check)
    loads = np.flatnonzero(image.code[:, 0] == Op.DSRLOAD)
    chosen = image.code[loads, 5]
    _verify_options(image, chosen[chosen >= 0], registers[loads[chosen >= 0]], check)


def _verify_options(image: Image, rows: np.ndarray, frame: np.ndarray, check: _Checker) -> None:
    """Values of -16 and below name a register of the frame, see `isa.Option`."""
    for column in Option:
        values = image.options[rows, column]
        named = values <= -16
        check.inside(f"register of option {column.name}", -(values[named] + 16), frame[named])
