"""The end of compiling a PE program: queues, late task ids, exported variables, final checks."""

from __future__ import annotations

from collections.abc import Iterator

from pyflame.arch import Arch
from pyflame.runtime.csl.diagnostics import Note
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.builtins_control import finish_control
from pyflame.runtime.csl.sema.builtins_tasks import task_number, variable_symbol
from pyflame.runtime.csl.sema.core import Sema
from pyflame.runtime.csl.sema.image import ImageUnit
from pyflame.runtime.csl.sema.linkage import check_links, exports
from pyflame.runtime.csl.sema.values import Const, FnValue, Mem
from pyflame.runtime.csl.source import Span
from pyflame.runtime.fabric.image import Queue, Symbol
from pyflame.runtime.fabric.isa import BlockKind, Op, TaskKind


def finish_image(s: Sema, unit: ImageUnit) -> None:
    """Everything that needs the whole program: runs after its functions are compiled."""
    for work in unit.late:
        work()
    _late_flags(s, unit)
    finish_control(s, unit)
    _check_halves(s, unit)
    _exported_variables(s, unit)
    _check_colors(s, unit)
    if s.compilation.arch.data_tasks_by_queue:
        _check_queues(s, unit)
    else:
        _assign_queues(s, unit)
        _check_task_colors(s, unit)
    _check_exports(s, unit)


def _late_flags(s: Sema, unit: ImageUnit) -> None:
    """@activate and @block of tasks by name, whose ids may be bound anywhere in the file."""
    for fn, span in unit.active_tasks:
        value = task_number(s, Const(T.LOCAL_TASK_ID, fn), span, (TaskKind.LOCAL,))
        assert isinstance(value, Const)
        unit.active.append(value.value)
    for fn, span, blocks in unit.blocked_tasks:
        kinds = (TaskKind.LOCAL, TaskKind.DATA)
        value = task_number(s, Const(T.LOCAL_TASK_ID, fn), span, kinds)
        assert isinstance(value, Const)
        key = (int(BlockKind.TASK), int(value.value))
        if blocks:
            unit.blocked[key] = None
        else:
            unit.blocked.pop(key, None)


def require_exports(s: Sema, unit: ImageUnit) -> None:
    """What is exported is there even if nothing in the program uses it."""
    for entity in check_links(s, unit):
        if isinstance(entity, Const) and isinstance(entity.value, FnValue):
            s.compilation.functions.index(s, entity.value)


def _exported_variables(s: Sema, unit: ImageUnit) -> None:
    """``export var`` gives a symbol of its name, unless @export_symbol took the name."""
    for name, link in exports(unit):
        binding = link.instance.find(s, link.decl.name, link.span)
        entity = None if binding is None else binding.entity
        if name not in unit.symbols and isinstance(entity, Mem) and entity.storage is not None:
            unit.symbols[name] = variable_symbol(s, name, entity.storage)


def _check_halves(s: Sema, unit: ImageUnit) -> None:
    """At run time a program has one 16-bit float; the others exist at compile time only."""
    chosen = s.compilation.half
    others = {int(t.code or 0): t for t in T.HALVES if t is not chosen}
    for storage in unit.storages:
        type_ = storage.type
        while isinstance(type_, T.ArrayType):
            type_ = type_.element
        if isinstance(type_, T.FloatType) and type_ in T.HALVES and type_ is not chosen:
            s.engine.error(storage.span, _other_half(type_, f"'{storage.name}'"))
    for instance in unit.functions:
        emitter = instance.emitter
        for row, span in zip(emitter.code, emitter.spans, strict=True) if emitter else ():
            typed = row[0] in _TYPED and row[1] in others
            if typed or (row[0] == Op.CAST and row[4] in others):
                s.engine.error(span, _other_half(others[row[1] if typed else row[4]], "this"))
                break


_TYPED = frozenset([*(op for op in Op if Op.ADD <= op <= Op.STORE), Op.DLD, Op.DST])
"""Operations whose word t is a type."""


def _other_half(type_: T.FloatType, what: str) -> str:
    return (
        f"{what} has type {type_} at run time, which this program has at compile time only; "
        f"compile it with --fp16-format={T.HALVES[type_]}"
    )


def _check_queues(s: Sema, unit: ImageUnit) -> None:
    """WSE-3: a data task whose queue is not initialised never starts, which a PE that shares its
    code with others may want.

    Queues of DSDs are checked when the machine uses them: a program may describe directions that
    its place in the rectangle never takes.
    """
    for task in unit.tasks:
        if task.kind == TaskKind.DATA and task.number not in unit.input_queues:
            decl = unit.functions[task.function].function.decl
            s.engine.warning(
                decl.name_span,
                f"data task '{decl.name}' never starts: input queue {task.number} is not "
                "initialised; on wse3 every queue needs @initialize_queue(q, .{ .color = c })",
            )


def _assign_queues(s: Sema, unit: ImageUnit) -> None:
    """WSE-2: queues that are not initialised follow from the DSDs and data tasks."""
    arch = s.compilation.arch
    reserved = arch.memcpy_queues if s.compilation.uses_memcpy else ()
    # Programs of early SDKs share queue 0 with memcpy, so DSDs may name reserved queues here.
    for is_input, number, color in unit.fabric_uses:
        if not is_input:
            unit.output_queues.setdefault(number, Queue(number, -1))
        elif color >= 0:
            _serve(unit, number, color)
    every = range(len(arch.input_queue_depths))
    free = [q for q in every if q not in unit.input_queues and q not in reserved]
    served = {q.color: q.number for q in (*unit.input_queues.values(), *unit.more_input_queues)}
    for color, user, span in _listening_colors(unit):
        if color in served:
            continue
        if not free:
            s.engine.error(span, f"no input queue is left for colour {color} of {user}")
            return
        served[color] = number = free.pop(0)
        unit.input_queues[number] = Queue(number, color)
    for is_input, color in unit.automatic_queues:
        if not is_input:
            number = _output_queue(unit, color, [q for q in _outputs(arch) if q not in reserved])
        elif color in served:
            number = served[color]
        else:
            # Colours beyond the number of queues share: only some are in use at a time.
            number = free.pop(0) if free else max(q for q in every if q not in reserved)
            served[color] = number
            _serve(unit, number, color)
        unit.automatic_queues[is_input, color] = number


def _serve(unit: ImageUnit, number: int, color: int) -> None:
    """Let an input queue take a colour; several colours may share one."""
    known = unit.input_queues.setdefault(number, Queue(number, color))
    if known.color != color and Queue(number, color) not in unit.more_input_queues:
        unit.more_input_queues.append(Queue(number, color))


def _outputs(arch: Arch) -> range:
    return range(len(arch.output_queue_depths))


def _output_queue(unit: ImageUnit, color: int, usable: list[int]) -> int:
    """The output queue of a colour whose DSDs name none: its own if one is left."""
    for is_input, number, other in unit.fabric_uses:
        if not is_input and other == color:
            return number
    number = next((q for q in usable if q not in unit.output_queues), usable[color % len(usable)])
    unit.output_queues.setdefault(number, Queue(number, -1))
    return number


def _listening_colors(unit: ImageUnit) -> Iterator[tuple[int, str, Span | None]]:
    """Colours that tasks listen to: of data tasks, and those unblocked for control tasks."""
    for task in unit.tasks:
        if task.kind == TaskKind.DATA:
            decl = unit.functions[task.function].function.decl
            yield task.number, f"data task '{decl.name}'", decl.name_span
    for kind, number in unit.unblocked:
        if kind == BlockKind.COLOR:
            yield number, "@unblock", None


def _check_task_colors(s: Sema, unit: ImageUnit) -> None:
    """WSE-2: data tasks and local tasks share one table of ids."""
    colors = {t.number: t for t in unit.tasks if t.kind == TaskKind.DATA}
    for task in unit.tasks:
        if task.kind == TaskKind.LOCAL and task.number in colors:
            local = unit.functions[task.function].function.decl
            data = unit.functions[colors[task.number].function].function.decl
            s.engine.error(
                local.name_span,
                f"local task '{local.name}' has id {task.number}, which is the colour of data "
                f"task '{data.name}'; on wse2 both share one table",
            )


def _check_exports(s: Sema, unit: ImageUnit) -> None:
    """Symbols of a PE are what the layout's @export_name says, if it names any."""
    known = s.compilation.export_types
    for name, symbol in unit.symbols.items():
        span = unit.symbol_spans.get(name)
        if name not in known:
            if known and span is not None:
                message = f"'{name}' has no @export_name in the layout; the host cannot name it"
                s.engine.warning(span, message)
            continue
        declared, there = known[name]
        found = _exported(unit, symbol)
        if not _agree(declared, found, symbol):
            s.engine.error(
                span,
                f"'{name}' is exported as {found}, but the layout declares it as {declared}",
                Note("@export_name is here", there),
            )


def _exported(unit: ImageUnit, symbol: Symbol) -> str:
    """What a PE exports, in words."""
    if symbol.function < 0:
        return f"a variable of {8 * symbol.element.bytes}-bit elements"
    instance = unit.functions[symbol.function]
    return T.FnType("fn", tuple(instance.params), instance.result).name


def _agree(declared: T.Type, found: str, symbol: Symbol) -> bool:
    """Whether a symbol is of the declared kind: same function type, or same width of elements."""
    if isinstance(declared, T.FnType) or symbol.function >= 0:
        return declared.name == found
    element = declared.element if isinstance(declared, T.PointerType) else declared
    while isinstance(element, T.ArrayType):
        element = element.element
    return element.code is None or element.code.bytes == symbol.element.bytes


def _check_colors(s: Sema, unit: ImageUnit) -> None:
    """A fabric DSD names the colour of its queue, or none: the queue's colour counts."""
    by_queue = s.compilation.arch.data_tasks_by_queue
    for (is_input, number, color), span in unit.fabric_uses.items():
        queue = (unit.input_queues if is_input else unit.output_queues).get(number)
        if queue is None or color < 0 or queue.color in (-1, color):
            continue
        if is_input or by_queue:
            what = "input queue" if is_input else "output queue"
            s.engine.warning(
                span,
                f".fabric_color is {color}, but {what} {number} was initialised with colour "
                f"{queue.color}, which is the one that counts",
            )
