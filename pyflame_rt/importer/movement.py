"""ONNX operators that move elements or make tensors."""

from __future__ import annotations

from math import prod

import numpy as np
from onnx import numpy_helper
from xdsl.ir import SSAValue

from pyflame.dialects.pyflame import movement as pf
from pyflame.dialects.pyflame.types import spec_of
from pyflame.errors import Gap, InvalidModelError, ShapeError, UnsupportedError
from pyflame_rt.importer.node import Node
from pyflame_rt.importer.reduction import normal_axis
from pyflame_rt.importer.registry import onnx_op


@onnx_op("Reshape")
def reshape(node: Node) -> SSAValue:
    """0 keeps a dimension (unless allowzero), -1 takes what is left."""
    x = node[0]
    old = spec_of(x.type).shape
    wanted = list(node.ints(1) or ())
    if not node.attribute("allowzero", 0):
        for i, n in enumerate(wanted):
            if n == 0:
                if i >= len(old):
                    raise ShapeError(f"shape {wanted} keeps dimension {i} of a tensor {list(old)}")
                wanted[i] = old[i]
    if -1 in wanted:
        rest = prod(n for n in wanted if n != -1)
        if rest == 0 or prod(old) % rest:
            raise ShapeError(f"{prod(old)} elements do not fill shape {wanted}")
        wanted[wanted.index(-1)] = prod(old) // rest
    return node.reshape(x, wanted)


@onnx_op("Flatten")
def flatten(node: Node) -> SSAValue:
    """Two dimensions: those before `axis` and the rest."""
    x = node[0]
    shape = spec_of(x.type).shape
    axis = node.attribute("axis", 1)
    axis = axis + len(shape) if axis < 0 else axis
    return node.reshape(x, (prod(shape[:axis]), prod(shape[axis:])))


@onnx_op("Transpose")
def transpose(node: Node) -> SSAValue:
    """Reorder dimensions; reversed by default."""
    x = node[0]
    order = node.attribute("perm") or range(spec_of(x.type).ndim)[::-1]
    return node.emit(pf.TransposeOp, x, permutation=tuple(order))


@onnx_op("Squeeze")
def squeeze(node: Node) -> SSAValue:
    """Drop dimensions of size 1; axes are an attribute until opset 12, then an input."""
    x = node[0]
    shape = spec_of(x.type).shape
    axes = node.ints(1 if node.opset >= 13 else -1, "axes")
    if axes is None:
        return node.reshape(x, [n for n in shape if n != 1])
    drop = {normal_axis(axis, len(shape)) for axis in axes}
    if wrong := [axis for axis in sorted(drop) if shape[axis] != 1]:
        raise ShapeError(f"squeeze of axis {wrong[0]}, which has size {shape[wrong[0]]}")
    return node.reshape(x, [n for i, n in enumerate(shape) if i not in drop])


@onnx_op("Unsqueeze")
def unsqueeze(node: Node) -> SSAValue:
    """Add dimensions of size 1; axes are an attribute until opset 12, then an input."""
    x = node[0]
    axes = node.ints(1 if node.opset >= 13 else -1, "axes")
    if axes is None:
        raise InvalidModelError("Unsqueeze without axes")
    rank = spec_of(x.type).ndim + len(axes)
    new = {normal_axis(axis, rank) for axis in axes}
    old = iter(spec_of(x.type).shape)
    return node.reshape(x, [1 if i in new else next(old) for i in range(rank)])


@onnx_op("Concat")
def concat(node: Node) -> SSAValue:
    """Join along an axis."""
    dim = normal_axis(node.attribute("axis"), node.spec(0).ndim)
    return node.emit(pf.ConcatenateOp, *node.inputs, dim=dim)


@onnx_op("Expand", since=8)
def expand(node: Node) -> SSAValue:
    """Broadcast with a shape, both ways."""
    x = node[0]
    shape = np.broadcast_shapes(spec_of(x.type).shape, node.ints(1) or ())
    return x if spec_of(x.type).shape == shape else node.emit(pf.BroadcastToOp, x, shape=shape)


@onnx_op("Slice")
def slice_attributes(node: Node) -> SSAValue:
    """Bounds as attributes, until opset 9."""
    starts, ends = node.attribute("starts"), node.attribute("ends")
    axes = node.attribute("axes") or range(len(starts))
    return _slice(node, starts, ends, axes, [1] * len(starts))


@onnx_op("Slice", since=10)
def slice_inputs(node: Node) -> SSAValue:
    """Bounds as inputs."""
    starts, ends = node.ints(1) or (), node.ints(2) or ()
    axes = node.ints(3) or range(len(starts))
    return _slice(node, starts, ends, axes, node.ints(4) or [1] * len(starts))


def _slice(node: Node, starts, ends, axes, steps) -> SSAValue:
    x = node[0]
    shape = spec_of(x.type).shape
    low, high, step = [0] * len(shape), list(shape), [1] * len(shape)
    for start, end, axis, stride in zip(starts, ends, axes, steps, strict=True):
        at = normal_axis(axis, len(shape))
        if stride < 1:
            raise UnsupportedError(Gap(f"Slice with step {stride}"))
        low[at], high[at], _ = slice(start, end, stride).indices(shape[at])
        high[at], step[at] = max(low[at], high[at]), stride
    return node.emit(pf.SliceOp, x, starts=tuple(low), stops=tuple(high), steps=tuple(step))


@onnx_op("Split")
def split(node: Node) -> list[SSAValue]:
    """Cut along an axis; sizes are an attribute until opset 12, then an input."""
    x = node[0]
    shape = spec_of(x.type).shape
    axis = normal_axis(node.attribute("axis", 0), len(shape))
    count = len(node.proto.output)
    sizes = node.ints(1 if node.opset >= 13 else -1, "split")
    if sizes is None:
        each = -(-shape[axis] // count)
        sizes = tuple(min(each, shape[axis] - i * each) for i in range(count))
    if sum(sizes) != shape[axis] or len(sizes) != count or min(sizes) < 0:
        raise ShapeError(f"split of {shape[axis]} elements into {list(sizes)} ({count} outputs)")
    parts, at = [], 0
    for size in sizes:
        starts = [at if i == axis else 0 for i in range(len(shape))]
        stops = [at + size if i == axis else n for i, n in enumerate(shape)]
        parts.append(
            node.emit(
                pf.SliceOp,
                x,
                starts=tuple(starts),
                stops=tuple(stops),
                steps=(1,) * len(shape),
            )
        )
        at += size
    return parts


@onnx_op("Pad")
def pad_attributes(node: Node) -> SSAValue:
    """Widths and value as attributes, until opset 10."""
    return _pad(node, tuple(node.attribute("pads")), float(node.attribute("value", 0.0)), None)


@onnx_op("Pad", since=11)
def pad_inputs(node: Node) -> SSAValue:
    """Widths, value and axes as inputs."""
    value = node.known(2).reshape(-1)[0].item() if node.has(2) else 0.0
    return _pad(node, node.ints(1) or (), value, node.ints(3))


def _pad(node: Node, pads: tuple[int, ...], value: float, axes: tuple[int, ...] | None) -> SSAValue:
    mode = node.attribute("mode", "constant")
    if mode != "constant":
        raise UnsupportedError(Gap(f"Pad with mode {mode!r}"))
    rank = node.spec(0).ndim
    chosen = [normal_axis(a, rank) for a in axes] if axes else range(rank)
    low, high = [0] * rank, [0] * rank
    for i, axis in enumerate(chosen):
        low[axis], high[axis] = pads[i], pads[i + len(chosen)]
    if min(*low, *high, 0) < 0:
        raise UnsupportedError(Gap(f"Pad with negative widths {list(pads)}"))
    return node.emit(pf.PadOp, node[0], low=tuple(low), high=tuple(high), value=value)


def constant_value(node: Node) -> np.ndarray:
    """The value of a Constant node."""
    for kind in ("value_float", "value_int", "value_floats", "value_ints"):
        given = node.attribute(kind)
        if given is not None:
            return np.asarray(given, np.float32 if "float" in kind else np.int64)
    tensor = node.attribute("value")
    if tensor is None:
        raise UnsupportedError(Gap("Constant of strings or of a sparse tensor"))
    return numpy_helper.to_array(tensor)
