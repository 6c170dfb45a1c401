"""NumPy meaning of constants, ranges and random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr

from pyflame.dialects.pyflame import creation as ops
from pyflame.dtypes import DType, bfloat16, carry, float16, float32, float64
from pyflame.runtime.interpreters.tensor import philox
from pyflame.runtime.interpreters.tensor.meaning import interpreter_functions

Ints = Sequence[int]

_MANTISSA_BITS = {float64: 53, float32: 24, float16: 11, bfloat16: 8}


def dense_array(value: DenseIntOrFPElementsAttr) -> np.ndarray:
    """The elements of a dense attribute; bfloat16 becomes float32."""
    data, shape = value.data.data, value.get_shape()
    name = str(value.get_element_type())
    if name == "bf16":
        bits = np.frombuffer(data, "<u2").astype(np.uint32) << np.uint32(16)
        return bits.view(np.float32).reshape(shape)
    return np.frombuffer(data, _DENSE_TYPES[name]).reshape(shape)


_DENSE_TYPES = {
    "f64": "<f8", "f32": "<f4", "f16": "<f2", "i64": "<i8", "i32": "<i4", "i16": "<i2",
    "i8": "<i1", "ui8": "<u1", "i1": "?",
}  # fmt: skip


def _constant(shape: Ints, dtype: DType, value: DenseIntOrFPElementsAttr) -> np.ndarray:
    return dense_array(value)


def _full(shape: Ints, dtype: DType, value: float) -> np.ndarray:
    return np.full(shape, np.asarray(value).astype(dtype.numpy))


def _arange(shape: Ints, dtype: DType, start: float, step: float) -> np.ndarray:
    return start + np.arange(shape[0]) * step


def _rng_uniform(
    state: np.ndarray, shape: Ints, dtype: DType, low: float, high: float
) -> np.ndarray:
    unit = philox.uniform(state, prod(shape), _MANTISSA_BITS[dtype])
    scaled = carry(low + (high - low) * unit, dtype)
    # Rounding may reach `high`, which the interval does not include.
    return np.where(scaled < high, scaled, low).reshape(shape)


def _rng_normal(
    state: np.ndarray, shape: Ints, dtype: DType, mean: float, std: float
) -> np.ndarray:
    return mean + std * philox.normal(state, prod(shape)).reshape(shape)


def _rng_randint(state: np.ndarray, shape: Ints, dtype: DType, low: int, high: int) -> np.ndarray:
    return philox.integers(state, prod(shape), low, high).reshape(shape)


MEANINGS = {
    ops.ConstantOp: _constant,
    ops.FullOp: _full,
    ops.ArangeOp: _arange,
    ops.RngUniformOp: _rng_uniform,
    ops.RngNormalOp: _rng_normal,
    ops.RngRandintOp: _rng_randint,
}

CreationFunctions = interpreter_functions("CreationFunctions", MEANINGS)
