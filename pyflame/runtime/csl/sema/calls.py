"""Calls of functions: at compile time, expanded in place, at run time, through pointers."""

from __future__ import annotations

from collections.abc import Sequence

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.diagnostics import Note
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.coerce import coerce
from pyflame.runtime.csl.sema.control import finish_block, statements
from pyflame.runtime.csl.sema.core import (
    DEAD,
    Binding,
    Entity,
    Frame,
    Loop,
    Sema,
    describe,
    evaluates,
)
from pyflame.runtime.csl.sema.functions import (
    addressed_names,
    end_of_body,
    exported_function,
    function_instance,
    parameter_entity,
    signature,
)
from pyflame.runtime.csl.sema.join import Join
from pyflame.runtime.csl.sema.memory import in_memory, new_local, store
from pyflame.runtime.csl.sema.values import (
    VOID_VALUE,
    Const,
    FnValue,
    Mem,
    Reg,
    Slot,
    Value,
    detached,
    is_known,
    key_of,
)
from pyflame.runtime.csl.source import Span
from pyflame.runtime.fabric.isa import Op

MAX_CALL_DEPTH = 200
"""Deepest nesting of calls at compile time."""


@evaluates(ast.Call)
def call(s: Sema, node: ast.Call) -> Value:
    """``f(x)``: at compile time where everything is, else an instruction."""
    s.touched += 1
    callee = s.eval(node.callee)
    args = [s.eval(arg) for arg in node.args]
    if isinstance(callee, Const) and isinstance(callee.value, FnValue):
        return call_function(s, callee.value, args, node)
    type_ = callee.type
    if isinstance(type_, T.PointerType):
        type_ = type_.element
    if isinstance(callee, Reg) and isinstance(type_, T.FnType):
        return _call_pointer(s, callee, type_, args, node)
    raise s.fail(node.callee.span, f"only functions can be called, found {describe(callee)}")


def call_function(s: Sema, fn: FnValue, args: Sequence[Value], node: ast.Call) -> Value:
    """Call a known function with evaluated arguments."""
    _check_callable(s, fn.decl, len(args), node)
    fn = _definition(s, fn, node)
    decl = fn.decl
    known = signature(s, fn)
    # Errors in library code show the call that the user wrote, not one inside the library.
    inside = s.frame.called is not None and s.frame.instance.library
    called = s.frame.called if inside else node.span
    callee = Frame(fn.instance, comptime=True, depth=s.frame.depth + 1, called=called)
    values: list[Value] = []
    fixed: dict[str, Value] = {}
    for index, (param, arg) in enumerate(zip(decl.params, args, strict=True)):
        span = node.args[index].span if index < len(node.args) else node.span
        if known is not None:
            type_ = known.params[index]
        elif param.type is None:
            type_ = arg.type
        else:
            with s.entered(callee):
                type_ = s.type(param.type)
        value = coerce(s, arg, type_, span)
        entity: Entity = value
        if param.comptime or (type_.comptime_only and not _is_open(value)):
            s.known(value, span, f"argument '{param.name}'")
            fixed[param.name] = value
        if s.frame.comptime or param.name in fixed:
            entity = parameter_entity(param.name, detached(value), span)
        callee.names[param.name] = Binding(param.name, entity, False, param.span)
        values.append(value)
    if known is not None:
        result = known.result
    else:
        with s.entered(callee):
            result = s.type(decl.result)
    at_compile_time = s.frame.comptime or (
        result.comptime_only and result is not T.VOID and not isinstance(result, T.DsdType)
    )
    if at_compile_time:
        return _call_now(s, fn, callee, values, result, node)
    if decl.inline or any(map(_is_open, values)):
        return _expanded(s, fn, callee, values, result, node)
    return _call_later(s, fn, callee, fixed, values, result, node)


def _definition(s: Sema, fn: FnValue, node: ast.Call) -> FnValue:
    """The function itself, or the exported one that an ``extern`` declaration means."""
    if fn.decl.linkage != "extern":
        return fn
    if s.frame.comptime:
        raise s.fail(node.span, f"'{fn.decl.name}' is extern: it cannot run at compile time")
    return exported_function(s, fn, node.span)


def _is_open(value: Value) -> bool:
    """Whether a value is a tuple or a struct without a name, and holds run-time values."""
    return value.type in (T.TUPLE, T.ANON_STRUCT) and not is_known(value)


def _check_callable(s: Sema, decl: ast.FnDecl, count: int, node: ast.Call) -> None:
    declared = Note(f"'{decl.name}' is declared here", decl.name_span)
    if decl.kind == "task":
        raise s.fail(
            node.span,
            f"'{decl.name}' is a task: it is started with @activate, not called",
            declared,
        )
    if count != len(decl.params):
        raise s.fail(
            node.span,
            f"'{decl.name}' takes {len(decl.params)} arguments, found {count}",
            declared,
        )


def _call_now(
    s: Sema, fn: FnValue, callee: Frame, values: Sequence[Value], result: T.Type, node: ast.Call
) -> Value:
    """Run the body at compile time."""
    for value, arg in zip(values, node.args, strict=False):
        s.known(value, arg.span, "argument")
    if callee.depth > MAX_CALL_DEPTH:
        raise s.fail(node.span, f"calls at compile time nest deeper than {MAX_CALL_DEPTH}")
    s.compilation.step(node.span)
    if result is T.TYPE:
        return _type_once(s, fn, callee, values, node)
    return _run_now(s, fn, callee, result, node)


def _type_once(
    s: Sema, fn: FnValue, callee: Frame, values: Sequence[Value], node: ast.Call
) -> Value:
    """The type that the function gives for these arguments: for equal ones, the same type."""
    key = (id(fn.decl), *(key_of(v) for v in values))
    made = fn.instance.types
    if key not in made:
        # The arguments stay alive with their keys, which may be identities.
        made[key] = (values, _run_now(s, fn, callee, T.TYPE, node))
    return made[key][1]


def _run_now(s: Sema, fn: FnValue, callee: Frame, result: T.Type, node: ast.Call) -> Value:
    callee.result = result
    with s.entered(callee):
        signal = statements(s, fn.decl.body.statements)
    if signal is not None and signal.kind == "return":
        assert signal.value is not None
        return signal.value
    if result is not T.VOID:
        raise s.fail(node.span, f"'{fn.decl.name}' ended without returning {result}")
    return VOID_VALUE


# Run time


def _expanded(
    s: Sema, fn: FnValue, callee: Frame, values: Sequence[Value], result: T.Type, node: ast.Call
) -> Value:
    """The body of an ``inline`` function in place of its call: known arguments stay known."""
    emitter = s.emitter(node.span)
    if callee.depth > MAX_CALL_DEPTH:
        name = fn.decl.name
        raise s.fail(node.span, f"calls of inline functions nest deeper than {MAX_CALL_DEPTH}: "
                     f"'{name}' cannot be expanded")  # fmt: skip
    s.compilation.step(node.span)
    span = emitter.span
    callee.comptime, callee.emitter, callee.function = False, emitter, s.frame.function
    callee.result = result
    callee.addressed = addressed_names(fn.decl)
    callee.inline = loop = Loop("", True, Join(s, f"'{fn.decl.name}'", result, node.span))
    with s.entered(callee):
        for param, value in zip(fn.decl.params, values, strict=True):
            entity = parameter_entity(param.name, detached(value), param.span)
            if isinstance(entity, Reg) and param.name in callee.addressed:
                entity = new_local(s, value.type, param.name, param.span)
                store(s, entity, value, param.span)
            callee.names[param.name] = Binding(param.name, entity, False, param.span)
        signal = statements(s, fn.decl.body.statements)
        if signal is None:
            end_of_body(s, fn.decl, result)
            signal = None if result is T.VOID else DEAD
        value, _ = finish_block(s, loop, signal, node.span)
    emitter.span = span
    return value


def _call_later(
    s: Sema,
    fn: FnValue,
    callee: Frame,
    fixed: dict[str, Value],
    values: Sequence[Value],
    result: T.Type,
    node: ast.Call,
) -> Value:
    """Emit a call."""
    runtime = [
        (p.name, v) for p, v in zip(fn.decl.params, values, strict=True) if p.name not in fixed
    ]
    instance = function_instance(s, fn, fixed, [v.type for _, v in runtime], result)
    instance.called = instance.called or callee.called
    emitter = s.emitter(node.span)
    registers: list[int] = []
    for (_, value), slot in zip(runtime, instance.param_slots, strict=True):
        if slot >= 0:
            store(s, Slot(value.type, slot), value, node.span)
        else:
            registers.append(_argument(s, value, node.span))
    first = _contiguous(s, registers)
    destination = -1 if result.code is None and not _by_address(result) else emitter.register()
    emitter.emit(Op.CALL, destination, first, len(registers), instance.index)
    if s.frame.function is not None:
        s.frame.function.calls.add(instance)
    return _result(s, instance.result_slot, destination, result, node.span)


def _by_address(type_: T.Type) -> bool:
    return type_.code is None and isinstance(type_, T.ArrayType | T.StructType)


def _argument(s: Sema, value: Value, span: Span) -> int:
    """A register with a scalar, or the address of an aggregate."""
    if value.type.code is not None:
        return s.register(value, span)
    return s.address(in_memory(s, value, span))


def _contiguous(s: Sema, registers: Sequence[int]) -> int:
    """The first of consecutive registers that hold the arguments."""
    if not registers:
        return 0
    first = registers[0]
    if list(registers) == list(range(first, first + len(registers))):
        return first
    emitter = s.emitter(None)
    first = emitter.register(len(registers))
    for index, register in enumerate(registers):
        emitter.emit(Op.MOV, first + index, register)
    return first


def _result(s: Sema, slot: int, register: int, type_: T.Type, span: Span) -> Value:
    if type_ is T.VOID:
        return VOID_VALUE
    if isinstance(type_, T.DsdType):
        fresh = s.unit.new_slot()
        s.emitter(span).emit(Op.DCOPY, fresh, slot)
        return Slot(type_, fresh, fresh=True)
    if _by_address(type_):
        # The callee's memory is static: the next call would overwrite it.
        place = new_local(s, type_, "result", span)
        store(s, place, Mem(type_, register, None, 0, const=True), span)
        return place
    return Reg(type_, register)


def _call_pointer(
    s: Sema, callee: Reg, type_: T.FnType, args: Sequence[Value], node: ast.Call
) -> Value:
    if len(args) != len(type_.params):
        raise s.fail(node.span, f"{type_} takes {len(type_.params)} arguments, found {len(args)}")
    registers: list[int] = []
    for param, arg, part in zip(type_.params, args, node.args, strict=True):
        if isinstance(param, T.DsdType) or param.comptime_only:
            raise s.fail(part.span, f"a call through a pointer cannot pass {param}")
        registers.append(_argument(s, coerce(s, arg, param, part.span), part.span))
    if isinstance(type_.result, T.DsdType):
        raise s.fail(node.span, f"a call through a pointer cannot return {type_.result}")
    emitter = s.emitter(node.span)
    first = _contiguous(s, registers)
    result = type_.result
    destination = -1 if result is T.VOID else emitter.register()
    emitter.emit(Op.CALLR, destination, first, len(registers), callee.reg)
    return _result(s, -1, destination, result, node.span)


def call_with(s: Sema, fn: FnValue, args: Sequence[Value], span: Span) -> Value:
    """Call a function from a builtin, such as @map."""
    node = ast.Call(span, ast.Name(span, fn.decl.name), ())
    return call_function(s, fn, args, node)
