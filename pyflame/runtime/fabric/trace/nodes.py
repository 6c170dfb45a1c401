"""Dropping recorded nodes that no critical chain can need any more.

A node says by whose wavelet a PE was set going. A chain can only reach nodes to which a PE, a
wavelet on its way or the last launch refers, and those before them. The others are dropped whenever
half of the room is in use, so that the chain of a long run is known from its start. Where even the
needed ones do not fit, the kernel goes on in a ring, and the oldest are lost.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pyflame.runtime.fabric.kernel import record_words as r
from pyflame.runtime.fabric.kernel import words as w

_LEAST_ROOM = 8
"""The run pauses again when another part in 8 of the ring is in use, at the earliest."""


def drop_nodes(m: w.Arrays) -> None:
    """Drop what no chain can reach and number the rest anew."""
    tr, pes = m.tr, int(m.g[w.G_PES])
    ring, count = int(tr[r.T_NODE_MAX]), int(tr[r.T_NODE_COUNT])
    first = max(pes, count - ring)  # older ones are lost, or belong to the start of a PE
    start = int(tr[r.T_NODES]) + pes * r.NODE_WORDS
    nodes = tr[start : start + ring * r.NODE_WORDS].reshape(ring, r.NODE_WORDS)
    places = (np.arange(first, count) - pes) % ring
    kept = nodes[places]
    needed = _needed(kept[:, r.N_TAG] >> r.TIME_BITS, m, first, count)
    # Numbers begin two rings after those of the start: whatever lies between them is lost.
    numbers = np.full(count - first, pes, np.int64)
    begin = pes + 2 * ring
    numbers[needed] = begin + np.arange(needed.sum())

    def renumber(tags: np.ndarray) -> None:
        old = tags >> r.TIME_BITS
        new = np.where(old >= pes, pes, old)
        inside = (old >= first) & (old < count)
        new[inside] = numbers[old[inside] - first]
        tags[:] = new << r.TIME_BITS | tags & ((1 << r.TIME_BITS) - 1)

    kept = kept[needed]
    tags = kept[:, r.N_TAG].copy()
    renumber(tags)
    kept[:, r.N_TAG] = tags
    nodes[: len(kept)] = kept
    for part in _references(m):
        renumber(part)
    rows = _rows(m)
    current = rows[:, r.R_NODE] << r.TIME_BITS
    renumber(current)
    rows[:, r.R_NODE] = current >> r.TIME_BITS
    tr[r.T_NODE_COUNT] = begin + len(kept)
    tr[r.T_NODE_PAUSE] = begin + max(ring // 2, len(kept) + max(ring // _LEAST_ROOM, 1))


def _needed(sources: np.ndarray, m: w.Arrays, first: int, count: int) -> np.ndarray:
    """Which of the nodes `first` to before `count`, that came from `sources`, are needed."""
    needed = np.zeros(count - first, bool)
    for part in (*(tags >> r.TIME_BITS for tags in _references(m)), _rows(m)[:, r.R_NODE]):
        needed[part[(part >= first) & (part < count)] - first] = True
    before = (sources - first).tolist()
    marks = needed.tolist()
    for i in range(len(marks) - 1, -1, -1):  # a node comes from an older one
        if marks[i] and before[i] >= 0:
            marks[before[i]] = True
    return np.array(marks, bool)


def _rows(m: w.Arrays) -> np.ndarray:
    start, pes = int(m.tr[r.T_ROWS]), int(m.g[w.G_PES])
    return m.tr[start : start + pes * r.ROW_WORDS].reshape(pes, r.ROW_WORDS)


def _references(m: w.Arrays) -> Iterator[np.ndarray]:
    """All tags outside the nodes, as views."""
    tr = m.tr
    for word in (r.T_TAG, r.T_FINISH, r.T_PREVIOUS):
        yield tr[word : word + 1]
    yield _rows(m)[:, r.R_TAG]
    yield tr[int(tr[r.T_CHANNELS]) : int(tr[r.T_CHANNELS]) + len(m.cf)]
    yield tr[int(tr[r.T_QUEUES]) : int(tr[r.T_QUEUES]) + len(m.qu)]
