"""What a recording holds, as NumPy arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pyflame.runtime.fabric.image import Program
from pyflame.runtime.fabric.kernel import record_words as r
from pyflame.runtime.fabric.kernel import words as w


@dataclass(frozen=True)
class Bins:
    """Counts per PE (first axis) and time bin of 1 << `shift` cycles (second axis)."""

    shift: int
    busy: np.ndarray  # int64 [PEs, bins]: cycles in which the PE did something
    stalled: np.ndarray  # int64 [PEs, bins]: cycles its main thread waited, and nothing was done
    links: np.ndarray  # int64 [PEs, bins, 5]: wavelets moved toward N, S, E, W and up the ramp
    colors: np.ndarray  # int64 [PEs, bins, 5]: a bit for each of their colours
    levels: np.ndarray  # uint8 [PEs, bins, 16]: most wavelets in input and output queues 0 … 7

    def halved(self) -> Bins:
        """The same with bins of twice the width."""

        def pairs(values: np.ndarray) -> np.ndarray:
            odd = values.shape[1] % 2
            pad = [(0, 0), (0, odd), *[(0, 0)] * (values.ndim - 2)]
            return np.pad(values, pad).reshape(len(values), -1, 2, *values.shape[2:])

        return Bins(
            self.shift + 1,
            pairs(self.busy).sum(axis=2),
            pairs(self.stalled).sum(axis=2),
            pairs(self.links).sum(axis=2),
            np.bitwise_or.reduce(pairs(self.colors), axis=2),
            pairs(self.levels).max(axis=2),
        )


@dataclass(frozen=True)
class Recorded:
    """A run as recorded up to `cycles`."""

    cycles: int
    bins: Bins
    high: np.ndarray  # int64 [PEs, 16]: highest level of input and output queues 0 … 7
    held: np.ndarray  # int64 [PEs, 16]: wavelets × cycles that they lay in each queue
    spans: np.ndarray  # int64 [n, SPAN_WORDS] in order of PE and time, see kernel/record_words.py
    unfinished: np.ndarray  # bool [n]: the span was not over when the run ended
    moves: np.ndarray  # int64 [n, MOVE_WORDS] in order of time
    turns: np.ndarray  # int64 [n, TURN_WORDS]: changes of switches and routes in order of time
    spans_until: int  # details are complete up to this cycle
    spans_least: int  # cycles of the shortest spans that were kept after it
    moves_until: int
    turns_until: int
    window: tuple[int, int]


def recorded(program: Program, m: w.Arrays) -> Recorded:
    """Take a machine's recording; what is under way counts up to now.

    Raises:
        ValueError: the machine does not record.
    """
    if not m.g[w.G_TRACE]:
        raise ValueError("this machine does not record; make it with record=Recording()")
    tr, count = m.tr, program.width * program.height
    now = int(m.g[w.G_NOW])
    rows = _block(tr, r.T_ROWS, count, r.ROW_WORDS)
    active = int(rows[:, r.R_ACTIVE].max())
    cycles = max(now, active, 1)
    spans, unfinished = _spans(m, rows, cycles)
    moves = _block(tr, r.T_MOVES, int(tr[r.T_MOVE_COUNT]), r.MOVE_WORDS).copy()
    start, end = int(tr[r.T_FROM]), min(int(tr[r.T_TO]), cycles)
    return Recorded(
        cycles=cycles,
        bins=_bins(m, rows, count, cycles),
        high=rows[:, r.R_HIGH : r.R_HIGH + 2 * w.QUEUES].copy(),
        held=_held(m, rows, now),
        spans=spans,
        unfinished=unfinished,
        moves=moves,
        turns=_block(tr, r.T_TURNS, int(tr[r.T_TURN_COUNT]), r.TURN_WORDS).copy(),
        spans_until=min(int(tr[r.T_SPAN_FULL]), end),
        spans_least=int(tr[r.T_SPAN_LEAST]),
        moves_until=min(int(tr[r.T_MOVE_FULL]), end),
        turns_until=min(int(tr[r.T_TURN_FULL]), cycles),
        window=(start, end),
    )


def _block(tr: np.ndarray, word: int, count: int, size: int) -> np.ndarray:
    start = int(tr[word])
    return tr[start : start + count * size].reshape(count, size)


def _bins(m: w.Arrays, rows: np.ndarray, count: int, cycles: int) -> Bins:
    tr = m.tr
    shift, bins = int(tr[r.T_SHIFT]), int(tr[r.T_BINS])
    used = max(min(((cycles - 1) >> shift) + 1, bins), 1)
    cells = _block(tr, r.T_CELLS, count, bins * r.CELL_WORDS)
    cells = cells.reshape(count, bins, r.CELL_WORDS)[:, :used].copy()
    now = min(int(m.g[w.G_NOW]), used << shift)
    _add_open_stalls(m, cells, shift, now)
    nibbles = cells[:, :, r.A_LEVELS, None] >> (4 * np.arange(2 * w.QUEUES)) & 15
    levels = nibbles.astype(np.uint8)
    _add_open_levels(m, rows, levels, shift, now)
    width = np.minimum(cycles - (np.arange(used) << shift), 1 << shift)
    busy = np.minimum(cells[:, :, r.A_BUSY], width)
    stalled = np.minimum(cells[:, :, r.A_STALL], width - busy)
    links = cells[:, :, r.A_LINK : r.A_LINK + 5]
    return Bins(shift, busy, stalled, links & r.COUNT_MASK, links >> 32, levels)


def _waits_since(m: w.Arrays, pe: int, block: np.ndarray) -> int:
    """Since when the main thread waits inside an operation, -1 if it does not."""
    if block[w.STATUS] == w.IN_OPERATION:
        return int(w.lane_words(m, pe, w.MAIN)[w.L_SINCE])
    return int(block[w.WAIT_SINCE]) if block[w.STATUS] == w.IN_ELEMENT else -1


def _add_open_stalls(m: w.Arrays, cells: np.ndarray, shift: int, now: int) -> None:
    blocks = m.pe.reshape(-1, w.PE_WORDS)
    waiting = np.isin(blocks[:, w.STATUS], (w.IN_OPERATION, w.IN_ELEMENT))
    starts = np.arange(cells.shape[1]) << shift
    for pe in np.flatnonzero(waiting):
        since = _waits_since(m, int(pe), blocks[pe])
        overlap = np.minimum(starts + (1 << shift), now) - np.maximum(starts, since)
        cells[pe, :, r.A_STALL] += np.maximum(overlap, 0)


def _queues(m: w.Arrays) -> Iterator[tuple[int, np.ndarray]]:
    """Each queue's number (8 + q for output queue q) and its level now on all PEs."""
    for q in range(2 * w.QUEUES):
        yield q, w.queue_counts(m, q)


def _held(m: w.Arrays, rows: np.ndarray, now: int) -> np.ndarray:
    held = rows[:, r.R_HELD : r.R_HELD + 2 * w.QUEUES].copy()
    for q, level in _queues(m):
        held[:, q] += level * np.maximum(now - rows[:, r.R_SINCE + q], 0)
    return held


def _add_open_levels(
    m: w.Arrays, rows: np.ndarray, levels: np.ndarray, shift: int, now: int
) -> None:
    """Wavelets that still lie in queues have lain there since the level changed last."""
    for q, level in _queues(m):
        for pe in np.flatnonzero(level):
            since = int(rows[pe, r.R_SINCE + q]) >> shift
            part = levels[pe, since : (now >> shift) + 1, q]
            np.maximum(part, level[pe].astype(np.uint8), out=part)


def _spans(m: w.Arrays, rows: np.ndarray, cycles: int) -> tuple[np.ndarray, np.ndarray]:
    """All spans in order of PE, beginning, lane; and which of them are unfinished."""
    tr = m.tr
    kept = _block(tr, r.T_SPANS, int(tr[r.T_SPAN_COUNT]), r.SPAN_WORDS)
    opened = np.array(_open_spans(m, rows, cycles), np.int64).reshape(-1, r.SPAN_WORDS)
    spans = np.concatenate([kept, opened])
    unfinished = np.arange(len(spans)) >= len(kept)
    order = np.lexsort((spans[:, r.S_END], spans[:, r.S_LANE], spans[:, r.S_BEGIN], spans[:, 0]))
    return spans[order], unfinished[order]


def _open_spans(m: w.Arrays, rows: np.ndarray, cycles: int) -> list[list[int]]:
    blocks = m.pe.reshape(-1, w.PE_WORDS)
    found: list[list[int]] = []
    if not m.tr[r.T_SPAN_MAX]:
        return found
    under_way = (blocks[:, w.STATUS] != w.IDLE) | (blocks[:, w.LIVE] & w.LANE_MASK != 0)
    for pe in np.flatnonzero(under_way & (rows[:, r.R_DETAIL] != 0)):
        block, row = blocks[pe], rows[pe]
        if block[w.STATUS] != w.IDLE:
            task = (int(row[r.R_TASK_AT]), cycles, int(row[r.R_TASK_PC]), int(row[r.R_TASK]), 0)
            found.append([int(pe), r.TASK_SPAN, *task])
        for lane in range(w.LANES):
            if block[w.LIVE] >> lane & 1:
                live = w.lane_words(m, int(pe), lane)
                since = max(cycles - int(live[w.L_SINCE]), 0)
                waited = int(row[r.R_WAITED + lane]) + since
                queues = int(live[w.L_IN0] + 1) << 8 | int(live[w.L_OUT] + 1) << 12
                info = int(live[w.L_OP]) | queues | waited << 16
                start = int(live[w.L_START])
                pc, done = int(live[w.L_PC]), int(live[w.L_POS])
                found.append([int(pe), lane, start, max(cycles, start), pc, info, done])
    start, end = int(m.tr[r.T_FROM]), int(m.tr[r.T_TO])
    return [span for span in found if span[r.S_BEGIN] < end and span[r.S_END] >= start]
