"""Source text and places in it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(eq=False)
class SourceFile:
    """One CSL file: its `name` as shown in messages and its `text`.

    `library` marks the files shipped with this package; only they may use `@__` intrinsics.
    """

    name: str
    text: str
    library: bool = False
    path: str = field(default="")

    @cached_property
    def _line_starts(self) -> list[int]:
        starts = [0]
        starts.extend(i + 1 for i, char in enumerate(self.text) if char == "\n")
        return starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of a character offset, both counted from 1."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of line `number` (from 1) without its line end."""
        starts = self._line_starts
        end = starts[number] - 1 if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end].rstrip("\r")


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of characters, `start` to `end`, of one file."""

    file: SourceFile
    start: int
    end: int

    @property
    def line(self) -> int:
        """Line of the first character, from 1."""
        return self.file.position(self.start)[0]

    @property
    def column(self) -> int:
        """Column of the first character, from 1."""
        return self.file.position(self.start)[1]

    def to(self, other: Span) -> Span:
        """The range from the start of this one to the end of `other`."""
        return Span(self.file, self.start, other.end)

    def __str__(self) -> str:
        line, column = self.file.position(self.start)
        return f"{self.file.name}:{line}:{column}"

    def excerpt(self) -> str:
        """The first line of the range with carets below it."""
        line, column = self.file.position(self.start)
        text = self.file.line(line)
        shown = text.replace("\t", " ")
        width = max(1, min(self.end - self.start, len(text) - column + 1))
        if len(shown) > 160:  # keep messages readable when a file is one endless line
            cut = max(0, min(column - 60, len(shown) - 160))
            shown, column = shown[cut : cut + 160], column - cut
            width = min(width, 160 - column + 1)
        return f"{shown}\n{' ' * (column - 1)}{'^' * max(1, width)}"
