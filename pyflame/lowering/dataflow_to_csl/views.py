"""Views of buffers as DSDs.

One DSD walks up to four dimensions of known size, or one dimension of any size. A view beyond that
is walked by loops over its outer dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xdsl.dialects import arith, csl
from xdsl.dialects.builtin import (
    AffineMapAttr,
    IntegerAttr,
    IntegerType,
    Signedness,
    i16,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.ir.affine import AffineExpr, AffineMap

if TYPE_CHECKING:
    from pyflame.lowering.dataflow_to_csl.context import PeContext

UI16 = IntegerType(16, Signedness.UNSIGNED)

MAX_RANK = 4
"""Dimensions of a mem4d_dsd."""

MAX_STRIDE = 127
"""The stride of a mem1d_dsd is an i8."""

Size = int | SSAValue


@dataclass(frozen=True)
class View:
    """A strided window of an array, as `dataflow.view`, its run-time numbers in CSL terms.

    The first element is number `base` + `offset`; `sizes` are numbers or `index` values.
    """

    array: SSAValue
    element: Attribute
    base: int
    offset: SSAValue | None
    sizes: tuple[Size, ...]
    strides: tuple[int, ...]

    def collapsed(self) -> View:
        """The view of fewest dimensions that walks the same elements in the same order."""
        dims: list[tuple[Size, int]] = []
        for size, stride in zip(self.sizes, self.strides, strict=True):
            if isinstance(size, int) and size == 1:
                continue
            outer = dims[-1] if dims else None
            if (
                outer is not None
                and isinstance(size, int)
                and isinstance(outer[0], int)
                and outer[1] == size * stride
            ):
                dims[-1] = (outer[0] * size, stride)
            else:
                dims.append((size, stride))
        sizes, strides = tuple(s for s, _ in dims), tuple(s for _, s in dims)
        return replace(self, sizes=sizes, strides=strides)

    def inner(self, outer: int) -> View:
        """The view without its first `outer` dimensions."""
        sizes, strides = self.sizes[outer:], self.strides[outer:]
        return replace(self, sizes=sizes, strides=strides)

    def is_one_dsd(self, ctx: PeContext) -> bool:
        """Whether one DSD walks the view."""
        view = self.collapsed()
        known = all(isinstance(s, int) or ctx.is_comptime(s) for s in view.sizes)
        if known:
            return len(view.sizes) <= MAX_RANK
        return len(view.sizes) == 1 and abs(view.strides[0]) <= MAX_STRIDE

    def moved(self, ctx: PeContext, steps: Sequence[tuple[SSAValue, int]]) -> View:
        """The view moved by ``Σ value * stride`` elements for (value, stride) in `steps`."""
        offset = self.offset
        for value, stride in steps:
            if stride == 0:
                continue
            step = value if stride == 1 else _binary(ctx, arith.MuliOp, value, ctx.index(stride))
            offset = step if offset is None else _binary(ctx, arith.AddiOp, offset, step)
        return replace(self, offset=offset)


def _binary(ctx: PeContext, op: type, a: SSAValue, b: SSAValue) -> SSAValue:
    return ctx.fold(op(a, b), (a, b))[0]


def memory_dsd(ctx: PeContext, view: View) -> SSAValue:
    """A DSD that walks `view`, which `View.is_one_dsd`."""
    view = view.collapsed()
    known = all(isinstance(s, int) or ctx.is_comptime(s) for s in view.sizes)
    dsd = _declared_dsd(ctx, view, view.sizes if known else (1,))
    if view.offset is not None:
        element = _signed(view.element)
        offset = ctx.cast(view.offset, i16)
        dsd = ctx.add(
            csl.IncrementDsdOffsetOp(
                operands=[dsd, offset], properties={"elem_type": element}, result_types=[dsd.type]
            )
        ).result
    if not known:
        (size,) = view.sizes
        assert isinstance(size, SSAValue)
        dsd = set_length(ctx, dsd, size)
    return dsd


def set_length(ctx: PeContext, dsd: SSAValue, size: Size) -> SSAValue:
    """`dsd` with another number of elements."""
    value = ctx.index(size) if isinstance(size, int) else size
    length = ctx.cast(value, UI16)
    return ctx.add(
        csl.SetDsdLengthOp(operands=[dsd, length], result_types=[dsd.type]), dsd.name_hint
    ).result


def _declared_dsd(ctx: PeContext, view: View, sizes: tuple[Size, ...]) -> SSAValue:
    extents = tuple(_extent(ctx, size) for size in (sizes or (1,)))
    strides = view.strides or (1,)
    plain = len(extents) == 1 and abs(strides[0]) <= MAX_STRIDE
    kind = csl.DsdKind.mem1d_dsd if plain else csl.DsdKind.mem4d_dsd

    def make() -> csl.GetMemDsdOp:
        access: AffineExpr = AffineExpr.constant(view.base)
        for dim, stride in reversed(list(enumerate(strides))):
            if stride != 0:
                access = AffineExpr.dimension(dim) * stride + access
        return csl.GetMemDsdOp(
            operands=[view.array, extents],
            properties={"tensor_access": AffineMapAttr(AffineMap(len(extents), 0, (access,)))},
            result_types=[csl.DsdType(kind)],
        )

    key = ("dsd", view.array, extents, strides, view.base)
    return ctx.declare(key, make, f"{view.array.name_hint}_dsd")


def _extent(ctx: PeContext, size: Size) -> SSAValue:
    if isinstance(size, int):
        return ctx.constant(IntegerAttr(size, i16))
    # A PE without valid elements does not run the op, but it still declares the DSD.
    at_least_one = ctx.fold(arith.MaxSIOp(size, one := ctx.index(1)), (size, one))[0]
    at_least_one.name_hint = f"{size.name_hint}_extent" if size.name_hint else None
    return ctx.cast(at_least_one, UI16)


def _signed(element: Attribute) -> Attribute:
    """Integers with the sign that xDSL's DSD ops ask for."""
    if isinstance(element, IntegerType):
        return IntegerType(element.width.data, Signedness.SIGNED)
    return element
