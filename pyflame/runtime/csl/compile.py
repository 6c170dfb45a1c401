"""From a layout file to a `Program` that the simulator runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyflame.arch import target
from pyflame.errors import UnsupportedError
from pyflame.runtime.csl import ast
from pyflame.runtime.csl.cursor import deep_recursion
from pyflame.runtime.csl.diagnostics import Abort, Diagnostic, DiagnosticEngine, TooManyErrors
from pyflame.runtime.csl.parser import parse_file
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.core import Frame, Sema
from pyflame.runtime.csl.sema.finish import finish_image, require_exports
from pyflame.runtime.csl.sema.image import ImageUnit
from pyflame.runtime.csl.sema.modules import Compilation, Instance, ParsedFile, Tile
from pyflame.runtime.csl.sema.rules import load_rules
from pyflame.runtime.csl.sema.values import Const, Struct, Value, key_of
from pyflame.runtime.csl.source import SourceFile, Span
from pyflame.runtime.fabric.grouping import which
from pyflame.runtime.fabric.image import Image, Program, Route

load_rules()

HALVES = {"ieee": T.F16, "f16": T.F16, "bfloat16": T.BF16, "bf16": T.BF16, "cb16": T.CB16}
"""What --fp16-format may name."""


def compile_program(
    layout_path: str | Path,
    *,
    arch: str = "wse2",
    params: Mapping[str, int | float | bool | str] | None = None,
    fabric_dims: tuple[int, int] | None = None,
    fabric_offsets: tuple[int, int] = (0, 0),
    import_paths: Sequence[str | Path] = (),
    fp16_format: str = "ieee",
    max_errors: int = 20,
    comptime_limit: int = 50_000_000,
    inline_limit: int | None = None,
    modules: list[ast.Module] | None = None,
) -> Program:
    """Compile a CSL program: run its layout, then compile each distinct PE program once.

    Args:
        layout_path: the file with the ``layout`` block.
        arch: ``"wse2"`` or ``"wse3"``.
        params: values of the layout's params; integers also serve params of type color.
        fabric_dims: columns and rows of the fabric (0, 0 when None).
        fabric_offsets: place of the rectangle on the fabric.
        import_paths: folders searched for imports after the importer's own and the layout's.
        fp16_format: what f16 means, a key of `HALVES`.
        max_errors: stop after this many errors.
        comptime_limit: most loop iterations and calls at compile time.
        inline_limit: most iterations of one loop that is unrolled; None: no limit of its own.
        modules: a list to which the user's files are added as they were parsed, the layout first.

    Raises:
        CslError: the program has errors; all that were found are in it.
        MemoryLimitError: a PE program does not fit a PE's memory.
        ResourceError: `arch` is unknown.
    """
    if fp16_format not in HALVES:
        raise UnsupportedError(f"fp16 format {fp16_format!r}: known are {', '.join(HALVES)}")
    path = Path(layout_path).resolve()
    compilation = Compilation(
        engine=DiagnosticEngine(max_errors),
        arch=target(arch),
        half=HALVES[fp16_format],
        import_paths=tuple(Path(p).resolve() for p in import_paths),
        root=path.parent,
        comptime_limit=comptime_limit,
        inline_limit=inline_limit,
        fabric_dims=fabric_dims or (0, 0),
        fabric_offsets=fabric_offsets,
    )
    program = _run(compilation, lambda: _compile(compilation, path, dict(params or {})))
    if modules is not None:
        modules.extend(f.module for f in compilation.files.values() if not f.source.library)
    return program


@dataclass(frozen=True)
class TileColor:
    """A colour as the value of a PE program's param."""

    number: int


@dataclass(frozen=True)
class TileCode:
    """What one PE runs: a CSL file and its params; `name` says in messages whose PE it is."""

    name: str
    path: Path
    params: tuple[tuple[str, int | TileColor], ...] = ()


def compile_tiles(
    tiles: Mapping[tuple[int, int], TileCode],
    routes: Mapping[tuple[int, int, int], Route],
    size: tuple[int, int],
    *,
    arch: str = "wse2",
    streaming: Mapping[str, int] | None = None,
    import_paths: Sequence[str | Path] = (),
    fp16_format: str = "ieee",
    max_errors: int = 20,
    comptime_limit: int = 50_000_000,
) -> Program:
    """Compile a rectangle that was laid out without a ``layout`` block.

    Args:
        tiles: the program of each PE by (column, row); PEs without one stay idle.
        routes: configurations by (column, row, colour).
        size: columns and rows of the rectangle.
        streaming: colours that the host reads from PEs without a route, by name.

    The other arguments, and the errors, are those of `compile_program`.
    """
    if fp16_format not in HALVES:
        raise UnsupportedError(f"fp16 format {fp16_format!r}: known are {', '.join(HALVES)}")
    compilation = Compilation(
        engine=DiagnosticEngine(max_errors),
        arch=target(arch),
        half=HALVES[fp16_format],
        import_paths=tuple(Path(p).resolve() for p in import_paths),
        root=Path.cwd(),
        comptime_limit=comptime_limit,
        fabric_dims=size,
        rectangle=size,
        routes=dict(routes),
        streaming=dict(streaming or {}),
    )
    return _run(compilation, lambda: _compile_given(compilation, tiles))


def _compile_given(compilation: Compilation, tiles: Mapping[tuple[int, int], TileCode]) -> Program:
    width, height = compilation.rectangle or (0, 0)
    nothing = SourceFile("<idle>", "")
    layout = Span(SourceFile("<layout>", ""), 0, 0)
    compilation.route_spans = dict.fromkeys(compilation.routes, layout)
    idle = Tile(
        ParsedFile(nothing, parse_file(nothing, compilation.engine), {}),
        Struct(T.ANON_STRUCT, {}),
        Span(nothing, 0, 0),
    )
    made: dict[TileCode, Tile] = {}
    for y in range(height):
        for x in range(width):
            code = tiles.get((x, y))
            if code is not None and code not in made:
                made[code] = _tile(compilation, code)
            compilation.tiles[x, y] = idle if code is None else made[code]
    return _assemble(compilation, {})


def _tile(compilation: Compilation, code: TileCode) -> Tile:
    """The tile of given code; its params, as text, are what messages show as its source."""
    values: dict[str, Value] = {}
    shown = []
    for name, value in code.params:
        color = isinstance(value, TileColor)
        number = value.number if isinstance(value, TileColor) else value
        values[name] = Const(T.COLOR if color else T.COMPTIME_INT, number)
        shown.append(f"{name} = colour {number}" if color else f"{name} = {number}")
    text = ", ".join(shown) or "no params"
    span = Span(SourceFile(code.name, text), 0, len(text))
    return Tile(compilation.load(code.path, span), Struct(T.ANON_STRUCT, values), span)


_EXHAUSTED: dict[type[Exception], str] = {
    RecursionError: "evaluation nests too deeply: divide the expression",
    MemoryError: "evaluation takes more memory than this computer has: use smaller arrays",
}


def _run(compilation: Compilation, work: Callable[[], Program]) -> Program:
    """The program that `work` makes, or all errors that were found on the way."""
    program = None
    with deep_recursion():
        try:
            program = work()
        except (Abort, TooManyErrors):
            pass
        except (RecursionError, MemoryError) as error:
            compilation.engine.error_count += 1
            compilation.engine.diagnostics.append(
                Diagnostic(_EXHAUSTED[type(error)], compilation.current)
            )
    compilation.engine.raise_if_errors()
    assert program is not None
    program.warnings = [str(w) for w in compilation.engine.warnings]
    return program


def _compile(
    compilation: Compilation, path: Path, params: dict[str, int | float | bool | str]
) -> Program:
    engine = compilation.engine
    file = compilation.load(path, None)
    if not any(isinstance(d, ast.LayoutBlock) for d in file.module.decls):
        raise engine.fail(
            None, f"{file.source.name} has no layout block; name the file that has 'layout {{ … }}'"
        )
    _run_layout(compilation, file, params)
    if engine.error_count:
        raise Abort
    _check_layout(compilation, file)
    return _assemble(compilation, {k: str(v) for k, v in params.items()})


def _assemble(compilation: Compilation, params: dict[str, str]) -> Program:
    """The program of all tiles and routes that are known by now."""
    engine = compilation.engine
    width, height = compilation.rectangle or (0, 0)
    image_of = np.full(width * height, -1, np.int32)
    images, local_routes = _compile_images(compilation, image_of, width)
    if engine.error_count:
        raise Abort
    _check_names(compilation, images)
    routes, route_of = _routes(compilation, image_of, local_routes, width, height)
    compilation.unused.check(compilation)
    if engine.error_count:
        raise Abort
    return Program(
        arch=compilation.arch.name,
        width=width,
        height=height,
        images=images,
        image_of=image_of,
        routes=routes,
        route_of=route_of,
        exports=compilation.exports,
        params=params,
        files=list(compilation.line_files),
        digests=_digests(compilation),
        fabric=compilation.fabric_dims,
        offsets=compilation.fabric_offsets,
        streaming=compilation.streaming,
        half=T.HALVES[compilation.half],
    )


def _digests(compilation: Compilation) -> list[str]:
    """What the texts of the files that instructions come from are recognised by."""
    texts = {file.source.name: file.source.text for file in compilation.files.values()}
    return [hashlib.sha256(texts[name].encode()).hexdigest() for name in compilation.line_files]


# Layout


def _run_layout(
    compilation: Compilation, file: ParsedFile, params: dict[str, int | float | bool | str]
) -> None:
    instance = Instance(compilation, file, None, {}, None)
    sema = Sema(compilation, Frame(instance, comptime=True))
    instance.params = _layout_params(sema, file, params)
    instance.run(sema)
    for decl in file.module.decls:
        if isinstance(decl, ast.LayoutBlock):
            instance.run_block(sema, decl.body)
    compilation.unused.note(instance)


def _layout_params(
    sema: Sema, file: ParsedFile, params: dict[str, int | float | bool | str]
) -> dict[str, Value]:
    """Command-line values as the types of the layout's params."""
    values: dict[str, Value] = {}
    for name, value in params.items():
        decl = file.decls.get(name)
        if not isinstance(decl, ast.VarDecl) or decl.kind != "param":
            sema.engine.warning(None, f"{file.source.name} has no param '{name}': it is ignored")
            continue
        type_ = None if decl.type is None else sema.type(decl.type)
        values[name] = _layout_param(sema, decl, type_, value)
    return values


def _layout_param(
    sema: Sema, decl: ast.VarDecl, type_: T.Type | None, value: int | float | bool | str
) -> Value:
    if isinstance(value, str):
        return Const(T.COMPTIME_STRING, value)
    if type_ is T.BOOL:
        return Const(T.BOOL, bool(value))
    if isinstance(value, bool):
        return Const(T.BOOL, value)
    if isinstance(value, float):
        return Const(T.COMPTIME_FLOAT, value)
    if isinstance(type_, T.IdType):
        if type_ is T.COLOR and not 0 <= value < sema.compilation.arch.colors:
            last = sema.compilation.arch.colors - 1
            raise sema.fail(decl.span, f"'{decl.name}' is colour {value}, expected 0 to {last}")
        return Const(type_, value)
    return Const(T.COMPTIME_INT, value)


def _check_layout(compilation: Compilation, file: ParsedFile) -> None:
    engine = compilation.engine
    if compilation.rectangle is None:
        raise engine.fail(None, f"the layout block of {file.source.name} calls no @set_rectangle")
    if compilation.uses_memcpy:
        reserved = compilation.arch.memcpy_colors
        names = ", ".join(map(str, reserved))
        for (_, _, color), span in compilation.route_spans.items():
            if color in reserved:
                engine.error(span, f"colour {color} is reserved for memcpy ({names} are)")
    width, height = compilation.rectangle
    missing = [
        (x, y) for y in range(height) for x in range(width) if (x, y) not in compilation.tiles
    ]
    if missing:
        count = "1 PE has" if len(missing) == 1 else f"{len(missing)} PEs have"
        shown = which([y * width + x for x, y in missing], width)
        span = compilation.rectangle_span
        raise engine.fail(span, f"{count} no code: {shown}; every PE needs one @set_tile_code")


# Images


def _compile_images(
    compilation: Compilation, image_of: np.ndarray, width: int
) -> tuple[list[Image], list[dict[int, Route]]]:
    """Compile each distinct (file, params) once; fills `image_of`."""
    images: list[Image] = []
    routes: list[dict[int, Route]] = []
    places: dict[object, list[tuple[int, int]]] = {}
    for (x, y), tile in sorted(compilation.tiles.items(), key=lambda t: (t[0][1], t[0][0])):
        places.setdefault((id(tile.file), key_of(tile.params)), []).append((x, y))
    filtered = _filtered_colors(compilation)
    for pes in places.values():
        tile = compilation.tiles[pes[0]]
        name = f"{tile.file.source.name} at {pes[0]}"
        colors = frozenset[int]().union(*(filtered.get(pe, ()) for pe in pes))
        try:
            image, own = _compile_image(compilation, tile, name, colors)
        except TooManyErrors:
            raise
        except Abort:
            image, own = None, {}
        if image is None:
            continue
        image_of[[y * width + x for x, y in pes]] = len(images)
        images.append(image)
        routes.append(own)
    return images, routes


def _filtered_colors(compilation: Compilation) -> dict[tuple[int, int], set[int]]:
    """Colours that the layout filters, by PE."""
    filtered: dict[tuple[int, int], set[int]] = {}
    for (x, y, color), route in compilation.routes.items():
        if route.filter is not None:
            filtered.setdefault((x, y), set()).add(color)
    return filtered


def _compile_image(
    compilation: Compilation, tile: Tile, name: str, filtered: frozenset[int]
) -> tuple[Image | None, dict[int, Route]]:
    engine = compilation.engine
    compilation.instances = 0
    before = engine.failures
    unit = ImageUnit(name, compilation.arch)
    instance = Instance(compilation, tile.file, unit, tile.params.fields, tile.span)
    sema = Sema(compilation, Frame(instance, comptime=True))
    unit.filtered = filtered
    instance.run(sema)
    unit.number_filters()
    if engine.failures == before:
        require_exports(sema, unit)
        compilation.functions.compile_pending(sema)
    if engine.failures == before:
        finish_image(sema, unit)
    if engine.failures > before:
        return None, {}
    image = unit.finish(compilation.line_files)
    for used in unit.instances:
        compilation.unused.note(used)
    return image, unit.routes


def _check_names(compilation: Compilation, images: Sequence[Image]) -> None:
    """Names that the layout exports and no PE has: the host cannot use them."""
    known = {name for image in images for name in image.symbols}
    for name, (_, span) in compilation.export_types.items():
        if name not in known:
            compilation.engine.warning(
                span, f"no PE exports '{name}'; add @export_symbol to the programs that have it"
            )


# Routes


def _routes(
    compilation: Compilation,
    image_of: np.ndarray,
    local: list[dict[int, Route]],
    width: int,
    height: int,
) -> tuple[list[Route], np.ndarray]:
    """Distinct routes, and which one each PE and colour has."""
    table: dict[Route, int] = {}
    route_of = np.full((height * width, compilation.arch.colors), -1, np.int32)
    for (x, y, color), route in compilation.routes.items():
        route_of[y * width + x, color] = table.setdefault(route, len(table))
    for image, own in enumerate(local):
        if not own:
            continue
        pes = np.flatnonzero(image_of == image)
        for color, route in own.items():
            if (route_of[pes, color] >= 0).any():
                pe = int(pes[route_of[pes, color] >= 0][0])
                compilation.engine.error(
                    compilation.route_spans[pe % width, pe // width, color],
                    f"colour {color} of PE ({pe % width}, {pe // width}) is configured both by "
                    "@set_color_config and by @set_local_color_config",
                )
                continue
            route_of[pes, color] = table.setdefault(route, len(table))
    _check_filters(compilation, list(table), route_of, width)
    return list(table), route_of


def _check_filters(
    compilation: Compilation, table: Sequence[Route], route_of: np.ndarray, width: int
) -> None:
    """A router has a few filters for all its colours."""
    arch = compilation.arch
    filtered = np.array([route.filter is not None for route in table] + [False])
    used = filtered[route_of].sum(axis=1)  # -1, no route, is the last row
    if used.size and used.max() > arch.filters_per_router:
        pe = int(used.argmax())
        colors = np.flatnonzero(filtered[route_of[pe]]).tolist()
        compilation.engine.error(
            compilation.route_spans.get((pe % width, pe // width, colors[-1])),
            f"PE ({pe % width}, {pe // width}) filters {len(colors)} colours, a router of "
            f"{arch.name} has {arch.filters_per_router} filters",
        )
