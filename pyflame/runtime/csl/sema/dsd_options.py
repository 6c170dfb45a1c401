"""Options of DSD operations and of DSR loads, as rows of the image's table."""

from __future__ import annotations

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.builtins_tasks import (
    block_kind,
    priority_level,
    refuse_microthreads,
    task_number,
)
from pyflame.runtime.csl.sema.coerce import coerce
from pyflame.runtime.csl.sema.core import Sema, describe
from pyflame.runtime.csl.sema.values import Const, Struct, Tuple, Value
from pyflame.runtime.csl.source import Span
from pyflame.runtime.fabric.isa import OPTION_WORDS, BlockKind, OnControl, Option, TaskKind

_KNOWN = ("async", "activate", "unblock", "on_control", "priority", "ut_id", "index")
ON_LOAD = (
    "async", "activate", "unblock", "on_control", "priority", "ut_id", "save_address",
    "single_step",
)  # fmt: skip
"""Options of @load_to_dsr."""
ON_MEMORY_LOAD = ("save_address", "single_step")
"""Options of the loads of circular buffers and of several dimensions."""


def options_of(s: Sema, node: ast.Expr, known: tuple[str, ...] = _KNOWN) -> dict[str, Value]:
    """The options in a struct, all of them known."""
    value = s.eval(node)
    if isinstance(value, Tuple) and not value.items:
        return {}
    if not isinstance(value, Struct):
        raise s.fail(node.span, f"expected a struct of options, found {describe(value)}")
    for name in value.fields:
        if name not in known:
            names = ", ".join(f".{n}" for n in known)
            raise s.fail(node.span, f"the options are {names}; found .{name}")
    if "activate" in value.fields and "unblock" in value.fields:
        raise s.fail(node.span, ".activate and .unblock exclude each other")
    return value.fields


def option_row(s: Sema, options: dict[str, Value], span: Span) -> int:
    """The row of the options table, -1 without options."""
    row = [-1] * OPTION_WORDS
    for name, value in options.items():
        if name in ("async", "save_address"):
            flag = s.known(coerce(s, value, T.BOOL, span), span, "option")
            column = Option.ASYNC if name == "async" else Option.SAVE_ADDRESS
            row[column] = int(flag.value)  # pyright: ignore[reportAttributeAccessIssue]
        elif name == "activate":
            number = task_number(s, value, span, (TaskKind.LOCAL,))
            if number.type is not T.LOCAL_TASK_ID:
                raise s.fail(span, f".activate takes a local task, found {describe(value)}")
            row[Option.ACTIVATE] = _number(s, number)
        elif name == "unblock":
            number = task_number(s, value, span, (TaskKind.LOCAL, TaskKind.DATA))
            row[Option.UNBLOCK] = _number(s, number)
            row[Option.UNBLOCK_KIND] = int(_unblockable(s, number, span))
        elif name == "priority":
            row[Option.PRIORITY] = priority_level(s, value, span)
        elif name == "ut_id":
            if value.type is not T.UT_ID:
                raise s.fail(span, f".ut_id takes a ut_id, found {describe(value)}")
            refuse_microthreads(s, span, ".ut_id")
            s.known(value, span, ".ut_id")
            if isinstance(value, Const) and value.value == s.compilation.arch.memcpy_microthread:
                _warn_of_memcpy(s, span)
            row[Option.UT] = _number(s, value)
        elif name == "index":
            row[Option.INDEX] = _number(s, coerce(s, value, T.U16, span))
        elif name == "single_step":
            # @map takes single steps of any DSR
            s.known(coerce(s, value, T.BOOL, span), span, "option")
        elif name == "on_control":
            _on_control(s, value, row, span)
    return -1 if all(word == -1 for word in row) else s.unit.row("options", row)


def _warn_of_memcpy(s: Sema, span: Span) -> None:
    if s.compilation.uses_memcpy:
        number = s.compilation.arch.memcpy_microthread
        s.compilation.engine.warning(
            span,
            f"memcpy uses microthread {number} too; this operation has to end before "
            "the host copies, or use another .ut_id",
        )


def _number(s: Sema, value: Value) -> int:
    """A known number, or the code of a register."""
    if isinstance(value, Const):
        return int(value.value)
    return -(s.register(value) + 16)


def _on_control(s: Sema, value: Value, row: list[int], span: Span) -> None:
    if not isinstance(value, Struct) or len(value.fields) != 1:
        raise s.fail(span, ".on_control is .{ .terminate = true }, .{ .activate = id } or "
                     ".{ .unblock = id }")  # fmt: skip
    (name, inner), *_ = value.fields.items()
    if name == "terminate":
        flag = s.known(coerce(s, inner, T.BOOL, span), span, ".terminate")
        row[Option.ON_CONTROL] = int(flag.value) * int(OnControl.TERMINATE)  # pyright: ignore[reportAttributeAccessIssue]
        return
    if name not in ("activate", "unblock"):
        raise s.fail(span, f".on_control knows .terminate, .activate and .unblock, found .{name}")
    kinds = (TaskKind.LOCAL,) if name == "activate" else (TaskKind.LOCAL, TaskKind.DATA)
    number = task_number(s, inner, span, kinds)
    row[Option.ON_CONTROL] = int(OnControl.ACTIVATE)
    if name == "unblock":
        row[Option.ON_CONTROL] = int(OnControl.UNBLOCK) + int(_unblockable(s, number, span))
    elif number.type is not T.LOCAL_TASK_ID:
        raise s.fail(span, f".on_control activates a local task, found {describe(inner)}")
    row[Option.ON_CONTROL_ID] = _number(s, number)


def _unblockable(s: Sema, value: Value, span: Span) -> BlockKind:
    """What kind of thing the end of an operation unblocks."""
    if value.type is T.UT_ID:
        raise s.fail(span, ".unblock takes a task or what its wavelets come from, found a ut_id")
    return block_kind(s, value.type, span)
