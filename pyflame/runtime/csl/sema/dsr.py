"""Registers of DSDs (DSR, XDSR, SR) and what loads them."""

from __future__ import annotations

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.core import Sema, builtin, describe
from pyflame.runtime.csl.sema.dsd_options import ON_LOAD, ON_MEMORY_LOAD, option_row, options_of
from pyflame.runtime.csl.sema.values import VOID_VALUE, Const, Tuple, Value
from pyflame.runtime.csl.source import Span
from pyflame.runtime.fabric.isa import DsrFile, Op, Word, dsr_slot

_FILES = {
    T.DSR_DEST: DsrFile.DEST, T.DSR_SRC0: DsrFile.SRC0, T.DSR_SRC1: DsrFile.SRC1,
    T.XDSR: DsrFile.EXTRA, T.DSR_FIFO_DEST: DsrFile.EXTRA, T.DSR_FIFO_SRC1: DsrFile.EXTRA,
}  # fmt: skip


@builtin("get_dsr", 2)
def get_dsr(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@get_dsr(dsr_dest, id)``."""
    kind = s.type(node.args[0])
    if not isinstance(kind, T.DsrType):
        raise s.fail(node.args[0].span, f"@get_dsr takes a DSR type, found {kind}")
    number = s.integer(node.args[1], "the id of a DSR")
    if not 0 <= number < s.compilation.arch.dsr_ids:
        last = s.compilation.arch.dsr_ids - 1
        raise s.fail(node.args[1].span, f"DSR id {number} is out of range 0 to {last}")
    return Const(kind, dsr_slot(_FILES[kind], number))


def _register_number(s: Sema, node: ast.Expr, what: str) -> int:
    number = s.integer(node, f"the id of {what}")
    if not 0 <= number < s.compilation.arch.dsr_ids:
        last = s.compilation.arch.dsr_ids - 1
        raise s.fail(node.span, f"{what} id {number} is out of range 0 to {last}")
    return number


@builtin("get_xdsr", 1)
def get_xdsr(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@get_xdsr(id)``."""
    number = _register_number(s, node.args[0], "an XDSR")
    return Const(T.XDSR, dsr_slot(DsrFile.EXTRA, number))


@builtin("get_sr", 1)
def get_sr(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@get_sr(id)``."""
    return Const(T.SR, _register_number(s, node.args[0], "a stride register"))


# Loads


@builtin("load_to_dsr", 2, 3)
def load_to_dsr(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@load_to_dsr(dsr, dsd, .{ … })``."""
    register = s.eval(node.args[0])
    if not isinstance(register, Const) or not isinstance(register.type, T.DsrType):
        raise s.fail(node.args[0].span, f"expected a DSR, found {describe(register)}")
    given = s.option(node, 2)
    options = {} if given is None else options_of(s, given, ON_LOAD)
    _load(s, node, register.value, s.slot(s.eval(node.args[1]), node.args[1].span), options)
    return VOID_VALUE


def _load(
    s: Sema, node: ast.BuiltinCall, register: int, slot: int, options: dict[str, Value]
) -> None:
    if s.frame.comptime:
        s.unit.late.append(lambda: _load_at_start(s, register, slot, options, node.span))
        return
    row = option_row(s, options, node.span)
    s.emitter(node.span).emit(Op.DSRLOAD, register, slot, d=row)


def _load_at_start(
    s: Sema, register: int, slot: int, options: dict[str, Value], span: Span
) -> None:
    """A DSR loaded in a comptime block holds its DSD before the first task."""
    start = s.unit.start
    start.span = span
    start.emit(Op.DSRLOAD, register, slot, d=option_row(s, options, span))


def _load_extended(
    s: Sema, node: ast.BuiltinCall, kind: T.Type, dsd: int
) -> tuple[int, Value, dict[str, Value]]:
    """The checked arguments of a load that takes an XDSR: DSR, DSD (argument `dsd`), options."""
    register, extra = s.eval(node.args[0]), s.eval(node.args[1])
    plain = (T.DSR_DEST, T.DSR_SRC0, T.DSR_SRC1)
    if not isinstance(register, Const) or register.type not in plain:
        raise s.fail(node.args[0].span, f"expected a DSR, found {describe(register)}")
    if extra.type is not T.XDSR:
        raise s.fail(node.args[1].span, f"expected an xdsr, found {describe(extra)}")
    value = s.eval(node.args[dsd])
    if value.type is not kind:
        raise s.fail(node.args[dsd].span, f"@{node.name} loads a {kind}, found {describe(value)}")
    given = s.option(node, dsd + 1)
    options = {} if given is None else options_of(s, given, ON_MEMORY_LOAD)
    return register.value, value, options


@builtin("load_to_dsr_xdsr", 3, 4)
def load_to_dsr_xdsr(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@load_to_dsr_xdsr(dsr, xdsr, circbuf, .{ … })``."""
    register, value, options = _load_extended(s, node, T.CIRCBUF, 2)
    _load(s, node, register, s.slot(value, node.args[2].span), options)
    return VOID_VALUE


@builtin("load_to_dsr_xdsr_sr", 4, 5)
def load_to_dsr_xdsr_sr(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@load_to_dsr_xdsr_sr(dsr, xdsr, .{ sr, … }, mem4d, .{ … })``."""
    register, value, options = _load_extended(s, node, T.MEM4D, 3)
    strides = s.eval(node.args[2])
    items = strides.items if isinstance(strides, Tuple) else ()
    if not isinstance(strides, Tuple) or any(item.type is not T.SR for item in items):
        raise s.fail(
            node.args[2].span, f"expected a tuple of stride registers, found {describe(strides)}"
        )
    numbers = [item.value for item in items if isinstance(item, Const)]
    if len(set(numbers)) < len(items):
        raise s.fail(node.args[2].span, "a stride register stands twice")
    need = _stride_registers(value)
    if len(items) != need:
        raise s.fail(
            node.args[2].span, f"this DSD needs {need} stride registers, found {len(items)}"
        )
    _load(s, node, register, s.slot(value, node.args[3].span), options)
    return VOID_VALUE


MAX_STRIDE_REGISTERS = 3


def _stride_registers(value: Value) -> int:
    """How many a mem4d_dsd takes: one per dimension but the fastest, and but the second fastest
    if the fastest is contiguous; all if the DSD is not known."""
    if not isinstance(value, Const):
        return MAX_STRIDE_REGISTERS
    words = value.value.words
    dimensions = words.get(Word.WRAP, 4)
    contiguous = dimensions > 1 and words.get(Word.STRIDE0 + 3) == 1
    return dimensions - 1 - contiguous
