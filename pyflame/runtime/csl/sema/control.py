"""Statements and control flow: executed at compile time where possible, else emitted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.diagnostics import Abort, TooManyErrors
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.coerce import coerce, common_type
from pyflame.runtime.csl.sema.core import (
    DEAD,
    Loop,
    Sema,
    Signal,
    describe,
    evaluates,
    executes,
)
from pyflame.runtime.csl.sema.emit import Label
from pyflame.runtime.csl.sema.expr import binary_values
from pyflame.runtime.csl.sema.memory import in_memory, store
from pyflame.runtime.csl.sema.values import (
    VOID_VALUE,
    Const,
    Reg,
    Slot,
    Value,
    detached,
)
from pyflame.runtime.csl.source import Span
from pyflame.runtime.fabric.isa import Op

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


# Conditions


def condition(s: Sema, node: ast.Expr) -> Value:
    """A condition: a bool, known or not."""
    return s.eval_as(node, T.BOOL)


@executes(ast.If)
def if_statement(s: Sema, node: ast.If) -> Signal | None:
    """``if``: with a known condition only the taken branch is looked at."""
    emitter = s.frame.emitter
    end: Label | None = None
    flows = False
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
        end = end or Label()
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
    if end is None:
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
