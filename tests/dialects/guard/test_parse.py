"""What the guarded parser adds to a module that is right."""

from __future__ import annotations

import pytest
from xdsl.context import Context
from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, FileLineColLoc, ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.parser import Parser

from pyflame.dialects import new_context
from pyflame.dialects.guard import (
    Limits,
    MlirVerifyError,
    parse_module,
    place_of,
    verify_module,
)
from pyflame.dialects.guard.verify import immediate_dominators
from pyflame.errors import LimitError
from pyflame.source import SourceFile

PROGRAM = """\
func.func @f(%a: i32) -> i32 {
  %b = arith.addi %a, %a : i32
  %c = arith.muli %b, %a : i32 loc("model.py":7:5)
  return %c : i32 loc(callsite(unknown at unknown))
}
"""


def body(module: ModuleOp) -> list[FileLineColLoc]:
    function = module.body.block.first_op
    assert isinstance(function, FuncOp)
    return [function.location, *(op.location for op in function.body.block.ops)]  # pyright: ignore


def test_an_op_is_located_where_it_stands_unless_it_says_otherwise() -> None:
    places = [str(loc) for loc in body(parse_module(PROGRAM, name="x.mlir"))]
    assert places == [
        'loc("x.mlir":1:1)',
        'loc("x.mlir":2:3)',
        'loc("model.py":7:5)',
        "loc(callsite(unknown at unknown))",
    ]


def test_place_of_an_op_without_a_place_is_that_of_the_op_around_it() -> None:
    file = SourceFile("x.mlir", PROGRAM)
    module = parse_module(file)
    function = module.body.block.first_op
    assert isinstance(function, FuncOp)
    last = function.body.block.last_op
    assert str(place_of(last, file)) == "x.mlir:1:1"
    assert place_of(ModuleOp([]), file) is file


def test_a_broken_op_of_another_file_has_its_place_but_no_excerpt() -> None:
    text = 'func.func @f(%a: f32) {\n  "arith.negf"(%a) : (f32) -> i32 loc("m.py":3:4)\n  return\n}'
    with pytest.raises(MlirVerifyError) as caught:
        parse_module(text, name="x.mlir")
    assert str(caught.value).startswith("m.py:3:4: error: 'arith.negf' op does not verify:")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "literal",
    [
        "dense<1.5> : tensor<2x3xf32>",
        "dense<-2.0> : tensor<3xf16>",
        "dense<0.1> : vector<5xbf16>",
        "dense<true> : tensor<9xi1>",
        "dense<-3> : tensor<4xi8>",
        "dense<7> : tensor<2xindex>",
        "dense<(1.0, 2.0)> : tensor<4xcomplex<f32>>",
        "dense<1> : tensor<0x4xi32>",
        'dense<"0x0000803F"> : tensor<7xf32>',
        "dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf64>",
        "dense<> : tensor<0xf32>",
    ],
)
def test_constants_are_those_of_xdsl(literal: str) -> None:
    text = f'"test.op"() {{value = {literal}}} : () -> ()'
    ours = parse_module(text).body.block.first_op
    theirs = Parser(new_context(), text).parse_module().body.block.first_op
    assert ours is not None and theirs is not None
    assert ours.attributes == theirs.attributes


def test_a_large_splat_is_packed_once() -> None:
    module = parse_module("%0 = arith.constant dense<1.0> : tensor<30000000xf32>")
    op = module.body.block.first_op
    assert isinstance(op, ConstantOp) and isinstance(op.value, DenseIntOrFPElementsAttr)
    assert len(op.value.data.data) == 120_000_000


@pytest.mark.parametrize(
    ("inside", "fine"),
    [
        ("%x = arith.addi %a, %a : i32\n %y = arith.addi %x, %a : i32", True),
        ("cf.br ^b\n^b:\n %y = arith.addi %a, %a : i32", True),
        (
            "cf.cond_br %c, ^l, ^r\n^l:\n %x = arith.addi %a, %a : i32\n cf.br ^j\n^r:\n cf.br ^j\n"
            "^j:\n %y = arith.addi %x, %a : i32",
            False,
        ),
        (
            "%x = arith.addi %a, %a : i32\n cf.cond_br %c, ^l, ^r\n^l:\n cf.br ^j\n^r:\n cf.br ^j\n"
            "^j:\n %y = arith.addi %x, %a : i32",
            True,
        ),
        ("cf.br ^b\n^d:\n %y = arith.addi %x, %a : i32\n cf.br ^b\n^b:\n "
         "%x = arith.addi %a, %a : i32", True),
        (
            "scf.if %c {\n %y = arith.addi %x, %a : i32\n scf.yield\n}\n"
            "%x = arith.addi %a, %a : i32",
            False,
        ),
        (
            "%x = arith.addi %a, %a : i32\n scf.if %c {\n %y = arith.addi %x, %a : i32\n"
            " scf.yield\n}",
            True,
        ),
    ],
)  # fmt: skip
def test_a_value_is_defined_on_every_path_to_its_uses(inside: str, fine: bool) -> None:
    text = f"func.func @f(%a: i32, %c: i1) {{\n{inside}\nreturn\n}}"
    module = parse_module(text, verify=False)
    if fine:
        verify_module(module)
    else:
        with pytest.raises(MlirVerifyError, match="uses %x before its definition"):
            verify_module(module)


def test_a_value_does_not_leave_its_region() -> None:
    text = (
        "func.func @f() {\n%x = arith.constant 1 : i32\nreturn\n}\n"
        'func.func @g() {\n%y = "test.op"() : () -> i32\nreturn\n}'
    )
    module = parse_module(text)
    f, g = module.body.block.ops
    assert isinstance(f, FuncOp) and isinstance(g, FuncOp)
    user = ConstantOp.create(operands=[f.body.block.ops.first.results[0]], result_types=[])  # pyright: ignore
    g.body.block.insert_op_before(user, g.body.block.last_op)  # pyright: ignore
    with pytest.raises(MlirVerifyError, match="outside of the region"):
        verify_module(module)


def test_immediate_dominators_of_a_loop() -> None:
    text = """func.func @f(%c: i1) {
      cf.br ^head
    ^head:
      cf.cond_br %c, ^left, ^right
    ^left:
      cf.br ^join
    ^right:
      cf.br ^join
    ^join:
      cf.cond_br %c, ^head, ^out
    ^out:
      return
    ^dead:
      cf.br ^out
    }"""
    function = parse_module(text).body.block.first_op
    assert isinstance(function, FuncOp)
    tree = immediate_dominators(function.body)
    names = {block: block.name_hint or "entry" for block in function.body.blocks}
    assert {names[b]: d and names[d] for b, d in tree.items()} == {
        "entry": None, "head": "entry", "left": "head", "right": "head",
        "join": "head", "out": "join",
    }  # fmt: skip


def test_names_inside_a_region_are_forgotten_after_it() -> None:
    one = '%x = "test.op"() : () -> i32'
    assert parse_module(f'"test.op"() ({{\n{one}\n}}) : () -> ()\n{one}', verify=False)


def test_dialects_are_taken_from_the_given_context() -> None:
    with pytest.raises(Exception, match=r"no operation is called 'arith\.addi'"):
        parse_module("arith.addi", Context())
    module = parse_module('"a.b"() : () -> ()', Context(allow_unregistered=True))
    assert module.body.block.first_op is not None


def test_limits_come_from_options_then_variables_then_defaults() -> None:
    variables = {"PYFLAME_MAX_NESTING": "10", "PYFLAME_MAX_TOKENS": "20"}
    limits = Limits.from_environment(variables, max_tokens=30)
    assert (limits.max_nesting, limits.max_tokens) == (10, 30)
    assert limits.max_file_bytes == Limits().max_file_bytes


@pytest.mark.parametrize("value", ["0", "-1", "many", "2001"])
def test_a_limit_that_is_no_limit_is_refused(value: str) -> None:
    with pytest.raises(
        LimitError, match=f"PYFLAME_MAX_NESTING is '{value}'; expected .* 1 to 2000"
    ):
        Limits.from_environment({"PYFLAME_MAX_NESTING": value})
