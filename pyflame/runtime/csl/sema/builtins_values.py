"""Builtins on values, types and checks."""

from __future__ import annotations

import difflib

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.coerce import coerce
from pyflame.runtime.csl.sema.core import BUILTINS, Sema, builtin, describe, evaluates
from pyflame.runtime.csl.sema.emit import Label
from pyflame.runtime.csl.sema.expr import narrowed, zeros
from pyflame.runtime.csl.sema.memory import build_array
from pyflame.runtime.csl.sema.packed import from_known_bits, known_bits
from pyflame.runtime.csl.sema.scalars import FoldError, cast, from_bits, to_bits
from pyflame.runtime.csl.sema.values import (
    FALSE,
    TRUE,
    VOID_VALUE,
    ArrayData,
    Const,
    RangeData,
    RangeValue,
    Reg,
    Struct,
    Tuple,
    Value,
    is_known,
    payload,
)
from pyflame.runtime.fabric.isa import Fault, Op, Type

MAX_PRINTED = 100_000
"""Most messages of @comptime_print in one run."""


def _suggestion(name: str) -> str:
    """Builtins that were perhaps meant."""
    public = (known for known in BUILTINS if not known.startswith("__"))
    close = difflib.get_close_matches(name, public, 2)
    return f"; did you mean {' or '.join(f'@{c}' for c in close)}?" if close else ""


@evaluates(ast.BuiltinCall)
def builtin_call(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@name(…)``: looked up in the table of builtins."""
    s.touched += 1
    entry = BUILTINS.get(node.name)
    if entry is None or (node.name.startswith("__") and not node.span.file.library):
        raise s.fail(node.span, f"there is no builtin @{node.name}{_suggestion(node.name)}")
    least, most, rule = entry
    count = len(node.args)
    if count < least or (most >= 0 and count > most):
        wanted = str(least) if least == most else f"{least} to {most if most >= 0 else 'any'}"
        raise s.fail(node.span, f"@{node.name} takes {wanted} arguments, found {count}")
    if not s.engine.trial:
        return rule(s, node)
    with s.engine.muting():
        return rule(s, node)


# Conversions


@builtin("as", 2)
def as_(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@as(T, x)``."""
    to = s.type(node.args[0])
    value = s.eval(node.args[1])
    if value.type is to:
        return value
    if not _convertible(value.type, to):
        return coerce(s, value, to, node.span)
    if isinstance(value, Const):
        try:
            return Const(to, cast(to, value.type, value.value))
        except FoldError as error:
            raise s.fail(node.span, str(error)) from None
    if to.comptime_only:
        s.known(value, node.span, f"conversion to {to}")
    emitter = s.emitter(node.span)
    source = s.register(value, node.span)
    register = emitter.register()
    assert to.code is not None and value.type.code is not None
    emitter.emit(Op.CAST, register, source, int(value.type.code), t=to.code)
    return narrowed(s, Reg(to, register))


def _scalar(type_: T.Type) -> bool:
    return T.is_number(type_) or type_ is T.BOOL


def _convertible(from_: T.Type, to: T.Type) -> bool:
    if _scalar(from_) and _scalar(to):
        return True
    if isinstance(from_, T.EnumType):
        return T.is_number(to)
    return isinstance(to, T.EnumType) and T.is_number(from_)


@builtin("bitcast", 2)
def bitcast(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@bitcast(T, x)``: the same bits, equal width."""
    to = s.type(node.args[0])
    value = s.eval(node.args[1])
    if value.type is T.COMPTIME_INT and isinstance(to, T.IntType):
        return coerce(s, value, to, node.span)
    if to.code is None or value.type.code is None:
        raise s.fail(node.span, f"@bitcast is not defined from {value.type} to {to}")
    have, want = (max(T.bit_width(t), 0) or 8 * t.size for t in (value.type, to))
    if have != want:
        raise s.fail(
            node.span,
            f"@bitcast needs equal widths: {value.type} has {have} bits, {to} has {want}",
        )
    packed = isinstance(value.type, T.PackedType) or isinstance(to, T.PackedType)
    bits = known_bits(value) if packed else None
    if bits is not None:
        return from_known_bits(to, bits)
    if isinstance(value, Const) and isinstance(value.value, int | float):
        return Const(to, from_bits(to, to_bits(value.type, value.value)))
    emitter = s.emitter(node.span)
    source = s.register(value, node.span)
    register = emitter.register()
    emitter.emit(Op.WRAP, register, source, t=to.code)
    return narrowed(s, Reg(to, register))


@builtin("ptrcast", 2)
def ptrcast(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@ptrcast(T, p)``: the same address as another pointer type."""
    to = s.type(node.args[0])
    value = s.eval(node.args[1])
    if not isinstance(to, T.PointerType) or not isinstance(value.type, T.PointerType):
        raise s.fail(node.span, f"@ptrcast needs pointers, found {to} and {describe(value)}")
    if isinstance(value, Const):
        return Const(to, value.value)
    return Reg(to, s.register(value, node.span))


@builtin("fp16", 0)
def fp16(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@fp16()``: the type that f16 stands for."""
    return Const(T.TYPE, s.compilation.half)


# Aggregates


@builtin("zeros", 1)
def zeros_(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@zeros(T)``."""
    return zeros(s, s.type(node.args[0]), node.span)


@builtin("constants", 2)
def constants(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@constants([N]T, v)``: every element `v`."""
    type_ = s.type(node.args[0])
    if not isinstance(type_, T.ArrayType):
        raise s.fail(node.args[0].span, f"@constants makes an array, found {type_}")
    value = s.eval_as(node.args[1], type_.element)
    if is_known(value):
        return Const(type_, ArrayData([payload(value)] * type_.count))
    return build_array(s, type_, [value] * type_.count, node.span)


@builtin("concat_structs", 2)
def concat_structs(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@concat_structs(a, b)``: the fields of both."""
    a, b = (_plain_struct(s, arg) for arg in node.args)
    twice = [name for name in b.fields if name in a.fields]
    if twice:
        raise s.fail(node.span, f"both structs have the field '{twice[0]}'")
    return Struct(T.ANON_STRUCT, {**a.fields, **b.fields})


def _plain_struct(s: Sema, node: ast.Expr) -> Struct:
    value = s.eval(node)
    if isinstance(value, Tuple) and not value.items:
        return Struct(T.ANON_STRUCT, {})
    if not isinstance(value, Struct):
        raise s.fail(node.span, f"expected a struct, found {describe(value)}")
    return value


@builtin("field", 2)
def field(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@field(x, "name")``."""
    name = s.const(node.args[1], T.COMPTIME_STRING, "field name")
    return s.eval(ast.Member(node.span, node.args[0], name))


@builtin("has_field", 2)
def has_field(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@has_field(x, "name")``."""
    value = s.load(s.ref(node.args[0]))
    name = s.const(node.args[1], T.COMPTIME_STRING, "field name")
    if isinstance(value, Struct):
        return _bool(name in value.fields)
    type_ = value.value if isinstance(value, Const) and value.type is T.TYPE else value.type
    if isinstance(type_, T.StructType):
        return _bool(name in type_.fields)
    if isinstance(value, Tuple):
        return FALSE
    raise s.fail(node.args[0].span, f"expected a struct, found {describe(value)}")


def _bool(value: bool) -> Const:
    return TRUE if value else FALSE


@builtin("range", 2, 4)
def range_(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@range(T, end)``, ``@range(T, start, end)``, ``@range(T, start, end, step)``."""
    type_ = s.type(node.args[0])
    if not T.is_integer(type_):
        raise s.fail(node.args[0].span, f"@range needs an integer type, found {type_}")
    bounds = [s.eval_as(arg, type_) for arg in node.args[1:]]
    zero, one = Const(type_, 0), Const(type_, 1)
    start = bounds[0] if len(bounds) > 1 else zero
    stop = bounds[1] if len(bounds) > 1 else bounds[0]
    step = bounds[2] if len(bounds) > 2 else one
    if isinstance(step, Const) and step.value == 0:
        raise s.fail(node.args[3].span, "the step of @range cannot be 0")
    if isinstance(start, Const) and isinstance(stop, Const) and isinstance(step, Const):
        return Const(T.RANGE, RangeData(type_, range(start.value, stop.value, step.value)))
    return RangeValue(type_, start, stop, step)


# Questions about types


@builtin("type_of", 1)
def type_of(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@type_of(x)``."""
    return Const(T.TYPE, s.ref(node.args[0]).type)


@builtin("is_same_type", 2)
def is_same_type(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@is_same_type(A, B)``."""
    return _bool(s.type(node.args[0]) is s.type(node.args[1]))


@builtin("is_comptime", 1)
def is_comptime(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@is_comptime(x)``."""
    return _bool(is_known(s.eval(node.args[0])))


@builtin("is_arch", 1)
def is_arch(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@is_arch("wse2")``."""
    name = s.const(node.args[0], T.COMPTIME_STRING, "architecture")
    if name not in ("wse1", "wse2", "wse3"):
        raise s.fail(node.args[0].span, f"architecture '{name}' is unknown: wse2 and wse3 exist")
    return _bool(s.compilation.arch.name == name)


def _array_of(s: Sema, node: ast.Expr) -> T.ArrayType:
    value = s.load(s.ref(node))
    type_ = value.value if isinstance(value, Const) and value.type is T.TYPE else value.type
    if not isinstance(type_, T.ArrayType):
        raise s.fail(node.span, f"expected an array or its type, found {type_}")
    return type_


@builtin("dimensions", 1)
def dimensions(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@dimensions(T)``: the sizes of an array type, as an array."""
    dims = _array_of(s, node.args[0]).dims
    return Const(T.array_of((len(dims),), T.U32), ArrayData(list(dims)))


@builtin("rank", 1)
def rank(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@rank(T)``."""
    return Const(T.U16, len(_array_of(s, node.args[0]).dims))


@builtin("element_type", 1)
def element_type(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@element_type(T)``."""
    value = s.load(s.ref(node.args[0]))
    type_ = value.value if isinstance(value, Const) and value.type is T.TYPE else value.type
    if isinstance(type_, T.PointerType | T.ArrayType):
        return Const(T.TYPE, type_.element)
    raise s.fail(node.args[0].span, f"{type_} has no elements")


@builtin("element_count", 1)
def element_count(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@element_count(T)``."""
    return Const(T.U32, _array_of(s, node.args[0]).count)


# Numbers


@builtin("random16", 0)
def random16(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@random16()``: 16 bits of the PE's generator, which ``<random>`` uses too."""
    emitter = s.emitter(node.span)
    drawn = emitter.register()
    emitter.emit(Op.RANDOM, drawn)
    register = emitter.register()
    emitter.emit(Op.CAST, register, drawn, int(Type.U32), t=Type.U16)
    return Reg(T.U16, register)


@builtin("get_int", 1)
def get_int(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@get_int(id)``: the number of a colour, queue, task id or enum member."""
    value = s.eval(node.args[0])
    type_ = value.type
    if isinstance(type_, T.DsrType) and isinstance(value, Const):
        return Const(T.U16, value.value % 64)
    if T.is_integer(type_):
        return value
    if not isinstance(type_, T.IdType | T.EnumType):
        raise s.fail(node.args[0].span, f"@get_int needs an id, found {describe(value)}")
    integer = type_.backing if isinstance(type_, T.EnumType) else T.U16
    if isinstance(value, Const):
        return Const(integer, value.value)
    return Reg(integer, s.register(value, node.span))


@builtin("get_rectangle", 0)
def get_rectangle(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@get_rectangle()``: sizes of the program's rectangle and of the fabric."""
    compilation = s.compilation
    if compilation.rectangle is None:
        raise s.fail(node.span, "@get_rectangle stands before @set_rectangle")

    def pair(names: tuple[str, str], numbers: tuple[int, int]) -> dict[str, Value]:
        return {n: Const(T.U16, v) for n, v in zip(names, numbers, strict=True)}

    sizes = ("width", "height")
    fields = pair(sizes, compilation.rectangle)
    fields["fabric"] = Struct(T.ANON_STRUCT, pair(sizes, compilation.fabric_dims))
    fields["offsets"] = Struct(T.ANON_STRUCT, pair(sizes, compilation.fabric_offsets))
    return Struct(T.ANON_STRUCT, fields)


# Checks


@builtin("comptime_assert", 1, 2)
def comptime_assert(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@comptime_assert(c, "message")``."""
    holds = s.const(node.args[0], T.BOOL, "assertion")
    if not holds:
        text = _assertion_text(s, node)
        raise s.fail(node.span, f"the compile-time assertion does not hold{text and ': ' + text}")
    return VOID_VALUE


def _assertion_text(s: Sema, node: ast.BuiltinCall) -> str:
    return s.const(node.args[1], T.COMPTIME_STRING, "message") if len(node.args) > 1 else ""


@builtin("assert", 1, 2)
def assert_(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@assert(c)``: stops the simulation when it does not hold."""
    test = s.eval_as(node.args[0], T.BOOL)
    text = _assertion_text(s, node)
    if s.frame.comptime:
        if not s.known(test, node.span, "assertion").value:  # pyright: ignore
            raise s.fail(node.span, f"the assertion does not hold{text and ': ' + text}")
        return VOID_VALUE
    if isinstance(test, Const) and test.value:
        return VOID_VALUE
    emitter = s.emitter(node.span)
    holds = Label()
    emitter.jump(Op.JNZ, holds, s.register(test))
    emitter.emit(Op.TRAP, c=s.unit.string(text), d=int(Fault.ASSERT))
    emitter.place(holds)
    return VOID_VALUE


@builtin("comptime_print", 1, -1)
def comptime_print(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@comptime_print(x, …)``: shown by the compiler."""
    values = [s.known(s.eval(a), a.span) for a in node.args]
    words = [str(v.value) if isinstance(v, Const) else describe(v) for v in values]
    if len(s.compilation.printed) >= MAX_PRINTED:
        raise s.fail(node.span, f"more than {MAX_PRINTED} messages of @comptime_print")
    s.compilation.printed.append(f"{node.span}: {' '.join(words)}")
    return VOID_VALUE
