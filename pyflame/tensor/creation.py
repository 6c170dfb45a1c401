"""Functions that make tensors. All but those from data stay operations of the graph."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np

from pyflame.compiler.graph import apply, leaf
from pyflame.dtypes import DType, carry, float32, from_numpy_dtype
from pyflame.errors import DTypeError, ShapeError
from pyflame.layout import MeshLayout
from pyflame.tensor.arguments import checked_dtype, integer, new_sizes
from pyflame.tensor.core import array_node, native_copy, scalar_node
from pyflame.tensor.promotion import Scalar, is_scalar
from pyflame.tensor.tensor import Tensor

Shape = int | Sequence[int]


def full(
    shape: Shape, value: Scalar, dtype: DType = float32, layout: MeshLayout | None = None
) -> Tensor:
    """A tensor whose elements are all `value`.

    Raises:
        DTypeError: `value` does not fit `dtype`.
    """
    shape = new_sizes("full", shape)
    return Tensor(scalar_node(value, checked_dtype("full", dtype), shape, layout))


def zeros(shape: Shape, dtype: DType = float32, layout: MeshLayout | None = None) -> Tensor:
    """A tensor of zeros."""
    return full(shape, 0, dtype, layout)


def ones(shape: Shape, dtype: DType = float32, layout: MeshLayout | None = None) -> Tensor:
    """A tensor of ones."""
    return full(shape, 1, dtype, layout)


def full_like(x: Tensor, value: Scalar, dtype: DType | None = None) -> Tensor:
    """`full` with the shape, layout and (unless given) element type of `x`."""
    spec = x._node.spec
    return full(spec.shape, value, dtype or spec.dtype, spec.layout)


def zeros_like(x: Tensor, dtype: DType | None = None) -> Tensor:
    """`zeros` with the shape, layout and (unless given) element type of `x`."""
    return full_like(x, 0, dtype)


def ones_like(x: Tensor, dtype: DType | None = None) -> Tensor:
    """`ones` with the shape, layout and (unless given) element type of `x`."""
    return full_like(x, 1, dtype)


def arange(
    start: float,
    end: float | None = None,
    step: float = 1,
    dtype: DType = float32,
    layout: MeshLayout | None = None,
) -> Tensor:
    """start, start + step … up to, not including, `end`; one argument is the end.

    Raises:
        ShapeError: `step` is 0 or leads away from `end`.
    """
    if end is None:
        start, end = 0, start
    if not all(is_scalar(value) for value in (start, end, step)):
        raise DTypeError(f"arange: start {start!r}, end {end!r} and step {step!r} must be numbers")
    if step == 0 or (end - start) / step < 0:
        raise ShapeError(f"arange: step {step} does not lead from {start} to {end}")
    count = ceil((end - start) / step)
    if checked_dtype("arange", dtype).is_floating:
        start, step = float(start), float(step)
    elif not isinstance(start, int) or not isinstance(step, int):
        raise DTypeError(f"arange: start {start} and step {step} must be integers for {dtype.name}")
    return Tensor(
        apply("arange", shape=(count,), dtype=dtype, start=start, step=step, layout=layout)
    )


def eye(
    n: int, m: int | None = None, dtype: DType = float32, layout: MeshLayout | None = None
) -> Tensor:
    """[n, m] (m = n by default) with ones on the main diagonal and zeros elsewhere."""
    rows = arange(integer("eye", "n", n)).unsqueeze(1)
    columns = arange(integer("eye", "m", n if m is None else m))
    diagonal = (rows == columns).to(dtype)
    return diagonal if layout is None else diagonal.to_layout(layout)


def from_numpy(
    array: np.ndarray, layout: MeshLayout | None = None, name: str | None = None
) -> Tensor:
    """A tensor with a copy of `array`, of the same element type.

    `name` becomes the argument's name in compiled programs.

    Raises:
        DTypeError: not an array, or PyFlame has no such element type.
    """
    if not isinstance(array, np.ndarray | np.generic):
        raise DTypeError(
            f"from_numpy: got a {type(array).__name__}, expected a NumPy array; use pf.tensor"
        )
    return Tensor(array_node(np.asarray(array), layout, name))


def _array(data: object) -> np.ndarray:
    """Nested lists of numbers as an array.

    Raises:
        ShapeError: lists of unequal length.
        DTypeError: elements that are not real numbers.
    """
    try:
        array = np.array(data)
    except ValueError as error:
        raise ShapeError(f"tensor: the nested lists are not rectangular: {error}") from None
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"tensor: data of type {array.dtype} are not real numbers")
    return array


def _converted(array: np.ndarray, dtype: DType) -> np.ndarray:
    """`array` as `dtype`; floats become integers by truncation.

    Raises:
        DTypeError: an integer does not fit `dtype`.
    """
    if dtype.kind in "iu" and array.size:
        limits = np.iinfo(dtype.numpy)
        for value in (array.min(), array.max()):
            if not limits.min <= value <= limits.max:
                raise DTypeError(
                    f"tensor: value {value} does not fit {dtype.name} "
                    f"({limits.min} to {limits.max})"
                )
    with np.errstate(over="ignore"):
        return carry(array, dtype)


def tensor(
    data: Any,
    dtype: DType | None = None,
    layout: MeshLayout | None = None,
    name: str | None = None,
) -> Tensor:
    """A tensor from nested lists, a number or a NumPy array.

    Without `dtype`, arrays keep their element type, booleans become `bool_` and all other
    Python numbers, integers too, become float32.

    Raises:
        ShapeError: lists of unequal length.
        DTypeError: elements that are not real numbers or do not fit `dtype`.
    """
    given = isinstance(data, np.ndarray | np.generic)
    array = native_copy(np.asarray(data)) if given else _array(data)
    if isinstance(data, Tensor) and dtype is None:
        dtype = data.dtype
    if dtype is not None:
        array = _converted(array, checked_dtype("tensor", dtype))
    elif not given and array.dtype != bool:
        dtype, array = float32, array.astype(np.float32)
    return Tensor(leaf(array, dtype or from_numpy_dtype(array.dtype), layout, name))
