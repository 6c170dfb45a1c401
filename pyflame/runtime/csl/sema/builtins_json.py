"""``@import_comptime_value``: a JSON file as a value that is known at compile time."""

from __future__ import annotations

import json
from math import isfinite
from pathlib import Path
from typing import Any

from pyflame.errors import ParseError
from pyflame.runtime.csl import ast
from pyflame.runtime.csl.parser import parse_expression
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.coerce import coerce
from pyflame.runtime.csl.sema.core import Sema, builtin
from pyflame.runtime.csl.sema.values import FALSE, TRUE, ArrayData, Const, Struct, Value, payload
from pyflame.runtime.csl.source import Span

_KINDS = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}


@builtin("import_comptime_value", 2)
def import_comptime_value(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@import_comptime_value(T, "file.json")``: the file is looked for where an imported CSL
    file is. Objects are structs, whose keys are ``name:type``."""
    type_ = s.type(node.args[0])
    name = s.const(node.args[1], T.COMPTIME_STRING, "file name")
    span = node.args[1].span
    path = s.compilation.find(name, span.file, span)
    return _value(s, type_, _parsed(s, path, span), Path(name).name, span)


def _parsed(s: Sema, path: Path, span: Span) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("an object has a key twice")
        return found

    def refused(text: str) -> Any:
        raise ValueError(f"{text} is not a number of JSON")

    text = s.compilation.text(path, span)
    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=refused)
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise s.fail(span, f"{path.name} cannot be read as JSON: {why}") from None


def _value(s: Sema, type_: T.Type, data: Any, where: str, span: Span) -> Value:
    """`data` as a value of `type_`; `where` says in messages which part of the file it is."""
    if isinstance(type_, T.ArrayType):
        return _array(s, type_, data, where, span)
    if type_ is T.ANON_STRUCT and isinstance(data, dict):
        return _struct(s, data, where, span)
    if type_ is T.BOOL and isinstance(data, bool):
        return TRUE if data else FALSE
    if type_ is T.COMPTIME_STRING and isinstance(data, str):
        return Const(type_, data)
    if isinstance(data, int) and not isinstance(data, bool):
        if type_ is T.COLOR:
            return _color(s, data, where, span)
        if T.is_integer(type_) or _is_float(type_):
            return coerce(s, Const(T.COMPTIME_INT, data), type_, span)
    if isinstance(data, float) and isfinite(data) and _is_float(type_):
        return coerce(s, Const(T.COMPTIME_FLOAT, data), type_, span)
    found = "null" if data is None else _KINDS.get(type(data), f"the number {data}")
    raise s.fail(span, f"{where} is {found}, which does not make a {type_}")


def _is_float(type_: T.Type) -> bool:
    return isinstance(type_, T.FloatType) or type_ is T.COMPTIME_FLOAT


def _color(s: Sema, number: int, where: str, span: Span) -> Value:
    last = s.compilation.arch.colors - 1
    if not 0 <= number <= last:
        raise s.fail(span, f"{where}: colour {number} is out of range 0 to {last}")
    return Const(T.COLOR, number)


def _array(s: Sema, type_: T.ArrayType, data: Any, where: str, span: Span) -> Value:
    if not isinstance(data, list) or len(data) != type_.count:
        found = f"an array of {len(data)}" if isinstance(data, list) else "no array"
        raise s.fail(span, f"{where} is {found}; {type_} has {type_.count} elements, in one array")
    items = [
        _value(s, type_.element, item, f"{where}, element {i}", span) for i, item in enumerate(data)
    ]
    return Const(type_, ArrayData([payload(item) for item in items]))


def _struct(s: Sema, data: dict[str, Any], where: str, span: Span) -> Value:
    fields: dict[str, Value] = {}
    for key, item in data.items():
        name, colon, text = key.partition(":")
        if not colon or not name.isidentifier() or not name.isascii() or name in fields:
            raise s.fail(span, f"{where}: the key '{key}' is not a new 'name:type'")
        try:
            type_ = s.type(parse_expression(text, f"the type of '{name}' in {where}"))
        except ParseError as error:
            first = str(error).splitlines()[0]
            raise s.fail(span, f"{where}: the key '{key}' names no type: {first}") from None
        fields[name] = _value(s, type_, item, f"'{name}' in {where}", span)
    return Struct(T.ANON_STRUCT, fields)
