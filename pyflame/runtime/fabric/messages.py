"""Faults in words: what happened, where in the program, and what to do next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
        5: "@dfilt takes a fabin_dsd",
        6: "a fabout_dsd with .zero needs a source in memory",
    }
    unset = "an operation met a descriptor that was never set"
    return reasons.get(f.b, unset if f.a == 0 else f"an operation cannot take a {_dsd(f.a)}")


def _string(image: Image, number: int) -> str:
    return image.strings[number] if 0 <= number < len(image.strings) else ""


def _assertion(f: FaultInfo, image: Image) -> str:
    text = _string(image, f.a)
    return f"@assert failed{': ' + text if text else ''}"


NO_BOUNDS = "--no-bounds lets it run as on the hardware"


def _out_of_bounds(f: FaultInfo, image: Image) -> str:
    size, low = f.b & 255, (f.b >> 8) - 1
    for name, start, total in image.memory_map:
        if start == low > 0:
            beyond = _beyond(name, f.a - start, total, size)
            return f"{beyond}; check extent, stride and offset, or {NO_BOUNDS}"
    return (
        f"access of {size} bytes at address {f.a} is outside the memory of {w.MEMORY_BYTES} bytes; "
        "check pointers, extents, strides and offsets"
    )


def _beyond(name: str, offset: int, total: int, size: int) -> str:
    """Which element of an array of `total` bytes is not there, and by how much."""
    element, count = offset // size, total // size
    if element < 0:
        by = f"{-element} before the first"
    elif element == count and total % size:
        by = "partly beyond the last"
    else:
        by = f"{element - count + 1} beyond the last"
    elements = f"its {count} elements of {size} bytes"
    return f"the walk reaches element {element} of {name}, {by} of {elements}"


_TEXTS: dict[Fault, Callable[[FaultInfo, Image], str]] = {
    Fault.ASSERT: _assertion,
    Fault.OUT_OF_BOUNDS: _out_of_bounds,
    Fault.QUEUE_BUSY: lambda f, i: (
        f"{_queue(f.b)} {f.a} is still used by another operation; wait for its completion "
        "(.activate or .unblock) or use another queue"
    ),
    Fault.MICROTHREAD_BUSY: lambda f, i: (
        f"microthread {f.a} still runs another operation; an operation takes the microthread of "
        "its queue's number: use queues of different numbers, or .ut_id on WSE-3"
        if f.a >= 0 else "all microthreads are busy; wait for one to complete"
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
    Fault.MISALIGNED: lambda f, i: (
        f"access of {f.b} bytes at odd address {f.a}; values of 16 bits and more start at "
        "even bytes"
    ),
    Fault.BAD_ID: lambda f, i: f"{_ID_KINDS.get(f.b, 'id')} {f.a} does not exist",
    Fault.ASYNC_MEMORY: lambda f, i: (
        "an asynchronous operation needs a fabric or FIFO operand; drop .async"
    ),
    Fault.BAD_INDEX: lambda f, i: (
        f"index {f.a} is out of range: the array has {f.b} elements in this dimension; {NO_BOUNDS}"
    ),
    Fault.EXCEPTION: lambda f, i: (
        f"{_EXCEPTIONS[FloatException(f.a)]}, which the program unmasked (set_exception_mask)"
    ),
    Fault.QUEUE_NOT_EMPTY: lambda f, i: (
        f"{_queue(f.b)} {f.a} gets another colour while it holds wavelets; wait with @queue_flush"
    ),
    Fault.FIFO_FULL: lambda f, i: (
        f"a push to FIFO {f.a}, which is full and whose .full_action is .fault"
    ),
    Fault.FIFO_EMPTY: lambda f, i: (
        f"a pop from FIFO {f.a}, which is empty and whose .empty_action is .fault"
    ),
    Fault.FIFO_WIDTH: lambda f, i: (
        f"the operation moves elements of {f.b} bytes, the FIFO holds elements of {f.a} bytes"
    ),
    Fault.NO_RESULT: lambda f, i: f"{_string(i, f.a)}; give every way through it a return",
    Fault.STOLEN: lambda f, i: (
        f"{task_name(i, f.b)} takes a wavelet from input queue {f.a}, which this operation still "
        "reads; @block the task before the operation and .unblock it in the operation's options"
    ),
}  # fmt: skip


def instruction_message(
    program: Program, info: FaultInfo, task: int, callers: Sequence[int], other: str = ""
) -> str:
    """The whole message of a fault of an instruction.

    `task` is as in the kernel's TASK word; `callers` are the instructions that called the function,
    the innermost first: a fault inside a library names the line that called it. `other` is the
    operation that is in the way, if one is.
    """
    image = program.images[int(program.image_of[info.pe])]
    line = source_line(program, image, info.pc)
    operation = Op(int(image.code[info.pc, 0])).name if 0 <= info.pc < len(image.code) else ""
    where = f" at {line}" if line else f" at instruction {info.pc} ({operation})"
    if line.startswith("<"):
        outside = (source_line(program, image, pc) for pc in callers)
        caller = next((at for at in outside if not at.startswith("<")), "")
        where += f", called at {caller}" if caller else ""
    text = _TEXTS[info.kind](info, image) + (f"; the other is {other}" if other else "")
    return f"{moment(program, info)}, in {task_name(image, task)}{where}: {text}"


def moment(program: Program, info: FaultInfo) -> str:
    """``PE (x, y), cycle n``."""
    return f"{place(program, info.pe)}, cycle {info.time}"
