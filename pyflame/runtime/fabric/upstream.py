"""Where the wavelets of a colour come from: routes followed backwards, through every position."""

from __future__ import annotations

from collections.abc import Iterator

from pyflame.runtime.fabric.grouping import VALUE, places
from pyflame.runtime.fabric.image import Program
from pyflame.runtime.fabric.isa import Direction
from pyflame.runtime.fabric.kernel import words as w

BUDGET = 20_000
"""Routers that one `Upstream` visits at most: a report must not take longer than a moment."""


class Upstream:
    """Answers about one machine's routes, as they are now."""

    def __init__(self, program: Program, arrays: w.Arrays) -> None:
        self.program = program
        self.arrays = arrays
        self.visited = 0

    def of_core(self, pe: int, color: int) -> list[int] | None:
        """PEs whose cores can send `color` to the core of `pe`; None if no route leads there."""
        if not any(tx >> Direction.RAMP & 1 for _, tx in self._positions(pe, color)):
            return None
        return self._senders([(pe, color, Direction.RAMP)])

    def of_port(self, pe: int, color: int, port: int) -> list[int]:
        """PEs whose cores can have sent what came to a router's port on `color`."""
        if port == Direction.RAMP:
            return [pe]
        return self._senders(list(self._feeders(pe, color, port)))

    def nothing(self, pe: int, color: int) -> tuple[str, tuple[str, ...]]:
        """Why the core of `pe` has received nothing on `color`, as a note's text and values."""
        senders = self.of_core(pe, color)
        if not senders and color in self.program.streaming.values():
            return "the host sends nothing more", ()
        if senders is None:
            return "no route leads here, add RAMP to .tx of the colour's configuration", ()
        if senders:
            return f"nothing comes from {VALUE}", (places(senders, self.program.width),)
        return "no router on its way takes it from RAMP", ()

    def _senders(self, starts: list[tuple[int, int, int]]) -> list[int]:
        """PEs with a way from RAMP to one of (PE, colour, direction), by a walk backwards."""
        found: set[int] = set()
        seen = set(starts)
        todo = list(starts)
        while todo and self.visited < BUDGET:
            pe, color, direction = todo.pop()
            self.visited += 1
            for rx, tx in self._positions(pe, color):
                if not tx >> direction & 1:
                    continue
                if rx >> Direction.RAMP & 1:
                    found.add(pe)
                for port in range(Direction.RAMP):
                    if rx >> port & 1:
                        before = set(self._feeders(pe, color, port)) - seen
                        seen |= before
                        todo += before
        return sorted(found)

    def _feeders(self, pe: int, color: int, port: int) -> Iterator[tuple[int, int, int]]:
        """(PE, its colour, its direction) of what sends to a port of a router on `color`."""
        width = self.program.width
        x, y = pe % width + (port == Direction.EAST) - (port == Direction.WEST), pe // width
        y += (port == Direction.SOUTH) - (port == Direction.NORTH)
        if not (0 <= x < width and 0 <= y < self.program.height):
            return
        direction = port ^ 1
        axis = 1 if port in (Direction.EAST, Direction.WEST) else 2
        for own in (color, color ^ 1):
            channel = self._channel(y * width + x, own)
            if channel < 0:
                continue
            swaps = bool(int(self.arrays.ch[channel + w.C_SWAP]) & axis)
            if (own != color) == swaps:
                yield y * width + x, own, direction

    def _channel(self, pe: int, color: int) -> int:
        inside = 0 <= color < w.COLORS
        return int(self.arrays.pe[pe * w.PE_WORDS + w.CHANNEL_OF + color]) if inside else -1

    def _positions(self, pe: int, color: int) -> Iterator[tuple[int, int]]:
        """(rx, tx) masks of every switch position of a colour."""
        channel = self._channel(pe, color)
        for i in range(4 if channel >= 0 else 0):
            word = int(self.arrays.ch[channel + w.C_POSITION + i])
            yield word & 31, word >> 8 & 31
