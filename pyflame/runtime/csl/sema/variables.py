"""Local variables and assignment."""

from __future__ import annotations

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.diagnostics import Abort, Note
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.core import (
    Binding,
    Entity,
    Sema,
    Signal,
    describe,
    executes,
)
from pyflame.runtime.csl.sema.expr import binary_values, zeros
from pyflame.runtime.csl.sema.memory import (
    assign,
    new_local,
    store,
)
from pyflame.runtime.csl.sema.values import (
    Cell,
    Const,
    ConstData,
    Mem,
    RangeValue,
    Reg,
    Slot,
    Struct,
    Tuple,
    Value,
    detached,
    is_known,
    owned,
)

MAX_ALIGNMENT = 4096
"""Largest ``align`` in bytes."""

MODIFIERS = frozenset(
    ["increment_dsd_offset", "set_dsd_base_addr", "set_dsd_length", "set_dsd_stride"]
)
"""Builtins that give a changed copy of a DSD."""


@executes(ast.VarDecl)
def local_variable(s: Sema, node: ast.VarDecl) -> Signal | None:
    """A local ``const`` or ``var``."""
    if node.kind == "param":
        raise s.fail(node.span, "a param stands at file level only")
    if node.linkage:
        raise s.fail(node.span, f"'{node.linkage}' stands at file level only")
    _check_new(s, node)
    emitter = s.frame.emitter
    register = -1
    if emitter is not None and not s.frame.comptime:
        register = emitter.register()
    try:
        entity = _local_entity(s, node, register)
    except Abort:
        if emitter is not None and register >= 0:
            emitter.next_register = register
        raise
    if emitter is not None and register >= 0:
        keeps = isinstance(entity, Reg) and entity.reg == register
        emitter.next_register = register + keeps
    s.declare(node.name, entity, node.kind == "var", node.name_span or node.span)
    return None


def _check_new(s: Sema, node: ast.VarDecl) -> None:
    """A block declares a name once; an inner block may declare it again for itself."""
    frame = s.frame
    if any(name == node.name for name, _ in frame.undo[frame.mark :]):
        before = frame.names[node.name]
        note = Note("the first declaration is here", before.span)
        raise s.fail(node.name_span or node.span, f"'{node.name}' is declared twice", note)


def _local_entity(s: Sema, node: ast.VarDecl, register: int) -> Entity:
    type_ = None if node.type is None else s.type(node.type)
    align = alignment(s, node)
    if s.frame.comptime or node.comptime:
        with s.comptime():
            value = _initial(s, node, type_)
        s.known(value, node.span, "variable")
        return _comptime_entity(s, node, type_ or value.type, value, align)
    if node.init is None and node.kind == "var" and type_ is not None:
        if isinstance(type_, T.DsdType):
            return Slot(type_, s.unit.new_slot())
        # Zero, as everything else that is not initialised.
        return _runtime_entity(s, node, zeros(s, type_, node.span), register, align)
    value = _initial(s, node, type_)
    if node.kind == "const" and is_known(value):
        return _comptime_entity(s, node, value.type, value, align)
    return _runtime_entity(s, node, value, register, align)


def alignment(s: Sema, node: ast.VarDecl) -> int:
    """The bytes that ``align`` asks for, 0 where a declaration has none."""
    if node.align is None:
        return 0
    align = s.integer(node.align, "an alignment")
    if align <= 0 or align & (align - 1) or align > MAX_ALIGNMENT:
        wanted = f"a power of two up to {MAX_ALIGNMENT}"
        raise s.fail(node.align.span, f"an alignment is {wanted}, found {align}")
    return align


def _initial(s: Sema, node: ast.VarDecl, type_: T.Type | None) -> Value:
    if node.init is None:
        if type_ is None or node.kind == "const":
            need = "a value" if node.kind == "const" else "a type or a value"
            raise s.fail(node.span, f"'{node.name}' needs {need}")
        return zeros(s, type_, node.span)
    value = s.eval(node.init) if type_ is None else s.eval_as(node.init, type_)
    if value.type is T.VOID and type_ is None and isinstance(node.init, ast.Call):
        raise s.fail(node.init.span, f"'{node.name}' cannot hold {describe(value)}")
    return detached(value)


def _comptime_entity(s: Sema, node: ast.VarDecl, type_: T.Type, value: Value, align: int) -> Entity:
    if node.kind == "const":
        if type_ is T.MODULE and isinstance(node.init, ast.BuiltinCall):
            raise s.fail(node.span, "a module is imported by a 'const' of the file, not here")
        if isinstance(type_, T.ArrayType | T.StructType):
            return ConstData(node.name, value, node.span, align)
        return value
    return Cell(type_, owned(value), node.span, branches=s.branches)


def _runtime_entity(s: Sema, node: ast.VarDecl, value: Value, register: int, align: int) -> Entity:
    type_ = value.type
    if isinstance(type_, T.DsdType):
        if isinstance(value, Slot) and value.fresh:
            return Slot(type_, value.slot)
        place: Entity = Slot(type_, s.unit.new_slot())
        store(s, place, value, node.span)
        return place
    if isinstance(value, RangeValue):
        return _kept(s, value)
    if isinstance(value, Struct | Tuple) and type_ in (T.ANON_STRUCT, T.TUPLE):
        if node.kind == "const":
            return _kept(s, value)
        raise s.fail(node.span, f"a run-time variable cannot have type {type_}: declare a struct")
    if type_.comptime_only:
        raise s.fail(node.span, f"'{node.name}' has type {type_}, {_comptime_only(node, value)}")
    if type_.code is not None and node.name not in s.frame.addressed:
        s.emitter(node.span).move(register, s.register(value, node.span))
        return Reg(type_, register)
    memory = new_local(s, type_, node.name, node.span, align)
    store(s, memory, value, node.span)
    if node.kind == "const":
        return Mem(type_, None, memory.storage, 0, const=True)
    return memory


def _comptime_only(node: ast.VarDecl, value: Value) -> str:
    """Why a value is no run-time variable, and what to do."""
    known = f", or declare it 'comptime {node.kind}'" if is_known(value) else ""
    type_ = value.type
    if isinstance(type_, T.IntType | T.PackedType):
        return f"which has {type_.bits} bits; at run time values have 1 to 64{known}"
    return f"which exists at compile time only; give it a type such as u16{known}"


def _kept(s: Sema, value: Value) -> Value:
    """A struct whose run-time fields no longer depend on variables or temporaries."""
    if isinstance(value, Struct):
        return Struct(value.type, {k: _kept(s, v) for k, v in value.fields.items()})
    if isinstance(value, Tuple):
        return Tuple(tuple([_kept(s, v) for v in value.items]))
    if isinstance(value, RangeValue):
        bounds = (s.load(_kept(s, v)) for v in (value.start, value.stop, value.step))
        return RangeValue(value.element, *bounds)
    if isinstance(value, Reg):
        place = new_local(s, value.type, "field", s.compilation.current)
        store(s, place, value, s.compilation.current)
        return place
    return value


# Assignment


@executes(ast.Assign)
def assignment(s: Sema, node: ast.Assign) -> Signal | None:
    """``target op value``."""
    emitter = s.frame.emitter
    registers = emitter.next_register if emitter is not None else 0
    if isinstance(node.target, ast.Name) and node.target.name == "_":
        s.eval(node.value)
    else:
        _assign(s, node)
    if emitter is not None:
        emitter.next_register = registers
    return None


def _assign(s: Sema, node: ast.Assign) -> None:
    place = s.ref(node.target)
    binding = _root_binding(s, node.target)
    if binding is not None and not binding.mutable:
        raise s.fail(
            node.target.span,
            f"cannot assign to '{binding.name}': it is not a var",
            Note(f"'{binding.name}' is declared here", binding.span),
        )
    if isinstance(place, Slot) and node.op == "=" and modifies(node.value):
        with _updating(s, place):
            value = s.eval_as(node.value, place.type)
        store(s, place, value, node.span)
        return
    if node.op == "=":
        store(s, place, s.eval_as(node.value, place.type), node.span)
        return
    current = s.load(place)
    chosen = isinstance(node.value, ast.IfExpr) and T.is_number(current.type)
    right = s.eval_as(node.value, current.type) if chosen else s.eval(node.value)
    value = binary_values(s, node.op[:-1], current, right, node.span)
    assign(s, place, value, node.span)


def modifies(node: ast.Expr) -> bool:
    """Whether an expression is a DSD modifier, such as @set_dsd_length."""
    return isinstance(node, ast.BuiltinCall) and node.name in MODIFIERS


class _updating:
    """While ``d = @modifier(d, …)`` is evaluated, the modifier may work on `d` in place."""

    def __init__(self, s: Sema, place: Slot) -> None:
        self.s, self.slot = s, place.slot

    def __enter__(self) -> None:
        self.before, self.s.target_slot = self.s.target_slot, self.slot

    def __exit__(self, *_: object) -> None:
        self.s.target_slot = self.before


def _root_binding(s: Sema, node: ast.Expr) -> Binding | None:
    """The declared name that an assignment changes, None behind a pointer."""
    while isinstance(node, ast.Index | ast.Member):
        if isinstance(node, ast.Member):
            module = _module(s, node.base)
            if module is not None:
                return module.member(s, node.name, node.span)
        node = node.base
        if isinstance(node, ast.Name) and isinstance(_type_of_name(s, node), T.PointerType):
            return None
    if not isinstance(node, ast.Name):
        return None
    return s.frame.names.get(node.name) or s.frame.instance.find(s, node.name, node.span)


def _module(s: Sema, node: ast.Expr):
    if isinstance(node, ast.Name | ast.Member):
        entity = s.ref(node)
        if isinstance(entity, Const) and entity.type is T.MODULE:
            return entity.value
    return None


def _type_of_name(s: Sema, node: ast.Name) -> T.Type | None:
    entity = s.ref(node)
    return entity.type
