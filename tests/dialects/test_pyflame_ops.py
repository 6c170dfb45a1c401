"""The `pyflame` dialect: one rule per op, examples that parse, builders, forms."""

import re
from io import StringIO
from pathlib import Path
from textwrap import dedent

import pytest
from xdsl.context import Context
from xdsl.dialects import test
from xdsl.dialects.builtin import Builtin, FloatAttr, ModuleOp, UnitAttr, f32, f64
from xdsl.dialects.func import Func
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from pyflame.dialects.mesh.attributes import LayoutAttr
from pyflame.dialects.pyflame import rules
from pyflame.dialects.pyflame.base import PyFlameOp
from pyflame.dialects.pyflame.creation import FullOp
from pyflame.dialects.pyflame.dialect import OPS, PyFlame
from pyflame.dialects.pyflame.elementwise import AddOp, ClampOp, CompareOp, ReluOp
from pyflame.dialects.pyflame.movement import ConcatenateOp, ReshapeOp
from pyflame.dialects.pyflame.reduction import SumOp
from pyflame.dialects.pyflame.spec import TensorSpec
from pyflame.dialects.pyflame.types import element_type, spec_of, tensor_type
from pyflame.dtypes import DTYPES, float32, int8
from pyflame.errors import DTypeError, ShapeError
from pyflame.layout import MeshLayout


def value(*shape, dtype=float32, encoding=None):
    return test.TestOp(result_types=[tensor_type(TensorSpec(shape, dtype), encoding)]).results[0]


def context():
    ctx = Context()
    for dialect in (Builtin, Func, test.Test, PyFlame):
        ctx.load_dialect(dialect)
    return ctx


def test_every_op_has_one_result_rule_and_every_rule_an_op():
    assert {op.mnemonic() for op in OPS} == set(rules.RULES)
    assert len(OPS) == len({op.name for op in OPS})


def test_every_op_says_what_it_means():
    assert [op.name for op in OPS if not (op.__doc__ or "").strip()] == []


def documented(op):
    """The IR example of an op class: its own, or that of the family it belongs to."""
    for cls in op.__mro__:
        doc = dedent(cls.__doc__ or "")
        if cls is not PyFlameOp and "```mlir" in doc:
            return doc.split("```mlir")[1].split("```")[0].strip()
    return None


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.mnemonic())
def test_the_example_of_every_op_parses_verifies_and_prints_itself(op):
    example = documented(op)
    assert example is not None
    used = [word.strip(",") for word in example.split("=", 1)[1].split() if word[0] == "%"]
    types = example.split(" : ")[-1].split("->")[0].split(", ") if used else []
    arguments = ", ".join(f"{n}: {t.strip()}" for n, t in zip(used, types, strict=True))
    text = f"func.func @f({arguments}) {{\n{example}\nfunc.return\n}}"
    module = Parser(context(), text).parse_module()
    module.verify()
    printed = str(module)
    assert str(Parser(context(), printed).parse_module()) == printed
    generic = StringIO()
    Printer(generic, print_generic_format=True).print_op(module)
    assert str(Parser(context(), generic.getvalue()).parse_module()) == printed


def test_a_builder_needs_operands_and_attributes_only():
    op = SumOp(value(3, 4), dims=(1,), keepdims=True)
    assert op.spec == TensorSpec((3, 1), float32)
    assert op.keepdims == UnitAttr()
    assert op.attribute_values() == {"dims": (1,), "keepdims": True}
    op.verify()


def test_arguments_that_the_result_type_carries_are_no_attributes():
    op = ReshapeOp(value(12), shape=(3, -1))
    assert op.properties == {}
    assert op.rule_arguments() == {"shape": (3, 4)}


def test_a_string_becomes_the_enum_of_the_property():
    assert CompareOp(value(3), value(3), direction="ge").direction.data == "ge"
    with pytest.raises(
        ShapeError,
        match=r"^compare: direction is 'GE', expected one of eq, ne, lt, le, gt, ge$",
    ):
        CompareOp(value(3), value(3), direction="GE")


def test_a_bound_that_is_none_is_absent():
    op = ClampOp(value(3), min=None, max=2.5)
    assert op.min is None
    assert op.max == FloatAttr(2.5, f64)


def test_variadic_operands():
    op = ConcatenateOp(value(3, 4), value(5, 4), value(1, 4), dim=0)
    assert op.spec.shape == (9, 4)
    assert len(op.inputs) == 3


def test_a_builder_refuses_what_the_verifier_would():
    with pytest.raises(
        ShapeError,
        match=r"^add: shapes \[3, 4\] and \[5\] do not broadcast: dimension -1 is 4 and 5, "
        r"but must be equal or 1$",
    ):
        AddOp(value(3, 4), value(5))


def test_the_verifier_states_both_types():
    op = ReluOp(value(3), result_type=tensor_type(TensorSpec((4,), float32)))
    with pytest.raises(VerifyException) as error:
        op.verify()
    assert "relu: result is tensor<4xf32>, but operands and attributes give tensor<3xf32>" in str(
        error.value
    )


def test_a_value_must_fit_its_element_type():
    with pytest.raises(
        DTypeError, match=r"^full: value 128 does not fit int8 \(integers -128 to 127\)$"
    ):
        FullOp(shape=(2,), dtype=int8, value=128)


def test_elementwise_results_take_the_layout_that_operands_agree_on():
    grid = LayoutAttr.from_layout(MeshLayout.grid(2, 2), 2)
    laid_out = value(4, 4, encoding=grid)
    assert AddOp(laid_out, laid_out).result.type.encoding == grid
    assert AddOp(laid_out, value(4, encoding=None)).result.type.encoding == grid
    assert str(AddOp(laid_out, value(4, 4)).result.type) == "tensor<4x4xf32>"


def test_rebuilt_keeps_attributes_and_result_type():
    op = ClampOp(value(3), min=1.0)
    again = op.rebuilt(value(3))
    assert (again.properties, again.result.type) == (op.properties, op.result.type)
    assert type(again) is ClampOp


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)
def test_types_round_trip(dtype):
    spec = TensorSpec((2, 3), dtype)
    assert spec_of(tensor_type(spec)) == spec
    assert str(element_type(dtype)) == dtype.mlir


def test_only_tensors_have_a_spec():
    with pytest.raises(VerifyException, match=r"^type f32 is not a tensor$"):
        spec_of(f32)


def test_a_module_of_ops_verifies_as_a_whole():
    op = ReluOp(value(3))
    ModuleOp([op.operands[0].owner, op]).verify()


def test_the_page_of_the_dialect_names_every_op():
    page = (Path(__file__).parents[2] / "docs/dialects/pyflame.md").read_text()
    ops_section = page.split("## Ops")[1].split("## Numbers")[0]
    named = set(re.findall(r"`(\w+)`", ops_section))
    assert {op.mnemonic() for op in OPS} - named == set()
