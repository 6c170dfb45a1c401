"""How fast the simulator runs: PEs × simulated cycles / seconds, on a busy matmul."""

from __future__ import annotations

import time
from dataclasses import dataclass
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


ALIASES = ("m16", "m32", "mf")
"""Fields of the machine's arrays that are other views of its memory."""


@dataclass(frozen=True)
class Run:
    """Cycles of a matmul, seconds to read its CSL, to load and to run it, bytes of the machine."""

    cycles: int
    read: float
    load: float
    run: float
    bytes: int


def measure(size: int, tile: int) -> Run:
    """A matmul on `size` × `size` PEs with tiles of `tile` × `tile`."""
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
        end = time.perf_counter()
    arrays = device.machine.arrays._asdict()
    used = sum(array.nbytes for name, array in arrays.items() if name not in ALIASES)
    return Run(device.cycles, read - start, loaded - read, end - loaded, used)


def main() -> None:
    """Measure with warm caches."""
    measure(2, 4)
    rows = []
    for size, tile in ((8, 16), (32, 16)):
        runs = [measure(size, tile) for _ in range(ROUNDS)]
        seconds = [median(getattr(r, part) for r in runs) for part in ("read", "load", "run")]
        rate = median(size * size * r.cycles / r.run for r in runs) / 1e6
        rows.append(
            (
                f"{size}×{size}",
                f"{runs[0].cycles:,}",
                *(f"{s:.2f}" for s in seconds),
                f"{rate:.1f}",
                f"{runs[0].bytes // (size * size):,}",
            )
        )
    head = ("PEs", "Cycles", "Read, s", "Load, s", "Run, s", "Million PE-cycles / s", "Bytes / PE")
    write_table("simulator", head, rows)


if __name__ == "__main__":
    main()
