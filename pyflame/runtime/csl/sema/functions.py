"""Functions: their types, the instances of an image, and compiling bodies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import lru_cache

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.diagnostics import Abort, TooManyErrors
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.control import emit_return, statements
from pyflame.runtime.csl.sema.core import Entity, Frame, Sema
from pyflame.runtime.csl.sema.emit import Emitter
from pyflame.runtime.csl.sema.image import FunctionInstance
from pyflame.runtime.csl.sema.linkage import linked
from pyflame.runtime.csl.sema.memory import new_local, store
from pyflame.runtime.csl.sema.recursion import check_recursion
from pyflame.runtime.csl.sema.values import (
    VOID_VALUE,
    ConstData,
    FnValue,
    Mem,
    Reg,
    Slot,
    Value,
    is_known,
    key_of,
)
from pyflame.runtime.csl.source import Span
from pyflame.runtime.fabric.isa import Fault, Op

GENERIC = T.Type("generic fn")
"""The type of a function whose parameter types depend on its arguments."""


def signature(s: Sema, fn: FnValue) -> T.FnType | None:
    """The type of a function, None when it depends on the arguments."""
    cache = fn.instance.signatures
    decl = fn.decl
    if id(decl) not in cache:
        cache[id(decl)] = _signature(s, fn)
    return cache[id(decl)]


def _signature(s: Sema, fn: FnValue) -> T.FnType | None:
    if any(p.comptime or p.type is None for p in fn.decl.params):
        return None
    with s.entered(Frame(fn.instance, comptime=True)):
        params = tuple(s.type(p.type) for p in fn.decl.params if p.type is not None)
        return T.fn_type(fn.decl.kind, params, s.type(fn.decl.result))


def exported_function(s: Sema, fn: FnValue, span: Span) -> FnValue:
    """The exported function that an ``extern`` declaration means."""
    link = linked(s, fn.instance, fn.decl, span)
    if not isinstance(link.decl, ast.FnDecl):
        raise s.fail(span, f"'{fn.decl.name}' is exported as {link.decl.kind}, not as a function")
    return FnValue(link.decl, link.instance)


class FunctionTable:
    """Functions by their index in the image."""

    def index(self, s: Sema, fn: FnValue) -> int:
        """The index of a function that is pointed to, exported or bound."""
        span = fn.decl.name_span or fn.decl.span
        if fn.decl.linkage == "extern":
            fn = exported_function(s, fn, span)
        if fn.decl.inline:
            raise s.fail(span, f"'{fn.decl.name}' is inline: it has no address")
        type_ = signature(s, fn)
        if type_ is None:
            raise s.fail(span, f"'{fn.decl.name}' has comptime parameters: it has no address")
        for param in (*type_.params, type_.result):
            if isinstance(param, T.DsdType) or (param.comptime_only and param is not T.VOID):
                raise s.fail(span, f"'{fn.decl.name}' uses {param}: it has no address")
        return function_instance(s, fn, {}, list(type_.params), type_.result).index

    def compile_pending(self, s: Sema) -> None:
        """Compile every function that something asked for."""
        unit = s.unit
        while unit.pending:
            instance = unit.pending.pop()
            try:
                compile_function(s, instance)
            except TooManyErrors:
                raise
            except Abort:
                continue
        if s.engine.error_count == 0:
            check_recursion(s, unit)


def function_instance(
    s: Sema,
    fn: FnValue,
    fixed: dict[str, Value],
    params: list[T.Type],
    result: T.Type,
) -> FunctionInstance:
    """The function compiled for these compile-time arguments; asked for again, the same one."""
    unit = s.unit
    key = (fn, tuple((n, key_of(v)) for n, v in fixed.items()), tuple(params))
    instance = unit.by_key.get(key)
    if instance is None:
        compiling, unit.compiling = unit.compiling, None
        slots = [unit.new_slot() if isinstance(p, T.DsdType) else -1 for p in params]
        instance = FunctionInstance(fn, len(unit.functions), params, result, fixed, slots)
        if isinstance(result, T.DsdType):
            instance.result_slot = unit.new_slot()
        unit.compiling = compiling
        unit.by_key[key] = instance
        unit.functions.append(instance)
        unit.pending.append(instance)
    return instance


def compile_function(s: Sema, instance: FunctionInstance) -> None:
    """Emit the body of a function."""
    fn = instance.function
    emitter = Emitter()
    emitter.span = fn.decl.span
    instance.emitter = emitter
    frame = Frame(
        fn.instance,
        comptime=False,
        emitter=emitter,
        function=instance,
        result=instance.result,
        called=instance.called,
    )
    frame.addressed = addressed_names(fn.decl)
    s.unit.compiling = instance
    s.branches = 0
    try:
        with s.entered(frame):
            _compile_body(s, instance, emitter)
    finally:
        s.unit.compiling = None


def _compile_body(s: Sema, instance: FunctionInstance, emitter: Emitter) -> None:
    fn = instance.function
    _bind_parameters(s, instance, emitter)
    signal = statements(s, fn.decl.body.statements)
    if signal is None:
        emitter.span = Span(fn.decl.span.file, fn.decl.span.end - 1, fn.decl.span.end)
        end_of_body(s, fn.decl, instance.result)


def _bind_parameters(s: Sema, instance: FunctionInstance, emitter: Emitter) -> None:
    decl = instance.function.decl
    number = 0
    moved: list[tuple[ast.Parameter, Reg]] = []
    for param in decl.params:
        if param.name in instance.comptime_args:
            value = instance.comptime_args[param.name]
            s.declare(
                param.name, parameter_entity(param.name, value, param.span), False, param.span
            )
            continue
        type_, slot = instance.params[number], instance.param_slots[number]
        number += 1
        if slot >= 0:
            s.declare(param.name, Slot(type_, slot), False, param.span)
            continue
        register = emitter.register()
        if type_.code is None:
            entity: Entity = Mem(type_, register, None, 0, const=True)
        else:
            entity = Reg(type_, register)
            if param.name in s.frame.addressed:
                moved.append((param, entity))
                continue
        s.declare(param.name, entity, False, param.span)
    for param, entity in moved:
        place = new_local(s, entity.type, param.name, param.span)
        store(s, place, entity, param.span)
        s.declare(param.name, place, False, param.span)


def parameter_entity(name: str, value: Value, span: Span) -> Entity:
    """What a parameter's name means where its value is known."""
    if isinstance(value.type, T.ArrayType | T.StructType) and is_known(value):
        return ConstData(name, value, span)
    return value


def end_of_body(s: Sema, decl: ast.FnDecl, result: T.Type) -> None:
    """Running off the end is right for void and a fault for everything else."""
    if result is T.VOID:
        if s.frame.inline is None:
            emit_return(s, VOID_VALUE, decl.span)
        return
    if not _may_return(decl):
        s.engine.error(
            decl.name_span, f"function '{decl.name}' returns {result}, but has no return statement"
        )
    message = s.unit.string(f"function '{decl.name}' ended without returning {result}")
    s.emitter(None).emit(Op.TRAP, c=message, d=int(Fault.NO_RESULT))


def _may_return(decl: ast.FnDecl) -> bool:
    """Whether a body has a return statement, or a loop that may be meant to run for ever."""
    return any(isinstance(n, ast.Return | ast.While) for n in _descendants(decl.body))


def addressed_names(decl: ast.FnDecl) -> frozenset[str]:
    """Names in a function that ``&`` is applied to: they live in memory, not in a register."""
    return _addressed(id(decl), decl)


@lru_cache(maxsize=4096)
def _addressed(key: int, decl: ast.FnDecl) -> frozenset[str]:
    names: set[str] = set()
    for node in _descendants(decl.body):
        if isinstance(node, ast.AddressOf):
            operand = node.operand
            while isinstance(operand, ast.Member | ast.Index):
                operand = operand.base
            if isinstance(operand, ast.Name):
                names.add(operand.name)
    return frozenset(names)


def _descendants(root: ast.Node) -> Iterator[ast.Node]:
    stack: list[object] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, tuple):
            stack.extend(node)
        elif is_dataclass(node) and isinstance(node, ast.Node):
            yield node
            stack.extend(getattr(node, f.name) for f in fields(node) if f.compare)
