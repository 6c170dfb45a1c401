"""Where a run's cycles went, as data for `--report` and the benchmarks."""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np

from pyflame.runtime.fabric.image import Program
from pyflame.runtime.fabric.kernel import words as w


class PeCounts(TypedDict):
    """Per-PE counters, int64 [height, width]."""

    busy: np.ndarray  # cycles in which the PE issued or was in a task switch
    stalled: np.ndarray  # cycles in which the main thread waited inside an operation
    idle: np.ndarray  # the rest of the run
    instructions: np.ndarray
    tasks: np.ndarray


class Router(TypedDict):
    """The router that moved most wavelets, and its busiest colour."""

    x: int
    y: int
    wavelets: int  # of all colours, each move counted once
    color: int
    color_wavelets: int


class Report(TypedDict):
    """What `Machine.report` gives."""

    cycles: int
    host_cycles: int
    utilisation: float  # mean share of busy cycles
    instructions: int
    tasks: int
    wavelet_hops: int
    core_steps: int  # events that the simulator handled
    hottest_router: Router | None
    busiest_pe: dict[str, Any]  # x, y, busy
    surplus_unblocks: int  # calls of unblock_cmd_stream beyond one per launch
    counts: PeCounts


class Footprint(TypedDict):
    """Bytes of a machine that does not record."""

    per_pe: int  # what each PE has of its own: 48 KB, state, queues, routers, descriptors
    shared: int  # code and tables of all images, constant descriptors, output log, host streams


def footprint(m: w.Arrays) -> Footprint:
    """The memory that a machine's arrays take."""
    pes, g = int(m.g[w.G_PES]), m.g
    lists = m.ev.nbytes - int(g[w.G_LOG_SIZE]) * w.LOG_WORDS * m.ev.itemsize
    private = pes * int(g[w.G_DS_WORDS]) * m.ds.itemsize
    own = private + lists + sum(a.nbytes for a in (m.pe, m.qu, m.rg, m.ch, m.cf, m.m8))
    every = (m.g, m.pe, m.qu, m.rg, m.ds, m.ch, m.cf, m.im, m.ev, m.hs, m.hd, m.m8)
    return Footprint(per_pe=-(-own // pes), shared=sum(a.nbytes for a in every) - own)


def make_report(program: Program, m: w.Arrays, host_cycles: int) -> Report:
    """The counters of a machine."""
    shape = (program.height, program.width)
    pe = m.pe.reshape(-1, w.PE_WORDS)
    cycles = int(m.g[w.G_NOW])
    busy = np.minimum(pe[:, w.BUSY_CYCLES], cycles)
    stalled = np.minimum(pe[:, w.STALL_CYCLES], cycles - busy)
    top = int(busy.argmax())
    return Report(
        cycles=cycles,
        host_cycles=host_cycles,
        utilisation=float(busy.mean() / cycles) if cycles else 0.0,
        instructions=int(pe[:, w.INSTRUCTIONS_ALL].sum()),
        tasks=int(pe[:, w.TASK_COUNT].sum()),
        wavelet_hops=int(m.g[w.G_HOPS]),
        core_steps=int(m.g[w.G_STEPS]),
        hottest_router=_hottest(program, m, pe),
        busiest_pe={
            "x": top % program.width,
            "y": top // program.width,
            "busy": int(busy[top]),
        },
        surplus_unblocks=int(pe[:, w.UNBLOCKS].sum()),
        counts=PeCounts(
            busy=busy.reshape(shape),
            stalled=stalled.reshape(shape),
            idle=(cycles - busy - stalled).reshape(shape),
            instructions=pe[:, w.INSTRUCTIONS_ALL].reshape(shape).copy(),
            tasks=pe[:, w.TASK_COUNT].reshape(shape).copy(),
        ),
    )


def _hottest(program: Program, m: w.Arrays, pe: np.ndarray) -> Router | None:
    channels = pe[:, w.CHANNEL_OF : w.CHANNEL_OF + w.COLORS]
    moved = np.where(channels >= 0, m.ch[np.maximum(channels, 0) + w.C_MOVED], 0)
    number = int(moved.sum(axis=1).argmax())
    color = int(moved[number].argmax())
    if not moved[number, color]:
        return None
    return Router(
        x=number % program.width,
        y=number // program.width,
        wavelets=int(moved[number].sum()),
        color=color,
        color_wavelets=int(moved[number, color]),
    )
