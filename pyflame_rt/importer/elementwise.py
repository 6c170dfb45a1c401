"""ONNX elementwise operators."""

from __future__ import annotations

from functools import reduce

from xdsl.ir import SSAValue

from pyflame.dialects.pyflame import elementwise as pf
from pyflame.dialects.pyflame.base import PyFlameOp
from pyflame.dialects.pyflame.types import spec_of
from pyflame.dtypes import from_numpy_dtype
from pyflame.errors import Gap, UnsupportedError
from pyflame_rt.importer.node import Node
from pyflame_rt.importer.registry import onnx_op

_UNARY: dict[str, type[PyFlameOp]] = {
    "Abs": pf.AbsOp, "Ceil": pf.CeilOp, "Cos": pf.CosOp, "Erf": pf.ErfOp, "Exp": pf.ExpOp,
    "Floor": pf.FloorOp, "Log": pf.LogOp, "Neg": pf.NegOp, "Not": pf.LogicalNotOp,
    "Reciprocal": pf.ReciprocalOp, "Relu": pf.ReluOp, "Round": pf.RoundOp,
    "Sigmoid": pf.SigmoidOp, "Sign": pf.SignOp, "Sin": pf.SinOp, "Sqrt": pf.SqrtOp,
    "Tan": pf.TanOp, "Tanh": pf.TanhOp,
}  # fmt: skip

_BINARY: dict[str, type[PyFlameOp]] = {
    "Add": pf.AddOp, "Sub": pf.SubtractOp, "Mul": pf.MultiplyOp, "Div": pf.DivideOp,
    "And": pf.LogicalAndOp, "Or": pf.LogicalOrOp, "Xor": pf.LogicalXorOp,
}  # fmt: skip

_VARIADIC: dict[str, type[PyFlameOp]] = {
    "Max": pf.MaximumOp, "Min": pf.MinimumOp, "Sum": pf.AddOp,
}  # fmt: skip

_COMPARE = {
    "Equal": "eq", "Less": "lt", "LessOrEqual": "le", "Greater": "gt", "GreaterOrEqual": "ge",
}  # fmt: skip


@onnx_op(*_UNARY)
def unary(node: Node) -> SSAValue:
    """One operand, the same function in both dialects."""
    return node.emit(_UNARY[node.op_type], node[0])


@onnx_op(*_BINARY)
def binary(node: Node) -> SSAValue:
    """Two operands that broadcast."""
    return node.emit(_BINARY[node.op_type], node[0], node[1])


@onnx_op(*_VARIADIC)
def variadic(node: Node) -> SSAValue:
    """Any number of operands that broadcast, combined from the left."""
    return reduce(lambda a, b: node.emit(_VARIADIC[node.op_type], a, b), node.inputs)


@onnx_op("Mean")
def mean(node: Node) -> SSAValue:
    """The mean of any number of operands."""
    total = reduce(lambda a, b: node.emit(pf.AddOp, a, b), node.inputs)
    return node.emit(pf.DivideOp, total, node.scalar(float(len(node)), total))


@onnx_op(*_COMPARE)
def compare(node: Node) -> SSAValue:
    """Comparison; a boolean result."""
    return node.emit(pf.CompareOp, node[0], node[1], direction=_COMPARE[node.op_type])


@onnx_op("Pow")
def power(node: Node) -> SSAValue:
    """Power; the exponent takes the base's element type."""
    base, exponent = node[0], node[1]
    dtype = spec_of(base.type).dtype
    if spec_of(exponent.type).dtype != dtype:
        exponent = node.emit(pf.CastOp, exponent, dtype=dtype)
    return node.emit(pf.PowerOp, base, exponent)


@onnx_op("Where")
def where(node: Node) -> SSAValue:
    """Selection by a boolean."""
    return node.emit(pf.SelectOp, node[0], node[1], node[2])


@onnx_op("Cast")
def cast(node: Node) -> SSAValue:
    """Another element type."""
    import onnx

    to = onnx.helper.tensor_dtype_to_np_dtype(node.attribute("to"))
    dtype = from_numpy_dtype(to)
    x = node[0]
    return x if spec_of(x.type).dtype == dtype else node.emit(pf.CastOp, x, dtype=dtype)


@onnx_op("Clip")
def clip_attributes(node: Node) -> SSAValue:
    """Bounds as attributes, until opset 10."""
    bounds = {key: float(v) for key in ("min", "max") if (v := node.attribute(key)) is not None}
    return node.emit(pf.ClampOp, node[0], **bounds)


@onnx_op("Clip", since=11)
def clip(node: Node) -> SSAValue:
    """Bounds as optional inputs."""
    x = node[0]
    if node.has(1):
        x = node.emit(pf.MaximumOp, x, node[1])
    return node.emit(pf.MinimumOp, x, node[2]) if node.has(2) else x


@onnx_op("Gelu", since=20)
def gelu(node: Node) -> SSAValue:
    """Gelu in either form."""
    return node.emit(pf.GeluOp, node[0], approximate=node.attribute("approximate", "none"))


@onnx_op("LeakyRelu")
def leaky_relu(node: Node) -> SSAValue:
    """x, or alpha·x below 0."""
    return _below_zero(node, node.emit(pf.MultiplyOp, node[0], _alpha(node, 0.01)))


@onnx_op("PRelu")
def prelu(node: Node) -> SSAValue:
    """x, or slope·x below 0."""
    return _below_zero(node, node.emit(pf.MultiplyOp, node[0], node[1]))


@onnx_op("Elu")
def elu(node: Node) -> SSAValue:
    """x, or alpha·(exp(x) - 1) below 0."""
    curve = node.emit(pf.Expm1Op, node[0])
    return _below_zero(node, node.emit(pf.MultiplyOp, curve, _alpha(node, 1.0)))


@onnx_op("Selu")
def selu(node: Node) -> SSAValue:
    """gamma·elu(x) with ONNX's constants."""
    curve = node.emit(pf.MultiplyOp, node.emit(pf.Expm1Op, node[0]), _alpha(node, 1.6732632))
    gamma = node.scalar(float(node.attribute("gamma", 1.0507010)), node[0])
    return node.emit(pf.MultiplyOp, gamma, _below_zero(node, curve))


@onnx_op("HardSigmoid")
def hard_sigmoid(node: Node) -> SSAValue:
    """max(0, min(1, alpha·x + beta))."""
    line = node.emit(pf.MultiplyOp, node[0], _alpha(node, 0.2))
    line = node.emit(pf.AddOp, line, node.scalar(float(node.attribute("beta", 0.5)), node[0]))
    return node.emit(pf.ClampOp, line, min=0.0, max=1.0)


@onnx_op("HardSwish", since=14)
def hard_swish(node: Node) -> SSAValue:
    """x · max(0, min(1, x/6 + 1/2))."""
    line = node.emit(pf.MultiplyOp, node[0], node.scalar(1 / 6, node[0]))
    line = node.emit(pf.AddOp, line, node.scalar(0.5, node[0]))
    return node.emit(pf.MultiplyOp, node[0], node.emit(pf.ClampOp, line, min=0.0, max=1.0))


@onnx_op("Softplus")
def softplus(node: Node) -> SSAValue:
    """log(1 + exp(x)), as max(x, 0) + log1p(exp(-|x|)) so that it cannot overflow."""
    decay = node.emit(pf.ExpOp, node.emit(pf.NegOp, node.emit(pf.AbsOp, node[0])))
    return node.emit(pf.AddOp, node.emit(pf.ReluOp, node[0]), node.emit(pf.Log1pOp, decay))


@onnx_op("Softsign")
def softsign(node: Node) -> SSAValue:
    """x / (1 + |x|)."""
    bottom = node.emit(pf.AddOp, node.emit(pf.AbsOp, node[0]), node.scalar(1.0, node[0]))
    return node.emit(pf.DivideOp, node[0], bottom)


@onnx_op("Mod", since=10)
def modulo(node: Node) -> SSAValue:
    """Remainder with the divisor's sign; C's fmod is another function."""
    if node.attribute("fmod", 0):
        raise UnsupportedError(Gap("Mod with fmod=1"))
    return node.emit(pf.RemainderOp, node[0], node[1])


@onnx_op("Identity", "Dropout")
def identity(node: Node) -> SSAValue:
    """The input itself; Dropout does nothing at inference."""
    if node.has(2) and node.known(2).any():
        raise UnsupportedError(Gap("Dropout in training mode"))
    if len(node.proto.output) > 1 and node.proto.output[1]:
        raise UnsupportedError(Gap("Dropout with its mask output"))
    return node[0]


def _alpha(node: Node, default: float) -> SSAValue:
    return node.scalar(float(node.attribute("alpha", default)), node[0])


def _below_zero(node: Node, below: SSAValue) -> SSAValue:
    negative = node.emit(pf.CompareOp, node[0], node.scalar(0.0, node[0]), direction="lt")
    return node.emit(pf.SelectOp, negative, below, node[0])
