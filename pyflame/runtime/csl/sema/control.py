"""Statements and control flow: executed at compile time where possible, else emitted."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.diagnostics import Abort, Note, TooManyErrors
from pyflame.runtime.csl.sema import types as T
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
from pyflame.runtime.csl.sema.join import Join
from pyflame.runtime.csl.sema.memory import in_memory, store
from pyflame.runtime.csl.sema.values import (
    VOID_VALUE,
    Const,
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
    return _labelled(s, node, None)[1]


@contextmanager
def entered_loop(s: Sema, loop: Loop, span: Span) -> Iterator[None]:
    """Inside a loop or labelled block."""
    if loop.label and any(other.label == loop.label for other in s.frame.loops):
        raise s.fail(span, f"label '{loop.label}' is that of an enclosing loop or block already")
    s.frame.loops.append(loop)
    try:
        yield
    finally:
        s.frame.loops.pop()


def _labelled(s: Sema, node: ast.Block, hint: T.Type | None) -> tuple[Value, Signal | None]:
    """The value that breaks give a labelled block, and how control goes on."""
    join = None if s.frame.comptime else Join(s, "the block", hint, node.span)
    loop = Loop(node.label, join is not None, join)
    loop.is_block = True
    with entered_loop(s, loop, node.span):
        signal = statements(s, node.statements)
    if join is None:
        left = signal is not None and signal.target is loop
        return (signal.value if left and signal else None) or VOID_VALUE, None if left else signal
    return finish_block(s, loop, signal, node.span)


def finish_block(
    s: Sema, loop: Loop, signal: Signal | None, span: Span
) -> tuple[Value, Signal | None]:
    """The end of a block at run time: where its breaks meet."""
    assert loop.join is not None
    if signal is None:
        loop.join.must_be_void(
            Note("the block has no value where control reaches its end without 'break'", span)
        )
    if loop.end.used:
        s.emitter(None).place(loop.end)
    value = loop.join.finish(span, surely=signal is not None)
    return value, None if loop.end.used else signal


def statements(s: Sema, nodes: Sequence[ast.Stmt]) -> Signal | None:
    """Statements of one scope, up to the first that leaves it; one error does not hide the next."""
    frame = s.frame
    outer, frame.mark = frame.mark, len(frame.undo)
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
        s.leave(frame, frame.mark)
        frame.mark = outer
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
        with s.branch():
            signal = _branch(s, current.then)
        if signal is None:
            flows = True
            if current.otherwise is not None:
                emitter.jump(Op.JMP, end)
        emitter.place(otherwise)
        current = current.otherwise
    if end is None:
        return None if current is None else _branch(s, current)
    with s.branch():
        signal = None if current is None else _branch(s, current)
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
    hint, s.hint = s.hint, None
    test = condition(s, node.condition)
    if isinstance(test, Const):
        taken = node.then if test.value else node.otherwise
        if taken is None:
            return VOID_VALUE
        return _arm(s, taken, hint)
    return _choose(s, test, node, hint)


def _choose(s: Sema, test: Value, node: ast.IfExpr, hint: T.Type | None) -> Value:
    """Both branches at run time, each writing the same result."""
    emitter = s.emitter(node.span)
    join = Join(s, "'if'", hint, node.span)
    otherwise, end = Label(), Label()
    emitter.jump(Op.JZ, otherwise, s.register(test))
    with s.branch():
        join.give(_arm(s, node.then, hint), node.then.span)
    emitter.jump(Op.JMP, end)
    emitter.place(otherwise)
    if node.otherwise is None:
        join.must_be_void(Note("without 'else' there is no value when it is false", node.span))
    else:
        with s.branch():
            join.give(_arm(s, node.otherwise, hint), node.otherwise.span)
    emitter.place(end)
    return join.finish(node.span, surely=False)


def _arm(s: Sema, node: ast.Expr, hint: T.Type | None) -> Value:
    return s.eval(node) if hint is None else s.eval_as(node, hint)


# Switch


def switch_statement(s: Sema, node: ast.Switch) -> Signal | None:
    """``switch`` whose cases are statements."""
    operand, cases = _cases(s, node)
    if isinstance(operand, Const):
        return _branch(s, _selected(cases, operand).body)
    return _runtime_switch(s, node, operand, cases, lambda body: _branch(s, body))


@evaluates(ast.Switch)
def switch_value(s: Sema, node: ast.Switch) -> Value:
    """``switch`` whose cases are values."""
    hint, s.hint = s.hint, None
    operand, cases = _cases(s, node)
    if isinstance(operand, Const):
        body = _selected(cases, operand).body
        value = _case_value(s, body, hint)
        if isinstance(value, Signal):
            raise s.fail(body.span, "this case leaves without giving the switch a value")
        return value
    join = Join(s, "'switch'", hint, node.span)

    def give(body: ast.Stmt) -> Signal | None:
        value = _case_value(s, body, hint)
        if isinstance(value, Signal):
            return value
        join.give(value, body.span)
        return None

    _runtime_switch(s, node, operand, cases, give)
    return join.finish(node.span, surely=False)


Cases = list[tuple[ast.SwitchCase, list[Const]]]
"""Each case with its known values; ``else`` has none."""


def _cases(s: Sema, node: ast.Switch) -> tuple[Value, Cases]:
    """The operand and the cases, which must be distinct and cover every value of its type."""
    operand = s.eval(node.operand)
    type_ = operand.type
    if not isinstance(type_, T.IntType | T.EnumType):
        wanted = "an integer of fixed width or an enum"
        raise s.fail(node.operand.span, f"'switch' needs {wanted}, found {describe(operand)}")
    cases: Cases = []
    seen: dict[int, Span] = {}
    default: ast.SwitchCase | None = None
    for case in node.cases:
        values: list[Const] = []
        for pattern in case.patterns:
            value = s.known(s.eval_as(pattern, type_), pattern.span, "value of a case")
            assert isinstance(value, Const)
            if value.value in seen:
                note = Note("the first case is here", seen[value.value])
                raise s.fail(pattern.span, "this value stands in two cases of the switch", note)
            seen[value.value] = pattern.span
            values.append(value)
        if not case.patterns:
            if default is not None:
                raise s.fail(case.span, "the switch has two 'else'", Note("first", default.span))
            default = case
        cases.append((case, values))
    missing = "" if default is not None else _uncovered(type_, seen)
    if missing:
        raise s.fail(node.span, f"'switch' must cover every case: {missing}; add 'else =>'")
    return operand, cases


def _uncovered(type_: T.IntType | T.EnumType, seen: Container[int]) -> str:
    """Which values of a type are missing in `seen`, in words; empty when none is."""
    if isinstance(type_, T.EnumType):
        missing = [name for name, value in type_.members.items() if value not in seen]
        return f"{', '.join(missing)} of {type_} is missing" if missing else ""
    every = range(type_.low, type_.high + 1)
    if len(every) <= 1 << 16 and all(value in seen for value in every):
        return ""
    return f"values of {type_} are missing"


def _selected(cases: Cases, operand: Const) -> ast.SwitchCase:
    """The case that a known operand selects; they cover every value."""
    chosen = next((case for case, _ in cases if not case.patterns), None)
    for case, values in cases:
        if any(value.value == operand.value for value in values):
            chosen = case
    assert chosen is not None
    return chosen


def _runtime_switch(
    s: Sema,
    node: ast.Switch,
    operand: Value,
    cases: Cases,
    do: Callable[[ast.Stmt], Signal | None],
) -> Signal | None:
    emitter = s.emitter(node.span)
    end = Label()
    flows = False
    ordered = sorted(cases, key=lambda c: not c[1])
    for case, values in ordered:
        after = Label()
        if values and case is not ordered[-1][0]:
            body = Label()
            for value, pattern in zip(values, case.patterns, strict=True):
                test = binary_values(s, "==", operand, value, pattern.span)
                emitter.jump(Op.JNZ, body, s.register(test))
            emitter.jump(Op.JMP, after)
            emitter.place(body)
        with s.branch():
            signal = do(case.body)
        if signal is None:
            flows = True
            emitter.jump(Op.JMP, end)
        emitter.place(after)
    emitter.place(end)
    return None if flows else DEAD


def _case_value(s: Sema, body: ast.Stmt, hint: T.Type | None) -> Value | Signal:
    """The value of a case, or the signal of one that leaves."""
    if isinstance(body, ast.ExprStmt):
        return _arm(s, body.value, hint)
    if isinstance(body, ast.Block) and body.label:
        return _arm(s, ast.BlockExpr(body.span, body), hint)
    return _branch(s, body) or VOID_VALUE


@evaluates(ast.BlockExpr)
def block_expression(s: Sema, node: ast.BlockExpr) -> Value:
    """``label: { … break :label value; }``."""
    hint, s.hint = s.hint, None
    value, signal = _labelled(s, node.block, hint)
    if signal is not None and signal.kind != "break":
        raise s.fail(node.span, f"the block leaves without 'break :{node.block.label} value'")
    return value


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
    if frame.inline is not None:
        return _leave(s, frame.inline, value, node.span)
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
    value: Value = VOID_VALUE
    if node.value is not None:
        value = _arm(s, node.value, None if loop.join is None else loop.join.hint)
        if not loop.is_block and value.type is not T.VOID:
            raise s.fail(node.value.span, "a loop has no value: only a labelled block has")
    if s.frame.comptime or not loop.runtime:
        return Signal("break", loop, detached(value))
    return _leave(s, loop, value, node.span if node.value is None else node.value.span)


def _leave(s: Sema, loop: Loop, value: Value, span: Span) -> Signal:
    """Jump behind a loop or block, with a value."""
    if loop.join is not None:
        loop.join.give(value, span)
    s.emitter(span).jump(Op.JMP, loop.end)
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
