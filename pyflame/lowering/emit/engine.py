"""The printer's engine: values, statements, scopes. What an op looks like stands in the tables.

A value without effects that is used once, in the block that computes it, is written where it is
used; every other value becomes a ``const``. So nothing is computed twice and a load never moves
past a store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from xdsl.dialects.builtin import StringAttr
from xdsl.dialects.csl import CslModuleOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.traits import is_side_effect_free

from pyflame.errors import Gap, UnsupportedError
from pyflame.lowering.emit.literals import csl_type
from pyflame.lowering.emit.names import Names

INDENT = "  "


@dataclass(frozen=True)
class Expr:
    """CSL text of a value. An `atom` needs no parentheses; a `literal` may be written anywhere."""

    text: str
    atom: bool = False
    literal: bool = False
    typed: bool = True
    """False where a declaration must not name the type (structs: CSL 2.10 has no name for it)."""

    @property
    def operand(self) -> str:
        """The text as an operand of an operator."""
        return self.text if self.atom else f"({self.text})"


ValueRule = Callable[["Engine", Any], Expr]
"""How an op with one result reads as an expression."""
StatementRule = Callable[["Engine", Any], None]
"""How an op prints itself, line by line."""


@dataclass(frozen=True)
class Tables:
    """What the printer knows: op class to rule. An op in neither table is an error."""

    values: Mapping[type[Operation], ValueRule]
    statements: Mapping[type[Operation], StatementRule]


class Engine:
    """Prints one `csl.module`."""

    def __init__(self, tables: Tables, comments: bool = True) -> None:
        self.tables = tables
        self.comments = comments
        self.lines: list[str] = []
        self.names = Names()
        self._prefix = ""
        self._values: dict[SSAValue, Expr] = {}

    # Output

    def line(self, text: str) -> None:
        """Write one line at the present indentation."""
        self.lines.append(f"{self._prefix}{text}" if text else "")

    @contextmanager
    def braces(self, head: str, tail: str = "}") -> Iterator[None]:
        """Write ``head {``, what the body prints, and `tail`."""
        self.line(f"{head} {{" if head else "{")
        with self.indented():
            yield
        self.line(tail)

    @contextmanager
    def indented(self) -> Iterator[None]:
        """Indent what the body prints."""
        outer, self._prefix = self._prefix, self._prefix + INDENT
        yield
        self._prefix = outer

    @contextmanager
    def captured(self) -> Iterator[list[str]]:
        """Collect what the body prints instead of writing it."""
        outer, self.lines = self.lines, []
        yield self.lines
        self.lines = outer

    # Values

    def expr(self, value: SSAValue) -> Expr:
        """The expression that stands for `value`."""
        return self._values[value]

    def use(self, value: SSAValue) -> str:
        """`value` as an operand of an operator, in parentheses where needed."""
        return self._values[value].operand

    def text(self, value: SSAValue) -> str:
        """`value` where a whole expression may stand, such as an argument."""
        return self._values[value].text

    def name(self, value: SSAValue) -> str:
        """A name or literal for `value`, so that it may be written several times."""
        expr = self._values[value]
        if expr.literal or (expr.atom and expr.text.isidentifier()):
            return expr.operand
        return self.declare("const", value, expr)

    def bind(self, value: SSAValue, expr: Expr) -> None:
        """Let `expr` stand for `value`."""
        self._values[value] = expr

    def bind_name(self, value: SSAValue, hint: str | None = None) -> str:
        """Give `value` a fresh name, derived from the IR."""
        name = self.names.fresh(hint or value.name_hint or "v")
        self.bind(value, Expr(name, atom=True))
        return name

    def declare(
        self, keyword: str, value: SSAValue, expr: Expr, hint: str | None = None, extra: str = ""
    ) -> str:
        """Write ``keyword name: type extra = expr;`` for `value`; returns the name."""
        name = self.bind_name(value, hint)
        type = f": {csl_type(value.type)}" if expr.typed else ""
        self.line(f"{keyword} {name}{type}{extra} = {expr.text};")
        return name

    # Operations

    def block(self, block: Block) -> None:
        """Print the ops of a block; terminators are the parent's business."""
        for op in block.ops:
            self.op(op)

    def op(self, op: Operation) -> None:
        """Print one op by its table row."""
        statement = self.tables.statements.get(type(op))
        if statement is not None:
            if op.regions and isinstance(op.parent_op(), CslModuleOp):
                self.line("")
            self.comment(op)
            statement(self, op)
            return
        rule = self.tables.values.get(type(op))
        if rule is None:
            raise UnsupportedError(
                Gap(f"op '{op.name}' in CSL", _place(op), "the printer has no row for it")
            )
        (result,) = op.results
        expr = rule(self, op)
        if expr.literal or self._written_at_use(op, result):
            self.bind(result, expr)
        else:
            self.comment(op)
            self.declare("const", result, expr)

    def comment(self, op: Operation) -> None:
        """Write the op's `comment` attribute, if it has one and comments are wanted."""
        text = op.attributes.get("comment")
        if self.comments and isinstance(text, StringAttr):
            for line in text.data.splitlines():
                self.line(f"// {line}".rstrip())

    def _written_at_use(self, op: Operation, result: SSAValue) -> bool:
        if isinstance(op.parent_op(), CslModuleOp) or not is_side_effect_free(op):
            return False
        uses = list(result.uses)
        return not uses or (len(uses) == 1 and uses[0].operation.parent is op.parent)


def _place(op: Operation) -> str:
    parent = op.parent_op()
    while parent is not None:
        name = parent.properties.get("sym_name")
        if isinstance(name, StringAttr):
            return f"{parent.name} @{name.data}"
        parent = parent.parent_op()
    return ""
