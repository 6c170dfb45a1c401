"""DSD operations, DSR loads and @map."""

from __future__ import annotations

from dataclasses import dataclass

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.calls import call_with
from pyflame.runtime.csl.sema.coerce import coerce
from pyflame.runtime.csl.sema.core import BUILTINS, Sema, builtin, describe
from pyflame.runtime.csl.sema.dsd_options import option_row, options_of
from pyflame.runtime.csl.sema.emit import Label
from pyflame.runtime.csl.sema.functions import signature
from pyflame.runtime.csl.sema.memory import assign, deref
from pyflame.runtime.csl.sema.values import (
    VOID_VALUE,
    Address,
    Const,
    FnValue,
    Mem,
    Reg,
    Value,
)
from pyflame.runtime.csl.source import Span
from pyflame.runtime.fabric.isa import (
    DsdOp,
    Op,
    Operand,
)

SINGLE, HALF, WORD, INT = "f32", "f16", "32-bit", "16-bit"
"""What a scalar operand of an operation may be."""


@dataclass(frozen=True)
class Form:
    """How an operation is written: sources that are elements, then whether a scalar factor."""

    op: DsdOp
    sources: tuple[str, ...]
    operands: tuple[str, ...]
    factor: str = ""
    dest: str = ""

    @property
    def dest_kind(self) -> str:
        """Element kind of the destination."""
        return self.dest or self.sources[0]


_ONE = ("DD", "DV")
_MOVE = ("DD", "PD", "DV")
_CONVERT = ("DD", "DV", "PV")
_LEFT = ("DDD", "DDV")
_TWO = ("DDD", "DVD", "DDV")
_REDUCE = (*_TWO, "PVD")
_MAC = ("DDDV",)
_NORM = ("PV", "DD", "DV")  # documented with a pointer; the table of rates has them for DSDs
_SCALE = ("PVV", "DDV", "DDD")
"""How operands may be given, destination first: D a DSD or DSR, V a scalar, P a pointer."""


def _forms() -> dict[str, Form]:
    forms: dict[str, Form] = {
        "mov16": Form(DsdOp.MOV16, (INT,), _MOVE),
        "mov32": Form(DsdOp.MOV32, (WORD,), _MOVE),
        "fmacs": Form(DsdOp.FMACS, (SINGLE, SINGLE), _MAC, SINGLE),
        "fmach": Form(DsdOp.FMACH, (HALF, HALF), _MAC, HALF),
        "fmachs": Form(DsdOp.FMACHS, (SINGLE, HALF), _MAC, HALF),
        "faddhs": Form(DsdOp.FADDHS, (SINGLE, HALF), _REDUCE),
        "fh2s": Form(DsdOp.FH2S, (HALF,), _ONE, dest=SINGLE),
        "fs2h": Form(DsdOp.FS2H, (SINGLE,), _ONE, dest=HALF),
        "fh2xp16": Form(DsdOp.FH2XP16, (HALF,), _CONVERT, dest=INT),
        "fs2xp16": Form(DsdOp.FS2XP16, (SINGLE,), _CONVERT, dest=INT),
        "xp162fh": Form(DsdOp.XP162FH, (INT,), _ONE, dest=HALF),
        "xp162fs": Form(DsdOp.XP162FS, (INT,), _ONE, dest=SINGLE),
    }
    for kind, end in ((SINGLE, "s"), (HALF, "h")):
        floats = {"fmov": ((kind,), _MOVE), "fneg": ((kind,), _ONE), "fabs": ((kind,), _ONE),
                  "fnorm": ((kind,), _NORM), "fscale": ((kind, INT), _SCALE)}  # fmt: skip
        for name in ("fadd", "fsub", "fmul", "fmax"):
            floats[name] = ((kind, kind), _REDUCE)
        for name, (sources, operands) in floats.items():
            forms[name + end] = Form(DsdOp[(name + end).upper()], sources, operands)
    for name in ("add16", "addc16", "sub16", "and16", "or16", "xor16", "sll16", "slr16", "sar16"):
        operands = _LEFT if name == "sub16" else _TWO
        forms[name] = Form(DsdOp[name.upper()], (INT, INT), operands)
    for name in ("clz", "ctz", "popcnt"):
        forms[name] = Form(DsdOp[name.upper()], (INT,), _ONE)
    return forms


FORMS = _forms()
"""Every DSD operation by builtin name."""

_SIZES = {SINGLE: 4, WORD: 4, HALF: 2, INT: 2}
_FABRIC = (T.FABIN, T.FABOUT, T.FIFO)
_FIFOS = (T.FIFO, T.DSR_FIFO_DEST, T.DSR_FIFO_SRC1)


@dataclass(frozen=True)
class _Operand:
    """One operand: its kind and number for the operand table, and its type."""

    kind: Operand
    number: int
    type: T.Type
    value: Value


_NONE = _Operand(Operand.NONE, 0, T.VOID, VOID_VALUE)


def dsd_operation(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@fadds(dest, a, b, .{ … })`` and its relatives."""
    form = FORMS[node.name]
    count = 1 + len(form.sources) + bool(form.factor)
    if not count <= len(node.args) <= count + 1:
        raise s.fail(
            node.span,
            f"@{node.name} takes {count} operands and perhaps options, found {len(node.args)}",
        )
    options = options_of(s, node.args[count]) if len(node.args) > count else {}
    dest = _destination(s, node.args[0], form)
    sources = [_source(s, node.args[1 + i], kind, dest) for i, kind in enumerate(form.sources)]
    factor = _NONE
    if form.factor:
        factor = _source(s, node.args[count - 1], form.factor)
    given = [dest, *sources, factor] if form.factor else [dest, *sources]
    _check_form(s, node, form, given)
    _check(s, node, [dest, *sources], options)
    return _issue(s, node, form, dest, sources, factor, options)


for _name in FORMS:
    BUILTINS[_name] = (2, -1, dsd_operation)


@builtin("dfilt", 2)
def dfilt(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@dfilt(fabin, .{ .async = true })``: drop wavelets until as many control wavelets as the
    DSD has elements have come."""
    operand = _vector(s, s.eval(node.args[0]), node.args[0].span, T.DSR_SRC1)
    if operand is None or operand.type not in (T.FABIN, T.DSR_SRC1):
        raise s.fail(
            node.args[0].span, "@dfilt takes a fabin_dsd, or a dsr_src1 into which one was loaded"
        )
    options = options_of(s, node.args[1])
    for name in ("on_control", "index"):
        if name in options:
            raise s.fail(node.args[1].span, f"@dfilt does not take .{name}")
    wanted = options.get("async")
    if not isinstance(wanted, Const) or wanted.value is not True:
        raise s.fail(node.args[1].span, "@dfilt needs .async = true")
    return _issue(s, node, Form(DsdOp.DFILT, (), ()), _NONE, [operand], _NONE, options)


def _destination(s: Sema, node: ast.Expr, form: Form) -> _Operand:
    value = s.eval(node)
    operand = _vector(s, value, node.span, T.DSR_DEST, T.DSR_SRC0, T.DSR_FIFO_DEST)
    if operand is not None:
        if value.type is T.FABIN:
            raise s.fail(node.span, "the destination of a DSD operation cannot be a fabin_dsd")
        return operand
    if isinstance(value.type, T.PointerType):
        size = _SIZES[form.dest_kind]
        if value.type.element.size != size:
            raise s.fail(
                node.span, f"the destination holds {8 * size} bits, found {describe(value)}"
            )
        return _Operand(Operand.POINTER, s.register(value, node.span), value.type, value)
    raise s.fail(
        node.span, f"the destination must be a DSD, DSR or pointer, found {describe(value)}"
    )


def _vector(s: Sema, value: Value, span: Span, *files: T.Type) -> _Operand | None:
    """A DSD or DSR operand, None for anything else."""
    if value.type is T.FIFO and isinstance(value, Const):
        slot = s.unit.fifo_slot(value.value, T.DSR_DEST not in files)
        return _Operand(Operand.SLOT, slot, value.type, value)
    if value.type is T.CIRCBUF:
        raise s.fail(span, "an operation takes a circbuf_dsd from a DSR; see @load_to_dsr_xdsr")
    if isinstance(value.type, T.DsdType):
        return _Operand(Operand.SLOT, s.slot(value, span), value.type, value)
    if isinstance(value.type, T.DsrType):
        if not isinstance(value, Const):
            raise s.fail(span, "a DSR must be known at compile time")
        if value.type not in files:
            raise s.fail(
                span, f"this operand takes {' or '.join(map(str, files))}, found {value.type}"
            )
        return _Operand(Operand.DSR, value.value, value.type, value)
    return None


def _source(s: Sema, node: ast.Expr, kind: str, dest: _Operand = _NONE) -> _Operand:
    entity = s.ref(node)
    if isinstance(entity, Mem) and _points_to(dest, entity):
        # The accumulator itself: each element sees the sum of those before it.
        return _Operand(Operand.POINTER, dest.number, entity.type, dest.value)
    value = s.load(entity)
    operand = _vector(s, value, node.span, T.DSR_SRC0, T.DSR_SRC1, T.DSR_FIFO_SRC1)
    if operand is not None:
        if value.type is T.FABOUT:
            raise s.fail(node.span, "a source of a DSD operation cannot be a fabout_dsd")
        return operand
    scalar = _scalar(s, value, kind, node.span)
    return _Operand(Operand.SCALAR, s.register(scalar, node.span), scalar.type, scalar)


def _points_to(dest: _Operand, place: Mem) -> bool:
    """Whether a scalar destination is the place that a source names."""
    if dest.kind != Operand.POINTER:
        return False
    if isinstance(dest.value, Const):
        address: Address = dest.value.value
        same = address.target is place.storage and address.offset == place.offset
        return same and place.base is None
    return place.base == dest.number and place.storage is None and place.offset == 0


def _scalar(s: Sema, value: Value, kind: str, span: Span) -> Value:
    """A scalar of the operation's width."""
    if kind == SINGLE:
        return coerce(s, value, T.F32, span)
    if kind == HALF:
        return coerce(s, value, s.compilation.half, span)
    size = _SIZES[kind]
    if value.type is T.COMPTIME_FLOAT:
        return coerce(s, value, T.F32 if size == 4 else s.compilation.half, span)
    if value.type is T.COMPTIME_INT:
        assert isinstance(value, Const)
        signed = T.I32 if size == 4 else T.I16
        unsigned = T.U32 if size == 4 else T.U16
        return coerce(s, value, signed if value.value < 0 else unsigned, span)
    if value.type.code is None or value.type.size != size or isinstance(value.type, T.PointerType):
        raise s.fail(span, f"expected a {8 * size}-bit scalar, DSD or DSR, found {describe(value)}")
    return value


_LETTERS = {
    Operand.SLOT: "D", Operand.DSR: "D", Operand.POINTER: "P", Operand.SCALAR: "V",
}  # fmt: skip
_NAMES = {"D": "DSD", "P": "pointer", "V": "scalar"}


def _check_form(s: Sema, node: ast.BuiltinCall, form: Form, operands: list[_Operand]) -> None:
    """The operands must be given in one of the operation's ways."""
    dest, *sources = (_LETTERS[operand.kind] for operand in operands)
    given = dest + "".join("V" if letter == "P" else letter for letter in sources)
    if given not in form.operands:
        ways = " or ".join(f"({_spelt(way)})" for way in form.operands)
        raise s.fail(node.span, f"@{node.name} takes {ways}, found ({_spelt(given)})")


def _spelt(way: str) -> str:
    return ", ".join(_NAMES[letter] for letter in way)


def _check(
    s: Sema, node: ast.BuiltinCall, operands: list[_Operand], options: dict[str, Value]
) -> None:
    """Mistakes that the operand types show."""
    types = [o.type for o in operands]
    asynchronous = options.get("async")
    wanted = isinstance(asynchronous, Const) and asynchronous.value is True
    if wanted and not any(t in _FABRIC or isinstance(t, T.DsrType) for t in types):
        raise s.fail(node.span, f"@{node.name} is .async but no operand is on the fabric")
    if not wanted:
        for name in ("activate", "unblock", "on_control"):
            if name in options and not any(isinstance(t, T.DsrType) for t in types):
                raise s.fail(node.span, f".{name} needs .async = true")
    if s.compilation.arch.data_tasks_by_queue and types.count(T.FABIN) > 1:
        raise s.fail(node.span, "on wse3 an operation has at most one fabin operand")
    if len(types) == 3 and types[1] in _FIFOS:
        raise s.fail(node.args[1].span, "a FIFO cannot be the first of two sources")


def _issue(
    s: Sema,
    node: ast.BuiltinCall,
    form: Form,
    dest: _Operand,
    sources: list[_Operand],
    factor: _Operand,
    options: dict[str, Value],
) -> Value:
    first, second = sources[0], sources[1] if len(sources) > 1 else _NONE
    row = option_row(s, options, node.args[-1].span)
    words = [int(form.op)]
    for operand in (dest, first, second, factor):
        words += [int(operand.kind), operand.number]
    index = s.unit.row("operands", [*words, row])
    emitter = s.emitter(node.span)
    fifo = any(o.type in _FIFOS for o in (dest, first, second))
    asynchronous = options.get("async")
    result = -1
    if fifo and not (isinstance(asynchronous, Const) and asynchronous.value):
        result = emitter.register()
    emitter.emit(Op.DSD, result, d=index)
    return VOID_VALUE if result < 0 else Reg(T.BOOL, result)


# @map


@builtin("map", 2, -1)
def map_(s: Sema, node: ast.BuiltinCall) -> Value:
    """``@map(f, in…, out)``: a loop over the shortest DSD."""
    callee = s.eval(node.args[0])
    if not isinstance(callee, Const) or not isinstance(callee.value, FnValue):
        raise s.fail(node.args[0].span, f"@map needs a function, found {describe(callee)}")
    type_ = signature(s, callee.value)
    if type_ is None:
        raise s.fail(node.args[0].span, "@map needs a function without comptime parameters")
    gives = type_.result is not T.VOID
    for part in (*type_.params, *([type_.result] if gives else [])):
        if part.code is None:
            raise s.fail(node.args[0].span, f"@map needs a function of scalars, found {type_}")
    if len(node.args) != 1 + len(type_.params) + gives:
        raise s.fail(
            node.span,
            f"@map of {type_} takes {len(type_.params)} inputs"
            f"{' and an output' if gives else ''}, found {len(node.args) - 1}",
        )
    values = [s.eval(arg) for arg in node.args[1:]]
    for number, (value, arg) in enumerate(zip(values, node.args[1:], strict=True)):
        _check_map(s, value, arg.span, type_, number)
    slots = [_map_slot(s, v, a.span) for v, a in zip(values, node.args[1:], strict=True)]
    if all(slot < 0 for slot in slots):
        raise s.fail(node.span, "@map needs at least one DSD or DSR")
    _map_loop(s, node, callee.value, type_, values, slots)
    return VOID_VALUE


def _check_map(s: Sema, value: Value, span: Span, type_: T.FnType, number: int) -> None:
    """Whether an argument fits its place among the inputs, or after them as the output."""
    output = number == len(type_.params)
    part = type_.result if output else type_.params[number]
    if value.type is T.FIFO:
        raise s.fail(span, "@map takes no FIFO")
    if value.type is (T.FABIN if output else T.FABOUT):
        raise s.fail(span, f"{'the output' if output else 'an input'} of @map cannot be a "
                     f"{value.type}")  # fmt: skip
    if isinstance(value.type, T.DsrType) and value.type is not (
        T.DSR_DEST if output else T.DSR_SRC1
    ):
        wanted = T.DSR_DEST if output else T.DSR_SRC1
        raise s.fail(
            span, f"{'the output' if output else 'an input'} of @map takes {wanted}, found "
            f"{value.type}"
        )  # fmt: skip
    if isinstance(value.type, T.DsdType | T.DsrType):
        if part is T.BOOL or part.size not in (2, 4) or isinstance(part, T.PointerType):
            raise s.fail(span, f"elements of a DSD are 16- or 32-bit numbers, not {part}")
    elif output:
        fits = isinstance(value.type, T.PointerType) and value.type.element == part
        if not fits or value.type.const:  # pyright: ignore[reportAttributeAccessIssue]
            raise s.fail(
                span, f"the output of @map is a DSD, a dsr_dest or a pointer to {part}, found "
                f"{describe(value)}"
            )  # fmt: skip


def _map_slot(s: Sema, value: Value, span: Span) -> int:
    """The descriptor slot of an argument of @map, -1 for a scalar."""
    if isinstance(value.type, T.DsrType) and isinstance(value, Const):
        return value.value
    return s.slot(value, span) if isinstance(value.type, T.DsdType) else -1


def _map_loop(
    s: Sema,
    node: ast.BuiltinCall,
    fn: FnValue,
    type_: T.FnType,
    values: list[Value],
    slots: list[int],
) -> None:
    emitter = s.emitter(node.span)
    count = _shortest(s, slots)
    index = emitter.constant(0)
    body, end = Label(), Label()
    emitter.jump(Op.JZ, end, count)
    emitter.place(body)
    registers = emitter.next_register
    args: list[Value] = []
    for number, param in enumerate(type_.params):
        if slots[number] >= 0:
            assert param.code is not None
            register = emitter.register()
            emitter.emit(Op.DLD, register, slots[number], index, t=param.code)
            args.append(Reg(param, register))
        else:
            span = node.args[1 + number].span
            args.append(coerce(s, values[number], param, span))
    result = call_with(s, fn, args, node.span)
    if not fn.decl.inline:
        emitter.expand_last_call()
    if len(slots) > len(type_.params):
        _map_output(s, node, type_, values[-1], slots[-1], index, result)
    emitter.next_register = registers
    emitter.jump(Op.MAPNEXT, body, index, count)
    emitter.place(end)


def _shortest(s: Sema, slots: list[int]) -> int:
    """A register with the length of the shortest DSD; one element without any."""
    emitter = s.emitter(None)
    count = -1
    for slot in slots:
        if slot < 0:
            continue
        register = emitter.register()
        emitter.emit(Op.DCOUNT, register, slot)
        if count < 0:
            count = register
            continue
        test, shorter = emitter.register(), Label()
        emitter.emit(Op.LT, test, count, register, t=T.I64.code or 0)
        emitter.jump(Op.JNZ, shorter, test)
        emitter.emit(Op.MOV, count, register)
        emitter.place(shorter)
    return emitter.constant(1) if count < 0 else count


def _map_output(
    s: Sema,
    node: ast.BuiltinCall,
    type_: T.FnType,
    out: Value,
    slot: int,
    index: int,
    result: Value,
) -> None:
    emitter = s.emitter(node.span)
    if slot >= 0:
        assert type_.result.code is not None
        emitter.emit(Op.DST, s.register(result), slot, index, t=type_.result.code)
        return
    assign(s, deref(s, out, node.args[-1].span), result, node.args[-1].span)
