"""Lay out a PE's memory: temporaries that are never needed at once share space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import scf
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    IntegerAttr,
    MemRefType,
    ModuleOp,
    StringAttr,
    i64,
)
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from pyflame.dialects.dataflow.attributes import Purpose
from pyflame.dialects.dataflow.communication import SendOp
from pyflame.dialects.dataflow.program import BufferOp, PhaseOp, ProgramOp, programs
from pyflame.dialects.dataflow.types import element_size
from pyflame.dialects.dataflow.vector import ViewOp
from pyflame.errors import MemoryLimitError

ALIGNMENT = 16
"""Buffers start at multiples of this many bytes: whole memory banks for vector operations."""

MEMORY = "dataflow.memory"
"""Attribute of a laid-out program: one dictionary per buffer (name, purpose, bytes, address)."""


@dataclass(frozen=True)
class Row:
    """One buffer in the memory table; sizes and addresses in bytes of user memory."""

    name: str
    purpose: Purpose
    bytes: int
    address: int


@dataclass(frozen=True)
class MemoryUsage:
    """What takes the memory of every PE of a program.

    `needed` counts shared space once; `available` is what the runtime leaves. All PEs run one
    program on one set of buffers, so there is one class of PEs.
    """

    program: str
    target: str
    rectangle: tuple[int, int]
    rows: tuple[Row, ...]
    needed: int
    available: int
    reserve: int

    @property
    def fits(self) -> bool:
        """Whether the program fits."""
        return self.needed <= self.available

    def table(self) -> str:
        """The rows, largest first, with totals."""
        rows = sorted(self.rows, key=lambda row: (-row.bytes, row.address, row.name))
        width = max(len("available"), *(len(row.name) for row in rows)) if rows else 9
        lines = [f"  {r.name:<{width}}  {r.bytes:>7}  {r.purpose.value}" for r in rows]
        total = sum(row.bytes for row in self.rows)
        shared = f" ({total - self.needed} shared)" if total > self.needed else ""
        return "\n".join(
            [
                f"  {'buffer':<{width}}    bytes  purpose",
                *lines,
                f"  {'needed':<{width}}  {self.needed:>7}{shared}",
                f"  {'available':<{width}}  {self.available:>7}",
            ]
        )


class ProgramMemoryError(MemoryLimitError):
    """A program that does not fit. `usage` says why, `smallest` which rectangle would do.

    The pass cannot know the latter, because tiles are cut long before. Whoever ran the whole
    pipeline searches with `smallest_rectangle` and raises ``error.with_smallest(found)``.
    """

    def __init__(
        self, usage: MemoryUsage, smallest: tuple[int, int] | None = None, searched: bool = False
    ) -> None:
        self.usage = usage
        self.smallest = smallest
        rows, cols = usage.rectangle
        if smallest is not None:
            step = f"The smallest rectangle of this shape that fits is {_show(smallest)} PEs."
        elif searched:
            step = "No rectangle of this shape on the wafer fits: split the program."
        else:
            step = "Use a larger rectangle."
        super().__init__(
            f"program {usage.program} needs {usage.needed} bytes on every PE of its "
            f"{_show((rows, cols))} rectangle, {usage.target} has {usage.available} "
            f"(after {usage.reserve} for code, stack and runtime):\n{usage.table()}\n{step}"
        )

    def with_smallest(self, found: tuple[int, int] | None) -> ProgramMemoryError:
        """The same error after a search that found this rectangle, or none."""
        return ProgramMemoryError(self.usage, found, searched=True)


def _show(rectangle: tuple[int, int]) -> str:
    return f"{rectangle[0]}×{rectangle[1]}"


def smallest_rectangle(
    fits: Callable[[int, int], bool], start: tuple[int, int], limit: tuple[int, int]
) -> tuple[int, int] | None:
    """The smallest rectangle of `start`'s proportions, larger than it, for which `fits` holds.

    `fits` compiles for (rows, cols) as far as the memory layout; it is assumed to stay true once
    true. It is called O(log) times. None if even the largest within `limit` (rows, cols) fails.
    """
    rows, cols = start
    longer = max(rows, cols)

    def scaled(size: int) -> tuple[int, int]:
        return max(1, -(-rows * size // longer)), max(1, -(-cols * size // longer))

    def within(size: int) -> bool:
        r, c = scaled(size)
        return r <= limit[0] and c <= limit[1]

    low, high = longer, longer
    while True:
        high *= 2
        while not within(high) and high > low:
            high -= 1
        if high == low:
            return None
        if fits(*scaled(high)):
            break
        low = high
    while high - low > 1:
        middle = (low + high) // 2
        if fits(*scaled(middle)):
            high = middle
        else:
            low = middle
    return scaled(high)


@dataclass(frozen=True)
class Interval:
    """The positions in program order between which a buffer holds something needed."""

    first: int
    last: int

    def meets(self, other: Interval) -> bool:
        """Whether both are needed at some position."""
        return self.first <= other.last and other.first <= self.last


def live_intervals(program: ProgramOp) -> dict[BufferOp, Interval]:
    """When each buffer is needed.

    What a loop touches is needed for the whole outermost loop, what an asynchronous send reads to
    the end of its phase: the receive that ends its life is there.
    """
    spans = _spans(program)
    for phase in program.walk():
        if isinstance(phase, PhaseOp):
            inside = list(phase.walk())
            end = spans[inside[-1]].last
            for op in inside:
                if isinstance(op, SendOp) and op.asynchronous:
                    spans[op] = Interval(spans[op].first, end)
    found: dict[BufferOp, Interval] = {}
    for buffer in program.buffers:
        touched = [spans[op] for op in _accesses(buffer)]
        if touched:
            found[buffer] = Interval(min(s.first for s in touched), max(s.last for s in touched))
    return found


def _accesses(buffer: BufferOp) -> list[Operation]:
    """The ops that read or write views of `buffer`."""
    views = [use.operation for use in buffer.result.uses]
    return [use.operation for view in views for result in view.results for use in result.uses]


def _spans(program: ProgramOp) -> dict[Operation, Interval]:
    """For each op its position, or the range of its outermost loop."""
    spans: dict[Operation, Interval] = {}
    loop = Interval(-1, -1)
    for position, op in enumerate(program.walk()):
        inside = position <= loop.last
        spans[op] = loop if inside else Interval(position, position)
        if not inside and isinstance(op, scf.ForOp | scf.WhileOp):
            loop = Interval(position, position + sum(1 for _ in op.walk()) - 1)
    return spans


def pack(sizes: Sequence[int], intervals: Sequence[Interval]) -> list[int]:
    """Offsets at which blocks of `sizes` that are needed at once do not overlap.

    Greedy by size: the largest first, each at the lowest offset that is free for its interval.
    """
    placed: list[int] = []
    offsets = [0] * len(sizes)
    for i in sorted(range(len(sizes)), key=lambda i: (-sizes[i], i)):
        busy = sorted(
            (offsets[j], offsets[j] + sizes[j]) for j in placed if intervals[i].meets(intervals[j])
        )
        at = 0
        for low, high in busy:
            if at + sizes[i] <= low:
                break
            at = max(at, high)
        offsets[i] = at
        placed.append(i)
    return offsets


def _aligned(count: int) -> int:
    return -(-count // ALIGNMENT) * ALIGNMENT


def layout_memory(program: ProgramOp, reserve: int | None = None) -> MemoryUsage:
    """Give every buffer an address; temporaries of one element type share one array where it pays.

    `reserve` overrides the bytes kept for code, stack and runtime. The program is changed even if
    it does not fit (see `MemoryUsage.fits`).
    """
    names = {buffer: buffer.sym_name.data for buffer in program.buffers}
    shared_rows = _share_temporaries(program)
    rows: list[Row] = []
    address = 0
    for buffer in program.buffers:
        buffer.address = IntegerAttr(address, i64)
        if buffer in names:
            rows.append(Row(names[buffer], buffer.purpose.data, buffer.num_bytes, address))
        rows += [
            Row(name, Purpose.TEMPORARY, size, address + offset)
            for name, size, offset in shared_rows.get(buffer, ())
        ]
        address += _aligned(buffer.num_bytes)
    arch = program.arch
    kept = arch.runtime_reserve_bytes if reserve is None else reserve
    program.attributes[MEMORY] = ArrayAttr(_row_attribute(row) for row in rows)
    return MemoryUsage(
        program.sym_name.data,
        program.target.data,
        program.rectangle,
        tuple(rows),
        address,
        arch.memory_bytes - kept,
        kept,
    )


def _row_attribute(row: Row) -> DictionaryAttr:
    return DictionaryAttr(
        {
            "name": StringAttr(row.name),
            "purpose": StringAttr(row.purpose.value),
            "bytes": IntegerAttr(row.bytes, i64),
            "address": IntegerAttr(row.address, i64),
        }
    )


def _share_temporaries(program: ProgramOp) -> dict[BufferOp, list[tuple[str, int, int]]]:
    """Merge temporaries of one element type into one array, if that saves space.

    Returns what each new array holds: (name, bytes, byte offset).
    """
    intervals = live_intervals(program)
    by_element: dict[str, list[BufferOp]] = {}
    for buffer in program.buffers:
        if buffer.purpose.data is Purpose.TEMPORARY:
            if buffer in intervals:
                by_element.setdefault(str(buffer.type.element_type), []).append(buffer)
            else:
                Rewriter.erase_op(buffer)
    merged: dict[BufferOp, list[tuple[str, int, int]]] = {}
    for element, buffers in by_element.items():
        sizes = [_aligned(buffer.num_bytes) for buffer in buffers]
        offsets = pack(sizes, [intervals[buffer] for buffer in buffers])
        extent = max(o + s for o, s in zip(offsets, sizes, strict=True))
        if extent < sum(sizes):
            array, held = _merge(program, element, buffers, offsets, extent)
            merged[array] = held
    return merged


def _merge(
    program: ProgramOp,
    element: str,
    buffers: Sequence[BufferOp],
    offsets: Sequence[int],
    extent: int,
) -> tuple[BufferOp, list[tuple[str, int, int]]]:
    """One array of `extent` bytes in place of `buffers`; views move to their offsets."""
    type = buffers[0].type.element_type
    size = element_size(type)
    taken = {op.sym_name.data for op in program.buffers}
    name = f"temporaries_{element}"
    while name in taken:
        name += "_"
    array = BufferOp(name, Purpose.TEMPORARY, MemRefType(type, [extent // size]))
    array.result.name_hint = name
    Rewriter.insert_op(array, InsertPoint.before(buffers[0]))
    held: list[tuple[str, int, int]] = []
    for buffer, offset in zip(buffers, offsets, strict=True):
        held.append((buffer.sym_name.data, buffer.num_bytes, offset))
        for use in list(buffer.result.uses):
            view = use.operation
            assert isinstance(view, ViewOp)
            view.base = IntegerAttr(view.base.value.data + offset // size, i64)
            view.operands[use.index] = array.result
        Rewriter.erase_op(buffer)
    return array, held


@dataclass(frozen=True)
class AllocateMemoryPass(ModulePass):
    """Lay out every PE's memory, and refuse a program that does not fit.

    `reserve` overrides the bytes kept for code, stack and runtime (-1: the architecture's).
    """

    name = "dataflow-allocate-memory"

    reserve: int = -1

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Lay out every program of `op`.

        Raises:
            ProgramMemoryError: a program needs more memory than a PE has.
        """
        for program in programs(op):
            usage = layout_memory(program, None if self.reserve < 0 else self.reserve)
            if not usage.fits:
                raise ProgramMemoryError(usage)
