"""Which dimensions of a reshape stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from pyflame.dialects.mesh.attributes import Split


def kept_dims(old: Sequence[int], new: Sequence[int]) -> dict[int, int]:
    """The dimensions that a row-major reshape from `old` to `new` leaves alone.

    Returns new dimension by old dimension, for dimensions of more than one element that have the
    same size and the same number of elements before them in both shapes.
    """
    before_new = {(prod(new[:d]), n): d for d, n in enumerate(new) if n != 1}
    return {
        d: before_new[key]
        for d, n in enumerate(old)
        if n != 1 and (key := (prod(old[:d]), n)) in before_new
    }


def reshaped_split(old: Sequence[int], split: Split, new: Sequence[int]) -> Split | None:
    """How `new` is cut if every PE reshapes its own tile of `old`, cut by `split`.

    Dimensions of size 1 are never cut in the result. None if a cut dimension does not survive.
    """
    kept = kept_dims(old, new) if prod(old) else {}
    result: list[int | None] = [None] * len(new)
    for d, axis in enumerate(split):
        if axis is None:
            continue
        if d not in kept:
            return None
        result[kept[d]] = axis
    return tuple(result)
