"""NumPy meaning of the ops that move elements."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyflame.dialects.pyflame import movement as ops
from pyflame.runtime.interpreters.tensor.meaning import interpreter_functions

Ints = Sequence[int]


def _reshape(x: np.ndarray, shape: Ints) -> np.ndarray:
    return np.reshape(x, shape)


def _transpose(x: np.ndarray, permutation: Ints) -> np.ndarray:
    return np.transpose(x, permutation)


def _broadcast_to(x: np.ndarray, shape: Ints) -> np.ndarray:
    return np.broadcast_to(x, tuple(shape))


def _concatenate(*inputs: np.ndarray, dim: int) -> np.ndarray:
    return np.concatenate(inputs, axis=dim)


def _slice(x: np.ndarray, starts: Ints, stops: Ints, steps: Ints) -> np.ndarray:
    return x[tuple(map(slice, starts, stops, steps))]


def _pad(x: np.ndarray, low: Ints, high: Ints, value: float) -> np.ndarray:
    fill = np.asarray(value).astype(x.dtype)
    return np.pad(x, list(zip(low, high, strict=True)), constant_values=fill)


MEANINGS = {
    ops.ReshapeOp: _reshape,
    ops.TransposeOp: _transpose,
    ops.BroadcastToOp: _broadcast_to,
    ops.ConcatenateOp: _concatenate,
    ops.SliceOp: _slice,
    ops.PadOp: _pad,
}

MovementFunctions = interpreter_functions("MovementFunctions", MEANINGS)
