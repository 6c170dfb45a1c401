"""What limits the simulator: where its time goes, counted and sampled.

Three programs on 32×32 PEs: a matmul (DSD operations on memory beside broadcasts), the ring shifts
of a matmul without its arithmetic (wavelets), gelu (scalar code). `perf` samples the kernel's
functions (see `sampling`), the machine counts its own events; without `perf` nothing is written.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from programs import compiled, gelu, gemm
from sampling import OUTSIDE, available, sampled
from table import write_table

import pyflame as pf
from pyflame.arch import target
from pyflame.lowering.emit.printer import print_files
from pyflame.runtime.csl import compile_program
from pyflame.runtime.fabric.kernel import words as w
from pyflame.runtime.host.simulator import Simulator, open_simulator

SIZE = 32
FEW = 10_000
"""Counts up to this one say nothing about what one of them costs."""
CYCLES = Path(__file__).parent / "cycles"


@dataclass(frozen=True)
class Phase:
    """A part of the kernel: its modules, or functions as module.function, and what it counts."""

    name: str
    parts: tuple[str, ...]
    unit: str
    count: Callable[[Simulator], int]


def counter(word: int) -> Callable[[Simulator], int]:
    """A counter among the machine's globals."""
    return lambda device: int(device.machine.arrays.g[word])


def total(word: int) -> Callable[[Simulator], int]:
    """The sum of a counter over all PEs."""
    return lambda device: int(device.machine.arrays.pe.reshape(-1, w.PE_WORDS)[:, word].sum())


MOVING = tuple(f"routers.{f}" for f in ("forward", "push", "pop", "deliver", "command", "popped"))
PHASES = (
    Phase("routers choose", ("routers",), "look at a router", counter(w.G_LOOKS)),
    Phase("routers move", MOVING, "move", counter(w.G_MOVED)),
    Phase("queues", ("queues",), "move", counter(w.G_MOVED)),
    Phase("operations on the fabric", ("live",), "step", counter(w.G_LANE_STEPS)),
    Phase(
        "operations begin", ("issue", "operands", "descriptors"), "on memory", counter(w.G_VECTORS)
    ),
    Phase("arithmetic of operations", ("vector", "linear", "halves", "exceptions"), "element",
          lambda d: counter(w.G_ELEMENTS)(d) + counter(w.G_LANE_STEPS)(d)),
    Phase(
        "scalar code",
        ("core", "arith", "memory", "environment", "registers", "configure"),
        "instruction",
        total(w.INSTRUCTIONS_ALL),
    ),
    Phase("tasks", ("tasks",), "task", total(w.TASK_COUNT)),
    Phase("clock", ("loop", "events", "record"), "step of a core", counter(w.G_STEPS)),
    Phase("outside the kernel", (OUTSIDE,), "", lambda device: 0),
)  # fmt: skip
"""The first phase that names a function, else the one that names its module, has its samples."""


def phase_of(function: str) -> Phase:
    """The phase that a function belongs to."""
    for part in (function, function.partition(".")[0]):
        for phase in PHASES:
            if part in phase.parts:
                return phase
    raise ValueError(f"{function} belongs to no phase; add its module to PHASES")


def of_tensors(result: pf.Tensor) -> Simulator:
    """A compiled tensor program, ready to run."""
    with TemporaryDirectory() as directory:
        for name, text in print_files(compiled(result, "wse2").module).items():
            (Path(directory) / name).write_text(text)
        return of_layout(Path(directory) / "layout.csl", "wse2")


def of_layout(layout: Path, arch: str, **parameters: int | bool | str) -> Simulator:
    """A CSL program on 32×32 PEs, ready to run."""
    margin = target(arch).memcpy_margin
    program = compile_program(
        layout,
        arch=arch,
        params=parameters,
        fabric_dims=(SIZE + margin[0], SIZE + margin[1]),
        fabric_offsets=target(arch).memcpy_offset,
    )
    return open_simulator(layout.parent, program=program)


def ring() -> Simulator:
    """The shifts of a matmul along rings, tiles of 16×8 and 8×8."""
    sizes = {"pes": SIZE, "rows": 16, "inner": 8, "columns": 8}
    return of_layout(CYCLES / "ring.csl", "wse3", compute=0, communicate=True, **sizes)


PROGRAMS: dict[str, Callable[[], Simulator]] = {
    "matmul": lambda: of_tensors(gemm(SIZE, 16)),
    "ring shifts": ring,
    "gelu": lambda: of_tensors(gelu(SIZE)),
}


def profile(name: str, device: Simulator) -> list[tuple[str, ...]]:
    """Rows of the table for one program, its phases by share."""
    with sampled() as samples:
        start = time.process_time()
        device.launch("main")
        device.wait()
        seconds = time.process_time() - start
    by_phase: Counter[str] = Counter()
    for function, count in samples.items():
        by_phase[phase_of(function).name] += count
    whole = samples.total()
    rate = SIZE * SIZE * device.cycles / seconds / 1e6
    rows = [(f"**{name}**, {rate:.0f} M PE-cycles / s", "100%", f"{seconds:.2f}", "", "")]
    for phase in sorted(PHASES, key=lambda phase: -by_phase[phase.name]):
        share, count = by_phase[phase.name] / whole, phase.count(device)
        if share < 0.005:
            continue
        many = count > FEW
        each = f"{share * seconds / count * 1e9:.1f}" if many else ""
        counted = f"{count / 1e6:.2f} M × {phase.unit}" if many else ""
        rows.append((phase.name, f"{share:.0%}", f"{share * seconds:.2f}", counted, each))
    return rows


def main() -> None:
    """Profile with warm caches."""
    if not available():
        print("profile: needs Linux and a usable perf; the table is left as it is", file=sys.stderr)
        return
    PROGRAMS["ring shifts"]().launch("main")
    rows = [row for name, make in PROGRAMS.items() for row in profile(name, make())]
    write_table("profile", ("Phase", "Share", "Seconds", "Count", "ns each"), rows)


if __name__ == "__main__":
    main()
