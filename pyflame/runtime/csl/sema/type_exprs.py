"""Expressions that are types: arrays, pointers, functions, enums, structs and unions."""

from __future__ import annotations

from itertools import count

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.core import Sema, evaluates
from pyflame.runtime.csl.sema.values import Const, Value
from pyflame.runtime.csl.source import Span

MAX_ARRAY = 1 << 22
"""Most elements of one array; far beyond a PE's memory, for layout code's own tables."""

MAX_PARTS = 1 << 16
"""Most scalars and arrays in one struct, those of the structs in it included."""


@evaluates(ast.ArrayType)
def array_type(s: Sema, node: ast.ArrayType) -> Value:
    dims = tuple(s.integer(d, "the size of an array") for d in node.dims)
    for size, part in zip(dims, node.dims, strict=True):
        if size < 0:
            raise s.fail(part.span, f"the size of an array cannot be negative, found {size}")
    inner = s.type(node.element)
    if isinstance(inner, T.ArrayType):
        raise s.fail(
            node.span,
            f"an array of arrays is written with one list of sizes, [M, N]{inner.element}",
        )
    _check_sized(s, inner, node.span)
    type_ = T.array_of(dims, inner)
    if type_.leaves > MAX_ARRAY:
        raise s.fail(node.span, f"{type_} has {type_.leaves} parts, more than {MAX_ARRAY}")
    if type_.count > MAX_ARRAY:
        raise s.fail(node.span, f"{type_} has {type_.count} elements, more than {MAX_ARRAY}")
    return Const(T.TYPE, type_)


@evaluates(ast.PointerType)
def pointer_type(s: Sema, node: ast.PointerType) -> Value:
    element = s.type(node.element)
    if element.comptime_only and not isinstance(element, T.FnType):
        raise s.fail(node.span, f"no pointer can point to {element}: it has no memory form")
    return Const(T.TYPE, T.pointer_to(element, node.const, node.many))


@evaluates(ast.FnType)
def function_type(s: Sema, node: ast.FnType) -> Value:
    params = tuple(s.type(p) for p in node.params)
    return Const(T.TYPE, T.fn_type(node.kind, params, s.type(node.result)))


@evaluates(ast.EnumType)
def enum_type(s: Sema, node: ast.EnumType) -> Value:
    backing = T.U16 if node.backing is None else s.type(node.backing)
    if not isinstance(backing, T.IntType):
        raise s.fail(node.span, f"an enum is backed by an integer type, found {backing}")
    members = _enum_members(s, node, backing)
    key = (id(node), backing, tuple(members.items()))
    made = s.compilation.declared
    if key not in made:
        made[key] = T.EnumType(f"enum({backing})", backing, members)
    return Const(T.TYPE, made[key])


def _enum_members(s: Sema, node: ast.EnumType, backing: T.IntType) -> dict[str, int]:
    """Members and values: those without a value of their own count from 0, past given ones."""
    given = [
        None if m.value is None else s.integer(m.value, "the value of an enum member")
        for m in node.members
    ]
    taken = {value for value in given if value is not None}
    free = (value for value in count() if value not in taken)
    seen: set[int] = set()
    members: dict[str, int] = {}
    for member, value in zip(node.members, given, strict=True):
        value = next(free) if value is None else value
        if member.name in members:
            raise s.fail(member.span, f"enum member '{member.name}' is declared twice")
        if value in seen:
            raise s.fail(member.span, f"two members of the enum have the value {value}")
        if not backing.low <= value <= backing.high:
            raise s.fail(member.span, f"{value} does not fit {backing}")
        seen.add(value)
        members[member.name] = value
    return members


@evaluates(ast.StructType)
def struct_type(s: Sema, node: ast.StructType) -> Value:
    fields: dict[str, T.Type] = {}
    for field in node.fields:
        if field.name in fields:
            raise s.fail(field.span, f"field '{field.name}' is declared twice")
        fields[field.name] = type_ = s.type(field.type)
        _check_sized(s, type_, field.span)
    key = (id(node), tuple(fields.items()))
    made = s.compilation.declared
    if key not in made:
        union = node.kind == "union"
        if node.layout == "packed":
            _check_packed(s, node, fields)
            made[key] = T.PackedType(node.kind, fields, union)
        else:
            made[key] = T.StructType(node.kind, fields, node.layout, union)
        if made[key].leaves > MAX_PARTS:
            raise s.fail(
                node.span,
                f"the {node.kind} has {made[key].leaves} parts, with those of the structs in it; "
                f"expected at most {MAX_PARTS}",
            )
    return Const(T.TYPE, made[key])


def _check_packed(s: Sema, node: ast.StructType, fields: dict[str, T.Type]) -> None:
    for field in node.fields:
        type_ = fields[field.name]
        width, first = T.bit_width(type_), T.bit_width(fields[node.fields[0].name])
        if width < 0:
            raise s.fail(field.span, f"a packed {node.kind} cannot hold {type_}: it has no bits")
        if node.kind == "union" and width != first:
            raise s.fail(
                field.span,
                f"the fields of a packed union have equal widths: '{field.name}' has {width} "
                f"bits, '{node.fields[0].name}' {first}",
            )


def _check_sized(s: Sema, type_: T.Type, span: Span) -> None:
    if type_ is T.ANYOPAQUE:
        raise s.fail(span, "anyopaque has no size: it stands behind a pointer only")
