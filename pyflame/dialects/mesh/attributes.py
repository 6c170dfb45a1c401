"""Layouts as tensor encodings, the axes of a rectangle, and the kinds of reduction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from xdsl.dialects.builtin import ArrayAttr, IntAttr, NoneAttr, TensorType
from xdsl.dialects.utils.enum_attribute import EnumAttribute
from xdsl.ir import Attribute, ParametrizedAttribute, SpacedOpaqueSyntaxAttribute, SSAValue
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.str_enum import StrEnum

from pyflame.layout import COLS, ROWS, MeshLayout

Split = tuple[int | None, ...]
"""The rectangle axis (`ROWS`, `COLS`) that cuts each dimension, or None where none does."""


ARGUMENT_NAME = "pyflame.name"
"""Function argument attribute: the host's name of the argument. Arguments of one name are one
tensor of the host, placed once for each."""


class Axis(StrEnum):
    """An axis of the rectangle. *Along cols* is from west to east, *along rows* north to south."""

    ROWS = "rows"
    COLS = "cols"

    @property
    def number(self) -> int:
        """`pyflame.layout.ROWS` or `COLS`."""
        return ROWS if self is Axis.ROWS else COLS

    @staticmethod
    def of(index: int) -> Axis:
        """The axis of `pyflame.layout.ROWS` or `COLS`."""
        return (Axis.ROWS, Axis.COLS)[index]


@irdl_attr_definition
class AxisAttr(EnumAttribute[Axis], SpacedOpaqueSyntaxAttribute):
    """An axis of the rectangle, as ops name it."""

    name = "mesh.axis"


class Kind(StrEnum):
    """How values combine in a reduction. `MAX` and `MIN` give NaN if any value is NaN."""

    SUM = "sum"
    PROD = "prod"
    MAX = "max"
    MIN = "min"


@irdl_attr_definition
class KindAttr(EnumAttribute[Kind], SpacedOpaqueSyntaxAttribute):
    """The kind of a reduction."""

    name = "mesh.kind"


_UNCUT = -1


@irdl_attr_definition
class LayoutAttr(ParametrizedAttribute):
    """
    Where a tensor lives on a rectangle of PEs; the encoding of a tensor type.

    ```mlir
    #mesh.layout<8x4, [rows, -]>                      // dimension 0 cut over rows, replicas on cols
    #mesh.layout<8x4, [rows], partial sum [cols]>     // each PE of a row holds a contribution
    #mesh.layout<8x4, [rows, -], on [cols 3]>         // only the PEs of column 3 hold it
    ```

    `rows` × `cols` is the rectangle. `dims` holds the axis that cuts each dimension, or -1.
    `partial` lists the axes along which every PE holds a contribution, which combine by `kind`.
    `root` is, for each axis, the only PE position that holds the value, or -1 where all do.
    """

    name = "mesh.layout"

    rows: IntAttr
    cols: IntAttr
    dims: ArrayAttr[IntAttr]
    partial: ArrayAttr[IntAttr]
    kind: KindAttr | NoneAttr
    root: ArrayAttr[IntAttr]

    @classmethod
    def get(
        cls,
        rows: int,
        cols: int,
        split: Split,
        partial: Sequence[int] = (),
        kind: Kind | None = None,
        root: tuple[int | None, int | None] = (None, None),
    ) -> Self:
        """The layout of these parts; `partial` (axes) and `kind` go together."""
        return cls(
            IntAttr(rows),
            IntAttr(cols),
            _int_array(split),
            _int_array(sorted(partial)),
            KindAttr(kind) if kind is not None else NoneAttr(),
            _int_array(root),
        )

    @classmethod
    def from_layout(cls, layout: MeshLayout, rank: int) -> Self:
        """The attribute of the API's `layout` for a tensor of `rank` dimensions."""
        decided = layout.for_rank(rank)
        return cls.get(decided.rows, decided.cols, decided.split or ())

    def to_layout(self) -> MeshLayout:
        """The API's layout: how dimensions are cut, without `partial` and `root`."""
        return MeshLayout(*self.rectangle, "grid", self.split)

    @property
    def rectangle(self) -> tuple[int, int]:
        """(rows, cols)."""
        return self.rows.data, self.cols.data

    @property
    def split(self) -> Split:
        """The axis that cuts each dimension, or None."""
        return tuple(None if d.data == _UNCUT else d.data for d in self.dims)

    @property
    def partial_axes(self) -> tuple[int, ...]:
        """The axes along which the value is partial."""
        return tuple(a.data for a in self.partial)

    @property
    def reduction(self) -> Kind | None:
        """How partial values combine; None if there are none."""
        return self.kind.data if isinstance(self.kind, KindAttr) else None

    @property
    def roots(self) -> tuple[int | None, int | None]:
        """For each axis the position of the PEs that alone hold the value, or None."""
        row, col = (None if r.data == _UNCUT else r.data for r in self.root)
        return row, col

    def extent(self, axis: int) -> int:
        """Number of PEs along an axis."""
        return self.rectangle[axis]

    def with_split(self, split: Split) -> LayoutAttr:
        """The same layout with dimensions cut by `split`."""
        return LayoutAttr.get(*self.rectangle, split, self.partial_axes, self.reduction, self.roots)

    def with_partial(self, axes: Sequence[int], kind: Kind | None) -> LayoutAttr:
        """The same layout, partial along `axes` by `kind`; without axes, partial no more."""
        return LayoutAttr.get(*self.rectangle, self.split, axes, kind if axes else None, self.roots)

    def with_root(self, axis: int, position: int | None) -> LayoutAttr:
        """The same layout, held only at `position` of `axis`; None: held all along it."""
        row, col = self.roots
        roots = (position, col) if axis == ROWS else (row, position)
        return LayoutAttr.get(*self.rectangle, self.split, self.partial_axes, self.reduction, roots)

    def verify(self) -> None:
        """Check that the parts agree."""
        rectangle = self.rectangle
        if min(rectangle) < 1:
            raise VerifyException(
                f"rectangle is {rectangle[0]}x{rectangle[1]}, expected at least 1x1 PEs"
            )
        if any(d.data not in (_UNCUT, ROWS, COLS) for d in (*self.dims, *self.partial)):
            raise VerifyException(f"axes {self.dims} and {self.partial} must be 0, 1 or -1")
        used = [a for a in (*self.split, *self.partial_axes) if a is not None]
        twice = [Axis.of(a).value for a in (ROWS, COLS) if used.count(a) > 1]
        if twice:
            raise VerifyException(f"axis {twice[0]} is used twice, expected at most once")
        if bool(self.partial_axes) != (self.reduction is not None):
            raise VerifyException("partial axes and the kind of reduction go together")
        if len(self.root) != 2:
            raise VerifyException(f"root has {len(self.root)} entries, expected 2")
        for axis, position in enumerate(self.roots):
            if position is not None and not 0 <= position < rectangle[axis]:
                raise VerifyException(
                    f"root {Axis.of(axis).value} {position} must lie within 0 to "
                    f"{rectangle[axis] - 1}"
                )

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> list[Attribute]:
        """``<8x4, [rows, -], partial sum [cols], on [cols 3]>``"""
        with parser.in_angle_brackets():
            at = parser.pos
            sizes = parser.parse_dimension_list()
            if len(sizes) != 2:
                parser.raise_error("a rectangle is written as ROWSxCOLS", at, parser.pos)
            parser.parse_punctuation(",")
            split = parser.parse_comma_separated_list(
                parser.Delimiter.SQUARE, lambda: _parse_cut(parser), " in layout"
            )
            partial: list[int] = []
            kind: Attribute = NoneAttr()
            root = [_UNCUT, _UNCUT]
            while parser.parse_optional_punctuation(","):
                if parser.parse_optional_keyword("partial"):
                    kind = KindAttr(parser.parse_str_enum(Kind))
                    partial = parser.parse_comma_separated_list(
                        parser.Delimiter.SQUARE, lambda: parser.parse_str_enum(Axis).number
                    )
                else:
                    parser.parse_keyword("on")
                    for axis, position in parser.parse_comma_separated_list(
                        parser.Delimiter.SQUARE, lambda: _parse_root(parser)
                    ):
                        root[axis] = position
        rows, cols = sizes
        return [
            IntAttr(rows),
            IntAttr(cols),
            _int_array(split),
            _int_array(partial),
            kind,
            _int_array(root),
        ]

    def print_parameters(self, printer: Printer) -> None:
        """As `parse_parameters` reads it."""
        with printer.in_angle_brackets():
            printer.print_string(self.body())

    def body(self) -> str:
        """The text between the angle brackets, as messages show a layout."""
        names = ("-" if a is None else Axis.of(a).value for a in self.split)
        parts = [f"{self.rows.data}x{self.cols.data}", f"[{', '.join(names)}]"]
        if self.reduction is not None:
            axes = ", ".join(Axis.of(a).value for a in self.partial_axes)
            parts.append(f"partial {self.reduction.value} [{axes}]")
        roots = [
            f"{Axis.of(axis).value} {at}" for axis, at in enumerate(self.roots) if at is not None
        ]
        if roots:
            parts.append(f"on [{', '.join(roots)}]")
        return ", ".join(parts)


def _int_array(values: Sequence[int | None]) -> ArrayAttr[IntAttr]:
    return ArrayAttr(IntAttr(_UNCUT if v is None else v) for v in values)


def _parse_cut(parser: AttrParser) -> int:
    if parser.parse_optional_punctuation("-"):
        return _UNCUT
    return parser.parse_str_enum(Axis).number


def _parse_root(parser: AttrParser) -> tuple[int, int]:
    return parser.parse_str_enum(Axis).number, parser.parse_integer(allow_negative=False)


def layout_of(value: SSAValue | Attribute) -> LayoutAttr:
    """The layout of a distributed tensor (a value, or its type).

    Raises:
        VerifyException: not a tensor with a layout of its rank.
    """
    type = value.type if isinstance(value, SSAValue) else value
    if not isinstance(type, TensorType):
        raise VerifyException(f"type {type} is not a tensor")
    if not isinstance(type.encoding, LayoutAttr):
        raise VerifyException(f"type {type} has no layout, expected an encoding #mesh.layout<…>")
    if len(type.encoding.dims) != type.get_num_dims():
        raise VerifyException(
            f"layout <{type.encoding.body()}> cuts {len(type.encoding.dims)} dimensions, "
            f"but the tensor has {type.get_num_dims()}"
        )
    return type.encoding


def shape_of(value: SSAValue | Attribute) -> tuple[int, ...]:
    """The global shape of a tensor (a value, or its type)."""
    type = value.type if isinstance(value, SSAValue) else value
    if not isinstance(type, TensorType):
        raise VerifyException(f"type {type} is not a tensor")
    return type.get_shape()


def element_of(value: SSAValue | Attribute) -> Attribute:
    """The element type of a tensor (a value, or its type)."""
    type = value.type if isinstance(value, SSAValue) else value
    if not isinstance(type, TensorType):
        raise VerifyException(f"type {type} is not a tensor")
    return type.get_element_type()


def tile_of(value: SSAValue | Attribute) -> tuple[int, ...]:
    """Shape of the tile that every PE stores of a distributed tensor."""
    return layout_of(value).to_layout().tile_shape(shape_of(value))


def distributed(element: Attribute, shape: Sequence[int], layout: LayoutAttr) -> TensorType:
    """The type of a tensor of `shape` distributed by `layout`."""
    return TensorType(element, shape, layout)
