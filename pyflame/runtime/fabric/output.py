"""What programs print: the kernel's log entries become lines and debug records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyflame.runtime.fabric.floats import half_value
from pyflame.runtime.fabric.image import Program
from pyflame.runtime.fabric.isa import PrintKind
from pyflame.runtime.fabric.kernel import words as w


@dataclass(frozen=True)
class Line:
    """A printed line: where, when (cycle of its newline) and what."""

    x: int
    y: int
    cycle: int
    text: str

    def __str__(self) -> str:
        return f"@{self.cycle} {self.text}"


@dataclass(frozen=True)
class Record:
    """A `<debug>` record: where, when, a `PrintKind`, its value or text, and the instance's key."""

    x: int
    y: int
    cycle: int
    kind: int
    value: int
    text: str
    key: str


def _float(bits: int, half: str) -> str:
    """The shortest decimal that reads back as the same float, with a point or an exponent."""
    if half == "f32":
        value = np.uint32(bits & 0xFFFFFFFF).view(np.float32)
    elif half == "ieee":
        value = np.uint16(bits & 0xFFFF).view(np.float16)
    else:
        value = np.float32(half_value(bits & 0xFFFF, half))
    return str(value)


_DIGITS: dict[int, tuple[int, str]] = {
    PrintKind.HEX16: (16, "04X"),
    PrintKind.HEX32: (32, "08X"),
    PrintKind.BIN16: (16, "016b"),
    PrintKind.BIN32: (32, "032b"),
}
"""Bits and format of values that are printed digit by digit."""


class OutputLog:
    """Collects the kernel's log; a line ends with a NEWLINE entry of its PE."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._partial: dict[int, list[str]] = {}
        self._lines: list[tuple[int, int, int, str]] = []
        self._traces: list[Record] = []

    def take(self, m: w.Arrays) -> None:
        """Move the entries out of the kernel's log."""
        count = int(m.g[w.G_LOG])
        if not count:
            return
        start = int(m.g[w.G_LOG_LIST])
        entries = m.ev[start : start + count * w.LOG_WORDS].reshape(count, w.LOG_WORDS)
        for pe, cycle, kind, value, string, key in entries.tolist():
            if kind >= w.TRACE_KIND:
                self._trace(pe, cycle, kind - w.TRACE_KIND, value, string, key)
            elif kind == PrintKind.NEWLINE:
                self._print(pe, cycle, "\n")
            else:
                self._print(pe, cycle, self._text(pe, cycle, kind, value, string))
        m.g[w.G_LOG] = 0

    def _print(self, pe: int, cycle: int, text: str) -> None:
        """Append to the PE's line; each line end in `text` completes one."""
        partial = self._partial.setdefault(pe, [])
        *ended, rest = text.split("\n")
        for part in ended:
            self._lines.append((cycle, pe, len(self._lines), "".join([*partial, part])))
            partial.clear()
        partial.append(rest)

    def _string(self, pe: int, number: int) -> str:
        strings = self._program.images[int(self._program.image_of[pe])].strings
        return strings[number] if 0 <= number < len(strings) else ""

    def _text(self, pe: int, cycle: int, kind: int, value: int, string: int) -> str:
        width = self._program.width
        if kind == PrintKind.STRING:
            return self._string(pe, string)
        if kind == PrintKind.F16:
            return _float(value, self._program.half)
        if kind == PrintKind.F32:
            return _float(value, "f32")
        if kind in _DIGITS:
            bits, form = _DIGITS[kind]
            return format(value & ((1 << bits) - 1), form)
        if kind == PrintKind.BOOL:
            return "true" if value else "false"
        if kind == PrintKind.TIMESTAMP:
            return str(cycle)
        if kind == PrintKind.COORDS:
            return f"PE({pe % width},{pe // width}): "
        return str(value)

    def _trace(self, pe: int, cycle: int, kind: int, value: int, string: int, key: int) -> None:
        width = self._program.width
        text = self._string(pe, string) if kind == PrintKind.STRING else ""
        name = self._string(pe, key)
        self._traces.append(Record(pe % width, pe // width, cycle, kind, value, text, name))

    def lines(self) -> list[Line]:
        """Lines in order of cycle, then PE."""
        width = self._program.width
        return [Line(pe % width, pe // width, c, text) for c, pe, _, text in sorted(self._lines)]

    def traces(self) -> list[Record]:
        """Debug records in the order they were made per PE."""
        return list(self._traces)
