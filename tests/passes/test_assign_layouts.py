"""The rectangle that `pyflame-assign-layouts` chooses, and what it refuses."""

from __future__ import annotations

import re

import pytest
from xdsl.dialects import func
from xdsl.parser import Parser

from pyflame.dialects import new_context
from pyflame.dialects.mesh.attributes import layout_of
from pyflame.errors import LayoutError, UnsupportedError
from pyflame.passes.assign_layouts import AssignLayoutsPass
from pyflame.runtime.interpreters.mesh import host_arguments


def assign(text: str, rows: int = 0, cols: int = 0) -> func.FuncOp:
    module = Parser(new_context(), text).parse_module()
    AssignLayoutsPass(rows, cols).apply(new_context(), module)
    module.verify()
    function = module.body.block.first_op
    assert isinstance(function, func.FuncOp)
    return function


def identity(type: str) -> str:
    return f"func.func @main(%x: {type}) -> {type} {{ return %x : {type} }}"


def rectangle(text: str, rows: int = 0, cols: int = 0) -> tuple[int, int]:
    return layout_of(assign(text, rows, cols).args[0]).rectangle


@pytest.mark.parametrize(
    ("type", "rows", "cols", "expected"),
    [
        ("tensor<4x4xf32>", 0, 0, (1, 1)),
        ("tensor<256x256xf32>", 0, 0, (6, 6)),  # 2 x 256 KB, 20 KB a PE
        ("tensor<256x256xf32>", 1, 0, (1, 26)),
        ("tensor<256x256xf32>", 3, 2, (3, 2)),
        ("tensor<256x256xf32, #mesh.layout<4x5, [rows, cols]>>", 3, 2, (4, 5)),
        ("tensor<256x256xf32, #mesh.layout<1x1, [-, -]>>", 0, 0, (1, 1)),
    ],
)
def test_the_rectangle_is_given_asked_for_or_large_enough(
    type: str, rows: int, cols: int, expected: tuple[int, int]
) -> None:
    assert rectangle(identity(type), rows, cols) == expected


def test_two_rectangles_are_refused_with_both_layouts() -> None:
    a = "tensor<8x8xf32, #mesh.layout<2x4, [rows, cols]>>"
    b = "tensor<8x8xf32, #mesh.layout<4x4, [rows, cols]>>"
    text = f"func.func @main(%x: {a}, %y: {b}) {{ return }}"
    message = (
        "argument 0 has layout <2x4, [rows, cols]> and argument 1 has <4x4, [rows, cols]>; "
        "all layouts of a program share one rectangle"
    )
    with pytest.raises(LayoutError, match=f"^{re.escape(message)}$"):
        assign(text)


def test_a_layout_that_does_more_than_cut_is_refused() -> None:
    type = "tensor<8xf32, #mesh.layout<2x4, [rows], partial sum [cols]>>"
    message = "layout <2x4, [rows], partial sum [cols]> of argument 0 must only cut dimensions"
    with pytest.raises(LayoutError, match=f"^{re.escape(message)}$"):
        assign(identity(type))


def test_a_negative_rectangle_is_refused() -> None:
    with pytest.raises(LayoutError, match="rows and cols are -1 and 2, expected at least 0"):
        assign(identity("tensor<8xf32>"), -1, 2)


def test_other_ops_are_refused_together() -> None:
    text = """func.func @main(%x: i32) {
      %y = arith.addi %x, %x : i32
      %z = arith.muli %y, %y : i32
      return
    }"""
    with pytest.raises(UnsupportedError) as caught:
        assign(text)
    assert [gap.what for gap in caught.value.gaps] == ["arith.addi", "arith.muli"]


def test_every_argument_has_a_name_of_its_own() -> None:
    type = "tensor<8xf32>"
    text = (
        f'func.func @main(%a: {type} {{pyflame.name = "arg1"}}, %b: {type}, '
        f'%c: {type} {{pyflame.name = "arg1"}}) {{ return }}'
    )
    assert host_arguments(assign(text, 1, 1)) == ["arg1", "arg1_1", "arg1_2"]


def test_a_deep_chain_of_open_tensors_does_not_recurse() -> None:
    type = "tensor<8xf32>"
    lines = [f"%{i + 1} = pyflame.neg %{i} : {type} -> {type}" for i in range(3000)]
    text = f"func.func @main(%0: {type}) -> {type} {{\n" + "\n".join(lines)
    function = assign(f"{text}\nreturn %3000 : {type}\n}}", 1, 2)
    assert len(function.body.block.ops) == 3001
