"""Files, module instances and everything that one compilation shares."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pyflame.arch import Arch
from pyflame.runtime.csl import ast
from pyflame.runtime.csl.diagnostics import Abort, DiagnosticEngine, Note, TooManyErrors
from pyflame.runtime.csl.parser import parse_file
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.coerce import coerce
from pyflame.runtime.csl.sema.control import FailedEntity, declare_failed
from pyflame.runtime.csl.sema.core import Binding, Entity, Frame, Sema
from pyflame.runtime.csl.sema.expr import zeros
from pyflame.runtime.csl.sema.functions import GENERIC, FunctionTable, signature
from pyflame.runtime.csl.sema.image import ImageUnit
from pyflame.runtime.csl.sema.linkage import linked_entity, register_links
from pyflame.runtime.csl.sema.unused import UnusedDeclarations
from pyflame.runtime.csl.sema.values import (
    GLOBAL,
    Cell,
    Const,
    ConstData,
    FnValue,
    Mem,
    Slot,
    Storage,
    Struct,
    Value,
    detached,
    is_known,
    owned,
)
from pyflame.runtime.csl.sema.variables import alignment
from pyflame.runtime.csl.source import SourceFile, Span
from pyflame.runtime.fabric.image import Route

LIBRARY = Path(__file__).resolve().parent.parent / "lib"
"""Where the `<name>` modules of this package stand."""

RUNTIME = LIBRARY.parent.parent
"""Where other files of this package stand, which are shown like library modules."""

_FAR = "../../../../"
"""How names of files begin that are rather shown whole."""

MAX_FILE_BYTES = 8 << 20
MAX_INSTANCES = 10_000
"""Imports of files in one PE program."""


@dataclass(eq=False)
class ParsedFile:
    """A parsed file and its declarations by name."""

    source: SourceFile
    module: ast.Module
    decls: dict[str, ast.VarDecl | ast.FnDecl]


@dataclass(eq=False)
class Tile:
    """What @set_tile_code said about one PE."""

    file: ParsedFile
    params: Struct
    span: Span


@dataclass(eq=False)
class Compilation:
    """Options, files and results shared by all evaluators of one run."""

    engine: DiagnosticEngine
    arch: Arch
    half: T.FloatType
    import_paths: tuple[Path, ...]
    root: Path
    comptime_limit: int
    inline_limit: int | None = None
    fabric_dims: tuple[int, int] = (0, 0)
    fabric_offsets: tuple[int, int] = (0, 0)
    files: dict[Path, ParsedFile] = field(default_factory=dict)
    functions: FunctionTable = field(default_factory=FunctionTable)
    steps: int = 0
    instances: int = 0
    current: Span = field(default_factory=lambda: Span(SourceFile("<start>", ""), 0, 0))
    rectangle: tuple[int, int] | None = None
    tiles: dict[tuple[int, int], Tile] = field(default_factory=dict)
    tile_paths: dict[str, ParsedFile] = field(default_factory=dict)
    routes: dict[tuple[int, int, int], Route] = field(default_factory=dict)
    route_spans: dict[tuple[int, int, int], Span] = field(default_factory=dict)
    route_cache: dict[tuple[int, int, tuple[int, int]], tuple[Value, Route]] = field(
        default_factory=dict
    )
    """Routes read so far, by identity of the known struct and colour."""
    line_files: dict[str, int] = field(default_factory=dict)
    """Source files that instructions come from, numbered."""
    exports: dict[str, tuple[bool, str]] = field(default_factory=dict)
    unused: UnusedDeclarations = field(default_factory=UnusedDeclarations)
    declared: dict[tuple[object, ...], T.Type] = field(default_factory=dict)
    """Structs and enums by the place and the parts of their declaration."""
    export_types: dict[str, tuple[T.Type, Span]] = field(default_factory=dict)
    """Type and place of each @export_name."""
    rectangle_span: Span | None = None
    streaming: dict[str, int] = field(default_factory=dict)
    uses_memcpy: bool = False
    printed: list[str] = field(default_factory=list)

    def step(self, span: Span) -> None:
        """Count one loop iteration or call at compile time."""
        self.steps += 1
        self.current = span
        if self.steps > self.comptime_limit:
            self.engine.error(
                span,
                f"more than {self.comptime_limit} loop iterations and calls at compile time; "
                "raise the limit with --max-comptime-steps if this is meant",
            )
            raise TooManyErrors

    def unrolled(self, count: int, span: Span) -> None:
        """Count iteration number `count` of a loop that is unrolled."""
        self.step(span)
        if self.inline_limit is not None and count > self.inline_limit:
            raise self.engine.fail(
                span,
                f"a loop of more than {self.inline_limit} iterations is unrolled; "
                "raise the limit with --max-inlined-iterations if this is meant",
            )

    # Files

    def load(self, path: Path, span: Span | None, library: bool = False) -> ParsedFile:
        """Read and parse a file, once."""
        path = path.resolve()
        if path not in self.files:
            self.files[path] = self._read(path, span, library)
        return self.files[path]

    def text(self, path: Path, span: Span | None) -> str:
        """The content of a file that a program names."""
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise self.engine.fail(span, f"{path} is larger than {MAX_FILE_BYTES} bytes")
            return path.read_bytes().decode("utf-8")
        except OSError as error:
            raise self.engine.fail(span, f"cannot read {path}: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise self.engine.fail(
                span, f"{path} is not UTF-8: byte {error.start} is {error.object[error.start]:#x}"
            ) from None

    def _read(self, path: Path, span: Span | None, library: bool) -> ParsedFile:
        text = self.text(path, span)
        source = SourceFile(self.shown(path, library), text, library=library, path=str(path))
        failures = self.engine.failures
        module = parse_file(source, self.engine)
        if self.engine.failures > failures:
            raise Abort
        return ParsedFile(source, module, self._declarations(module))

    def shown(self, path: Path, library: bool) -> str:
        """The name of a file in messages: relative to the layout file where that is short."""
        if library:
            return f"<{path.relative_to(LIBRARY).with_suffix('').as_posix()}>"
        if path.is_relative_to(RUNTIME):
            return f"<{path.relative_to(RUNTIME).with_suffix('').as_posix()}>"
        relative = Path(os.path.relpath(path, self.root)).as_posix()
        return path.as_posix() if relative.startswith(_FAR) else relative

    def _declarations(self, module: ast.Module) -> dict[str, ast.VarDecl | ast.FnDecl]:
        decls: dict[str, ast.VarDecl | ast.FnDecl] = {}
        for decl in module.decls:
            if not isinstance(decl, ast.VarDecl | ast.FnDecl):
                continue
            if decl.name in decls:
                before = decls[decl.name].name_span
                self.engine.error(
                    decl.name_span,
                    f"'{decl.name}' is declared twice",
                    Note("the first declaration is here", before),
                )
            decls[decl.name] = decl
        return decls

    def resolve(self, name: str, importer: SourceFile, span: Span) -> ParsedFile:
        """The file that ``@import_module(name)`` in `importer` means."""
        if name.startswith("<") and name.endswith(">"):
            return self._resolve_library(name, span)
        return self.load(self.find(name, importer, span), span, importer.library)

    def find(self, name: str, importer: SourceFile, span: Span) -> Path:
        """The file `name`: beside the importer, beside the layout, or on an import path."""
        beside = [] if importer.library else [self.root]
        folders = dict.fromkeys([Path(importer.path).parent, *beside, *self.import_paths])
        for folder in folders:
            candidate = folder / name
            if candidate.is_file():
                return candidate
        looked = ", ".join(map(str, folders))
        raise self.engine.fail(span, f"there is no file '{name}' in {looked}")

    def _resolve_library(self, name: str, span: Span) -> ParsedFile:
        parts = Path(name[1:-1]).parts
        if not parts or any(part in ("..", "/") for part in parts):
            raise self.engine.fail(span, f"'{name}' is not a library name")
        if parts[0] == "memcpy":
            self.uses_memcpy = True
        relative = Path(*parts).with_suffix(".csl") if not name.endswith(".csl>") else Path(*parts)
        for folder in self.import_paths:
            if (folder / relative).is_file():
                return self.load(folder / relative, span)
        if (LIBRARY / relative).is_file():
            return self.load(LIBRARY / relative, span, library=True)
        known = sorted(
            p.relative_to(LIBRARY).with_suffix("").as_posix() for p in LIBRARY.rglob("*.csl")
        )
        raise self.engine.fail(
            span, f"there is no library {name}; known are {', '.join(f'<{k}>' for k in known)}"
        )


class Instance:
    """One import of a file: its parameters and its own variables."""

    def __init__(
        self,
        compilation: Compilation,
        file: ParsedFile,
        unit: ImageUnit | None,
        params: dict[str, Value],
        span: Span | None,
        depth: int = 0,
    ) -> None:
        self.depth = depth
        """How many imports led here."""
        compilation.instances += 1
        if compilation.instances > MAX_INSTANCES:
            compilation.engine.error(span, f"more than {MAX_INSTANCES} module instances")
            raise TooManyErrors
        self.compilation = compilation
        self.file = file
        self.unit = unit
        if unit is not None:
            unit.instances.append(self)
        self.params = params
        self.span = span
        self.bindings: dict[str, Binding] = {}
        self.busy: list[str] = []
        self.literals: dict[int, Value] = {}
        """Literals of the file whose value can never change, by node."""
        self.signatures: dict[int, T.FnType | None] = {}
        self.types: dict[tuple[object, ...], tuple[Sequence[Value], Value]] = {}
        """What functions that give a type gave, by function and keys of the arguments."""
        self._warn_unknown_params()

    @property
    def library(self) -> bool:
        """Whether the file ships with this package."""
        return self.file.source.library

    def _warn_unknown_params(self) -> None:
        decls = self.file.decls
        for name in self.params:
            decl = decls.get(name)
            if not isinstance(decl, ast.VarDecl) or decl.kind != "param":
                self.compilation.engine.warning(
                    self.span, f"{self.file.source.name} has no param '{name}': it is ignored"
                )

    # Names

    def find(self, s: Sema, name: str, span: Span) -> Binding | None:
        """The binding of a name of this file, evaluated when first asked for."""
        binding = self.bindings.get(name)
        if binding is not None:
            return binding
        decl = self.file.decls.get(name)
        return None if decl is None else self._evaluate(s, decl, span)

    def member(self, s: Sema, name: str, span: Span) -> Binding:
        """The binding behind ``module.name``."""
        binding = self.find(s, name, span)
        if binding is None:
            raise s.fail(
                span, f"{self.file.source.name} declares no '{name}'{self.suggestion(name)}"
            )
        return binding

    def suggestion(self, name: str) -> str:
        """A name that was perhaps meant."""
        close = difflib.get_close_matches(name, self.file.decls, 1)
        return f"; did you mean '{close[0]}'?" if close else ""

    def _evaluate(self, s: Sema, decl: ast.VarDecl | ast.FnDecl, span: Span) -> Binding:
        name = decl.name
        if name in self.busy:
            cycle = " -> ".join([*self.busy[self.busy.index(name) :], name])
            raise s.fail(span, f"'{name}' depends on itself: {cycle}")
        self.busy.append(name)
        where = decl.name_span or decl.span
        try:
            with s.entered(Frame(self, comptime=True, depth=s.frame.depth)):
                if isinstance(decl, ast.FnDecl):
                    entity = self._function(s, decl)
                else:
                    entity = self._variable(s, decl, span)
        except Abort:
            self.bindings[name] = Binding(name, FailedEntity(), True, where)
            raise
        finally:
            self.busy.pop()
        mutable = isinstance(decl, ast.VarDecl) and decl.kind == "var"
        binding = self.bindings[name] = Binding(name, entity, mutable, where)
        return binding

    def _function(self, s: Sema, decl: ast.FnDecl) -> Entity:
        value = FnValue(decl, self)
        return Const(signature(s, value) or GENERIC, value)

    def _variable(self, s: Sema, decl: ast.VarDecl, span: Span) -> Entity:
        if decl.linkage == "extern":
            return linked_entity(s, self, decl, span)
        for name in (decl.linkname, decl.linksection):
            if name is not None:
                s.const(name, T.COMPTIME_STRING, "name for the linker")
        type_ = None if decl.type is None else s.type(decl.type)
        if decl.kind == "param":
            return self._constant(s, decl, self._param(s, decl, type_))
        value = self._initial(s, decl, type_)
        if decl.kind == "const":
            return self._constant(s, decl, value)
        if value.type is T.MODULE:
            raise s.fail(decl.span, f"a module is imported by a 'const': '{decl.name}' is a var")
        return self._global(s, decl, type_ or value.type, value)

    def _initial(self, s: Sema, decl: ast.VarDecl, type_: T.Type | None) -> Value:
        if decl.init is None:
            if type_ is None or decl.kind == "const":
                need = "a value" if decl.kind == "const" else "a type or a value"
                raise s.fail(decl.span, f"'{decl.name}' needs {need}")
            if isinstance(type_, T.DsdType | T.PointerType | T.FnType):
                return Const(type_, None)
            return zeros(s, type_, decl.span)
        value = s.eval(decl.init) if type_ is None else s.eval_as(decl.init, type_)
        s.known(value, decl.init.span, f"initial value of '{decl.name}'")
        return detached(value)

    def _param(self, s: Sema, decl: ast.VarDecl, type_: T.Type | None) -> Value:
        if decl.name not in self.params:
            if decl.init is not None:
                return self._initial(s, decl, type_)
            if s.engine.trial:
                raise Abort
            notes = () if self.span is None else (Note("the file is used here", self.span),)
            raise s.fail(
                decl.span, f"param '{decl.name}' is not supplied and has no default", *notes
            )
        value = self.params[decl.name]
        if type_ is None:
            return value
        note = Note(f"param '{decl.name}' is declared as {type_}", decl.span)
        return coerce(s, value, type_, self.span or decl.span, note)

    def _constant(self, s: Sema, decl: ast.VarDecl, value: Value) -> Entity:
        type_ = value.type
        declared = value.value if isinstance(value, Const) else None
        if isinstance(declared, T.EnumType | T.StructType) and not declared.named:
            declared.name, declared.named = decl.name, True
        align = alignment(s, decl)
        if (isinstance(type_, T.ArrayType | T.StructType) or align) and is_known(value):
            return ConstData(decl.name, value, decl.span, align)
        return value

    def _global(self, s: Sema, decl: ast.VarDecl, type_: T.Type, value: Value) -> Entity:
        if self.unit is None or (type_.comptime_only and type_ is not T.VOID):
            return Cell(type_, owned(value), decl.span, branches=GLOBAL)
        if isinstance(type_, T.DsdType):
            slot = self.unit.new_slot()
            if isinstance(value, Const) and value.value is not None:
                self.unit.slot_init[slot] = self.unit.descriptor_row(value.value)
            return Slot(type_, slot)
        initial = None if isinstance(value, Const) and value.value is None else value
        if isinstance(initial, Const):
            s.check_address(initial, decl.span)
        if isinstance(initial, Const) and isinstance(initial.value, FnValue):
            initial = Const(T.U16, s.compilation.functions.index(s, initial.value))
        storage = Storage(
            self.unit,
            self._qualified(decl.name),
            type_,
            initial,
            alignment(s, decl) or type_.align,
            decl.span,
        )
        return Mem(type_, None, storage, 0, const=False)

    def _qualified(self, name: str) -> str:
        return name if self.span is None else f"{self.file.source.name}:{name}"

    # Running a file

    def run(self, s: Sema) -> None:
        """Import what the file imports, then execute its comptime blocks.

        Other declarations are evaluated when something uses them: a queue or task id that a
        program declares for another architecture is no mistake.
        """
        if self.unit is not None:
            register_links(s, self, self.unit)
        for decl in self.file.decls.values():
            if not isinstance(decl, ast.VarDecl) or decl.name in self.bindings:
                continue
            if _imports(decl) or _takes_registers(decl):
                self._attempt(s, decl)
        for decl in self.file.module.decls:
            if isinstance(decl, ast.ComptimeBlock):
                self.run_block(s, decl.body)

    def _attempt(self, s: Sema, decl: ast.VarDecl) -> None:
        try:
            self.find(s, decl.name, decl.span)
        except TooManyErrors:
            raise
        except Abort:
            return

    def run_block(self, s: Sema, body: ast.Block) -> None:
        """Execute a comptime or layout block of the file."""
        with s.entered(Frame(self, comptime=True)):
            for node in body.statements:
                try:
                    statements_kept(s, node)
                except TooManyErrors:
                    raise
                except Abort:
                    declare_failed(s, node)


def _imports(decl: ast.VarDecl) -> bool:
    return isinstance(decl.init, ast.BuiltinCall) and decl.init.name == "import_module"


def _takes_registers(decl: ast.VarDecl) -> bool:
    """Whether a declaration makes a FIFO that the program may reach by its registers alone."""
    made = decl.init
    if not isinstance(made, ast.BuiltinCall) or made.name != "allocate_fifo":
        return False
    options = made.args[1] if len(made.args) > 1 else None
    return isinstance(options, ast.StructLit) and any(f.name == "dest" for f in options.fields)


def statements_kept(s: Sema, node: ast.Stmt) -> None:
    """Execute one statement of a top-level block; its declarations stay for the next."""
    signal = s.execute(node)
    if signal is not None:
        raise s.fail(node.span, f"'{signal.kind}' cannot leave a top-level block")
