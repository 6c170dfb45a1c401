"""Builtins that give a changed copy of a DSD."""

from __future__ import annotations

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.core import Sema, builtin, describe
from pyflame.runtime.csl.sema.dsd import check_stride, extent_value
from pyflame.runtime.csl.sema.tensor import walked_array
from pyflame.runtime.csl.sema.values import (
    Const,
    Slot,
    Value,
)
from pyflame.runtime.csl.sema.variables import modifies
from pyflame.runtime.csl.source import Span
from pyflame.runtime.fabric.isa import (
    Op,
    Word,
)


def _changing(s: Sema, node: ast.BuiltinCall, kinds: tuple[T.Type, ...]) -> Value:
    """The DSD that a modifier changes."""
    first = node.args[0]
    target = s.target_slot
    if not modifies(first):
        s.target_slot = -1
    value = s.eval(first)
    s.target_slot = -1
    if value.type not in kinds:
        names = ", ".join(str(k) for k in kinds)
        raise s.fail(first.span, f"@{node.name} takes {names}, found {describe(value)}")
    s.target_slot = target
    return value


def _editable(s: Sema, value: Value, target: int, span: Span) -> Slot:
    """A slot that may be changed: the assigned variable itself, or a copy."""
    if isinstance(value, Slot) and (value.fresh or value.slot == target):
        return value
    slot = Slot(value.type, s.unit.new_slot(), fresh=True)
    emitter = s.emitter(span)
    if isinstance(value, Const):
        emitter.emit(Op.DCONST, slot.slot, d=s.unit.descriptor_row(value.value))
    else:
        emitter.emit(Op.DCOPY, slot.slot, s.slot(value, span))
    return slot


_MEMORY = (T.MEM1D, T.MEM4D, T.CIRCBUF)


@builtin("set_dsd_length", 2)
def set_dsd_length(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@set_dsd_length(d, n)``: not for mem4d."""
    value = _changing(s, node, (T.MEM1D, T.FABIN, T.FABOUT, T.CIRCBUF))
    target, s.target_slot = s.target_slot, -1
    length = extent_value(s, s.eval(node.args[1]), node.args[1].span)
    if isinstance(value, Const) and isinstance(length, Const):
        return Const(value.type, value.value.changed({Word.EXTENT: length.value}))
    slot = _editable(s, value, target, node.span)
    s.emitter(node.span).emit(Op.DLEN, slot.slot, s.register(length))
    return slot


@builtin("increment_dsd_offset", 3)
def increment_dsd_offset(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@increment_dsd_offset(d, n, T)``: n elements of T further on."""
    value = _changing(s, node, _MEMORY)
    target, s.target_slot = s.target_slot, -1
    by = s.eval(node.args[1])
    if not T.is_integer(by.type):
        raise s.fail(node.args[1].span, f"an offset must be an integer, found {describe(by)}")
    type_ = s.type(node.args[2])
    size = type_.size
    if size not in (2, 4) or type_.code is None:
        raise s.fail(node.args[2].span, f"an offset counts 16- or 32-bit numbers, found {type_}")
    if isinstance(value, Const) and isinstance(by, Const):
        offset = value.value.words.get(Word.OFFSET, 0) + by.value * size
        return Const(value.type, value.value.changed({Word.OFFSET: offset}))
    slot = _editable(s, value, target, node.span)
    s.emitter(node.span).emit(Op.DOFF, slot.slot, s.register(by), d=size)
    return slot


@builtin("set_dsd_base_addr", 2)
def set_dsd_base_addr(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@set_dsd_base_addr(d, array or pointer)``: also sets the offset to 0."""
    value = _changing(s, node, _MEMORY)
    target, s.target_slot = s.target_slot, -1
    _, _, pointer = walked_array(s, s.ref(node.args[1]), node.args[1].span)
    if isinstance(value, Const) and isinstance(pointer, Const):
        changed = value.value.changed({Word.OFFSET: 0}, pointer.value)
        return Const(value.type, changed)
    slot = _editable(s, value, target, node.span)
    s.emitter(node.span).emit(Op.DBASE, slot.slot, s.register(pointer))
    return slot


@builtin("set_dsd_stride", 2)
def set_dsd_stride(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@set_dsd_stride(d, n)``."""
    value = _changing(s, node, (T.MEM1D,))
    target, s.target_slot = s.target_slot, -1
    stride = s.eval(node.args[1])
    if not T.is_integer(stride.type):
        raise s.fail(node.args[1].span, f"a stride must be an integer, found {describe(stride)}")
    if isinstance(stride, Const):
        check_stride(s, stride.value, node.args[1].span)
        if isinstance(value, Const):
            return Const(value.type, value.value.changed({Word.STRIDE: stride.value}))
    slot = _editable(s, value, target, node.span)
    s.emitter(node.span).emit(Op.DSTRIDE, slot.slot, s.register(stride))
    return slot
