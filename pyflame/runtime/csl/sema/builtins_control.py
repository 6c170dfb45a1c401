"""Builtins that only WSE-3 has: flushed queues, control task tables, tasks that take turns."""

from __future__ import annotations

from dataclasses import replace

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.diagnostics import Note
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.builtins_tasks import (
    at_top_level,
    bind,
    handler,
    options_of,
    task_of,
)
from pyflame.runtime.csl.sema.core import Sema, builtin, describe
from pyflame.runtime.csl.sema.image import ImageUnit, RotatingTasks
from pyflame.runtime.csl.sema.values import VOID_VALUE, Const, Value
from pyflame.runtime.fabric.image import Rotation
from pyflame.runtime.fabric.isa import Op, TaskKind

ENTRY_INSTRUCTIONS = (2, 4, 8)
STRIDES = range(1, 8)
DEFAULT_STRIDE = 1
MAX_ROTATIONS = 2


def _only_wse3(s: Sema, node: ast.BuiltinCall) -> None:
    if not s.compilation.arch.data_tasks_by_queue:
        raise s.fail(node.span, f"@{node.name} is for wse3 only; guard it with @is_arch")


def _queue(s: Sema, node: ast.Expr) -> Value:
    value = s.eval(node)
    if value.type not in (T.INPUT_QUEUE, T.OUTPUT_QUEUE):
        raise s.fail(node.span, f"expected a queue, found {describe(value)}")
    return value


# Flushing


@builtin("queue_flush", 1)
def queue_flush(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@queue_flush(q)``: start the teardown task once the queue is empty."""
    _only_wse3(s, node)
    queue = _queue(s, node.args[0])
    emitter = s.emitter(node.span)
    output = int(queue.type is T.OUTPUT_QUEUE)
    emitter.emit(Op.QFLUSH, s.register(queue, node.span), d=output)
    return VOID_VALUE


@builtin("set_empty_queue_handler", 2)
def set_empty_queue_handler(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@set_empty_queue_handler(fn, q)``: what runs when the queue was flushed."""
    _only_wse3(s, node)
    at_top_level(s, node)
    function = handler(s, node.args[0])
    queue = s.known(_queue(s, node.args[1]), node.args[1].span, "queue")
    assert isinstance(queue, Const)
    key = (queue.type is T.OUTPUT_QUEUE, int(queue.value))
    if key in s.unit.flushed:
        raise s.fail(node.span, f"{queue.type} {queue.value} has an empty-queue handler already")
    s.unit.flushed[key] = function
    return VOID_VALUE


# Control tasks


@builtin("set_control_task_table", 0, 1)
def set_control_task_table(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@set_control_task_table(.{ .instructions = 4, .stride = 1 })``: control tasks have ids of
    their own."""
    _only_wse3(s, node)
    if s.unit.control_stride:
        raise s.fail(node.span, "@set_control_task_table is called twice")
    given = s.option(node, 0)
    options = {} if given is None else options_of(s, given)
    stride = DEFAULT_STRIDE
    for name, value in options.items():
        if name not in ("instructions", "stride"):
            raise s.fail(
                node.span, f"@set_control_task_table knows .instructions and .stride, found .{name}"
            )
        number = s.as_integer(value, node.span, f".{name}")
        allowed = ENTRY_INSTRUCTIONS if name == "instructions" else STRIDES
        if number not in allowed:
            numbers = ", ".join(map(str, allowed))
            raise s.fail(node.span, f".{name} is one of {numbers}, found {number}")
        stride = number if name == "stride" else stride
    s.unit.control_stride = stride
    return VOID_VALUE


@builtin("bind_rotating_tasks", 4)
def bind_rotating_tasks(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@bind_rotating_tasks(main, alt, id, .{ .init = 0, .limit = n })``: a data task, instead of
    which control task 0 of its queue starts after every n starts."""
    _only_wse3(s, node)
    if len(s.unit.rotating) == MAX_ROTATIONS:
        raise s.fail(node.span, f"wse3 has at most {MAX_ROTATIONS} pairs of rotating tasks")
    main, main_type = task_of(s, node.args[0], TaskKind.DATA)
    if not main_type.params:
        raise s.fail(node.args[0].span, f"data task '{main.decl.name}' needs a parameter")
    alternate, alternate_type = task_of(s, node.args[1], TaskKind.CONTROL)
    s.compilation.functions.index(s, alternate)  # compiled with the others
    number = s.const(node.args[2], T.DATA_TASK_ID, "task id")
    limit, start = _counter(s, node)
    bind(s, TaskKind.DATA, number, main, main_type, node.span)
    s.unit.rotating.append(
        RotatingTasks(number, alternate, alternate_type, limit, start, node.span)
    )
    return VOID_VALUE


def _counter(s: Sema, node: ast.BuiltinCall) -> tuple[int, int]:
    """Limit and first count of rotating tasks."""
    options = options_of(s, node.args[3])
    for name in options:
        if name not in ("init", "limit"):
            raise s.fail(node.span, f"@bind_rotating_tasks knows .init and .limit, found .{name}")
    if "limit" not in options:
        raise s.fail(node.span, "@bind_rotating_tasks needs .limit")
    limit = s.as_integer(options["limit"], node.span, ".limit")
    if not 0 <= limit < 1 << 32:
        raise s.fail(node.span, f".limit {limit} is out of range 0 to {(1 << 32) - 1}")
    start = s.as_integer(options["init"], node.span, ".init") if "init" in options else 0
    if not 0 <= start <= limit:
        raise s.fail(node.span, f".init {start} is out of range 0 to .limit {limit}")
    return limit, start


# The end of a program


def finish_control(s: Sema, unit: ImageUnit) -> None:
    """What needs all queues and tasks: tables of control tasks, tasks that take turns."""
    for queue, (table, span) in unit.control_tables.items():
        if not unit.control_stride:
            s.engine.error(span, ".ctrl_table_id needs @set_control_task_table()")
            return
        base = table * unit.control_stride
        unit.input_queues[queue] = replace(unit.input_queues[queue], control_base=base)
    for pair in unit.rotating:
        base = unit.input_queues[pair.queue].control_base if pair.queue in unit.input_queues else 0
        bind(s, TaskKind.CONTROL, base, pair.alternate, pair.type, pair.span)
        unit.rotations.append(Rotation(pair.queue, base, pair.limit, pair.start))
    _check_teardown(s, unit)
    if s.compilation.arch.data_tasks_by_queue and not unit.control_stride:
        _check_shared_table(s, unit)


def _check_teardown(s: Sema, unit: ImageUnit) -> None:
    """A task of the program's own at the teardown id replaces all handlers."""
    for task in unit.tasks:
        own = task.kind == TaskKind.LOCAL and task.number == s.compilation.arch.teardown_task
        if own and (unit.flushed or unit.teardown):
            decl = unit.functions[task.function].function.decl
            s.engine.error(
                decl.name_span,
                f"'{decl.name}' is bound to the teardown task id, but the program has handlers "
                "(@set_teardown_handler, @set_empty_queue_handler)",
            )


def _check_shared_table(s: Sema, unit: ImageUnit) -> None:
    """Without a table of their own, control tasks share the ids of data and local tasks."""
    others = {t.number: t for t in unit.tasks if t.kind != TaskKind.CONTROL}
    for task in unit.tasks:
        if task.kind != TaskKind.CONTROL or task.number not in others:
            continue
        other = others[task.number]
        decl = unit.functions[task.function].function.decl
        second = unit.functions[other.function].function.decl
        s.engine.error(
            decl.name_span,
            f"control task '{decl.name}' and {other.kind.name.lower()} task '{second.name}' both "
            f"have id {task.number}; call @set_control_task_table() to give control tasks ids of "
            "their own",
            Note(f"'{second.name}' is declared here", second.name_span),
        )
