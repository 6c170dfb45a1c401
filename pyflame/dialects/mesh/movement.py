"""Movement of data between the PEs of an axis."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import (
    DenseArrayBase,
    IndexType,
    IntegerAttr,
    StringAttr,
    TensorType,
    UnitAttr,
    i64,
)
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from pyflame.dialects.mesh.attributes import (
    Axis,
    AxisAttr,
    Kind,
    KindAttr,
    LayoutAttr,
    distributed,
    element_of,
    layout_of,
    shape_of,
    tile_of,
)
from pyflame.dialects.mesh.base import (
    MeshOp,
    expect_cut,
    expect_dim,
    expect_result,
    expect_uncut,
    expect_whole,
)


class MovementOp(MeshOp, ABC):
    """An op that moves data along one axis."""

    x = operand_def(TensorType)
    axis = prop_def(AxisAttr)
    result = result_def(TensorType)
    traits = traits_def(Pure())

    @property
    def along(self) -> Axis:
        """The axis along which data moves."""
        return self.axis.data

    def expect_layout(self, layout: LayoutAttr) -> None:
        """Refuse a result that is not the operand's tensor in `layout`."""
        expect_result(self.result.type, element_of(self.x), shape_of(self.x), layout)


def _same(x: SSAValue, layout: LayoutAttr) -> TensorType[Attribute]:
    """The type of `x` in another layout."""
    return distributed(element_of(x), shape_of(x), layout)


def _with_cut(layout: LayoutAttr, dim: int, axis: int | None) -> LayoutAttr:
    """`layout` with dimension `dim` cut by `axis`, or whole."""
    return layout.with_split((*layout.split[:dim], axis, *layout.split[dim + 1 :]))


@irdl_op_definition
class BroadcastOp(MovementOp):
    """
    Elements %start … %start + %length - 1 of dimension `dim`, from the PEs that own them to all
    PEs of the axis.

    ```mlir
    %ap = mesh.broadcast %a at (%k0, %len) dim 1 along cols
      : tensor<64x256xf32, #mesh.layout<8x4, [rows, cols]>>
        -> tensor<64x16xf32, #mesh.layout<8x4, [rows, -]>>
    ```

    The interval lies inside one tile, so it has one owner. The result's type carries the largest
    length; what lies beyond %length is padding. If nothing cuts `dim`, every PE owns the interval
    and nothing moves.
    """

    name = "mesh.broadcast"
    x = operand_def(TensorType)
    start = operand_def(IndexType)
    length = operand_def(IndexType)
    dim = prop_def(IntegerAttr.constr(i64))
    algorithm = opt_prop_def(StringAttr)

    assembly_format = (
        "$x `at` `(` $start `,` $length `)` `dim` $dim `along` $axis "
        "(`algorithm` $algorithm^)? attr-dict `:` type($x) `->` type($result)"
    )

    def __init__(
        self,
        x: SSAValue | Operation,
        start: SSAValue | Operation,
        length: SSAValue | Operation,
        dim: int,
        axis: Axis,
        panel: int,
        algorithm: str | None = None,
    ) -> None:
        x = SSAValue.get(x)
        shape = list(shape_of(x))
        shape[dim] = panel
        super().__init__(
            operands=[x, start, length],
            properties={
                "dim": IntegerAttr(dim, i64),
                "axis": AxisAttr(axis),
                "algorithm": StringAttr(algorithm) if algorithm is not None else None,
            },
            result_types=[distributed(element_of(x), shape, _with_cut(layout_of(x), dim, None))],
        )

    def verify_mesh(self) -> None:
        """The axis cuts the dimension, or nothing does; the panel fits a tile."""
        layout, shape, dim = layout_of(self.x), list(shape_of(self.x)), self.dim.value.data
        expect_whole("operand", layout)
        expect_dim(dim, shape)
        if layout.split[dim] is not None:
            expect_cut(layout, dim, self.along)
        panel = shape_of(self.result)[dim] if len(shape_of(self.result)) == len(shape) else -1
        tile = tile_of(self.x)[dim]
        if not 0 <= panel <= max(tile, 1):
            raise VerifyException(f"panel has {panel} elements, expected at most a tile: {tile}")
        shape[dim] = panel
        expect_result(self.result.type, element_of(self.x), shape, _with_cut(layout, dim, None))


@irdl_op_definition
class AllReduceOp(MovementOp):
    """
    Combine the partial values of an axis; every PE of the axis gets the result.

    ```mlir
    %r = mesh.all_reduce sum %x along cols
      : tensor<64xf32, #mesh.layout<8x8, [rows], partial sum [cols]>>
        -> tensor<64xf32, #mesh.layout<8x8, [rows]>>
    ```
    """

    name = "mesh.all_reduce"
    kind = prop_def(KindAttr)
    algorithm = opt_prop_def(StringAttr)

    assembly_format = (
        "$kind $x `along` $axis (`algorithm` $algorithm^)? attr-dict "
        "`:` type($x) `->` type($result)"
    )

    def __init__(
        self, kind: Kind, x: SSAValue | Operation, axis: Axis, algorithm: str | None = None
    ) -> None:
        x = SSAValue.get(x)
        super().__init__(
            operands=[x],
            properties={
                "kind": KindAttr(kind),
                "axis": AxisAttr(axis),
                "algorithm": StringAttr(algorithm) if algorithm is not None else None,
            },
            result_types=[_same(x, _without_partial(layout_of(x), axis))],
        )

    def verify_mesh(self) -> None:
        """The operand is partial along the axis, by the same kind."""
        _expect_partial(layout_of(self.x), self.along, self.kind.data)
        self.expect_layout(_without_partial(layout_of(self.x), self.along))


@irdl_op_definition
class ReduceOp(MovementOp):
    """
    Combine the partial values of an axis; only the PE at `root` gets the result.

    ```mlir
    %r = mesh.reduce sum %x along cols root 0
      : tensor<64xf32, #mesh.layout<8x8, [rows], partial sum [cols]>>
        -> tensor<64xf32, #mesh.layout<8x8, [rows], on [cols 0]>>
    ```
    """

    name = "mesh.reduce"
    kind = prop_def(KindAttr)
    root = prop_def(IntegerAttr.constr(i64))
    algorithm = opt_prop_def(StringAttr)

    assembly_format = (
        "$kind $x `along` $axis `root` $root (`algorithm` $algorithm^)? attr-dict "
        "`:` type($x) `->` type($result)"
    )

    def verify_mesh(self) -> None:
        """The operand is partial along the axis, by the same kind; the root exists."""
        layout, axis = layout_of(self.x), self.along
        _expect_partial(layout, axis, self.kind.data)
        root = _expect_root(layout, axis, self.root)
        self.expect_layout(_without_partial(layout, axis).with_root(axis.number, root))


@irdl_op_definition
class AllGatherOp(MovementOp):
    """
    Make a cut dimension whole on every PE of the axis.

    ```mlir
    %y = mesh.all_gather %x dim 1 along cols
      : tensor<64x250xf32, #mesh.layout<8x8, [rows, cols]>>
        -> tensor<64x250xf32, #mesh.layout<8x8, [rows, -]>>
    ```
    """

    name = "mesh.all_gather"
    dim = prop_def(IntegerAttr.constr(i64))
    algorithm = opt_prop_def(StringAttr)

    assembly_format = (
        "$x `dim` $dim `along` $axis (`algorithm` $algorithm^)? attr-dict "
        "`:` type($x) `->` type($result)"
    )

    def __init__(
        self, x: SSAValue | Operation, dim: int, axis: Axis, algorithm: str | None = None
    ) -> None:
        x = SSAValue.get(x)
        super().__init__(
            operands=[x],
            properties={
                "dim": IntegerAttr(dim, i64),
                "axis": AxisAttr(axis),
                "algorithm": StringAttr(algorithm) if algorithm is not None else None,
            },
            result_types=[_same(x, _with_cut(layout_of(x), dim, None))],
        )

    def verify_mesh(self) -> None:
        """The axis cuts the dimension."""
        layout, dim = layout_of(self.x), self.dim.value.data
        expect_whole("operand", layout)
        expect_dim(dim, shape_of(self.x))
        expect_cut(layout, dim, self.along)
        self.expect_layout(_with_cut(layout, dim, None))


@irdl_op_definition
class AllSliceOp(MovementOp):
    """
    Cut a dimension that is whole on every PE of the axis: each keeps its tile, nothing moves.

    ```mlir
    %y = mesh.all_slice %x dim 1 along cols
      : tensor<64x250xf32, #mesh.layout<8x8, [rows, -]>>
        -> tensor<64x250xf32, #mesh.layout<8x8, [rows, cols]>>
    ```
    """

    name = "mesh.all_slice"
    dim = prop_def(IntegerAttr.constr(i64))

    assembly_format = "$x `dim` $dim `along` $axis attr-dict `:` type($x) `->` type($result)"

    def __init__(self, x: SSAValue | Operation, dim: int, axis: Axis) -> None:
        x = SSAValue.get(x)
        super().__init__(
            operands=[x],
            properties={"dim": IntegerAttr(dim, i64), "axis": AxisAttr(axis)},
            result_types=[_same(x, _with_cut(layout_of(x), dim, axis.number))],
        )

    def verify_mesh(self) -> None:
        """Nothing cuts the dimension, and the axis is free."""
        layout, dim = layout_of(self.x), self.dim.value.data
        expect_whole("operand", layout)
        expect_dim(dim, shape_of(self.x))
        expect_uncut(layout, dim, self.along)
        _expect_everywhere(layout, self.along)
        self.expect_layout(_with_cut(layout, dim, self.along.number))


@irdl_op_definition
class GatherOp(MovementOp):
    """
    Make a cut dimension whole on the PE at `root` of the axis.

    ```mlir
    %y = mesh.gather %x dim 0 along rows root 3
      : tensor<64xf32, #mesh.layout<8x1, [rows]>>
        -> tensor<64xf32, #mesh.layout<8x1, [-], on [rows 3]>>
    ```
    """

    name = "mesh.gather"
    dim = prop_def(IntegerAttr.constr(i64))
    root = prop_def(IntegerAttr.constr(i64))

    assembly_format = (
        "$x `dim` $dim `along` $axis `root` $root attr-dict `:` type($x) `->` type($result)"
    )

    def verify_mesh(self) -> None:
        """The axis cuts the dimension; the root exists."""
        layout, dim = layout_of(self.x), self.dim.value.data
        expect_whole("operand", layout)
        expect_dim(dim, shape_of(self.x))
        expect_cut(layout, dim, self.along)
        root = _expect_root(layout, self.along, self.root)
        self.expect_layout(_with_cut(layout, dim, None).with_root(self.along.number, root))


@irdl_op_definition
class ScatterOp(MovementOp):
    """
    Cut a dimension that is whole on one PE of the axis (its layout says which).

    ```mlir
    %y = mesh.scatter %x dim 0 along rows
      : tensor<64xf32, #mesh.layout<8x1, [-], on [rows 3]>>
        -> tensor<64xf32, #mesh.layout<8x1, [rows]>>
    ```
    """

    name = "mesh.scatter"
    dim = prop_def(IntegerAttr.constr(i64))

    assembly_format = "$x `dim` $dim `along` $axis attr-dict `:` type($x) `->` type($result)"

    def verify_mesh(self) -> None:
        """One PE of the axis holds the whole dimension."""
        layout, dim, axis = layout_of(self.x), self.dim.value.data, self.along
        expect_whole("operand", layout)
        expect_dim(dim, shape_of(self.x))
        expect_uncut(layout, dim, axis)
        if layout.roots[axis.number] is None:
            raise VerifyException(
                f"operand has layout <{layout.body()}>, expected one PE along {axis.value}; "
                "cut a replicated value with all_slice"
            )
        self.expect_layout(_with_cut(layout, dim, axis.number).with_root(axis.number, None))


@irdl_op_definition
class ShiftOp(MovementOp):
    """
    Every PE's tile to the PE `offset` further along the axis; with `rotate` from the last on to
    the first, else tiles without a source are zero.

    ```mlir
    %y = mesh.shift %x along cols offset 1 rotate : tensor<64xf32, #mesh.layout<1x8, [cols]>>
    ```

    The axis cuts a dimension into tiles of equal size.
    """

    name = "mesh.shift"
    offset = prop_def(IntegerAttr.constr(i64))
    rotate = opt_prop_def(UnitAttr)

    assembly_format = (
        "$x `along` $axis `offset` $offset (`rotate` $rotate^)? attr-dict "
        "`:` type($x) `->` type($result)"
    )

    def verify_mesh(self) -> None:
        """The axis cuts a dimension evenly."""
        layout, shape, axis = layout_of(self.x), shape_of(self.x), self.along
        expect_whole("operand", layout)
        if axis.number not in layout.split:
            raise VerifyException(f"{axis.value} cuts no dimension of <{layout.body()}>")
        dim = layout.split.index(axis.number)
        extent = layout.extent(axis.number)
        if shape[dim] % extent:
            raise VerifyException(
                f"dimension {dim} of size {shape[dim]} over {extent} PEs has tiles of "
                "unequal size, expected equal ones"
            )
        self.expect_layout(layout)


@irdl_op_definition
class HaloExchangeOp(MeshOp):
    """
    Tiles with the border elements of their neighbours.

    ```mlir
    %y = mesh.halo_exchange %x halo low [1] high [2]
      : tensor<60xf32, #mesh.layout<1x8, [cols]>> -> tensor<88xf32, #mesh.layout<1x8, [cols]>>
    ```

    The result is made of one block per PE: `low[d]` elements before its tile, its tile, and
    `high[d]` elements after it; what lies outside the tensor is zero. So dimension d of the result
    has (low + tile + high) elements per PE that cuts it, all of them valid.
    """

    name = "mesh.halo_exchange"
    x = operand_def(TensorType)
    low = prop_def(DenseArrayBase.constr(i64))
    high = prop_def(DenseArrayBase.constr(i64))
    result = result_def(TensorType)
    traits = traits_def(Pure())

    assembly_format = "$x `halo` `low` $low `high` $high attr-dict `:` type($x) `->` type($result)"

    @property
    def halos(self) -> tuple[tuple[int, int], ...]:
        """(low, high) of every dimension."""
        low, high = self.low.get_values(), self.high.get_values()
        return tuple((int(lo), int(hi)) for lo, hi in zip(low, high, strict=True))

    def verify_mesh(self) -> None:
        """Halos fit one neighbour's tile; the result has their size."""
        layout, tile = layout_of(self.x), tile_of(self.x)
        expect_whole("operand", layout)
        if not len(self.low) == len(self.high) == len(tile):
            raise VerifyException(
                f"has {len(self.low)} low and {len(self.high)} high halos, expected {len(tile)}"
            )
        shape: list[int] = []
        for d, ((low, high), size) in enumerate(zip(self.halos, tile, strict=True)):
            axis = layout.split[d]
            if not (0 <= low <= size and 0 <= high <= size):
                raise VerifyException(
                    f"halo {low}, {high} of dimension {d} must lie within 0 to a tile: {size}"
                )
            shape.append((low + size + high) * (1 if axis is None else layout.extent(axis)))
        expect_result(self.result.type, element_of(self.x), shape, layout)


@irdl_op_definition
class RedistributeOp(MeshOp):
    """
    The same tensor in another layout on the same rectangle.

    ```mlir
    %y = mesh.redistribute %x
      : tensor<64x64xf32, #mesh.layout<8x4, [rows, cols]>>
        -> tensor<64x64xf32, #mesh.layout<8x4, [cols, rows]>>
    ```
    """

    name = "mesh.redistribute"
    x = operand_def(TensorType)
    result = result_def(TensorType)
    traits = traits_def(Pure())

    assembly_format = "$x attr-dict `:` type($x) `->` type($result)"

    PLAIN: ClassVar = "expected layouts that only cut, on every PE"

    def __init__(self, x: SSAValue | Operation, layout: LayoutAttr) -> None:
        x = SSAValue.get(x)
        super().__init__(operands=[x], result_types=[_same(x, layout)])

    def verify_mesh(self) -> None:
        """Both layouts only cut."""
        for layout in (layout_of(self.x), layout_of(self.result)):
            if layout.partial_axes or layout.roots != (None, None):
                raise VerifyException(f"layout is <{layout.body()}>, {self.PLAIN}")
        expect_result(
            self.result.type, element_of(self.x), shape_of(self.x), layout_of(self.result)
        )


def _without_partial(layout: LayoutAttr, axis: Axis) -> LayoutAttr:
    axes: Sequence[int] = [a for a in layout.partial_axes if a != axis.number]
    return layout.with_partial(axes, layout.reduction)


def _expect_partial(layout: LayoutAttr, axis: Axis, kind: Kind) -> None:
    if axis.number not in layout.partial_axes or layout.reduction is not kind:
        raise VerifyException(
            f"operand has layout <{layout.body()}>, expected partial {kind.value} "
            f"along {axis.value}"
        )


def _expect_everywhere(layout: LayoutAttr, axis: Axis) -> None:
    if layout.roots[axis.number] is not None:
        raise VerifyException(
            f"operand has layout <{layout.body()}>, expected it on every PE along {axis.value}; "
            "use scatter"
        )


def _expect_root(layout: LayoutAttr, axis: Axis, root: IntegerAttr) -> int:
    position = root.value.data
    _expect_everywhere(layout, axis)
    if not 0 <= position < layout.extent(axis.number):
        raise VerifyException(
            f"root {position} along {axis.value} must lie within 0 to "
            f"{layout.extent(axis.number) - 1}"
        )
    return position


MOVEMENT = (
    BroadcastOp, AllReduceOp, ReduceOp, AllGatherOp, AllSliceOp, GatherOp, ScatterOp, ShiftOp,
    HaloExchangeOp, RedistributeOp,
)  # fmt: skip
