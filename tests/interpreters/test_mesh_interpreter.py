"""Placement, and what every op of the `mesh` dialect does, on random rectangles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects import func
from xdsl.dialects.builtin import Float16Type, Float32Type, ModuleOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.parser import Parser

from pyflame.dialects import new_context
from pyflame.dialects.mesh.attributes import Axis, Kind, LayoutAttr, distributed
from pyflame.dialects.mesh.local import LocalReduceOp
from pyflame.dialects.mesh.movement import (
    AllGatherOp,
    AllReduceOp,
    AllSliceOp,
    RedistributeOp,
)
from pyflame.errors import DTypeError, LimitError, ShapeError, UnsupportedError, VerifyError
from pyflame.layout import COLS, ROWS, MeshLayout, PECoord
from pyflame.runtime.interpreters.mesh import collect, distribute, run_module
from pyflame.runtime.interpreters.mesh.placement import poison

SPLITS = {
    1: ((None,), (ROWS,), (COLS,)),
    2: ((None, None), (ROWS, COLS), (COLS, ROWS), (None, ROWS), (COLS, None)),
    3: ((None, ROWS, COLS), (COLS, None, ROWS), (None, None, ROWS)),
}


@st.composite
def placed(draw: st.DrawFn) -> tuple[np.ndarray, LayoutAttr]:
    """An array and a layout for it."""
    rank = draw(st.integers(1, 3))
    shape = draw(st.lists(st.integers(0, 6), min_size=rank, max_size=rank))
    rows, cols = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    array = np.arange(1, 1 + int(np.prod(shape)), dtype=np.float32).reshape(shape)
    return array, LayoutAttr.get(rows, cols, draw(st.sampled_from(SPLITS[rank])))


def run(array: np.ndarray, layout: LayoutAttr, *makers: type | object) -> np.ndarray:
    """Run a chain of ops, each made from the value before it, on one argument."""
    element = Float16Type() if array.dtype == np.float16 else Float32Type()
    block = Block(arg_types=[distributed(element, array.shape, layout)])
    value: SSAValue = block.args[0]
    for make in makers:
        op = make(value)  # pyright: ignore[reportCallIssue]
        assert isinstance(op, Operation)
        block.add_op(op)
        value = op.results[0]
    block.add_op(func.ReturnOp(value))
    types = [block.args[0].type], [value.type]
    module = ModuleOp([func.FuncOp("main", types, Region(block))])
    module.verify()
    return run_module(module, array)[0]


# Placement


@given(placed())
def test_collect_undoes_distribute(case: tuple[np.ndarray, LayoutAttr]) -> None:
    array, layout = case
    np.testing.assert_array_equal(collect(distribute(array, layout), layout, array.shape), array)


@given(placed())
def test_every_pe_holds_its_valid_part_and_poison(case: tuple[np.ndarray, LayoutAttr]) -> None:
    array, layout = case
    tiles, api = distribute(array, layout), layout.to_layout()
    assert tiles.shape == (*layout.rectangle, *api.tile_shape(array.shape))
    for row, col in np.ndindex(layout.rectangle):
        extents = api.valid_extents(array.shape, PECoord(row, col))
        starts = [
            0 if axis is None else (row, col)[axis] * tile
            for axis, tile in zip(layout.split, tiles.shape[2:], strict=True)
        ]
        window = tuple(slice(s, s + n) for s, n in zip(starts, extents, strict=True))
        inside = tuple(slice(n) for n in extents)
        np.testing.assert_array_equal(tiles[row, col][inside], array[window])
        assert np.isnan(tiles[row, col]).sum() == tiles[row, col].size - np.prod(extents)


def test_integers_have_a_poison_too() -> None:
    tiles = distribute(np.arange(3, dtype=np.int32), LayoutAttr.get(1, 2, (COLS,)))
    assert tiles[0, 1, 1] == poison(np.dtype(np.int32)) == 0x5A5A5A5A


def test_replicas_that_differ_are_reported() -> None:
    layout = LayoutAttr.get(2, 1, (None,))
    tiles = distribute(np.ones(3, np.float32), layout)
    tiles[1, 0, 2] = 7
    with pytest.raises(VerifyError, match="replicas along rows differ"):
        collect(tiles, layout, (3,))


def test_a_partial_value_has_no_one_placement() -> None:
    layout = LayoutAttr.get(2, 1, (None,), (ROWS,), Kind.SUM)
    with pytest.raises(VerifyError, match=r"partial layout <2x1, \[-\], partial sum \[rows\]>"):
        distribute(np.ones(3, np.float32), layout)


# Movement


@given(placed())
def test_redistribute_changes_nothing_but_the_place(case: tuple[np.ndarray, LayoutAttr]) -> None:
    array, layout = case
    for split in SPLITS[array.ndim]:
        moved = run(array, layout, lambda x, s=split: RedistributeOp(x, layout.with_split(s)))
        np.testing.assert_array_equal(moved, array)


@given(placed())
def test_gather_and_slice_are_inverse(case: tuple[np.ndarray, LayoutAttr]) -> None:
    array, layout = case
    for dim, cut in enumerate(layout.split):
        if cut is not None:
            axis = Axis.of(cut)
            found = run(
                array,
                layout,
                lambda x, d=dim, a=axis: AllGatherOp(x, d, a),
                lambda x, d=dim, a=axis: AllSliceOp(x, d, a),
            )
            np.testing.assert_array_equal(found, array)


@settings(deadline=None)
@given(placed(), st.sampled_from(Kind), st.booleans(), st.integers(0, 7))
def test_reductions_see_no_padding(
    case: tuple[np.ndarray, LayoutAttr], kind: Kind, keepdims: bool, chosen: int
) -> None:
    array, layout = case
    array = 1 + array / 100
    dims = tuple(d for d in range(array.ndim) if chosen >> d & 1)
    axes = [a for d in dims if (a := layout.split[d]) is not None]
    found = run(
        array,
        layout,
        lambda x: LocalReduceOp(kind, x, dims, keepdims),
        *(lambda x, a=a: AllReduceOp(kind, x, Axis.of(a)) for a in axes),
    )
    identity = {"sum": 0, "prod": 1, "max": -np.inf, "min": np.inf}[kind.value]
    reduce = getattr(np, kind.value)
    expected = reduce(array, axis=dims, keepdims=keepdims, initial=identity)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_sums_of_f16_are_f32() -> None:
    array = np.full((1, 4096), 1.001, np.float16)
    layout = LayoutAttr.get(1, 1, (None, None))
    found = run(array, layout, lambda x: LocalReduceOp(Kind.SUM, x, (1,)))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, array.astype(np.float64).sum(axis=1), rtol=1e-6)


def run_text(text: str, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    module = Parser(new_context(), text).parse_module()
    module.verify()
    return run_module(module, *arrays)


def unary(op: str, argument: str, result: str) -> str:
    """A function of one op on %x."""
    return (
        f"func.func @main(%x: {argument}) -> {result} {{\n"
        f"%y = {op} : {argument} -> {result}\nfunc.return %y : {result}\n}}"
    )


SIX = "tensor<6xf32, #mesh.layout<1x3, [cols]>>"
COUNT = np.arange(1, 7, dtype=np.float32)


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        ("mesh.shift %x along cols offset 1 rotate", [5, 6, 1, 2, 3, 4]),
        ("mesh.shift %x along cols offset 1", [0, 0, 1, 2, 3, 4]),
        ("mesh.shift %x along cols offset -2", [5, 6, 0, 0, 0, 0]),
    ],
)
def test_shift_moves_tiles_to_neighbours(op: str, expected: list[float]) -> None:
    np.testing.assert_array_equal(run_text(unary(op, SIX, SIX), COUNT)[0], expected)


def test_halo_exchange_adds_the_neighbours_borders() -> None:
    five = "tensor<5xf32, #mesh.layout<1x3, [cols]>>"
    text = unary(
        "mesh.halo_exchange %x halo low [1] high [2]",
        five,
        "tensor<15xf32, #mesh.layout<1x3, [cols]>>",
    )
    blocks = run_text(text, COUNT[:5])[0].reshape(3, 5)
    np.testing.assert_array_equal(blocks, [[0, 1, 2, 3, 4], [2, 3, 4, 5, 0], [4, 5, 0, 0, 0]])


def test_only_the_root_holds_what_is_gathered_there() -> None:
    rooted = "tensor<6xf32, #mesh.layout<1x3, [-], on [cols 1]>>"
    text = (
        f"func.func @main(%x: {SIX}) -> ({rooted}, {SIX}) {{\n"
        f"%y = mesh.gather %x dim 0 along cols root 1 : {SIX} -> {rooted}\n"
        f"%z = mesh.scatter %y dim 0 along cols : {rooted} -> {SIX}\n"
        f"func.return %y, %z : {rooted}, {SIX}\n}}"
    )
    for found in run_text(text, COUNT):
        np.testing.assert_array_equal(found, COUNT)


def test_reduce_leaves_the_result_at_its_root() -> None:
    partial = "tensor<f32, #mesh.layout<1x3, [], partial sum [cols]>>"
    rooted = "tensor<f32, #mesh.layout<1x3, [], on [cols 2]>>"
    text = (
        f"func.func @main(%x: {SIX}) -> {rooted} {{\n"
        f"%p = mesh.local_reduce sum %x dims [0] : {SIX} -> {partial}\n"
        f"%y = mesh.reduce sum %p along cols root 2 : {partial} -> {rooted}\n"
        f"func.return %y : {rooted}\n}}"
    )
    assert run_text(text, COUNT)[0] == 21


# Running


def test_arguments_of_one_name_are_one_tensor() -> None:
    other = "tensor<6xf32, #mesh.layout<1x3, [-]>>"
    text = (
        f'func.func @main(%a: {SIX} {{pyflame.name = "x"}}, %b: {other} {{pyflame.name = "x"}}) '
        f"-> ({SIX}, {other}) {{\nfunc.return %a, %b : {SIX}, {other}\n}}"
    )
    for found in run_text(text, COUNT):
        np.testing.assert_array_equal(found, COUNT)


@pytest.mark.parametrize(
    ("arrays", "error", "message"),
    [
        ([], ShapeError, r"takes 1 arguments \(arg0\), got 0"),
        ([COUNT[:5]], ShapeError, r"argument 'arg0' has shape \[5\], expected \[6\]"),
        ([COUNT.astype(np.float64)], DTypeError, "has dtype float64, expected float32"),
    ],
)
def test_wrong_arguments_are_refused(
    arrays: list[np.ndarray], error: type[Exception], message: str
) -> None:
    text = f"func.func @main(%x: {SIX}) -> {SIX} {{\nfunc.return %x : {SIX}\n}}"
    with pytest.raises(error, match=message):
        run_text(text, *arrays)


def test_other_ops_are_refused_by_name() -> None:
    text = unary("pyflame.relu %x", SIX, SIX)
    with pytest.raises(UnsupportedError, match=r"pyflame\.relu"):
        run_text(text, COUNT)


def test_memory_is_bounded() -> None:
    layout = LayoutAttr.from_layout(MeshLayout.grid(1000, 1000), 1)
    with pytest.raises(LimitError, match="raise it with max_bytes="):
        run(
            np.ones(5000, np.float32),
            layout,
            lambda x: RedistributeOp(x, layout.with_split((None,))),
        )


def test_steps_of_a_loop_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyflame.runtime.interpreters.mesh.functions.MAX_STEPS", 3)
    text = (
        f"func.func @main(%x: {SIX}) -> {SIX} {{\n"
        "%y = mesh.for_panels (%k, %n) over 4 tiles [] panel 1 iter_args(%a = %x) "
        f"-> ({SIX}) {{ mesh.yield %a : {SIX} }}\nfunc.return %y : {SIX}\n}}"
    )
    with pytest.raises(LimitError, match="over 4 elements takes more than 3 steps"):
        run_text(text, COUNT)
