"""Wavelet filters: their fields by kind, and the numbers of a program's filters."""

from __future__ import annotations

from collections.abc import Callable

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.core import Sema, builtin
from pyflame.runtime.csl.sema.values import Const, Value
from pyflame.runtime.csl.source import Span
from pyflame.runtime.fabric.image import Filter

_COUNTING = ("count_data", "count_control", "init_counter", "limit1", "max_counter")
KINDS: dict[str, tuple[str, ...]] = {
    "counter": (*_COUNTING, "filter_control"),
    "sparse_counter": (*_COUNTING, "limit2"),
    "range": ("min_idx", "max_idx"),
}
"""Kinds of filters in the order of `Filter.kind`, each with the fields that it has."""
FLAGS = ("count_data", "count_control", "filter_control")
FAST = "fast_mode"
"""A field of public programs: it changes how quickly a filter decides, not what it lets pass."""
LAST_INDEX = 0xFFFF

Fields = Callable[[Value, str, tuple[str, ...]], dict[str, Value]]
Flag = Callable[["Value | None"], bool]


def read_filter(s: Sema, span: Span, value: Value, fields_of: Fields, flag: Flag) -> Filter:
    """The filter that a struct describes; `fields_of` and `flag` read structs and bools."""
    every = tuple(dict.fromkeys(name for names in KINDS.values() for name in names))
    fields = fields_of(value, ".filter", ("kind", *every, FAST))
    chosen = [
        name
        for name, given in fields_of(fields["kind"], ".kind", tuple(KINDS)).items()
        if flag(given)
    ] if "kind" in fields else []  # fmt: skip
    if len(chosen) != 1:
        choices = ", ".join(f".{k}" for k in KINDS)
        raise s.fail(span, f".filter needs .kind with one of {choices} set to true")
    kind = chosen[0]
    numbers: dict[str, int] = {}
    for name, given in fields.items():
        if name in ("kind", FAST) or name in FLAGS:
            continue
        if name in KINDS[kind]:
            numbers[name] = _number(s, span, name, given)
    for name in fields:
        if name not in ("kind", FAST, *KINDS[kind]):
            known = ", ".join(f".{n}" for n in KINDS[kind])
            raise s.fail(span, f"a {kind} filter has no .{name}; it has {known}")
    flags = {name: flag(fields.get(name)) for name in FLAGS}
    return Filter(list(KINDS).index(kind), **numbers, **flags)


def _number(s: Sema, span: Span, name: str, given: Value) -> int:
    number = s.as_integer(given, span, f".{name}")
    limit = LAST_INDEX if name in KINDS["range"] else (1 << 32) - 1
    if not 0 <= number <= limit:
        raise s.fail(span, f".{name} of a filter is 0 to {limit}, found {number}")
    return number


@builtin("get_filter_id", 1)
def get_filter_id(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@get_filter_id(colour)``: the number of the colour's filter in this program."""
    color = s.const(node.args[0], T.COLOR, "colour")
    unit = s.unit
    route = unit.routes.get(color)
    if color not in unit.filtered and (route is None or route.filter is None):
        raise s.fail(
            node.span, f"colour {color} has no filter on the PEs that run this program; give it "
            "one in its colour configuration",
        )  # fmt: skip
    return Const(T.U16, unit.filter_id(color))
