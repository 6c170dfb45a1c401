"""The lazy tensor without operations: a node of the graph, its properties and its data."""

from __future__ import annotations

from typing import Any, Self, TypeAlias, TypeVar

import numpy as np

from pyflame.compiler.evaluate import evaluate
from pyflame.compiler.graph import Node, apply, leaf
from pyflame.dtypes import DType, float32, from_numpy_dtype
from pyflame.errors import DTypeError, ShapeError
from pyflame.layout import MeshLayout
from pyflame.tensor.promotion import Scalar, is_scalar, result_dtype, scalar_dtype

Operand: TypeAlias = "TensorCore | Scalar | np.ndarray"
"""What binary operations take beside a tensor."""


class TensorCore:
    """A node of the lazy graph seen as a tensor; the base of the families of methods."""

    __slots__ = ("__weakref__", "_node")

    # NumPy leaves ``array + tensor`` to the tensor's reflected operators.
    __array_ufunc__ = None

    def __init__(self, node: Node) -> None:
        """Wrap `node`; users make tensors with the creation functions."""
        if not isinstance(node, Node):
            raise DTypeError(
                f"Tensor() takes a graph node, not {type(node).__name__}; "
                "make tensors with pf.tensor(data)"
            )
        self._node = node

    @property
    def shape(self) -> list[int]:
        """Size of each dimension."""
        return list(self._node.spec.shape)

    @property
    def dtype(self) -> DType:
        """Element type."""
        return self._node.spec.dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return self._node.spec.ndim

    @property
    def numel(self) -> int:
        """Number of elements."""
        return self._node.spec.numel

    @property
    def layout(self) -> MeshLayout:
        """The layout chosen for this tensor; `single_pe()` where nobody chose one.

        The compiler may place a tensor for which nobody chose anywhere.
        """
        return self._node.spec.layout or MeshLayout.single_pe()

    @property
    def name(self) -> str | None:
        """Name of an input, which becomes its argument's name in compiled programs."""
        return self._node.name

    def eval(self) -> Self:
        """Compute the tensor's data now; does nothing if that happened already."""
        evaluate([self._node])
        return self

    def is_evaluated(self) -> bool:
        """Whether the tensor has data."""
        return self._node.has_data

    def numpy(self) -> np.ndarray:
        """A new NumPy array with the data, computed if need be. bfloat16 becomes float32."""
        return self._data().copy()

    def item(self) -> float | int | bool:
        """The one element as a Python number.

        Raises:
            ShapeError: the tensor has not exactly one element.
        """
        if self.numel != 1:
            raise ShapeError(f"item() needs a tensor of 1 element, got shape {self.shape}")
        return self._data().item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers; a number if there are no dimensions."""
        return self._data().tolist()

    def _data(self) -> np.ndarray:
        evaluate([self._node])
        assert self._node.data is not None
        return self._node.data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self._data(), dtype=dtype)

    def __bool__(self) -> bool:
        if self.numel != 1:
            raise ShapeError(
                f"the truth of a tensor of shape {self.shape} is ambiguous; compare one element, "
                "or choose by element with pf.where"
            )
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __len__(self) -> int:
        if not self.ndim:
            raise ShapeError("a tensor without dimensions has no length")
        return self.shape[0]

    def __repr__(self) -> str:
        head = f"shape={self.shape}, dtype={self.dtype.name}"
        if self._node.data is None:
            return f"Tensor({head}, lazy)"
        text = np.array2string(self._node.data, separator=", ", threshold=100, prefix="Tensor(")
        return f"Tensor({text}, {head})"

    def _apply(
        self, op: str, *others: TensorCore, layout: MeshLayout | None = None, **attributes: Any
    ) -> Self:
        """A tensor of op `op` on this tensor and `others`."""
        nodes = (self._node, *(other._node for other in others))
        return type(self)(apply(op, *nodes, layout=layout, **attributes))

    def _as(self, dtype: DType) -> Self:
        """This tensor with element type `dtype`."""
        return self if self.dtype == dtype else self._apply("cast", dtype=dtype)

    def _as_floating(self) -> Self:
        """This tensor, as float32 unless it is of a floating point type already."""
        return self if self.dtype.is_floating else self._as(float32)


TensorT = TypeVar("TensorT", bound=TensorCore)


def meet(cls: type[TensorT], *values: Operand) -> tuple[TensorT, ...]:
    """`values` as tensors of `cls`, all of the element type in which they meet.

    Raises:
        DTypeError: a value is neither a tensor, an array nor a real number.
    """
    operands = [operand(cls, value) for value in values]
    nodes = [value._node for value in operands if isinstance(value, TensorCore)]
    scalars = [value for value in operands if not isinstance(value, TensorCore)]
    dtype = result_dtype(nodes, scalars)
    return tuple(
        value._as(dtype) if isinstance(value, TensorCore) else cls(scalar_node(value, dtype))
        for value in operands
    )


def operand(cls: type[TensorT], value: object) -> TensorT | Scalar:
    """`value` as an operand: a tensor of `cls`, or a number that takes its type from tensors.

    Raises:
        DTypeError: neither a tensor, an array nor a real number.
    """
    if isinstance(value, cls) or is_scalar(value):
        return value
    if isinstance(value, np.ndarray):
        return cls(array_node(value))
    raise DTypeError(
        f"operand {value!r} is a {type(value).__name__}, expected a tensor, a NumPy array or a "
        "number; make it a tensor with pf.tensor"
    )


def scalar_node(
    value: Scalar, dtype: DType, shape: tuple[int, ...] = (), layout: MeshLayout | None = None
) -> Node:
    """A node of `shape` filled with the number `value`.

    Raises:
        DTypeError: not a real number, or it does not fit `dtype`.
    """
    given = scalar_dtype(value)
    if dtype.is_floating:
        number: float | int = float(value)
    elif given.is_floating:
        raise DTypeError(f"value {value!r} is a float, but the element type is {dtype.name}")
    else:
        number = int(value)
    return apply("full", shape=shape, dtype=dtype, value=number, layout=layout)


def array_node(
    array: np.ndarray, layout: MeshLayout | None = None, name: str | None = None
) -> Node:
    """A node with a copy of `array` as its data.

    Raises:
        DTypeError: PyFlame has no such element type.
    """
    native = native_copy(array)
    return leaf(native, from_numpy_dtype(native.dtype), layout, name)


def native_copy(array: np.ndarray) -> np.ndarray:
    """A row-major copy of `array` in the machine's byte order."""
    return np.array(array, dtype=array.dtype.newbyteorder("="), order="C")
