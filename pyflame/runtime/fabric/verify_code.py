"""Checks on an image's instructions: every operand of every one, by a table of the ISA."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pyflame.arch import Arch
from pyflame.runtime.fabric.findings import Findings
from pyflame.runtime.fabric.image import Image
from pyflame.runtime.fabric.isa import (
    DESCRIPTOR_WORDS,
    BlockKind,
    DsdOperands,
    Fault,
    FilterWord,
    Math,
    Op,
    Operand,
    Option,
    PrintKind,
    QueueState,
    SwitchState,
    Type,
    Word,
)  # fmt: skip
from pyflame.runtime.fabric.kernel.table import SIZE_TABLE

MAX_CALL_DEPTH = 256
"""Functions that may call one another in a chain."""

_ALU = "ADD SUB MUL DIV MOD AND OR XOR SHL SHR EQ NE LT LE GT GE"

FORMS: dict[Op, str] = {
    **{Op[name]: "Trrr-" for name in _ALU.split()},
    Op.NOP: "-----",
    Op.LDI: "-r---",
    Op.MOV: "-rr--",
    Op.JMP: "----j",
    Op.JZ: "-r--j",
    Op.JNZ: "-r--j",
    Op.MAPNEXT: "-rr-j",
    Op.BOUND: "-r---",
    Op.CALL: "iR--f",
    Op.CALLR: "iR--r",
    Op.RET: "-R---",
    Op.TRAP: "---ye",
    Op.NEG: "Trr--",
    Op.NOT: "Trr--",
    Op.CAST: "TrrT-",
    Op.WRAP: "Trr--",
    Op.MATH: "TrrRm",
    Op.LOAD: "TrR--",
    Op.STORE: "TrR--",
    Op.COPY: "-rr-n",
    Op.FILL: "-r--n",
    Op.DCOPY: "-ss--",
    Op.DCONST: "-s--k",
    Op.DLEN: "-sr--",
    Op.DBASE: "-sr--",
    Op.DOFF: "-sr--",
    Op.DSTRIDE: "-sr--",
    Op.DFIELD: "-sr-W",
    Op.DGET: "-rs-w",
    Op.DSRLOAD: "-ss-o",
    Op.DSD: "-R--x",
    Op.DLD: "Trsr-",
    Op.DST: "Trsr-",
    Op.DCOUNT: "-rs--",
    Op.ACTIVATE: "-r---",
    Op.BLOCK: "-rB--",
    Op.UNBLOCK: "-rB--",
    Op.PRIORITY: "-rr--",
    Op.XCOORD: "-r---",
    Op.YCOORD: "-r---",
    Op.TSC: "-r---",
    Op.TSCCTL: "----z",
    Op.HOSTUNBLOCK: "-----",
    Op.RANDOM: "-r---",
    Op.SEED: "-r---",
    Op.PRINT: "-vP--",
    Op.TRACE: "-vPy-",
    Op.ROUTESET: "-rrrq",
    Op.SWITCHPOS: "-rr--",
    Op.SWITCHVALID: "-rr-q",
    Op.SWITCHMODE: "-rrr-",
    Op.TEARDOWNEXIT: "-r---",
    Op.TEARDOWNPENDING: "-rr--",
    Op.ROUTEGET: "-rr-g",
    Op.FILTERSET: "-rr-F",
    Op.FILTERGET: "-rr-F",
    Op.SWITCHGET: "-rr-S",
    Op.QUEUESTATUS: "-r--Q",
    Op.MAINPRIORITY: "-r---",
    Op.EXCEPTIONS: "-r---",
    Op.QFLUSH: "-r---",
    Op.QFLUSHEXIT: "-r---",
    Op.QFLUSHPENDING: "-rr--",
    Op.QUEUESET: "-rrr-",
    Op.CONTROLMASK: "-r---",
}
"""What the columns t, a, b, c, d of each operation hold; see `_kinds` for the letters, - is a
number that indexes nothing."""
_COLUMNS = "tabcd"
_LEAST = {"R": -1, "o": -1, "y": -1, "v": -1, "e": 1}
"""Smallest value where it is not 0; -1 stands for nothing."""
_ENDS = (Op.RET, Op.JMP, Op.TRAP)
_JUMPS = (Op.JMP, Op.JZ, Op.JNZ, Op.MAPNEXT)
_VALUELESS = (PrintKind.STRING, PrintKind.NEWLINE, PrintKind.TIMESTAMP, PrintKind.COORDS)
_INTEGER_MATH = (
    Math.ABS, Math.SIGN, Math.MIN, Math.MAX, Math.CLZ, Math.CTZ, Math.POPCNT,
)  # fmt: skip
TRAPS = (Fault.ASSERT, Fault.NO_RESULT)
"""Faults that code may name."""
_BITS = (Math.CLZ, Math.CTZ, Math.POPCNT)
_BINARY_MATH = (Math.POW, Math.MIN, Math.MAX, Math.SCALE)
SOURCES = ((DsdOperands.SRC0_KIND, 1), (DsdOperands.SRC1_KIND, 2))
OPERANDS = (
    DsdOperands.DEST_KIND, DsdOperands.SRC0_KIND, DsdOperands.SRC1_KIND, DsdOperands.SCALAR_KIND,
)  # fmt: skip


@dataclass(frozen=True)
class Frames:
    """Where functions lie: for each instruction the function and the registers of its frame."""

    image: Image
    starts: np.ndarray  # where functions start, each once, in order
    segment: np.ndarray  # for each instruction, which of them it belongs to; -1 none
    registers: np.ndarray  # for each instruction, the smallest frame it may run in
    files: list[str]

    @classmethod
    def of(cls, image: Image, files: list[str]) -> Frames:
        """The frames of an image whose entries are known to lie in the code."""
        starts = np.array(sorted({f.entry for f in image.functions}), np.int64)
        segment = np.searchsorted(starts, np.arange(len(image.code)), side="right") - 1
        smallest: dict[int, int] = {}
        for f in image.functions:
            smallest[f.entry] = min(f.registers, smallest.get(f.entry, f.registers))
        sizes = np.array([*(smallest[int(s)] for s in starts), 0], np.int64)
        return cls(image, starts, segment, sizes[segment], files)

    def place(self, pc: int) -> str:
        """Function, instruction and CSL line of an instruction."""
        start = self.starts[self.segment[pc]] if self.segment[pc] >= 0 else -1
        names = [f.name for f in self.image.functions if f.entry == start]
        text = f"{names[0] if names else 'no function'}, instruction {pc}"
        if pc < len(self.image.lines):
            file, line = (int(v) for v in self.image.lines[pc])
            if 0 <= file < len(self.files):
                text += f" ({self.files[file]}:{line})"
        return text

    def places(self, rows: np.ndarray) -> Callable[[int], str]:
        """Names the instruction of the i-th of `rows`."""
        return lambda i: self.place(int(rows[i]))


def _kinds(
    image: Image, frames: Frames, arch: Arch
) -> dict[str, Callable[[np.ndarray], np.ndarray | int]]:
    """The end of each kind of operand's range, for the instructions `rows`."""
    return {
        "r": lambda rows: frames.registers[rows],  # a register of the frame
        "R": lambda rows: frames.registers[rows],  # … or none
        "v": lambda rows: np.maximum(frames.registers[rows], 1),  # … 0 where no value is read
        "j": lambda rows: len(image.code),  # jump target
        "f": lambda rows: len(image.functions),
        "s": lambda rows: image.slots,  # descriptor slot
        "w": lambda rows: DESCRIPTOR_WORDS,  # descriptor word
        "W": lambda rows: Word.UT + 1,  # descriptor word that programs may set
        "k": lambda rows: len(image.descriptors),  # constant descriptor
        "o": lambda rows: len(image.options),  # options row or none
        "x": lambda rows: len(image.operands),  # operands row
        "m": lambda rows: len(Math),
        "T": lambda rows: len(Type),
        "i": lambda rows: 2,  # whether a call is expanded in place
        "n": lambda rows: arch.memory_bytes + 1,  # number of bytes
        "y": lambda rows: len(image.strings),  # string or none
        "e": lambda rows: len(Fault),  # see _traps
        "B": lambda rows: len(BlockKind),
        "P": lambda rows: len(PrintKind),
        "z": lambda rows: 3,  # action on the clock
        "q": lambda rows: 4,  # switch position
        "g": lambda rows: 8,  # mask of a switch position
        "F": lambda rows: len(FilterWord),
        "S": lambda rows: len(SwitchState),
        "Q": lambda rows: len(QueueState),
    }


def verify_code(image: Image, files: list[str], arch: Arch, found: Findings) -> None:
    """Check the instructions of an image whose tables are fine."""
    frames = Frames.of(image, files)
    code = image.code
    everywhere = np.arange(len(code))
    if not found.inside("operation", code[:, 0], len(Op), place=frames.place):
        return
    if not len(code):
        return
    if len(frames.starts) == 0 or frames.starts[0] > 0:
        found.add("instruction 0 belongs to no function")
        return
    _flow(frames, found)
    kinds = _kinds(image, frames, arch)
    fine = len(found.texts)
    for op, form in FORMS.items():
        rows = everywhere[code[:, 0] == op]
        for column, kind in enumerate(form, start=1) if len(rows) else ():
            if kind != "-":
                found.inside(
                    f"{_COLUMNS[column - 1]} of {op.name}", code[rows, column], kinds[kind](rows),
                    least=_LEAST.get(kind, 0), place=frames.places(rows),
                )  # fmt: skip
    if len(found.texts) > fine:
        return  # what follows looks up what these operands name
    _calls(frames, found)
    _call_depth(frames, found)
    _math(frames, found)
    _prints(frames, found)
    _traps(frames, found)
    _dsd_operands(frames, found)


def _flow(frames: Frames, found: Findings) -> None:
    """Functions must not run on into the next one, nor jump there."""
    code = frames.image.code
    last = np.append(frames.starts[1:], len(code)) - 1
    for pc in last[~np.isin(code[last, 0], _ENDS)]:
        found.add(f"{frames.place(int(pc))}: the function's code ends without RET")
    rows = np.flatnonzero(np.isin(code[:, 0], _JUMPS))
    target = code[rows, 5]
    inside = (target >= 0) & (target < len(code))
    rows, target = rows[inside], target[inside]
    for pc in rows[frames.segment[rows] != frames.segment[target]]:
        found.add(f"{frames.place(int(pc))}: jump to {int(code[pc, 5])} leaves the function")


def _calls(frames: Frames, found: Findings) -> None:
    """Arguments lie in the caller's frame and fit into the callee's."""
    image, code = frames.image, frames.image.code
    rows = np.flatnonzero(np.isin(code[:, 0], (Op.CALL, Op.CALLR)))
    sizes = np.array([f.registers for f in image.functions], np.int64)
    count = code[rows, 4]
    place = frames.places(rows)
    limit = np.full(len(rows), sizes.max(initial=0))
    direct = code[rows, 0] == Op.CALL
    limit[direct] = sizes[code[rows[direct], 5]]
    if not found.inside("argument count of a call", count, limit + 1, place=place):
        return
    some = rows[count > 0]
    place = frames.places(some)
    first, last = code[some, 3], code[some, 3] + code[some, 4] - 1
    found.inside("first argument of a call", first, frames.registers[some], place=place)
    found.inside("last argument of a call", last, frames.registers[some], place=place)


def _traps(frames: Frames, found: Findings) -> None:
    """Programs stop with faults of their own only, whose number is a string."""
    code = frames.image.code
    rows = np.flatnonzero((code[:, 0] == Op.TRAP) & ~np.isin(code[:, 5], TRAPS))
    for pc in rows:
        found.add(f"{frames.place(int(pc))}: TRAP with {Fault(int(code[pc, 5])).name}")


def _call_depth(frames: Frames, found: Findings) -> None:
    """No chain of calls is longer than `MAX_CALL_DEPTH`, so that it can be walked."""
    image, code = frames.image, frames.image.code
    rows = np.flatnonzero(code[:, 0] == Op.CALL)
    calls: dict[int, list[int]] = {}
    for caller, callee in sorted({(int(frames.segment[r]), int(code[r, 5])) for r in rows}):
        calls.setdefault(caller, []).append(int(frames.segment[image.functions[callee].entry]))
    seen: set[int] = set()
    for start in sorted(calls):
        stack = [iter((start,))]
        while stack:
            following = next((f for f in stack[-1] if f not in seen), None)
            if following is None:
                stack.pop()
                continue
            seen.add(following)
            stack.append(iter(calls.get(following, ())))
            if len(stack) > MAX_CALL_DEPTH:
                place = frames.place(int(frames.starts[following]))
                found.add(f"{place}: calls nest deeper than {MAX_CALL_DEPTH}")
                return


def _math(frames: Frames, found: Findings) -> None:
    """Each function of MATH with the types and operands it has."""
    code = frames.image.code
    rows = np.flatnonzero(code[:, 0] == Op.MATH)
    floats, function = code[rows, 1] >= Type.F16, code[rows, 5]
    wrong = np.where(floats, np.isin(function, _BITS), ~np.isin(function, _INTEGER_MATH))
    for pc in rows[wrong]:
        name, type_ = Math(int(code[pc, 5])).name, Type(int(code[pc, 1])).name
        found.add(f"{frames.place(int(pc))}: there is no {name} of {type_}")
    for pc in rows[np.isin(function, _BINARY_MATH) & (code[rows, 4] < 0)]:
        name = Math(int(code[pc, 5])).name
        found.add(f"{frames.place(int(pc))}: {name} needs a second operand")


def _prints(frames: Frames, found: Findings) -> None:
    """Values to print lie in the frame, texts in the table of strings."""
    image, code = frames.image, frames.image.code
    prints = np.isin(code[:, 0], (Op.PRINT, Op.TRACE))
    rows = np.flatnonzero(prints & ~np.isin(code[:, 3], _VALUELESS))
    found.inside("printed register", code[rows, 2], frames.registers[rows],
                 place=frames.places(rows))  # fmt: skip
    rows = np.flatnonzero(prints & (code[:, 3] == PrintKind.STRING))
    found.inside("printed string", code[rows, 5], len(image.strings), place=frames.places(rows))


def _dsd_operands(frames: Frames, found: Findings) -> None:
    """Registers that DSD operations and their options name lie in the frame that issues them."""
    image, code = frames.image, frames.image.code
    rows = np.flatnonzero(code[:, 0] == Op.DSD)
    operands = image.operands[code[rows, 5]]
    for column in OPERANDS:
        named = np.isin(operands[:, column], (Operand.SCALAR, Operand.POINTER))
        found.inside(
            f"register of {DsdOperands(column + 1).name}", operands[named, column + 1],
            frames.registers[rows[named]], place=frames.places(rows[named]),
        )  # fmt: skip
    loads = np.flatnonzero(code[:, 0] == Op.DSRLOAD)
    issued = np.append(rows, loads)
    chosen = np.append(operands[:, DsdOperands.OPTIONS], code[loads, 5])
    issued, chosen = issued[chosen >= 0], chosen[chosen >= 0]
    for column in Option:
        values = image.options[chosen, column]
        named = values <= -16
        found.inside(
            f"register of option {column.name}", -(values[named] + 16),
            frames.registers[issued[named]], place=frames.places(issued[named]),
        )  # fmt: skip


def verify_operands(image: Image, found: Findings) -> bool:
    """Check the tables of DSD operands and options, which instructions name by row; True if all
    fine."""
    before = len(found.texts)
    rows, options = image.operands, image.options
    if not found.inside("DSD operation", rows[:, DsdOperands.OP], len(SIZE_TABLE)):
        return False
    found.inside("row of options", rows[:, DsdOperands.OPTIONS], len(options), least=-1)
    for column in OPERANDS:
        if not found.inside("operand kind", rows[:, column], len(Operand)):
            return False
        slots = np.isin(rows[:, column], (Operand.SLOT, Operand.DSR))
        name = f"slot of {DsdOperands(column + 1).name}"
        found.inside(name, rows[slots, column + 1], image.slots)
    sizes = SIZE_TABLE[rows[:, DsdOperands.OP]]
    memory = (Operand.SLOT, Operand.DSR, Operand.POINTER)
    first, second = (rows[:, column] != Operand.NONE for column, _ in SOURCES)
    two = sizes[:, 2] != 0
    scalar = rows[:, DsdOperands.SCALAR_KIND] == Operand.SCALAR
    for wrong, what in (
        (
            (sizes[:, 0] != 0) & ~np.isin(rows[:, DsdOperands.DEST_KIND], memory),
            "needs a DSD, DSR or pointer to write",
        ),
        ((sizes[:, 0] == 0) & (rows[:, DsdOperands.DEST_KIND] != Operand.NONE), "writes nothing"),
        (~two & ~first & ~second, "needs a source"),
        (two & ~(first & second), "needs two sources"),
        ((sizes[:, 3] != 0) & ~scalar, "needs a scalar"),
        (
            np.isin(rows[:, DsdOperands.SCALAR_KIND], (Operand.SLOT, Operand.DSR)),
            "takes no DSD for its scalar",
        ),
    ):
        for i in np.flatnonzero(wrong)[:1]:
            found.add(f"operands row {int(i)}: the operation {what}")
    priority = options[:, Option.PRIORITY]
    named = priority <= -16
    found.inside("priority of options", priority[~named], 4, least=-1)
    return len(found.texts) == before
