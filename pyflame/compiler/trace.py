"""A lazy graph as one module of the `pyflame` dialect."""

from __future__ import annotations

from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp, StringAttr, TensorType
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, SSAValue

from pyflame.compiler.graph import Graph, Node
from pyflame.dialects.mesh.attributes import LayoutAttr
from pyflame.dialects.pyflame.dialect import OP_BY_NAME
from pyflame.dialects.pyflame.spec import TensorSpec
from pyflame.dialects.pyflame.types import tensor_type

FUNCTION = "main"
"""Name of the function that a graph becomes."""

NAME_ATTRIBUTE = "pyflame.name"
"""Argument attribute that holds the name of a named input."""


def trace(graph: Graph) -> ModuleOp:
    """`graph` as a module with one function, ``main``.

    The graph's inputs become the arguments, in the order of `Graph.inputs`; a name becomes the
    argument attribute `pyflame.name`, a layout the encoding of the tensor type. Everything else,
    creation ops included, becomes an op.
    """
    inputs = graph.inputs
    function = FuncOp(FUNCTION, ([_type(node.spec) for node in inputs], []))
    block = function.body.block
    values: dict[Node, SSAValue] = dict(zip(inputs, block.args, strict=True))
    for node in graph.nodes:
        if node.has_data:
            continue
        op = OP_BY_NAME[node.op_type](
            *(values[source] for source in node.inputs),
            result_type=_type(node.spec),
            **node.attributes,
        )
        block.add_op(op)
        values[node] = op.result
    block.add_op(ReturnOp(*(values[node] for node in graph.outputs)))
    function.update_function_type()
    if any(node.name for node in inputs):
        function.properties["arg_attrs"] = ArrayAttr([_argument_attributes(n) for n in inputs])
    return ModuleOp([function])


def _argument_attributes(node: Node) -> DictionaryAttr:
    return DictionaryAttr({NAME_ATTRIBUTE: StringAttr(node.name)} if node.name else {})


def _type(spec: TensorSpec) -> TensorType[Attribute]:
    encoding = None if spec.layout is None else LayoutAttr.from_layout(spec.layout, spec.ndim)
    return tensor_type(spec, encoding)
