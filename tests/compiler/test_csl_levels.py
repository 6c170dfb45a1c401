"""Every level computes the same; and a level that does not is found."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.parser import Parser

import pyflame as pf
from pyflame.compiler import levels
from pyflame.compiler.levels import LevelChecker, verify
from pyflame.compiler.pipelines import Level, Settings, lower
from pyflame.compiler.simulate import simulate
from pyflame.dialects import new_context
from pyflame.errors import ShapeError, UnsupportedError, VerifyError

RECTANGLES = [(1, 1), (1, 3), (2, 2), (3, 2)]


def tensor(*shape: int, dtype: type = np.float32, seed: int = 0) -> pf.Tensor:
    return pf.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(dtype))


PROGRAMS = {
    "matmul": lambda d: tensor(5, 7, dtype=d) @ tensor(7, 4, dtype=d, seed=1),
    "bias": lambda d: pf.relu(tensor(5, 7, dtype=d) + tensor(7, dtype=d, seed=1)),
    "transpose": lambda d: tensor(5, 4, dtype=d).transpose(0, 1) * tensor(4, 5, dtype=d, seed=1),
    "gelu": lambda d: pf.gelu(tensor(5, 3, dtype=d)),
    "sum": lambda d: tensor(5, 7, dtype=d).sum(dim=1),
    "mean": lambda d: tensor(5, 7, dtype=d).mean(),
    "max": lambda d: tensor(5, 7, dtype=d).max(dim=0),
}


@pytest.mark.parametrize("rectangle", RECTANGLES, ids=str)
@pytest.mark.parametrize("program", PROGRAMS)
def test_levels_agree(program, rectangle):
    rows, cols = rectangle
    report = verify(PROGRAMS[program](np.float32), rows=rows, cols=cols)
    assert report.levels == ["tensor", "mesh", "csl"]
    assert report.cycles and report.cycles > 0


@pytest.mark.parametrize("target", ["wse2", "wse3"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_levels_agree_in_f16(program, target):
    verify(PROGRAMS[program](np.float16), rows=2, cols=3, target=target)


@settings(max_examples=12, deadline=None)
@given(
    st.integers(1, 6), st.integers(1, 6), st.integers(1, 6), st.sampled_from(RECTANGLES),
    st.sampled_from([pf.relu, pf.sigmoid, pf.tanh, pf.exp]), st.booleans(),
)  # fmt: skip
def test_random_layers_agree(m, k, n, rectangle, activation, optimize):
    rows, cols = rectangle
    y = activation(tensor(m, k) @ tensor(k, n, seed=1) + tensor(n, seed=2))
    verify([y, y.sum(dim=0)], rows=rows, cols=cols, optimize=optimize)


MODULE = """func.func @main(%x: tensor<3x4xf32> {pyflame.name = "x"}) -> tensor<3x4xf32> {
  %0 = pyflame.relu %x : tensor<3x4xf32> -> tensor<3x4xf32>
  func.return %0 : tensor<3x4xf32>
}"""


def module():
    return Parser(new_context(), MODULE).parse_module()


def test_a_module_runs_on_given_inputs():
    x = np.float32([[1, -2, 3, -4]] * 3)
    assert verify(module(), {"x": x}, rows=1, cols=2).differences == {"result0": 0.0}


def test_the_first_level_that_disagrees_is_named(monkeypatch):
    def wrong(at, *arguments):
        return (np.float32(arguments[0]) + 1,)

    monkeypatch.setattr(levels, "run_mesh_module", wrong)
    with pytest.raises(VerifyError, match="level mesh disagrees with level tensor"):
        verify(module(), rows=1, cols=1)


def test_a_module_below_the_tensor_level_is_refused():
    lowered = module()
    lower(lowered, Level.MESH, Settings(rows=1, cols=1))
    with pytest.raises(UnsupportedError, match="not at the tensor level"):
        verify(lowered)


def test_the_simulated_program_asks_for_its_inputs():
    lowered = module()
    lower(lowered, Level.CSL, Settings(rows=1, cols=2))
    with pytest.raises(ShapeError, match="input 'x' is missing"):
        simulate(lowered, {})
    with pytest.raises(ShapeError, match=r"input 'x' is float64 of shape \[3, 4\]"):
        simulate(lowered, {"x": np.zeros((3, 4))})


def test_results_depend_neither_on_time_nor_on_the_order_of_tasks():
    lowered = module()
    lower(lowered, Level.CSL, Settings(rows=2, cols=2))
    x = {"x": np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)}
    first = simulate(lowered, x).outputs["result0"]
    for options in ({"timing": "unit"}, {"shuffle_seed": 1}):
        np.testing.assert_array_equal(simulate(lowered, x, **options).outputs["result0"], first)


def test_the_checker_runs_a_module_when_it_reaches_a_level():
    ctx = new_context()
    checker = LevelChecker(ctx, seed=3)
    at = module()
    checker.check(at, None)
    for level in (Level.MESH, Level.DATAFLOW, Level.CSL):
        lower(at, level, Settings(rows=2, cols=2), ctx)
        checker.check(at, f"to {level.name}")


def test_the_checker_names_the_pass_after_which_levels_disagree(monkeypatch):
    ctx = new_context()
    checker = LevelChecker(ctx)
    at = module()
    checker.check(at, None)
    lower(at, Level.MESH, Settings(rows=1, cols=1), ctx)
    monkeypatch.setattr(levels, "run_mesh_module", lambda at, x: (x - 1,))
    with pytest.raises(VerifyError, match="level mesh, after pass convert, disagrees with level"):
        checker.check(at, "convert")
