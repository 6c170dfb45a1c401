"""Expressions whose value comes from one of several places: ``if``, ``switch``, labelled blocks.

Each arm writes the same register. The type in which the arms meet is known only behind the last
of them, so an arm leaves one instruction that is completed then.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyflame.runtime.csl.diagnostics import Note
from pyflame.runtime.csl.sema import types as T
from pyflame.runtime.csl.sema.coerce import coerce, common_type
from pyflame.runtime.csl.sema.core import Sema, describe
from pyflame.runtime.csl.sema.memory import new_local, store
from pyflame.runtime.csl.sema.values import (
    VOID_VALUE,
    Const,
    Mem,
    Reg,
    Slot,
    Value,
    detached,
    is_known,
    key_of,
)
from pyflame.runtime.csl.source import Span
from pyflame.runtime.fabric.isa import Op


@dataclass
class Arm:
    """A value, the place of its unfinished instruction (-1: none), and where it stands."""

    value: Value
    index: int
    span: Span


class Join:
    """Collects the arms of one expression; `what` names them in messages."""

    def __init__(self, s: Sema, what: str, hint: T.Type | None, span: Span) -> None:
        self.s = s
        self.what = what
        self.hint = hint
        self.arms: list[Arm] = []
        self._register = s.emitter(span).register()
        self._place: Mem | Slot | None = None

    def give(self, value: Value, span: Span) -> None:
        """The value of one arm, where control leaves it."""
        s = self.s
        if self.hint is not None:
            value = coerce(s, value, self.hint, span)
        emitter = s.emitter(span)
        index = -1
        type_ = value.type
        if type_.code is not None or type_ in (T.COMPTIME_INT, T.COMPTIME_FLOAT):
            if not isinstance(value, Const):
                value = Reg(type_, s.register(value, span))
            index = len(emitter.code)
            source = value.reg if isinstance(value, Reg) else 0
            emitter.emit(Op.MOV if isinstance(value, Reg) else Op.LDI, self._register, source)
            emitter.fence()
        elif type_ is not T.VOID and not type_.comptime_only:
            value = self._keep(value, span)
        elif not is_known(value):
            raise s.fail(span, f"{self.what} cannot give {describe(value)}")
        self.arms.append(Arm(detached(value), index, span))

    def _keep(self, value: Value, span: Span) -> Value:
        """Store an aggregate; all arms must have its type."""
        s = self.s
        if self._place is None:
            type_ = value.type
            if isinstance(type_, T.DsdType):
                self._place = Slot(type_, s.unit.new_slot(), fresh=True)
            else:
                self._place = new_local(s, type_, "value", span)
        value = coerce(s, value, self._place.type, span)
        store(s, self._place, value, span)
        return value

    def must_be_void(self, why: Note) -> None:
        """Refuse arms with a value, because control can also get past all of them."""
        for arm in self.arms:
            if arm.value.type is not T.VOID:
                raise self.s.fail(arm.span, f"expected void, found {describe(arm.value)}", why)

    def finish(self, span: Span, surely: bool) -> Value:
        """The value of the whole; `surely` where one arm is taken on every path."""
        arms = self.arms
        if not arms:
            return VOID_VALUE
        if surely and len(arms) == 1 and is_known(arms[0].value):
            return arms[0].value
        if self._place is not None and all(arm.index < 0 for arm in arms):
            for arm in arms:
                coerce(self.s, arm.value, self._place.type, arm.span)
            return self._place
        if all(arm.index < 0 for arm in arms):
            return self._same(arms)
        type_ = self._type(span)
        for arm in arms:
            self._complete(arm, type_)
        return Reg(type_, self._register)

    def _same(self, arms: list[Arm]) -> Value:
        """Values that exist at compile time only: they must not differ."""
        first = arms[0].value
        for arm in arms[1:]:
            if key_of(arm.value) != key_of(first):
                raise self.s.fail(
                    arm.span,
                    f"{self.what} cannot choose at run time between {describe(first)} and "
                    f"{describe(arm.value)}",
                )
        return first

    def _type(self, span: Span) -> T.Type:
        """The type in which all arms meet."""
        meeting = self.arms[0].value
        for arm in self.arms[1:]:
            type_ = common_type(self.s, meeting, arm.value, arm.span, f"the values of {self.what}")
            if type_ is not meeting.type:
                meeting = arm.value if arm.value.type is type_ else Reg(type_, self._register)
        if meeting.type.code is None:
            raise self.s.fail(
                span,
                f"{self.what} cannot give a value of type {meeting.type} at run time: "
                "give one of the values a type with @as",
            )
        return meeting.type

    def _complete(self, arm: Arm, type_: T.Type) -> None:
        """Complete the instruction of an arm now that the type is known."""
        row = self.s.emitter(arm.span).code[arm.index]
        if isinstance(arm.value, Const):
            value = coerce(self.s, arm.value, type_, arm.span)
            assert isinstance(value, Const)
            row[5] = self.s.bits(value)
        elif arm.value.type.code != type_.code:
            assert arm.value.type.code is not None and type_.code is not None
            row[0], row[1], row[4] = int(Op.CAST), int(type_.code), int(arm.value.type.code)
