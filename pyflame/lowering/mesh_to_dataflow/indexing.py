"""Index arithmetic that folds constants: a number where all is known, else an SSA value."""

from __future__ import annotations

from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.dialects.builtin import IndexType, IntegerAttr
from xdsl.ir import SSAValue

Index = int | SSAValue
"""A number known now, or the value that holds it at run time."""


def value(builder: Builder, index: Index) -> SSAValue:
    """`index` as an SSA value."""
    if isinstance(index, SSAValue):
        return index
    return builder.insert(arith.ConstantOp(IntegerAttr(index, IndexType()))).result


def add(builder: Builder, a: Index, b: Index) -> Index:
    """a + b."""
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    if a == 0:
        return b
    if b == 0:
        return a
    return builder.insert(arith.AddiOp(value(builder, a), value(builder, b))).result


def sub(builder: Builder, a: Index, b: Index) -> Index:
    """a - b."""
    if isinstance(a, int) and isinstance(b, int):
        return a - b
    if b == 0:
        return a
    return builder.insert(arith.SubiOp(value(builder, a), value(builder, b))).result


def mul(builder: Builder, a: Index, b: Index) -> Index:
    """a * b."""
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    if 0 in (a, b):
        return 0
    if a == 1:
        return b
    if b == 1:
        return a
    return builder.insert(arith.MuliOp(value(builder, a), value(builder, b))).result


def divide(builder: Builder, a: Index, b: int) -> Index:
    """a // b for a of at least 0."""
    if isinstance(a, int):
        return a // b
    return a if b == 1 else builder.insert(arith.DivUIOp(a, value(builder, b))).result


def minimum(builder: Builder, a: Index, b: Index) -> Index:
    """The smaller of a and b."""
    if isinstance(a, int) and isinstance(b, int):
        return min(a, b)
    return builder.insert(arith.MinSIOp(value(builder, a), value(builder, b))).result


def compare(builder: Builder, a: Index, how: str, b: Index) -> SSAValue:
    """The truth value of ``a how b``; `how` is an `arith.cmpi` predicate such as ``"eq"``."""
    return builder.insert(arith.CmpiOp(value(builder, a), value(builder, b), how)).result


def select(builder: Builder, condition: SSAValue, a: Index, b: Index) -> SSAValue:
    """a where `condition` holds, else b."""
    return builder.insert(arith.SelectOp(condition, value(builder, a), value(builder, b))).result
