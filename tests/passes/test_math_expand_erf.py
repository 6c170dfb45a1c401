"""erf by exp: accuracy against the standard library, in f32."""

from __future__ import annotations

from math import erf, erfc

import numpy as np
import pytest
from xdsl.dialects import func, math
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from pyflame.dialects import new_context
from pyflame.passes.math_expand_erf import MathExpandErfPass
from pyflame.runtime.interpreters.mesh.scalar import run_body


def expanded(element: str = "f32") -> ModuleOp:
    text = f"""func.func @f(%z: {element}) -> ({element}, {element}) {{
      %e = math.erf %z : {element}
      %one = arith.constant 1.0 : {element}
      %g = arith.addf %e, %one : {element}
      func.return %e, %g : {element}, {element}
    }}"""
    module = Parser(new_context(), text).parse_module()
    MathExpandErfPass().apply(new_context(), module)
    module.verify()
    return module


def run(module: ModuleOp, z: np.ndarray) -> tuple[np.ndarray, ...]:
    function = module.body.block.first_op
    assert isinstance(function, func.FuncOp)
    return run_body(function.body.block, [z])


def relative(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.max(np.abs(found - wanted) / np.abs(wanted)))


def test_erf_has_no_cancellation_near_zero() -> None:
    z = np.concatenate([np.linspace(-6, 6, 2000), np.geomspace(1e-30, 1, 99)]).astype(np.float32)
    found, _ = run(expanded(), z)
    assert found.dtype == np.float32
    assert relative(found, np.array([erf(float(v)) for v in z])) < 4e-7


@pytest.mark.parametrize(("low", "bound"), [(-3.0, 2e-6), (-6.0, 4e-6)])
def test_one_plus_erf_has_no_cancellation_for_negative_values(low: float, bound: float) -> None:
    z = np.linspace(low, 6, 2000).astype(np.float32)
    _, found = run(expanded(), z)
    assert relative(found, np.array([erfc(-float(v)) for v in z])) < bound


def test_large_and_odd_values_stay_finite() -> None:
    z = np.float32([-1e30, -100, 0, 100, 1e30])
    with np.errstate(all="ignore"):
        plain, shifted = run(expanded(), z)
    np.testing.assert_array_equal(plain, [-1, -1, 0, 1, 1])
    np.testing.assert_array_equal(shifted, [0, 0, 1, 2, 2])


def test_half_precision_is_computed_in_single() -> None:
    z = np.float16([-2, -0.5, 0.25, 1])
    plain, _ = run(expanded("f16"), z)
    assert plain.dtype == np.float16
    np.testing.assert_array_equal(plain, np.float16([erf(float(v)) for v in z]))


def test_no_erf_is_left() -> None:
    assert not any(isinstance(op, math.ErfOp) for op in expanded().walk())
