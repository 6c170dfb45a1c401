"""The image of one PE program while it is being compiled: memory, descriptors, tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pyflame.arch import Arch
from pyflame.errors import MemoryLimitError
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.emit import Emitter
from pyflame.runtime.csl.sema.scalars import to_bits
from pyflame.runtime.csl.sema.values import (
    Address,
    ArrayData,
    Const,
    ConstData,
    Descriptor,
    FnValue,
    Storage,
    Struct,
    Value,
    element,
    path_offset,
)
from pyflame.runtime.csl.source import Span
from pyflame.runtime.fabric.image import (
    Fifo,
    Function,
    Image,
    Queue,
    Rotation,
    Route,
    Symbol,
    Task,
)
from pyflame.runtime.fabric.isa import (
    DESCRIPTOR_WORDS,
    FIRST_FREE_SLOT,
    INSTRUCTION_WORDS,
    OPERAND_WORDS,
    OPTION_WORDS,
    DsdKind,
    Op,
    TaskKind,
    Word,
)

if TYPE_CHECKING:
    from pyflame.runtime.csl.sema.linkage import Link
    from pyflame.runtime.csl.sema.modules import Instance

AUTOMATIC = 1000
"""Added to its colour, the queue number of a fabric DSD that names no queue."""

HOPELESS = 64
"""Memories of a PE that the variables of one may take before it is refused at once."""
CODE_BYTES_PER_INSTRUCTION = 4
"""Estimate for the memory table: what one instruction takes in a PE's program memory."""


@dataclass(eq=False)
class FunctionInstance:
    """A function compiled for one set of compile-time arguments."""

    function: FnValue
    index: int
    params: list[T.Type]
    """Types of the run-time parameters, in order."""
    result: T.Type
    comptime_args: dict[str, Value]
    param_slots: list[int]
    """Descriptor slot of each DSD parameter, -1 for others."""
    result_slot: int = -1
    emitter: Emitter | None = None
    local_slots: list[int] = field(default_factory=list)
    local_memory: list[Storage] = field(default_factory=list)
    calls: set[FunctionInstance] = field(default_factory=set)
    called: Span | None = None
    """The first call, see `Frame.called`."""


@dataclass(frozen=True)
class RotatingTasks:
    """The task that takes turns with an input queue's data task; see `Rotation`."""

    queue: int
    alternate: FnValue
    type: T.FnType
    limit: int
    start: int
    span: Span


class ImageUnit:
    """Everything of one PE program that ends up in its `Image`."""

    def __init__(self, name: str, arch: Arch) -> None:
        self.name = name
        self.arch = arch
        self.storages: list[Storage] = []
        self.end = arch.runtime_reserve_bytes
        self.functions: list[FunctionInstance] = []
        self.pending: list[FunctionInstance] = []
        self.by_key: dict[Any, FunctionInstance] = {}
        self.slots = FIRST_FREE_SLOT
        self.slot_init: dict[int, int] = {}
        self._const_slots: dict[tuple[int, ...], int] = {}
        self._fifo_slots: dict[tuple[int, bool], int] = {}
        self._rows: dict[str, dict[tuple[int, ...], int]] = {
            "descriptors": {}, "operands": {}, "options": {},
        }  # fmt: skip
        self.strings: dict[str, int] = {}
        self.fifos: list[Fifo] = []
        self.fifo_registers: set[int] = set()
        self.tasks: list[Task] = []
        self.symbols: dict[str, Symbol] = {}
        self.symbol_spans: dict[str, Span] = {}
        """Where @export_symbol exports them."""
        self.input_queues: dict[int, Queue] = {}
        self.output_queues: dict[int, Queue] = {}
        self.queue_spans: dict[tuple[str, int], Span] = {}
        """Where @initialize_queue names them, by "input queue" or "output queue" and number."""
        self.active: list[int] = []
        self.blocked: dict[tuple[int, int], None] = {}
        self.compiling: FunctionInstance | None = None
        """The function whose body is being compiled: fresh slots and locals are its own."""
        self.start = Emitter()
        """What runs before the first task: DSRs loaded in comptime blocks."""
        self.late: list[Callable[[], None]] = []
        """Work of comptime blocks that needs all task ids."""
        self.unblocked: list[tuple[int, int]] = []
        self.active_tasks: list[tuple[FnValue, Span]] = []
        """Tasks activated in comptime blocks by name; their ids may be bound later."""
        self.blocked_tasks: list[tuple[FnValue, Span, bool]] = []
        self.fabric_uses: dict[tuple[bool, int, int], Span] = {}
        """(is input, queue, colour) of every fabric DSD, and where it stands."""
        self.automatic_queues: dict[tuple[bool, int], int] = {}
        """(is input, colour) of DSDs without a queue -> the queue, chosen at the end."""
        self.more_input_queues: list[Queue] = []
        """Further colours of input queues that serve several."""
        self.instances: list[Instance] = []
        """The file of the program and everything imported, each instance once."""
        self.links: dict[str, list[Link]] = {}
        """Declarations with ``export``, ``extern`` or ``linkname``, by symbol name."""
        self.teardown: dict[int, int] = {}
        self.flushed: dict[tuple[bool, int], int] = {}
        self.rotating: list[RotatingTasks] = []
        self.rotations: list[Rotation] = []
        self.control_stride = 0
        """Control tasks per control task table; 0 while control tasks share the ids of others."""
        self.control_tables: dict[int, tuple[int, Span]] = {}
        """Input queue -> its .ctrl_table_id and where it is given."""
        self.routes: dict[int, Route] = {}
        self.filtered: frozenset[int] = frozenset()
        """Colours that the layout filters on some PE that runs this program."""
        self._filters: dict[int, int] = {}

    # Memory

    def place(self, storage: Storage) -> int:
        """Give a variable its address.

        Raises:
            MemoryLimitError: those before it take far more than a PE's memory already.
        """
        if self.end > HOPELESS * self.arch.memory_bytes:
            self._check_memory(0)
        align = max(1, storage.align)
        address = -(-self.end // align) * align
        self.storages.append(storage)
        self.end = address + max(storage.type.size, 1)
        return address

    def address_of(self, address: Address) -> int:
        """The byte address of a known pointer."""
        target = address.target
        if isinstance(target, ConstData):
            inside = path_offset(target.value.type, address.path)
            return target.storage(self).address + inside
        assert isinstance(target, Storage)
        return target.address + address.offset

    def encode(self, type_: T.Type, value: Value) -> bytes:
        """A known value as it stands in memory."""
        if isinstance(type_, T.ArrayType):
            assert isinstance(value, Const) and isinstance(value.value, ArrayData)
            return self._encode_array(type_, value.value)
        if isinstance(type_, T.PackedType):
            return self._packed_bits(value).to_bytes(type_.size, "little")
        if isinstance(type_, T.StructType):
            assert isinstance(value, Struct)
            data = bytearray(type_.size)
            for name, field_type in type_.fields.items():
                if name in value.fields:
                    start = type_.offsets[name]
                    part = self.encode(field_type, value.fields[name])
                    data[start : start + len(part)] = part
            return bytes(data)
        bits = self.bits(type_, value)
        return (bits & ((1 << (8 * type_.size)) - 1)).to_bytes(type_.size, "little")

    def _packed_bits(self, value: Value) -> int:
        """The integer of a known packed value; a pointer in it gets its address."""
        if not isinstance(value, Struct):
            return self.bits(value.type, value) & ((1 << T.bit_width(value.type)) - 1)
        assert isinstance(value.type, T.PackedType)
        offsets = value.type.offsets
        return sum(self._packed_bits(f) << offsets[name] for name, f in value.fields.items())

    def _encode_array(self, type_: T.ArrayType, data: ArrayData) -> bytes:
        inner = type_.element
        if isinstance(inner, T.IntType | T.IdType | T.EnumType) or inner is T.BOOL:
            mask = (1 << (8 * inner.size)) - 1
            dtype = np.dtype(f"<u{inner.size}")
            return np.array([int(i) & mask for i in data.items], dtype).tobytes()
        if inner is T.F32:
            with np.errstate(over="ignore"):
                return np.array(data.items, "<f4").tobytes()
        return b"".join(self.encode(inner, element(inner, item)) for item in data.items)

    def bits(self, type_: T.Type, value: Value) -> int:
        """A known scalar as it stands in a register."""
        assert isinstance(value, Const), (type_, value)
        data = value.value
        if isinstance(data, Address):
            return self.address_of(data)
        if isinstance(data, FnValue):
            raise AssertionError("function pointers are resolved by the evaluator")
        return to_bits(type_, data)

    # Tables

    def new_slot(self) -> int:
        """A fresh descriptor slot."""
        self.slots += 1
        if self.compiling is not None:
            self.compiling.local_slots.append(self.slots - 1)
        return self.slots - 1

    def row(self, table: str, words: Sequence[int]) -> int:
        """The row of `table` with these words; equal rows are shared."""
        rows = self._rows[table]
        return rows.setdefault(tuple(words), len(rows))

    def rows(self, table: str) -> Sequence[tuple[int, ...]]:
        """All rows of a table, in order."""
        return list(self._rows[table])

    def descriptor_row(self, descriptor: Descriptor) -> int:
        """The row of a known DSD in the table of constant descriptors."""
        words = [0] * DESCRIPTOR_WORDS
        words[Word.UT] = words[Word.OPTIONS] = -1
        for word, value in descriptor.words.items():
            words[word] = value
        if descriptor.base is not None:
            words[Word.BASE] = self.address_of(descriptor.base)
        return self.row("descriptors", words)

    def const_slot(self, descriptor: Descriptor) -> int:
        """A slot that always holds a known DSD."""
        row = self.descriptor_row(descriptor)
        slot = self._const_slots.get((row,))
        if slot is None:
            slot = self._const_slots[(row,)] = self.new_slot()
            self.slot_init[slot] = row
        return slot

    def fifo_slot(self, descriptor: Descriptor, source: bool) -> int:
        """The slot of a FIFO as a source, or as a destination: each side has its own length."""
        key = (descriptor.words[Word.FIFO], source)
        slot = self._fifo_slots.get(key)
        if slot is None:
            slot = self._fifo_slots[key] = self.slots
            self.slots += 1
            self.slot_init[slot] = self.descriptor_row(descriptor)
        return slot

    def string(self, text: str) -> int:
        """The index of a string of the image."""
        return self.strings.setdefault(text, len(self.strings))

    # Filters

    def filter_id(self, color: int) -> int:
        """The number of a colour's filter, the same on all PEs that run this program."""
        return self._filters.setdefault(color, len(self._filters))

    def number_filters(self) -> None:
        """Number the filters that nothing has asked for, by colour."""
        own = {color for color, route in self.routes.items() if route.filter is not None}
        for color in sorted(self.filtered | own):
            self.filter_id(color)

    # Finish

    def finish(self, files: dict[str, int]) -> Image:
        """Lay out code and memory; `files` numbers source files and grows.

        Raises:
            MemoryLimitError: the program does not fit a PE's memory.
        """
        code: list[list[int]] = []
        lines: list[tuple[int, int]] = []
        functions: list[Function] = []
        for instance in self.functions:
            emitter = instance.emitter
            assert emitter is not None
            functions.append(self._function(instance, len(code)))
            code.extend(emitter.finish(len(code)))
            lines.extend(self._lines(emitter, files))
        if self.start.code:
            functions.append(Function("<start>", len(code), self.start.registers))
            self.start.emit(Op.RET, -1)
            code.extend(self.start.finish(len(code)))
            lines.extend(self._lines(self.start, files))
        memory = self._memory()
        self._check_memory(len(code))
        return Image(
            name=self.name,
            code=np.array(code, np.int64).reshape(-1, INSTRUCTION_WORDS),
            functions=functions,
            memory=memory,
            data_end=self.end,
            tasks=[*self.tasks, *self._named_by_control_wavelets()],
            symbols=dict(self.symbols),
            input_queues=[
                *self.more_input_queues,
                *(self.input_queues[n] for n in sorted(self.input_queues)),
            ],
            output_queues=[self.output_queues[n] for n in sorted(self.output_queues)],
            descriptors=self._descriptors(),
            slots=self.slots,
            slot_init=dict(self.slot_init),
            operands=self._table("operands", OPERAND_WORDS),
            options=self._table("options", OPTION_WORDS),
            fifos=list(self.fifos),
            strings=list(self.strings),
            active=list(self.active),
            blocked=list(self.blocked),
            teardown=dict(self.teardown),
            flushed=dict(self.flushed),
            rotations=list(self.rotations),
            unblocked=sorted(set(self.unblocked)),
            filters=list(self._filters),
            lines=np.array(lines, np.int32).reshape(-1, 2),
            memory_map=self.memory_map(),
            init=len(functions) - 1 if self.start.code else -1,
        )

    def _lines(self, emitter: Emitter, files: dict[str, int]) -> list[tuple[int, int]]:
        """(file, line) of each instruction."""
        names = (span.file.name for span in emitter.spans)
        numbers = [files.setdefault(name, len(files)) for name in names]
        return [(n, span.line) for n, span in zip(numbers, emitter.spans, strict=True)]

    def _function(self, instance: FunctionInstance, entry: int) -> Function:
        emitter = instance.emitter
        assert emitter is not None
        codes = tuple(p.code for p in instance.params if p.code is not None)
        return Function(
            instance.function.decl.name, entry, emitter.registers, codes, instance.result.code
        )

    def _table(self, name: str, width: int) -> np.ndarray:
        return np.array(list(self._rows[name]), np.int64).reshape(-1, width)

    def _descriptors(self) -> np.ndarray:
        """The constant descriptors, with the queues that were left to be chosen."""
        table = self._table("descriptors", DESCRIPTOR_WORDS)
        for (is_input, color), queue in self.automatic_queues.items():
            kind = DsdKind.FABIN if is_input else DsdKind.FABOUT
            rows = (table[:, Word.KIND] == kind) & (table[:, Word.QUEUE] == AUTOMATIC + color)
            table[rows, Word.QUEUE] = queue
        return table

    def _named_by_control_wavelets(self) -> list[Task]:
        """The data and local tasks as control tasks: all ids are of one table, so a control wavelet
        may name any of them."""
        control = {task.number for task in self.tasks if task.kind == TaskKind.CONTROL}
        found = {task.number: task for task in self.tasks if task.number not in control}
        return [replace(task, kind=TaskKind.CONTROL) for _, task in sorted(found.items())]

    def _memory(self) -> np.ndarray:
        parts: list[tuple[int, bytes]] = []
        done = 0
        while done < len(self.storages):  # encoding a pointer may place its target
            storage = self.storages[done]
            done += 1
            if storage.initial is not None:
                parts.append((storage.address, self.encode(storage.type, storage.initial)))
        memory = np.zeros(self.end, np.uint8)
        for address, data in parts:
            memory[address : address + len(data)] = np.frombuffer(data, np.uint8)
        return memory

    def memory_map(self) -> list[tuple[str, int, int]]:
        """Name, address and bytes of everything in memory, by address."""
        reserve = [("runtime and code", 0, self.arch.runtime_reserve_bytes)]
        return reserve + sorted(
            ((s.name, s.address, s.type.size) for s in self.storages), key=lambda e: e[1]
        )

    def _check_memory(self, instructions: int) -> None:
        code = instructions * CODE_BYTES_PER_INSTRUCTION
        beyond = max(0, code - self.arch.runtime_reserve_bytes)
        limit = self.arch.memory_bytes
        if self.end + beyond <= limit:
            return
        rows = sorted(self.memory_map(), key=lambda e: (-e[2], e[1]))[:20]
        table = "\n".join(f"  {size:>8}  {name}" for name, _, size in rows)
        raise MemoryLimitError(
            f"{self.name}: needs {self.end + beyond} bytes, a PE of {self.arch.name} has {limit}; "
            f"the largest parts are\n{table}\nuse smaller arrays or more PEs"
        )
