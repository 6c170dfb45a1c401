"""A small random program gives the same numbers as tensors and as tiles on a random rectangle."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from pyflame.dialects import new_context
from pyflame.dialects.pyflame.types import spec_of
from pyflame.lowering.pyflame_to_mesh.convert import ConvertPyFlameToMeshPass
from pyflame.passes.assign_layouts import AssignLayoutsPass
from pyflame.passes.decompose import DecomposePass
from pyflame.passes.expand_redistribute import ExpandRedistributePass
from pyflame.passes.fold_transposes import FoldTransposesPass
from pyflame.passes.fuse_compute import FuseComputePass
from pyflame.runtime.interpreters import mesh, tensor
from tests.random_programs import TOLERANCE, keep_results, programs


def to_mesh(module: ModuleOp, rows: int, cols: int, panel: int) -> None:
    """Lower in place, verifying after every pass."""
    ctx = new_context()
    for step in (
        DecomposePass(),
        FoldTransposesPass(),
        AssignLayoutsPass(rows, cols),
        ConvertPyFlameToMeshPass(panel),
        ExpandRedistributePass(),
        FuseComputePass(),
    ):
        step.apply(ctx, module)
        module.verify()


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs(), st.sampled_from((0, 1, 2)), st.integers(0, 2**32 - 1))
def test_tiles_compute_what_tensors_do(
    program: tuple[str, int, int], panel: int, seed: int
) -> None:
    text, rows, cols = program
    module = Parser(new_context(), text).parse_module()
    types = [arg.type for arg in next(iter(module.body.block.ops)).regions[0].block.args]
    specs = [spec_of(type) for type in types]
    rng = np.random.default_rng(seed)
    arrays = [rng.uniform(-2, 2, s.shape).astype(s.dtype.numpy) for s in specs]
    everything = tensor.run_module(module, *arrays)
    scale = max((float(np.max(np.abs(a))) for a in everything if a.size), default=1.0)
    assume(scale < 1000)
    keep_results(module, 2)
    to_mesh(module, rows, cols, panel)
    tolerance = TOLERANCE[specs[0].dtype.name] * max(1.0, scale) ** 2
    for wanted, found in zip(everything[-2:], mesh.run_module(module, *arrays), strict=True):
        assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance)
