"""Implicit conversions: what CSL accepts where a type is expected."""

from __future__ import annotations

from pyflame.runtime.csl.diagnostics import Note
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.core import PROVIDED, Sema, describe, provides
from pyflame.runtime.csl.sema.scalars import fits, round_to
from pyflame.runtime.csl.sema.values import (
    ArrayData,
    Const,
    FnValue,
    Reg,
    Struct,
    Tuple,
    Value,
    element,
    is_known,
    payload,
)
from pyflame.runtime.csl.source import Span
from pyflame.runtime.fabric.isa import Op


@provides("coerce")
def coerce(s: Sema, value: Value, to: T.Type, span: Span, *notes: Note) -> Value:
    """`value` as type `to`, or an error that names both."""
    if value.type is to:
        return value
    result = _coerced(s, value, to, span)
    if result is not None:
        return result
    raise s.fail(span, f"expected {to}, found {describe(value)}{_hint(value, to)}", *notes)


def _hint(value: Value, to: T.Type) -> str:
    if T.is_number(value.type) and (T.is_number(to) or to is T.BOOL):
        if isinstance(value, Const) and T.is_integer(value.type) and T.is_integer(to):
            return f"; {to} holds {getattr(to, 'low', '')} to {getattr(to, 'high', '')}"
        return f"; convert it with @as({to}, …)"
    if isinstance(to, T.PointerType) and to.element is value.type and not to.const:
        return f"; a pointer to a function is *const {to.element}"
    return ""


def _coercible(value: Value, to: T.Type) -> bool:
    """Whether a known scalar converts implicitly (nothing is recorded when it does not)."""
    return value.type is to or (isinstance(value, Const) and _const(value, to) is not None)


def _coerced(s: Sema, value: Value, to: T.Type, span: Span) -> Value | None:
    if isinstance(value, Const):
        if isinstance(value.type, T.ArrayType) and isinstance(to, T.ArrayType):
            return _array(s, value, to, span)
        return _const(value, to)
    if isinstance(value, Tuple):
        return _tuple(s, value, to, span)
    if isinstance(value, Struct):
        return _struct(s, value, to, span)
    if isinstance(value, Reg):
        return _runtime(s, value, to)
    return None


def _const(value: Const, to: T.Type) -> Const | None:
    from_, data = value.type, value.value
    if T.is_integer(from_):
        if T.is_integer(to):
            return Const(to, data) if fits(to, data) else None
        if from_ is T.COMPTIME_INT and isinstance(to, T.FloatType):
            return Const(to, round_to(to, float(data)))
        if from_ is T.COMPTIME_INT and to is T.COMPTIME_FLOAT:
            return Const(to, float(data))
        return None
    if from_ is T.COMPTIME_FLOAT or isinstance(from_, T.FloatType):
        widening = isinstance(from_, T.FloatType) and isinstance(to, T.FloatType)
        if widening and to.size <= from_.size:
            return None
        if isinstance(to, T.FloatType):
            return Const(to, round_to(to, data))
        return Const(to, data) if to is T.COMPTIME_FLOAT else None
    if isinstance(data, FnValue):
        return Const(to, data) if _function_fits(from_, to) else None
    if _pointer_fits(from_, to):
        return Const(to, data)
    return None


def _function_fits(from_: T.Type, to: T.Type) -> bool:
    if isinstance(to, T.PointerType):
        return to.const and from_ is to.element
    return from_ is to


def _pointer_fits(from_: T.Type, to: T.Type) -> bool:
    """``*[N]T`` to ``[*]T``, ``*T`` to ``*[1]T``, adding const, anything to ``*anyopaque``."""
    if isinstance(from_, T.PointerType) and isinstance(from_.element, T.FnType):
        return from_.element is to
    if not isinstance(from_, T.PointerType) or not isinstance(to, T.PointerType):
        return False
    if from_.const and not to.const:
        return False
    if to.element is T.ANYOPAQUE:
        return True
    if from_.element is to.element:
        return from_.many == to.many
    if from_.many:
        return False
    inner, whole = from_.element, to.element
    if to.many:
        return isinstance(inner, T.ArrayType) and inner.element is whole
    return isinstance(whole, T.ArrayType) and whole.dims == (1,) and whole.element is inner


def _array(s: Sema, value: Const, to: T.ArrayType, span: Span) -> Value | None:
    from_ = value.type
    assert isinstance(from_, T.ArrayType)
    if from_.dims != to.dims:
        return None
    data: ArrayData = value.value
    items = [coerce(s, element(from_.element, item), to.element, span) for item in data.items]
    return Const(to, ArrayData([payload(item) for item in items]))


def _tuple(s: Sema, value: Tuple, to: T.Type, span: Span) -> Value | None:
    if to is T.ANON_STRUCT:
        return value if value.items else Struct(to, {})
    if not isinstance(to, T.ArrayType):
        return None
    if len(to.dims) != 1 or to.count != len(value.items):
        raise s.fail(span, f"expected {to}, found {describe(value)}")
    items = [coerce(s, item, to.element, span) for item in value.items]
    if all(is_known(item) for item in items):
        return Const(to, ArrayData([payload(item) for item in items]))
    return PROVIDED["build_array"](s, to, items, span)


def _struct(s: Sema, value: Struct, to: T.Type, span: Span) -> Value | None:
    if to is T.ANON_STRUCT:
        return value
    if not isinstance(to, T.StructType) or value.type is not T.ANON_STRUCT:
        return None
    return make_struct(s, to, value.fields, span)


def make_struct(s: Sema, to: T.StructType, fields: dict[str, Value], span: Span) -> Value:
    """A value of a declared struct from the fields of a literal."""
    for name in fields:
        if name not in to.fields:
            known = ", ".join(to.fields)
            raise s.fail(span, f"{to} has no field '{name}'; its fields are {known}")
    missing = [name for name in to.fields if name not in fields]
    if missing and not (to.union and len(fields) == 1):
        names = ", ".join(f"'{name}'" for name in missing)
        raise s.fail(span, f"the literal of {to} lacks the field{'s'[: len(missing) > 1]} {names}")
    return Struct(to, {n: coerce(s, v, to.fields[n], span) for n, v in fields.items()})


def _runtime(s: Sema, value: Reg, to: T.Type) -> Value | None:
    if _pointer_fits(value.type, to) or _function_fits(value.type, to):
        return Reg(to, value.reg)
    if not _widens(value.type, to):
        return None
    emitter = s.emitter(None)
    register = emitter.register()
    assert to.code is not None and value.type.code is not None
    emitter.emit(Op.CAST, register, value.reg, int(value.type.code), t=to.code)
    return Reg(to, register)


def _widens(from_: T.Type, to: T.Type) -> bool:
    if isinstance(from_, T.IntType) and isinstance(to, T.IntType):
        return to.low <= from_.low and from_.high <= to.high
    if isinstance(from_, T.FloatType) and isinstance(to, T.FloatType):
        return from_.size < to.size
    return False


def common_type(s: Sema, a: Value, b: Value, span: Span, what: str) -> T.Type:
    """The type in which two operands meet.

    A known number adapts to the other side; of two run-time numbers the narrower widens.
    """
    if a.type is b.type:
        return a.type
    for first, second in ((a, b), (b, a)):
        # A number without a width of its own adapts first.
        if first.type in (T.COMPTIME_INT, T.COMPTIME_FLOAT) and _coercible(first, second.type):
            return second.type
    for first, second in ((b, a), (a, b)):
        if isinstance(first, Const) and _coercible(first, second.type):
            return second.type
    for first, second in ((a, b), (b, a)):
        if _widens(first.type, second.type) or _pointer_fits(first.type, second.type):
            return second.type
    many = _many_of(a.type), _many_of(b.type)
    if None not in many and many[0].element is many[1].element:  # pyright: ignore
        return max(many, key=lambda t: t.const)  # pyright: ignore
    raise s.fail(
        span,
        f"{what} meet {describe(a)} and {describe(b)}{_operand_hint(a, b)}",
    )


def _many_of(type_: T.Type) -> T.PointerType | None:
    """``[*]T`` for ``*[N]T``: where pointers to arrays of different sizes meet."""
    if not isinstance(type_, T.PointerType):
        return None
    if type_.many:
        return type_
    inner = type_.element
    if not isinstance(inner, T.ArrayType):
        return None
    return T.pointer_to(inner.element, type_.const, many=True)


def _operand_hint(a: Value, b: Value) -> str:
    if not T.is_number(a.type) or not T.is_number(b.type):
        return ""
    typed = a.type if isinstance(a.type, T.IntType | T.FloatType) else b.type
    if a.type is T.COMPTIME_INT or b.type is T.COMPTIME_INT:
        return f"; {typed} cannot hold that number"
    return "; convert one with @as"
