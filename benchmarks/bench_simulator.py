"""How fast the simulator runs: PEs × simulated cycles / seconds, on a busy matmul."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from programs import compiled, gemm
from table import write_table

from pyflame.arch import target
from pyflame.lowering.emit.printer import print_files
from pyflame.runtime.csl import compile_program
from pyflame.runtime.host.simulator import open_simulator

ROUNDS = 3


def measure(size: int, tile: int) -> tuple[int, float, float, float]:
    """(cycles, seconds to compile the CSL, to load it, to run it) of a matmul."""
    arch = target("wse2")
    module = compiled(gemm(size, tile), arch.name).module
    with TemporaryDirectory() as directory:
        for name, text in print_files(module).items():
            (Path(directory) / name).write_text(text)
        start = time.perf_counter()
        program = compile_program(
            Path(directory) / "layout.csl",
            arch=arch.name,
            fabric_dims=(size + arch.memcpy_margin[0], size + arch.memcpy_margin[1]),
            fabric_offsets=arch.memcpy_offset,
        )
        read = time.perf_counter()
        device = open_simulator(Path(directory), program=program)
        loaded = time.perf_counter()
        device.launch("main")
        device.wait()
        return device.cycles, read - start, loaded - read, time.perf_counter() - loaded


def main() -> None:
    """Measure with warm caches."""
    measure(2, 4)
    rows = []
    for size, tile in ((8, 16), (32, 16)):
        runs = [measure(size, tile) for _ in range(ROUNDS)]
        read, load, run = (median(r[i] for r in runs) for i in (1, 2, 3))
        cycles = runs[0][0]
        rate = median(size * size * r[0] / r[3] for r in runs) / 1e6
        rows.append(
            (
                f"{size}×{size}",
                f"{cycles:,}",
                f"{read:.2f}",
                f"{load:.2f}",
                f"{run:.2f}",
                f"{rate:.1f}",
            )
        )
    head = ("PEs", "Cycles", "Read CSL, s", "Load, s", "Run, s", "Million PE-cycles / s")
    write_table("simulator", head, rows)


if __name__ == "__main__":
    main()
