"""CSL text to a syntax tree: files, declarations and statements.

An error inside a statement or declaration is recorded and reading goes on behind it, so that one
run reports several mistakes.
"""

from __future__ import annotations

from typing import cast

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.cursor import TooDeep, deep_recursion
from pyflame.runtime.csl.diagnostics import Abort, DiagnosticEngine, TooManyErrors
from pyflame.runtime.csl.lexer import Token
from pyflame.runtime.csl.parse_expr import ExpressionParser
from pyflame.runtime.csl.source import SourceFile

ASSIGNMENTS = frozenset(["=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="])

_DECLARATION_STARTS = frozenset(
    [
        *("const", "var", "param", "export", "extern", "inline", "noinline", "fn", "task"),
        *("comptime", "layout"),
    ]
)


def parse(text: str, name: str = "<text>", *, engine: DiagnosticEngine | None = None) -> ast.Module:
    """Parse one file.

    With an `engine`, errors are recorded there and the declarations that could be read are
    returned; without one, they are raised.

    Raises:
        CslError: the text breaks the grammar (only without `engine`).
    """
    own = DiagnosticEngine() if engine is None else engine
    module = parse_file(SourceFile(name, text), own)
    if engine is None:
        own.raise_if_errors()
    return module


def parse_file(file: SourceFile, engine: DiagnosticEngine) -> ast.Module:
    """Parse a source file; errors go to `engine`."""
    with deep_recursion():
        try:
            return Parser(file, engine).module()
        except (TooManyErrors, TooDeep):
            return ast.Module(file)


class Parser(ExpressionParser):
    """Parses declarations and statements."""

    def module(self) -> ast.Module:
        """All declarations of the file."""
        decls: list[ast.Decl] = []
        while self.token.kind != "end":
            before = self.at
            try:
                decls.append(self._declaration())
                self._skip_semicolons()
            except (TooManyErrors, TooDeep):
                raise
            except Abort:
                self._skip_declaration(before)
        return ast.Module(self.file, tuple(decls))

    # Declarations

    def _declaration(self) -> ast.Decl:
        start = self.token
        self.depth = 0
        match start.kind:
            case "comptime" if self.peek() == "{":
                self.advance()
                return ast.ComptimeBlock(self.since(start), self.block())
            case "layout":
                self.advance()
                return ast.LayoutBlock(self.since(start), self.block())
        linkage, inline = "", ""
        while self.token.kind in ("export", "extern", "inline", "noinline"):
            word = self.advance().kind
            if word in ("inline", "noinline"):
                inline = word
            else:
                linkage = word
        if self.token.kind == "fn" or (self.token.kind == "task" and not inline):
            return self._function(start, inline, linkage)
        if not inline and self.token.kind in ("const", "var", "param"):
            return self._variable(start, linkage, comptime=False)
        raise self.unexpected(
            "a declaration (const, var, param, fn, task, comptime block or layout block)"
        )

    def _variable(self, start: Token, linkage: str, comptime: bool) -> ast.VarDecl:
        kind = self.advance().kind
        name = self.expect("name", f"behind '{kind}'")
        type_ = self.type() if self.accept(":") else None
        attributes = self._attributes("align", "linksection", "linkname")
        init = self.expression() if self.accept("=") else None
        self.expect(";", f"behind the declaration of '{name.value}'")
        if linkage == "extern" and (init is not None or type_ is None):
            lacks = "needs a type" if type_ is None else "cannot have a value"
            self.engine.error(self.since(start), f"the extern variable '{name.value}' {lacks}")
        return ast.VarDecl(
            self.since(start), kind, str(name.value), type_, init, linkage, comptime,
            attributes.get("align"), attributes.get("linksection"), attributes.get("linkname"),
            name_span=self.token_span(name),
        )  # fmt: skip

    def _attributes(self, *words: str) -> dict[str, ast.Expr]:
        """``align(x)``, ``linksection(x)`` and ``linkname(x)`` by word."""
        attributes: dict[str, ast.Expr] = {}
        while self.token.kind in words:
            token = self.advance()
            if token.kind in attributes:
                self.engine.error(self.token_span(token), f"{token.kind} is given twice")
            attributes[token.kind] = self.condition(token.kind)
        return attributes

    def _function(self, start: Token, inline: str, linkage: str) -> ast.FnDecl:
        kind = self.advance().kind
        name = self.expect("name", f"behind '{kind}'")
        opened = self.expect("(", f"behind the name of the {kind}")
        params: list[ast.Parameter] = []
        while self.token.kind != ")":
            params.append(self._parameter(linkage, len(params)))
            if not self.accept(","):
                break
        self.expect(")", "or ',' behind the parameter", opened)
        attributes = self._attributes("linksection", "linkname")
        result = self.type()
        attributes |= self._attributes("linksection", "linkname")
        if inline == "inline" and (linkage or "linkname" in attributes):
            word = linkage or "linkname"
            self.engine.error(
                self.token_span(name), f"an inline function is expanded: it cannot have '{word}'"
            )
        if kind == "task":
            self._check_task(params, result)
        body = self._function_body(start, linkage)
        return ast.FnDecl(
            self.since(start), kind, str(name.value), tuple(params), result, body,
            inline == "inline", linkage, attributes.get("linksection"),
            attributes.get("linkname"), inline == "noinline",
            name_span=self.token_span(name),
        )  # fmt: skip

    def _check_task(self, params: list[ast.Parameter], result: ast.Expr) -> None:
        """A task is started by the machine: its arguments are wavelets, and it gives nothing."""
        if result != ast.Name(result.span, "void"):
            self.engine.error(result.span, "a task returns void")
        for param in params:
            if param.comptime or param.type is None:
                self.engine.error(param.span, "a parameter of a task has a type and run-time value")

    def _function_body(self, start: Token, linkage: str) -> ast.Block:
        """The body of a function; an ``extern`` one has none."""
        if linkage != "extern":
            return self.block()
        if self.token.kind == "{":
            raise self.engine.fail(self.since(start), "an extern function cannot have a body")
        self.expect(";", "behind the extern function")
        return ast.Block(self.since(start), ())

    def _parameter(self, linkage: str, index: int) -> ast.Parameter:
        start = self.token
        if linkage == "extern" and (start.kind != "name" or self.peek() != ":"):
            return ast.Parameter(self.since(start), f"_{index}", self.type())
        comptime = self.accept("comptime") is not None
        name = self.expect("name", "of a parameter")
        self.expect(":", "and the type of the parameter")
        if self.token.kind == "name" and self.token.value == "anytype":
            self.advance()
            type_ = None
        else:
            type_ = self.type()
        return ast.Parameter(self.since(start), str(name.value), type_, comptime)

    # Statements

    def block(self, label: str = "") -> ast.Block:
        """``{ … }``; an erroneous statement is skipped."""
        opened = self.expect("{", "of a block")
        statements: list[ast.Stmt] = []
        while self.token.kind not in ("}", "end"):
            before, depth = self.at, self.depth
            try:
                statements.append(self.statement())
                self._skip_semicolons()
            except (TooManyErrors, TooDeep):
                raise
            except Abort:
                self.depth = depth
                if not self._skip_statement(before):
                    raise
        self.expect("}", "at the end of the block", opened)
        return ast.Block(self.since(opened), tuple(statements), label)

    def statement(self) -> ast.Stmt:
        """One statement with its semicolon, if it has one."""
        with self.nested():
            stmt = self._simple_or_block()
        if _needs_semicolon(stmt):
            self.expect(";", "behind the statement")
        return stmt

    def _simple_or_block(self) -> ast.Stmt:
        start = self.token
        match start.kind:
            case "const" | "var" | "param":
                return self._variable(start, "", comptime=False)
            case "comptime" if self.peek() in ("const", "var"):
                self.advance()
                return self._variable(start, "", comptime=True)
            case "comptime" if self.peek() == "{":
                self.advance()
                return ast.ComptimeBlock(self.since(start), self.block())
            case "{":
                return self.block()
            case "if":
                return self._if()
            case "inline" | "while" | "for":
                return self._loop(start, "")
            case "return":
                self.advance()
                value = None if self.token.kind in (";", "else", ",", "}") else self.expression()
                return ast.Return(self.since(start), value)
            case "break" | "continue":
                return self._jump(start)
            case "switch":
                value = self.switch()
                return ast.ExprStmt(value.span, value)
            case "name" if self.peek() == ":":
                return self._labelled(start)
        return self._assignment()

    def _labelled(self, start: Token) -> ast.Stmt:
        label = str(self.advance().value)
        self.advance()
        if self.token.kind in ("inline", "while", "for"):
            return self._loop(start, label)
        return self.block(label)

    def _if(self) -> ast.Stmt:
        """``if``; a chain of ``else if`` is read in a loop, so its length costs no depth."""
        heads: list[tuple[Token, ast.Expr, ast.Stmt]] = []
        otherwise: ast.Stmt | None = None
        while True:
            start = self.expect("if", "")
            condition = self.condition("if")
            then = self._branch()
            heads.append((start, condition, then))
            self.check_depth(self.depth + len(heads))
            if not self.accept("else"):
                break
            if self.token.kind != "if":
                otherwise = self._branch()
                break
        for start, condition, then in reversed(heads):
            otherwise = ast.If(self.since(start), condition, then, otherwise)
        assert otherwise is not None
        return otherwise

    def _branch(self) -> ast.Stmt:
        """A branch of an if; a simple statement keeps its semicolon unless ``else`` follows."""
        with self.nested():
            stmt = self._simple_or_block()
        if isinstance(stmt, ast.VarDecl):
            self.engine.error(stmt.span, "a declaration cannot be a branch: put it in a block")
        if _needs_semicolon(stmt) and self.token.kind != "else":
            self.expect(";", "behind the statement")
        return stmt

    def _loop(self, start: Token, label: str) -> ast.Stmt:
        inline = self.accept("inline") is not None
        if self.token.kind == "while":
            return self._while(start, label, inline)
        self.expect("for", "or 'while' behind 'inline'")
        iterable = self.condition("for")
        self.expect("|", "and the loop variable")
        variable = str(self.expect("name", "of the loop variable").value)
        index = ""
        if self.accept(","):
            index = str(self.expect("name", "of the index variable").value)
        self.expect("|", "behind the loop variable")
        body = self.block()
        return ast.For(self.since(start), iterable, variable, index, body, inline, label)

    def _while(self, start: Token, label: str, inline: bool) -> ast.Stmt:
        self.advance()
        condition = self.condition("while")
        step = None
        if self.accept(":"):
            opened = self.expect("(", "and the step of the loop")
            step = self._assignment()
            self.expect(")", "behind the step of the loop", opened)
        body = self.block()
        return ast.While(self.since(start), condition, step, body, inline, label)

    def _jump(self, start: Token) -> ast.Stmt:
        kind = self.advance().kind
        label = ""
        if self.accept(":"):
            label = str(self.expect("name", "of the label").value)
        if kind == "continue":
            return ast.Continue(self.since(start), label)
        value = None if self.token.kind in (";", "else", ",", "}") else self.expression()
        return ast.Break(self.since(start), label, value)

    def _assignment(self) -> ast.Stmt:
        start = self.token
        target = self.expression()
        if self.token.kind not in ASSIGNMENTS:
            return ast.ExprStmt(target.span, target)
        op = self.advance().kind
        value = self.expression()
        return ast.Assign(self.since(start), op, target, value)

    def arm(self) -> ast.Stmt:
        """The body of a switch case: a block, an assignment, a jump or a value."""
        return self._simple_or_block()

    def _skip_semicolons(self) -> None:
        """A ``}`` may be followed by a semicolon that ends nothing."""
        while self.token.kind == ";" and self.tokens[self.at - 1].kind == "}":
            self.advance()

    # Recovery

    def _skip_statement(self, before: int) -> bool:
        """Go behind the broken statement; False when the block itself cannot go on."""
        if self.at == before:
            self.advance()
        depth = 0
        for index in range(before, self.at):
            depth += _DEPTH.get(self.tokens[index].kind, 0)
        depth = max(depth, 0)
        while self.token.kind != "end":
            kind = self.token.kind
            if depth == 0 and kind == "}":
                return True
            if depth == 0 and kind in ("fn", "task", "layout") and self._at_line_start():
                return False
            depth = max(0, depth + _DEPTH.get(kind, 0))
            self.advance()
            if depth == 0 and kind in (";", "}"):
                return True
        return False

    def _skip_declaration(self, before: int) -> None:
        """Go to the next declaration that starts a line."""
        if self.at == before:
            self.advance()
        while self.token.kind != "end":
            if self.token.kind in _DECLARATION_STARTS and self._at_line_start():
                return
            self.advance()

    def _at_line_start(self) -> bool:
        start = self.token.start
        return start == 0 or self.file.text[start - 1] == "\n"


_DEPTH = {"{": 1, "(": 1, "[": 1, "}": -1, ")": -1, "]": -1}


def _needs_semicolon(stmt: ast.Stmt) -> bool:
    if isinstance(stmt, ast.ExprStmt):
        return not isinstance(stmt.value, ast.Switch)
    return isinstance(stmt, ast.Assign | ast.Return | ast.Break | ast.Continue)


def parse_expression(text: str, name: str = "<text>") -> ast.Expr:
    """Parse one expression, such as the value of a command-line parameter.

    Raises:
        CslError: the text is not one expression.
    """
    engine = DiagnosticEngine()
    with deep_recursion():
        try:
            parser = Parser(SourceFile(name, text), engine)
            expr = parser.expression()
            parser.expect("end", "behind the expression")
        except Abort:
            expr = None
    engine.raise_if_errors()
    return cast(ast.Expr, expr)
