"""How each dataflow op becomes CSL: one function per op, one table.

A view that one DSD cannot walk is walked by loops over its outer dimensions, with the op on the
rest inside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from io import StringIO
from typing import Any

from xdsl.dialects import arith, csl, memref, scf
from xdsl.dialects.builtin import IndexType, UnitAttr, i1
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.printer import Printer

from pyflame.dialects.csl.declarations import GetDsrOp
from pyflame.dialects.csl.dsd import DsdOp, LoadToDsrOp
from pyflame.dialects.csl.dsd import MapOp as CslMapOp
from pyflame.dialects.csl.types import DsrFile, IdKind
from pyflame.dialects.dataflow.attributes import Vector
from pyflame.dialects.dataflow.communication import AwaitOp, RecvOp, ReduceStepOp, SendOp
from pyflame.dialects.dataflow.compute import MapOp, MatmulOp, YieldOp
from pyflame.dialects.dataflow.program import FinishOp
from pyflame.dialects.dataflow.roles import ROLES, CoordOp, RoleOp
from pyflame.dialects.dataflow.vector import VECTOR, ReduceOp, VectorOp, ViewOp
from pyflame.errors import Gap, UnsupportedError
from pyflame.lowering.dataflow_to_csl.channels import fabric_dsd, port
from pyflame.lowering.dataflow_to_csl.context import PeContext
from pyflame.lowering.dataflow_to_csl.math import lower_math
from pyflame.lowering.dataflow_to_csl.roles import ROLE_VALUES, Parameter, role_name
from pyflame.lowering.dataflow_to_csl.views import View, memory_dsd

Lowering = Callable[[PeContext, Any], None]


def lower_block(ctx: PeContext, block: Block) -> None:
    """Lower every op of a block, in order."""
    for op in block.ops:
        lower(ctx, op)


def lower(ctx: PeContext, op: Operation) -> None:
    """Lower one op by its table row.

    Raises:
        UnsupportedError: there is none.
    """
    rule = LOWERINGS.get(type(op))
    if rule is None:
        if op.name.partition(".")[0] in ("arith", "math"):
            rule = _scalar
        else:
            raise UnsupportedError(
                Gap(f"op '{op.name}' in a CSL program", why="convert-dataflow-to-csl has no row")
            )
    rule(ctx, op)


def _operands(ctx: PeContext, op: Operation) -> tuple[SSAValue, ...]:
    return tuple(ctx.values[operand] for operand in op.operands)


# Scalars, roles and control


def _scalar(ctx: PeContext, op: Operation) -> None:
    operands = _operands(ctx, op)
    if op.name.startswith("math."):
        ctx.values[op.results[0]] = lower_math(ctx, op, operands)
        return
    for old, new in zip(op.results, ctx.fold(op, operands), strict=True):
        new.name_hint = new.name_hint or old.name_hint
        ctx.values[old] = new


def _role(ctx: PeContext, op: RoleOp) -> None:
    name = role_name(op)
    type = i1 if op.results[0].type == i1 else IndexType()
    parameter = Parameter(name, type, lambda at: ROLE_VALUES[op.__class__](at, op))
    ctx.values[op.results[0]] = ctx.parameters.get(parameter)


def _coord(ctx: PeContext, op: CoordOp) -> None:
    ctx.values[op.result] = ctx.coordinate(op.axis.data)


def _nested(ctx: PeContext, block: Block) -> Block:
    """A copy of `block`'s arguments with its ops lowered inside."""
    inner = Block(arg_types=block.arg_types)
    for old, new in zip(block.args, inner.args, strict=True):
        new.name_hint = old.name_hint
        ctx.values[old] = new
    with ctx.inside(inner):
        lower_block(ctx, block)
    return inner


def _for(ctx: PeContext, op: scf.ForOp) -> None:
    lb, ub, step, *inits = _operands(ctx, op)
    body = Region(_nested(ctx, op.body.block))
    _replace(ctx, op, ctx.add(scf.ForOp(lb, ub, step, inits, body)))


def _while(ctx: PeContext, op: scf.WhileOp) -> None:
    inits = _operands(ctx, op)
    before = Region(_nested(ctx, op.before_region.block))
    after = Region(_nested(ctx, op.after_region.block))
    _replace(ctx, op, ctx.add(scf.WhileOp(inits, op.result_types, before, after)))


def _if(ctx: PeContext, op: scf.IfOp) -> None:
    then, other = (
        Region([_nested(ctx, block) for block in region.blocks])
        for region in (op.true_region, op.false_region)
    )
    _replace(ctx, op, ctx.add(scf.IfOp(ctx.values[op.cond], op.result_types, then, other)))


def _replace(ctx: PeContext, old: Operation, new: Operation) -> None:
    for a, b in zip(old.results, new.results, strict=True):
        b.name_hint = a.name_hint
        ctx.values[a] = b


def _yield(ctx: PeContext, op: scf.YieldOp) -> None:
    ctx.add(scf.YieldOp(*_operands(ctx, op)))


def _condition(ctx: PeContext, op: scf.ConditionOp) -> None:
    condition, *args = _operands(ctx, op)
    ctx.add(scf.ConditionOp(condition, *args))


def _finish(ctx: PeContext, op: FinishOp) -> None:
    ctx.finish()


# Memory


def _view(ctx: PeContext, op: ViewOp) -> None:
    offset = None if op.offset is None else ctx.values[op.offset]
    sizes = tuple(size if isinstance(size, int) else ctx.values[size] for size in op.size_values)
    buffer = ctx.buffers[op.buffer]
    ctx.views[op.result] = View(
        buffer.array,
        op.type.element,
        buffer.base + op.base.value.data,
        offset,
        sizes,
        op.type.stride_values,
    )


def _flat(
    ctx: PeContext, array: SSAValue, indices: Sequence[SSAValue]
) -> tuple[SSAValue, SSAValue]:
    """The flat array and index of an element of a buffer."""
    buffer = ctx.buffers[array]
    at: SSAValue = ctx.index(buffer.base)
    for index, stride in zip(indices, buffer.strides, strict=True):
        scale = ctx.index(stride)
        step = ctx.values[index]
        if stride != 1:
            step = ctx.fold(arith.MuliOp(step, scale), (step, scale))[0]
        at = ctx.fold(arith.AddiOp(at, step), (at, step))[0]
    return buffer.array, at


def _load(ctx: PeContext, op: memref.LoadOp) -> None:
    array, at = _flat(ctx, op.memref, op.indices)
    ctx.values[op.res] = ctx.add(memref.LoadOp.get(array, [at]), op.res.name_hint).res


def _store(ctx: PeContext, op: memref.StoreOp) -> None:
    array, at = _flat(ctx, op.memref, op.indices)
    ctx.add(memref.StoreOp.get(ctx.values[op.value], array, [at]))


# Operations on whole views

Operand = View | SSAValue


def _walk(
    ctx: PeContext, operands: Sequence[Operand], emit: Callable[[list[SSAValue | View]], None]
) -> None:
    """Call `emit` with operands whose views are each one DSD, inside loops over the rest."""
    views = [operand for operand in operands if isinstance(operand, View)]
    rank = len(views[0].sizes)
    outer = next(d for d in range(rank + 1) if all(view.inner(d).is_one_dsd(ctx) for view in views))
    _loops(ctx, operands, views[0].sizes[:outer], [], emit)


def _loops(
    ctx: PeContext,
    operands: Sequence[Operand],
    sizes: Sequence[Any],
    indices: list[SSAValue],
    emit: Callable[[list[Any]], None],
) -> None:
    if not sizes:
        emit([_at(ctx, operand, indices) for operand in operands])
        return
    stop = ctx.index(sizes[0]) if isinstance(sizes[0], int) else sizes[0]
    with ctx.loop(stop, "ijkl"[len(indices)]) as index:
        _loops(ctx, operands, sizes[1:], [*indices, index], emit)


def _at(ctx: PeContext, operand: Operand, indices: list[SSAValue]) -> Operand:
    if not isinstance(operand, View):
        return operand
    steps = list(zip(indices, operand.strides, strict=False))
    return operand.moved(ctx, steps).inner(len(indices))


def _operand(ctx: PeContext, value: SSAValue) -> Operand:
    return ctx.views[value] if value in ctx.views else ctx.values[value]


def _dsd(ctx: PeContext, operand: Operand) -> SSAValue:
    return memory_dsd(ctx, operand) if isinstance(operand, View) else operand


def _vector(ctx: PeContext, op: VectorOp) -> None:
    values = list(op.operands)
    if isinstance(op, ReduceOp):
        values = [op.dest, op.dest, op.source]

    def emit(operands: list[Any]) -> None:
        ctx.add(DsdOp(op.builtin, *(_dsd(ctx, operand) for operand in operands)))

    _walk(ctx, [_operand(ctx, value) for value in values], emit)


def _map(ctx: PeContext, op: MapOp) -> None:
    callee = _scalar_function(ctx, op)

    def emit(operands: list[Any]) -> None:
        dest, *ins = (_dsd(ctx, operand) for operand in operands)
        ctx.add(CslMapOp(callee, ins, dest))

    _walk(ctx, [_operand(ctx, value) for value in op.operands], emit)


def _scalar_function(ctx: PeContext, op: MapOp) -> str:
    """The function of a map's body; equal bodies share one."""
    text = StringIO()
    Printer(text, print_generic_format=True).print_region(op.body)
    known = ctx.functions.get(text.getvalue())
    if known is not None:
        return known
    name = ctx.symbols.fresh("map")
    block = op.body.block
    inner = Block(arg_types=block.arg_types)
    for index, (old, new) in enumerate(zip(block.args, inner.args, strict=True)):
        new.name_hint = old.name_hint or f"x{index}"
        ctx.values[old] = new
    last = block.last_op
    assert isinstance(last, YieldOp)
    with ctx.inside(inner):
        for each in block.ops:
            if each is not last:
                lower(ctx, each)
        ctx.add(csl.ReturnOp(ctx.values[last.value]))
    ctx.functions_made.append(
        csl.FuncOp(name, (list(block.arg_types), last.value.type), Region(inner))
    )
    ctx.functions[text.getvalue()] = name
    return name


# Matmul


def _matmul(ctx: PeContext, op: MatmulOp) -> None:
    """For every k: C's registers walk all of C while `@map` calls one multiply-add per scalar."""
    c, a, b = (ctx.views[value] for value in (op.c, op.a, op.b))
    over_n = op.vector.data is Vector.N
    registers = [
        ctx.declare(("dsr", file), lambda file=file: GetDsrOp(file, 0), f"{file.value}_dsr")
        for file in (DsrFile.DEST, DsrFile.SRC0, DsrFile.SRC1)
    ]
    step = _step_function(ctx, op.builtin, a, registers)
    depth = a.sizes[1]
    walk = View(c.array, c.element, c.base, c.offset, (op.vector_length,), (1,))
    with ctx.loop(ctx.index(depth) if isinstance(depth, int) else depth, "k") as k:
        scalars, vectors = (a, b) if over_n else (b, a)
        column = _line(ctx, scalars, 0 if over_n else 1, k)
        row = _line(ctx, vectors, 1 if over_n else 0, k)
        c_dsd = memory_dsd(ctx, walk)
        for register in registers[:2]:
            ctx.add(LoadToDsrOp(register, c_dsd, save_address=True))
        ctx.add(LoadToDsrOp(registers[2], memory_dsd(ctx, row)))
        ctx.add(CslMapOp(step, [memory_dsd(ctx, column)]))


def _line(ctx: PeContext, view: View, dim: int, k: SSAValue) -> View:
    """Row or column number `k` of a matrix, along dimension `dim`."""
    moved = view.moved(ctx, [(k, view.strides[1 - dim])])
    return replace(moved, sizes=(view.sizes[dim],), strides=(view.strides[dim],))


def _step_function(ctx: PeContext, builtin: str, a: View, registers: list[SSAValue]) -> str:
    """A function that adds its argument times the vector to the next row of C."""
    known = ctx.functions.get(builtin)
    if known is not None:
        return known
    name = ctx.symbols.fresh(f"{builtin}_step")
    body = Block(arg_types=[a.element])
    body.args[0].name_hint = "scalar"
    dest, src0, src1 = registers
    body.add_ops([DsdOp(builtin, dest, src0, src1, body.args[0]), csl.ReturnOp()])
    ctx.functions_made.append(csl.FuncOp(name, ([a.element], None), Region(body)))
    ctx.functions[builtin] = name
    return name


# Communication


def _send(ctx: PeContext, op: SendOp) -> None:
    if op.token is not None:
        raise UnsupportedError(
            Gap("a dataflow.send with a token in CSL", why="run dataflow-lower-tokens first")
        )
    view = ctx.views[op.view]
    asynchronous = op.properties.get("async") is not None
    if asynchronous and not view.is_one_dsd(ctx):
        raise UnsupportedError(
            Gap(
                f"an asynchronous send of {op.view.type} on @{op.channel.string_value()}",
                why="no one DSD walks it, and two sends on a queue must not overlap",
            )
        )
    end = port(ctx, op.channel_op, IdKind.OUTPUT_QUEUE)
    done = ctx.task_id(op.task_op) if op.task_op is not None else None

    def emit(operands: list[Any]) -> None:
        (source,) = operands
        out = fabric_dsd(ctx, end, IdKind.OUTPUT_QUEUE, source.sizes)
        dsd = memory_dsd(ctx, source)
        ctx.add(DsdOp(op.builtin, out, dsd, asynchronous=asynchronous, activate=done))

    _walk(ctx, [view], emit)


def _recv(ctx: PeContext, op: RecvOp) -> None:
    end = port(ctx, op.channel_op, IdKind.INPUT_QUEUE)

    def emit(operands: list[Any]) -> None:
        (dest,) = operands
        source = fabric_dsd(ctx, end, IdKind.INPUT_QUEUE, dest.sizes)
        ctx.add(DsdOp(op.builtin, memory_dsd(ctx, dest), source))

    _walk(ctx, [ctx.views[op.view]], emit)


def _reduce_step(ctx: PeContext, op: ReduceStepOp) -> None:
    end = port(ctx, op.channel_op, IdKind.INPUT_QUEUE)

    def emit(operands: list[Any]) -> None:
        (view,) = operands
        arriving = fabric_dsd(ctx, end, IdKind.INPUT_QUEUE, view.sizes)
        dsd = memory_dsd(ctx, view)
        dest = dsd
        if isinstance(op.forward, UnitAttr):
            onward = port(ctx, op.channel_op, IdKind.OUTPUT_QUEUE)
            dest = fabric_dsd(ctx, onward, IdKind.OUTPUT_QUEUE, view.sizes)
        ctx.add(DsdOp(op.builtin, dest, dsd, arriving))

    _walk(ctx, [ctx.views[op.view]], emit)


def _await(ctx: PeContext, op: AwaitOp) -> None:
    raise UnsupportedError(Gap("dataflow.await in CSL", why="run dataflow-lower-tokens first"))


LOWERINGS: Mapping[type[Operation], Lowering] = {
    **dict.fromkeys(ROLES, _role),
    CoordOp: _coord,
    scf.ForOp: _for,
    scf.WhileOp: _while,
    scf.IfOp: _if,
    scf.YieldOp: _yield,
    scf.ConditionOp: _condition,
    FinishOp: _finish,
    ViewOp: _view,
    memref.LoadOp: _load,
    memref.StoreOp: _store,
    **dict.fromkeys(VECTOR, _vector),
    MapOp: _map,
    MatmulOp: _matmul,
    SendOp: _send,
    RecvOp: _recv,
    ReduceStepOp: _reduce_step,
    AwaitOp: _await,
}
"""Ops and how they are lowered; `arith` and `math` go by `_scalar`."""
