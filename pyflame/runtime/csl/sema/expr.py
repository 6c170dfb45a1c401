"""Literals, names and operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.diagnostics import Note
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.coerce import coerce, common_type, make_struct
from pyflame.runtime.csl.sema.core import Entity, Sema, describe, evaluates, locates
from pyflame.runtime.csl.sema.emit import Label
from pyflame.runtime.csl.sema.memory import build_array
from pyflame.runtime.csl.sema.scalars import COMPARE, FoldError, bounded, fold, round_to
from pyflame.runtime.csl.sema.values import (
    FALSE,
    TRUE,
    VOID_VALUE,
    ArrayData,
    Const,
    Mem,
    Reg,
    Struct,
    Tuple,
    Value,
    detached,
    is_known,
    leaves,
    payload,
)
from pyflame.runtime.csl.source import Span
from pyflame.runtime.fabric.isa import Direction, Op

Literal = TypeVar("Literal", ast.StructLit, ast.ListLit)

MAX_LEAVES = 1 << 16
"""Most values in one item of a literal; an item may hold the same struct many times."""


_ARITHMETIC = {
    "+": Op.ADD, "-": Op.SUB, "*": Op.MUL, "/": Op.DIV, "%": Op.MOD, "&": Op.AND, "|": Op.OR,
    "^": Op.XOR, "<<": Op.SHL, ">>": Op.SHR,
}  # fmt: skip
_COMPARISON = {"==": Op.EQ, "!=": Op.NE, "<": Op.LT, "<=": Op.LE, ">": Op.GT, ">=": Op.GE}


# Literals and names


@evaluates(ast.IntLit)
def int_literal(s: Sema, node: ast.IntLit) -> Value:
    return Const(T.COMPTIME_INT, node.value)


@evaluates(ast.CharLit)
def char_literal(s: Sema, node: ast.CharLit) -> Value:
    return Const(T.COMPTIME_INT, node.value)


@evaluates(ast.FloatLit)
def float_literal(s: Sema, node: ast.FloatLit) -> Value:
    return Const(T.COMPTIME_FLOAT, node.value)


@evaluates(ast.StringLit)
def string_literal(s: Sema, node: ast.StringLit) -> Value:
    return Const(T.COMPTIME_STRING, node.value)


@evaluates(ast.BoolLit)
def bool_literal(s: Sema, node: ast.BoolLit) -> Value:
    return TRUE if node.value else FALSE


@evaluates(ast.VoidLit)
def void_literal(s: Sema, node: ast.VoidLit) -> Value:
    return VOID_VALUE


_DIRECTIONS: dict[str, Value] = {d.name: Const(T.DIRECTION, int(d)) for d in Direction}


@locates(ast.Name)
def name_place(s: Sema, node: ast.Name) -> Entity:
    """What a name stands for: local, then file level, then the language's own names."""
    name = node.name
    frame = s.frame
    binding = frame.names.get(name)
    if binding is not None:
        s.touched += 1
        return binding.entity
    binding = frame.instance.bindings.get(name) or frame.instance.find(s, name, node.span)
    if binding is not None:
        s.touched += binding.mutable
        return binding.entity
    type_ = T.named_type(name, s.compilation.half)
    if type_ is not None:
        return Const(T.TYPE, type_)
    if name in _DIRECTIONS:
        return _DIRECTIONS[name]
    with s.engine.speaking():
        raise s.fail(node.span, f"'{name}' is not declared{frame.instance.suggestion(name)}")


@evaluates(ast.Name)
def name_value(s: Sema, node: ast.Name) -> Value:
    entity = name_place(s, node)
    if entity.__class__ is Const:
        return entity  # pyright: ignore[reportReturnType]
    if s.frame.comptime and isinstance(entity, Reg | Mem) and entity.type.code is not None:
        binding = s.frame.names.get(node.name) or s.frame.instance.bindings[node.name]
        raise s.fail(
            node.span,
            f"the value of '{node.name}' must be known at compile time here, but it is a variable",
            Note(f"'{node.name}' is declared here", binding.span),
        )
    return s.load(entity)


@evaluates(ast.ComptimeExpr)
def comptime_expression(s: Sema, node: ast.ComptimeExpr) -> Value:
    """``comptime x``."""
    with s.comptime():
        value = s.eval(node.operand)
    return s.known(value, node.operand.span)


# Aggregates


@evaluates(ast.StructLit)
def struct_literal(s: Sema, node: ast.StructLit) -> Value:
    """``.{ .a = 1 }`` or ``T{ .a = 1 }``."""
    if node.type is None:
        return _remembered(s, node, _plain_struct)
    fields = {f.name: detached(s.eval(f.value)) for f in node.fields}
    type_ = s.type(node.type)
    if isinstance(type_, T.ArrayType) and not fields:
        return zeros(s, type_, node.span) if type_.count == 0 else _short(s, type_, 0, node)
    if not isinstance(type_, T.StructType):
        raise s.fail(node.span, f"{type_} is not a struct: its literal takes no fields")
    return make_struct(s, type_, fields, node.span)


@evaluates(ast.ListLit)
def list_literal(s: Sema, node: ast.ListLit) -> Value:
    """``.{ 1, 2 }`` or ``[2]u16{ 1, 2 }``."""
    if node.type is None:
        return _remembered(s, node, _plain_tuple)
    type_ = s.type(node.type)
    if not isinstance(type_, T.ArrayType):
        raise s.fail(node.span, f"{type_} is not an array: its literal needs field names")
    if len(node.items) != type_.count:
        return _short(s, type_, len(node.items), node)
    items = [s.eval_as(item, type_.element) for item in node.items]
    if all(is_known(item) for item in items):
        return Const(type_, ArrayData([payload(item) for item in items]))
    return build_array(s, type_, items, node.span)


def _plain_struct(s: Sema, node: ast.StructLit) -> Value:
    values = {f.name: _part(s, f.value) for f in node.fields}
    return Struct(T.ANON_STRUCT, values)


def _plain_tuple(s: Sema, node: ast.ListLit) -> Value:
    return Tuple(tuple([_part(s, item) for item in node.items]))


def _part(s: Sema, node: ast.Expr) -> Value:
    """A value inside a literal, which may be the same many times over."""
    value = s.eval(node)
    if leaves(value) > MAX_LEAVES:
        count = leaves(value)
        raise s.fail(node.span, f"a value of {count} parts; expected at most {MAX_LEAVES}")
    return detached(value)


def _remembered(s: Sema, node: Literal, make: Callable[[Sema, Literal], Value]) -> Value:
    """The value of a literal, kept when nothing in it can change.

    Layout loops write the same route or options for many PEs: they get one object.
    """
    kept = s.frame.instance.literals
    value = kept.get(id(node))
    if value is None:
        before = s.touched
        value = make(s, node)
        if s.touched == before and is_known(value):
            kept[id(node)] = value
    return value


def _short(s: Sema, type_: T.ArrayType, found: int, node: ast.Expr) -> Value:
    raise s.fail(node.span, f"{type_} has {type_.count} elements, the literal has {found}")


def zeros(s: Sema, type_: T.Type, span: Span) -> Value:
    """The zero of a type."""
    if isinstance(type_, T.ArrayType):
        inner = zeros(s, type_.element, span)
        return Const(type_, ArrayData([payload(inner)] * type_.count))
    if isinstance(type_, T.StructType):
        return Struct(type_, {n: zeros(s, t, span) for n, t in type_.fields.items()})
    if isinstance(type_, T.FloatType) or type_ is T.COMPTIME_FLOAT:
        return Const(type_, 0.0)
    if type_ is T.BOOL:
        return FALSE
    if isinstance(type_, T.IntType | T.IdType | T.EnumType) or type_ is T.COMPTIME_INT:
        return Const(type_, 0)
    raise s.fail(span, f"a value of type {type_} has no zero: it needs an initialiser")


# Operators


@evaluates(ast.Unary)
def unary(s: Sema, node: ast.Unary) -> Value:
    """``-x``, ``!x``, ``~x``."""
    value = s.eval(node.operand)
    type_ = value.type
    fits = {
        "-": T.is_number(type_),
        "~": isinstance(type_, T.IntType),
        "!": type_ is T.BOOL,
    }[node.op]
    if node.op == "~" and type_ is T.COMPTIME_INT:
        raise s.fail(node.span, f"'~' needs a fixed width: write ~@as(u16, {value.value})")  # pyright: ignore
    if not fits:
        raise s.fail(node.span, f"'{node.op}' is not defined for {describe(value)}")
    if isinstance(value, Const):
        try:
            return Const(type_, _fold_unary(node.op, type_, value.value))
        except FoldError as error:
            raise s.fail(node.span, str(error)) from None
    emitter = s.emitter(node.span)
    source = s.register(value, node.span)
    register = emitter.register()
    assert type_.code is not None
    emitter.emit(Op.NEG if node.op == "-" else Op.NOT, register, source, t=type_.code)
    return narrowed(s, Reg(type_, register))


def _fold_unary(op: str, type_: T.Type, value: float) -> float:
    if op == "!":
        return not value
    result = -value if op == "-" else ~int(value)
    if isinstance(type_, T.IntType):
        return bounded(type_.wrap(int(result)))
    return round_to(type_, result) if isinstance(result, float) else result


@evaluates(ast.Binary)
def binary(s: Sema, node: ast.Binary) -> Value:
    """All infix operators."""
    if node.op in ("and", "or"):
        return _logical(s, node)
    lhs, rhs = s.eval(node.lhs), s.eval(node.rhs)
    return binary_values(s, node.op, lhs, rhs, node.span)


def binary_values(s: Sema, op: str, lhs: Value, rhs: Value, span: Span) -> Value:
    """``lhs op rhs`` of evaluated operands."""
    if lhs.__class__ is Const and rhs.__class__ is Const:
        type_ = _integer_type(lhs, rhs)  # pyright: ignore[reportArgumentType]
        if type_ is not None:
            return _fold_integers(s, op, type_, lhs, rhs, span)
    if op in COMPARE:
        return _compare(s, op, lhs, rhs, span)
    if op in ("<<", ">>"):
        return _shift(s, op, lhs, rhs, span)
    type_ = lhs.type
    if type_ is not rhs.type:
        type_ = common_type(s, lhs, rhs, span, f"the operands of '{op}'")
        lhs, rhs = coerce(s, lhs, type_, span), coerce(s, rhs, type_, span)
    _check_operator(s, op, type_, span)
    if lhs.__class__ is Const and rhs.__class__ is Const:
        return folded(s, op, type_, lhs, rhs, span)
    return _emit_binary(s, _ARITHMETIC[op], type_, type_, lhs, rhs, span)


def _integer_type(lhs: Const, rhs: Const) -> T.Type | None:
    """The type of two known integers where no conversion is needed: the most frequent case."""
    a, b = lhs.type, rhs.type
    if a is b:
        return a if a.__class__ is T.IntType or a is T.COMPTIME_INT else None
    if b is T.COMPTIME_INT and a.__class__ is T.IntType:
        return a if a.low <= rhs.value <= a.high else None  # pyright: ignore
    if a is T.COMPTIME_INT and b.__class__ is T.IntType:
        return b if b.low <= lhs.value <= b.high else None  # pyright: ignore
    return None


def _fold_integers(s: Sema, op: str, type_: T.Type, lhs: Value, rhs: Value, span: Span) -> Value:
    compare = COMPARE.get(op)
    if compare is not None:
        return TRUE if compare(lhs.value, rhs.value) else FALSE  # pyright: ignore
    if op in ("<<", ">>"):
        type_ = lhs.type
        _check_count(s, op, rhs, span)
    return folded(s, op, type_, lhs, rhs, span)


def _check_operator(s: Sema, op: str, type_: T.Type, span: Span) -> None:
    if isinstance(type_, T.IntType) or type_ is T.COMPTIME_INT:
        return
    if type_ is T.BOOL and op in "&|^":
        return
    if (isinstance(type_, T.FloatType) or type_ is T.COMPTIME_FLOAT) and op in "+-*/":
        return
    raise s.fail(span, f"'{op}' is not defined for {type_}")


def folded(s: Sema, op: str, type_: T.Type, lhs: Value, rhs: Value, span: Span) -> Value:
    """``lhs op rhs`` of two known values of one type."""
    a, b = lhs.value, rhs.value  # pyright: ignore[reportAttributeAccessIssue]
    if type_ is T.BOOL:
        return Const(T.BOOL, {"&": a and b, "|": a or b, "^": a != b}[op])
    try:
        return Const(type_, fold(op, type_, a, b))
    except FoldError as error:
        raise s.fail(span, str(error)) from None


def _shift(s: Sema, op: str, lhs: Value, rhs: Value, span: Span) -> Value:
    if not T.is_integer(lhs.type) or not T.is_integer(rhs.type):
        raise s.fail(span, f"'{op}' needs integers, found {describe(lhs)} and {describe(rhs)}")
    _check_count(s, op, rhs, span)
    if isinstance(lhs, Const) and isinstance(rhs, Const):
        return folded(s, op, lhs.type, lhs, rhs, span)
    if lhs.type is T.COMPTIME_INT:
        raise s.fail(span, f"the shifted number needs a type: write @as(u32, {lhs.value})")  # pyright: ignore
    if rhs.type is T.COMPTIME_INT:
        rhs = Const(T.I32, rhs.value)  # pyright: ignore[reportAttributeAccessIssue]
    return _emit_binary(s, _ARITHMETIC[op], lhs.type, lhs.type, lhs, rhs, span)


def _check_count(s: Sema, op: str, count: Value, span: Span) -> None:
    """The right side of a shift is unsigned."""
    signed = isinstance(count.type, T.IntType) and count.type.signed
    if signed or (isinstance(count, Const) and count.value < 0):
        raise s.fail(span, f"the count of '{op}' must be unsigned, found {describe(count)}")


def _compare(s: Sema, op: str, lhs: Value, rhs: Value, span: Span) -> Value:
    type_ = lhs.type
    if type_ is not rhs.type:
        if not T.is_number(type_) or not T.is_number(rhs.type):
            return _compare_unlike(s, op, lhs, rhs, span)
        type_ = common_type(s, lhs, rhs, span, f"the operands of '{op}'")
        lhs, rhs = coerce(s, lhs, type_, span), coerce(s, rhs, type_, span)
    if isinstance(type_, T.StructType):
        raise s.fail(span, f"'{op}' is not defined for {type_}: compare its fields")
    ordered = op not in ("==", "!=")
    if ordered and not T.is_number(type_):
        raise s.fail(span, f"'{op}' is not defined for {type_}")
    if lhs.__class__ is Const and rhs.__class__ is Const:
        a, b = lhs.value, rhs.value  # pyright: ignore[reportAttributeAccessIssue]
        if isinstance(a, ArrayData):
            raise s.fail(span, f"'{op}' is not defined for {type_}: compare its elements")
        return TRUE if COMPARE[op](a, b) else FALSE
    if type_.code is None:
        raise s.fail(span, f"'{op}' is not defined for {type_}")
    return _emit_binary(s, _COMPARISON[op], type_, T.BOOL, lhs, rhs, span)


def _compare_unlike(s: Sema, op: str, lhs: Value, rhs: Value, span: Span) -> Value:
    pointers = (T.PointerType, T.FnType)
    if isinstance(lhs.type, pointers) and isinstance(rhs.type, pointers):
        type_ = common_type(s, lhs, rhs, span, f"the operands of '{op}'")
        return _compare(s, op, coerce(s, lhs, type_, span), coerce(s, rhs, type_, span), span)
    raise s.fail(span, f"'{op}' cannot compare {describe(lhs)} with {describe(rhs)}")


def _emit_binary(
    s: Sema, op: Op, operands: T.Type, result: T.Type, lhs: Value, rhs: Value, span: Span
) -> Value:
    emitter = s.emitter(span)
    a, b = s.register(lhs, span), s.register(rhs, span)
    register = emitter.register()
    assert operands.code is not None
    known = int(op in (Op.DIV, Op.MOD) and rhs.__class__ is Const)
    emitter.emit(op, register, a, b, known, t=operands.code)
    value = Reg(result, register)
    return narrowed(s, value) if result is operands else value


def narrowed(s: Sema, value: Reg) -> Reg:
    """Bring an integer of unusual width, such as u5, back into its range."""
    type_ = value.type
    if not isinstance(type_, T.IntType) or type_.bits == 8 * type_.size:
        return value
    emitter = s.emitter(None)
    register = emitter.register()
    assert type_.code is not None
    spare = emitter.constant(8 * type_.size - type_.bits)
    emitter.emit(Op.SHL, register, value.reg, spare, t=type_.code)
    emitter.emit(Op.SHR, register, register, spare, t=type_.code)
    return Reg(type_, register)


def _logical(s: Sema, node: ast.Binary) -> Value:
    """``and`` and ``or``: the right side is not even checked when the left side decides."""
    decides = node.op == "or"
    lhs = s.eval_as(node.lhs, T.BOOL)
    if isinstance(lhs, Const):
        return lhs if lhs.value == decides else s.eval_as(node.rhs, T.BOOL)
    emitter = s.emitter(node.span)
    result = emitter.register()
    emitter.emit(Op.MOV, result, s.register(lhs))
    end = Label()
    emitter.jump(Op.JNZ if decides else Op.JZ, end, result)
    with s.branch():
        rhs = s.eval_as(node.rhs, T.BOOL)
    emitter.emit(Op.MOV, result, s.register(rhs))
    emitter.place(end)
    return Reg(T.BOOL, result)
