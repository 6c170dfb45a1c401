"""The reference for the mesh level: one SPMD program, all PEs at once as leading array axes.

`run_module` takes and gives whole tensors; `placement` has the way from them to tiles and back.
"""

from pyflame.runtime.interpreters.mesh.engine import MAX_BYTES, host_arguments, run_module
from pyflame.runtime.interpreters.mesh.placement import collect, distribute

__all__ = ["MAX_BYTES", "collect", "distribute", "host_arguments", "run_module"]
