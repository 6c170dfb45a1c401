"""Errors that a test file expects, in the words of MLIR's ``-verify-diagnostics``.

    // expected-error @+1 {{uses %b before its definition}}
    %a = arith.addi %b, %b : i32

The place is the comment's own line, or ``@+N``/``@-N`` lines away, or ``@above``/``@below`` (the
nearest line that is more than a comment), or ``@unknown`` for an error without a line. The text
between the braces is part of the message.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pyflame.source import Diagnostic, Place, SourceFile

_COMMENT = re.compile(r"//[^\n]*")
_EXPECTED = re.compile(
    r"expected-error[ \t]*(?:@(?P<at>[+-]\d+|above|below|unknown)[ \t]*)?\{\{(?P<text>.*?)\}\}"
)


@dataclass(frozen=True)
class Expectation:
    """An error whose message holds `text`, on `line`; None stands for no line."""

    text: str
    line: int | None
    place: Place

    def meets(self, found: Diagnostic) -> bool:
        """Whether `found` is the expected error."""
        line = found.place.line if isinstance(found.place, Place) else None
        return line == self.line and self.text in found.message


def expectations(file: SourceFile) -> list[Expectation]:
    """The errors that the comments of `file` expect, in order."""
    return [
        Expectation(m["text"], _line(file, m), file.at(m.start(), m.end()))
        for comment in _COMMENT.finditer(file.text)
        for m in _EXPECTED.finditer(file.text, comment.start(), comment.end())
    ]


def _line(file: SourceFile, match: re.Match[str]) -> int | None:
    here, _ = file.position(match.start())
    match match["at"]:
        case None:
            return here
        case "unknown":
            return None
        case ("above" | "below") as direction:
            step = -1 if direction == "above" else 1
            line = here + step
            while file.line(line).lstrip().startswith("//"):
                line += step
            return line
        case offset:
            return here + int(offset)


def compare(file: SourceFile, found: list[Diagnostic]) -> list[Diagnostic]:
    """What differs between the errors that `file` expects and those `found`; nothing is good."""
    open_ones = list(found)
    problems: list[Diagnostic] = []
    for expectation in expectations(file):
        met = next((d for d in open_ones if expectation.meets(d)), None)
        if met is None:
            text = f"expected error was not produced: {expectation.text}"
            problems.append(Diagnostic(text, expectation.place))
        else:
            open_ones.remove(met)
    problems += [Diagnostic(f"unexpected error: {d.message}", d.place, d.notes) for d in open_ones]
    return problems
