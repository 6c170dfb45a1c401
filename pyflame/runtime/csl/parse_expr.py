"""Expressions and types of CSL, by recursive descent."""

from __future__ import annotations

from abc import ABC, abstractmethod

from pyflame.runtime.csl import ast
from pyflame.runtime.csl.cursor import Cursor
from pyflame.runtime.csl.lexer import Token

PRECEDENCE = {
    "or": 1, "and": 2,
    "==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3,
    "|": 4, "^": 5, "&": 6, "<<": 7, ">>": 7, "+": 8, "-": 8, "*": 9, "/": 9, "%": 9,
}  # fmt: skip
"""Binding strength of the infix operators; equal strength binds from the left."""

COMPARISONS = frozenset(["==", "!=", "<", "<=", ">", ">="])

PREFIX = ("-", "!", "~", "&", "comptime")

_TYPE_STARTS = frozenset(["[", "*", "fn", "task", "enum", "struct", "union", "packed", "extern"])


class ExpressionParser(Cursor, ABC):
    """Parses expressions; statements are in `StatementParser`."""

    @abstractmethod
    def block(self, label: str = "") -> ast.Block:
        """A block of statements (defined with the statements)."""

    @abstractmethod
    def arm(self) -> ast.Stmt:
        """What stands behind ``=>`` of a switch (defined with the statements)."""

    def expression(self) -> ast.Expr:
        """Any expression."""
        with self.nested():
            return self._binary(1)

    def _binary(self, strength: int) -> ast.Expr:
        start = self.token
        lhs = self._prefix()
        chain = 0
        while (own := PRECEDENCE.get(self.token.kind, 0)) >= strength:
            operator = self.advance()
            with self.nested():
                rhs = self._binary(own + 1)
            lhs = ast.Binary(self.since(start), operator.kind, lhs, rhs)
            chain += 1
            self.check_depth(self.depth + chain)
            if own == 3 and self.token.kind in COMPARISONS:
                raise self.unexpected("'and' or the end of the comparison (they do not chain)")
        return lhs

    def _prefix(self) -> ast.Expr:
        start = self.token
        if start.kind not in PREFIX:
            return self._postfix()
        self.advance()
        with self.nested():
            operand = self._prefix()
        span = self.since(start)
        if start.kind == "&":
            return ast.AddressOf(span, operand)
        if start.kind == "comptime":
            return ast.ComptimeExpr(span, operand)
        return ast.Unary(span, start.kind, operand)

    def _postfix(self) -> ast.Expr:
        start = self.token
        expr = self._primary()
        if start.kind == "if":
            return expr
        chain = 0
        while (longer := self._suffix(expr, start, literals=True)) is not None:
            expr = longer
            chain += 1
            self.check_depth(self.depth + chain)
        return expr

    def _suffix(self, base: ast.Expr, start: Token, literals: bool) -> ast.Expr | None:
        """One postfix form behind `base`, or None when there is none."""
        match self.token.kind:
            case ".":
                self.advance()
                if self.accept("*"):
                    return ast.Deref(self.since(start), base)
                name = self._member_name()
                return ast.Member(self.since(start), base, name)
            case "[":
                indices = self._list("[", "]", "of the index")
                if not indices:
                    raise self.unexpected("an index")
                return ast.Index(self.since(start), base, indices)
            case "(":
                args = self._list("(", ")", "of the call")
                return ast.Call(self.since(start), base, args)
            case "{" if literals and _names_type(base):
                return self._literal(start, base)
        return None

    def _member_name(self) -> str:
        # Keywords are fine as member names: `opcode.align` cannot be anything else.
        if isinstance(self.token.value, str) and self.token.value.isidentifier():
            if self.token.kind in ("string", "builtin", "end"):
                raise self.unexpected("a member name behind '.'")
            return str(self.advance().value)
        raise self.unexpected("a member name behind '.'")

    def _list(self, opening: str, closing: str, context: str) -> tuple[ast.Expr, ...]:
        """Expressions between two brackets; a comma may stand behind the last."""
        opened = self.expect(opening, context)
        items: list[ast.Expr] = []
        while self.token.kind != closing:
            items.append(self.expression())
            if not self.accept(","):
                break
        self.expect(closing, f"or ',' {context}", opened)
        return tuple(items)

    def _primary(self) -> ast.Expr:
        token = self.token
        span = self.token_span(token)
        match token.kind:
            case "int":
                self.advance()
                assert isinstance(token.value, int)
                return ast.IntLit(span, token.value, self.file.text[token.start : token.end])
            case "float":
                self.advance()
                assert isinstance(token.value, float)
                return ast.FloatLit(span, token.value, self.file.text[token.start : token.end])
            case "string":
                self.advance()
                return ast.StringLit(span, str(token.value))
            case "char":
                self.advance()
                assert isinstance(token.value, int)
                return ast.CharLit(span, token.value)
            case "true" | "false":
                self.advance()
                return ast.BoolLit(span, token.kind == "true")
            case "name":
                return self._name()
            case "builtin":
                self.advance()
                args = self._list("(", ")", f"of the arguments of @{token.value}")
                return ast.BuiltinCall(self.since(token), str(token.value), args)
            case "(":
                opened = self.advance()
                expr = self.expression()
                self.expect(")", "behind the expression", opened)
                return expr
            case ".":
                self.advance()
                return self._literal(token, None)
            case "|":
                return self._tensor_access()
            case "switch":
                return self.switch()
            case "if":
                return self._if_expression()
            case "{" if self.peek() == "}":
                self.advance()
                self.advance()
                return ast.VoidLit(self.since(token))
        if token.kind in _TYPE_STARTS:
            return self.type()
        raise self.unexpected("an expression")

    def _name(self) -> ast.Expr:
        token = self.advance()
        if token.value == "asm" and (self.token.kind == "(" or self.token.value == "volatile"):
            span = self.token_span(token)
            raise self.engine.fail(span, "inline assembly is not supported: nothing here runs it")
        if self.token.kind == ":" and self.peek() == "{":
            self.advance()
            with self.nested():
                block = self.block(str(token.value))
            return ast.BlockExpr(self.since(token), block)
        return ast.Name(self.token_span(token), str(token.value))

    def _if_expression(self) -> ast.Expr:
        start = self.expect("if", "")
        condition = self.condition("if")
        then = self.expression()
        otherwise = self.expression() if self.accept("else") else None
        return ast.IfExpr(self.since(start), condition, then, otherwise)

    def condition(self, word: str) -> ast.Expr:
        """``( expression )`` behind a keyword."""
        opened = self.expect("(", f"behind '{word}'")
        expr = self.expression()
        self.expect(")", f"behind the condition of '{word}'", opened)
        return expr

    def switch(self) -> ast.Switch:
        """``switch (x) { … }``."""
        start = self.expect("switch", "")
        operand = self.condition("switch")
        opened = self.expect("{", "behind 'switch (…)'")
        cases: list[ast.SwitchCase] = []
        while self.token.kind not in ("}", "end"):
            cases.append(self._switch_case())
            # A comma may be left out behind a block.
            if not self.accept(",") and not isinstance(cases[-1].body, ast.Block):
                break
        self.expect("}", "or ',' behind the case", opened)
        return ast.Switch(self.since(start), operand, tuple(cases))

    def _switch_case(self) -> ast.SwitchCase:
        start = self.token
        patterns: list[ast.Expr] = []
        if not self.accept("else"):
            patterns.append(self.expression())
            while self.accept(",") and self.token.kind != "=>":
                patterns.append(self.expression())
        self.expect("=>", "behind the values of the case")
        with self.nested():
            body = self.arm()
        return ast.SwitchCase(self.since(start), tuple(patterns), body)

    def _literal(self, start: Token, type_: ast.Expr | None) -> ast.Expr:
        """The braces of a struct or list literal."""
        opened = self.expect("{", "of the literal")
        if self.accept("}"):
            if type_ is None or not isinstance(type_, ast.ArrayType):
                return ast.StructLit(self.since(start), type_, ())
            return ast.ListLit(self.since(start), type_, ())
        if self.token.kind == "." and self.peek() == "name" and self.peek(2) == "=":
            return self._struct_fields(start, type_, opened)
        items: list[ast.Expr] = []
        while self.token.kind != "}":
            items.append(self.expression())
            if not self.accept(","):
                break
        self.expect("}", "or ',' in the literal", opened)
        return ast.ListLit(self.since(start), type_, tuple(items))

    def _struct_fields(self, start: Token, type_: ast.Expr | None, opened: Token) -> ast.Expr:
        fields: list[ast.FieldInit] = []
        seen: set[str] = set()
        while self.token.kind != "}":
            first = self.expect(".", "before a field name of the literal")
            name = self.expect("name", "behind '.'")
            self.expect("=", "behind the field name")
            value = self.expression()
            span = self.since(first)
            if name.value in seen:
                self.engine.error(
                    self.token_span(name), f"field '{name.value}' is given twice in one literal"
                )
            seen.add(str(name.value))
            fields.append(ast.FieldInit(span, str(name.value), value))
            if not self.accept(","):
                break
        self.expect("}", "or ',' in the literal", opened)
        return ast.StructLit(self.since(start), type_, tuple(fields))

    def _tensor_access(self) -> ast.Expr:
        start = self.expect("|", "")
        variables = [str(self.expect("name", "of a tensor access variable").value)]
        while self.accept(","):
            variables.append(str(self.expect("name", "of a tensor access variable").value))
        self.expect("|", "behind the variables of the tensor access")
        extents = self._list("{", "}", "of the extents")
        self.expect("->", "behind the extents of the tensor access")
        first = self.token
        array: ast.Expr = ast.Name(
            self.token_span(first), str(self.expect("name", "of an array behind '->'").value)
        )
        while self.token.kind in (".", "["):
            suffix = self._suffix(array, first, literals=False)
            assert suffix is not None
            array = suffix
        if not isinstance(array, ast.Index):
            raise self.unexpected("'[' and the indices of the tensor access")
        span = self.since(start)
        return ast.TensorAccess(span, tuple(variables), extents, array.base, array.indices)

    # Types

    def type(self) -> ast.Expr:
        """A type; unlike in an expression, ``{`` behind a name does not belong to it."""
        with self.nested():
            return self._type()

    def _type(self) -> ast.Expr:
        start = self.token
        match start.kind:
            case "[":
                return self._bracket_type()
            case "*":
                self.advance()
                const = self.accept("const") is not None
                element = self.type()
                return ast.PointerType(self.since(start), element, const)
            case "fn" | "task":
                self.advance()
                params = self._type_list()
                result = self.type()
                return ast.FnType(self.since(start), start.kind, params, result)
            case "enum":
                return self._enum_type()
            case "struct" | "union" | "packed" | "extern":
                return self._struct_type()
        return self._named_type()

    def _bracket_type(self) -> ast.Expr:
        start = self.advance()
        if self.token.kind == "*" and self.peek() == "]":
            self.advance()
            self.advance()
            const = self.accept("const") is not None
            return ast.PointerType(self.since(start), self.type(), const, many=True)
        dims = [self.expression()]
        while self.accept(",") and self.token.kind != "]":
            dims.append(self.expression())
        self.expect("]", "behind the array sizes", start)
        element = self.type()
        return ast.ArrayType(self.since(start), tuple(dims), element)

    def _type_list(self) -> tuple[ast.Expr, ...]:
        """The parameter types of a function type; a name before a type says nothing more."""
        opened = self.expect("(", "of the parameter types")
        types: list[ast.Expr] = []
        while self.token.kind != ")":
            if self.token.kind == "name" and self.peek() == ":":
                self.advance()
                self.advance()
            types.append(self.type())
            if not self.accept(","):
                break
        self.expect(")", "or ',' behind the parameter type", opened)
        return tuple(types)

    def _named_type(self) -> ast.Expr:
        """A name, a member of a module, ``@type_of(x)`` or a call that gives a type."""
        start = self.token
        if start.kind not in ("name", "builtin", "if", "(", "comptime"):
            raise self.unexpected("a type")
        if start.kind == "comptime":
            return self._prefix()
        if start.kind == "name":
            self.advance()
            base: ast.Expr = ast.Name(self.token_span(start), str(start.value))
        else:
            base = self._primary()
        while self.token.kind in (".", "("):
            suffix = self._suffix(base, start, literals=False)
            assert suffix is not None
            base = suffix
        return base

    def _enum_type(self) -> ast.Expr:
        start = self.advance()
        backing = None
        if self.accept("("):
            backing = self.type()
            self.expect(")", "behind the type of the enum")
        opened = self.expect("{", "of the enum")
        members: list[ast.EnumMember] = []
        while self.token.kind != "}":
            name = self.expect("name", "of an enum member")
            value = self.expression() if self.accept("=") else None
            members.append(ast.EnumMember(self.since(name), str(name.value), value))
            if not self.accept(","):
                break
        self.expect("}", "or ',' in the enum", opened)
        return ast.EnumType(self.since(start), backing, tuple(members))

    def _struct_type(self) -> ast.Expr:
        start = self.token
        layout = str(self.advance().value) if start.kind in ("packed", "extern") else ""
        if self.token.kind not in ("struct", "union"):
            raise self.unexpected("'struct' or 'union'")
        kind = self.advance().kind
        opened = self.expect("{", f"of the {kind}")
        fields: list[ast.StructField] = []
        while self.token.kind != "}":
            name = self.expect("name", f"of a {kind} field")
            self.expect(":", "behind the field name")
            type_ = self.type()
            fields.append(ast.StructField(self.since(name), str(name.value), type_))
            if not self.accept(","):
                break
        self.expect("}", f"or ',' in the {kind}", opened)
        return ast.StructType(self.since(start), kind, layout, tuple(fields))


def _names_type(expr: ast.Expr) -> bool:
    """Whether ``{`` behind `expr` opens a literal of that type."""
    return isinstance(
        expr,
        ast.Name | ast.Member | ast.ArrayType | ast.StructType | ast.BuiltinCall | ast.Call,
    )
