"""Operations on tensors as functions: ``pf.relu(x)`` is ``x.relu()``.

Arguments that stand for tensors may also be NumPy arrays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyflame.compiler.evaluate import evaluate
from pyflame.compiler.graph import apply
from pyflame.errors import DTypeError, ShapeError
from pyflame.tensor.arguments import Dims, one_dim
from pyflame.tensor.core import Operand, meet
from pyflame.tensor.tensor import Tensor

TensorLike = Tensor | np.ndarray


def _tensor(x: Operand) -> Tensor:
    """`x`, or a tensor of it."""
    return x if isinstance(x, Tensor) else meet(Tensor, x)[0]


def eval(*tensors: Tensor, max_bytes: int | None = None) -> Tensor | tuple[Tensor, ...]:
    """Compute the data of `tensors` in one program.

    `max_bytes` overrides the bound on the bytes alive at one time, 4 GiB.

    Returns:
        The tensor if there is one, a tuple of all of them otherwise.
    """
    for value in tensors:
        if not isinstance(value, Tensor):
            raise DTypeError(f"eval: got a {type(value).__name__}, expected tensors")
    evaluate([value._node for value in tensors], max_bytes)
    return tensors[0] if len(tensors) == 1 else tensors


def is_lazy(x: Tensor) -> bool:
    """Whether `x` has not been evaluated."""
    return not x.is_evaluated()


# Unary


def abs(x: TensorLike) -> Tensor:
    """Absolute value."""
    return _tensor(x).abs()


def neg(x: TensorLike) -> Tensor:
    """Negation."""
    return _tensor(x).neg()


def sign(x: TensorLike) -> Tensor:
    """-1, 0 or 1."""
    return _tensor(x).sign()


def relu(x: TensorLike) -> Tensor:
    """max(x, 0)."""
    return _tensor(x).relu()


def sigmoid(x: TensorLike) -> Tensor:
    """1 / (1 + exp(-x))."""
    return _tensor(x).sigmoid()


def tanh(x: TensorLike) -> Tensor:
    """Hyperbolic tangent."""
    return _tensor(x).tanh()


def gelu(x: TensorLike, approximate: str = "none") -> Tensor:
    """x * Φ(x), exactly ("none") or by the tanh approximation ("tanh")."""
    return _tensor(x).gelu(approximate)


def silu(x: TensorLike) -> Tensor:
    """x * sigmoid(x)."""
    return _tensor(x).silu()


def erf(x: TensorLike) -> Tensor:
    """Gauss error function."""
    return _tensor(x).erf()


def exp(x: TensorLike) -> Tensor:
    """e to the x."""
    return _tensor(x).exp()


def expm1(x: TensorLike) -> Tensor:
    """e to the x, minus 1, exact near 0."""
    return _tensor(x).expm1()


def log(x: TensorLike) -> Tensor:
    """Natural logarithm."""
    return _tensor(x).log()


def log1p(x: TensorLike) -> Tensor:
    """Natural logarithm of 1 + x, exact near 0."""
    return _tensor(x).log1p()


def sqrt(x: TensorLike) -> Tensor:
    """Square root."""
    return _tensor(x).sqrt()


def rsqrt(x: TensorLike) -> Tensor:
    """1 / sqrt(x)."""
    return _tensor(x).rsqrt()


def reciprocal(x: TensorLike) -> Tensor:
    """1 / x."""
    return _tensor(x).reciprocal()


def sin(x: TensorLike) -> Tensor:
    """Sine of x radians."""
    return _tensor(x).sin()


def cos(x: TensorLike) -> Tensor:
    """Cosine of x radians."""
    return _tensor(x).cos()


def tan(x: TensorLike) -> Tensor:
    """Tangent of x radians."""
    return _tensor(x).tan()


def floor(x: TensorLike) -> Tensor:
    """Largest integer not above x."""
    return _tensor(x).floor()


def ceil(x: TensorLike) -> Tensor:
    """Smallest integer not below x."""
    return _tensor(x).ceil()


def round(x: TensorLike) -> Tensor:
    """Nearest integer, halves to even."""
    return _tensor(x).round()


def clamp(x: TensorLike, min: float | None = None, max: float | None = None) -> Tensor:
    """x limited to [min, max]; a bound of None does not apply."""
    return _tensor(x).clamp(min, max)


# Binary and ternary


def add(a: Operand, b: Operand) -> Tensor:
    """a + b."""
    return _tensor(a).add(b)


def pow(x: TensorLike, exponent: Operand) -> Tensor:
    """x to the power of `exponent`."""
    return _tensor(x).pow(exponent)


def maximum(a: TensorLike, b: Operand) -> Tensor:
    """The larger of the two by element; NaN if either is."""
    return _tensor(a).maximum(b)


def minimum(a: TensorLike, b: Operand) -> Tensor:
    """The smaller of the two by element; NaN if either is."""
    return _tensor(a).minimum(b)


def where(condition: TensorLike, a: Operand, b: Operand) -> Tensor:
    """`a` where `condition` (boolean) holds, else `b`; all three broadcast."""
    return _tensor(condition).where(a, b)


def matmul(a: TensorLike, b: TensorLike) -> Tensor:
    """Matrix product of [..., M, K] and [..., K, N]; leading dimensions broadcast."""
    return _tensor(a).matmul(b)


# Reductions


def sum(x: TensorLike, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Sum over `dim` (None: all)."""
    return _tensor(x).sum(dim, keepdim)


def prod(x: TensorLike, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Product over `dim` (None: all)."""
    return _tensor(x).prod(dim, keepdim)


def mean(x: TensorLike, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Mean over `dim` (None: all)."""
    return _tensor(x).mean(dim, keepdim)


def max(x: TensorLike, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Largest element over `dim` (None: all)."""
    return _tensor(x).max(dim, keepdim)


def min(x: TensorLike, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Smallest element over `dim` (None: all)."""
    return _tensor(x).min(dim, keepdim)


def argmax(x: TensorLike, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Index of the first largest element along `dim`, or in row-major order for None."""
    return _tensor(x).argmax(dim, keepdim)


def argmin(x: TensorLike, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Index of the first smallest element along `dim`, or in row-major order for None."""
    return _tensor(x).argmin(dim, keepdim)


def softmax(x: TensorLike, dim: int = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along `dim`."""
    return _tensor(x).softmax(dim)


def log_softmax(x: TensorLike, dim: int = -1) -> Tensor:
    """Logarithm of softmax along `dim`."""
    return _tensor(x).log_softmax(dim)


# Shape


def reshape(x: TensorLike, new_shape: int | Sequence[int]) -> Tensor:
    """The same elements as `new_shape`, one of which may be -1."""
    return _tensor(x).reshape(new_shape)


view = reshape


def flatten(x: TensorLike, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions `start_dim` to `end_dim`, inclusive, merged into one."""
    return _tensor(x).flatten(start_dim, end_dim)


def squeeze(x: TensorLike, dim: Dims = None) -> Tensor:
    """Without the dimensions of size 1: those in `dim`, or all."""
    return _tensor(x).squeeze(dim)


def unsqueeze(x: TensorLike, dim: int) -> Tensor:
    """With a new dimension of size 1 at `dim`."""
    return _tensor(x).unsqueeze(dim)


def transpose(x: TensorLike, dim0: int, dim1: int) -> Tensor:
    """Dimensions `dim0` and `dim1` swapped."""
    return _tensor(x).transpose(dim0, dim1)


def permute(x: TensorLike, dims: Sequence[int]) -> Tensor:
    """Dimension i of the result is dimension ``dims[i]``."""
    return _tensor(x).permute(dims)


def broadcast_to(x: TensorLike, shape: int | Sequence[int]) -> Tensor:
    """Repeated along new leading dimensions and dimensions of size 1."""
    return _tensor(x).broadcast_to(shape)


def pad(x: TensorLike, low: Sequence[int], high: Sequence[int], value: float = 0) -> Tensor:
    """With `low` elements of `value` before and `high` after, per dimension."""
    return _tensor(x).pad(low, high, value)


def cat(tensors: Sequence[TensorLike], dim: int = 0) -> Tensor:
    """`tensors` one after another along `dim`, in the element type in which they meet.

    Raises:
        ShapeError: no tensors, or shapes that differ in another dimension.
    """
    parts = _operands("cat", tensors)
    along = one_dim("cat", dim, parts[0].ndim)
    return Tensor(apply("concatenate", *(part._node for part in parts), dim=along))


def stack(tensors: Sequence[TensorLike], dim: int = 0) -> Tensor:
    """`tensors`, all of one shape, along a new dimension `dim`.

    Raises:
        ShapeError: no tensors, or shapes that differ.
    """
    parts = _operands("stack", tensors)
    for index, part in enumerate(parts):
        if part.shape != parts[0].shape:
            raise ShapeError(
                f"stack: tensor {index} has shape {part.shape}, tensor 0 has {parts[0].shape}; "
                "all must agree"
            )
    along = one_dim("stack", dim, parts[0].ndim + 1)
    return cat([part.unsqueeze(along) for part in parts], along)


def _operands(op: str, tensors: Sequence[TensorLike]) -> tuple[Tensor, ...]:
    if not isinstance(tensors, Sequence) or not len(tensors):
        raise ShapeError(f"{op}: expected a list of at least one tensor, got {tensors!r}")
    return meet(Tensor, *tensors)
