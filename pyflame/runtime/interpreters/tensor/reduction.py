"""NumPy meaning of reductions, arg-reductions and the softmax pair."""

from __future__ import annotations

import numpy as np

from pyflame.dialects.pyflame import reduction as ops
from pyflame.runtime.interpreters.tensor.meaning import interpreter_functions, widen


def _accumulator(x: np.ndarray) -> np.dtype:
    """Floats accumulate in f64, more than the dialect asks for; integers wrap in their type."""
    return np.dtype(np.float64) if x.dtype.kind == "f" else x.dtype


def _sum(x: np.ndarray, dims: tuple[int, ...], keepdims: bool = False) -> np.ndarray:
    return np.sum(x, axis=dims, keepdims=keepdims, dtype=_accumulator(x))


def _prod(x: np.ndarray, dims: tuple[int, ...], keepdims: bool = False) -> np.ndarray:
    return np.prod(x, axis=dims, keepdims=keepdims, dtype=_accumulator(x))


def _mean(x: np.ndarray, dims: tuple[int, ...], keepdims: bool = False) -> np.ndarray:
    return np.mean(x, axis=dims, keepdims=keepdims, dtype=_accumulator(x))


def _max(x: np.ndarray, dims: tuple[int, ...], keepdims: bool = False) -> np.ndarray:
    return np.max(x, axis=dims, keepdims=keepdims)


def _min(x: np.ndarray, dims: tuple[int, ...], keepdims: bool = False) -> np.ndarray:
    return np.min(x, axis=dims, keepdims=keepdims)


def _argmax(x: np.ndarray, dim: int, keepdims: bool = False) -> np.ndarray:
    return np.argmax(x, axis=dim, keepdims=keepdims)


def _argmin(x: np.ndarray, dim: int, keepdims: bool = False) -> np.ndarray:
    return np.argmin(x, axis=dim, keepdims=keepdims)


def _softmax(x: np.ndarray, dim: int) -> np.ndarray:
    x = widen(x)
    weights = np.exp(x - np.max(x, axis=dim, keepdims=True, initial=-np.inf))
    return weights / np.sum(weights, axis=dim, keepdims=True)


def _log_softmax(x: np.ndarray, dim: int) -> np.ndarray:
    x = widen(x)
    shifted = x - np.max(x, axis=dim, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.sum(np.exp(shifted), axis=dim, keepdims=True))


MEANINGS = {
    ops.SumOp: _sum,
    ops.MeanOp: _mean,
    ops.MaxOp: _max,
    ops.MinOp: _min,
    ops.ProdOp: _prod,
    ops.ArgMaxOp: _argmax,
    ops.ArgMinOp: _argmin,
    ops.SoftmaxOp: _softmax,
    ops.LogSoftmaxOp: _log_softmax,
}

ReductionFunctions = interpreter_functions("ReductionFunctions", MEANINGS)
