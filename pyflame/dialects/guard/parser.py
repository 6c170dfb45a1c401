"""xDSL's parser, with places on ops, suggestions, and bounds on what a short text can blow up."""

from __future__ import annotations

import math
from collections import ChainMap
from difflib import get_close_matches
from time import monotonic
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import (
    BytesAttr,
    DenseIntOrFPElementsAttr,
    FileLineColLoc,
    IntAttr,
    IntegerType,
    ModuleOp,
    ShapedType,
    StringAttr,
    TensorType,
    UnknownLoc,
)
from xdsl.ir import Attribute, Operation, SSAValue, TypeAttribute
from xdsl.parser import Parser, UnresolvedOperand
from xdsl.utils.lexer import Position, Span
from xdsl.utils.mlir_lexer import MLIRTokenKind

from pyflame.dialects.guard.errors import MlirLimitError
from pyflame.dialects.guard.limits import Limits
from pyflame.source import Diagnostic, SourceFile

WIDEST_INTEGER = (1 << 24) - 1
"""Bits of the widest integer type, as in MLIR."""

LARGEST_EXTENT = (1 << 63) - 1
"""The largest dimension of a shape, as in MLIR."""

MOST_ALIAS_NODES = 4_000_000
"""Types and attributes that all aliases of a file may stand for, each use counted."""


class Scopes(ChainMap[str, tuple[SSAValue, ...]]):
    """The values in scope, where a copy costs one new map and not all the names.

    xDSL's parser copies the values at the start of a region and puts the copy back at its end;
    with a dict this takes quadratic time in a file of many values and many regions.
    """

    def copy(self) -> Scopes:
        """This scope as it stands; what is added to `self` from now on is not seen in it."""
        before = Scopes(*self.maps)
        self.maps = [{}, *self.maps]
        return before

    def get(self, key: str, default: Any = None) -> Any:
        for values in self.maps:  # `ChainMap.get` looks twice
            if key in values:
                return values[key]
        return default


class AliasTable(dict[str, Attribute]):
    """Aliases by name, with a count of the types and attributes that their uses stand for.

    Twenty aliases that each name the one before twice stand for a million types.
    """

    def __init__(self) -> None:
        super().__init__()
        self.spent = 0
        self._sizes: dict[str, int] = {}

    def __getitem__(self, name: str) -> Attribute:
        self.spent += self._sizes[name]
        return super().__getitem__(name)

    def note_size(self, name: str, size: int) -> None:
        """Remember how many nodes alias `name` stands for."""
        self._sizes[name] = size


class GuardedParser(Parser):
    """The parser behind `parse_module`. Its text must have passed `scan`."""

    def __init__(self, ctx: Context, file: SourceFile, limits: Limits) -> None:
        self.file = file
        self.limits = limits
        self.deadline = monotonic() + limits.max_parse_seconds
        self.op_start: Position | None = None
        self.first_uses: dict[str, Span] = {}
        self._constant_bytes = 0
        self._file_name = StringAttr(file.name)
        self._lines: dict[int, IntAttr] = {}
        super().__init__(ctx, file.text, file.name)
        self.ssa_values: Any = Scopes()
        self.aliases = AliasTable()
        self.attribute_aliases: Any = self.aliases

    # Places

    def parse_module(self, allow_implicit_module: bool = True) -> ModuleOp:
        module = super().parse_module(allow_implicit_module)
        if isinstance(module.location, UnknownLoc):
            module.location = self._location(0)
        return module

    def parse_operation(self) -> Operation:
        self.op_start = start = self.pos
        if monotonic() > self.deadline:
            self._over("parsing takes too long", "max_parse_seconds")
        op = super().parse_operation()
        if isinstance(op.location, UnknownLoc):
            op.location = self._location(start)
        return op

    def _location(self, offset: Position) -> FileLineColLoc:
        line, column = (self._int_attr(n) for n in self.file.position(offset))
        return FileLineColLoc(self._file_name, line, column)

    def _int_attr(self, value: int) -> IntAttr:
        if (attr := self._lines.get(value)) is None:
            attr = self._lines[value] = IntAttr(value)
        return attr

    def resolve_operand(self, operand: UnresolvedOperand, type: Any) -> Any:
        name = operand.operand_name
        if name not in self.ssa_values:
            self.first_uses.setdefault(name, operand.span)
        return super().resolve_operand(operand, type)

    @property
    def at_end(self) -> bool:
        """Whether the whole text has been read."""
        return self._current_token.kind is MLIRTokenKind.EOF

    # Names

    def _get_op_by_name(self, name: str) -> type[Operation]:
        op_type = self.ctx.get_optional_op(name, dialect_stack=self._parser_state.dialect_stack)
        if op_type is not None:
            return op_type
        start = self.file.text.rfind(name, 0, self.pos)
        at = Span(start, start + len(name), self.lexer.input) if start >= 0 else None
        self.raise_error(f"no operation is called {name!r}; {self._what_there_is(name)}", at)

    def _what_there_is(self, name: str) -> str:
        dialect, dot, _ = name.partition(".")
        if not dot:
            return "an operation is written dialect.name"
        dialects = sorted(self.ctx.registered_dialect_names)
        if dialect not in dialects:
            return _suggest(dialect, dialects, "dialect")
        known = sorted(op.name for op in self.ctx.loaded_ops if op.name.startswith(f"{dialect}."))
        return _suggest(name, known, f"operation of dialect {dialect!r}")

    # Bounds

    def _parse_alias_def(self) -> None:
        name, before = self._current_token.text, self.aliases.spent
        super()._parse_alias_def()
        self.aliases.note_size(name, 1 + self.aliases.spent - before)

    def _parse_extended_type_or_attribute(self, *args: Any, **kwargs: Any) -> Any:
        value = super()._parse_extended_type_or_attribute(*args, **kwargs)
        if self.aliases.spent > MOST_ALIAS_NODES:
            message = f"the aliases of this file stand for over {MOST_ALIAS_NODES} types"
            raise MlirLimitError(Diagnostic(message, self.file.at(self.pos)))
        return value

    def _parse_optional_integer_or_float_type(self) -> TypeAttribute | None:
        span = self._current_token.span
        type = super()._parse_optional_integer_or_float_type()
        if isinstance(type, IntegerType) and type.width.data > WIDEST_INTEGER:
            self.raise_error(f"integer types have at most {WIDEST_INTEGER} bits", span)
        return type

    def parse_shape_dimension(self, allow_dynamic: bool = True) -> int:
        span = self._current_token.span
        extent = super().parse_shape_dimension(allow_dynamic)
        if extent > LARGEST_EXTENT:
            self.raise_error(f"a dimension is at most {LARGEST_EXTENT}", span)
        return extent

    def parse_dense_int_or_fp_elements_attr(self, type: Any) -> DenseIntOrFPElementsAttr:
        start = self.pos
        if type is not None:
            self._count_constant(type, start)
        if (splat := self._parse_optional_splat(type)) is not None:
            return splat
        return super().parse_dense_int_or_fp_elements_attr(type)

    def _parse_dense_literal_type(self) -> Any:
        start = self.pos
        type = super()._parse_dense_literal_type()
        self._count_constant(type, start)
        return type

    def _parse_optional_splat(self, type: Any) -> DenseIntOrFPElementsAttr | None:
        """``<1.0> : tensor<…>``, packed once; xDSL builds a list of all its elements."""
        start = self.pos
        self.parse_punctuation("<", " in dense attribute")
        kind = self._current_token.kind
        if kind in (MLIRTokenKind.GREATER, MLIRTokenKind.L_SQUARE, MLIRTokenKind.STRING_LIT):
            self._resume_from(start)
            return None
        value = self._parse_tensor_literal_element()
        self.parse_punctuation(">", " in dense attribute")
        if type is None:
            self.parse_punctuation(":", " in dense attribute")
            type = self._parse_dense_literal_type()
        one: Any = TensorType(type.get_element_type(), [1])
        element: Any = value.to_type(self, type.get_element_type())
        data = DenseIntOrFPElementsAttr.from_list(one, [element]).data.data
        return DenseIntOrFPElementsAttr(type, BytesAttr(data * math.prod(type.get_shape())))

    def _count_constant(self, type: ShapedType, start: Position) -> None:
        element: Any = getattr(type, "element_type", None)
        count = math.prod(type.get_shape())
        if count > self.limits.max_constant_bytes:
            size = 1  # spares packing an element of an unsized type
        else:
            size = getattr(element, "compile_time_size", 8)
        self._constant_bytes += count * size
        if self._constant_bytes > self.limits.max_constant_bytes:
            message = f"the constants of this file take {self._constant_bytes} bytes or more"
            self._over(message, "max_constant_bytes", start)

    def _over(self, message: str, limit: str, at: Position | None = None) -> None:
        place = self.file.at(self.pos if at is None else at)
        raise MlirLimitError(Diagnostic(f"{message}; {self.limits.how_to_raise(limit)}", place))


def _suggest(name: str, known: list[str], kind: str) -> str:
    close = get_close_matches(name, known, n=3, cutoff=0.7)
    if close:
        return "did you mean " + " or ".join(map(repr, close)) + "?"
    shown = ", ".join(known) if len(known) <= 12 else f"{', '.join(known[:12])}, …"
    return f"there is no such {kind}; there are: {shown}" if shown else f"there is no {kind}"
