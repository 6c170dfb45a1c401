"""A look over MLIR text before the parser sees it.

The scan runs once over the text, in time linear in its length, and refuses what would make a
recursive parser overflow, hang or fill the memory: deep nesting, endless words, strings that do
not end, too many tokens. It does not judge the grammar; that is the parser's work.
"""

from __future__ import annotations

import re

from pyflame.dialects.guard.errors import MlirLimitError, MlirParseError
from pyflame.dialects.guard.limits import Limits
from pyflame.source import Diagnostic, SourceFile

LONGEST_WORD = 3500
"""Characters of a number or a name. Python refuses decimal numbers of over 4300 digits, and 3500
hexadecimal digits are 4215 decimal ones; a shape is one word, read again for each dimension."""

# The string rule is xDSL's, unrolled: its own form takes exponential time on a string that does
# not end. `bad` is a quote that starts no string. Signs other than brackets count as tokens only.
_TOKEN = re.compile(
    r"""(?P<skip>(?:[ \t\r\n]+|//[^\n]*)+)
    |(?P<word>[%#!^@]?[A-Za-z0-9_$.]+)
    |(?P<open>[(\[{<])
    |->|>=|<=
    |(?P<close>[)\]}>])
    |(?P<string>"[^"\\\n\v\f]*(?:\\(?:["nt\\]|[0-9A-Fa-f]{2})[^"\\\n\v\f]*)*")
    |(?P<bad>")
    |[^"]""",
    re.VERBOSE,
)
_OPENER = {")": "(", "]": "[", "}": "{", ">": "<"}


def scan(file: SourceFile, limits: Limits) -> None:
    """Refuse text that no limit allows to be parsed.

    Raises:
        MlirParseError: a string does not end on its line or holds an unknown escape.
        MlirLimitError: the text has too many tokens, too deep nesting or too long a word.
    """
    open_brackets: list[str] = []
    tokens = 0
    for match in _TOKEN.finditer(file.text):
        kind = match.lastgroup
        if kind == "skip":
            continue
        tokens += 1
        if kind == "open":
            open_brackets.append(match.group())
            if len(open_brackets) > limits.max_nesting:
                raise _too_much(file, match, f"over {limits.max_nesting} brackets are open here "
                                "(nesting limit)", "max_nesting", limits)  # fmt: skip
        elif kind == "close":
            _close(open_brackets, _OPENER[match.group()])
        elif kind == "word" and match.end() - match.start() > LONGEST_WORD:
            length = match.end() - match.start()
            message = f"a number or name of {length} characters; the longest has {LONGEST_WORD}"
            raise MlirLimitError(Diagnostic(message, file.at(match.start())))
        elif kind == "bad":
            raise MlirParseError(_bad_string(file, match.start()))
        if tokens > limits.max_tokens:
            raise _too_much(file, match, f"over {limits.max_tokens} tokens; write large constants "
                            "as hex strings", "max_tokens", limits)  # fmt: skip


def _close(open_brackets: list[str], opener: str) -> None:
    """Drop the innermost `opener` and what stands inside it; a lone `>` is a comparison."""
    if opener == "<":
        if open_brackets and open_brackets[-1] == "<":
            open_brackets.pop()
    elif opener in open_brackets:
        while open_brackets.pop() != opener:
            pass


def _bad_string(file: SourceFile, start: int) -> Diagnostic:
    body = re.compile(r'"[^"\\\n\v\f]*(?:\\(?:["nt\\]|[0-9A-Fa-f]{2})[^"\\\n\v\f]*)*')
    match = body.match(file.text, start)
    end = match.end() if match else start + 1
    if file.text.startswith("\\", end):
        return Diagnostic('unknown escape in a string; known are \\" \\n \\t \\\\ and \\ with two '
                          "hex digits", file.at(end))  # fmt: skip
    return Diagnostic("this string does not end on its line", file.at(start))


def _too_much(
    file: SourceFile, match: re.Match[str], message: str, name: str, limits: Limits
) -> MlirLimitError:
    place = file.at(match.start())
    return MlirLimitError(Diagnostic(f"{message}; {limits.how_to_raise(name)}", place))
