"""Looking at the graph behind a tensor."""

from __future__ import annotations

from pyflame.compiler.graph import Graph, Node
from pyflame.tensor.tensor import Tensor


def get_graph(*tensors: Tensor) -> Graph:
    """The graph that computes `tensors`."""
    return Graph(tensor._node for tensor in tensors)


def get_node(tensor: Tensor) -> Node:
    """The node that computes `tensor`."""
    return tensor._node


def print_graph(*tensors: Tensor) -> None:
    """Print the graph that computes `tensors`, one node a line, inputs first."""
    print(get_graph(*tensors))
