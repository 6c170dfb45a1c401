"""Random small programs: the lazy graph, its module and the module's text mean the same."""

from io import StringIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.parser import Parser
from xdsl.printer import Printer

import pyflame as pf
from pyflame.compiler.trace import trace
from pyflame.dialects import new_context
from pyflame.runtime.interpreters.tensor import run_module

UNARY = [
    ("abs", np.abs),
    ("tanh", np.tanh),
    ("relu", lambda x: np.maximum(x, 0)),
    ("neg", np.negative),
]
BINARY = [
    ("add", np.add),
    ("subtract", np.subtract),
    ("multiply", np.multiply),
    ("maximum", np.maximum),
]
REDUCTIONS = [("sum", np.sum), ("mean", np.mean), ("max", np.max), ("min", np.min)]


@st.composite
def programs(draw):
    """A tensor and the float64 array that it should come close to."""
    rows, cols = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))

    def data(*shape):
        array = rng.uniform(-1, 1, shape).astype(np.float32)
        return pf.from_numpy(array), array.astype(np.float64)

    x, expected = data(rows, cols)
    for _ in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(["unary", "binary", "reduce", "matmul", "transpose", "slice"]))
        if kind == "unary":
            name, numpy = draw(st.sampled_from(UNARY))
            x, expected = getattr(x, name)(), numpy(expected)
        elif kind == "binary":
            name, numpy = draw(st.sampled_from(BINARY))
            y, array = data(*draw(st.sampled_from([(x.shape[1],), (x.shape[0], 1), (1,)])))
            x, expected = getattr(x, name)(y), numpy(expected, array)
        elif kind == "reduce":
            name, numpy = draw(st.sampled_from(REDUCTIONS))
            dim = draw(st.integers(0, 1))
            x = getattr(x, name)(dim, keepdim=True)
            expected = numpy(expected, axis=dim, keepdims=True)
        elif kind == "matmul":
            y, array = data(x.shape[1], draw(st.integers(1, 4)))
            x, expected = x @ y, expected @ array
        elif kind == "transpose":
            x, expected = x.T, expected.T
        else:
            start = draw(st.integers(0, x.shape[0] - 1))
            x, expected = x[start:, ::2], expected[start:, ::2]
    return x, expected


@settings(max_examples=60, deadline=None)
@given(programs())
def test_graph_module_and_text_agree(program):
    x, expected = program
    graph = pf.get_graph(x)
    module = trace(graph)
    module.verify()
    inputs = [node.data for node in graph.inputs]
    (direct,) = run_module(module, *inputs)
    np.testing.assert_allclose(direct, expected, rtol=1e-4, atol=1e-5)
    for generic in (False, True):
        text = StringIO()
        Printer(text, print_generic_format=generic).print_op(module)
        again = Parser(new_context(), text.getvalue()).parse_module()
        again.verify()
        np.testing.assert_array_equal(run_module(again, *inputs)[0], direct)
    np.testing.assert_array_equal(x.numpy(), direct)


@pytest.mark.parametrize(
    "value",
    [0.1, 1e300, 5e-324, -0.0, 1 / 3, 123456789.0, float("inf"), float("-inf"), float("nan")],
)
def test_numbers_survive_the_text(value):
    text = str(trace(pf.get_graph(pf.full([1], value, pf.float64))))
    (result,) = run_module(Parser(new_context(), text).parse_module())
    assert result.tobytes() == np.array([value]).tobytes()
