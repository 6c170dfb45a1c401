"""How much of a run is recorded, and the array that the kernel records it in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyflame.runtime.fabric.image import Program
from pyflame.runtime.fabric.kernel import record_words as r
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.trace.chain import last_tag

ROOT_TAG = -2 << r.TIME_BITS
"""Tag of the node that a PE begins with: nothing set it going."""


@dataclass(frozen=True)
class Recording:
    """What to keep of a run. Memory does not grow with the run's length.

    `window` is (first cycle, cycle after the last) and `pes` (x, y, width, height) of the details:
    tasks, operations and single wavelets. Counts per PE and time bin are kept of everything.

    Raises:
        ValueError: an empty window or rectangle.
    """

    window: tuple[int, int] | None = None
    pes: tuple[int, int, int, int] | None = None
    cells: int = 1 << 20  # PEs × time bins, 64 bytes each
    bins: int = 4096  # most time bins
    spans: int = 400_000  # tasks and operations
    moves: int = 300_000  # wavelets moved by a router
    turns: int = 100_000  # changes of switch positions and routes, of all PEs from the start
    nodes: int = 1 << 17  # waits that ended with another PE's wavelet

    def __post_init__(self) -> None:
        if self.window is not None and not 0 <= self.window[0] < self.window[1]:
            raise ValueError(f"window is {self.window}; expected 0 <= first < end")
        if self.pes is not None and (min(self.pes[:2]) < 0 or min(self.pes[2:]) < 1):
            raise ValueError(f"pes is {self.pes}; expected (x, y, width, height) of a rectangle")


COUNTERS = Recording(cells=1 << 12, bins=16, spans=0, moves=0, turns=0)
"""Enough for the report: levels of queues and the critical chain."""


def record(program: Program, m: w.Arrays, recording: Recording) -> w.Arrays:
    """The arrays of a machine that has not run yet, with a place to record in."""
    count = program.width * program.height
    bins = 1 << max(min(recording.cells // count, recording.bins), 2).bit_length() - 1
    head = np.zeros(r.HEAD_WORDS, np.int64)
    end = r.HEAD_WORDS
    for word, size in (
        (r.T_CELLS, count * bins * r.CELL_WORDS),
        (r.T_ROWS, count * r.ROW_WORDS),
        (r.T_SPANS, recording.spans * r.SPAN_WORDS),
        (r.T_MOVES, recording.moves * r.MOVE_WORDS),
        (r.T_TURNS, recording.turns * r.TURN_WORDS),
        (r.T_NODES, (count + recording.nodes) * r.NODE_WORDS),
        (r.T_CHANNELS, len(m.cf)),
        (r.T_QUEUES, len(m.qu)),
    ):
        head[word] = end
        end += size
    window = recording.window or (0, w.FOREVER)
    for word, value in {
        r.T_BINS: bins,
        r.T_SPAN_MAX: recording.spans,
        r.T_MOVE_MAX: recording.moves,
        r.T_TURN_MAX: recording.turns,
        r.T_NODE_MAX: recording.nodes,
        r.T_NODE_COUNT: count,
        r.T_NODE_PAUSE: count + recording.nodes // 2,
        r.T_SPAN_FULL: w.FOREVER,
        r.T_MOVE_FULL: w.FOREVER,
        r.T_TURN_FULL: w.FOREVER,
        r.T_FROM: window[0],
        r.T_TO: window[1],
        r.T_FINISH: r.HOST_TAG,
        r.T_PREVIOUS: r.HOST_TAG,
    }.items():
        head[word] = value
    tr = np.zeros(end, np.int64)
    tr[: r.HEAD_WORDS] = head
    rows = tr[head[r.T_ROWS] :][: count * r.ROW_WORDS].reshape(count, r.ROW_WORDS)
    rows[:, r.R_DETAIL] = _chosen(program, recording)
    rows[:, r.R_NODE] = np.arange(count)
    rows[:, r.R_TAG_AT] = -1
    nodes = tr[head[r.T_NODES] :][: count * r.NODE_WORDS].reshape(count, r.NODE_WORDS)
    nodes[:, r.N_PE] = np.arange(count)
    nodes[:, r.N_TAG] = ROOT_TAG
    m.g[w.G_TRACE] = 1
    return m._replace(tr=tr)


def _chosen(program: Program, recording: Recording) -> np.ndarray:
    """Which PEs' details are kept, bool [PEs]."""
    chosen = np.ones((program.height, program.width), bool)
    if recording.pes is not None:
        x, y, width, height = recording.pes
        chosen[:] = False
        chosen[y : y + height, x : x + width] = True
    return chosen.ravel()


def before_launch(m: w.Arrays) -> None:
    """The host launches a function: that depends on what the host waited for before."""
    if m.g[w.G_TRACE] and m.g[w.G_NOW]:
        m.tr[r.T_PREVIOUS] = last_tag(m, int(m.g[w.G_NOW]))
