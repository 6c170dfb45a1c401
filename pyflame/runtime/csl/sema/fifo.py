"""FIFOs: their builtins."""

from __future__ import annotations

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.builtins_tasks import options_of, priority_level, task_number
from pyflame.runtime.csl.sema.core import Sema, builtin, describe
from pyflame.runtime.csl.sema.dsd import extent_value, one_flag
from pyflame.runtime.csl.sema.values import VOID_VALUE, Const, Descriptor, Mem, Value
from pyflame.runtime.fabric.image import Fifo
from pyflame.runtime.fabric.isa import (
    DSR_IDS,
    DescriptorFlag,
    DsdKind,
    FifoAction,
    Op,
    TaskKind,
    Word,
)


@builtin("allocate_fifo", 1, 2)
def allocate_fifo(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@allocate_fifo(array, .{ .activate_push = …, .full_action = .{ .suspend = true } })``."""
    entity = s.ref(node.args[0])
    if not isinstance(entity, Mem) or not isinstance(entity.type, T.ArrayType):
        raise s.fail(node.args[0].span, f"@allocate_fifo needs an array, found {entity.type}")
    if not s.frame.comptime:
        raise s.fail(node.span, "a FIFO is made at file level or in a comptime block")
    code = entity.type.element.code
    if code is None or entity.type.element.size not in (2, 4):
        raise s.fail(node.args[0].span, f"a FIFO holds 16- or 32-bit scalars, found {entity.type}")
    given = s.option(node, 1)
    options = {} if given is None else options_of(s, given)
    _check_registers(s, node, options)
    for name in options:
        if name not in _FIFO_OPTIONS:
            known = ", ".join(f".{i}" for i in _FIFO_OPTIONS)
            raise s.fail(node.args[1].span, f"@allocate_fifo knows {known}, found .{name}")
    fifo = Fifo(
        entity.address,
        entity.type.count,
        code,
        _fifo_task(s, node, options, "activate_push"),
        _fifo_task(s, node, options, "activate_pop"),
        _fifo_action(s, node, options, "full_action"),
        _fifo_action(s, node, options, "empty_action"),
    )
    s.unit.fifos.append(fifo)
    words: dict[int, int] = {Word.KIND: int(DsdKind.FIFO), Word.FIFO: len(s.unit.fifos) - 1}
    if "priority" in options:
        level = priority_level(s, options["priority"], node.args[1].span)
        words[Word.FLAGS] = DescriptorFlag.priority(level)
    return Const(T.FIFO, Descriptor(words, None))


_REGISTERS = {
    "dest": (T.DSR_DEST, T.DSR_FIFO_DEST),
    "src": (T.DSR_SRC1, T.DSR_FIFO_SRC1),
    "xdsr": (T.XDSR,),
}
_FIFO_OPTIONS = (
    *("activate_push", "activate_pop", "full_action", "empty_action", "priority"),
    *_REGISTERS,
)
_FIFO_ACTIONS = {f"{action.name.lower()}": int(action) for action in FifoAction}
_WSE3_ACTIONS = (FifoAction.SUSPEND, FifoAction.FAULT)


def _fifo_task(s: Sema, node: ast.BuiltinCall, options: dict[str, Value], name: str) -> int:
    """The local task that a push or a pop activates, -1 none."""
    if name not in options:
        return -1
    span = node.args[1].span
    number = task_number(s, options[name], span, (TaskKind.LOCAL,))
    return s.known(number, span, "task id").value  # pyright: ignore[reportAttributeAccessIssue]


def _fifo_action(
    s: Sema, node: ast.BuiltinCall, options: dict[str, Value], name: str
) -> FifoAction:
    """``.empty_action = .{ .terminate = true }``."""
    if name not in options:
        return FifoAction.TEST_OR_SUSPEND
    span = node.args[1].span
    if name == "full_action" and not s.compilation.arch.data_tasks_by_queue:
        raise s.fail(span, ".full_action is for wse3 only")
    action = FifoAction(one_flag(s, options[name], _FIFO_ACTIONS, node, name))
    if action in _WSE3_ACTIONS and not s.compilation.arch.data_tasks_by_queue:
        raise s.fail(span, f".{name} = .{action.name.lower()} is for wse3 only")
    return action


def _check_registers(s: Sema, node: ast.BuiltinCall, options: dict[str, Value]) -> None:
    """The registers that a FIFO is to occupy, all or none; the simulator keeps FIFOs elsewhere."""
    given = [name for name in _REGISTERS if name in options]
    if not given:
        return
    span = node.args[1].span
    if len(given) < len(_REGISTERS):
        raise s.fail(span, f"a FIFO needs all of .dest, .src and .xdsr, or none; found .{given[0]}")
    numbers: dict[str, int] = {}
    for name, types in _REGISTERS.items():
        value = options[name]
        if not isinstance(value, Const) or value.type not in types:
            raise s.fail(span, f".{name} is a {types[0]}, found {describe(value)}")
        numbers[name] = value.value % DSR_IDS
    if numbers["dest"] != numbers["src"] and options["dest"].type is T.DSR_DEST:
        raise s.fail(
            span, f".dest and .src have the same id, found {numbers['dest']} and {numbers['src']}"
        )


# Lengths


@builtin("set_fifo_read_length", 2)
def set_fifo_read_length(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@set_fifo_read_length(fifo, n)``: operations that read the FIFO move n elements."""
    return _set_length(s, node, source=True)


@builtin("set_fifo_write_length", 2)
def set_fifo_write_length(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@set_fifo_write_length(fifo, n)``: operations that write the FIFO move n elements."""
    return _set_length(s, node, source=False)


def _set_length(s: Sema, node: ast.BuiltinCall, source: bool) -> Value:
    value = s.eval(node.args[0])
    if value.type is not T.FIFO or not isinstance(value, Const):
        raise s.fail(node.args[0].span, f"@{node.name} takes a known FIFO, found {describe(value)}")
    length = s.register(extent_value(s, s.eval(node.args[1]), node.args[1].span))
    s.emitter(node.span).emit(Op.DLEN, s.unit.fifo_slot(value.value, source), length)
    return VOID_VALUE
