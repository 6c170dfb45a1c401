"""Local computation: what every PE does to its own tiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseArrayBase,
    Float16Type,
    Float32Type,
    IndexType,
    IntegerType,
    TensorType,
    UnitAttr,
    f32,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.irdl.declarative_assembly_format import (
    AttributeVariable,
    CustomDirective,
    ParsingState,
    PrintingState,
    irdl_custom_directive,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import IsolatedFromAbove, IsTerminator, Pure
from xdsl.utils.exceptions import VerifyException

from pyflame.dialects.mesh.attributes import (
    Kind,
    KindAttr,
    LayoutAttr,
    distributed,
    element_of,
    layout_of,
    shape_of,
)
from pyflame.dialects.mesh.base import MeshOp, expect_result, expect_whole
from pyflame.dialects.mesh.reshaping import reshaped_split

Map = tuple[int, ...]
"""For each dimension of an operand the result dimension it runs along, or -1."""

Maps = ArrayAttr[DenseArrayBase[IntegerType]]


def maps_attr(maps: Sequence[Sequence[int]]) -> Maps:
    """The attribute that holds the `maps` of a `mesh.compute`."""
    return ArrayAttr(DenseArrayBase.from_list(i64, list(m)) for m in maps)


@irdl_custom_directive
class MapsDirective(CustomDirective):
    """Maps as nested lists: ``[[0, 1], [1]]``."""

    maps: AttributeVariable

    def parse(self, parser: Parser, state: ParsingState) -> None:
        """Read ``[[0, 1], [1]]``."""

        def parse_map() -> list[int]:
            return parser.parse_comma_separated_list(
                parser.Delimiter.SQUARE, lambda: parser.parse_integer(allow_boolean=False)
            )

        maps = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, parse_map)
        self.maps.set(state, maps_attr(maps))

    def print(self, printer: Printer, state: PrintingState, op: IRDLOperation) -> None:
        """Write ``[[0, 1], [1]]``."""
        assert isinstance(op, ComputeOp)
        state.print_whitespace(printer)
        printer.print_string(str([list(m) for m in op.map_values]))


@irdl_op_definition
class YieldOp(IRDLOperation):
    """The values of a `mesh.compute` body or of a step of `mesh.for_panels`."""

    name = "mesh.yield"
    arguments = var_operand_def()
    traits = traits_def(IsTerminator())

    assembly_format = "($arguments^ `:` type($arguments))? attr-dict"

    def __init__(self, *arguments: SSAValue | Operation) -> None:
        super().__init__(operands=[arguments])


@irdl_op_definition
class ComputeOp(MeshOp):
    """
    A scalar body applied to every element; without operands, a fill.

    ```mlir
    %y = mesh.compute ins(%x, %b : tensor<64x250xf32, #L>, tensor<250xf32, #Lb>)
        maps [[0, 1], [1]] {
    ^bb0(%xe: f32, %be: f32):
      %s = arith.addf %xe, %be : f32
      mesh.yield %s : f32
    } : tensor<64x250xf32, #L>
    ```

    `maps[i][d]` is the result dimension along which dimension d of operand i runs, or -1 where
    that dimension has size 1 and repeats. Dimensions on one another are cut alike, so nothing
    moves. The body is made of `arith` and `math` ops, and isolated.
    """

    name = "mesh.compute"
    ins = var_operand_def(TensorType)
    maps = prop_def(Maps)
    body = region_def("single_block")
    result = result_def(TensorType)
    traits = traits_def(Pure(), IsolatedFromAbove())
    custom_directives = (MapsDirective,)

    assembly_format = (
        "`ins` `(` ($ins^ `:` type($ins))? `)` `maps` custom<MapsDirective>($maps) $body "
        "attr-dict `:` type($result)"
    )

    def __init__(
        self,
        ins: Sequence[SSAValue | Operation],
        maps: Sequence[Sequence[int]],
        body: Region | Block,
        result_type: TensorType[Attribute],
    ) -> None:
        super().__init__(
            operands=[ins],
            properties={"maps": maps_attr(maps)},
            regions=[Region(body) if isinstance(body, Block) else body],
            result_types=[result_type],
        )

    @property
    def map_values(self) -> tuple[Map, ...]:
        """The maps as plain tuples."""
        return tuple(tuple(int(d) for d in m.get_values()) for m in self.maps)

    def verify_mesh(self) -> None:
        """Maps fit shapes and layouts; the body fits the element types."""
        maps = self.map_values
        if len(maps) != len(self.ins):
            raise VerifyException(f"has {len(maps)} maps for {len(self.ins)} operands")
        layout = layout_of(self.result)
        expect_whole("result", layout)
        for index, (operand, map) in enumerate(zip(self.ins, maps, strict=True)):
            self._verify_operand(f"operand {index}", operand, map)
        self._verify_body()

    def _verify_operand(self, what: str, operand: SSAValue, map: Map) -> None:
        shape, result_shape = shape_of(operand), shape_of(self.result)
        layout, result_layout = layout_of(operand), layout_of(self.result)
        expect_whole(what, layout)
        used = [d for d in map if d >= 0]
        if len(map) != len(shape) or len(set(used)) != len(used):
            raise VerifyException(
                f"{what} of shape {list(shape)} has map {list(map)}, "
                "expected one result dimension per dimension, none twice"
            )
        for d, to in enumerate(map):
            if not -1 <= to < len(result_shape):
                raise VerifyException(f"{what} maps dimension {d} to {to}, out of range")
            if to == -1 and (shape[d] != 1 or layout.split[d] is not None):
                raise VerifyException(
                    f"{what} repeats dimension {d} of size {shape[d]} in layout "
                    f"<{layout.body()}>, expected size 1, not cut"
                )
            if to >= 0 and (shape[d], layout.split[d]) != (
                result_shape[to],
                result_layout.split[to],
            ):
                raise VerifyException(
                    f"{what} maps dimension {d} (size {shape[d]}, layout <{layout.body()}>) to "
                    f"result dimension {to} (size {result_shape[to]}, layout "
                    f"<{result_layout.body()}>), expected equal sizes cut by the same axis"
                )
        for mine, its in zip(layout.roots, result_layout.roots, strict=True):
            if mine not in (None, its):
                raise VerifyException(
                    f"{what} lives on <{layout.body()}>, the result on <{result_layout.body()}>"
                )

    def _verify_body(self) -> None:
        block = self.body.block
        expected = [element_of(operand) for operand in self.ins]
        found = [arg.type for arg in block.args]
        if found != expected:
            raise VerifyException(
                f"body takes ({', '.join(map(str, found))}), "
                f"but the operands' elements are ({', '.join(map(str, expected))})"
            )
        last = block.last_op
        if not isinstance(last, YieldOp):
            raise VerifyException("body must end with mesh.yield")
        types = [v.type for v in last.arguments]
        if types != [element_of(self.result)]:
            raise VerifyException(
                f"body yields ({', '.join(map(str, types))}), "
                f"but the result's element is {element_of(self.result)}"
            )
        for op in block.ops:
            if op is not last and op.name.partition(".")[0] not in ("arith", "math"):
                raise VerifyException(f"body has {op.name}, expected only arith and math ops")


@irdl_op_definition
class LocalReduceOp(MeshOp):
    """
    Each PE reduces the valid part of its tile over `dims`; an empty part gives the identity (0,
    1, -inf, inf).

    ```mlir
    %s = mesh.local_reduce sum %x dims [1]
      : tensor<64x250xf32, #mesh.layout<8x8, [rows, cols]>>
        -> tensor<64xf32, #mesh.layout<8x8, [rows], partial sum [cols]>>
    ```

    The axes that cut a reduced dimension become partial. Sums and products of f16 give f32.
    `keepdims` keeps reduced dimensions with size 1.
    """

    name = "mesh.local_reduce"
    kind = prop_def(KindAttr)
    x = operand_def(TensorType)
    dims = prop_def(DenseArrayBase.constr(i64))
    keepdims = opt_prop_def(UnitAttr)
    result = result_def(TensorType)
    traits = traits_def(Pure())

    assembly_format = (
        "$kind $x `dims` $dims (`keepdims` $keepdims^)? attr-dict `:` type($x) `->` type($result)"
    )

    def __init__(
        self, kind: Kind, x: SSAValue | Operation, dims: Sequence[int], keepdims: bool = False
    ) -> None:
        x = SSAValue.get(x)
        super().__init__(
            operands=[x],
            properties={
                "kind": KindAttr(kind),
                "dims": DenseArrayBase.from_list(i64, list(dims)),
                "keepdims": UnitAttr() if keepdims else None,
            },
            result_types=[_reduced_type(kind, x.type, dims, keepdims)],
        )

    @property
    def dim_values(self) -> tuple[int, ...]:
        """The reduced dimensions."""
        return tuple(int(d) for d in self.dims.get_values())

    def verify_mesh(self) -> None:
        """`dims` exist; the result is the operand's tile reduced."""
        dims = self.dim_values
        rank = len(shape_of(self.x))
        if list(dims) != sorted(set(dims)) or any(not 0 <= d < rank for d in dims):
            raise VerifyException(f"dims {list(dims)} of rank {rank} must ascend within it")
        expect_whole("operand", layout_of(self.x))
        expected = _reduced_type(self.kind.data, self.x.type, dims, self.keepdims is not None)
        if self.result.type != expected:
            raise VerifyException(f"result is {self.result.type}, but the operand gives {expected}")


def _reduced_type(
    kind: Kind, x: Attribute, dims: Sequence[int], keepdims: bool
) -> TensorType[Attribute]:
    """The result type of a `mesh.local_reduce`."""
    layout, shape = layout_of(x), shape_of(x)
    kept = [d for d in range(len(shape)) if keepdims or d not in dims]
    axes = [a for d in dims if d < len(shape) and (a := layout.split[d]) is not None]
    result = LayoutAttr.get(
        *layout.rectangle,
        tuple(None if d in dims else layout.split[d] for d in kept),
        axes,
        kind if axes else None,
        layout.roots,
    )
    element = element_of(x)
    if kind in (Kind.SUM, Kind.PROD) and isinstance(element, Float16Type):
        element = f32
    return distributed(element, [1 if d in dims else shape[d] for d in kept], result)


@irdl_op_definition
class MatmulOp(MeshOp):
    """
    acc + a @ b, tile by tile, over a summed dimension that is whole on every PE.

    ```mlir
    %n = mesh.matmul %acc, %ap, %bp over %len
      : tensor<64x96xf32, #mesh.layout<8x4, [rows, cols]>>,
        tensor<64x16xf32, #mesh.layout<8x4, [rows, -]>>,
        tensor<16x96xf32, #mesh.layout<8x4, [-, cols]>>
    ```

    Shapes are [..., M, K] and [..., K, N]; the dimensions before them are not cut and broadcast.
    `transpose_a`, `transpose_b`: the operand is stored [..., K, M] or [..., N, K]. With `over`,
    only the first %len of K count. The accumulator is f32 for f32 and f16 operands.
    """

    name = "mesh.matmul"
    acc = operand_def(TensorType)
    a = operand_def(TensorType)
    b = operand_def(TensorType)
    length = opt_operand_def(IndexType)
    transpose_a = opt_prop_def(UnitAttr)
    transpose_b = opt_prop_def(UnitAttr)
    result = result_def(TensorType)
    traits = traits_def(Pure())

    assembly_format = (
        "$acc `,` $a `,` $b (`over` $length^)? "
        "(`transpose_a` $transpose_a^)? (`transpose_b` $transpose_b^)? attr-dict "
        "`:` type($acc) `,` type($a) `,` type($b) `->` type($result)"
    )

    def __init__(
        self,
        acc: SSAValue | Operation,
        a: SSAValue | Operation,
        b: SSAValue | Operation,
        length: SSAValue | Operation | None = None,
        transpose_a: bool = False,
        transpose_b: bool = False,
    ) -> None:
        super().__init__(
            operands=[acc, a, b, [length] if length is not None else []],
            properties={
                "transpose_a": UnitAttr() if transpose_a else None,
                "transpose_b": UnitAttr() if transpose_b else None,
            },
            result_types=[SSAValue.get(acc).type],
        )

    def verify_mesh(self) -> None:
        """Sizes, cuts and element types of the three operands agree."""
        if self.result.type != self.acc.type:
            raise VerifyException(f"result is {self.result.type}, acc is {self.acc.type}")
        for what, value in (("acc", self.acc), ("a", self.a), ("b", self.b)):
            self._verify_operand(what, value)
        m, k = _matrix(self.a, self.transpose_a is not None)
        k_right, n = _matrix(self.b, self.transpose_b is not None)
        rows, cols = _matrix(self.acc, False)
        if k != k_right or k[1] is not None:
            raise VerifyException(
                f"the summed dimension is {_show(k)} in a and {_show(k_right)} in b, "
                "expected equal sizes, not cut"
            )
        if (m, n) != (rows, cols):
            raise VerifyException(
                f"a has {_show(m)} and b has {_show(n)} outer elements, "
                f"but acc is {_show(rows)} by {_show(cols)}"
            )
        self._verify_batch()

    def _verify_operand(self, what: str, value: SSAValue) -> None:
        layout = layout_of(value)
        expect_whole(what, layout)
        if len(layout.split) < 2 or any(a is not None for a in layout.split[:-2]):
            raise VerifyException(
                f"{what} is {value.type}, expected at least two dimensions, only the last two cut"
            )
        element = element_of(value)
        allowed = (Float32Type,) if what == "acc" else (Float16Type, Float32Type)
        if not isinstance(element, allowed) or (what == "b" and element != element_of(self.a)):
            raise VerifyException(
                f"{what} has elements {element}; expected a and b both f32 or both f16, acc f32"
            )

    def _verify_batch(self) -> None:
        batch = shape_of(self.acc)[:-2]
        for what, value in (("a", self.a), ("b", self.b)):
            mine = shape_of(value)[:-2]
            fits = len(mine) <= len(batch) and all(
                n in (1, to) for n, to in zip(mine[::-1], batch[::-1], strict=False)
            )
            if not fits:
                raise VerifyException(
                    f"batch {list(mine)} of {what} does not broadcast to {list(batch)} of acc"
                )


def _matrix(
    value: SSAValue, transposed: bool
) -> tuple[tuple[int, int | None], tuple[int, int | None]]:
    """(size, axis) of the last two dimensions as the product reads them."""
    shape, split = shape_of(value)[-2:], layout_of(value).split[-2:]
    first, second = zip(shape, split, strict=True)
    return (second, first) if transposed else (first, second)


def _show(dim: tuple[int, int | None]) -> str:
    size, axis = dim
    return f"{size} ({'not cut' if axis is None else ('rows', 'cols')[axis]})"


@irdl_op_definition
class ReshapeOp(MeshOp):
    """
    Another shape for the same elements in row-major order, every PE on its own tile. Dimensions
    that are cut keep their size and axis, and the elements before, between and after them their
    number.

    ```mlir
    %y = mesh.reshape %x : tensor<64x1x6xf32, #mesh.layout<8x1, [rows, -, -]>>
      -> tensor<64x2x3xf32, #mesh.layout<8x1, [rows, -, -]>>
    ```
    """

    name = "mesh.reshape"
    x = operand_def(TensorType)
    result = result_def(TensorType)
    traits = traits_def(Pure())

    assembly_format = "$x attr-dict `:` type($x) `->` type($result)"

    ACCEPTED: ClassVar = "dimensions that are cut keep size and axis"

    def __init__(self, x: SSAValue | Operation, result_type: TensorType[Attribute]) -> None:
        super().__init__(operands=[x], result_types=[result_type])

    def verify_mesh(self) -> None:
        """The result's cuts are the operand's."""
        layout, shape = layout_of(self.x), shape_of(self.x)
        expect_whole("operand", layout)
        split = reshaped_split(shape, layout.split, shape_of(self.result))
        if split is None:
            raise VerifyException(
                f"cannot reshape {self.x.type} to {list(shape_of(self.result))} on every PE alone; "
                f"expected that {self.ACCEPTED}"
            )
        expect_result(
            self.result.type, element_of(self.x), shape_of(self.result), layout.with_split(split)
        )


LOCAL = (ComputeOp, LocalReduceOp, MatmulOp, ReshapeOp, YieldOp)
