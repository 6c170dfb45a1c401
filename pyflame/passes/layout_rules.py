"""How layouts pass through the ops of the `pyflame` dialect: one row per family.

A *split* says which axis of the rectangle cuts each dimension. A row of `FORWARD` says, from what
is known of the operands' splits (None: open), how the operands must be cut and how the result is
then cut. A row of `PULL` says how the operands must be cut for a wanted result, so that an op on
tensors that nobody has placed yet can wait for its consumer's wish.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from pyflame.dialects.mesh.attributes import Split
from pyflame.dialects.mesh.reshaping import kept_dims, reshaped_split
from pyflame.dialects.pyflame import elementwise, reduction
from pyflame.dialects.pyflame.base import PyFlameOp
from pyflame.dialects.pyflame.contraction import MatmulOp
from pyflame.dialects.pyflame.creation import ConstantOp, FullOp
from pyflame.dialects.pyflame.movement import BroadcastToOp, ReshapeOp, TransposeOp
from pyflame.dialects.pyflame.types import spec_of
from pyflame.layout import COLS, ROWS

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Rectangle:
    """`rows` × `cols` PEs."""

    rows: int
    cols: int

    def cut(self, size: int, axis: int) -> int | None:
        """`axis` if it can cut a dimension of `size` elements into more than one tile."""
        return axis if size != 1 and (self.rows, self.cols)[axis] > 1 else None

    def natural(self, shape: Shape) -> Split:
        """The last dimension over columns, the second last over rows; size 1 is not cut."""
        last = [self.cut(n, axis) for n, axis in zip(shape[-2:][::-1], (COLS, ROWS), strict=False)]
        return (*(None,) * (len(shape) - 2), *last[::-1])

    def canonical(self, split: Split) -> Split:
        """`split` without axes of one PE, which cut nothing."""
        return tuple(a if a is not None and (self.rows, self.cols)[a] > 1 else None for a in split)


@dataclass(frozen=True)
class Choice:
    """How an op wants its operands cut, and how its result is then cut."""

    operands: tuple[Split, ...]
    result: Split


Forward = Callable[[Any, Sequence[Split | None], Rectangle], Choice]
Pull = Callable[[Any, Split], tuple[Split, ...] | None]


def shapes(op: PyFlameOp) -> tuple[list[Shape], Shape]:
    """Shapes of the operands and of the result."""
    return [spec_of(operand.type).shape for operand in op.operands], op.spec.shape


# Elementwise ops and broadcast_to


def pull_elementwise(op: PyFlameOp, wanted: Split) -> tuple[Split, ...]:
    """Dimensions aligned from the right; those of size 1 that repeat are not cut."""
    operands, result = shapes(op)

    def pulled(shape: Shape) -> Split:
        offset = len(result) - len(shape)
        return tuple(
            wanted[offset + d] if n == result[offset + d] else None for d, n in enumerate(shape)
        )

    return tuple(map(pulled, operands))


def forward_elementwise(
    op: PyFlameOp, known: Sequence[Split | None], rectangle: Rectangle
) -> Choice:
    """The cuts of all placed operands together, the largest first; what they leave open, such as
    a dimension in which they repeat, is cut naturally."""
    operands, result = shapes(op)
    cuts: list[int | None] = [None] * len(result)
    covered: set[int] = set()
    placed = [(s, k) for s, k in zip(operands, known, strict=True) if k is not None]
    for shape, split in sorted(placed, key=lambda pair: -prod(pair[0])):
        offset = len(result) - len(shape)
        for d, (n, axis) in enumerate(zip(shape, split, strict=True)):
            if n != result[offset + d]:
                continue
            covered.add(offset + d)
            if axis is not None and cuts[offset + d] is None and axis not in cuts:
                cuts[offset + d] = axis
    for d, axis in enumerate(rectangle.natural(result)):
        if d not in covered and axis is not None and axis not in cuts:
            cuts[d] = axis
    return Choice(pull_elementwise(op, tuple(cuts)), tuple(cuts))


# Transpose and reshape


def pull_transpose(op: TransposeOp, wanted: Split) -> tuple[Split, ...]:
    """Cuts move with their dimensions."""
    split: list[int | None] = [None] * len(wanted)
    for to, source in enumerate(op.permutation.get_values()):
        split[int(source)] = wanted[to]
    return (tuple(split),)


def forward_transpose(
    op: TransposeOp, known: Sequence[Split | None], rectangle: Rectangle
) -> Choice:
    """Cuts move with their dimensions."""
    split = known[0] or rectangle.natural(spec_of(op.x.type).shape)
    result = tuple(split[int(source)] for source in op.permutation.get_values())
    return Choice((split,), result)


def pull_reshape(op: ReshapeOp, wanted: Split) -> tuple[Split, ...] | None:
    """Possible if every cut dimension is one of the operand, too."""
    (old,), new = shapes(op)
    split = reshaped_split(new, wanted, old)
    return None if split is None else (split,)


def forward_reshape(op: ReshapeOp, known: Sequence[Split | None], rectangle: Rectangle) -> Choice:
    """Dimensions that the reshape keeps stay cut; the others become whole."""
    (old,), new = shapes(op)
    split = known[0] or rectangle.natural(old)
    kept = kept_dims(old, new) if prod(old) else {}
    split = tuple(axis if d in kept else None for d, axis in enumerate(split))
    result = reshaped_split(old, split, new)
    assert result is not None
    return Choice((split,), result)


# Matmul, reductions, and ops that no row knows


def _factor(
    shape: Shape, given: Split | None, outer: int | None, summed: int | None, at: int
) -> Split:
    """How an operand of a matmul is cut; `at` is the summed one of its last two dimensions."""
    if given is not None and given[at - 2] is None:
        summed = None
    last = (summed, outer) if at == 0 else (outer, summed)
    return (*(None,) * (len(shape) - 2), *last)


def forward_matmul(op: MatmulOp, known: Sequence[Split | None], rectangle: Rectangle) -> Choice:
    """[…, rows, cols] times […, rows, cols]. A summed dimension that is whole stays whole: then
    its panels need not move."""
    (a, b), result = shapes(op)
    transpose_a, transpose_b = op.transpose_a is not None, op.transpose_b is not None
    m, n = rectangle.cut(result[-2], ROWS), rectangle.cut(result[-1], COLS)
    summed = a[-2 if transpose_a else -1]
    k_left, k_right = rectangle.cut(summed, COLS), rectangle.cut(summed, ROWS)

    return Choice(
        (
            _factor(a, known[0], m, k_left, 0 if transpose_a else 1),
            _factor(b, known[1], n, k_right, 1 if transpose_b else 0),
        ),
        (*(None,) * (len(result) - 2), m, n),
    )


def forward_reduction(
    op: reduction.ReductionOp, known: Sequence[Split | None], rectangle: Rectangle
) -> Choice:
    """The operand stays where it is; dimensions that remain stay cut."""
    split = known[0] or rectangle.natural(spec_of(op.x.type).shape)
    dims = {int(d) for d in op.dims.get_values()}
    if op.keepdims is not None:
        result = tuple(None if d in dims else axis for d, axis in enumerate(split))
    else:
        result = tuple(axis for d, axis in enumerate(split) if d not in dims)
    return Choice((split,), result)


def forward_default(op: PyFlameOp, known: Sequence[Split | None], rectangle: Rectangle) -> Choice:
    """Everything naturally: for ops that the mesh does not have, so that they are all reported."""
    operands, result = shapes(op)
    natural = rectangle.natural
    return Choice(tuple(natural(shape) for shape in operands), natural(result))


def pull_nothing(op: PyFlameOp, wanted: Split) -> tuple[Split, ...]:
    """A value that every PE can make for itself, in any layout."""
    return ()


PULL: dict[type[PyFlameOp], Pull] = {
    **dict.fromkeys(elementwise.ELEMENTWISE, pull_elementwise),
    BroadcastToOp: pull_elementwise,
    TransposeOp: pull_transpose,
    ReshapeOp: pull_reshape,
    FullOp: pull_nothing,
    ConstantOp: pull_nothing,
}

FORWARD: dict[type[PyFlameOp], Forward] = {
    **dict.fromkeys(elementwise.ELEMENTWISE, forward_elementwise),
    BroadcastToOp: forward_elementwise,
    TransposeOp: forward_transpose,
    ReshapeOp: forward_reshape,
    MatmulOp: forward_matmul,
    **dict.fromkeys(
        (
            reduction.SumOp, reduction.MeanOp, reduction.MaxOp, reduction.MinOp, reduction.ProdOp,
        ),
        forward_reduction,
    ),
}  # fmt: skip
