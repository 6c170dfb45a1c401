"""Tensor accesses: affine walks over arrays, as DSDs take them."""

from __future__ import annotations

from collections.abc import Sequence

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.core import Entity, Sema, abort_if_failed, describe, evaluates
from pyflame.runtime.csl.sema.expr import binary_values
from pyflame.runtime.csl.sema.memory import pointer_to
from pyflame.runtime.csl.sema.scalars import fits
from pyflame.runtime.csl.sema.values import (
    Const,
    Reg,
    Struct,
    Tuple,
    Value,
)
from pyflame.runtime.csl.source import Span


class TensorValue(Struct):
    """``|i|{N} -> a[2 * i + b]``: extents, distances in elements, and where it starts.

    To programs it is a struct of base_address, offset, stride and extent, as @get_dsd takes them.
    """

    __slots__ = ("base", "element", "extents", "offset", "strides")

    def __init__(
        self,
        element: T.Type,
        base: Value,
        offset: int | Value,
        extents: list[Value],
        strides: list[int],
    ) -> None:
        start = _typed(T.I16, offset) if isinstance(offset, int) else offset
        fields = {"base_address": base, "offset": start}
        if all(isinstance(extent, Const) for extent in extents):
            fields["stride"] = Tuple(
                tuple(_typed(T.I16, step) for step in _steps(extents, strides))
            )
        fields["extent"] = Tuple(
            tuple(_typed(T.U16, e.value) if isinstance(e, Const) else e for e in extents)
        )
        super().__init__(T.ANON_STRUCT, fields)
        self.element = element
        self.base = base
        self.offset = offset
        self.extents = extents
        self.strides = strides


def _typed(type_: T.IntType, number: int) -> Const:
    """A number of the documented type, or without a width where it does not fit."""
    return Const(type_ if fits(type_, number) else T.COMPTIME_INT, number)


def _steps(extents: Sequence[Value], distances: Sequence[int]) -> list[int]:
    """Strides innermost first: the step when a level advances after the inner ones have run."""
    steps: list[int] = []
    walked = 0
    for extent, distance in zip(reversed(extents), reversed(distances), strict=True):
        steps.append(distance - walked)
        walked += (extent.value - 1) * distance  # pyright: ignore[reportAttributeAccessIssue]
    return steps


def _extent(s: Sema, node: ast.Expr) -> Value:
    value = s.eval(node)
    abort_if_failed(value)
    if not T.is_integer(value.type):
        raise s.fail(node.span, f"an extent must be an integer, found {describe(value)}")
    return value


@evaluates(ast.TensorAccess)
def tensor_access(s: Sema, node: ast.TensorAccess) -> Value:
    """A walk over an array: every index is affine in the variables."""
    if len(node.variables) != len(node.extents):
        raise s.fail(
            node.span,
            f"{len(node.variables)} variables but {len(node.extents)} extents",
        )
    if len(set(node.variables)) != len(node.variables):
        raise s.fail(node.span, "a variable of the tensor access is declared twice")
    element, dims, base = walked_array(s, s.ref(node.array), node.array.span)
    if len(node.indices) != len(dims):
        raise s.fail(
            node.span, f"the array takes {len(dims)} indices, the access has {len(node.indices)}"
        )
    extents = [_extent(s, e) for e in node.extents]
    offset: Value = Const(T.COMPTIME_INT, 0)
    strides = [0] * len(node.variables)
    row = 1
    for size, index in zip(reversed(dims), reversed(node.indices), strict=True):
        start, factors = _affine(s, index, node.variables)
        if not T.is_integer(start.type):
            raise s.fail(index.span, f"an index must be an integer, found {describe(start)}")
        start = plain(start) if isinstance(start, Const) else wide(s, start)
        if row != 1:
            start = binary_values(s, "*", start, Const(T.COMPTIME_INT, row), index.span)
        offset = binary_values(s, "+", offset, start, index.span)
        strides = [a + b * row for a, b in zip(strides, factors, strict=True)]
        row *= size
    known = offset.value if isinstance(offset, Const) else offset
    return TensorValue(element, base, known, extents, strides)


def walked_array(s: Sema, entity: Entity, span: Span) -> tuple[T.Type, tuple[int, ...], Value]:
    """Element type, sizes and pointer of the array that a DSD walks."""
    type_ = entity.type
    if isinstance(type_, T.PointerType):
        pointer = s.load(entity)
        if isinstance(type_.element, T.ArrayType) and not type_.many:
            return type_.element.element, type_.element.dims, pointer
        return type_.element, (1,), pointer
    pointer = pointer_to(s, entity, span)
    if isinstance(type_, T.ArrayType):
        return type_.element, type_.dims, pointer
    if type_.code is not None:
        return type_, (1,), pointer
    raise s.fail(span, f"a DSD walks an array, found {type_}")


def _mentions(node: ast.Expr, names: Sequence[str]) -> bool:
    match node:
        case ast.Name():
            return node.name in names
        case ast.Binary():
            return _mentions(node.lhs, names) or _mentions(node.rhs, names)
        case ast.Unary() | ast.ComptimeExpr():
            return _mentions(node.operand, names)
        case ast.Call() | ast.BuiltinCall():
            return any(_mentions(a, names) for a in node.args)
        case ast.Index():
            return any(_mentions(a, names) for a in (node.base, *node.indices))
        case ast.Member() | ast.Deref():
            return _mentions(node.base, names)
        case ast.IfExpr():
            parts = (node.condition, node.then, node.otherwise)
            return any(p is not None and _mentions(p, names) for p in parts)
    return False


def _affine(s: Sema, node: ast.Expr, names: Sequence[str]) -> tuple[Value, list[int]]:
    """An index as start plus a known factor per variable."""
    if not _mentions(node, names):
        return s.eval(node), [0] * len(names)
    zero = Const(T.COMPTIME_INT, 0)
    if isinstance(node, ast.Name):
        return zero, [int(name == node.name) for name in names]
    if isinstance(node, ast.Unary) and node.op == "-":
        start, factors = _affine(s, node.operand, names)
        return binary_values(s, "-", zero, start, node.span), [-f for f in factors]
    if isinstance(node, ast.Binary) and node.op in ("+", "-"):
        a, fa = _affine(s, node.lhs, names)
        b, fb = _affine(s, node.rhs, names)
        sign = 1 if node.op == "+" else -1
        factors = [x + sign * y for x, y in zip(fa, fb, strict=True)]
        return binary_values(s, node.op, a, b, node.span), factors
    if isinstance(node, ast.Binary) and node.op == "*":
        return _product(s, node, names)
    raise s.fail(
        node.span, "the index of a tensor access must be a sum of variables times constants"
    )


def _product(s: Sema, node: ast.Binary, names: Sequence[str]) -> tuple[Value, list[int]]:
    inner, outer = node.lhs, node.rhs
    if _mentions(outer, names):
        inner, outer = outer, inner
    if _mentions(outer, names):
        raise s.fail(node.span, "the index of a tensor access multiplies two variables")
    factor = s.integer(outer, "the factor of a variable in a tensor access")
    start, factors = _affine(s, inner, names)
    scaled = binary_values(s, "*", start, Const(T.COMPTIME_INT, factor), node.span)
    return scaled, [f * factor for f in factors]


def plain(value: Value) -> Value:
    """A known integer without a width; anything else as it is."""
    return Const(T.COMPTIME_INT, value.value) if isinstance(value, Const) else value


def wide(s: Sema, value: Value) -> Value:
    """A run-time integer wide enough for sums and products of extents."""
    return Reg(T.I32, s.register(value))
