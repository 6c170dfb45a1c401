"""What a machine's counters say about a run: rows of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pyflame.runtime.fabric.machine import Machine


def machine_statistics(machine: Machine) -> list[tuple[str, str]]:
    """Rows (name, value): use of the cores, waiting, traffic, and where each is highest."""
    report = machine.report()
    counts, cycles = report["counts"], max(report["cycles"], 1)
    router = report["hottest_router"]
    rows = [
        ("utilisation", _share(counts["busy"], cycles)),
        ("waiting in operations", _share(counts["stalled"], cycles)),
        ("instructions", f"{report['instructions']:,}"),
        ("tasks started", f"{report['tasks']:,}"),
        ("wavelet hops", f"{report['wavelet_hops']:,}"),
        (
            "hottest router",
            f"PE ({router['x']}, {router['y']}), colour {router['color']}: "
            f"{router['wavelets']:,} wavelets"
            if router
            else "no wavelet was routed",
        ),
        ("host transfers", f"{report['host_cycles']:,} cycles"),
    ]
    if report["surplus_unblocks"]:
        rows.append(("unblocks beyond one per launch", f"{report['surplus_unblocks']:,}"))
    return rows


def _share(counts: np.ndarray, cycles: int) -> str:
    """Mean and highest share of the run's cycles, from ``[height, width]`` counts."""
    y, x = np.unravel_index(int(counts.argmax()), counts.shape)
    return f"{counts.mean() / cycles:.1%} on average, {counts[y, x] / cycles:.1%} on PE ({x}, {y})"
