"""How arithmetic on scalars prints: `arith` to CSL expressions, parentheses always explicit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from xdsl.dialects import arith, csl, memref
from xdsl.dialects.builtin import IndexType, IntegerType, i1
from xdsl.ir import Attribute, Operation, SSAValue

from pyflame.dialects.csl.declarations import CastOp
from pyflame.lowering.emit.engine import Engine, Expr, ValueRule
from pyflame.lowering.emit.literals import constant, csl_type


def call(builtin: str, *args: str) -> Expr:
    """A call expression; needs no parentheses."""
    return Expr(f"{builtin}({', '.join(args)})", atom=True)


def _as_unsigned(p: Engine, value: SSAValue) -> str:
    """`value` read as unsigned; a literal that is not negative simply takes the type."""
    u = _unsigned(value.type)
    if not p.expr(value).literal:
        return f"@bitcast({u}, {p.text(value)})"
    literal = int(p.text(value))
    return f"@as({u}, {literal % (1 << int(u[1:]))})"


def _unsigned(type: Attribute) -> str:
    return f"u{csl_type(type)[1:]}"


def _binary(sign: str, boolean: str | None = None) -> ValueRule:
    def rule(p: Engine, op: Any) -> Expr:
        logical = boolean is not None and op.results[0].type == i1
        return Expr(
            f"{p.use(op.operands[0])} {boolean if logical else sign} {p.use(op.operands[1])}"
        )

    return rule


def _unsigned_binary(sign: str) -> ValueRule:
    """An operation on the operands read as unsigned; the result is signless again."""

    def rule(p: Engine, op: Any) -> Expr:
        a, b = (_as_unsigned(p, operand) for operand in op.operands)
        return call("@bitcast", csl_type(op.results[0].type), f"{a} {sign} {b}")

    return rule


def _shift(sign: str, unsigned: bool) -> ValueRule:
    def rule(p: Engine, op: Any) -> Expr:
        type = op.results[0].type
        count = _as_unsigned(p, op.operands[1])
        if not unsigned:
            return Expr(f"{p.use(op.operands[0])} {sign} {count}")
        value = _as_unsigned(p, op.operands[0])
        return call("@bitcast", csl_type(type), f"{value} {sign} {count}")

    return rule


def _branch(p: Engine, value: SSAValue, text: str) -> str:
    """A branch of an if-expression; a bare literal has no type of its own there."""
    return f"@as({csl_type(value.type)}, {text})" if p.expr(value).literal else text


def _choose(condition: str) -> ValueRule:
    """``if (condition on a and b) a else b``; the operands are named, being written twice."""

    def rule(p: Engine, op: Any) -> Expr:
        a, b = p.name(op.operands[0]), p.name(op.operands[1])
        then, other = _branch(p, op.operands[0], a), _branch(p, op.operands[1], b)
        return Expr(f"if ({condition.format(a=a, b=b)}) {then} else {other}")

    return rule


def _unsigned_choose(sign: str) -> ValueRule:
    def rule(p: Engine, op: Any) -> Expr:
        a, b = p.name(op.operands[0]), p.name(op.operands[1])
        then, other = _branch(p, op.operands[0], a), _branch(p, op.operands[1], b)
        x, y = (_as_unsigned(p, operand) for operand in op.operands)
        return Expr(f"if ({x} {sign} {y}) {then} else {other}")

    return rule


def _pattern(text: str) -> ValueRule:
    """An expression over the named operands ``{a}`` and ``{b}``."""

    def rule(p: Engine, op: Any) -> Expr:
        return Expr(text.format(a=p.name(op.operands[0]), b=p.name(op.operands[1])))

    return rule


def _as(p: Engine, op: Any) -> Expr:
    if csl_type(op.operands[0].type) == csl_type(op.results[0].type):
        return p.expr(op.operands[0])
    return call("@as", csl_type(op.results[0].type), p.text(op.operands[0]))


def _from_unsigned(p: Engine, op: Any) -> Expr:
    """Widen or convert the operand read as unsigned (a boolean already is)."""
    source, target = op.operands[0].type, op.results[0].type
    value = p.text(op.operands[0])
    if source == i1:
        return call("@as", csl_type(target), value)
    value = _as_unsigned(p, op.operands[0])
    if isinstance(target, IntegerType | IndexType):
        return call("@bitcast", csl_type(target), f"@as({_unsigned(target)}, {value})")
    return call("@as", csl_type(target), value)


def _to_unsigned(p: Engine, op: Any) -> Expr:
    target = op.results[0].type
    return call("@bitcast", csl_type(target), f"@as({_unsigned(target)}, {p.text(op.operands[0])})")


def _bitcast(p: Engine, op: Any) -> Expr:
    return call("@bitcast", csl_type(op.results[0].type), p.text(op.operands[0]))


def _sign_extend(p: Engine, op: Any) -> Expr:
    if op.operands[0].type == i1:
        return Expr(f"if ({p.text(op.operands[0])}) @as({csl_type(op.results[0].type)}, -1) else 0")
    return _as(p, op)


def _truncate(p: Engine, op: Any) -> Expr:
    if op.results[0].type == i1:
        return Expr(f"({p.use(op.operands[0])} & 1) != 0")
    return _as(p, op)


def _signedness(p: Engine, op: csl.SignednessCastOp) -> Expr:
    """Signless and signed print alike; only a change to or from unsigned is a cast."""
    source, target = csl_type(op.inp.type), csl_type(op.result.type)
    if source == target or (p.expr(op.inp).literal and not p.text(op.inp).startswith("-")):
        return p.expr(op.inp)
    return call("@as", target, p.text(op.inp))


def _constant(p: Engine, op: arith.ConstantOp) -> Expr:
    text = constant(op.value)
    return Expr(text, atom=not text.startswith("-"), literal=True)


def _select(p: Engine, op: arith.SelectOp) -> Expr:
    then, other = (_branch(p, value, p.use(value)) for value in (op.lhs, op.rhs))
    return Expr(f"if ({p.text(op.cond)}) {then} else {other}")


_SIGNS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


def _cmpi(p: Engine, op: arith.CmpiOp) -> Expr:
    word = arith.CMPI_COMPARISON_OPERATIONS[op.predicate.value.data]
    if word[0] == "u":
        a, b = (_as_unsigned(p, value) for value in (op.lhs, op.rhs))
        return Expr(f"{a} {_SIGNS[word[1:]]} {b}")
    sign = _SIGNS[word if word in _SIGNS else word[1:]]
    return Expr(f"{p.use(op.lhs)} {sign} {p.use(op.rhs)}")


_FLOAT_COMPARISONS = {
    "false": "false", "true": "true",
    "oeq": "{a} == {b}", "ogt": "{a} > {b}", "oge": "{a} >= {b}",
    "olt": "{a} < {b}", "ole": "{a} <= {b}", "une": "{a} != {b}",
    "one": "({a} < {b}) or ({a} > {b})",
    "ueq": "!(({a} < {b}) or ({a} > {b}))",
    "ugt": "!({a} <= {b})", "uge": "!({a} < {b})", "ult": "!({a} >= {b})", "ule": "!({a} > {b})",
    "ord": "({a} == {a}) and ({b} == {b})", "uno": "({a} != {a}) or ({b} != {b})",
}  # fmt: skip
"""Predicates of `arith.cmpf` by IEEE comparisons, which are false where an operand is NaN."""


def _cmpf(p: Engine, op: arith.CmpfOp) -> Expr:
    word = arith.CMPF_COMPARISON_OPERATIONS[op.predicate.value.data]
    text = _FLOAT_COMPARISONS[word]
    twice = text.count("{a}") > 1
    a, b = ((p.name if twice else p.use)(value) for value in (op.lhs, op.rhs))
    return Expr(text.format(a=a, b=b))


def _negate(p: Engine, op: arith.NegfOp) -> Expr:
    return Expr(f"-{p.use(op.operand)}")


def _xor(p: Engine, op: arith.XOrIOp) -> Expr:
    sign = "!=" if op.result.type == i1 else "^"
    return Expr(f"{p.use(op.lhs)} {sign} {p.use(op.rhs)}")


def _load(p: Engine, op: memref.LoadOp) -> Expr:
    return Expr(element(p, op.memref, op.indices), atom=True)


def element(p: Engine, array: SSAValue, indices: Any) -> str:
    """``array[i, j]``"""
    return f"{p.use(array)}[{', '.join(p.text(i) for i in indices)}]"


SCALAR_VALUES: Mapping[type[Operation], Callable[[Engine, Any], Expr]] = {
    arith.ConstantOp: _constant,
    arith.AddiOp: _binary("+"),
    arith.SubiOp: _binary("-"),
    arith.MuliOp: _binary("*"),
    arith.DivSIOp: _binary("/"),
    arith.RemSIOp: _binary("%"),
    arith.DivUIOp: _unsigned_binary("/"),
    arith.RemUIOp: _unsigned_binary("%"),
    arith.CeilDivSIOp: _pattern(
        "if ((({a} % {b}) != 0) and (({a} > 0) == ({b} > 0))) ({a} / {b}) + 1 else {a} / {b}"
    ),
    arith.FloorDivSIOp: _pattern(
        "if ((({a} % {b}) != 0) and (({a} > 0) != ({b} > 0))) ({a} / {b}) - 1 else {a} / {b}"
    ),
    arith.AndIOp: _binary("&", "and"),
    arith.OrIOp: _binary("|", "or"),
    arith.XOrIOp: _xor,
    arith.ShLIOp: _shift("<<", unsigned=False),
    arith.ShRSIOp: _shift(">>", unsigned=False),
    arith.ShRUIOp: _shift(">>", unsigned=True),
    arith.MinSIOp: _choose("{a} < {b}"),
    arith.MaxSIOp: _choose("{a} > {b}"),
    arith.MinUIOp: _unsigned_choose("<"),
    arith.MaxUIOp: _unsigned_choose(">"),
    arith.AddfOp: _binary("+"),
    arith.SubfOp: _binary("-"),
    arith.MulfOp: _binary("*"),
    arith.DivfOp: _binary("/"),
    arith.NegfOp: _negate,
    arith.MaximumfOp: _choose("({a} > {b}) or ({a} != {a})"),
    arith.MinimumfOp: _choose("({a} < {b}) or ({a} != {a})"),
    arith.MaxnumfOp: _choose("({a} > {b}) or ({b} != {b})"),
    arith.MinnumfOp: _choose("({a} < {b}) or ({b} != {b})"),
    arith.CmpiOp: _cmpi,
    arith.CmpfOp: _cmpf,
    arith.SelectOp: _select,
    arith.ExtSIOp: _sign_extend,
    arith.ExtUIOp: _from_unsigned,
    arith.TruncIOp: _truncate,
    arith.SIToFPOp: _as,
    arith.UIToFPOp: _from_unsigned,
    arith.FPToSIOp: _as,
    arith.FPToUIOp: _to_unsigned,
    arith.ExtFOp: _as,
    arith.TruncFOp: _as,
    arith.BitcastOp: _bitcast,
    arith.IndexCastOp: _as,
    CastOp: _as,
    csl.SignednessCastOp: _signedness,
    memref.LoadOp: _load,
}
"""Scalar ops and how they read."""
