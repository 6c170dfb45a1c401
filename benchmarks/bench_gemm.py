"""Matmul against its lower bound: M = N = K = 16·P on P×P PEs, f32, in simulated cycles.

The bound is docs/performance.md's: each PE does M·N·K/P² multiply-adds, one a cycle.
"""

from __future__ import annotations

import numpy as np
from table import write_table

import pyflame as pf
from pyflame.arch import target
from pyflame.compiler.levels import verify

TILE = 16


def measure(arch: str, size: int) -> tuple[int, int]:
    """(simulated cycles, lower bound) of a matmul on `size` × `size` PEs."""
    n = TILE * size
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((n, n)).astype(np.float32) for _ in range(2))
    grid = pf.MeshLayout.grid(size, size)
    report = verify(pf.from_numpy(a, layout=grid) @ pf.from_numpy(b, layout=grid), target=arch)
    assert report.cycles is not None
    return report.cycles, int(n**3 / size**2 / target(arch).rates["fmacs"])


def main() -> None:
    """Measure and write the table."""
    rows = []
    for arch in ("wse2", "wse3"):
        for size in (2, 4, 8):
            cycles, bound = measure(arch, size)
            rows.append(
                (
                    arch,
                    f"{size}×{size}",
                    TILE * size,
                    f"{bound:,}",
                    f"{cycles:,}",
                    f"{cycles / bound:.2f}",
                )
            )
    write_table("gemm", ("Target", "PEs", "M = N = K", "Bound", "Cycles", "Cycles / bound"), rows)


if __name__ == "__main__":
    main()
