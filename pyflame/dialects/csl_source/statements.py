"""Statements of CSL, one op per form; their expressions stand before them in the block."""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects.builtin import StringAttr, UnitAttr
from xdsl.irdl import (
    AttrSizedOperandSegments,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    opt_region_def,
    prop_def,
    region_def,
)

from pyflame.dialects.csl_source.base import DeclarationOp, ExprType, Holds, StatementOp

ASSIGNMENTS = ("=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=")


@irdl_op_definition
class VarDeclOp(StatementOp, DeclarationOp):
    """``const``, ``var`` or ``param``, in a file or in a block.

    ``csl_source.var_decl "var" "a" linkage "export" : %0 align %1 = %2`` is
    ``export var a: T align(16) = …;``
    """

    name = "csl_source.var_decl"
    CHOICES: ClassVar = {"kind": ("const", "var", "param"), "linkage": ("export", "extern")}
    IDENTIFIERS: ClassVar = ("name",)

    kind = prop_def(StringAttr)
    identifier = prop_def(StringAttr, prop_name="name")
    linkage = opt_prop_def(StringAttr)
    comptime = opt_prop_def(UnitAttr)
    type = opt_operand_def(ExprType)
    align = opt_operand_def(ExprType)
    linksection = opt_operand_def(ExprType)
    linkname = opt_operand_def(ExprType)
    init = opt_operand_def(ExprType)

    irdl_options = (AttrSizedOperandSegments(as_property=True),)
    assembly_format = (
        "(`comptime` $comptime^)? $kind $name (`linkage` $linkage^)? (`:` $type^)? "
        "(`align` $align^)? (`linksection` $linksection^)? (`linkname` $linkname^)? "
        "(`=` $init^)? attr-dict"
    )


@irdl_op_definition
class BlockOp(StatementOp):
    """``label: { … }``: ``csl_source.block label "label" { … }``."""

    name = "csl_source.block"
    IDENTIFIERS: ClassVar = ("label",)
    HOLDS: ClassVar = {"statements": Holds(StatementOp)}

    label = opt_prop_def(StringAttr)
    statements = region_def()

    assembly_format = "(`label` $label^)? $statements attr-dict"


@irdl_op_definition
class ComptimeBlockOp(StatementOp, DeclarationOp):
    """``comptime { … }``, in a file or in a block: ``csl_source.comptime_block { … }``."""

    name = "csl_source.comptime_block"
    HOLDS: ClassVar = {"body": Holds(StatementOp)}

    body = region_def()

    assembly_format = "$body attr-dict"


@irdl_op_definition
class ExprStmtOp(StatementOp):
    """``f(x);``: ``csl_source.expr_stmt %0``."""

    name = "csl_source.expr_stmt"

    value = operand_def(ExprType)

    assembly_format = "$value attr-dict"


@irdl_op_definition
class AssignOp(StatementOp):
    """``x += 1;``: ``csl_source.assign %0 "+=" %1``."""

    name = "csl_source.assign"
    CHOICES: ClassVar = {"op": ASSIGNMENTS}

    target = operand_def(ExprType)
    op = prop_def(StringAttr)
    value = operand_def(ExprType)

    assembly_format = "$target $op $value attr-dict"


@irdl_op_definition
class IfOp(StatementOp):
    """``if (c) … else …``: ``csl_source.if %0 { csl_source.block { … } } else { … }``.

    Each region holds one statement: a block where braces are written.
    """

    name = "csl_source.if"
    HOLDS: ClassVar = {
        "then": Holds(StatementOp, one=True),
        "otherwise": Holds(StatementOp, one=True),
    }

    condition = operand_def(ExprType)
    then = region_def()
    otherwise = opt_region_def()

    assembly_format = "$condition $then (`else` $otherwise^)? attr-dict"


@irdl_op_definition
class WhileOp(StatementOp):
    """``while (c) : (step) { … }``: ``csl_source.while %0 { … } step { … }``.

    The condition stands before the loop as all operands do; it is evaluated at every turn.
    """

    name = "csl_source.while"
    IDENTIFIERS: ClassVar = ("label",)
    HOLDS: ClassVar = {"body": Holds(StatementOp), "step": Holds(StatementOp, one=True)}

    label = opt_prop_def(StringAttr)
    inline = opt_prop_def(UnitAttr)
    condition = operand_def(ExprType)
    body = region_def()
    step = opt_region_def()

    assembly_format = (
        "(`inline` $inline^)? (`label` $label^)? $condition $body (`step` $step^)? attr-dict"
    )


@irdl_op_definition
class ForOp(StatementOp):
    """``for (xs) |x, i| { … }``: ``csl_source.for "x" index "i" in %0 { … }``."""

    name = "csl_source.for"
    IDENTIFIERS: ClassVar = ("label", "variable", "index")
    HOLDS: ClassVar = {"body": Holds(StatementOp)}

    label = opt_prop_def(StringAttr)
    inline = opt_prop_def(UnitAttr)
    variable = prop_def(StringAttr)
    index = opt_prop_def(StringAttr)
    iterable = operand_def(ExprType)
    body = region_def()

    assembly_format = (
        "(`inline` $inline^)? (`label` $label^)? $variable (`index` $index^)? `in` $iterable "
        "$body attr-dict"
    )


@irdl_op_definition
class ReturnOp(StatementOp):
    """``return x;``: ``csl_source.return %0``."""

    name = "csl_source.return"

    value = opt_operand_def(ExprType)

    assembly_format = "($value^)? attr-dict"


@irdl_op_definition
class BreakOp(StatementOp):
    """``break :label x;``: ``csl_source.break label "label" %0``."""

    name = "csl_source.break"
    IDENTIFIERS: ClassVar = ("label",)

    label = opt_prop_def(StringAttr)
    value = opt_operand_def(ExprType)

    assembly_format = "(`label` $label^)? ($value^)? attr-dict"


@irdl_op_definition
class ContinueOp(StatementOp):
    """``continue :label;``: ``csl_source.continue label "label"``."""

    name = "csl_source.continue"
    IDENTIFIERS: ClassVar = ("label",)

    label = opt_prop_def(StringAttr)

    assembly_format = "(`label` $label^)? attr-dict"


STATEMENTS = (
    VarDeclOp, BlockOp, ComptimeBlockOp, ExprStmtOp, AssignOp, IfOp, WhileOp, ForOp, ReturnOp,
    BreakOp, ContinueOp,
)  # fmt: skip
"""Every op of this file."""
