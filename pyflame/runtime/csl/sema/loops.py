"""Loops: run at compile time, unrolled, or emitted."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from pyflame.arch.cycles import UNROLLED_TRIPS
from pyflame.runtime.csl import ast
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.control import condition, entered_loop, statements
from pyflame.runtime.csl.sema.core import (
    DEAD,
    Entity,
    Loop,
    Sema,
    Signal,
    describe,
    executes,
)
from pyflame.runtime.csl.sema.emit import Label
from pyflame.runtime.csl.sema.memory import (
    deref,
    element_place,
    in_memory,
)
from pyflame.runtime.csl.sema.values import (
    ArrayData,
    Const,
    Mem,
    RangeData,
    RangeValue,
    Reg,
    Tuple,
    Value,
    element,
)
from pyflame.runtime.fabric.isa import Op


@executes(ast.While)
def while_statement(s: Sema, node: ast.While) -> Signal | None:
    """``while``: run at compile time, unrolled when inline, else emitted."""
    if s.frame.comptime:
        return _comptime_while(s, node)
    loop = Loop(node.label, runtime=True)
    with entered_loop(s, loop, node.span):
        if node.inline:
            return _unrolled_while(s, node, loop)
        return _runtime_while(s, node, loop)


def _comptime_while(s: Sema, node: ast.While) -> Signal | None:
    loop = Loop(node.label, runtime=False)
    with entered_loop(s, loop, node.span):
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


def _unrolled_while(s: Sema, node: ast.While, loop: Loop) -> Signal | None:
    emitter = s.emitter(node.span)
    signal: Signal | None = None
    for count in itertools.count(1):
        test = condition(s, node.condition)
        if not s.known(test, node.condition.span, "condition of 'inline while'").value:  # pyright: ignore
            break
        s.compilation.unrolled(count, node.span)
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
    with s.branch():
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
        iterable = s.load(deref(s, iterable, node.iterable.span))
    if s.frame.comptime:
        return _comptime_for(s, node, _known_items(s, iterable, node))
    loop = Loop(node.label, runtime=True)
    with entered_loop(s, loop, node.span):
        if node.inline or isinstance(iterable, Tuple):
            return _unrolled_for(s, node, loop, _known_items(s, iterable, node))
        return _runtime_for(s, node, loop, iterable)


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
    mark = len(frame.undo)
    with entered_loop(s, loop, node.span):
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
    return None


def _unrolled_for(
    s: Sema, node: ast.For, loop: Loop, items: Sequence[Value] | _RangeItems
) -> Signal | None:
    emitter = s.emitter(node.span)
    signal: Signal | None = None
    for number, item in enumerate(items):
        s.compilation.unrolled(number + 1, node.span)
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
    unrolled = _trips(start, stop, step) <= UNROLLED_TRIPS
    if unrolled:
        emitter.unroll_last_jump()
    with s.scope(), s.branch():
        item: Entity = Reg(type_, counter)
        if isinstance(iterable, Mem):
            item = _copy_item(s, iterable, counter)
        elif isinstance(iterable, Const) and isinstance(iterable.value, ArrayData):
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
    if unrolled:
        emitter.unroll_last_jump()
    emitter.place(loop.end)
    emitter.next_register = registers
    return None


def _trips(start: Value, stop: Value, step: Value) -> float:
    """How often a loop runs, infinity where only the run will tell."""
    if isinstance(start, Const) and isinstance(stop, Const) and isinstance(step, Const):
        return len(range(start.value, stop.value, step.value))
    return math.inf


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

    assert isinstance(array.type, T.ArrayType)
    inner = array.type.element
    return s.load(element_place(s, array, inner, Reg(T.U16, counter), s.compilation.current))
