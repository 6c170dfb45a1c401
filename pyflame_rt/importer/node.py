"""What a converter sees of one ONNX node, and what it builds with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr
from xdsl.ir import SSAValue

from pyflame.dialects.pyflame.base import PyFlameOp
from pyflame.dialects.pyflame.creation import ConstantOp, FullOp
from pyflame.dialects.pyflame.movement import ReshapeOp
from pyflame.dialects.pyflame.spec import TensorSpec
from pyflame.dialects.pyflame.types import spec_of, tensor_type
from pyflame.dtypes import from_numpy_dtype
from pyflame.errors import Gap, InvalidModelError, UnsupportedError

if TYPE_CHECKING:
    from pyflame_rt.importer.graph import GraphImporter

INLINE_ELEMENTS = 64
"""Constants up to this many elements are written into the module; larger ones are weights."""


class ValueNeeded(Exception):
    """The value of model input `name` decides a shape, so it must be known before conversion."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Node:
    """One node under conversion: its inputs as SSA values or known arrays, its attributes."""

    def __init__(self, proto: onnx.NodeProto, graph: GraphImporter) -> None:
        self.proto = proto
        self.graph = graph
        self._attributes = {a.name: onnx.helper.get_attribute_value(a) for a in proto.attribute}

    @property
    def opset(self) -> int:
        """Version of the ai.onnx operator set that the model uses."""
        return self.graph.opset

    @property
    def op_type(self) -> str:
        """The operator's name."""
        return self.proto.op_type

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute as plain Python (strings decoded), `default` where it is not given."""
        value = self._attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value

    def has(self, index: int) -> bool:
        """True where input `index` is given."""
        return index < len(self.proto.input) and self.proto.input[index] != ""

    def __len__(self) -> int:
        return len(self.proto.input)

    def __getitem__(self, index: int) -> SSAValue:
        """Input `index` as an SSA value.

        Raises:
            InvalidModelError: the input is not given.
        """
        if not self.has(index):
            raise InvalidModelError(f"{self.op_type}: input {index} is required")
        return self.graph.value(self.proto.input[index])

    @property
    def inputs(self) -> list[SSAValue]:
        """All inputs; none may be left out."""
        return [self[i] for i in range(len(self))]

    def spec(self, index: int) -> TensorSpec:
        """Shape and element type of input `index`."""
        known = self.graph.known.get(self.proto.input[index])
        if known is not None:
            return TensorSpec(known.shape, from_numpy_dtype(known.dtype))
        return spec_of(self[index].type)

    def known(self, index: int) -> np.ndarray:
        """The value of input `index`, which must be known at import.

        Raises:
            ValueNeeded: it is an input of the model.
            UnsupportedError: it is computed from the model's inputs.
        """
        name = self.proto.input[index]
        value = self.graph.known.get(name)
        if value is None and name in self.graph.input_names:
            raise ValueNeeded(name)
        if value is None:
            raise UnsupportedError(
                Gap(f"{self.op_type} with input {index} ({name!r}) computed at run time",
                    why="its value decides a shape, and shapes are static")
            )  # fmt: skip
        return value

    def ints(self, index: int, attribute: str = "") -> tuple[int, ...] | None:
        """Integers from input `index`, or else from `attribute`; None where neither is given."""
        if index >= 0 and self.has(index):
            return tuple(int(n) for n in self.known(index).reshape(-1))
        given = self.attribute(attribute) if attribute else None
        return None if given is None else tuple(given)

    def emit(self, op: type[PyFlameOp], *operands: SSAValue, **attributes: Any) -> SSAValue:
        """Append `op` to the module and return its result."""
        return self.graph.emit(op(*operands, **attributes))

    def scalar(self, value: float, like: SSAValue) -> SSAValue:
        """A rank-0 tensor of `value` with the element type of `like`."""
        return self.emit(FullOp, value=value, shape=(), dtype=spec_of(like.type).dtype)

    def reshape(self, x: SSAValue, shape: Sequence[int]) -> SSAValue:
        """`x` under another shape; nothing is emitted where it has it already."""
        if spec_of(x.type).shape == tuple(shape):
            return x
        return self.emit(ReshapeOp, x, shape=tuple(shape))


def constant(value: np.ndarray) -> PyFlameOp:
    """A `pyflame` constant of a small array."""
    spec = TensorSpec(value.shape, from_numpy_dtype(value.dtype))
    return ConstantOp(dense_attribute(spec, value))


def dense_attribute(spec: TensorSpec, value: np.ndarray) -> DenseIntOrFPElementsAttr:
    """The dense elements attribute of `value`."""
    kind: Any = tensor_type(spec)
    return DenseIntOrFPElementsAttr.from_list(kind, value.reshape(-1).tolist())
