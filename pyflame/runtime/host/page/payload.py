"""The data of a trace page: one JSON head and typed arrays behind it."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pyflame.runtime.fabric.image import Image, PopMode, Program, Route
from pyflame.runtime.fabric.isa import DsdOp
from pyflame.runtime.fabric.kernel import record_words as r
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.fabric.machine import Machine
from pyflame.runtime.fabric.messages import task_name
from pyflame.runtime.fabric.trace.chain import Link
from pyflame.runtime.fabric.trace.recorded import Bins, Recorded
from pyflame.runtime.host.facts import launched, queue_depths
from pyflame.runtime.host.page.sources import find_sources

FORMAT = 1
_PLACE = re.compile(r" at \(\d+, \d+\)$")
"""What the names of images end with: the first PE that has one."""
FULL = 255
"""How a share of 1 is stored."""
MOST_LINKS = 2000


@dataclass(frozen=True)
class RunView:
    """A machine to show, its name, rows of facts about it, and where its sources may lie."""

    name: str
    machine: Machine
    facts: Sequence[tuple[str, str]] = ()
    error: str = ""
    roots: Sequence[Path] = ()


@dataclass
class _Sections:
    """Arrays behind the head, each at a multiple of 8 bytes."""

    parts: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, values: np.ndarray, kind: str) -> dict[str, Any]:
        """Append values as little-endian `kind`; what stands for them in the head."""
        data = np.ascontiguousarray(values, np.dtype(kind).newbyteorder("<")).tobytes()
        place = {"array": kind, "at": self.size, "count": int(values.size)}
        padding = -len(data) % 8
        self.parts.append(data + bytes(padding))
        self.size += len(data) + padding
        return place


@dataclass
class _Sites:
    """Instructions that spans and links refer to: [file, line] by number."""

    program: Program
    numbers: dict[tuple[int, int], int] = field(default_factory=dict)
    rows: list[list[int]] = field(default_factory=list)

    def add(self, pe: int, pc: int) -> int:
        """The number of the place of an instruction, -1 if it has none."""
        image = self.program.images[int(self.program.image_of[pe])]
        if not 0 <= pc < len(image.lines):
            return -1
        file, line = (int(v) for v in image.lines[pc])
        if (file, line) not in self.numbers:
            self.numbers[file, line] = len(self.rows)
            self.rows.append([file, line])
        return self.numbers[file, line]


def pack_runs(runs: Sequence[RunView], step: int = 0) -> bytes:
    """All runs; each `step` halves the time resolution and the amount of detail."""
    sections = _Sections()
    head = {"format": FORMAT, "runs": [_run(run, sections, step) for run in runs]}
    text = json.dumps(head, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    front = struct.pack("<I", len(text)) + text
    return front + bytes(-len(front) % 8) + b"".join(sections.parts)


def _run(run: RunView, sections: _Sections, step: int) -> dict[str, Any]:
    program, recorded = run.machine.program, run.machine.recorded()
    counts = run.machine.report()["counts"]
    sites = _Sites(program)
    spans, moves, until, least = _trimmed(recorded, step)
    classes, class_of = _classes(program)
    head = {
        "name": run.name,
        "arch": program.arch,
        "width": program.width,
        "height": program.height,
        "cycles": recorded.cycles,
        "clock": run.machine.cycles,
        "meanBusy": _mean(counts["busy"], run.machine.cycles),
        "meanStalled": _mean(counts["stalled"], run.machine.cycles),
        "facts": [list(row) for row in run.facts],
        "error": run.error,
        "memory": w.MEMORY_BYTES,
        "depths": queue_depths(run.machine),
        "window": list(recorded.window),
        "spansUntil": until[0],
        "spansLeast": least,
        "movesUntil": until[1],
        "images": [_image(i, c) for i, c in zip(program.images, class_of, strict=True)],
        "classes": classes,
        "imageOf": sections.add(program.image_of, "int32"),
        "routes": [_route(route) for route in program.routes],
        "routeOf": sections.add(program.route_of, "int32"),
        "high": sections.add(recorded.high, "uint8"),
        "held": sections.add(recorded.held / recorded.cycles, "float32"),
        "bins": _bins(recorded, sections, step),
        "spans": _spans(program, spans, recorded, sites, sections),
        "moves": _moves(moves, sections),
        "turns": _turns(recorded, sections),
        "turnsUntil": recorded.turns_until,
        "chain": _chain(run.machine.critical_chain(), program, sites),
    }
    head["sites"] = sites.rows
    head["files"] = _files(program, run.roots)
    return head


def _mean(counts: np.ndarray, cycles: int) -> float:
    return round(float(counts.mean()) / max(cycles, 1), 6)


def _trimmed(recorded: Recorded, step: int) -> tuple[np.ndarray, np.ndarray, tuple[int, int], int]:
    """Spans (as rows of `recorded.spans`) and moves to show, and what is kept of each.

    That is up to when all are, and the length from which spans are kept after that.
    """
    chosen = np.arange(len(recorded.spans))
    spans_until, moves_until = recorded.spans_until, recorded.moves_until
    least = recorded.spans_least
    moves = recorded.moves
    if step:
        begins = np.sort(recorded.spans[:, r.S_BEGIN])
        keep = len(begins) >> step
        if keep < len(begins):
            spans_until = min(spans_until, int(begins[keep]))
            least = max(least, r.SHORT) << 2 * step
            length = recorded.spans[:, r.S_END] - recorded.spans[:, r.S_BEGIN]
            chosen = chosen[(recorded.spans[:, r.S_BEGIN] < spans_until) | (length >= least)]
        keep = len(moves) >> step
        if keep < len(moves):
            moves_until = min(moves_until, int(moves[keep, r.M_TIME]))
            moves = moves[moves[:, r.M_TIME] < moves_until]
    return chosen, moves, (spans_until, moves_until), least


def _image(image: Image, number: int) -> dict[str, Any]:
    return {
        "class": number,
        "inputs": sorted([q.number, q.color] for q in image.input_queues),
        "outputs": sorted([q.number, q.color] for q in image.output_queues),
    }


def _classes(program: Program) -> tuple[list[dict[str, Any]], list[int]]:
    """Classes of PEs with one file and one map of the memory; the class of each image."""
    numbers: dict[tuple[Any, ...], int] = {}
    classes: list[dict[str, Any]] = []
    class_of = []
    for i, image in enumerate(program.images):
        name = _PLACE.sub("", image.name)
        rows = sorted(((n, a, b) for n, a, b in image.memory_map), key=lambda row: row[1])
        key = (name, image.data_end, *rows)
        if key not in numbers:
            numbers[key] = len(classes)
            classes.append({"name": name, "pes": 0, "map": rows, "end": image.data_end})
        classes[numbers[key]]["pes"] += int((program.image_of == i).sum())
        class_of.append(numbers[key])
    for name in dict.fromkeys(c["name"] for c in classes):
        same = [c for c in classes if c["name"] == name]
        for number, one in enumerate(same if len(same) > 1 else [], 1):
            one["name"] = f"{name}, memory {number}"
    return classes, class_of


def _route(route: Route) -> dict[str, Any]:
    """Positions as [rx, tx], null for those that are not there; and what else is set."""
    flags = {
        "ring mode": route.ring,
        route.pop.name.lower().replace("_", " "): route.pop is not PopMode.NO_POP,
        "suspended at start": route.suspended,
        "colour swap in x": route.swap_x,
        "colour swap in y": route.swap_y,
        "filter to the core": route.filter is not None,
    }
    return {
        "positions": [[p.rx, p.tx] if p.rx | p.tx else None for p in route.positions],
        "current": route.current,
        "notes": [name for name, is_set in flags.items() if is_set],
    }


def _share(counts: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Counts as shares of the bins' widths; what is not zero stays visible."""
    share = np.rint(counts * FULL / width)
    return np.where(counts > 0, np.clip(share, 1, FULL), 0).astype(np.uint8)


def _bins(recorded: Recorded, sections: _Sections, step: int) -> dict[str, Any]:
    bins: Bins = recorded.bins
    for _ in range(step):
        if bins.busy.shape[1] > 1:
            bins = bins.halved()
    count = bins.busy.shape[1]
    width = np.minimum(recorded.cycles - (np.arange(count) << bins.shift), 1 << bins.shift)
    width = np.maximum(width, 1)
    masks, index = np.unique(bins.colors, return_inverse=True)
    levels = bins.levels[:, :, :].transpose(0, 2, 1)
    used = [q for q in range(2 * w.QUEUES) if levels[:, q].any()]
    return {
        "shift": bins.shift,
        "count": count,
        "busy": sections.add(_share(bins.busy, width), "uint8"),
        "stalled": sections.add(_share(bins.stalled, width), "uint8"),
        "links": sections.add(_share(bins.links, width[:, None]).transpose(0, 2, 1), "uint8"),
        "masks": [int(m) for m in masks],
        "colors": sections.add(index.reshape(bins.colors.shape).transpose(0, 2, 1), "uint32"),
        "queues": used,
        "levels": sections.add(levels[:, used], "uint8"),
    }


def _spans(
    program: Program,
    chosen: np.ndarray,
    recorded: Recorded,
    sites: _Sites,
    sections: _Sections,
) -> dict[str, Any]:
    rows = recorded.spans[chosen]
    operation = rows[:, r.S_LANE] != r.TASK_SPAN
    code = np.where(operation, rows[:, r.S_INFO] & 255, rows[:, r.S_INFO])
    keys = np.stack([program.image_of[rows[:, r.S_PE]], rows[:, r.S_PC], ~operation, code])
    _, first, which = np.unique(_combined(keys), return_index=True, return_inverse=True)
    labels: dict[str, int] = {}
    label, site = np.zeros(len(first), np.int64), np.zeros(len(first), np.int64)
    for i, at in enumerate(first.tolist()):
        image, pc, is_task, number = (int(v) for v in keys[:, at])
        text = _label(program.images[image], bool(is_task), number, pc)
        label[i] = labels.setdefault(text, len(labels))
        site[i] = sites.add(int(rows[at, r.S_PE]), pc)
    label, site = label[which], site[which]
    info = np.where(operation, rows[:, r.S_INFO], 0)
    starts = np.searchsorted(rows[:, r.S_PE], np.arange(program.width * program.height + 1))
    return {
        "labels": list(labels),
        "starts": sections.add(starts, "int32"),
        "lane": sections.add(rows[:, r.S_LANE], "uint8"),
        "begin": sections.add(rows[:, r.S_BEGIN], "int32"),
        "length": sections.add(rows[:, r.S_END] - rows[:, r.S_BEGIN], "int32"),
        "label": sections.add(label, "uint16"),
        "site": sections.add(site, "int32"),
        "queues": sections.add(info >> 8 & 255, "uint8"),
        "waited": sections.add(info >> 16, "int32"),
        "elements": sections.add(rows[:, r.S_COUNT], "int32"),
        "open": sections.add(recorded.unfinished[chosen], "uint8"),
    }


def _combined(columns: np.ndarray) -> np.ndarray:
    """One number for each column of small integers: equal if the columns are."""
    result = np.zeros(columns.shape[1], np.int64)
    for row in columns:
        least, most = (int(row.min()), int(row.max())) if row.size else (0, 0)
        result = result * (most - least + 1) + row - least
    return result


def _label(image: Image, is_task: bool, code: int, pc: int) -> str:
    if not is_task:
        return f"@{DsdOp(code).name.lower()}"
    if code < 0:
        return "initialisation"
    if code // w.TASKS == w.HOST_KIND:
        return f"launched {launched(image, pc) or 'function'}"
    return task_name(image, code)


def _moves(moves: np.ndarray, sections: _Sections) -> dict[str, Any]:
    what = moves[:, r.M_WHAT]
    return {
        "time": sections.add(moves[:, r.M_TIME], "int32"),
        "pe": sections.add(what >> 16, "int32"),
        "what": sections.add(what & 0x3FFF, "uint16"),
    }


def _turns(recorded: Recorded, sections: _Sections) -> dict[str, Any]:
    turns = recorded.turns
    positions = turns[:, r.U_MASKS, None] >> (10 * np.arange(4)) & 0x3FF
    return {
        "time": sections.add(turns[:, r.U_TIME], "int32"),
        "pe": sections.add(turns[:, r.U_WHAT] >> 8, "int32"),
        "what": sections.add(turns[:, r.U_WHAT] & 0xFF, "uint8"),
        "positions": sections.add(positions, "uint16"),
    }


def _chain(links: list[Link], program: Program, sites: _Sites) -> dict[str, Any]:
    """Its last links: [pe, begin, end, cause, colour, sent, site, waited, function] each."""
    rows: list[list[Any]] = []
    for link in links[-MOST_LINKS:]:
        color = -1
        site = -1
        function = ""
        if link.pe >= 0:
            image = program.images[int(program.image_of[link.pe])]
            color = next((q.color for q in image.input_queues if q.number == link.queue), -1)
            site = sites.add(link.pe, link.pc)
            function = launched(image, link.pc) if link.cause == "launch" else ""
        row = [link.pe, link.begin, link.end, link.cause, color, link.sent, site, link.waited]
        rows.append([*row, function])
    return {"links": rows, "left": max(len(links) - MOST_LINKS, 0)}


def _files(program: Program, roots: Sequence[Path]) -> list[dict[str, Any]]:
    last = [1] * len(program.files)
    for image in program.images:
        for file in np.unique(image.lines[:, 0]) if len(image.lines) else ():
            if 0 <= file < len(last):
                lines = image.lines[image.lines[:, 0] == file][:, 1]
                last[file] = max(last[file], int(lines.max()))
    texts = find_sources(program.files, program.digests, last, roots)
    return [{"name": n, "text": t} for n, t in zip(program.files, texts, strict=True)]
