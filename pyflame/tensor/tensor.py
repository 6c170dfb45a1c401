"""`Tensor`: the lazy tensor with all its methods."""

from __future__ import annotations

from pyflame.tensor.elementwise import Operators
from pyflame.tensor.movement import MovementMethods
from pyflame.tensor.reduction import ReductionMethods


class Tensor(Operators, ReductionMethods, MovementMethods):
    """A tensor that is computed when its data is asked for.

    Operations on tensors build a graph. `eval()`, `numpy()`, `item()`, `tolist()` and using a
    tensor as a Python number run what the tensor needs; its shape, element type and layout are
    known at once, and a wrong shape is reported by the line that made it.

    >>> import pyflame as pf
    >>> y = pf.relu(pf.tensor([[-1.0, 2.0]])) + 1
    >>> y
    Tensor(shape=[1, 2], dtype=float32, lazy)
    >>> y.tolist()
    [[1.0, 3.0]]
    """

    __slots__ = ()
