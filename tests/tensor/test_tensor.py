"""Tensors: properties, laziness, data, truth, printing."""

import numpy as np
import pytest

import pyflame as pf
from pyflame.errors import DTypeError, LimitError, ShapeError


def test_properties():
    x = pf.randn([3, 4, 5])
    assert x.shape == [3, 4, 5]
    assert (x.dtype, x.ndim, x.numel) == (pf.float32, 3, 60)
    assert repr(x.dtype) == "DType.float32"


def test_nothing_is_computed_before_data_is_asked_for():
    x = pf.tensor([1.0, 2.0])
    y = pf.relu(x)
    assert (x.is_evaluated(), y.is_evaluated(), pf.is_lazy(y)) == (True, False, True)
    assert y.eval() is y
    assert (y.is_evaluated(), pf.is_lazy(y)) == (True, False)


def test_eval_of_one_and_of_many():
    x = pf.randn([3])
    y, z = x + 1, x * 2
    assert pf.eval(y) is y
    assert pf.eval(x, z)[1] is z
    np.testing.assert_array_equal(y.numpy(), x.numpy() + 1)
    np.testing.assert_array_equal(z.numpy(), x.numpy() * 2)


def test_numpy_gives_a_copy():
    x = pf.tensor([1.0, 2.0])
    array = x.numpy()
    array[0] = 9
    assert x.tolist() == [1, 2]


def test_from_numpy_takes_a_copy():
    array = np.ones(3, np.float32)
    x = pf.from_numpy(array)
    array[:] = 0
    assert x.tolist() == [1, 1, 1]
    assert array.flags.writeable


def test_item_and_conversions():
    x = pf.tensor(2.5)
    assert (x.item(), float(x), int(x), bool(x)) == (2.5, 2.5, 2, True)
    assert pf.ones([1, 1]).item() == 1
    assert np.asarray(pf.ones([2])).tolist() == [1, 1]
    with pytest.raises(
        ShapeError, match=r"^item\(\) needs a tensor of 1 element, got shape \[2\]$"
    ):
        pf.ones([2]).item()


def test_the_truth_of_many_elements_is_refused():
    with pytest.raises(ShapeError) as error:
        bool(pf.ones([2]))
    assert str(error.value) == (
        "the truth of a tensor of shape [2] is ambiguous; compare one element, or choose by "
        "element with pf.where"
    )


def test_repr_does_not_evaluate():
    x = pf.ones([2]) + 1
    assert repr(x) == "Tensor(shape=[2], dtype=float32, lazy)"
    assert not x.is_evaluated()
    assert repr(x.eval()) == "Tensor([2., 2.], shape=[2], dtype=float32)"


def test_length_and_iteration():
    x = pf.arange(6).reshape(3, 2)
    assert len(x) == 3
    assert [row.tolist() for row in x] == [[0, 1], [2, 3], [4, 5]]
    with pytest.raises(ShapeError, match=r"^a tensor without dimensions has no length$"):
        len(pf.tensor(1))
    with pytest.raises(ShapeError, match=r"^a tensor without dimensions cannot be iterated over$"):
        iter(pf.tensor(1))


def test_tensors_are_hashed_by_identity():
    x, y = pf.ones([2]), pf.ones([2])
    assert len({x, y, x}) == 2


def test_a_tensor_is_not_made_by_calling_the_class():
    with pytest.raises(
        DTypeError,
        match=r"^Tensor\(\) takes a graph node, not list; make tensors with pf.tensor\(data\)$",
    ):
        pf.Tensor([1, 2])  # pyright: ignore


def test_layouts():
    assert pf.zeros([4, 4]).layout == pf.MeshLayout.single_pe()
    laid_out = pf.zeros([4, 4], layout=pf.MeshLayout.grid(2, 2))
    assert laid_out.layout == pf.MeshLayout.grid(2, 2)
    moved = (laid_out + 1).to_layout(pf.MeshLayout.row_partition(4))
    assert moved.layout.rectangle == (4, 1)
    assert moved.tolist() == [[1.0] * 4] * 4


def test_the_reference_ignores_layouts():
    x = np.arange(16, dtype=np.float32).reshape(4, 4)
    a = pf.from_numpy(x, layout=pf.MeshLayout.grid(2, 2))
    b = pf.from_numpy(x, layout=pf.MeshLayout.row_partition(4))
    np.testing.assert_array_equal((a @ b + a).numpy(), x @ x + x)


def test_names_belong_to_inputs():
    assert pf.from_numpy(np.ones(2), name="w").name == "w"
    assert pf.ones([2]).name is None


def test_dtype_helpers():
    assert (pf.dtype_size(pf.float16), pf.dtype_name(pf.int8)) == (2, "int8")


def test_the_bound_on_memory_can_be_set():
    x = pf.ones([1000])
    with pytest.raises(LimitError, match=r"is 3999 \(raise it with max_bytes=\)$"):
        pf.eval(x, max_bytes=3999)
    assert pf.is_lazy(x)
    assert pf.eval(x, max_bytes=4000) is x


def test_an_absurd_tensor_is_refused_when_evaluated():
    x = pf.zeros([10**6, 10**6])
    with pytest.raises(LimitError, match=r"^pyflame.full makes tensor<1000000x1000000xf32> of 4"):
        x.eval()
    assert (x * 2)[0, 0].shape == []
