"""Builtins for the library files only: thin names for single machine instructions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.coerce import coerce
from pyflame.runtime.csl.sema.core import BUILTINS, Sema, builtin, describe
from pyflame.runtime.csl.sema.formatting import print_text
from pyflame.runtime.csl.sema.layout import RouteReader
from pyflame.runtime.csl.sema.scalars import round_to
from pyflame.runtime.csl.sema.values import FALSE, TRUE, VOID_VALUE, Const, Reg, Value
from pyflame.runtime.fabric.image import Queue
from pyflame.runtime.fabric.isa import Math, Op, PrintKind, TaskKind

_READS: dict[str, tuple[Op, T.Type]] = {
    "__xcoord": (Op.XCOORD, T.U16),
    "__ycoord": (Op.YCOORD, T.U16),
    "__tsc": (Op.TSC, T.U64),
    "__random": (Op.RANDOM, T.U32),
}
"""Intrinsics without arguments that give a value."""


def _read(s: Sema, node: ast.BuiltinCall) -> Value:
    op, type_ = _READS[node.name]
    emitter = s.emitter(node.span)
    register = emitter.register()
    emitter.emit(op, register)
    return Reg(type_, register)


for _name in _READS:
    BUILTINS[_name] = (0, 0, _read)

_COMMANDS: dict[str, tuple[Op, tuple[str, ...]]] = {
    "__host_unblock": (Op.HOSTUNBLOCK, ()),
    "__tsc_control": (Op.TSCCTL, ("d",)),
    "__seed": (Op.SEED, ("a",)),
    "__task_priority": (Op.PRIORITY, ("a", "b")),
    "__route_set": (Op.ROUTESET, ("a", "b", "c", "d")),
    "__switch_position": (Op.SWITCHPOS, ("a", "b")),
    "__switch_valid": (Op.SWITCHVALID, ("a", "b", "d")),
    "__switch_mode": (Op.SWITCHMODE, ("a", "b", "c")),
    "__teardown_exit": (Op.TEARDOWNEXIT, ("a",)),
    "__filter_set": (Op.FILTERSET, ("a", "b", "d")),
    "__main_priority": (Op.MAINPRIORITY, ("a",)),
    "__exceptions": (Op.EXCEPTIONS, ("a",)),
    "__flush_exit": (Op.QFLUSHEXIT, ("a", "d")),
    "__queue_set": (Op.QUEUESET, ("a", "b", "c", "d")),
    "__control_mask": (Op.CONTROLMASK, ("a",)),
}
"""Intrinsics that only act: the instruction field of each argument; ``d`` must be known."""

_AT_START = frozenset({"__task_priority", "__main_priority", "__control_mask"})
"""Those that comptime blocks may use: they act before the first task."""


def _command(s: Sema, node: ast.BuiltinCall) -> Value:
    op, names = _COMMANDS[node.name]
    fields = {"a": 0, "b": 0, "c": 0, "d": 0}
    values = [s.eval(arg) for arg in node.args]
    if s.frame.comptime and node.name in _AT_START:
        start = s.unit.start
        start.span = node.span
        for name, value, arg in zip(names, values, node.args, strict=True):
            known = s.known(value, arg.span)
            assert isinstance(known, Const)
            fields[name] = start.constant(int(known.value))
        start.emit(op, **fields)
        return VOID_VALUE
    for name, value, arg in zip(names, values, node.args, strict=True):
        if name == "d":
            fields[name] = s.as_integer(value, arg.span, "this argument")
            continue
        if value.type is T.COMPTIME_INT:
            value = coerce(s, value, T.I32, arg.span)
        fields[name] = s.register(value, arg.span)
    s.emitter(node.span).emit(op, **fields)
    return VOID_VALUE


for _name, (_, _fields) in _COMMANDS.items():
    BUILTINS[_name] = (len(_fields), len(_fields), _command)


@builtin("__teardown_pending", 1)
def teardown_pending(s: Sema, node: ast.BuiltinCall) -> Value:
    """Whether a colour is suspended."""
    source = s.register(s.eval_as(node.args[0], T.COLOR), node.span)
    emitter = s.emitter(node.span)
    register = emitter.register()
    emitter.emit(Op.TEARDOWNPENDING, register, source)
    return Reg(T.BOOL, register)


@builtin("__flush_pending", 2)
def flush_pending(s: Sema, node: ast.BuiltinCall) -> Value:
    """Whether a queue was flushed: its number, and 1 for an output queue."""
    source = s.register(s.eval(node.args[0]), node.span)
    output = s.integer(node.args[1], "the kind of queue")
    emitter = s.emitter(node.span)
    register = emitter.register()
    emitter.emit(Op.QFLUSHPENDING, register, source, d=output)
    return Reg(T.BOOL, register)


@builtin("__route_get", 2)
def route_get(s: Sema, node: ast.BuiltinCall) -> Value:
    """The direction mask of a colour: argument 2 is ``position * 2 + (1 for tx)``."""
    source = s.register(s.eval_as(node.args[0], T.COLOR), node.span)
    which = s.integer(node.args[1], "the position")
    emitter = s.emitter(node.span)
    register = emitter.register()
    emitter.emit(Op.ROUTEGET, register, source, d=which)
    return Reg(T.U16, register)


_QUERIES: dict[str, tuple[Op, int, T.Type]] = {
    "__filter_get": (Op.FILTERGET, 2, T.I64),
    "__switch_get": (Op.SWITCHGET, 2, T.U16),
    "__queue_status": (Op.QUEUESTATUS, 1, T.U16),
}
"""Intrinsics that ask: instruction, number of arguments, of which the last must be known, type."""


def _query(s: Sema, node: ast.BuiltinCall) -> Value:
    op, count, type_ = _QUERIES[node.name]
    which = s.integer(node.args[-1], "what is asked for")
    source = s.register(s.eval(node.args[0]), node.span) if count > 1 else 0
    emitter = s.emitter(node.span)
    register = emitter.register()
    emitter.emit(op, register, source, d=which)
    return Reg(type_, register)


for _name, (_, _count, _) in _QUERIES.items():
    BUILTINS[_name] = (_count, _count, _query)


@builtin("__direction_mask", 1)
def direction_mask(s: Sema, node: ast.BuiltinCall) -> Value:
    """Directions as a u16 mask: a direction, or a known tuple or array of them."""
    value = s.eval(node.args[0])
    if isinstance(value, Reg) and value.type is T.DIRECTION:
        emitter = s.emitter(node.span)
        one = emitter.constant(1)
        register = emitter.register()
        emitter.emit(Op.SHL, register, one, value.reg, t=T.U16.code or 0)
        return Reg(T.U16, register)
    return Const(T.U16, RouteReader(s, node.span, 0).mask(value))


@builtin("__memcpy_stream", 2)
def memcpy_stream(s: Sema, node: ast.BuiltinCall) -> Value:
    """Declare a streaming colour of memcpy."""
    name = s.const(node.args[0], T.COMPTIME_STRING, "name")
    s.compilation.streaming[name] = s.const(node.args[1], T.COLOR, "colour")
    return VOID_VALUE


@builtin("__done", 1)
def done(s: Sema, node: ast.BuiltinCall) -> Value:
    """What a DSD operation gives, or true for one that gives nothing."""
    value = s.eval(node.args[0])
    return TRUE if value.type is T.VOID else value


# Mathematics

_FOLDS: dict[Math, Callable[..., Any]] = {
    Math.SQRT: math.sqrt, Math.EXP: math.exp, Math.LOG: math.log, Math.SIN: math.sin,
    Math.COS: math.cos, Math.TANH: math.tanh, Math.POW: math.pow, Math.FLOOR: math.floor,
    Math.CEIL: math.ceil, Math.ABS: abs, Math.INV: lambda x: 1.0 / x,
    Math.INVSQRT: lambda x: 1.0 / math.sqrt(x), Math.MIN: min, Math.MAX: max, Math.TAN: math.tan,
    Math.SIGMOID: lambda x: 1.0 / (1.0 + math.exp(-x)),
    Math.SIGN: lambda x: math.copysign(1.0, x) if x else x,
}  # fmt: skip

_ON_INTEGERS = frozenset({Math.ABS, Math.SIGN, Math.MIN, Math.MAX})
"""Functions whose value on integers is an integer; the others take floats only."""


@builtin("__math", 2, 3)
def math_(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@__math("sqrt", x)``: in the type of x, rounded once."""
    name = s.const(node.args[0], T.COMPTIME_STRING, "name").upper()
    function = Math[name]
    values = [s.eval(node.args[1])]
    type_ = values[0].type
    if len(node.args) > 2:
        values.append(s.eval_as(node.args[2], type_))
    if not T.is_number(type_):
        raise s.fail(node.span, f"'{name.lower()}' needs a number, found {describe(values[0])}")
    if T.is_integer(type_) and function not in _ON_INTEGERS:
        raise s.fail(
            node.span,
            f"'{name.lower()}' needs a float, found {describe(values[0])}; "
            "convert it with @as(f32, …)",
        )
    if all(isinstance(v, Const) for v in values) and function in _FOLDS:
        return _fold(s, node, function, type_, [v.value for v in values])  # pyright: ignore
    if type_.code is None:
        raise s.fail(node.span, f"'{name.lower()}' needs a number, found {describe(values[0])}")
    emitter = s.emitter(node.span)
    sources = [s.register(v, node.span) for v in values]
    register = emitter.register()
    second = sources[1] if len(sources) > 1 else 0
    emitter.emit(Op.MATH, register, sources[0], second, int(function), t=type_.code)
    return Reg(type_, register)


@builtin("__fscale", 2)
def fscale(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@__fscale(x, n)``: x times 2 to the power n, rounded once to the type of x."""
    value = s.eval(node.args[0])
    if not isinstance(value.type, T.FloatType):
        raise s.fail(node.span, f"'fscale' needs a float, found {describe(value)}")
    exponent = s.eval_as(node.args[1], T.I16)
    if isinstance(value, Const) and isinstance(exponent, Const):
        bounded = max(-400, min(400, exponent.value))  # beyond, any float overflows or vanishes
        return Const(value.type, round_to(value.type, value.value * 2.0**bounded))
    emitter = s.emitter(node.span)
    sources = [s.register(value, node.span), s.register(exponent, node.span)]
    register = emitter.register()
    assert value.type.code is not None
    emitter.emit(Op.MATH, register, sources[0], sources[1], int(Math.SCALE), t=value.type.code)
    return Reg(value.type, register)


def _fold(
    s: Sema, node: ast.BuiltinCall, function: Math, type_: T.Type, values: list[float]
) -> Value:
    try:
        result = _FOLDS[function](*values)
    except (ValueError, OverflowError, ZeroDivisionError):
        raise s.fail(node.span, f"{function.name.lower()} of {values[0]} has no value") from None
    if T.is_integer(type_):
        return Const(type_, int(result))
    return Const(type_, round_to(type_, float(result)))


# Types

_TYPE_QUESTIONS: dict[str, Callable[[T.Type], bool]] = {
    "unsigned": lambda t: isinstance(t, T.IntType) and not t.signed,
    "signed": lambda t: isinstance(t, T.IntType) and t.signed,
    "float16": lambda t: isinstance(t, T.FloatType) and t.bits == 16,
    "float": lambda t: isinstance(t, T.FloatType),
    "dsd": lambda t: isinstance(t, T.DsdType),
    "dsr": lambda t: isinstance(t, T.DsrType),
}


@builtin("__type_is", 2)
def type_is(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@__type_is("float", T)``."""
    question = s.const(node.args[0], T.COMPTIME_STRING, "question")
    return TRUE if _TYPE_QUESTIONS[question](s.type(node.args[1])) else FALSE


@builtin("__type_size", 2)
def type_size(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@__type_size("bits", T)``: bits, bytes or the alignment of a type in PE memory."""
    what = s.const(node.args[0], T.COMPTIME_STRING, "measure")
    type_ = s.type(node.args[1])
    if type_.comptime_only or not type_.size:
        raise s.fail(node.span, f"{type_} has no size in the memory of a PE")
    exact = type_.bits if isinstance(type_, T.IntType) else 8 * type_.size
    measures = {"bits": exact, "bytes": type_.size, "align": type_.align}
    return Const(T.COMPTIME_INT, measures[what])


@builtin("__scalar", 1)
def scalar_type(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@__scalar(T)``: what pointers and arrays of T are made of."""
    type_ = s.type(node.args[0])
    while isinstance(type_, T.PointerType | T.ArrayType):
        type_ = type_.element
    return Const(T.TYPE, type_)


@builtin("__listens", 1)
def listens(s: Sema, node: ast.BuiltinCall) -> Value:
    """Whether a data task is bound to an input queue; true only after the comptime blocks."""
    queue = s.const(node.args[0], T.INPUT_QUEUE, "queue")
    bound = any(t.kind == TaskKind.DATA and t.number == queue for t in s.unit.tasks)
    return TRUE if bound else FALSE


@builtin("__serve", 2)
def serve(s: Sema, node: ast.BuiltinCall) -> Value:
    """Let an input queue take one more colour, or with ``{}`` an output queue send on every one, as
    queues of wse3 otherwise do not."""
    queue = s.known(s.eval(node.args[0]), node.args[0].span, "queue")
    assert isinstance(queue, Const)
    if queue.type is T.OUTPUT_QUEUE:
        s.unit.output_queues[queue.value] = Queue(queue.value, -1)
    else:
        color = s.const(node.args[1], T.COLOR, "colour")
        s.unit.more_input_queues.append(Queue(queue.value, color))
    return VOID_VALUE


@builtin("__uint", 1)
def unsigned_type(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@__uint(16)``: the unsigned integer type of so many bits."""
    bits = s.integer(node.args[0], "the width")
    if not 1 <= bits <= 64:
        raise s.fail(node.span, f"unsigned types have 1 to 64 bits here, found {bits}")
    return Const(T.TYPE, T.int_type(False, bits))


# Output


@builtin("__print", 1, 2)
def print_(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@__print("u16", x)`` and ``@__print("string", text)``: simulator output."""
    _output(s, node, Op.PRINT, 0)
    return VOID_VALUE


@builtin("__trace", 3)
def trace(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@__trace("u16", x, key)``: the debug trace of this PE."""
    key = s.const(node.args[2], T.COMPTIME_STRING, "key")
    _output(s, node, Op.TRACE, s.unit.string(key))
    return VOID_VALUE


def _output(s: Sema, node: ast.BuiltinCall, op: Op, key: int) -> None:
    kind = PrintKind[s.const(node.args[0], T.COMPTIME_STRING, "kind").upper()]
    emitter = s.emitter(node.span)
    if kind == PrintKind.STRING:
        text = s.const(node.args[1], T.COMPTIME_STRING, "string")
        if op == Op.PRINT:
            print_text(s, node.span, text)
            return
        emitter.emit(op, 0, int(kind), key, s.unit.string(text))
        return
    source = 0
    if len(node.args) > 1:
        value = s.eval(node.args[1])
        if value.type is not T.VOID:
            if value.type in (T.COMPTIME_INT, T.COMPTIME_FLOAT):
                value = coerce(
                    s, value, T.I32 if value.type is T.COMPTIME_INT else T.F32, node.span
                )
            source = s.register(value, node.span)
    emitter.emit(op, source, int(kind), key)
