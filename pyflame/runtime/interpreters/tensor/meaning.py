"""From tables of NumPy functions to xDSL interpreter functions.

A family's table maps an op class to its meaning: a function of the operands' arrays, in order,
and the rule's arguments by name (`PyFlameOp.rule_arguments`). It may compute in a wider type
than the op's; `carry` rounds the result once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls

from pyflame.dialects.pyflame.base import PyFlameOp
from pyflame.dtypes import carry

Meaning = Callable[..., np.ndarray]
Meanings = Mapping[type[PyFlameOp], Meaning]


def widen(x: np.ndarray) -> np.ndarray:
    """`x` in the type that sums and composites of its type are computed in: f16 in f32."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


def interpreter_functions(name: str, meanings: Meanings) -> type[InterpreterFunctions]:
    """An xDSL `InterpreterFunctions` class called `name` with one method per row."""

    def method(meaning: Meaning) -> Callable[..., PythonValues]:
        def run(
            self: Any, interpreter: Interpreter, op: PyFlameOp, args: PythonValues
        ) -> PythonValues:
            return (carry(meaning(*args, **op.rule_arguments()), op.spec.dtype),)

        return run

    methods = {f"run_{op.mnemonic()}": impl(op)(method(row)) for op, row in meanings.items()}
    return register_impls(type(name, (InterpreterFunctions,), methods))
