"""What a compiled program can do, whichever machine runs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from pyflame.runtime.interpreters.tensor.engine import (
    MAX_BYTES,
    TensorInterpreter,
    check_supported,
    find_function,
    run_function,
)


class Executable(Protocol):
    """A compiled program: arrays in, arrays out."""

    def run(
        self, arguments: Sequence[np.ndarray], max_bytes: int | None = None
    ) -> tuple[np.ndarray, ...]:
        """Results for `arguments`, one array per argument of the program's function.

        `max_bytes` overrides the executable's own bound on memory.
        """
        ...


class ReferenceExecutable:
    """The CPU reference: interprets a tensor module with NumPy."""

    def __init__(self, module: ModuleOp, max_bytes: int = MAX_BYTES) -> None:
        check_supported(module)
        self._module = module
        self._function = find_function(module, None)
        self._interpreter = TensorInterpreter(module, max_bytes)

    def run(
        self, arguments: Sequence[np.ndarray], max_bytes: int | None = None
    ) -> tuple[np.ndarray, ...]:
        """Results for `arguments`; raises as `run_module` does."""
        interpreter = self._interpreter
        if max_bytes is not None:
            interpreter = TensorInterpreter(self._module, max_bytes)
        return run_function(interpreter, self._function, arguments)
