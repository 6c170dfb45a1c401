"""``convert-dataflow-to-csl``: one PE program and its layout from a `dataflow.program`."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import arith, csl, memref
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FunctionType,
    IndexType,
    IntegerAttr,
    MemRefType,
    ModuleOp,
    StringAttr,
    SymbolRefAttr,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region, TypeAttribute
from xdsl.passes import ModulePass

from pyflame.dialects.csl.declarations import (
    ArrayOp,
    BindTaskOp,
    ComptimeOp,
    ExportSymbolOp,
    InitializeQueueOp,
)
from pyflame.dialects.dataflow.attributes import Purpose
from pyflame.dialects.dataflow.program import (
    BufferOp,
    ChannelOp,
    PhaseOp,
    ProgramOp,
    TaskOp,
    programs,
)
from pyflame.dialects.dataflow.roles import CoordOp
from pyflame.dialects.dataflow.types import element_size
from pyflame.errors import Gap, MemoryLimitError, UnsupportedError
from pyflame.lowering.dataflow_to_csl.context import MAIN, STAMP, TIMES, PeContext, comment
from pyflame.lowering.dataflow_to_csl.layout import layout_module
from pyflame.lowering.dataflow_to_csl.ops import lower, lower_block
from pyflame.lowering.dataflow_to_csl.views import UI16
from pyflame.lowering.emit.host import PROGRAM

PE = "pe"
"""Symbol of the PE program's module; its file is ``pe.csl``."""

STAMP_WORDS = 3
"""16-bit words of a time stamp, low word first."""


MEMORY, CYCLES = "dataflow.memory", "dataflow.cycles"
"""Attributes of a program and its phases that go into the report as they are."""


@dataclass(frozen=True)
class ConvertDataflowToCslPass(ModulePass):
    """Replace the module's `dataflow.program` by two `csl.module` ops, the layout and the program.

    Colours, queues, task ids and memory must have been allocated, tokens lowered. With
    `phase_times` every phase's end is stamped, not only the program's.
    """

    name = "convert-dataflow-to-csl"

    phase_times: bool = False

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Convert the module in place.

        Raises:
            UnsupportedError: the module has several programs, or ops without a row.
            ResourceError: something has not been allocated.
        """
        found = list(programs(op))
        if len(found) > 1:
            names = ", ".join(f"@{p.sym_name.data}" for p in found)
            raise UnsupportedError(Gap(f"{len(found)} programs in one module: {names}"))
        for program in found:
            layout, pe, table = convert_program(program, self.phase_times)
            block = program.parent
            assert block is not None
            block.insert_ops_before([layout, pe], program)
            op.attributes[PROGRAM] = table
            program.detach()
            program.erase()


def convert_program(
    program: ProgramOp, phase_times: bool = False
) -> tuple[csl.CslModuleOp, csl.CslModuleOp, DictionaryAttr]:
    """The layout module, the PE module, and the host's table of a program."""
    ctx = PeContext(program, phase_times)
    main = _function(ctx, program)
    tasks = [_task(ctx, task) for task in program.tasks]
    stamps = _stamp(ctx)
    _check_memory(ctx)
    shared = [b for b in program.buffers if b.purpose.data is not Purpose.TEMPORARY]
    symbols = {buffer: ctx.buffers[buffer.result].name for buffer in shared}
    exports = _exports(ctx, symbols)
    bindings = _bindings(ctx, exports)

    block = Block()
    for parameter in ctx.parameters.ops:
        block.add_op(parameter)
    declared = list(ctx.globals.ops)
    for op in declared:
        op.detach()
    imports = [op for op in declared if isinstance(op, csl.ImportModuleConstOp)]
    rest = [op for op in declared if not isinstance(op, csl.ImportModuleConstOp)]
    block.add_ops([*imports, *rest, *stamps, *ctx.functions_made, *main, *tasks, bindings])
    pe = csl.CslModuleOp(
        properties={
            "kind": csl.ModuleKindAttr(csl.ModuleKind.PROGRAM),
            "sym_name": StringAttr(PE),
        },
        regions=[Region(block)],
    )
    parameters = [p for p in ctx.parameters.all if p.name != "memcpy_params"]
    types: list[tuple[str, TypeAttribute]] = [
        (name, pointer.res.type) for name, pointer in exports.items()
    ]
    types.append((MAIN, FunctionType.from_lists([], [])))
    layout = layout_module(program, parameters, types, f"{PE}.csl")
    return layout, pe, host_table(ctx, symbols)


def _function(ctx: PeContext, program: ProgramOp) -> list[csl.FuncOp]:
    """The launched function, and one function for each phase."""
    main = Block()
    phases: list[csl.FuncOp] = []
    with ctx.inside(main):
        time = ctx.module("<time>")
        ctx.add(csl.MemberCallOp("enable_tsc", None, time, []))
        ctx.stamp("start")
        for op in program.body.block.ops:
            if isinstance(op, BufferOp | ChannelOp | TaskOp):
                continue
            if isinstance(op, PhaseOp):
                phases.append(_phase(ctx, op))
            elif isinstance(op, CoordOp):
                ctx.remember_coordinate(op)
            else:
                lower(ctx, op)
        ctx.add(csl.ReturnOp())
    function = csl.FuncOp(MAIN, ([], None), Region(main))
    return [*phases, function]


def _phase(ctx: PeContext, op: PhaseOp) -> csl.FuncOp:
    body = Block()
    with ctx.inside(body):
        ctx.recall_coordinates(op)
        lower_block(ctx, op.body.block)
        ctx.add(csl.ReturnOp())
    name = ctx.symbols.fresh(f"phase_{op.label.data}")
    function = csl.FuncOp(name, ([], None), Region(body))
    comment(function, f"phase {op.label.data}")

    ctx.add(csl.CallOp(SymbolRefAttr(name)))
    if ctx.phase_times:
        ctx.stamp(op.label.data)
    return function


def _task(ctx: PeContext, op: TaskOp) -> csl.TaskOp:
    ctx.task_id(op)
    body = Block()
    with ctx.inside(body):
        ctx.recall_coordinates(op)
        lower_block(ctx, op.body.block)
        ctx.add(csl.ReturnOp())
    name, _ = ctx.tasks[op]
    return csl.TaskOp(name, ([], None), Region(body), task_kind=csl.TaskKind.LOCAL, id=None)


def _stamp(ctx: PeContext) -> list[Operation]:
    """The array of times, and the function that writes the present time into a slot of it."""
    tsc = ArrayOp("tsc", MemRefType(UI16, [STAMP_WORDS]))
    times = ArrayOp(TIMES, MemRefType(UI16, [STAMP_WORDS * len(ctx.stamps)]))
    tsc.result.name_hint, times.result.name_hint = "tsc", TIMES
    ctx.globals.add_ops([tsc, times])
    ctx.arrays.append(times)
    body = Block(arg_types=[IndexType()])
    (slot,) = body.args
    slot.name_hint = "slot"
    with ctx.inside(body):
        pointer = csl.PtrType.get(tsc.result.type, is_single=True, is_const=False)
        address = ctx.add(csl.AddressOfOp(tsc.result, pointer))
        ctx.add(csl.MemberCallOp("get_timestamp", None, ctx.module("<time>"), [address]))
        first = ctx.add(arith.MuliOp(slot, ctx.index(STAMP_WORDS)), "first").result
        for word in range(STAMP_WORDS):
            value = ctx.add(memref.LoadOp.get(tsc.result, [ctx.index(word)]), "word").res
            at = ctx.add(arith.AddiOp(first, ctx.index(word))).result if word else first
            ctx.add(memref.StoreOp.get(value, times.result, [at]))
        ctx.add(csl.ReturnOp())
    return [csl.FuncOp(STAMP, ([IndexType()], None), Region(body))]


def _check_memory(ctx: PeContext) -> None:
    """Temporaries share memory only with those of their own element type, so the program may need
    more than was laid out.

    Raises:
        MemoryLimitError: more than a PE has; lists the arrays.
    """
    arch = ctx.program.arch
    available = arch.memory_bytes - arch.runtime_reserve_bytes
    sizes = {array.sym_name.data: _bytes(array) for array in ctx.arrays}
    if sum(sizes.values()) > available:
        rows = "\n".join(f"  {name}: {size}" for name, size in sizes.items())
        raise MemoryLimitError(
            f"the arrays of a PE need {sum(sizes.values())} bytes, {arch.name} has {available} "
            f"(after {arch.runtime_reserve_bytes} for code, stack and runtime):\n{rows}"
        )


def _exports(ctx: PeContext, symbols: dict[BufferOp, str]) -> dict[str, csl.AddressOfOp]:
    """A pointer to every array that the host may use, by name."""
    exports: dict[str, csl.AddressOfOp] = {}
    named = {symbol: ctx.buffers[buffer.result].array for buffer, symbol in symbols.items()}
    named[TIMES] = ctx.arrays[-1].result
    for symbol, array in named.items():
        assert isinstance(array.type, MemRefType)
        pointer = csl.PtrType.get(array.type.element_type, is_single=False, is_const=False)
        op = csl.AddressOfOp(array, pointer)
        op.res.name_hint = f"{symbol}_ptr"
        ctx.globals.add_op(op)
        exports[symbol] = op
    return exports


def _bindings(ctx: PeContext, exports: dict[str, csl.AddressOfOp]) -> ComptimeOp:
    body = Block()
    for name, id in ctx.tasks.values():
        body.add_op(BindTaskOp(name, id))
    for port in ctx.ports.values():
        body.add_op(InitializeQueueOp(port.queue, port.color))
    for symbol, pointer in exports.items():
        body.add_op(ExportSymbolOp(symbol, pointer.res))
    body.add_op(ExportSymbolOp(MAIN))
    return ComptimeOp(Region(body))


def host_table(ctx: PeContext, symbols: dict[BufferOp, str]) -> DictionaryAttr:
    """What the host script and the report need to know of a program.

    ``target``, ``rows``, ``cols``; ``tensors``: for each the host's name, CSL symbol, purpose and
    distributed type; ``stamps``: what each time stamp marks; ``arrays``: bytes by name;
    ``channels``: colours and queues by name; ``phases``: label and, where they have been
    predicted, cycles of every phase; ``memory``: the buffers, where memory has been laid out.
    """
    rows, cols = ctx.program.rectangle
    tensors: list[Attribute] = []
    for buffer, symbol in symbols.items():
        assert buffer.tensor is not None
        row = {
            "name": StringAttr(buffer.host_name),
            "symbol": StringAttr(symbol),
            "purpose": StringAttr(buffer.purpose.data.value),
            "type": buffer.tensor,
            "storage": buffer.type.element_type,
        }
        tensors.append(DictionaryAttr(row))
    memory = ctx.program.attributes.get(MEMORY, ArrayAttr([]))
    phases = [op for op in ctx.program.body.block.ops if isinstance(op, PhaseOp)]
    return DictionaryAttr(
        {
            "target": ctx.program.target,
            "rows": IntegerAttr(rows, i64),
            "cols": IntegerAttr(cols, i64),
            "tensors": ArrayAttr(tensors),
            "stamps": ArrayAttr([StringAttr(label) for label in ctx.stamps]),
            "arrays": ArrayAttr([_array_row(array) for array in ctx.arrays]),
            "channels": ArrayAttr([_channel_row(channel) for channel in ctx.program.channels]),
            "phases": ArrayAttr([_phase_row(phase) for phase in phases]),
            "memory": memory,
        }
    )


def _array_row(array: ArrayOp) -> DictionaryAttr:
    return DictionaryAttr({"name": array.sym_name, "bytes": IntegerAttr(_bytes(array), i64)})


def _bytes(array: ArrayOp) -> int:
    type = array.result.type
    assert isinstance(type, MemRefType)
    return type.element_count() * element_size(type.element_type)


def _phase_row(phase: PhaseOp) -> DictionaryAttr:
    cycles = phase.attributes.get(CYCLES)
    return DictionaryAttr({"label": phase.label} | ({"cycles": cycles} if cycles else {}))


def _channel_row(channel: ChannelOp) -> DictionaryAttr:
    row: dict[str, Attribute] = {"name": channel.sym_name}
    for key in ("colors", "input_queue", "output_queue"):
        value = channel.properties.get(key)
        if value is not None:
            row[key] = value
    return DictionaryAttr(row)
