"""What a machine's counters say about a run: rows of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.messages import place, source_line

if TYPE_CHECKING:
    from pyflame.runtime.fabric.image import Image, Program
    from pyflame.runtime.fabric.machine import Machine
    from pyflame.runtime.fabric.trace.chain import Link

CHAIN_ROWS = 3
"""Longest parts of the critical chain that the report lists."""


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
        *_recorded_rows(machine),
        ("host transfers", f"{report['host_cycles']:,} cycles"),
    ]
    if report["surplus_unblocks"]:
        rows.append(("unblocks beyond one per launch", f"{report['surplus_unblocks']:,}"))
    return rows


def _share(counts: np.ndarray, cycles: int) -> str:
    """Mean and highest share of the run's cycles, from ``[height, width]`` counts."""
    y, x = np.unravel_index(int(counts.argmax()), counts.shape)
    return f"{counts.mean() / cycles:.1%} on average, {counts[y, x] / cycles:.1%} on PE ({x}, {y})"


def _recorded_rows(machine: Machine) -> list[tuple[str, str]]:
    """What only a recorded run can tell: the fullest queue and the critical chain."""
    if not machine.recording:
        return []
    return [("hottest queue", _hottest_queue(machine)), *_chain_rows(machine)]


def _hottest_queue(machine: Machine) -> str:
    """The queue that was fullest compared with its depth; of several the first."""
    high = machine.recorded().high
    depths = np.array(queue_depths(machine))
    share = high / np.maximum(depths, 1)
    pe, number = (int(v) for v in np.unravel_index(int(share.argmax()), share.shape))
    if not high[pe, number]:
        return "no queue held a wavelet"
    kind, q = ("input", number) if number < 8 else ("output", number - 8)
    program = machine.program
    full = int((share[:, number] >= share[pe, number]).sum())
    more = f"; as full on {_count(full - 1, 'other PE')}" if full > 1 else ""
    return (
        f"{kind} queue {q} of {place(program, pe)}: at most {high[pe, number]} of "
        f"{depths[number]} wavelets{more}"
    )


def _chain_rows(machine: Machine) -> list[tuple[str, str]]:
    """The critical chain in numbers, and the longest waits on it."""
    program, links = machine.program, machine.critical_chain()
    parts = [link for link in links if link.pe >= 0]
    if not parts:
        return [("critical chain", "nothing ran")]
    last = parts[-1]
    total = max(last.end - parts[0].begin, 1)
    travel = sum(max(link.begin - link.sent, 0) for link in parts if link.cause == "wavelet")
    pes = len({link.pe for link in parts})
    rows = [
        (
            "critical chain",
            f"ends on {place(program, last.pe)} at cycle {last.end:,}: "
            f"{_count(len(parts), 'part')} on {_count(pes, 'PE')}, {_count(total, 'cycle')}, "
            f"{travel / total:.1%} of them wavelets under way",
        )
    ]
    longest = sorted(parts, key=lambda link: link.begin - link.end)[:CHAIN_ROWS]
    texts = (f"{link.end - link.begin:,} cycles on {_part(program, link)}" for link in longest)
    return [*rows, *(("", text) for text in texts)]


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _part(program: Program, link: Link) -> str:
    """Where a part of the chain was and what it began with."""
    image = program.images[int(program.image_of[link.pe])]
    line = source_line(program, image, link.pc)
    at = f" at {line}" if line else ""
    colors = [q.color for q in image.input_queues if q.number == link.queue]
    color = f"colour {colors[0]}" if colors else f"input queue {link.queue}"
    began = {
        "start": "from the program's start",
        "launch": f"from a launch{at}",
        "stream": f"from a wavelet of the host on {color}{at}",
        "wavelet": f"from a wavelet on {color} that it waited for{at}",
    }
    return f"{place(program, link.pe)}, cycles {link.begin:,} … {link.end:,}, {began[link.cause]}"


def launched(image: Image, pc: int) -> str:
    """The name of the function that begins at `pc`, empty if none does."""
    return next((f.name for f in image.functions if f.entry == pc), "")


def queue_depths(machine: Machine) -> list[int]:
    """Most wavelets that input queues 0 … 7 (with the ramp's stages) and output queues hold."""
    from pyflame.runtime.fabric.kernel.queues import RAMP_STAGES

    g = machine.arrays.g
    inputs = g[w.G_IN_DEPTH : w.G_IN_DEPTH + w.QUEUES] + RAMP_STAGES
    return [int(v) for v in (*inputs, *g[w.G_OUT_DEPTH : w.G_OUT_DEPTH + w.QUEUES])]
