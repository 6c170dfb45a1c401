"""What a program leaves behind when the host stops it: wavelets that nobody has read, and PEs
that unblocked too often."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from pyflame.runtime.fabric.grouping import Note, grouped
from pyflame.runtime.fabric.image import Program
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.messages import place
from pyflame.runtime.fabric.router_faults import lost_message, sent_to_core
from pyflame.runtime.fabric.stuck import wavelets

MOST_COLORS = 3
"""Colours whose senders are named."""
MOST_LINES = 10
"""Lines of detail before the report says how many more there are."""


class Source(Protocol):
    """A stream from the host: its colour and the wavelets that it still has."""

    color: int

    @property
    def left(self) -> int:
        """Wavelets that are still to be moved."""
        ...


def leftovers(program: Program, m: w.Arrays, sources: Sequence[Source]) -> list[str]:
    """Warnings about wavelets in queues and routers, beyond the edge, and still with the host, and
    about surplus calls of unblock_cmd_stream."""
    found = [
        f"{s.left} wavelets of a host stream on colour {s.color} were never taken; initialise an "
        "input queue for the colour and read as many as the host sends"
        for s in sources
        if s.left
    ]
    pes = _holders(m)
    lines = grouped(_notes(program, m, pes), program.width, MOST_LINES)
    if lines:
        lines += _origins(program, m, pes)
        body = "".join(f"\n  {line}" for line in lines)
        text = "the program ended with wavelets that nobody has read; receive as many as are sent:"
        found.append(text + body)
    found += [text for text in (lost_message(program, m), _unblocked_twice(program, m)) if text]
    return found


def _unblocked_twice(program: Program, m: w.Arrays) -> str:
    """Who called unblock_cmd_stream more than once in a launch, "" if nobody."""
    twice = np.flatnonzero(m.pe.reshape(-1, w.PE_WORDS)[:, w.UNBLOCKED] & w.TWICE)
    if not twice.size:
        return ""
    more = f" and {twice.size - 1} more" if twice.size > 1 else ""
    return (
        f"{place(program, int(twice[0]))}{more} called unblock_cmd_stream more than once in a "
        "launch; call it once, at the end of its work, or the next host command may begin too early"
    )


def _origins(program: Program, m: w.Arrays, pes: list[int]) -> list[str]:
    """Who sent what waits in input queues: a line for each of the first colours."""
    found: dict[int, str] = {}
    for pe in pes:
        mask = int(m.pe[pe * w.PE_WORDS + w.IN_MASK])
        for queue in program.images[int(program.image_of[pe])].input_queues:
            if len(found) < MOST_COLORS and mask >> queue.number & 1 and queue.color not in found:
                sent = sent_to_core(program, m, pe, queue.color)
                what = f"those of colour {queue.color} on {place(program, pe)}"
                found[queue.color] = f"{what}{sent}" if sent else ""
    return [text for text in found.values() if text]


def _holders(m: w.Arrays) -> list[int]:
    """PEs with a wavelet in a queue or in their router."""
    rows = m.pe.reshape(-1, w.PE_WORDS)
    full = rows[:, w.IN_MASK] | rows[:, w.OUT_MASK] | rows[:, w.COLOR_MASK]
    return np.flatnonzero(full).tolist()


def _notes(program: Program, m: w.Arrays, pes: list[int]) -> Iterator[tuple[int, Note]]:
    for pe in pes:
        for note in wavelets(m, pe, program.images[int(program.image_of[pe])]):
            yield pe, note
