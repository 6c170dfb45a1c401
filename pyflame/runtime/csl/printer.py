"""Syntax tree to CSL text that parses to an equal tree."""

from __future__ import annotations

from collections.abc import Sequence

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.cursor import deep_recursion
from pyflame.runtime.csl.lexer import RAW_BYTE
from pyflame.runtime.csl.parse_expr import COMPARISONS, PRECEDENCE

_WIDTH = 100
_PREFIX_STRENGTH = 10
_POSTFIX_STRENGTH = 11

_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\", '"': '\\"', "\0": "\\0"}


def print_module(module: ast.Module) -> str:
    """The text of a whole file."""
    with deep_recursion():
        return "\n\n".join(_declaration(decl) for decl in module.decls) + "\n"


def print_expression(expr: ast.Expr) -> str:
    """The text of one expression, on one line where it has no blocks."""
    with deep_recursion():
        return _expr(expr, 0, 0)


def _declaration(decl: ast.Decl) -> str:
    match decl:
        case ast.FnDecl():
            return _function(decl)
        case ast.LayoutBlock():
            return f"layout {_block(decl.body, 0)}"
    return _stmt(decl, 0)


def _function(decl: ast.FnDecl) -> str:
    given = (decl.linkage, "inline" * decl.inline, "noinline" * decl.noinline, decl.kind)
    words = [word for word in given if word]
    params = ", ".join(
        f"{'comptime ' if p.comptime else ''}{p.name}: {_type(p.type, 0)}" for p in decl.params
    )
    result = _type(decl.result, 0)
    body = ";" if decl.linkage == "extern" else f" {_block(decl.body, 0)}"
    return f"{' '.join(words)} {decl.name}({params}){_attributes(decl, 0)} {result}{body}"


# Statements


def _block(block: ast.Block, indent: int) -> str:
    if not block.statements:
        return "{}"
    pad = "  " * (indent + 1)
    lines = "\n".join(pad + _stmt(s, indent + 1) for s in block.statements)
    return f"{{\n{lines}\n{'  ' * indent}}}"


def _stmt(stmt: ast.Stmt, indent: int) -> str:
    body = _open_stmt(stmt, indent)
    return body + ";" if _takes_semicolon(stmt) else body


def _takes_semicolon(stmt: ast.Stmt) -> bool:
    if isinstance(stmt, ast.ExprStmt):
        return not isinstance(stmt.value, ast.Switch)
    return isinstance(stmt, ast.VarDecl | ast.Assign | ast.Return | ast.Break | ast.Continue)


def _open_stmt(stmt: ast.Stmt, indent: int) -> str:
    """A statement without its semicolon."""
    match stmt:
        case ast.VarDecl():
            return _variable(stmt, indent)
        case ast.Block():
            label = f"{stmt.label}: " if stmt.label else ""
            return label + _block(stmt, indent)
        case ast.ComptimeBlock():
            return f"comptime {_block(stmt.body, indent)}"
        case ast.ExprStmt():
            text = _expr(stmt.value, 0, indent)
            bare = not isinstance(stmt.value, ast.IfExpr | ast.BlockExpr | ast.VoidLit)
            return text if bare else f"({text})"
        case ast.Assign():
            return f"{_expr(stmt.target, 0, indent)} {stmt.op} {_expr(stmt.value, 0, indent)}"
        case ast.If():
            return _if(stmt, indent)
        case ast.While():
            head = f"{_loop_words(stmt)}while ({_expr(stmt.condition, 0, indent)})"
            if stmt.step is not None:
                head += f" : ({_open_stmt(stmt.step, indent)})"
            return f"{head} {_block(stmt.body, indent)}"
        case ast.For():
            names = stmt.variable + (f", {stmt.index}" if stmt.index else "")
            head = f"{_loop_words(stmt)}for ({_expr(stmt.iterable, 0, indent)}) |{names}|"
            return f"{head} {_block(stmt.body, indent)}"
        case ast.Return():
            return "return" + _optional(stmt.value, indent)
        case ast.Break():
            label = f" :{stmt.label}" if stmt.label else ""
            return f"break{label}{_optional(stmt.value, indent)}"
        case ast.Continue():
            return "continue" + (f" :{stmt.label}" if stmt.label else "")
    raise TypeError(f"no text for {type(stmt).__name__}")


def _optional(value: ast.Expr | None, indent: int) -> str:
    return "" if value is None else f" {_expr(value, 0, indent)}"


def _loop_words(stmt: ast.While | ast.For) -> str:
    label = f"{stmt.label}: " if stmt.label else ""
    return label + ("inline " if stmt.inline else "")


def _variable(stmt: ast.VarDecl, indent: int) -> str:
    text = "comptime " if stmt.comptime else ""
    if stmt.linkage:
        text += stmt.linkage + " "
    text += f"{stmt.kind} {stmt.name}"
    if stmt.type is not None:
        text += f": {_type(stmt.type, indent)}"
    text += _attributes(stmt, indent)
    if stmt.init is not None:
        text += f" = {_expr(stmt.init, 0, indent)}"
    return text


def _attributes(decl: ast.VarDecl | ast.FnDecl, indent: int) -> str:
    """The ``align(…)``, ``linksection(…)`` and ``linkname(…)`` that a declaration has."""
    given = ((word, getattr(decl, word, None)) for word in ("align", "linksection", "linkname"))
    return "".join(f" {w}({_expr(a, 0, indent)})" for w, a in given if a is not None)


def _if(stmt: ast.If, indent: int) -> str:
    parts: list[str] = []
    current: ast.Stmt | None = stmt
    while isinstance(current, ast.If):
        condition = _expr(current.condition, 0, indent)
        parts.append(f"if ({condition}) {_branch(current.then, current.otherwise, indent)}")
        current = current.otherwise
    if current is not None:
        # The last branch's own semicolon belongs to it: nothing follows that could supply one.
        parts.append(_stmt(current, indent))
    return " else ".join(parts)


def _branch(then: ast.Stmt, otherwise: ast.Stmt | None, indent: int) -> str:
    if otherwise is None:
        return _stmt(then, indent)
    last: ast.Stmt | None = then
    while isinstance(last, ast.If):
        last = last.otherwise
    if last is None:
        # The grammar gives `else` to the inner `if`, so no text has this tree.
        raise TypeError("an if without else cannot stand, without braces, before else")
    return _open_stmt(then, indent)


# Expressions


def _expr(expr: ast.Expr, strength: int, indent: int) -> str:
    """The text of `expr`, in parentheses when it binds weaker than `strength`."""
    text, own = _expr_text(expr, indent)
    return f"({text})" if own < strength else text


def _expr_text(expr: ast.Expr, indent: int) -> tuple[str, int]:
    match expr:
        case ast.Binary():
            own = PRECEDENCE[expr.op]
            # Comparisons do not chain, so both sides need parentheses.
            left = own + 1 if expr.op in COMPARISONS else own
            lhs = _expr(expr.lhs, left, indent)
            return f"{lhs} {expr.op} {_expr(expr.rhs, own + 1, indent)}", own
        case ast.Unary():
            return expr.op + _expr(expr.operand, _PREFIX_STRENGTH, indent), _PREFIX_STRENGTH
        case ast.AddressOf():
            return "&" + _expr(expr.operand, _PREFIX_STRENGTH, indent), _PREFIX_STRENGTH
        case ast.ComptimeExpr():
            operand = _expr(expr.operand, _PREFIX_STRENGTH, indent)
            return f"comptime {operand}", _PREFIX_STRENGTH
        case ast.IfExpr():
            return _if_expression(expr, indent), 0
        case ast.Switch() | ast.BlockExpr() | ast.VoidLit() | ast.TensorAccess():
            # A statement may not start with these, and nothing may be appended to them.
            return _primary(expr, indent), 0
        case ast.IntLit() | ast.FloatLit():
            return _primary(expr, indent), _PREFIX_STRENGTH
        case ast.ArrayType() | ast.PointerType() | ast.FnType():
            return _type(expr, indent), _PREFIX_STRENGTH
    return _primary(expr, indent), _POSTFIX_STRENGTH


def _if_expression(expr: ast.IfExpr, indent: int) -> str:
    then = _expr(expr.then, 1, indent)
    text = f"if ({_expr(expr.condition, 0, indent)}) {then}"
    if expr.otherwise is not None:
        text += f" else {_expr(expr.otherwise, 0, indent)}"
    return text


def _base(expr: ast.Expr, indent: int) -> str:
    return _expr(expr, _POSTFIX_STRENGTH, indent)


def _primary(expr: ast.Expr, indent: int) -> str:
    match expr:
        case ast.IntLit():
            return expr.text or str(expr.value)
        case ast.FloatLit():
            return expr.text or _float(expr.value)
        case ast.StringLit():
            return '"' + "".join(_char(c, '"') for c in expr.value) + '"'
        case ast.CharLit():
            return "'" + _char(chr(expr.value), "'") + "'"
        case ast.BoolLit():
            return "true" if expr.value else "false"
        case ast.VoidLit():
            return "{}"
        case ast.Name():
            return expr.name
        case ast.Member():
            return f"{_base(expr.base, indent)}.{expr.name}"
        case ast.Deref():
            return f"{_base(expr.base, indent)}.*"
        case ast.Index():
            return f"{_base(expr.base, indent)}[{_comma(expr.indices, indent)}]"
        case ast.Call():
            return f"{_base(expr.callee, indent)}({_comma(expr.args, indent)})"
        case ast.BuiltinCall():
            return f"@{expr.name}({_comma(expr.args, indent)})"
        case ast.StructLit() | ast.ListLit():
            return _literal(expr, indent)
        case ast.TensorAccess():
            head = f"|{', '.join(expr.variables)}|{{{_comma(expr.extents, indent)}}}"
            return f"{head} -> {_base(expr.array, indent)}[{_comma(expr.indices, indent)}]"
        case ast.Switch():
            return _switch(expr, indent)
        case ast.BlockExpr():
            return f"{expr.block.label}: {_block(expr.block, indent)}"
    return _type(expr, indent)


def _float(value: float) -> str:
    text = repr(value)
    return text if "." in text or "e" in text else text + ".0"


def _char(char: str, quote: str) -> str:
    if char in ("'", '"'):
        return "\\" + char if char == quote else char
    if char in _ESCAPES:
        return _ESCAPES[char]
    if ord(char) in range(RAW_BYTE, RAW_BYTE + 256):
        return f"\\x{ord(char) - RAW_BYTE:02x}"
    return char if char.isprintable() or ord(char) > 0x7F else f"\\x{ord(char):02x}"


def _comma(items: Sequence[ast.Expr], indent: int) -> str:
    return ", ".join(_expr(item, 0, indent) for item in items)


def _literal(expr: ast.StructLit | ast.ListLit, indent: int) -> str:
    head = "." if expr.type is None else _type(expr.type, indent)
    if isinstance(expr, ast.StructLit):
        items = [f".{f.name} = {_expr(f.value, 0, indent + 1)}" for f in expr.fields]
    else:
        items = [_expr(item, 0, indent + 1) for item in expr.items]
    # An item is printed once, for both forms: twice at each level would be exponential in depth.
    flat = ", ".join(items)
    if not flat:
        return head + "{}"
    if "\n" not in flat and len(flat) + 2 * indent <= _WIDTH - 20:
        return f"{head}{{ {flat} }}"
    pad = "  " * (indent + 1)
    lines = "".join(f"{pad}{item},\n" for item in items)
    return f"{head}{{\n{lines}{'  ' * indent}}}"


def _switch(expr: ast.Switch, indent: int) -> str:
    pad = "  " * (indent + 1)
    cases = [
        f"{pad}{_comma(c.patterns, indent) or 'else'} => {_arm(c.body, indent + 1)},\n"
        for c in expr.cases
    ]
    return f"switch ({_expr(expr.operand, 0, indent)}) {{\n{''.join(cases)}{'  ' * indent}}}"


def _arm(stmt: ast.Stmt, indent: int) -> str:
    return _open_stmt(stmt, indent)


# Types


def _type(expr: ast.Expr | None, indent: int) -> str:
    """A type as it stands behind a colon; None is ``anytype``."""
    match expr:
        case None:
            return "anytype"
        case ast.ArrayType():
            return f"[{_comma(expr.dims, indent)}]{_type(expr.element, indent)}"
        case ast.PointerType():
            star = "[*]" if expr.many else "*"
            return f"{star}{'const ' if expr.const else ''}{_type(expr.element, indent)}"
        case ast.FnType():
            params = ", ".join(_type(p, indent) for p in expr.params)
            return f"{expr.kind}({params}) {_type(expr.result, indent)}"
        case ast.EnumType():
            backing = "" if expr.backing is None else f"({_type(expr.backing, indent)})"
            members = ", ".join(
                m.name if m.value is None else f"{m.name} = {_expr(m.value, 0, indent)}"
                for m in expr.members
            )
            return f"enum{backing} {{ {members} }}"
        case ast.StructType():
            layout = f"{expr.layout} " if expr.layout else ""
            fields = ", ".join(f"{f.name}: {_type(f.type, indent)}" for f in expr.fields)
            return f"{layout}{expr.kind} {{ {fields} }}"
        case ast.IfExpr() | ast.Binary() | ast.Unary():
            return f"({_expr(expr, 0, indent)})"
    return _expr(expr, 0, indent)
