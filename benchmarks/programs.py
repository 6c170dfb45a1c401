"""The programs that the benchmarks measure, compiled to the csl level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import ModuleOp

import pyflame as pf
from pyflame.compiler.graph import Graph
from pyflame.compiler.pipelines import Level, Settings, lower
from pyflame.compiler.prepare import prepare
from pyflame.compiler.trace import trace
from pyflame.lowering.emit.host import host_program

RNG = np.random.default_rng(0)


@dataclass(frozen=True)
class Compiled:
    """A module at the csl level and its inputs by name."""

    module: ModuleOp
    inputs: dict[str, np.ndarray]

    @property
    def predicted(self) -> int:
        """Cycles that the compiler predicts."""
        cycles = host_program(self.module).predicted_cycles
        assert cycles is not None
        return cycles


def tensor(name: str, *shape: int, layout: pf.MeshLayout | None = None) -> pf.Tensor:
    """Normally distributed data with a name."""
    return pf.from_numpy(RNG.standard_normal(shape).astype(np.float32), layout=layout, name=name)


def compiled(result: pf.Tensor, target: str) -> Compiled:
    """What a lazy tensor is computed by."""
    graph = Graph([result._node])
    values = {node.name or "": node.data for node in graph.inputs if node.data is not None}
    prepared = prepare(trace(graph), values)
    lower(prepared.module, Level.CSL, Settings(target=target))
    return Compiled(prepared.module, prepared.values)


def gemm(size: int, tile: int) -> pf.Tensor:
    """A square matmul on `size` × `size` PEs with tiles of `tile` × `tile`."""
    n, grid = size * tile, pf.MeshLayout.grid(size, size)
    return tensor("a", n, n, layout=grid) @ tensor("b", n, n, layout=grid)


def mlp(size: int) -> pf.Tensor:
    """Two layers with a relu between them."""
    x = tensor("x", 8 * size, 8 * size, layout=pf.MeshLayout.grid(size, size))
    hidden = pf.relu(x @ tensor("w1", 8 * size, 32 * size) + tensor("b1", 32 * size))
    return hidden @ tensor("w2", 32 * size, 10) + tensor("b2", 10)


def softmax(size: int) -> pf.Tensor:
    """Softmax over rows that are spread over columns of PEs."""
    grid = pf.MeshLayout.grid(size, size)
    return pf.softmax(tensor("x", 16 * size, 64 * size, layout=grid), dim=-1)


def row_sums(size: int) -> pf.Tensor:
    """Sums over rows that are spread over columns of PEs."""
    return tensor("x", 32 * size, 32 * size, layout=pf.MeshLayout.grid(size, size)).sum(1)


def gelu(size: int) -> pf.Tensor:
    """An elementwise function that is computed by a scalar body."""
    return pf.gelu(tensor("x", 32 * size, 32 * size, layout=pf.MeshLayout.grid(size, size)))
