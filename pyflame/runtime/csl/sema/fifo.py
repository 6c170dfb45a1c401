"""FIFOs: their builtins."""

from __future__ import annotations

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.builtins_tasks import options_of, priority_level, task_number
from pyflame.runtime.csl.sema.core import Sema, builtin, describe
from pyflame.runtime.csl.sema.dsd import SIMD_MODES, extent_value, one_flag
from pyflame.runtime.csl.sema.memory import deref
from pyflame.runtime.csl.sema.values import VOID_VALUE, Const, Descriptor, Mem, Value
from pyflame.runtime.csl.source import Span
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
    if isinstance(entity.type, T.PointerType):
        entity = deref(s, s.load(entity), node.args[0].span)
    if not isinstance(entity, Mem) or not isinstance(entity.type, T.ArrayType):
        raise s.fail(node.args[0].span, f"@allocate_fifo needs an array, found {entity.type}")
    if not s.frame.comptime:
        raise s.fail(node.span, "a FIFO is made at file level or in a comptime block")
    code = entity.type.element.code
    if code is None or entity.type.element.size not in (2, 4):
        raise s.fail(node.args[0].span, f"a FIFO holds 16- or 32-bit scalars, found {entity.type}")
    given = s.option(node, 1)
    options = {} if given is None else options_of(s, given)
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
    if "simd_mode" in options:
        if s.compilation.arch.data_tasks_by_queue:
            raise s.fail(node.args[1].span, ".simd_mode of a FIFO is for wse2 only")
        # how many elements go at once; FIFOs give and take them one by one in any case
        one_flag(s, options["simd_mode"], SIMD_MODES, node, "simd_mode")
    made = Const(T.FIFO, Descriptor(words, None))
    _fill_registers(s, node, options, made)
    return made


_REGISTERS = {
    "dest": (T.DSR_DEST, T.DSR_FIFO_DEST),
    "src": (T.DSR_SRC1, T.DSR_FIFO_SRC1),
    "xdsr": (T.XDSR,),
}
_FIFO_OPTIONS = (
    *("activate_push", "activate_pop", "full_action", "empty_action", "priority", "simd_mode"),
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
    if number.type is not T.LOCAL_TASK_ID:
        raise s.fail(span, f".{name} activates a local task, found {describe(options[name])}")
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


def _fill_registers(s: Sema, node: ast.BuiltinCall, options: dict[str, Value], made: Const) -> None:
    """``.dest``, ``.src`` and ``.xdsr``, all or none: the registers that reach the FIFO too."""
    given = [name for name in _REGISTERS if name in options]
    if not given:
        return
    span = node.args[1].span
    if len(given) < len(_REGISTERS):
        raise s.fail(span, f"a FIFO needs all of .dest, .src and .xdsr, or none; found .{given[0]}")
    slots = {name: _register(s, options[name], name, span) for name in _REGISTERS}
    dest, src = slots["dest"], slots["src"]
    if dest % DSR_IDS != src % DSR_IDS and options["dest"].type is T.DSR_DEST:
        raise s.fail(
            span, f".dest and .src have the same id, found {dest % DSR_IDS} and {src % DSR_IDS}"
        )
    for name, slot in slots.items():
        if slot in s.unit.fifo_registers:
            raise s.fail(span, f".{name} of this FIFO serves another FIFO already")
        s.unit.fifo_registers.add(slot)

    def load() -> None:
        s.unit.start.span = node.span
        for slot in (dest, src):
            s.unit.start.emit(Op.DSRLOAD, slot, s.slot(made, node.span), d=-1)

    s.unit.late.append(load)


def _register(s: Sema, value: Value, name: str, span: Span) -> int:
    types = _REGISTERS[name]
    if not isinstance(value, Const) or value.type not in types:
        raise s.fail(span, f".{name} is a {types[0]}, found {describe(value)}")
    return value.value


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
