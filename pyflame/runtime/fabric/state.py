"""From a `Program` to the machine's arrays."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pyflame.arch import Arch, CycleModel
from pyflame.runtime.fabric.image import Image, Program, Route
from pyflame.runtime.fabric.isa import (
    DESCRIPTOR_WORDS,
    BlockKind,
    DsdOp,
    DsdOperands,
    Op,
    Operand,
    TaskKind,
    Word,
)  # fmt: skip
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.kernel.registers import CLOCK_CONTROL, COLOR_REGISTERS
from pyflame.runtime.fabric.limits import MAX_CYCLES, MAX_INSTRUCTIONS

ROUTER_OPS = frozenset(op for op in Op if Op.ROUTESET <= op <= Op.FILTERSET)
"""Instructions after which a router need not be as its route says."""
_SLOT_FIELDS = {
    Op.DCOPY: (2, 3), Op.DCONST: (2,), Op.DLEN: (2,), Op.DBASE: (2,), Op.DOFF: (2,),
    Op.DSTRIDE: (2,), Op.DFIELD: (2,), Op.DGET: (3,), Op.DSRLOAD: (2, 3), Op.DLD: (3,),
    Op.DST: (3,), Op.DCOUNT: (3,),
}  # fmt: skip
"""Columns of an instruction that hold descriptor slots."""
_OPERAND_COLUMNS = (DsdOperands.DEST_KIND, DsdOperands.SRC0_KIND, DsdOperands.SRC1_KIND)
_LOG_ENTRIES = 1 << 14


@dataclass(frozen=True)
class Settings:
    """What a machine is run with: the hardware, its costs and its limits."""

    arch: Arch
    cycles: CycleModel
    shuffle_seed: int | None = None
    max_cycles: int = MAX_CYCLES
    max_instructions: int = MAX_INSTRUCTIONS
    fifo_depth: int = 2
    check_bounds: bool = True


class _Tables:
    """The read-only program tables, built up as one flat array."""

    def __init__(self) -> None:
        self.words: list[np.ndarray] = []
        self.size = 0

    def add(self, values: np.ndarray | list[int]) -> int:
        """Append values; their place."""
        array = np.asarray(values, np.int64).ravel()
        self.words.append(array)
        self.size += len(array)
        return self.size - len(array)

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


class _SharedSlots:
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


class _ImageBuilder:
    """Places one image's tables and remembers what its PEs start with."""

    def __init__(
        self,
        tables: _Tables,
        image: Image,
        arch: Arch,
        shared: _SharedSlots,
        fifos: int,
        ramp_colors: list[int],
    ) -> None:
        self.image = image
        self.arch = arch
        self.tables = tables
        self.ramp_colors = ramp_colors
        first = w.LANES * 3 * w.OPERAND_RECORD + fifos * w.FIFO_STATE
        constants = self.constants()
        written = written_slots(image)
        self.place: dict[int, int] = {}
        self.ds_words = first
        for slot in used_slots(image):
            if slot in image.slot_init and slot not in written:
                self.place[slot] = shared.place(constants[image.slot_init[slot]])
            else:
                self.place[slot] = self.ds_words
                self.ds_words += w.SLOT_WORDS
        self.header = tables.add([0] * w.IMAGE_WORDS)
        self.dynamic = bool(np.isin(image.code[:, 0], sorted(ROUTER_OPS)).any())
        self.dynamic |= not arch.data_tasks_by_queue and _names_registers(image)
        self.fields = self._fields()

    def _fields(self) -> dict[int, int]:
        image, add = self.image, self.tables.add
        functions = [v for f in image.functions for v in (f.entry, f.registers, len(f.parameters))]
        objects = sorted((a, a + n) for _, a, n in image.memory_map if n > 0)
        teardown = [image.teardown.get(c, -1) for c in range(w.COLORS)]
        tasks, parameters = self._tasks()
        queue_of, in_color, out_color = self._queues()
        fifos = [
            v
            for f in image.fifos
            for v in (f.address, f.elements, f.element.bytes, f.activate_push, f.activate_pop)
        ]
        return {
            w.I_CODE: add(self._code()),
            w.I_CODE_SIZE: len(image.code),
            w.I_FUNCTIONS: add(functions),
            w.I_FUNCTION_COUNT: len(image.functions),
            w.I_OPERANDS: add(self._operands()),
            w.I_OPTIONS: add(image.options),
            w.I_DESCRIPTORS: add(self.constants()),
            w.I_TASKS: add(tasks),
            w.I_PARAMETERS: add(parameters),
            w.I_FIFOS: add(fifos),
            w.I_FIFO_COUNT: len(image.fifos),
            w.I_OBJECTS: add([v for pair in objects for v in pair]),
            w.I_OBJECT_COUNT: len(objects),
            w.I_TEARDOWN: add(teardown),
            w.I_QUEUE_OF: add(queue_of),
            w.I_IN_COLOR: add(in_color),
            w.I_OUT_COLOR: add(out_color),
            w.I_SLOTS: len(self.place),
            w.I_INIT: image.init,
            w.I_DYNAMIC: int(self.dynamic),
            w.I_FILTERS: add(image.filters),
            w.I_FILTER_COUNT: len(image.filters),
        }

    def _code(self) -> np.ndarray:
        code = np.array(self.image.code, np.int64)
        for op, columns in _SLOT_FIELDS.items():
            rows = np.flatnonzero(code[:, 0] == op)
            for column in columns:
                code[rows, column] = [self.place[int(s)] for s in code[rows, column]]
        return code

    def _operands(self) -> np.ndarray:
        rows = np.array(self.image.operands, np.int64)
        for column in _OPERAND_COLUMNS:
            for row in rows:
                if row[column] in (Operand.SLOT, Operand.DSR):
                    row[column + 1] = self.place[int(row[column + 1])]
        return rows

    def constants(self) -> np.ndarray:
        """Constant descriptors with the words that a DSR load fills."""
        source = np.asarray(self.image.descriptors, np.int64).reshape(-1, DESCRIPTOR_WORDS)
        rows = np.full((len(source), w.SLOT_WORDS), -1, np.int64)
        rows[:, :DESCRIPTOR_WORDS] = source
        rows[:, Word.OPTIONS] = -1
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


def _globals(program: Program, settings: Settings) -> np.ndarray:
    arch, cycles = settings.arch, settings.cycles
    g = np.zeros(w.G_WORDS, np.int64)
    unit = cycles == cycles.unit()
    seed = settings.shuffle_seed
    values = {
        w.G_PES: program.width * program.height,
        w.G_WIDTH: program.width,
        w.G_HEIGHT: program.height,
        w.G_WSE3: int(arch.data_tasks_by_queue),
        w.G_HALF: int(program.half == "bf16"),
        w.G_FAULT_PE: -1,
        w.G_MAX_CYCLES: min(settings.max_cycles, w.LAST_CYCLE),
        w.G_MAX_INSTRUCTIONS: min(settings.max_instructions, np.iinfo(np.int64).max),
        w.G_SHUFFLE: 0 if seed is None else (seed & 0x7FFFFFFF) + 1,
        w.G_LOG_SIZE: _LOG_ENTRIES,
        w.G_DEPTH: settings.fifo_depth + cycles.hop - 1,
        w.G_HOP: cycles.hop,
        w.G_RAMP: cycles.ramp,
        w.G_SETUP: cycles.dsd_setup,
        w.G_DSR: cycles.dsr_load,
        w.G_CLASH: cycles.bank_conflict,
        w.G_TASK: cycles.task_start,
        w.G_BOUNDS: int(settings.check_bounds),
        w.G_WAITING: -1,
        w.G_MATH: cycles.math,
        w.G_FDIV: cycles.fdiv,
        w.G_IDIV: cycles.idiv,
        w.G_IDIV_CONSTANT: cycles.idiv_constant,
        w.G_TAKEN: cycles.branch_taken,
        w.G_LOOP: cycles.loop,
        w.G_PREDICATE: cycles.alu,
        w.G_DSR_USE: cycles.dsr_use,
        w.G_IMUL: cycles.imul,
        w.G_BYTE: 0 if unit else 1,
        w.G_SINKS: sum(1 << c for c in set(program.streaming.values())),
    }  # fmt: skip
    for word, value in values.items():
        g[word] = value
    for op in Op:
        g[w.G_COST + op] = _OP_COSTS.get(op, lambda c: c.alu)(cycles)
    for op in DsdOp:
        g[w.G_RATE + op] = 1 << 20 if unit else int(arch.rates[op.name.lower()])
    widths = (*arch.stride_width, 64)
    g[w.G_STRIDE_WIDTH : w.G_STRIDE_WIDTH + 9] = 1 << 20 if unit else widths
    g[w.G_IN_DEPTH : w.G_IN_DEPTH + len(arch.input_queue_depths)] = arch.input_queue_depths
    g[w.G_OUT_DEPTH : w.G_OUT_DEPTH + len(arch.output_queue_depths)] = arch.output_queue_depths
    return g


_OP_COSTS = {
    Op.LDI: lambda c: c.operand,
    Op.MOV: lambda c: c.operand,
    Op.WRAP: lambda c: c.operand,
    Op.DCOUNT: lambda c: c.map_setup,
    Op.LOAD: lambda c: c.load,
    Op.STORE: lambda c: c.store,
    Op.JMP: lambda c: c.branch,
    Op.JZ: lambda c: c.branch,
    Op.JNZ: lambda c: c.branch,
    Op.CALL: lambda c: 2 * c.call,
    Op.CALLR: lambda c: 2 * c.call,
    Op.RET: lambda c: 0,
    Op.DSRLOAD: lambda c: c.dsr_load,
    Op.DLD: lambda c: c.map_element,
    Op.DST: lambda c: c.map_element,
    Op.MAPNEXT: lambda c: 0,
    Op.BOUND: lambda c: 0,
    Op.ACTIVATE: lambda c: c.activate,
}
"""What instructions cost in terms of the cycle model; the others cost `alu`."""


SPARSE = 1
"""Kind of the filters that use up their limits."""


def _filter_words(route: Route) -> list[int] | None:
    f = route.filter
    if f is None:
        return None
    return [
        f.kind, f.limit1, f.limit2, f.max_counter, f.init_counter, f.min_idx, f.max_idx,
        int(f.count_data), int(f.count_control), int(f.filter_control),
    ]  # fmt: skip


def build(program: Program, settings: Settings) -> w.Arrays:
    """The machine's arrays for a program, ready to run."""
    arch = settings.arch
    count = program.width * program.height
    if arch.memory_bytes != w.MEMORY_BYTES:
        raise ValueError(f"the kernel is built for {w.MEMORY_BYTES} bytes per PE")
    tables = _Tables()
    fifos = max((len(i.fifos) for i in program.images), default=0)
    shared = _SharedSlots()
    builders = [
        _ImageBuilder(tables, image, arch, shared, fifos, _ramp_colors(program, i, arch))
        for i, image in enumerate(program.images)
    ]
    g = _globals(program, settings)
    g[w.G_DS_WORDS] = max(b.ds_words for b in builders)
    g[w.G_REGISTERS] = max(register_need(image) for image in program.images)
    pe = _cores(program, builders, arch)
    ch = _channels(program, builders, tables, pe, g)
    im = tables.array()
    for b in builders:
        for word, value in b.fields.items():
            im[b.header + word] = value
    ds = _descriptors(program, builders, int(g[w.G_DS_WORDS]))
    g[w.G_SHARED] = len(ds)
    ds = np.concatenate([ds, *shared.rows]).astype(np.int32)
    m8 = np.zeros(count * w.MEMORY_STRIDE, np.uint8)
    memory = m8.reshape(count, w.MEMORY_STRIDE)
    for i, image in enumerate(program.images):
        memory[program.image_of == i, : len(image.memory)] = image.memory
    for block in program.contents:
        memory[block.pes, block.address : block.address + block.data.shape[1]] = block.data
    return w.Arrays(
        g=g, pe=pe.ravel(), rg=np.zeros(count * int(g[w.G_REGISTERS]), np.int64), ds=ds, ch=ch,
        im=im, ev=_events(g, count, ch.size // int(g[w.G_CHANNEL_WORDS])),
        hs=np.zeros(1, np.int64), hd=np.zeros(1, np.uint32), m8=m8,
        m16=m8.view(np.uint16), m32=m8.view(np.uint32), mf=m8.view(np.float32),
        tr=np.zeros(1, np.int64),
    )  # fmt: skip


def _ramp_colors(program: Program, image: int, arch: Arch) -> list[int]:
    """Colours that reach the cores of an image only to start control tasks.

    On WSE-2 such a colour needs no queue of its own in the program; here it gets a free one.
    """
    tasks = program.images[image].tasks
    others = {t.number for t in tasks if t.kind != TaskKind.CONTROL}
    if arch.data_tasks_by_queue or {t.number for t in tasks} == others:
        return []
    numbers = np.unique(program.route_of[program.image_of == image])
    delivering = {
        int(n) for n in numbers if n >= 0 and any(p.tx >> 4 for p in program.routes[n].positions)
    }
    found = np.isin(program.route_of[program.image_of == image], sorted(delivering)).any(axis=0)
    return [int(c) for c in np.flatnonzero(found)]


def _cores(program: Program, builders: list[_ImageBuilder], arch: Arch) -> np.ndarray:
    count = program.width * program.height
    pe = np.zeros((count, w.PE_WORDS), np.int64)
    pe[:, w.CHANNEL_OF : w.CHANNEL_OF + w.COLORS] = -1
    pe[:, w.WAKE] = w.FOREVER
    pe[:, w.HEAP_AT] = -1
    pe[:, w.TASK] = -1
    pe[:, w.RNG_KEY] = np.arange(count) + 1
    for i, b in enumerate(builders):
        rows = program.image_of == i
        pe[rows, w.IMAGE] = b.header
        pe[rows, w.ACTIVE] = sum(1 << n for n in set(b.image.active))
        pe[rows, w.BLOCKED] = b.blocked()
        pe[rows, w.UT_BLOCKED] = sum(
            1 << n for kind, n in b.image.blocked if kind == BlockKind.MICROTHREAD
        )
    return pe


def _channels(
    program: Program, builders: list[_ImageBuilder], tables: _Tables, pe: np.ndarray, g: np.ndarray
) -> np.ndarray:
    """One block per (PE, colour) with a route, and for every colour where routes may be made."""
    size = w.C_FIFO + 5 * (2 + int(g[w.G_DEPTH]))
    g[w.G_CHANNEL_WORDS] = size
    blank = np.zeros(size, np.int64)
    blank[w.C_FILTER] = -1
    blank[w.C_ARRIVED] = -1
    blocks = [_channel(route, blank, tables) for route in program.routes]
    dynamic = np.array([b.dynamic for b in builders])[program.image_of]
    where = (program.route_of >= 0) | (dynamic[:, None] & _named_colors(program))
    numbers = np.full(where.shape, -1, np.int64)
    numbers[where] = np.arange(int(where.sum())) * size
    pe[:, w.CHANNEL_OF : w.CHANNEL_OF + w.COLORS] = numbers
    routes = program.route_of[where]
    library = np.stack([*blocks, blank])
    ch = library[routes]
    ch[:, w.C_DYNAMIC] = np.repeat(dynamic, where.sum(axis=1))
    for row in np.flatnonzero(ch[:, w.C_FILTER] >= 0):
        words = _filter_words(program.routes[routes[row]])
        if words is not None and (ch[row, w.C_DYNAMIC] or words[0] == SPARSE):
            ch[row, w.C_FILTER] = tables.add(words)  # rewritten: each router's own
    return np.ascontiguousarray(ch).ravel() if ch.size else np.zeros(size, np.int64)


def _names_registers(image: Image) -> bool:
    """Whether addresses of router registers stand in the code, so that it may rewrite routes."""
    rows = image.code[np.isin(image.code[:, 0], (Op.LDI, Op.LOAD, Op.STORE)), 5]
    return bool(((rows >= COLOR_REGISTERS) & (rows < CLOCK_CONTROL)).any())


def _named_colors(program: Program) -> np.ndarray:
    """Colours that the program gives a route or a queue anywhere, as a mask of 24."""
    named: np.ndarray = np.array((program.route_of >= 0).any(axis=0))
    for image in program.images:
        colors = [q.color for q in (*image.input_queues, *image.output_queues) if q.color >= 0]
        colors += [int(c) for c in image.descriptors[:, Word.COLOR]]
        named[[c for c in colors if 0 <= c < w.COLORS]] = True
    named[list(program.streaming.values())] = False  # the host's, unless they have a route
    return named


def _channel(route: Route, blank: np.ndarray, tables: _Tables) -> np.ndarray:
    block = blank.copy()
    block[w.C_CURRENT] = route.current
    block[w.C_RING] = int(route.ring)
    block[w.C_POP] = route.pop
    block[w.C_SUSPENDED] = int(route.suspended)
    block[w.C_SWAP] = int(route.swap_x) | int(route.swap_y) << 1
    for i, position in enumerate(route.positions):
        valid = int(i == 0 or bool(position.rx or position.tx))
        replaces_rx = int(i > 0 and position.rx != route.positions[0].rx) << 17
        block[w.C_POSITION + i] = position.rx | position.tx << 8 | valid << 16 | replaces_rx
    words = _filter_words(route)
    if words is not None and route.filter is not None:
        block[w.C_FILTER] = tables.add(words)
        block[w.C_COUNT] = route.filter.init_counter
    return block


def _descriptors(program: Program, builders: list[_ImageBuilder], size: int) -> np.ndarray:
    starts = np.zeros((len(builders), size), np.int64)
    for start, b in zip(starts, builders, strict=True):
        constants = b.constants()
        private = {s: p for s, p in b.place.items() if p < w.SHARED_SLOT}
        for slot, place in private.items():
            start[place + Word.OPTIONS : place + w.SLOT_WORDS] = -1
            if slot in b.image.slot_init:
                start[place : place + w.SLOT_WORDS] = constants[b.image.slot_init[slot]]
    return starts.astype(np.int32)[program.image_of].ravel()


def _events(g: np.ndarray, count: int, channels: int) -> np.ndarray:
    """Lists of what is to be done; in a cycle every channel moves one wavelet at the most, and
    every PE sends one."""
    at = 0
    sizes = {
        w.G_HEAP_LIST: count, w.G_NEXT_LIST: 2 * count, w.G_RUN_LIST: 4 * count,
        w.G_ROUTER_NEXT: count, w.G_ROUTER_RUN: count,
        w.G_MOVE_LIST: (channels + count) * w.MOVE_WORDS,
        w.G_LOG_LIST: _LOG_ENTRIES * w.LOG_WORDS,
    }  # fmt: skip
    for word, size in sizes.items():
        g[word] = at
        at += size
    return np.zeros(at, np.int64)
