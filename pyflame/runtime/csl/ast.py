"""The CSL syntax tree: one frozen class per construct of the grammar.

Every node carries `span`; two nodes are equal when they mean the same text, wherever they stand.
Types are expressions, as in the language: a type name is a `Name`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pyflame.runtime.csl.source import SourceFile, Span


@dataclass(frozen=True, slots=True)
class Node:
    """Root of all nodes."""

    span: Span = field(compare=False, repr=False)


class Expr(Node):
    """Something that has a value (a type is a value too)."""

    __slots__ = ()


class Stmt(Node):
    """Something that is done inside a block."""

    __slots__ = ()


# Literals and names


@dataclass(frozen=True, slots=True)
class IntLit(Expr):
    """``42``, ``0x2a``: a comptime integer. `text` keeps the spelling."""

    value: int
    text: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class FloatLit(Expr):
    """``1.5e-3``: a comptime float. `text` keeps the spelling."""

    value: float
    text: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class StringLit(Expr):
    """``"text"``."""

    value: str


@dataclass(frozen=True, slots=True)
class CharLit(Expr):
    """``'c'``: a comptime integer, the code of the character."""

    value: int


@dataclass(frozen=True, slots=True)
class BoolLit(Expr):
    """``true`` or ``false``."""

    value: bool


@dataclass(frozen=True, slots=True)
class VoidLit(Expr):
    """``{}``: the value of type void, as in ``ctrl.encode_single_payload(op, true, {}, 0)``."""


@dataclass(frozen=True, slots=True)
class Name(Expr):
    """An identifier: a variable, function, module or type."""

    name: str


# Operators


@dataclass(frozen=True, slots=True)
class Unary(Expr):
    """``-x``, ``!x``, ``~x``."""

    op: str
    operand: Expr


@dataclass(frozen=True, slots=True)
class AddressOf(Expr):
    """``&x``."""

    operand: Expr


@dataclass(frozen=True, slots=True)
class ComptimeExpr(Expr):
    """``comptime x``: forces evaluation at compile time."""

    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary(Expr):
    """``a + b`` and all other infix operators, ``and`` and ``or`` among them."""

    op: str
    lhs: Expr
    rhs: Expr


# Postfix forms


@dataclass(frozen=True, slots=True)
class Member(Expr):
    """``base.name``: a field, a module member or an enum value."""

    base: Expr
    name: str


@dataclass(frozen=True, slots=True)
class Deref(Expr):
    """``p.*``."""

    base: Expr


@dataclass(frozen=True, slots=True)
class Index(Expr):
    """``a[i]``, ``a[i, j]``."""

    base: Expr
    indices: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Call(Expr):
    """``f(x, y)``."""

    callee: Expr
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class BuiltinCall(Expr):
    """``@name(x, y)``; `name` is without the ``@``."""

    name: str
    args: tuple[Expr, ...]


# Aggregates


@dataclass(frozen=True, slots=True)
class FieldInit(Node):
    """``.name = value`` inside a literal."""

    name: str
    value: Expr


@dataclass(frozen=True, slots=True)
class StructLit(Expr):
    """``.{ .a = 1 }`` (`type` None), ``T{ .a = 1 }``; ``.{}`` has no fields."""

    type: Expr | None
    fields: tuple[FieldInit, ...]


@dataclass(frozen=True, slots=True)
class ListLit(Expr):
    """``.{ 1, 2 }`` (a tuple, `type` None) or ``[2]u16{ 1, 2 }``."""

    type: Expr | None
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class TensorAccess(Expr):
    """``|i, j|{ M, N } -> a[i, 2 * j]``: an affine walk over an array."""

    variables: tuple[str, ...]
    extents: tuple[Expr, ...]
    array: Expr
    indices: tuple[Expr, ...]


# Control flow with a value


@dataclass(frozen=True, slots=True)
class IfExpr(Expr):
    """``if (c) a else b``; without `otherwise` the condition must be true at compile time."""

    condition: Expr
    then: Expr
    otherwise: Expr | None


@dataclass(frozen=True, slots=True)
class SwitchCase(Node):
    """``a, b => body``; no `patterns` means ``else``."""

    patterns: tuple[Expr, ...]
    body: Stmt


@dataclass(frozen=True, slots=True)
class Switch(Expr):
    """``switch (x) { … }``, as a value or inside an `ExprStmt`."""

    operand: Expr
    cases: tuple[SwitchCase, ...]


@dataclass(frozen=True, slots=True)
class BlockExpr(Expr):
    """``label: { … break :label value; }``."""

    block: Block


# Types


@dataclass(frozen=True, slots=True)
class ArrayType(Expr):
    """``[M, N]T``."""

    dims: tuple[Expr, ...]
    element: Expr


@dataclass(frozen=True, slots=True)
class PointerType(Expr):
    """``*T``, ``*const T``; with `many`, ``[*]T``."""

    element: Expr
    const: bool = False
    many: bool = False


@dataclass(frozen=True, slots=True)
class FnType(Expr):
    """``fn(u16) void`` or ``task() void``; `kind` is ``"fn"`` or ``"task"``."""

    kind: str
    params: tuple[Expr, ...]
    result: Expr


@dataclass(frozen=True, slots=True)
class EnumMember(Node):
    """``NAME`` or ``NAME = value`` of an enum."""

    name: str
    value: Expr | None


@dataclass(frozen=True, slots=True)
class EnumType(Expr):
    """``enum(u16) { A, B = 4 }``; `backing` is None in ``enum { A }``."""

    backing: Expr | None
    members: tuple[EnumMember, ...]


@dataclass(frozen=True, slots=True)
class StructField(Node):
    """``name: type`` of a struct type."""

    name: str
    type: Expr


@dataclass(frozen=True, slots=True)
class StructType(Expr):
    """``struct { x: u16, y: f32 }``; `layout` is ``""``, ``"packed"`` or ``"extern"``.

    `kind` is ``"struct"`` or ``"union"``.
    """

    kind: str
    layout: str
    fields: tuple[StructField, ...]


# Statements


@dataclass(frozen=True, slots=True)
class VarDecl(Stmt):
    """``const``, ``var`` or ``param`` declaration, at file level or in a block."""

    kind: str  # "const" | "var" | "param"
    name: str
    type: Expr | None
    init: Expr | None
    linkage: str = ""  # "" | "export" | "extern"
    comptime: bool = False
    align: Expr | None = None
    linksection: Expr | None = None
    linkname: Expr | None = None
    name_span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Block(Stmt):
    """``{ … }``, with a label in ``label: { … }``."""

    statements: tuple[Stmt, ...]
    label: str = ""


@dataclass(frozen=True, slots=True)
class ComptimeBlock(Stmt):
    """``comptime { … }``, at file level or in a block."""

    body: Block


@dataclass(frozen=True, slots=True)
class ExprStmt(Stmt):
    """An expression done for its effect."""

    value: Expr


@dataclass(frozen=True, slots=True)
class Assign(Stmt):
    """``target op value``; `op` is ``=``, ``+=`` …"""

    op: str
    target: Expr
    value: Expr


@dataclass(frozen=True, slots=True)
class If(Stmt):
    """``if (c) … else …``; the branches are blocks or single statements."""

    condition: Expr
    then: Stmt
    otherwise: Stmt | None


@dataclass(frozen=True, slots=True)
class While(Stmt):
    """``while (c) : (step) { … }``."""

    condition: Expr
    step: Stmt | None
    body: Block
    inline: bool = False
    label: str = ""


@dataclass(frozen=True, slots=True)
class For(Stmt):
    """``for (xs) |x, i| { … }``."""

    iterable: Expr
    variable: str
    index: str
    body: Block
    inline: bool = False
    label: str = ""


@dataclass(frozen=True, slots=True)
class Return(Stmt):
    """``return x;``."""

    value: Expr | None


@dataclass(frozen=True, slots=True)
class Break(Stmt):
    """``break :label x;``."""

    label: str
    value: Expr | None


@dataclass(frozen=True, slots=True)
class Continue(Stmt):
    """``continue :label;``."""

    label: str


# Declarations of a file


@dataclass(frozen=True, slots=True)
class Parameter(Node):
    """``comptime name: type`` of a function; `type` is None for ``anytype``."""

    name: str
    type: Expr | None
    comptime: bool = False


@dataclass(frozen=True, slots=True)
class FnDecl(Node):
    """``fn name(params) result { … }`` or a task; `kind` is ``"fn"`` or ``"task"``.

    `linkage` is ``""``, ``"export"`` or ``"extern"``; an ``extern`` function has an empty body.
    What is not ``inline`` is called: ``noinline`` changes nothing here.
    """

    kind: str
    name: str
    params: tuple[Parameter, ...]
    result: Expr
    body: Block
    inline: bool = False
    linkage: str = ""
    linksection: Expr | None = None
    linkname: Expr | None = None
    noinline: bool = False
    name_span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class LayoutBlock(Node):
    """``layout { … }``."""

    body: Block


Decl = VarDecl | FnDecl | ComptimeBlock | LayoutBlock


@dataclass(frozen=True, slots=True)
class Module:
    """One parsed file."""

    file: SourceFile = field(compare=False, repr=False)
    decls: tuple[Decl, ...] = ()
