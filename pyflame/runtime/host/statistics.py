"""What a machine's counters say about a run: rows of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pyflame.runtime.fabric.kernel import words as w

if TYPE_CHECKING:
    from pyflame.runtime.fabric.machine import Machine


def machine_statistics(machine: Machine) -> list[tuple[str, str]]:
    """Rows (name, value): use of the cores, waiting, traffic, and where each is highest."""
    width = machine.program.width
    pes = machine.arrays.pe.reshape(-1, w.PE_WORDS)
    cycles = max(machine.cycles, 1)
    rows = [
        ("utilisation", _share(pes[:, w.BUSY_CYCLES], cycles, width)),
        ("waiting for the fabric", _share(pes[:, w.STALL_CYCLES], cycles, width)),
        ("instructions", f"{int(pes[:, w.INSTRUCTIONS_ALL].sum()):,}"),
        ("tasks started", f"{int(pes[:, w.TASK_COUNT].sum()):,}"),
        ("wavelet hops", f"{int(machine.arrays.g[w.G_HOPS]):,}"),
        ("hottest router", _hottest_router(machine, pes)),
        ("host transfers", f"{machine.host_cycles:,} cycles"),
    ]
    return rows


def _place(pe: int, width: int) -> str:
    return f"PE ({pe % width}, {pe // width})"


def _share(counts: np.ndarray, cycles: int, width: int) -> str:
    """Mean and highest share of the run's cycles."""
    most = int(counts.argmax())
    return (
        f"{counts.mean() / cycles:.1%} on average, "
        f"{counts[most] / cycles:.1%} on {_place(most, width)}"
    )


def _hottest_router(machine: Machine, pes: np.ndarray) -> str:
    """The router that moved most wavelets, and the colour it moved most of."""
    channels = pes[:, w.CHANNEL_OF : w.CHANNEL_OF + w.COLORS]
    moved = np.where(channels >= 0, machine.arrays.ch[np.maximum(channels, 0) + w.C_MOVED], 0)
    if not moved.any():
        return "no wavelet was routed"
    pe = int(moved.sum(axis=1).argmax())
    color = int(moved[pe].argmax())
    return (
        f"{_place(pe, machine.program.width)}: {int(moved[pe].sum()):,} wavelets, "
        f"{int(moved[pe, color]):,} of them on colour {color}"
    )
