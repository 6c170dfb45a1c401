"""Views of buffers and completion tokens."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    ArrayAttr,
    Float16Type,
    Float32Type,
    IntAttr,
    IntegerType,
)
from xdsl.ir import Attribute, ParametrizedAttribute, SSAValue, TypeAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

DYNAMIC = DYNAMIC_INDEX
"""The size of a dimension that is known only at run time."""

MAX_RANK = 4
"""Dimensions that one descriptor walks."""


@irdl_attr_definition
class ViewType(ParametrizedAttribute, TypeAttribute):
    """
    A strided window of a buffer: what one DSD describes.

    ```mlir
    !dataflow.view<8x?xf32, [32, 1]>
    ```

    Elements are walked in row-major order of `shape`; one step along a dimension moves `strides`
    elements in memory. Stride 0 repeats. ``?`` is a size known only at run time. Where a view
    starts is not part of its type.
    """

    name = "dataflow.view"

    shape: ArrayAttr[IntAttr]
    strides: ArrayAttr[IntAttr]
    element: Attribute

    @classmethod
    def get(cls, element: Attribute, shape: Sequence[int], strides: Sequence[int]) -> ViewType:
        """A view of `shape` (`DYNAMIC` where unknown) with `strides` in elements."""
        return cls(_ints(shape), _ints(strides), element)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Size of each dimension, `DYNAMIC` where unknown."""
        return tuple(n.data for n in self.shape)

    @property
    def stride_values(self) -> tuple[int, ...]:
        """Distance in elements between neighbours along each dimension."""
        return tuple(n.data for n in self.strides)

    @property
    def rank(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def dynamic_dims(self) -> tuple[int, ...]:
        """The dimensions of unknown size."""
        return tuple(d for d, n in enumerate(self.sizes) if n == DYNAMIC)

    @property
    def num_elements(self) -> int | None:
        """Elements walked, None if unknown."""
        return None if self.dynamic_dims else prod(self.sizes)

    @property
    def repeats(self) -> bool:
        """Whether some element is walked more than once."""
        return any(s == 0 and n != 1 for n, s in zip(self.sizes, self.stride_values, strict=True))

    def collapsed(self) -> ViewType:
        """The view of lowest rank that walks the same elements in the same order."""
        return ViewType.get(self.element, *collapse(self.sizes, self.stride_values))

    def verify(self) -> None:
        """Sizes are at least 1, elements are numbers."""
        if len(self.shape) != len(self.strides):
            raise VerifyException(
                f"view has {len(self.shape)} dimensions and {len(self.strides)} strides"
            )
        if any(n < 1 and n != DYNAMIC for n in self.sizes):
            raise VerifyException(
                f"view has sizes {list(self.sizes)}, expected at least 1; "
                "an empty view is not an operand but an `scf.if` around the op"
            )
        if not is_element(self.element):
            raise VerifyException(f"view has elements {self.element}, expected f16, f32, i16, i32")

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> list[Attribute]:
        """``<8x?xf32, [32, 1]>``"""
        with parser.in_angle_brackets():
            shape, element = parser.parse_ranked_shape()
            parser.parse_punctuation(",")
            strides = parser.parse_comma_separated_list(
                parser.Delimiter.SQUARE, lambda: parser.parse_integer(allow_boolean=False)
            )
        return [_ints(shape), _ints(strides), element]

    def print_parameters(self, printer: Printer) -> None:
        """As `parse_parameters` reads it."""
        with printer.in_angle_brackets():
            for n in self.sizes:
                printer.print_string("?x" if n == DYNAMIC else f"{n}x")
            printer.print_attribute(self.element)
            printer.print_string(f", {list(self.stride_values)}")


@irdl_attr_definition
class TokenType(ParametrizedAttribute, TypeAttribute):
    """The completion of an asynchronous `dataflow.send`."""

    name = "dataflow.token"


def _ints(values: Sequence[int]) -> ArrayAttr[IntAttr]:
    return ArrayAttr(IntAttr(v) for v in values)


def is_element(type: Attribute) -> bool:
    """Whether buffers may have elements of `type`."""
    if isinstance(type, IntegerType):
        return type.width.data in (16, 32)
    return isinstance(type, Float16Type | Float32Type)


def element_size(type: Attribute) -> int:
    """Size of an element in bytes."""
    if isinstance(type, IntegerType):
        return type.width.data // 8
    return 2 if isinstance(type, Float16Type) else 4


def view_type(value: SSAValue | Attribute) -> ViewType:
    """The type of a view (a value, or its type).

    Raises:
        VerifyException: not a view.
    """
    type = value.type if isinstance(value, SSAValue) else value
    if not isinstance(type, ViewType):
        raise VerifyException(f"operand is {type}, expected a !dataflow.view")
    return type


def collapse(
    sizes: Sequence[int], strides: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Sizes and strides of the fewest dimensions that walk the same elements in the same order.

    Dimensions of size 1 vanish; neighbours merge where the outer stride is the inner extent. A
    dimension of unknown size merges with none.
    """
    result: list[tuple[int, int]] = []
    for n, s in zip(sizes, strides, strict=True):
        if n == 1:
            continue
        if result and DYNAMIC not in (n, result[-1][0]) and result[-1][1] == n * s:
            result[-1] = (result[-1][0] * n, s)
        else:
            result.append((n, s))
    return tuple(n for n, _ in result), tuple(s for _, s in result)


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides of a dense row-major array of `shape`."""
    return tuple(prod(shape[d + 1 :]) for d in range(len(shape)))
