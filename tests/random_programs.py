"""Small random tensor programs, for tests that run them on several levels."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from hypothesis import strategies as st
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import Block, Region, SSAValue

from pyflame import dtypes
from pyflame.dialects.mesh.attributes import LayoutAttr
from pyflame.dialects.pyflame import contraction, creation, elementwise, movement, reduction
from pyflame.dialects.pyflame.base import PyFlameOp
from pyflame.dialects.pyflame.types import element_type, spec_of
from pyflame.errors import ShapeError
from pyflame.layout import MeshLayout

UNARY = (
    elementwise.NegOp, elementwise.AbsOp, elementwise.ReluOp, elementwise.TanhOp,
    elementwise.ErfOp, elementwise.SinOp,
)  # fmt: skip
ROUNDED_UNARY = (elementwise.SigmoidOp, elementwise.SiluOp, elementwise.GeluOp)
JUMPING_UNARY = (elementwise.SignOp, elementwise.FloorOp)
BINARY = (
    elementwise.AddOp, elementwise.SubtractOp, elementwise.MultiplyOp,
    elementwise.MaximumOp, elementwise.MinimumOp,
)  # fmt: skip
REDUCE = (reduction.SumOp, reduction.MeanOp, reduction.MaxOp, reduction.MinOp)
SIZES = st.sampled_from((1, 1, 2, 2, 3, 3, 5, 5, 7, 7, 0))


@dataclass
class Program:
    """A function as it grows.

    Both levels compute *exact* values alike to the last bit; only these may meet ops that jump,
    where a last bit would decide.
    """

    dtype: dtypes.DType
    block: Block = field(default_factory=Block)
    values: list[SSAValue] = field(default_factory=list)
    exact: set[SSAValue] = field(default_factory=set)

    def argument(self, shape: tuple[int, ...], layout: MeshLayout | None) -> SSAValue:
        encoding = None if layout is None else LayoutAttr.from_layout(layout, len(shape))
        type = TensorType(element_type(self.dtype), shape, *([encoding] if encoding else []))
        value = self.block.insert_arg(type, len(self.block.args))
        self.values.append(value)
        self.exact.add(value)
        return value

    def add(self, op: PyFlameOp, keep: bool = True, exact: bool = True) -> SSAValue:
        self.block.add_op(op)
        if keep:
            self.values.append(op.result)
        if exact and self.exact.issuperset(op.operands):
            self.exact.add(op.result)
        return op.result

    def text(self, results: list[SSAValue]) -> str:
        self.block.add_op(func.ReturnOp(*results))
        types = [value.type for value in self.block.args], [value.type for value in results]
        return str(ModuleOp([func.FuncOp("main", types, Region(self.block))]))


def shape_of(value: SSAValue) -> tuple[int, ...]:
    return spec_of(value.type).shape


@st.composite
def partner_shape(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts with `shape` to `shape`."""
    kept = shape[draw(st.integers(0, len(shape))) :]
    return tuple(1 if draw(st.booleans()) else n for n in kept)


@st.composite
def programs(draw: st.DrawFn) -> tuple[str, int, int]:
    """A module that returns every value, and a rectangle."""
    rows, cols = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    layouts = st.sampled_from(
        (None, None, None, MeshLayout.grid(rows, cols), MeshLayout.single_pe())
    )
    program = Program(draw(st.sampled_from((dtypes.float32, dtypes.float16))))
    rank = draw(st.integers(0, 4))
    program.argument(tuple(draw(st.lists(SIZES, min_size=rank, max_size=rank))), draw(layouts))
    for _ in range(draw(st.integers(1, 5))):
        x = draw(st.sampled_from(program.values))
        with suppress(ShapeError):  # such as the largest of no elements
            draw(st.sampled_from(STEPS))(draw, program, x, draw(layouts))
    return program.text(program.values), rows, cols


def step_unary(draw: st.DrawFn, program: Program, x: SSAValue, layout: MeshLayout | None) -> None:
    jumping = JUMPING_UNARY if x in program.exact else ()
    op = draw(st.sampled_from((*UNARY, *ROUNDED_UNARY, *jumping)))
    program.add(op(x), exact=op not in ROUNDED_UNARY)


def step_binary(draw: st.DrawFn, program: Program, x: SSAValue, layout: MeshLayout | None) -> None:
    same = [v for v in program.values if shape_of(v) == shape_of(x)]
    y = draw(st.sampled_from([*same, None]))
    if y is None:
        y = program.argument(draw(partner_shape(shape_of(x))), layout)
    pair = (x, y) if draw(st.booleans()) else (y, x)
    program.add(draw(st.sampled_from(BINARY))(*pair))


def step_select(draw: st.DrawFn, program: Program, x: SSAValue, layout: MeshLayout | None) -> None:
    if x not in program.exact:
        return
    y = program.argument(draw(partner_shape(shape_of(x))), layout)
    direction = draw(st.sampled_from(("lt", "ge", "eq", "ne")))
    mask = program.add(elementwise.CompareOp(x, y, direction=direction), keep=False)
    if draw(st.booleans()):
        mask = program.add(elementwise.LogicalNotOp(mask), keep=False)
    program.add(elementwise.SelectOp(mask, y, x))


def step_scale(draw: st.DrawFn, program: Program, x: SSAValue, layout: MeshLayout | None) -> None:
    constant = creation.FullOp(shape=(), dtype=program.dtype, value=draw(st.sampled_from((0.5, 3))))
    program.add(elementwise.MultiplyOp(x, program.add(constant, keep=False)))


def step_reduce(draw: st.DrawFn, program: Program, x: SSAValue, layout: MeshLayout | None) -> None:
    dims = [d for d in range(len(shape_of(x))) if draw(st.booleans())]
    op = draw(st.sampled_from(REDUCE))
    program.add(op(x, dims=dims, keepdims=draw(st.booleans())), exact=False)


def step_softmax(draw: st.DrawFn, program: Program, x: SSAValue, layout: MeshLayout | None) -> None:
    if shape_of(x):
        dim = draw(st.integers(0, len(shape_of(x)) - 1))
        op = draw(st.sampled_from((reduction.SoftmaxOp, reduction.LogSoftmaxOp)))
        program.add(op(x, dim=dim), exact=False)


def step_transpose(
    draw: st.DrawFn, program: Program, x: SSAValue, layout: MeshLayout | None
) -> None:
    permutation = draw(st.permutations(range(len(shape_of(x)))))
    program.add(movement.TransposeOp(x, permutation=tuple(permutation)))


def step_reshape(draw: st.DrawFn, program: Program, x: SSAValue, layout: MeshLayout | None) -> None:
    shape = list(shape_of(x))
    if len(shape) > 1 and draw(st.booleans()):
        at = draw(st.integers(0, len(shape) - 2))
        shape[at : at + 2] = [shape[at] * shape[at + 1]]
    elif len(shape) < 4:
        shape.insert(draw(st.integers(0, len(shape))), 1)
    program.add(movement.ReshapeOp(x, shape=tuple(shape)))


def step_broadcast(
    draw: st.DrawFn, program: Program, x: SSAValue, layout: MeshLayout | None
) -> None:
    if len(shape_of(x)) < 4:
        program.add(movement.BroadcastToOp(x, shape=(draw(SIZES), *shape_of(x))))


def step_matmul(draw: st.DrawFn, program: Program, x: SSAValue, layout: MeshLayout | None) -> None:
    if len(shape_of(x)) < 2:
        return
    transpose_a, transpose_b = draw(st.booleans()), draw(st.booleans())
    k = shape_of(x)[-2 if transpose_a else -1]
    n = draw(SIZES)
    batch = draw(partner_shape(shape_of(x)[:-2]))
    y = program.argument((*batch, *((n, k) if transpose_b else (k, n))), layout)
    flags = {"transpose_a": transpose_a, "transpose_b": transpose_b}
    if draw(st.booleans()) and len(shape_of(x)) == 2 and transpose_a:
        x = program.add(movement.TransposeOp(x, permutation=(1, 0)), keep=False)
        flags["transpose_a"] = False
    program.add(contraction.MatmulOp(x, y, **flags), exact=False)


STEPS = (
    step_unary, step_binary, step_select, step_scale, step_reduce, step_softmax, step_transpose,
    step_reshape, step_broadcast, step_matmul,
)  # fmt: skip


def keep_results(module: ModuleOp, count: int) -> None:
    """Return only the last `count` values, so that the others can be merged away."""
    function = next(iter(module.body.block.ops))
    assert isinstance(function, func.FuncOp)
    last = function.body.block.last_op
    assert last is not None
    last.operands = last.operands[-count:]
    function.update_function_type()


TOLERANCE = {"float32": 1e-5, "float16": 4e-3}
