"""Expressions of CSL, one op per form."""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects.builtin import (
    ArrayAttr,
    BoolAttr,
    BytesAttr,
    Float64Type,
    FloatAttr,
    IntegerAttr,
    StringAttr,
)
from xdsl.irdl import (
    AttrSizedOperandSegments,
    base,
    eq,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    var_operand_def,
)
from xdsl.utils.exceptions import VerifyException

from pyflame.dialects.csl_source.base import (
    COMPTIME_INT,
    IDENTIFIER,
    ExprOp,
    ExprType,
    Holds,
    SourceOp,
    StatementOp,
)
from pyflame.dialects.csl_source.statements import BlockOp

PREFIX = ("-", "!", "~")
INFIX = (
    "+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "==", "!=", "<", "<=", ">", ">=",
    "and", "or",
)  # fmt: skip


# Literals and names


@irdl_op_definition
class IntLitOp(ExprOp):
    """``42``; of ``0x2a`` the spelling is kept: ``%0 = csl_source.int_lit 42 as "0x2a"``."""

    name = "csl_source.int_lit"

    value = prop_def(IntegerAttr.constr(type=eq(COMPTIME_INT)))
    text = opt_prop_def(StringAttr)

    assembly_format = "$value (`as` $text^)? attr-dict"


@irdl_op_definition
class FloatLitOp(ExprOp):
    """``1.5e-3``: ``%0 = csl_source.float_lit 1.500000e-03 : f64 as "1.5e-3"``."""

    name = "csl_source.float_lit"

    value = prop_def(base(FloatAttr))
    text = opt_prop_def(StringAttr)

    assembly_format = "$value (`as` $text^)? attr-dict"

    def verify_(self) -> None:
        super().verify_()
        # A constraint on the type would leave it out of the text, and xDSL reads no hexadecimal
        # float without its type.
        if self.value.type != Float64Type():
            raise VerifyException(f"value is {self.value}; expected an f64")


@irdl_op_definition
class StringLitOp(ExprOp):
    """``"text"``, escapes replaced: ``%0 = csl_source.string_lit "text"``.

    Text beyond ASCII is kept as UTF-8 bytes, since xDSL reads it back as such.
    """

    name = "csl_source.string_lit"

    value = prop_def(base(StringAttr) | base(BytesAttr))

    assembly_format = "$value attr-dict"

    def verify_(self) -> None:
        super().verify_()
        if isinstance(self.value, BytesAttr):
            try:
                self.value.data.decode("utf-8")
            except UnicodeDecodeError as error:
                raise VerifyException(f"its text is not UTF-8: {error}") from None


@irdl_op_definition
class CharLitOp(ExprOp):
    """``'a'``, by its code: ``%0 = csl_source.char_lit 97``."""

    name = "csl_source.char_lit"

    value = prop_def(IntegerAttr.constr(type=eq(COMPTIME_INT)))

    assembly_format = "$value attr-dict"

    def verify_(self) -> None:
        super().verify_()
        if not 0 <= self.value.value.data <= 0x10FFFF:
            raise VerifyException(f"{self.value.value.data} is no character; expected 0..0x10ffff")


@irdl_op_definition
class BoolLitOp(ExprOp):
    """``%0 = csl_source.bool_lit true``."""

    name = "csl_source.bool_lit"

    value = prop_def(BoolAttr)

    assembly_format = "$value attr-dict"


@irdl_op_definition
class VoidLitOp(ExprOp):
    """``{}`` as a value: ``%0 = csl_source.void_lit``."""

    name = "csl_source.void_lit"

    assembly_format = "attr-dict"


@irdl_op_definition
class NameOp(ExprOp):
    """A variable, function, module or type by its name: ``%0 = csl_source.name "x"``."""

    name = "csl_source.name"
    IDENTIFIERS: ClassVar = ("name",)

    identifier = prop_def(StringAttr, prop_name="name")

    assembly_format = "$name attr-dict"


# Operators


@irdl_op_definition
class UnaryOp(ExprOp):
    """``-x``: ``%1 = csl_source.unary "-" %0``."""

    name = "csl_source.unary"
    CHOICES: ClassVar = {"op": PREFIX}

    op = prop_def(StringAttr)
    operand = operand_def(ExprType)

    assembly_format = "$op $operand attr-dict"


@irdl_op_definition
class AddressOfOp(ExprOp):
    """``&x``: ``%1 = csl_source.address_of %0``."""

    name = "csl_source.address_of"

    operand = operand_def(ExprType)

    assembly_format = "$operand attr-dict"


@irdl_op_definition
class ComptimeExprOp(ExprOp):
    """``comptime x``: ``%1 = csl_source.comptime_expr %0``."""

    name = "csl_source.comptime_expr"

    operand = operand_def(ExprType)

    assembly_format = "$operand attr-dict"


@irdl_op_definition
class BinaryOp(ExprOp):
    """``a + b``, ``a and b``: ``%2 = csl_source.binary %0 "+" %1``."""

    name = "csl_source.binary"
    CHOICES: ClassVar = {"op": INFIX}

    op = prop_def(StringAttr)
    lhs = operand_def(ExprType)
    rhs = operand_def(ExprType)

    assembly_format = "$lhs $op $rhs attr-dict"


# Postfix forms


@irdl_op_definition
class MemberOp(ExprOp):
    """``base.field``: ``%1 = csl_source.member %0 "field"``."""

    name = "csl_source.member"
    IDENTIFIERS: ClassVar = ("name",)

    base = operand_def(ExprType)
    identifier = prop_def(StringAttr, prop_name="name")

    assembly_format = "$base $name attr-dict"


@irdl_op_definition
class DerefOp(ExprOp):
    """``p.*``: ``%1 = csl_source.deref %0``."""

    name = "csl_source.deref"

    base = operand_def(ExprType)

    assembly_format = "$base attr-dict"


@irdl_op_definition
class IndexOp(ExprOp):
    """``a[i, j]``: ``%3 = csl_source.index %0[%1, %2]``."""

    name = "csl_source.index"

    base = operand_def(ExprType)
    indices = var_operand_def(ExprType)

    assembly_format = "$base `[` $indices `]` attr-dict"


@irdl_op_definition
class CallOp(ExprOp):
    """``f(x, y)``: ``%3 = csl_source.call %0(%1, %2)``."""

    name = "csl_source.call"

    callee = operand_def(ExprType)
    args = var_operand_def(ExprType)

    assembly_format = "$callee `(` $args `)` attr-dict"


@irdl_op_definition
class BuiltinCallOp(ExprOp):
    """``@zeros(T)``: ``%1 = csl_source.builtin_call "zeros"(%0)``."""

    name = "csl_source.builtin_call"
    IDENTIFIERS: ClassVar = ("name",)

    identifier = prop_def(StringAttr, prop_name="name")
    args = var_operand_def(ExprType)

    assembly_format = "$name `(` $args `)` attr-dict"


# Aggregates


@irdl_op_definition
class FieldInitOp(SourceOp):
    """``.x = value`` in a struct literal: ``csl_source.field_init "x" = %0``."""

    name = "csl_source.field_init"
    WHAT: ClassVar = "csl_source.field_init"
    IDENTIFIERS: ClassVar = ("name",)

    identifier = prop_def(StringAttr, prop_name="name")
    value = operand_def(ExprType)

    assembly_format = "$name `=` $value attr-dict"


@irdl_op_definition
class StructLitOp(ExprOp):
    """``.{ .x = 1 }``, with a type ``T{ .x = 1 }``.

    ``%0 = csl_source.struct_lit { %1 = csl_source.int_lit 1  csl_source.field_init "x" = %1 }``
    """

    name = "csl_source.struct_lit"
    HOLDS: ClassVar = {"fields": Holds(FieldInitOp)}

    type = opt_operand_def(ExprType)
    fields = region_def()

    assembly_format = "(`type` $type^)? $fields attr-dict"


@irdl_op_definition
class ListLitOp(ExprOp):
    """``.{ 1, 2 }``, with a type ``[2]u16{ 1, 2 }``: ``%2 = csl_source.list_lit (%0, %1)``."""

    name = "csl_source.list_lit"

    type = opt_operand_def(ExprType)
    items = var_operand_def(ExprType)

    irdl_options = (AttrSizedOperandSegments(as_property=True),)
    assembly_format = "(`type` $type^)? `(` $items `)` attr-dict"


@irdl_op_definition
class TensorAccessOp(ExprOp):
    """``|i, j|{ M, N } -> a[i, j]``.

    ``%5 = csl_source.tensor_access ["i", "j"] in(%0, %1) -> %2[%3, %4]``
    """

    name = "csl_source.tensor_access"

    variables = prop_def(ArrayAttr[StringAttr])
    extents = var_operand_def(ExprType)
    array = operand_def(ExprType)
    indices = var_operand_def(ExprType)

    irdl_options = (AttrSizedOperandSegments(as_property=True),)
    assembly_format = "$variables `in` `(` $extents `)` `->` $array `[` $indices `]` attr-dict"

    def verify_(self) -> None:
        super().verify_()
        for variable in self.variables:
            if not IDENTIFIER.fullmatch(variable.data):
                raise VerifyException(f"variable {variable.data!r} is not an identifier")


# Control flow with a value


@irdl_op_definition
class IfExprOp(ExprOp):
    """``if (c) a else b``: ``%3 = csl_source.if_expr %0 then %1 else %2``."""

    name = "csl_source.if_expr"

    condition = operand_def(ExprType)
    then = operand_def(ExprType)
    otherwise = opt_operand_def(ExprType)

    assembly_format = "$condition `then` $then (`else` $otherwise^)? attr-dict"


@irdl_op_definition
class SwitchCaseOp(SourceOp):
    """``1, 2 => body``; without patterns it is ``else``.

    ``csl_source.switch_case(%0, %1) { csl_source.expr_stmt %2 }``
    """

    name = "csl_source.switch_case"
    WHAT: ClassVar = "csl_source.switch_case"
    HOLDS: ClassVar = {"body": Holds(StatementOp, one=True)}

    patterns = var_operand_def(ExprType)
    body = region_def()

    assembly_format = "`(` $patterns `)` $body attr-dict"


@irdl_op_definition
class SwitchOp(ExprOp):
    """``switch (x) { … }``: ``%1 = csl_source.switch %0 { csl_source.switch_case … }``."""

    name = "csl_source.switch"
    HOLDS: ClassVar = {"cases": Holds(SwitchCaseOp)}

    operand = operand_def(ExprType)
    cases = region_def()

    assembly_format = "$operand $cases attr-dict"


@irdl_op_definition
class BlockExprOp(ExprOp):
    """``label: { … break :label value; }`` as a value.

    ``%0 = csl_source.block_expr { csl_source.block label "label" { … } }``
    """

    name = "csl_source.block_expr"
    HOLDS: ClassVar = {"block": Holds(BlockOp, one=True)}

    block = region_def()

    assembly_format = "$block attr-dict"


EXPRESSIONS = (
    IntLitOp, FloatLitOp, StringLitOp, CharLitOp, BoolLitOp, VoidLitOp, NameOp,
    UnaryOp, AddressOfOp, ComptimeExprOp, BinaryOp,
    MemberOp, DerefOp, IndexOp, CallOp, BuiltinCallOp,
    FieldInitOp, StructLitOp, ListLitOp, TensorAccessOp,
    IfExprOp, SwitchCaseOp, SwitchOp, BlockExprOp,
)  # fmt: skip
"""Every op of this file."""
