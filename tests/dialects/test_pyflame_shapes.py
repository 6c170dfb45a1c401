"""Shape arithmetic against NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from pyflame.dialects.pyflame import shapes
from pyflame.errors import ShapeError


@given(mutually_broadcastable_shapes(num_shapes=3, min_side=0))
def test_broadcast_is_numpys(drawn):
    assert shapes.broadcast(*drawn.input_shapes) == drawn.result_shape


@given(st.lists(st.lists(st.integers(0, 3), max_size=3).map(tuple), min_size=2, max_size=3))
def test_broadcast_refuses_what_numpy_refuses(drawn):
    try:
        expected = np.broadcast_shapes(*drawn)
    except ValueError:
        with pytest.raises(ShapeError):
            shapes.broadcast(*drawn)
    else:
        assert shapes.broadcast(*drawn) == expected


@given(st.data())
def test_slices_are_numpys(data):
    n = data.draw(st.integers(0, 9))
    lo = data.draw(st.integers(0, n))
    hi = data.draw(st.integers(lo, n))
    by = data.draw(st.integers(1, 4))
    assert shapes.sliced((n,), (lo,), (hi,), (by,)) == np.empty(n)[lo:hi:by].shape


@given(
    mutually_broadcastable_shapes(num_shapes=2),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_matmul_is_numpys(batch, m, k, n):
    left, right = batch.input_shapes
    expected = (np.zeros((*left, m, k)) @ np.zeros((*right, k, n))).shape
    assert shapes.matmul((*left, m, k), (*right, k, n), False, False) == expected
    assert shapes.matmul((*left, k, m), (*right, n, k), True, True) == expected


@pytest.mark.parametrize(
    ("shape", "asked", "result"),
    [((12,), (3, -1), (3, 4)), ((2, 3), (6,), (6,)), ((0, 3), (3, 0), (3, 0)), ((), (1,), (1,))],
)
def test_reshape(shape, asked, result):
    assert shapes.resolve_reshape(shape, asked) == result


@pytest.mark.parametrize(
    ("shape", "asked", "message"),
    [
        ((12,), (5, 2), "cannot reshape [12] (12 elements) to [5, 2] (10 elements)"),
        ((12,), (-1, -1), "new shape [-1, -1] must be sizes >= 0 with at most one -1"),
        ((12,), (-2, 6), "new shape [-2, 6] must be sizes >= 0 with at most one -1"),
        (
            (12,),
            (5, -1),
            "cannot fill the -1 of new shape [5, -1]: [12] has 12 elements, not a multiple of 5",
        ),
        (
            (0,),
            (0, -1),
            "cannot fill the -1 of new shape [0, -1]: [0] has 0 elements, not a multiple of 0",
        ),
    ],
)
def test_reshape_refusals(shape, asked, message):
    with pytest.raises(ShapeError) as error:
        shapes.resolve_reshape(shape, asked)
    assert str(error.value) == message


def test_dims_count_from_either_end():
    assert shapes.normalize_dims((-1, 0), 3) == (0, 2)
    with pytest.raises(ShapeError, match=r"^dim 3 is out of range for rank 3 \(allowed: -3 to 2\)"):
        shapes.normalize_dims((3,), 3)
    with pytest.raises(ShapeError, match=r"^dims \[0, -3\] name a dimension of rank 3 twice$"):
        shapes.normalize_dims((0, -3), 3)
    with pytest.raises(ShapeError, match=r"\(allowed: none: the tensor has rank 0\)$"):
        shapes.normalize_dim(0, 0)
