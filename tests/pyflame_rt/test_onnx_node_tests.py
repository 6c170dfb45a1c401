"""ONNX's own node tests: whatever imports must give the expected outputs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests

import pyflame_rt as rt
from pyflame.errors import PyFlameError
from pyflame_rt.importer.registry import find_converter

LEAST_PASSING = 470
"""Only ever raise it: how many node tests import and agree."""


def cases() -> Iterator:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ONNX makes its expected data with overflowing casts
        every = load_model_tests(kind="node")
        for case in every:
            case.data_sets = list(case.data_sets or ())
    yield from (case for case in every if case.model is not None)


def array(value) -> np.ndarray:
    is_proto = isinstance(value, onnx.TensorProto)
    return numpy_helper.to_array(value) if is_proto else np.asarray(value)


def convertible(model: onnx.ModelProto) -> bool:
    opset = next((o.version for o in model.opset_import if not o.domain), 0)
    return all(
        n.op_type == "Constant" or find_converter(n.domain, n.op_type, opset)
        for n in model.graph.node
    )


@pytest.fixture(scope="module")
def outcome() -> tuple[int, list[str]]:
    passed, wrong = 0, []
    for case in cases():
        if not convertible(case.model):
            continue
        names = [i.name for i in case.model.graph.input]
        for inputs, expected in case.data_sets:
            feed = dict(zip(names, map(array, inputs), strict=False))
            try:
                shapes = {name: value.shape for name, value in feed.items()}
                session = rt.InferenceSession(case.model.SerializeToString(), input_shapes=shapes)
                results = session.run(None, feed)
            except PyFlameError:
                continue  # refused with a typed error: counted as not passing
            for got, want in zip(results, map(array, expected), strict=True):
                same = got.shape == want.shape and got.dtype == want.dtype
                if same and np.allclose(got, want, case.rtol, case.atol, equal_nan=True):
                    continue
                wrong.append(case.name)
        passed += 1
    return passed, wrong


def test_no_imported_node_gives_a_wrong_result(outcome):
    assert outcome[1] == []


def test_enough_node_tests_pass(outcome):
    assert outcome[0] >= LEAST_PASSING
