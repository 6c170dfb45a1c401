"""Shape operations, joining and indexing against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import basic_indices

import pyflame as pf
from pyflame.errors import DTypeError, ShapeError, UnsupportedError

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def same(ours, numpys):
    assert ours.shape == list(numpys.shape)
    np.testing.assert_array_equal(ours.numpy(), numpys)


def test_reshape_in_all_spellings():
    x = pf.from_numpy(X)
    for ours in (
        x.reshape([4, 6]),
        x.reshape(4, 6),
        x.reshape((4, -1)),
        x.view(4, 6),
        pf.reshape(x, [4, 6]),
        pf.view(x, (-1, 6)),
    ):
        same(ours, X.reshape(4, 6))
    same(x.reshape(-1), X.reshape(-1))
    same(x[0, 0, 0].reshape([]), X[0, 0, 0])


def test_flatten():
    x = pf.from_numpy(X)
    same(x.flatten(), X.reshape(-1))
    same(pf.flatten(x, 1), X.reshape(2, 12))
    same(x.flatten(0, 1), X.reshape(6, 4))
    same(pf.tensor(3.0).flatten(), np.array([3.0]))
    same(pf.zeros([0, 3]).flatten(0, 1), np.zeros(0))
    with pytest.raises(ShapeError, match=r"^flatten: start_dim 2 comes after end_dim 0$"):
        x.flatten(2, 0)


def test_squeeze_and_unsqueeze():
    x = pf.randn([1, 3, 1, 4, 1])
    assert x.squeeze().shape == [3, 4]
    assert x.squeeze(0).shape == [3, 1, 4, 1]
    assert x.squeeze(1).shape == [1, 3, 1, 4, 1]
    assert x.squeeze([0, -1]).shape == [3, 1, 4]
    y = pf.randn([3, 4])
    assert [y.unsqueeze(d).shape for d in (0, 2, -1)] == [[1, 3, 4], [3, 4, 1], [3, 4, 1]]
    assert pf.unsqueeze(pf.squeeze(x), 1).shape == [3, 1, 4]


def test_transposes():
    x = pf.from_numpy(X)
    same(x.transpose(0, 2), X.transpose(2, 1, 0))
    same(pf.transpose(x, 0, -1), X.transpose(2, 1, 0))
    same(x.permute(1, 2, 0), X.transpose(1, 2, 0))
    same(pf.permute(x, [-1, 0, 1]), X.transpose(2, 0, 1))
    same(x.T, X.T)
    same(x.mT, X.swapaxes(1, 2))
    with pytest.raises(
        ShapeError,
        match=r"^permute: permutation \[0, 0, 1\] is not an order of the 3 dimensions of \[2, 3",
    ):
        x.permute(0, 0, 1)


def test_broadcast_to_and_pad():
    x = pf.from_numpy(X)
    same(x.broadcast_to(5, 2, 3, 4), np.broadcast_to(X, (5, 2, 3, 4)))
    same(pf.broadcast_to(x[:, :1], [2, 3, 4]), np.broadcast_to(X[:, :1], (2, 3, 4)))
    same(pf.pad(x, [0, 1, 0], [0, 0, 2], 7), np.pad(X, ((0, 0), (1, 0), (0, 2)), constant_values=7))
    with pytest.raises(
        ShapeError, match=r"^broadcast_to: shape \[2, 3, 4\] does not broadcast to \[3, 4\]$"
    ):
        x.broadcast_to(3, 4)


def test_cat_and_stack():
    a, b = pf.from_numpy(X), pf.from_numpy(X[:1])
    same(pf.cat([a, b]), np.concatenate([X, X[:1]]))
    same(pf.cat([a, a], dim=-1), np.concatenate([X, X], -1))
    same(pf.stack([a, a]), np.stack([X, X]))
    same(pf.stack([a, a], dim=-1), np.stack([X, X], -1))
    assert pf.cat([a, pf.ones([1, 3, 4], pf.float64)]).dtype == pf.float64


def test_cat_and_stack_refusals():
    with pytest.raises(ShapeError, match=r"^cat: expected a list of at least one tensor, got \[\]"):
        pf.cat([])
    with pytest.raises(ShapeError) as error:
        pf.cat([pf.ones([2, 3]), pf.ones([2, 4])])
    assert str(error.value) == (
        "concatenate: operand 1 has shape [2, 4], operand 0 has [2, 3]; "
        "all dimensions but 0 must agree"
    )
    with pytest.raises(
        ShapeError,
        match=r"^stack: tensor 1 has shape \[4\], tensor 0 has \[3\]; all must agree$",
    ):
        pf.stack([pf.ones([3]), pf.ones([4])])


@settings(max_examples=150, deadline=None)
@given(basic_indices((2, 3, 4), allow_newaxis=True))
def test_basic_indexing_is_numpys(index):
    entries = index if isinstance(index, tuple) else (index,)
    if any(isinstance(e, slice) and e.step is not None and e.step < 1 for e in entries):
        with pytest.raises(UnsupportedError):
            pf.from_numpy(X)[index]
    else:
        same(pf.from_numpy(X)[index], X[index])


@settings(max_examples=80, deadline=None)
@given(st.slices(7))
def test_slices_are_numpys(part):
    line = np.arange(7, dtype=np.float32)
    if part.step is None or part.step > 0:
        same(pf.from_numpy(line)[part], line[part])


def test_an_index_that_takes_everything_is_no_operation():
    x = pf.ones([3, 4])
    assert x[:] is x
    assert x[...] is x


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (5, ShapeError, "index 5 is out of range for dimension 0 of size 2"),
        ((0, -4), ShapeError, "index -4 is out of range for dimension 1 of size 3"),
        ((0, 0, 0, 0), ShapeError, "4 indices for a tensor of rank 3"),
        ((..., ...), ShapeError, "an index has at most one ..., got 2"),
    ],
)
def test_index_refusals(index, error, message):
    with pytest.raises(error) as caught:
        pf.from_numpy(X)[index]
    assert str(caught.value) == message


@pytest.mark.parametrize("index", [[0, 1], True, 1.0, slice(None, None, -1)])
def test_other_indices_are_unsupported(index):
    with pytest.raises(UnsupportedError, match=r"^not supported:\n  - "):
        pf.from_numpy(X)[index]


def test_shapes_are_integers():
    with pytest.raises(DTypeError, match=r"^reshape: shape\[1\] is 2\.0, expected an integer$"):
        pf.ones([4]).reshape(2, 2.0)  # pyright: ignore
    with pytest.raises(ShapeError, match=r"^full: shape \[-1\] has a negative size$"):
        pf.ones([-1])
    with pytest.raises(
        ShapeError, match=r"^reshape: cannot reshape \[4\] \(4 elements\) to \[3\] \(3 elements\)$"
    ):
        pf.ones([4]).reshape(3)
