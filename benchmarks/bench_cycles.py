"""Simulated against published cycle counts, point by point, on CSL programs of our own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Literal

import numpy as np
from table import write_table

from pyflame.arch import target
from pyflame.runtime.csl import compile_program
from pyflame.runtime.host.simulator import open_simulator

PROGRAMS = Path(__file__).parent / "cycles"
LINE = 512
"""PEs of the collectives."""
LOGS = "SpMM logs"
WAFERLLM = "MeshGEMM logs"
HPDC = "HPDC'24 model"

Of = Literal["first", "mean", "max"]


@cache
def cycles(
    layout: str, arch: str, size: tuple[int, int], of: Of, **parameters: int | bool | str
) -> float:
    """Cycles that a program measures: on its first PE, or over all of them."""
    margin = target(arch).memcpy_margin
    program = compile_program(
        PROGRAMS / layout,
        arch=arch,
        params=parameters,
        fabric_dims=(size[0] + margin[0], size[1] + margin[1]),
        fabric_offsets=target(arch).memcpy_offset,
    )
    device = open_simulator(PROGRAMS, program=program)
    device.launch("main")
    device.wait()
    taken = device.read_symbol_array("cycles", 0, 0, *size, 1, np.uint32)
    if of == "first":
        return float(taken.flat[0])
    return float(taken.mean() if of == "mean" else taken.max())


def single(code: str, arch: str, **parameters: int) -> float:
    """Cycles of a program on one PE."""
    return cycles("single.csl", arch, (1, 1), "first", code=code, **parameters)


def line(code: str, words: int, group: int = 1, of: Of = "first") -> float:
    """Cycles of a collective on a line, WSE-2."""
    return cycles("line.csl", "wse2", (LINE, 1), of, code=code, pes=LINE, words=words, group=group)


@dataclass(frozen=True)
class Point:
    """A published cycle count and what measures the same here."""

    name: str
    arch: str
    size: str
    published: float
    source: str
    simulate: Callable[[], float]


def operation(name: str, n: int, published: int, kind: int, shift: int) -> Point:
    """One DSD operation in f32."""
    return Point(
        f"{name}, {n:,} elements",
        "WSE-2",
        "1 PE",
        published,
        LOGS,
        lambda: single("operation.csl", "wse2", operation=kind, rows=n, shift=shift),
    )


def loop(code: str, name: str, rows: int, inner: int, columns: int, published: float) -> Point:
    """A loop of @fmacs on one PE."""
    return Point(
        f"{name}, {rows}×{inner}×{columns}",
        "WSE-2",
        "1 PE",
        published,
        LOGS,
        lambda: single(code, "wse2", rows=rows, inner=inner, columns=columns),
    )


def mapped(rows: int, columns: int, published: float) -> Point:
    """8 passes of @map(@fmach) over `columns` factors, each on `rows` elements."""
    return Point(
        f"8 @map of {columns} @fmach of {rows} elements",
        "WSE-3",
        "1 PE",
        published,
        WAFERLLM,
        lambda: single("map.csl", "wse3", rows=rows, inner=8, columns=columns),
    )


def collective(name: str, published: float, source: str, simulate: Callable[[], float]) -> Point:
    """A collective on the line."""
    return Point(name, "WSE-2", f"1×{LINE}", published, source, simulate)


POINTS: tuple[Point, ...] = (
    operation("f32 pair, bank clash, DSRs loaded", 5124, 10_254, 0, 4),
    operation("f32 pair, aligned, DSRs loaded", 5124, 5_130, 0, 1),
    operation("f32 pair, aligned, DSRs by the compiler", 5124, 5_158, 1, 1),
    operation("f32 pair, two per cycle, DSRs by the compiler", 5124, 2_597, 2, 2),
    operation("f32 pair, bank clash, DSRs by the compiler", 1028, 2_089, 1, 4),
    loop("rows.csl", "@fmacs per entry of A with coordinates", 8, 8, 36, 7_179),
    loop("rows.csl", "@fmacs per entry of A with coordinates", 8, 8, 132, 19_659),
    loop("rows.csl", "@fmacs per entry of A with coordinates", 32, 32, 36, 112_779),
    loop("csr.csl", "@fmacs per entry of A by rows", 8, 8, 36, 7_522),
    loop("csr.csl", "@fmacs per entry of A by rows", 8, 8, 132, 19_810),
    loop("csr.csl", "@fmacs per entry of A by rows", 32, 32, 36, 114_490),
    loop("csc.csl", "@fmacs per entry of A by columns", 8, 8, 36, 7_592),
    loop("csc.csl", "@fmacs per entry of A by columns", 8, 8, 132, 19_880),
    loop("csc.csl", "@fmacs per entry of A by columns", 32, 32, 36, 115_544),
    loop("ellpack.csl", "@fmacs per entry of A, rows of one length", 8, 8, 36, 6_146),
    loop("ellpack.csl", "@fmacs per entry of A, rows of one length", 8, 8, 132, 18_434),
    loop("ellpack.csl", "@fmacs per entry of A, rows of one length", 32, 32, 36, 112_703),
    loop("gemm.csl", "@fmacs per entry of B along columns", 8, 8, 32, 9_756),
    loop("gemm.csl", "@fmacs per entry of B along columns", 8, 8, 120, 38_844 * 120 / 128),
    loop("gemm.csl", "@fmacs per entry of B along columns", 32, 32, 32, 88_795),
    loop("gemm.csl", "@fmacs per entry of B along columns", 64, 48, 56, 476_866 * 56 / 64),
    loop("gemm.csl", "@fmacs per entry of B along columns", 128, 8, 64, 150_760),
    mapped(1, 8, 540),
    mapped(8, 8, 540),
    mapped(16, 8, 674),
    mapped(8, 1, 355),
    collective("broadcast, 64 words", 580, HPDC, lambda: line("broadcast.csl", 64, of="max")),
    collective("star reduction, 1 word", 516, HPDC, lambda: line("star.csl", 1)),
    collective("star reduction, 64 words", 32_709, HPDC, lambda: line("star.csl", 64)),
    collective("chain reduction, 1 word", 3_067, HPDC, lambda: line("reduce.csl", 1, LINE)),
    collective("chain reduction, 512 words", 3_578, HPDC, lambda: line("reduce.csl", 512, LINE)),
    collective("two-phase reduction, 64 words", 858, HPDC, lambda: line("reduce.csl", 64, 23)),
    collective("two-phase reduction, 512 words", 1_750, HPDC, lambda: line("reduce.csl", 512, 23)),
    collective("groups of 28, 64 words", 928, LOGS, lambda: line("reduce.csl", 64, 28)),
    collective("groups of 2, 4,096 words", 10_055, LOGS, lambda: line("reduce.csl", 4096, 2)),
    collective("groups of 32, 4,096 words", 8_973, LOGS, lambda: line("reduce.csl", 4096, 32)),
    collective("groups of 256, 4,096 words", 9_800, LOGS, lambda: line("reduce.csl", 4096, 256)),
    collective("chain, 4,096 words", 7_218, LOGS, lambda: line("reduce.csl", 4096, LINE)),
)
"""docs/cycle-model.md says where each source is."""


def main() -> None:
    """Simulate every point and write the table."""
    rows, errors = [], []
    for point in POINTS:
        simulated = point.simulate()
        error = simulated / point.published - 1
        errors.append(abs(error))
        rows.append(
            (
                point.name,
                point.arch,
                point.size,
                f"{point.published:,.0f}",
                f"{simulated:,.0f}",
                f"{error:+.1%}",
                point.source,
            )
        )
    head = ("Point", "Machine", "PEs", "Published", "Simulated", "Error", "Source")
    write_table("cycles", head, rows, "cycle-model.md")
    summary = (
        (
            len(errors),
            f"{median(errors):.1%}",
            f"{max(errors):.1%}",
            sum(e > 0.25 for e in errors),
        ),
    )
    head = ("Points", "Median error", "Largest error", "Above 25 %")
    write_table("cycles summary", head, summary, "cycle-model.md")


if __name__ == "__main__":
    main()
