"""Arithmetic on shapes: pure functions that the rules in `rules.py` are made of.

Nothing here imports xDSL, so that building a lazy graph does not either.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from pyflame.errors import ShapeError

Shape = tuple[int, ...]


def show(shape: Sequence[int]) -> str:
    """A shape as messages print it: ``[3, 4]``."""
    return str(list(shape))


def broadcast(*shapes: Shape) -> Shape:
    """The common shape of `shapes` by NumPy's broadcasting rules.

    Raises:
        ShapeError: a dimension differs and neither side is 1.
    """
    rank = max(map(len, shapes))
    result: list[int] = []
    for axis in range(-rank, 0):
        sizes = {shape[axis] for shape in shapes if len(shape) >= -axis} - {1}
        if len(sizes) > 1:
            listed = " and ".join(show(shape) for shape in shapes)
            differ = " and ".join(str(n) for n in sorted(sizes))
            raise ShapeError(
                f"shapes {listed} do not broadcast: dimension {axis} is {differ}, "
                "but must be equal or 1"
            )
        result.append(sizes.pop() if sizes else 1)
    return tuple(result)


def normalize_dim(dim: int, rank: int, name: str = "dim") -> int:
    """`dim` counted from the front: -1 is the last of `rank` dimensions.

    Raises:
        ShapeError: there is no such dimension.
    """
    if not -rank <= dim < rank:
        allowed = f"{-rank} to {rank - 1}" if rank else "none: the tensor has rank 0"
        raise ShapeError(f"{name} {dim} is out of range for rank {rank} (allowed: {allowed})")
    return dim + rank if dim < 0 else dim


def normalize_dims(dims: Sequence[int], rank: int) -> Shape:
    """`dims` counted from the front, ascending.

    Raises:
        ShapeError: a dimension does not exist or is named twice.
    """
    result = sorted(normalize_dim(dim, rank) for dim in dims)
    if len(set(result)) != len(result):
        raise ShapeError(f"dims {show(dims)} name a dimension of rank {rank} twice")
    return tuple(result)


def reduced(shape: Shape, dims: Sequence[int], keepdims: bool) -> Shape:
    """`shape` after a reduction over `dims` (each from the front)."""
    if keepdims:
        return tuple(1 if axis in dims else n for axis, n in enumerate(shape))
    return tuple(n for axis, n in enumerate(shape) if axis not in dims)


def resolve_reshape(shape: Shape, new_shape: Sequence[int]) -> Shape:
    """`new_shape` with its -1, if any, filled in for a tensor of `shape`.

    Raises:
        ShapeError: two -1, another negative size, or element counts that differ.
    """
    count = prod(shape)
    if list(new_shape).count(-1) > 1 or any(n < -1 for n in new_shape):
        raise ShapeError(f"new shape {show(new_shape)} must be sizes >= 0 with at most one -1")
    if -1 in new_shape:
        rest = prod(n for n in new_shape if n != -1)
        if rest == 0 or count % rest:
            raise ShapeError(
                f"cannot fill the -1 of new shape {show(new_shape)}: "
                f"{show(shape)} has {count} elements, not a multiple of {rest}"
            )
        new_shape = [count // rest if n == -1 else n for n in new_shape]
    if prod(new_shape) != count:
        raise ShapeError(
            f"cannot reshape {show(shape)} ({count} elements) "
            f"to {show(new_shape)} ({prod(new_shape)} elements)"
        )
    return tuple(new_shape)


def permuted(shape: Shape, permutation: Sequence[int]) -> Shape:
    """`shape` with dimension i of the result taken from dimension ``permutation[i]``.

    Raises:
        ShapeError: `permutation` is not a permutation of the dimensions.
    """
    if sorted(permutation) != list(range(len(shape))):
        raise ShapeError(
            f"permutation {show(permutation)} is not an order of the {len(shape)} "
            f"dimensions of {show(shape)}"
        )
    return tuple(shape[axis] for axis in permutation)


def matmul(a: Shape, b: Shape, transpose_a: bool, transpose_b: bool) -> Shape:
    """Shape of a (batched) matrix product; leading dimensions broadcast.

    Raises:
        ShapeError: an operand has fewer than two dimensions, or inner sizes differ.
    """
    for side, shape in (("left", a), ("right", b)):
        if len(shape) < 2:
            raise ShapeError(
                f"the {side} operand has shape {show(shape)}, expected at least 2 dimensions"
            )
    m, k = a[-2:][::-1] if transpose_a else a[-2:]
    k_right, n = b[-2:][::-1] if transpose_b else b[-2:]
    if k != k_right:
        raise ShapeError(
            f"inner sizes differ: {show(a)}{'ᵀ' if transpose_a else ''} has {k} columns, "
            f"{show(b)}{'ᵀ' if transpose_b else ''} has {k_right} rows"
        )
    return (*broadcast(a[:-2], b[:-2]), m, n)


def sliced(
    shape: Shape, starts: Sequence[int], stops: Sequence[int], steps: Sequence[int]
) -> Shape:
    """Shape of ``x[starts:stops:steps]``, one entry per dimension, steps >= 1.

    Raises:
        ShapeError: a bound is outside the tensor, or the lengths differ from the rank.
    """
    if not len(starts) == len(stops) == len(steps) == len(shape):
        raise ShapeError(
            f"starts {show(starts)}, stops {show(stops)} and steps {show(steps)} "
            f"need one entry per dimension of {show(shape)}"
        )
    result: list[int] = []
    for axis, (n, lo, hi, by) in enumerate(zip(shape, starts, stops, steps, strict=True)):
        if not (0 <= lo <= hi <= n and by >= 1):
            raise ShapeError(
                f"slice {lo}:{hi}:{by} of dimension {axis} must lie within 0:{n} with a step >= 1"
            )
        result.append(-(-(hi - lo) // by))
    return tuple(result)


def concatenated(shapes: Sequence[Shape], dim: int) -> Shape:
    """Shape of tensors joined along `dim` (from the front).

    Raises:
        ShapeError: another dimension or the rank differs.
    """
    first = shapes[0]
    for index, shape in enumerate(shapes):
        if len(shape) != len(first) or any(
            n != m for axis, (n, m) in enumerate(zip(shape, first, strict=True)) if axis != dim
        ):
            raise ShapeError(
                f"operand {index} has shape {show(shape)}, operand 0 has {show(first)}; "
                f"all dimensions but {dim} must agree"
            )
    total = sum(shape[dim] for shape in shapes)
    return (*first[:dim], total, *first[dim + 1 :])


def padded(shape: Shape, low: Sequence[int], high: Sequence[int]) -> Shape:
    """Shape after adding `low` elements before and `high` after, per dimension.

    Raises:
        ShapeError: negative padding, or lengths that differ from the rank.
    """
    if not len(low) == len(high) == len(shape) or min((*low, *high), default=0) < 0:
        raise ShapeError(
            f"padding low {show(low)} and high {show(high)} needs one entry >= 0 "
            f"per dimension of {show(shape)}"
        )
    return tuple(n + lo + hi for n, lo, hi in zip(shape, low, high, strict=True))
