"""CSL text to tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pyflame.runtime.csl.diagnostics import DiagnosticEngine
from pyflame.runtime.csl.source import SourceFile, Span

# fmt: off
KEYWORDS = frozenset([
    "align", "and", "break", "comptime", "const", "continue", "else", "enum", "export",
    "extern", "false", "fn", "for", "if", "inline", "layout", "linkname", "linksection",
    "noinline", "or", "packed", "param", "return", "struct", "switch", "task", "true", "union",
    "var", "while",
])
# fmt: on

_PATTERN = re.compile(
    r"""
    (?P<space>[ \t\r\n\f\v]+|//[^\n]*)
  | (?P<float>[0-9]+\.[0-9]*(?:[eE][+-]?[0-9]+)?(?![A-Za-z_])|[0-9]+[eE][+-]?[0-9]+(?![A-Za-z_]))
  | (?P<int>[0-9][0-9A-Za-z_]*)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<builtin>@[A-Za-z_][A-Za-z0-9_]*)
  | (?P<string>"(?:[^"\\\n]|\\.)*")
  | (?P<char>'(?:[^'\\\n]|\\.[0-9A-Fa-f]?[0-9A-Fa-f]?)')
  | (?P<op><<=|>>=|->|=>|<<|>>|<=|>=|==|!=|\+=|-=|\*=|/=|%=|&=|\|=|\^=
        |[-+*/%&|^~!<>=.,;:(){}\[\]])
    """,
    re.VERBOSE,
)

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'", "0": "\0"}
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|.)")
_MAX_INT_DIGITS = 100

RAW_BYTE = 0xF700
"""A byte from 0x80 that a string names by number stands as this plus it, a private character."""


@dataclass(slots=True, frozen=True)
class Token:
    """One token.

    `kind` is ``int float string char name builtin end``, the keyword, or the operator itself;
    `value` holds the meaning of literals and the text of all others.
    """

    kind: str
    value: object
    start: int
    end: int


def tokenize(file: SourceFile, engine: DiagnosticEngine) -> list[Token]:
    """The tokens of a file, ending in one of kind ``end``; bad characters become errors."""
    tokens: list[Token] = []
    text, position = file.text, 0
    match = _PATTERN.match
    while position < len(text):
        found = match(text, position)
        if found is None:
            position = _bad_character(file, position, engine)
            continue
        kind, word, end = found.lastgroup, found.group(), found.end()
        if kind == "name":
            tokens.append(Token(word if word in KEYWORDS else "name", word, position, end))
        elif kind == "op":
            tokens.append(Token(word, word, position, end))
        elif kind != "space":
            assert kind is not None
            value = _value(kind, word, Span(file, position, end), engine)
            tokens.append(Token(kind, value, position, end))
        position = end
    tokens.append(Token("end", "end of file", len(text), len(text)))
    return tokens


def _bad_character(file: SourceFile, start: int, engine: DiagnosticEngine) -> int:
    """Report what does not start a token; returns where to go on."""
    char = file.text[start]
    if char in "\"'":
        end = file.text.find("\n", start)
        end = len(file.text) if end < 0 else end
        kind = "string" if char == '"' else "character literal"
        engine.error(Span(file, start, end), f"{kind} is not closed on its line")
        return end
    end = start + 1
    while end < len(file.text) and file.text[end] == char:
        end += 1
    shown = char if char.isprintable() else f"\\x{ord(char):02x}"
    engine.error(Span(file, start, end), f"character {shown!r} does not belong to CSL")
    return end


def _value(kind: str, word: str, span: Span, engine: DiagnosticEngine) -> object:
    if kind == "int":
        return _integer(word, span, engine)
    if kind == "float":
        value = float(word)
        if value in (float("inf"), float("-inf")):
            engine.error(span, f"float literal {word} is out of range")
            return 0.0
        return value
    if kind == "builtin":
        return word[1:]
    if kind == "string":
        return _unescape(word[1:-1], span, engine)
    text = _unescape(word[1:-1], span, engine)
    if len(text) != 1:
        engine.error(span, f"character literal {word} must hold exactly one character")
        return 0
    return ord(text) - RAW_BYTE if ord(text) in range(RAW_BYTE, RAW_BYTE + 256) else ord(text)


def _integer(word: str, span: Span, engine: DiagnosticEngine) -> int:
    base = {"0x": 16, "0X": 16, "0b": 2, "0B": 2, "0o": 8, "0O": 8}.get(word[:2], 10)
    if len(word) > _MAX_INT_DIGITS:
        engine.error(span, f"integer literal has more than {_MAX_INT_DIGITS} characters")
        return 0
    try:
        return int(word, base)
    except ValueError:
        engine.error(span, f"{word!r} is not an integer literal of base {base}")
        return 0


def _unescape(body: str, span: Span, engine: DiagnosticEngine) -> str:
    def replace(match: re.Match[str]) -> str:
        escape = match.group(1)
        if len(escape) == 3:
            byte = int(escape[1:], 16)
            return chr(byte if byte < 128 else RAW_BYTE + byte)
        if escape not in _ESCAPES:
            known = " ".join(f"\\{e}" for e in _ESCAPES)
            engine.error(span, f"unknown escape \\{escape}; known are {known} \\xNN")
            return ""
        return _ESCAPES[escape]

    return _ESCAPE.sub(replace, body)
