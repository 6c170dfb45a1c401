"""What all ops of `csl_source` share: kinds of constructs, what a region holds, and the checks."""

from __future__ import annotations

import re
from abc import ABC
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from xdsl.dialects.builtin import IntegerType, StringAttr
from xdsl.ir import Operation, ParametrizedAttribute, Region, TypeAttribute
from xdsl.irdl import IRDLOperation, irdl_attr_definition, result_def, traits_def
from xdsl.traits import NoTerminator
from xdsl.utils.exceptions import VerifyException

COMPTIME_INT = IntegerType(512)
"""Type of integer literals: wide enough for the 100 characters that a CSL literal may have."""

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@irdl_attr_definition
class ExprType(ParametrizedAttribute, TypeAttribute):
    """An expression or a type as it is written, not its value: ``!csl_source.expr``."""

    name = "csl_source.expr"


@dataclass(frozen=True)
class Holds:
    """What stands in a region beside expressions: ops of `kind`, exactly one where `one`."""

    kind: type[SourceOp]
    one: bool = False


class SourceOp(IRDLOperation, ABC):
    """One construct of CSL's grammar.

    The tables of a class say what its verifier checks beside operands and attributes.
    """

    WHAT: ClassVar[str] = "an op of csl_source"
    """What messages call this kind of op."""

    CHOICES: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Text attribute → the words it may be."""

    IDENTIFIERS: ClassVar[tuple[str, ...]] = ()
    """Text attributes that are identifiers."""

    HOLDS: ClassVar[Mapping[str, Holds]] = {}
    """Region → what it holds."""

    traits = traits_def(NoTerminator())

    def verify_(self) -> None:
        parent = self.parent_op()
        if parent is not None and not self._may_stand_in(parent):
            raise VerifyException(f"stands in {parent.name}; expected an op of csl_source")
        for name, words in self.CHOICES.items():
            text = _text(self, name)
            if text is not None and text not in words:
                raise VerifyException(f"{name} is {text!r}; expected one of {', '.join(words)}")
        for name in self.IDENTIFIERS:
            text = _text(self, name)
            if text is not None and not IDENTIFIER.fullmatch(text):
                raise VerifyException(f"{name} {text!r} is not an identifier")
        for name, holds in self.HOLDS.items():
            for region in _regions(getattr(self, name)):
                self._check_region(name, holds, region)

    def _may_stand_in(self, parent: Operation) -> bool:
        return isinstance(parent, SourceOp)

    def _check_region(self, name: str, holds: Holds, region: Region) -> None:
        count = 0
        for op in ops_of(region):
            if isinstance(op, ExprOp):
                continue
            if not isinstance(op, holds.kind):
                raise VerifyException(f"its {name} has {op.name}; expected {holds.kind.WHAT}")
            count += 1
        if holds.one and count != 1:
            raise VerifyException(f"its {name} has {count} ops; expected one: {holds.kind.WHAT}")


class ExprOp(SourceOp, ABC):
    """An expression or a type. The op that uses it has it as a part of its own text.

    So it is used once, by an op of its own block. Where it stands says nothing about when it is
    evaluated: that is up to its user, as in ``while`` or ``and``.
    """

    WHAT: ClassVar = "an expression"

    expr = result_def(ExprType)

    def verify_(self) -> None:
        super().verify_()
        users = [use.operation for use in self.expr.uses]
        if len(users) != 1:
            raise VerifyException(f"is used {len(users)} times; an expression is part of one op")
        if users[0].parent_block() is not self.parent_block():
            raise VerifyException(f"is used by {users[0].name} in another region than its own")


class StatementOp(SourceOp, ABC):
    """Something that is done inside a block."""

    WHAT: ClassVar = "a statement"


class DeclarationOp(SourceOp, ABC):
    """Something that a file declares."""

    WHAT: ClassVar = "a declaration"


def _text(op: SourceOp, name: str) -> str | None:
    attribute = op.properties.get(name)
    return attribute.data if isinstance(attribute, StringAttr) else None


def ops_of(region: Region) -> Iterable[Operation]:
    """The ops of a region: of its block, or none where it is empty (``{ }``)."""
    first = region.first_block
    return () if first is None else first.ops


def _regions(held: Region | None) -> tuple[Region, ...]:
    return () if held is None else (held,)
