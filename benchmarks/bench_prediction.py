"""Predicted against simulated cycles of small programs on 4×4 PEs."""

from __future__ import annotations

from programs import compiled, gelu, gemm, mlp, row_sums, softmax
from table import write_table

from pyflame.compiler.simulate import simulate

PROGRAMS = {
    "matmul, tiles of 16×16": lambda: gemm(4, 16),
    "matmul, tiles of 32×32": lambda: gemm(4, 32),
    "two-layer MLP": lambda: mlp(4),
    "gelu": lambda: gelu(4),
    "row sums": lambda: row_sums(4),
    "softmax over rows": lambda: softmax(4),
}


def main() -> None:
    """Compile, simulate, compare."""
    rows = []
    for name, make in PROGRAMS.items():
        for target in ("wse2", "wse3"):
            program = compiled(make(), target)
            simulated = simulate(program.module, program.inputs).total_cycles
            ratio = program.predicted / simulated
            rows.append((name, target, f"{program.predicted:,}", f"{simulated:,}", f"{ratio:.2f}"))
    head = ("Program", "Target", "Predicted", "Simulated", "Predicted / simulated")
    write_table("prediction", head, rows)


if __name__ == "__main__":
    main()
