"""The passes of PyFlame, and the one table that names them.

A row is a pass's name on the command line and where its class stands, ``"module:Class"``. The
class is a frozen dataclass derived from `xdsl.passes.ModulePass` whose ``name`` repeats the key;
its fields are the pass's options. Conversions between levels have their rows here too, although
their modules live in `pyflame.lowering`: a row is text, so that listing the passes imports none.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pkgutil import resolve_name
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdsl.passes import ModulePass

PASSES: dict[str, str] = {
    "pyflame-decompose": "pyflame.passes.decompose:DecomposePass",
    "pyflame-fold-transposes": "pyflame.passes.fold_transposes:FoldTransposesPass",
    "pyflame-assign-layouts": "pyflame.passes.assign_layouts:AssignLayoutsPass",
    "convert-pyflame-to-mesh": "pyflame.lowering.pyflame_to_mesh.convert:ConvertPyFlameToMeshPass",
    "mesh-expand-redistribute": "pyflame.passes.expand_redistribute:ExpandRedistributePass",
    "mesh-fuse-compute": "pyflame.passes.fuse_compute:FuseComputePass",
    "math-expand-erf": "pyflame.passes.math_expand_erf:MathExpandErfPass",
    "convert-mesh-to-dataflow": (
        "pyflame.lowering.mesh_to_dataflow.convert:ConvertMeshToDataflowPass"
    ),
    "dataflow-lower-tokens": "pyflame.passes.dataflow_lower_tokens:LowerTokensPass",
    "dataflow-allocate-colors": "pyflame.passes.dataflow_allocate_colors:AllocateColorsPass",
    "dataflow-allocate-queues": "pyflame.passes.dataflow_allocate_queues:AllocateQueuesPass",
    "dataflow-allocate-tasks": "pyflame.passes.dataflow_allocate_tasks:AllocateTasksPass",
    "dataflow-spread-banks": "pyflame.passes.dataflow_spread_banks:SpreadBanksPass",
    "dataflow-allocate-memory": "pyflame.passes.dataflow_allocate_memory:AllocateMemoryPass",
    "dataflow-check": "pyflame.passes.dataflow_check:CheckPass",
    "dataflow-check-traffic": "pyflame.passes.dataflow_check_traffic:CheckTrafficPass",
    "dataflow-predict-cycles": "pyflame.passes.dataflow_predict_cycles:PredictCyclesPass",
    "convert-dataflow-to-csl": "pyflame.lowering.dataflow_to_csl.convert:ConvertDataflowToCslPass",
}
"""Pass name → ``"module:Class"``, in the order in which a compilation uses them."""


def get_all_passes() -> dict[str, Callable[[], type[ModulePass]]]:
    """Pass name → a function that imports and returns the pass class."""
    return {name: partial(resolve_name, path) for name, path in PASSES.items()}
