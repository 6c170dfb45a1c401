"""Views, and the ops that one DSD operation performs."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import (
    Float16Type,
    Float32Type,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    i64,
)
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import (
    AnyAttr,
    AttrSizedOperandSegments,
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import MemoryReadEffect, MemoryWriteEffect, Pure
from xdsl.utils.exceptions import VerifyException

from pyflame.dialects.dataflow.types import DYNAMIC, ViewType, view_type
from pyflame.dialects.mesh.attributes import Kind, KindAttr

Index = SSAValue | Operation


@irdl_op_definition
class ViewOp(IRDLOperation):
    """
    A window of a buffer.

    ```mlir
    %v = dataflow.view %x offset (%k) sizes (%n) base 4
      : memref<8x32xf32> -> !dataflow.view<8x?xf32, [32, 1]>
    ```

    The buffer is taken as flat. The window starts at element `base` + `offset` (both default to
    0); `sizes` gives the unknown sizes of the result type in order. It must lie within the buffer
    (checked here where everything is known).
    """

    name = "dataflow.view"
    buffer = operand_def(MemRefType)
    offset = opt_operand_def(IndexType())
    sizes = var_operand_def(IndexType())
    base = prop_def(IntegerAttr.constr(i64), default_value=IntegerAttr(0, i64))
    result = result_def(ViewType)
    traits = traits_def(Pure())
    irdl_options = (AttrSizedOperandSegments(as_property=True), ParsePropInAttrDict())

    assembly_format = (
        "$buffer (`offset` `(` $offset^ `)`)? (`sizes` `(` $sizes^ `)`)? (`base` $base^)? "
        "attr-dict `:` type($buffer) `->` type($result)"
    )

    def __init__(
        self,
        buffer: SSAValue | Operation,
        type: ViewType,
        base: int = 0,
        offset: Index | None = None,
        sizes: Sequence[Index] = (),
    ) -> None:
        super().__init__(
            operands=[buffer, [offset] if offset is not None else [], sizes],
            properties={"base": IntegerAttr(base, i64)},
            result_types=[type],
        )

    @property
    def type(self) -> ViewType:
        """The type of the window."""
        return view_type(self.result)

    @property
    def size_values(self) -> tuple[int | SSAValue, ...]:
        """Every size, a number or the value that gives it."""
        unknown = iter(self.sizes)
        return tuple(next(unknown) if n == DYNAMIC else n for n in self.type.sizes)

    def verify_(self) -> None:
        """Element types and counts agree; a window that is known lies within the buffer."""
        buffer, type = self.buffer.type, self.type
        assert isinstance(buffer, MemRefType)
        if buffer.element_type != type.element:
            raise VerifyException(
                f"view has elements {type.element}, the buffer {buffer.element_type}"
            )
        if len(self.sizes) != len(type.dynamic_dims):
            raise VerifyException(
                f"has {len(self.sizes)} sizes for {len(type.dynamic_dims)} unknown sizes of {type}"
            )
        if self.offset is not None or type.dynamic_dims:
            return
        base, count = self.base.value.data, buffer.element_count()
        reach = [s * (n - 1) for n, s in zip(type.sizes, type.stride_values, strict=True)]
        low, high = base + sum(min(0, r) for r in reach), base + sum(max(0, r) for r in reach)
        if low < 0 or high >= count:
            raise VerifyException(
                f"view covers elements {low} to {high}, the buffer has 0 to {count - 1}"
            )


def is_scalar(type: Attribute) -> bool:
    """Whether `type` is a number that a vector op may take in place of a view."""
    return isinstance(type, Float16Type | Float32Type | IntegerType)


def operand_element(value: SSAValue) -> Attribute:
    """The element type of a view or scalar operand."""
    return value.type if is_scalar(value.type) else view_type(value).element


Signature = tuple[str, ...]
"""Element types of destination and sources, as MLIR spells them."""


def _same(element: str, count: int) -> Signature:
    return (element,) * count


class VectorOp(IRDLOperation, ABC):
    """
    One DSD operation over whole views: ``dest = f(sources)``, element by element in order.

    All views have equal sizes. A source may be the destination, or a scalar. `BUILTINS` names the
    CSL builtin for each combination of element types; what is not in it does not exist.
    Subclasses name `dest` again, first: xDSL orders operands from the subclass upward.
    """

    dest = operand_def(ViewType)
    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())

    BUILTINS: ClassVar[dict[Signature, str]]

    def __init__(self, *operands: SSAValue | Operation) -> None:
        """Build the op on its destination and sources, in the order of the builtin's."""
        super().__init__(operands=operands)

    @property
    def sources(self) -> tuple[SSAValue, ...]:
        """The operands that are read, in the order of the builtin's."""
        return tuple(self.operands[1:])

    @property
    def builtin(self) -> str:
        """The CSL builtin that performs this op, without ``@``."""
        return self.BUILTINS[self._signature()]

    @property
    def dest_type(self) -> ViewType:
        """The type of the destination."""
        return view_type(self.dest)

    def _signature(self) -> Signature:
        return tuple(str(operand_element(value)) for value in self.operands)

    def verify_(self) -> None:
        """Sizes are equal, and a builtin exists for the element types."""
        for value in self.sources:
            if not is_scalar(value.type) and view_type(value).sizes != self.dest_type.sizes:
                raise VerifyException(
                    f"source {value.type} and destination {self.dest.type} have different sizes"
                )
        if self._signature() not in self.BUILTINS:
            have = ", ".join("(" + ", ".join(s) + ")" for s in self.BUILTINS)
            raise VerifyException(
                f"no DSD operation for elements ({', '.join(self._signature())}), "
                f"expected one of {have}"
            )
        if self.sources and len(self.sources) > 1 and all(is_scalar(s.type) for s in self.sources):
            raise VerifyException("all sources are scalars, expected at least one view")
        self.verify_dest()

    def verify_dest(self) -> None:
        """Every element of the destination is written once."""
        if self.dest_type.repeats:
            raise VerifyException(
                f"destination {self.dest.type} repeats elements; use dataflow.reduce"
            )


class UnaryOp(VectorOp, ABC):
    """``dest = f(source)``."""

    dest = operand_def(ViewType)
    source = operand_def(AnyAttr())

    assembly_format = "$dest `,` $source attr-dict `:` type($dest) `,` type($source)"


class BinaryOp(VectorOp, ABC):
    """``dest = f(lhs, rhs)``."""

    dest = operand_def(ViewType)
    lhs = operand_def(AnyAttr())
    rhs = operand_def(AnyAttr())

    assembly_format = (
        "$dest `,` $lhs `,` $rhs attr-dict `:` type($dest) `,` type($lhs) `,` type($rhs)"
    )


@irdl_op_definition
class CopyOp(UnaryOp):
    """dest = source; with a scalar source, a fill.

    ```mlir
    dataflow.copy %d, %s : !dataflow.view<8xf32, [1]>, !dataflow.view<8xf32, [32]>
    ```
    """

    name = "dataflow.copy"
    BUILTINS: ClassVar = {
        _same("f32", 2): "fmovs",
        _same("f16", 2): "fmovh",
        _same("i32", 2): "mov32",
        _same("i16", 2): "mov16",
    }


@irdl_op_definition
class ConvertOp(UnaryOp):
    """dest = source in the destination's float type.

    ```mlir
    dataflow.convert %d, %s : !dataflow.view<8xf32, [1]>, !dataflow.view<8xf16, [1]>
    ```
    """

    name = "dataflow.convert"
    BUILTINS: ClassVar = {("f32", "f16"): "fh2s", ("f16", "f32"): "fs2h"}


@irdl_op_definition
class NegOp(UnaryOp):
    """dest = -source.

    ```mlir
    dataflow.neg %d, %s : !dataflow.view<8xf32, [1]>, !dataflow.view<8xf32, [1]>
    ```
    """

    name = "dataflow.neg"
    BUILTINS: ClassVar = {_same("f32", 2): "fnegs", _same("f16", 2): "fnegh"}


@irdl_op_definition
class AbsOp(UnaryOp):
    """dest = |source|.

    ```mlir
    dataflow.abs %d, %s : !dataflow.view<8xf32, [1]>, !dataflow.view<8xf32, [1]>
    ```
    """

    name = "dataflow.abs"
    BUILTINS: ClassVar = {_same("f32", 2): "fabss", _same("f16", 2): "fabsh"}


@irdl_op_definition
class AddOp(BinaryOp):
    """dest = lhs + rhs.

    ```mlir
    dataflow.add %d, %a, %b : !dataflow.view<8xf32, [1]>, !dataflow.view<8xf32, [1]>, f32
    ```
    """

    name = "dataflow.add"
    BUILTINS: ClassVar = {
        _same("f32", 3): "fadds",
        _same("f16", 3): "faddh",
        ("f32", "f32", "f16"): "faddhs",
    }


@irdl_op_definition
class SubOp(BinaryOp):
    """dest = lhs - rhs.

    ```mlir
    dataflow.sub %d, %a, %b : !dataflow.view<8xf32, [1]>, !dataflow.view<8xf32, [1]>, f32
    ```
    """

    name = "dataflow.sub"
    BUILTINS: ClassVar = {_same("f32", 3): "fsubs", _same("f16", 3): "fsubh"}


@irdl_op_definition
class MulOp(BinaryOp):
    """dest = lhs * rhs.

    ```mlir
    dataflow.mul %d, %a, %b : !dataflow.view<8xf32, [1]>, !dataflow.view<8xf32, [1]>, f32
    ```
    """

    name = "dataflow.mul"
    BUILTINS: ClassVar = {_same("f32", 3): "fmuls", _same("f16", 3): "fmulh"}


@irdl_op_definition
class MaxOp(BinaryOp):
    """dest = the larger of lhs and rhs.

    ```mlir
    dataflow.max %d, %a, %b : !dataflow.view<8xf32, [1]>, !dataflow.view<8xf32, [1]>, f32
    ```
    """

    name = "dataflow.max"
    BUILTINS: ClassVar = {_same("f32", 3): "fmaxs", _same("f16", 3): "fmaxh"}


@irdl_op_definition
class MacOp(VectorOp):
    """dest = addend + factor * scalar.

    ```mlir
    dataflow.mac %d, %a, %b, %s
      : !dataflow.view<8xf32, [1]>, !dataflow.view<8xf32, [1]>, !dataflow.view<8xf16, [1]>, f16
    ```
    """

    name = "dataflow.mac"
    dest = operand_def(ViewType)
    addend = operand_def(ViewType)
    factor = operand_def(ViewType)
    scalar = operand_def(AnyAttr())
    BUILTINS: ClassVar = {
        _same("f32", 4): "fmacs",
        _same("f16", 4): "fmach",
        ("f32", "f32", "f16", "f16"): "fmachs",
    }

    assembly_format = (
        "$dest `,` $addend `,` $factor `,` $scalar attr-dict `:` "
        "type($dest) `,` type($addend) `,` type($factor) `,` type($scalar)"
    )

    def verify_(self) -> None:
        """The last operand is a scalar."""
        super().verify_()
        if not is_scalar(self.scalar.type):
            raise VerifyException(f"the last operand is {self.scalar.type}, expected a scalar")


@irdl_op_definition
class ReduceOp(VectorOp):
    """Combine the source into a smaller accumulator whose view repeats where it is summed over.

    ```mlir
    dataflow.reduce sum %acc, %x
      : !dataflow.view<8x32xf32, [1, 0]>, !dataflow.view<8x32xf32, [32, 1]>
    ```

    ``acc = acc + x`` for every element of x in order, each seeing the result of the one before:
    one DSD operation with the accumulator as destination and first source. The accumulator holds
    a start value already.
    """

    name = "dataflow.reduce"
    kind = prop_def(KindAttr)
    dest = operand_def(ViewType)
    source = operand_def(ViewType)

    assembly_format = "$kind $dest `,` $source attr-dict `:` type($dest) `,` type($source)"

    BUILTINS: ClassVar = {}
    BUILTINS_BY_KIND: ClassVar[dict[Kind, dict[Signature, str]]] = {
        Kind.SUM: {
            _same("f32", 2): "fadds",
            _same("f16", 2): "faddh",
            ("f32", "f16"): "faddhs",
        },
        Kind.PROD: {_same("f32", 2): "fmuls", _same("f16", 2): "fmulh"},
        Kind.MAX: {_same("f32", 2): "fmaxs", _same("f16", 2): "fmaxh"},
    }

    def __init__(
        self, kind: Kind, dest: SSAValue | Operation, source: SSAValue | Operation
    ) -> None:
        super().__init__(dest, source)
        self.kind = KindAttr(kind)

    @property
    def builtin(self) -> str:
        """The CSL builtin, called as ``@builtin(dest, dest, source)``."""
        return self.BUILTINS_BY_KIND[self.kind.data][self._signature()]

    def verify_(self) -> None:
        """Sizes are equal, and a builtin exists for the kind and element types."""
        if view_type(self.source).sizes != self.dest_type.sizes:
            raise VerifyException(
                f"source {self.source.type} and accumulator {self.dest.type} have different sizes"
            )
        if self._signature() not in self.BUILTINS_BY_KIND.get(self.kind.data, {}):
            raise VerifyException(
                f"no DSD operation for {self.kind.data.value} of ({', '.join(self._signature())})"
            )


VECTOR: tuple[type[VectorOp], ...] = (
    CopyOp,
    ConvertOp,
    NegOp,
    AbsOp,
    AddOp,
    SubOp,
    MulOp,
    MaxOp,
    MacOp,
    ReduceOp,
)
