"""Builtins on colours, queues, task ids, tasks and exported names."""

from __future__ import annotations

from collections.abc import Callable

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.diagnostics import Note
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.core import Sema, builtin, describe, refuse_reserved
from pyflame.runtime.csl.sema.functions import signature
from pyflame.runtime.csl.sema.values import (
    VOID_VALUE,
    Address,
    Const,
    ConstData,
    FnValue,
    Mem,
    Reg,
    Storage,
    Struct,
    Tuple,
    Value,
)
from pyflame.runtime.csl.source import Span
from pyflame.runtime.fabric.image import Symbol, Task
from pyflame.runtime.fabric.isa import BlockKind, Op, TaskKind
from pyflame.runtime.fabric.isa import Type as Code

# Ids


def _id(s: Sema, node: ast.BuiltinCall, what: str, type_: T.Type, low: int, high: int) -> Value:
    """A number in range as an id; a run-time number is taken as it is."""
    value = s.eval(node.args[0])
    if not T.is_integer(value.type):
        raise s.fail(node.args[0].span, f"{what} must be an integer, found {describe(value)}")
    if not isinstance(value, Const):
        if type_ in (T.INPUT_QUEUE, T.OUTPUT_QUEUE):
            raise s.fail(
                node.args[0].span, f"the number of an {what} must be known at compile time"
            )
        if value.type is not T.U16:
            raise s.fail(
                node.args[0].span,
                f"the number of a {what} that is computed at run time is a u16, found "
                f"{describe(value)}",
            )
        return Reg(type_, s.register(value, node.span))
    if not low <= value.value <= high:
        raise s.fail(
            node.args[0].span,
            f"{what} {value.value} is out of range {low} to {high} on {s.compilation.arch.name}",
        )
    return Const(type_, value.value)


@builtin("get_color", 1)
def get_color(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@get_color(n)``."""
    return _id(s, node, "colour", T.COLOR, 0, s.compilation.arch.colors - 1)


@builtin("get_local_task_id", 1)
def get_local_task_id(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@get_local_task_id(n)``."""
    arch = s.compilation.arch
    first, last = arch.first_local_task, arch.last_local_task
    return _id(s, node, "local task id", T.LOCAL_TASK_ID, first, last)


@builtin("get_control_task_id", 1)
def get_control_task_id(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@get_control_task_id(n)``."""
    last = s.compilation.arch.last_control_task
    return _id(s, node, "control task id", T.CONTROL_TASK_ID, 0, last)


@builtin("get_input_queue", 1)
def get_input_queue(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@get_input_queue(n)``."""
    last = len(s.compilation.arch.input_queue_depths) - 1
    return _id(s, node, "input queue", T.INPUT_QUEUE, 0, last)


@builtin("get_output_queue", 1)
def get_output_queue(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@get_output_queue(n)``."""
    last = len(s.compilation.arch.output_queue_depths) - 1
    return _id(s, node, "output queue", T.OUTPUT_QUEUE, 0, last)


@builtin("get_ut_id", 1)
def get_ut_id(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@get_ut_id(n)``."""
    return _id(s, node, "microthread", T.UT_ID, 0, s.compilation.arch.microthreads - 1)


@builtin("get_data_task_id", 1)
def get_data_task_id(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@get_data_task_id(colour)`` on WSE-2, ``@get_data_task_id(input queue)`` on WSE-3."""
    value = s.eval(node.args[0])
    arch = s.compilation.arch
    wanted = T.INPUT_QUEUE if arch.data_tasks_by_queue else T.COLOR
    if value.type is not wanted:
        raise s.fail(
            node.args[0].span,
            f"on {arch.name} a data task id is made from {_article(wanted)}, "
            f"found {describe(value)}",
        )
    if not isinstance(value, Const):
        return Reg(T.DATA_TASK_ID, s.register(value, node.span))
    return Const(T.DATA_TASK_ID, value.value)


def _article(type_: T.Type) -> str:
    return f"an {type_}" if type_.name[0] in "aeiou" else f"a {type_}"


# Binding tasks


def _task(s: Sema, node: ast.Expr) -> FnValue:
    value = s.eval(node)
    if not isinstance(value, Const) or not isinstance(value.value, FnValue):
        raise s.fail(node.span, f"expected a task, found {describe(value)}")
    if value.value.decl.kind != "task":
        note = Note("it is declared here", value.value.decl.name_span)
        raise s.fail(node.span, f"'{value.value.decl.name}' is a fn, not a task", note)
    return value.value


_ID_TYPES = {
    TaskKind.LOCAL: T.LOCAL_TASK_ID,
    TaskKind.DATA: T.DATA_TASK_ID,
    TaskKind.CONTROL: T.CONTROL_TASK_ID,
}


def task_of(s: Sema, node: ast.Expr, kind: TaskKind) -> tuple[FnValue, T.FnType]:
    """The task that an argument names and its type, fit for its kind."""
    fn = _task(s, node)
    type_ = signature(s, fn)
    if type_ is None:
        raise s.fail(node.span, "a task cannot have comptime parameters")
    _CHECKS[kind](s, type_, fn)
    return fn, type_


def bind(
    s: Sema, kind: TaskKind, number: int, fn: FnValue, type_: T.FnType, span: Span | None
) -> None:
    """Bind a task to an id, once per id."""
    unit = s.unit
    for task in unit.tasks:
        if task.kind == kind and task.number == number:
            other = unit.functions[task.function].function.decl
            raise s.fail(
                span,
                f"{_ID_TYPES[kind]} {number} is bound twice: to '{other.name}' and "
                f"'{fn.decl.name}'",
                Note(f"'{other.name}' is declared here", other.name_span),
            )
    index = s.compilation.functions.index(s, fn)
    codes = tuple(p.code for p in type_.params if p.code is not None)
    unit.tasks.append(Task(kind, number, index, codes))


def _bind(s: Sema, node: ast.BuiltinCall, kind: TaskKind) -> Value:
    at_top_level(s, node)
    fn, type_ = task_of(s, node.args[0], kind)
    number = s.const(node.args[1], _ID_TYPES[kind], "task id")
    bind(s, kind, number, fn, type_, node.span)
    return VOID_VALUE


def _no_parameters(s: Sema, type_: T.FnType, fn: FnValue) -> None:
    if type_.params:
        raise s.fail(fn.decl.name_span, f"local task '{fn.decl.name}' cannot have parameters")


def at_top_level(s: Sema, node: ast.BuiltinCall) -> None:
    """An error unless a builtin stands in a top-level comptime block, or in what one calls."""
    if not s.frame.comptime:
        raise s.fail(node.span, f"@{node.name} stands in a comptime block of the file")


def _one_u16(s: Sema, type_: T.FnType, fn: FnValue) -> None:
    if len(type_.params) > 1 or any(p.size != 2 for p in type_.params):
        raise s.fail(
            fn.decl.name_span, f"control task '{fn.decl.name}' takes one 16-bit parameter or none"
        )


def _wavelet(s: Sema, type_: T.FnType, fn: FnValue) -> None:
    sizes = [p.size if p.code is not None else 0 for p in type_.params]
    if sizes not in ([], [2], [4], [2, 2]):
        raise s.fail(
            fn.decl.name_span,
            f"data task '{fn.decl.name}' takes one 16- or 32-bit scalar or two of 16 bits, "
            f"found {type_}",
        )


_CHECKS: dict[TaskKind, Callable[[Sema, T.FnType, FnValue], None]] = {
    TaskKind.LOCAL: _no_parameters,
    TaskKind.DATA: _wavelet,
    TaskKind.CONTROL: _one_u16,
}


@builtin("bind_local_task", 2)
def bind_local_task(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@bind_local_task(task, id)``."""
    number = s.const(node.args[1], T.LOCAL_TASK_ID, "task id")
    arch = s.compilation.arch
    if number == arch.teardown_task and s.compilation.uses_memcpy:
        raise s.fail(
            node.args[1].span,
            f"local task id {number} is reserved for teardown; use @set_teardown_handler",
        )
    refuse_reserved(s, node.args[1].span, "local task id", number, arch.memcpy_local_tasks)
    return _bind(s, node, TaskKind.LOCAL)


@builtin("bind_data_task", 2)
def bind_data_task(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@bind_data_task(task, id)``."""
    arch = s.compilation.arch
    if not arch.data_tasks_by_queue:
        color = s.const(node.args[1], T.DATA_TASK_ID, "task id")
        refuse_reserved(s, node.args[1].span, "colour", color, arch.memcpy_colors)
    return _bind(s, node, TaskKind.DATA)


@builtin("bind_control_task", 2)
def bind_control_task(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@bind_control_task(task, id)``."""
    number = s.const(node.args[1], T.CONTROL_TASK_ID, "task id")
    arch, span = s.compilation.arch, node.args[1].span
    if number == arch.teardown_task:
        raise s.fail(
            span, f"control task id {number} is reserved for teardown; use @set_teardown_handler"
        )
    if number == arch.null_task:
        raise s.fail(span, f"control task id {number} is the null task, which wavelets name to "
                     "start none")  # fmt: skip
    refuse_reserved(s, span, "control task id", number, arch.memcpy_control_tasks)
    return _bind(s, node, TaskKind.CONTROL)


@builtin("set_teardown_handler", 2)
def set_teardown_handler(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@set_teardown_handler(fn, colour)``."""
    at_top_level(s, node)
    function = handler(s, node.args[0])
    color = s.const(node.args[1], T.COLOR, "colour")
    if color in s.unit.teardown:
        raise s.fail(node.span, f"colour {color} has a teardown handler already")
    s.unit.teardown[color] = function
    return VOID_VALUE


def handler(s: Sema, node: ast.Expr) -> int:
    """The index of a function that an argument names."""
    value = s.eval(node)
    if not isinstance(value, Const) or not isinstance(value.value, FnValue):
        raise s.fail(node.span, f"expected a function, found {describe(value)}")
    fn, type_ = value.value, signature(s, value.value)
    if fn.decl.kind == "task" or type_ is None or type_.params or type_.result is not T.VOID:
        raise s.fail(
            node.span,
            f"a handler is a fn without parameters that returns void; '{fn.decl.name}' is not",
            Note(f"'{fn.decl.name}' is declared here", fn.decl.name_span),
        )
    return s.compilation.functions.index(s, fn)


# Flags


def task_number(s: Sema, value: Value, span: Span, kinds: tuple[TaskKind, ...]) -> Const | Value:
    """The number behind a task id or a task; the id of a task is looked up among the bindings."""
    if not isinstance(value, Const) or not isinstance(value.value, FnValue):
        return value
    fn = value.value
    for task in s.unit.tasks:
        if task.kind in kinds and s.unit.functions[task.function].function == fn:
            type_ = T.LOCAL_TASK_ID if task.kind == TaskKind.LOCAL else T.DATA_TASK_ID
            return Const(type_, task.number)
    raise s.fail(
        span,
        f"'{fn.decl.name}' is not bound to a task id; bind it in a comptime block",
        Note(f"'{fn.decl.name}' is declared here", fn.decl.name_span),
    )


@builtin("activate", 1)
def activate(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@activate(id)``; at compile time, the task is active at the start."""
    span = node.args[0].span
    value = s.eval(node.args[0])
    if s.frame.comptime:
        if isinstance(value, Const) and isinstance(value.value, FnValue):
            s.unit.active_tasks.append((value.value, span))
            return VOID_VALUE
        number = _activatable(s, value, span)
        assert isinstance(number, Const)
        s.unit.active.append(number.value)
        return VOID_VALUE
    value = task_number(s, value, span, (TaskKind.LOCAL,))
    number = _activatable(s, value, span)
    s.emitter(node.span).emit(Op.ACTIVATE, s.register(number, span))
    return VOID_VALUE


def _activatable(s: Sema, value: Value, span: Span) -> Value:
    if value.type is not T.LOCAL_TASK_ID:
        raise s.fail(span, f"@activate needs a local task id, found {describe(value)}")
    return value


_BLOCKABLE: dict[T.Type, BlockKind] = {
    T.LOCAL_TASK_ID: BlockKind.TASK,
    T.DATA_TASK_ID: BlockKind.TASK,
    T.COLOR: BlockKind.COLOR,
    T.INPUT_QUEUE: BlockKind.INPUT_QUEUE,
    T.UT_ID: BlockKind.MICROTHREAD,
}


def block_kind(s: Sema, type_: T.Type, span: Span) -> BlockKind:
    """What kind of thing an id blocks."""
    kind = _BLOCKABLE.get(type_)
    if kind is None:
        raise s.fail(span, f"expected a task id, colour, queue or microthread, found {type_}")
    if kind == BlockKind.MICROTHREAD:
        refuse_microthreads(s, span, "blocking a microthread")
    arch = s.compilation.arch
    foreign = BlockKind.COLOR if arch.data_tasks_by_queue else BlockKind.INPUT_QUEUE
    if kind == foreign:
        wanted = T.INPUT_QUEUE if arch.data_tasks_by_queue else T.COLOR
        raise s.fail(span, f"on {arch.name} {_article(wanted)} is blocked and unblocked, not "
                     f"{_article(type_)}")  # fmt: skip
    return kind


def refuse_microthreads(s: Sema, span: Span, what: str) -> None:
    """An error where the architecture does not let programs choose microthreads."""
    arch = s.compilation.arch
    if not arch.chosen_microthreads:
        raise s.fail(
            span,
            f"{what} does not exist on {arch.name}, where an operation's queue gives its "
            "microthread; leave it out there: if (@is_arch(…))",
        )


def _block(s: Sema, node: ast.BuiltinCall, op: Op) -> Value:
    span = node.args[0].span
    value = s.eval(node.args[0])
    if s.frame.comptime:
        if isinstance(value, Const) and isinstance(value.value, FnValue):
            s.unit.blocked_tasks.append((value.value, span, op == Op.BLOCK))
            return VOID_VALUE
        key = (int(block_kind(s, value.type, span)), s.known(value, span, "id").value)  # pyright: ignore
        if op == Op.BLOCK:
            s.unit.blocked[key] = None
        else:
            s.unit.blocked.pop(key, None)
            s.unit.unblocked.append(key)
        return VOID_VALUE
    value = task_number(s, value, span, (TaskKind.LOCAL, TaskKind.DATA))
    kind = block_kind(s, value.type, span)
    s.emitter(node.span).emit(op, s.register(value, span), int(kind))
    return VOID_VALUE


@builtin("block", 1)
def block(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@block(id)``."""
    return _block(s, node, Op.BLOCK)


@builtin("unblock", 1)
def unblock(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@unblock(id)``."""
    return _block(s, node, Op.UNBLOCK)


# Options


def options_of(s: Sema, node: ast.Expr) -> dict[str, Value]:
    """The fields of a struct of options."""
    value = s.eval(node)
    if isinstance(value, Tuple) and not value.items:
        return {}
    if not isinstance(value, Struct):
        raise s.fail(node.span, f"expected a struct of options, found {describe(value)}")
    return value.fields


_PRIORITIES = {"low": 0, "medium": 2, "high": 3}


def priority_level(s: Sema, value: Value, span: Span) -> int:
    """``.{ .high = true }`` as a number."""
    if isinstance(value, Struct):
        for name, flag in value.fields.items():
            if name in _PRIORITIES and isinstance(flag, Const) and flag.value is True:
                return _PRIORITIES[name]
    raise s.fail(span, "a priority is .{ .high = true }, .{ .medium = true } or .{ .low = true }")


@builtin("rpc", 1)
def rpc(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@rpc(task id)`` of SDK 1.0 and 1.1: launched functions need no colour of their own."""
    s.eval(node.args[0])
    return VOID_VALUE


# Export


@builtin("export_symbol", 1, 2)
def export_symbol(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@export_symbol(x, "name")``: a function, or a variable through its pointer."""
    entity = s.ref(node.args[0])
    given = s.option(node, 1)
    if given is not None:
        name = s.const(given, T.COMPTIME_STRING, "name")
    elif isinstance(node.args[0], ast.Name | ast.Member):
        name = node.args[0].name
    else:
        raise s.fail(node.span, "@export_symbol of an expression needs a name as second argument")
    if name in s.unit.symbols:
        raise s.fail(node.span, f"'{name}' is exported twice")
    s.unit.symbols[name] = _symbol(s, name, entity, node)
    s.unit.symbol_spans[name] = node.span
    return VOID_VALUE


def _symbol(s: Sema, name: str, entity: object, node: ast.BuiltinCall) -> Symbol:
    span = node.args[0].span
    if isinstance(entity, Const) and isinstance(entity.value, FnValue):
        return Symbol(name, function=_exported_function(s, entity.value, span))
    if isinstance(entity, Mem) and entity.storage is not None:
        return variable_symbol(s, name, entity.storage)
    if isinstance(entity, Const) and isinstance(entity.value, Address):
        return _pointee(s, name, entity, -1)
    if isinstance(entity, ConstData):
        return variable_symbol(s, name, entity.storage(s.unit), mutable=False)
    raise s.fail(span, "only functions, variables and pointers to them can be exported")


def _exported_function(s: Sema, fn: FnValue, span: Span) -> int:
    type_ = signature(s, fn)
    if type_ is None or type_.result is not T.VOID or fn.decl.kind == "task":
        raise s.fail(span, f"an exported function is a fn that returns void, found {type_}")
    if len(type_.params) > 15:
        raise s.fail(span, f"an exported function has at most 15 parameters, found {type_}")
    for param in type_.params:
        if param.code is None or param.size not in (2, 4):
            raise s.fail(span, f"an exported function takes 16- or 32-bit scalars, found {param}")
    return s.compilation.functions.index(s, fn)


def variable_symbol(s: Sema, name: str, storage: Storage, mutable: bool = True) -> Symbol:
    """The symbol of a variable; a pointer stands for the array it points to at the start."""
    initial = storage.initial
    if isinstance(initial, Const) and isinstance(initial.value, Address):
        return _pointee(s, name, initial, storage.address)
    return Symbol(name, storage.address, storage.type.size, _code(storage.type), -1, mutable)


def _pointee(s: Sema, name: str, pointer: Const, at: int) -> Symbol:
    assert isinstance(pointer.type, T.PointerType)
    address: Address = pointer.value
    target = address.target
    storage = target.storage(s.unit) if isinstance(target, ConstData) else target
    if not isinstance(storage, Storage):
        raise s.fail(s.compilation.current, f"'{name}' points to a compile-time variable")
    size = storage.type.size - address.offset
    start = s.unit.address_of(address)
    return Symbol(name, start, size, _code(pointer.type.element), -1, True, at)


def _code(type_: T.Type) -> Code:
    while isinstance(type_, T.ArrayType):
        type_ = type_.element
    return Code.U32 if type_.code is None else type_.code
