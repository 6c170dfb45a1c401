"""Data for lazy nodes: trace, compile or find, run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pyflame.compiler.cache import EXECUTABLES
from pyflame.compiler.graph import Graph, Node

if TYPE_CHECKING:
    from pyflame.compiler.executable import Executable


def compile_graph(graph: Graph) -> Executable:
    """An executable of `graph` on the CPU reference, whose arguments are the graph's inputs."""
    # The compiler is imported at the first evaluation, so that `import pyflame` stays light.
    from pyflame.compiler.executable import ReferenceExecutable
    from pyflame.compiler.trace import trace

    return ReferenceExecutable(trace(graph))


def evaluate(nodes: Iterable[Node], max_bytes: int | None = None) -> None:
    """Give data to those of `nodes` that have none, in one program.

    Nodes between them and the data that they need stay lazy. `max_bytes` overrides the bound on
    the bytes alive at one time.

    Raises:
        PyFlameError: a limit, or an integer division by zero; the nodes stay as they were.
    """
    pending = [node for node in dict.fromkeys(nodes) if not node.has_data]
    if not pending:
        return
    graph = Graph(pending)
    executable = EXECUTABLES.get(graph.key(), lambda: compile_graph(graph))
    arguments = [node.data for node in graph.inputs if node.data is not None]
    for node, result in zip(pending, executable.run(arguments, max_bytes), strict=True):
        # A view would keep a larger array alive, and could share memory with another node.
        node.become_data(result if result.base is None else result.copy())
