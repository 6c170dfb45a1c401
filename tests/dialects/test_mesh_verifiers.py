"""What the verifiers of the `mesh` dialect refuse, with both values in the message."""

from __future__ import annotations

import re

import pytest
from xdsl.parser import Parser
from xdsl.utils.exceptions import VerifyException

from pyflame.dialects import new_context

X = "tensor<6x8xf32, #mesh.layout<2x4, [rows, cols]>>"
WHOLE = "tensor<6x8xf32, #mesh.layout<2x4, [-, -]>>"
ROWS_ONLY = "tensor<6x8xf32, #mesh.layout<2x4, [rows, -]>>"
PARTIAL = "tensor<6xf32, #mesh.layout<2x4, [rows], partial sum [cols]>>"
REDUCED = "tensor<6xf32, #mesh.layout<2x4, [rows]>>"
BODY = "{ ^bb0(%e: f32):\n mesh.yield %e : f32 }"


def verify(*lines: str) -> None:
    """Verify ops on %x, %w (whole), %r (rows only), %p (partial), %plain and %i."""
    text = (
        f"func.func @f(%x: {X}, %w: {WHOLE}, %r: {ROWS_ONLY}, %p: {PARTIAL}, "
        f"%plain: tensor<6x8xf32>, %i: index) {{\n" + "\n".join(lines) + "\nfunc.return\n}"
    )
    Parser(new_context(), text).parse_module().verify()


CASES = {
    f"%y = mesh.compute ins(%plain : tensor<6x8xf32>) maps [[0, 1]] {BODY} : {X}": (
        "type tensor<6x8xf32> has no layout, expected an encoding #mesh.layout<…>"
    ),
    f"%y = mesh.compute ins(%x : {X}) maps [[0, 1]] {BODY} "
    ": tensor<6x8xf32, #mesh.layout<4x4, [rows, cols]>>": (
        "layouts <2x4, [rows, cols]> and <4x4, [rows, cols]> are on different rectangles"
    ),
    f"%y = mesh.compute ins(%x : {X}) maps [] {BODY} : {X}": "has 0 maps for 1 operands",
    f"%y = mesh.compute ins(%x : {X}) maps [[0]] {BODY} : {X}": "has map [0], expected one",
    f"%y = mesh.compute ins(%x : {X}) maps [[0, 0]] {BODY} : {X}": "none twice",
    f"%y = mesh.compute ins(%x : {X}) maps [[0, 2]] {BODY} : {X}": "to 2, out of range",
    f"%y = mesh.compute ins(%x : {X}) maps [[0, -1]] {BODY} : {X}": (
        "repeats dimension 1 of size 8 in layout <2x4, [rows, cols]>, expected size 1, not cut"
    ),
    f"%y = mesh.compute ins(%w : {WHOLE}) maps [[0, 1]] {BODY} : {X}": (
        "maps dimension 0 (size 6, layout <2x4, [-, -]>) to result dimension 0 (size 6, layout "
        "<2x4, [rows, cols]>), expected equal sizes cut by the same axis"
    ),
    f"%y = mesh.compute ins(%p : {PARTIAL}) maps [[0]] {BODY} : {REDUCED}": (
        "operand 0 has layout <2x4, [rows], partial sum [cols]>, which is partial; "
        "all_reduce it first"
    ),
    f"%y = mesh.compute ins(%x : {X}) maps [[0, 1]] "
    f"{{ ^bb0(%e: f16):\n mesh.yield %e : f16 }} : {X}": (
        "body takes (f16), but the operands' elements are (f32)"
    ),
    f"%y = mesh.compute ins(%x : {X}) maps [[0, 1]] "
    f"{{ ^bb0(%e: f32):\n mesh.yield %e, %e : f32, f32 }} : {X}": (
        "body yields (f32, f32), but the result's element is f32"
    ),
    f"%y = mesh.local_reduce sum %x dims [1, 0] : {X} -> {REDUCED}": (
        "dims [1, 0] of rank 2 must ascend within it"
    ),
    f"%y = mesh.local_reduce sum %x dims [1] : {X} -> {REDUCED}": (
        "result is tensor<6xf32, #mesh.layout<2x4, [rows]>>, but the operand gives "
        "tensor<6xf32, #mesh.layout<2x4, [rows], partial sum [cols]>>"
    ),
    f"%y = mesh.all_reduce max %p along cols : {PARTIAL} -> {REDUCED}": (
        "operand has layout <2x4, [rows], partial sum [cols]>, expected partial max along cols"
    ),
    f"%y = mesh.all_reduce sum %p along rows : {PARTIAL} -> {REDUCED}": (
        "expected partial sum along rows"
    ),
    f"%y = mesh.reduce sum %p along cols root 4 : {PARTIAL} -> {REDUCED}": (
        "root 4 along cols must lie within 0 to 3"
    ),
    f"%y = mesh.broadcast %x at (%i, %i) dim 1 along rows : {X} "
    "-> tensor<6x2xf32, #mesh.layout<2x4, [rows, -]>>": (
        "dimension 1 is cut by cols, expected rows"
    ),
    f"%y = mesh.broadcast %x at (%i, %i) dim 1 along cols : {X} "
    "-> tensor<6x3xf32, #mesh.layout<2x4, [rows, -]>>": (
        "panel has 3 elements, expected at most a tile: 2"
    ),
    f"%y = mesh.broadcast %x at (%i, %i) dim 2 along cols : {X} -> {ROWS_ONLY}": (
        "dim 2 of rank 2 must lie within 0 to rank - 1"
    ),
    f"%y = mesh.all_gather %r dim 1 along cols : {ROWS_ONLY} -> {ROWS_ONLY}": (
        "dimension 1 is cut by nothing, expected cols"
    ),
    f"%y = mesh.all_gather %x dim 1 along cols : {X} -> {X}": (
        "result is tensor<6x8xf32, #mesh.layout<2x4, [rows, cols]>>, but the operands give "
        "tensor<6x8xf32, #mesh.layout<2x4, [rows, -]>>"
    ),
    f"%y = mesh.all_slice %x dim 1 along cols : {X} -> {X}": (
        "dimension 1 is cut by cols, expected it whole on every PE"
    ),
    f"%y = mesh.all_slice %r dim 1 along rows : {ROWS_ONLY} -> {X}": (
        "rows already cuts dimension 0, expected no dimension"
    ),
    f"%y = mesh.scatter %r dim 1 along cols : {ROWS_ONLY} -> {X}": (
        "operand has layout <2x4, [rows, -]>, expected one PE along cols; "
        "cut a replicated value with all_slice"
    ),
    f"%y = mesh.shift %r along cols offset 1 : {ROWS_ONLY} -> {ROWS_ONLY}": (
        "cols cuts no dimension of <2x4, [rows, -]>"
    ),
    "%y = mesh.shift %z along cols offset 1 "
    ": tensor<7xf32, #mesh.layout<1x4, [cols]>> -> tensor<7xf32, #mesh.layout<1x4, [cols]>>": (
        "dimension 0 of size 7 over 4 PEs has tiles of unequal size, expected equal ones"
    ),
    f"%y = mesh.halo_exchange %x halo low [0] high [0] : {X} -> {X}": (
        "has 1 low and 1 high halos, expected 2"
    ),
    f"%y = mesh.halo_exchange %x halo low [0, 3] high [0, 0] : {X} -> {X}": (
        "halo 3, 0 of dimension 1 must lie within 0 to a tile: 2"
    ),
    f"%y = mesh.redistribute %p : {PARTIAL} -> {REDUCED}": (
        "layout is <2x4, [rows], partial sum [cols]>, expected layouts that only cut"
    ),
    f"%y = mesh.reshape %x : {X} -> tensor<48xf32, #mesh.layout<2x4, [cols]>>": (
        "to [48] on every PE alone; expected that dimensions that are cut keep size and axis"
    ),
    f"%y = mesh.matmul %x, %r, %w : {X}, {ROWS_ONLY}, {WHOLE} -> {X}": (
        "the summed dimension is 8 (not cut) in a and 6 (not cut) in b"
    ),
    f"%y = mesh.matmul %x, %x, %w transpose_b : {X}, {X}, {WHOLE} -> {X}": (
        "the summed dimension is 8 (cols) in a and 8 (not cut) in b"
    ),
    f"%y = mesh.matmul %x, %r, %w transpose_b : {X}, {ROWS_ONLY}, {WHOLE} -> {X}": (
        "a has 6 (rows) and b has 6 (not cut) outer elements, but acc is 6 (rows) by 8 (cols)"
    ),
    f"%y = mesh.matmul %p, %r, %w : {PARTIAL}, {ROWS_ONLY}, {WHOLE} -> {PARTIAL}": "partial",
    f"%y = mesh.for_panels (%k, %n) over 8 tiles [0] panel 2 iter_args(%a = %x) -> ({X}) "
    f"{{ mesh.yield %a : {X} }}": "by tiles [0] and panels of 2, expected sizes of at least 1",
    f"%y = mesh.for_panels (%k, %n) over 8 tiles [2] panel 2 iter_args(%a = %x) -> ({X}) "
    f"{{ mesh.yield %w : {WHOLE} }}": "body yields (tensor<6x8xf32, #mesh.layout<2x4, [-, -]>>)",
}


@pytest.mark.parametrize("line", CASES)
def test_a_wrong_op_is_refused(line: str) -> None:
    source = line.replace("%z ", "%z2 ")
    made = (
        "%z2 = mesh.compute ins() maps [] { %c = arith.constant 0.0 : f32\n mesh.yield %c : f32 } "
        ": tensor<7xf32, #mesh.layout<1x4, [cols]>>"
    )
    lines = (made, source) if "%z2" in source else (source,)
    with pytest.raises(VerifyException, match=re.escape(CASES[line])):
        verify(*lines)


def test_a_body_holds_only_scalar_ops() -> None:
    with pytest.raises(VerifyException, match=r"body has mesh\.compute, expected only arith"):
        verify(
            f"%y = mesh.compute ins(%x : {X}) maps [[0, 1]] {{ ^bb0(%e: f32):",
            f"%z = mesh.compute ins() maps [] {{ %d = arith.constant 0.0 : f32\n"
            f"mesh.yield %d : f32 }} : {X}",
            f"mesh.yield %e : f32 }} : {X}",
        )
