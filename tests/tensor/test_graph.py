"""The graph behind tensors: its lifetime, its order, its cache, its printed form."""

import gc
import subprocess
import sys
import weakref

import numpy as np
import pytest

import pyflame as pf
from pyflame.compiler import graph
from pyflame.compiler.cache import EXECUTABLES, ExecutableCache
from pyflame.compiler.trace import trace
from pyflame.errors import LayoutError, PyFlameError, ShapeError


@pytest.fixture
def cache():
    EXECUTABLES.clear()
    return EXECUTABLES


def test_a_graph_dies_with_its_tensors():
    x = pf.tensor([1.0, 2.0])
    middle = x * 3
    y = middle + 1
    ref = weakref.ref(pf.get_node(middle))
    del middle
    assert ref() is not None
    del y
    gc.collect()
    assert ref() is None


def test_an_evaluated_tensor_forgets_its_inputs():
    x = pf.randn([10])
    y = (x * 2).exp()
    ref = weakref.ref(pf.get_node(x))
    del x
    assert ref() is not None
    y.eval()
    gc.collect()
    assert ref() is None
    assert pf.get_graph(y).num_nodes == 1


def test_the_same_structure_is_compiled_once(cache):
    def step(x):
        return pf.softmax(x @ x.T, dim=-1).sum()

    for i in range(5):
        step(pf.from_numpy(np.full((3, 4), i, np.float32))).eval()
    assert (cache.compilations, cache.hits) == (1, 4)
    step(pf.ones([5, 4]).eval()).eval()
    assert cache.compilations >= 2


def test_data_is_not_computed_again(cache):
    x = pf.ones([3]).eval()
    assert (cache.compilations, cache.hits) == (1, 0)
    pf.eval(x, x)
    assert (cache.compilations, cache.hits) == (1, 0)


def test_random_tensors_do_not_compile_again(cache):
    values = [pf.randn([3]).tolist() for _ in range(4)]
    assert cache.compilations == 1
    assert len({tuple(value) for value in values}) == 4


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda x: x + 1, lambda x: x + 2),
        (lambda x: x * 0.0, lambda x: x * -0.0),
        (lambda x: x.sum(0), lambda x: x.sum(1)),
        (lambda x: x.sum(0), lambda x: x.sum(0, keepdim=True)),
        (lambda x: x - x.T, lambda x: x.T - x),
        (lambda x: (x + 1) * (x + 1), lambda x: (lambda y: y * y)(x + 1)),
    ],
)
def test_different_programs_have_different_keys(one, other):
    x = pf.ones([3, 3]).eval()
    assert pf.get_graph(one(x)).key() != pf.get_graph(other(x)).key()
    assert pf.get_graph(one(x)).key() == pf.get_graph(one(pf.zeros([3, 3]).eval())).key()


def test_signed_zeros_are_different_programs():
    x = pf.tensor([1.0])
    assert np.signbit((x * -0.0).numpy())[0]
    assert not np.signbit((x * 0.0).numpy())[0]


def test_a_graph_with_two_outputs_depends_on_their_order():
    x = pf.ones([2]).eval()
    a, b = x + 1, x * 2
    assert pf.get_graph(a, b).key() != pf.get_graph(b, a).key()


def test_the_least_recently_used_executable_goes_first():
    cache = ExecutableCache(capacity=2)
    made = []

    def get(key):
        return cache.get(key, lambda: made.append(key))  # pyright: ignore

    for key in ["a", "b", "a", "c", "a", "b"]:
        get(key)
    assert made == ["a", "b", "c", "b"]
    assert (len(cache), cache.compilations, cache.hits) == (2, 4, 2)


def test_deep_graphs_need_no_recursion():
    x = pf.zeros([2])
    for _ in range(10_000):
        x = x + 1
    assert x.tolist() == [10_000, 10_000]


def test_a_deep_graph_is_freed_without_recursion():
    x = pf.zeros([2])
    for _ in range(100_000):
        x = -x
    ref = weakref.ref(pf.get_node(x))
    del x
    assert ref() is None


def test_wide_sharing_is_computed_once_per_node(cache):
    x = pf.ones([2])
    for _ in range(60):
        x = x + x
    assert pf.get_graph(x).num_nodes == 61
    assert x.tolist() == [2.0**60, 2.0**60]


def test_a_failed_evaluation_leaves_the_tensor_lazy():
    x = pf.tensor(np.array([1], np.int32))
    y = x.remainder(pf.tensor(np.array([0], np.int32)))
    with pytest.raises(PyFlameError, match=r"^remainder: an integer is divided by 0; cast to fl"):
        y.eval()
    assert pf.is_lazy(y)
    assert pf.get_graph(y).num_nodes == 3


def test_the_graph_prints():
    w = pf.from_numpy(np.ones((4, 3), np.float32), layout=pf.MeshLayout.grid(2, 1), name="w")
    y = pf.relu(pf.ones([2, 4]) @ w).sum(dim=0)
    assert str(pf.get_graph(y)) == (
        "%0 = full(shape=(2, 4), dtype=DType.float32, value=1.0) : tensor<2x4xf32>\n"
        '%1 = input "w" : tensor<4x3xf32> @ MeshLayout.grid(2, 1)\n'
        "%2 = matmul(%0, %1) : tensor<2x3xf32>\n"
        "%3 = relu(%2) : tensor<2x3xf32>\n"
        "%4 = sum(%3, dims=(0,), keepdims=False) : tensor<3xf32>\n"
        "return %4"
    )


def test_print_graph_prints_the_graph(capsys):
    y = pf.ones([2]).exp()
    pf.print_graph(y)
    assert capsys.readouterr().out == f"{pf.get_graph(y)}\n"


def test_nodes_say_what_they_are():
    node = pf.get_node(pf.ones([2, 3]).argmax(1))
    assert (node.op_type, node.output_shape, node.output_dtype) == ("argmax", [2], pf.int64)
    assert [source.op_type for source in node.inputs] == ["full"]
    assert repr(node) == "<Node argmax: tensor<2xi64>>"
    assert isinstance(node.spec, pf.TensorSpec)
    assert isinstance(pf.get_graph(pf.ones([1])), pf.Graph)


def test_a_layout_must_fit_the_rank():
    layout = pf.MeshLayout(2, 2, "grid", (0, 1))
    with pytest.raises(LayoutError, match=r"^a layout of 2 dimensions on a tensor of rank 1$"):
        pf.ones([4], layout=layout)


def test_data_must_be_carried_by_its_type():
    with pytest.raises(ShapeError, match=r"^data of dtype float64 cannot carry float32$"):
        graph.leaf(np.ones(2), pf.float32)


def test_trace_makes_one_module():
    w = pf.from_numpy(np.ones((4, 3), np.float32), layout=pf.MeshLayout.grid(2, 1), name="w")
    x = pf.tensor([[1.0, 2.0, 3.0, 4.0]])
    y = (x @ w).gelu("tanh").sum(dim=-1, keepdim=True)
    module = trace(pf.get_graph(y))
    module.verify()
    assert str(module) == (
        "builtin.module {\n"
        "  func.func @main(%0: tensor<1x4xf32>, "
        '%1: tensor<4x3xf32, #mesh.layout<2x1, [rows, cols]>> {pyflame.name = "w"}) '
        "-> tensor<1x1xf32> {\n"
        "    %2 = pyflame.matmul %0, %1 : tensor<1x4xf32>, "
        "tensor<4x3xf32, #mesh.layout<2x1, [rows, cols]>> -> tensor<1x3xf32>\n"
        "    %3 = pyflame.gelu %2 approximate tanh : tensor<1x3xf32> -> tensor<1x3xf32>\n"
        "    %4 = pyflame.sum %3 dims [1] keepdims : tensor<1x3xf32> -> tensor<1x1xf32>\n"
        "    func.return %4 : tensor<1x1xf32>\n"
        "  }\n"
        "}"
    )


def test_tracing_is_deterministic():
    def build():
        x = pf.from_numpy(np.ones((3, 3), np.float32), name="x")
        return pf.get_graph((x.T @ x).softmax() + pf.eye(3), x * 2)

    assert str(trace(build())) == str(trace(build()))


def test_xdsl_is_imported_at_the_first_evaluation():
    code = (
        "import sys, pyflame as pf; y = pf.relu(pf.randn([3, 3]) @ pf.ones([3, 2]));"
        "assert 'xdsl' not in sys.modules; y.eval(); assert 'xdsl' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
