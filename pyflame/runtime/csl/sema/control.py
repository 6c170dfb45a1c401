"""Statements and control flow: executed at compile time where possible, else emitted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.diagnostics import Abort, Note, TooManyErrors
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.coerce import coerce, common_type
from pyflame.runtime.csl.sema.core import (
    DEAD,
    Binding,
    Entity,
    Loop,
    Sema,
    Signal,
    describe,
    evaluates,
    executes,
)
from pyflame.runtime.csl.sema.emit import Label
from pyflame.runtime.csl.sema.expr import binary_values, zeros
from pyflame.runtime.csl.sema.memory import assign, new_local, store
from pyflame.runtime.csl.sema.values import (
    VOID_VALUE,
    ArrayData,
    Cell,
    Const,
    ConstData,
    Mem,
    RangeData,
    RangeValue,
    Reg,
    Slot,
    Struct,
    Tuple,
    Value,
    detached,
    element,
    is_known,
    owned,
)
from pyflame.runtime.csl.source import Span
from pyflame.runtime.fabric.isa import Op

MODIFIERS = frozenset(
    ["increment_dsd_offset", "set_dsd_base_addr", "set_dsd_length", "set_dsd_stride"]
)
"""Builtins that give a changed copy of a DSD."""

# Blocks


@executes(ast.Block)
def block(s: Sema, node: ast.Block) -> Signal | None:
    """``{ … }`` with or without a label."""
    if not node.label:
        return statements(s, node.statements)
    loop = Loop(node.label, runtime=not s.frame.comptime, is_block=True)
    return _finish_labelled(s, loop, lambda: statements(s, node.statements))


def _finish_labelled(s: Sema, loop: Loop, body: Callable[[], Signal | None]) -> Signal | None:
    s.frame.loops.append(loop)
    try:
        signal = body()
    finally:
        s.frame.loops.pop()
    if loop.runtime and loop.end.used:
        s.emitter(None).place(loop.end)
        return None
    if signal is not None and signal.target is loop:
        return None
    return signal


def statements(s: Sema, nodes: Sequence[ast.Stmt]) -> Signal | None:
    """Statements of one scope, up to the first that leaves it; one error does not hide the next."""
    frame = s.frame
    mark = len(frame.undo)
    emitter = frame.emitter
    registers = emitter.next_register if emitter is not None else 0
    failed: Abort | None = None
    signal = None
    try:
        for node in nodes:
            try:
                signal = s.execute(node)
            except TooManyErrors:
                raise
            except Abort as error:
                if frame.comptime:
                    raise
                failed = error
                declare_failed(s, node)
                continue
            if signal is not None:
                break
    finally:
        s.leave(frame, mark)
        if emitter is not None:
            emitter.next_register = registers
    if failed is not None:
        raise failed
    return signal


def declare_failed(s: Sema, node: ast.Stmt) -> None:
    """A broken declaration must not make every later use of its name an error of its own."""
    if isinstance(node, ast.VarDecl):
        s.declare(node.name, FailedEntity(), False, node.span)


class FailedEntity(Value):
    """Stands for a name whose declaration has an error that is already reported."""

    __slots__ = ()

    @property
    def type(self) -> T.Type:  # pyright: ignore[reportIncompatibleVariableOverride]
        raise Abort


@executes(ast.ComptimeBlock)
def comptime_block(s: Sema, node: ast.ComptimeBlock) -> Signal | None:
    """``comptime { … }``."""
    with s.comptime():
        return s.execute(node.body)


@executes(ast.ExprStmt)
def expression_statement(s: Sema, node: ast.ExprStmt) -> Signal | None:
    """An expression whose value, if it has one, is dropped."""
    value = node.value
    if isinstance(value, ast.Switch):
        return switch_statement(s, value)
    emitter = s.frame.emitter
    registers = emitter.next_register if emitter is not None else 0
    s.eval(value)
    if emitter is not None:
        emitter.next_register = registers
    return None


# Declarations


@executes(ast.VarDecl)
def local_variable(s: Sema, node: ast.VarDecl) -> Signal | None:
    """A local ``const`` or ``var``."""
    if node.kind == "param":
        raise s.fail(node.span, "a param stands at file level only")
    if node.linkage:
        raise s.fail(node.span, f"'{node.linkage}' stands at file level only")
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


def _local_entity(s: Sema, node: ast.VarDecl, register: int) -> Entity:
    type_ = None if node.type is None else s.type(node.type)
    if s.frame.comptime or node.comptime:
        with s.comptime():
            value = _initial(s, node, type_)
        s.known(value, node.span, "variable")
        return _comptime_entity(node, type_ or value.type, value)
    if node.init is None and node.kind == "var" and type_ is not None:
        return _uninitialised(s, node, type_, register)
    value = _initial(s, node, type_)
    if node.kind == "const" and is_known(value):
        return _comptime_entity(node, value.type, value)
    return _runtime_entity(s, node, value, register)


def _initial(s: Sema, node: ast.VarDecl, type_: T.Type | None) -> Value:
    if node.init is None:
        if type_ is None or node.kind == "const":
            need = "a value" if node.kind == "const" else "a type or a value"
            raise s.fail(node.span, f"'{node.name}' needs {need}")
        return zeros(s, type_, node.span)
    value = s.eval(node.init) if type_ is None else s.eval_as(node.init, type_)
    if value.type is T.VOID and type_ is not T.VOID:
        raise s.fail(node.init.span, f"'{node.name}' cannot hold {describe(value)}")
    return detached(value)


def _comptime_entity(node: ast.VarDecl, type_: T.Type, value: Value) -> Entity:
    if node.kind == "const":
        if isinstance(type_, T.ArrayType | T.StructType):
            return ConstData(node.name, value, node.span)
        return value
    return Cell(type_, owned(value), node.span)


def _uninitialised(s: Sema, node: ast.VarDecl, type_: T.Type, register: int) -> Entity:
    """``var x: T;``: zero, as everything else that is not initialised."""
    if isinstance(type_, T.DsdType):
        return Slot(type_, s.unit.new_slot())
    return _runtime_entity(s, node, zeros(s, type_, node.span), register)


def _runtime_entity(s: Sema, node: ast.VarDecl, value: Value, register: int) -> Entity:
    type_ = value.type
    if isinstance(type_, T.DsdType):
        if isinstance(value, Slot) and value.fresh:
            return Slot(type_, value.slot)
        place: Entity = Slot(type_, s.unit.new_slot())
        store(s, place, value, node.span)
        return place
    if isinstance(value, Struct | Tuple) and type_ in (T.ANON_STRUCT, T.TUPLE):
        if node.kind == "const":
            return _kept(s, value)
        raise s.fail(node.span, f"a run-time variable cannot have type {type_}: declare a struct")
    if type_.comptime_only:
        raise s.fail(
            node.span,
            f"'{node.name}' has type {type_}, which exists at compile time only; give it a type "
            f"such as u16, or declare it 'comptime {node.kind}'",
        )
    if type_.code is not None and node.name not in s.frame.addressed:
        s.emitter(node.span).move(register, s.register(value, node.span))
        return Reg(type_, register)
    align = 0 if node.align is None else s.integer(node.align, "an alignment")
    memory = new_local(s, type_, node.name, node.span, align)
    store(s, memory, value, node.span)
    if node.kind == "const":
        return Mem(type_, None, memory.storage, 0, const=True)
    return memory


def _kept(s: Sema, value: Value) -> Value:
    """A struct whose run-time fields no longer depend on variables or temporaries."""
    if isinstance(value, Struct):
        return Struct(value.type, {k: _kept(s, v) for k, v in value.fields.items()})
    if isinstance(value, Tuple):
        return Tuple(tuple([_kept(s, v) for v in value.items]))
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
    value = binary_values(s, node.op[:-1], current, s.eval(node.value), node.span)
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


# Conditions


def condition(s: Sema, node: ast.Expr) -> Value:
    """A condition: a bool, known or not."""
    return s.eval_as(node, T.BOOL)


@executes(ast.If)
def if_statement(s: Sema, node: ast.If) -> Signal | None:
    """``if``: with a known condition only the taken branch is looked at."""
    emitter = s.frame.emitter
    end = Label()
    emitting = flows = False
    current: ast.Stmt | None = node
    while isinstance(current, ast.If):
        registers = emitter.next_register if emitter is not None else 0
        test = condition(s, current.condition)
        if isinstance(test, Const):
            if test.value:
                current = current.then
                break
            current = current.otherwise
            continue
        emitter = s.emitter(current.condition.span)
        emitting = True
        otherwise = Label()
        emitter.jump(Op.JZ, otherwise, s.register(test))
        emitter.next_register = registers
        if _branch(s, current.then) is None:
            flows = True
            if current.otherwise is not None:
                emitter.jump(Op.JMP, end)
        emitter.place(otherwise)
        current = current.otherwise
    signal = None if current is None else _branch(s, current)
    if not emitting:
        return signal
    if end.used:
        s.emitter(None).place(end)
    return None if flows or signal is None else DEAD


def _branch(s: Sema, node: ast.Stmt) -> Signal | None:
    if isinstance(node, ast.Block):
        return s.execute(node)
    return statements(s, (node,))


@evaluates(ast.IfExpr)
def if_expression(s: Sema, node: ast.IfExpr) -> Value:
    """``if (c) a else b`` as a value."""
    hint = s.hint
    s.hint = None
    test = condition(s, node.condition)
    s.hint = hint
    if isinstance(test, Const):
        taken = node.then if test.value else node.otherwise
        if taken is None:
            return VOID_VALUE
        return s.eval(taken) if hint is None else s.eval_as(taken, hint)
    if node.otherwise is None:
        raise s.fail(node.span, "without 'else' the condition must be known at compile time")
    return _choose(s, test, node, hint)


def _choose(s: Sema, test: Value, node: ast.IfExpr, hint: T.Type | None) -> Value:
    """Both branches at run time, each writing the same result."""
    assert node.otherwise is not None
    emitter = s.emitter(node.span)
    result = emitter.register()
    otherwise, end = Label(), Label()
    emitter.jump(Op.JZ, otherwise, s.register(test))
    start = emitter.mark()
    first = s.eval(node.then) if hint is None else s.eval_as(node.then, hint)
    if hint is None and first.type in (T.COMPTIME_INT, T.COMPTIME_FLOAT):
        # The other branch decides the type; its code is emitted once it is known.
        second = s.eval(node.otherwise)
        emitter.rollback(start)
        type_ = common_type(s, first, second, node.span, "the branches of 'if'")
        first = coerce(s, first, type_, node.then.span)
    type_ = first.type
    if type_.code is None:
        raise s.fail(node.span, f"a run-time 'if' cannot give a value of type {type_}")
    emitter.emit(Op.MOV, result, s.register(first))
    emitter.jump(Op.JMP, end)
    emitter.place(otherwise)
    second = s.eval_as(node.otherwise, type_)
    emitter.emit(Op.MOV, result, s.register(second))
    emitter.place(end)
    return Reg(type_, result)


# Switch


def _selected(s: Sema, node: ast.Switch) -> tuple[Value, ast.SwitchCase | None]:
    """The operand, and the case it selects when it is known."""
    operand = s.eval(node.operand)
    if not isinstance(operand, Const):
        return operand, None
    for case in node.cases:
        if not case.patterns:
            return operand, case
        for pattern in case.patterns:
            test = binary_values(s, "==", operand, s.eval(pattern), pattern.span)
            if isinstance(test, Const) and test.value:
                return operand, case
    raise s.fail(node.span, f"no case of the switch takes {describe(operand)}; add 'else =>'")


def switch_statement(s: Sema, node: ast.Switch) -> Signal | None:
    """``switch`` whose cases are statements."""
    operand, selected = _selected(s, node)
    if selected is not None:
        return _branch(s, selected.body)
    return _runtime_switch(s, node, operand, lambda body: _branch(s, body))


def _runtime_switch(
    s: Sema, node: ast.Switch, operand: Value, do: Callable[[ast.Stmt], Signal | None]
) -> Signal | None:
    emitter = s.emitter(node.span)
    end = Label()
    flows = not _exhaustive(s, node, operand)
    for case in sorted(node.cases, key=lambda c: not c.patterns):
        after = Label()
        if case.patterns:
            body = Label()
            for pattern in case.patterns:
                test = binary_values(s, "==", operand, s.eval(pattern), pattern.span)
                emitter.jump(Op.JNZ, body, s.register(test))
            emitter.jump(Op.JMP, after)
            emitter.place(body)
        if do(case.body) is None:
            flows = True
            emitter.jump(Op.JMP, end)
        emitter.place(after)
    emitter.place(end)
    return None if flows else DEAD


def _exhaustive(s: Sema, node: ast.Switch, operand: Value) -> bool:
    if any(not case.patterns for case in node.cases):
        return True
    if isinstance(operand.type, T.EnumType):
        seen = [s.eval(p) for case in node.cases for p in case.patterns]
        values = {v.value for v in seen if isinstance(v, Const)}
        return values >= set(operand.type.members.values())
    return False


@evaluates(ast.Switch)
def switch_value(s: Sema, node: ast.Switch) -> Value:
    """``switch`` whose cases are values."""
    hint, s.hint = s.hint, None
    operand, selected = _selected(s, node)
    if selected is not None:
        return _case_value(s, selected.body, hint)
    if not _exhaustive(s, node, operand):
        raise s.fail(node.span, "a switch with a value must cover every case; add 'else =>'")
    type_ = hint or _switch_type(s, node)
    result = s.emitter(node.span).register()

    def give(body: ast.Stmt) -> Signal | None:
        value = _case_value(s, body, type_)
        s.emitter(node.span).emit(Op.MOV, result, s.register(value))
        return None

    _runtime_switch(s, node, operand, give)
    return Reg(type_, result)


def _case_value(s: Sema, body: ast.Stmt, hint: T.Type | None) -> Value:
    if not isinstance(body, ast.ExprStmt):
        raise s.fail(body.span, "a case of a switch with a value must be an expression")
    return s.eval(body.value) if hint is None else s.eval_as(body.value, hint)


def _switch_type(s: Sema, node: ast.Switch) -> T.Type:
    """The type of a run-time switch from the first case that has one of its own."""
    emitter = s.emitter(node.span)
    start = emitter.mark()
    try:
        for case in node.cases:
            type_ = _case_value(s, case.body, None).type
            if type_.code is not None:
                return type_
    finally:
        emitter.rollback(start)
    raise s.fail(node.span, "the cases of a run-time switch need a type: convert one with @as")


@evaluates(ast.BlockExpr)
def block_expression(s: Sema, node: ast.BlockExpr) -> Value:
    """``label: { … break :label value; }``."""
    hint, s.hint = s.hint, None
    loop = Loop(node.block.label, runtime=not s.frame.comptime, is_block=True)
    loop_result: list[Value] = loop.result
    if loop.runtime and hint is not None and hint.code is not None:
        loop_result.append(Reg(hint, s.emitter(node.span).register()))
    s.frame.loops.append(loop)
    try:
        signal = statements(s, node.block.statements)
    finally:
        s.frame.loops.pop()
    if signal is not None and signal.target is loop and not loop.end.used:
        return signal.value or VOID_VALUE
    if loop.runtime and loop.end.used:
        s.emitter(None).place(loop.end)
        if loop_result:
            return loop_result[0]
        return VOID_VALUE
    if signal is not None:
        raise s.fail(node.span, f"the block leaves without 'break :{loop.label} value'")
    return VOID_VALUE


# Leaving


@executes(ast.Return)
def return_statement(s: Sema, node: ast.Return) -> Signal | None:
    """``return x;``."""
    frame = s.frame
    if frame.result is None:
        raise s.fail(node.span, "'return' stands outside a function")
    value: Value = VOID_VALUE
    if node.value is not None:
        value = s.eval_as(node.value, frame.result)
    elif frame.result is not T.VOID:
        raise s.fail(node.span, f"the function returns {frame.result}, 'return' has no value")
    if frame.comptime:
        return Signal("return", None, detached(value))
    emit_return(s, value, node.span)
    return DEAD


def emit_return(s: Sema, value: Value, span: Span) -> None:
    """Leave the function being compiled with a value."""
    emitter = s.emitter(span)
    if value.type is T.VOID:
        emitter.emit(Op.RET, -1)
        return
    function = s.frame.function
    if isinstance(value.type, T.DsdType):
        assert function is not None
        store(s, Slot(value.type, function.result_slot), value, span)
        emitter.emit(Op.RET, -1)
        return
    if value.type.code is None:
        from pyflame.runtime.csl.sema.memory import in_memory

        emitter.emit(Op.RET, s.address(in_memory(s, value, span)))
        return
    emitter.emit(Op.RET, s.register(value, span))


def _find_loop(s: Sema, label: str, span: Span, word: str) -> Loop:
    for loop in reversed(s.frame.loops):
        if loop.label == label if label else not loop.is_block:
            return loop
    what = f"no enclosing block or loop has the label '{label}'" if label else "there is no loop"
    raise s.fail(span, f"'{word}' cannot leave: {what}")


@executes(ast.Break)
def break_statement(s: Sema, node: ast.Break) -> Signal | None:
    """``break``: a jump at run time, a signal at compile time."""
    loop = _find_loop(s, node.label, node.span, "break")
    value = None
    if node.value is not None:
        type_ = loop.result[0].type if loop.result else None
        value = s.eval(node.value) if type_ is None else s.eval_as(node.value, type_)
    if s.frame.comptime or not loop.runtime:
        return Signal("break", loop, value)
    emitter = s.emitter(node.span)
    if value is not None:
        if not loop.result:
            if value.type.code is None:
                raise s.fail(node.span, f"a run-time block cannot give {describe(value)}")
            loop.result.append(Reg(value.type, emitter.register()))
        place = loop.result[0]
        assert isinstance(place, Reg)
        emitter.emit(Op.MOV, place.reg, s.register(value))
    emitter.jump(Op.JMP, loop.end)
    return Signal("break", loop, value)


@executes(ast.Continue)
def continue_statement(s: Sema, node: ast.Continue) -> Signal | None:
    """``continue``."""
    loop = _find_loop(s, node.label, node.span, "continue")
    if loop.is_block:
        raise s.fail(node.span, f"'{node.label}' is a block: only loops can continue")
    if not s.frame.comptime and loop.runtime:
        s.emitter(node.span).jump(Op.JMP, loop.next)
    return Signal("continue", loop)


# Loops


@executes(ast.While)
def while_statement(s: Sema, node: ast.While) -> Signal | None:
    """``while``: run at compile time, unrolled when inline, else emitted."""
    if s.frame.comptime:
        return _comptime_while(s, node)
    loop = Loop(node.label, runtime=True)
    s.frame.loops.append(loop)
    try:
        if node.inline:
            return _unrolled_while(s, node, loop)
        return _runtime_while(s, node, loop)
    finally:
        s.frame.loops.pop()


def _comptime_while(s: Sema, node: ast.While) -> Signal | None:
    loop = Loop(node.label, runtime=False)
    s.frame.loops.append(loop)
    try:
        while True:
            s.compilation.step(node.span)
            test = condition(s, node.condition)
            if not s.known(test, node.condition.span, "condition").value:  # pyright: ignore
                return None
            signal = statements(s, node.body.statements)
            if signal is not None and not (signal.kind == "continue" and signal.target is loop):
                return None if signal.target is loop else signal
            if node.step is not None:
                s.execute(node.step)
    finally:
        s.frame.loops.pop()


def _unrolled_while(s: Sema, node: ast.While, loop: Loop) -> Signal | None:
    emitter = s.emitter(node.span)
    signal: Signal | None = None
    while True:
        s.compilation.step(node.span)
        test = condition(s, node.condition)
        if not s.known(test, node.condition.span, "condition of 'inline while'").value:  # pyright: ignore
            break
        loop.next = Label()
        signal = statements(s, node.body.statements)
        if signal is not None and not loop.next.used:
            break
        if loop.next.used:
            emitter.place(loop.next)
        if node.step is not None:
            with s.comptime():
                s.execute(node.step)
    return _after_loop(s, loop, signal)


def _after_loop(s: Sema, loop: Loop, signal: Signal | None) -> Signal | None:
    """Place the end of an unrolled loop; code goes on unless every path left further out."""
    if loop.end.used:
        s.emitter(None).place(loop.end)
        return None
    return signal if signal is not None and signal.target is not loop else None


def _runtime_while(s: Sema, node: ast.While, loop: Loop) -> Signal | None:
    emitter = s.emitter(node.span)
    registers = emitter.next_register
    head = Label()
    emitter.place(head)
    test = condition(s, node.condition)
    endless = isinstance(test, Const) and test.value
    if isinstance(test, Const) and not test.value:
        return None
    if not endless:
        emitter.jump(Op.JZ, loop.end, s.register(test))
    emitter.next_register = registers
    statements(s, node.body.statements)
    emitter.place(loop.next)
    if node.step is not None:
        s.execute(node.step)
    emitter.jump(Op.JMP, head)
    emitter.place(loop.end)
    return DEAD if endless and not loop.end.used else None


@executes(ast.For)
def for_statement(s: Sema, node: ast.For) -> Signal | None:
    """``for`` over a range, an array or a tuple."""
    iterable = s.load(s.ref(node.iterable))
    if isinstance(iterable.type, T.PointerType):
        from pyflame.runtime.csl.sema.memory import deref

        iterable = s.load(deref(s, iterable, node.iterable.span))
    if s.frame.comptime:
        return _comptime_for(s, node, _known_items(s, iterable, node))
    loop = Loop(node.label, runtime=True)
    s.frame.loops.append(loop)
    try:
        if node.inline or isinstance(iterable, Tuple):
            return _unrolled_for(s, node, loop, _known_items(s, iterable, node))
        return _runtime_for(s, node, loop, iterable)
    finally:
        s.frame.loops.pop()


def _known_items(s: Sema, iterable: Value, node: ast.For) -> Sequence[Value] | _RangeItems:
    if isinstance(iterable, Tuple):
        return iterable.items
    if isinstance(iterable, Mem) and isinstance(iterable.type, T.ArrayType):
        type_ = iterable.type
        return [
            s.load(iterable.at(type_.element, i * type_.element.size)) for i in range(type_.count)
        ]
    value = s.known(iterable, node.iterable.span, "loop's range")
    if isinstance(value, Const) and isinstance(value.value, RangeData):
        return _RangeItems(value.value)
    if isinstance(value, Const) and isinstance(value.value, ArrayData):
        assert isinstance(value.type, T.ArrayType)
        inner = value.type.element
        return [element(inner, item) for item in value.value.items]
    raise s.fail(node.iterable.span, f"'for' walks a range or an array, found {describe(iterable)}")


class _RangeItems:
    """The items of a known range, made one by one."""

    def __init__(self, data: RangeData) -> None:
        self.data = data

    def __iter__(self):
        type_ = self.data.element
        for item in self.data.range:
            yield Const(type_, item)


def _comptime_for(s: Sema, node: ast.For, items: Sequence[Value] | _RangeItems) -> Signal | None:
    frame = s.frame
    loop = Loop(node.label, runtime=False)
    frame.loops.append(loop)
    mark = len(frame.undo)
    try:
        for number, item in enumerate(items):
            s.compilation.step(node.span)
            s.declare(node.variable, item, False, node.span)
            if node.index:
                s.declare(node.index, Const(T.U16, number), False, node.span)
            signal = statements(s, node.body.statements)
            s.leave(frame, mark)
            if signal is not None and not (signal.kind == "continue" and signal.target is loop):
                return None if signal.target is loop else signal
    finally:
        s.leave(frame, mark)
        frame.loops.pop()
    return None


def _unrolled_for(
    s: Sema, node: ast.For, loop: Loop, items: Sequence[Value] | _RangeItems
) -> Signal | None:
    emitter = s.emitter(node.span)
    signal: Signal | None = None
    for number, item in enumerate(items):
        s.compilation.step(node.span)
        loop.next = Label()
        with s.scope():
            s.declare(node.variable, item, False, node.span)
            if node.index:
                s.declare(node.index, Const(T.U16, number), False, node.span)
            signal = statements(s, node.body.statements)
        if signal is not None and not loop.next.used:
            break
        if loop.next.used:
            emitter.place(loop.next)
    return _after_loop(s, loop, signal)


def _runtime_for(s: Sema, node: ast.For, loop: Loop, iterable: Value) -> Signal | None:
    emitter = s.emitter(node.span)
    registers = emitter.next_register
    start, stop, step, type_ = _bounds(s, iterable, node)
    counter = emitter.register()
    limit = emitter.register()
    number = emitter.register() if node.index else -1
    emitter.move(counter, s.register(start))
    emitter.move(limit, s.register(stop))
    stride = emitter.register()
    emitter.move(stride, s.register(step))
    if number >= 0:
        emitter.emit(Op.LDI, number, d=0)
    head, test = Label(), emitter.register()
    emitter.place(head)
    down = isinstance(step, Const) and step.value < 0
    emitter.emit(Op.GT if down else Op.LT, test, counter, limit, t=T.I64.code or 0)
    emitter.jump(Op.JZ, loop.end, test)
    with s.scope():
        item: Entity = Reg(type_, counter)
        if isinstance(iterable, Mem):
            item = _copy_item(s, iterable, counter)
        elif isinstance(iterable, Const) and isinstance(iterable.value, ArrayData):
            from pyflame.runtime.csl.sema.memory import in_memory

            item = _copy_item(s, in_memory(s, iterable, node.iterable.span), counter)
        s.declare(node.variable, item, False, node.span)
        if number >= 0:
            s.declare(node.index, Reg(T.U16, number), False, node.span)
        statements(s, node.body.statements)
    emitter.place(loop.next)
    emitter.emit(Op.ADD, counter, counter, stride, t=T.I64.code or 0)
    if number >= 0:
        one = emitter.constant(1)
        emitter.emit(Op.ADD, number, number, one, t=T.I64.code or 0)
    emitter.jump(Op.JMP, head)
    emitter.place(loop.end)
    emitter.next_register = registers
    return None


def _bounds(s: Sema, iterable: Value, node: ast.For) -> tuple[Value, Value, Value, T.Type]:
    if isinstance(iterable, RangeValue):
        return iterable.start, iterable.stop, iterable.step, iterable.element
    if isinstance(iterable, Const) and isinstance(iterable.value, RangeData):
        data = iterable.value
        if data.element.code is None:
            raise s.fail(node.iterable.span, "a run-time range needs a type such as u16")
        bounds = (data.range.start, data.range.stop, data.range.step)
        start, stop, step = (Const(T.I64, n) for n in bounds)
        return start, stop, step, data.element
    if isinstance(iterable.type, T.ArrayType):
        count = iterable.type.count
        zero, one = Const(T.I64, 0), Const(T.I64, 1)
        return zero, Const(T.I64, count), one, T.U16
    raise s.fail(node.iterable.span, f"'for' walks a range or an array, found {describe(iterable)}")


def _copy_item(s: Sema, array: Mem, counter: int) -> Value:
    from pyflame.runtime.csl.sema.memory import element_place

    assert isinstance(array.type, T.ArrayType)
    inner = array.type.element
    return s.load(element_place(s, array, inner, Reg(T.U16, counter), s.compilation.current))
