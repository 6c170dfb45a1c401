"""Faults in words: what happened, where in the program, and what to do next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyflame.runtime.fabric.image import Image, Program
from pyflame.runtime.fabric.isa import Direction, DsdKind, Fault, FloatException, Op, TaskKind
from pyflame.runtime.fabric.kernel import words as w


@dataclass(frozen=True)
class FaultInfo:
    """A fault as the kernel recorded it; `a` and `b` depend on the kind."""

    kind: Fault
    pe: int
    pc: int
    time: int
    a: int
    b: int


def source_line(program: Program, image: Image, pc: int) -> str:
    """``file:line`` of an instruction, "" if unknown."""
    if not 0 <= pc < len(image.lines):
        return ""
    file, line = (int(v) for v in image.lines[pc])
    name = program.files[file] if 0 <= file < len(program.files) else image.name
    return f"{name}:{line}"


def place(program: Program, pe: int) -> str:
    """``PE (x, y)``."""
    return f"PE ({pe % program.width}, {pe // program.width})"


def task_name(image: Image, code: int) -> str:
    """A running task by kind, id and function name; `code` as in the kernel's TASK word."""
    kind, number = divmod(code, w.TASKS)
    if code < 0:
        return "no task"
    if kind == w.HOST_KIND:
        return "a launched function"
    label = f"{TaskKind(kind).name.lower()} task {number}"
    for task in image.tasks:
        if task.kind == kind and task.number == number:
            return f"{label} ({image.functions[task.function].name})"
    return label


def port(number: int) -> str:
    """A router port by name."""
    return Direction(number).name


def _queue(b: int) -> str:
    return "output queue" if b == 1 else "input queue"


def _dsd(kind: int) -> str:
    return f"{DsdKind(kind).name.lower()}_dsd" if 0 <= kind < len(DsdKind) else f"kind {kind}"


_EXCEPTIONS = {
    FloatException.UNDERFLOW: "a floating-point result underflowed",
    FloatException.OVERFLOW: "a floating-point result overflowed",
    FloatException.INEXACT: "a floating-point result was rounded",
    FloatException.INVALID: "a floating-point operation had no valid result",
    FloatException.DIVIDE_BY_ZERO: "a floating-point number was divided by zero",
}

_ID_KINDS = {
    0: "colour", 1: "queue", 2: "task", 3: "microthread", 4: "function",
    5: "colour without a router configuration", 6: "filter", 7: "main thread priority",
    8: "set of exceptions",
}  # fmt: skip


def _bad_dsd(f: FaultInfo, image: Image) -> str:
    reasons = {
        1: "@set_dsd_length does not take a mem4d_dsd; build the DSD anew",
        2: f"@set_dsd_stride takes a mem1d_dsd, not a {_dsd(f.a)}",
        3: "a fabout_dsd cannot be read",
        4: "a fabin_dsd cannot be written",
    }
    unset = "an operation met a descriptor that was never set"
    return reasons.get(f.b, unset if f.a == 0 else f"an operation cannot take a {_dsd(f.a)}")


def _assertion(f: FaultInfo, image: Image) -> str:
    text = image.strings[f.a] if 0 <= f.a < len(image.strings) else ""
    return f"@assert failed{': ' + text if text else ''}"


_TEXTS: dict[Fault, Callable[[FaultInfo, Image], str]] = {
    Fault.ASSERT: _assertion,
    Fault.OUT_OF_BOUNDS: lambda f, i: (
        f"access of {f.b & 255} bytes at address {f.a} is outside {_object(i, f.b >> 8)}; check "
        "extents, strides and offsets"
    ),
    Fault.QUEUE_BUSY: lambda f, i: (
        f"{_queue(f.b)} {f.a} is still used by another operation; wait for its completion "
        "(.activate or .unblock) or use another queue"
    ),
    Fault.MICROTHREAD_BUSY: lambda f, i: (
        f"microthread {f.a} still runs another operation; use other queues, or .ut_id on WSE-3"
        if f.a >= 0 else "all microthreads are busy; wait for one to complete"
    ),
    Fault.NO_ROUTE: lambda f, i: (
        f"a wavelet on colour {f.a} came from {port(f.b)}, but this router has no route for it; "
        "add the direction to .rx of its colour configuration"
    ),
    Fault.TWO_ARRIVALS: lambda f, i: (
        f"wavelets on colour {f.a} arrived from {port(f.b & 255)} and {port(f.b >> 8)} in one "
        "cycle; a colour may take several rx directions only if they never send at the same time"
    ),
    Fault.NO_CONSUMER: lambda f, i: (
        f"a wavelet (0x{f.b:08x}) on colour {f.a} was delivered to the core, but no input queue "
        "takes this colour; initialise a queue for it or remove RAMP from .tx"
    ),
    Fault.DIVIDE: lambda f, i: f"integer division of {f.a} by zero",
    Fault.TWO_FABIN: lambda f, i: (
        "an operation has two fabin operands; WSE-3 allows one, receive the other into memory first"
    ),
    Fault.BAD_DSD: _bad_dsd,
    Fault.RUNAWAY: lambda f, i: (
        f"the task ran for more than {f.a} instructions; if it is meant to, raise max_instructions "
        "(--max-instructions)"
    ),
    Fault.RECURSION: lambda f, i: (
        f"the call of {i.functions[f.a].name} nests too deep; does it end?"
    ),
    Fault.UNINITIALISED_QUEUE: lambda f, i: (
        f"{_queue(f.b)} {f.a} is used but not initialised; add @initialize_queue"
    ),
    Fault.BAD_TASK: lambda f, i: (
        f"{TaskKind(f.b).name.lower()} task {f.a} was activated, but no task is bound to this id"
    ),
    Fault.BAD_EXTENT: lambda f, i: (
        f"an endless operation (extent {f.a}) needs a fabric or FIFO operand" if f.b == 1
        else f"extent {f.a} is outside 0 … 32767; 32766 elements are the most, 32767 means endless"
    ),
    Fault.STACK: lambda f, i: "the register file is exhausted",
    Fault.MISALIGNED: lambda f, i: (
        f"access of {f.b} bytes at odd address {f.a}; values of 16 bits and more start at "
        "even bytes"
    ),
    Fault.BAD_ID: lambda f, i: f"{_ID_KINDS.get(f.b, 'id')} {f.a} does not exist",
    Fault.OFF_FABRIC: lambda f, i: (
        f"a wavelet on colour {f.a} would leave the program rectangle to the {port(f.b)}; remove "
        "that direction from .tx at the edge"
    ),
    Fault.ASYNC_MEMORY: lambda f, i: (
        "an asynchronous operation needs a fabric or FIFO operand; drop .async"
    ),
    Fault.BAD_INDEX: lambda f, i: (
        f"index {f.a} is out of range: the array has {f.b} elements in this dimension"
    ),
    Fault.EXCEPTION: lambda f, i: (
        f"{_EXCEPTIONS[FloatException(f.a)]}, which the program unmasked (set_exception_mask)"
    ),
    Fault.FIFO_WIDTH: lambda f, i: (
        f"the operation moves elements of {f.b} bytes, the FIFO holds elements of {f.a} bytes"
    ),
}  # fmt: skip

ROUTER_FAULTS = frozenset({Fault.NO_ROUTE, Fault.TWO_ARRIVALS, Fault.NO_CONSUMER, Fault.OFF_FABRIC})
"""Faults of a router, which no instruction of the PE causes at that moment."""


def _object(image: Image, low: int) -> str:
    """The array whose first byte is low - 1, or the whole memory."""
    for name, start, size in image.memory_map:
        if start == low - 1:
            return f"array {name} (addresses {start} … {start + size - 1}) in which it started"
    return "memory"


def fault_message(program: Program, info: FaultInfo, task: int) -> str:
    """The whole message of a fault."""
    image = program.images[int(program.image_of[info.pe])]
    text = _TEXTS[info.kind](info, image)
    where = f"{place(program, info.pe)}, cycle {info.time}"
    if info.kind not in ROUTER_FAULTS:
        line = source_line(program, image, info.pc)
        operation = Op(int(image.code[info.pc, 0])).name if 0 <= info.pc < len(image.code) else ""
        where += f", in {task_name(image, task)}"
        where += f" at {line}" if line else f" at instruction {info.pc} ({operation})"
    return f"{where}: {text}"
