"""Random tensors: deterministic streams of one seed.

Every call takes the next stream of the global generator, so a program gives the same numbers in
every run and on every device. `manual_seed` starts again; an explicit `seed` argument is
independent of the generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

import numpy as np

from pyflame.compiler.graph import Node, apply, leaf
from pyflame.dtypes import DType, float32, int64
from pyflame.layout import MeshLayout
from pyflame.tensor.arguments import checked_dtype, integer, new_sizes
from pyflame.tensor.tensor import Tensor

Shape = int | Sequence[int]


class Generator:
    """Hands out random states: (seed, 0), (seed, 1) …"""

    def __init__(self, seed: int = 0) -> None:
        self._lock = Lock()
        self.manual_seed(seed)

    def manual_seed(self, seed: int) -> Generator:
        """Start again at the first stream of `seed`, an integer of up to 64 bits."""
        with self._lock:
            self._seed, self._stream = integer("manual_seed", "seed", seed), 0
        return self

    @property
    def initial_seed(self) -> int:
        """The seed that `manual_seed` set."""
        return self._seed

    def next_state(self) -> tuple[int, int]:
        """(seed, stream) of the next random tensor."""
        with self._lock:
            self._stream += 1
            return self._seed, self._stream - 1


GENERATOR = Generator()
"""The generator of all random functions; its seed is 0 unless `manual_seed` says otherwise."""


def manual_seed(seed: int) -> Generator:
    """Start the global generator again at `seed`; the same calls then give the same numbers."""
    return GENERATOR.manual_seed(seed)


def _state(seed: int | None) -> Node:
    pair = GENERATOR.next_state() if seed is None else (integer("seed", "seed", seed), 0)
    words = np.array([value & 0xFFFFFFFFFFFFFFFF for value in pair], np.uint64)
    return leaf(words.view(np.int64), int64)


def rand(
    shape: Shape,
    dtype: DType = float32,
    layout: MeshLayout | None = None,
    seed: int | None = None,
    low: float = 0.0,
    high: float = 1.0,
) -> Tensor:
    """Uniformly distributed numbers in [low, high).

    Raises:
        DTypeError: `dtype` is not a floating point type.
    """
    return Tensor(
        apply(
            "rng_uniform", _state(seed), shape=new_sizes("rand", shape),
            dtype=checked_dtype("rand", dtype),
            low=float(low), high=float(high), layout=layout,
        )
    )  # fmt: skip


def randn(
    shape: Shape,
    dtype: DType = float32,
    layout: MeshLayout | None = None,
    seed: int | None = None,
    mean: float = 0.0,
    std: float = 1.0,
) -> Tensor:
    """Normally distributed numbers.

    Raises:
        DTypeError: `dtype` is not a floating point type.
    """
    return Tensor(
        apply(
            "rng_normal", _state(seed), shape=new_sizes("randn", shape),
            dtype=checked_dtype("randn", dtype),
            mean=float(mean), std=float(std), layout=layout,
        )
    )  # fmt: skip


def randint(
    low: int,
    high: int,
    shape: Shape,
    dtype: DType = int64,
    layout: MeshLayout | None = None,
    seed: int | None = None,
) -> Tensor:
    """Integers in [low, high).

    Raises:
        ShapeError: the range is empty.
        DTypeError: the range does not fit `dtype`.
    """
    low, high = integer("randint", "low", low), integer("randint", "high", high)
    return Tensor(
        apply(
            "rng_randint", _state(seed), shape=new_sizes("randint", shape),
            dtype=checked_dtype("randint", dtype),
            low=low, high=high, layout=layout,
        )
    )  # fmt: skip


def rand_like(x: Tensor, seed: int | None = None) -> Tensor:
    """`rand` of the shape, element type and layout of `x`."""
    spec = x._node.spec
    return rand(spec.shape, spec.dtype, spec.layout, seed)


def randn_like(x: Tensor, seed: int | None = None) -> Tensor:
    """`randn` of the shape, element type and layout of `x`."""
    spec = x._node.spec
    return randn(spec.shape, spec.dtype, spec.layout, seed)
