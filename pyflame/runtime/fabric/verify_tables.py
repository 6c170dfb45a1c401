"""Checks on an image's tables: sizes, functions, tasks, queues, FIFOs, symbols, memory."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pyflame.arch import Arch
from pyflame.runtime.fabric.findings import Findings
from pyflame.runtime.fabric.image import Image, Queue
from pyflame.runtime.fabric.isa import (
    DESCRIPTOR_WORDS,
    INSTRUCTION_WORDS,
    OPERAND_WORDS,
    OPTION_WORDS,
    BlockKind,
    FifoAction,
    TaskKind,
)  # fmt: skip
from pyflame.runtime.fabric.kernel.words import ROTATIONS

MAX_REGISTERS = 1 << 16
MAX_SLOTS = 1 << 18
MAX_FIFOS = 1 << 10
MAX_LAUNCH_ARGUMENTS = 15
TASK_IDS = 64


def verify_shapes(image: Image, found: Findings) -> bool:
    """Check the arrays' shapes and the bounds of what the machine allocates; True if all fine."""
    before = len(found.texts)
    signed = np.signedinteger
    found.array("code", image.code, (None, INSTRUCTION_WORDS), signed)
    found.array("memory", image.memory, (None,), np.uint8)
    found.array("descriptors", image.descriptors, (None, DESCRIPTOR_WORDS), signed)
    found.array("operands", image.operands, (None, OPERAND_WORDS), signed)
    found.array("options", image.options, (None, OPTION_WORDS), signed)
    found.array("lines", image.lines, (None, 2), signed)
    found.inside("number of slots", image.slots, MAX_SLOTS + 1)
    found.inside("number of FIFOs", len(image.fifos), MAX_FIFOS + 1)
    for f in image.functions:
        found.inside(f"entry of {f.name!r}", f.entry, len(image.code))
        found.inside(f"registers of {f.name!r}", f.registers, MAX_REGISTERS)
    return len(found.texts) == before


def verify_tables(image: Image, files: list[str], arch: Arch, found: Findings) -> None:
    """Check the tables of an image whose shapes are fine."""
    _memory(image, arch, found)
    _tasks(image, arch, found)
    _blocks(image, arch, found)
    for queues, depths, what, least in (
        (image.input_queues, arch.input_queue_depths, "input queue", 0),
        (image.output_queues, arch.output_queue_depths, "output queue", -1),
    ):
        _queues(queues, len(depths), arch, what, least, found)
    _fifos(image, arch, found)
    _symbols(image, arch, found)
    found.inside("number of filters", len(image.filters), arch.colors + 1)
    for number, color in enumerate(image.filters):
        found.inside(f"colour of filter {number}", color, arch.colors)
    for slot, row in image.slot_init.items():
        found.inside("an initialised slot", slot, image.slots)
        found.inside(f"initial descriptor of slot {slot}", row, len(image.descriptors))
    if len(image.lines):
        found.inside("file of an instruction's line", image.lines[:, 0], len(files), least=-1)


def _memory(image: Image, arch: Arch, found: Findings) -> None:
    """Contents and objects lie in the PE's memory; an object's end bounds the DSDs on it."""
    found.inside("size of the initial memory", image.memory.size, arch.memory_bytes + 1)
    found.inside("data_end", image.data_end, arch.memory_bytes + 1)
    for name, address, size in image.memory_map:
        found.inside(f"address of {name!r}", address, arch.memory_bytes + 1)
        found.inside(f"size of {name!r}", size, arch.memory_bytes - max(address, 0) + 1)


def _tasks(image: Image, arch: Arch, found: Findings) -> None:
    functions = len(image.functions)
    for task in image.tasks:
        name = f"{task.kind.name.lower()} task {task.number}"
        found.inside("id of a task", task.number, arch.last_control_task + 1)
        if found.inside(f"function of {name}", task.function, functions):
            needed = min(len(task.parameters), 2)
            registers = image.functions[task.function].registers
            found.inside(f"number of parameters of {name}", needed, registers + 1)
    local = {t.number for t in image.tasks if t.kind == TaskKind.LOCAL}
    for number in image.active:
        if number not in local:
            found.add(f"task {number} is active at the start, but no local task has this id")
    found.inside("function of the initialiser", image.init, functions, least=-1)
    for color, function in image.teardown.items():
        found.inside("colour of a teardown handler", color, arch.colors)
        found.inside(f"teardown handler of colour {color}", function, functions)
    for (output, queue), function in image.flushed.items():
        depths = arch.output_queue_depths if output else arch.input_queue_depths
        found.inside("queue of an empty-queue handler", queue, len(depths))
        found.inside(f"empty-queue handler of queue {queue}", function, functions)
    _rotations(image, arch, found)


def _rotations(image: Image, arch: Arch, found: Findings) -> None:
    """Tasks that take turns exist, and there are no more pairs than counters."""
    found.inside("number of rotating pairs", len(image.rotations), ROTATIONS + 1)
    control = {t.number for t in image.tasks if t.kind == TaskKind.CONTROL}
    for rotation in image.rotations:
        found.inside("queue of rotating tasks", rotation.queue, len(arch.input_queue_depths))
        found.inside("limit of rotating tasks", rotation.limit, 1 << 32)
        found.inside("first count of rotating tasks", rotation.start, rotation.limit + 1)
        if rotation.alternate not in control:
            found.add(f"rotating tasks name control task {rotation.alternate}, which is not bound")


def _blocks(image: Image, arch: Arch, found: Findings) -> None:
    """Ids blocked and unblocked at the start are bits of masks."""
    ends = {
        BlockKind.TASK: TASK_IDS,
        BlockKind.COLOR: arch.colors,
        BlockKind.INPUT_QUEUE: len(arch.input_queue_depths),
        BlockKind.MICROTHREAD: 8,
    }
    for kind, number in (*image.blocked, *image.unblocked):
        if found.inside("kind of a blocked id", kind, len(BlockKind)):
            name = f"blocked {BlockKind(kind).name.lower()}"
            found.inside(name, number, ends[BlockKind(kind)])
    if len({tuple(b) for b in image.blocked}) < len(image.blocked):
        found.add("an id is blocked twice")


def _queues(
    queues: Iterable[Queue], count: int, arch: Arch, what: str, least: int, found: Findings
) -> None:
    for queue in queues:
        found.inside(f"number of an {what}", queue.number, count)
        name = f"colour of {what} {queue.number}"
        found.inside(name, queue.color, arch.colors, least=least)
        found.inside(f"first control task of {what} {queue.number}", queue.control_base, TASK_IDS)


def _fifos(image: Image, arch: Arch, found: Findings) -> None:
    for i, fifo in enumerate(image.fifos):
        if found.inside(f"address of FIFO {i}", fifo.address, arch.memory_bytes):
            end = (arch.memory_bytes - fifo.address) // fifo.element.bytes + 1
            found.inside(f"elements of FIFO {i}", fifo.elements, end, least=1)
        for action in (fifo.full, fifo.empty):
            found.inside(f"action of FIFO {i}", action, len(FifoAction))
        for task in (fifo.activate_push, fifo.activate_pop):
            found.inside(f"task that FIFO {i} activates", task, TASK_IDS, least=-1)


def _symbols(image: Image, arch: Arch, found: Findings) -> None:
    for symbol in image.symbols.values():
        name = symbol.name
        fine = found.inside(f"function of {name!r}", symbol.function, len(image.functions),
                            least=-1)  # fmt: skip
        if fine and symbol.function >= 0:
            parameters = len(image.functions[symbol.function].parameters)
            found.inside(f"parameters of {name!r}", parameters, MAX_LAUNCH_ARGUMENTS + 1)
        found.inside(f"address of {name!r}", symbol.address, arch.memory_bytes, least=-1)
        room = arch.memory_bytes - max(symbol.address, 0)
        found.inside(f"size of {name!r}", symbol.size, room + 1)
        found.inside(f"pointer of {name!r}", symbol.pointer, arch.memory_bytes - 1, least=-1)
