"""ONNX matrix products."""

from __future__ import annotations

from xdsl.ir import SSAValue

from pyflame.dialects.pyflame.contraction import MatmulOp
from pyflame.dialects.pyflame.elementwise import AddOp, MultiplyOp
from pyflame.dialects.pyflame.types import spec_of
from pyflame_rt.importer.node import Node
from pyflame_rt.importer.registry import onnx_op


@onnx_op("MatMul")
def matmul(node: Node) -> SSAValue:
    """Matrix product as NumPy's: vectors become a row or a column, and lose it again."""
    a, b = node[0], node[1]
    left, right = spec_of(a.type).shape, spec_of(b.type).shape
    if len(left) == 1:
        a = node.reshape(a, (1, *left))
    if len(right) == 1:
        b = node.reshape(b, (*right, 1))
    product = node.emit(MatmulOp, a, b)
    *batch, rows, columns = spec_of(product.type).shape
    kept_rows = [] if len(left) == 1 else [rows]
    kept_columns = [] if len(right) == 1 else [columns]
    return node.reshape(product, (*batch, *kept_rows, *kept_columns))


@onnx_op("Gemm")
def gemm(node: Node) -> SSAValue:
    """alpha·A'·B' + beta·C."""
    product = node.emit(
        MatmulOp,
        node[0],
        node[1],
        transpose_a=bool(node.attribute("transA", 0)),
        transpose_b=bool(node.attribute("transB", 0)),
    )
    product = _scaled(node, product, node.attribute("alpha", 1.0))
    if not node.has(2):
        return product
    return node.emit(AddOp, product, _scaled(node, node[2], node.attribute("beta", 1.0)))


def _scaled(node: Node, x: SSAValue, factor: float) -> SSAValue:
    return x if factor == 1.0 else node.emit(MultiplyOp, x, node.scalar(factor, x))
