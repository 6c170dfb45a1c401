"""The evaluator's frame, its tables and the steps every rule uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.diagnostics import Abort, Note
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.emit import Emitter, Label
from pyflame.runtime.csl.sema.image import FunctionInstance, ImageUnit
from pyflame.runtime.csl.sema.values import (
    Address,
    BitField,
    Cell,
    Const,
    ConstData,
    FnValue,
    Mem,
    Part,
    Reg,
    Slot,
    Struct,
    Tuple,
    Value,
    is_known,
    read_path,
)
from pyflame.runtime.csl.source import Span
from pyflame.runtime.fabric.isa import Op

if TYPE_CHECKING:
    from pyflame.runtime.csl.sema.join import Join
    from pyflame.runtime.csl.sema.modules import Compilation, Instance

MAX_CODE = 1 << 17
"""Most instructions of one function; far beyond what a PE's memory holds."""

Entity = Value | Cell | ConstData | Part | BitField
"""What a name or a place expression stands for."""


class Binding:
    """A declared name: what it stands for, and whether it can be assigned to."""

    __slots__ = ("entity", "mutable", "name", "span")

    def __init__(self, name: str, entity: Entity, mutable: bool, span: Span) -> None:
        self.name = name
        self.entity = entity
        self.mutable = mutable
        self.span = span


class Signal:
    """How a statement leaves its block: ``return``, ``break``, ``continue`` or ``dead``.

    ``dead`` means that run-time code has left on every path.
    """

    __slots__ = ("kind", "target", "value")

    def __init__(self, kind: str, target: Any = None, value: Value | None = None) -> None:
        self.kind = kind
        self.target = target
        self.value = value


DEAD = Signal("dead")


class Loop:
    """A loop or labelled block that break and continue can name.

    At run time `end` and `next` are its labels, and `join` collects the values of a block.
    """

    __slots__ = ("end", "is_block", "join", "label", "next", "runtime")

    def __init__(self, label: str, runtime: bool, join: Join | None = None) -> None:
        self.label = label
        self.runtime = runtime
        self.is_block = False
        self.join = join
        self.end = Label()
        self.next = Label()


class Frame:
    """One activation of the evaluator: a function body, or the top level of a file."""

    __slots__ = (
        "addressed", "called", "comptime", "depth", "emitter", "function", "inline", "instance",
        "loops", "mark", "names", "result", "undo",
    )  # fmt: skip

    def __init__(
        self,
        instance: Instance,
        *,
        comptime: bool,
        emitter: Emitter | None = None,
        function: FunctionInstance | None = None,
        result: T.Type | None = None,
        depth: int = 0,
        called: Span | None = None,
    ) -> None:
        self.instance = instance
        self.called = called
        """The call that led here, in library code the one in the user's own."""
        self.names: dict[str, Binding] = {}
        self.undo: list[tuple[str, Binding | None]] = []
        self.mark = 0
        """Names in `undo` from here on belong to the innermost block."""
        self.comptime = comptime
        self.emitter = emitter
        self.function = function
        self.result = result
        self.loops: list[Loop] = []
        self.inline: Loop | None = None
        """Where ``return`` goes to in a function that is expanded at its call."""
        self.addressed: frozenset[str] = frozenset()
        self.depth = depth


Node = TypeVar("Node", bound=ast.Node)
Rule = TypeVar("Rule", bound=Callable[..., Any])

EVALUATORS: dict[type, Callable[[Any, Any], Value]] = {}
"""Expression class -> rule that gives its value."""
PLACES: dict[type, Callable[[Any, Any], Entity]] = {}
"""Expression class -> rule that gives what it stands for, unread."""
EXECUTORS: dict[type, Callable[[Any, Any], Signal | None]] = {}
"""Statement class -> rule that does it."""
BUILTINS: dict[str, tuple[int, int, Callable[[Any, ast.BuiltinCall], Value]]] = {}
"""Builtin name -> least and most arguments (-1: any), and its rule."""


PROVIDED: dict[str, Callable[..., Any]] = {}
"""Steps that modules built on others provide to those below them."""


def provides(name: str) -> Callable[[Rule], Rule]:
    """Register a step for the modules below."""

    def register(rule: Rule) -> Rule:
        PROVIDED[name] = rule
        return rule

    return register


def evaluates(kind: type[Node]) -> Callable[[Callable[[Sema, Node], Value]], Any]:
    """Register a rule that evaluates expressions of one class."""

    def register(rule: Callable[[Sema, Node], Value]) -> Any:
        EVALUATORS[kind] = rule
        return rule

    return register


def locates(kind: type[Node]) -> Callable[[Callable[[Sema, Node], Entity]], Any]:
    """Register a rule that finds the place of expressions of one class."""

    def register(rule: Callable[[Sema, Node], Entity]) -> Any:
        PLACES[kind] = rule
        return rule

    return register


def executes(kind: type[Node]) -> Callable[[Callable[[Sema, Node], Signal | None]], Any]:
    """Register a rule that executes statements of one class."""

    def register(rule: Callable[[Sema, Node], Signal | None]) -> Any:
        EXECUTORS[kind] = rule
        return rule

    return register


def builtin(
    name: str, least: int, most: int | None = None
) -> Callable[[Callable[[Sema, ast.BuiltinCall], Value]], Any]:
    """Register the rule of ``@name``; `most` defaults to `least`, -1 means any number."""

    def register(rule: Callable[[Sema, ast.BuiltinCall], Value]) -> Any:
        BUILTINS[name] = (least, least if most is None else most, rule)
        return rule

    return register


class Sema:
    """The evaluator: `eval` gives values, `ref` places, `execute` does statements."""

    def __init__(self, compilation: Compilation, frame: Frame) -> None:
        self.compilation = compilation
        self.engine = compilation.engine
        self.frame = frame
        self.hint: T.Type | None = None
        """The type that the expression being evaluated will be converted to, if known."""

        self.touched = 0
        """Counts what makes a literal differ from one evaluation to the next: locals and calls."""
        self.branches = 0
        """How many run-time branches and loops of the function being compiled stand around."""
        self.target_slot = -1
        """The slot of `d` while ``d = @modifier(d, …)`` is evaluated: it may change in place."""

    # Walking

    def eval(self, node: ast.Expr) -> Value:
        """The value of an expression."""
        return EVALUATORS[node.__class__](self, node)

    def eval_as(self, node: ast.Expr, type_: T.Type) -> Value:
        """The value of an expression, converted to `type_`."""
        if node.__class__ in _HINTED:
            before, self.hint = self.hint, type_
            try:
                value = EVALUATORS[node.__class__](self, node)
            finally:
                self.hint = before
        else:
            value = EVALUATORS[node.__class__](self, node)
        if value.type is type_:
            return value
        return PROVIDED["coerce"](self, value, type_, node.span)

    def ref(self, node: ast.Expr) -> Entity:
        """What an expression stands for: a place if it has one, else its value."""
        rule = PLACES.get(node.__class__)
        return self.eval(node) if rule is None else rule(self, node)

    def load(self, entity: Entity) -> Value:
        """The value of a place; a value is its own."""
        kind = entity.__class__
        if kind is Cell or kind is ConstData:
            return entity.value  # pyright: ignore
        if kind is Mem:
            return self.read(entity)  # pyright: ignore
        if kind is Part:
            return read_path(entity.target.value, entity.path)  # pyright: ignore
        if kind is BitField:
            return PROVIDED["read_bits"](self, entity)
        return entity  # pyright: ignore

    def read(self, mem: Mem) -> Value:
        """The value in memory: a register for scalars, the place itself for aggregates."""
        code = mem.type.code
        if code is None:
            return mem
        emitter = self.emitter(None)
        register = emitter.register()
        base = -1 if mem.base is None else mem.base
        emitter.emit(Op.LOAD, register, base, d=mem.address, t=code)
        return Reg(mem.type, register)

    def execute(self, node: ast.Stmt) -> Signal | None:
        """Do a statement; the signal says whether and how it left the block."""
        emitter = self.frame.emitter
        if emitter is not None:
            emitter.span = node.span
            emitter.fence()
            if len(emitter.code) > MAX_CODE:
                raise self.fail(
                    node.span,
                    f"the function has more than {MAX_CODE} instructions: unroll or expand less",
                )
        return EXECUTORS[node.__class__](self, node)

    # Errors and demands

    def fail(self, span: Span | None, message: str, *notes: Note) -> Abort:
        """Record an error: ``raise s.fail(…)``."""
        if self.frame.called is not None and self.frame.instance.library:
            notes = (*notes, Note("called here", self.frame.called))
        return self.engine.fail(span, message, *notes)

    def known(self, value: Value, span: Span, what: str = "value") -> Value:
        """`value`, which must be known at compile time."""
        if value.__class__ is Const or is_known(value):
            return value
        abort_if_failed(value)
        raise self.fail(
            span, f"this {what} must be known at compile time, but it is computed at run time"
        )

    def const(self, node: ast.Expr, type_: T.Type, what: str = "value") -> Any:
        """The known payload of an expression of `type_`."""
        value = self.known(self.eval_as(node, type_), node.span, what)
        assert isinstance(value, Const)
        return value.value

    def option(self, node: ast.BuiltinCall, index: int) -> ast.Expr | None:
        """Argument `index` of a builtin, None when it is not given."""
        return node.args[index] if index < len(node.args) else None

    def integer(self, node: ast.Expr, what: str) -> int:
        """A known integer of any integer type."""
        return self.as_integer(self.eval(node), node.span, what)

    def as_integer(self, value: Value, span: Span, what: str) -> int:
        """`value` as a known integer."""
        if not isinstance(value, Const):
            abort_if_failed(value)
            raise self.fail(span, f"{what} must be an integer known at compile time")
        if not T.is_integer(value.type):
            raise self.fail(span, f"{what} must be an integer, found {value.type}")
        return value.value

    def type(self, node: ast.Expr) -> T.Type:
        """The type that an expression names."""
        value = self.eval(node)
        if not isinstance(value, Const) or value.type is not T.TYPE:
            raise self.fail(node.span, f"expected a type, found a value of type {value.type}")
        return value.value

    def emitter(self, span: Span | None) -> Emitter:
        """Where run-time code goes; an error in code that must run at compile time."""
        emitter = self.frame.emitter
        if emitter is None or self.frame.comptime:
            place = span
            if place is None and emitter is not None:
                place = emitter.span
            raise self.fail(
                place or self.compilation.current,
                "this needs run-time code, but it stands where everything is computed at "
                "compile time",
            )
        return emitter

    @property
    def unit(self) -> ImageUnit:
        """The image being built; in layout code there is none."""
        unit = self.frame.instance.unit
        if unit is None:
            raise self.fail(
                self.compilation.current, "layout code runs at compile time and has no PE memory"
            )
        return unit

    # Scopes

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Names declared inside are gone afterwards."""
        frame = self.frame
        mark = len(frame.undo)
        try:
            yield
        finally:
            self.leave(frame, mark)

    @staticmethod
    def leave(frame: Frame, mark: int) -> None:
        """Forget names declared since `mark`."""
        undo, names = frame.undo, frame.names
        while len(undo) > mark:
            name, before = undo.pop()
            if before is None:
                del names[name]
            else:
                names[name] = before

    def declare(self, name: str, entity: Entity, mutable: bool, span: Span) -> None:
        """Make `name` known until the scope ends."""
        names = self.frame.names
        self.frame.undo.append((name, names.get(name)))
        names[name] = Binding(name, entity, mutable, span)

    @contextmanager
    def branch(self) -> Iterator[None]:
        """Inside code that runs once, several times or not at all, as run time decides."""
        self.branches += 1
        try:
            yield
        finally:
            self.branches -= 1

    @contextmanager
    def entered(self, frame: Frame) -> Iterator[Frame]:
        """Evaluate in another frame."""
        before, self.frame = self.frame, frame
        try:
            yield frame
        finally:
            self.frame = before

    @contextmanager
    def comptime(self) -> Iterator[None]:
        """Everything inside happens at compile time."""
        frame = self.frame
        before, frame.comptime = frame.comptime, True
        try:
            yield
        finally:
            frame.comptime = before

    # Registers

    def register(self, value: Value, span: Span | None = None) -> int:
        """A register that holds a scalar value."""
        if value.__class__ is Reg:
            return value.reg  # pyright: ignore[reportAttributeAccessIssue]
        emitter = self.emitter(span)
        if isinstance(value, Const) and (value.type.code is not None or _is_index(value)):
            return emitter.constant(self.bits(value))
        if isinstance(value, Mem):
            return self.address(value)
        if isinstance(value, Struct) and isinstance(value.type, T.PackedType):
            return PROVIDED["pack"](self, value, span)
        place = span or emitter.span
        raise self.fail(place, f"{describe(value)} cannot exist at run time")

    def bits(self, value: Const) -> int:
        """A known scalar as register contents."""
        if isinstance(value.value, FnValue):
            return self.compilation.functions.index(self, value.value)
        self.check_address(value, self.compilation.current)
        return self.unit.bits(value.type, value)

    def check_address(self, value: Const, span: Span) -> None:
        """Refuse a pointer to something that has no place in PE memory."""
        if isinstance(value.value, Address) and isinstance(value.value.target, Cell):
            emitter = self.frame.emitter
            place = span if emitter is None or emitter.span is None else emitter.span
            raise self.fail(
                place, "a pointer to a compile-time variable exists at compile time only"
            )

    def address(self, mem: Mem) -> int:
        """A register that holds the byte address of a place."""
        emitter = self.emitter(None)
        if mem.base is None:
            return emitter.constant(mem.address)
        if mem.address == 0:
            return mem.base
        offset = emitter.constant(mem.address)
        emitter.emit(Op.ADD, offset, mem.base, offset, t=T.U16.code or 0)
        return offset

    def slot(self, value: Value, span: Span) -> int:
        """A descriptor slot that holds a DSD value."""
        if isinstance(value, Slot):
            return value.slot
        if isinstance(value, Const) and isinstance(value.type, T.DsdType):
            return self.unit.const_slot(value.value)
        raise self.fail(span, f"expected a DSD, found {describe(value)}")


_HINTED = frozenset([ast.IfExpr, ast.Switch, ast.BlockExpr])


def _is_index(value: Const) -> bool:
    """Whether a number without a width fits a register, as an index or address does."""
    return value.type is T.COMPTIME_INT and -(1 << 63) <= value.value < 1 << 63


def describe(value: Value) -> str:
    """A value in words for messages."""
    if isinstance(value, Const):
        if value.type in (T.COMPTIME_INT, T.COMPTIME_FLOAT):
            return f"the number {value.value}"
        if isinstance(value.type, T.IntType | T.FloatType) or value.type is T.BOOL:
            shown = str(value.value).lower() if value.type is T.BOOL else str(value.value)
            return f"{shown} of type {value.type}"
        if value.type is T.VOID:
            return "no value (void)"
        if value.type is T.COMPTIME_STRING:
            return "a string"
        if value.type is T.TYPE:
            return f"the type {value.value}"
    if isinstance(value, Tuple):
        return f"a tuple of {len(value.items)} items"
    if isinstance(value, Struct) and value.type is T.ANON_STRUCT:
        return f"a struct with the fields {', '.join(value.fields) or '(none)'}"
    return f"a value of type {value.type}"


def abort_if_failed(value: Value) -> None:
    """Stop at a value with a part whose declaration has an error that is already reported."""
    parts = value.items if isinstance(value, Tuple) else ()
    for part in value.fields.values() if isinstance(value, Struct) else parts:
        abort_if_failed(part)
    _ = value.type  # raises Abort


def refuse_reserved(s: Sema, span: Span, what: str, number: int, reserved: Sequence[int]) -> None:
    """Refuse what memcpy keeps, in programs that use memcpy."""
    if s.compilation.uses_memcpy and number in reserved:
        names = ", ".join(map(str, reserved))
        verb = "is" if len(reserved) == 1 else "are"
        raise s.fail(span, f"{what} {number} is reserved for memcpy ({names} {verb})")
