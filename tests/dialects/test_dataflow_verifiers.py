"""What the verifiers of the `dataflow` dialect refuse, with both values in the message."""

from __future__ import annotations

import re

import pytest
from xdsl.parser import Parser
from xdsl.utils.exceptions import VerifyException

from pyflame.dialects import new_context

F32 = "!dataflow.view<8xf32, [1]>"
F16 = "!dataflow.view<8xf16, [1]>"
LONG = "!dataflow.view<16xf32, [1]>"
ROW = "!dataflow.view<2x8xf32, [8, 1]>"
LEFT = "!dataflow.view<2x4xf32, [4, 1]>"
RIGHT = "!dataflow.view<4x8xf32, [8, 1]>"
COLUMNS = "!dataflow.view<2x8xf32, [1, 2]>"

DECLARED = f"""
  %x = dataflow.buffer @x temporary : memref<64xf32>
  %y = dataflow.buffer @y temporary : memref<64xf16>
  dataflow.channel @link along cols [
    #dataflow.route<0, 0 to 1 step 1, [ramp] -> [east]>,
    #dataflow.route<0, 1 to 2 step 1, [west] -> [ramp]>]
  %n = dataflow.coord cols
  %s = arith.constant 1.0 : f32
  %a = dataflow.view %x : memref<64xf32> -> {F32}
  %l = dataflow.view %x : memref<64xf32> -> {LONG}
  %h = dataflow.view %y : memref<64xf16> -> {F16}
  %c = dataflow.view %x : memref<64xf32> -> {ROW}
  %t = dataflow.view %x : memref<64xf32> -> {COLUMNS}
  %p = dataflow.view %x : memref<64xf32> -> {LEFT}
  %q = dataflow.view %x : memref<64xf32> -> {RIGHT}
"""


def verify(*lines: str) -> None:
    """Verify ops in a program of 1 × 2 PEs."""
    text = 'dataflow.program @main on "wse2" rows 1 cols 2 {' + DECLARED + "\n".join(lines) + "}"
    Parser(new_context(), text).parse_module().verify()


CASES = {
    f"dataflow.neg %a, %l : {F32}, {LONG}": (
        f"source {LONG} and destination {F32} have different sizes"
    ),
    f"dataflow.neg %a, %h : {F32}, {F16}": (
        "no DSD operation for elements (f32, f16), expected one of (f32, f32), (f16, f16)"
    ),
    f"dataflow.add %a, %s, %s : {F32}, f32, f32": (
        "all sources are scalars, expected at least one view"
    ),
    f"dataflow.mac %a, %a, %a, %a : {F32}, {F32}, {F32}, {F32}": (
        f"the last operand is {F32}, expected a scalar"
    ),
    f"dataflow.reduce min %a, %a : {F32}, {F32}": "no DSD operation for min of (f32, f32)",
    "%v = dataflow.view %x : memref<64xf32> -> !dataflow.view<?xf32, [1]>": (
        "has 0 sizes for 1 unknown sizes of !dataflow.view<?xf32, [1]>"
    ),
    f"%v = dataflow.view %x : memref<64xf32> -> {F16}": "view has elements f16, the buffer f32",
    "%v = dataflow.view %x : memref<64xf32> -> !dataflow.view<9xf32, [8]>": (
        "view covers elements 0 to 64, the buffer has 0 to 63"
    ),
    f"dataflow.matmul n %c, %q, %p : {ROW}, {RIGHT}, {LEFT}": "a is 4x8, b is 2x4, c is (2, 8)",
    f"dataflow.matmul m %c, %p, %q : {ROW}, {LEFT}, {RIGHT}": (
        f"c is {ROW}, expected strides [1, 2] to vectorise over m"
    ),
    f"dataflow.matmul n %t, %p, %q : {COLUMNS}, {LEFT}, {RIGHT}": (
        f"c is {COLUMNS}, expected strides [8, 1] to vectorise over n"
    ),
    f"dataflow.reduce_step %h on @link : {F16}": (
        "dataflow.reduce_step moves elements f16, expected one of f32"
    ),
    f"dataflow.send %a on @link activate @gone : {F32}": (
        "a synchronous send has no token and activates nothing"
    ),
    f"dataflow.send %a on @link async activate @gone : {F32}": (
        "task @gone is not declared in the program"
    ),
    "%x2 = dataflow.buffer @x temporary : memref<4xf32>": "names ['x'] are declared twice",
    "%z = dataflow.buffer @z temporary : memref<4xf64>": (
        "buffer z is memref<4xf64>, expected static sizes of at least 1"
    ),
    "%z = dataflow.buffer @z output : memref<4xf32>": (
        "output buffer z has no tensor; exactly inputs and outputs have one"
    ),
    "%v = dataflow.valid cols tile 0 of 8": (
        "tile 0 of 8, expected a tile of at least 1 and a total of at least 0"
    ),
    "dataflow.channel @two along cols [#dataflow.route<1, 0 to 1 step 1, [ramp] -> [east]>]": (
        "channel two has colour slots [1], expected 0, 1, … without gaps"
    ),
    "dataflow.channel @two along cols [#dataflow.route<0, 0 to 1 step 1, [ramp] -> [east]>] "
    "{colors = array<i64: 1, 2>}": (
        "channel two has colours [1, 2] for 1 slots, expected one for each, all different"
    ),
    f"dataflow.map into %a, ins(%h : {F16}) {{ ^bb0(%e: f32): dataflow.yield %e : f32 }} : {F32}": (
        "body takes (f32), the operands' elements are (f16)"
    ),
    f"dataflow.map into %a, ins(%h : {F16}) {{ ^bb0(%e: f16): dataflow.yield %e : f16 }} : {F32}": (
        "body must end with dataflow.yield of f32"
    ),
}


@pytest.mark.parametrize(("line", "message"), CASES.items())
def test_refused(line: str, message: str) -> None:
    with pytest.raises(VerifyException, match=re.escape(message)):
        verify(line)


def test_the_program_around_the_cases_is_legal() -> None:
    verify()


def test_a_rectangle_larger_than_the_wafer_is_refused() -> None:
    text = 'dataflow.program @main on "wse2" rows 995 cols 1 { dataflow.finish }'
    message = "rectangle of 995 rows and 1 columns, expected 1 to 994 rows and 1 to 750 columns"
    with pytest.raises(VerifyException, match=message):
        Parser(new_context(), text).parse_module().verify()


def test_a_channel_is_used_within_a_program() -> None:
    text = f"func.func @f(%v: {F32}) {{ dataflow.recv %v on @link : {F32} func.return }}"
    message = "dataflow.recv stands outside of any dataflow.program"
    with pytest.raises(VerifyException, match=message):
        Parser(new_context(), text).parse_module().verify()
