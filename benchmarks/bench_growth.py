"""Compile time and text of one MLP on 8×8 and on 700×900 PEs, its sizes scaled with them."""

from __future__ import annotations

import time
from statistics import median
from tempfile import TemporaryDirectory

from table import write_table
from xdsl.dialects.builtin import ModuleOp

from pyflame import CodeGenOptions
from pyflame.compiler.csl import compile_module
from pyflame.dialects.guard import parse_module

RECTANGLES = ((8, 8), (900, 700))  # rows, columns
ROUNDS = 7


def mlp(rows: int, cols: int) -> ModuleOp:
    """[8·rows, 8·cols] through a hidden layer of 32·cols to 2·cols, as tensors with layouts."""
    batch, features, hidden, classes = 8 * rows, 8 * cols, 32 * cols, 2 * cols
    grid, bias = (
        f"#mesh.layout<{rows}x{cols}, [rows, cols]>",
        f"#mesh.layout<{rows}x{cols}, [cols]>",
    )
    x = f"tensor<{batch}x{features}xf32, {grid}>"
    w1, b1 = f"tensor<{features}x{hidden}xf32, {grid}>", f"tensor<{hidden}xf32, {bias}>"
    w2, b2 = f"tensor<{hidden}x{classes}xf32, {grid}>", f"tensor<{classes}xf32, {bias}>"
    h, y = f"tensor<{batch}x{hidden}xf32>", f"tensor<{batch}x{classes}xf32>"
    return parse_module(f"""
        func.func @main(%x: {x}, %w1: {w1}, %b1: {b1}, %w2: {w2}, %b2: {b2}) -> {y} {{
          %0 = pyflame.matmul %x, %w1 : {x}, {w1} -> {h}
          %1 = pyflame.add %0, %b1 : {h}, {b1} -> {h}
          %2 = pyflame.relu %1 : {h} -> {h}
          %3 = pyflame.matmul %2, %w2 : {h}, {w2} -> {y}
          %4 = pyflame.add %3, %b2 : {y}, {b2} -> {y}
          func.return %4 : {y}
        }}""")


def compiled(rectangle: tuple[int, int]) -> tuple[float, int]:
    """(seconds of the compilation, bytes of CSL)."""
    module = mlp(*rectangle)
    with TemporaryDirectory() as directory:
        start = time.perf_counter()
        result = compile_module(module, CodeGenOptions(f"{directory}/program"))
        seconds = time.perf_counter() - start
    return seconds, sum(len(t) for name, t in result.sources.items() if name.endswith(".csl"))


def main() -> None:
    """Measure in turn, so that the machine's drift hits both alike."""
    compiled(RECTANGLES[0])
    measured = [[compiled(rectangle) for rectangle in RECTANGLES] for _ in range(ROUNDS)]
    small, large = (median(pair[i][0] for pair in measured) for i in (0, 1))
    ratio = median(pair[1][0] / pair[0][0] for pair in measured)
    texts = [measured[0][i][1] for i in (0, 1)]
    rows = [
        ("8×8", f"{small:.2f}", f"{texts[0]:,}"),
        ("700×900", f"{large:.2f}", f"{texts[1]:,}"),
        ("ratio", f"{ratio:.2f}", f"{texts[1] / texts[0]:.2f}"),
    ]
    write_table("growth", ("PEs", "Seconds to compile", "Bytes of CSL"), rows)


if __name__ == "__main__":
    main()
