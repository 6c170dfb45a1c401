"""Layout builtins: the rectangle, its programs, its routes, and imports."""

from __future__ import annotations

from dataclasses import replace

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.diagnostics import Note
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.coerce import coerce
from pyflame.runtime.csl.sema.core import Frame, Sema, builtin, describe, refuse_reserved
from pyflame.runtime.csl.sema.filters import read_filter
from pyflame.runtime.csl.sema.modules import Instance, Tile
from pyflame.runtime.csl.sema.values import (
    VOID_VALUE,
    Const,
    Struct,
    Tuple,
    Value,
)
from pyflame.runtime.csl.source import Span
from pyflame.runtime.fabric.image import Filter, PopMode, Position, Route

ROUTE_CACHE = 4096
"""Routes remembered by the identity of their struct."""

MAX_SIDE = 4096
"""Longest side of a program rectangle; wafers are smaller."""

MAX_IMPORT_DEPTH = 100
"""Most files of a chain in which each imports the next."""


@builtin("import_module", 1, 2)
def import_module(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@import_module("file.csl", .{ .p = v })``: a new instance with its own variables."""
    name = s.const(node.args[0], T.COMPTIME_STRING, "file name")
    given = s.option(node, 1)
    params = {} if given is None else _struct(s, given).fields
    importer = s.frame.instance
    file = s.compilation.resolve(name, importer.file.source, node.args[0].span)
    if importer.depth >= MAX_IMPORT_DEPTH:
        raise s.fail(
            node.span,
            f"imports nest deeper than {MAX_IMPORT_DEPTH}: {importer.file.source.name} imports "
            f"{file.source.name}; does a file import itself?",
        )
    instance = Instance(s.compilation, file, importer.unit, params, node.span, importer.depth + 1)
    with s.entered(Frame(instance, comptime=True, depth=s.frame.depth + 1)):
        instance.run(s)
    return Const(T.MODULE, instance)


def _struct(s: Sema, node: ast.Expr) -> Struct:
    value = s.eval(node)
    if isinstance(value, Tuple) and not value.items:
        return Struct(T.ANON_STRUCT, {})
    if not isinstance(value, Struct):
        raise s.fail(node.span, f"expected a struct, found {describe(value)}")
    s.known(value, node.span, "struct")
    return value


def _layout_only(s: Sema, node: ast.BuiltinCall) -> None:
    if s.frame.instance.unit is not None:
        raise s.fail(node.span, f"@{node.name} stands in layout code only")


@builtin("set_rectangle", 2)
def set_rectangle(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@set_rectangle(width, height)``."""
    _layout_only(s, node)
    if s.compilation.rectangle is not None:
        raise s.fail(node.span, "@set_rectangle is called twice")
    sizes = [s.integer(arg, "a side of the rectangle") for arg in node.args]
    for size, arg in zip(sizes, node.args, strict=True):
        if not 1 <= size <= MAX_SIDE:
            raise s.fail(arg.span, f"a side of the rectangle is 1 to {MAX_SIDE}, found {size}")
    s.compilation.rectangle = (sizes[0], sizes[1])
    s.compilation.rectangle_span = node.span
    return VOID_VALUE


def _coordinates(s: Sema, node: ast.BuiltinCall) -> tuple[int, int]:
    _layout_only(s, node)
    if s.compilation.rectangle is None:
        raise s.fail(node.span, f"@{node.name} stands before @set_rectangle")
    width, height = s.compilation.rectangle
    x = s.integer(node.args[0], "the column")
    y = s.integer(node.args[1], "the row")
    if not 0 <= x < width or not 0 <= y < height:
        raise s.fail(node.span, f"PE ({x}, {y}) is outside the {width} × {height} rectangle")
    return x, y


@builtin("set_tile_code", 3, 4)
def set_tile_code(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@set_tile_code(x, y, "file.csl", .{ … })``."""
    x, y = _coordinates(s, node)
    name = s.const(node.args[2], T.COMPTIME_STRING, "file name")
    given = s.option(node, 3)
    params = Struct(T.ANON_STRUCT, {}) if given is None else _struct(s, given)
    compilation = s.compilation
    before = compilation.tiles.get((x, y))
    if before is not None:
        raise s.fail(
            node.span, f"PE ({x}, {y}) gets its code twice", Note("the first is here", before.span)
        )
    path = compilation.tile_paths.get(name)
    if path is None:
        source = s.frame.instance.file.source
        parsed = compilation.resolve(name, source, node.args[2].span)
        path = compilation.tile_paths[name] = parsed
    compilation.tiles[x, y] = Tile(path, params, node.span)
    return VOID_VALUE


@builtin("export_name", 2, 3)
def export_name(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@export_name("name", T, mutable)``."""
    name = s.const(node.args[0], T.COMPTIME_STRING, "name")
    type_ = s.type(node.args[1])
    if name in s.compilation.exports:
        raise s.fail(node.span, f"@export_name of '{name}' is given twice")
    mutable = s.option(node, 2)
    if mutable is not None:
        s.const(mutable, T.BOOL, "mutability")
    elif not isinstance(type_, T.FnType):
        raise s.fail(node.span, f"@export_name of the variable '{name}' needs a third argument, "
                     "whether it is mutable")  # fmt: skip
    s.compilation.exports[name] = (isinstance(type_, T.FnType), type_.name)
    s.compilation.export_types[name] = (type_, node.span)
    return VOID_VALUE


# Routes


@builtin("set_color_config", 4)
def set_color_config(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@set_color_config(x, y, colour, .{ … })``: once per PE and colour."""
    x, y = _coordinates(s, node)
    color = s.const(node.args[2], T.COLOR, "colour")
    route = _route(s, node.args[3], color)
    compilation = s.compilation
    key = (x, y, color)
    if key in compilation.routes:
        raise s.fail(
            node.span,
            f"colour {color} of PE ({x}, {y}) is configured twice",
            Note("the first configuration is here", compilation.route_spans[key]),
        )
    compilation.routes[key] = route
    compilation.route_spans[key] = node.span
    return VOID_VALUE


@builtin("set_local_color_config", 2)
def set_local_color_config(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@set_local_color_config(colour, .{ … })`` in a PE's comptime block."""
    color = s.const(node.args[0], T.COLOR, "colour")
    refuse_reserved(s, node.args[0].span, "colour", color, s.compilation.arch.memcpy_colors)
    unit = s.unit
    if color in unit.routes:
        raise s.fail(node.span, f"colour {color} is configured twice in this program")
    unit.routes[color] = _route(s, node.args[1], color)
    return VOID_VALUE


def _route(s: Sema, node: ast.Expr, color: int) -> Route:
    value = s.eval(node)
    files, name = s.compilation.line_files, node.span.file.name
    line = files.setdefault(name, len(files)), node.span.line
    key = (id(value), color, line)
    cache = s.compilation.route_cache
    if key in cache and cache[key][0] is value:
        return cache[key][1]
    route = replace(RouteReader(s, node.span, color).route(value), line=line)
    if len(cache) >= ROUTE_CACHE:
        cache.clear()
    cache[key] = (value, route)
    return route


INVALID = Position(0, 0)
"""A switch position that is never taken."""


class RouteReader:
    """Reads the struct of a colour configuration."""

    def __init__(self, s: Sema, span: Span, color: int) -> None:
        self.s = s
        self.span = span
        self.color = color

    def fields(self, value: Value, what: str, known: tuple[str, ...]) -> dict[str, Value]:
        """The fields of a struct, all of them known names."""
        if isinstance(value, Tuple) and not value.items:
            return {}
        if not isinstance(value, Struct):
            raise self.s.fail(self.span, f"{what} must be a struct, found {describe(value)}")
        for name in value.fields:
            if name not in known:
                names = ", ".join(f".{k}" for k in known)
                raise self.s.fail(self.span, f"{what} has no field .{name}; it has {names}")
        return value.fields

    def flag(self, value: Value | None) -> bool:
        """A known bool; absent means false."""
        if value is None:
            return False
        return bool(self.s.known(coerce(self.s, value, T.BOOL, self.span), self.span).value)  # pyright: ignore

    def mask(self, value: Value) -> int:
        """Directions as a mask: one, a tuple or an array of them, or ``.{}`` for none."""
        if value.type is T.DIRECTION and isinstance(value, Const):
            return 1 << value.value
        if isinstance(value, Struct) and not value.fields:
            return 0
        items: list[Value] = []
        if isinstance(value, Tuple):
            items = list(value.items)
        elif isinstance(value, Const) and isinstance(value.type, T.ArrayType):
            items = [Const(value.type.element, i) for i in value.value.items]
        if not items:
            raise self.s.fail(self.span, f"expected directions, found {describe(value)}")
        mask = 0
        for item in items:
            if item.type is not T.DIRECTION or not isinstance(item, Const):
                raise self.s.fail(self.span, f"expected a direction, found {describe(item)}")
            if mask >> item.value & 1:
                raise self.s.fail(self.span, "a direction stands twice on one side of a route")
            mask |= 1 << item.value
        return mask

    def route(self, value: Value) -> Route:
        """The whole configuration."""
        fields = self.fields(
            value, "a colour configuration", ("routes", "switches", "filter", "teardown")
        )
        if "routes" not in fields:
            raise self.s.fail(self.span, "a colour configuration needs .routes")
        routes = self.fields(
            fields["routes"], ".routes", ("rx", "tx", "color_swap_x", "color_swap_y", "pop_mode")
        )
        rx = self.mask(routes["rx"]) if "rx" in routes else 0
        tx = self.mask(routes["tx"]) if "tx" in routes else 0
        base = Position(rx, tx)
        switches = fields.get("switches")
        positions, current, ring, pop = self.switches(switches, base)
        if "pop_mode" in routes:  # where early SDKs have it
            pop = self.pop_mode(routes["pop_mode"])
        swap_x, swap_y = (self.flag(routes.get(n)) for n in ("color_swap_x", "color_swap_y"))
        if (swap_x or swap_y) and self.s.compilation.arch.data_tasks_by_queue:
            raise self.s.fail(self.span, "wse3 has no colour swap")
        return Route(
            positions=positions,
            current=current,
            ring=ring,
            pop=pop,
            suspended=self.flag(fields.get("teardown")),
            swap_x=swap_x,
            swap_y=swap_y,
            filter=self.filter(fields["filter"]) if "filter" in fields else None,
        )

    def switches(
        self, value: Value | None, base: Position
    ) -> tuple[tuple[Position, ...], int, bool, PopMode]:
        """Positions, the current one, ring mode and pop mode."""
        if value is None:
            return (base,), 0, False, PopMode.NO_POP
        known = ("pos1", "pos2", "pos3", "current_switch_pos", "ring_mode", "pop_mode")
        fields = self.fields(value, ".switches", known)
        arch = self.s.compilation.arch
        if fields and self.color not in arch.switchable_colors:
            allowed = ", ".join(map(str, sorted(arch.switchable_colors)))
            raise self.s.fail(
                self.span,
                f"on {arch.name} colour {self.color} cannot have switches; colours {allowed} can",
            )
        positions, before = [base], base
        for name in ("pos1", "pos2", "pos3"):
            given = fields.get(name)
            position = INVALID if given is None else self.position(given, before)
            before = before if position == INVALID else position
            positions.append(position)
        while len(positions) > 1 and positions[-1] == INVALID:
            positions.pop()
        current = 0
        if "current_switch_pos" in fields:
            current = self.s.as_integer(fields["current_switch_pos"], self.span, "a position")
            if not 0 <= current < 4:
                raise self.s.fail(self.span, f".current_switch_pos is 0 to 3, found {current}")
            if current and (current >= len(positions) or positions[current] == INVALID):
                raise self.s.fail(self.span, f"switch position {current} is not configured")
        pop = self.pop_mode(fields["pop_mode"]) if "pop_mode" in fields else PopMode.NO_POP
        return tuple(positions), current, self.flag(fields.get("ring_mode")), pop

    def position(self, value: Value, before: Position) -> Position:
        """One switch position; the side that is not given stays as in the position before."""
        fields = self.fields(value, "a switch position", ("rx", "tx", "invalid"))
        if "invalid" in fields:
            if len(fields) > 1 or not self.flag(fields["invalid"]):
                raise self.s.fail(self.span, ".invalid of a switch position is true and alone")
            return INVALID
        if not fields:
            return INVALID
        if "rx" in fields and "tx" in fields and not self.s.compilation.arch.switch_overrides_both:
            raise self.s.fail(self.span, "on wse2 a switch position changes rx or tx, not both")
        rx = self.mask(fields["rx"]) if "rx" in fields else before.rx
        tx = self.mask(fields["tx"]) if "tx" in fields else before.tx
        if "rx" in fields and rx & (rx - 1):
            raise self.s.fail(self.span, "the .rx of a switch position is one direction")
        return Position(rx, tx)

    def pop_mode(self, value: Value) -> PopMode:
        """``.{ .pop_on_advance = true }``."""
        names = tuple(mode.name.lower() for mode in PopMode)
        chosen = self.fields(value, ".pop_mode", names)
        if len(chosen) != 1 or not self.flag(*chosen.values()):
            choices = ", ".join(f".{name}" for name in names)
            raise self.s.fail(self.span, f".pop_mode sets one of {choices} to true")
        return PopMode[next(iter(chosen)).upper()]

    def filter(self, value: Value) -> Filter:
        """A wavelet filter."""
        return read_filter(self.s, self.span, value, self.fields, self.flag)
