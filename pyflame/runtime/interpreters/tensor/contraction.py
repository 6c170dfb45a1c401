"""NumPy meaning of the matrix product."""

from __future__ import annotations

import numpy as np

from pyflame.dialects.pyflame import contraction as ops
from pyflame.runtime.interpreters.tensor.meaning import Meanings, interpreter_functions, widen


def _matmul(
    lhs: np.ndarray, rhs: np.ndarray, transpose_a: bool = False, transpose_b: bool = False
) -> np.ndarray:
    lhs, rhs = widen(lhs), widen(rhs)
    lhs = np.swapaxes(lhs, -1, -2) if transpose_a else lhs
    rhs = np.swapaxes(rhs, -1, -2) if transpose_b else rhs
    return np.matmul(lhs, rhs)


MEANINGS: Meanings = {ops.MatmulOp: _matmul}

ContractionFunctions = interpreter_functions("ContractionFunctions", MEANINGS)
