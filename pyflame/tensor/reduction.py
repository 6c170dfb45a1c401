"""Reductions, softmax and the matrix product as methods of tensors."""

from __future__ import annotations

from typing import Self

import numpy as np

from pyflame.dtypes import int64
from pyflame.errors import ShapeError
from pyflame.tensor.arguments import Dims, one_dim, reduced_dims
from pyflame.tensor.core import Operand, TensorCore, meet


class ReductionMethods(TensorCore):
    """Reductions take `dim` (one, several, or None for all) and `keepdim`."""

    __slots__ = ()

    def _reduce(self, op: str, dim: Dims, keepdim: bool) -> Self:
        return self._apply(op, dims=reduced_dims(op, dim, self.ndim), keepdims=bool(keepdim))

    def _countable(self) -> Self:
        """This tensor, booleans and integers as int64, so that sums do not overflow early."""
        return self if self.dtype.is_floating else self._as(int64)

    def sum(self, dim: Dims = None, keepdim: bool = False) -> Self:
        """Sum over `dim`; integers and booleans are summed as int64."""
        return self._countable()._reduce("sum", dim, keepdim)

    def prod(self, dim: Dims = None, keepdim: bool = False) -> Self:
        """Product over `dim`; integers and booleans are multiplied as int64."""
        return self._countable()._reduce("prod", dim, keepdim)

    def mean(self, dim: Dims = None, keepdim: bool = False) -> Self:
        """Mean over `dim`; floating point only."""
        return self._reduce("mean", dim, keepdim)

    def max(self, dim: Dims = None, keepdim: bool = False) -> Self:
        """Largest element over `dim`."""
        return self._reduce("max", dim, keepdim)

    def min(self, dim: Dims = None, keepdim: bool = False) -> Self:
        """Smallest element over `dim`."""
        return self._reduce("min", dim, keepdim)

    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Self:
        """Index of the first largest element along `dim`, or in row-major order for None."""
        return self._arg_reduce("argmax", dim, keepdim)

    def argmin(self, dim: int | None = None, keepdim: bool = False) -> Self:
        """Index of the first smallest element along `dim`, or in row-major order for None."""
        return self._arg_reduce("argmin", dim, keepdim)

    def _arg_reduce(self, op: str, dim: int | None, keepdim: bool) -> Self:
        if dim is None:
            flat = self._apply("reshape", shape=(self.numel,))
            index = flat._apply(op, dim=0)
            return index._apply("reshape", shape=(1,) * self.ndim) if keepdim else index
        return self._apply(op, dim=one_dim(op, dim, self.ndim), keepdims=bool(keepdim))

    def softmax(self, dim: int = -1) -> Self:
        """exp(x) / sum(exp(x)) along `dim`, without overflow."""
        return self._apply("softmax", dim=one_dim("softmax", dim, self.ndim))

    def log_softmax(self, dim: int = -1) -> Self:
        """Logarithm of softmax along `dim`, exact for small probabilities."""
        return self._apply("log_softmax", dim=one_dim("log_softmax", dim, self.ndim))

    def matmul(self, other: Operand) -> Self:
        """Matrix product as NumPy's ``@``: leading dimensions broadcast, vectors are taken as a
        row on the left and a column on the right.

        Raises:
            ShapeError: inner sizes differ, or an operand has no dimensions.
        """
        lhs, rhs = meet(type(self), self, other)
        for side, value in (("left", lhs), ("right", rhs)):
            if value.ndim == 0:
                raise ShapeError(
                    f"matmul: the {side} operand has no dimensions, expected at least 1; "
                    "multiply by a number with *"
                )
        row, column = lhs.ndim == 1, rhs.ndim == 1
        a = lhs._apply("reshape", shape=(1, lhs.numel)) if row else lhs
        b = rhs._apply("reshape", shape=(rhs.numel, 1)) if column else rhs
        product = a._apply("matmul", b)
        if not row and not column:
            return product
        kept = product.shape[:-2]
        kept += [] if row else [product.shape[-2]]
        kept += [] if column else [product.shape[-1]]
        return product._apply("reshape", shape=tuple(kept))

    def __matmul__(self, other: Operand) -> Self:
        if not isinstance(other, TensorCore | np.ndarray):
            return NotImplemented
        return self.matmul(other)

    def __rmatmul__(self, other: Operand) -> Self:
        if not isinstance(other, TensorCore | np.ndarray):
            return NotImplemented
        lhs, rhs = meet(type(self), other, self)
        return lhs.matmul(rhs)
