"""Types of CSL as they are written: a type is an expression, a type's name a `NameOp`."""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects.builtin import StringAttr, UnitAttr
from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    var_operand_def,
)

from pyflame.dialects.csl_source.base import ExprOp, ExprType, Holds, SourceOp


@irdl_op_definition
class ArrayTypeOp(ExprOp):
    """``[M, N]T``: ``%3 = csl_source.array_type [%0, %1] of %2``."""

    name = "csl_source.array_type"

    dims = var_operand_def(ExprType)
    element = operand_def(ExprType)

    assembly_format = "`[` $dims `]` `of` $element attr-dict"


@irdl_op_definition
class PointerTypeOp(ExprOp):
    """``*T``, ``[*]const T``: ``%1 = csl_source.pointer_type many const %0``."""

    name = "csl_source.pointer_type"

    many = opt_prop_def(UnitAttr)
    const = opt_prop_def(UnitAttr)
    element = operand_def(ExprType)

    assembly_format = "(`many` $many^)? (`const` $const^)? $element attr-dict"


@irdl_op_definition
class FnTypeOp(ExprOp):
    """``fn(u16) void``: ``%2 = csl_source.fn_type "fn"(%0) -> %1``."""

    name = "csl_source.fn_type"
    CHOICES: ClassVar = {"kind": ("fn", "task")}

    kind = prop_def(StringAttr)
    params = var_operand_def(ExprType)
    result = operand_def(ExprType)

    assembly_format = "$kind `(` $params `)` `->` $result attr-dict"


@irdl_op_definition
class EnumMemberOp(SourceOp):
    """``A = 4`` of an enum: ``csl_source.enum_member "A" = %0``."""

    name = "csl_source.enum_member"
    WHAT: ClassVar = "csl_source.enum_member"
    IDENTIFIERS: ClassVar = ("name",)

    identifier = prop_def(StringAttr, prop_name="name")
    value = opt_operand_def(ExprType)

    assembly_format = "$name (`=` $value^)? attr-dict"


@irdl_op_definition
class EnumTypeOp(ExprOp):
    """``enum(u16) { A, B }``: ``%1 = csl_source.enum_type backing %0 { … }``."""

    name = "csl_source.enum_type"
    HOLDS: ClassVar = {"members": Holds(EnumMemberOp)}

    backing = opt_operand_def(ExprType)
    members = region_def()

    assembly_format = "(`backing` $backing^)? $members attr-dict"


@irdl_op_definition
class StructFieldOp(SourceOp):
    """``x: u16`` of a struct type: ``csl_source.struct_field "x" : %0``."""

    name = "csl_source.struct_field"
    WHAT: ClassVar = "csl_source.struct_field"
    IDENTIFIERS: ClassVar = ("name",)

    identifier = prop_def(StringAttr, prop_name="name")
    type = operand_def(ExprType)

    assembly_format = "$name `:` $type attr-dict"


@irdl_op_definition
class StructTypeOp(ExprOp):
    """``packed struct { x: u16 }``.

    ``%0 = csl_source.struct_type "struct" layout "packed" { … }``
    """

    name = "csl_source.struct_type"
    CHOICES: ClassVar = {"kind": ("struct", "union"), "layout": ("packed", "extern")}
    HOLDS: ClassVar = {"fields": Holds(StructFieldOp)}

    kind = prop_def(StringAttr)
    layout = opt_prop_def(StringAttr)
    fields = region_def()

    assembly_format = "$kind (`layout` $layout^)? $fields attr-dict"


TYPES = (
    ArrayTypeOp, PointerTypeOp, FnTypeOp, EnumMemberOp, EnumTypeOp, StructFieldOp, StructTypeOp,
)  # fmt: skip
"""Every op of this file."""
