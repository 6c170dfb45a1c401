"""@initialize_queue: the colour, priority and control tasks of a queue."""

from __future__ import annotations

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.diagnostics import Note
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.builtins_tasks import at_top_level, options_of, priority_level
from pyflame.runtime.csl.sema.core import Sema, builtin, describe, refuse_reserved
from pyflame.runtime.csl.sema.values import VOID_VALUE, Const, Value
from pyflame.runtime.csl.source import Span
from pyflame.runtime.fabric.image import Queue


@builtin("initialize_queue", 1, 2)
def initialize_queue(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@initialize_queue(q, .{ .color = c })``."""
    at_top_level(s, node)
    queue = s.known(s.eval(node.args[0]), node.args[0].span, "queue")
    assert isinstance(queue, Const)
    if queue.type not in (T.INPUT_QUEUE, T.OUTPUT_QUEUE):
        raise s.fail(node.args[0].span, f"expected a queue, found {describe(queue)}")
    given = s.option(node, 1)
    options = {} if given is None else options_of(s, given)
    unknown = [name for name in options if name not in ("color", "priority", "ctrl_table_id")]
    if unknown:
        raise s.fail(
            node.span,
            f"@initialize_queue knows .color, .priority and .ctrl_table_id, found .{unknown[0]}",
        )
    number: int = queue.value
    if "ctrl_table_id" in options:
        _control_table(s, node, queue, options["ctrl_table_id"])
    what = "input queue" if queue.type is T.INPUT_QUEUE else "output queue"
    arch = s.compilation.arch
    reserved = arch.memcpy_queues if what == "input queue" else arch.refused_output_queues
    refuse_reserved(s, node.args[0].span, what, number, reserved)
    table = s.unit.input_queues if queue.type is T.INPUT_QUEUE else s.unit.output_queues
    if number in table:
        first = s.unit.queue_spans.get((what, number))  # none for a queue of the library's
        notes = () if first is None else (Note("the first @initialize_queue is here", first),)
        raise s.fail(node.span, f"{what} {number} is initialised twice", *notes)
    color = _queue_color(s, node, queue.type, options)
    for other in s.unit.input_queues.values() if queue.type is T.INPUT_QUEUE else ():
        if other.color == color:
            s.engine.warning(
                node.span,
                f"input queue {other.number} takes colour {color} already; only queue {number} "
                "will get its wavelets",
            )
    priority = _priority(s, options.get("priority"), node.span)
    table[number] = Queue(number, color, priority)
    s.unit.queue_spans[what, number] = node.span
    return VOID_VALUE


MAX_CONTROL_TABLES = 8
"""Control task tables, one per input queue at the most."""


def _control_table(s: Sema, node: ast.BuiltinCall, queue: Const, value: Value) -> None:
    """``.ctrl_table_id = n``: which control tasks the wavelets of an input queue start."""
    if not s.compilation.arch.data_tasks_by_queue or queue.type is not T.INPUT_QUEUE:
        raise s.fail(node.span, ".ctrl_table_id is for input queues of wse3")
    number = s.as_integer(value, node.span, ".ctrl_table_id")
    if not 0 <= number < MAX_CONTROL_TABLES:
        last = MAX_CONTROL_TABLES - 1
        raise s.fail(node.span, f".ctrl_table_id {number} is out of range 0 to {last}")
    s.unit.control_tables[queue.value] = (number, node.span)


def _queue_color(s: Sema, node: ast.BuiltinCall, type_: T.Type, options: dict[str, Value]) -> int:
    value = options.get("color")
    arch = s.compilation.arch
    if value is not None and type_ is T.OUTPUT_QUEUE and not arch.data_tasks_by_queue:
        s.engine.warning(
            node.span,
            f"on {arch.name} an output queue has no .color of its own: its DSDs name theirs, "
            ".fabric_color",
        )
    if value is not None:
        if value.type is not T.COLOR or not isinstance(value, Const):
            raise s.fail(node.args[1].span, f".color must be a colour, found {describe(value)}")
        reserved = s.compilation.arch.memcpy_colors
        refuse_reserved(s, node.args[1].span, "colour", value.value, reserved)
        return value.value
    if type_ is T.INPUT_QUEUE or s.compilation.arch.data_tasks_by_queue:
        raise s.fail(
            node.span,
            f"on {s.compilation.arch.name} an {type_} is initialised with .{{ .color = … }}",
        )
    return -1


def _priority(s: Sema, value: Value | None, span: Span) -> int:
    if value is None:
        return 0
    return priority_level(s, value, span)
