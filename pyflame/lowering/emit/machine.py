"""How the machine's parts print: arrays, ids, queues, DSDs and operations on them, routes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xdsl.dialects import csl
from xdsl.dialects.builtin import FunctionType
from xdsl.ir import Operation
from xdsl.ir.affine import AffineBinaryOpExpr, AffineBinaryOpKind, AffineConstantExpr, AffineDimExpr
from xdsl.ir.affine import AffineExpr as Affine

from pyflame.dialects.csl import declarations as decl
from pyflame.dialects.csl import dsd, tasks
from pyflame.dialects.csl.types import DsrFile, IdKind, RouteAttr, SwitchAttr
from pyflame.errors import UnsupportedError
from pyflame.lowering.emit.engine import Engine, Expr, StatementRule, ValueRule
from pyflame.lowering.emit.literals import constant, csl_type
from pyflame.lowering.emit.names import fixed_name, quoted
from pyflame.lowering.emit.scalar import call
from pyflame.lowering.emit.structure import struct

# Declarations


def _array(p: Engine, op: decl.ArrayOp) -> None:
    type = csl_type(op.result.type)
    align = f" align({op.alignment.value.data})" if op.alignment is not None else ""
    keyword = "var" if op.constant is None or not op.constant.value.data else "const"
    name = p.bind_name(op.result, op.sym_name.data)
    p.line(f"{keyword} {name}: {type}{align} = {_initial(op, type)};")


def _initial(op: decl.ArrayOp, type: str) -> str:
    if op.value is None:
        return f"@zeros({type})"
    values = [constant(attr) for attr in op.value.get_attrs()]
    if len(set(values)) == 1:
        return f"@constants({type}, {values[0]})"
    return f"{type}{{ {', '.join(values)} }}"


_ID_BUILTINS = {
    IdKind.INPUT_QUEUE: "@get_input_queue",
    IdKind.OUTPUT_QUEUE: "@get_output_queue",
    IdKind.LOCAL_TASK: "@get_local_task_id",
    IdKind.CONTROL_TASK: "@get_control_task_id",
    IdKind.MICROTHREAD: "@get_ut_id",
}


def _get_id(p: Engine, op: decl.GetIdOp) -> Expr:
    return call(_ID_BUILTINS[op.result.type.data], str(op.number.value.data))


def _get_data_task_id(p: Engine, op: decl.GetDataTaskIdOp) -> Expr:
    by_queue = f"@get_data_task_id({p.text(op.queue)})"
    return Expr(f'if (@is_arch("wse3")) {by_queue} else @get_data_task_id({p.text(op.color)})')


def _get_dsr(p: Engine, op: decl.GetDsrOp) -> Expr:
    file: DsrFile = op.result.type.data
    return Expr(f"@get_dsr(dsr_{file.value}, {op.number.value.data})", atom=True, typed=False)


def _fifo(p: Engine, op: decl.AllocateFifoOp) -> Expr:
    return Expr(f"@allocate_fifo({p.text(op.buffer)})", atom=True, typed=False)


def _is_arch(p: Engine, op: decl.IsArchOp) -> Expr:
    return Expr(f"@is_arch({quoted(op.arch.data)})", atom=True, literal=True)


def _get_rectangle(p: Engine, op: decl.GetRectangleOp) -> Expr:
    return Expr("@get_rectangle()", atom=True, typed=False)


def _element_ptr(p: Engine, op: decl.ElementPtrOp) -> Expr:
    return Expr(f"&{p.use(op.array)}[{p.text(op.index)}]")


# Comptime


def _comptime(p: Engine, op: decl.ComptimeOp) -> None:
    with p.braces("comptime"):
        p.block(op.body.block)


def _initialize_queue(p: Engine, op: decl.InitializeQueueOp) -> None:
    color = struct([f".color = {p.text(op.color)}"])
    config = color
    if isinstance(op.queue.type, decl.IdType) and op.queue.type.data == IdKind.OUTPUT_QUEUE:
        config = f'if (@is_arch("wse3")) {color} else .{{}}'
    p.line(f"@initialize_queue({p.text(op.queue)}, {config});")


def _bind_task(p: Engine, op: decl.BindTaskOp) -> None:
    assert isinstance(op.id.type, decl.IdType)
    word = decl.BindTaskOp.KINDS[op.id.type.data]
    p.line(f"@bind_{word}_task({fixed_name(op.task.string_value())}, {p.text(op.id)});")


def _export_symbol(p: Engine, op: decl.ExportSymbolOp) -> None:
    if op.value is None:
        p.line(f"@export_symbol({fixed_name(op.symbol.data)});")
    else:
        p.line(f"@export_symbol({p.text(op.value)}, {quoted(op.symbol.data)});")


def _export_name(p: Engine, op: decl.ExportNameOp) -> None:
    mutable = "true" if op.mutable.value.data else "false"
    # A function's mutability cannot be given.
    tail = "" if isinstance(op.type, FunctionType) else f", {mutable}"
    p.line(f"@export_name({quoted(op.symbol.data)}, {csl_type(op.type)}{tail});")


def _comptime_assert(p: Engine, op: decl.ComptimeAssertOp) -> None:
    p.line(f"@comptime_assert({p.text(op.condition)});")


def _assert(p: Engine, op: decl.AssertOp) -> None:
    p.line(f"@assert({p.text(op.condition)});")


# DSDs


def _affine(expr: Affine, names: list[str]) -> str:
    match expr:
        case AffineDimExpr():
            return names[expr.position]
        case AffineConstantExpr():
            return str(expr.value)
        case AffineBinaryOpExpr(kind=AffineBinaryOpKind.Add):
            return f"{_affine(expr.lhs, names)} + {_affine(expr.rhs, names)}"
        case AffineBinaryOpExpr(kind=AffineBinaryOpKind.Mul, rhs=AffineConstantExpr(value=factor)):
            return f"{factor} * {_affine_factor(expr.lhs, names)}"
        case _:
            raise UnsupportedError(f"the affine expression {expr} in a tensor access")


def _affine_factor(expr: Affine, names: list[str]) -> str:
    text = _affine(expr, names)
    return text if isinstance(expr, AffineDimExpr) else f"({text})"


def _get_mem_dsd(p: Engine, op: csl.GetMemDsdOp) -> Expr:
    names = ["i", "j", "k", "l"][: len(op.sizes)]
    accesses = names
    if op.tensor_access is not None:
        accesses = [_affine(expr, names) for expr in op.tensor_access.data.results]
    sizes = ", ".join(p.text(size) for size in op.sizes)
    access = f"|{', '.join(names)}|{{{sizes}}} -> {p.use(op.base_addr)}[{', '.join(accesses)}]"
    return call("@get_dsd", csl_type(op.result.type), struct([f".tensor_access = {access}"]))


def _mem_dsd(p: Engine, op: dsd.MemDsdOp) -> Expr:
    fields = [
        f".base_address = &{p.use(op.array)}",
        f".extent = {p.text(op.extent)}",
        f".stride = {p.text(op.stride)}",
        f".offset = {p.text(op.offset)}",
    ]
    return call("@get_dsd", csl_type(op.result.type), struct(fields))


def _fab_dsd(p: Engine, op: dsd.FabDsdOp) -> Expr:
    assert isinstance(op.queue.type, decl.IdType)
    fields = [
        f".extent = {p.text(op.extent)}",
        f".fabric_color = {p.text(op.color)}",
        f".{op.queue.type.data.value} = {p.text(op.queue)}",
    ]
    if op.control is not None:
        fields.append(".control = true")
    return call("@get_dsd", csl_type(op.result.type), struct(fields))


def _modify(builtin: str) -> ValueRule:
    def rule(p: Engine, op: Any) -> Expr:
        args = [p.text(operand) for operand in op.operands]
        if isinstance(op, csl.IncrementDsdOffsetOp):
            args.append(csl_type(op.elem_type))
        return call(builtin, *args)

    return rule


def _load_to_dsr(p: Engine, op: dsd.LoadToDsrOp) -> None:
    options = ", .{ .save_address = true }" if op.save_address is not None else ""
    p.line(f"@load_to_dsr({p.text(op.dsr)}, {p.text(op.dsd)}{options});")


def _dsd(p: Engine, op: dsd.DsdOp) -> None:
    args = [p.text(operand) for operand in op.ops]
    if op.asynchronous is not None:
        options = [".async = true"]
        if op.activate is not None:
            options.append(f".activate = {p.text(op.activate)}")
        if op.unblock is not None:
            options.append(f".unblock = {p.text(op.unblock)}")
        args.append(struct(options))
    p.line(f"@{op.builtin.data}({', '.join(args)});")


def _builtin_dsd(p: Engine, op: csl.BuiltinDsdOp) -> None:
    p.line(f"@{op.name.removeprefix('csl.')}({', '.join(p.text(operand) for operand in op.ops)});")


def _map(p: Engine, op: dsd.MapOp) -> None:
    callee = fixed_name(op.callee.string_value())
    if op.module is not None:
        callee = f"{p.use(op.module)}.{callee}"
    args = [p.text(value) for value in op.inputs]
    if op.output is not None:
        args.append(p.text(op.output))
    p.line(f"@map({', '.join([callee, *args])});")


# Tasks and routes


def _task_builtin(builtin: str) -> StatementRule:
    def rule(p: Engine, op: Any) -> None:
        p.line(f"{builtin}({p.text(op.id)});")

    return rule


def _ports(attr: Any) -> str:
    return struct([port.data.upper() for port in attr]).replace("{ ", "{").replace(" }", "}")


def _color_config(route: RouteAttr, switch: SwitchAttr | None) -> str:
    routes = struct([f".rx = {_ports(route.rx)}", f".tx = {_ports(route.tx)}"])
    fields = [f".routes = {routes}"]
    if switch is not None:
        positions = [
            f".pos{index} = .{{ .{side} = {port.upper()} }}"
            for index, (side, port) in enumerate(switch.positions, start=1)
        ]
        ring = "true" if switch.ring.data else "false"
        pop = f".pop_mode = .{{ .{switch.pop.data} = true }}"
        start = f".current_switch_pos = {switch.start.data}"
        fields.append(f".switches = {struct([*positions, start, f'.ring_mode = {ring}', pop])}")
    return struct(fields)


def _set_color_config(p: Engine, op: tasks.SetColorConfigOp) -> None:
    where = ", ".join(p.text(value) for value in (op.x, op.y, op.color))
    p.line(f"@set_color_config({where}, {_color_config(op.route, op.switch)});")


def _set_local_color_config(p: Engine, op: tasks.SetLocalColorConfigOp) -> None:
    config = _color_config(op.route, op.switch)
    p.line(f"@set_local_color_config({p.text(op.color)}, {config});")


MACHINE_VALUES: Mapping[type[Operation], ValueRule] = {
    decl.GetIdOp: _get_id,
    decl.GetDataTaskIdOp: _get_data_task_id,
    decl.GetDsrOp: _get_dsr,
    decl.AllocateFifoOp: _fifo,
    decl.IsArchOp: _is_arch,
    decl.GetRectangleOp: _get_rectangle,
    decl.ElementPtrOp: _element_ptr,
    csl.GetMemDsdOp: _get_mem_dsd,
    dsd.MemDsdOp: _mem_dsd,
    dsd.FabDsdOp: _fab_dsd,
    csl.IncrementDsdOffsetOp: _modify("@increment_dsd_offset"),
    csl.SetDsdLengthOp: _modify("@set_dsd_length"),
    csl.SetDsdStrideOp: _modify("@set_dsd_stride"),
    csl.SetDsdBaseAddrOp: _modify("@set_dsd_base_addr"),
}
"""Machine ops with a value."""

MACHINE_STATEMENTS: Mapping[type[Operation], StatementRule] = {
    decl.ArrayOp: _array,
    decl.ComptimeOp: _comptime,
    decl.InitializeQueueOp: _initialize_queue,
    decl.BindTaskOp: _bind_task,
    decl.ExportSymbolOp: _export_symbol,
    decl.ExportNameOp: _export_name,
    decl.ComptimeAssertOp: _comptime_assert,
    decl.AssertOp: _assert,
    dsd.LoadToDsrOp: _load_to_dsr,
    dsd.DsdOp: _dsd,
    dsd.MapOp: _map,
    tasks.ActivateOp: _task_builtin("@activate"),
    tasks.BlockOp: _task_builtin("@block"),
    tasks.UnblockOp: _task_builtin("@unblock"),
    tasks.SetColorConfigOp: _set_color_config,
    tasks.SetLocalColorConfigOp: _set_local_color_config,
    **{op: _builtin_dsd for op in csl.CSL.operations if issubclass(op, csl.BuiltinDsdOp)},
}
"""Machine ops and how they print."""
