"""What every op of the `mesh` dialect shares: distributed tensors on one rectangle."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence

from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute
from xdsl.irdl import IRDLOperation
from xdsl.utils.exceptions import VerifyException

from pyflame.dialects.mesh.attributes import Axis, LayoutAttr, element_of, layout_of, shape_of


class MeshOp(IRDLOperation, ABC):
    """An op on distributed tensors, all on one rectangle of PEs."""

    def verify_(self) -> None:
        """Check that every tensor has a layout, all on one rectangle; then `verify_mesh`."""
        types = [v.type for v in (*self.operands, *self.results) if is_tensor(v.type)]
        layouts = [layout_of(type) for type in types]
        for layout in layouts[1:]:
            if layout.rectangle != layouts[0].rectangle:
                raise VerifyException(
                    f"layouts <{layouts[0].body()}> and <{layout.body()}> are on different "
                    "rectangles, expected one"
                )
        self.verify_mesh()

    def verify_mesh(self) -> None:
        """What this op demands beyond that."""


def is_tensor(type: Attribute) -> bool:
    """Whether `type` is a tensor, as opposed to an index."""
    return isinstance(type, TensorType)


def expect_whole(what: str, layout: LayoutAttr) -> None:
    """Refuse a value that is only partially reduced."""
    if layout.partial_axes:
        raise VerifyException(
            f"{what} has layout <{layout.body()}>, which is partial; all_reduce it first"
        )


def expect_result(
    result: Attribute, element: Attribute, shape: Sequence[int], layout: LayoutAttr
) -> None:
    """Refuse a result type other than `shape` of `element` distributed by `layout`."""
    found = (element_of(result), shape_of(result), layout_of(result))
    if found != (element, tuple(shape), layout):
        raise VerifyException(
            f"result is {result}, but the operands give {TensorType(element, shape, layout)}"
        )


def expect_dim(dim: int, shape: Sequence[int]) -> None:
    """Refuse a dimension that a tensor of `shape` does not have."""
    if not 0 <= dim < len(shape):
        raise VerifyException(f"dim {dim} of rank {len(shape)} must lie within 0 to rank - 1")


def expect_cut(layout: LayoutAttr, dim: int, axis: Axis) -> None:
    """Refuse a layout in which `axis` does not cut `dim`."""
    cut = layout.split[dim]
    if cut != axis.number:
        by = "nothing" if cut is None else Axis.of(cut).value
        raise VerifyException(f"dimension {dim} is cut by {by}, expected {axis.value}")


def expect_uncut(layout: LayoutAttr, dim: int, axis: Axis) -> None:
    """Refuse a layout in which `dim` is cut, or in which `axis` is busy."""
    cut = layout.split[dim]
    if cut is not None:
        raise VerifyException(
            f"dimension {dim} is cut by {Axis.of(cut).value}, expected it whole on every PE"
        )
    if axis.number in layout.split:
        raise VerifyException(
            f"{axis.value} already cuts dimension {layout.split.index(axis.number)}, "
            f"expected no dimension"
        )
