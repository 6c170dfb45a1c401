"""Random programs give the same numbers as tensors and as the simulated text that ships."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from xdsl.parser import Parser

import pyflame as pf
from pyflame.compiler.pipelines import Level, Settings, lower
from pyflame.compiler.prepare import prepare
from pyflame.compiler.simulate import simulate
from pyflame.dialects import new_context
from pyflame.dialects.pyflame.types import spec_of
from pyflame.runtime.interpreters import tensor
from tests.random_programs import TOLERANCE, keep_results, programs

TARGETS = st.sampled_from(("wse2", "wse3"))
SHUFFLES = st.sampled_from((None, 1, 2))


def run_both(program: tuple[str, int, int], target: str, shuffle: int | None, seed: int) -> None:
    """Run the last two values of `program` as tensors and as simulated text, and compare."""
    text, rows, cols = program
    module = Parser(new_context(), text).parse_module()
    types = [arg.type for arg in next(iter(module.body.block.ops)).regions[0].block.args]
    specs = [spec_of(type) for type in types]
    rng = np.random.default_rng(seed)
    arrays = [rng.uniform(-2, 2, s.shape).astype(s.dtype.numpy) for s in specs]
    everything = tensor.run_module(module, *arrays)
    assume(all(array.size for array in (*arrays, *everything)))  # empty tensors: docs/status.md
    scale = max(float(np.max(np.abs(a))) for a in everything)
    assume(scale < 1000)
    keep_results(module, 2)
    prepared = prepare(module, {f"arg{i}": array for i, array in enumerate(arrays)})
    lower(prepared.module, Level.CSL, Settings(target=target, rows=rows, cols=cols))
    outputs = simulate(prepared.module, prepared.values, shuffle_seed=shuffle).outputs
    tolerance = TOLERANCE[specs[0].dtype.name] * max(1.0, scale) ** 2
    for wanted, found in zip(everything[-2:], outputs.values(), strict=True):
        assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs(), TARGETS, SHUFFLES, st.integers(0, 2**32 - 1))
def test_simulated_text_computes_what_tensors_do(program, target, shuffle, seed) -> None:
    run_both(program, target, shuffle, seed)


@pytest.mark.slow
@settings(max_examples=3000, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs(), TARGETS, SHUFFLES, st.integers(0, 2**32 - 1))
def test_many_simulated_texts_compute_what_tensors_do(program, target, shuffle, seed) -> None:
    run_both(program, target, shuffle, seed)


SIZES = st.integers(1, 40)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(SIZES, SIZES, SIZES, st.integers(1, 5), st.integers(1, 5), TARGETS, st.booleans())
def test_a_layer_agrees_on_every_level(m, k, n, rows, cols, target, half) -> None:
    dtype = np.float16 if half else np.float32
    rng = np.random.default_rng(m * 1600 + k * 40 + n)
    x, w, b = (rng.standard_normal(s).astype(dtype) for s in ((m, k), (k, n), (n,)))
    grid = pf.MeshLayout.grid(rows, cols)
    layer = pf.gelu(pf.from_numpy(x, layout=grid) @ pf.from_numpy(w) + pf.from_numpy(b))
    assert pf.verify([layer, layer.sum(1)], target=target).levels == ["tensor", "mesh", "csl"]


@pytest.mark.parametrize("terms", [1000, 4000])
def test_long_sums_stay_within_1e_5(terms: int) -> None:
    x = np.random.default_rng(0).uniform(0, 1, (4, terms)).astype(np.float32)
    grid = pf.MeshLayout.grid(2, 4)
    assert pf.verify(pf.from_numpy(x, layout=grid).sum(1)).differences["result0"] < 1e-5 * terms


def test_every_pe_holds_a_part_of_each_operand_only(tmp_path) -> None:
    grid = pf.MeshLayout.grid(4, 4)
    a, b = (pf.randn([64, 64], layout=grid) for _ in range(2))
    result = pf.compile_to_csl(a @ b, pf.CodeGenOptions(str(tmp_path / "program")))
    assert result.success, result.error_message
    largest = max(
        int(line.split("[")[1].split("]")[0])
        for line in result.sources["pe.csl"].splitlines()
        if line.startswith("var ") and "@zeros" in line
    )
    assert largest < 64 * 64 / 4


def test_a_gathered_tensor_reshapes_into_slices_that_outlive_a_phase() -> None:
    x = pf.from_numpy(np.arange(18, dtype=np.float32).reshape(3, 3, 2), name="x")
    result = [x * 2.0, pf.maximum((x * 3.0).reshape([9, 2]), 0.5)]
    assert pf.verify(result, rows=4, cols=3).levels[-1] == "csl"


def test_a_gather_in_two_steps_does_not_overwrite_what_is_being_sent() -> None:
    rng = np.random.default_rng(0)
    a, b = (pf.from_numpy(rng.standard_normal((5, 7, 1, 1)).astype(np.float32)) for _ in range(2))
    layout = pf.MeshLayout(2, 3, split=(None, None, 0, 1))
    product = a.transpose(2, 3) @ b.to_layout(layout).transpose(2, 3)
    for target in ("wse2", "wse3"):
        assert pf.verify(product, target=target).levels[-1] == "csl"


def test_an_argument_in_two_layouts_is_placed_twice() -> None:
    x = pf.from_numpy(np.arange(21, dtype=np.float32).reshape(3, 7), name="x")
    report = pf.verify([x + 0.0, x.transpose(0, 1) * 2.0], rows=1, cols=2)
    assert report.levels[-1] == "csl"
