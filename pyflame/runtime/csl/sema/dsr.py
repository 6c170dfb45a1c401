"""Registers of DSDs (DSR, XDSR, SR) and what loads them."""

from __future__ import annotations

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.core import Sema, builtin, describe
from pyflame.runtime.csl.sema.dsd_options import ON_LOAD, ON_MEMORY_LOAD, option_row, options_of
from pyflame.runtime.csl.sema.values import VOID_VALUE, Const, Struct, Tuple, Value
from pyflame.runtime.csl.source import Span
from pyflame.runtime.fabric.isa import DsrFile, Op, Word, dsr_slot

_FILES: dict[T.Type, DsrFile] = {
    T.DSR_DEST: DsrFile.DEST, T.DSR_SRC0: DsrFile.SRC0, T.DSR_SRC1: DsrFile.SRC1,
    T.DSR_FIFO_DEST: DsrFile.DEST, T.DSR_FIFO_SRC1: DsrFile.SRC1,
}  # fmt: skip
_FIFO_TYPES: dict[T.Type, T.DsrType] = {T.DSR_DEST: T.DSR_FIFO_DEST, T.DSR_SRC1: T.DSR_FIFO_SRC1}
_PLAIN = (T.DSR_DEST, T.DSR_SRC0, T.DSR_SRC1)


@builtin("get_dsr", 2)
def get_dsr(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@get_dsr(dsr_dest, id)``, ``@get_dsr(dsr_fifo_dest, dsr)``."""
    kind = s.type(node.args[0])
    if kind not in _FILES:
        names = ", ".join(map(str, _FILES))
        raise s.fail(node.args[0].span, f"@get_dsr takes one of {names}, found {kind}")
    given = s.eval(node.args[1])
    if isinstance(given, Const) and isinstance(given.type, T.DsrType):
        if _FIFO_TYPES.get(given.type) is not kind:
            raise s.fail(
                node.args[1].span,
                f"@get_dsr makes a dsr_fifo_dest of a dsr_dest and a dsr_fifo_src1 of a dsr_src1, "
                f"found {kind} of {given.type}",
            )
        return Const(kind, given.value)
    number = _register_number(s, given, node.args[1].span, "a DSR")
    return Const(kind, dsr_slot(_FILES[kind], number))


def _register_number(s: Sema, value: Value, span: Span, what: str) -> int:
    number = s.as_integer(value, span, f"the id of {what}")
    if not 0 <= number < s.compilation.arch.dsr_ids:
        last = s.compilation.arch.dsr_ids - 1
        raise s.fail(span, f"the id of {what} is 0 to {last}, found {number}")
    return number


@builtin("get_xdsr", 1)
def get_xdsr(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@get_xdsr(id)``."""
    number = _register_number(s, s.eval(node.args[0]), node.args[0].span, "an XDSR")
    return Const(T.XDSR, dsr_slot(DsrFile.EXTRA, number))


@builtin("get_sr", 1)
def get_sr(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@get_sr(id)``."""
    value = s.eval(node.args[0])
    return Const(T.SR, _register_number(s, value, node.args[0].span, "a stride register"))


# Loads


@builtin("load_to_dsr", 2, 3)
def load_to_dsr(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@load_to_dsr(dsr, dsd, .{ … })``."""
    register = s.eval(node.args[0])
    if not isinstance(register, Const) or register.type not in _PLAIN:
        names = ", ".join(map(str, _PLAIN))
        raise s.fail(node.args[0].span, f"expected one of {names}, found {describe(register)}")
    value = s.eval(node.args[1])
    _check_load(s, register, value, node.args[1].span)
    given = s.option(node, 2)
    options = {} if given is None else options_of(s, given, ON_LOAD)
    _check_load_options(s, value, options, node.span)
    _load(s, node, register.value, s.slot(value, node.args[1].span), options)
    return VOID_VALUE


def _check_load(s: Sema, register: Const, value: Value, span: Span) -> None:
    """Whether a register takes a kind of DSD."""
    wrong = T.FABIN if register.type is T.DSR_DEST else T.FABOUT
    if value.type is wrong:
        raise s.fail(span, f"a {register.type} cannot hold a {wrong}")
    if value.type is T.CIRCBUF:  # a mem4d_dsd too by the reference, but not by programs of SDK 1.x
        raise s.fail(span, f"a {value.type} is loaded by @load_to_dsr_xdsr")
    if value.type is T.FIFO:
        raise s.fail(span, "a FIFO gets its DSRs from @allocate_fifo(array, .{ .dest = …, "
                     ".src = …, .xdsr = … })")  # fmt: skip


_FABRIC_ONLY = ("async", "activate", "unblock", "on_control", "ut_id", "priority")


def _check_load_options(s: Sema, value: Value, options: dict[str, Value], span: Span) -> None:
    """Fabric DSDs take what an asynchronous operation takes, memory DSDs save_address."""
    fabric = value.type in (T.FABIN, T.FABOUT)
    for name in options:
        if name in _FABRIC_ONLY and not fabric:
            raise s.fail(span, f".{name} is for fabric DSDs, found {describe(value)}")
        if name == "save_address" and fabric:
            raise s.fail(span, f".save_address is for memory DSDs, found {describe(value)}")
    wanted = options.get("async")
    if not isinstance(wanted, Const) or wanted.value is not True:
        for name in ("activate", "unblock", "on_control"):
            if name in options:
                raise s.fail(span, f".{name} needs .async = true")


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
    if not isinstance(register, Const) or register.type not in _PLAIN:
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
    none = isinstance(strides, Struct) and not strides.fields
    if not (isinstance(strides, Tuple) or none) or any(item.type is not T.SR for item in items):
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
