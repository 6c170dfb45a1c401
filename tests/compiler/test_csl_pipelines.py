"""The road to CSL: its table, its levels, and what happens off it."""

import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from pyflame.compiler import pipelines
from pyflame.compiler.pipelines import NAMED, ROAD, Level, Settings, Step, level_of, passes, run
from pyflame.dialects import new_context
from pyflame.errors import PyFlameError, UnsupportedError, VerifyError
from pyflame.passes import get_all_passes

MODULE = """func.func @main(%x: tensor<3x4xf32>, %y: tensor<4x3xf32>) -> tensor<3x3xf32> {
  %0 = pyflame.matmul %x, %y : tensor<3x4xf32>, tensor<4x3xf32> -> tensor<3x3xf32>
  func.return %0 : tensor<3x3xf32>
}"""


def module() -> ModuleOp:
    return Parser(new_context(), MODULE).parse_module()


def test_every_pass_of_the_road_exists():
    for start, stop in NAMED.values():
        assert passes(start, stop, Settings())


def test_every_conversion_pass_stands_on_the_road():
    names = {step.name for steps in ROAD.values() for step in steps}
    assert {name for name in get_all_passes() if name.startswith("convert-")} <= names


def test_settings_reach_every_pass_that_has_such_an_option():
    found = passes(Level.TENSOR, Level.CSL, Settings(target="wse3", rows=2, cols=5))
    by_name = {step.name: step for step in found}
    assert by_name["pyflame-assign-layouts"] == type(by_name["pyflame-assign-layouts"])(2, 5)
    assert vars(by_name["convert-mesh-to-dataflow"])["target"] == "wse3"


def test_optimizations_can_be_left_out():
    plain = passes(Level.TENSOR, Level.CSL, Settings(optimize=False))
    left_out = {s.name for steps in ROAD.values() for s in steps if s.optimization}
    assert left_out and not left_out & {step.name for step in plain} - _also_needed()


def _also_needed() -> set[str]:
    return {s.name for steps in ROAD.values() for s in steps if not s.optimization}


def test_a_module_passes_every_level_in_order():
    levels = [level for level, at in run(module(), Level.CSL, Settings(rows=2, cols=2))]
    assert levels == list(Level)


def test_a_module_with_ops_of_two_levels_stands_on_the_upper_one():
    mixed = module()
    for step in passes(Level.TENSOR, Level.MESH, Settings(rows=2, cols=2))[:-1]:
        step.apply(new_context(), mixed)
    assert level_of(mixed) is Level.TENSOR


def test_a_module_of_other_dialects_has_no_level():
    other = Parser(new_context(), '"test.op"() : () -> ()').parse_module()
    with pytest.raises(PyFlameError, match="its dialects are: test"):
        level_of(other)


def test_a_pass_that_does_not_exist_is_named(monkeypatch):
    road = {**ROAD, Level.MESH: (Step("mesh-dream"), Step("mesh-hope"))}
    monkeypatch.setattr(pipelines, "ROAD", road)
    with pytest.raises(UnsupportedError, match="pass 'mesh-dream'") as info:
        passes(Level.TENSOR, Level.CSL, Settings())
    assert len(info.value.gaps) == 2


def test_an_invalid_module_is_the_mistake_of_the_passes(monkeypatch):
    road = {**ROAD, Level.TENSOR: (*ROAD[Level.TENSOR], Step("pyflame-break"))}
    monkeypatch.setattr(pipelines, "ROAD", road)

    class Break:
        def apply(self, ctx, op):
            (function,) = op.ops
            function.properties.pop("sym_name")

    original = pipelines._all_passes()
    configured = pipelines._configured
    monkeypatch.setattr(
        pipelines, "_configured", lambda cls, s: Break() if cls is None else configured(cls, s)
    )
    monkeypatch.setattr(
        pipelines, "_all_passes", lambda: {**original, "pyflame-break": lambda: None}
    )
    with pytest.raises(VerifyError, match="the passes from level tensor made an invalid module"):
        list(run(module(), Level.MESH, Settings(rows=1, cols=1)))
