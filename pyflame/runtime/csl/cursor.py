"""A position in a token list, with the expectations and the depth limit of the parser."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pyflame.runtime.csl.diagnostics import Abort, DiagnosticEngine, Note
from pyflame.runtime.csl.lexer import Token, tokenize
from pyflame.runtime.csl.source import SourceFile, Span

MAX_NESTING = 200
"""Deepest nesting of expressions, types and statements that a file may have."""

_FRAMES = 12_000


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Room for recursive walks over the deepest tree that `MAX_NESTING` admits."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _FRAMES))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


class Cursor:
    """Reads tokens one after the other; all parsing methods build on it."""

    def __init__(self, file: SourceFile, engine: DiagnosticEngine) -> None:
        self.file = file
        self.engine = engine
        self.tokens = tokenize(file, engine)
        self.at = 0
        self.token = self.tokens[0]
        self.depth = 0

    def advance(self) -> Token:
        """Step over the current token and return it."""
        token = self.token
        if token.kind != "end":
            self.at += 1
            self.token = self.tokens[self.at]
        return token

    def peek(self, ahead: int = 1) -> str:
        """Kind of a token further on."""
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)].kind

    def accept(self, kind: str) -> Token | None:
        """Step over the current token if it is of `kind`."""
        return self.advance() if self.token.kind == kind else None

    def expect(self, kind: str, context: str, opened: Token | None = None) -> Token:
        """Step over a token of `kind`, or report what was expected in `context`."""
        if self.token.kind == kind:
            return self.advance()
        notes = () if opened is None else (Note("opened here", self.token_span(opened)),)
        raise self.unexpected(f"{_shown_kind(kind)} {context}", *notes)

    def unexpected(self, expected: str, *notes: Note) -> Abort:
        """Record that the current token is not what was `expected`."""
        token = self.token
        span = self.token_span(token)
        if expected.startswith("';'") and self.at > 0:
            # A missing semicolon belongs to the end of the line that lacks it.
            last = self.tokens[self.at - 1]
            span = Span(self.file, last.end, last.end + 1)
        return self.engine.fail(span, f"expected {expected}, found {_shown(token)}", *notes)

    def token_span(self, token: Token) -> Span:
        """Where a token stands."""
        return Span(self.file, token.start, token.end)

    def since(self, start: Token) -> Span:
        """From the first character of `start` to the last token read."""
        return Span(self.file, start.start, self.tokens[max(self.at - 1, 0)].end)

    @contextmanager
    def nested(self) -> Iterator[None]:
        """One level deeper.

        Raises:
            Abort: the file nests deeper than `MAX_NESTING`.
        """
        self.check_depth(self.depth + 1)
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1

    def check_depth(self, depth: int) -> None:
        """Refuse a tree deeper than `MAX_NESTING`."""
        if depth > MAX_NESTING:
            self.engine.error(
                self.token_span(self.token),
                f"nesting is deeper than {MAX_NESTING} levels; split the expression or block",
            )
            raise TooDeep


class TooDeep(Abort):
    """The rest of the file is not worth reading: recovery inside it could repeat for ever."""


def _shown_kind(kind: str) -> str:
    words = {"name": "an identifier", "string": "a string", "end": "the end of the file"}
    return words.get(kind, f"{kind!r}")


def _shown(token: Token) -> str:
    if token.kind == "end":
        return "the end of the file"
    if token.kind == "string":
        return "a string"
    if token.kind in ("int", "float", "char"):
        return f"the number {token.value}"
    return f"'@{token.value}'" if token.kind == "builtin" else f"'{token.value}'"
