"""CSL files and ranges of characters in them."""

from __future__ import annotations

from dataclasses import dataclass

from pyflame import source
from pyflame.source import Place


@dataclass(eq=False, kw_only=True)
class SourceFile(source.SourceFile):
    """One CSL file: its `name` as shown in messages, its `text`, and the `path` it was read from.

    `library` marks the files shipped with this package; only they may use `@__` intrinsics.
    """

    library: bool = False
    path: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of characters, `start` to `end`, of one file."""

    file: SourceFile
    start: int
    end: int

    @property
    def place(self) -> Place:
        """Line, column and width, counted when a message needs them."""
        return self.file.at(self.start, max(self.end, self.start + 1))

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
        return str(self.place)

    def excerpt(self) -> str:
        """The first line of the range with carets below it."""
        return self.place.excerpt()
