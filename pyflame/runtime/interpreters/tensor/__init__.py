"""The reference for whole tensors: a module of the `pyflame` dialect run with NumPy.

`run_module` is the whole interface; `engine.TensorInterpreter` keeps an interpreter for many
runs. Every op family has a file with a table of NumPy meanings.
"""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from pyflame.runtime.interpreters.tensor.engine import (
    MAX_BYTES,
    TensorInterpreter,
    check_supported,
    find_function,
    run_function,
)

__all__ = ["MAX_BYTES", "TensorInterpreter", "run_module"]


def run_module(
    module: ModuleOp,
    *arguments: np.ndarray,
    function: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> tuple[np.ndarray, ...]:
    """Run a function of a tensor module and return its results.

    Args:
        module: A module of `func.func`s over `pyflame` ops. Encodings do not matter.
        arguments: One array per argument, of exactly its shape and element type (bfloat16 as
            float32 arrays).
        function: Name of the function; the default is ``main``, or the only one there is.
        max_bytes: Bound on the bytes alive at one time; more raises `LimitError`.

    Raises:
        UnsupportedError: the module has ops of other dialects; all are named.
        PyFlameError: wrong arguments, a limit, or an integer division by zero.
    """
    check_supported(module)
    interpreter = TensorInterpreter(module, max_bytes)
    return run_function(interpreter, find_function(module, function), arguments)
