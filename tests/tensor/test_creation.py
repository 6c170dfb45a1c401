"""Functions that make tensors, random ones included."""

import numpy as np
import pytest

import pyflame as pf
from pyflame.errors import DTypeError, ShapeError


def test_constants():
    assert pf.zeros([2, 2]).tolist() == [[0, 0], [0, 0]]
    assert (pf.ones(3, pf.int32).tolist(), pf.ones(3, pf.int32).dtype) == ([1, 1, 1], pf.int32)
    assert pf.full((2,), 3.5).tolist() == [3.5, 3.5]
    assert pf.full([2], True, pf.bool_).tolist() == [True, True]
    assert pf.full([], 2).item() == 2
    assert pf.get_node(pf.zeros([2])).op_type == "full"


def test_likes_follow_shape_type_and_layout():
    x = pf.ones([4, 4], pf.float16, pf.MeshLayout.grid(2, 2))
    for y in (
        pf.zeros_like(x),
        pf.ones_like(x),
        pf.full_like(x, 2),
        pf.randn_like(x),
        pf.rand_like(x),
    ):
        assert (y.shape, y.dtype, y.layout) == (x.shape, x.dtype, x.layout)
    assert pf.zeros_like(x, pf.int8).dtype == pf.int8


@pytest.mark.parametrize(
    "arguments", [(5,), (1, 5), (0, 10, 2), (5, 0, -2), (0, 1, 0.3), (3, 3), (2, 2.5, 0.25)]
)
def test_arange(arguments):
    expected = np.arange(*arguments).astype(np.float32)
    np.testing.assert_array_equal(pf.arange(*arguments).numpy(), expected)


def test_arange_of_integers_and_its_refusals():
    assert pf.arange(0, 5, dtype=pf.int32).numpy().dtype == np.int32
    with pytest.raises(ShapeError, match=r"^arange: step -1 does not lead from 0 to 5$"):
        pf.arange(0, 5, -1)
    with pytest.raises(
        DTypeError, match=r"^arange: start 0 and step 0\.5 must be integers for int32$"
    ):
        pf.arange(0, 5, 0.5, dtype=pf.int32)


def test_eye():
    np.testing.assert_array_equal(pf.eye(3).numpy(), np.eye(3))
    np.testing.assert_array_equal(pf.eye(2, 4, dtype=pf.int8).numpy(), np.eye(2, 4))
    assert pf.eye(4, layout=pf.MeshLayout.grid(2, 2)).layout.rectangle == (2, 2)


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        ([[1, 2, 3], [4, 5, 6]], pf.float32),
        (1.5, pf.float32),
        (np.float64(1.5), pf.float64),
        (np.arange(3), pf.int64),
        (np.ones(2, ">f8"), pf.float64),
        (np.ones(2, np.float16), pf.float16),
        ([True, False], pf.bool_),
        ([], pf.float32),
    ],
)
def test_element_types_of_data(data, dtype):
    x = pf.tensor(data)
    assert x.dtype == dtype
    assert x.is_evaluated()
    np.testing.assert_array_equal(x.numpy(), np.array(data))


def test_data_as_an_element_type():
    assert pf.tensor([1.9, -1.9], dtype=pf.int32).tolist() == [1, -1]
    assert pf.tensor([0.0, 2.0], dtype=pf.bool_).tolist() == [False, True]
    assert pf.tensor([1.0009765625 + 2**-9], dtype=pf.bfloat16).tolist() == [1.0]
    assert pf.tensor(np.ones(2, np.float32), dtype=pf.float16).dtype == pf.float16
    assert pf.tensor(pf.ones([2], pf.int8)).dtype == pf.int8


def test_data_is_copied():
    array = np.ones(2, np.float32)
    x = pf.tensor(array)
    array[:] = 5
    assert x.tolist() == [1, 1]


def test_element_types_are_pyflames():
    with pytest.raises(DTypeError) as error:
        pf.zeros([2], np.float32)  # pyright: ignore
    assert str(error.value) == (
        "full: dtype is <class 'numpy.float32'>, expected one such as pf.float32"
    )


def test_data_refusals():
    with pytest.raises(ShapeError, match=r"^tensor: the nested lists are not rectangular: "):
        pf.tensor([[1, 2], [3]])
    with pytest.raises(DTypeError, match=r"^tensor: data of type <U1 are not real numbers$"):
        pf.tensor(["a"])
    with pytest.raises(DTypeError, match=r"^tensor: data of type complex128 are not real numbers$"):
        pf.tensor([1j])
    with pytest.raises(DTypeError, match=r"^tensor: value 300 does not fit uint8 \(0 to 255\)$"):
        pf.tensor([1, 300], dtype=pf.uint8)
    with pytest.raises(DTypeError, match=r"^dtype dtype\('complex64'\) is not one of float64, fl"):
        pf.from_numpy(np.ones(2, np.complex64))
    with pytest.raises(
        DTypeError, match=r"^from_numpy: got a list, expected a NumPy array; use pf.tensor$"
    ):
        pf.from_numpy([1])  # pyright: ignore


def test_what_does_not_fit_is_refused():
    with pytest.raises(
        DTypeError, match=r"^arange: last element 199 does not fit int8 \(integers -128 to 127\)$"
    ):
        pf.arange(200, dtype=pf.int8)
    with pytest.raises(DTypeError, match=r"^rng_randint: high - 1 299 does not fit uint8 \(integ"):
        pf.randint(0, 300, [2], pf.uint8)
    with pytest.raises(DTypeError, match=r"^pad: value 0\.5 does not fit int8 \(integers -128 to"):
        pf.ones([2], pf.int8).pad([1], [1], 0.5)
    assert pf.full([2], float("inf"), pf.float16).tolist() == [float("inf")] * 2


# Random numbers


def test_the_same_seed_gives_the_same_numbers():
    def draw():
        pf.manual_seed(42)
        return [pf.randn([5]).tolist(), pf.rand([5]).tolist(), pf.randint(0, 9, [5]).tolist()]

    assert draw() == draw()


def test_seeds_and_calls_differ():
    pf.manual_seed(1)
    a, b = pf.randn([4]).tolist(), pf.randn([4]).tolist()
    pf.manual_seed(2)
    c = pf.randn([4]).tolist()
    assert len({tuple(a), tuple(b), tuple(c)}) == 3


def test_the_order_of_evaluation_does_not_matter():
    pf.manual_seed(3)
    a, b = pf.randn([4]), pf.randn([4])
    later = b.tolist(), a.tolist()
    pf.manual_seed(3)
    assert (pf.randn([4]).tolist(), pf.randn([4]).tolist()) == later[::-1]


def test_an_explicit_seed_is_independent_of_the_generator():
    a = pf.randn([4], seed=9).tolist()
    pf.randn([4])
    assert pf.randn([4], seed=9).tolist() == a
    assert pf.randn([4], seed=-9).tolist() != a


def test_the_numbers_are_pinned():
    np.testing.assert_allclose(
        pf.rand([3], seed=0).numpy(), np.array([0x6627E8, 0xE169C5, 0xBC57AC]) / 2**24
    )


def test_distributions_and_types():
    x = pf.randn([1000], pf.float16, mean=3.0, std=0.5, seed=0)
    assert x.dtype == pf.float16
    assert abs(x.numpy().astype(np.float32).mean() - 3) < 0.1
    u = pf.rand([1000], low=-2, high=3, seed=0).numpy()
    assert -2 <= u.min() < -1.9 < 2.9 < u.max() < 3
    n = pf.randint(-3, 3, [1000], pf.int8, seed=0).numpy()
    assert (n.dtype, n.min(), n.max()) == (np.int8, -3, 2)
    coarse = pf.rand([1000], pf.float16, low=1000, high=1001, seed=0)
    assert set(coarse.tolist()) == {1000, 1000.5}
    assert pf.rand([5], pf.bfloat16, seed=0).numpy().max() < 1


def test_random_refusals():
    with pytest.raises(ShapeError, match=r"^rng_randint: the range \[5, 5\) is empty$"):
        pf.randint(5, 5, [2])
    with pytest.raises(
        DTypeError,
        match=r"^rng_normal: element type is int32, expected a floating point type; cast it first$",
    ):
        pf.randn([2], pf.int32)
    with pytest.raises(DTypeError, match=r"^manual_seed: seed is 'x', expected an integer$"):
        pf.manual_seed("x")  # pyright: ignore
