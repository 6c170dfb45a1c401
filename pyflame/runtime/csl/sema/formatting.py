"""Format strings of ``<simprint>`` and ``<string>``, and builtins of the library that use them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.coerce import coerce
from pyflame.runtime.csl.sema.core import Sema, builtin, describe
from pyflame.runtime.csl.sema.scalars import float_bits
from pyflame.runtime.csl.sema.values import VOID_VALUE, Const, Struct, Tuple, Value
from pyflame.runtime.csl.source import Span
from pyflame.runtime.fabric.isa import Op, PrintKind

SPECIFIERS = "dXbf"
"""Letters that may stand in braces: decimal, hexadecimal, binary, floating point."""

_PRINTED: dict[tuple[str, T.Type], PrintKind] = {
    ("d", T.U16): PrintKind.U16,
    ("d", T.U32): PrintKind.U32,
    ("X", T.U16): PrintKind.HEX16,
    ("X", T.U32): PrintKind.HEX32,
    ("b", T.U16): PrintKind.BIN16,
    ("b", T.U32): PrintKind.BIN32,
    **{("f", half): PrintKind.F16 for half in T.HALVES},
    ("f", T.F32): PrintKind.F32,
}
"""How `fmt` of ``<simprint>`` prints an argument of a type."""

_TRACED: dict[T.Type, PrintKind] = {
    T.BOOL: PrintKind.BOOL,
    T.I8: PrintKind.I8,
    T.U8: PrintKind.U8,
    T.I16: PrintKind.I16,
    T.U16: PrintKind.U16,
    T.I32: PrintKind.I32,
    T.U32: PrintKind.U32,
    **dict.fromkeys(T.HALVES, PrintKind.F16),
    T.F32: PrintKind.F32,
}
"""How `trace` of ``<debug>`` records a value of a type."""


def pieces(s: Sema, node: ast.Expr) -> list[tuple[str, str]]:
    """A format string as (text, "") and ("", specifier); ``{{`` is a brace."""
    text = s.const(node, T.COMPTIME_STRING, "format string")
    found: list[tuple[str, str]] = []
    plain = ""
    at = 0
    while at < len(text):
        if text[at] != "{" or text.startswith("{{", at):
            plain += text[at]
            at += 2 if text[at] == "{" else 1
            continue
        end = text.find("}", at)
        name = text[at + 1 : end] if end >= 0 else ""
        if len(name) != 1 or name not in SPECIFIERS:
            known = ", ".join(f"{{{c}}}" for c in SPECIFIERS)
            shown = text[at : end + 1] if end >= 0 else text[at:]
            raise s.fail(
                node.span, f"'{shown}' in a format string is none of {known}; a brace is '{{{{'"
            )
        found += [(plain, "")] if plain else []
        found.append(("", name))
        plain = ""
        at = end + 1
    return found + ([(plain, "")] if plain else [])


def _arguments(s: Sema, node: ast.BuiltinCall, parts: list[tuple[str, str]]) -> list[Value]:
    given = s.eval(node.args[1])
    if isinstance(given, Struct) and not given.fields:
        given = Tuple(())
    if not isinstance(given, Tuple):
        raise s.fail(
            node.args[1].span, f"a format needs its values in a tuple, found {describe(given)}"
        )
    wanted = sum(1 for _, specifier in parts if specifier)
    if len(given.items) != wanted:
        raise s.fail(
            node.span, f"the format string takes {wanted} values, found {len(given.items)}"
        )
    return list(given.items)


@builtin("__print_format", 2)
def print_format(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@__print_format("{d}\\n", .{ x })``: simulator output."""
    parts = pieces(s, node.args[0])
    values = iter(_arguments(s, node, parts))
    for text, specifier in parts:
        if specifier:
            _print_value(s, node.span, specifier, next(values))
        else:
            print_text(s, node.span, text)
    return VOID_VALUE


def print_text(s: Sema, span: Span, text: str) -> None:
    """Print up to the first NUL."""
    number = s.unit.string(text.split("\0")[0])
    s.emitter(span).emit(Op.PRINT, 0, int(PrintKind.STRING), -1, number)


def _print_value(s: Sema, span: Span, specifier: str, value: Value) -> None:
    kind = _PRINTED.get((specifier, value.type))
    if kind is None or _other_half(s, value.type):
        wanted = [t.name for c, t in _PRINTED if c == specifier and not _other_half(s, t)]
        raise s.fail(
            span,
            f"{{{specifier}}} prints {' or '.join(wanted)}, found {describe(value)}; "
            f"convert it with @as({wanted[0]}, …)",
        )
    s.emitter(span).emit(Op.PRINT, s.register(value, span), int(kind), -1)


def _other_half(s: Sema, type_: T.Type) -> bool:
    """Whether a type is a 16-bit float that the program does not have at run time."""
    return type_ in T.HALVES and type_ is not s.compilation.half


@builtin("__trace_any", 2)
def trace_any(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@__trace_any(x, key)``: the debug trace of this PE, in the form that suits the type."""
    key = s.unit.string(s.const(node.args[1], T.COMPTIME_STRING, "key"))
    value = s.eval(node.args[0])
    emitter = s.emitter(node.span)
    if value.type is T.COMPTIME_STRING:
        text = s.const(node.args[0], T.COMPTIME_STRING, "string")
        emitter.emit(Op.TRACE, 0, int(PrintKind.STRING), key, s.unit.string(text))
        return VOID_VALUE
    if value.type in (T.COMPTIME_INT, T.COMPTIME_FLOAT):
        fixed = T.I32 if value.type is T.COMPTIME_INT else T.F32
        value = coerce(s, value, fixed, node.span)
    kind = _TRACED.get(value.type)
    if kind is None or _other_half(s, value.type):
        names = ", ".join(t.name for t in _TRACED if not _other_half(s, t))
        raise s.fail(node.span, f"trace records {names} and strings, found {describe(value)}")
    emitter.emit(Op.TRACE, s.register(value, node.span), int(kind), key)
    return VOID_VALUE


# Strings at compile time


def _digits(form: str) -> Callable[[Const], str | None]:
    """Unsigned numbers of a fixed width with all their digits, others with as many as needed."""

    def show(value: Const) -> str | None:
        if not T.is_integer(value.type):
            return None
        width = 0
        if isinstance(value.type, T.IntType) and not value.type.signed:
            width = value.type.bits // (4 if form == "X" else 1)
        return format(value.value, f"0{width}{form}" if width else form)

    return show


def _float_text(value: Const) -> str | None:
    if value.type in (T.F32, T.F16):
        assert isinstance(value.type, T.FloatType)
        form = np.uint32 if value.type is T.F32 else np.uint16
        same = np.float32 if value.type is T.F32 else np.float16
        return str(form(float_bits(value.type, value.value)).view(same))
    if value.type is T.COMPTIME_FLOAT or isinstance(value.type, T.FloatType):
        return str(float(value.value))
    return None


_SHOWN: dict[str, Callable[[Const], str | None]] = {
    "d": lambda v: str(v.value) if T.is_integer(v.type) else None,
    "X": _digits("X"),
    "b": _digits("b"),
    "f": _float_text,
}
"""A known value as text, by specifier; None where the type does not suit."""


@builtin("__format", 2)
def format_(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@__format("{d}", .{ 3 })``: a string made at compile time."""
    parts = pieces(s, node.args[0])
    values = iter(_arguments(s, node, parts))
    text = ""
    for plain, specifier in parts:
        if not specifier:
            text += plain
            continue
        value = s.known(next(values), node.span)
        shown = _SHOWN[specifier](value) if isinstance(value, Const) else None
        if shown is None:
            number = "a floating-point number" if specifier == "f" else "an integer"
            raise s.fail(node.span, f"{{{specifier}}} needs {number}, found {describe(value)}")
        text += shown
    return Const(T.COMPTIME_STRING, text)
