"""Source text, places in it, and messages that show them.

Every tool shows a mistake in a file in the same form, the place first, then the line and a caret:

    model.mlir:3:8: error: 'arith.addi' op does not verify: …
      %0 = arith.addi %a, %b : i32
           ^
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

LONGEST_EXCERPT = 160
"""Characters of a source line that a message shows."""

LONGEST_MESSAGE = 1000
"""Characters of a message about hostile text; of a longer one the middle is left out."""


def printable(text: str) -> str:
    """`text` with control characters written as escapes, so that a file cannot drive a terminal."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c == "\n" else " " if c == "\t" else f"\\x{ord(c):02x}"
        for c in text
    )


def shortened(message: str) -> str:
    """`message` on one line and of bounded length, for messages that quote what a file holds."""
    message = " ".join(message.split())
    if len(message) <= LONGEST_MESSAGE:
        return message
    half = LONGEST_MESSAGE // 2
    return f"{message[:half]} … {message[-half:]}"


@dataclass(eq=False)
class SourceFile:
    """One text: its `name` as shown in messages, its `text`, and the lines that precede it.

    `line_offset` is the number of lines before `text` in the file that it was cut from.
    """

    name: str
    text: str
    line_offset: int = 0

    @cached_property
    def _line_starts(self) -> list[int]:
        starts = [0]
        at = self.text.find("\n")
        while at >= 0:
            starts.append(at + 1)
            at = self.text.find("\n", at + 1)
        return starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of a character offset, both counted from 1."""
        index = bisect_right(self._line_starts, offset)
        return index + self.line_offset, offset - self._line_starts[index - 1] + 1

    def line(self, number: int) -> str:
        """The text of line `number` (from 1) without its line end; empty where there is none."""
        index = number - self.line_offset
        starts = self._line_starts
        if not 1 <= index <= len(starts):
            return ""
        end = starts[index] - 1 if index < len(starts) else len(self.text)
        return self.text[starts[index - 1] : end].rstrip("\r")

    def at(self, offset: int, end: int | None = None) -> Place:
        """The place of the characters from `offset` to `end` (by default, one)."""
        line, column = self.position(offset)
        return Place(self, line, column, max(1, (end or offset + 1) - offset))

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Place:
    """`width` characters at `line` and `column` (from 1) of a file."""

    file: SourceFile
    line: int
    column: int
    width: int = 1

    def __str__(self) -> str:
        return f"{printable(self.file.name)}:{self.line}:{self.column}"

    def excerpt(self) -> str:
        """The line with carets below the place, or nothing where the file has no such line."""
        text = self.file.line(self.line)
        start = self.column - 1
        if not text or start > len(text):
            return ""
        width = max(1, min(self.width, len(text) - start))
        cut = 0
        if len(text) > LONGEST_EXCERPT:
            cut = max(0, min(start - LONGEST_EXCERPT // 3, len(text) - LONGEST_EXCERPT))
            text = text[cut : cut + LONGEST_EXCERPT]
            width = min(width, LONGEST_EXCERPT - (start - cut))
        before = printable(text[: start - cut])
        carets = "^" * len(printable(text[start - cut : start - cut + width]))
        return f"{printable(text)}\n{' ' * len(before)}{carets or '^'}"


class Located(Protocol):
    """Something with a place in a file: as text ``file:line:column``."""

    def excerpt(self) -> str:
        """The line with carets below the place."""
        ...


Where = Located | SourceFile | None
"""What a message is about: a place, a whole file, or neither."""


@dataclass(frozen=True, slots=True)
class Note:
    """A second place that explains a message, such as the definition it speaks of."""

    message: str
    place: Where = None

    def __str__(self) -> str:
        return _render("note", self.message, self.place)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One message about a place in a file, or about the whole file where there is no place.

    `severity` is ``"error"`` or ``"warning"``.
    """

    message: str
    place: Where = None
    notes: tuple[Note, ...] = ()
    severity: str = "error"

    def __str__(self) -> str:
        return "\n".join([_render(self.severity, self.message, self.place), *map(str, self.notes)])


def _render(severity: str, message: str, place: Where) -> str:
    where = "" if place is None else f"{printable(str(place))}: "
    excerpt = "" if place is None or isinstance(place, SourceFile) else place.excerpt()
    return f"{where}{severity}: {printable(message)}" + (f"\n{excerpt}" if excerpt else "")
