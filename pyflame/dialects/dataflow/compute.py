"""Compute that is more than one DSD operation: scalar bodies and products."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import Float16Type, Float32Type
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    prop_def,
    region_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import IsolatedFromAbove, IsTerminator, MemoryReadEffect, MemoryWriteEffect
from xdsl.utils.exceptions import VerifyException

from pyflame.dialects.dataflow.attributes import Vector, VectorAttr
from pyflame.dialects.dataflow.types import ViewType, collapse, view_type


@irdl_op_definition
class YieldOp(IRDLOperation):
    """The value of a `dataflow.map` body."""

    name = "dataflow.yield"
    value = operand_def()
    traits = traits_def(IsTerminator())

    assembly_format = "$value attr-dict `:` type($value)"

    def __init__(self, value: SSAValue | Operation) -> None:
        super().__init__(operands=[value])


@irdl_op_definition
class MapOp(IRDLOperation):
    """
    A scalar body applied to every element: what no DSD operation can do.

    ```mlir
    dataflow.map into %d, ins(%x : !dataflow.view<256xf32, [1]>) {
    ^bb0(%e: f32):
      %r = math.exp %e : f32
      dataflow.yield %r : f32
    } : !dataflow.view<256xf32, [1]>
    ```

    All views have equal sizes; an operand may be the destination. The body is made of `arith` and
    `math` ops, and isolated. In CSL: ``@map(body, ins…, dest)``.
    """

    name = "dataflow.map"
    dest = operand_def(ViewType)
    ins = var_operand_def(ViewType)
    body = region_def("single_block")
    traits = traits_def(IsolatedFromAbove(), MemoryReadEffect(), MemoryWriteEffect())

    assembly_format = (
        "`into` $dest `,` `ins` `(` ($ins^ `:` type($ins))? `)` $body attr-dict `:` type($dest)"
    )

    def __init__(
        self,
        dest: SSAValue | Operation,
        ins: Sequence[SSAValue | Operation],
        body: Region | Block,
    ) -> None:
        super().__init__(
            operands=[dest, ins], regions=[Region(body) if isinstance(body, Block) else body]
        )

    def verify_(self) -> None:
        """Sizes are equal; the body takes and yields elements."""
        dest = view_type(self.dest)
        if dest.repeats:
            raise VerifyException(f"destination {dest} repeats elements")
        for value in self.ins:
            if view_type(value).sizes != dest.sizes:
                raise VerifyException(
                    f"operand {value.type} and destination {dest} have different sizes"
                )
        block = self.body.block
        expected = [view_type(value).element for value in self.ins]
        if list(block.arg_types) != expected:
            raise VerifyException(
                f"body takes ({', '.join(map(str, block.arg_types))}), the operands' elements are "
                f"({', '.join(map(str, expected))})"
            )
        last = block.last_op
        if not isinstance(last, YieldOp) or last.value.type != dest.element:
            raise VerifyException(f"body must end with dataflow.yield of {dest.element}")
        for op in block.ops:
            if op is not last and op.name.partition(".")[0] not in ("arith", "math"):
                raise VerifyException(f"body has {op.name}, expected only arith and math ops")


@irdl_op_definition
class MatmulOp(IRDLOperation):
    """
    c += a @ b on views.

    ```mlir
    dataflow.matmul n %c, %a, %b : !dataflow.view<8x12xf32, [12, 1]>,
      !dataflow.view<8x?xf32, [1, 8]>, !dataflow.view<?x12xf32, [12, 1]>
    ```

    For every k, the vector operation runs over the vectorised dimension of c and is repeated for
    every element of the other: vectorised over n, ``c[i, :] += a[i, k] * b[k, :]`` for every i.
    In CSL: for every k, destination and first source registers start at c and walk over all of it
    (save_address), the second holds the row of b (the column of a, vectorised over m), and
    ``@map(step, column)`` calls a `step` that runs one ``@fmacs(c, c, b, scalar)``. So c must lie
    without gaps in the order of that walk: ``[n, 1]``, or ``[1, m]`` vectorised over m.
    The summed size may be known only at run time, and may be 0.
    """

    name = "dataflow.matmul"
    vector = prop_def(VectorAttr)
    c = operand_def(ViewType)
    a = operand_def(ViewType)
    b = operand_def(ViewType)
    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())

    assembly_format = "$vector $c `,` $a `,` $b attr-dict `:` type($c) `,` type($a) `,` type($b)"

    def __init__(
        self,
        vector: Vector,
        c: SSAValue | Operation,
        a: SSAValue | Operation,
        b: SSAValue | Operation,
    ) -> None:
        super().__init__(operands=[c, a, b], properties={"vector": VectorAttr(vector)})

    @property
    def builtin(self) -> str:
        """The CSL builtin of the vector operation, without ``@``."""
        return "fmacs" if isinstance(view_type(self.a).element, Float32Type) else "fmachs"

    @property
    def vector_length(self) -> int:
        """Elements of one vector operation."""
        return view_type(self.c).sizes[1 if self.vector.data is Vector.N else 0]

    @property
    def scalar_count(self) -> int:
        """Vector operations for each k."""
        return view_type(self.c).sizes[0 if self.vector.data is Vector.N else 1]

    def verify_(self) -> None:
        """Shapes and element types agree; c lies in the order of the walk."""
        c, a, b = (view_type(v) for v in (self.c, self.a, self.b))
        if any(v.rank != 2 for v in (c, a, b)) or c.dynamic_dims:
            raise VerifyException(
                f"operands are {c}, {a}, {b}, expected matrices, the first of known size"
            )
        (m, k), (k_right, n) = a.sizes, b.sizes
        if (m, n) != c.sizes or k != k_right:
            raise VerifyException(f"a is {m}x{k}, b is {k_right}x{n}, c is {c.sizes}")
        if not isinstance(c.element, Float32Type) or a.element != b.element:
            raise VerifyException(
                f"elements of c, a, b are {c.element}, {a.element}, {b.element}, "
                "expected f32 and equal ones"
            )
        if not isinstance(a.element, Float16Type | Float32Type):
            raise VerifyException(f"elements of a are {a.element}, expected f16 or f32")
        walk = slice(None, None, 1 if self.vector.data is Vector.N else -1)
        _, strides = collapse(c.sizes[walk], c.stride_values[walk])
        if strides not in ((), (1,)):
            raise VerifyException(
                f"c is {c}, expected strides "
                f"{[n, 1] if self.vector.data is Vector.N else [1, m]} to vectorise over "
                f"{self.vector.data.value}"
            )


COMPUTE: tuple[type[IRDLOperation], ...] = (MapOp, MatmulOp, YieldOp)
