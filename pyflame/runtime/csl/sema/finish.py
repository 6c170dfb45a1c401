"""The end of compiling a PE program: queues, late task ids, exported variables, final checks."""

from __future__ import annotations

from collections.abc import Iterator

from pyflame.arch import Arch
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.builtins_tasks import task_number, variable_symbol
from pyflame.runtime.csl.sema.core import Sema
from pyflame.runtime.csl.sema.image import ImageUnit
from pyflame.runtime.csl.sema.linkage import check_links, exports
from pyflame.runtime.csl.sema.modules import Instance
from pyflame.runtime.csl.sema.values import Const, FnValue, Mem
from pyflame.runtime.csl.source import Span
from pyflame.runtime.fabric.image import Queue
from pyflame.runtime.fabric.isa import BlockKind, TaskKind


def finish_image(s: Sema, unit: ImageUnit, root: Instance) -> None:
    """Everything that needs the whole program: runs after its functions are compiled."""
    for work in unit.late:
        work()
    _late_flags(s, unit)
    _exported_variables(s, unit)
    if s.compilation.arch.data_tasks_by_queue:
        _check_queues(s, unit)
    else:
        _assign_queues(s, unit)
        _check_task_colors(s, unit)
    _check_exports(s, unit, root)


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


def _check_exports(s: Sema, unit: ImageUnit, root: Instance) -> None:
    """Symbols of a PE must be announced by @export_name, with the same kind."""
    exports = s.compilation.exports
    for name, symbol in unit.symbols.items():
        entry = exports.get(name)
        if entry is None:
            continue
        is_function = symbol.function >= 0
        if entry[0] != is_function:
            kind = "a function" if is_function else "a variable"
            s.engine.error(
                None,
                f"{root.file.source.name} exports '{name}' as {kind}, @export_name declares it as "
                f"{entry[1]}",
            )
