"""What a machine's counters say about a run, as data: for `--report` and its JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.messages import source_line

if TYPE_CHECKING:
    from pyflame.runtime.fabric.image import Image
    from pyflame.runtime.fabric.machine import Machine
    from pyflame.runtime.fabric.trace.chain import Link

MOST_PARTS = 10_000
"""Last parts of the critical chain that the JSON lists."""


@dataclass(frozen=True)
class Place:
    """What a part of the critical chain began with: equal for parts of one kind.

    `cause` is as in `Link`; `color` is -1 where there is none; `line` is ``file:line`` of what
    waited, or of the launched `function`; both may be empty.
    """

    cause: str
    color: int = -1
    line: str = ""
    function: str = ""


@dataclass(frozen=True)
class Group:
    """All parts of the critical chain that began with the same."""

    place: Place
    links: list[Link]

    @property
    def cycles(self) -> int:
        """Cycles of all parts."""
        return sum(link.end - link.begin for link in self.links)

    @property
    def longest(self) -> Link:
        """The longest part, the first of several."""
        return max(self.links, key=lambda link: link.end - link.begin)


@dataclass(frozen=True)
class Chain:
    """The critical chain: `cycles` in all, of which `under_way` wavelets were between PEs."""

    cycles: int
    under_way: int
    lost: bool  # its beginning was not kept
    links: list[Link]
    groups: list[Group]  # the one with most cycles first


def machine_facts(machine: Machine) -> dict[str, Any]:
    """All of the report: numbers, strings, lists and dictionaries only. Cycles are clock cycles."""
    report = machine.report()
    counts, program = report["counts"], machine.program
    facts: dict[str, Any] = {
        "arch": program.arch,
        "width": program.width,
        "height": program.height,
        "cycles": report["cycles"],
        "host_cycles": report["host_cycles"],
        "busy": _shares(counts["busy"], report["cycles"]),
        "stalled": _shares(counts["stalled"], report["cycles"]),
        "instructions": report["instructions"],
        "tasks": report["tasks"],
        "wavelet_hops": report["wavelet_hops"],
        "hottest_router": report["hottest_router"],
        "surplus_unblocks": report["surplus_unblocks"],
    }
    if machine.recording:
        facts["hottest_queue"] = _hottest_queue(machine)
        facts["critical_chain"] = _chain_facts(machine)
    names = ("busy", "stalled", "instructions", "tasks")
    facts["pes"] = {name: counts[name].tolist() for name in names}  # [height][width]
    return facts


def _shares(counts: np.ndarray, cycles: int) -> dict[str, Any]:
    """Mean and highest share of the run's cycles, from ``[height, width]`` counts."""
    y, x = (int(v) for v in np.unravel_index(int(counts.argmax()), counts.shape))
    total = max(cycles, 1)
    mean, most = round(float(counts.mean()) / total, 6), round(int(counts[y, x]) / total, 6)
    return {"mean": mean, "most": most, "x": x, "y": y}


def _hottest_queue(machine: Machine) -> dict[str, Any] | None:
    """The queue that was fullest on average, compared with its depth; of several the first."""
    recorded, program = machine.recorded(), machine.program
    depths = np.maximum(np.array(queue_depths(machine)), 1)
    share = recorded.held / depths
    pe, number = (int(v) for v in np.unravel_index(int(share.argmax()), share.shape))
    if not recorded.high[pe, number]:
        return None
    image = program.images[int(program.image_of[pe])]
    queues = image.input_queues if number < w.QUEUES else image.output_queues
    colors = [q.color for q in queues if q.number == number % w.QUEUES and q.color >= 0]
    return {
        "x": pe % program.width,
        "y": pe // program.width,
        "kind": "input" if number < w.QUEUES else "output",
        "number": number % w.QUEUES,
        "color": colors[0] if colors else None,
        "mean": round(float(recorded.held[pe, number]) / max(recorded.cycles, 1), 4),
        "most": int(recorded.high[pe, number]),
        "depth": int(depths[number]),
    }


def chain(machine: Machine) -> Chain:
    """The critical chain of a recorded machine, its parts grouped by what they began with."""
    links = machine.critical_chain()
    parts = [link for link in links if link.pe >= 0]
    groups: dict[Place, list[Link]] = {}
    for link in parts:
        groups.setdefault(_place(machine, link), []).append(link)
    ordered = [Group(place, of_place) for place, of_place in groups.items()]
    return Chain(
        cycles=parts[-1].end - parts[0].begin if parts else 0,
        under_way=sum(max(p.begin - p.sent, 0) for p in parts if p.cause == "wavelet"),
        lost=len(parts) < len(links),
        links=parts,
        groups=sorted(ordered, key=lambda group: -group.cycles),
    )


def _place(machine: Machine, link: Link) -> Place:
    program = machine.program
    image = program.images[int(program.image_of[link.pe])]
    colors = [q.color for q in image.input_queues if q.number == link.queue]
    function = launched(image, link.pc) if link.cause == "launch" else ""
    line = source_line(program, image, link.pc)
    return Place(link.cause, colors[0] if colors else -1, line, function)


def _chain_facts(machine: Machine) -> dict[str, Any]:
    found = chain(machine)
    width = machine.program.width
    parts = [
        {
            "x": link.pe % width,
            "y": link.pe // width,
            "begin": link.begin,
            "end": link.end,
            "sent": link.sent if link.sent >= 0 else None,
            "waited": link.waited,
            **_place_facts(_place(machine, link)),
        }
        for link in found.links[-MOST_PARTS:]
    ]
    return {
        "cycles": found.cycles,
        "under_way": found.under_way,
        "complete": not found.lost and len(parts) == len(found.links),
        "groups": [
            {**_place_facts(g.place), "parts": len(g.links), "cycles": g.cycles}
            for g in found.groups
        ],
        "parts": parts,
    }


def _place_facts(place: Place) -> dict[str, Any]:
    return {
        "cause": place.cause,
        "color": place.color if place.color >= 0 else None,
        "line": place.line,
        "function": place.function,
    }


def launched(image: Image, pc: int) -> str:
    """The name of the function that begins at `pc`, empty if none does."""
    return next((f.name for f in image.functions if f.entry == pc), "")


def queue_depths(machine: Machine) -> list[int]:
    """Most wavelets that input queues 0 … 7 (with the ramp's stages) and output queues hold."""
    from pyflame.runtime.fabric.kernel.words import RAMP_STAGES

    g = machine.arrays.g
    inputs = g[w.G_IN_DEPTH : w.G_IN_DEPTH + w.QUEUES] + RAMP_STAGES
    return [int(v) for v in (*inputs, *g[w.G_OUT_DEPTH : w.G_OUT_DEPTH + w.QUEUES])]
