"""What users may write for dimensions and shapes, brought to the one form that nodes have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from pyflame.dialects.pyflame import shapes
from pyflame.dtypes import DType
from pyflame.errors import DTypeError, PyFlameError, ShapeError

Dims = int | Sequence[int] | None


@contextmanager
def naming(op: str) -> Iterator[None]:
    """Errors raised inside start with the name of the operation."""
    try:
        yield
    except PyFlameError as error:
        raise type(error)(f"{op}: {error}") from None


def integer(op: str, name: str, value: object) -> int:
    """`value` as an int.

    Raises:
        DTypeError: not an integer.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise DTypeError(f"{op}: {name} is {value!r}, expected an integer")
    return int(value)


def checked_dtype(op: str, dtype: object) -> DType:
    """`dtype`, which must be one of PyFlame's.

    Raises:
        DTypeError: something else, such as a NumPy type.
    """
    if not isinstance(dtype, DType):
        raise DTypeError(f"{op}: dtype is {dtype!r}, expected one such as pf.float32")
    return dtype


def sizes(op: str, shape: object, name: str = "shape") -> tuple[int, ...]:
    """`shape`, one integer or a sequence of them, as a tuple. Signs are not checked.

    Raises:
        DTypeError: something else.
    """
    if not isinstance(shape, Sequence | np.ndarray) or isinstance(shape, str):
        return (integer(op, name, shape),)
    return tuple(integer(op, f"{name}[{i}]", size) for i, size in enumerate(shape))


def new_sizes(op: str, shape: object) -> tuple[int, ...]:
    """`shape` of a tensor to be made.

    Raises:
        DTypeError: not integers.
        ShapeError: a negative size.
    """
    result = sizes(op, shape)
    if any(size < 0 for size in result):
        raise ShapeError(f"{op}: shape {shapes.show(result)} has a negative size")
    return result


def one_dim(op: str, dim: int, rank: int) -> int:
    """`dim` counted from the front.

    Raises:
        DTypeError: not an integer.
        ShapeError: there is no such dimension.
    """
    number = integer(op, "dim", dim)
    with naming(op):
        return shapes.normalize_dim(number, rank)


def reduced_dims(op: str, dim: Dims, rank: int) -> tuple[int, ...]:
    """The dimensions of `dim`, ascending, counted from the front; None is all of them.

    Raises:
        DTypeError: not integers.
        ShapeError: a dimension does not exist or is named twice.
    """
    if dim is None:
        return tuple(range(rank))
    dims = sizes(op, dim, "dim")
    with naming(op):
        return shapes.normalize_dims(dims, rank)
