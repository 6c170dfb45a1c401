"""A random program computes on its PEs what it computes as tiles on the mesh."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from xdsl.parser import Parser

from pyflame.dialects import new_context
from pyflame.dialects.dataflow.program import programs as programs_of
from pyflame.dialects.pyflame.types import spec_of
from pyflame.errors import UnsupportedError
from pyflame.lowering.mesh_to_dataflow.convert import ConvertMeshToDataflowPass
from pyflame.passes.dataflow_allocate_memory import AllocateMemoryPass
from pyflame.passes.dataflow_check_traffic import check_traffic
from pyflame.runtime.interpreters import mesh, tensor
from tests.lowering.dataflow_machine import Machine
from tests.lowering.test_pyflame_to_mesh_random import TOLERANCE, keep_results, programs, to_mesh


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs(), st.sampled_from((0, 1, 2)), st.integers(0, 2**32 - 1))
def test_pes_compute_what_tiles_do(program: tuple[str, int, int], panel: int, seed: int) -> None:
    text, rows, cols = program
    module = Parser(new_context(), text).parse_module()
    specs = [spec_of(a.type) for a in next(iter(module.body.block.ops)).regions[0].block.args]
    rng = np.random.default_rng(seed)
    arrays = [rng.uniform(-2, 2, s.shape).astype(s.dtype.numpy) for s in specs]
    everything = tensor.run_module(module, *arrays)
    scale = max((float(np.max(np.abs(a))) for a in everything if a.size), default=1.0)
    assume(scale < 1000)
    keep_results(module, 2)
    to_mesh(module, rows, cols, panel)
    expected = mesh.run_module(module, *arrays)
    ctx = new_context()
    try:
        ConvertMeshToDataflowPass().apply(ctx, module)
    except UnsupportedError as error:
        assert all(" elements" in gap.what for gap in error.gaps)
        return
    module.verify()
    AllocateMemoryPass().apply(ctx, module)
    module.verify()
    (lowered,) = programs_of(module)
    assert check_traffic(lowered) == []
    found = Machine(lowered).run(*arrays)
    tolerance = TOLERANCE[specs[0].dtype.name] * max(1.0, scale) ** 2
    for wanted, got in zip(expected, found, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=tolerance)
