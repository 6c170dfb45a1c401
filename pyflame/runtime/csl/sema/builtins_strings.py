"""Builtins on compile-time strings, and the bounds of ranges."""

from __future__ import annotations

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.lexer import RAW_BYTE
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.core import Sema, builtin, describe
from pyflame.runtime.csl.sema.values import ArrayData, Const, RangeData, RangeValue, Value


def string_bytes(text: str) -> bytes:
    """The bytes of a string: UTF-8, and each ``\\xNN`` one byte."""
    if text.isascii():
        return text.encode()
    raw = range(RAW_BYTE, RAW_BYTE + 256)
    return b"".join(bytes([ord(c) - RAW_BYTE]) if ord(c) in raw else c.encode() for c in text)


MAX_STRING = 1 << 20
"""Most characters of a string that @strcat makes."""


@builtin("strcat", 1, -1)
def strcat(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@strcat(a, b, …)``."""
    texts = [s.const(a, T.COMPTIME_STRING, "string") for a in node.args]
    length = sum(map(len, texts))
    if length > MAX_STRING:
        raise s.fail(node.span, f"a string of {length} characters; expected at most {MAX_STRING}")
    return Const(T.COMPTIME_STRING, "".join(texts))


@builtin("strlen", 1)
def strlen(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@strlen(s)``: its number of bytes."""
    text = s.const(node.args[0], T.COMPTIME_STRING, "string")
    return Const(T.COMPTIME_INT, len(string_bytes(text)))


@builtin("get_array", 1)
def get_array(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@get_array(s)``: the bytes of a string as ``[N]u8``."""
    data = string_bytes(s.const(node.args[0], T.COMPTIME_STRING, "string"))
    return Const(T.array_of((len(data),), T.U8), ArrayData(list(data)))


@builtin("get_string_from_byte", 1)
def get_string_from_byte(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@get_string_from_byte(b)``: a string of one byte."""
    byte = s.integer(node.args[0], "a byte")
    if not 0 <= byte <= 255:
        raise s.fail(node.args[0].span, f"a byte is 0 to 255, found {byte}")
    return Const(T.COMPTIME_STRING, chr(byte if byte < 128 else RAW_BYTE + byte))


def _bounds(s: Sema, node: ast.BuiltinCall) -> tuple[Value, Value, Value]:
    value = s.eval(node.args[0])
    if isinstance(value, RangeValue):
        return value.start, value.stop, value.step
    if isinstance(value, Const) and isinstance(value.value, RangeData):
        data = value.value
        start, stop, step = (
            Const(data.element, bound)
            for bound in (data.range.start, data.range.stop, data.range.step)
        )
        return start, stop, step
    raise s.fail(node.args[0].span, f"@{node.name} needs a range, found {describe(value)}")


@builtin("range_start", 1)
def range_start(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@range_start(r)``."""
    return _bounds(s, node)[0]


@builtin("range_stop", 1)
def range_stop(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@range_stop(r)``."""
    return _bounds(s, node)[1]


@builtin("range_step", 1)
def range_step(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@range_step(r)``."""
    return _bounds(s, node)[2]
