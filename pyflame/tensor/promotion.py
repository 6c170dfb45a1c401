"""Which element type two operands meet in: PyTorch's promotion rules.

Operands count by how strongly they speak: tensors with dimensions, then tensors without, then
Python and NumPy scalars. A weaker operand matters only if it is of a higher category (bool,
integer, float) than all stronger ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import TypeGuard

import numpy as np

from pyflame.compiler.graph import Node
from pyflame.dtypes import DType, bool_, float32, int64, promote
from pyflame.errors import DTypeError

Scalar = bool | int | float | np.generic

_CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2}


def is_scalar(value: object) -> TypeGuard[Scalar]:
    """Whether `value` is a number that takes its element type from the tensors beside it."""
    return isinstance(value, bool | int | float | np.bool_ | np.integer | np.floating)


def scalar_dtype(value: Scalar) -> DType:
    """The element type of a number that stands alone.

    Raises:
        DTypeError: not a real number.
    """
    if isinstance(value, bool | np.bool_):
        return bool_
    if isinstance(value, int | np.integer):
        return int64
    if isinstance(value, float | np.floating):
        return float32
    raise DTypeError(f"{value!r} is a {type(value).__name__}, expected a tensor or a real number")


def result_dtype(nodes: Sequence[Node], scalars: Sequence[Scalar] = ()) -> DType:
    """The element type in which `nodes` and `scalars` meet; at least one of either."""
    levels = (
        [node.spec.dtype for node in nodes if node.spec.shape],
        [node.spec.dtype for node in nodes if not node.spec.shape],
        [scalar_dtype(value) for value in scalars],
    )
    result: DType | None = None
    for level in levels:
        if not level:
            continue
        dtype = reduce(promote, level)
        if result is None or _CATEGORY[dtype.kind] > _CATEGORY[result.kind]:
            result = dtype
    assert result is not None
    return result
