"""How fast the simulator runs: PEs × simulated cycles / seconds, on a busy matmul.

`bench_simulator.py DIRECTORY` adds the memory of all compiled programs below DIRECTORY, for example
a checkout of public programs whose commands files were run.
"""

from __future__ import annotations

import sys
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
from pyflame.runtime.fabric.report import footprint
from pyflame.runtime.host.artifact import read_artifact
from pyflame.runtime.host.simulator import open_simulator

ROUNDS = 3


@dataclass(frozen=True)
class Run:
    """Cycles of a matmul; processor seconds to read its CSL, load and run it; bytes per PE."""

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
        start = time.process_time()
        program = compile_program(
            Path(directory) / "layout.csl",
            arch=arch.name,
            fabric_dims=(size + arch.memcpy_margin[0], size + arch.memcpy_margin[1]),
            fabric_offsets=arch.memcpy_offset,
        )
        read = time.process_time()
        device = open_simulator(Path(directory), program=program)
        loaded = time.process_time()
        device.launch("main")
        device.wait()
        end = time.process_time()
    used = footprint(device.machine.arrays)["per_pe"]
    return Run(device.cycles, read - start, loaded - read, end - loaded, used)


def memory(directory: Path) -> None:
    """The compiled programs below a directory that take most memory per PE."""
    rows = []
    for path in sorted(directory.rglob("program.json")):
        program = read_artifact(path.parent)
        arrays = open_simulator(path.parent, program=program).machine.arrays
        used, pes = footprint(arrays), program.width * program.height
        name = path.parent.relative_to(directory).parent.name
        rows.append((used["per_pe"], name, pes, len(program.images), used["shared"]))
    rows.sort(reverse=True)
    write_table(
        "memory",
        ("Program", "PEs", "Images", "Bytes / PE", "Of 48 KB", "Shared by all PEs"),
        [
            (name, pes, images, f"{own:,}", f"{own / 49152:.2f}", f"{shared:,}")
            for own, name, pes, images, shared in rows[:6]
        ],
    )
    print(f"{len(rows)} programs")


def main() -> None:
    """Measure with warm caches."""
    if len(sys.argv) > 1:
        memory(Path(sys.argv[1]))
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
                f"{runs[0].bytes:,}",
            )
        )
    head = ("PEs", "Cycles", "Read, s", "Load, s", "Run, s", "Million PE-cycles / s", "Bytes / PE")
    write_table("simulator", head, rows)


if __name__ == "__main__":
    main()
