"""Arguments of host calls that are of a wrong type: one error for each, naming call and place."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyflame.errors import DTypeError


def integer(what: str, value: Any) -> int:
    """`value` as an integer; `what` names call and argument.

    Raises:
        DTypeError: it is none; a float is none either.
    """
    if not isinstance(value, (int, np.integer)):
        raise DTypeError(f"{what} is {value!r}; expected an integer")
    return int(value)


def pair(what: str, value: Any) -> tuple[int, int]:
    """`value` as a place or a size, two integers.

    Raises:
        DTypeError: it is something else.
    """
    if not isinstance(value, (tuple, list, np.ndarray)) or len(value) != 2:
        raise DTypeError(f"{what} is {value!r}; expected two integers, (column, row)")
    return integer(f"{what}: the column", value[0]), integer(f"{what}: the row", value[1])


def rectangle(what: str, value: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """`value` as two places, the upper left and the one beyond the lower right.

    Raises:
        DTypeError: it is something else.
    """
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise DTypeError(f"{what} is {value!r}; expected two places, as IntRectangle has them")
    return pair(f"{what}: the upper left place", value[0]), pair(
        f"{what}: the lower right place", value[1]
    )


def text(what: str, value: Any) -> str:
    """`value` as a text.

    Raises:
        DTypeError: it is none.
    """
    if not isinstance(value, str):
        raise DTypeError(f"{what} is {value!r}; expected a text")
    return value


def element_type(what: str, value: Any) -> np.dtype[Any]:
    """`value` as the NumPy type of numbers.

    Raises:
        DTypeError: it names none.
    """
    try:
        dtype = np.dtype(value)
    except TypeError:
        raise DTypeError(f"{what} is {value!r}; expected a NumPy type such as 'uint32'") from None
    if dtype.kind not in "biufc":
        raise DTypeError(f"{what} is {dtype}; expected numbers, such as 'uint32'")
    return dtype


def array(what: str, value: Any) -> np.ndarray:
    """`value` as an array.

    Raises:
        DTypeError: it is none.
    """
    if not isinstance(value, np.ndarray):
        raise DTypeError(f"{what} is a {type(value).__name__}; expected a NumPy array")
    return value
