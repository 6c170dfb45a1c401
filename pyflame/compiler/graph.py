"""The lazy graph: nodes that name ops of the `pyflame` dialect, and their order.

A node keeps its inputs alive and nothing keeps a node alive, so a graph is freed with the last
tensor that needs it. Once a node has data it forgets its inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pyflame.dialects.pyflame.rules import infer
from pyflame.dialects.pyflame.spec import TensorSpec
from pyflame.dtypes import DType
from pyflame.errors import ShapeError
from pyflame.layout import MeshLayout

INPUT = "input"
"""`op_type` of a node that is data rather than an operation."""


class Node:
    """One operation of a lazy graph, or data.

    `op_type` is the mnemonic of an op of the `pyflame` dialect, or ``"input"``; `attributes` are
    the arguments of its rule, as plain Python. `spec.layout` is set only where somebody chose a
    layout. `name` becomes the argument name of an input.
    """

    __slots__ = ("__weakref__", "attributes", "data", "inputs", "name", "op_type", "spec")

    def __init__(
        self,
        op_type: str,
        inputs: Sequence[Node],
        attributes: dict[str, Any],
        spec: TensorSpec,
        data: np.ndarray | None = None,
        name: str | None = None,
    ) -> None:
        self.op_type = op_type
        self.inputs = list(inputs)
        self.attributes = attributes
        self.spec = spec
        self.data = data
        self.name = name

    @property
    def output_shape(self) -> list[int]:
        """Shape of the result."""
        return list(self.spec.shape)

    @property
    def output_dtype(self) -> DType:
        """Element type of the result."""
        return self.spec.dtype

    @property
    def has_data(self) -> bool:
        """Whether the node is data: given, or computed already."""
        return self.data is not None

    def become_data(self, data: np.ndarray) -> None:
        """Turn the node into data; the operation and its inputs are forgotten."""
        data.setflags(write=False)
        self.data = data
        self.op_type, self.inputs, self.attributes = INPUT, [], {}

    def __repr__(self) -> str:
        return f"<Node {self.op_type}: {self.spec}>"


def apply(op: str, *inputs: Node, layout: MeshLayout | None = None, **attributes: Any) -> Node:
    """A node for op `op` of the dialect on `inputs`.

    Raises:
        PyFlameError: the inputs or attributes do not fit the op, or the layout its result.
    """
    spec = infer(op, [node.spec for node in inputs], attributes)
    return Node(op, inputs, attributes, _laid_out(spec, layout))


def leaf(
    data: np.ndarray, dtype: DType, layout: MeshLayout | None = None, name: str | None = None
) -> Node:
    """A node that is `data`, which from now on belongs to it and must not change."""
    if data.dtype != dtype.numpy:
        raise ShapeError(f"data of dtype {data.dtype} cannot carry {dtype.name}")
    data.setflags(write=False)
    return Node(INPUT, (), {}, _laid_out(TensorSpec(data.shape, dtype), layout), data, name)


def _laid_out(spec: TensorSpec, layout: MeshLayout | None) -> TensorSpec:
    """`spec` with `layout`, which must fit its rank; kept as given, so that it compares equal."""
    if layout is None:
        return spec
    layout.for_rank(spec.ndim)
    return TensorSpec(spec.shape, spec.dtype, layout)


class Graph:
    """The nodes that `outputs` need, each after its inputs; data ends the search.

    The order depends on the graph's structure only, so equal programs give equal orders.
    """

    def __init__(self, outputs: Iterable[Node]) -> None:
        self.outputs = tuple(outputs)
        self.nodes = topological(self.outputs)

    @property
    def num_nodes(self) -> int:
        """Number of nodes, data included."""
        return len(self.nodes)

    @property
    def inputs(self) -> list[Node]:
        """The nodes that are data, in the order in which they become arguments."""
        return [node for node in self.nodes if node.has_data]

    def key(self) -> tuple[Any, ...]:
        """What two graphs share exactly if one compiled program serves both."""
        index = {node: i for i, node in enumerate(self.nodes)}
        nodes = tuple(
            (INPUT, node.spec, node.name)
            if node.has_data
            else (
                node.op_type,
                node.spec,
                tuple(index[source] for source in node.inputs),
                tuple((name, _key(value)) for name, value in sorted(node.attributes.items())),
            )
            for node in self.nodes
        )
        return nodes, tuple(index[node] for node in self.outputs)

    def __str__(self) -> str:
        index = {node: i for i, node in enumerate(self.nodes)}
        lines = [f"%{i} = {_describe(node, index)}" for i, node in enumerate(self.nodes)]
        results = ", ".join(f"%{index[node]}" for node in self.outputs)
        return "\n".join([*lines, f"return {results}"])


def topological(outputs: Sequence[Node]) -> list[Node]:
    """Every node that `outputs` need, inputs first, without recursion."""
    order: dict[Node, None] = {}
    stack = [(node, False) for node in reversed(outputs)]
    while stack:
        node, inputs_done = stack.pop()
        if node in order:
            continue
        if inputs_done or node.has_data:
            order[node] = None
            continue
        stack.append((node, True))
        stack.extend((source, False) for source in reversed(node.inputs))
    return list(order)


def _key(value: Any) -> Any:
    """`value` such that equal keys mean equal programs: 0.0 is not -0.0, and NaN is NaN."""
    if isinstance(value, float):
        return float, value.hex()
    if isinstance(value, list | tuple):
        return tuple(map(_key, value))
    return type(value), value


def _describe(node: Node, index: dict[Node, int]) -> str:
    layout = f" @ {node.spec.layout}" if node.spec.layout else ""
    if node.has_data:
        name = f' "{node.name}"' if node.name else ""
        return f"{INPUT}{name} : {node.spec}{layout}"
    arguments = [f"%{index[source]}" for source in node.inputs]
    arguments += [f"{name}={value!r}" for name, value in node.attributes.items()]
    return f"{node.op_type}({', '.join(arguments)}) : {node.spec}{layout}"
