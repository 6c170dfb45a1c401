"""The critical chain: from the PE that finished last back over the wavelets it waited for.

A PE that had nothing to do and goes on because a wavelet arrived depends on the wavelet's sender at
the time of sending. Going back from the end of the run over these dependences gives a chain of
intervals, each on one PE, and the ways of wavelets between them, that together make up the run's
length. Waits for room in a queue count as the sender's own time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyflame.runtime.fabric.kernel import record_words as r
from pyflame.runtime.fabric.kernel import words as w

LONGEST = 100_000
"""Links before the walk gives up; what lies before them counts as lost."""


@dataclass(frozen=True)
class Link:
    """One PE's part of the chain, from cycle `begin` to `end`.

    It began with a wavelet from input `queue` that was sent at cycle `sent` (`cause` "wavelet",
    "stream" from the host), with a "launch", or with the "start" of the program; `pc` is the
    instruction that had waited for it, for `waited` cycles in all. "lost" means that the recording
    does not reach further back.
    """

    pe: int
    begin: int
    end: int
    cause: str
    queue: int = -1
    sent: int = -1
    pc: int = -1
    waited: int = 0


def critical_chain(m: w.Arrays) -> list[Link]:
    """The chain of a recorded machine in order of time; its last link ends the run."""
    tag = last_tag(m)
    number, until = tag >> r.TIME_BITS, tag & ((1 << r.TIME_BITS) - 1)
    until = min(until, int(m.g[w.G_NOW]))
    links: list[Link] = []
    while True:
        node = _node(m, number) if len(links) < LONGEST else None
        if node is None:
            links.append(Link(-1, until, until, "lost"))
            break
        link = _link(node, until)
        links.append(link)
        if link.cause in ("start", "stream") or node[r.N_TAG] < 0 or link.sent > until:
            break
        number, until = int(node[r.N_TAG]) >> r.TIME_BITS, link.sent
    return links[::-1]


def last_tag(m: w.Arrays, until: int = w.FOREVER) -> int:
    """Node and time of what ended last before `until`: a PE unblocked the host, or was busy."""
    start = int(m.tr[r.T_ROWS])
    count = int(m.g[w.G_PES])
    rows = m.tr[start : start + count * r.ROW_WORDS].reshape(count, r.ROW_WORDS)
    active = np.where(rows[:, r.R_ACTIVE] <= until, rows[:, r.R_ACTIVE], -1)
    pe = int(active.argmax())
    finish = int(m.tr[r.T_FINISH])
    if finish >= 0 and finish & ((1 << r.TIME_BITS) - 1) >= active[pe]:
        return finish
    return int(rows[pe, r.R_NODE]) << r.TIME_BITS | max(int(active[pe]), 0)


def _node(m: w.Arrays, number: int) -> np.ndarray | None:
    """A node, None if the ring no longer holds it."""
    pes, ring = int(m.g[w.G_PES]), int(m.tr[r.T_NODE_MAX])
    if number >= pes:
        if int(m.tr[r.T_NODE_COUNT]) - number > ring:
            return None
        number = pes + (number - pes) % ring
    at = int(m.tr[r.T_NODES]) + number * r.NODE_WORDS
    return m.tr[at : at + r.NODE_WORDS]


def _link(node: np.ndarray, until: int) -> Link:
    """The part of a chain that a node stands for, up to a cycle.

    A node with many arrivals knows the last of them; earlier ones are taken to have come the same
    time after they were sent.
    """
    pe, begin, tag, pc, queue, waited, _, _ = (int(v) for v in node)
    source = tag >> r.TIME_BITS
    if source == -2:
        return Link(pe, 0, until, "start")
    if queue == r.FROM_LAUNCH:
        sent = tag & ((1 << r.TIME_BITS) - 1) if tag >= 0 else begin
        return Link(pe, min(begin, until), until, "launch", -1, min(sent, begin), pc, 0)
    start = min(begin, until)
    if tag < 0:
        return Link(pe, start, until, "stream", queue, start, pc, waited)
    sent = start - (begin - (tag & ((1 << r.TIME_BITS) - 1)))
    return Link(pe, start, until, "wavelet", queue, max(sent, 0), pc, waited)
