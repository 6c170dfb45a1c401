"""ONNX reductions, arg-reductions and softmax."""

from __future__ import annotations

from math import prod

from xdsl.ir import SSAValue

from pyflame.dialects.pyflame import elementwise as pe
from pyflame.dialects.pyflame import reduction as pf
from pyflame.dialects.pyflame.base import PyFlameOp
from pyflame.dialects.pyflame.types import spec_of
from pyflame.errors import Gap, ShapeError, UnsupportedError
from pyflame_rt.importer.node import Node
from pyflame_rt.importer.registry import onnx_op

_PLAIN: dict[str, type[PyFlameOp]] = {
    "ReduceMax": pf.MaxOp, "ReduceMean": pf.MeanOp, "ReduceMin": pf.MinOp,
    "ReduceProd": pf.ProdOp, "ReduceSum": pf.SumOp,
}  # fmt: skip
_NAMES = (*_PLAIN, "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp")


def _reduce(node: Node, dims: tuple[int, ...] | None) -> SSAValue:
    x = node[0]
    rank = spec_of(x.type).ndim
    if not dims:
        if node.attribute("noop_with_empty_axes", 0):
            return x if node.op_type in _PLAIN else _around(node, x, None)
        dims = tuple(range(rank))
    return _around(node, x, tuple(sorted(normal_axis(d, rank) for d in dims)))


def _around(node: Node, x: SSAValue, dims: tuple[int, ...] | None) -> SSAValue:
    """The reduction with what stands before and after it; `dims` None reduces nothing."""
    keep = bool(node.attribute("keepdims", 1))

    def reduced(op: type[PyFlameOp], value: SSAValue, keepdims: bool = keep) -> SSAValue:
        return value if dims is None else node.emit(op, value, dims=dims, keepdims=keepdims)

    match node.op_type:
        case "ReduceL1":
            return reduced(pf.SumOp, node.emit(pe.AbsOp, x))
        case "ReduceL2":
            return node.emit(pe.SqrtOp, reduced(pf.SumOp, node.emit(pe.MultiplyOp, x, x)))
        case "ReduceSumSquare":
            return reduced(pf.SumOp, node.emit(pe.MultiplyOp, x, x))
        case "ReduceLogSum":
            return node.emit(pe.LogOp, reduced(pf.SumOp, x))
        case "ReduceLogSumExp":
            peak = reduced(pf.MaxOp, x, True)
            total = reduced(pf.SumOp, node.emit(pe.ExpOp, node.emit(pe.SubtractOp, x, peak)))
            shape = spec_of(total.type).shape
            return node.emit(pe.AddOp, node.emit(pe.LogOp, total), node.reshape(peak, shape))
        case name:
            return reduced(_PLAIN[name], x)


@onnx_op(*_NAMES)
def reduce_attribute(node: Node) -> SSAValue:
    """Axes as an attribute."""
    return _reduce(node, node.ints(-1, "axes"))


@onnx_op("ReduceSum", since=13)
@onnx_op(*(name for name in _NAMES if name != "ReduceSum"), since=18)
def reduce_input(node: Node) -> SSAValue:
    """Axes as an optional input."""
    return _reduce(node, node.ints(1))


@onnx_op("ArgMax", "ArgMin")
def arg_reduce(node: Node) -> SSAValue:
    """Index of the extreme element."""
    if node.attribute("select_last_index", 0):
        raise UnsupportedError(Gap(f"{node.op_type} with select_last_index=1"))
    x = node[0]
    op = pf.ArgMaxOp if node.op_type == "ArgMax" else pf.ArgMinOp
    dim = normal_axis(node.attribute("axis", 0), spec_of(x.type).ndim)
    return node.emit(op, x, dim=dim, keepdims=bool(node.attribute("keepdims", 1)))


_SOFTMAX: dict[str, type[PyFlameOp]] = {"Softmax": pf.SoftmaxOp, "LogSoftmax": pf.LogSoftmaxOp}


@onnx_op(*_SOFTMAX)
def softmax_flattening(node: Node) -> SSAValue:
    """Until opset 12 all dimensions from `axis` on are normalised as one."""
    x = node[0]
    shape = spec_of(x.type).shape
    axis = normal_axis(node.attribute("axis", 1), len(shape))
    flat = node.reshape(x, (prod(shape[:axis]), prod(shape[axis:])))
    return node.reshape(node.emit(_SOFTMAX[node.op_type], flat, dim=1), shape)


@onnx_op(*_SOFTMAX, since=13)
def softmax(node: Node) -> SSAValue:
    """Along one axis."""
    x = node[0]
    dim = normal_axis(node.attribute("axis", -1), spec_of(x.type).ndim)
    return node.emit(_SOFTMAX[node.op_type], x, dim=dim)


def normal_axis(axis: int, rank: int) -> int:
    """`axis` counted from the front.

    Raises:
        ShapeError: the tensor has no such axis.
    """
    if not -rank <= axis < max(rank, 1):
        raise ShapeError(f"axis {axis} of a tensor of rank {rank}")
    return axis + rank if axis < 0 else axis
