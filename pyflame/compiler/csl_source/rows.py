"""Which op of `csl_source` stands for which class of the syntax tree, and how a field is kept.

Nothing here is listed by hand. A class and its op have the same name (``VarDecl`` and
``csl_source.var_decl``), and so has each field with an operand, a region or a property of the op:

- a field of the tree's kind `Expr` is an operand;
- a field of statements or parts is a region; a block's braces are the region's own, and only
  where the op says that the region holds one statement does the block stand in it as an op;
- text, numbers and flags are properties; an optional one is left out when it is ``""`` or false.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, get_type_hints

from xdsl.dialects.builtin import (
    ArrayAttr,
    BoolAttr,
    BytesAttr,
    Float64Type,
    FloatAttr,
    IntegerAttr,
    StringAttr,
    UnitAttr,
)
from xdsl.ir import Attribute
from xdsl.irdl import OptPropertyDef

from pyflame.dialects.csl_source import OPS
from pyflame.dialects.csl_source.base import COMPTIME_INT, SourceOp
from pyflame.runtime.csl import ast

PLACES = frozenset(["span", "name_span"])
"""Fields that say where a node stands; an op has a location instead."""

ACCESSORS = {"name": "identifier"}
"""Properties that an op's class calls otherwise: its own `name` is ``csl_source.…``."""


@dataclass(frozen=True)
class Operand:
    """A field that is one expression, perhaps one (None), or several."""

    field: str


@dataclass(frozen=True)
class Contents:
    """A field that is a region: `braces` where the field is the `ast.Block` around it."""

    field: str
    braces: bool
    many: bool


@dataclass(frozen=True)
class Property:
    """A field of text, a number or a flag; `type` is str, int, float, bool or tuple."""

    field: str
    type: Any
    optional: bool


Slot = Operand | Contents | Property


@dataclass(frozen=True)
class Row:
    """One class of the tree and its op."""

    node: type[ast.Node]
    op: type[SourceOp]
    slots: tuple[Slot, ...]


@cache
def rows() -> tuple[Row, ...]:
    """One row per class of the tree that a parser makes.

    Raises:
        LookupError: a class has no op, or a field of it no place in the op.
    """
    ops = {op.name.removeprefix("csl_source."): op for op in OPS}
    return tuple(_row(node, ops[snake_case(node.__name__)]) for node in _leaves(ast.Node))


@cache
def rows_by_node() -> dict[type[ast.Node], Row]:
    """The rows by class of the tree."""
    return {row.node: row for row in rows()}


@cache
def rows_by_op() -> dict[type[SourceOp], Row]:
    """The rows by class of op."""
    return {row.op: row for row in rows()}


def snake_case(name: str) -> str:
    """``VarDecl`` as ``var_decl``."""
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def encode(value: bool | int | float | str | tuple[str, ...], optional: bool) -> Attribute | None:
    """The property that keeps `value`; None where an optional one says nothing."""
    if optional and value in ("", False):
        return None
    match value:
        case bool():
            return UnitAttr() if optional else BoolAttr.from_bool(value)
        case int():
            return IntegerAttr(value, COMPTIME_INT)
        case float():
            return FloatAttr(value, Float64Type())
        case str():
            return StringAttr(value) if value.isascii() else BytesAttr(value.encode("utf-8"))
        case tuple():
            return ArrayAttr([StringAttr(text) for text in value])


def decode(attribute: Attribute | None, type: Any) -> bool | int | float | str | tuple[str, ...]:
    """What `encode` was given."""
    match attribute:
        case None:
            return type()
        case UnitAttr():
            return True
        case IntegerAttr():
            return type(attribute.value.data)
        case FloatAttr():
            return attribute.value.data
        case StringAttr():
            return attribute.data
        case BytesAttr():
            return attribute.data.decode("utf-8")
        case ArrayAttr():
            return tuple(text.data for text in attribute if isinstance(text, StringAttr))
    raise TypeError(f"no field of the syntax tree is kept as {attribute.name}")


def _leaves(root: type[ast.Node]) -> list[type[ast.Node]]:
    found: list[type[ast.Node]] = []
    for node in root.__subclasses__():
        if node.__module__ != ast.__name__:
            continue
        found += [node] if node not in (ast.Expr, ast.Stmt) else _leaves(node)
    return found


def _row(node: type[ast.Node], op: type[SourceOp]) -> Row:
    hints = get_type_hints(node)
    names = [f.name for f in fields(node) if f.name not in PLACES]
    return Row(node, op, tuple(_slot(op, name, hints[name]) for name in names))


def _slot(op: type[SourceOp], name: str, hint: Any) -> Slot:
    definition = op.get_irdl_definition()
    if name in dict(definition.operands):
        return Operand(name)
    if name in dict(definition.regions):
        one = op.HOLDS[name].one
        return Contents(name, hint is ast.Block and not one, not one)
    property = definition.properties[name]
    type_ = hint if isinstance(hint, type) else tuple
    return Property(name, type_, isinstance(property, OptPropertyDef))
