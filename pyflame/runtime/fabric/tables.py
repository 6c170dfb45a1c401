"""The read-only tables of a program's images, and where their PEs keep what changes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from pyflame.arch import Arch
from pyflame.runtime.fabric.image import Image
from pyflame.runtime.fabric.isa import (
    DESCRIPTOR_WORDS,
    BlockKind,
    DsdKind,
    DsdOperands,
    Op,
    Operand,
    Option,
    TaskKind,
    Word,
)
from pyflame.runtime.fabric.kernel import opcodes as oc
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.kernel.registers import CLOCK_CONTROL, COLOR_REGISTERS
from pyflame.runtime.fabric.shapes import without_constants

ROUTER_OPS = frozenset(op for op in Op if Op.ROUTESET <= op <= Op.FILTERSET)
"""Instructions after which a router need not be as its route says."""
_SLOT_FIELDS = {
    Op.DCOPY: (2, 3), Op.DCONST: (2,), Op.DLEN: (2,), Op.DBASE: (2,), Op.DOFF: (2,),
    Op.DSTRIDE: (2,), Op.DFIELD: (2,), Op.DGET: (3,), Op.DSRLOAD: (2, 3), Op.DLD: (3,),
    Op.DST: (3,), Op.DCOUNT: (3,),
}  # fmt: skip
"""Columns of an instruction that hold descriptor slots."""
_OPERAND_COLUMNS = (DsdOperands.DEST_KIND, DsdOperands.SRC0_KIND, DsdOperands.SRC1_KIND)


class Tables:
    """The read-only program tables, built up as one flat array."""

    def __init__(self) -> None:
        self.words: list[np.ndarray] = []
        self.size = 0
        self._known: dict[bytes, int] = {}

    def add(self, values: np.ndarray | Sequence[int]) -> int:
        """Append values; their place."""
        array = np.asarray(values, np.int64).ravel()
        self.words.append(array)
        self.size += len(array)
        return self.size - len(array)

    def share(self, values: np.ndarray | Sequence[int]) -> int:
        """The place of a table that nothing writes; equal ones are one."""
        array = np.asarray(values, np.int64).ravel()
        key = hashlib.sha256(array.tobytes()).digest()
        if key not in self._known:
            self._known[key] = self.add(array)
        return self._known[key]

    def array(self) -> np.ndarray:
        """Everything appended so far."""
        return np.concatenate(self.words) if self.words else np.zeros(1, np.int64)


def used_slots(image: Image) -> dict[int, int]:
    """The descriptor slots an image really uses, each with its number in the PE's block."""
    slots = set(image.slot_init)
    for op, columns in _SLOT_FIELDS.items():
        rows = image.code[image.code[:, 0] == op]
        for column in columns:
            slots.update(int(s) for s in rows[:, column])
    for column in _OPERAND_COLUMNS:
        kinds = image.operands[:, column]
        rows = image.operands[(kinds == Operand.SLOT) | (kinds == Operand.DSR)]
        slots.update(int(s) for s in rows[:, column + 1])
    return {slot: i for i, slot in enumerate(sorted(slots))}


FABRIC_WORDS = {
    Word.COLOR: w.D_COLOR, Word.QUEUE: w.D_QUEUE, Word.INDEX: w.D_INDEX, Word.SIMD: w.D_SIMD,
}  # fmt: skip
"""Words that only fabric DSDs have; they lie in the places of mem4d's."""
KIND_WORDS = {
    DsdKind.FABIN: FABRIC_WORDS,
    DsdKind.FABOUT: FABRIC_WORDS,
    DsdKind.CIRCBUF: {Word.WRAP: w.D_WRAP},
    DsdKind.FIFO: {Word.FIFO: w.D_FIFO},
}
COMMON_WORDS = {
    Word.KIND: w.D_KIND, Word.BASE: w.D_BASE, Word.OFFSET: w.D_OFFSET, Word.EXTENT: w.D_EXTENT,
    Word.STRIDE: w.D_STRIDE, Word.FLAGS: w.D_FLAGS, Word.POSITION: w.D_POSITION,
    Word.UT: w.D_UT, Word.SAVE: w.D_SAVE, Word.OPTIONS: w.D_OPTIONS,
    **{Word.EXTENT0 + i: w.D_EXTENT0 + i for i in range(8)},
}  # fmt: skip
WORD_PLACE = {**COMMON_WORDS, **FABRIC_WORDS, Word.WRAP: w.D_WRAP, Word.FIFO: w.D_FIFO}
"""Where the kernel keeps each word of a descriptor."""


def stored(descriptors: np.ndarray) -> np.ndarray:
    """Descriptors as the kernel keeps them, with the words that a DSR load fills."""
    source = np.asarray(descriptors, np.int64).reshape(-1, DESCRIPTOR_WORDS)
    rows = np.full((len(source), w.SLOT_WORDS), -1, np.int64)
    for word, place in COMMON_WORDS.items():
        rows[:, place] = source[:, word]
    rows[:, w.D_OPTIONS] = -1
    for kind, places in KIND_WORDS.items():
        chosen = source[:, Word.KIND] == kind
        for word, place in places.items():
            rows[chosen, place] = source[chosen, word]
    return rows


def register_slots(image: Image) -> set[int]:
    """The descriptor slots that are DSRs: they need the words that only a load gives."""
    code = image.code
    slots = {int(s) for s in code[code[:, 0] == Op.DSRLOAD][:, 2]}
    for op, column in ((Op.DFIELD, 2), (Op.DGET, 3)):
        rows = code[code[:, 0] == op]
        slots.update(int(r[column]) for r in rows if WORD_PLACE[int(r[5])] >= w.DSD_WORDS)
    for column in _OPERAND_COLUMNS:
        rows = image.operands[image.operands[:, column] == Operand.DSR]
        slots.update(int(s) for s in rows[:, column + 1])
    return slots


def _sets_word(image: Image, word: Word) -> bool:
    """Whether a program computes a word of some descriptor."""
    return bool(((image.code[:, 0] == Op.DFIELD) & (image.code[:, 5] == word)).any())


def usable_lanes(image: Image) -> set[int]:
    """Microthreads that operations of an image can run in, and the main thread's own lane.

    They are those of the queues in its descriptors and those it names; operations between FIFOs
    take any.
    """
    any_lane = bool(image.fifos) or _sets_word(image, Word.QUEUE) or _sets_word(image, Word.UT)
    named = {int(n) for n in image.options[:, Option.UT]}
    named |= {int(n) for n in image.descriptors[:, Word.UT]}
    if any_lane or min(named, default=0) < -1:
        return set(range(w.LANES))
    fabric = np.isin(image.descriptors[:, Word.KIND], list(KIND_WORDS)[:2])
    named |= {int(q) for q in image.descriptors[fabric][:, Word.QUEUE]}
    return {n for n in named if 0 <= n < w.MAIN} | {w.MAIN}


def usable_outputs(image: Image) -> set[int]:
    """Output queues that a program can send through."""
    if _sets_word(image, Word.QUEUE):
        return set(range(w.QUEUES))
    sends = image.descriptors[:, Word.KIND] == DsdKind.FABOUT
    named = {int(q) for q in image.descriptors[sends][:, Word.QUEUE]}
    named |= {q.number for q in image.output_queues}
    return {q for q in named if 0 <= q < w.QUEUES}


def written_slots(image: Image) -> set[int]:
    """The descriptor slots that some instruction changes."""
    ops = [op for op, columns in _SLOT_FIELDS.items() if 2 in columns]
    return {int(s) for s in image.code[np.isin(image.code[:, 0], ops)][:, 2]}


RECURSION = 64
"""How often a function may be active at once when functions can reach themselves."""


def register_need(image: Image) -> int:
    """Words of the register file: the deepest chain of calls, with room for some recursion."""
    calls: list[set[int]] = []
    entries = sorted((f.entry, i) for i, f in enumerate(image.functions))
    ends = {i: e for (_, i), (e, _) in pairwise([*entries, (len(image.code), -1)])}
    sizes = [f.registers + w.FRAME_HEAD for f in image.functions]
    for i, function in enumerate(image.functions):
        rows = image.code[function.entry : ends[i]]
        if (rows[:, 0] == Op.CALLR).any():
            return sum(sizes) + 16
        calls.append({int(d) for d in rows[rows[:, 0] == Op.CALL][:, 5]})
    need: dict[int, int] = {}
    recursive: set[int] = set()

    def deepest(i: int, path: frozenset[int]) -> int:
        if i in path:
            recursive.update(path)
            return 0
        if i not in need:
            inner = (deepest(j, path | {i}) for j in sorted(calls[i]))
            need[i] = sizes[i] + max(inner, default=0)
        return need[i]

    chain = max((deepest(i, frozenset()) for i in range(len(sizes))), default=0)
    return chain + RECURSION * sum(sizes[i] for i in recursive) + 16


class SharedSlots:
    """Descriptors that no program changes: one copy of each for all PEs."""

    def __init__(self) -> None:
        self.rows: list[np.ndarray] = []
        self._known: dict[bytes, int] = {}

    def place(self, row: np.ndarray) -> int:
        """The place of a descriptor with these words, as the kernel's `slot_at` takes it."""
        number = self._known.setdefault(row.tobytes(), len(self.rows))
        if number == len(self.rows):
            self.rows.append(row)
        return w.SHARED_SLOT + number * w.SLOT_WORDS


class ImageBuilder:
    """Places the tables of images of one shape and remembers what their PEs start with."""

    def __init__(
        self,
        tables: Tables,
        image: Image,
        arch: Arch,
        shared: SharedSlots,
        first: int,
        ramp_colors: list[int],
    ) -> None:
        self.image = image
        self.arch = arch
        self.tables = tables
        self.ramp_colors = ramp_colors
        self.descriptors = stored(image.descriptors)
        written = written_slots(image)
        registers = register_slots(image)
        self.place: dict[int, int] = {}
        self.private: dict[int, tuple[int, int]] = {}  # slot -> (place, words) in each PE's part
        self.ds_words = first
        for slot in used_slots(image):
            if slot in image.slot_init and slot not in written:
                self.place[slot] = shared.place(self.descriptors[image.slot_init[slot]])
            else:
                words = w.SLOT_WORDS if slot in registers else w.DSD_WORDS
                self.place[slot] = self.ds_words
                self.private[slot] = self.ds_words, words
                self.ds_words += words
        self.dynamic = bool(np.isin(image.code[:, 0], sorted(ROUTER_OPS)).any())
        self.dynamic |= not arch.data_tasks_by_queue and names_registers(image)
        self.rebinds = bool((image.code[:, 0] == Op.QUEUESET).any())
        self.queue_of, self.in_color, self.out_color = self._queues()
        self.fields = self._fields()

    def _fields(self) -> dict[int, int]:
        image, add = self.image, self.tables.share
        functions = [v for f in image.functions for v in (f.entry, f.registers, len(f.parameters))]
        objects = sorted((a, a + n) for _, a, n in image.memory_map if n > 0)
        handlers = [image.teardown.get(c, -1) for c in range(w.COLORS)]
        handlers += [image.flushed.get((o, q), -1) for o in (False, True) for q in range(w.QUEUES)]
        tasks, parameters = self._tasks()
        fifos = [
            v
            for f in image.fifos
            for v in (
                f.address,
                f.elements,
                f.element.bytes,
                f.activate_push,
                f.activate_pop,
                f.full,
                f.empty,
            )
        ]
        return {
            w.I_CODE_SIZE: len(image.code),
            w.I_FUNCTIONS: add(functions),
            w.I_FUNCTION_COUNT: len(image.functions),
            w.I_OPERANDS: add(self._operands()),
            w.I_OPTIONS: add(image.options),
            w.I_DESCRIPTORS: add(self.descriptors),
            w.I_TASKS: add(tasks),
            w.I_PARAMETERS: add(parameters),
            w.I_FIFOS: add(fifos),
            w.I_FIFO_COUNT: len(image.fifos),
            w.I_OBJECTS: add([v for pair in objects for v in pair]),
            w.I_OBJECT_COUNT: len(objects),
            w.I_TEARDOWN: add(handlers),
            w.I_INIT: image.init,
            w.I_FILTERS: add(image.filters),
            w.I_FILTER_COUNT: len(image.filters),
            w.I_DYNAMIC: int(self.dynamic),
        }

    def code(self) -> np.ndarray:
        """The image's instructions with the places of slots and descriptor words."""
        code = np.array(self.image.code, np.int64)
        for op, columns in _SLOT_FIELDS.items():
            rows = np.flatnonzero(code[:, 0] == op)
            for column in columns:
                code[rows, column] = [self.place[int(s)] for s in code[rows, column]]
        rows = np.flatnonzero((code[:, 0] == Op.DFIELD) | (code[:, 0] == Op.DGET))
        code[rows, 5] = [WORD_PLACE[int(d)] for d in code[rows, 5]]
        return code

    def _operands(self) -> np.ndarray:
        rows = np.array(self.image.operands, np.int64)
        for column in _OPERAND_COLUMNS:
            for row in rows:
                if row[column] in (Operand.SLOT, Operand.DSR):
                    row[column + 1] = self.place[int(row[column + 1])]
        return rows

    def _tasks(self) -> tuple[np.ndarray, np.ndarray]:
        functions = np.full(3 * w.TASKS, -1, np.int64)
        parameters = np.zeros((3 * w.TASKS, 3), np.int64)
        for task in self.image.tasks:
            code = task.kind * w.TASKS + task.number
            functions[code] = task.function
            parameters[code, 0] = len(task.parameters)
            for i, t in enumerate(task.parameters[:2]):
                parameters[code, 1 + i] = t
        return functions, parameters

    def _queues(self) -> tuple[list[int], list[int], list[int]]:
        queue_of = [-1] * w.COLORS
        in_color = [-1] * w.QUEUES
        out_color = [-1] * w.QUEUES
        for queue in self.image.input_queues:
            in_color[queue.number] = queue.color
            queue_of[queue.color] = queue.number
        for queue in self.image.output_queues:
            out_color[queue.number] = queue.color
        for color in self.ramp_colors:
            free = [q for q in range(w.QUEUES) if in_color[q] < 0]
            free = [q for q in free if q not in self.arch.memcpy_queues]
            if queue_of[color] < 0 and free:
                in_color[free[0]] = color
                queue_of[color] = free[0]
        return queue_of, in_color, out_color

    def queue_table(self) -> np.ndarray:
        """Which queue serves which colour, and what the queues' wavelets start."""
        table = np.full(w.QUEUE_TABLE_WORDS, -1, np.int64)
        table[w.T_QUEUE_OF : w.T_IN_COLOR] = self.queue_of
        table[w.T_IN_COLOR : w.T_OUT_COLOR] = self.in_color
        table[w.T_OUT_COLOR : w.T_CONTROL] = self.out_color
        table[w.T_CONTROL : w.T_ROTATION] = 0
        for queue in self.image.input_queues:
            table[w.T_CONTROL + queue.number] = queue.control_base
        for i, rotation in enumerate(self.image.rotations):
            table[w.T_ROTATION + rotation.queue] = i
            table[w.T_LIMIT + i] = rotation.limit
            table[w.T_ALTERNATE + i] = rotation.alternate
        table[w.T_REBINDS] = int(self.rebinds)
        return table

    def blocked(self) -> int:
        """Blocked mask at the start: ids without a task, and those the program blocks."""
        mask = (1 << w.TASKS) - 1
        for task in self.image.tasks:
            if task.kind != TaskKind.CONTROL:
                mask &= ~(1 << task.number)
        mask &= ~(1 << self.arch.teardown_task)
        for kind, number in self.image.unblocked:
            mask &= ~(1 << self._id(kind, number))
        for kind, number in self.image.blocked:
            if kind != BlockKind.MICROTHREAD:
                mask |= 1 << self._id(kind, number)
        return mask - (1 << 64) if mask >> 63 else mask

    def _id(self, kind: int, number: int) -> int:
        if kind == BlockKind.INPUT_QUEUE and not self.arch.data_tasks_by_queue:
            colors = [q.color for q in self.image.input_queues if q.number == number]
            return colors[0] if colors else number
        return number


def names_registers(image: Image) -> bool:
    """Whether addresses of router registers stand in the code, so that it may rewrite routes."""
    rows = image.code[np.isin(image.code[:, 0], (Op.LDI, Op.LOAD, Op.STORE)), 5]
    return bool(((rows >= COLOR_REGISTERS) & (rows < CLOCK_CONTROL)).any())


def place_code(
    tables: Tables, builders: Sequence[ImageBuilder], images: Sequence[Image], of: np.ndarray
) -> np.ndarray:
    """Place the code of all images, of which `of` says the builder: I_CODE and I_CONSTANTS of each.

    Images that differ in constants only share their code. Such constants, usually what a layout
    computed from a PE's coordinates, come from a table.
    """
    groups: dict[bytes, list[int]] = {}
    codes = [b.code() for b in builders]
    for i, code in enumerate(codes):
        key = hashlib.sha256(without_constants(code).tobytes()).digest()
        groups.setdefault(key, []).append(i)
    places = np.zeros((len(images), 2), np.int64)
    for group in groups.values():
        shared = codes[group[0]]
        loads = np.flatnonzero(shared[:, 0] == Op.LDI)
        members = np.flatnonzero(np.isin(of, group))
        values = np.stack([images[int(i)].code[loads, 5] for i in members])
        differ = (values != values[0]).any(axis=0)
        shared[loads[differ], 0] = oc.LDC
        shared[loads[differ], 5] = np.arange(int(differ.sum()))
        places[members, 0] = tables.add(shared)
        places[members, 1] = [tables.share(own) for own in values[:, differ]]
    return places
