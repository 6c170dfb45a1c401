"""From a `Program` to the machine's arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyflame.arch import Arch, CycleModel
from pyflame.runtime.fabric.floats import FORMATS
from pyflame.runtime.fabric.image import Image, Program, Route
from pyflame.runtime.fabric.isa import BlockKind, DsdOp, Op, TaskKind, Word
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.limits import MAX_CYCLES, MAX_INSTRUCTIONS
from pyflame.runtime.fabric.shapes import distinct_shapes
from pyflame.runtime.fabric.tables import (
    ImageBuilder,
    SharedSlots,
    Tables,
    names_registers,
    place_code,
    register_need,
    usable_lanes,
    usable_outputs,
)

_AHEAD = 1 << 24
"""PE-cycles that main threads run ahead of the clock: about what a fraction of a second takes, so
that the machine heeds its limit and its user."""
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
        w.G_HALF: list(FORMATS).index(program.half),
        w.G_FAULT_PE: -1,
        w.G_MAX_CYCLES: min(settings.max_cycles, w.LAST_CYCLE),
        w.G_MAX_INSTRUCTIONS: min(settings.max_instructions, np.iinfo(np.int64).max),
        w.G_AHEAD: min(max(_AHEAD // (program.width * program.height), 1 << 8), 1 << 18),
        w.G_SHUFFLE: 0 if seed is None else (seed & 0x7FFFFFFF) + 1,
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
    tables = Tables()
    g = _globals(program, settings)
    shared = SharedSlots()
    builders, of = _builders(program, arch, tables, shared, g)
    images = [b.image for b in builders]
    heads = np.array([[b.fields.get(i, 0) for i in range(w.IMAGE_WORDS)] for b in builders])[of]
    heads[:, [w.I_CODE, w.I_CONSTANTS]] = place_code(tables, builders, program.images, of)
    head = tables.add(heads)
    _queues(g, builders)
    g[w.G_DS_WORDS] = max(b.ds_words for b in builders)
    g[w.G_REGISTERS] = max(register_need(image) for image in images)
    mine = of[program.image_of]
    pe = _cores(count, builders, mine, tables)
    pe[:, w.IMAGE] = head + program.image_of * w.IMAGE_WORDS
    ch = _channels(program, builders, mine, tables, pe, g)
    channels = len(ch) // w.CHANNEL_WORDS
    im = tables.array()
    ds = _descriptors(builders, int(g[w.G_DS_WORDS]))[mine].ravel()
    g[w.G_SHARED] = len(ds)
    ds = np.concatenate([ds, *shared.rows]).astype(np.int32)
    m8 = np.zeros(count * w.MEMORY_STRIDE, np.uint8)
    memory = m8.reshape(count, w.MEMORY_STRIDE)
    order = np.argsort(program.image_of, kind="stable")
    ends = np.searchsorted(program.image_of[order], np.arange(len(program.images)), side="right")
    for image, rows in zip(program.images, np.split(order, ends[:-1]), strict=True):
        memory[rows, : len(image.memory)] = image.memory
    for block in program.contents:
        memory[block.pes, block.address : block.address + block.data.shape[1]] = block.data
    return w.Arrays(
        g=g, pe=pe.ravel(), qu=np.zeros(max(count * int(g[w.G_QUEUE_WORDS]), 1), np.int64),
        rg=np.zeros(count * int(g[w.G_REGISTERS]), np.int64), ds=ds, ch=ch,
        cf=np.zeros(channels * 5 * int(g[w.G_DEPTH]), np.int64), im=im,
        ev=_events(g, count, channels, _logs(images)), hs=np.zeros(1, np.int64),
        hd=np.zeros(1, np.uint32), m8=m8, m16=m8.view(np.uint16), m32=m8.view(np.uint32),
        mf=m8.view(np.float32), tr=np.zeros(1, np.int64),
    )  # fmt: skip


def _builders(
    program: Program, arch: Arch, tables: Tables, shared: SharedSlots, g: np.ndarray
) -> tuple[list[ImageBuilder], np.ndarray]:
    """What images have in common is placed once: the builders, and which one each image has."""
    shapes, shape_of = distinct_shapes(program.images)
    first = _lanes(g, [program.images[i] for i in shapes])
    builders: list[ImageBuilder] = []
    known: dict[tuple[int, bool, tuple[int, ...]], int] = {}
    of = np.empty(len(program.images), np.int64)
    for i, image in enumerate(program.images):
        ramp = _ramp_colors(program, i, arch)
        key = (int(shape_of[i]), names_registers(image), tuple(ramp))
        of[i] = known.setdefault(key, len(builders))
        if of[i] == len(builders):
            builders.append(ImageBuilder(tables, image, arch, shared, first, ramp))
    return builders, of


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


def _cores(count: int, builders: list[ImageBuilder], of: np.ndarray, tables: Tables) -> np.ndarray:
    """The PEs' words, whose builders `of` says."""
    pe = np.zeros((count, w.PE_WORDS), np.int64)
    pe[:, w.CHANNEL_OF : w.CHANNEL_OF + w.COLORS] = -1
    pe[:, w.WAKE] = w.FOREVER
    pe[:, w.HEAP_AT] = -1
    pe[:, w.TASK] = -1
    pe[:, w.RNG_KEY] = np.arange(count) + 1
    masks = np.zeros((len(builders), 3), np.int64)
    for row, b in zip(masks, builders, strict=True):
        stopped = (n for kind, n in b.image.blocked if kind == BlockKind.MICROTHREAD)
        row[:] = sum(1 << n for n in set(b.image.active)), b.blocked(), sum(1 << n for n in stopped)
    pe[:, [w.ACTIVE, w.BLOCKED, w.UT_BLOCKED]] = masks[of]
    for i, b in enumerate(builders):
        rows = of == i
        copies = int(rows.sum()) if b.rebinds else 1
        place = tables.add if b.rebinds else tables.share
        pe[rows, w.QUEUE_TABLE] = place(np.tile(b.queue_table(), copies))
        if b.rebinds:
            pe[rows, w.QUEUE_TABLE] += w.QUEUE_TABLE_WORDS * np.arange(copies)
        for k, rotation in enumerate(b.image.rotations):
            pe[rows, w.ROTATED + k] = rotation.start
    return pe


def _channels(
    program: Program,
    builders: list[ImageBuilder],
    of: np.ndarray,
    tables: Tables,
    pe: np.ndarray,
    g: np.ndarray,
) -> np.ndarray:
    """One block per (PE, colour) with a route, and for every colour on PEs that may make routes."""
    size = w.CHANNEL_WORDS
    blank = np.zeros(size, np.int64)
    blank[w.C_FILTER] = -1
    blank[w.C_ARRIVED] = -1
    blocks = [_channel(route, blank, tables) for route in program.routes]
    dynamic = np.array([b.dynamic for b in builders])[of]
    named = _named_colors(program, [b.image for b in builders])
    where = (program.route_of >= 0) | (dynamic[:, None] & named)
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
    ch[:, w.C_NEXT : w.C_NEXT + 4] = _neighbors(program, numbers, ch[:, w.C_SWAP], where)
    ch[:, w.C_ENTRIES] = np.arange(len(ch)) * 5 * int(g[w.G_DEPTH])
    return ch.astype(np.int32).ravel() if ch.size else np.zeros(size, np.int32)


def _neighbors(
    program: Program, numbers: np.ndarray, swap: np.ndarray, where: np.ndarray
) -> np.ndarray:
    """Where each channel's links lead: the channel of its colour, or of the one swapped with it,
    at the next router, -1 if there is none; [channels, N S E W]."""
    grid = np.full((program.height + 2, program.width + 2, w.COLORS), -1, np.int64)
    grid[1:-1, 1:-1] = numbers.reshape(program.height, program.width, w.COLORS)
    pes, colors = np.nonzero(where)
    y, x = np.divmod(pes, program.width)
    columns = []
    for dx, dy, axis in ((0, -1, 2), (0, 1, 2), (1, 0, 1), (-1, 0, 1)):
        beyond = np.where(swap & axis, colors ^ 1, colors)
        columns.append(grid[y + 1 + dy, x + 1 + dx, beyond])
    return np.stack(columns, axis=1)


def _named_colors(program: Program, images: list[Image]) -> np.ndarray:
    """Colours that the program gives a route or a queue anywhere, as a mask of 24."""
    named: np.ndarray = np.array((program.route_of >= 0).any(axis=0))
    for image in images:
        colors = [q.color for q in (*image.input_queues, *image.output_queues) if q.color >= 0]
        colors += [int(c) for c in image.descriptors[:, Word.COLOR]]
        named[[c for c in colors if 0 <= c < w.COLORS]] = True
    named[list(program.streaming.values())] = False  # the host's, unless they have a route
    return named


def _channel(route: Route, blank: np.ndarray, tables: Tables) -> np.ndarray:
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


def _descriptors(builders: list[ImageBuilder], size: int) -> np.ndarray:
    """The start of each builder's PEs' part of ds."""
    starts = np.zeros((len(builders), size), np.int32)
    for start, b in zip(starts, builders, strict=True):
        for slot, (place, words) in b.private.items():
            start[place + w.DSD_WORDS : place + words] = -1
            if slot in b.image.slot_init:
                row = b.descriptors[b.image.slot_init[slot]]
                start[place : place + words] = row[:words].astype(np.int32)
    return starts


def _logs(images: list[Image]) -> int:
    """Entries of the output log: a few, unless programs print."""
    prints = any(np.isin(i.code[:, 0], (Op.PRINT, Op.TRACE)).any() for i in images)
    return _LOG_ENTRIES if prints else 16


def _lanes(g: np.ndarray, images: list[Image]) -> int:
    """Lay out the lanes that programs can use and the FIFOs in each PE's part of ds; where
    descriptors begin."""
    lanes = set[int]().union(*(usable_lanes(image) for image in images))
    g[w.G_LANE_AT : w.G_LANE_AT + w.LANES] = -1
    for i, lane in enumerate(sorted(lanes)):
        g[w.G_LANE_AT + lane] = i * w.LANE_WORDS
    g[w.G_FIFO_AT] = len(lanes) * w.LANE_WORDS
    return int(g[w.G_FIFO_AT]) + max((len(i.fifos) for i in images), default=0) * w.FIFO_STATE


def _queues(g: np.ndarray, builders: list[ImageBuilder]) -> None:
    """Lay out the queues that programs can use in each PE's part of qu."""
    at = 0
    outputs = set[int]().union(*(usable_outputs(b.image) for b in builders))
    for q in range(w.QUEUES):
        used = any(b.in_color[q] >= 0 for b in builders)
        g[w.G_IN_AT + q] = at if used else -1
        at += w.IN_HEAD + int(g[w.G_IN_DEPTH + q]) + w.RAMP_STAGES if used else 0
        g[w.G_OUT_AT + q] = at if q in outputs else -1
        at += w.OUT_HEAD + int(g[w.G_OUT_DEPTH + q]) if q in outputs else 0
    g[w.G_QUEUE_WORDS] = at


def _events(g: np.ndarray, count: int, channels: int, logs: int) -> np.ndarray:
    """Lists of what is to be done; in a cycle every channel moves one wavelet at the most, and
    every PE sends one."""
    at = 0
    g[w.G_LOG_SIZE] = logs
    sizes = {
        w.G_HEAP_LIST: count, w.G_NEXT_LIST: 2 * count, w.G_RUN_LIST: 4 * count,
        w.G_ROUTER_NEXT: count, w.G_ROUTER_RUN: count,
        w.G_MOVE_LIST: channels + count,
        w.G_LOG_LIST: logs * w.LOG_WORDS,
    }  # fmt: skip
    for word, size in sizes.items():
        g[word] = at
        at += size
    return np.zeros(at, np.int64)
